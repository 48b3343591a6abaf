"""API tokens: 256 random bits behind a prefix that scanners recognise, shown once, kept as SHA-256."""

import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from jarvis.accounts.sessions import hash_of, new_token
from jarvis.domain.account import UserId
from jarvis.domain.people import ApiToken, AuditEntry, Person, Role, Scope

PREFIX = "jvs_"
MOST_TOKENS = 20
LONGEST_LIFE = timedelta(days=366)
LONGEST_LABEL = 60
USE_NOTED_EVERY = timedelta(minutes=1)
_TOKEN = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")


class TokenStorage(Protocol):
    """What keeps API tokens."""

    async def add_token(self, token: ApiToken, *, most: int, noted: AuditEntry, told: str) -> bool:
        """Keep a new token; False if the person has `most` already."""
        ...

    async def api_token(self, token_hash: bytes) -> ApiToken | None:
        """The token with this hash, if its person may use Jarvis at all."""
        ...

    async def tokens_of(self, user_id: UserId) -> list[ApiToken]:
        """A person's tokens, the oldest first."""
        ...

    async def note_token_use(self, token_id: str, at: datetime) -> None:
        """Note that it was used; nothing happens if it has ended meanwhile."""
        ...

    async def end_token(self, user_id: UserId, token_id: str, *, noted: AuditEntry, told: str) -> bool:
        """End one of a person's own tokens; False if they have none of this id."""
        ...


class TokenProblem(Enum):
    """Why a token cannot be made, in words for the person."""

    LABEL = "Give the token a name of at most 60 characters, so that you know it again."
    SCOPES = "Choose what the token is good for."
    NOT_FOR_VIEWERS = "A viewer's token can only read."
    EXPIRY = "Choose a day within the next year."
    TOO_MANY = "You have 20 tokens; end one that you do not use any more."


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A new token. `secret` is shown now and never again."""

    token: ApiToken
    secret: str = field(repr=False)


class Tokens:
    """Makes, finds and ends API tokens."""

    def __init__(self, storage: TokenStorage, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._storage = storage
        self._entropy = entropy

    async def make(
        self,
        person: Person,
        now: datetime,
        *,
        label: str,
        scopes: Collection[Scope],
        expires_at: datetime,
        noted: AuditEntry,
    ) -> MadeToken | TokenProblem:
        """A new token, or why there is none."""
        problem = _problem(person, now, label.strip(), scopes, expires_at)
        if problem is not None:
            return problem
        secret = PREFIX + new_token(self._entropy)
        token = ApiToken(
            token_id=self._entropy(10).hex(),
            token_hash=hash_of(secret),
            user_id=person.user_id,
            label=label.strip(),
            scopes=frozenset(scopes),
            created_at=now,
            expires_at=expires_at,
        )
        told = f"An API token named {token.label!r} was made for your account, good until {expires_at:%Y-%m-%d}."
        is_kept = await self._storage.add_token(token, most=MOST_TOKENS, noted=noted, told=told)
        return MadeToken(token, secret) if is_kept else TokenProblem.TOO_MANY

    async def find(self, secret: str, now: datetime) -> ApiToken | None:
        """The living token, noted as used; None for everything else, and for one whose person may not sign in."""
        if _TOKEN.fullmatch(secret) is None:
            return None
        token = await self._storage.api_token(hash_of(secret))
        if token is None or now >= token.expires_at:
            return None
        if token.used_at is None or now - token.used_at >= USE_NOTED_EVERY:
            await self._storage.note_token_use(token.token_id, now)
        return token

    async def of(self, user_id: UserId) -> list[ApiToken]:
        """A person's tokens, the oldest first."""
        return await self._storage.tokens_of(user_id)

    async def end(self, user_id: UserId, token_id: str, *, noted: AuditEntry) -> bool:
        """End one of a person's own tokens; False if they have none of this id."""
        return await self._storage.end_token(user_id, token_id, noted=noted, told="An API token of yours was ended.")


def _problem(
    person: Person, now: datetime, label: str, scopes: Collection[Scope], expires_at: datetime
) -> TokenProblem | None:
    if not 0 < len(label) <= LONGEST_LABEL or not label.isprintable():
        return TokenProblem.LABEL
    if not scopes:
        return TokenProblem.SCOPES
    if person.role is Role.VIEWER and set(scopes) != {Scope.READ}:
        return TokenProblem.NOT_FOR_VIEWERS
    if not now < expires_at <= now + LONGEST_LIFE:
        return TokenProblem.EXPIRY
    return None
