"""A small venue of wallet settlement for the engine: no reduce-only, fees in what is received, words that get lost.

It answers as the live trader would after asking it, and keeps what really happened, against which the engine's belief
and every invariant are held.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_UP, Decimal
from random import Random

from jarvis.domain.account import AccountId, MarginState
from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.market import Quote, Tick
from jarvis.domain.money import ZERO, Asset, round_down, round_nearest, round_up
from jarvis.domain.order import (
    Fill,
    FillId,
    Order,
    OrderReport,
    OrderRequest,
    OrderRole,
    OrderStatus,
    OrderType,
    VenueOrderId,
)
from jarvis.domain.traits import Settlement, VenueTraits
from jarvis.trading.engine import Engine, EngineConfig
from jarvis.trading.events import (
    Action,
    Amend,
    AmendAnswered,
    Cancel,
    DebtGrew,
    EngineEvent,
    OrderAbsent,
    OrderAccepted,
    OrderLost,
    OrderRefused,
    Place,
    Resolve,
    StoryChanged,
)
from jarvis.trading.limits import Limits, Tiers
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Direction, Protection, Signal, TakeProfit
from tests.trading.bench import HOUR, START

D = Decimal
BTC = Pair.parse("BTC/USDT")
USDT = Asset("USDT")
BNB = Asset("BNB")
RATE = D("0.001")
CAREFUL = VenueTraits(Settlement.WALLET, reduce_only=False, amends=False)
AMENDING = VenueTraits(Settlement.WALLET, reduce_only=False, amends=True)


def instrument(**changes: object) -> Instrument:
    rules = Instrument(
        pair=BTC,
        symbol="BTCUSDT",
        tick=D("0.01"),
        lot=D("0.001"),
        cost_step=D("0.00000001"),
        min_quantity=D("0.001"),
        min_cost=D(5),
        leverage_long=(2, 3, 5),
        leverage_short=(2, 3, 5),
    )
    return replace(rules, **changes)  # type: ignore[arg-type]


LIMITS = Limits(
    leverage_cap=5,
    equity_share_per_position=D("0.2"),
    risk_per_trade=D("0.01"),
    daily_loss=Tiers(),
    drawdown=Tiers(),
    margin_level_floor=Tiers(),
    allowed_pairs=frozenset({BTC}),
)


@dataclass(slots=True)
class Resting:
    """An order as the venue has it."""

    request: OrderRequest
    venue_order_id: VenueOrderId
    status: OrderStatus = OrderStatus.OPEN
    filled: Decimal = ZERO

    @property
    def is_open(self) -> bool:
        return not self.status.is_final

    @property
    def left(self) -> Decimal:
        return self.request.quantity - self.filled


class WalletVenue:
    """The engine, the venue, and what has not been told yet. `random` None: everything works and is told at once."""

    def __init__(self, traits: VenueTraits = CAREFUL, random: Random | None = None) -> None:
        self.traits = traits
        self.random = random
        self.engine = Engine(
            EngineConfig(
                AccountId("anna"), "jv", LIMITS, {BTC: instrument()}, {BTC: 5}, traits=traits, taker_rates={BTC: RATE}
            )
        )
        self.now = START
        self.price = D(100)
        self.fee_asset: Asset | None = None
        self.orders: dict[str, Resting] = {}
        self.fills: list[Fill] = []
        self.untold: deque[EngineEvent] = deque()
        self.lost: dict[str, int] = {}
        self.said: list[Action] = []
        self.closed: list[PositionStory] = []
        self.refuse_next: str = ""
        self.lose_next: str = ""
        self.hold_fills = random is not None
        self.fill_share = D(1)
        self.charged = ZERO
        self.margin()

    # --- what is true -----------------------------------------------------------------------------------------------

    @property
    def held(self) -> Decimal:
        """Net base that came from fills and interest."""
        return sum((fill.held_quantity * fill.side.sign for fill in self.fills), ZERO) - self.charged

    @property
    def exits_at_work(self) -> list[Resting]:
        return [o for o in self.orders.values() if o.is_open and o.request.role is not OrderRole.ENTRY]

    @property
    def story(self) -> PositionStory | None:
        return self.engine.state.stories.get(BTC)

    @property
    def stop(self) -> Resting:
        (stop,) = self.exits_at_work
        assert stop.request.order_type is OrderType.STOP
        return stop

    # --- driving ----------------------------------------------------------------------------------------------------

    def tell(self, *events: EngineEvent) -> list[Action]:
        begin = len(self.said)
        for event in events:
            self._carry_out(self.engine.process(event))
        if not self.hold_fills:
            self.tell_all()
        return self.said[begin:]

    def tell_all(self) -> None:
        while self.untold:
            self._carry_out(self.engine.process(self.untold.popleft()))

    def margin(self, equity: str = "10000") -> None:
        amount = D(equity)
        self.tell(MarginState(USDT, self.now, amount, amount, ZERO, amount, ZERO, None))

    def signal(self, target: Direction, **changes: object) -> list[Action]:
        protection = Protection(D(10), take_profits=(TakeProfit(D(5), D("0.5")), TakeProfit(D(8), D("0.5"))))
        wish = Signal("test", BTC, self.now, target, self.price, protection, True, HOUR)
        return self.tell(replace(wish, **changes))  # type: ignore[arg-type]

    def tick(self, seconds: float = 1) -> list[Action]:
        self.now += timedelta(seconds=seconds)
        self.margin()
        said = self.tell(Tick(self.now))
        self.look_up()
        return said

    def move(self, price: Decimal | str) -> list[Action]:
        """The market trades at `price`: stops trigger, and the engine hears the quote."""
        self.price = D(price)
        for order in list(self.orders.values()):
            trigger = order.request.trigger_price
            if order.is_open and trigger is not None and (self.price - trigger) * order.request.side.sign >= 0:
                self.fill(order)
        return self.tell(Quote(BTC, self.price, self.price, self.price, self.now))

    def fill(self, order: Resting, share: Decimal | None = None) -> None:
        """Trade a part of what is left; the rest of a market order expires."""
        part = self.fill_share if share is None else share
        quantity = order.left if part == 1 else max(round_down(order.left * part, D("0.001")), D("0.001"))
        quantity = min(quantity, order.left)
        side = order.request.side
        cost = round_nearest(quantity * self.price, D("0.00000001"))
        fee, asset = round_nearest(cost * RATE, D("0.00000001")), USDT
        if self.fee_asset is not None:
            fee, asset = D("0.01"), self.fee_asset
        elif side is Side.BUY:
            fee = (quantity * RATE).quantize(D("0.00000001"), rounding=ROUND_UP)
            asset = BTC.base
        number = len(self.fills) + 1
        fill = Fill(
            FillId(f"T{number}"), order.venue_order_id, order.request.client_order_id, BTC, side, quantity, self.price,
            cost, fee, asset, self.now,
        )  # fmt: skip
        self.fills.append(fill)
        order.filled += quantity
        order.status = OrderStatus.FILLED if order.left == 0 else OrderStatus.PARTLY_FILLED
        self.untold.append(fill)
        self.untold.append(self.report(order))

    def charge(self, quantity: Decimal | str) -> list[Action]:
        """An hour's interest on the short, told as the trader tells it."""
        self.charged += D(quantity)
        return self.tell(DebtGrew(BTC, D(quantity), f"I{self.charged}", self.now))

    def report(self, order: Resting) -> OrderReport:
        return OrderReport(
            order.venue_order_id, order.status, self.now, client_order_id=order.request.client_order_id, pair=BTC,
            quantity=order.request.quantity, filled_quantity=order.filled, trigger_price=order.request.trigger_price,
        )  # fmt: skip

    def look_up(self) -> None:
        """What the trader does each step: an order that is not known is asked for, its fills are taken first."""
        for order in list(self.engine.state.orders.values()):
            if order.status is not OrderStatus.UNKNOWN:
                continue
            at_venue = self.orders.get(order.client_order_id)
            if at_venue is None:
                self.tell(OrderAbsent(order.client_order_id, self.now))
                continue
            for fill in [each for each in self.fills if each.client_order_id == order.client_order_id]:
                self.tell(fill)
            self.tell(self.report(at_venue))

    # --- answering --------------------------------------------------------------------------------------------------

    def _carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            self.said.append(action)
            answer: EngineEvent | None = None
            match action:
                case Place(order):
                    answer = self._placed(order)
                case Amend():
                    answer = self._amended(action)
                case Cancel():
                    answer = self._cancelled(action)
                case StoryChanged(story) if story.is_closed:
                    self.closed.append(story)
                case Resolve() | _:
                    pass
            self.check()
            if answer is not None:
                self._carry_out(self.engine.process(answer))

    def _placed(self, order: Order) -> EngineEvent:
        request, name = order.request, order.client_order_id
        if self._draw("refuse", 0.05):
            return OrderRefused(name, "invalid", "the venue said no.", self.now)
        lost = self._draw("lose", 0.1)
        if lost and self._chance(0.5):
            return OrderLost(name, self.now)  # it never came
        resting = Resting(request, VenueOrderId(f"V{len(self.orders) + 1}"))
        self.orders[name] = resting
        trigger = request.trigger_price
        if request.order_type is OrderType.MARKET:
            self._fill_in_parts(resting)
        elif trigger is not None and (self.price - trigger) * request.side.sign >= 0:
            self.fill(resting)
        return OrderLost(name, self.now) if lost else OrderAccepted(name, resting.venue_order_id, self.now)

    def _fill_in_parts(self, order: Resting) -> None:
        if self.random is None:
            self.fill(order)
        elif self._chance(0.3):
            self.fill(order, D("0.4"))
            if order.is_open and self._chance(0.5):
                order.status = OrderStatus.EXPIRED
                self.untold.append(self.report(order))
            elif order.is_open:
                self.fill(order, D(1))
        else:
            self.fill(order, D(1))

    def _amended(self, action: Amend) -> EngineEvent:
        order = self.orders[action.client_order_id]
        if not order.is_open:
            return OrderLost(action.client_order_id, self.now)
        if self._draw("refuse", 0.1):
            return AmendAnswered(action.client_order_id, None, None, None, "too late.", self.now)
        request = order.request
        order.request = replace(
            request,
            quantity=request.quantity if action.quantity is None else action.quantity,
            trigger_price=request.trigger_price if action.trigger_price is None else action.trigger_price,
        )
        if self._draw("lose", 0.1):
            return OrderLost(action.client_order_id, self.now)
        return AmendAnswered(action.client_order_id, action.quantity, action.trigger_price, None, "", self.now)

    def _cancelled(self, action: Cancel) -> EngineEvent:
        order = self.orders[action.client_order_id]
        if order.is_open and self._draw("fill while cancelling", 0.15):
            self.fill(order, D("0.4") if self._chance(0.5) else None)
        if self._draw("lose", 0.1) and (self.random is None or self._chance(0.7)):
            return OrderLost(action.client_order_id, self.now)  # it did not come
        if not order.is_open:
            return OrderLost(action.client_order_id, self.now)
        order.status = OrderStatus.CANCELLED
        if self._draw("lose", 0.1):
            return OrderLost(action.client_order_id, self.now)
        if self._chance(0.3):
            return replace(self.report(order), filled_quantity=None)  # says that it is gone, not how much was filled
        return self.report(order)

    def _draw(self, what: str, probability: float) -> bool:
        if what == self.refuse_next:
            self.refuse_next = ""
            return True
        if what == self.lose_next:
            self.lose_next = ""
            return True
        return self._chance(probability)

    def _chance(self, probability: float) -> bool:
        return self.random is not None and self.random.random() < probability

    # --- what must always hold --------------------------------------------------------------------------------------

    def check(self) -> None:
        """One exit at most, and not larger than what is open beside the crumbs of former positions."""
        exits = self.exits_at_work
        ended = {story.position_id: story.position.quantity for story in self.closed}
        held = self.held - sum(ended.values(), ZERO)
        assert len(exits) <= 1, f"two exits are at work: {exits}"
        for order in exits:
            if order.request.side is Side.SELL:
                assert order.left <= held, f"sells more than is held: {order} of {held}"
            else:
                grossed = round_up(-held / (1 - RATE), D("0.001")) + D("0.001")
                assert order.left <= grossed, f"buys back more than is owed: {order} of {held}"
