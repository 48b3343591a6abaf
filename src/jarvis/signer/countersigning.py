"""Countersignatures of the audit chain's head: what was written can then be neither rewritten nor cut short unnoticed.

The key is derived from the master key and never leaves the signer, so that whoever can write the database cannot make
one. How far the chain had come is a mark of the signer's own, which never goes back.
"""

import hmac

from jarvis.signer.errors import SignerRefused
from jarvis.signer.marks import Marks
from jarvis.signer.records import SealVerdict
from jarvis.signer.vault import Vault

_HASH_BYTES = 32
_NAME_BYTES = 16
_MARK = ("audit", "head")


class AuditSeals:
    """Makes and checks them, under one master key."""

    def __init__(self, vault: Vault, marks: Marks) -> None:
        self._name = vault.key_name.encode()
        self._key = vault.derive(b"jarvis audit countersignature")
        self._marks = marks

    @property
    def mark(self) -> int:
        """The highest line that was ever countersigned; 0 if none was."""
        return self._marks.get(*_MARK)

    def seal(self, number: int, chain_hash: bytes) -> bytes:
        """The countersignature of the chain up to this line, durable before it is given out.

        Raises SignerRefused `stale_audit` for a chain that is shorter than one seen before.
        """
        if number < 1 or len(chain_hash) != _HASH_BYTES:
            raise SignerRefused("malformed", "a line has a positive number and a hash of 32 bytes")
        if number < self.mark:
            raise SignerRefused("stale_audit", "the audit is shorter than it was: it was cut, or the data is older")
        self._marks.raise_to(*_MARK, number)
        return self._name + self._mac(number, chain_hash)

    def check(self, number: int, chain_hash: bytes, seal: bytes) -> SealVerdict:
        """Whether this is our countersignature of just this line."""
        if len(seal) != _NAME_BYTES + _HASH_BYTES:
            return SealVerdict.BAD
        if not hmac.compare_digest(seal[:_NAME_BYTES], self._name):
            return SealVerdict.RETIRED
        fits = number >= 0 and hmac.compare_digest(seal[_NAME_BYTES:], self._mac(number, chain_hash))
        return SealVerdict.GOOD if fits else SealVerdict.BAD

    def _mac(self, number: int, chain_hash: bytes) -> bytes:
        return hmac.digest(self._key, number.to_bytes(8, "big") + chain_hash, "sha256")
