"""A thin, typed layer over TA-Lib. Floats in, floats out; rows without enough history are NaN.

Every function here looks back over a fixed number of bars and no further, so that its last value does not depend on
where the history begins. TA-Lib is loaded at the first call: importing the trading package stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jarvis.trading.strategy import BarArrays, FloatArray

_NO_MOVE = 1e-12


def simple_moving_average(values: FloatArray, bars: int) -> FloatArray:
    """The mean of the last `bars` values."""
    import talib  # noqa: PLC0415

    if bars == 1:
        return values.copy()  # TA-Lib's shortest mean is of two
    return talib.SMA(values, timeperiod=bars)


def average_true_range(bars: BarArrays, length: int) -> FloatArray:
    """The plain mean of the last `length` true ranges; needs `length + 1` bars.

    Wilder's own smoothing never forgets its first bar, so that a restart would move every stop a little.
    """
    import numpy as np  # noqa: PLC0415
    import talib  # noqa: PLC0415

    ranges = talib.TRANGE(bars.high, bars.low, bars.close)[1:]  # the first bar has no close before it
    return np.concatenate(([np.nan], simple_moving_average(ranges, length)))


def highest(values: FloatArray, bars: int) -> FloatArray:
    """The largest of the last `bars` values."""
    import talib  # noqa: PLC0415

    return talib.MAX(values, timeperiod=bars)


def lowest(values: FloatArray, bars: int) -> FloatArray:
    """The smallest of the last `bars` values."""
    import talib  # noqa: PLC0415

    return talib.MIN(values, timeperiod=bars)


def standard_deviation(values: FloatArray, bars: int) -> FloatArray:
    """The deviation of the last `bars` values from their mean (of the population, as bands are drawn)."""
    import talib  # noqa: PLC0415

    return talib.STDDEV(values, timeperiod=bars)


def relative_strength(values: FloatArray, bars: int) -> FloatArray:
    """Cutler's index: the share of gains in all changes of the last `bars`, 0 to 100; 50 where nothing moved.

    Wilder's own smoothing never forgets its first bar. Needs `bars + 1` values.
    """
    import numpy as np  # noqa: PLC0415

    changes = np.diff(values)
    gains = simple_moving_average(np.maximum(changes, 0), bars)
    moves = simple_moving_average(np.abs(changes), bars)
    # Sums that run along leave a trace of what has left them: less than this fraction of the price is no move.
    moved = moves > _NO_MOVE * values[1:]
    index = np.where(moved, 100 * gains / np.where(moved, moves, 1), 50.0)
    return np.concatenate(([np.nan], np.where(np.isnan(moves), np.nan, np.clip(index, 0, 100))))


def earlier(values: FloatArray, bars: int) -> FloatArray:
    """The values as they were `bars` bars before; NaN where there was none."""
    import numpy as np  # noqa: PLC0415

    return np.concatenate((np.full(min(bars, len(values)), np.nan), values[:-bars]))
