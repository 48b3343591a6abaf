"""What the store gives out that no lower layer names: accounts, commands, events, and the answers to questions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from jarvis.domain.account import AccountId, Credential, Environment, LedgerRowId, MarginState, UserId, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ONE, ZERO, Asset
from jarvis.domain.order import Fill, FillId, Order, OrderType, PositionId
from jarvis.ledger.attribution import DecidedFill, Waterfall, waterfall
from jarvis.ledger.journal import Account, Entry, EntryKind
from jarvis.store.wishes import Wish, wish_of
from jarvis.trading.events import CloseByHand, Flatten, ForeignExplained, Pause, Resume
from jarvis.trading.limits import Limits
from jarvis.trading.state import Marks
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import ParameterValue

BY_HAND_WITHIN = timedelta(seconds=60)
"""How long what was wanted by hand may wait for the account's trader."""


class AccountState(Enum):
    """What an account is allowed to do. Everything but DISCONNECTED is protected; only ARMED may open positions."""

    DISARMED = "disarmed"
    ARMED = "armed"
    PAUSED = "paused"
    BLIND = "blind"
    FROZEN = "frozen"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A strategy with these parameter values, followed on one pair and bar size."""

    strategy: str
    pair: Pair
    interval: timedelta
    values: Mapping[str, ParameterValue]


@dataclass(frozen=True, slots=True)
class TradingAccount:
    """One person's account at one venue. `credential` is None once it is disconnected: the sealed key is gone.

    `public_id` is the masked public half of the key. `permissions_json` and `verdict` are what the venue last said
    that the key may do, at `permissions_at`. `limits` allow no pair until they were saved.
    """

    account_id: AccountId
    owner_id: UserId
    venue: VenueName
    environment: Environment
    label: str
    public_id: str
    permissions_json: str
    verdict: str
    permissions_at: datetime
    execution_venue: str
    state: AccountState
    state_reason: str
    limits: Limits
    assignments: tuple[Assignment, ...]
    connected_at: datetime
    disconnected_at: datetime | None = None
    credential: Credential | None = field(default=None, repr=False)

    @property
    def is_armed(self) -> bool:
        """Whether it may open positions."""
        return self.state is AccountState.ARMED

    @property
    def is_connected(self) -> bool:
        """Whether there is a key."""
        return self.credential is not None

    @property
    def feed(self) -> VenueName:
        """Under which name its market's candles and quotes are kept."""
        return feed_name(self.venue, self.environment)


def feed_name(venue: VenueName, environment: Environment) -> VenueName:
    """The name of one market's data: the sandbox's prices never mix with the venue's."""
    return venue if environment is Environment.LIVE else VenueName(f"{venue}-{environment.value}")


class CommandKind(Enum):
    """What a person may ask of a running account."""

    PAUSE = "pause"
    RESUME = "resume"
    FLATTEN = "flatten"
    EXPLAIN = "explain"
    OPEN = "open"
    ADJUST = "adjust"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Command:
    """A person's wish, on its way to the account's trader. `pair` narrows a flatten; None means everything.

    `details_json` is what is wanted by hand, `key` the name under which the same wish is taken only once.
    """

    command_id: int
    account_id: AccountId
    kind: CommandKind
    pair: Pair | None
    by_user: UserId
    asked_at: datetime
    details_json: str | None = None
    key: str | None = None

    @property
    def is_by_hand(self) -> bool:
        """Whether carrying it out twice is more than carrying it out once: it is handed over at most once."""
        return self.details_json is not None

    def is_too_old(self, now: datetime) -> bool:
        """Whether it is not to be carried out any more: prices have moved on since. Leaving whole never gets old."""
        wish = self.as_event(now)
        leaves = isinstance(wish, CloseByHand) and wish.share == ONE
        return self.is_by_hand and not leaves and now - self.asked_at > BY_HAND_WITHIN

    def as_event(self, now: datetime) -> Pause | Resume | Flatten | ForeignExplained | Wish:
        """The engine's word for it."""
        if self.details_json is not None and self.pair is not None:
            return wish_of(self.kind.value, self.pair, self.details_json, now)
        match self.kind:
            case CommandKind.PAUSE:
                return Pause(now)
            case CommandKind.RESUME:
                return Resume(now)
            case CommandKind.FLATTEN:
                return Flatten(now, self.pair)
            case CommandKind.EXPLAIN:
                return ForeignExplained(now)
            case _:
                raise ValueError(f"command {self.command_id} does not say what it wants")


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """Something was written. Ids rise in the order in which writes became visible.

    `kind` is account, order, fill, ledger, balances, position, marks, equity, status, activity or command; `payload`
    names what: ids and states as text.
    """

    event_id: int
    account_id: AccountId
    kind: str
    payload: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Activity:
    """One line of what the account's owner should know. `severity` is info, warning or critical."""

    activity_id: int
    account_id: AccountId
    at: datetime
    kind: str
    severity: str
    message: str
    pair: Pair | None


@dataclass(frozen=True, slots=True)
class RecordedFill:
    """A fill in the journal: what it realised before fees (quote), and the position that it belongs to."""

    fill: Fill
    pnl: Decimal
    position_id: PositionId | None


@dataclass(frozen=True, slots=True)
class Expected:
    """What we believe about an account, to be held against the venue's own records.

    `orders` are all unfinished ones, all of open positions, and recent ones. `fills` and `row_ids` reach back far
    enough to know every repeat that reading the venue again can bring; fills stand oldest first. `cleared` is the
    sum of changes of the margin rows booked so far, by reference (a fill's id) and asset. `closed` are the stories
    that ended lately: a late charge may be theirs. `cash` is the journal's; `opening` what the account held or owed
    before, net, None while that is not booked in it.
    """

    orders: tuple[Order, ...]
    stories: tuple[PositionStory, ...]
    marks: Marks
    next_order_number: int
    fills: Mapping[FillId, RecordedFill]
    row_ids: frozenset[LedgerRowId]
    cleared: Mapping[tuple[str, Asset], Decimal]
    last_fill_at: datetime | None
    last_row_at: datetime | None
    closed: tuple[PositionStory, ...] = ()
    cash: Mapping[Asset, Decimal] = field(default_factory=dict)
    opening: Mapping[Asset, Decimal] | None = None


@dataclass(frozen=True, slots=True)
class ComparedBalance:
    """One asset at the venue as last held against the journal: net `total`, and the journal's `cash` at that time."""

    asset: Asset
    total: Decimal
    available: Decimal
    borrowed: Decimal
    interest: Decimal
    cash: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class PositionFacts:
    """What the venue says of an open position, beside its fills.

    `borrowed` and `interest` (owed, not paid yet) are in `borrowed_asset`. `liquidation_price` is the venue's own, or,
    if `is_modelled`, reckoned from the account's margin as if nothing else moved. None where nothing can be said.
    """

    position_id: PositionId
    at: datetime
    used_margin: Decimal | None = None
    borrowed_asset: Asset | None = None
    borrowed: Decimal = ZERO
    interest: Decimal = ZERO
    liquidation_price: Decimal | None = None
    is_modelled: bool = False


@dataclass(frozen=True, slots=True)
class Overview:
    """An account now: as recorded, and as last read from the venue (None where nothing was read yet).

    `status_json` is what the trader last said of itself: freshness of its streams, blocks, lost orders.
    """

    account: TradingAccount
    marks: Marks
    margin: MarginState | None
    status_json: str | None
    status_at: datetime | None


@dataclass(frozen=True, slots=True)
class PositionRecord:
    """A position's whole story: orders (the signal's decision in each), fills and journal entries, oldest first.

    `facts` are what the venue last said of it while it was open.
    """

    story: PositionStory
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    entries: tuple[Entry, ...]
    facts: PositionFacts | None = None

    @property
    def protection(self) -> tuple[Order, ...]:
        """The stops that rest at the venue for it, or may."""
        return tuple(
            order
            for order in self.orders
            if order.request.order_type is OrderType.STOP and order.status.may_rest_at_venue
        )

    def interest(self) -> dict[Asset, Decimal]:
        """Interest so far by asset (positive is paid or owed): booked as an expense, or grown onto a short's debt."""
        sums: dict[Asset, Decimal] = {}
        for entry in self.entries:
            for posting in entry.postings:
                if entry.kind is EntryKind.INTEREST and posting.account is Account.CASH:
                    sums[posting.asset] = sums.get(posting.asset, ZERO) - posting.amount
        return sums

    def waterfall(self) -> Waterfall:
        """Where its result came from; sums exactly to the journal."""
        return self.waterfall_in(self.story.pair.quote)

    def waterfall_in(self, asset: Asset) -> Waterfall:
        """The same in one asset: fees and interest may be taken in others than the quote; slippage is in quote."""
        decided = {order.client_order_id: order.request.decision_price for order in self.orders}
        fills = [
            DecidedFill(fill, decided.get(fill.client_order_id) if fill.client_order_id else None)
            for fill in (self.fills if asset == self.story.pair.quote else ())
        ]
        return waterfall(self.story.position_id, asset, self.entries, fills)


@dataclass(frozen=True, slots=True)
class JournalLine:
    """An entry with its number, and the cash of each asset that it moved, after it."""

    entry_id: int
    entry: Entry
    balances: Mapping[Asset, Decimal]


@dataclass(frozen=True, slots=True)
class Residual:
    """One asset's journal against the venue's own ledger.

    `cash` is what the journal says that cash changed; `at_venue` what the venue's balance did from before its first
    recorded row to its last. `clearing` is what fills promised and the venue's ledger has not shown. Where fills settle
    in the wallet, both are as of the last time when the venue's balance was held against the journal.
    """

    asset: Asset
    cash: Decimal
    at_venue: Decimal
    clearing: Decimal

    @property
    def difference(self) -> Decimal:
        """Zero, or a row is missing or was booked wrongly."""
        return self.cash - self.at_venue
