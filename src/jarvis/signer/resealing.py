"""From one master key to the next: what is sealed under the one is sealed under the other, row by row.

A signer does this only when it was started with both (`--next-master-key`), for `jarvis keys rotate`. What is sealed
under the next one already stays as it is, so that a rotation that was interrupted goes on where it stopped.
"""

from dataclasses import replace

from jarvis.domain.account import Credential
from jarvis.signer.errors import SignerRefused
from jarvis.signer.marks import Marks
from jarvis.signer.policy import Policies
from jarvis.signer.seeds import open_seed, seal_seed
from jarvis.signer.small import open_secret, seal_secret
from jarvis.signer.vault import Vault, fingerprint, wipe


class Resealer:
    """Opens under the master key in use, seals under the next one, and opens that again before it is given out."""

    def __init__(self, current: Vault, following: Vault, marks: Marks) -> None:
        if current.key_name == following.key_name:
            raise SignerRefused("malformed", "the next master key is the one in use")
        self._current = current
        self._next = following
        self._marks = marks

    @property
    def next_name(self) -> str:
        """The next master key's name."""
        return self._next.key_name

    def vault_of(self, sealed: bytes) -> Vault:
        """The one of both that this was sealed under, by the name in it; it may still not open."""
        return self._next if sealed.split(b".")[1:2] == [self._next.key_name.encode()] else self._current

    def credential(self, credential: Credential, *, now_seconds: int) -> tuple[bytes, str]:
        """The key's sealed form under the next master key, and its fingerprint there.

        Its nonces go on where they stand, under the new fingerprint. Raises SignerRefused if it does not open, and
        SignerUnavailable if the marks cannot be written.
        """
        vault = self.vault_of(credential.sealed)
        sealed = credential.sealed
        with vault.open(credential) as opened:
            former = fingerprint(vault, credential.venue, opened.api_key)
            if vault is not self._next:
                sealed = self._next.seal(credential, opened, now_seconds=now_seconds)
            with self._next.open(replace(credential, sealed=sealed)) as again:
                if (again.api_key, again.secret, again.passphrase) != (
                    opened.api_key, opened.secret, opened.passphrase,
                ):  # fmt: skip
                    raise SignerRefused("broken_seal", "what was sealed anew is not what was sealed before")
                name = fingerprint(self._next, credential.venue, again.api_key)
        self._marks.raise_to("nonce", name, self._marks.get("nonce", former))
        return sealed, name

    def seed(self, user_id: str, sealed: bytes, *, now_seconds: int) -> bytes:
        """An authenticator app's seed, sealed under the next master key. Raises SignerRefused if it does not open."""
        vault = self.vault_of(sealed)
        seed = open_seed(vault, user_id, sealed)
        try:
            if vault is not self._next:
                sealed = seal_seed(self._next, user_id, seed, now_seconds=now_seconds)
            again = open_seed(self._next, user_id, sealed)
            if again != seed:
                raise SignerRefused("broken_seal", "what was sealed anew is not what was sealed before")
            wipe(again)
        finally:
            wipe(seed)
        return sealed

    def secret(self, user_id: str, row_id: str, sealed: bytes, *, now_seconds: int) -> bytes:
        """A small secret, sealed under the next master key. Raises SignerRefused if it does not open."""
        vault = self.vault_of(sealed)
        secret = open_secret(vault, user_id, row_id, sealed)
        try:
            if vault is not self._next:
                sealed = seal_secret(self._next, user_id, row_id, secret, now_seconds=now_seconds)
            again = open_secret(self._next, user_id, row_id, sealed)
            if again != secret:
                raise SignerRefused("broken_seal", "what was sealed anew is not what was sealed before")
            wipe(again)
        finally:
            wipe(secret)
        return sealed

    def policy(self, credential: Credential) -> bytes:
        """What may be opened with the key, sealed under the next master key. Raises SignerRefused."""
        vault = self.vault_of(credential.policy or b"")
        following = Policies(self._next, self._marks)
        if vault is self._next:
            return following.reseal(credential, following)
        return Policies(vault, self._marks).reseal(credential, following)
