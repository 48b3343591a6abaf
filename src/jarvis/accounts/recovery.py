"""Recovery codes: ten, of 128 random bits each, shown once, good once, kept as SHA-256."""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Person, Session

CODES = 10
CODE_BYTES = 16
_LOOKALIKES = str.maketrans("018", "OIB")


class RecoveryStorage(Protocol):
    """What keeps recovery codes."""

    async def set_recovery_codes(
        self, user_id: UserId, hashes: Sequence[bytes], *, keeping: bytes, noted: AuditEntry, told: str
    ) -> None:
        """Keep these in the place of all earlier ones, and end the other sessions."""
        ...

    async def use_recovery_code(self, user_id: UserId, code_hash: bytes, *, noted: AuditEntry, told: str) -> bool:
        """Use up one of a person's codes; False if it is none of theirs, or used."""
        ...


class RecoveryCodes:
    """Makes and uses recovery codes."""

    def __init__(self, storage: RecoveryStorage, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._storage = storage
        self._entropy = entropy

    async def make(self, person: Person, *, keeping: Session, noted: AuditEntry) -> list[str]:
        """Ten new codes, shown to the person now and never again; the earlier ones are worth nothing."""
        codes = [_written(self._entropy(CODE_BYTES)) for _ in range(CODES)]
        hashes = [code_hash(code) for code in codes]
        await self._storage.set_recovery_codes(
            person.user_id,
            [each for each in hashes if each is not None],
            keeping=keeping.token_hash,
            noted=noted,
            told="New recovery codes were made for your account; the earlier ones are worth nothing.",
        )
        return codes

    async def use(self, user_id: UserId, code: str, now: datetime, *, address: str) -> bool:
        """Whether this is one of the person's codes that was not used; it is used up by that."""
        hashed = code_hash(code)
        if hashed is None:
            return False
        noted = AuditEntry("factor.code_used", now, user_id, user_id, details={"address": address})
        told = "A recovery code was used to sign in to your account. It is worth nothing any more."
        return await self._storage.use_recovery_code(user_id, hashed, noted=noted, told=told)


def code_hash(code: str) -> bytes | None:
    """What is kept of a code, however it was typed; None for what has not the shape of one."""
    letters = re.sub(r"[\s-]", "", code[:100]).upper().translate(_LOOKALIKES)
    if re.fullmatch(r"[A-Z2-7]{26}", letters) is None:
        return None
    return hashlib.sha256(letters.encode()).digest()


def _written(bits: bytes) -> str:
    """128 bits as `ABCDE-FGHIJ-...`: letters and the digits 2 to 7, which nobody mistakes for letters."""
    letters = base64.b32encode(bits).decode().rstrip("=")
    return "-".join(letters[start : start + 5] for start in range(0, len(letters), 5))
