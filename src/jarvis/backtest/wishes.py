"""What a strategy wishes at every finished candle of a recording: one computation instead of one per bar.

The same wishes as `SignalSource` gives bar by bar: a strategy remembers no more bars than it is shown there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from jarvis.trading.strategy import BarArrays, Direction, Signal, protection_at
from jarvis.trading.universe import seen_on

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from jarvis.domain.instrument import Pair
    from jarvis.domain.market import Bar
    from jarvis.trading.strategy import FloatArray, Strategy, TargetArray, TimeArray, Values

_SIGNIFICANT_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Candles:
    """Finished candles of one size, and the native row whose end finished each (the next one's, after a hole)."""

    bars: BarArrays
    finished_by: TimeArray


@dataclass(frozen=True, slots=True)
class WishChanges:
    """Where a strategy's wish changes, a row per change, oldest first; the first one ends the warm-up.

    `row` is that of the candle. A distance (quote) is NaN where nothing is to be opened or it is not usable; `targets`
    has a column for each of `shares`.
    """

    row: TimeArray
    target: TargetArray
    distance: FloatArray
    targets: tuple[FloatArray, ...]
    shares: tuple[float, ...]
    trailing: bool
    time_stop: timedelta | None


class Script:
    """A strategy's wishes on one pair, given out as signals candle by candle."""

    def __init__(self, strategy: Strategy, values: Values, pair: Pair, candles: Mapping[Pair, BarArrays]) -> None:
        """`candles` are finished ones of the size that the strategy sees. Raises ValueError with a sentence."""
        seen = seen_on(strategy, values, pair, candles)
        self._name = strategy.name
        self._opened_at = seen.opened_at
        self._plan = strategy.compute(seen, values)
        self._changes = frozenset(_rows_of_changes(self._plan.target, strategy.warm_up(values)).tolist())
        self._first = strategy.warm_up(values) - 1
        self._row = 0

    def next(self, bar: Bar) -> Signal | None:
        """The wish after the next candle, which must be `bar`; None while warming up."""
        row, self._row = self._row, self._row + 1
        if self._opened_at[row] != int(bar.opened_at.timestamp()):
            raise ValueError(f"the candle of {bar.pair} that opened at {bar.opened_at} is not the next one")
        if row < self._first:
            return None
        return Signal(
            strategy=self._name,
            pair=bar.pair,
            at=bar.closed_at,
            target=Direction(int(self._plan.target[row])),
            price=bar.close,
            protection=protection_at(self._plan, row),
            is_new=row in self._changes,
            interval=bar.interval,
        )


def candles_of(native: BarArrays, step: timedelta, interval: timedelta) -> Candles:
    """Candles of `interval` out of native bars of `step`, as `BarAggregator` makes them when fed bar by bar."""
    if interval == step:
        return Candles(native, np.arange(len(native)))
    size, small = int(interval.total_seconds()), int(step.total_seconds())
    group = native.opened_at // size
    starts = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1]))) if len(native) else np.zeros(0, np.int64)
    lasts = np.concatenate((starts[1:], [len(native)])) - 1
    is_whole = native.opened_at[lasts] + small >= (group[lasts] + 1) * size
    finished_by = np.where(is_whole, lasts, lasts + 1)
    known = finished_by < len(native)
    bars = BarArrays(
        (group[starts] * size)[known],
        native.open[starts][known],
        np.maximum.reduceat(native.high, starts)[known],
        np.minimum.reduceat(native.low, starts)[known],
        native.close[lasts][known],
        np.add.reduceat(native.volume, starts)[known],
    )
    return Candles(bars, finished_by[known])


def changes_of(strategy: Strategy, bars: BarArrays, values: Values) -> WishChanges:
    """Where the strategy's wishes change on these candles, the first one as if nothing had been said before it."""
    plan = strategy.compute(bars, values)
    rows = _rows_of_changes(plan.target, strategy.warm_up(values))
    target = plan.target[rows].astype(np.int8)
    opens = target != 0
    return WishChanges(
        row=rows,
        target=target,
        distance=_told(plan.stop_distance[rows], opens),
        targets=tuple(_told(rung.distance[rows], opens) for rung in plan.take_profits),
        shares=tuple(float(rung.share) for rung in plan.take_profits),
        trailing=plan.trailing,
        time_stop=plan.time_stop,
    )


def _rows_of_changes(target: TargetArray, warm_up: int) -> TimeArray:
    """The first row that has a wish, and every later one whose wish is another than that of the row before."""
    first = max(0, warm_up - 1)
    if first >= len(target):
        return np.zeros(0, np.int64)
    said = target[first:]
    return np.concatenate(([first], np.flatnonzero(said[1:] != said[:-1]) + first + 1)).astype(np.int64)


def _told(distance: FloatArray, is_asked: npt.NDArray[np.bool_]) -> FloatArray:
    """Distances to the digits that leave a strategy; NaN for what is not asked or is no positive number."""
    usable = is_asked & np.isfinite(distance) & (distance > 0)
    safe = np.where(usable, distance, 1.0)
    scale = 10.0 ** (_SIGNIFICANT_DIGITS - 1 - np.floor(np.log10(safe)))
    return np.where(usable, np.rint(safe * scale) / scale, np.nan)
