"""One public stream per venue, shared by all its accounts: finished candles, quotes, and how old they are.

The venue's candle messages have no "closed" flag. A candle is final when a later one of the pair appears, or when
the clock has passed its end and the stream has been flushed, so that nothing of it can still be on its way.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import structlog

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar, Quote
from jarvis.venues.base import BarUpdate, MarketEvent, MarketStream, PublicVenue, StreamGap, Unreachable

log = structlog.get_logger()

BASE_INTERVAL = timedelta(minutes=1)


class MarketFeed:
    """Follows one-minute candles and quotes of `pairs` at one venue. An async context manager.

    `grace` is how long after a candle's end late trades may still arrive; zero where the venue's clock is followed.
    """

    def __init__(self, venue: PublicVenue, pairs: Sequence[Pair], *, grace: timedelta) -> None:
        self._venue = venue
        self._pairs = tuple(pairs)
        self._grace = grace
        self._forming: dict[Pair, Bar] = {}
        self._finished: list[Bar] = []
        self._last_finished: dict[Pair, datetime] = {}
        self._quotes: dict[Pair, Quote] = {}
        self._gap: StreamGap | None = None
        self._stack = AsyncExitStack()
        self._stream: MarketStream | None = None

    async def __aenter__(self) -> Self:
        self._stream = await self._stack.enter_async_context(self._venue.market_stream(self._pairs, BASE_INTERVAL))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def quotes(self) -> Mapping[Pair, Quote]:
        """The latest quote of each pair that has one."""
        return self._quotes

    def silent_for(self) -> float:
        """Seconds of event-loop time since the venue was last heard at all."""
        return asyncio.get_running_loop().time() - self._open_stream.last_heard_at

    async def finished_bars(self, now: datetime) -> list[Bar]:
        """The one-minute candles that became final up to `now`, by time and pair; each is returned once.

        A silent or broken stream returns what it has: staleness is told by `silent_for`, never by an empty answer.
        """
        try:
            await self._open_stream.flush()
        except Unreachable as error:
            log.warning("market_flush_failed", venue=self._venue.name, reason=str(error))
        for event in self._open_stream.pending():
            self._take(event)
        if self._gap is not None:
            await self._fill_gap()
        for pair, bar in list(self._forming.items()):
            if bar.closed_at + self._grace <= now:
                self._finish(pair)
        finished, self._finished = self._finished, []
        return sorted(finished, key=lambda bar: (bar.closed_at, bar.pair))

    def _take(self, event: MarketEvent) -> None:
        match event:
            case BarUpdate(bar):
                forming = self._forming.get(bar.pair)
                if self._is_old(bar):
                    return
                if forming is not None and bar.opened_at > forming.opened_at:
                    self._finish(bar.pair)
                if forming is None or bar.opened_at >= forming.opened_at:
                    self._forming[bar.pair] = bar
            case Quote():
                self._quotes[event.pair] = event
            case StreamGap():
                self._gap = event

    async def _fill_gap(self) -> None:
        """Read what the stream lost: finished candles by REST, from the last one that we had."""
        for pair in self._pairs:
            since = self._last_finished.get(pair)
            if since is None:
                continue
            try:
                missed = await self._venue.bars(pair, BASE_INTERVAL, since)
            except Unreachable as error:
                log.warning("market_gap_not_filled", venue=self._venue.name, pair=str(pair), reason=str(error))
                return
            for bar in missed:
                if not self._is_old(bar):
                    self._forming.pop(pair, None)
                    self._keep(bar)
        log.info("market_gap_filled", venue=self._venue.name, reason=self._gap.reason if self._gap else "")
        self._gap = None

    def _is_old(self, bar: Bar) -> bool:
        last = self._last_finished.get(bar.pair)
        return last is not None and bar.opened_at <= last

    def _finish(self, pair: Pair) -> None:
        self._keep(self._forming.pop(pair))

    def _keep(self, bar: Bar) -> None:
        self._finished.append(bar)
        self._last_finished[bar.pair] = bar.opened_at

    @property
    def _open_stream(self) -> MarketStream:
        if self._stream is None:
            raise RuntimeError("the feed is not open; enter it with `async with`")
        return self._stream
