"""Who serves an account: a lease with an end and a fence that only rises, and one instance per SQLite file.

A worker that lost its lease finds out at its next intent: the fence it carries is no longer the account's. The venue
does not know fences, so a successor waits out the old worker's send deadlines and reconciles before its first order.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId
from jarvis.store.database import Database
from jarvis.store.errors import InstanceRunning, StaleFence, StoreUnavailable
from jarvis.store.tables import leases

NEVER_HELD = datetime(1970, 1, 1, tzinfo=UTC)


class LeaseStore(Database):
    """Leases, by compare-and-set.

    Times are the database server's in PostgreSQL, whatever a caller passes: machines disagree. In SQLite they are
    `now` if it is given (a simulation's clock) and else this machine's, which all processes share.
    """

    async def acquire_lease(
        self, account_id: AccountId, owner: str, ttl: timedelta, now: datetime | None = None
    ) -> int | None:
        """The new fence, or None while another owner's lease runs.

        The same owner takes over from itself at once, so that a restarted worker does not wait for its own former
        life; that one's fence is stale from then on. Two living workers must not share a name.
        """
        async with self._write() as connection:
            await self._put_new(connection, leases, {"name": account_id, "owner": "", "fence": 0, "until": NEVER_HELD})
            held = (await connection.execute(select(leases).where(leases.c.name == account_id).with_for_update())).one()
            now = await self._now(connection, now)
            if held.owner != owner and held.until > now:
                return None
            fence = int(held.fence) + 1
            await connection.execute(
                update(leases).where(leases.c.name == account_id).values(owner=owner, fence=fence, until=now + ttl)
            )
            return fence

    async def renew_lease(
        self, account_id: AccountId, owner: str, fence: int, ttl: timedelta, now: datetime | None = None
    ) -> bool:
        """Whether it is still ours, and runs for `ttl` from now; also after its end, if nobody took it meanwhile."""
        async with self._write() as connection:
            until = await self._now(connection, now) + ttl
            ours = (leases.c.name == account_id, leases.c.owner == owner, leases.c.fence == fence)
            return await self._change(connection, update(leases).where(*ours).values(until=until))

    async def release_lease(self, account_id: AccountId, owner: str, fence: int) -> None:
        """End it now, if it is still ours; the fence stays."""
        async with self._write() as connection:
            ours = (leases.c.name == account_id, leases.c.owner == owner, leases.c.fence == fence)
            await connection.execute(update(leases).where(*ours).values(until=NEVER_HELD))

    async def lease_fence(self, account_id: AccountId) -> int:
        """The fence that the account's worker has, or had last; 0 if none ever served it."""
        async with self._read() as connection:
            return await connection.scalar(select(leases.c.fence).where(leases.c.name == account_id)) or 0

    async def _require_fence(self, connection: AsyncConnection, account_id: AccountId, fence: int) -> None:
        """Raise StaleFence unless `fence` is the account's; nobody takes it over before this transaction ends."""
        current = await connection.scalar(
            select(leases.c.fence).where(leases.c.name == account_id).with_for_update(read=True)
        )
        if current != fence:
            raise stale_fence(account_id, current, fence)

    async def _now(self, connection: AsyncConnection, now: datetime | None) -> datetime:
        if self.is_postgresql:
            # Not now(): that is the transaction's start, and we may have waited for the row.
            answer: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
            return answer
        if now is not None:
            return now
        text_of_now = await connection.scalar(text("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"))
        return datetime.fromisoformat(str(text_of_now))


def stale_fence(account_id: AccountId, current: int | None, fence: int) -> StaleFence:
    """The refusal of a write under `fence` when the account's is `current`."""
    return StaleFence(
        f"account {account_id} is served by another worker now (fence {current}, ours is {fence}); nothing was written"
    )


@contextmanager
def hold_instance(url: str) -> Iterator[None]:
    """Be the one Jarvis on this database while inside. Raises InstanceRunning, naming the other's process.

    For SQLite only: several machines share PostgreSQL, and the accounts' leases keep them apart. The kernel's lock on
    a file beside the database ends with the process, however that ends: a crash never keeps the next start waiting.
    """
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        yield
        return
    path = f"{address.database}.lock"
    try:
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"cannot open {path}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            other = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
            raise InstanceRunning(
                f"another Jarvis (process {other}) uses {address.database}; stop it first, "
                "or set JARVIS_DATA_DIR to a folder of its own"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
