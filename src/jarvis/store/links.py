"""Links that are handed over outside of Jarvis, and who may look at whose accounts.

A link is used in the transaction of what it does: by whoever comes first, once, and not at all if that fails.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Link, LinkKind, Person, Pruned, Role, Viewing
from jarvis.store.audit import append
from jarvis.store.database import Database
from jarvis.store.people import end_other_sessions, new_person, note_and_tell
from jarvis.store.people_tables import api_tokens, ceremonies, links, places, sessions, users, viewings

_KEPT_AFTERWARDS = timedelta(days=30)
_PLACES_KEPT = timedelta(days=365)


class _AddressTakenError(Exception):
    """Undoes the transaction that it leaves."""


class LinkStore(Database):
    """Implements what `accounts.links` wants kept."""

    async def add_link(self, link: Link, *, noted: AuditEntry) -> None:
        """Keep a new link. A new reset ends the person's earlier ones."""
        async with self._write() as connection:
            if link.user_id is not None:
                await connection.execute(
                    delete(links).where(links.c.user_id == link.user_id, links.c.used_at.is_(None))
                )
            await connection.execute(
                insert(links).values(
                    token_hash=link.token_hash,
                    kind=link.kind,
                    made_by=link.made_by,
                    user_id=link.user_id,
                    role=link.role,
                    views=link.views,
                    email=link.email,
                    made_at=link.made_at,
                    expires_at=link.expires_at,
                )
            )
            await append(connection, noted)

    async def link(self, token_hash: bytes) -> Link | None:
        """The link with this hash, good or not."""
        async with self._read() as connection:
            row = (await connection.execute(select(links).where(links.c.token_hash == token_hash))).first()
            return None if row is None else _link(row)

    async def links_by(self, made_by: str) -> list[Link]:
        """What somebody has handed out, the newest first."""
        async with self._read() as connection:
            rows = await connection.execute(
                select(links).where(links.c.made_by == made_by).order_by(links.c.made_at.desc(), links.c.token_hash)
            )
            return [_link(row) for row in rows]

    async def end_link(self, made_by: str, token_hash: bytes) -> bool:
        """Take an unused link back; False if it is not theirs, or used."""
        async with self._write() as connection:
            return await self._change(
                connection,
                delete(links).where(
                    links.c.made_by == made_by, links.c.token_hash == token_hash, links.c.used_at.is_(None)
                ),
            )

    async def use_invitation(self, link: Link, person: Person, *, noted: AuditEntry, told: str) -> bool:
        """Let a new person in. False if the link is not good, or the address is taken: then it stays good."""
        try:
            async with self._write() as connection:
                if not await self._use(connection, link, noted.at):
                    return False
                if not await self._put_new(connection, users, new_person(person)):
                    raise _AddressTakenError  # which takes the use of the link back
                if link.views is not None:
                    await self._view(connection, person.user_id, link.views, noted.at)
                    await _tell_owner(connection, link.views, noted, told)
                await append(connection, noted)
                return True
        except _AddressTakenError:
            return False

    async def use_invitation_to_view(self, link: Link, viewer_id: UserId, *, noted: AuditEntry, told: str) -> bool:
        """Let a person who is here already look at the inviter's accounts; False if the link is not good."""
        async with self._write() as connection:
            if link.views is None or link.views == viewer_id or not await self._use(connection, link, noted.at):
                return False
            await self._view(connection, viewer_id, link.views, noted.at)
            await _tell_owner(connection, link.views, noted, told)
            await append(connection, noted)
            return True

    async def use_reset(
        self, link: Link, password_hash: str, *, arming_held_until: datetime, noted: AuditEntry, told: str
    ) -> bool:
        """Give the link's person a new password, end all their sessions, hold arming; False if it is not good."""
        async with self._write() as connection:
            if link.user_id is None or not await self._use(connection, link, noted.at):
                return False
            await connection.execute(
                update(users)
                .where(users.c.user_id == link.user_id)
                .values(password_hash=password_hash, arming_held_until=arming_held_until)
            )
            await end_other_sessions(connection, link.user_id, None)
            await note_and_tell(connection, noted, told)
            return True

    async def may_view(self, viewer_id: UserId, owner_id: UserId) -> bool:
        """Whether the owner lets the viewer look."""
        async with self._read() as connection:
            found = select(viewings).where(viewings.c.viewer_id == viewer_id, viewings.c.owner_id == owner_id)
            return (await connection.execute(found)).first() is not None

    async def viewings_of(self, user_id: UserId) -> list[Viewing]:
        """All viewings that a person has granted or was granted, in the order in which they were."""
        viewer, owner = users.alias("viewer"), users.alias("owner")
        asked = (
            select(viewings, viewer.c.email.label("viewer_email"), owner.c.email.label("owner_email"))
            .join(viewer, viewer.c.user_id == viewings.c.viewer_id)
            .join(owner, owner.c.user_id == viewings.c.owner_id)
            .where((viewings.c.viewer_id == user_id) | (viewings.c.owner_id == user_id))
            .order_by(viewings.c.granted_at, viewings.c.viewer_id, viewings.c.owner_id)
        )
        async with self._read() as connection:
            return [
                Viewing(UserId(row.viewer_id), UserId(row.owner_id), row.granted_at, row.viewer_email, row.owner_email)
                for row in await connection.execute(asked)
            ]

    async def grant_viewing(self, owner_id: UserId, viewer_email: str, *, noted: AuditEntry) -> bool:
        """Let the viewer of this address look at the owner's accounts; False if there is none, or they do already."""
        async with self._write() as connection:
            viewer_id = await connection.scalar(
                select(users.c.user_id).where(
                    users.c.email == viewer_email, users.c.role == Role.VIEWER, users.c.deleting_at.is_(None)
                )
            )
            if viewer_id is None or viewer_id == owner_id:
                return False
            granted = await self._view(connection, UserId(viewer_id), owner_id, noted.at)
            if granted:
                await append(connection, noted)
            return granted

    async def end_viewing(self, viewer_id: UserId, owner_id: UserId, *, noted: AuditEntry) -> bool:
        """End what was granted, whoever of the two asks; False if nothing was."""
        async with self._write() as connection:
            ended = await self._change(
                connection,
                delete(viewings).where(viewings.c.viewer_id == viewer_id, viewings.c.owner_id == owner_id),
            )
            if ended:
                await append(connection, noted)
            return ended

    async def prune(self, now: datetime, *, idle: timedelta, absolute: timedelta) -> Pruned:
        """Forget what has run out: sessions and ceremonies at once, links and tokens a month later, old places."""
        over = (sessions.c.used_at <= now - idle) | (sessions.c.opened_at <= now - absolute)
        async with self._write() as connection:

            async def forget(statement: Any) -> int:
                return int((await connection.execute(statement)).rowcount)

            return Pruned(
                sessions=await forget(delete(sessions).where(over)),
                ceremonies=await forget(delete(ceremonies).where(ceremonies.c.expires_at <= now)),
                links=await forget(delete(links).where(links.c.expires_at <= now - _KEPT_AFTERWARDS)),
                tokens=await forget(delete(api_tokens).where(api_tokens.c.expires_at <= now - _KEPT_AFTERWARDS)),
                places=await forget(delete(places).where(places.c.last_at <= now - _PLACES_KEPT)),
            )

    async def _use(self, connection: AsyncConnection, link: Link, now: datetime) -> bool:
        return await self._change(
            connection,
            update(links)
            .where(
                links.c.token_hash == link.token_hash,
                links.c.kind == link.kind,
                links.c.used_at.is_(None),
                links.c.expires_at > now,
            )
            .values(used_at=now),
        )

    async def _view(self, connection: AsyncConnection, viewer_id: UserId, owner_id: UserId, now: datetime) -> bool:
        row = {"viewer_id": viewer_id, "owner_id": owner_id, "granted_at": now}
        return await self._put_new(connection, viewings, row)


async def _tell_owner(connection: AsyncConnection, owner_id: UserId, noted: AuditEntry, told: str) -> None:
    granted = AuditEntry("viewing.granted", noted.at, str(owner_id), owner_id, None, {"viewer": noted.user_id})
    await note_and_tell(connection, granted, told)


def _link(row: Row[Any]) -> Link:
    return Link(
        row.token_hash,
        LinkKind(row.kind),
        row.made_by,
        row.made_at,
        row.expires_at,
        None if row.user_id is None else UserId(row.user_id),
        row.role,
        None if row.views is None else UserId(row.views),
        row.email,
        row.used_at,
    )
