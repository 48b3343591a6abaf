"""What may be opened for one key: which pairs, and how large one order may be. Sealed by the signer, kept by the store.

The allow-list says what anybody may ever do; a policy says what this person wanted when they last armed: it is held
against every opening order when that is placed. It is a wall against mistakes and against whoever has the worker's
orders but not its socket: who may talk to the signer may also draw another policy, which is a line of its audit.
It never stands in the way of an exit, a cancel or a read, and it is no secret: `p1.` + the master key's name + `.` +
its text + `.` + an HMAC over both.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from jarvis.domain.account import Credential, SigningPolicy
from jarvis.domain.instrument import Pair
from jarvis.signer.errors import SignerRefused
from jarvis.signer.marks import Marks
from jarvis.signer.vault import Vault

_SEALED = re.compile(rb"p1\.(?P<kid>[0-9a-f]{16})\.(?P<text>[A-Za-z0-9_-]{4,8000})\.(?P<mac>[A-Za-z0-9_-]{43})")
_KEPT = 4096
_MARK = "policy"


@dataclass(frozen=True, slots=True)
class _Opened:
    revision: int
    policy: SigningPolicy


class Policies:
    """Seals policies, and holds opening orders against them, under one master key."""

    def __init__(self, vault: Vault, marks: Marks) -> None:
        self._vault = vault
        self._key = vault.derive(b"jarvis signing policy")
        self._marks = marks
        self._opened: dict[tuple[str, str, bytes], _Opened] = {}

    def seal(self, credential: Credential, policy: SigningPolicy) -> bytes:
        """The policy for this key from now on: earlier ones are refused. Raises SignerUnavailable."""
        name = _name(credential)
        revision = self._marks.get(_MARK, name) + 1
        self._marks.raise_to(_MARK, name, revision)
        return self._sealed(credential, revision, policy)

    def reseal(self, credential: Credential, following: "Policies") -> bytes:
        """The key's policy under another master key, of the same revision. Raises SignerRefused."""
        opened = self._open(credential)
        return following._sealed(credential, opened.revision, opened.policy)  # noqa: SLF001 - of the same class

    def require(self, credential: Credential, pair: Pair, quantity: Decimal) -> None:
        """Return if so much may be opened. Raises SignerRefused `policy`, or `broken_seal` for one that was changed."""
        if not credential.policy:
            raise SignerRefused("policy", "nothing may be opened with this key yet: arm the account")
        opened = self._open(credential)
        if opened.revision < self._marks.get(_MARK, _name(credential)):
            raise SignerRefused("policy", "what may be opened with this key was changed since: arm the account again")
        largest = opened.policy.largest.get(pair)
        if largest is None:
            raise SignerRefused("policy", f"{pair} may not be opened with this key: arm the account again")
        if quantity > largest:
            raise SignerRefused("policy", f"an order in {pair} is larger than any may be: arm the account again")

    def check(self, credential: Credential) -> None:
        """Return if the key's policy opens, whatever it allows. Raises SignerRefused."""
        self._open(credential)

    def _sealed(self, credential: Credential, revision: int, policy: SigningPolicy) -> bytes:
        largest = {str(pair): f"{quantity:f}" for pair, quantity in policy.largest.items()}
        text = json.dumps(
            {
                "v": 1,
                "acct": credential.account_id,
                "cred": credential.credential_id,
                "rev": revision,
                "largest": largest,
            },
            separators=(",", ":"),
        )
        signed = b"p1." + self._vault.key_name.encode() + b"." + _packed(text.encode())
        return signed + b"." + _packed(self._mac(signed))

    def _open(self, credential: Credential) -> _Opened:
        sealed = credential.policy or b""
        key = credential.account_id, credential.credential_id, sealed
        opened = self._opened.get(key)
        if opened is None:
            opened = self._read(credential, sealed)
            if len(self._opened) >= _KEPT:
                self._opened.clear()
            self._opened[key] = opened
        return opened

    def _read(self, credential: Credential, sealed: bytes) -> _Opened:
        found = _SEALED.fullmatch(sealed)
        if found is None:
            raise SignerRefused("broken_seal", "this is not a sealed policy")
        if not hmac.compare_digest(found["kid"], self._vault.key_name.encode()):
            raise SignerRefused("wrong_master_key", "this policy was sealed under another master key: arm again")
        if not hmac.compare_digest(found["mac"], _packed(self._mac(sealed.rpartition(b".")[0]))):
            raise SignerRefused("broken_seal", "this policy was changed")
        try:
            told = json.loads(_unpacked(found["text"]))
            largest = {Pair.parse(pair): Decimal(quantity) for pair, quantity in told["largest"].items()}
        except (ValueError, KeyError, InvalidOperation, binascii.Error):
            raise SignerRefused("broken_seal", "this policy cannot be read") from None
        if (told["acct"], told["cred"]) != (credential.account_id, credential.credential_id):
            raise SignerRefused("wrong_binding", "this policy names another key")
        return _Opened(int(told["rev"]), SigningPolicy(largest))

    def _mac(self, signed: bytes) -> bytes:
        return hmac.digest(self._key, signed, "sha256")


def policy_from(largest: Mapping[str, object]) -> SigningPolicy:
    """A policy as it comes over the socket: `{"BTC/USD": "1.5"}`. Raises SignerRefused."""
    try:
        policy = SigningPolicy({Pair.parse(pair): Decimal(str(quantity)) for pair, quantity in largest.items()})
    except (ValueError, InvalidOperation):
        raise SignerRefused("malformed", "a policy names pairs and quantities") from None
    if not all(quantity.is_finite() and quantity >= 0 for quantity in policy.largest.values()):
        raise SignerRefused("malformed", "a quantity is not negative")
    return policy


def _name(credential: Credential) -> str:
    return f"{credential.account_id}/{credential.credential_id}"


def _packed(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _unpacked(packed: bytes) -> bytes:
    return base64.urlsafe_b64decode(packed + b"=" * (-len(packed) % 4))
