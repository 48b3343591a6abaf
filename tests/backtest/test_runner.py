import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from jarvis.backtest import runner
from jarvis.backtest.result import BacktestResult
from jarvis.backtest.runner import Backtest, Followed, run
from jarvis.domain.account import MarginState
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Bar, Tick
from jarvis.domain.money import USD, ZERO, round_nearest
from jarvis.domain.order import Fill, OrderRole, OrderStatus
from jarvis.ledger.journal import Account, EntryKind
from jarvis.market.history import load_bars
from jarvis.sim.instruments import kraken_instruments
from jarvis.sim.models import KRAKEN
from jarvis.trading.engine import Engine
from jarvis.trading.events import (
    Action,
    Amend,
    EngineEvent,
    OrderAccepted,
    OrderChanged,
    OrderLost,
    OrderRefused,
    Place,
)
from jarvis.trading.limits import Limits, Tiers
from jarvis.trading.strategy import Signal

BTC, ETH = Pair.parse("BTC/USD"), Pair.parse("ETH/USD")
MINUTE = timedelta(minutes=1)
START = datetime(2025, 3, 1, tzinfo=UTC)
RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "ohlcv" / "binance-spot" / "BTCUSDT-1m.parquet"
QUICK = {"fast_bars": 3, "slow_bars": 8, "atr_bars": 5, "time_stop_hours": 2}
TICKS = {BTC: Decimal("0.1"), ETH: Decimal("0.01")}


def walk(pair: Pair, first: int, minutes: int, seed: int) -> list[Bar]:
    """Minutes of a random walk with moods, so that trends and reversals are there to be traded."""
    random = Random(seed)
    price, mood, tick, bars = float(first), 0.0, TICKS[pair], []
    for n in range(minutes):
        if n % 45 == 0:
            mood = random.uniform(-0.0008, 0.0008)
        moves = [price * (1 + random.gauss(mood, 0.0011)) for _ in range(3)]
        low, high = min(price, *moves), max(price, *moves)
        o, h, low_, c = (round_nearest(Decimal(str(x)), tick) for x in (price, high, low, moves[-1]))
        bars.append(Bar(pair, MINUTE, START + n * MINUTE, o, h, low_, c, Decimal(5)))
        price = float(c)
    return bars


def storm(seed: int, minutes: int) -> list[Bar]:
    """Minutes so wide that several orders of one position are reached within one of them."""
    random = Random(seed)
    price, bars = 80_000.0, []
    for n in range(minutes):
        moves = [price * (1 + random.gauss(0, 0.03)) for _ in range(3)]
        prices = (price, max(price, *moves), min(price, *moves), moves[-1])
        o, h, low, c = (round_nearest(Decimal(str(x)), TICKS[BTC]) for x in prices)
        bars.append(Bar(BTC, MINUTE, START + n * MINUTE, o, h, low, c, Decimal(5)))
        price = float(c)
    return bars


def rise_then(wild: Bar) -> list[Bar]:
    """A fall, a rise that is bought, one wild minute after half an hour, and calm."""
    price, bars = Decimal(80_000), []
    for n in range(40):
        close = price + (-30 if n < 15 else 60)
        high, low = max(price, close) + 200, min(price, close) - 200
        bar = Bar(BTC, MINUTE, START + n * MINUTE, price, high, low, close, Decimal(5))
        bars.append(bar if n != 30 else replace(wild, opened_at=bar.opened_at))
        price = bars[-1].close
    return bars


def wild_minute(*prices: int) -> Bar:
    o, h, low, c = map(Decimal, prices)
    return Bar(BTC, MINUTE, START, o, h, low, c, Decimal(5))


def wanted(bars: Mapping[Pair, Sequence[Bar]], **changes: object) -> Backtest:
    limits = Limits(allowed_pairs=frozenset(bars), risk_per_trade=Decimal("0.005"))
    plan = Backtest(
        bars=bars,
        followed=[Followed("moving_average_crossover", pair, 5 * MINUTE, QUICK) for pair in sorted(bars)],
        limits=limits,
        instruments=kraken_instruments(),
        leverage_caps=dict.fromkeys(bars, 10),
        deposits={USD: Decimal(20_000)},
        seed=1,
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def result() -> BacktestResult:
    return run(wanted({BTC: walk(BTC, 80_000, 1500, 1), ETH: walk(ETH, 2_500, 1500, 2)}))


def test_it_trades_and_the_books_agree_with_the_venue(result: BacktestResult) -> None:
    assert len([trade for trade in result.trades if trade.closed_at]) >= 10
    assert {trade.pair for trade in result.trades} == {BTC, ETH}
    assert {trade.side for trade in result.trades} == set(Side)
    assert result.agrees
    assert result.residual == {USD: ZERO}
    assert result.uncleared == ZERO


def test_a_position_that_is_kept_pays_rollover_into_its_own_waterfall() -> None:
    patient = {"fast_bars": 20, "slow_bars": 100, "stop_atr": 20, "target_atr": 0, "second_target_atr": 0}
    followed = [Followed("moving_average_crossover", BTC, 5 * MINUTE, patient)]

    result = run(wanted({BTC: walk(BTC, 80_000, 1440, 11)}, followed=followed))

    charged = [entry for entry in result.entries if entry.kind is EntryKind.ROLLOVER]
    assert charged
    assert {entry.position_id for entry in charged} <= {trade.position_id for trade in result.trades}
    assert result.waterfall.rollover == -result.totals[Account.ROLLOVER, USD] < 0
    assert result.agrees


def test_every_position_sums_to_the_cash_it_moved(result: BacktestResult) -> None:
    for trade in result.trades:
        own = [entry for entry in result.entries if entry.position_id == trade.position_id]
        assert trade.waterfall.total == sum((entry.amount(Account.CASH, USD) for entry in own), ZERO)
        assert trade.waterfall.adjustment == ZERO
        assert trade.waterfall.trading_fee < 0
        assert trade.waterfall.opening_fee < 0
    moved = sum((trade.waterfall.total for trade in result.trades), ZERO)
    assert result.totals[Account.CASH, USD] == 20_000 + moved


def test_the_equity_curve_begins_with_the_deposit_and_ends_with_cash_and_open_profit(result: BacktestResult) -> None:
    assert result.curve[0].equity == 20_000
    assert [point.at for point in result.curve] == sorted({point.at for point in result.curve})
    if all(trade.closed_at for trade in result.trades):
        assert result.curve[-1].equity == result.totals[Account.CASH, USD]


def test_exposure_in_the_journal_is_what_the_positions_hold(result: BacktestResult) -> None:
    for pair in (BTC, ETH):
        held = sum((fill.signed_quantity for fill in result.fills if fill.pair == pair), ZERO)
        assert result.totals.get((Account.EXPOSURE, pair.base), ZERO) == held


def test_the_same_input_gives_the_same_result() -> None:
    bars = {BTC: walk(BTC, 80_000, 400, 3)}

    first, second = run(wanted(bars)), run(wanted(bars))

    assert first.trades
    assert json.dumps(first.to_json()) == json.dumps(second.to_json())


class Spy(Engine):
    """The engine, with everything that it was told and answered written down."""

    log: list[tuple[EngineEvent, list[Action]]]

    def process(self, event: EngineEvent) -> list[Action]:
        actions = super().process(event)
        Spy.log.append((event, actions))
        return actions


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[tuple[EngineEvent, list[Action]]]:
    Spy.log = []
    monkeypatch.setattr(runner, "Engine", Spy)
    run(wanted({BTC: walk(BTC, 80_000, 500, 5), ETH: walk(ETH, 2_500, 500, 6)}))
    return Spy.log


def test_each_step_tells_margin_then_bars_then_signals_then_the_tick(
    log: list[tuple[EngineEvent, list[Action]]],
) -> None:
    order = {MarginState: 0, Bar: 1, Signal: 2, Tick: 3}
    told = [event for event, _ in log if type(event) in order]

    steps: list[list[EngineEvent]] = []
    for event in told:
        if isinstance(event, MarginState):
            steps.append([])
        steps[-1].append(event)
    for step in steps:
        ranks = [order[type(event)] for event in step]
        assert ranks == sorted(ranks)
        assert (ranks[0], ranks[-1], ranks.count(0), ranks.count(3)) == (0, 3, 1, 1)
        pairs = [event.pair for event in step if isinstance(event, Bar)]
        assert pairs == sorted(pairs)
    assert any(sum(isinstance(event, Signal) for event in step) for step in steps)


def test_every_placed_order_is_answered_before_the_next_action(
    log: list[tuple[EngineEvent, list[Action]]],
) -> None:
    answers = {
        event.client_order_id: i for i, (event, _) in enumerate(log) if isinstance(event, OrderAccepted | OrderRefused)
    }
    fills = {event.client_order_id: i for i, (event, _) in reversed(list(enumerate(log))) if isinstance(event, Fill)}
    placed = [
        (i, action.request) for i, (_, actions) in enumerate(log) for action in actions if isinstance(action, Place)
    ]

    assert placed
    for i, request in placed:
        assert i < answers[request.client_order_id] <= fills.get(request.client_order_id, len(log))
        between = [event for event, _ in log[i + 1 : answers[request.client_order_id]]]
        assert not any(isinstance(event, Fill | Bar | Signal | Tick | MarginState) for event in between)


def test_stops_follow_at_once_and_trailing_ones_move() -> None:
    bars = {BTC: walk(BTC, 80_000, 700, 7)}
    Spy.log = []
    trailing = [Followed("moving_average_crossover", BTC, 5 * MINUTE, {**QUICK, "stop_kind": "trailing"})]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "Engine", Spy)
        result = run(wanted(bars, followed=trailing))

    placed = [action.request for _, actions in Spy.log for action in actions if isinstance(action, Place)]
    entries = [request for request in placed if request.role is OrderRole.ENTRY]
    stops = [request for request in placed if request.role is OrderRole.STOP]
    assert len(stops) >= len(entries) > 0
    moved = [a for _, actions in Spy.log for a in actions if isinstance(a, Amend) and a.trigger_price is not None]
    assert moved
    assert result.agrees


def test_a_hole_in_the_candles_is_not_traded() -> None:
    bars = walk(BTC, 80_000, 700, 8)
    hole = [bar for bar in bars if not 300 <= (bar.opened_at - START) / MINUTE < 420]

    result = run(wanted({BTC: hole}))

    assert result.agrees
    inside = [fill for fill in result.fills if START + 301 * MINUTE < fill.at <= START + 420 * MINUTE]
    assert inside == []
    assert any(fill.at > START + 420 * MINUTE for fill in result.fills)


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_orders_that_are_gone_when_we_reach_for_them_are_looked_up(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    Spy.log = []
    monkeypatch.setattr(runner, "Engine", Spy)
    tight = {**QUICK, "stop_atr": "0.5", "target_atr": "0.5", "second_target_atr": "1"}
    followed = [Followed("moving_average_crossover", BTC, MINUTE, tight)]

    result = run(wanted({BTC: storm(seed, 400)}, followed=followed))

    assert any(isinstance(event, OrderLost) for event, _ in Spy.log)
    last = {
        action.order.client_order_id: action.order
        for _, actions in Spy.log
        for action in actions
        if isinstance(action, OrderChanged)
    }
    assert not [order for order in last.values() if order.status is OrderStatus.UNKNOWN]
    assert result.agrees


def test_a_stop_that_filled_before_it_could_be_resized_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    Spy.log = []
    monkeypatch.setattr(runner, "Engine", Spy)
    values = {**QUICK, "sides": "long only", "second_target_atr": 0}
    followed = [Followed("moving_average_crossover", BTC, MINUTE, values)]

    # It opens above the target, which closes a half, and falls through the stop, which closes the rest.
    result = run(wanted({BTC: rise_then(wild_minute(82_500, 82_500, 78_000, 78_100))}, followed=followed))

    amended = {
        action.client_order_id
        for event, actions in Spy.log
        if isinstance(event, Fill)
        for action in actions
        if isinstance(action, Amend)
    }
    assert amended & {event.client_order_id for event, _ in Spy.log if isinstance(event, OrderLost)}
    wild = START + 31 * MINUTE
    assert sum((fill.signed_quantity for fill in result.fills if fill.at <= wild), ZERO) == ZERO
    assert result.trades[0].closed_at is not None
    assert result.trades[0].exit_role is OrderRole.STOP
    assert result.agrees


def test_an_order_that_the_exchange_refuses_is_told_to_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    Spy.log = []
    monkeypatch.setattr(runner, "Engine", Spy)
    strict = replace(KRAKEN, min_level_to_open=Decimal(1000))

    result = run(wanted({BTC: walk(BTC, 80_000, 300, 1)}, model=strict))

    refused = [event for event, _ in Spy.log if isinstance(event, OrderRefused)]
    assert refused
    assert {event.reason for event in refused} == {"insufficient_funds"}
    assert not result.fills
    assert result.agrees


def test_a_liquidation_is_booked_apart_and_stops_trading() -> None:
    reckless = Limits(
        leverage_cap=10,
        equity_share_per_position=Decimal("0.9"),
        risk_per_trade=Decimal(1),
        allowed_pairs=frozenset({BTC}),
        daily_loss=Tiers(),
        drawdown=Tiers(),
        margin_level_floor=Tiers(),
    )
    values = {**QUICK, "sides": "long only", "stop_atr": 18, "target_atr": 0, "second_target_atr": 0}
    followed = [Followed("moving_average_crossover", BTC, MINUTE, values)]

    # It falls through the liquidation level, and not as far as the stop.
    bars = rise_then(wild_minute(80_450, 80_650, 73_500, 73_600))
    result = run(wanted({BTC: bars}, followed=followed, limits=reckless))

    forced = [fill for fill in result.fills if fill.is_liquidation]
    assert forced
    assert len(result.trades) == 1
    assert result.waterfall.liquidation == -result.totals[Account.LIQUIDATION, USD] < 0
    assert result.agrees
    assert any("liquidated" in alarm for alarm in result.alarms)


def test_progress_is_told_and_a_cancelled_run_keeps_what_it_has() -> None:
    bars = {BTC: walk(BTC, 80_000, 600, 9)}
    told: list[float] = []

    whole = run(wanted(bars), progress=told.append)
    part = run(wanted(bars), cancelled=lambda: True)
    half = run(wanted(bars), progress=told.append, cancelled=lambda: told[-1] >= 0.5)

    assert told[: told.index(1.0) + 1] == sorted(told[: told.index(1.0) + 1])
    assert (whole.is_complete, part.is_complete, half.is_complete) == (True, False, False)
    assert whole.ended_at == START + 600 * MINUTE
    assert half.ended_at == START + 300 * MINUTE
    assert half.agrees
    assert list(half.fills) == [fill for fill in whole.fills if fill.at <= half.ended_at]


def test_a_tiny_account_trades_nothing_and_says_why() -> None:
    result = run(wanted({BTC: walk(BTC, 80_000, 300, 4)}, deposits={USD: Decimal(1)}))

    assert not result.fills
    assert result.agrees
    assert result.alarms
    assert result.performance.total_return == 0.0


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded candles are not beside this repository")
@pytest.mark.parametrize("strategy", ["moving_average_crossover", "donchian_breakout"])
def test_two_recorded_days_trade_and_the_books_agree(strategy: str) -> None:
    start = datetime(2025, 5, 20, tzinfo=UTC)
    bars = load_bars(RECORDED, BTC, MINUTE, tick=TICKS[BTC], start=start, end=start + timedelta(days=2))

    result = run(wanted({BTC: bars}, followed=[Followed(strategy, BTC, 5 * MINUTE)]))

    assert result.trades
    assert result.agrees
