"""The database as one object: `Store`. Each of its methods is one transaction.

Where its methods are: lifecycle in database.py, people and sessions in people.py, their factors in factors.py, links
and viewings in links.py, API tokens in tokens.py, venue accounts in accounts.py, the way to one in connecting.py,
leases in leases.py, what a trader writes in recording.py and reads in expectations.py, commands and the outbox in
queues.py, candles and quotes in market.py, what pages and commands ask in queries.py, desk.py, folding.py, listing.py,
rehearsals.py and stating.py, the audit in audit.py, what people are told in notices.py, where to in targets.py and on
which way in deliveries.py, alerts of charts in hooks.py, what an accountant asks in taxes.py, what is kept of a person
in personal.py, what people were answered about their strategies in verdicts.py, how the installation is in vitals.py.
"""

from jarvis.store.accounts import AccountStore
from jarvis.store.audit import AuditStore
from jarvis.store.connecting import ConnectingStore
from jarvis.store.database import migrate
from jarvis.store.deliveries import DeliveryStore
from jarvis.store.desk import DeskStore
from jarvis.store.dump import DumpStore
from jarvis.store.expectations import ExpectationStore
from jarvis.store.factors import FactorStore
from jarvis.store.hooks import HookStore
from jarvis.store.installation import InstallationStore
from jarvis.store.leases import hold_instance
from jarvis.store.links import LinkStore
from jarvis.store.market import MarketStore
from jarvis.store.notices import NoticeStore
from jarvis.store.people import PeopleStore
from jarvis.store.personal import PersonalStore
from jarvis.store.queries import QueryStore
from jarvis.store.recording import RecordingStore
from jarvis.store.rehearsals import RehearsalStore
from jarvis.store.sealed import SealedStore
from jarvis.store.stating import StatingStore
from jarvis.store.targets import TargetStore
from jarvis.store.taxes import TaxStore
from jarvis.store.tokens import TokenStore
from jarvis.store.verdicts import VerdictStore
from jarvis.store.vitals import VitalsStore

__all__ = ["Store", "hold_instance", "migrate"]


class Store(
    PeopleStore,
    FactorStore,
    LinkStore,
    TokenStore,
    PersonalStore,
    AuditStore,
    NoticeStore,
    TargetStore,
    DeliveryStore,
    HookStore,
    AccountStore,
    ConnectingStore,
    RecordingStore,
    ExpectationStore,
    MarketStore,
    StatingStore,
    TaxStore,
    QueryStore,
    RehearsalStore,
    DeskStore,
    InstallationStore,
    VerdictStore,
    VitalsStore,
    SealedStore,
    DumpStore,
):
    """People, accounts, orders, fills, journal and queues. Open it with `await Store.open(url)`, close it at the end.

    Methods that a person causes take the owner's id first and neither tell nor change anything of a stranger's.
    Raises `StoreError`s (errors.py), each one line for a person; an error of any other kind is a fault of ours.
    """
