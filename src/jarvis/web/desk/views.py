"""What the desk shows, made from what the store holds: pure functions from domain records to what a template reads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from jarvis.domain.account import MarginState
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import Asset
from jarvis.domain.order import Fill, Order, OrderRole, OrderStatus, OrderType
from jarvis.ledger.journal import Account, Entry, EntryKind
from jarvis.trading.stories import PositionStory
from jarvis.web.desk.positions import side_word, strategy_title
from jarvis.web.drawing import Gauge, gauge

_CHARGES: Mapping[EntryKind, str] = {
    EntryKind.ROLLOVER: "Rollover charged.",
    EntryKind.INTEREST: "Interest charged.",
    EntryKind.LIQUIDATION_FEE: "Liquidation fee charged.",
}
_PROTECTING = (OrderRole.STOP, OrderRole.TAKE_PROFIT)

ROLE_WORDS: Mapping[OrderRole, str] = {
    OrderRole.ENTRY: "entry",
    OrderRole.STOP: "stop",
    OrderRole.TAKE_PROFIT: "target",
    OrderRole.TIME_STOP: "time-stop",
    OrderRole.SIGNAL_EXIT: "signal",
    OrderRole.BY_HAND: "by hand",
    OrderRole.FLATTEN: "flatten",
    OrderRole.LIQUIDATION: "liquidation",
}
_TYPE_WORDS: Mapping[OrderType, str] = {
    OrderType.MARKET: "at market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "stop",
    OrderType.STOP_LIMIT: "stop, then limit",
    OrderType.TAKE_PROFIT: "target",
    OrderType.TAKE_PROFIT_LIMIT: "target, then limit",
    OrderType.TRAILING_STOP: "trailing stop",
}
_STATES: Mapping[OrderStatus, tuple[str, str, str]] = {
    OrderStatus.INTENT: ("written down", "", "not sent yet"),
    OrderStatus.SENT: ("sent", "badge-warn", "waiting for the answer"),
    OrderStatus.OPEN: ("resting", "badge-good", ""),
    OrderStatus.PARTLY_FILLED: ("partly filled", "badge-good", ""),
    OrderStatus.FILLED: ("filled", "", ""),
    OrderStatus.CANCELLED: ("cancelled", "", ""),
    OrderStatus.EXPIRED: ("expired", "", ""),
    OrderStatus.REJECTED: ("refused", "badge-bad", ""),
    OrderStatus.UNKNOWN: (
        "not known",
        "badge-warn",
        "The answer was lost. It counts as exposure and is looked up at the venue; it is never sent again blindly.",
    ),
}


@dataclass(frozen=True, slots=True)
class NumbersView:
    """The account's margin at a glance; None where nothing is known yet."""

    at: datetime | None
    equity: Decimal | None
    free_margin: Decimal | None
    used_margin: Decimal | None
    unrealised: Decimal | None
    margin_level: Decimal | None
    today: Decimal | None
    open_positions: int
    gauge: Gauge | None
    venue_level: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order in words."""

    client_order_id: str
    pair: str
    base: str
    quote: str
    what: str
    why: str
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    state: str
    tone: str
    note: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ClosedView:
    """One closed position in a line."""

    position_id: str
    pair: str
    quote: str
    side: str
    strategy: str
    closed_at: datetime | None
    closed_by: str
    result: Decimal


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One thing that happened to a position. `facts` are (value, unit, label)."""

    at: datetime
    kind: str
    text: str
    facts: tuple[tuple[Decimal, str, str], ...] = ()


def numbers_of(margin: MarginState | None, equity_at_midnight: Decimal | None, open_positions: int) -> NumbersView:
    """The four numbers from the venue's last reading."""
    level = margin.margin_level if margin else None
    return NumbersView(
        at=margin.at if margin else None,
        equity=margin.equity if margin else None,
        free_margin=margin.free_margin if margin else None,
        used_margin=margin.used_margin if margin else None,
        unrealised=margin.unrealised if margin else None,
        margin_level=level,
        today=margin.equity - equity_at_midnight if margin and equity_at_midnight is not None else None,
        open_positions=open_positions,
        gauge=gauge(level, margin.call_level, margin.liquidation_level) if margin else None,
        venue_level=margin.venue_level if margin else None,
    )


def order_of(order: Order) -> OrderView:
    """An order in words; what is not known is said to be not known."""
    request = order.request
    state, tone, note = _STATES[order.status]
    return OrderView(
        client_order_id=order.client_order_id,
        pair=str(request.pair),
        base=request.pair.base,
        quote=request.pair.quote,
        what=f"{request.side.value} {_TYPE_WORDS[request.order_type]}",
        why=ROLE_WORDS[request.role],
        quantity=request.quantity,
        filled=order.filled_quantity,
        price=request.trigger_price if request.trigger_price is not None else request.limit_price,
        state=state,
        tone=tone,
        note=note or order.reason,
        created_at=order.created_at,
    )


def state_words(status: OrderStatus) -> str:
    """What a state of an order is called."""
    return _STATES[status][0]


def story_lines(
    story: PositionStory, orders: Sequence[Order], fills: Sequence[Fill], entries: Sequence[Entry]
) -> list[StoryLine]:
    """Everything that happened to a position, oldest first: decision, orders, fills, charges, end."""
    base, quote = story.pair.base, story.pair.quote
    by_id = {order.client_order_id: order for order in orders}
    # What happened at one instant is told in the order in which it came about: an order, then what filled it.
    place = {client_order_id: number for number, client_order_id in enumerate(by_id)}
    lines: list[tuple[tuple[datetime, float], StoryLine]] = []

    def tell(at: datetime, rank: float, kind: str, text: str, *facts: tuple[Decimal, str, str]) -> None:
        lines.append(((at, rank), StoryLine(at, kind, text, facts)))

    for order in orders:
        role, request = ROLE_WORDS[order.request.role], order.request
        text = f"{role.capitalize()} order {order.client_order_id}: {request.side.value} "
        text += f"{_TYPE_WORDS[request.order_type]}, now {_STATES[order.status][0]}."
        tell(order.created_at, place[order.client_order_id], "order", text, *_order_facts(order, base, quote))
    for fill in fills:
        own = by_id.get(fill.client_order_id) if fill.client_order_id else None
        why = "liquidation" if fill.is_liquidation else ROLE_WORDS[own.request.role] if own else "order"
        rank = place[own.client_order_id] + 0.5 if own else len(place)
        text = f"Filled by the {why}: {'bought' if fill.side is Side.BUY else 'sold'}."
        facts = (fill.quantity, base, "quantity"), (fill.price, quote, "price"), (fill.fee, fill.fee_asset, "fee")
        tell(fill.at, rank, "fill", text, *facts)
    for entry in entries:
        for asset, charge, text in _charges(entry):
            tell(entry.at, 0.75, "charge", text, (charge, asset, "charge"))
    if story.closed_at is not None:
        tell(story.closed_at, len(place) + 1, "end", f"Flat: closed by {closed_by(story)}.")
    return [line for _, line in sorted(lines, key=lambda ranked: ranked[0])]


def closed_by(story: PositionStory) -> str:
    """Why a position was left, in a word."""
    return ROLE_WORDS[story.exit_role] if story.exit_role else "its orders"


def closed_of(story: PositionStory, result: Decimal) -> ClosedView:
    """A closed position with what it earned in all, fees and rollover included."""
    return ClosedView(
        position_id=story.position_id,
        pair=str(story.pair),
        quote=story.pair.quote,
        side=side_word(story.entry_side),
        strategy=strategy_title(story.strategy),
        closed_at=story.closed_at,
        closed_by=closed_by(story),
        result=result,
    )


def protection_of(orders: Iterable[Order], pair: Pair) -> list[dict[str, str]]:
    """The resting stops and targets of a pair, as lines for its chart."""
    lines = []
    for order in orders:
        request = order.request
        price = request.trigger_price if request.trigger_price is not None else request.limit_price
        rests = order.status in (OrderStatus.OPEN, OrderStatus.PARTLY_FILLED)
        if request.pair == pair and rests and price is not None and request.role in _PROTECTING:
            lines.append({"role": request.role.value, "price": str(price)})
    return lines


def _order_facts(order: Order, base: str, quote: str) -> tuple[tuple[Decimal, str, str], ...]:
    request = order.request
    price = request.trigger_price if request.trigger_price is not None else request.limit_price
    facts: tuple[tuple[Decimal, str, str], ...] = ((request.quantity, base, "quantity"),)
    return facts if price is None else (*facts, (price, quote, "price"))


def _charges(entry: Entry) -> Iterable[tuple[Asset, Decimal, str]]:
    """What an entry charged beside trading fees: asset, amount, and what it was for."""
    for posting in entry.postings:
        if posting.account is Account.OPENING_FEE:
            yield posting.asset, posting.amount, "Margin-opening fee charged."
        elif posting.account is Account.CASH and entry.kind in _CHARGES:
            yield posting.asset, -posting.amount, _CHARGES[entry.kind]
