"""The outbox: every change that a page should know of, written in the same transaction as the change."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId
from jarvis.store.database import Database
from jarvis.store.records import OutboxEvent
from jarvis.store.tables import outbox

KEPT_EVENTS = 100_000


async def announce(connection: AsyncConnection, account_id: AccountId, kind: str, ref_id: str, at: datetime) -> None:
    """Add one event to the transaction of `connection`."""
    await connection.execute(insert(outbox).values(account_id=account_id, kind=kind, ref_id=ref_id, at=at))


class OutboxStore(Database):
    """Reads the outbox in order."""

    async def tail_outbox(self, after_id: int, account_ids: Sequence[AccountId], limit: int = 500) -> list[OutboxEvent]:
        """Events of these accounts after an id, oldest first."""
        query = (
            select(outbox)
            .where(outbox.c.event_id > after_id, outbox.c.account_id.in_(account_ids))
            .order_by(outbox.c.event_id)
            .limit(limit)
        )
        async with self.read() as connection:
            rows = (await connection.execute(query)).all()
        return [OutboxEvent(row.event_id, AccountId(row.account_id), row.kind, row.ref_id, row.at) for row in rows]

    async def last_event_id(self) -> int:
        """Where a page that has just been drawn begins to listen."""
        async with self.read() as connection:
            return int((await connection.execute(select(func.max(outbox.c.event_id)))).scalar() or 0)

    async def prune_outbox(self) -> None:
        """Forget all but the latest events: they are news, the tables are the record."""
        last = await self.last_event_id()
        async with self.write() as connection:
            await connection.execute(delete(outbox).where(outbox.c.event_id <= last - KEPT_EVENTS))
