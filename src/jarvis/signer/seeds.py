"""Seeds of authenticator apps: sealed for one person, opened only to check a code (RFC 6238, SHA-1, 6 digits, 30 s).

A sealed seed is `t1.` + the master key's name + `.` + a Fernet token under a key derived for this person's seed and
nothing else; the person's id lies inside as well. No venue key's seal opens as a seed, nor the other way round.
"""

import hmac
import json
import re

from jarvis.signer.errors import SignerRefused
from jarvis.signer.vault import SealedRow, Vault, length_prefixed, wipe

STEP_SECONDS = 30
STEPS_AROUND = 1
_DIGITS = 6
_SHORTEST_SEED, _LONGEST_SEED, _LONGEST_ID = 16, 64, 200
_SEALED = re.compile(rb"t1\.(?P<kid>[0-9a-f]{16})\.(?P<token>[A-Za-z0-9_-]{100,1000}={0,2})")
_CODE = re.compile(r"[0-9]{6}", re.ASCII)


def seal_seed(vault: Vault, user_id: str, seed: bytearray, *, now_seconds: int) -> bytes:
    """The sealed form of a seed for this person. Raises SignerRefused for what is no seed or no id."""
    if not 0 < len(user_id) <= _LONGEST_ID or not _SHORTEST_SEED <= len(seed) <= _LONGEST_SEED:
        raise SignerRefused("malformed", "a seed has 16 to 64 bytes, and a person's id 1 to 200 characters")
    envelope = bytearray(_names(vault, user_id)) + b"\n" + seed
    try:
        token = _row(vault, user_id).fernet.encrypt_at_time(bytes(envelope), now_seconds)
    finally:
        wipe(envelope)
    return b"t1." + vault.key_name.encode() + b"." + token


def open_seed(vault: Vault, user_id: str, sealed: bytes) -> bytearray:
    """The seed, for the caller to wipe.

    Raises SignerRefused: `wrong_master_key` if it was sealed under another one, `broken_seal` if it was changed or
    is another person's.
    """
    found = _SEALED.fullmatch(sealed)
    if found is None:
        raise SignerRefused("broken_seal", "this is not a sealed seed")
    if not hmac.compare_digest(found["kid"], vault.key_name.encode()):
        raise SignerRefused("wrong_master_key", "this seed was sealed under another master key")
    envelope = _row(vault, user_id).envelope(found["token"])
    if envelope is None:
        raise SignerRefused("broken_seal", "this sealed seed was changed, or belongs to another person")
    try:
        names, _, seed = envelope.partition(b"\n")
        if bytes(names) != _names(vault, user_id):
            wipe(seed)
            raise SignerRefused("wrong_binding", "this sealed seed names another person")
        return seed
    finally:
        wipe(envelope)


def matching_step(seed: bytearray, code: str, now_seconds: int) -> int | None:
    """The step of 30 seconds that the code belongs to, now or one before or after; None if none.

    All three are computed and compared, so that the time does not tell which one it was.
    """
    if _CODE.fullmatch(code) is None:
        return None
    now = now_seconds // STEP_SECONDS
    found = None
    for step in range(max(0, now - STEPS_AROUND), now + STEPS_AROUND + 1):
        if hmac.compare_digest(_code_of(seed, step), code.encode()) and found is None:
            found = step
    return found


def _code_of(seed: bytearray, step: int) -> bytes:
    digest = hmac.digest(seed, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}d}".encode()


def _row(vault: Vault, user_id: str) -> SealedRow:
    return SealedRow(vault.derive(b"jarvis authenticator seed" + length_prefixed(user_id.encode())), {})


def _names(vault: Vault, user_id: str) -> bytes:
    return json.dumps({"v": 1, "kid": vault.key_name, "user": user_id}, separators=(",", ":")).encode()
