"""Where a master key may be kept, and what is refused there with one line."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from jarvis.signer import sources
from jarvis.signer.errors import MasterKeyError
from jarvis.signer.moving import main as move
from jarvis.signer.sources import Source, new_key
from jarvis.signer.vault import create_master_key, load_master_key, master_key_text

WORDS = b"several words that nobody guesses"


@pytest.fixture(autouse=True)
def _quick_stretching(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers of an installation take most of a second, and these tests ask often."""
    monkeypatch.setattr(sources, "_MEMORY_KIB", 64)
    monkeypatch.setattr(sources, "_ITERATIONS", 1)


def source(text: str, folder: Path, environment: Mapping[str, str] | None = None) -> Source:
    return Source(text, folder / "master.key", [folder / "data"], environment or {})


def words() -> bytes:
    return WORDS


def nobody() -> bytes:
    raise AssertionError("no passphrase is asked for")


def test_a_key_is_read_again_from_a_file(tmp_path: Path) -> None:
    key = new_key()

    source("file", tmp_path).keep(key, nobody)

    assert source("file", tmp_path).load(nobody) == key == load_master_key(tmp_path / "master.key")


# --- a passphrase --------------------------------------------------------------------------------------------------


def test_a_key_behind_a_passphrase_is_not_in_its_file_and_comes_back(tmp_path: Path) -> None:
    key = new_key()
    behind = source("passphrase", tmp_path)

    behind.keep(key, words)

    content = behind.locked_file.read_text()
    assert key.hex() not in content
    assert master_key_text(key) not in content
    assert WORDS.decode() not in content
    assert behind.locked_file.stat().st_mode & 0o777 == 0o600
    assert behind.load(words) == key


@pytest.mark.parametrize("typed", [b"", b"several words", WORDS + b" ", WORDS.upper()])
def test_another_passphrase_opens_nothing(typed: bytes, tmp_path: Path) -> None:
    behind = source("passphrase", tmp_path)
    behind.keep(new_key(), words)

    with pytest.raises(MasterKeyError, match="not the passphrase"):
        behind.load(lambda: typed)


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError, match="at least 12"):
        source("passphrase", tmp_path).keep(new_key(), lambda: b"short words")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["salt", "nonce", "key", "t", "m"])
def test_a_locked_key_that_was_changed_is_refused(name: str, tmp_path: Path) -> None:
    behind = source("passphrase", tmp_path)
    behind.keep(new_key(), words)
    prefix, _, text = behind.locked_file.read_text().partition(":")
    head = json.loads(text)
    value = head[name]
    head[name] = value + 1 if isinstance(value, int) else ("00" if value[:2] != "00" else "01") + value[2:]
    behind.locked_file.write_text(f"{prefix}:{json.dumps(head)}\n")

    with pytest.raises(MasterKeyError):
        behind.load(words)


@pytest.mark.parametrize("text", ["", "jarvis-locked-key-1:", "jarvis-locked-key-1:[]", 'jarvis-locked-key-1:{"t":1}'])
def test_what_is_no_locked_key_is_refused(text: str, tmp_path: Path) -> None:
    behind = source("passphrase", tmp_path)
    behind.locked_file.write_text(text)
    behind.locked_file.chmod(0o600)

    with pytest.raises(MasterKeyError):
        behind.load(words)


def test_impossible_costs_are_refused_before_they_are_paid(tmp_path: Path) -> None:
    behind = source("passphrase", tmp_path)
    behind.keep(new_key(), words)
    behind.locked_file.write_text(behind.locked_file.read_text().replace('"m":64', '"m":99999999'))

    with pytest.raises(MasterKeyError, match="cannot be read"):
        behind.load(words)


def test_a_locked_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    behind = source("passphrase", tmp_path)
    behind.keep(new_key(), words)
    behind.locked_file.chmod(0o640)

    with pytest.raises(MasterKeyError, match="can be read by others"):
        behind.load(words)


# --- a credential of systemd ---------------------------------------------------------------------------------------


def credential(folder: Path, mode: int = 0o400) -> dict[str, str]:
    given = folder / "credentials"
    given.mkdir()
    create_master_key(given / "jarvis")
    (given / "jarvis").chmod(mode)
    return {"CREDENTIALS_DIRECTORY": str(given)}


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600])
def test_a_credential_of_systemd_is_read(mode: int, tmp_path: Path) -> None:
    environment = credential(tmp_path, mode)

    key = source("credential:jarvis", tmp_path, environment).load(nobody)

    assert master_key_text(key) == (tmp_path / "credentials" / "jarvis").read_text()


def test_a_credential_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError, match="others can read it"):
        source("credential:jarvis", tmp_path, credential(tmp_path, 0o404)).load(nobody)


def test_a_credential_that_is_a_link_is_refused(tmp_path: Path) -> None:
    environment = credential(tmp_path)
    (tmp_path / "credentials" / "other").symlink_to(tmp_path / "credentials" / "jarvis")

    with pytest.raises(MasterKeyError, match="cannot be read"):
        source("credential:other", tmp_path, environment).load(nobody)


def test_without_systemd_it_is_said_how(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError, match="LoadCredentialEncrypted=jarvis"):
        source("credential:jarvis", tmp_path).load(nobody)
    with pytest.raises(MasterKeyError, match="systemd-creds encrypt --name=jarvis"):
        source("credential:jarvis", tmp_path).keep(new_key(), nobody)


# --- the desktop's keyring -----------------------------------------------------------------------------------------


class SafeKeyring:
    """A keyring, as far as it is asked."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, user: str) -> str | None:
        return self.kept.get((service, user))

    def set_password(self, service: str, user: str, text: str) -> None:
        self.kept[service, user] = text


class PlaintextKeyring(SafeKeyring):
    """One that keeps everything as it is."""


class Chain(SafeKeyring):
    """Several keyrings behind each other, one of which encrypts nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.backends = [SafeKeyring(), PlaintextKeyring()]


def use(monkeypatch: pytest.MonkeyPatch, backend: SafeKeyring) -> None:
    monkeypatch.setattr("keyring.get_keyring", lambda: backend)
    monkeypatch.setattr("keyring.get_password", backend.get_password)
    monkeypatch.setattr("keyring.set_password", backend.set_password)
    environment = dict(os.environ)
    monkeypatch.setattr(os, "environ", environment)  # the signer empties its own


def test_a_key_is_read_again_from_the_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SafeKeyring())
    key = new_key()
    inside = source("keyring:jarvis", tmp_path)

    inside.keep(key, nobody)

    assert inside.load(nobody) == key
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileExistsError):
        inside.keep(new_key(), nobody)
    with pytest.raises(MasterKeyError, match="holds no master key for other"):
        source("keyring:other", tmp_path).load(nobody)


@pytest.mark.parametrize("backend", [PlaintextKeyring(), Chain()], ids=["plain text", "a chain with one in it"])
def test_a_keyring_that_encrypts_nothing_is_refused(
    backend: SafeKeyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, backend)

    with pytest.raises(MasterKeyError, match="no keyring here that encrypts"):
        source("keyring:jarvis", tmp_path).keep(new_key(), nobody)
    assert backend.kept == {}


# --- moving --------------------------------------------------------------------------------------------------------


def test_moving_says_the_name_and_is_done_once_more_without_harm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jarvis.signer.moving.harden", lambda: None)
    monkeypatch.setattr("jarvis.signer.moving.read_line", lambda _: WORDS)
    file = ["--file", str(tmp_path / "master.key")]

    assert move(["--to", "file", *file]) == 0
    assert move(["--from", "file", "--to", "passphrase", *file]) == 0
    assert move(["--from", "file", "--to", "passphrase", *file]) == 0
    (name, *others) = capsys.readouterr().out.split()
    assert others == [name, name]

    (tmp_path / "master.key").unlink()
    create_master_key(tmp_path / "master.key")
    assert move(["--from", "file", "--to", "passphrase", *file]) == 1
    assert "another master key in passphrase already" in capsys.readouterr().err
