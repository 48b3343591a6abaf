"""Sessions: a random token in the browser, its SHA-256 in the database, an idle and an absolute end.

A token is new at every authentication. Its hash is enough to find the session and of no use to a thief of the
database. The anti-forgery token of a form is derived from the session's token by the web.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from jarvis.domain.account import UserId
from jarvis.domain.people import Session

__all__ = ["OpenedSession", "Session", "SessionLimits", "SessionStorage", "Sessions", "hash_of", "new_token"]

TOKEN_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """When a session ends: `idle` after it was last used, `absolute` after it was opened.

    A use is written down when the last one noted is older than `noted_every`, so that a page full of small
    requests is not as many writes; the idle end is exact to that much.
    """

    idle: timedelta = timedelta(minutes=30)
    absolute: timedelta = timedelta(hours=12)
    noted_every: timedelta = timedelta(minutes=1)

    def __post_init__(self) -> None:
        """Refuse limits that would end a session in use."""
        if not timedelta(0) <= self.noted_every < self.idle <= self.absolute:
            raise ValueError("sessions: noted_every must be below idle, and idle not above absolute")


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A new session and the token that only the browser keeps."""

    session: Session
    token: str = field(repr=False)


class SessionStorage(Protocol):
    """What keeps sessions."""

    async def add_session(self, session: Session) -> None:
        """Keep a new session."""
        ...

    async def session(self, token_hash: bytes) -> Session | None:
        """The session with this hash."""
        ...

    async def note_session_use(self, token_hash: bytes, used_at: datetime) -> None:
        """Note that it was used; nothing happens if it has ended meanwhile."""
        ...

    async def end_session(self, token_hash: bytes) -> None:
        """Forget it; nothing happens if it has ended already."""
        ...

    async def end_sessions(self, user_id: UserId, except_hash: bytes | None) -> None:
        """Forget all of a person's sessions but one."""
        ...


class Sessions:
    """Opens, finds and ends sessions."""

    def __init__(
        self,
        storage: SessionStorage,
        limits: SessionLimits | None = None,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._storage = storage
        self._limits = limits or SessionLimits()
        self._entropy = entropy

    async def open(self, user_id: UserId, now: datetime, *, replacing: str | None = None) -> OpenedSession:
        """A new session; the one of the token `replacing` ends."""
        token = new_token(self._entropy)
        session = Session(hash_of(token), user_id, now, now)
        if replacing is not None:
            await self.end(replacing)
        await self._storage.add_session(session)
        return OpenedSession(session, token)

    async def find(self, token: str, now: datetime) -> Session | None:
        """The living session of this token, noted as used; None if there is none, or if it has just ended."""
        if _TOKEN.fullmatch(token) is None:
            return None
        session = await self._storage.session(hash_of(token))
        if session is None:
            return None
        if now - session.used_at >= self._limits.idle or now - session.opened_at >= self._limits.absolute:
            await self._storage.end_session(session.token_hash)
            return None
        if now - session.used_at >= self._limits.noted_every:
            await self._storage.note_session_use(session.token_hash, now)
        return session

    async def end(self, token: str) -> None:
        """End the session of this token; a token that is none is not an error."""
        if _TOKEN.fullmatch(token):
            await self._storage.end_session(hash_of(token))

    async def end_all(self, user_id: UserId, *, keeping: str | None = None) -> None:
        """End a person's sessions, except the one of the token `keeping`."""
        await self._storage.end_sessions(user_id, None if keeping is None else hash_of(keeping))


def new_token(entropy: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """256 random bits as 43 characters that a cookie can hold."""
    return base64.urlsafe_b64encode(entropy(TOKEN_BYTES)).rstrip(b"=").decode()


def hash_of(token: str) -> bytes:
    """What is stored of a token. It is random and long, so a plain SHA-256 cannot be guessed back."""
    return hashlib.sha256(token.encode()).digest()
