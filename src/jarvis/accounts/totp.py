"""Authenticator apps (RFC 6238). A seed passes through here once, when it is made; then only the signer reads it."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import quote

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Person, Session, TotpSeed

SEED_BYTES = 20
CODE_DIGITS = 6
OFFER_LASTS = timedelta(minutes=30)


class SeedKeeper(Protocol):
    """Seals seeds and checks codes: the signer. Every row's seal is bound to its person."""

    async def seal_seed(self, *, user_id: str, seed: bytes) -> bytes:
        """The seed, sealed for this person."""
        ...

    async def match_code(self, *, user_id: str, sealed: bytes, code: str, now_seconds: int | None = None) -> int | None:
        """The 30 s step that the code belongs to, within one step of now; None if none."""
        ...


class TotpStorage(Protocol):
    """What keeps authenticator apps."""

    async def totp(self, user_id: UserId) -> TotpSeed | None:
        """The person's authenticator app, if one is in force."""
        ...

    async def offer_totp(self, seed: TotpSeed, *, expires_at: datetime) -> None:
        """Keep a seed that waits for its first code, in the place of one that waits; one in force stays so."""
        ...

    async def offered_totp(self, user_id: UserId, now: datetime) -> TotpSeed | None:
        """The seed that waits for the person's first code."""
        ...

    async def confirm_totp(self, seed: TotpSeed, step: int, *, keeping: bytes, noted: AuditEntry, told: str) -> bool:
        """Put exactly this offered seed in force, in the place of another, and end the other sessions."""
        ...

    async def use_totp_step(self, user_id: UserId, step: int) -> bool:
        """Use up the codes up to this step; False if they are used up already."""
        ...

    async def remove_totp(self, user_id: UserId, *, keeping: bytes, noted: AuditEntry, told: str) -> bool:
        """Forget the person's authenticator app and end the other sessions; False if none is in force."""
        ...


@dataclass(frozen=True, slots=True)
class TotpOffer:
    """A seed that is shown once: as text to type, and as the address in the QR code."""

    seed: str = field(repr=False)
    uri: str = field(repr=False)


class Totp:
    """Enrols and checks authenticator apps, at most one a person."""

    def __init__(
        self,
        storage: TotpStorage,
        seeds: SeedKeeper,
        *,
        issuer: str = "Jarvis",
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._storage = storage
        self._seeds = seeds
        self._issuer = issuer
        self._entropy = entropy

    async def begin(self, person: Person, now: datetime) -> TotpOffer:
        """A new seed, which counts for nothing before its first code; an app in force stays so until then.

        The caller has made sure that the person may enrol one. Who lost the phone and came with a recovery code
        replaces the app so.
        """
        seed = self._entropy(SEED_BYTES)
        sealed = await self._seeds.seal_seed(user_id=person.user_id, seed=seed)
        await self._storage.offer_totp(
            TotpSeed(person.user_id, sealed, last_step=0, created_at=now), expires_at=now + OFFER_LASTS
        )
        text = base64.b32encode(seed).decode()
        return TotpOffer(text, _uri(self._issuer, person.email, text))

    async def confirm(self, person: Person, code: str, now: datetime, *, keeping: Session, noted: AuditEntry) -> bool:
        """Put the offered seed in force if the code is its own; the person's other sessions end."""
        seed = await self._storage.offered_totp(person.user_id, now)
        step = None if seed is None else await self._step(seed, code, now)
        if seed is None or step is None:
            return False
        told = (
            "An authenticator app was added to your account, in the place of any earlier one. "
            "It is asked for at every sign-in with your password from now on."
        )
        return await self._storage.confirm_totp(seed, step, keeping=keeping.token_hash, noted=noted, told=told)

    async def check(self, user_id: UserId, code: str, now: datetime) -> bool:
        """Whether the code is right and was not used; it is used up by that."""
        seed = await self._storage.totp(user_id)
        if seed is None:
            return False
        step = await self._step(seed, code, now)
        return step is not None and await self._storage.use_totp_step(user_id, step)

    async def remove(self, person: Person, *, keeping: Session, noted: AuditEntry) -> bool:
        """Forget the person's authenticator app; their other sessions end. False if they have none."""
        told = "The authenticator app was removed from your account."
        return await self._storage.remove_totp(person.user_id, keeping=keeping.token_hash, noted=noted, told=told)

    async def _step(self, seed: TotpSeed, code: str, now: datetime) -> int | None:
        digits = code_digits(code)
        if digits is None:
            return None
        return await self._seeds.match_code(
            user_id=seed.user_id, sealed=seed.sealed, code=digits, now_seconds=int(now.timestamp())
        )


def code_digits(text: str) -> str | None:
    """The six digits that somebody typed, with blanks or without; None if it is something else."""
    digits = "".join(text.split())
    return digits if len(digits) == CODE_DIGITS and digits.isascii() and digits.isdigit() else None


def _uri(issuer: str, email: str, seed: str) -> str:
    """`otpauth://totp/Jarvis:ada%40example.org?secret=...`, as every authenticator app reads it."""
    label = f"{quote(issuer, safe='')}:{quote(email, safe='')}"
    return f"otpauth://totp/{label}?secret={seed}&issuer={quote(issuer, safe='')}&algorithm=SHA1&digits=6&period=30"
