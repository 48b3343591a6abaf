"""What can be said of a strategy's file before it trades: on made-up prices, with its usual values and at their ends.

It finds what is certainly wrong. Whether a strategy earns anything is another question, asked on recorded candles.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from jarvis.domain.instrument import Pair
from jarvis.domain.money import USD, Asset
from jarvis.own.files import line_of, told
from jarvis.trading.strategy import BarArrays, Plan, resolve, window_of
from jarvis.trading.universe import NINE, looks_at, seen_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from jarvis.trading.strategy import ParameterValue, Strategy

_PAIRS = tuple(Pair(base, USD) for base in NINE)
_BESIDE_WINDOW = 200
_CUTS = 12
_MOST_BARS = 20_000


def examine(strategy: Strategy, path: Path, text: str) -> list[str]:
    """What is wrong with the strategy of `path`, one line each that begins with the file and the line of it."""

    def line(function: str, words: str) -> str:
        return f"{path.name}, line {line_of(text, function)}: {words}"

    for values, which in _values_to_try(strategy):
        try:
            found = [line(function, f"{words}{which}") for function, words in _wrong_with(strategy, values)]
        except Exception as error:  # noqa: BLE001 - whatever the file does is said in words
            found = [f"{told(error, path)}{which}"]
        if found:
            return list(dict.fromkeys(found))
    return []


def _values_to_try(strategy: Strategy) -> Iterator[tuple[dict[str, ParameterValue], str]]:
    """The usual values, and then each parameter at its ends where the others allow it."""
    usual = resolve(strategy, {})
    yield usual, ""
    for each in strategy.parameters:
        for end in each.choices or (each.minimum, each.maximum):
            if end is not None and str(end) != str(usual[each.name]):
                try:
                    yield resolve(strategy, {**usual, each.name: end}), f" ({each.name} = {end})"
                except ValueError:
                    continue  # it says itself that these do not go together


def _wrong_with(strategy: Strategy, values: Mapping[str, ParameterValue]) -> Iterator[tuple[str, str]]:
    """What is wrong with these values: the function that it is about, and words."""
    warm_up = strategy.warm_up(values)
    if type(warm_up) is not int or warm_up < 1:
        yield "warm_up", f"`warm_up` must be a whole number of at least 1, and is {warm_up!r}"
        return
    window = window_of(warm_up)
    length = window + _BESIDE_WINDOW
    if length > _MOST_BARS:
        yield "warm_up", f"it wants {warm_up:,} bars before its first wish: no venue tells of so many"
        return
    candles = {pair: _walk(length, seed) for seed, pair in enumerate(_PAIRS)}
    pair = _pair_of(strategy, values)
    bars = seen_on(strategy, values, pair, candles)
    before = {each.name: getattr(bars, each.name).copy() for each in fields(BarArrays)}
    plan = strategy.compute(bars, values)
    misshapen = _misshapen(plan, length)
    if misshapen:
        yield "compute", misshapen
        return
    if any(not np.array_equal(getattr(bars, name), column) for name, column in before.items()):
        yield "compute", "it changes the bars that it is given; make new columns"
    if plan.target[: warm_up - 1].any():
        first = int(np.flatnonzero(plan.target)[0]) + 1
        yield "warm_up", f"it has a wish at bar {first}, and says that it needs {warm_up}"
    wished = np.flatnonzero(plan.target)
    if len(wished) and not (plan.stop_distance[wished] > 0).all():
        yield "compute", "there is a wish without a stop distance above 0: it could never be opened"
    if not _same(plan, strategy.compute(bars, values), slice(None)):
        yield "compute", "the same bars and values give two different answers"
        return
    yield from _looks_ahead(strategy, values, candles, plan)
    yield from _never_forgets(strategy, values, candles, plan, window)
    for curve in strategy.lines(bars, values):
        if np.shape(curve.values) != (length,):
            yield "lines", f"the line {curve.name!r} must have one value per bar"


def _looks_ahead(
    strategy: Strategy, values: Mapping[str, ParameterValue], candles: Mapping[Pair, BarArrays], plan: Plan
) -> Iterator[tuple[str, str]]:
    """Whether bars that came later would have changed what was said before."""
    pair = _pair_of(strategy, values)
    length = len(candles[pair])
    for cut in range(length // _CUTS, length, length // _CUTS):
        # Far up and far down: whatever it thinks of the next bar, one of the two must turn it.
        for factor in (3.0, 1 / 3):
            other = {each: _times_from(cut, bars, factor) for each, bars in candles.items()}
            if not _same(plan, strategy.compute(seen_on(strategy, values, pair, other), values), slice(0, cut)):
                yield "compute", "it looks ahead: other prices after a bar change what it said at that bar or before"
                return


def _never_forgets(
    strategy: Strategy,
    values: Mapping[str, ParameterValue],
    candles: Mapping[Pair, BarArrays],
    plan: Plan,
    window: int,
) -> Iterator[tuple[str, str]]:
    """Whether the last `window` bars alone, which is what live trading computes, say what the whole history says."""
    pair = _pair_of(strategy, values)
    for end in range(window, len(candles[pair]) + 1, _BESIDE_WINDOW // 10):
        last = {each: _part(bars, end - window, end) for each, bars in candles.items()}
        if strategy.compute(seen_on(strategy, values, pair, last), values).target[-1] != plan.target[end - 1]:
            words = f"it says something else on the last {window} bars than on all of them: it remembers too long, or "
            yield "warm_up", f"{words}its `warm_up` is too short"
            return


def _misshapen(plan: object, length: int) -> str:
    if not isinstance(plan, Plan):
        return f"it must return a Plan, and returns {type(plan).__name__}"
    target = np.asarray(plan.target)
    if target.shape != (length,) or not np.isin(target, (-1, 0, 1)).all():
        return "`target` must have one row per bar, of -1, 0 and 1"
    if target.dtype != np.int8:
        return "`target` must be a column of int8: end it with .astype(np.int8)"
    for column in (plan.stop_distance, *(rung.distance for rung in plan.take_profits)):
        if np.shape(column) != (length,):
            return "every distance must have one row per bar"
    return ""


def _same(one: Plan, two: Plan, rows: slice) -> bool:
    return np.array_equal(one.target[rows], two.target[rows]) and np.allclose(
        one.stop_distance[rows], two.stop_distance[rows], rtol=1e-9, equal_nan=True
    )


def _pair_of(strategy: Strategy, values: Mapping[str, ParameterValue]) -> Pair:
    """A pair that it can be followed on: one that is not the only one it compares with."""
    for pair in _PAIRS:
        try:
            bases: set[Asset] = set(looks_at(strategy, values, pair))
        except ValueError:
            continue  # it says itself that this is no pair for it
        if not bases or bases - {pair.base}:
            return pair
    return _PAIRS[0]


def _walk(length: int, seed: int) -> BarArrays:
    """A price with swings and noise, the same for the same seed."""
    random = np.random.default_rng(seed)
    common = np.random.default_rng(1000).normal(0, 0.006, length)
    close = 100 * np.exp(np.cumsum(common + random.normal(0, 0.006, length)) + 0.2 * np.sin(np.arange(length) / 25))
    opened = np.concatenate(([100.0], close[:-1]))
    reach = 1 + np.abs(random.normal(0, 0.003, length))
    high, low = np.maximum(opened, close) * reach, np.minimum(opened, close) / reach
    return BarArrays(np.arange(length, dtype=np.int64) * 3600, opened, high, low, close, random.uniform(1, 9, length))


def _times_from(cut: int, bars: BarArrays, factor: float) -> BarArrays:
    """The same bars up to `cut`, and from there all prices and volumes times `factor`."""
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return BarArrays(bars.opened_at, *(np.concatenate((each[:cut], each[cut:] * factor)) for each in columns))


def _part(bars: BarArrays, begin: int, end: int) -> BarArrays:
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return BarArrays(bars.opened_at[begin:end], *(each[begin:end] for each in columns))
