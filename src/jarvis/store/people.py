"""Who has an account on this installation, and their sessions: what `jarvis.accounts` wants kept."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, select, update

from jarvis.domain.account import UserId
from jarvis.domain.people import Person, Session
from jarvis.store.database import Database
from jarvis.store.people_tables import sessions, users


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

    async def add_person(self, person: Person) -> bool:
        """Keep a new person: False, and nothing changed, if the address or the id is taken."""
        async with self._write() as connection:
            return await self._put_new(
                connection,
                users,
                {
                    "user_id": person.user_id,
                    "email": person.email,
                    "password_hash": person.password_hash,
                    "role": person.role,
                    "created_at": person.created_at,
                },
            )

    async def set_password_hash(self, user_id: UserId, password_hash: str) -> None:
        """Replace the person's hash."""
        async with self._write() as connection:
            await connection.execute(
                update(users).where(users.c.user_id == user_id).values(password_hash=password_hash)
            )

    async def add_session(self, session: Session) -> None:
        """Keep a new session."""
        async with self._write() as connection:
            await connection.execute(
                sessions.insert().values(
                    token_hash=session.token_hash,
                    session_id=session.token_hash.hex()[:32],
                    user_id=session.user_id,
                    method="password",
                    address="",
                    agent="",
                    opened_at=session.opened_at,
                    used_at=session.used_at,
                )
            )

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

    async def end_session(self, token_hash: bytes) -> None:
        """Forget it; nothing happens if it has ended already."""
        async with self._write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.token_hash == token_hash))

    async def end_sessions(self, user_id: UserId, except_hash: bytes | None) -> None:
        """Forget all of a person's sessions but one."""
        ended = delete(sessions).where(sessions.c.user_id == user_id)
        if except_hash is not None:
            ended = ended.where(sessions.c.token_hash != except_hash)
        async with self._write() as connection:
            await connection.execute(ended)

    async def _person(self, condition: ColumnElement[bool]) -> Person | None:
        async with self._read() as connection:
            row = (await connection.execute(select(users).where(condition))).first()
            return None if row is None else _person(row)


def _person(row: Row[Any]) -> Person:
    return Person(UserId(row.user_id), row.email, row.password_hash, row.role, row.created_at)


def _session(row: Row[Any]) -> Session:
    return Session(row.token_hash, UserId(row.user_id), row.opened_at, row.used_at)
