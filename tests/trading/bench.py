"""An engine on a bench: a driver that answers for the venue, as the live trader would, and keeps everything said."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.account import AccountId, MarginState
from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.market import Bar, Tick
from jarvis.domain.money import USD, plain
from jarvis.domain.order import (
    ClientOrderId,
    Fill,
    FillId,
    Order,
    OrderReport,
    OrderRole,
    OrderStatus,
    OrderType,
    VenueOrderId,
)
from jarvis.trading.engine import Engine, EngineConfig
from jarvis.trading.events import (
    Action,
    Alarm,
    Amend,
    AmendAnswered,
    Cancel,
    EngineEvent,
    OrderAccepted,
    OrderChanged,
    OrderLost,
    OrderRefused,
    Place,
    StoryChanged,
)
from jarvis.trading.limits import Limits, Tiers
from jarvis.trading.sizing import Costs
from jarvis.trading.state import EngineState
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Direction, Protection, Signal, TakeProfit

D = Decimal
BTC = Pair.parse("BTC/USD")
ETH = Pair.parse("ETH/USD")
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

Answer = Callable[[Order], EngineEvent | None]


def instrument(pair: Pair = BTC, **changes: object) -> Instrument:
    rules = Instrument(
        pair=pair,
        symbol=str(pair),
        tick=D("0.1"),
        lot=D("0.00000001"),
        cost_step=D("0.0001"),
        min_quantity=D("0.001"),
        min_cost=D("0.5"),
        leverage_long=(2, 3, 4, 5, 10),
        leverage_short=(2, 3, 4, 5, 10),
    )
    return replace(rules, **changes)  # type: ignore[arg-type]


def limits(**changes: object) -> Limits:
    given = Limits(
        leverage_cap=5,
        equity_share_per_position=D("0.2"),
        risk_per_trade=D("0.01"),
        max_open_positions=3,
        daily_loss=Tiers(),
        drawdown=Tiers(),
        margin_level_floor=Tiers(),
        allowed_pairs=frozenset({BTC, ETH}),
    )
    return replace(given, **changes)  # type: ignore[arg-type]


def protection(**changes: object) -> Protection:
    """A stop 10 away; a target at 10 for half and at 20 for the rest; no time-stop."""
    ladder = (TakeProfit(D(10), D("0.5")), TakeProfit(D(20), D("0.5")))
    return replace(Protection(D(10), take_profits=ladder), **changes)  # type: ignore[arg-type]


class Bench:
    """An engine with a clock that is set by hand and a venue whose answers can be scripted.

    Each placed order is answered at once by the first scripted answer that is left, then by `accept`. Amendments and
    cancellations are confirmed unless `amendments` and `cancellations` say otherwise. Fills come when asked for.
    """

    def __init__(
        self,
        *,
        state: EngineState | None = None,
        engine_limits: Limits | None = None,
        instruments: Mapping[Pair, Instrument] | None = None,
        equity: str | None = "10000",
    ) -> None:
        self.config = EngineConfig(
            account_id=AccountId("anna"),
            id_prefix="jv",
            limits=engine_limits or limits(),
            instruments=instruments or {BTC: instrument(BTC), ETH: instrument(ETH)},
            leverage_caps={BTC: 10, ETH: 10},
            costs=Costs(D(0), D(0), D(0)),
        )
        self.engine = Engine(self.config, state)
        self.now = START
        self.said: list[Action] = []
        self.answers: list[Answer] = []
        self.amendments: list[Callable[[Amend], EngineEvent | None]] = []
        self.cancellations: list[Callable[[Cancel], EngineEvent | None]] = []
        self.fills = 0
        if equity is not None:
            self.margin(equity)

    # --- driving --------------------------------------------------------------------------------------------------

    def tell(self, *events: EngineEvent) -> list[Action]:
        """Everything that the events led to, answers included, in the order in which it was carried out."""
        begin = len(self.said)
        for event in events:
            self._carry_out(self.engine.process(event))
        return self.said[begin:]

    def _carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            self.said.append(action)
            answer: EngineEvent | None = None
            match action:
                case Place(order):
                    answer = self.answers.pop(0)(order) if self.answers else self.accept(order)
                case Amend():
                    answer = self.amendments.pop(0)(action) if self.amendments else self.confirm(action)
                case Cancel():
                    answer = self.cancellations.pop(0)(action) if self.cancellations else self.cancelled(action)
            if answer is not None:
                self._carry_out(self.engine.process(answer))

    # --- the venue's words ----------------------------------------------------------------------------------------

    def venue_id(self, client_order_id: str) -> VenueOrderId:
        return VenueOrderId(f"V-{client_order_id}")

    def accept(self, order: Order) -> OrderAccepted:
        return OrderAccepted(order.client_order_id, self.venue_id(order.client_order_id), self.now)

    def refuse(self, order: Order) -> OrderRefused:
        return OrderRefused(order.client_order_id, "invalid", "the venue said no.", self.now)

    def lose(self, order: Order) -> OrderLost:
        return OrderLost(order.client_order_id, self.now)

    def silence(self, _: Order) -> None:
        return None

    def confirm(self, action: Amend) -> AmendAnswered:
        return AmendAnswered(
            action.client_order_id, action.quantity, action.trigger_price, action.limit_price, "", self.now
        )

    def refuse_amendment(self, action: Amend) -> AmendAnswered:
        return replace(self.confirm(action), refused="too late.")

    def lose_change(self, action: Amend | Cancel) -> OrderLost:
        return OrderLost(action.client_order_id, self.now)

    def cancelled(self, action: Cancel) -> OrderReport:
        return OrderReport(
            action.venue_order_id or self.venue_id(action.client_order_id),
            OrderStatus.CANCELLED,
            self.now,
            client_order_id=action.client_order_id,
        )

    def report(self, order: Order, status: OrderStatus, **fields: object) -> OrderReport:
        told = OrderReport(
            self.venue_id(order.client_order_id), status, self.now, client_order_id=order.client_order_id
        )
        return replace(told, **fields)  # type: ignore[arg-type]

    def fill_of(
        self, order: Order, quantity: Decimal | str | None = None, price: Decimal | str = "100", **changes: object
    ) -> Fill:
        self.fills += 1
        amount = order.request.quantity - order.filled_quantity if quantity is None else D(quantity)
        fill = Fill(
            fill_id=FillId(f"T{self.fills}"),
            venue_order_id=self.venue_id(order.client_order_id),
            client_order_id=order.client_order_id,
            pair=order.request.pair,
            side=order.request.side,
            quantity=amount,
            price=D(price),
            cost=amount * D(price),
            fee=D(0),
            fee_asset=USD,
            at=self.now,
        )
        return replace(fill, **changes)  # type: ignore[arg-type]

    def foreign_fill(self, quantity: str, side: Side, price: str = "100", **changes: object) -> Fill:
        self.fills += 1
        amount = D(quantity)
        fill = Fill(
            fill_id=FillId(f"T{self.fills}"),
            venue_order_id=VenueOrderId("X"),
            client_order_id=None,
            pair=BTC,
            side=side,
            quantity=amount,
            price=D(price),
            cost=amount * D(price),
            fee=D(0),
            fee_asset=USD,
            at=self.now,
        )
        return replace(fill, **changes)  # type: ignore[arg-type]

    # --- shorthand ------------------------------------------------------------------------------------------------

    def margin(self, equity: str, *, used: str = "0", level: str | None = None) -> list[Action]:
        return self.tell(self.margin_state(equity, used=used, level=level))

    def margin_state(self, equity: str, *, used: str = "0", level: str | None = None) -> MarginState:
        total, taken = D(equity), D(used)
        at = None if level is None else D(level)
        return MarginState(USD, self.now, total, total, taken, total - taken, D(0), at)

    def signal(
        self, target: Direction = Direction.LONG, price: str = "100", pair: Pair = BTC, **changes: object
    ) -> Signal:
        wish = Signal("test", pair, self.now, target, D(price), protection(), True, HOUR)
        return replace(wish, **changes)  # type: ignore[arg-type]

    def open(
        self, target: Direction = Direction.LONG, price: str = "100", pair: Pair = BTC, **changes: object
    ) -> PositionStory:
        """A filled, protected position of 10 (risk of 100 over a stop distance of 10)."""
        self.tell(self.signal(target, price, pair, **changes))
        self.tell(self.fill_of(self.entry(pair), price=price))
        return self.story(pair)

    def tick(self, after: timedelta = timedelta(0)) -> list[Action]:
        self.now += after
        return self.tell(Tick(self.now))

    def bar(self, open_: str, high: str, low: str, close: str, interval: timedelta = HOUR) -> list[Action]:
        begun = self.now
        self.now += interval
        return self.tell(Bar(BTC, interval, begun, D(open_), D(high), D(low), D(close), D(1)))

    def story(self, pair: Pair = BTC) -> PositionStory:
        return self.engine.state.stories[pair]

    def orders(self, pair: Pair = BTC, role: OrderRole | None = None) -> list[Order]:
        return [
            order
            for order in self.engine.state.orders.values()
            if order.request.pair == pair and (role is None or order.request.role is role)
        ]

    def working(self, pair: Pair = BTC, role: OrderRole | None = None) -> list[Order]:
        return [order for order in self.orders(pair, role) if not order.status.is_final]

    def entry(self, pair: Pair = BTC) -> Order:
        return self.orders(pair, OrderRole.ENTRY)[-1]

    def stop(self, pair: Pair = BTC) -> Order:
        """The one working stop."""
        (stop,) = [order for order in self.working(pair) if order.request.order_type is OrderType.STOP]
        return stop

    def targets(self, pair: Pair = BTC) -> list[Order]:
        return self.working(pair, OrderRole.TAKE_PROFIT)

    def closes(self, pair: Pair = BTC) -> list[Order]:
        """Working closing market orders."""
        return [
            order
            for order in self.working(pair)
            if order.request.reduce_only and order.request.order_type is OrderType.MARKET
        ]

    def order(self, client_order_id: ClientOrderId) -> Order:
        return self.engine.state.orders[client_order_id]


def placed(actions: Iterable[Action], role: OrderRole | None = None) -> list[Order]:
    """The orders that were sent."""
    return [each.order for each in actions if isinstance(each, Place) and role in (None, each.order.request.role)]


def alarms(actions: Iterable[Action]) -> list[str]:
    """The kinds of the alarms, in order."""
    return [each.kind for each in actions if isinstance(each, Alarm)]


def stories(actions: Iterable[Action]) -> list[PositionStory]:
    """The changed stories, in order."""
    return [each.story for each in actions if isinstance(each, StoryChanged)]


def changed(actions: Iterable[Action]) -> list[Order]:
    """The changed orders, in order."""
    return [each.order for each in actions if isinstance(each, OrderChanged)]


def shown(order: Order) -> str:
    """An order in one line: `sell stop 10 @90`."""
    request = order.request
    price = request.trigger_price or request.limit_price
    text = f"{request.side.value} {request.order_type.value} {plain(request.quantity)}"
    return text if price is None else f"{text} @{plain(price)}"
