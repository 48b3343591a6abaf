"""The strategies that come with Jarvis: causal, warm when they say so, and doing what their words promise."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis.domain.market import Bar
from jarvis.trading.indicators import (
    average_true_range,
    earlier,
    highest,
    lowest,
    relative_strength,
    simple_moving_average,
    standard_deviation,
)
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategies.protection import number
from jarvis.trading.strategy import BarArrays, SignalSource, Strategy, resolve

from .bench import BTC, START, D

MINUTE = timedelta(minutes=1)
SMALL: dict[str, dict[str, object]] = {
    "moving_average_crossover": {"fast_bars": 3, "slow_bars": 7, "atr_bars": 4},
    "donchian_breakout": {"entry_bars": 6, "exit_bars": 3, "atr_bars": 4},
    "time_series_momentum": {"look_back_bars": 6, "atr_bars": 4},
    "volatility_breakout": {"jump_atr": "1.2", "hold_bars": 5, "atr_bars": 4},
    "bollinger_reversion": {"band_bars": 8, "band_width": "1.5", "atr_bars": 4},
    "rsi_pullback": {"trend_bars": 20, "rsi_bars": 3, "tired_below": 40, "atr_bars": 4},
}
LAST_STEPS = {"volatility_breakout": (30,), "bollinger_reversion": (-30,), "rsi_pullback": (-3, -3)}
"""What must come after a steady rise for a strategy to buy with the first bar that it can judge; others buy a rise."""
ALL = [pytest.param(strategy, id=name) for name, strategy in STRATEGIES.items()]


def walk(length: int, seed: int) -> list[Bar]:
    random, price, result = Random(seed), 1000, []
    for index in range(length):
        close = max(10, price + random.randint(-20, 20))
        high, low = max(price, close) + random.randint(0, 5), min(price, close) - random.randint(0, 5)
        at = START + index * MINUTE
        result.append(Bar(BTC, MINUTE, at, D(price), D(high), D(max(1, low)), D(close), D(1)))
        price = close
    return result


def of_closes(closes: Sequence[int]) -> BarArrays:
    return BarArrays.of(
        [
            Bar(BTC, MINUTE, START + index * MINUTE, D(close), D(close) + 1, D(close) - 1, D(close), D(1))
            for index, close in enumerate(closes)
        ]
    )


@pytest.mark.parametrize("strategy", ALL)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(10, 119))
def test_what_comes_later_changes_nothing_that_was_said_before(strategy: Strategy, seed: int, cut: int) -> None:
    values = resolve(strategy, SMALL[strategy.name])
    past = walk(120, seed)
    other = past[:cut] + [
        Bar(BTC, MINUTE, bar.opened_at, bar.open * 3, bar.high * 3, bar.low * 3, bar.close * 3, D(1))
        for bar in past[cut:]
    ]

    one, two = (strategy.compute(BarArrays.of(bars), values) for bars in (past, other))

    assert np.array_equal(one.target[:cut], two.target[:cut])
    assert np.allclose(one.stop_distance[:cut], two.stop_distance[:cut], equal_nan=True, rtol=1e-12)


@pytest.mark.parametrize("strategy", ALL)
@pytest.mark.parametrize("atr_bars", [4, 30])
def test_the_warm_up_is_as_long_as_it_says_and_no_longer(strategy: Strategy, atr_bars: int) -> None:
    values = resolve(strategy, {**SMALL[strategy.name], "atr_bars": atr_bars})
    needed = strategy.warm_up(values)
    last = LAST_STEPS.get(strategy.name, ())
    closes = list(range(100, 100 + 3 * (needed - len(last)), 3))
    for step in last:
        closes.append(closes[-1] + step)

    plan = strategy.compute(of_closes(closes), values)

    assert not plan.target[: needed - 1].any()
    assert plan.target[needed - 1] == 1
    assert plan.stop_distance[needed - 1] > 0


@pytest.mark.parametrize("strategy", ALL)
def test_a_source_that_ran_for_long_and_one_that_was_primed_late_say_the_same(strategy: Strategy) -> None:
    bars = walk(900, 7)
    old, young = (SignalSource(strategy, SMALL[strategy.name], BTC, MINUTE) for _ in range(2))
    for bar in bars[:600]:
        old.push(bar)
    young.prime(bars[600 - old.window : 600])

    assert [old.push(bar) for bar in bars[600:]] == [young.push(bar) for bar in bars[600:]]


@pytest.mark.parametrize("strategy", ALL)
def test_the_same_bars_give_the_same_signals_in_any_process(strategy: Strategy) -> None:
    bars = walk(400, 3)
    first, second = (SignalSource(strategy, SMALL[strategy.name], BTC, MINUTE) for _ in range(2))

    assert [first.push(bar) for bar in bars] == [second.push(bar) for bar in bars]


@pytest.mark.parametrize("strategy", ALL)
def test_every_strategy_and_parameter_is_described_for_people(strategy: Strategy) -> None:
    assert strategy.title
    assert len(strategy.description) > 80
    assert len(strategy.source) > 40
    assert len(strategy.weak_point) > 40
    module = sys.modules[type(strategy).__module__].__doc__ or ""
    assert all(word in module for word in ("Idea:", "Source:", "Weak point:"))
    for parameter in strategy.parameters:
        assert parameter.label
        assert parameter.description.endswith(".")
        assert parameter.parse(parameter.default) == parameter.default
        if parameter.kind == "choice":
            assert parameter.choices
        else:
            assert parameter.minimum is not None
            assert parameter.maximum is not None
            assert parameter.step is not None


def test_a_crossover_is_long_above_and_short_below() -> None:
    strategy = STRATEGIES["moving_average_crossover"]
    values = resolve(strategy, SMALL[strategy.name])

    plan = strategy.compute(of_closes([*range(100, 130), *range(130, 90, -1)]), values)

    assert plan.target[29] == 1
    assert plan.target[-1] == -1
    assert set(np.diff(plan.target[10:])) == {0, -2}


def test_averages_that_tie_keep_the_last_wish() -> None:
    strategy = STRATEGIES["moving_average_crossover"]
    values = resolve(strategy, SMALL[strategy.name])

    plan = strategy.compute(of_closes([*range(100, 120), *[120] * 60]), values)

    assert set(plan.target[-40:]) == {1}


def test_prices_that_never_moved_give_no_wish() -> None:
    for strategy in STRATEGIES.values():
        plan = strategy.compute(of_closes([100] * 50), resolve(strategy, SMALL[strategy.name]))
        assert not plan.target.any()


def test_a_breakout_is_held_until_the_narrower_channel_breaks() -> None:
    strategy = STRATEGIES["donchian_breakout"]
    values = resolve(strategy, SMALL[strategy.name])
    closes = [*[100] * 8, 110, 111, 112, 111, 112, 104, 104, 104, 104, 104, 90, 89, 88, 95, 96]

    plan = strategy.compute(of_closes(closes), values)

    assert plan.target.tolist() == [0] * 8 + [1] * 5 + [0] * 5 + [-1] * 3 + [0] * 2


def wishes(name: str, closes: Sequence[int], **values: object) -> list[int]:
    strategy = STRATEGIES[name]
    plan = strategy.compute(of_closes(closes), resolve(strategy, {**SMALL[name], **values}))
    return [int(wish) for wish in plan.target]


def test_momentum_waits_in_noise_and_follows_a_rise_or_a_fall() -> None:
    swing = [100, 103] * 6
    rise, fall = range(106, 130, 3), range(124, 88, -4)

    said = wishes("time_series_momentum", [*swing, *rise, *fall], noise=1)

    assert not any(said[:12])
    assert said[19] == 1
    assert said[-1] == -1


def test_a_jump_is_followed_for_as_long_as_it_is_said() -> None:
    said = wishes("volatility_breakout", [100, 101] * 5 + [110] + [110, 111] * 6)

    assert said == [0] * 10 + [1] * 5 + [0] * 8


def test_a_reversal_is_bought_below_the_band_and_left_at_the_average() -> None:
    said = wishes("bollinger_reversion", [100, 102] * 6 + [90, 92, 94, 100, 100, 100])

    assert said == [0] * 12 + [1] * 3 + [0] * 3


def test_a_pullback_is_bought_in_a_rise_only() -> None:
    rise = [100 + 2 * number for number in range(30)]
    fall = [300 - 2 * number for number in range(30)]

    assert wishes("rsi_pullback", [*rise, 155, 152, 150, 160, 164]) == [0] * 31 + [1] * 2 + [0] * 2
    assert 1 not in wishes("rsi_pullback", [*fall, 239, 236, 233])


@pytest.mark.parametrize(
    ("sides", "seen"), [("long only", {0, 1}), ("short only", {0, -1}), ("long and short", {-1, 0, 1})]
)
def test_sides_that_are_not_wanted_mean_to_hold_nothing(sides: str, seen: set[int]) -> None:
    for strategy in STRATEGIES.values():
        values = resolve(strategy, {**SMALL[strategy.name], "sides": sides})
        assert set(strategy.compute(BarArrays.of(walk(300, 5)), values).target.tolist()) == seen


def test_distances_are_multiples_of_the_range_and_zero_leaves_them_out() -> None:
    strategy = STRATEGIES["donchian_breakout"]
    arrays = BarArrays.of(walk(60, 1))

    full = strategy.compute(arrays, resolve(strategy, {**SMALL[strategy.name], "stop_kind": "trailing"}))
    bare = strategy.compute(arrays, resolve(strategy, {"target_atr": 0, "second_target_atr": 0, "time_stop_hours": 0}))
    whole = strategy.compute(arrays, resolve(strategy, {"target_share": 1}))

    true_range = average_true_range(arrays, 4)
    assert np.allclose(full.stop_distance[10:], true_range[10:] * 2.5)
    assert [rung.share for rung in full.take_profits] == [D("0.5"), D("0.5")]
    assert np.allclose(full.take_profits[1].distance[10:], true_range[10:] * 6)
    assert full.trailing
    assert full.time_stop == timedelta(hours=72)
    assert (bare.take_profits, bare.trailing, bare.time_stop) == ((), False, None)
    assert [rung.share for rung in whole.take_profits] == [D(1)]


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("moving_average_crossover", {"fast_bars": 60}, "fewer bars than the slow one"),
        ("donchian_breakout", {"exit_bars": 41}, "cannot cover more bars"),
        ("moving_average_crossover", {"target_atr": 0}, "needs a first one"),
        ("donchian_breakout", {"second_target_atr": 2}, "farther from the entry"),
        ("rsi_pullback", {"rsi_bars": 100, "trend_bars": 100}, "fewer bars than the trend"),
    ],
)
def test_values_that_do_not_go_together_are_refused_in_words(name: str, values: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        resolve(STRATEGIES[name], values)


def test_a_choice_is_no_number() -> None:
    with pytest.raises(TypeError, match="sides is not a number"):
        number({"sides": "long only"}, "sides")


def test_indicators_are_what_they_say() -> None:
    values = np.array([1.0, 2.0, 4.0, 3.0])
    arrays = of_closes([10, 12, 11, 15])

    assert np.array_equal(simple_moving_average(values, 2), [np.nan, 1.5, 3.0, 3.5], equal_nan=True)
    assert list(simple_moving_average(values, 1)) == list(values)
    assert np.array_equal(highest(values, 2), [np.nan, 2.0, 4.0, 4.0], equal_nan=True)
    assert np.array_equal(lowest(values, 2), [np.nan, 1.0, 2.0, 3.0], equal_nan=True)
    assert np.allclose(standard_deviation(values, 2), [np.nan, 0.5, 1.0, 0.5], equal_nan=True)
    assert np.allclose(relative_strength(values, 2), [np.nan, np.nan, 100, 100 * 2 / 3], equal_nan=True)
    assert list(relative_strength(np.array([5.0] * 4), 2)[2:]) == [50, 50]
    assert np.array_equal(earlier(values, 3), [np.nan, np.nan, np.nan, 1.0], equal_nan=True)
    assert np.isnan(earlier(values, 9)).all()
    # True ranges: 13-10, 12-10 (both include the close before), 16-11.
    assert np.array_equal(average_true_range(arrays, 2), [np.nan, np.nan, 2.5, 3.5], equal_nan=True)


def test_importing_the_package_loads_neither_numpy_nor_the_indicator_library() -> None:
    code = (
        "import sys, jarvis.trading.engine, jarvis.trading.strategies;"
        "print(sorted({'numpy', 'talib', 'polars'} & set(sys.modules)))"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"


def test_a_price_leaves_as_the_decimal_that_came_in() -> None:
    strategy = STRATEGIES["donchian_breakout"]
    source = SignalSource(strategy, SMALL[strategy.name], BTC, MINUTE)

    signals = [signal for bar in walk(50, 2) if (signal := source.push(bar))]

    assert {signal.price for signal in signals} <= {bar.close for bar in walk(50, 2)}
