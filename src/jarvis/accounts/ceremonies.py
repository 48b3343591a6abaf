"""Proofs in two steps: what is kept between them, for a few minutes, under a token that only the browser has."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from jarvis.accounts.sessions import hash_of, new_token
from jarvis.domain.account import UserId
from jarvis.domain.people import Ceremony, CeremonyKind

CEREMONY_LASTS = timedelta(minutes=5)
MOST_ATTEMPTS = 5


class CeremonyStorage(Protocol):
    """What keeps ceremonies."""

    async def begin_ceremony(self, ceremony: Ceremony) -> None:
        """Keep a proof that was begun."""
        ...

    async def ceremony(self, token_hash: bytes, kind: CeremonyKind, now: datetime) -> Ceremony | None:
        """The living ceremony of this token and kind."""
        ...

    async def try_ceremony(self, token_hash: bytes, kind: CeremonyKind, now: datetime, *, most: int) -> Ceremony | None:
        """Count one attempt; the ceremony as it is then, or None if there is none, or it had `most` attempts."""
        ...

    async def take_ceremony(self, token_hash: bytes, kind: CeremonyKind, now: datetime) -> Ceremony | None:
        """The living ceremony of this token and kind, which is forgotten: it is good once."""
        ...


async def begin(
    storage: CeremonyStorage,
    kind: CeremonyKind,
    user_id: UserId | None,
    now: datetime,
    *,
    challenge: bytes = b"",
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> str:
    """The token of a new ceremony."""
    token = new_token(entropy)
    await storage.begin_ceremony(
        Ceremony(hash_of(token), kind, user_id, challenge, begun_at=now, expires_at=now + CEREMONY_LASTS)
    )
    return token


def key_of(token: str) -> bytes:
    """Under what the ceremony of this token is kept; whatever a browser sent has one."""
    return hash_of(token[:100])
