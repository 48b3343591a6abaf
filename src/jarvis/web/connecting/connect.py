"""How a pasted key becomes a connected account, as far as the pages know: asked, judged, and then stored or not.

The form hands key and secret to a `KeyConnector` and forgets them. Nothing here can open a sealed key; the real
connector (connector.py) reaches the signer and the venue.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from jarvis.domain.account import AccountId, Balance, Environment, MarginState, UserId, VenueName
from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.people import AuditEntry
from jarvis.domain.traits import VenueTraits
from jarvis.store.records import TradingAccount
from jarvis.trading.limits import Limits
from jarvis.trading.sizing import Costs


@dataclass(frozen=True, slots=True)
class PermissionLine:
    """One permission in the venue's own words; `advice` says which box to tick or untick, empty when it is right.

    `group` is the heading that the box stands under at the venue.
    """

    label: str
    needed: bool
    granted: bool
    advice: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class MarginOffer:
    """What the venue would lend on this account: a sentence, and the highest leverage per pair."""

    message: str
    leverages: tuple[tuple[Pair, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Funds:
    """What was at the venue when the key was checked; `failure` says why nothing of it could be read.

    `balances` are what is held or owed, nothing of it zero.
    """

    balances: tuple[Balance, ...] = ()
    margin: MarginState | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Restrictions:
    """How far the key reaches: whether it works from listed addresses only, and until when.

    `checked_at` is the venue's own clock, from which the time left is reckoned.
    """

    is_bound: bool
    checked_at: datetime
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConnectOutcome:
    """What became of a pasted key.

    `verdict` is refused, incomplete, accepted_with_risk or accepted; unreachable when the venue could not be asked,
    key_invalid when it did not accept the key, known when it is connected already. Only with an `account_id` was
    anything stored. A `pending_id` names a key that is kept for a while, sealed and in memory: one that is incomplete,
    to be checked again once that is mended, or one that is good and waits for its remaining risks to be confirmed.
    """

    venue: VenueName
    verdict: str
    message: str
    environment: Environment
    rows: tuple[PermissionLine, ...] = ()
    risks: tuple[str, ...] = ()
    eligibility: MarginOffer | None = None
    account_id: AccountId | None = None
    pending_id: str = ""
    funds: Funds | None = None
    restrictions: Restrictions | None = None

    @property
    def waits(self) -> bool:
        """Whether the person has to confirm what remains before the key is stored."""
        return self.verdict == "accepted_with_risk" and bool(self.pending_id)


@dataclass(frozen=True, slots=True)
class TradingRules:
    """The venue's rules by pair, as the account's own trader reads them, and what trading costs there."""

    instruments: Mapping[Pair, Instrument]
    traits: VenueTraits
    costs: Costs
    taker_rates: Mapping[Pair, Decimal]


class KeyConnector(Protocol):
    """Judges, seals and stores venue keys."""

    async def connect(
        self,
        *,
        user_id: UserId,
        venue: VenueName,
        environment: Environment,
        api_key: str,
        secret: str,
        passphrase: str = "",
        execution_venue: str = "",
        noted: AuditEntry | None = None,
        replacing: TradingAccount | None = None,
    ) -> ConnectOutcome:
        """Ask the venue what the key may do; seal and store it only when it is accepted. Raises nothing of a venue.

        `replacing` is the account that gets this key in the place of its own: it is disarmed, its history goes on.
        `execution_venue` is the one that the person chose; empty where the check finds it out. `noted` is what the
        audit says if the key is stored; the account is put in here.
        """
        ...

    async def check_again(
        self, *, user_id: UserId, pending_id: str, noted: AuditEntry | None = None
    ) -> ConnectOutcome | None:
        """Judge a kept key anew, as `connect` does, without it being pasted; None when it is not kept any more.

        A key that turns out to be refused is kept no longer; one that the venue did not answer for now stays.
        """
        ...

    async def confirm(self, *, user_id: UserId, pending_id: str, noted: AuditEntry | None = None) -> AccountId | None:
        """Store the key that waited for this confirmation; None when it does not wait any more."""
        ...

    async def draw_policy(self, account: TradingAccount, limits: Limits) -> str:
        """Have the signer allow what these limits may ask for at most; why that could not be done, empty if it was."""
        ...

    async def rules(self, account: TradingAccount) -> TradingRules | str:
        """What the venue allows and takes for this account, asked at most every ten minutes; or why it was not told."""
        ...
