"""The strategies that come with Jarvis: causal, warm when they say so, and doing what their words promise."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair
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
from jarvis.trading.strategy import BarArrays, Direction, Signal, SignalSource, Strategy, Values, resolve
from jarvis.trading.universe import NINE, WideSource, seen_on, source_of

from .bench import BTC, START, D

MINUTE = timedelta(minutes=1)
SMALL: dict[str, dict[str, object]] = {
    "moving_average_crossover": {"fast_bars": 3, "slow_bars": 7, "atr_bars": 4},
    "donchian_breakout": {"entry_bars": 6, "exit_bars": 3, "atr_bars": 4},
    "time_series_momentum": {"look_back_bars": 6, "atr_bars": 4},
    "volatility_breakout": {"jump_atr": "1.2", "hold_bars": 5, "atr_bars": 4},
    "bollinger_reversion": {"band_bars": 8, "band_width": "1.5", "atr_bars": 4},
    "rsi_pullback": {"trend_bars": 20, "rsi_bars": 3, "tired_below": 40, "atr_bars": 4},
    "cross_sectional_momentum": {"look_back_bars": 6, "hold_bars": 4, "places": 4, "atr_bars": 4},
    "pairs_spread": {
        "spread_bars": 8,
        "most_bars": 10,
        "enter_beyond": "1.5",
        "give_up_beyond": 10,
        "least_correlation": -1,
        "atr_bars": 4,
    },
    "ensemble": {"weight_pullback": 0, "weight_ranking": "0.5", "volatility_bars": 10, "atr_bars": 4},
}
LAST_STEPS = {
    "volatility_breakout": (30,),
    "bollinger_reversion": (-30,),
    "rsi_pullback": (-3, -3),
    "pairs_spread": (-60,),
}
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


def neighbours(length: int, seed: int) -> dict[Pair, list[Bar]]:
    """Walks of all the other pairs, each its own."""
    return {
        Pair(base, BTC.quote): [replace(bar, pair=Pair(base, BTC.quote)) for bar in walk(length, seed + rank)]
        for rank, base in enumerate(NINE, start=1)
        if base != BTC.base
    }


def seen(strategy: Strategy, values: Values, own: BarArrays, others: Mapping[Pair, BarArrays]) -> BarArrays:
    """What a strategy is given on BTC."""
    return seen_on(strategy, values, BTC, {BTC: own, **others})


def slower(own: BarArrays) -> dict[Pair, BarArrays]:
    """The other pairs, where all move as this one does, by a third as much or a little more."""
    found = {}
    for rank, base in enumerate(NINE):
        share = 0.3 + rank / 50
        opened, high, low, close = (
            own.close[0] + (each - own.close[0]) * share for each in (own.open, own.high, own.low, own.close)
        )
        if base != BTC.base:
            found[Pair(base, BTC.quote)] = BarArrays(own.opened_at, opened, high, low, close, own.volume)
    return found


def signals_of(source: SignalSource, bars: Sequence[Bar], others: Mapping[Pair, Sequence[Bar]]) -> list[Signal | None]:
    """What a source says to each bar, the other pairs' of the same minute told before."""
    if not isinstance(source, WideSource):
        return [source.push(bar) for bar in bars]
    said: list[Signal | None] = []
    for row, bar in enumerate(bars):
        for other in source.others:
            source.take(others[other][row])
        source.take(bar)
        said += source.settle(bar.closed_at) or [None]
    return said


def of_closes(closes: Sequence[int]) -> BarArrays:
    return BarArrays.of(
        [
            Bar(BTC, MINUTE, START + index * MINUTE, D(close), D(close) + 1, D(close) - 1, D(close), D(1))
            for index, close in enumerate(closes)
        ]
    )


def columns(length: int, seed: int) -> BarArrays:
    random = np.random.default_rng(seed)
    close = 1000 + np.cumsum(random.integers(-20, 21, length)).astype(np.float64)
    opened = np.concatenate(([1000.0], close[:-1]))
    high, low = np.maximum(opened, close) + 3, np.minimum(opened, close) - 3
    return BarArrays(np.arange(length, dtype=np.int64) * 60, opened, high, low, close, np.ones(length))


def changed_from(cut: int, bars: BarArrays, factor: float) -> BarArrays:
    prices = (
        np.concatenate((each[:cut], each[cut:] * factor))
        for each in (bars.open, bars.high, bars.low, bars.close, bars.volume)
    )
    return BarArrays(bars.opened_at, *prices)


@pytest.mark.parametrize("strategy", ALL)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(10, 229), own=st.booleans())
def test_what_comes_later_on_any_pair_changes_nothing_that_was_said_before(
    strategy: Strategy, seed: int, cut: int, own: bool
) -> None:
    values = resolve(strategy, SMALL[strategy.name])
    past = {Pair(base, BTC.quote): columns(230, seed + rank) for rank, base in enumerate(NINE)}
    other = {
        pair: changed_from(cut, bars, 3.0 if pair == BTC else 0.5 + rank)
        for rank, (pair, bars) in enumerate(past.items())
        if own or pair != BTC
    }

    one, two = (
        strategy.compute(seen_on(strategy, values, BTC, candles), values) for candles in (past, {**past, **other})
    )

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
    own = of_closes(closes)

    plan = strategy.compute(seen(strategy, values, own, slower(own)), values)

    assert not plan.target[: needed - 1].any()
    assert plan.target[needed - 1] == 1
    assert plan.stop_distance[needed - 1] > 0


@pytest.mark.parametrize("strategy", ALL)
def test_a_source_that_ran_for_long_and_one_that_was_primed_late_say_the_same(strategy: Strategy) -> None:
    bars, others = walk(900, 7), neighbours(900, 7)
    old, young = (source_of(strategy, SMALL[strategy.name], BTC, MINUTE, [BTC, *others]) for _ in range(2))
    signals_of(old, bars[:700], {pair: each[:700] for pair, each in others.items()})
    if isinstance(young, WideSource):
        for other in young.others:
            young.prime_other(others[other][700 - young.window : 700])
    young.prime(bars[700 - old.window : 700])

    later = {pair: each[700:] for pair, each in others.items()}
    assert signals_of(old, bars[700:], later) == signals_of(young, bars[700:], later)


@pytest.mark.parametrize("strategy", ALL)
def test_the_same_bars_give_the_same_signals_in_any_process(strategy: Strategy) -> None:
    bars, others = walk(400, 3), neighbours(400, 3)
    first, second = (source_of(strategy, SMALL[strategy.name], BTC, MINUTE, [BTC, *others]) for _ in range(2))

    said = signals_of(first, bars, others)

    assert said == signals_of(second, bars, others)
    assert {signal.target for signal in said if signal} >= {Direction.LONG, Direction.SHORT}


@pytest.mark.parametrize("strategy", ALL)
def test_the_last_bars_alone_say_what_the_whole_history_says(strategy: Strategy) -> None:
    values = resolve(strategy, SMALL[strategy.name])
    window = max(4 * strategy.warm_up(values), 300)
    candles = {Pair(base, BTC.quote): columns(window + 400, rank) for rank, base in enumerate(NINE)}
    whole = strategy.compute(seen_on(strategy, values, BTC, candles), values)

    for end in range(window, window + 400, 7):
        last = {pair: part_of(bars, end - window, end) for pair, bars in candles.items()}
        plan = strategy.compute(seen_on(strategy, values, BTC, last), values)
        assert plan.target[-1] == whole.target[end - 1]
        assert plan.stop_distance[-1] == pytest.approx(whole.stop_distance[end - 1], rel=1e-9)


def part_of(bars: BarArrays, begin: int, end: int) -> BarArrays:
    prices = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return BarArrays(bars.opened_at[begin:end], *(each[begin:end] for each in prices))


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
        values = resolve(strategy, SMALL[strategy.name])
        own = of_closes([100] * 250)
        plan = strategy.compute(seen(strategy, values, own, slower(own)), values)
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
    ("sides", "wished"), [("long only", {0, 1}), ("short only", {0, -1}), ("long and short", {-1, 0, 1})]
)
def test_sides_that_are_not_wanted_mean_to_hold_nothing(sides: str, wished: set[int]) -> None:
    own = BarArrays.of(walk(400, 5))
    others = {pair: BarArrays.of(bars) for pair, bars in neighbours(400, 5).items()}
    for strategy in STRATEGIES.values():
        values = resolve(strategy, {**SMALL[strategy.name], "sides": sides})
        plan = strategy.compute(seen_on(strategy, values, BTC, {BTC: own, **others}), values)
        assert set(plan.target.tolist()) == wished


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
