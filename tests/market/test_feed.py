from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from jarvis.domain.account import VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.market.feed import MarketFeed
from jarvis.venues.base import BarUpdate, MarketEvent, StreamGap, Unreachable

BTC = Pair.parse("BTC/USD")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def candle(minute: int, close: str = "100") -> Bar:
    price = Decimal(close)
    high = max(price, Decimal(100))
    low = min(price, Decimal(100))
    return Bar(BTC, MINUTE, NOON + minute * MINUTE, Decimal(100), high, low, price, Decimal(1))


class ScriptedStream:
    """What a venue's stream says, put there by the test."""

    def __init__(self) -> None:
        self.events: list[MarketEvent] = []
        self.is_down = False
        self.last_heard_at = 0.0

    async def flush(self) -> None:
        if self.is_down:
            raise Unreachable("down")

    def pending(self) -> Sequence[MarketEvent]:
        taken, self.events = self.events, []
        return taken


class ScriptedVenue:
    """The two calls of a venue that a feed makes."""

    name = VenueName("kraken")

    def __init__(self) -> None:
        self.stream = ScriptedStream()
        self.history: list[Bar] = []
        self.history_fails = False

    @asynccontextmanager
    async def market_stream(self, pairs: Sequence[Pair], interval: timedelta) -> AsyncIterator[ScriptedStream]:
        yield self.stream

    async def bars(self, pair: Pair, interval: timedelta, since: datetime | None = None) -> Sequence[Bar]:
        if self.history_fails:
            raise Unreachable("no answer")
        return [bar for bar in self.history if since is None or bar.opened_at >= since]


@pytest.fixture
def venue() -> Any:
    return ScriptedVenue()


async def test_a_candle_is_final_when_the_clock_passed_its_end(venue: Any) -> None:
    venue.stream.events = [BarUpdate(candle(0, "101"))]

    async with MarketFeed(venue, [BTC], grace=timedelta(0)) as feed:
        early = await feed.finished_bars(NOON + MINUTE - timedelta(seconds=1))
        on_time = await feed.finished_bars(NOON + MINUTE)
        again = await feed.finished_bars(NOON + 2 * MINUTE)

    assert (early, on_time, again) == ([], [candle(0, "101")], [])


async def test_a_candle_is_final_when_a_later_one_appears(venue: Any) -> None:
    venue.stream.events = [BarUpdate(candle(0, "101")), BarUpdate(candle(1))]

    async with MarketFeed(venue, [BTC], grace=timedelta(seconds=2)) as feed:
        finished = await feed.finished_bars(NOON + MINUTE)

    assert finished == [candle(0, "101")]


async def test_the_last_word_on_a_candle_counts(venue: Any) -> None:
    venue.stream.events = [BarUpdate(candle(0, "101")), BarUpdate(candle(0, "103"))]

    async with MarketFeed(venue, [BTC], grace=timedelta(0)) as feed:
        finished = await feed.finished_bars(NOON + MINUTE)

    assert finished == [candle(0, "103")]


async def test_an_update_of_a_finished_candle_changes_nothing(venue: Any) -> None:
    venue.stream.events = [BarUpdate(candle(0, "101"))]

    async with MarketFeed(venue, [BTC], grace=timedelta(0)) as feed:
        await feed.finished_bars(NOON + MINUTE)
        venue.stream.events = [BarUpdate(candle(0, "150"))]
        late = await feed.finished_bars(NOON + 2 * MINUTE)

    assert late == []


async def test_a_silent_stream_gives_no_candle_and_no_error(venue: Any) -> None:
    venue.stream.is_down = True

    async with MarketFeed(venue, [BTC], grace=timedelta(0)) as feed:
        finished = await feed.finished_bars(NOON + MINUTE)

    assert finished == []


async def test_a_gap_is_filled_from_history_without_repeats(venue: Any) -> None:
    venue.stream.events = [BarUpdate(candle(0))]
    venue.history = [candle(0), candle(1, "104"), candle(2, "105")]

    async with MarketFeed(venue, [BTC], grace=timedelta(0)) as feed:
        await feed.finished_bars(NOON + MINUTE)
        venue.stream.events = [StreamGap("socket was cut", NOON + 3 * MINUTE)]
        finished = await feed.finished_bars(NOON + 3 * MINUTE)

    assert finished == [candle(1, "104"), candle(2, "105")]


async def test_a_gap_that_cannot_be_filled_yet_is_filled_later(venue: Any) -> None:
    venue.stream.events = [BarUpdate(candle(0))]
    venue.history = [candle(0), candle(1, "104")]

    async with MarketFeed(venue, [BTC], grace=timedelta(0)) as feed:
        await feed.finished_bars(NOON + MINUTE)
        venue.stream.events = [StreamGap("socket was cut", NOON + 2 * MINUTE)]
        venue.history_fails = True
        nothing = await feed.finished_bars(NOON + 2 * MINUTE)
        venue.history_fails = False
        finished = await feed.finished_bars(NOON + 2 * MINUTE)

    assert (nothing, finished) == ([], [candle(1, "104")])
