"""Where people want their notices sent to, besides the page, and when they want to be left alone."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, DeliveryState
from jarvis.notify.kinds import Choices, choices_of, choices_text
from jarvis.notify.quiet import QuietHours
from jarvis.store.audit import append
from jarvis.store.database import Database
from jarvis.store.notices import tell
from jarvis.store.people_tables import deliveries, quiet_hours, targets, users
from jarvis.trading.events import Severity

MOST_TARGETS = 8
TESTED = "notices.tested"
_TEST = "This is a test: notices of Jarvis arrive here."


@dataclass(frozen=True, slots=True)
class Target:
    """One receiver of a person's notices.

    `address` is what may be shown of it; what it is reached with is `sealed`. It gets nothing but its confirmation
    until `confirmed_at`. `failure` says why the last delivery failed, empty after one that did not.
    """

    target_id: str
    user_id: UserId
    kind: str
    label: str
    address: str
    created_at: datetime
    failed_at: datetime | None = None
    failure: str = ""
    sealed: bytes | None = field(default=None, repr=False)
    choices: Choices = field(default_factory=dict)
    confirmed_at: datetime | None = None
    token_hash: bytes | None = field(default=None, repr=False)

    @property
    def is_confirmed(self) -> bool:
        """Whether notices may be sent there."""
        return self.confirmed_at is not None


class TargetStore(Database):
    """Receivers, each one person's; adding and removing one is audited and told."""

    async def add_target(self, target: Target, noted: AuditEntry) -> bool:
        """Whether it is kept; False if the person has as many as one may.

        One that is to be confirmed is sent its confirmation first of all.
        """
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
                    sealed=target.sealed,
                    choices_json=choices_text(target.choices),
                    confirmed_at=target.confirmed_at,
                    token_hash=target.token_hash,
                )
            )
            then = "from now on" if target.is_confirmed else "once the link in a letter to it was opened"
            message = f"Notices are also sent to {target.label} ({target.address}) {then}."
            notice_id = await tell(connection, target.user_id, "target.added", Severity.WARNING, message, noted.at)
            if not target.is_confirmed:
                await _deliver(connection, target, notice_id, noted.at)
            await append(connection, noted)
            return True

    async def remove_target(self, user_id: UserId, target_id: str, noted: AuditEntry) -> bool:
        """Whether it was the person's and is gone, with what was on its way there."""
        mine = (targets.c.user_id == user_id) & (targets.c.target_id == target_id)
        async with self._write() as connection:
            row = (await connection.execute(select(targets).where(mine))).first()
            if row is None or not await self._change(connection, delete(targets).where(mine)):
                return False
            target = target_of(row)
            message = f"Notices are not sent to {target.label} ({target.address}) any more."
            await tell(connection, user_id, "target.removed", Severity.WARNING, message, noted.at)
            await append(connection, noted)
            return True

    async def choose(self, user_id: UserId, target_id: str, choices: Choices, noted: AuditEntry) -> bool:
        """Whether the receiver is the person's and is sent this from now on."""
        mine = (targets.c.user_id == user_id) & (targets.c.target_id == target_id)
        async with self._write() as connection:
            changed = await self._change(
                connection, update(targets).where(mine).values(choices_json=choices_text(choices))
            )
            if changed:
                await append(connection, noted)
            return changed

    async def target_to_confirm(self, token_hash: bytes, since: datetime) -> Target | None:
        """The receiver that a confirmation of this hash belongs to, if it was asked for after `since`."""
        asked = select(targets).where(
            targets.c.token_hash == token_hash, targets.c.confirmed_at.is_(None), targets.c.created_at > since
        )
        async with self._read() as connection:
            row = (await connection.execute(asked)).first()
            return None if row is None else target_of(row)

    async def confirm_target(self, target: Target, noted: AuditEntry) -> bool:
        """Whether it is confirmed by that: from now on it is sent notices. A link is good once."""
        waits = (targets.c.target_id == target.target_id) & targets.c.confirmed_at.is_(None)
        async with self._write() as connection:
            confirmed = await self._change(
                connection,
                update(targets).where(waits).values(confirmed_at=noted.at, token_hash=None, sealed=None),
            )
            if confirmed:
                message = f"{target.label} ({target.address}) was confirmed: notices are sent there from now on."
                await tell(connection, target.user_id, "target.confirmed", Severity.INFO, message, noted.at)
                await append(connection, noted)
            return confirmed

    async def ask_for_test(self, user_id: UserId, target_id: str, at: datetime) -> bool:
        """Send a test to one receiver of the person's and to no other; False if it is not theirs or not confirmed.

        One that is still on its way is enough.
        """
        mine = (targets.c.user_id == user_id) & (targets.c.target_id == target_id) & targets.c.confirmed_at.is_not(None)
        async with self._write() as connection:
            row = (await connection.execute(select(targets).where(mine))).first()
            if row is None:
                return False
            notice_id = await tell(connection, user_id, TESTED, Severity.INFO, _TEST, at, is_for_receivers_only=True)
            await _deliver(connection, target_of(row), notice_id, at)
            return True

    async def targets_of(self, user_id: UserId) -> list[Target]:
        """The person's receivers, oldest first."""
        async with self._read() as connection:
            rows = await connection.execute(
                select(targets).where(targets.c.user_id == user_id).order_by(targets.c.created_at, targets.c.target_id)
            )
            return [target_of(row) for row in rows]

    async def plain_targets(self) -> list[tuple[UserId, str, str]]:
        """(person, receiver, address) of webhooks whose address an earlier version kept in clear."""
        plain = (targets.c.kind == "webhook") & targets.c.sealed.is_(None)
        async with self._read() as connection:
            rows = await connection.execute(select(targets).where(plain).order_by(targets.c.target_id))
            return [(UserId(row.user_id), row.target_id, row.address) for row in rows]

    async def seal_target(self, user_id: UserId, target_id: str, former: str, sealed: bytes, shown: str) -> bool:
        """Put the seal in the place of the address; False, and nothing changed, if that is another one now."""
        mine = (targets.c.user_id == user_id) & (targets.c.target_id == target_id) & (targets.c.address == former)
        async with self._write() as connection:
            return await self._change(connection, update(targets).where(mine).values(sealed=sealed, address=shown))

    async def quiet_hours(self, user_id: UserId) -> QuietHours | None:
        """When the person wants to be left alone."""
        async with self._read() as connection:
            row = (await connection.execute(select(quiet_hours).where(quiet_hours.c.user_id == user_id))).first()
            return None if row is None else QuietHours(row.zone, row.begins, row.ends)

    async def set_quiet_hours(self, user_id: UserId, hours: QuietHours | None, noted: AuditEntry) -> None:
        """Leave the person alone then; with None never."""
        async with self._write() as connection:
            if hours is None:
                await connection.execute(delete(quiet_hours).where(quiet_hours.c.user_id == user_id))
            else:
                row = {"user_id": user_id, "zone": hours.zone, "begins": hours.begins, "ends": hours.ends}
                await self._put(connection, quiet_hours, row)
            await append(connection, noted)


async def _deliver(connection: AsyncConnection, target: Target, notice_id: int, at: datetime) -> None:
    """Put one notice on its way to one receiver, whatever it chose."""
    await connection.execute(
        insert(deliveries).values(
            notice_id=notice_id,
            target_id=target.target_id,
            user_id=target.user_id,
            state=DeliveryState.WAITING,
            attempts=0,
            due_at=at,
            failure="",
        )
    )


def target_of(row: Row[Any]) -> Target:
    """The receiver of a row."""
    return Target(
        row.target_id,
        UserId(row.user_id),
        row.kind,
        row.label,
        row.address,
        row.created_at,
        row.failed_at,
        row.failure,
        row.sealed,
        choices_of(row.kind, row.choices_json),
        row.confirmed_at,
        row.token_hash,
    )
