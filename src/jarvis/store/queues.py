"""Two queues between processes: a person's commands to the trader, and the outbox that pages are moved by."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.instrument import Pair
from jarvis.domain.people import AuditEntry
from jarvis.store.audit import append
from jarvis.store.database import Database
from jarvis.store.records import Command, CommandKind, OutboxEvent
from jarvis.store.rows import record_of
from jarvis.store.tables import accounts, commands, outbox
from jarvis.store.wishes import KINDS, Wish, wish_text

Event = tuple[str, Mapping[str, str]]

EVENTS: Mapping[str, str] = {
    "account": "its state, its limits or strategies, what its key may do",
    "activity": "a line of what happened",
    "balances": "what the venue says that it holds",
    "command": "something that was asked of its trader: asked, or finished",
    "equity": "its margin, newly read",
    "fill": "an execution",
    "ledger": "an entry of the journal",
    "marks": "a pause, and what holds entries back",
    "order": "an order and its status",
    "position": "a position: opened, changed or closed",
    "status": "how its trader is",
}
"""What the outbox tells of, by kind: a promise to everybody who follows the stream of events."""

HANDED_OVER = "handed over"
"""What is said of a command between its trader's taking it and its answer."""

_FORGOTTEN_AT_ONCE = 5_000
_TELLING = 0x6A617276_6F757462  # any number that nothing else on the server locks


class QueueStore(Database):
    """Commands in, events out."""

    async def enqueue_command(
        self,
        owner_id: UserId,
        account_id: AccountId,
        kind: CommandKind,
        *,
        at: datetime,
        pair: Pair | None = None,
        noted: AuditEntry | None = None,
    ) -> int | None:
        """The new command's id; None, and nothing kept, for a stranger's account.

        With `noted` it happens only if that can be written: for commands that let more happen, never for exits.
        """
        async with self._write() as connection:
            if not await self._is_owner(connection, owner_id, account_id):
                return None
            result = await connection.execute(
                insert(commands)
                .values(account_id=account_id, kind=kind, pair=pair, by_user=owner_id, asked_at=at)
                .returning(commands.c.command_id)
            )
            command_id = int(result.scalar_one())
            if noted is not None:
                await append(connection, noted)
            told = {"command": str(command_id), "kind": kind.value, "state": "asked"}
            await self._tell(connection, account_id, ("command", told))
            return command_id

    async def enqueue_wish(
        self,
        owner_id: UserId,
        account_id: AccountId,
        wish: Wish,
        *,
        key: str,
        at: datetime,
        noted: AuditEntry | None = None,
    ) -> int | None:
        """The id of the command that carries what is wanted by hand; None for a stranger's account.

        The same `key` again is the same command: a form that is sent twice opens once.
        """
        async with self._write() as connection:
            if not await self._is_owner(connection, owner_id, account_id):
                return None
            known = await connection.scalar(
                select(commands.c.command_id).where(commands.c.account_id == account_id, commands.c.key == key)
            )
            if known is not None:
                return int(known)
            values = wish_values(owner_id, account_id, wish, key=key, at=at)
            result = await connection.execute(insert(commands).values(**values).returning(commands.c.command_id))
            command_id = int(result.scalar_one())
            if noted is not None:
                await append(connection, noted)
            await self._tell(connection, account_id, asked_event(command_id, wish))
            return command_id

    async def claim_command(self, command_id: int) -> bool:
        """Whether it is ours to hand over: true once, also after a crash."""
        async with self._write() as connection:
            changed = await connection.execute(
                update(commands)
                .where(commands.c.command_id == command_id, commands.c.result.is_(None))
                .values(result=HANDED_OVER)
            )
            return changed.rowcount == 1

    async def conclude_command(self, command_id: int, result: str) -> None:
        """Say what became of one that was handed over."""
        async with self._write() as connection:
            changed = await connection.execute(
                update(commands)
                .where(commands.c.command_id == command_id, commands.c.result == HANDED_OVER)
                .values(result=result)
                .returning(commands.c.account_id, commands.c.kind)
            )
            row = changed.first()
            if row is not None:
                told = {"command": str(command_id), "kind": row.kind.value, "state": "finished"}
                await self._tell(connection, row.account_id, ("command", told))

    async def take_commands(self, account_id: AccountId) -> list[Command]:
        """All that are not finished, oldest first: after a crash the same ones again, so carrying out must bear it."""
        async with self._read() as connection:
            rows = await connection.execute(
                select(commands)
                .where(commands.c.account_id == account_id, commands.c.result.is_(None))
                .order_by(commands.c.command_id)
            )
            return [record_of(Command, row) for row in rows]

    async def finish_command(self, command_id: int, result: str) -> None:
        """Say what became of it; only the first answer counts."""
        async with self._write() as connection:
            changed = await connection.execute(
                update(commands)
                .where(commands.c.command_id == command_id, commands.c.result.is_(None))
                .values(result=result)
                .returning(commands.c.account_id, commands.c.kind)
            )
            row = changed.first()
            if row is not None:
                told = {"command": str(command_id), "kind": row.kind.value, "state": "finished"}
                await self._tell(connection, row.account_id, ("command", told))

    async def command_result(self, owner_id: UserId, command_id: int) -> str | None:
        """What became of it; empty while it waits, None for a stranger's."""
        async with self._read() as connection:
            row = (
                await connection.execute(
                    select(commands.c.result)
                    .join(accounts, accounts.c.account_id == commands.c.account_id)
                    .where(commands.c.command_id == command_id, accounts.c.owner_id == owner_id)
                )
            ).first()
            return None if row is None else row.result or ""

    async def last_event_id(self) -> int:
        """Where the outbox ends now; 0 when it is empty."""
        async with self._read() as connection:
            return int(await connection.scalar(select(func.coalesce(func.max(outbox.c.event_id), 0))) or 0)

    async def outbox_span(self) -> tuple[int, int]:
        """The first event that is kept and the last; (1, 0) when there never was one."""
        async with self._read() as connection:
            first, last = (
                await connection.execute(
                    select(func.coalesce(func.min(outbox.c.event_id), 1), func.coalesce(func.max(outbox.c.event_id), 0))
                )
            ).one()
            return int(first), int(last)

    async def tail_outbox(self, owner_id: UserId, after_id: int, *, limit: int = 500) -> list[OutboxEvent]:
        """The events after `after_id` of all of the owner's accounts, in order."""
        async with self._read() as connection:
            rows = await connection.execute(
                select(outbox)
                .join(accounts, accounts.c.account_id == outbox.c.account_id)
                .where(accounts.c.owner_id == owner_id, outbox.c.event_id > after_id)
                .order_by(outbox.c.event_id)
                .limit(limit)
            )
            return [OutboxEvent(row.event_id, row.account_id, row.kind, json.loads(row.payload_json)) for row in rows]

    async def prune_outbox(self, keep: int = 100_000) -> int:
        """How many events were forgotten: all but about the last `keep`. In pieces, between which others write."""
        first, last = await self.outbox_span()
        forgotten = 0
        while first <= last - keep:
            first = min(first + _FORGOTTEN_AT_ONCE, last - keep + 1)
            async with self._write() as connection:
                result = await connection.execute(delete(outbox).where(outbox.c.event_id < first))
                forgotten += int(result.rowcount)
        return forgotten

    async def _tell(self, connection: AsyncConnection, account_id: AccountId, *events: Event) -> None:
        """Add an account's events to the outbox."""
        await self._tell_of(connection, [(account_id, event) for event in events])

    async def _tell_of(self, connection: AsyncConnection, events: Sequence[tuple[AccountId, Event]]) -> None:
        """Add events to the outbox: the last thing that a transaction does."""
        await connection.run_sync(tell, events)

    async def _is_owner(self, connection: AsyncConnection, owner_id: UserId, account_id: AccountId) -> bool:
        owned = exists().where(accounts.c.account_id == account_id, accounts.c.owner_id == owner_id)
        return bool(await connection.scalar(select(owned)))


def wish_values(owner_id: UserId, account_id: AccountId, wish: Wish, *, key: str, at: datetime) -> dict[str, Any]:
    """A wish as a row of the commands."""
    return {
        "account_id": account_id,
        "kind": CommandKind(KINDS[type(wish)]),
        "pair": wish.pair,
        "by_user": owner_id,
        "asked_at": at,
        "details_json": wish_text(wish),
        "key": key,
    }


def asked_event(command_id: int, wish: Wish) -> Event:
    """What moves the pages when a wish is on its way."""
    return "command", {"command": str(command_id), "kind": KINDS[type(wish)], "state": "asked"}


def tell(connection: Connection, events: Sequence[tuple[AccountId, Event]]) -> None:
    """Add events to the outbox: the last thing that a transaction does.

    PostgreSQL gives out ids before commit, so a reader could pass over one that becomes visible late. From here to
    commit the server's writers take turns; in SQLite they do so anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _TELLING})
    connection.execute(insert(outbox), event_rows(events))


def event_rows(events: Sequence[tuple[AccountId, Event]]) -> list[dict[str, Any]]:
    """The outbox's rows for accounts' events. Raises KeyError for a kind that nobody was promised."""
    for _, (kind, _) in events:
        EVENTS[kind]
    return [
        {"account_id": account_id, "kind": kind, "payload_json": json.dumps(dict(payload))}
        for account_id, (kind, payload) in events
    ]
