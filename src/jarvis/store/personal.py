"""What is kept of a person, all of it: for handing it over, and for taking it away.

Every table is either a person's, by one of the rules below, or nobody's; a test asks it of each table, so that a new
one cannot be forgotten by an export or survive a deletion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Table, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.people import AuditEntry
from jarvis.store.audit import append
from jarvis.store.leases import LeaseStore
from jarvis.store.people_tables import api_tokens, audit, hooks, installation, links, sessions, targets, users, viewings
from jarvis.store.records import AccountState
from jarvis.store.tables import accounts, bars, credentials, entries, leases, metadata, postings, quotes


@dataclass(frozen=True, slots=True)
class Owner:
    """A person and the venue accounts that they ever connected."""

    user_id: UserId
    accounts: tuple[str, ...]


Whose = Callable[[Owner], ColumnElement[bool]]

NOBODYS = frozenset({bars.name, quotes.name, installation.name, "audit_seals"})
"""Tables that hold nothing of any person."""

NEVER_SHOWN = frozenset(
    {"password_hash", "sealed", "policy", "fingerprint", "token_hash", "code_hash", "challenge", "place_hash"}
    | {"salt", "digest", "hash"}
)
"""Columns that prove who somebody is or open something; of no use to their owner, and of some to a thief."""


_SPECIAL: dict[str, Whose] = {
    accounts.name: lambda owner: accounts.c.owner_id == owner.user_id,
    leases.name: lambda owner: leases.c.name.in_(owner.accounts),
    links.name: lambda owner: or_(
        links.c.made_by == owner.user_id, links.c.user_id == owner.user_id, links.c.views == owner.user_id
    ),
    viewings.name: lambda owner: or_(viewings.c.viewer_id == owner.user_id, viewings.c.owner_id == owner.user_id),
    postings.name: lambda owner: postings.c.entry_id.in_(
        select(entries.c.entry_id).where(entries.c.account_id.in_(owner.accounts))
    ),
    audit.name: lambda owner: audit.c.user_id == owner.user_id,
}


def whose(table: Table) -> Whose:
    """The rule by which rows of a table are a person's. Raises KeyError for a table that has none."""
    if table.name in _SPECIAL:
        return _SPECIAL[table.name]
    if "user_id" in table.c:
        return lambda owner: table.c.user_id == owner.user_id
    if "account_id" in table.c:
        return lambda owner: table.c.account_id.in_(owner.accounts)
    raise KeyError(table.name)


Taker = Callable[[str, Sequence[str], Sequence[Sequence[object]]], None]
"""Takes some rows of a table: its name, its columns, the rows. Called at least once a table."""

_BATCH = 250  # in 20 ms, in which nobody else is served


class PersonalStore(LeaseStore):
    """Exports and erases people."""

    async def rows_of_person(self, user_id: UserId, *, most: int | None = None) -> int:
        """How many rows are kept of a person; with `most` no more are counted in any table."""
        count = 0
        async with self._read() as connection:
            owner = await _owner(connection, user_id)
            for table in metadata.sorted_tables:
                if table.name not in NOBODYS:
                    own = select(*table.primary_key.columns).where(whose(table)(owner)).limit(most)
                    count += int(await connection.scalar(select(func.count()).select_from(own.subquery())) or 0)
        return count

    async def tell_person(self, user_id: UserId, take: Taker) -> None:
        """Hand over everything that is kept of a person, table by table, as of one moment, oldest key first."""
        async with self._read() as connection:
            owner = await _owner(connection, user_id)
            for table in metadata.sorted_tables:
                if table.name in NOBODYS:
                    continue
                shown = [column for column in table.c if column.name not in NEVER_SHOWN]
                names = [column.name for column in shown]
                take(table.name, names, ())
                asked = select(*shown).where(whose(table)(owner)).order_by(*table.primary_key.columns)
                result = await connection.stream(asked.execution_options(yield_per=_BATCH))
                async for rows in result.partitions(_BATCH):
                    take(table.name, names, rows)

    async def begin_deletion(self, user_id: UserId, at: datetime, noted: AuditEntry) -> bool:
        """Take the person's keys, sessions and tokens away for good; the rest follows with `erase_person`.

        False if there is no such person, or it was begun already.
        """
        async with self._write() as connection:
            begun = await self._change(
                connection,
                update(users).where(users.c.user_id == user_id, users.c.deleting_at.is_(None)).values(deleting_at=at),
            )
            if begun:
                owner = await _owner(connection, user_id)
                await connection.execute(delete(credentials).where(whose(credentials)(owner)))
                await connection.execute(
                    update(accounts)
                    .where(accounts.c.owner_id == user_id, accounts.c.state != AccountState.DISCONNECTED)
                    .values(state=AccountState.DISCONNECTED, state_reason="", state_at=at, disconnected_at=at)
                )
                for table in (sessions, api_tokens, targets, hooks):
                    await connection.execute(delete(table).where(table.c.user_id == user_id))
                await append(connection, noted)
            return begun

    async def people_to_erase(self) -> list[UserId]:
        """Those whose deletion was begun, the first first."""
        async with self._read() as connection:
            rows = await connection.execute(
                select(users.c.user_id).where(users.c.deleting_at.is_not(None)).order_by(users.c.deleting_at)
            )
            return [UserId(row.user_id) for row in rows]

    async def accounts_still_served(self, user_id: UserId, now: datetime | None = None) -> list[AccountId]:
        """The person's accounts that a worker has not let go yet."""
        async with self._read() as connection:
            owner = await _owner(connection, user_id)
            held = select(leases.c.name).where(whose(leases)(owner), leases.c.until > await self._now(connection, now))
            return [AccountId(row.name) for row in await connection.execute(held.order_by(leases.c.name))]

    async def erase_person(self, user_id: UserId, noted: AuditEntry) -> bool:
        """Remove every row about a person in one transaction; False if their deletion was not begun.

        The audit keeps that something happened, and when: its details about the person are taken away, and the chain
        still verifies, because it covers their digest.
        """
        async with self._write() as connection:
            begun = select(users.c.user_id).where(users.c.user_id == user_id, users.c.deleting_at.is_not(None))
            if (await connection.execute(begun)).first() is None:
                return False
            owner = await _owner(connection, user_id)
            await connection.execute(update(audit).where(whose(audit)(owner)).values(salt=None, details_json=None))
            for table in reversed(metadata.sorted_tables):
                if table.name not in NOBODYS | {audit.name}:
                    await connection.execute(delete(table).where(whose(table)(owner)))
            await append(connection, noted)
            return True


async def _owner(connection: AsyncConnection, user_id: UserId) -> Owner:
    owned = await connection.execute(select(accounts.c.account_id).where(accounts.c.owner_id == user_id))
    return Owner(user_id, tuple(row.account_id for row in owned))
