"""Candles of larger sizes, built while native bars come in: each size from the finished candles of the size below."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar

INTERVALS: tuple[timedelta, ...] = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 240, 1440))
KEPT = 720
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def floor_time(at: datetime, interval: timedelta) -> datetime:
    """The start of the candle of this size in which `at` lies; candles are counted from 1970 in UTC."""
    return at - (at - _EPOCH) % interval


@dataclass(frozen=True, slots=True)
class Candle:
    """What was traded from `opened_at` on. `turnover` is in quote, `trades` counts native bars."""

    opened_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    trades: int

    @classmethod
    def of(cls, bar: Bar) -> "Candle":
        """The candle of one bar; its turnover is taken at its middle, for a bar does not tell it."""
        middle = (bar.high + bar.low) / 2
        return cls(bar.opened_at, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.volume * middle, 1)

    def then(self, later: "Candle") -> "Candle":
        """This candle and a later one as one."""
        return Candle(
            self.opened_at,
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume + later.volume,
            self.turnover + later.turnover,
            self.trades + later.trades,
        )

    def bar(self, pair: Pair, interval: timedelta) -> Bar:
        """The same on the grid of `interval`."""
        return Bar(
            pair,
            interval,
            floor_time(self.opened_at, interval),
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
        )

    @property
    def vwap(self) -> Decimal:
        """Average price by volume; the close when nothing was traded."""
        return self.turnover / self.volume if self.volume else self.close


class _Size:
    """The candles of one size: finished ones, and the part of the current one that the size below has finished."""

    def __init__(self, interval: timedelta) -> None:
        self.interval = interval
        self.finished: deque[Candle] = deque(maxlen=KEPT)
        self.part: Candle | None = None
        self.part_ends: datetime = _EPOCH

    def push(self, candle: Candle, ends: datetime) -> list[tuple[Candle, datetime]]:
        """Take a finished candle of the size below; what this finished here, with when it ended."""
        done = self.settle(candle.opened_at)
        if self.part is None:
            self.part = candle
            self.part_ends = floor_time(candle.opened_at, self.interval) + self.interval
        else:
            self.part = self.part.then(candle)
        return [*done, *self.settle(ends)]

    def settle(self, now: datetime) -> list[tuple[Candle, datetime]]:
        """Finish the current candle if its time is over."""
        if self.part is None or now < self.part_ends:
            return []
        done = (self.part, self.part_ends)
        self.finished.append(self.part)
        self.part = None
        return [done]


class CandleTower:
    """One pair's candles of every size that whole native bars make up."""

    def __init__(self, pair: Pair, step: timedelta) -> None:
        self._pair = pair
        self._sizes = [_Size(interval) for interval in INTERVALS if interval >= step and not interval % step]

    def push(self, bar: Bar) -> None:
        """Take the next native bar."""
        self._rise([(Candle.of(bar), bar.closed_at)], 0)

    def candles(self, interval: timedelta, now: datetime) -> tuple[list[Candle], Candle | None]:
        """Finished candles, oldest first, at most 720, and the forming one. Nothing for a size that is not built."""
        wanted = next((number for number, size in enumerate(self._sizes) if size.interval == interval), None)
        if wanted is None:
            return [], None
        for number, size in enumerate(self._sizes):
            self._rise(size.settle(now), number + 1)
        forming: Candle | None = None
        # The current candle lies in pieces: the coarser the size, the earlier its piece.
        for size in reversed(self._sizes[: wanted + 1]):
            if size.part is not None:
                forming = size.part if forming is None else forming.then(size.part)
        return list(self._sizes[wanted].finished), forming

    def _rise(self, done: list[tuple[Candle, datetime]], number: int) -> None:
        for candle, ends in done:
            if number < len(self._sizes):
                self._rise(self._sizes[number].push(candle, ends), number + 1)
