"""Sessions: a random token in the browser, its SHA-256 in the database, an idle and an absolute end.

A token is new at every authentication. Its hash is enough to find the session and of no use to a thief of the
database. The anti-forgery token of a form is derived from the session's token by the web.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from jarvis.accounts.places import browser_family, place_hash, shown_agent
from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Pruned, Session

__all__ = ["OpenedSession", "Session", "SessionLimits", "SessionStorage", "Sessions", "hash_of", "new_token"]

TOKEN_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """When a session ends: `idle` after it was last used, `absolute` after it was opened; a proof after `sudo`.

    A use is written down when the last one noted is older than `noted_every`, so that a page full of small
    requests is not as many writes; the idle end is exact to that much.
    """

    idle: timedelta = timedelta(minutes=30)
    absolute: timedelta = timedelta(hours=12)
    noted_every: timedelta = timedelta(minutes=1)
    sudo: timedelta = timedelta(minutes=10)

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
    """What keeps sessions. What it is told to note is in the audit, or the whole did not happen."""

    async def open_session(
        self, session: Session, *, replacing: bytes | None, place: bytes, noted: AuditEntry, told: str
    ) -> bool:
        """Keep a new session in the place of another one; `told` reaches the person if `place` is new to them.

        False, and nothing is opened, if the person may not sign in any more.
        """
        ...

    async def session(self, token_hash: bytes) -> Session | None:
        """The session with this hash."""
        ...

    async def sessions_of(self, user_id: UserId) -> list[Session]:
        """A person's sessions, the latest used first."""
        ...

    async def note_session_use(self, token_hash: bytes, used_at: datetime) -> None:
        """Note that it was used; nothing happens if it has ended meanwhile."""
        ...

    async def prove_session(
        self, token_hash: bytes, new_hash: bytes, *, sudo_until: datetime, noted: AuditEntry
    ) -> bool:
        """Give a session a new token and a proof that runs out; False if it has ended meanwhile."""
        ...

    async def end_session(self, token_hash: bytes) -> bool:
        """Forget it; False if it has ended already."""
        ...

    async def end_session_of(self, user_id: UserId, session_id: str, *, noted: AuditEntry) -> bool:
        """End one of a person's own sessions; False if they have none of this id."""
        ...

    async def end_sessions(self, user_id: UserId, except_hash: bytes | None, *, noted: AuditEntry) -> int:
        """End all of a person's sessions but one; how many."""
        ...

    async def note_if_possible(self, entry: AuditEntry) -> bool:
        """Add a line to the audit for what happens in any case. Never raises."""
        ...

    async def prune(self, now: datetime, *, idle: timedelta, absolute: timedelta) -> Pruned:
        """Forget what has run out."""
        ...


class Sessions:
    """Opens, finds, proves and ends sessions."""

    def __init__(
        self,
        storage: SessionStorage,
        limits: SessionLimits | None = None,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._storage = storage
        self._limits = limits or SessionLimits()
        self._entropy = entropy

    async def open(
        self, user_id: UserId, now: datetime, *, method: str, address: str, agent: str, replacing: str | None = None
    ) -> OpenedSession | None:
        """A new session; the one of the token `replacing` ends. None if the person may not sign in any more.

        The person is told of it if they have never signed in from such a place: network and family of browser.
        """
        token = new_token(self._entropy)
        session = Session(
            token_hash=hash_of(token),
            session_id=self._entropy(10).hex(),
            user_id=user_id,
            opened_at=now,
            used_at=now,
            method=method,
            address=address[:64],
            agent=shown_agent(agent),
        )
        family = browser_family(agent)
        details = {"session": session.session_id, "method": method, "address": session.address, "browser": family}
        is_open = await self._storage.open_session(
            session,
            replacing=None if replacing is None else hash_of(replacing),
            place=place_hash(user_id, address, agent),
            noted=AuditEntry("session.opened", now, user_id, user_id, details=details),
            told=f"Somebody signed in from a new place: {family}, network address {session.address or 'unknown'}. "
            "If that was not you, end this session on the security page and change your password.",
        )
        return OpenedSession(session, token) if is_open else None

    async def find(self, token: str, now: datetime) -> Session | None:
        """The living session of this token, noted as used; None if there is none, or if it has just ended."""
        if _TOKEN.fullmatch(token) is None:
            return None
        session = await self._storage.session(hash_of(token))
        if session is None:
            return None
        if not self._lives(session, now):
            await self._storage.end_session(session.token_hash)
            return None
        if now - session.used_at >= self._limits.noted_every:
            await self._storage.note_session_use(session.token_hash, now)
        return session

    async def prove(self, token: str, now: datetime, *, method: str = "") -> OpenedSession | None:
        """Note that the person has just proved themselves: a new token, and sudo for as long as the limits say.

        `method` is "passkey" or "totp". None if the session has ended meanwhile.
        """
        session = await self.find(token, now)
        if session is None:
            return None
        fresh = new_token(self._entropy)
        until = now + self._limits.sudo
        noted = AuditEntry(
            "session.proved",
            now,
            session.user_id,
            session.user_id,
            details={"session": session.session_id, "method": method},
        )
        if not await self._storage.prove_session(session.token_hash, hash_of(fresh), sudo_until=until, noted=noted):
            return None
        return OpenedSession(replace(session, token_hash=hash_of(fresh), used_at=now, sudo_until=until), fresh)

    def is_proved(self, session: Session, now: datetime) -> bool:
        """Whether the last proof of this session is fresh enough for what needs one."""
        return session.sudo_until is not None and now < session.sudo_until

    async def of(self, user_id: UserId, now: datetime) -> list[Session]:
        """A person's living sessions, the latest used first."""
        return [each for each in await self._storage.sessions_of(user_id) if self._lives(each, now)]

    async def end(self, token: str, now: datetime | None = None) -> None:
        """End the session of this token, noted if `now` is given and it can be; one that is none is not an error."""
        if _TOKEN.fullmatch(token) is None:
            return
        session = await self._storage.session(hash_of(token)) if now is not None else None
        ended = await self._storage.end_session(hash_of(token))
        if ended and session is not None and now is not None:
            details = {"session": session.session_id, "why": "signed out"}
            await self._storage.note_if_possible(
                AuditEntry("session.ended", now, session.user_id, session.user_id, details=details)
            )

    async def end_one(self, user_id: UserId, session_id: str, *, noted: AuditEntry) -> bool:
        """End one of a person's own sessions; False if they have none of this id."""
        return await self._storage.end_session_of(user_id, session_id, noted=noted)

    async def end_all(self, user_id: UserId, *, noted: AuditEntry, keeping: str | None = None) -> int:
        """End a person's sessions, except the one of the token `keeping`; how many."""
        return await self._storage.end_sessions(user_id, None if keeping is None else hash_of(keeping), noted=noted)

    async def prune(self, now: datetime) -> Pruned:
        """Forget what has run out of sessions, ceremonies, links, tokens and places. For every hour or so."""
        return await self._storage.prune(now, idle=self._limits.idle, absolute=self._limits.absolute)

    def _lives(self, session: Session, now: datetime) -> bool:
        return now - session.used_at < self._limits.idle and now - session.opened_at < self._limits.absolute


def new_token(entropy: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """256 random bits as 43 characters that a cookie can hold."""
    return base64.urlsafe_b64encode(entropy(TOKEN_BYTES)).rstrip(b"=").decode()


def hash_of(token: str) -> bytes:
    """What is stored of a token. It is random and long, so a plain SHA-256 cannot be guessed back."""
    return hashlib.sha256(token.encode()).digest()
