"""The database as one object: `Store`. Every method is one transaction."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from jarvis.accounts.people import Person
from jarvis.accounts.sessions import Session
from jarvis.domain.account import AccountId, Credential, LedgerRow, MarginState, UserId, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar, Quote
from jarvis.domain.money import Asset
from jarvis.domain.order import ClientOrderId, Fill, FillId, Order, PositionId
from jarvis.ledger.journal import Account, Entry
from jarvis.ledger.performance import EquityPoint
from jarvis.store.records import (
    AccountState,
    Activity,
    Assignment,
    Command,
    CommandKind,
    Expected,
    JournalLine,
    OutboxEvent,
    Overview,
    PositionRecord,
    RecordedFill,
    Residual,
    TradingAccount,
)
from jarvis.trading.limits import Limits
from jarvis.trading.state import Marks
from jarvis.trading.stories import PositionStory


class Store:
    """People, accounts, orders, fills, journal and queues. Open it with `Store.open`."""

    # --- lifecycle
    @classmethod
    async def open(
        cls, url: str, *, migrate: bool = False, async_creator: Callable[[], Awaitable[Any]] | None = None
    ) -> Self:
        """An open store. Raises SchemaOutdated, SchemaNewer, StoreUnavailable with one line for a person."""
        raise NotImplementedError

    async def close(self) -> None:
        """Release every connection."""
        raise NotImplementedError

    async def migrate(self) -> None:
        """Bring the tables to this program's schema; also as function `jarvis.store.db.migrate(url)`."""
        raise NotImplementedError

    async def schema_is_current(self) -> bool:
        """Whether the tables are exactly those of this program."""
        raise NotImplementedError

    # --- people (implements accounts.PeopleStorage and accounts.SessionStorage)
    async def person(self, user_id: UserId) -> Person | None: ...
    async def person_by_email(self, email: str) -> Person | None: ...
    async def people(self) -> list[Person]: ...
    async def add_person(self, person: Person) -> bool: ...
    async def set_password_hash(self, user_id: UserId, password_hash: str) -> None: ...
    async def add_session(self, session: Session) -> None: ...
    async def session(self, token_hash: bytes) -> Session | None: ...
    async def sessions_of(self, user_id: UserId) -> list[Session]: ...
    async def note_session_use(self, token_hash: bytes, used_at: datetime) -> None: ...
    async def end_session(self, token_hash: bytes) -> None: ...
    async def end_sessions(self, user_id: UserId, except_hash: bytes | None) -> None: ...

    # --- venue accounts. A web read takes the owner first and finds nothing of strangers.
    async def connect_account(
        self,
        owner_id: UserId,
        credential: Credential,
        *,
        fingerprint: str,
        label: str,
        public_id: str,
        permissions_json: str,
        verdict: str,
        execution_venue: str,
        at: datetime,
    ) -> None:
        """Keep a new account with its sealed key, disarmed. Raises KeyAlreadyConnected."""

    async def replace_key(
        self, owner_id: UserId, credential: Credential, *, fingerprint: str, public_id: str, at: datetime
    ) -> bool: ...
    async def account(self, owner_id: UserId, account_id: AccountId) -> TradingAccount | None: ...
    async def accounts_of(self, owner_id: UserId) -> list[TradingAccount]: ...
    async def trading_accounts(self) -> list[TradingAccount]:
        """Every connected account of everybody, for workers and the operator's command line."""

    async def set_account_state(
        self, account_id: AccountId, state: AccountState, reason: str, at: datetime
    ) -> None: ...
    async def update_permissions(
        self, account_id: AccountId, permissions_json: str, verdict: str, at: datetime
    ) -> None: ...
    async def save_limits(self, owner_id: UserId, account_id: AccountId, limits: Limits) -> bool:
        """False for a stranger's account."""

    async def save_assignments(
        self, owner_id: UserId, account_id: AccountId, assignments: Sequence[Assignment]
    ) -> bool: ...
    async def disconnect_account(self, owner_id: UserId, account_id: AccountId, at: datetime) -> bool:
        """Delete the sealed key; the history stays."""

    # --- leases. `now` is for SQLite (None: its own clock); PostgreSQL always uses the server's clock.
    async def acquire_lease(
        self, account_id: AccountId, owner: str, ttl: timedelta, now: datetime | None = None
    ) -> int | None:
        """The new fence, or None while another owner's lease runs. The same owner takes over from itself at once."""

    async def renew_lease(
        self, account_id: AccountId, owner: str, fence: int, ttl: timedelta, now: datetime | None = None
    ) -> bool: ...
    async def release_lease(self, account_id: AccountId, owner: str, fence: int) -> None: ...

    # --- what live writes; each with its outbox event. A given `fence` is checked in the same transaction (StaleFence).
    async def record_intent(self, account_id: AccountId, order: Order, fence: int) -> None: ...
    async def record_order(self, account_id: AccountId, order: Order, *, fence: int | None = None) -> None: ...
    async def record_fill(
        self,
        account_id: AccountId,
        fill: Fill,
        entry: Entry | None,
        order: Order | None,
        story: PositionStory | None,
        *,
        fence: int | None = None,
    ) -> bool:
        """False, and nothing written, when the fill is known."""

    async def record_ledger_row(
        self, account_id: AccountId, row: LedgerRow, entry: Entry, *, fence: int | None = None
    ) -> bool: ...
    async def record_story(self, account_id: AccountId, story: PositionStory, *, fence: int | None = None) -> None: ...
    async def record_marks(self, account_id: AccountId, marks: Marks, *, fence: int | None = None) -> None: ...
    async def record_activity(
        self, account_id: AccountId, kind: str, severity: str, message: str, *, at: datetime, pair: Pair | None
    ) -> None: ...
    async def record_equity(self, account_id: AccountId, margin: MarginState) -> None: ...
    async def record_status(self, account_id: AccountId, status_json: str, at: datetime) -> None: ...
    async def reserve_order_numbers(self, account_id: AccountId, count: int) -> int:
        """The first of `count` numbers that nobody else gets. record_intent keeps the counter above its own, too."""

    # --- what live reads
    async def expected(self, account_id: AccountId, *, recent: timedelta = timedelta(hours=24)) -> Expected: ...
    async def fill(self, account_id: AccountId, fill_id: FillId) -> RecordedFill | None: ...
    async def cleared(self, account_id: AccountId, ref_id: str) -> dict[Asset, Decimal]: ...

    # --- queues
    async def enqueue_command(
        self, owner_id: UserId, account_id: AccountId, kind: CommandKind, *, at: datetime, pair: Pair | None = None
    ) -> int | None:
        """The command's id; None for a stranger's account."""

    async def take_commands(self, account_id: AccountId) -> list[Command]:
        """All that are not finished, oldest first: again after a crash, so taking one twice must do no harm."""

    async def finish_command(self, command_id: int, result: str) -> None: ...
    async def command_result(self, owner_id: UserId, command_id: int) -> str | None:
        """What became of it; empty while it waits, None for a stranger's."""

    async def last_event_id(self) -> int: ...
    async def tail_outbox(self, owner_id: UserId, after_id: int, *, limit: int = 500) -> list[OutboxEvent]:
        """Events of all of the owner's accounts after this one, in order."""

    async def prune_outbox(self, keep: int = 100_000) -> int: ...

    # --- market
    async def record_bars(self, venue: VenueName, bars: Iterable[Bar]) -> None: ...
    async def bars(
        self,
        venue: VenueName,
        pair: Pair,
        interval: timedelta,
        since: datetime | None = None,
        *,
        before: datetime | None = None,
        limit: int | None = None,
    ) -> list[Bar]:
        """Oldest first; with `limit` the latest ones."""

    async def record_quotes(self, venue: VenueName, quotes: Iterable[Quote]) -> None: ...
    async def quotes(self, venue: VenueName) -> dict[Pair, Quote]: ...

    # --- questions of web and command line; all take the owner first
    async def overview(self, owner_id: UserId, account_id: AccountId) -> Overview | None: ...
    async def equity(
        self, owner_id: UserId, account_id: AccountId, *, since: datetime | None = None
    ) -> list[EquityPoint]: ...
    async def open_positions(self, owner_id: UserId, account_id: AccountId) -> list[PositionRecord]: ...
    async def closed_positions(
        self, owner_id: UserId, account_id: AccountId, *, limit: int = 50, before: datetime | None = None
    ) -> list[PositionRecord]:
        """Latest first."""

    async def position(
        self, owner_id: UserId, account_id: AccountId, position_id: PositionId
    ) -> PositionRecord | None: ...
    async def open_orders(self, owner_id: UserId, account_id: AccountId) -> list[Order]: ...
    async def recent_orders(self, owner_id: UserId, account_id: AccountId, *, limit: int = 50) -> list[Order]: ...
    async def order(self, owner_id: UserId, account_id: AccountId, client_order_id: ClientOrderId) -> Order | None: ...
    async def fills(
        self,
        owner_id: UserId,
        account_id: AccountId,
        *,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> list[Fill]: ...
    async def journal(
        self, owner_id: UserId, account_id: AccountId, *, limit: int = 100, before: int | None = None
    ) -> list[JournalLine]:
        """Latest first, with running cash; `before` is an entry id, for the next page."""

    async def totals(self, owner_id: UserId, account_id: AccountId) -> Mapping[tuple[Account, Asset], Decimal]: ...
    async def residuals(self, owner_id: UserId, account_id: AccountId) -> list[Residual]: ...
    async def ledger_rows(
        self, owner_id: UserId, account_id: AccountId, *, since: datetime | None = None
    ) -> list[LedgerRow]: ...
    async def activities(
        self, owner_id: UserId, account_id: AccountId | None = None, *, limit: int = 50, before: int | None = None
    ) -> list[Activity]: ...
