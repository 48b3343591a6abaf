"""What deciding costs: the exact backtest against its strategy alone, and the engine against a full machine."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from tests.trading.bench import Bench

from benchmarks.measure import Duel
from jarvis.backtest.runner import Backtest, Followed, run
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import USD, round_nearest
from jarvis.sim.instruments import kraken_instruments
from jarvis.trading.engine import Engine
from jarvis.trading.events import EngineEvent
from jarvis.trading.limits import Limits, Tiers
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import Direction, SignalSource

BTC = Pair.parse("BTC/USD")
MINUTE = timedelta(minutes=1)
START = datetime(2025, 3, 3, tzinfo=UTC)
STRATEGY = "moving_average_crossover"
VALUES = {"fast_bars": "10", "slow_bars": "30"}
ACCOUNTS_ON_A_CORE = 1_000


@contextmanager
def backtests(scale: int) -> Iterator[list[Duel]]:
    """One-minute bars through engine, exchange and journal, against the same bars through the strategy only."""
    bars = _bars(60 * scale)
    free = Tiers(None, None, None, None)
    wanted = Backtest(
        bars={BTC: bars},
        followed=[Followed(STRATEGY, BTC, MINUTE, VALUES)],
        limits=Limits(allowed_pairs=frozenset({BTC}), daily_loss=free, drawdown=free, margin_level_floor=free),
        instruments=kraken_instruments(),
        leverage_caps={BTC: 10},
        deposits={USD: Decimal(10_000)},
    )

    def ours() -> int:
        assert run(wanted).fills
        return len(bars)

    def strategy_alone() -> int:
        source = SignalSource(STRATEGIES[STRATEGY], VALUES, BTC, MINUTE)
        for bar in bars:
            source.push(bar)
        return len(bars)

    yield [Duel("backtest a bar, exactly", "bar", "its strategy alone", ours, strategy_alone)]


@contextmanager
def engine_events(scale: int) -> Iterator[list[Duel]]:
    """Events of positions from signal to flat, against the share of a core that 1,000 accounts leave to each."""
    bench, events = _lives(2 * scale)

    def ours() -> int:
        engine = Engine(bench.config)
        for event in events:
            engine.process(event)
        return len(events)

    limit = 1 / ACCOUNTS_ON_A_CORE
    peer = f"limit: {ACCOUNTS_ON_A_CORE:,} accounts on one core, an event a second each"
    yield [Duel("an event through the engine", "event", peer, ours, limit)]


def _bars(count: int) -> list[Bar]:
    """A random walk with waves, so that the strategy trades every half hour."""
    random = Random(5)  # noqa: S311 - a market, not a secret
    tick = kraken_instruments()[BTC].tick
    price, bars = 60_000.0, []
    for number in range(count):
        opened = price
        price *= math.exp(random.gauss(0.0006 * math.sin(2 * math.pi * number / 60), 0.0004))
        high, low = max(opened, price) * 1.0002, min(opened, price) * 0.9998
        first, highest, lowest, last = (round_nearest(Decimal(repr(each)), tick) for each in (opened, high, low, price))
        bars.append(Bar(BTC, MINUTE, START + number * MINUTE, first, highest, lowest, last, Decimal(3)))
    return bars


class _Recording(Engine):
    """An engine that keeps what it was told."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench.config)
        self.told: list[EngineEvent] = []

    def process(self, event: EngineEvent) -> list:  # type: ignore[type-arg]
        self.told.append(event)
        return super().process(event)


def _lives(count: int) -> tuple[Bench, list[EngineEvent]]:
    """The events of `count` positions: signal, fill, stop and targets, an hour of bars and readings, exit, flat."""
    bench = Bench(equity=None)
    recording = bench.engine = _Recording(bench)
    for _ in range(count):
        bench.margin("10000")
        bench.open()
        for price in ("100", "101", "102", "103", "104", "105"):
            bench.margin("10000", used="200", level="50")
            bench.bar(price, str(Decimal(price) + 1), str(Decimal(price) - 1), price)
            bench.tick()
        bench.tell(bench.signal(Direction.FLAT, "105"))
        (close,) = bench.closes()
        bench.tell(bench.fill_of(close, price="105"))
        assert not bench.engine.state.stories
        bench.said.clear()
    return bench, recording.told
