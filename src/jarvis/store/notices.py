"""What people must know of their accounts: written with what happened, seen on a page, sent to where they wish."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.instrument import Pair
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
    account_id: AccountId | None = None
    pair: Pair | None = None


async def tell(
    connection: AsyncConnection,
    user_id: UserId,
    kind: str,
    severity: Severity,
    message: str,
    at: datetime,
    *,
    account_id: AccountId | None = None,
    pair: Pair | None = None,
    is_for_receivers_only: bool = False,
) -> int:
    """Add a notice within the caller's transaction; its id. `message` is a whole sentence without any secret.

    `is_for_receivers_only`: it counts as seen, and the caller says where it is sent.
    """
    values: dict[str, object] = {"at": at, "kind": kind, "severity": severity.value, "message": message, "pair": pair}
    if is_for_receivers_only:
        values |= {"seen_at": at, "sent_at": at}
    result = await connection.execute(
        insert(notices).values(user_id=user_id, account_id=account_id, **values).returning(notices.c.notice_id)
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
            await tell(connection, owner, kind, severity, message, at, account_id=account_id)
            if noted is not None:
                await append(connection, replace(noted, user_id=owner, account_id=account_id))

    async def notices_of(
        self,
        user_id: UserId,
        *,
        before: int | None = None,
        limit: int = 50,
        kinds: Collection[str] | None = None,
        severity: Severity | None = None,
        unseen: bool = False,
    ) -> list[Notice]:
        """The person's notices, newest first; all, or those of some kinds, of one severity, not seen yet."""
        query = select(notices).where(notices.c.user_id == user_id).order_by(notices.c.notice_id.desc()).limit(limit)
        if before is not None:
            query = query.where(notices.c.notice_id < before)
        if kinds is not None:
            query = query.where(notices.c.kind.in_(kinds))
        if severity is not None:
            query = query.where(notices.c.severity == severity.value)
        if unseen:
            query = query.where(notices.c.seen_at.is_(None))
        async with self._read() as connection:
            return [notice_of(row) for row in await connection.execute(query)]

    async def notice_kinds(self, user_id: UserId) -> list[str]:
        """The kinds of notices that the person ever got."""
        query = select(notices.c.kind).where(notices.c.user_id == user_id).distinct().order_by(notices.c.kind)
        async with self._read() as connection:
            return [row.kind for row in await connection.execute(query)]

    async def mark_one(self, user_id: UserId, notice_id: int, at: datetime | None) -> bool:
        """Mark one notice as seen, or with None as not seen; False if it is not the person's."""
        mine = (notices.c.user_id == user_id) & (notices.c.notice_id == notice_id)
        async with self._write() as connection:
            return await self._change(connection, update(notices).where(mine).values(seen_at=at))

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

    async def unsent_notices(self, *, limit: int = 200) -> list[Notice]:
        """Notices of which nobody decided yet where they are sent, oldest first, of all people."""
        query = select(notices).where(notices.c.sent_at.is_(None)).order_by(notices.c.notice_id).limit(limit)
        async with self._read() as connection:
            return [notice_of(row) for row in await connection.execute(query)]


def notice_of(row: Row[Any]) -> Notice:
    """The notice of a row."""
    return Notice(
        row.notice_id,
        UserId(row.user_id),
        row.at,
        row.kind,
        Severity(row.severity),
        row.message,
        row.seen_at,
        row.sent_at,
        None if row.account_id is None else AccountId(row.account_id),
        row.pair,
    )
