"""The exact backtest: the very engine that trades live, against the simulated exchange, journalled in double entry.

The order of events is the live trader's (`live/trader.py`, `live/floor.py`) when it follows a sandbox's clock, so
that both give the same fills. For each step of one native bar:

1. `exchange.advance(now)`; what it tells is taken in its order: a fill goes through the engine and into the journal,
   a ledger row into the journal, an order's news to the engine;
2. the account's margin state;
3. every candle of a followed size that the native bars complete, by time and pair; then the signals that those
   candles give, in the order of the subscriptions; then the tick.

After each event the actions that it caused are carried out one by one; a placed, amended or cancelled order is
answered at once, before the next action. What the exchange tells meanwhile waits in line and is taken, first in
first out, when all actions of the event are carried out and before the next bar, signal or tick. An order whose
cancelling or amending finds it gone is looked up: first its fills, then how it ended.

Steps in which nothing can happen (no bar, nothing open, no order at the exchange) are passed over.

At a venue that settles by wallet, `traits` say so. Orders trade in the cross account and borrow what it lacks; exits
repay with their proceeds, and what is still owed when nothing is open is repaid at the end of the step. Interest goes
into the journal by position, and into the engine where it makes a short's debt larger.

Unrealistic: a venue's own switches for borrowing and repaying are passed by; waiting stops keep the funds they need.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.backtest.result import BacktestResult, Trade
from jarvis.backtest.wishes import Script, candles_of
from jarvis.domain.account import AccountId, LedgerKind, LedgerRow, MarginState
from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.market import Bar, Tick
from jarvis.domain.money import ONE, USD, ZERO, Asset, round_nearest
from jarvis.domain.order import ClientOrderId, Fill, OrderReport, OrderRequest, OrderRole, OrderStatus, PositionId
from jarvis.domain.traits import Settlement, VenueTraits
from jarvis.ledger.attribution import DecidedFill, waterfall
from jarvis.ledger.book import Book
from jarvis.ledger.journal import Account, Entry
from jarvis.ledger.performance import EquityPoint
from jarvis.sim.exchange import (
    Refusal,
    SimEvent,
    SimExchange,
    SimFill,
    SimInterest,
    SimLedger,
    SimOrder,
    SimOrderEvent,
    SimOrderRequest,
    SimPlaced,
    SimRefused,
)
from jarvis.sim.market import RecordedMarket
from jarvis.sim.models import KRAKEN, VenueModel
from jarvis.trading.bars import BarAggregator
from jarvis.trading.engine import Engine, EngineConfig
from jarvis.trading.events import (
    Action,
    Alarm,
    Amend,
    AmendAnswered,
    Cancel,
    DebtGrew,
    EngineEvent,
    OrderAccepted,
    OrderChanged,
    OrderLost,
    OrderRefused,
    Place,
    Resolve,
    StoryChanged,
)
from jarvis.trading.limits import Limits
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import BarArrays, Signal, Strategy, resolve
from jarvis.trading.universe import universe_of

_PROGRESS_CALLS = 200
_ACCOUNT = AccountId("backtest")
_TOLD_LEVEL_STEP = Decimal("0.01")  # of a per cent


@dataclass(frozen=True, slots=True)
class Followed:
    """A strategy on one pair and bar size, with the values that differ from its defaults."""

    strategy: str
    pair: Pair
    interval: timedelta
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Backtest:
    """What is to be run: native candles per pair, what is followed, and the account's limits and deposits.

    `leverage_caps` is the catalogue's cap per pair. The seed decides the exchange's ids and nothing else here: the
    market is recorded. `traits` are how the engine takes the venue to behave; raises ValueError if `model` settles
    otherwise. `strategies` are what `followed` may name. Before `wishes_from` strategies only warm up.
    """

    bars: Mapping[Pair, Sequence[Bar]]
    followed: Sequence[Followed]
    limits: Limits
    instruments: Mapping[Pair, Instrument]
    leverage_caps: Mapping[Pair, int]
    deposits: Mapping[Asset, Decimal]
    model: VenueModel = KRAKEN
    asset: Asset = USD
    seed: int = 0
    account_id: AccountId = _ACCOUNT
    id_prefix: str = "bt"
    traits: VenueTraits = field(default_factory=VenueTraits)
    strategies: Mapping[str, Strategy] = field(default_factory=lambda: STRATEGIES)
    wishes_from: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse an engine that would misread the venue's balances."""
        if self.is_wallet != (self.model.wallet is not None):
            raise ValueError("the traits and the model must settle in the same way")

    @property
    def is_wallet(self) -> bool:
        """Whether base and quote change hands at each fill."""
        return self.traits.settlement is Settlement.WALLET


def run(
    wanted: Backtest,
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> BacktestResult:
    """The result of the backtest. `progress` is told the fraction done; `cancelled` is asked as often."""
    market = RecordedMarket(wanted.bars)
    listed = {pair: wanted.instruments[pair] for pair in market.pairs}
    exchange = SimExchange(instruments=listed, model=wanted.model, market=market, seed=wanted.seed)
    session = _Session(wanted, exchange)
    closing: dict[datetime, list[Bar]] = {}
    for bars in wanted.bars.values():
        for bar in bars:
            closing.setdefault(bar.closed_at, []).append(bar)
    end = max(closing)
    steps = (end - market.start) // market.step
    mark = max(1, steps // _PROGRESS_CALLS)
    is_complete = True
    for number in range(1, steps + 1):
        now = market.start + number * market.step
        finished = closing.get(now)
        if finished is not None or not session.is_idle():
            session.step(now, sorted(finished or (), key=lambda bar: bar.pair))
        if number % mark == 0:
            if progress is not None:
                progress(number / steps)
            if cancelled is not None and cancelled():
                is_complete = False
                break
    return session.result(market.start, is_complete=is_complete)


class _Session:
    """One account's run: the engine, the exchange, the books, and what waits in line."""

    def __init__(self, wanted: Backtest, exchange: SimExchange) -> None:
        self._wanted = wanted
        self._account = wanted.account_id
        self._exchange = exchange
        taker_rate = wanted.model.fee.taker_rate
        self._engine = Engine(
            EngineConfig(
                wanted.account_id,
                wanted.id_prefix,
                wanted.limits,
                exchange.instruments,
                wanted.leverage_caps,
                traits=wanted.traits,
                taker_rates=dict.fromkeys(exchange.instruments, taker_rate) if wanted.is_wallet else {},
            )
        )
        self._scripts = [(each, self._script(each)) for each in wanted.followed]
        self._aggregators = {(each.pair, each.interval): BarAggregator(each.interval) for each in wanted.followed}
        cost_steps = {pair: instrument.cost_step for pair, instrument in exchange.instruments.items()}
        self._book = Book(cost_steps, wanted.traits.settlement)
        self._waiting: deque[SimEvent] = deque()
        # What is charged for borrowing is told before the fill that it was borrowed for: it is booked after it.
        self._early_charges: set[str] = set()
        self._early_rows: deque[LedgerRow] = deque()
        self._requests: dict[ClientOrderId, OrderRequest] = {}
        self._stories: dict[PositionId, PositionStory] = {}
        self._lost: list[ClientOrderId] = []
        self._curve: list[EquityPoint] = []
        self._alarms: list[str] = []
        exchange.open_account(self._account, wanted.deposits)
        self._waiting.extend(exchange.drain())
        self._take_waiting()
        self._curve.append(EquityPoint(exchange.now, exchange.margin(self._account).e))

    def _script(self, followed: Followed) -> Script:
        """What is wished on this pair; the others stand beside it for a strategy that looks at them."""
        strategy = self._wanted.strategies[followed.strategy]
        values = resolve(strategy, followed.values)
        pairs = {followed.pair, *universe_of(strategy, values, followed.pair, self._wanted.bars)}
        step = next(bars[0].interval for bars in self._wanted.bars.values() if bars)
        candles = {
            pair: candles_of(BarArrays.of(self._wanted.bars[pair]), step, followed.interval).bars for pair in pairs
        }
        return Script(strategy, values, followed.pair, candles)

    def is_idle(self) -> bool:
        """Whether only a new bar can make anything happen."""
        return not self._engine.state.stories and not self._exchange.orders(self._account)

    def step(self, now: datetime, native: Sequence[Bar]) -> None:
        """Take one step of the market."""
        self._waiting.extend(self._exchange.advance(now))
        self._take_waiting()
        margin = self._margin(now)
        self._process(margin)
        finished = [
            (key, bar) for one in native for key in self._of(one.pair) for bar in self._aggregators[key].push(one)
        ]
        signals: dict[int, Signal] = {}
        for number, (followed, script) in enumerate(self._scripts):
            for key, bar in finished:
                if key == (followed.pair, followed.interval):
                    signal = script.next(bar)
                    if signal is not None and (self._wanted.wishes_from is None or now >= self._wanted.wishes_from):
                        signals[number] = signal
        events: list[EngineEvent] = [*(bar for _, bar in finished), *signals.values(), Tick(now)]
        for event in events:
            self._process(event)
            self._take_waiting()
        self._look_up_lost()
        if self._wanted.is_wallet and self.is_idle():
            self._repay_all()
        self._curve.append(EquityPoint(now, margin.equity))

    def _repay_all(self) -> None:
        """Repay what no position needs any more. It moves no net balance, so nothing is booked for it."""
        for asset, balance in self._exchange.balances(self._account).items():
            if balance.owed and balance.available:
                self._exchange.repay(self._account, asset, None)

    def result(self, started_at: datetime, *, is_complete: bool) -> BacktestResult:
        """What it came to."""
        entries: dict[PositionId | None, list[Entry]] = {}
        for entry in self._book.entries:
            entries.setdefault(entry.position_id, []).append(entry)
        return BacktestResult(
            started_at=started_at,
            ended_at=self._exchange.now,
            is_complete=is_complete,
            asset=self._wanted.asset,
            curve=self._curve,
            entries=self._book.entries,
            trades=[
                self._trade(story, entries[story.position_id]) for story in self._stories.values() if story.fill_ids
            ],
            fills=list(self._book.fills.values()),
            bars={pair: len(bars) for pair, bars in self._wanted.bars.items()},
            venue_balances={asset: balance.total for asset, balance in self._exchange.balances(self._account).items()},
            alarms=self._alarms,
            orders=self._requests,
        )

    # --- what comes in -----------------------------------------------------------------------------------------

    def _take_waiting(self) -> None:
        while True:
            self._waiting.extend(self._exchange.drain())
            if self._waiting:
                self._take(self._waiting.popleft())
            elif self._early_rows:
                self._take_row(self._early_rows.popleft())
            else:
                return

    def _take(self, event: SimEvent) -> None:
        match event:
            case SimFill(fill=fill):
                self._take_fill(fill)
            case SimInterest(on_borrow=True, number=number):
                self._early_charges.add(str(number))
            case SimLedger(row=row) if row.kind is LedgerKind.INTEREST and row.ref_id in self._early_charges:
                self._early_rows.append(row)
            case SimLedger(row=row):
                self._take_row(row)
            case SimOrderEvent() if not event.order.is_liquidation:  # its fills say all there is to say
                self._process(_report(event.order, event.at, event.reason))

    def _take_fill(self, fill: Fill) -> None:
        if fill.fill_id in self._book.fills:
            return
        actions = self._engine.process(fill)
        # What a closing fill makes room for begins in the same breath: the fill is not its story's.
        changed = (action.story for action in actions if isinstance(action, StoryChanged))
        story = next((each for each in changed if fill.fill_id in each.fill_ids), None)
        self._book.add_fill(fill, story.position_id if story is not None else None)
        self._carry_out_all(actions)

    def _take_row(self, row: LedgerRow) -> None:
        for entry in self._book.add_row(row):
            grown = entry.amount(Account.BASIS, row.asset)
            if row.kind is LedgerKind.INTEREST and grown and entry.pair is not None:
                self._process(DebtGrew(entry.pair, grown, row.row_id, row.at))

    def _margin(self, now: datetime) -> MarginState:
        """The margin state, rounded as the venue tells it: what sizing reads must be the same as live."""
        margin = self._exchange.margin(self._account)
        step = self._wanted.model.told_step
        level = None if margin.ml is None else round_nearest(margin.ml, _TOLD_LEVEL_STEP) / 100
        state = MarginState(
            asset=self._wanted.asset,
            at=now,
            equity=round_nearest(self._worth() if self._wanted.is_wallet else margin.e, step),
            trade_balance=round_nearest(margin.tb, step),
            used_margin=round_nearest(margin.m, step),
            free_margin=round_nearest(margin.mf, step),
            unrealised=round_nearest(margin.n, step),
            margin_level=level,
        )
        rates = self._wanted.model.wallet
        if rates is None:
            return state
        return replace(
            state, call_level=rates.call / rates.initial, liquidation_level=rates.maintenance / rates.initial
        )

    def _worth(self) -> Decimal:
        """What the wallet is worth, debts taken off: venues tell it in full, whatever counts as collateral."""
        quote = self._wanted.asset
        worth = ZERO
        for asset, balance in self._exchange.balances(self._account).items():
            price = ONE if asset == quote else self._exchange.quote(Pair(asset, quote)).last
            worth += balance.total * price
        return worth

    # --- what goes out -----------------------------------------------------------------------------------------

    def _process(self, event: EngineEvent) -> None:
        self._carry_out_all(self._engine.process(event))

    def _carry_out_all(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Place():
                    self._place(action.request)
                case Amend():
                    self._amend(action)
                case Cancel():
                    self._cancel(action)
                case Resolve(client_order_id):
                    self._lost.append(client_order_id)
                case StoryChanged(story):
                    self._stories[story.position_id] = story
                case Alarm(message=message, at=at):
                    self._alarms.append(f"{at:%Y-%m-%d %H:%M} {message}")
                case OrderChanged(order):
                    self._requests[order.client_order_id] = order.request

    def _place(self, request: OrderRequest) -> None:
        self._requests[request.client_order_id] = request
        match self._exchange.place(self._account, self._worded(request)):
            case SimPlaced(order_id=order_id):
                self._process(OrderAccepted(request.client_order_id, order_id, self._exchange.now))
            case SimRefused(reason=reason, detail=detail):
                self._process(OrderRefused(request.client_order_id, reason.value, detail, self._exchange.now))

    def _worded(self, request: OrderRequest) -> SimOrderRequest:
        """The order in the exchange's words. Where nothing can be marked as reducing, the engine sees to it."""
        worded = SimOrderRequest.from_order(request)
        if not self._wanted.is_wallet:
            return worded
        return replace(
            worded,
            reduce_only=False,
            repay=request.role is not OrderRole.ENTRY,
        )

    def _amend(self, action: Amend) -> None:
        answer = self._exchange.amend(
            self._account,
            action.venue_order_id,
            quantity=action.quantity,
            limit_price=action.limit_price,
            trigger_price=action.trigger_price,
        )
        refused = answer.detail if isinstance(answer, SimRefused) else ""
        if isinstance(answer, SimRefused) and answer.reason is Refusal.UNKNOWN_ORDER:
            self._process(OrderLost(action.client_order_id, self._exchange.now, is_over=True))
            return
        self._process(
            AmendAnswered(
                action.client_order_id,
                action.quantity,
                action.trigger_price,
                action.limit_price,
                refused,
                self._exchange.now,
            )
        )

    def _cancel(self, action: Cancel) -> None:
        now = self._exchange.now
        if action.venue_order_id is not None and self._exchange.cancel(self._account, action.venue_order_id):
            self._process(
                OrderReport(
                    action.venue_order_id,
                    OrderStatus.CANCELLED,
                    now,
                    client_order_id=action.client_order_id,
                    pair=action.pair,
                )
            )
        else:
            self._process(OrderLost(action.client_order_id, now, is_over=True))
            self._look_up_lost()

    def _look_up_lost(self) -> None:
        """Prove what became of orders that were gone when we asked: their fills first, then how they ended."""
        lost, self._lost = self._lost, []
        for client_order_id in lost:
            order = self._engine.state.orders.get(client_order_id)
            if order is None or order.status is not OrderStatus.UNKNOWN:
                continue
            for fill in self._exchange.fills(self._account):
                self._take_fill(fill.fill)
            ended = self._exchange.order(self._account, order.venue_order_id) if order.venue_order_id else None
            if ended is None:
                raise RuntimeError(f"the exchange does not know order {client_order_id} that it took")
            self._process(_report(ended, self._exchange.now, ended.reason))

    def _of(self, pair: Pair) -> list[tuple[Pair, timedelta]]:
        return [key for key in self._aggregators if key[0] == pair]

    def _trade(self, story: PositionStory, entries: Sequence[Entry]) -> Trade:
        fills = tuple(self._book.fills[fill_id] for fill_id in story.fill_ids)
        decided = [DecidedFill(fill, self._decision_price(fill)) for fill in fills]
        side = story.entry_side
        opening = [fill for fill in fills if fill.side is side]
        closing = [fill for fill in fills if fill.side is not side]
        return Trade(
            position_id=story.position_id,
            pair=story.pair,
            strategy=story.strategy,
            side=side,
            quantity=sum((fill.quantity for fill in opening), ZERO),
            leverage=story.leverage,
            opened_at=story.opened_at,
            closed_at=story.closed_at,
            entry_price=_average_price(opening),
            exit_price=_average_price(closing) if closing else None,
            exit_role=story.exit_role,
            fills=fills,
            waterfall=waterfall(story.position_id, story.pair.quote, entries, decided),
        )

    def _decision_price(self, fill: Fill) -> Decimal | None:
        request = self._requests.get(fill.client_order_id) if fill.client_order_id is not None else None
        return request.decision_price if request is not None else None


def _report(order: SimOrder, at: datetime, reason: str) -> OrderReport:
    return OrderReport(
        order.order_id,
        order.status,
        at,
        client_order_id=order.client_order_id,
        pair=order.pair,
        side=order.side,
        order_type=order.order_type,
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        limit_price=order.limit_price,
        trigger_price=order.trigger_price,
        leverage=order.leverage,
        reduce_only=order.reduce_only,
        reason=reason,
    )


def _average_price(fills: Sequence[Fill]) -> Decimal:
    return sum((fill.cost for fill in fills), ZERO) / sum((fill.quantity for fill in fills), ZERO)
