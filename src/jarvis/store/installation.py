"""The one row about the installation itself: who it is, and why no account may open anything just now.

After a restore, or when the database turns out to be older than what the signer remembers, every account only
reconciles and exits until an operator has looked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId
from jarvis.domain.people import AuditEntry
from jarvis.store.audit import append
from jarvis.store.database import Database
from jarvis.store.leases import NEVER_HELD
from jarvis.store.people_tables import ceremonies, installation, links, sessions
from jarvis.store.tables import leases

_NUMBER = 1


@dataclass(frozen=True, slots=True)
class Installation:
    """This installation. `entries_blocked` says why nothing may be opened; empty while everything may."""

    installation_id: str
    made_at: datetime
    entries_blocked: str = ""
    entries_blocked_at: datetime | None = None


class InstallationStore(Database):
    """Reads and writes that row, and lifts fences that a restored database has too low."""

    async def found_installation(self, installation_id: str, at: datetime) -> None:
        """Give the installation its name; it keeps the one that it has."""
        async with self._write() as connection:
            row = {"number": _NUMBER, "installation_id": installation_id, "made_at": at, "entries_blocked": ""}
            await self._put_new(connection, installation, row)

    async def installation(self) -> Installation | None:
        """The row; None before `jarvis init` has made it."""
        async with self._read() as connection:
            row = (await connection.execute(select(installation))).first()
        if row is None:
            return None
        return Installation(row.installation_id, row.made_at, row.entries_blocked, row.entries_blocked_at)

    async def entries_blocked(self) -> str:
        """Why no account may open anything; empty while they may."""
        async with self._read() as connection:
            return await connection.scalar(select(installation.c.entries_blocked)) or ""

    async def block_entries(self, reason: str, noted: AuditEntry) -> None:
        """Have every account only reconcile and exit, for this reason, until `allow_entries`."""
        async with self._write() as connection:
            await block(connection, reason, noted.at)
            await append(connection, noted)

    async def allow_entries(self, noted: AuditEntry) -> bool:
        """Lift the block; False, and nothing is noted, if there was none."""
        async with self._write() as connection:
            lifted = await self._change(
                connection,
                update(installation)
                .where(installation.c.entries_blocked != "")
                .values(entries_blocked="", entries_blocked_at=None),
            )
            if lifted:
                await append(connection, noted)
            return lifted

    async def raise_fence(self, account_id: AccountId, fence: int) -> None:
        """Make the account's next fence higher than `fence`, whoever holds its lease."""
        async with self._write() as connection:
            await connection.execute(
                update(leases).where(leases.c.name == account_id, leases.c.fence < fence).values(fence=fence)
            )

    async def fences(self) -> dict[AccountId, int]:
        """The last fence of every account that was ever served."""
        async with self._read() as connection:
            rows = await connection.execute(select(leases.c.name, leases.c.fence))
            return {AccountId(name): int(fence) for name, fence in rows}


async def block(connection: AsyncConnection, reason: str, at: datetime) -> None:
    """Block entries inside a transaction; an installation without a name yet gets one of its time."""
    if not await connection.scalar(select(func.count()).select_from(installation)):
        row = {"number": _NUMBER, "installation_id": f"at-{at:%Y%m%d%H%M%S%f}", "made_at": at}
        await connection.execute(insert(installation).values(**row, entries_blocked=""))
    await connection.execute(update(installation).values(entries_blocked=reason, entries_blocked_at=at))


async def after_restore(connection: AsyncConnection, reason: str, fences: Mapping[str, int], noted: AuditEntry) -> None:
    """What a restored database needs before anybody uses it, inside the transaction that restores it.

    Entries are blocked. No fence is lower than what was signed under, no lease is held. Sessions, half-done proofs
    and links are gone: those that ended since the backup must not live again.
    """
    for table in (sessions, ceremonies, links):
        await connection.execute(delete(table))
    await connection.execute(update(leases).values(owner="", until=NEVER_HELD))
    for name, fence in fences.items():
        await connection.execute(
            update(leases).where(leases.c.name == name, leases.c.fence < fence).values(fence=fence)
        )
    await block(connection, reason, noted.at)
    await append(connection, noted)
