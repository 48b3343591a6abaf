"""What the feed saw: finished candles and the latest quote of each pair, per venue."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from jarvis.domain.account import VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar, Quote
from jarvis.store.database import Database
from jarvis.store.rows import record_of, values_of
from jarvis.store.tables import bars, quotes


class MarketStore(Database):
    """Candles and quotes."""

    async def record_bars(self, venue: VenueName, finished: Iterable[Bar]) -> None:
        """Keep finished candles; one that is there already is replaced."""
        rows = [{"venue": venue, **values_of(bar)} for bar in finished]
        if rows:
            async with self._write() as connection:
                await self._put(connection, bars, *rows)

    async def bars(
        self,
        venue: VenueName,
        pair: Pair,
        interval: timedelta,
        since: datetime | None = None,
        *,
        before: datetime | None = None,
        limit: int | None = None,
    ) -> list[Bar]:
        """The candles of this size opened in [since, before), oldest first; with `limit` the latest of them."""
        query = (
            select(bars)
            .where(bars.c.venue == venue, bars.c.pair == pair, bars.c.interval == interval)
            .order_by(bars.c.opened_at.desc())
            .limit(limit)
        )
        if since is not None:
            query = query.where(bars.c.opened_at >= since)
        if before is not None:
            query = query.where(bars.c.opened_at < before)
        async with self._read() as connection:
            rows = (await connection.execute(query)).all()
            return [record_of(Bar, row) for row in reversed(rows)]

    async def closes(
        self, venue: VenueName, pair: Pair, interval: timedelta, opened_at: Sequence[datetime]
    ) -> list[tuple[datetime, Decimal]]:
        """The closing prices of the candles that opened at these instants, as far as they are there, oldest first."""
        query = (
            select(bars.c.opened_at, bars.c.close)
            .where(
                bars.c.venue == venue,
                bars.c.pair == pair,
                bars.c.interval == interval,
                bars.c.opened_at.in_(opened_at),
            )
            .order_by(bars.c.opened_at)
        )
        async with self._read() as connection:
            return [(row.opened_at, row.close) for row in await connection.execute(query)]

    async def record_quotes(self, venue: VenueName, latest: Iterable[Quote]) -> None:
        """Keep the latest quote of each pair; its time tells how fresh the feed is."""
        rows = [{"venue": venue, **values_of(quote)} for quote in latest]
        if rows:
            async with self._write() as connection:
                await self._put(connection, quotes, *rows)

    async def quotes(self, venue: VenueName) -> dict[Pair, Quote]:
        """The latest quote of each pair that ever had one."""
        async with self._read() as connection:
            rows = await connection.execute(select(quotes).where(quotes.c.venue == venue))
            return {row.pair: record_of(Quote, row) for row in rows}
