"""Commands from people to traders, candles from feeds to pages."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update

from jarvis.domain.account import AccountId, Environment, UserId, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.store.database import Database
from jarvis.store.records import Command
from jarvis.store.tables import bars, commands

MINUTE = timedelta(minutes=1)


class QueueStore(Database):
    """Commands and candles."""

    async def enqueue_command(
        self, account_id: AccountId, kind: str, *, pair: Pair | None, by_user: UserId, at: datetime
    ) -> None:
        """Ask the account's trader for `pause`, `resume` or `flatten`. Its own events show what came of it."""
        async with self.write() as connection:
            await connection.execute(
                insert(commands).values(
                    account_id=account_id,
                    kind=kind,
                    pair=None if pair is None else str(pair),
                    by_user=by_user,
                    asked_at=at,
                )
            )

    async def take_commands(self, account_id: AccountId, at: datetime) -> list[Command]:
        """Commands that nobody has taken, oldest first; they are taken now."""
        waiting = (
            select(commands)
            .where(commands.c.account_id == account_id, commands.c.taken_at.is_(None))
            .order_by(commands.c.command_id)
        )
        async with self.read() as connection:
            if (await connection.execute(waiting)).first() is None:
                return []  # the usual answer, without a writer's turn
        async with self.write() as connection:
            rows = (await connection.execute(waiting)).all()
            await connection.execute(
                update(commands).where(commands.c.command_id.in_([row.command_id for row in rows])).values(taken_at=at)
            )
        return [Command(row.command_id, row.kind, Pair.parse(row.pair) if row.pair else None) for row in rows]

    async def record_bars(self, venue: VenueName, environment: Environment, minutes: Sequence[Bar]) -> None:
        """Keep finished one-minute candles; one that is kept already is left as it is."""
        async with self.write() as connection:
            for bar in minutes:
                key = (
                    (bars.c.venue == venue)
                    & (bars.c.environment == environment.value)
                    & (bars.c.pair == str(bar.pair))
                    & (bars.c.opened_at == bar.opened_at)
                )
                if (await connection.execute(select(bars.c.opened_at).where(key))).first() is None:
                    await connection.execute(
                        insert(bars).values(
                            venue=venue,
                            environment=environment.value,
                            pair=str(bar.pair),
                            opened_at=bar.opened_at,
                            open=bar.open,
                            high=bar.high,
                            low=bar.low,
                            close=bar.close,
                            volume=bar.volume,
                        )
                    )

    async def bars(
        self, venue: VenueName, environment: Environment, pair: Pair, *, since: datetime, limit: int = 5000
    ) -> list[Bar]:
        """The latest kept one-minute candles opened at or after `since`, oldest first."""
        query = (
            select(bars)
            .where(bars.c.venue == venue, bars.c.environment == environment.value, bars.c.pair == str(pair))
            .where(bars.c.opened_at >= since)
            .order_by(bars.c.opened_at.desc())
            .limit(limit)
        )
        async with self.read() as connection:
            rows = (await connection.execute(query)).all()
        return [
            Bar(pair, MINUTE, row.opened_at, row.open, row.high, row.low, row.close, row.volume)
            for row in reversed(rows)
        ]
