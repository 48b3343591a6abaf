"""Seals venue keys and opens them again, each under a key of its own and bound to the row that it belongs to.

A sealed key is `j1.` + the master key's name + `.` + a Fernet token. Fernet has no associated data, so a token is
bound to its row twice: its key is derived from the master key *and* the ids of the row, and the same ids lie inside
the envelope, with a version and a revision, and are compared after opening.

Opened secrets are bytearrays and are overwritten when the `with` ends. Python keeps copies of freed memory that
nobody can overwrite; what is promised is that no object holds a secret after the request.

This module must not know what a key is for: shapes and signatures are the venue modules' matter.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from jarvis.domain.account import Credential
from jarvis.signer.errors import MasterKeyError, SignerRefused

MASTER_KEY_BYTES = 32
ENVELOPE_VERSION = 1

_KEPT_ROWS = 4096
# A Fernet token: version, eight bytes of time, initialisation vector, AES-CBC text, HMAC-SHA256 of all before it.
_FERNET_VERSION, _VECTOR_BEGINS, _TEXT_BEGINS, _SIGNATURE_BYTES = 0x80, 9, 25, 32
_CANONICAL = json.JSONEncoder(separators=(",", ":"), sort_keys=True)
_read = json.JSONDecoder().decode
FILE_PREFIX = "jarvis-master-key-1:"
_SEALED = re.compile(rb"j1\.(?P<kid>[0-9a-f]{16})\.(?P<token>[A-Za-z0-9_-]{100,4000}={0,2})")

SecretBytes = bytes | bytearray


class OpenedKey:
    """A key and its secret while one request is being signed. Owns its buffers; leaving the `with` overwrites them."""

    __slots__ = ("api_key", "passphrase", "secret")

    def __init__(self, api_key: bytearray, secret: bytearray, passphrase: bytearray) -> None:
        self.api_key = api_key
        self.secret = secret
        self.passphrase = passphrase

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()

    def __repr__(self) -> str:
        return "OpenedKey(***)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("an opened key is neither copied nor pickled")

    def wipe(self) -> None:
        """Overwrite all three parts with zeros."""
        for part in (self.api_key, self.secret, self.passphrase):
            wipe(part)


def wipe(buffer: bytearray) -> None:
    """Overwrite `buffer` in place with zeros; its length stays."""
    buffer[:] = bytes(len(buffer))


class SealedRow:
    """What a row's sealed secrets are opened with: the key derived for it, and what must stand inside.

    Of a venue key's envelope the revision is left aside here: it is compared by itself.

    The derived key is worth no more than the master key, which is held anyway; an opened secret is never kept.
    """

    __slots__ = ("_encryption_key", "_signing_key", "fernet", "names")

    def __init__(self, derived: bytes, names: Mapping[str, object]) -> None:
        self.fernet = Fernet(base64.urlsafe_b64encode(derived))
        self._signing_key, self._encryption_key = derived[:16], AES(derived[16:])
        self.names = names

    def envelope(self, token: bytes) -> bytearray | None:
        """What a Fernet token holds, for the caller to wipe; None if it was not made with this row's key.

        As Fernet's own `decrypt` (https://github.com/fernet/spec), but the plain text comes into one buffer that can
        be overwritten, and one key has one spelling: that decoder skips junk and odd padding.
        """
        try:
            raw = base64.urlsafe_b64decode(token)
        except binascii.Error:
            return None
        signed, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
        if (
            base64.urlsafe_b64encode(raw) != token
            or len(signed) <= _TEXT_BEGINS
            or len(signed) % 16 != _TEXT_BEGINS % 16
        ):
            return None
        if signed[0] != _FERNET_VERSION:
            return None
        if not hmac.compare_digest(hmac.digest(self._signing_key, signed, "sha256"), signature):
            return None
        opening = Cipher(self._encryption_key, CBC(signed[_VECTOR_BEGINS:_TEXT_BEGINS])).decryptor()
        envelope = bytearray(len(raw))
        size = opening.update_into(signed[_TEXT_BEGINS:], envelope)
        del envelope[size - envelope[size - 1] :]  # PKCS#7: the last byte says how many were added
        return envelope


class Vault:
    """Seals and opens under one master key. Holds the master key and keys derived from it, which are worth no more."""

    __slots__ = ("_fingerprint_key", "_master", "_rows", "key_name")

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != MASTER_KEY_BYTES:
            raise MasterKeyError(f"a master key has {MASTER_KEY_BYTES} bytes")
        self._master = master_key
        self._rows: dict[tuple[str, str, str, str], SealedRow] = {}
        self._fingerprint_key = self.derive(b"jarvis key fingerprint")
        self.key_name = self.derive(b"jarvis key name", length=8).hex()

    def __repr__(self) -> str:
        return f"Vault(key_name={self.key_name!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a vault is neither copied nor pickled")

    def derive(self, info: bytes, *, length: int = 32) -> bytes:
        """`length` bytes for the purpose `info` (HKDF-SHA256, RFC 5869, of the master key)."""
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(self._master)

    def name_of(self, secret: SecretBytes) -> str:
        """A name that is always the same for the same bytes and tells nothing about them."""
        return hmac.digest(self._fingerprint_key, secret, hashlib.sha256).hex()[:32]

    def seal(self, credential: Credential, opened: OpenedKey, *, now_seconds: int) -> bytes:
        """The sealed form of `opened` for the row that `credential` names; its own `sealed` is not looked at."""
        parts = (opened.api_key, opened.secret, opened.passphrase)
        header = {**_binding(credential), "kid": self.key_name, "parts": [len(part) for part in parts]}
        envelope = bytearray(_canonical(header))
        envelope += b"\n"
        for part in parts:
            envelope += part
        try:
            token = self._row(credential).fernet.encrypt_at_time(bytes(envelope), now_seconds)
        finally:
            wipe(envelope)
        return b"j1." + self.key_name.encode() + b"." + token

    def open(self, credential: Credential) -> OpenedKey:
        """The key that `credential.sealed` holds; use it in a `with`.

        Raises SignerRefused: `wrong_master_key` if it was sealed under another one, `broken_seal` if it was changed
        or belongs to another row, `wrong_binding` or `stale_revision` if what lies inside does not name this row.
        """
        found = _SEALED.fullmatch(credential.sealed)
        if found is None:
            raise SignerRefused("broken_seal", "this is not a sealed key")
        if not hmac.compare_digest(found["kid"], self.key_name.encode()):
            raise SignerRefused("wrong_master_key", "this key was sealed under another master key")
        envelope = self._row(credential).envelope(found["token"])
        if envelope is None:
            raise SignerRefused("broken_seal", "this sealed key was changed, or belongs to another account")
        return self._unpack(envelope, credential)

    def _unpack(self, envelope: bytearray, credential: Credential) -> OpenedKey:
        try:
            end = envelope.index(b"\n")
            header = _read(envelope[:end].decode())
            first, second, _ = header.pop("parts")
            revision = header.pop("rev")
            if header != self._row(credential).names:
                raise SignerRefused("wrong_binding", "this sealed key names another account, venue or environment")
            if revision != credential.revision:
                raise SignerRefused("stale_revision", "this sealed key is of another revision than the account's")
            first += end + 1
            second += first
            return OpenedKey(envelope[end + 1 : first], envelope[first:second], envelope[second:])
        finally:
            wipe(envelope)

    def _row(self, credential: Credential) -> SealedRow:
        ids = (credential.account_id, credential.venue, credential.credential_id, credential.environment.value)
        row = self._rows.get(ids)
        if row is None:
            if len(self._rows) >= _KEPT_ROWS:
                self._rows.clear()
            info = b"jarvis venue key" + b"".join(length_prefixed(part.encode()) for part in ids)
            names = {**_binding(credential), "kid": self.key_name}
            del names["rev"]
            row = self._rows[ids] = SealedRow(self.derive(info), names)
        return row


def _binding(credential: Credential) -> dict[str, object]:
    return {
        "v": ENVELOPE_VERSION,
        "rev": credential.revision,
        "acct": credential.account_id,
        "venue": credential.venue,
        "cred": credential.credential_id,
        "env": credential.environment.value,
    }


def _canonical(header: dict[str, object]) -> bytes:
    return _CANONICAL.encode(header).encode()


def length_prefixed(part: bytes) -> bytes:
    """`part` with its length before it, so that parts put together cannot be parted in another way."""
    return len(part).to_bytes(4, "big") + part


def fingerprint(vault: Vault, venue: str, api_key: SecretBytes) -> str:
    """A name for an API key that tells nothing about it: the same key has the same name in every sealed form."""
    return vault.name_of(length_prefixed(venue.encode()) + api_key)


def create_master_key(path: Path) -> None:
    """Write a new random master key to `path`, mode 0600, and make it durable.

    Raises FileExistsError rather than replace a key: whatever was sealed under it could never be opened again.
    """
    write_secret_file(path, master_key_text(secrets.token_bytes(MASTER_KEY_BYTES)))


def master_key_text(key: bytes) -> str:
    """How a master key is written down, wherever that is."""
    return FILE_PREFIX + base64.urlsafe_b64encode(key).decode() + "\n"


def write_secret_file(path: Path, text: str) -> None:
    """Write a new file for our own user alone, and make it durable. Raises FileExistsError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load_master_key(path: Path, *, outside: Sequence[Path] = ()) -> bytes:
    """The master key in `path`. Raises MasterKeyError for a file that is not safe, or holds something else."""
    return parse_master_key(read_secret_file(path, outside=outside), path)


def read_secret_file(path: Path, *, outside: Sequence[Path] = ()) -> bytes:
    """What stands in `path`.

    Raises MasterKeyError unless it is a plain file of mode 0600 (or 0400) that belongs to this user and lies in
    none of the folders `outside`: a copy of the data or of a backup must never hold the key to it.
    """
    where = path.parent.resolve() / path.name
    for folder in outside:
        if where.is_relative_to(folder.resolve()):
            raise MasterKeyError(f"the master key {path} lies inside {folder}; move it out of there")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise MasterKeyError(f"there is no master key at {path}; `jarvis init` makes one") from None
    except OSError as error:
        reason = "it is a symbolic link" if path.is_symlink() else error.strerror
        raise MasterKeyError(f"the master key {path} cannot be read: {reason}") from None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise MasterKeyError(f"the master key {path} is not a plain file")
        if state.st_uid != os.geteuid():
            raise MasterKeyError(f"the master key {path} belongs to another user; give it to the one that runs Jarvis")
        if stat.S_IMODE(state.st_mode) not in {0o600, 0o400}:
            raise MasterKeyError(f"the master key {path} can be read by others: run `chmod 600 {path}`")
        if state.st_nlink != 1:
            raise MasterKeyError(f"the master key {path} has a second name (a hard link); keep one only")
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def parse_master_key(content: bytes, path: Path) -> bytes:
    """The key that this text is. Raises MasterKeyError."""
    found = re.fullmatch(re.escape(FILE_PREFIX.encode()) + rb"([A-Za-z0-9_-]{43}=)\n?", content)
    if found is None:
        raise MasterKeyError(f"{path} is not a master key; if it was cut short, restore it from its own backup")
    return base64.urlsafe_b64decode(found[1])
