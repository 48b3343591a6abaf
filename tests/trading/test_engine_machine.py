"""The engine against a small venue that answers, forgets, repeats, reorders and crashes as it likes.

The venue here is the whole truth and knows nothing of the engine: orders, what they traded, and the net position.
After every step the engine must hold exactly what its own fills add up to, protect it, and never exceed its limits;
after all has been told it must agree with the venue; after a flatten nothing may be left.
"""

import copy
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jarvis.domain.account import MarginState
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Bar, Tick
from jarvis.domain.money import ONE, USD, ZERO
from jarvis.domain.order import (
    ClientOrderId,
    Fill,
    FillId,
    Order,
    OrderReport,
    OrderRequest,
    OrderRole,
    OrderStatus,
    OrderType,
    PositionId,
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
    Flatten,
    MarksChanged,
    OrderAbsent,
    OrderAccepted,
    OrderChanged,
    OrderLost,
    OrderRefused,
    Pause,
    Place,
    Resolve,
    Resume,
    StoryChanged,
)
from jarvis.trading.sizing import Costs
from jarvis.trading.state import EngineState, Marks, order_number
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Direction, Signal

from .bench import BTC, ETH, START, D, instrument, limits, protection

EQUITY = D(10000)
CAP = D(2000)  # 20 % of equity
LEVERAGE = 5
PAIRS = (BTC, ETH)
WAYS = ("taken", "taken", "taken", "taken", "refused", "lost but taken", "lost on the way")


@dataclass
class AtVenue:
    """An order as the venue has it."""

    request: OrderRequest
    venue_order_id: VenueOrderId
    quantity: Decimal
    filled: Decimal = ZERO
    status: OrderStatus = OrderStatus.OPEN

    @property
    def is_open(self) -> bool:
        return self.status is OrderStatus.OPEN


class DiedError(Exception):
    """The process was killed here."""


class EngineMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.now = START
        self.price = {BTC: D(100), ETH: D(100)}
        self.venue: dict[ClientOrderId, AtVenue] = {}
        self.position = {BTC: ZERO, ETH: ZERO}
        self.ours = {BTC: ZERO, ETH: ZERO}
        self.untold: list[EngineEvent] = []
        self.told_fills: list[Fill] = []
        self.told_reports: list[OrderReport] = []
        self.dies_after: int | None = None
        self.ways: list[str] = []
        self.sent: list[ClientOrderId] = []
        self.lost: set[ClientOrderId] = set()
        self.alarms: list[Alarm] = []
        self.kept_orders: dict[ClientOrderId, Order] = {}
        self.kept_stories: dict[PositionId, PositionStory] = {}
        self.kept_marks = Marks()
        self.statuses: dict[ClientOrderId, Order] = {}
        self.fills = 0
        self.config = EngineConfig(
            account_id="anna",  # type: ignore[arg-type]
            id_prefix="jv",
            limits=limits(max_open_positions=1, equity_share_per_position=D("0.2"), risk_per_trade=D("0.02")),
            instruments={pair: instrument(pair) for pair in PAIRS},
            leverage_caps=dict.fromkeys(PAIRS, 10),
            costs=Costs(ZERO, ZERO, ZERO),
        )
        self.engine = Engine(self.config)
        self.tell(self.margin())

    # --- the driver, as the live trader does it -------------------------------------------------------------------

    def tell(self, *events: EngineEvent) -> list[Action]:
        """Everything that the events led to; a crash on the way ends it and starts the process again."""
        try:
            return [action for event in events for action in self.process(event)]
        except DiedError:
            self.restart()
            return []

    def process(self, event: EngineEvent) -> list[Action]:
        actions = self.engine.process(event)
        everything = list(actions)
        if isinstance(event, Fill):  # a fill is kept in one transaction with what it changed
            for action in actions:
                self.record(action)
            actions = [action for action in actions if not isinstance(action, OrderChanged | StoryChanged)]
        for action in actions:
            self.may_die()
            self.record(action)
            self.may_die()
            answer = self.carry_out(action)
            self.may_die()
            if answer is not None:
                everything += self.process(answer)
        return everything

    def may_die(self) -> None:
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after < 0:
                self.dies_after = None
                raise DiedError

    def record(self, action: Action) -> None:
        match action:
            case OrderChanged(order) | Place(order):
                self.kept_orders[order.client_order_id] = order
            case StoryChanged(story):
                self.kept_stories[story.position_id] = story
            case MarksChanged(marks):
                self.kept_marks = marks
            case _:
                pass

    def carry_out(self, action: Action) -> EngineEvent | None:
        match action:
            case Place(order):
                return self.place(order)
            case Amend():
                return self.amend(action)
            case Cancel():
                return self.cancel(action)
            case Resolve(client_order_id):
                self.lost.add(client_order_id)
            case Alarm():
                self.alarms.append(action)
            case _:
                pass
        return None

    def way(self) -> str:
        return self.ways.pop(0) if self.ways else "taken"

    def place(self, order: Order) -> EngineEvent:
        client_order_id = order.client_order_id
        assert client_order_id not in self.sent, "an intent was sent twice"
        self.sent.append(client_order_id)
        if order.request.role is OrderRole.ENTRY:
            state = self.engine.state
            assert not state.marks.paused, "an entry was sent while paused"
            assert not any(block.concerns(order.request.pair) for block in state.blocks), "an entry passed a block"
        way = self.way()
        if way == "lost on the way":
            return OrderLost(client_order_id, self.now)
        if way == "refused" or not self.can_take(order.request):
            return OrderRefused(client_order_id, "invalid", "no", self.now)
        venue_order_id = VenueOrderId(f"V{len(self.sent)}")
        self.venue[client_order_id] = AtVenue(order.request, venue_order_id, order.request.quantity)
        if order.request.order_type is OrderType.MARKET:
            self.execute(client_order_id, 2 if len(self.sent) % 3 == 0 else 1)
        if way == "lost but taken":
            return OrderLost(client_order_id, self.now)
        return OrderAccepted(client_order_id, venue_order_id, self.now)

    def can_take(self, request: OrderRequest) -> bool:
        held = self.position[request.pair]
        return not request.reduce_only or held * request.side.sign < 0

    def amend(self, action: Amend) -> EngineEvent:
        way, at_venue = self.way(), self.venue[action.client_order_id]
        answer = AmendAnswered(action.client_order_id, action.quantity, action.trigger_price, None, "", self.now)
        if way == "lost on the way" or not at_venue.is_open:
            return OrderLost(action.client_order_id, self.now)
        if way == "refused" or (action.quantity or at_venue.quantity) <= at_venue.filled:
            return replace(answer, refused="no")
        at_venue.quantity = action.quantity or at_venue.quantity
        at_venue.request = replace(
            at_venue.request, trigger_price=action.trigger_price or at_venue.request.trigger_price
        )
        return OrderLost(action.client_order_id, self.now) if way == "lost but taken" else answer

    def cancel(self, action: Cancel) -> EngineEvent:
        way, at_venue = self.way(), self.venue[action.client_order_id]
        if way in ("lost on the way", "refused") or not at_venue.is_open:
            return OrderLost(action.client_order_id, self.now)
        at_venue.status = OrderStatus.CANCELLED
        told = OrderReport(
            at_venue.venue_order_id, OrderStatus.CANCELLED, self.now, client_order_id=action.client_order_id
        )
        return OrderLost(action.client_order_id, self.now) if way == "lost but taken" else told

    def report(self, at_venue: AtVenue) -> OrderReport:
        return OrderReport(
            at_venue.venue_order_id,
            at_venue.status,
            self.now,
            client_order_id=at_venue.request.client_order_id,
            quantity=at_venue.quantity,
            filled_quantity=at_venue.filled,
            trigger_price=at_venue.request.trigger_price,
            limit_price=at_venue.request.limit_price,
        )

    def execute(self, client_order_id: ClientOrderId, parts: int, share: Decimal = ONE) -> None:
        """Trade what the order may trade; its fills and reports wait to be told."""
        at_venue = self.venue[client_order_id]
        request, left = at_venue.request, at_venue.quantity - at_venue.filled
        if request.reduce_only:
            left = min(left, max(ZERO, -self.position[request.pair] * request.side.sign))
        wanted = left if share == 1 else self.config.instruments[request.pair].round_quantity(left * share)
        for part in range(parts):
            quantity = wanted if part == parts - 1 else (wanted / 2).quantize(D("0.001"))
            wanted -= quantity
            if quantity > 0:
                self.trade(at_venue, quantity)
        if at_venue.filled == at_venue.quantity:
            at_venue.status = OrderStatus.FILLED
        elif share == 1:
            at_venue.status = OrderStatus.CANCELLED  # nothing was left to reduce
        self.untold.append(self.report(at_venue))

    def trade(self, at_venue: AtVenue, quantity: Decimal) -> None:
        request = at_venue.request
        self.fills += 1
        at_venue.filled += quantity
        self.position[request.pair] += quantity * request.side.sign
        fill = self.fill(request.pair, request.side, quantity)
        self.untold.append(
            replace(fill, venue_order_id=at_venue.venue_order_id, client_order_id=request.client_order_id)
        )

    def fill(self, pair: Pair, side: Side, quantity: Decimal) -> Fill:
        self.fills += 1
        return Fill(
            fill_id=FillId(f"T{self.fills}"),
            venue_order_id=VenueOrderId("X"),
            client_order_id=None,
            pair=pair,
            side=side,
            quantity=quantity,
            price=self.price[pair],
            cost=quantity * self.price[pair],
            fee=ZERO,
            fee_asset=USD,
            at=self.now,
        )

    def margin(self) -> MarginState:
        used = sum((abs(self.position[pair]) * self.price[pair] / LEVERAGE for pair in PAIRS), ZERO)
        level = EQUITY / used if used else None
        return MarginState(USD, self.now, EQUITY, EQUITY, used, EQUITY - used, ZERO, level)

    def hear(self, event: EngineEvent) -> list[Action]:
        """Tell one thing that the venue had to say."""
        if isinstance(event, Fill):
            self.told_fills.append(event)
            if event.client_order_id is not None or event.is_liquidation:
                self.ours[event.pair] += event.signed_quantity
        elif isinstance(event, OrderReport):
            self.told_reports.append(event)
        return self.tell(event)

    def look_up(self, client_order_id: ClientOrderId) -> None:
        """Prove what became of a lost order: its fills first, then the order."""
        self.lost.discard(client_order_id)
        order = self.engine.state.orders.get(client_order_id)
        if order is None or order.status is not OrderStatus.UNKNOWN:
            return
        at_venue = self.venue.get(client_order_id)
        if at_venue is None:
            self.tell(OrderAbsent(client_order_id, self.now))
            return
        for event in [each for each in self.untold if isinstance(each, Fill)]:
            if event.client_order_id == client_order_id:
                self.untold.remove(event)
                self.hear(event)
        self.tell(self.report(at_venue))

    # --- what may happen ------------------------------------------------------------------------------------------

    @rule(ways=st.lists(st.sampled_from(WAYS), max_size=5))
    def venue_will_answer(self, ways: list[str]) -> None:
        self.ways = ways

    def want(self, pair: Pair, wanted: Direction, *, is_new: bool = True) -> None:
        wish = protection(trailing=pair == BTC, time_stop=timedelta(hours=6))
        signal = Signal("test", pair, self.now, wanted, self.price[pair], wish, is_new, timedelta(hours=1))
        self.tell(self.margin(), signal)

    @rule(pair=st.sampled_from(PAIRS), wanted=st.sampled_from(Direction), is_new=st.booleans())
    def strategy_wants(self, pair: Pair, wanted: Direction, is_new: bool) -> None:
        self.want(pair, wanted, is_new=is_new)

    @rule(
        pair=st.sampled_from(PAIRS),
        wanted=st.sampled_from([Direction.LONG, Direction.SHORT]),
        ways=st.lists(st.sampled_from(WAYS), max_size=3),
        is_told=st.booleans(),
        dies_after=st.none() | st.integers(0, 20),
    )
    def a_person_resumes_and_strategy_opens(
        self, pair: Pair, wanted: Direction, ways: list[str], is_told: bool, dies_after: int | None
    ) -> None:
        self.tell(Resume(self.now))
        self.dies_after = dies_after
        self.ways = ways
        self.want(pair, wanted)
        if is_told:
            self.everything_is_told()

    @precondition(lambda self: self.untold)
    @rule(data=st.data())
    def something_is_told(self, data: st.DataObject) -> None:
        self.hear(self.untold.pop(data.draw(st.integers(0, len(self.untold) - 1))))

    @rule()
    def everything_is_told(self) -> None:
        while self.untold:
            self.hear(self.untold.pop(0))

    @precondition(lambda self: self.told_fills)
    @rule(data=st.data())
    def a_fill_is_told_again(self, data: st.DataObject) -> None:
        fill = data.draw(st.sampled_from(self.told_fills))
        before = copy.deepcopy(self.engine.state)

        actions = self.tell(fill)

        assert actions == []
        assert self.engine.state == before

    @rule(data=st.data(), share=st.sampled_from([D(1), D(1), D("0.4")]))
    def a_resting_order_trades(self, data: st.DataObject, share: Decimal) -> None:
        resting = [each for each, order in self.venue.items() if order.is_open]
        if resting:
            self.execute(data.draw(st.sampled_from(sorted(resting))), 1, share)

    @rule(data=st.data())
    def the_venue_drops_an_order(self, data: st.DataObject) -> None:
        resting = [each for each, order in self.venue.items() if order.is_open]
        if resting:
            dropped = self.venue[data.draw(st.sampled_from(sorted(resting)))]
            dropped.status = OrderStatus.CANCELLED
            self.untold.append(self.report(dropped))

    @precondition(lambda self: self.lost)
    @rule()
    def lost_orders_are_looked_up(self) -> None:
        for client_order_id in sorted(self.lost):
            self.look_up(client_order_id)

    @rule(pair=st.sampled_from(PAIRS), move=st.integers(-8, 8))
    def a_bar_closes(self, pair: Pair, move: int) -> None:
        opened = self.price[pair]
        close = max(D(50), opened + move)
        self.price[pair] = close
        hour = timedelta(hours=1)
        bar = Bar(pair, hour, self.now, opened, max(opened, close) + 1, min(opened, close) - 1, close, D(1))
        self.now += hour
        self.tell(bar, self.margin(), Tick(self.now))

    @rule(seconds=st.integers(1, 90))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.tell(Tick(self.now))

    @rule(command=st.sampled_from(["pause", "resume", "resume", "flatten one", "flatten all"]))
    def a_person_commands(self, command: str) -> None:
        match command:
            case "pause":
                self.tell(Pause(self.now))
            case "resume":
                self.tell(Resume(self.now))
            case "flatten one":
                self.tell(Flatten(self.now, BTC))
            case "flatten all":
                self.tell(Flatten(self.now))

    @precondition(lambda self: self.position[BTC] != 0)
    @rule(half=st.booleans())
    def the_venue_liquidates(self, half: bool) -> None:
        self.everything_is_told()
        held = self.position[BTC]
        quantity = self.config.instruments[BTC].round_quantity(abs(held) / 2) if half else abs(held)
        if quantity:
            side = Side.SELL if held > 0 else Side.BUY
            self.position[BTC] += quantity * side.sign
            self.untold.append(replace(self.fill(BTC, side, quantity), is_liquidation=True))

    @precondition(lambda self: self.told_reports)
    @rule(data=st.data())
    def an_old_report_is_told_again(self, data: st.DataObject) -> None:
        report = data.draw(st.sampled_from(self.told_reports))
        before = self.engine.state.orders.get(report.client_order_id or ClientOrderId(""))

        self.tell(report)

        if before is not None and before.status.is_final:
            assert self.engine.state.orders.get(before.client_order_id) == before

    @rule(quantity=st.sampled_from([D(1), D(30)]), side=st.sampled_from(Side))
    def a_stranger_trades(self, quantity: Decimal, side: Side) -> None:
        before = {pair: story.position for pair, story in self.engine.state.stories.items()}

        self.tell(self.fill(ETH, side, quantity))  # closed again elsewhere: the venue's net is left as it was

        # A process that dies of it looks its orders up again: what they answer is no move of a position.
        assert {pair: story.position for pair, story in self.engine.state.stories.items()} == before
        assert any(block.concerns(ETH) for block in self.engine.state.blocks)

    @rule(after=st.integers(0, 12))
    def the_process_will_die_soon(self, after: int) -> None:
        self.dies_after = after

    @rule()
    def the_process_dies_and_starts_again(self) -> None:
        self.restart()

    def restart(self) -> None:
        open_stories = [story for story in self.kept_stories.values() if not story.is_closed]
        orders = list(self.kept_orders.values())
        numbers = [order_number("jv", each) or 0 for each in self.kept_orders]
        state = EngineState.adopt(
            orders,
            [PositionStory.from_json(story.to_json()) for story in open_stories],
            marks=Marks.from_json(self.kept_marks.to_json()),
            next_id=max(numbers, default=0) + 1,
        )
        self.dies_after = None
        self.engine = Engine(self.config, state)
        self.told_fills = []  # what was booked before a restart is stopped by the journal
        self.lost = set()
        for order in orders:
            at_venue = self.venue.get(order.client_order_id)
            if not order.status.is_final:
                known = at_venue is not None and at_venue.is_open
                self.tell(self.report(at_venue) if at_venue and known else OrderLost(order.client_order_id, self.now))
        self.tell(self.margin(), Tick(self.now))

    # --- what must hold -------------------------------------------------------------------------------------------

    @invariant()
    def positions_are_the_sum_of_our_fills(self) -> None:
        for pair in PAIRS:
            story = self.engine.state.stories.get(pair)
            assert (story.position.quantity if story else ZERO) == self.ours[pair]

    @invariant()
    def every_open_position_is_protected_or_on_its_way_out(self) -> None:
        for pair, story in self.engine.state.stories.items():
            if story.quantity < self.config.instruments[pair].min_quantity:
                continue  # dust: no venue takes an order for it
            orders = [order for order in self.working() if order.request.pair == pair and order.request.reduce_only]
            stops = [order for order in orders if order.request.order_type is OrderType.STOP]
            covered = sum((stop.remaining_quantity for stop in stops), ZERO)
            is_closing = any(order.request.order_type is OrderType.MARKET for order in orders)
            is_unknown = any(stop.status is OrderStatus.UNKNOWN for stop in stops) and self.alarmed(
                "stop_unknown", pair
            )
            is_tried_again = story.exit_role is not None and self.alarmed("close_failed", pair)
            is_stopping = story.exit_role is OrderRole.STOP and any(stop.filled_quantity for stop in stops)
            assert covered >= story.quantity or is_closing or is_unknown or is_tried_again or is_stopping, pair

    @invariant()
    def no_closing_order_is_sent_beside_another(self) -> None:
        for pair in PAIRS:
            closes = [
                order
                for order in self.working()
                if order.request.pair == pair
                and order.request.reduce_only
                and order.request.order_type is OrderType.MARKET
            ]
            assert len(closes) <= 1

    @invariant()
    def exposure_stays_within_the_limits(self) -> None:
        engaged = set()
        for pair in PAIRS:
            story = self.engine.state.stories.get(pair)
            entering = sum(
                (
                    order.remaining_quantity
                    for order in self.working()
                    if order.request.role is OrderRole.ENTRY and order.request.pair == pair
                ),
                ZERO,
            )
            held = story.quantity if story else ZERO
            if held + entering > self.config.instruments[pair].min_quantity:
                engaged.add(pair)
            assert (held + entering) * D(50) <= CAP * LEVERAGE
        if not self.alarmed("late_fill") and not self.alarmed("position_reversed"):
            assert len(engaged) <= self.config.limits.max_open_positions

    @invariant()
    def an_order_never_goes_back(self) -> None:
        for client_order_id, order in self.engine.state.orders.items():
            before = self.statuses.get(client_order_id)
            if before is not None:
                assert order.filled_quantity >= before.filled_quantity
                if before.status.is_final and order.status is not before.status:
                    assert order.filled_quantity > before.filled_quantity, "an ended order changed without a fill"
                assert order.status is not OrderStatus.INTENT
            self.statuses[client_order_id] = order

    @invariant()
    def what_was_kept_is_what_is_known(self) -> None:
        for pair, story in self.engine.state.stories.items():
            assert self.kept_stories[story.position_id] == story, pair
        assert self.kept_marks == self.engine.state.marks

    def teardown(self) -> None:
        if not hasattr(self, "engine"):
            return
        self.ways, self.dies_after = [], None
        self.settle()
        for pair in PAIRS:
            assert self.ours[pair] == self.position[pair], "a fill was never told"
        self.tell(Flatten(self.now))
        self.settle()
        for pair in PAIRS:
            story = self.engine.state.stories.get(pair)
            least = self.config.instruments[pair].min_quantity
            assert story is None or story.quantity < least, f"{pair} is still open"
            assert abs(self.position[pair]) < least
        assert self.working() == []
        left = [order for order in self.venue.values() if order.is_open]
        assert left == [], "an order was left behind at the venue"

    def settle(self) -> None:
        """The venue heals: everything is told, everything lost is found, time passes."""
        for _ in range(8):
            self.everything_is_told()
            for order in self.working():
                if order.status is OrderStatus.UNKNOWN:
                    self.look_up(order.client_order_id)
            self.now += timedelta(minutes=6)
            self.tell(Tick(self.now))

    def working(self) -> list[Order]:
        return [order for order in self.engine.state.orders.values() if not order.status.is_final]

    def alarmed(self, kind: str, pair: Pair | None = None) -> bool:
        return any(alarm.kind == kind and pair in (None, alarm.pair) for alarm in self.alarms)


TestEngineMachine = EngineMachine.TestCase
TestEngineMachine.settings = settings(
    max_examples=200,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
