"""How far a price usually moves in an hour: the unit in which a distance to liquidation means something.

The average true range as `indicators.average_true_range` takes it (the plain mean, no smoothing that never forgets), in
Decimal and over hours that are summed from minutes, so that a page needs no numeric library for it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from jarvis.domain.money import ZERO
from jarvis.trading.bars import opening_of

HOUR = timedelta(hours=1)
ATR_HOURS = 14


class MinuteRange(NamedTuple):
    """What a one-minute candle reached, and where it closed."""

    opened_at: datetime
    high: Decimal
    low: Decimal
    close: Decimal


def hourly_range(minutes: Iterable[MinuteRange], hours: int = ATR_HOURS) -> Decimal | None:
    """The mean of the last `hours` true ranges (quote) of hourly candles; None until there are one more of those.

    `minutes` are finished candles, oldest first, and end where an hour does. An hour in which nobody traded is none.
    """
    highs: list[Decimal] = []
    lows: list[Decimal] = []
    closes: list[Decimal] = []
    hour = None
    for minute in minutes:
        opened_at = opening_of(minute.opened_at, HOUR)
        if opened_at != hour:
            hour = opened_at
            highs.append(minute.high)
            lows.append(minute.low)
            closes.append(minute.close)
        else:
            highs[-1] = max(highs[-1], minute.high)
            lows[-1] = min(lows[-1], minute.low)
            closes[-1] = minute.close
    if len(closes) <= hours:
        return None
    reached = zip(highs[-hours:], lows[-hours:], closes[-hours - 1 : -1], strict=True)
    return sum((max(high, before) - min(low, before) for high, low, before in reached), ZERO) / hours
