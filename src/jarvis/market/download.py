"""A venue's public candles into the history: the newest first, in spans, kept as it goes.

Whoever stops it keeps what came, and the next run asks only for what is still missing. How far back a venue tells
differs (Kraken: its latest 720 candles of each size), and no list says so: where a week of asking brings nothing, the
venue's memory, or the pair's history, has ended.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.market.formats import CandleError
from jarvis.market.history import add_bars, dataset_folder, missing_spans
from jarvis.venues.base import RateLimited, Unreachable, Venue

AT_ONCE = 1000
"""Candles of one question: what one page, or a few, of every venue holds."""

KEPT_EVERY = 50
"""Questions whose answers are written together: an hour of one-minute candles is little to lose, a month is not."""

_EMPTY_ENOUGH = timedelta(days=7)
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What came, and what is still missing. `told_from`: where the history begins, if that is later than asked."""

    added: int
    missing: int
    told_from: datetime | None

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        told_from = self.told_from and self.told_from.isoformat()
        return {"added": self.added, "missing": self.missing, "told_from": told_from}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Candles opened in [start, end) of one pair and size, for the history of `source` below `root`.

    Both instants are openings of such candles. Raises CandleError if there is no time between them.
    """

    root: Path
    source: str
    pair: Pair
    interval: timedelta
    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Check the times."""
        if self.start >= self.end:
            raise CandleError(f"there is no time between {self.start:%Y-%m-%d %H:%M} and {self.end:%Y-%m-%d %H:%M}")

    def missing(self) -> list[tuple[datetime, datetime]]:
        """What the history lacks now, oldest first."""
        folder = dataset_folder(self.root, self.source, self.pair, self.interval)
        return missing_spans(folder, self.interval, self.start, self.end)

    def questions(self, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """[begin, end) in parts of at most `AT_ONCE` candles, the newest first."""
        step = AT_ONCE * self.interval
        count = -((begin - end) // step)
        return [(max(end - (number + 1) * step, begin), end - number * step) for number in range(count)]


async def download(
    venue: Venue, wanted: Wanted, *, progress: Callable[[int, int, datetime], None] = lambda _done, _of, _at: None
) -> Downloaded:
    """Asks `venue` for what the history lacks and keeps it, also when it is cancelled or the venue fails.

    `progress` is told questions answered, of how many, and how far back it is. A refusal for too many requests and a
    venue that does not answer are waited for a few times; then it raises what the venue raised.
    """
    spans = [wanted.questions(begin, end) for begin, end in reversed(wanted.missing())]
    total, asked, added = sum(map(len, spans)), 0, 0
    waiting: list[Bar] = []

    def keep() -> None:
        nonlocal added
        if waiting:
            add_bars(wanted.root, wanted.source, wanted.pair, wanted.interval, waiting, venue.name)
            added += len(waiting)
            waiting.clear()

    try:
        for span in spans:
            silent = timedelta(0)
            for begin, end in span:
                progress(asked, total, begin)
                bars = await _asked(venue, wanted, begin, end)
                asked += 1
                waiting += bars
                silent = timedelta(0) if bars else silent + (end - begin)
                if silent >= max(_EMPTY_ENOUGH, AT_ONCE * wanted.interval):
                    break
                if asked % KEPT_EVERY == 0:
                    keep()
    finally:
        keep()
    left = wanted.missing()
    begins_later = bool(left) and left[0][0] == wanted.start and left[0][1] < wanted.end
    return Downloaded(
        added, sum((end - begin) // wanted.interval for begin, end in left), left[0][1] if begins_later else None
    )


async def _asked(venue: Venue, wanted: Wanted, begin: datetime, end: datetime) -> Sequence[Bar]:
    """The answer to one question, at the latest at the last try."""
    for number in range(_TRIES - 1):
        try:
            return await venue.bars(wanted.pair, wanted.interval, begin, end)
        except RateLimited as refusal:
            await asyncio.sleep(refusal.retry_after.total_seconds())
        except Unreachable:
            await asyncio.sleep(2**number)
    return await venue.bars(wanted.pair, wanted.interval, begin, end)
