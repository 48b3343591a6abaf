"""What goes into the simulated exchange and what comes out of it: requests, orders, lots, events, refusals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum

from jarvis.domain.account import LedgerRow, LedgerRowId
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Bar, PublicTrade
from jarvis.domain.money import ZERO, Asset, round_nearest
from jarvis.domain.order import (
    LIMIT_TYPES,
    TRIGGERED_TYPES,
    ClientOrderId,
    Fill,
    FillId,
    OrderRequest,
    OrderStatus,
    OrderType,
    TimeInForce,
    VenueOrderId,
)


class Refusal(StrEnum):
    """Why the exchange said no. The values are those of the venues' common refusal reasons."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    MARGIN_LEVEL_TOO_LOW = "margin_level_too_low"
    POSITION_LIMIT = "position_limit"
    NOT_ELIGIBLE = "not_eligible"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    BELOW_MINIMUM = "below_minimum"
    PRICE_STEP = "price_step"
    WOULD_TAKE = "would_take"
    ORDER_LIMIT = "order_limit"
    UNKNOWN_ORDER = "unknown_order"
    DUPLICATE_ID = "duplicate_id"
    MARKET_CLOSED = "market_closed"
    INVALID = "invalid"


class SelfTrade(Enum):
    """What happens when an order would trade with one of the same account."""

    CANCEL_NEWEST = "cancel-newest"
    CANCEL_OLDEST = "cancel-oldest"
    CANCEL_BOTH = "cancel-both"


class Borrow(Enum):
    """What an order out of a wallet borrows: nothing, what its owner lacks, or all that it spends."""

    NONE = "none"
    MISSING = "missing"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class ClosePrice:
    """A price of a conditional close: absolute (`sign` 0), or so far above (+1) or below (-1) the fill's price."""

    amount: Decimal
    sign: int = 0
    is_percent: bool = False

    def resolve(self, reference: Decimal, tick: Decimal) -> Decimal:
        """The absolute price on the tick grid."""
        if self.sign == 0:
            return self.amount
        distance = reference * self.amount / 100 if self.is_percent else self.amount
        return max(tick, round_nearest(reference + self.sign * distance, tick))


@dataclass(frozen=True, slots=True)
class ConditionalClose:
    """The opposite order that each fill of its parent spawns, of that fill's quantity; `refid` is the parent."""

    order_type: OrderType
    limit_price: ClosePrice | None = None
    trigger_price: ClosePrice | None = None
    trailing_offset: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse a close whose prices do not fit its type."""
        if self.order_type is OrderType.MARKET:
            raise ValueError("a conditional close cannot be a market order")
        if (self.order_type in LIMIT_TYPES) != (self.limit_price is not None):
            raise ValueError(f"a {self.order_type.value} close and its limit price do not go together")
        if self.order_type is OrderType.TRAILING_STOP:
            if self.trailing_offset is None or self.trailing_offset <= 0:
                raise ValueError("a trailing close needs a positive offset")
        elif (self.order_type in TRIGGERED_TYPES) != (self.trigger_price is not None):
            raise ValueError(f"a {self.order_type.value} close and its trigger price do not go together")


@dataclass(frozen=True, slots=True)
class SimOrderRequest:
    """An order as a client of the venue may word it.

    `leverage` None is plain spot. `quantity` is in base; zero closes the whole opposite margin position; with
    `quantity_in_quote` (spot market buys only) it is in quote. `limit_offset` makes a trailing stop a trailing
    stop-limit: the limit is the trigger price plus it (signed, quote). `settle` closes margin lots from balances.

    Where margin works out of a wallet, `pot` names the account of an isolated pair (empty: the cross account), `borrow`
    what may be borrowed, `repay` that each fill repays what is owed of the asset it brought, `locks` that a waiting
    order keeps its funds; `leverage` is information only.
    """

    pair: Pair
    side: Side
    order_type: OrderType
    quantity: Decimal
    leverage: int | None = None
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    trailing_offset: Decimal | None = None
    limit_offset: Decimal | None = None
    reduce_only: bool = False
    post_only: bool = False
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: datetime | None = None
    client_order_id: ClientOrderId | None = None
    userref: int | None = None
    close: ConditionalClose | None = None
    quantity_in_quote: bool = False
    settle: bool = False
    self_trade: SelfTrade = SelfTrade.CANCEL_NEWEST
    pot: str = ""
    borrow: Borrow = Borrow.MISSING
    repay: bool = False
    locks: bool = True

    @classmethod
    def from_order(cls, order: OrderRequest) -> "SimOrderRequest":
        """The same order in the exchange's words; leverage is kept, so it is always a margin order."""
        return cls(
            pair=order.pair,
            side=order.side,
            order_type=order.order_type,
            quantity=order.quantity,
            leverage=order.leverage,
            limit_price=order.limit_price,
            trigger_price=order.trigger_price,
            trailing_offset=order.trailing_offset,
            reduce_only=order.reduce_only,
            post_only=order.post_only,
            time_in_force=order.time_in_force,
            expires_at=order.expires_at,
            client_order_id=order.client_order_id,
        )


@dataclass(frozen=True, slots=True)
class SimOrder:
    """One order as it stands. `quantity` is the resolved total in base; `filled_cost` and `fee` are in quote.

    `limit_price` and `trigger_price` are the current ones (amended, or trailed). `fee` is the trading fee alone.
    `peak_price` is a trailing stop's water mark. `parent_id` names the order whose conditional close this is. A queued
    order came while the pair did not trade: it is matched at the open of the next bar.
    """

    order_id: VenueOrderId
    account: str
    request: SimOrderRequest
    number: int
    placed_at: datetime
    quantity: Decimal
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    peak_price: Decimal | None = None
    triggered_at: datetime | None = None
    status: OrderStatus = OrderStatus.OPEN
    filled_quantity: Decimal = ZERO
    filled_cost: Decimal = ZERO
    fee: Decimal = ZERO
    fill_ids: tuple[FillId, ...] = ()
    parent_id: VenueOrderId | None = None
    closed_at: datetime | None = None
    reason: str = ""
    is_liquidation: bool = False
    is_queued: bool = False

    @property
    def pair(self) -> Pair:
        """The request's pair."""
        return self.request.pair

    @property
    def side(self) -> Side:
        """The request's side."""
        return self.request.side

    @property
    def order_type(self) -> OrderType:
        """The request's type; it stays what it was when the trigger is reached (see `is_waiting`)."""
        return self.request.order_type

    @property
    def client_order_id(self) -> ClientOrderId | None:
        """The client's own id."""
        return self.request.client_order_id

    @property
    def leverage(self) -> int | None:
        """The request's leverage; None is spot."""
        return self.request.leverage

    @property
    def is_margin(self) -> bool:
        """Whether it trades on margin."""
        return self.request.leverage is not None

    @property
    def reduce_only(self) -> bool:
        """Whether it may only close: as requested, or because its quantity was given as zero (close all)."""
        return self.request.reduce_only or (self.is_margin and self.request.quantity == 0)

    @property
    def is_open(self) -> bool:
        """Whether it still works."""
        return not self.status.is_final

    @property
    def is_waiting(self) -> bool:
        """Whether its trigger has not been reached yet."""
        return self.triggered_at is None and self.request.order_type in TRIGGERED_TYPES

    @property
    def remaining_quantity(self) -> Decimal:
        """What could still trade (base)."""
        return self.quantity - self.filled_quantity

    @property
    def average_price(self) -> Decimal | None:
        """Average price of what was filled; None when nothing was."""
        return self.filled_cost / self.filled_quantity if self.filled_quantity else None


@dataclass(frozen=True, slots=True)
class SimLot:
    """One margin lot: what one fill opened, and what is left of it. Amounts in quote, quantities in base.

    `lot_id` is the opening fill's id. `quantity`, `cost` and `margin` are those of the opening; `closed_quantity` and
    `closed_cost` the part closed since, at the opening's price; `closing_cost` what that part was closed for.
    `fee` is all that was charged so far: trading and opening fee of the opening, and rollovers.
    """

    lot_id: FillId
    order_id: VenueOrderId
    number: int
    pair: Pair
    side: Side
    quantity: Decimal
    cost: Decimal
    leverage: int
    margin: Decimal
    rollover_rate: Decimal
    opened_at: datetime
    next_rollover_at: datetime
    fee: Decimal
    closed_quantity: Decimal = ZERO
    closed_cost: Decimal = ZERO
    closing_cost: Decimal = ZERO
    closing_fee: Decimal = ZERO
    realised: Decimal = ZERO
    closing_fill_ids: tuple[FillId, ...] = ()
    closed_at: datetime | None = None

    @property
    def remaining_quantity(self) -> Decimal:
        """What is open (base, positive)."""
        return self.quantity - self.closed_quantity

    @property
    def remaining_cost(self) -> Decimal:
        """What the open part cost (quote)."""
        return self.cost - self.closed_cost

    @property
    def remaining_margin(self) -> Decimal:
        """The margin that the open part uses: its cost over the leverage that it was opened with."""
        return self.remaining_cost / self.leverage

    @property
    def is_open(self) -> bool:
        """Whether anything is left."""
        return self.closed_quantity < self.quantity


@dataclass(frozen=True, slots=True)
class SimMargin:
    """The account's margin in Kraken's letters, in quote and unrounded.

    `eb` all balances at market value, `tb` their collateral value, `m` used margin, `n` unrealised PnL, `c` cost and
    `v` value of open positions, `e` equity (tb + n), `mf` free margin (e - m), `mfo` free margin less what open orders
    reserve, `ml` margin level in per cent (e / m x 100), None when nothing is open. `level` is `ml` as a fraction.
    """

    eb: Decimal
    tb: Decimal
    m: Decimal
    n: Decimal
    c: Decimal
    v: Decimal
    e: Decimal
    mf: Decimal
    mfo: Decimal
    ml: Decimal | None

    @property
    def level(self) -> Decimal | None:
        """Equity over used margin (1.5 = 150 %), as `domain.MarginState` wants it."""
        return None if self.ml is None else self.ml / 100


@dataclass(frozen=True, slots=True)
class SimHolding:
    """One asset of a wallet: what is there (`free`, and `locked` by orders) and what is owed of it."""

    free: Decimal
    locked: Decimal
    borrowed: Decimal
    interest: Decimal

    @property
    def total(self) -> Decimal:
        """What is there."""
        return self.free + self.locked

    @property
    def owed(self) -> Decimal:
        """Principal and interest."""
        return self.borrowed + self.interest

    @property
    def net(self) -> Decimal:
        """What is there less what is owed."""
        return self.total - self.owed


@dataclass(frozen=True, slots=True)
class SimWallet:
    """A wallet at the last prices, values in quote and unrounded.

    `equity` counts each asset that is owned with its collateral fraction, and each debt in full. `initial`, `call` and
    `maintenance` are the equity that the debts demand for borrowing more, for quiet, and for staying open.
    """

    holdings: Mapping[Asset, SimHolding]
    assets_value: Decimal
    debt_value: Decimal
    equity: Decimal
    initial: Decimal
    call: Decimal
    maintenance: Decimal

    @property
    def level(self) -> Decimal | None:
        """Equity over initial margin; None when nothing is owed."""
        return self.equity / self.initial if self.initial else None


@dataclass(frozen=True, slots=True)
class SimBorrow:
    """Somebody borrowed: an order that lacked funds (`order_id`), or the owner by hand."""

    account: str
    pot: str
    number: int
    asset: Asset
    amount: Decimal
    at: datetime
    order_id: VenueOrderId | None = None


@dataclass(frozen=True, slots=True)
class SimRepay:
    """Something owed was repaid, interest first; `automatic` when no one asked for this very repayment."""

    account: str
    pot: str
    number: int
    asset: Asset
    principal: Decimal
    interest: Decimal
    at: datetime
    order_id: VenueOrderId | None = None
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class SimInterest:
    """An hour's interest on what was borrowed fell due; `on_borrow` for the first hour, charged at once."""

    account: str
    pot: str
    number: int
    asset: Asset
    principal: Decimal
    rate: Decimal
    interest: Decimal
    at: datetime
    on_borrow: bool = False


@dataclass(frozen=True, slots=True)
class SimLevel:
    """One price of the book and what is offered at it (base)."""

    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class SimBook:
    """Bids from the highest, asks from the lowest."""

    bids: tuple[SimLevel, ...]
    asks: tuple[SimLevel, ...]


@dataclass(frozen=True, slots=True)
class SimCandle:
    """A candle of any size; until `is_final` it is still forming. `trades` counts the native bars' trades."""

    bar: Bar
    vwap: Decimal
    trades: int
    is_final: bool


@dataclass(frozen=True, slots=True)
class SimPlaced:
    """The exchange took the order; `order` is how it stood right after. Only validated: `order_id` is empty."""

    order_id: VenueOrderId
    order: SimOrder


@dataclass(frozen=True, slots=True)
class SimRefused:
    """The exchange did nothing, and why. `detail` is a sentence for people."""

    reason: Refusal
    detail: str


@dataclass(frozen=True, slots=True)
class SimFill:
    """One execution, with the order as it stood after it and what it did to the lots.

    `lot_id` is the oldest lot that it closed, else the lot that it opened, else None (spot). `fill.fee` is the trading
    fee; the ledger's fee is that plus `opening_fee`. `margin` is what the opened part uses. `number` counts trades.
    """

    account: str
    fill: Fill
    order: SimOrder
    number: int
    lot_id: FillId | None = None
    opened_quantity: Decimal = ZERO
    closed_quantity: Decimal = ZERO
    realised: Decimal = ZERO
    opening_fee: Decimal = ZERO
    margin: Decimal = ZERO
    ledger_ids: tuple[LedgerRowId, ...] = ()
    pot: str = ""


class OrderNews(Enum):
    """What happened to an order. A partial fill tells itself (SimFill)."""

    NEW = "new"
    AMENDED = "amended"
    TRIGGERED = "triggered"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class SimOrderEvent:
    """Something happened to an order, shown as it stood after it."""

    account: str
    kind: OrderNews
    order: SimOrder
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SimLedger:
    """A balance changed."""

    account: str
    row: LedgerRow


@dataclass(frozen=True, slots=True)
class SimMarginCall:
    """The margin level fell below the call level; said once per crossing. `level` is a fraction."""

    account: str
    at: datetime
    level: Decimal
    pot: str = ""


@dataclass(frozen=True, slots=True)
class SimLiquidation:
    """The venue began to close by force at this level (a fraction); its fills follow.

    A lot, or (`lot_id` None) what a wallet holds or owes of the pair's base.
    """

    account: str
    at: datetime
    level: Decimal
    pair: Pair
    order_id: VenueOrderId
    lot_id: FillId | None
    quantity: Decimal
    pot: str = ""


@dataclass(frozen=True, slots=True)
class SimPublicTrade:
    """A trade between others, one per native bar: its close and all its volume."""

    trade: PublicTrade
    number: int


SimEvent = (
    SimFill
    | SimOrderEvent
    | SimLedger
    | SimBorrow
    | SimRepay
    | SimInterest
    | SimMarginCall
    | SimLiquidation
    | SimPublicTrade
)
