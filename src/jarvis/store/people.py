"""Who has an account on this installation, and their sessions: what `jarvis.accounts` wants kept.

What matters to security is written together with its line in the audit (`noted`) and with what the person is told of
it (`told`, a whole sentence): all of it, or nothing.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Change, Person, Role, Session
from jarvis.store.audit import append
from jarvis.store.database import Database
from jarvis.store.notices import tell
from jarvis.store.people_tables import ceremonies, places, sessions, users
from jarvis.trading.events import Severity


async def note_and_tell(connection: AsyncConnection, noted: AuditEntry, told: str = "") -> None:
    """Within the caller's transaction: the audit's line, and the notice to the person whom it is about."""
    await append(connection, noted)
    if told and noted.user_id is not None:
        await tell(connection, noted.user_id, noted.kind, Severity.WARNING, told, noted.at)


async def end_other_sessions(connection: AsyncConnection, user_id: UserId, keeping: bytes | None) -> int:
    """Within the caller's transaction: end a person's sessions but one, and whatever proof they have begun."""
    ended = delete(sessions).where(sessions.c.user_id == user_id)
    if keeping is not None:
        ended = ended.where(sessions.c.token_hash != keeping)
    await connection.execute(delete(ceremonies).where(ceremonies.c.user_id == user_id))
    return int((await connection.execute(ended)).rowcount)


class PeopleStore(Database):
    """Implements `accounts.people.PeopleStorage` and `accounts.sessions.SessionStorage`."""

    async def person(self, user_id: UserId) -> Person | None:
        """The person with this id."""
        return await self._person(users.c.user_id == user_id)

    async def person_by_email(self, email: str) -> Person | None:
        """The person with this address, which comes normalised."""
        return await self._person(users.c.email == email)

    async def people(self) -> list[Person]:
        """Everybody, in the order in which they came."""
        async with self._read() as connection:
            rows = await connection.execute(select(users).order_by(users.c.created_at, users.c.user_id))
            return [_person(row) for row in rows]

    async def add_person(
        self, person: Person, noted: AuditEntry | None = None, taken: AuditEntry | None = None
    ) -> bool:
        """Keep a new person: False, and nothing but `taken` noted, if the address or the id is taken."""
        async with self._write() as connection:
            added = await self._put_new(connection, users, new_person(person))
            entry = noted if added else taken
            if entry is not None:
                await append(connection, entry)
            return added

    async def set_password_hash(self, user_id: UserId, password_hash: str) -> None:
        """Replace the person's hash by a better one of the same password."""
        async with self._write() as connection:
            await connection.execute(
                update(users).where(users.c.user_id == user_id).values(password_hash=password_hash)
            )

    async def change_password(
        self, user_id: UserId, old_hash: str, new_hash: str, *, keeping: bytes, noted: AuditEntry, told: str
    ) -> bool:
        """Give the person another password and end the other sessions; False if it has changed since it was read."""
        async with self._write() as connection:
            changed = await self._change(
                connection,
                update(users)
                .where(users.c.user_id == user_id, users.c.password_hash == old_hash)
                .values(password_hash=new_hash),
            )
            if changed:
                await end_other_sessions(connection, user_id, keeping)
                await note_and_tell(connection, noted, told)
            return changed

    async def set_role(self, user_id: UserId, role: Role, *, noted: AuditEntry, told: str) -> Change:
        """Give a person another role. The last operator stays one."""
        async with self._write() as connection:
            refused = await _obstacle(connection, user_id, loses_operator=role is not Role.OPERATOR)
            if refused is not None:
                return refused
            changed = await self._change(
                connection,
                update(users).where(users.c.user_id == user_id, users.c.role != role).values(role=role),
            )
            if not changed:
                return Change.ALREADY_SO
            await note_and_tell(connection, noted, told)
            return Change.DONE

    async def suspend(self, user_id: UserId, *, noted: AuditEntry) -> Change:
        """Keep a person out, and end their sessions. The last operator stays."""
        async with self._write() as connection:
            refused = await _obstacle(connection, user_id, loses_operator=True)
            if refused is not None:
                return refused
            changed = await self._change(
                connection,
                update(users)
                .where(users.c.user_id == user_id, users.c.suspended_at.is_(None))
                .values(suspended_at=noted.at),
            )
            if not changed:
                return Change.ALREADY_SO
            await end_other_sessions(connection, user_id, None)
            await note_and_tell(connection, noted)
            return Change.DONE

    async def restore(self, user_id: UserId, *, noted: AuditEntry, told: str) -> Change:
        """Let a suspended person in again."""
        async with self._write() as connection:
            refused = await _obstacle(connection, user_id, loses_operator=False)
            if refused is not None:
                return refused
            changed = await self._change(
                connection,
                update(users)
                .where(users.c.user_id == user_id, users.c.suspended_at.is_not(None))
                .values(suspended_at=None),
            )
            if not changed:
                return Change.ALREADY_SO
            await note_and_tell(connection, noted, told)
            return Change.DONE

    async def open_session(
        self, session: Session, *, replacing: bytes | None, place: bytes, noted: AuditEntry, told: str
    ) -> bool:
        """Keep a new session in the place of another one; `told` reaches the person if `place` is new to them.

        False, and nothing is opened, if the person may not sign in any more.
        """
        async with self._write() as connection:
            active = (
                select(users.c.user_id)
                .where(
                    users.c.user_id == session.user_id, users.c.suspended_at.is_(None), users.c.deleting_at.is_(None)
                )
                .with_for_update(read=True)
            )
            if (await connection.execute(active)).first() is None:
                return False
            if replacing is not None:
                await connection.execute(delete(sessions).where(sessions.c.token_hash == replacing))
            await connection.execute(insert(sessions).values(_values(session)))
            is_told = await self._note_place(connection, session.user_id, place, session.opened_at)
            await note_and_tell(connection, noted, told if is_told else "")
            return True

    async def session(self, token_hash: bytes) -> Session | None:
        """The session with this hash."""
        async with self._read() as connection:
            row = (await connection.execute(select(sessions).where(sessions.c.token_hash == token_hash))).first()
            return None if row is None else _session(row)

    async def sessions_of(self, user_id: UserId) -> list[Session]:
        """A person's sessions, the latest used first."""
        async with self._read() as connection:
            rows = await connection.execute(
                select(sessions).where(sessions.c.user_id == user_id).order_by(sessions.c.used_at.desc())
            )
            return [_session(row) for row in rows]

    async def note_session_use(self, token_hash: bytes, used_at: datetime) -> None:
        """Note that it was used; nothing happens if it has ended meanwhile."""
        async with self._write() as connection:
            await connection.execute(
                update(sessions).where(sessions.c.token_hash == token_hash).values(used_at=used_at)
            )

    async def prove_session(
        self, token_hash: bytes, new_hash: bytes, *, sudo_until: datetime, noted: AuditEntry
    ) -> bool:
        """Give a session a new token and a proof that runs out; False if it has ended meanwhile."""
        async with self._write() as connection:
            changed = await self._change(
                connection,
                update(sessions)
                .where(sessions.c.token_hash == token_hash)
                .values(token_hash=new_hash, sudo_until=sudo_until, used_at=noted.at),
            )
            if changed:
                await append(connection, noted)
            return changed

    async def end_session(self, token_hash: bytes) -> bool:
        """Forget it; False if it has ended already."""
        async with self._write() as connection:
            return await self._change(connection, delete(sessions).where(sessions.c.token_hash == token_hash))

    async def end_session_of(self, user_id: UserId, session_id: str, *, noted: AuditEntry) -> bool:
        """End one of a person's own sessions; False if they have none of this id."""
        async with self._write() as connection:
            ended = await self._change(
                connection,
                delete(sessions).where(sessions.c.user_id == user_id, sessions.c.session_id == session_id),
            )
            if ended:
                await append(connection, noted)
            return ended

    async def end_sessions(self, user_id: UserId, except_hash: bytes | None, *, noted: AuditEntry) -> int:
        """End all of a person's sessions but one; how many."""
        async with self._write() as connection:
            ended = await end_other_sessions(connection, user_id, except_hash)
            await append(connection, noted)
            return ended

    async def note_and_tell(self, noted: AuditEntry, told: str) -> None:
        """Add a line to the audit, and tell the person whom it is about."""
        async with self._write() as connection:
            await note_and_tell(connection, noted, told)

    async def _person(self, condition: ColumnElement[bool]) -> Person | None:
        async with self._read() as connection:
            row = (await connection.execute(select(users).where(condition))).first()
            return None if row is None else _person(row)

    async def _note_place(self, connection: AsyncConnection, user_id: UserId, place: bytes, at: datetime) -> bool:
        """Whether a person who has been elsewhere comes from here for the first time."""
        had = (await connection.execute(select(places.c.user_id).where(places.c.user_id == user_id).limit(1))).first()
        row = {"user_id": user_id, "place_hash": place, "first_at": at, "last_at": at}
        if await self._put_new(connection, places, row):
            return had is not None
        await connection.execute(
            update(places).where(places.c.user_id == user_id, places.c.place_hash == place).values(last_at=at)
        )
        return False


async def _obstacle(connection: AsyncConnection, user_id: UserId, *, loses_operator: bool) -> Change | None:
    """Why a person cannot be changed. Two operators who take each other down at once wait for one another."""
    found = await connection.execute(
        select(users.c.user_id, users.c.role, users.c.suspended_at, users.c.deleting_at)
        .order_by(users.c.user_id)
        .with_for_update()
    )
    rows = {row.user_id: row for row in found}
    if user_id not in rows:
        return Change.NO_SUCH_PERSON
    operators = {
        key
        for key, row in rows.items()
        if row.role is Role.OPERATOR and row.suspended_at is None and row.deleting_at is None
    }
    return Change.LAST_OPERATOR if loses_operator and operators == {user_id} else None


def new_person(person: Person) -> dict[str, object]:
    """The row of a person who has just come."""
    return {
        "user_id": person.user_id,
        "email": person.email,
        "password_hash": person.password_hash,
        "role": person.role,
        "created_at": person.created_at,
    }


def _person(row: Row[Any]) -> Person:
    return Person(
        UserId(row.user_id),
        row.email,
        row.password_hash,
        row.role,
        row.created_at,
        row.arming_held_until,
        row.suspended_at,
        row.deleting_at,
    )


def _values(session: Session) -> dict[str, object]:
    return {
        "token_hash": session.token_hash,
        "session_id": session.session_id,
        "user_id": session.user_id,
        "method": session.method,
        "address": session.address,
        "agent": session.agent,
        "opened_at": session.opened_at,
        "used_at": session.used_at,
        "sudo_until": session.sudo_until,
    }


def _session(row: Row[Any]) -> Session:
    return Session(
        row.token_hash,
        row.session_id,
        UserId(row.user_id),
        row.opened_at,
        row.used_at,
        row.method,
        row.address,
        row.agent,
        row.sudo_until,
    )
