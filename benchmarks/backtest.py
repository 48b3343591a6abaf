"""Backtests: the compiled kernel against the exact runner, whole and per bar. By hand: `python -m benchmarks.backtest`.

Synthetic minutes of one pair, a crossover on minutes with stop, targets and time-stop at Kraken's costs. CPU time of
this process; the kernel is warm. Trade counts are compared before any time is told. Peers are looked for and left out
with a word where they are not installed.
"""

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from typing import TypeVar

import numpy as np

from jarvis.domain.instrument import Pair
from jarvis.research.trial import Study, run_trial, run_trials
from jarvis.trading.limits import Limits, Tiers
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import BarArrays, resolve

_Result = TypeVar("_Result")
BTC = Pair.parse("BTC/USD")
MINUTE = timedelta(minutes=1)
START = datetime(2021, 1, 1, tzinfo=UTC)
SIGMA = 0.00117
PEERS = ("vectorbt", "backtesting", "nautilus_trader", "freqtrade", "jesse")


def candles(bars: int, seed: int = 7) -> BarArrays:
    """A seeded random walk in minutes, prices in ticks of 0.1."""
    random = np.random.default_rng(seed)
    closes = 30_000 * np.exp(np.cumsum(random.normal(0, SIGMA, bars) - SIGMA**2 / 2))
    opens = np.concatenate(([30_000.0], closes[:-1]))
    above, below = np.abs(random.normal(0, SIGMA / 2, (2, bars)))
    high, low = np.maximum(opens, closes) * (1 + above), np.minimum(opens, closes) * (1 - below)
    opened_at = int(START.timestamp()) + 60 * np.arange(bars)
    ticks = [np.rint(each * 10) / 10 for each in (opens, high, low, closes)]
    return BarArrays(opened_at, *ticks, np.ones(bars))  # type: ignore[call-arg]


def study_of(bars: int) -> Study:
    """An account so large that its costs do not end it, and without governors that would."""
    return Study(
        candles={BTC: candles(bars)},
        step=MINUTE,
        venue="kraken",
        strategy=STRATEGIES["moving_average_crossover"],
        interval=MINUTE,
        limits=Limits(
            leverage_cap=2,
            equity_share_per_position=Decimal("0.001"),
            daily_loss=Tiers(),
            drawdown=Tiers(),
            margin_level_floor=Tiers(),
            allowed_pairs=frozenset({BTC}),
        ),
        deposit=Decimal(10_000_000),
    )


VALUES = {
    "fast_bars": 50,
    "slow_bars": 200,
    "stop_atr": 15,
    "target_atr": 20,
    "second_target_atr": 40,
    "time_stop_hours": 24,
}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backtest", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer bars: for seeing that it runs")
    quick = parser.parse_args().quick
    few, many = (5_000, 50_000) if quick else (40_000, 2_628_000)
    exact_and_fast(few)
    growth([many // 16, many // 4, many])
    sweep(few if quick else 525_600, 10 if quick else 100)
    missing = [name for name in PEERS if find_spec(name) is None]
    print(f"peers that are not installed here, so not compared: {', '.join(missing) or 'none'}")


def exact_and_fast(bars: int) -> None:
    """The same account by both; the exact runner is asked for by its own name."""
    from jarvis.backtest.runner import run  # noqa: PLC0415
    from jarvis.backtest.venues import SETUPS  # noqa: PLC0415
    from jarvis.research.trial import _exact  # noqa: PLC0415 - what a trial falls back to

    study = study_of(bars)
    values = resolve(study.strategy, VALUES)
    run_trial(study, values)
    outcome, fast = timed(lambda: run_trial(study, values))
    result, exact = timed(lambda: run(_exact(study, values, SETUPS["kraken"].model)))
    assert len(result.trades) == outcome.trade_count, "the trades differ"
    print(
        f"one backtest, {bars:,} bars, {outcome.trade_count} positions: kernel {fast * 1e9 / bars:.0f} ns a bar, exact "
        f"{exact * 1e6 / bars:.1f} µs a bar: {exact / fast:,.0f} times as fast"
    )


def growth(sizes: list[int]) -> None:
    """Time over bars."""
    for bars in sizes:
        study = study_of(bars)
        values = resolve(study.strategy, VALUES)
        run_trial(study, values)
        rounds = [timed(lambda: run_trial(study, values)) for _ in range(3)]  # noqa: B023 - called at once
        seconds = min(spent for _, spent in rounds)
        speed = bars / seconds / 1e6
        positions = rounds[0][0].trade_count
        print(f"kernel, {bars:>9,} bars, {positions:>6} positions: {seconds * 1e3:8.1f} ms, {speed:6.1f} M bars/s")


def sweep(bars: int, sets: int) -> None:
    """Many values on the same candles, one after the other."""
    study = study_of(bars)
    tried = [
        resolve(study.strategy, {**VALUES, "fast_bars": 10 + i % 10 * 5, "slow_bars": 100 + i // 10 * 10})
        for i in range(sets)
    ]
    _, seconds = timed(lambda: list(run_trials(study, tried)))
    speed = bars * sets / seconds / 1e6
    print(f"sweep, {sets} sets on {bars:,} bars: {seconds:.2f} s, {speed:.1f} M bars x sets/s on one core")


def timed(work: Callable[[], _Result]) -> tuple[_Result, float]:
    """What it gave, and the CPU seconds that it took."""
    begun = time.process_time()
    return work(), time.process_time() - begun


if __name__ == "__main__":
    main()
