"""The audit of everything that matters to security: one chain of lines for the installation.

A line is written in the transaction of what it tells, so that neither is without the other. Numbers follow each other
without a gap. The signer countersigns the chain's head now and then; those seals are kept beside it.
"""

import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Row, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.people import AuditEntry
from jarvis.store.chain import FIRST_PREVIOUS, AuditLine, line_of
from jarvis.store.database import Database
from jarvis.store.people_tables import audit, audit_seals, notices

log = structlog.get_logger()

SALT_BYTES = 16
_APPENDING = 0x6A617276_61756474  # any number that nothing else on the server locks


@dataclass(frozen=True, slots=True)
class AuditSeal:
    """The signer's countersignature of the chain up to line `number`."""

    number: int
    at: datetime
    seal: bytes


async def append(connection: AsyncConnection, *entries: AuditEntry) -> int:
    """Add lines to the chain within the caller's transaction, and return the last one's number.

    From here to the end of the transaction nobody else appends. In PostgreSQL that is a lock, taken before the
    outbox's: whoever also tells the outbox does so afterwards.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _APPENDING})
    head = (
        await connection.execute(select(audit.c.audit_id, audit.c.hash).order_by(audit.c.audit_id.desc()).limit(1))
    ).first()
    number, previous = (0, FIRST_PREVIOUS) if head is None else (int(head.audit_id), head.hash)
    rows = []
    for entry in entries:
        number += 1
        line = line_of(entry, number=number, previous=previous, salt=secrets.token_bytes(SALT_BYTES))
        previous = line.hash
        rows.append(
            {
                "audit_id": line.number,
                "at": line.at,
                "kind": line.kind,
                "actor": line.actor,
                "user_id": line.user_id,
                "account_id": line.account_id,
                "salt": line.salt,
                "details_json": line.details_json,
                "digest": line.digest,
                "hash": line.hash,
            }
        )
    await connection.execute(insert(audit), rows)
    return number


class AuditStore(Database):
    """The chain and its seals. Who reads for a person asks for that person's lines only."""

    async def note(self, entry: AuditEntry) -> int:
        """Add a line in a transaction of its own; its number. Raises StoreError: then what it tells must not happen."""
        async with self._write() as connection:
            return await append(connection, entry)

    async def note_if_possible(self, entry: AuditEntry) -> bool:
        """Add a line for what happens in any case, as every exit does; whether it could be written. Never raises."""
        try:
            await self.note(entry)
        except Exception:
            log.exception("audit_not_written", kind=entry.kind, actor=entry.actor, account=entry.account_id)
            with suppress(Exception):
                await self._tell_unnoted(entry)
            return False
        return True

    async def _tell_unnoted(self, entry: AuditEntry) -> None:
        """Tell the person at least that a line is missing; a database that takes nothing takes this neither."""
        if entry.user_id is None:
            return
        message = f"“{entry.kind}” was done, but could not be written into the audit. The operator should look why."
        async with self._write() as connection:
            await connection.execute(
                insert(notices).values(
                    user_id=entry.user_id, at=entry.at, kind="audit.missed", severity="warning", message=message
                )
            )

    async def audit_head(self) -> AuditLine | None:
        """The chain's last line; None while it has none."""
        async with self._read() as connection:
            row = (await connection.execute(select(audit).order_by(audit.c.audit_id.desc()).limit(1))).first()
            return None if row is None else line_of_row(row)

    async def audit_line(self, number: int) -> AuditLine | None:
        """One line by its number."""
        async with self._read() as connection:
            row = (await connection.execute(select(audit).where(audit.c.audit_id == number))).first()
            return None if row is None else line_of_row(row)

    async def audit_lines(self, after: int = 0, *, limit: int = 1000) -> list[AuditLine]:
        """The next lines after number `after`, of everybody: for walking the chain."""
        async with self._read() as connection:
            rows = await connection.execute(
                select(audit).where(audit.c.audit_id > after).order_by(audit.c.audit_id).limit(limit)
            )
            return [line_of_row(row) for row in rows]

    async def audit_of(
        self,
        user_id: UserId | None = None,
        *,
        kinds: Collection[str] = (),
        account_id: AccountId | None = None,
        before: int | None = None,
        since: datetime | None = None,
        limit: int = 50,
    ) -> list[AuditLine]:
        """Lines, newest first: of one person (None: of all, for the operator at the machine), of some kinds."""
        query = select(audit).order_by(audit.c.audit_id.desc()).limit(limit)
        if user_id is not None:
            query = query.where(audit.c.user_id == user_id)
        if kinds:
            query = query.where(audit.c.kind.in_(kinds))
        if account_id is not None:
            query = query.where(audit.c.account_id == account_id)
        if before is not None:
            query = query.where(audit.c.audit_id < before)
        if since is not None:
            query = query.where(audit.c.at >= since)
        async with self._read() as connection:
            return [line_of_row(row) for row in await connection.execute(query)]

    async def audit_kinds_of(self, user_id: UserId) -> list[str]:
        """The kinds that a person's lines are of, in order."""
        async with self._read() as connection:
            rows = await connection.execute(
                select(audit.c.kind).where(audit.c.user_id == user_id).distinct().order_by(audit.c.kind)
            )
            return [row.kind for row in rows]

    async def audit_counts(self) -> tuple[int, int]:
        """How many lines there are, and the number of the last."""
        async with self._read() as connection:
            row = (await connection.execute(select(func.count(), func.max(audit.c.audit_id)).select_from(audit))).one()
            return int(row[0]), int(row[1] or 0)

    async def unsealed(self) -> AuditLine | None:
        """The chain's head, if the signer has not countersigned it yet."""
        async with self._read() as connection:
            sealed = select(func.coalesce(func.max(audit_seals.c.audit_id), 0)).scalar_subquery()
            row = (
                await connection.execute(
                    select(audit).where(audit.c.audit_id > sealed).order_by(audit.c.audit_id.desc()).limit(1)
                )
            ).first()
            return None if row is None else line_of_row(row)

    async def keep_seal(self, seal: AuditSeal) -> None:
        """Keep the signer's countersignature; one that is there already stays."""
        async with self._write() as connection:
            await self._put_new(connection, audit_seals, {"audit_id": seal.number, "at": seal.at, "seal": seal.seal})

    async def last_seal(self) -> AuditSeal | None:
        """The latest countersignature; None before the first."""
        async with self._read() as connection:
            row = (
                await connection.execute(select(audit_seals).order_by(audit_seals.c.audit_id.desc()).limit(1))
            ).first()
            return None if row is None else AuditSeal(row.audit_id, row.at, row.seal)

    async def audit_seals(self, after: int = 0, up_to: int | None = None) -> Sequence[AuditSeal]:
        """The seals of lines after number `after`, up to number `up_to`, in order."""
        query = select(audit_seals).where(audit_seals.c.audit_id > after).order_by(audit_seals.c.audit_id)
        if up_to is not None:
            query = query.where(audit_seals.c.audit_id <= up_to)
        async with self._read() as connection:
            return [AuditSeal(row.audit_id, row.at, row.seal) for row in await connection.execute(query)]


def line_of_row(row: Row[Any]) -> AuditLine:
    """The line in a row."""
    return AuditLine(
        row.audit_id,
        row.at,
        row.kind,
        row.actor,
        row.user_id,
        row.account_id,
        row.salt,
        row.details_json,
        row.digest,
        row.hash,
    )
