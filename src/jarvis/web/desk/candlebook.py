"""Candles for charts, summed from minutes once and then carried on: ten days of minutes are not read every two seconds.

What is kept is made anew every hour, so that a minute which came late finds its place.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jarvis.domain.account import VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.store.db import Store
from jarvis.trading.bars import BarAggregator, opening_of
from jarvis.web.desk.portfolio import MINUTE

ANEW_AFTER_SECONDS = 3600.0
_KEPT = 128

_Key = tuple[VenueName, Pair, timedelta]


@dataclass(frozen=True, slots=True)
class Candles:
    """The latest candles of one size: those that have ended, the one that forms (if any), and how far minutes reach."""

    finished: Sequence[Bar]
    forming: Sequence[Bar]
    heard_until: datetime | None


@dataclass(slots=True)
class _Run:
    """Candles that have ended, as they were summed so far. `asked` is how many were wanted at most."""

    finished: list[Bar]
    asked: int
    made_at: float
    heard_until: datetime | None


class CandleBook:
    """Sums minutes to candles, and remembers those that have ended. `seconds` is any clock that only rises."""

    def __init__(self, store: Store, seconds: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._seconds = seconds
        self._runs: dict[_Key, _Run] = {}

    async def last(self, feed: VenueName, pair: Pair, interval: timedelta, count: int) -> Candles:
        """The last `count` candles of this size, the forming one beside them."""
        key = feed, pair, interval
        run = self._runs.pop(key, None)
        if run is None or run.asked < count or self._seconds() - run.made_at > ANEW_AFTER_SECONDS:
            minutes = await self._whole(feed, pair, interval, count)
            run = _Run([], count, self._seconds(), None)
            since = None
        else:
            since = run.finished[-1].closed_at if run.finished else None
            minutes = await self._store.bars(feed, pair, MINUTE, since)
        aggregator = BarAggregator(interval, start=since)
        for minute in minutes:
            run.finished.extend(aggregator.push(minute))
        del run.finished[: -run.asked]
        run.heard_until = minutes[-1].closed_at if minutes else run.heard_until
        self._runs[key] = run  # the one that was asked for last stands last
        while len(self._runs) > _KEPT:
            del self._runs[next(iter(self._runs))]
        forming = aggregator.close_until(minutes[-1].closed_at + interval) if minutes else []
        return Candles(run.finished[-count:], forming, run.heard_until)

    async def _whole(self, feed: VenueName, pair: Pair, interval: timedelta, count: int) -> list[Bar]:
        """The minutes of the last `count` candles and a little more, from the beginning of one."""
        limit = (count + 1) * int(interval / MINUTE)
        minutes = await self._store.bars(feed, pair, MINUTE, limit=limit)
        if len(minutes) < limit:
            return minutes  # all that there are
        first = opening_of(minutes[0].opened_at, interval)
        begins = first if minutes[0].opened_at == first else first + interval
        return [minute for minute in minutes if minute.opened_at >= begins]
