"""Where people want their notices sent to, besides the page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry
from jarvis.store.audit import append
from jarvis.store.database import Database
from jarvis.store.notices import tell
from jarvis.store.people_tables import targets, users
from jarvis.trading.events import Severity

MOST_TARGETS = 5


@dataclass(frozen=True, slots=True)
class Target:
    """One receiver of a person's notices. `failure` says why the last delivery failed, empty after one that did not."""

    target_id: str
    user_id: UserId
    kind: str
    label: str
    address: str
    created_at: datetime
    failed_at: datetime | None = None
    failure: str = ""

    @property
    def host(self) -> str:
        """The receiver's name; the rest of the address may be all that keeps others from using it."""
        return self.address.partition("://")[2].partition("/")[0]


class TargetStore(Database):
    """Receivers, each one person's; adding and removing one is audited and told."""

    async def add_target(self, target: Target, noted: AuditEntry) -> bool:
        """Whether it is kept; False if the person has as many as one may."""
        async with self._write() as connection:
            # The person's row is locked first: two requests at once must not both find a free place.
            await connection.execute(select(users.c.user_id).where(users.c.user_id == target.user_id).with_for_update())
            mine = targets.c.user_id == target.user_id
            count = await connection.scalar(select(func.count()).select_from(targets).where(mine))
            if int(count or 0) >= MOST_TARGETS:
                return False
            await connection.execute(
                insert(targets).values(
                    target_id=target.target_id,
                    user_id=target.user_id,
                    kind=target.kind,
                    label=target.label,
                    address=target.address,
                    created_at=target.created_at,
                    failed_at=None,
                    failure="",
                )
            )
            message = f"Notices are also sent to {target.label} ({target.host}) from now on."
            await tell(connection, target.user_id, "target.added", Severity.WARNING, message, noted.at)
            await append(connection, noted)
            return True

    async def remove_target(self, user_id: UserId, target_id: str, noted: AuditEntry) -> bool:
        """Whether it was the person's and is gone."""
        mine = (targets.c.user_id == user_id) & (targets.c.target_id == target_id)
        async with self._write() as connection:
            row = (await connection.execute(select(targets).where(mine))).first()
            if row is None or not await self._change(connection, delete(targets).where(mine)):
                return False
            target = _target(row)
            message = f"Notices are not sent to {target.label} ({target.host}) any more."
            await tell(connection, user_id, "target.removed", Severity.WARNING, message, noted.at)
            await append(connection, noted)
            return True

    async def targets_of(self, user_id: UserId) -> list[Target]:
        """The person's receivers, oldest first."""
        async with self._read() as connection:
            rows = await connection.execute(
                select(targets).where(targets.c.user_id == user_id).order_by(targets.c.created_at, targets.c.target_id)
            )
            return [_target(row) for row in rows]

    async def note_delivery(self, target_id: str, failure: str, at: datetime) -> None:
        """Keep why the last delivery failed; empty says that it arrived."""
        async with self._write() as connection:
            await connection.execute(
                update(targets)
                .where(targets.c.target_id == target_id)
                .values(failure=failure, failed_at=at if failure else None)
            )


def _target(row: Row[Any]) -> Target:
    return Target(
        row.target_id,
        row.user_id,
        row.kind,
        row.label,
        row.address,
        row.created_at,
        row.failed_at,
        row.failure,
    )
