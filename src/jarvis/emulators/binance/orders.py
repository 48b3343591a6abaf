"""Orders as clients write them, and the notes that the venue keeps: numbers, ids, lists, what was borrowed for them.

The simulated exchange knows what an order does; the notes keep what the client wrote and must be told again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum

from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import OrderStatus, OrderType, TimeInForce, VenueOrderId
from jarvis.emulators.binance.names import DEFAULT_SELF_TRADE, Symbol
from jarvis.sim.exchange import SimFill, SimOrder

_FIRST_NUMBER = 28_000_000_000


class SideEffect(Enum):
    """What an order does about debts."""

    NONE = "NO_SIDE_EFFECT"
    BORROW = "MARGIN_BUY"
    REPAY = "AUTO_REPAY"
    BOTH = "AUTO_BORROW_REPAY"

    @property
    def borrows(self) -> bool:
        """Whether what is missing is borrowed."""
        return self in (SideEffect.BORROW, SideEffect.BOTH)

    @property
    def repays(self) -> bool:
        """Whether each fill repays."""
        return self in (SideEffect.REPAY, SideEffect.BOTH)


class Kind(Enum):
    """Binance's order types, by what the exchange makes of them."""

    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"

    @property
    def order_type(self) -> OrderType:
        """The exchange's type."""
        return _TYPES[self]

    @property
    def has_price(self) -> bool:
        """Whether it needs a limit price."""
        return self in (Kind.LIMIT, Kind.LIMIT_MAKER, Kind.STOP_LOSS_LIMIT, Kind.TAKE_PROFIT_LIMIT)

    @property
    def has_time_in_force(self) -> bool:
        """Whether it needs a time in force."""
        return self in (Kind.LIMIT, Kind.STOP_LOSS_LIMIT, Kind.TAKE_PROFIT_LIMIT)

    @property
    def has_trigger(self) -> bool:
        """Whether it waits for a price."""
        return self in _TRIGGERED

    @property
    def is_stop(self) -> bool:
        """Whether its trigger lies on the losing side."""
        return self in (Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT)


_TYPES = {
    Kind.LIMIT: OrderType.LIMIT,
    Kind.LIMIT_MAKER: OrderType.LIMIT,
    Kind.MARKET: OrderType.MARKET,
    Kind.STOP_LOSS: OrderType.STOP,
    Kind.STOP_LOSS_LIMIT: OrderType.STOP_LIMIT,
    Kind.TAKE_PROFIT: OrderType.TAKE_PROFIT,
    Kind.TAKE_PROFIT_LIMIT: OrderType.TAKE_PROFIT_LIMIT,
}
_TRIGGERED = frozenset({Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT, Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT})
_KIND_OF = {order_type: kind for kind, order_type in _TYPES.items() if kind is not Kind.LIMIT_MAKER}


@dataclass(frozen=True, slots=True)
class WrittenOrder:
    """An order in the client's words. `quantity` is in base; a market order may give `quote_quantity` instead."""

    symbol: Symbol
    side: Side
    kind: Kind
    quantity: Decimal = ZERO
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    iceberg_quantity: Decimal | None = None
    time_in_force: str = "GTC"
    side_effect: SideEffect = SideEffect.NONE
    repays_at_cancel: bool = True
    self_trade: str = DEFAULT_SELF_TRADE

    @property
    def spent(self) -> Asset:
        """The asset that it pays with."""
        return self.symbol.pair.quote if self.side is Side.BUY else self.symbol.pair.base

    @property
    def received(self) -> Asset:
        """The asset that it is paid in."""
        return self.symbol.pair.base if self.side is Side.BUY else self.symbol.pair.quote


@dataclass(slots=True)
class OrderNote:
    """One order as the venue keeps it.

    Without `sim_id` the exchange does not know it yet: an order of a list that waits for another one (`is_pending`)
    or a list's stop leg. `ending` is how the client sees an order that did not end by a fill.
    """

    number: int
    account: str
    pot: str
    written: WrittenOrder
    client_id: str
    placed_at: datetime
    updated_at: datetime
    sim_id: VenueOrderId | None = None
    list_id: int = -1
    is_pending: bool = False
    ending: str = ""
    reason: str = ""
    cancel_id: str = ""
    borrowed: Decimal = ZERO
    leaves_debt: bool = False
    is_liquidation: bool = False
    fills: list[SimFill] = field(default_factory=list)

    @property
    def is_isolated(self) -> bool:
        """Whether it belongs to a pair's own account."""
        return bool(self.pot)

    @property
    def symbol(self) -> Symbol:
        """The symbol that it trades."""
        return self.written.symbol


class OrderRegistry:
    """All notes, by number, by client id and by the exchange's id."""

    def __init__(self) -> None:
        self._notes: dict[int, OrderNote] = {}
        self._by_sim: dict[VenueOrderId, OrderNote] = {}
        self._by_client: dict[tuple[str, str, str], OrderNote] = {}
        self._by_pot: dict[tuple[str, str], list[OrderNote]] = {}
        self._open: dict[tuple[str, str], dict[int, OrderNote]] = {}

    def add(self, account: str, pot: str, written: WrittenOrder, client_id: str, at: datetime) -> OrderNote:
        """A new note with the next number."""
        note = OrderNote(_FIRST_NUMBER + len(self._notes) + 1, account, pot, written, client_id, at, at)
        self._notes[note.number] = note
        self._by_client[account, pot, client_id] = note
        self._by_pot.setdefault((account, pot), []).append(note)
        self._open.setdefault((account, pot), {})[note.number] = note
        return note

    def close(self, note: OrderNote) -> None:
        """Say that a note's order is over."""
        self._open[note.account, note.pot].pop(note.number, None)

    def open_of(self, account: str, pot: str) -> list[OrderNote]:
        """The open orders of an account, oldest first."""
        return list(self._open.get((account, pot), {}).values())

    def bind(self, note: OrderNote, sim_id: VenueOrderId) -> None:
        """Say which of the exchange's orders a note is about."""
        note.sim_id = sim_id
        self._by_sim[sim_id] = note

    def of(self, sim_id: VenueOrderId) -> OrderNote | None:
        """The note of one of the exchange's orders."""
        return self._by_sim.get(sim_id)

    def numbered(self, number: int) -> OrderNote | None:
        """The note of this number."""
        return self._notes.get(number)

    def named(self, account: str, pot: str, client_id: str) -> OrderNote | None:
        """The latest note with this client id."""
        return self._by_client.get((account, pot, client_id))

    def all_of(self, account: str, pot: str) -> Sequence[OrderNote]:
        """The notes of an account, oldest first."""
        return self._by_pot.get((account, pot), ())


def status_of(note: OrderNote, order: SimOrder | None) -> str:
    """Binance's word for where an order stands."""
    if note.ending:
        return note.ending
    if order is None:
        return "PENDING_NEW" if note.is_pending else "NEW"
    match order.status:
        case OrderStatus.FILLED:
            return "FILLED"
        case OrderStatus.CANCELLED | OrderStatus.EXPIRED:
            return "EXPIRED"
        case _:
            return "PARTIALLY_FILLED" if order.filled_quantity else "NEW"


def is_open(note: OrderNote, order: SimOrder | None) -> bool:
    """Whether the order can still do something."""
    return status_of(note, order) in ("NEW", "PARTIALLY_FILLED", "PENDING_NEW")


def expiry_reason(note: OrderNote) -> str:
    """Why an order ended that nobody cancelled, in the venue's word."""
    if note.written.time_in_force != "GTC":
        return "UNFILLED_IOC_QUANTITY_EXPIRED"
    return "INSUFFICIENT_LIQUIDITY" if note.written.kind is Kind.MARKET else "EXCHANGE_CANCELED"


def written_by_venue(symbol: Symbol, order: SimOrder) -> WrittenOrder:
    """An order of the venue's own (a liquidation), in the words of a client."""
    return WrittenOrder(
        symbol=symbol,
        side=order.side,
        kind=_KIND_OF.get(order.order_type, Kind.MARKET),
        quantity=order.quantity,
        price=order.limit_price,
        stop_price=order.trigger_price,
        time_in_force="IOC" if order.request.time_in_force is TimeInForce.IOC else "GTC",
    )
