"""Where each person is on the way to a connected key, so that they can leave it and come back. Nothing secret in it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select

from jarvis.domain.account import AccountId, Environment, UserId, VenueName
from jarvis.domain.people import ConnectStep
from jarvis.store.database import Database
from jarvis.store.people_tables import connecting


@dataclass(frozen=True, slots=True)
class Connecting:
    """One person's way to a key of one venue.

    `account_id` is the account that came of it, or the one whose key is being replaced. `told_json` is what the pages
    showed of the last check; empty before the first.
    """

    user_id: UserId
    venue: VenueName
    environment: Environment
    step: ConnectStep
    updated_at: datetime
    account_id: AccountId | None = None
    told_json: str = ""


class ConnectingStore(Database):
    """At most one way for each person and venue."""

    async def save_connecting(self, way: Connecting) -> None:
        """Keep where the person is now, in the place of what was kept for this venue."""
        async with self._write() as connection:
            await self._put(
                connection,
                connecting,
                {
                    "user_id": way.user_id,
                    "venue": way.venue,
                    "environment": way.environment,
                    "step": way.step,
                    "account_id": way.account_id,
                    "told_json": way.told_json,
                    "updated_at": way.updated_at,
                },
            )

    async def connecting_of(self, user_id: UserId) -> list[Connecting]:
        """The person's unfinished ways, the latest first."""
        async with self._read() as connection:
            mine = select(connecting).where(connecting.c.user_id == user_id)
            rows = await connection.execute(mine.order_by(connecting.c.updated_at.desc(), connecting.c.venue))
            return [_way(row) for row in rows]

    async def end_connecting(self, user_id: UserId, venue: VenueName) -> bool:
        """Forget the person's way to this venue; whether there was one."""
        mine = (connecting.c.user_id == user_id) & (connecting.c.venue == venue)
        async with self._write() as connection:
            return await self._change(connection, delete(connecting).where(mine))


def _way(row: Row[Any]) -> Connecting:
    return Connecting(
        row.user_id,
        row.venue,
        row.environment,
        row.step,
        row.updated_at,
        row.account_id,
        row.told_json,
    )
