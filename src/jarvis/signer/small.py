"""Small secrets of people: what their notices are sent with, such as a bot's token. Sealed for one row of one person.

A sealed one is `s1.` + the master key's name + `.` + a Fernet token under a key derived for this person and this row
and nothing else; both ids lie inside as well. Other than a venue key it can be asked for in clear, by its own row
only: docs/decisions/022-secrets-of-channels.md says why. No other seal opens here, and none of these opens elsewhere.
"""

import hmac
import json
import re

from jarvis.signer.errors import SignerRefused
from jarvis.signer.vault import SealedRow, Vault, length_prefixed, wipe

_LONGEST_SECRET, _LONGEST_ID = 2000, 200
_SEALED = re.compile(rb"s1\.(?P<kid>[0-9a-f]{16})\.(?P<token>[A-Za-z0-9_-]{100,4000}={0,2})")


def seal_secret(vault: Vault, user_id: str, row_id: str, secret: bytearray, *, now_seconds: int) -> bytes:
    """The sealed form of a secret for this row of this person. Raises SignerRefused for what is none."""
    if not all(0 < len(each) <= _LONGEST_ID for each in (user_id, row_id)) or not 0 < len(secret) <= _LONGEST_SECRET:
        raise SignerRefused("malformed", "a small secret has 1 to 2000 bytes, and ids have 1 to 200 characters")
    envelope = bytearray(_names(vault, user_id, row_id)) + b"\n" + secret
    try:
        token = _row(vault, user_id, row_id).fernet.encrypt_at_time(bytes(envelope), now_seconds)
    finally:
        wipe(envelope)
    return b"s1." + vault.key_name.encode() + b"." + token


def open_secret(vault: Vault, user_id: str, row_id: str, sealed: bytes) -> bytearray:
    """The secret, for the caller to wipe.

    Raises SignerRefused: `wrong_master_key` if it was sealed under another one, `broken_seal` if it was changed or
    belongs to another row.
    """
    found = _SEALED.fullmatch(sealed)
    if found is None:
        raise SignerRefused("broken_seal", "this is not a sealed small secret")
    if not hmac.compare_digest(found["kid"], vault.key_name.encode()):
        raise SignerRefused("wrong_master_key", "this secret was sealed under another master key")
    envelope = _row(vault, user_id, row_id).envelope(found["token"])
    if envelope is None:
        raise SignerRefused("broken_seal", "this sealed secret was changed, or belongs to another row")
    try:
        names, _, secret = envelope.partition(b"\n")
        if bytes(names) != _names(vault, user_id, row_id):
            wipe(secret)
            raise SignerRefused("wrong_binding", "this sealed secret names another row")
        return secret
    finally:
        wipe(envelope)


def _row(vault: Vault, user_id: str, row_id: str) -> SealedRow:
    ids = b"".join(length_prefixed(each.encode()) for each in (user_id, row_id))
    return SealedRow(vault.derive(b"jarvis small secret" + ids), {})


def _names(vault: Vault, user_id: str, row_id: str) -> bytes:
    return json.dumps({"v": 1, "kid": vault.key_name, "user": user_id, "row": row_id}, separators=(",", ":")).encode()
