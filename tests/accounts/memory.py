"""People and sessions kept in memory: what a database keeps, for tests."""

from dataclasses import replace
from datetime import datetime

from jarvis.accounts.people import Person
from jarvis.accounts.sessions import Session
from jarvis.domain.account import UserId


class MemoryStorage:
    """Implements PeopleStorage and SessionStorage."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.sessions: dict[bytes, Session] = {}
        self.writes = 0

    async def person_by_email(self, email: str) -> Person | None:
        return self.people.get(email)

    async def add_person(self, person: Person) -> bool:
        self.writes += 1
        if person.email in self.people:
            return False
        self.people[person.email] = person
        return True

    async def set_password_hash(self, user_id: UserId, password_hash: str) -> None:
        self.writes += 1
        for email, person in self.people.items():
            if person.user_id == user_id:
                self.people[email] = replace(person, password_hash=password_hash)

    async def add_session(self, session: Session) -> None:
        self.writes += 1
        self.sessions[session.token_hash] = session

    async def session(self, token_hash: bytes) -> Session | None:
        return self.sessions.get(token_hash)

    async def note_session_use(self, token_hash: bytes, used_at: datetime) -> None:
        self.writes += 1
        if token_hash in self.sessions:
            self.sessions[token_hash] = replace(self.sessions[token_hash], used_at=used_at)

    async def end_session(self, token_hash: bytes) -> None:
        self.writes += 1
        self.sessions.pop(token_hash, None)

    async def end_sessions(self, user_id: UserId, except_hash: bytes | None) -> None:
        self.writes += 1
        self.sessions = {
            key: session for key, session in self.sessions.items() if session.user_id != user_id or key == except_hash
        }
