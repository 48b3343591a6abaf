"""People and their sessions: what `accounts` asks of a storage."""

from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from jarvis.accounts.people import Person, Role
from jarvis.accounts.sessions import Session
from jarvis.domain.account import UserId
from jarvis.store.database import Database
from jarvis.store.tables import people, sessions


class PeopleStore(Database):
    """People by id and address; sessions by the hash of their token."""

    async def person(self, user_id: UserId) -> Person | None:
        """The person with this id."""
        async with self.read() as connection:
            row = (await connection.execute(select(people).where(people.c.user_id == user_id))).one_or_none()
        return _person(row) if row else None

    async def person_by_email(self, email: str) -> Person | None:
        """The person with this (normalised) address."""
        async with self.read() as connection:
            row = (await connection.execute(select(people).where(people.c.email == email))).one_or_none()
        return _person(row) if row else None

    async def everybody(self) -> list[Person]:
        """All people, by address."""
        async with self.read() as connection:
            rows = (await connection.execute(select(people).order_by(people.c.email))).all()
        return [_person(row) for row in rows]

    async def add_person(self, person: Person) -> bool:
        """Keep a new person: False, and nothing changed, if the address or the id is taken."""
        try:
            async with self.write() as connection:
                await connection.execute(
                    insert(people).values(
                        user_id=person.user_id,
                        email=person.email,
                        password_hash=person.password_hash,
                        role=person.role.value,
                        created_at=person.created_at,
                    )
                )
        except IntegrityError:
            return False
        return True

    async def set_password_hash(self, user_id: UserId, password_hash: str) -> None:
        """Replace the person's hash."""
        async with self.write() as connection:
            await connection.execute(
                update(people).where(people.c.user_id == user_id).values(password_hash=password_hash)
            )

    async def add_session(self, session: Session) -> None:
        """Keep a new session."""
        async with self.write() as connection:
            await connection.execute(
                insert(sessions).values(
                    token_hash=session.token_hash,
                    user_id=session.user_id,
                    opened_at=session.opened_at,
                    used_at=session.used_at,
                )
            )

    async def session(self, token_hash: bytes) -> Session | None:
        """The session with this hash."""
        async with self.read() as connection:
            row = (await connection.execute(select(sessions).where(sessions.c.token_hash == token_hash))).one_or_none()
        return Session(bytes(row.token_hash), UserId(row.user_id), row.opened_at, row.used_at) if row else None

    async def note_session_use(self, token_hash: bytes, used_at: datetime) -> None:
        """Note that it was used; nothing happens if it has ended meanwhile."""
        async with self.write() as connection:
            await connection.execute(
                update(sessions).where(sessions.c.token_hash == token_hash).values(used_at=used_at)
            )

    async def end_session(self, token_hash: bytes) -> None:
        """Forget it; nothing happens if it has ended already."""
        async with self.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.token_hash == token_hash))

    async def end_sessions(self, user_id: UserId, except_hash: bytes | None) -> None:
        """Forget all of a person's sessions but one."""
        async with self.write() as connection:
            await connection.execute(
                delete(sessions).where(sessions.c.user_id == user_id, sessions.c.token_hash != (except_hash or b""))
            )


def _person(row: Row[tuple[object, ...]]) -> Person:
    return Person(UserId(row.user_id), row.email, row.password_hash, Role(row.role), row.created_at)
