"""What people must know of their accounts: written with what happened, seen on a page, sent to where they wish."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.people import AuditEntry
from jarvis.store.audit import append
from jarvis.store.database import Database
from jarvis.store.people_tables import notices
from jarvis.store.tables import accounts
from jarvis.trading.events import Severity


@dataclass(frozen=True, slots=True)
class Notice:
    """What one person must know. `kind` is a stable name; `message` whole sentences, without any secret."""

    notice_id: int
    user_id: UserId
    at: datetime
    kind: str
    severity: Severity
    message: str
    seen_at: datetime | None
    sent_at: datetime | None


async def tell(
    connection: AsyncConnection, user_id: UserId, kind: str, severity: Severity, message: str, at: datetime
) -> int:
    """Add a notice within the caller's transaction; its id. `message` is a whole sentence without any secret."""
    result = await connection.execute(
        insert(notices)
        .values(user_id=user_id, at=at, kind=kind, severity=severity.value, message=message)
        .returning(notices.c.notice_id)
    )
    return int(result.scalar_one())


class NoticeStore(Database):
    """Notices, each one person's."""

    async def add_notice(self, user_id: UserId, kind: str, severity: Severity, message: str, at: datetime) -> int:
        """Add a notice in a transaction of its own; its id."""
        async with self._write() as connection:
            return await tell(connection, user_id, kind, severity, message, at)

    async def tell_owner(
        self,
        account_id: AccountId,
        kind: str,
        severity: Severity,
        message: str,
        at: datetime,
        *,
        noted: AuditEntry | None = None,
    ) -> None:
        """Tell an account's owner, and note it in the audit as theirs; nothing if the account is gone."""
        async with self._write() as connection:
            owner = await connection.scalar(select(accounts.c.owner_id).where(accounts.c.account_id == account_id))
            if owner is None:
                return
            await tell(connection, owner, kind, severity, message, at)
            if noted is not None:
                await append(connection, replace(noted, user_id=owner, account_id=account_id))

    async def notices_of(self, user_id: UserId, *, before: int | None = None, limit: int = 50) -> list[Notice]:
        """The person's notices, newest first."""
        query = select(notices).where(notices.c.user_id == user_id).order_by(notices.c.notice_id.desc()).limit(limit)
        if before is not None:
            query = query.where(notices.c.notice_id < before)
        async with self._read() as connection:
            return [notice_of(row) for row in await connection.execute(query)]

    async def unseen_notices(self, user_id: UserId) -> int:
        """How many of the person's notices were not marked as seen."""
        async with self._read() as connection:
            unseen = (notices.c.user_id == user_id) & notices.c.seen_at.is_(None)
            return int(await connection.scalar(select(func.count()).select_from(notices).where(unseen)) or 0)

    async def mark_seen(self, user_id: UserId, at: datetime, *, up_to: int) -> int:
        """How many of the person's notices up to the one named are marked as seen now."""
        async with self._write() as connection:
            result = await connection.execute(
                update(notices)
                .where(notices.c.user_id == user_id, notices.c.notice_id <= up_to, notices.c.seen_at.is_(None))
                .values(seen_at=at)
            )
            return int(result.rowcount)

    async def unsent_notices(self, *, besides: Collection[UserId] = (), limit: int = 100) -> list[Notice]:
        """Notices that did not leave for their person's targets yet, oldest first, of all people `besides` these."""
        waiting = notices.c.sent_at.is_(None) & notices.c.user_id.not_in(besides)
        async with self._read() as connection:
            rows = await connection.execute(select(notices).where(waiting).order_by(notices.c.notice_id).limit(limit))
            return [notice_of(row) for row in rows]

    async def mark_sent(self, notice_ids: Collection[int], at: datetime) -> None:
        """These notices need not leave any more."""
        async with self._write() as connection:
            await connection.execute(update(notices).where(notices.c.notice_id.in_(notice_ids)).values(sent_at=at))


def notice_of(row: Row[Any]) -> Notice:
    """The notice in a row."""
    return Notice(
        row.notice_id, row.user_id, row.at, row.kind, Severity(row.severity), row.message, row.seen_at, row.sent_at
    )
