"""Who may act: leases that expire, with a fence number that only grows.

A lease is taken by one statement that changes the row only if it had expired or is the taker's own; so two takers
never both win. The fence goes with every intent and every signature: an old owner that wakes up can do nothing.
Times are those of the machine that asks; on one machine that is one clock.
"""

from datetime import datetime, timedelta

from sqlalchemy import insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from jarvis.store.database import Database
from jarvis.store.errors import AlreadyRunningError
from jarvis.store.tables import leases

INSTANCE = "instance"


class LeaseStore(Database):
    """Leases by subject: an account, or the whole installation."""

    async def acquire_lease(self, subject: str, owner: str, *, now: datetime, ttl: timedelta) -> int | None:
        """A new fence for `owner`, or None while somebody else's lease has not expired."""
        try:
            async with self.write() as connection:
                fence = (
                    await connection.execute(
                        update(leases)
                        .where(leases.c.subject == subject, or_(leases.c.until < now, leases.c.owner == owner))
                        .values(owner=owner, fence=leases.c.fence + 1, until=now + ttl)
                        .returning(leases.c.fence)
                    )
                ).scalar_one_or_none()
                if fence is not None:
                    return fence
                held = await connection.execute(select(leases.c.subject).where(leases.c.subject == subject))
                if held.first() is not None:
                    return None
                await connection.execute(insert(leases).values(subject=subject, owner=owner, fence=1, until=now + ttl))
        except IntegrityError:
            return None  # somebody else was first in the same instant
        return 1

    async def renew_lease(self, subject: str, owner: str, fence: int, *, now: datetime, ttl: timedelta) -> bool:
        """Whether the lease is still ours, now for another `ttl`."""
        async with self.write() as connection:
            renewed = await connection.execute(
                update(leases)
                .where(leases.c.subject == subject, leases.c.owner == owner, leases.c.fence == fence)
                .values(until=now + ttl)
            )
        return renewed.rowcount == 1

    async def release_lease(self, subject: str, owner: str, *, now: datetime) -> None:
        """Let another take it at once. The fence stays: it never goes back."""
        async with self.write() as connection:
            await connection.execute(
                update(leases)
                .where(leases.c.subject == subject, leases.c.owner == owner)
                .values(until=now - timedelta(seconds=1))
            )

    async def claim_instance(self, owner: str, *, now: datetime, ttl: timedelta) -> int:
        """The fence of the one instance on this database. Raises AlreadyRunningError while another one runs."""
        fence = await self.acquire_lease(INSTANCE, owner, now=now, ttl=ttl)
        if fence is None:
            raise AlreadyRunningError(
                "another Jarvis runs on this database; stop it first (if it was killed, wait a few seconds)"
            )
        return fence
