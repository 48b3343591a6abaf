"""A thin, typed layer over TA-Lib. Floats in, floats out; rows without enough history are NaN.

Every function here looks back over a fixed number of bars and no further, so that its last value does not depend on
where the history begins. TA-Lib is loaded at the first call: importing the trading package stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jarvis.trading.strategy import BarArrays, FloatArray


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
