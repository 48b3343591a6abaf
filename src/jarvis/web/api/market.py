"""What the feed saw of an account's market: quotes and candles."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field
from starlette.exceptions import HTTPException

from jarvis.domain.market import Bar, Quote
from jarvis.domain.money import plain
from jarvis.trading.bars import BarAggregator, opening_of
from jarvis.web.api.accounts import Known
from jarvis.web.api.callers import Caller, readable
from jarvis.web.api.door import Door, PairWish, Until, in_utc
from jarvis.web.api.records import Instant, PairText, Price, QuoteText, Record, amount, instant
from jarvis.web.connecting.account import pairs_of

TAG = "market"
MINUTE = timedelta(minutes=1)
MOST_MINUTES = 20_000
"""How many minutes are read for an answer at most."""
_SECONDS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14400, "1d": 86400}
IntervalName = Literal["1m", "5m", "15m", "1h", "4h", "1d"]


class QuoteLine(Record):
    """The best bid and ask of a pair, and its last price; `at` says how fresh they are."""

    pair: PairText
    quote: QuoteText
    bid: Price
    ask: Annotated[str, amount("In `quote` for one of `base`.", "64083")]
    last: Price
    at: Instant

    @classmethod
    def of(cls, each: Quote) -> "QuoteLine":
        """From what is kept."""
        return cls(
            pair=str(each.pair),
            quote=each.pair.quote,
            bid=plain(each.bid),
            ask=plain(each.ask),
            last=plain(each.last),
            at=instant(each.at),
        )


class Quotes(Record):
    """The latest quote of every pair that has one."""

    quotes: list[QuoteLine]


class Candle(Record):
    """One candle; prices in the pair's quote, volume in its base."""

    opened_at: Instant
    open: Annotated[str, amount("In `quote`.", "64010")]
    high: Annotated[str, amount("In `quote`.", "64120")]
    low: Annotated[str, amount("In `quote`.", "63990")]
    close: Annotated[str, amount("In `quote`.", "64082")]
    volume: Annotated[str, amount("In `base`.", "12.5")]

    @classmethod
    def of(cls, bar: Bar) -> "Candle":
        """From what is kept."""
        return cls(
            opened_at=instant(bar.opened_at),
            open=plain(bar.open),
            high=plain(bar.high),
            low=plain(bar.low),
            close=plain(bar.close),
            volume=plain(bar.volume),
        )


class Candles(Record):
    """Finished candles, oldest first; `before` the first of them for what is older."""

    pair: PairText
    interval: Annotated[IntervalName, Field(examples=["1h"])]
    candles: list[Candle]


def register(door: Door) -> None:
    """Add the operations of this module."""
    web = door.web
    known = Annotated[Caller, door.caller]

    @door.get("/accounts/{account_id}/quotes", TAG)
    async def quotes(caller: known, account_id: Known) -> Quotes:
        """The latest quote of every pair at the account's venue."""
        found = await readable(web, caller, account_id)
        latest = await web.store.quotes(found.feed)
        return Quotes(quotes=[QuoteLine.of(latest[pair]) for pair in sorted(latest)])

    @door.get("/accounts/{account_id}/candles", TAG)
    async def candles(
        caller: known,
        account_id: Known,
        pair: PairWish,
        interval: Annotated[IntervalName, Query(description="How long a candle is.", examples=["1h"])] = "1m",
        before: Until = None,
        limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.", examples=[100])] = 200,
    ) -> Candles:
        """Finished candles of one pair, put together from minutes."""
        found = await readable(web, caller, account_id)
        chosen = next((each for each in pairs_of(found) if str(each) == pair), None)
        if chosen is None:
            raise HTTPException(404)
        seconds = timedelta(seconds=_SECONDS[interval])
        wanted = min(int(seconds / MINUTE) * (limit + 1), MOST_MINUTES)
        end = _floor(in_utc(before), seconds)
        minutes = await web.store.bars(found.feed, chosen, MINUTE, before=end, limit=wanted)
        return Candles(
            pair=pair, interval=interval, candles=[Candle.of(each) for each in _finished(minutes, seconds)[-limit:]]
        )


def _floor(at: datetime | None, length: timedelta) -> datetime | None:
    """The last instant at which a candle of this length ended."""
    if at is None:
        return None
    return opening_of(at, length)


def _finished(minutes: list[Bar], interval: timedelta) -> list[Bar]:
    """The whole candles of minutes; the first may lack its beginning and is left out."""
    if interval == MINUTE:
        return minutes
    aggregator = BarAggregator(interval)
    made = [bar for minute in minutes for bar in aggregator.push(minute)]
    if minutes and made and made[0].opened_at < minutes[0].opened_at:
        made = made[1:]
    return made
