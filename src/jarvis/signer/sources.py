"""Where the master key is kept: a file, a credential of systemd, the desktop's keyring, or behind a passphrase.

`file`              FILE, mode 0600, ours alone
`credential:NAME`   what systemd hands to the service (https://systemd.io/CREDENTIALS)
`keyring:SERVICE`   the desktop's keyring, when it is one that encrypts
`passphrase`        FILE.locked: the key under Argon2id of a passphrase; somebody types it at every start

Only the signer and the process of `jarvis keys move` read a master key. Whatever cannot be used raises MasterKeyError
with one line that says what to do.
"""

import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from jarvis.signer.errors import MasterKeyError
from jarvis.signer.vault import (
    MASTER_KEY_BYTES,
    load_master_key,
    master_key_text,
    parse_master_key,
    read_secret_file,
    write_secret_file,
)

LOCKED_PREFIX = "jarvis-locked-key-1:"
KEYRING_USER = "jarvis master key"
SHORTEST_PASSPHRASE = 12

_SALT_BYTES, _NONCE_BYTES = 16, 12
_ITERATIONS, _LANES, _MEMORY_KIB = 3, 4, 256 * 1024
_UNSAFE_KEYRINGS = ("fail", "null", "plaintext")

_NEEDED = (
    "CREDENTIALS_DIRECTORY", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "HOME", "LOGNAME", "PATH", "PYTHON_KEYRING_BACKEND",
    "PYTHONPATH", "USER", "WAYLAND_DISPLAY", "XDG_CONFIG_HOME", "XDG_CURRENT_DESKTOP", "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
)  # fmt: skip

Passphrase = Callable[[], bytes]
"""Asks for the passphrase when it is needed."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a master key is: one of the four texts above, the file that two of them use, and who must not hold it."""

    text: str
    file: Path
    outside: Sequence[Path]
    environment: Mapping[str, str]

    @property
    def locked_file(self) -> Path:
        """Where the key under a passphrase is."""
        return self.file.with_name(f"{self.file.name}.locked")

    def load(self, passphrase: Passphrase) -> bytes:
        """The master key. Raises MasterKeyError."""
        kind, _, name = self.text.partition(":")
        match kind:
            case "file":
                return load_master_key(self.file, outside=self.outside)
            case "credential":
                return _credential(name, self.environment)
            case "keyring":
                return _from_keyring(name, self.environment)
            case "passphrase":
                content = _locked(read_secret_file(self.locked_file, outside=self.outside), self.locked_file)
                return _unlocked(content, passphrase())
        raise MasterKeyError(f"{self.text} is no place for a master key")

    def keep(self, key: bytes, passphrase: Passphrase) -> None:
        """Write a master key there. Raises MasterKeyError; FileExistsError rather than replace another."""
        kind, _, name = self.text.partition(":")
        match kind:
            case "file":
                write_secret_file(self.file, master_key_text(key))
            case "keyring":
                _to_keyring(name, key, self.environment)
            case "passphrase":
                write_secret_file(self.locked_file, _lock(key, passphrase()))
            case _:
                raise MasterKeyError(
                    f"only systemd writes a credential: `systemd-creds encrypt --name={name} {self.file} "
                    f"/etc/credstore.encrypted/{name}`, and LoadCredentialEncrypted={name} in the unit"
                )


def needed_environment() -> dict[str, str]:
    """What a source may need to know of this process's environment, before that is emptied."""
    return {name: os.environ[name] for name in _NEEDED if name in os.environ}


def new_key() -> bytes:
    """A master key that nobody has yet."""
    return secrets.token_bytes(MASTER_KEY_BYTES)


def _credential(name: str, environment: Mapping[str, str]) -> bytes:
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise MasterKeyError(
            f"systemd has given this process no credentials: start Jarvis as a unit with LoadCredentialEncrypted={name}"
        )
    path = Path(folder) / name
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise MasterKeyError(f"the credential {name} cannot be read: {error.strerror}") from None
    try:
        state = os.fstat(descriptor)
        # systemd gives it to root or to the unit's user, and lets that user in by mode or by an access list.
        if not stat.S_ISREG(state.st_mode) or state.st_uid not in {0, os.geteuid()} or state.st_mode & 0o007:
            raise MasterKeyError(f"the credential {path} is not one that systemd made: others can read it")
        content = os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
    return parse_master_key(content, path)


@contextmanager
def _keyring_environment(environment: Mapping[str, str]) -> Iterator[None]:
    """The keyring is reached over the session's bus, whose address is in the environment that we emptied."""
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()


def _require_a_keyring() -> None:
    """Raise MasterKeyError unless every keyring that would be asked encrypts what it keeps."""
    backend: Any = import_module("keyring").get_keyring()
    found = list(backend.backends) if hasattr(backend, "backends") else [backend]  # a chain of several
    names = [f"{type(each).__module__}.{type(each).__name__}".lower() for each in found]
    if not names or any(word in name for name in names for word in _UNSAFE_KEYRINGS):
        raise MasterKeyError(
            "there is no keyring here that encrypts (on a desktop: GNOME Keyring, KWallet, macOS Keychain, Windows "
            "Credential Locker); keep the master key in a file"
        )


def _from_keyring(service: str, environment: Mapping[str, str]) -> bytes:
    with _keyring_environment(environment):
        text = _asked_of_keyring(lambda library: library.get_password(service, KEYRING_USER))
    if text is None:
        raise MasterKeyError(f"the keyring holds no master key for {service}; `jarvis init` makes one")
    return parse_master_key(text.encode(), Path(f"keyring:{service}"))


def _to_keyring(service: str, key: bytes, environment: Mapping[str, str]) -> None:
    with _keyring_environment(environment):
        if _asked_of_keyring(lambda library: library.get_password(service, KEYRING_USER)) is not None:
            raise FileExistsError(f"the keyring holds a master key for {service} already")
        _asked_of_keyring(lambda library: library.set_password(service, KEYRING_USER, master_key_text(key)))


def _asked_of_keyring(ask: Callable[[Any], str | None]) -> str | None:
    try:
        library, errors = import_module("keyring"), import_module("keyring.errors")
    except ImportError:
        raise MasterKeyError("the keyring needs one more package: pip install 'jarvis[keyring]'") from None
    _require_a_keyring()
    try:
        return ask(library)
    except errors.KeyringError as error:
        raise MasterKeyError(f"the keyring does not answer ({type(error).__name__}); is it unlocked?") from None


def _lock(key: bytes, passphrase: bytes) -> str:
    if len(passphrase.decode(errors="replace")) < SHORTEST_PASSPHRASE:
        raise MasterKeyError(f"a passphrase has at least {SHORTEST_PASSPHRASE} characters; take several words")
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    head = {"salt": salt.hex(), "nonce": nonce.hex(), "t": _ITERATIONS, "p": _LANES, "m": _MEMORY_KIB}
    sealed = AESGCM(_stretched(passphrase, salt, head)).encrypt(nonce, key, LOCKED_PREFIX.encode())
    return LOCKED_PREFIX + json.dumps({**head, "key": sealed.hex()}, separators=(",", ":")) + "\n"


def _locked(content: bytes, path: Path) -> bytes:
    if not content.startswith(LOCKED_PREFIX.encode()):
        raise MasterKeyError(f"{path} is not a locked master key; if it was cut short, restore it from its own backup")
    return content.removeprefix(LOCKED_PREFIX.encode())


def _unlocked(content: bytes, passphrase: bytes) -> bytes:
    try:
        head = json.loads(content)
        salt, nonce, sealed = (bytes.fromhex(head[name]) for name in ("salt", "nonce", "key"))
        return AESGCM(_stretched(passphrase, salt, head)).decrypt(nonce, sealed, LOCKED_PREFIX.encode())
    except InvalidTag:
        raise MasterKeyError("that is not the passphrase of this master key") from None
    except (ValueError, KeyError, TypeError):
        raise MasterKeyError("the locked master key cannot be read; restore it from its own backup") from None


def _stretched(passphrase: bytes, salt: bytes, head: Mapping[str, object]) -> bytes:
    """32 bytes of Argon2id (RFC 9106), by the numbers in the file: another version may choose others."""
    numbers = [head[name] for name in ("t", "p", "m")]
    if not all(isinstance(number, int) and 0 < number <= 4 * _MEMORY_KIB for number in numbers):
        raise ValueError("impossible parameters")
    rounds, lanes, memory = (int(str(number)) for number in numbers)
    return Argon2id(salt=salt, length=32, iterations=rounds, lanes=lanes, memory_cost=memory).derive(passphrase)
