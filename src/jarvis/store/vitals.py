"""How the installation is, counted: who serves, what the feeds saw, what waits, how large the database is.

Nobody's business is in it: numbers and times, no names of people or accounts, no amounts.
"""

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, case, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import Environment, VenueName
from jarvis.domain.people import DeliveryState
from jarvis.store import schema
from jarvis.store.database import Database
from jarvis.store.people_tables import audit, deliveries, installation, notices
from jarvis.store.queues import HANDED_OVER
from jarvis.store.records import AccountState, CommandKind, feed_name
from jarvis.store.tables import accounts, bars, commands, leases, outbox, quotes
from jarvis.store.wishes import KINDS

_MINUTE, _A_DAY = timedelta(minutes=1), timedelta(days=1)
_WISHES = tuple(CommandKind(kind) for kind in KINDS.values())


@dataclass(frozen=True, slots=True)
class Worker:
    """One process that serves accounts; `until` is when its latest lease ends (wall clock)."""

    name: str
    accounts: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Feed:
    """What is known of one market's prices: `newest` and `oldest` are the times of its pairs' latest quotes.

    A sandbox's times are its own clock's; `clock` is then the latest that its accounts said, else None. `missing` is
    how many of the minutes between the first and the last candle of the latest day nobody recorded, over all pairs.
    """

    venue: VenueName
    environment: Environment
    accounts: int
    pairs: int
    newest: datetime | None
    oldest: datetime | None
    clock: datetime | None
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits: how many, since when, and how many failed.

    Of `wishes` (orders by hand and of charts) and `commands` those that nobody has carried out, of `notices` those
    that no receiver was chosen for yet, of `deliveries` those on their way.
    """

    name: str
    waiting: int
    oldest: datetime | None = None
    failed: int = 0


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """`kind` is SQLite or PostgreSQL; sizes in bytes. `free` is the disk of a file; another machine's is not known."""

    kind: str
    size: int
    free: int | None
    revision: str


@dataclass(frozen=True, slots=True)
class Vitals:
    """Everything at one moment. `unserved` accounts are connected, and nobody serves them."""

    connected: int
    unserved: int
    states: dict[AccountState, int]
    workers: tuple[Worker, ...]
    feeds: tuple[Feed, ...]
    queues: tuple[Queue, ...]
    events: int
    database: DatabaseFacts
    backed_up_at: datetime | None
    verified_at: datetime | None
    entries_blocked: str


class VitalsStore(Database):
    """Counts."""

    async def vitals(self, now: datetime) -> Vitals:
        """How everything is; `now` by the wall clock, as leases are."""
        async with self._read() as connection:
            rows = (
                await connection.execute(
                    select(
                        accounts.c.account_id,
                        accounts.c.venue,
                        accounts.c.environment,
                        accounts.c.state,
                        accounts.c.status_at,
                    ).where(accounts.c.state != AccountState.DISCONNECTED)
                )
            ).all()
            held = (await connection.execute(select(leases).where(leases.c.until > now))).all()
            served = {row.name: row for row in held}
            return Vitals(
                connected=len(rows),
                unserved=sum(row.account_id not in served for row in rows),
                states=dict(Counter(row.state for row in rows)),
                workers=_workers(held),
                feeds=await _feeds(connection, rows),
                queues=await _queues(connection),
                events=int(await connection.scalar(select(func.count()).select_from(outbox)) or 0),
                database=await self._facts(connection),
                backed_up_at=await _last(connection, "backup.made"),
                verified_at=await _last(connection, "backup.verified"),
                entries_blocked=await connection.scalar(select(installation.c.entries_blocked)) or "",
            )

    async def _facts(self, connection: AsyncConnection) -> DatabaseFacts:
        revision = await connection.run_sync(schema.revision) or ""
        if self.is_postgresql:
            size = await connection.scalar(text("SELECT pg_database_size(current_database())"))
            return DatabaseFacts("PostgreSQL", int(size or 0), None, revision)
        pages = await connection.scalar(text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"))
        return DatabaseFacts("SQLite", int(pages or 0), _free_beside(self._url.database or "."), revision)


def _free_beside(file: str) -> int:
    return shutil.disk_usage(Path(file).absolute().parent).free


def _workers(held: Iterable[Any]) -> tuple[Worker, ...]:
    found: dict[str, Worker] = {}
    for row in held:
        known = found.get(row.owner)
        until = row.until if known is None else max(known.until, row.until)
        found[row.owner] = Worker(row.owner, 1 if known is None else known.accounts + 1, until)
    return tuple(found[name] for name in sorted(found))


async def _feeds(connection: AsyncConnection, rows: Iterable[Any]) -> tuple[Feed, ...]:
    markets: dict[tuple[VenueName, Environment], list[datetime]] = {}
    counts: Counter[tuple[VenueName, Environment]] = Counter()
    for row in rows:
        key = VenueName(row.venue), row.environment
        counts[key] += 1
        markets.setdefault(key, []).extend([row.status_at] if row.status_at is not None else [])
    seen = await connection.execute(
        select(quotes.c.venue, func.count(), func.max(quotes.c.at), func.min(quotes.c.at)).group_by(quotes.c.venue)
    )
    by_name = {name: (pairs, newest, oldest) for name, pairs, newest, oldest in seen}
    feeds = []
    for (venue, environment), said in sorted(markets.items(), key=lambda each: (each[0][1].value, each[0][0])):
        pairs, newest, oldest = by_name.get(feed_name(venue, environment), (0, None, None))
        clock = None if environment is Environment.LIVE else max(said, default=None)
        missing = await _missing(connection, feed_name(venue, environment), newest)
        feeds.append(Feed(venue, environment, counts[venue, environment], pairs, newest, oldest, clock, missing))
    return tuple(feeds)


async def _missing(connection: AsyncConnection, feed: VenueName, newest: datetime | None) -> int:
    """Minutes of the latest day that no candle tells of, between each pair's first and last one."""
    if newest is None:
        return 0
    opened = bars.c.opened_at
    latest = (bars.c.venue == feed) & (bars.c.interval == _MINUTE) & (opened > newest - _A_DAY)
    counted = select(func.min(opened), func.max(opened), func.count()).where(latest).group_by(bars.c.pair)
    return sum(
        int((last - first) / _MINUTE) + 1 - count for first, last, count in await connection.execute(counted) if count
    )


async def _last(connection: AsyncConnection, kind: str) -> datetime | None:
    """When the audit last told of something."""
    at: datetime | None = await connection.scalar(select(func.max(audit.c.at)).where(audit.c.kind == kind))
    return at


async def _queues(connection: AsyncConnection) -> tuple[Queue, ...]:
    undone = commands.c.result.is_(None) | (commands.c.result == HANDED_OVER)
    asked, by_hand = commands.c.asked_at, commands.c.kind.in_(_WISHES)
    return (
        await _waiting(connection, "wishes", asked, undone & by_hand),
        await _waiting(connection, "commands", asked, undone & ~by_hand),
        await _waiting(connection, "notices", notices.c.at, notices.c.sent_at.is_(None)),
        await _deliveries(connection),
    )


async def _waiting(
    connection: AsyncConnection, name: str, since: ColumnElement[datetime], condition: ColumnElement[bool]
) -> Queue:
    query = select(func.count(), func.min(since)).where(condition)
    count, oldest = (await connection.execute(query)).one()
    return Queue(name, int(count), oldest)


async def _deliveries(connection: AsyncConnection) -> Queue:
    def counted(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    waiting, failed = deliveries.c.state == DeliveryState.WAITING, deliveries.c.state == DeliveryState.FAILED
    due = func.min(case((waiting, deliveries.c.due_at)))
    count, oldest, lost = (await connection.execute(select(counted(waiting), due, counted(failed)))).one()
    return Queue("deliveries", int(count), oldest, int(lost))
