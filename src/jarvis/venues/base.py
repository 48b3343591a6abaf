"""What every venue can do for one account, and every way in which it can fail.

    VenueError
    ├── Unreachable        never left this machine, or a read failed: may be asked again
    ├── RateLimited        refused before it was looked at; `retry_after` says when to ask again
    ├── OutcomeUnknown     it may have happened: look it up by client order id, never send it again
    ├── NotPermitted       the key lacks a permission
    ├── KeyInvalid         the venue does not accept the key: revoked, expired, wrong secret, address not allowed
    │   └── KeyUnknown     there is no such key at this address: another region may have it
    ├── Rejected           the venue understood and said no: `reason` is a RefusalReason
    └── UnreadableAnswer   an answer to a read that we cannot interpret; names the keys, never the values

Ask two things of each: may this be tried again, and could it have happened anyway? Reads may be retried. A write
is never repeated blindly: a time-out, a 5xx, a cut connection or an unreadable answer to a write is OutcomeUnknown.
A refused order is a value (`Refused`), not an exception.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Protocol

from jarvis.domain.account import (
    AccountEvent,
    AccountSnapshot,
    FeeRates,
    KeyPermissions,
    LedgerRow,
    MarginState,
    VenueName,
)
from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.market import Bar, Quote
from jarvis.domain.money import Asset
from jarvis.domain.order import ClientOrderId, Fill, OrderReport, OrderRequest, VenueOrderId
from jarvis.domain.traits import VenueTraits


class RefusalReason(Enum):
    """Why a venue said no, in words that hold on every venue."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    MARGIN_LEVEL_TOO_LOW = "margin_level_too_low"
    LENDING_POOL_EMPTY = "lending_pool_empty"
    POSITION_LIMIT = "position_limit"
    NOT_ELIGIBLE = "not_eligible"
    AGREEMENT_REQUIRED = "agreement_required"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    BELOW_MINIMUM = "below_minimum"
    PRICE_STEP = "price_step"
    WOULD_TAKE = "would_take"
    ORDER_LIMIT = "order_limit"
    RATE_LIMIT = "rate_limit"
    UNKNOWN_ORDER = "unknown_order"
    DUPLICATE_ID = "duplicate_id"
    MARKET_CLOSED = "market_closed"
    TOO_LATE = "too_late"
    INVALID = "invalid"


class VenueError(Exception):
    """Anything that went wrong between us and a venue. The text never holds a secret or a payload's values."""


class Unreachable(VenueError):
    """Certainly without effect: the request never left, or it only read."""


class RateLimited(VenueError):
    """Refused before it was looked at."""

    def __init__(self, message: str, retry_after: timedelta) -> None:
        """Keep when to ask again."""
        super().__init__(message)
        self.retry_after = retry_after


class OutcomeUnknown(VenueError):
    """A write that may have happened."""


class NotPermitted(VenueError):
    """The key may not do this."""


class KeyInvalid(VenueError):
    """The venue does not accept the key."""


class KeyUnknown(KeyInvalid):
    """The venue has no such key at this address; it may be one of another region."""


class Rejected(VenueError):
    """Understood and refused."""

    def __init__(self, reason: RefusalReason, message: str) -> None:
        """Keep the venue's words and our name for them."""
        super().__init__(message)
        self.reason = reason


class UnreadableAnswer(VenueError):
    """An answer that has an unknown field, status, currency or shape."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue took the order; None when it was only validated."""

    venue_order_id: VenueOrderId | None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue proved that the order does not exist, and said why."""

    reason: RefusalReason
    message: str


PlaceResult = Accepted | Refused


@dataclass(frozen=True, slots=True)
class Amendment:
    """What to change of a resting order; None leaves as it is. `quantity` is the new total, fills included."""

    quantity: Decimal | None = None
    trigger_price: Decimal | None = None
    limit_price: Decimal | None = None


class VenueStatus(Enum):
    """What the venue as a whole accepts now."""

    ONLINE = "online"
    MAINTENANCE = "maintenance"
    CANCEL_ONLY = "cancel_only"
    POST_ONLY = "post_only"


@dataclass(frozen=True, slots=True)
class StreamGap:
    """The stream lost messages or was cut, and is whole again from here: reconcile before acting."""

    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BarUpdate:
    """The state of a candle that may still change; final once the clock has passed its end."""

    bar: Bar


MarketEvent = BarUpdate | Quote | StreamGap


class AccountStream(Protocol):
    """What happens to the account, in the order the venue tells it. Repeats are possible; losses become a StreamGap."""

    def __aiter__(self) -> AsyncIterator[AccountEvent | StreamGap]:
        """Events as they come; reconnects by itself and says so with a StreamGap."""
        ...

    async def flush(self) -> None:
        """Return once all that the venue had sent before this call can be read without waiting (a ping's round trip).

        Raises Unreachable when the stream is down.
        """
        ...

    def pending(self) -> Sequence[AccountEvent | StreamGap]:
        """Remove and return what was received and not yet read, without waiting."""
        ...

    @property
    def last_heard_at(self) -> float:
        """Event-loop time of the last frame of any kind, for staleness."""
        ...


class MarketStream(Protocol):
    """Public prices of the subscribed pairs."""

    def __aiter__(self) -> AsyncIterator[MarketEvent]:
        """Events as they come; reconnects by itself and says so with a StreamGap."""
        ...

    async def flush(self) -> None:
        """As for AccountStream."""
        ...

    def pending(self) -> Sequence[MarketEvent]:
        """As for AccountStream."""
        ...

    @property
    def last_heard_at(self) -> float:
        """As for AccountStream."""
        ...


class PublicVenue(Protocol):
    """What anyone may ask."""

    name: VenueName
    traits: VenueTraits

    async def server_time(self) -> datetime:
        """The venue's clock, for measuring our offset."""
        ...

    async def status(self) -> VenueStatus:
        """What the venue accepts now."""
        ...

    async def instruments(self) -> Mapping[Pair, Instrument]:
        """The rules of every catalogue pair that the venue lists now."""
        ...

    async def bars(
        self, pair: Pair, interval: timedelta, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Bar]:
        """Finished candles opened at or after `since` and before `until`, oldest first; the forming one is left out.

        Without `since` the latest ones. How far back a venue tells any differs; what it does not tell is left out.
        """
        ...

    def market_stream(self, pairs: Sequence[Pair], interval: timedelta) -> AbstractAsyncContextManager[MarketStream]:
        """Candles of one bar size and quotes of these pairs."""
        ...


class Venue(PublicVenue, Protocol):
    """One account at one venue. All verbs share one session, one budget and, where the venue has them, one nonce.

    `send_deadline` is how long after a write was sent it may still take effect: a lost order that is nowhere to be
    found once that time has passed (by the venue's clock) was never placed.
    """

    send_deadline: timedelta

    async def key_permissions(self) -> KeyPermissions:
        """What the key may do, from the venue itself."""
        ...

    async def fee_rates(self, pairs: Sequence[Pair]) -> Mapping[Pair, FeeRates]:
        """The account's own trading fees."""
        ...

    async def margin_state(self) -> MarginState:
        """Equity, used and free margin now: one cheap read."""
        ...

    async def snapshot(self) -> AccountSnapshot:
        """Balances, margin, positions and open orders; complete or an error, never empty because a read failed."""
        ...

    async def fills(self, since: datetime) -> Sequence[Fill]:
        """Every fill at or after `since`, oldest first, all pages."""
        ...

    async def ledger(self, since: datetime) -> Sequence[LedgerRow]:
        """Every ledger row at or after `since`, oldest first, all pages."""
        ...

    async def find_order(self, client_order_id: ClientOrderId) -> OrderReport | None:
        """What the venue knows of an order of ours, open or closed; None if it has no trace of it."""
        ...

    async def place(self, request: OrderRequest, *, validate_only: bool = False) -> PlaceResult:
        """Place an order, or have the venue check it without placing. Raises OutcomeUnknown when nothing is proved."""
        ...

    async def amend(
        self, client_order_id: ClientOrderId, venue_order_id: VenueOrderId, pair: Pair, change: Amendment
    ) -> PlaceResult:
        """Change a resting order in place. Raises OutcomeUnknown when nothing is proved."""
        ...

    async def cancel(self, client_order_id: ClientOrderId, venue_order_id: VenueOrderId | None, pair: Pair) -> bool:
        """Cancel a resting order: True if it was there, False if the venue says that it is not open any more."""
        ...

    async def repay(self, asset: Asset, pair: Pair | None = None) -> Decimal:
        """Repay of a debt in `asset` what is held of it and free; the amount repaid, zero when nothing is owed or held.

        `pair` names the margin account where pairs are apart. Repaying twice does no harm: raises Unreachable, not
        OutcomeUnknown, and RateLimited while the venue takes no repayments (`retry_after` says until when).
        """
        ...

    async def interest_rates(self, assets: Sequence[Asset]) -> Mapping[Asset, Decimal]:
        """What borrowing costs now, as a fraction per hour; assets that cannot be borrowed are left out."""
        ...

    def account_stream(self) -> AbstractAsyncContextManager[AccountStream]:
        """Orders, fills and ledger rows of the account as they happen."""
        ...

    async def close(self) -> None:
        """Release the session."""
        ...


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request that the signer built and signed: sent as it is, byte for byte.

    `path` includes the query. For a stream's login `method` is `WS` and `body` the frame to send.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class RequestSigner(Protocol):
    """Signs for one credential under one fence. The adapter never sees a secret, nor chooses what may be signed."""

    async def sign(self, operation: str, parameters: Mapping[str, str]) -> SignedRequest:
        """Build and sign one call of the venue's API.

        `operation` is the venue's own name (`AddOrder`). Raises PermissionError for what the allow-list does not
        name or a parameter that its schema refuses, ConnectionError when the signer cannot be reached: in both
        cases nothing was sent.
        """
        ...
