"""Orders and fills, and the one table that says how an order's state may change.

Unknown is a state: an order whose outcome was not proved is UNKNOWN until the venue proves it one way or the
other. A status never goes back, and an unlisted pair of status and event is an error that says both.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import NewType

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset, round_nearest
from jarvis.domain.records import quickly_made

ClientOrderId = NewType("ClientOrderId", str)
"""Ours: made by the engine before the order exists anywhere else. At most 18 ASCII characters (Kraken's limit)."""
VenueOrderId = NewType("VenueOrderId", str)
FillId = NewType("FillId", str)
PositionId = NewType("PositionId", str)
"""Ours: one story from flat to flat of one account on one pair."""


class OrderType(Enum):
    """How an order trades. STOP and TAKE_PROFIT become market orders when the last price touches the trigger."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT = "take_profit"
    TAKE_PROFIT_LIMIT = "take_profit_limit"
    TRAILING_STOP = "trailing_stop"


TRIGGERED_TYPES = frozenset(
    {OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT, OrderType.TRAILING_STOP}
)
LIMIT_TYPES = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT})


class TimeInForce(Enum):
    """How long an order lives."""

    GTC = "gtc"
    IOC = "ioc"
    GTD = "gtd"


class OrderRole(Enum):
    """Why an order exists in a position's story."""

    ENTRY = "entry"
    STOP = "stop"
    TAKE_PROFIT = "take_profit"
    TIME_STOP = "time_stop"
    SIGNAL_EXIT = "signal_exit"
    BY_HAND = "by_hand"
    FLATTEN = "flatten"
    LIQUIDATION = "liquidation"


class OrderStatus(Enum):
    """Where an order stands. INTENT is on paper only; SENT may or may not be at the venue."""

    INTENT = "intent"
    SENT = "sent"
    OPEN = "open"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether nothing more can happen to the order."""
        return self in _FINAL

    @property
    def may_rest_at_venue(self) -> bool:
        """Whether the order could be executed there: counted as exposure until disproved."""
        return self in _AT_VENUE


class OrderEvent(Enum):
    """What can happen to an order."""

    SEND = "send"
    ACCEPT = "accept"
    FILL_PART = "fill_part"
    FILL_REST = "fill_rest"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REJECT = "reject"
    LOSE_TRACK = "lose_track"
    PROVE_ABSENT = "prove_absent"


class IllegalTransitionError(RuntimeError):
    """An event that the order's status does not allow: a broken invariant, never a user's mistake."""

    def __init__(self, status: OrderStatus, event: OrderEvent) -> None:
        """Say both."""
        super().__init__(f"an order that is {status.value} cannot {event.value}")
        self.status = status
        self.event = event


_S, _E = OrderStatus, OrderEvent
_FINAL = frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED})
_AT_VENUE = frozenset({_S.SENT, _S.OPEN, _S.PARTLY_FILLED, _S.UNKNOWN})

# Fills may overtake acknowledgements, cancellations may cross fills, and a lost order may turn up in any shape:
# so SENT and UNKNOWN accept every proof. A fill that is proved after a cancel or an expiry is real and is booked,
# it changes the filled quantity of the final state only (see `Order.filled_by`).
TRANSITIONS: dict[tuple[OrderStatus, OrderEvent], OrderStatus] = {
    (_S.INTENT, _E.SEND): _S.SENT,
    (_S.INTENT, _E.PROVE_ABSENT): _S.REJECTED,
    (_S.INTENT, _E.LOSE_TRACK): _S.UNKNOWN,
    (_S.SENT, _E.ACCEPT): _S.OPEN,
    (_S.SENT, _E.FILL_PART): _S.PARTLY_FILLED,
    (_S.SENT, _E.FILL_REST): _S.FILLED,
    (_S.SENT, _E.CANCEL): _S.CANCELLED,
    (_S.SENT, _E.EXPIRE): _S.EXPIRED,
    (_S.SENT, _E.REJECT): _S.REJECTED,
    (_S.SENT, _E.LOSE_TRACK): _S.UNKNOWN,
    (_S.OPEN, _E.ACCEPT): _S.OPEN,
    (_S.OPEN, _E.FILL_PART): _S.PARTLY_FILLED,
    (_S.OPEN, _E.FILL_REST): _S.FILLED,
    (_S.OPEN, _E.CANCEL): _S.CANCELLED,
    (_S.OPEN, _E.EXPIRE): _S.EXPIRED,
    (_S.OPEN, _E.REJECT): _S.REJECTED,
    (_S.OPEN, _E.LOSE_TRACK): _S.UNKNOWN,
    (_S.PARTLY_FILLED, _E.ACCEPT): _S.PARTLY_FILLED,
    (_S.PARTLY_FILLED, _E.FILL_PART): _S.PARTLY_FILLED,
    (_S.PARTLY_FILLED, _E.FILL_REST): _S.FILLED,
    (_S.PARTLY_FILLED, _E.CANCEL): _S.CANCELLED,
    (_S.PARTLY_FILLED, _E.EXPIRE): _S.EXPIRED,
    (_S.PARTLY_FILLED, _E.LOSE_TRACK): _S.UNKNOWN,
    (_S.UNKNOWN, _E.ACCEPT): _S.OPEN,
    (_S.UNKNOWN, _E.FILL_PART): _S.PARTLY_FILLED,
    (_S.UNKNOWN, _E.FILL_REST): _S.FILLED,
    (_S.UNKNOWN, _E.CANCEL): _S.CANCELLED,
    (_S.UNKNOWN, _E.EXPIRE): _S.EXPIRED,
    (_S.UNKNOWN, _E.REJECT): _S.REJECTED,
    (_S.UNKNOWN, _E.PROVE_ABSENT): _S.REJECTED,
    (_S.UNKNOWN, _E.LOSE_TRACK): _S.UNKNOWN,
    # The same end, said again by a repeated or late message.
    (_S.FILLED, _E.ACCEPT): _S.FILLED,
    (_S.FILLED, _E.FILL_REST): _S.FILLED,
    (_S.FILLED, _E.CANCEL): _S.FILLED,
    (_S.CANCELLED, _E.ACCEPT): _S.CANCELLED,
    (_S.CANCELLED, _E.CANCEL): _S.CANCELLED,
    (_S.CANCELLED, _E.FILL_PART): _S.CANCELLED,
    (_S.CANCELLED, _E.FILL_REST): _S.FILLED,
    (_S.EXPIRED, _E.ACCEPT): _S.EXPIRED,
    (_S.EXPIRED, _E.EXPIRE): _S.EXPIRED,
    (_S.EXPIRED, _E.CANCEL): _S.EXPIRED,
    (_S.EXPIRED, _E.FILL_PART): _S.EXPIRED,
    (_S.EXPIRED, _E.FILL_REST): _S.FILLED,
    (_S.REJECTED, _E.REJECT): _S.REJECTED,
    (_S.REJECTED, _E.CANCEL): _S.REJECTED,
    (_S.REJECTED, _E.PROVE_ABSENT): _S.REJECTED,
    # A fill is the strongest proof: whoever said that this order does not exist was wrong.
    (_S.REJECTED, _E.FILL_PART): _S.PARTLY_FILLED,
    (_S.REJECTED, _E.FILL_REST): _S.FILLED,
}


def next_status(status: OrderStatus, event: OrderEvent) -> OrderStatus:
    """The status after `event`. Raises IllegalTransitionError for a pair that the table does not list."""
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise IllegalTransitionError(status, event) from None


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as it is meant. `quantity` is in base and positive; prices are in quote; `leverage` is always stated.

    `decision_price` is the price that the decision was made at, against which slippage is measured.
    """

    client_order_id: ClientOrderId
    pair: Pair
    side: Side
    order_type: OrderType
    quantity: Decimal
    leverage: int
    role: OrderRole
    reduce_only: bool = False
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    trailing_offset: Decimal | None = None
    post_only: bool = False
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: datetime | None = None
    position_id: PositionId | None = None
    decision_price: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse an order that says too little or contradicts itself."""
        if not 0 < len(self.client_order_id) <= 18 or not self.client_order_id.isascii():
            raise ValueError("a client order id has 1 to 18 ASCII characters")
        if self.quantity <= 0:
            raise ValueError("an order's quantity must be positive")
        if self.leverage < 1:
            raise ValueError("leverage must be stated as a whole number of at least 1")
        if (self.order_type in LIMIT_TYPES) != (self.limit_price is not None):
            raise ValueError(f"a {self.order_type.value} order and its limit price do not go together")
        if self.order_type is OrderType.TRAILING_STOP:
            if self.trailing_offset is None or self.trailing_offset <= 0:
                raise ValueError("a trailing stop needs a positive offset")
        elif (self.order_type in TRIGGERED_TYPES) != (self.trigger_price is not None):
            raise ValueError(f"a {self.order_type.value} order and its trigger price do not go together")
        if self.post_only and self.order_type is not OrderType.LIMIT:
            raise ValueError("only a limit order can be post-only")
        if (self.time_in_force is TimeInForce.GTD) != (self.expires_at is not None):
            raise ValueError("a good-till-date order, and no other, needs expires_at")
        if self.role is not OrderRole.ENTRY and not self.reduce_only:
            raise ValueError(f"a {self.role.value} order must be reduce-only")


@quickly_made
@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of our order, as the venue reports it; `fill_id` is the venue's and unique per venue.

    `cost` is price times quantity as the venue booked it (quote). `fee` is the trading fee alone, in `fee_asset`
    (quote, base or a third asset); positive is paid, negative a rebate. Margin-opening fees, rollover and interest
    come as ledger rows. `is_liquidation` marks the venue's own forced closing.

    A fee in base changes what the fill does to the position: a buy of 1 with a fee of 0.001 leaves 0.999.
    `held_quantity` and `held_cost` are what the position gains or loses; the fee's share of the cost is `fee_in_quote`.
    """

    fill_id: FillId
    venue_order_id: VenueOrderId
    client_order_id: ClientOrderId | None
    pair: Pair
    side: Side
    quantity: Decimal
    price: Decimal
    cost: Decimal
    fee: Decimal
    fee_asset: Asset
    at: datetime
    is_maker: bool = False
    is_margin: bool = True
    is_liquidation: bool = False

    def __post_init__(self) -> None:
        """Refuse a fill that trades nothing."""
        if self.quantity <= ZERO or self.price <= ZERO or self.cost < ZERO:
            raise ValueError(f"fill {self.fill_id}: quantity and price must be positive")

    @property
    def signed_quantity(self) -> Decimal:
        """What was traded: positive for a buy."""
        return self.quantity * self.side.sign

    @property
    def fee_in_base(self) -> Decimal:
        """The fee if it was taken in base, else zero."""
        return self.fee if self.fee_asset == self.pair.base else ZERO

    @property
    def held_quantity(self) -> Decimal:
        """By how much the position moves in the fill's direction (base): what was traded, less a fee taken in base."""
        return self.quantity - self.fee_in_base * self.side.sign

    def fee_in_quote(self, cost_step: Decimal) -> Decimal:
        """The fee valued in quote at the fill's price, to `cost_step`; zero if it was taken in a third asset."""
        if self.fee_asset == self.pair.quote:
            return self.fee
        return round_nearest(self.cost * self.fee_in_base / self.quantity, cost_step)

    def held_cost(self, cost_step: Decimal) -> Decimal:
        """The part of the cost that belongs to `held_quantity` (quote)."""
        in_base = self.fee_in_quote(cost_step) if self.fee_in_base else ZERO
        return self.cost - in_base * self.side.sign


@quickly_made
@dataclass(frozen=True, slots=True)
class OrderReport:
    """What a venue says about one order. Sparse: a field that the message did not carry is None."""

    venue_order_id: VenueOrderId
    status: OrderStatus
    at: datetime
    client_order_id: ClientOrderId | None = None
    pair: Pair | None = None
    side: Side | None = None
    order_type: OrderType | None = None
    quantity: Decimal | None = None
    filled_quantity: Decimal | None = None
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    leverage: int | None = None
    reduce_only: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """An order and all that is proved about it. Changed only by the methods below."""

    request: OrderRequest
    created_at: datetime
    status: OrderStatus = OrderStatus.INTENT
    venue_order_id: VenueOrderId | None = None
    filled_quantity: Decimal = ZERO
    reason: str = ""

    @property
    def client_order_id(self) -> ClientOrderId:
        """The request's id."""
        return self.request.client_order_id

    @property
    def remaining_quantity(self) -> Decimal:
        """What could still trade (base)."""
        return ZERO if self.status.is_final else max(ZERO, self.request.quantity - self.filled_quantity)

    def after(self, event: OrderEvent, *, venue_order_id: VenueOrderId | None = None, reason: str = "") -> "Order":
        """The order after `event`."""
        return replace(
            self,
            status=next_status(self.status, event),
            venue_order_id=venue_order_id or self.venue_order_id,
            reason=reason or self.reason,
        )

    def filled_by(self, fill: Fill) -> "Order":
        """The order after one fill that was not counted before; more than was ordered is an error."""
        filled = self.filled_quantity + fill.quantity
        if filled > self.request.quantity:
            raise ValueError(f"order {self.client_order_id}: {filled} filled of {self.request.quantity} ordered")
        event = OrderEvent.FILL_REST if filled == self.request.quantity else OrderEvent.FILL_PART
        return replace(self.after(event, venue_order_id=fill.venue_order_id), filled_quantity=filled)

    def resized(
        self,
        *,
        quantity: Decimal | None = None,
        trigger_price: Decimal | None = None,
        limit_price: Decimal | None = None,
    ) -> "Order":
        """The order after an amendment that the venue confirmed; `quantity` is the new total, fills included.

        A stop that was decided at its trigger, and has been moved, is decided at the new one: what it fills worse or
        better than that is slippage, and the move itself is none.
        """
        decided = self.request.decision_price
        if trigger_price is not None and decided == self.request.trigger_price:
            decided = trigger_price
        request = replace(
            self.request,
            decision_price=decided,
            quantity=self.request.quantity if quantity is None else quantity,
            trigger_price=self.request.trigger_price if trigger_price is None else trigger_price,
            limit_price=self.request.limit_price if limit_price is None else limit_price,
        )
        return replace(self, request=request)
