"""A thin, typed layer over TA-Lib. Floats in, floats out; rows without enough history are NaN.

Every function here looks back over a fixed number of bars and no further, so that its last value does not depend on
where the history begins. TA-Lib is loaded at the first call: importing the trading package stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from jarvis.trading.strategy import BarArrays, FloatArray


def simple_moving_average(values: FloatArray, bars: int) -> FloatArray:
    """The mean of the last `bars` values."""
    import talib  # noqa: PLC0415

    return cast("FloatArray", talib.SMA(values, timeperiod=bars)) if bars > 1 else values.copy()


def average_true_range(bars: BarArrays, length: int) -> FloatArray:
    """The plain mean of the last `length` true ranges; needs `length + 1` bars.

    Wilder's own smoothing never forgets its first bar, so that a restart would move every stop a little.
    """
    import talib  # noqa: PLC0415

    return simple_moving_average(cast("FloatArray", talib.TRANGE(bars.high, bars.low, bars.close))[1:], length)


def highest(values: FloatArray, bars: int) -> FloatArray:
    """The largest of the last `bars` values."""
    import talib  # noqa: PLC0415

    return cast("FloatArray", talib.MAX(values, timeperiod=bars))


def lowest(values: FloatArray, bars: int) -> FloatArray:
    """The smallest of the last `bars` values."""
    import talib  # noqa: PLC0415

    return cast("FloatArray", talib.MIN(values, timeperiod=bars))
