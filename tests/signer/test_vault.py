import base64
import copy
import hmac
import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import InvalidToken
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, VenueName
from jarvis.signer import vault as vault_module
from jarvis.signer.errors import MasterKeyError, SignerRefused
from jarvis.signer.vault import OpenedKey, Vault, create_master_key, fingerprint, load_master_key, wipe
from tests.signer.canary import scan
from tests.signer.inprocess import MASTER_KEY, made_up_key

KEY, SECRET = made_up_key("vault")
ROW = Credential(AccountId("ada"), VenueName("kraken"), CredentialId("c1"), Environment.LIVE, b"", 3)


def opened_key() -> OpenedKey:
    return OpenedKey(bytearray(KEY.encode()), bytearray(SECRET.encode()), bytearray(b"pass"))


def sealed_row(vault: Vault, row: Credential = ROW) -> Credential:
    return replace(row, sealed=vault.seal(row, opened_key(), now_seconds=1_700_000_000))


def test_what_was_sealed_opens_again() -> None:
    vault = Vault(MASTER_KEY)

    with vault.open(sealed_row(vault)) as opened:
        parts = bytes(opened.api_key), bytes(opened.secret), bytes(opened.passphrase)

    assert parts == (KEY.encode(), SECRET.encode(), b"pass")


def test_a_sealed_key_shows_nothing_of_what_it_holds() -> None:
    sealed = sealed_row(Vault(MASTER_KEY)).sealed
    token = base64.urlsafe_b64decode(sealed.rpartition(b".")[2])

    assert not scan([sealed, token], {"key": KEY, "private key": SECRET, "master key": MASTER_KEY})


@pytest.mark.parametrize(
    "other",
    [
        {"account_id": AccountId("bob")},
        {"venue": VenueName("binance")},
        {"credential_id": CredentialId("c2")},
        {"environment": Environment.SANDBOX},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_sealed_key_moved_to_another_row_does_not_open(other: dict[str, object]) -> None:
    vault = Vault(MASTER_KEY)
    moved = replace(sealed_row(vault), **other)  # type: ignore[arg-type]

    with pytest.raises(SignerRefused) as refusal:
        vault.open(moved)

    assert refusal.value.code == "broken_seal"
    assert refusal.value.is_security_event


@pytest.mark.parametrize("field", ["acct", "venue", "cred", "env", "kid", "v"])
def test_ids_inside_the_envelope_are_compared_even_if_the_key_fits(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault(MASTER_KEY)
    canonical = vault_module._canonical

    def another(header: dict[str, object]) -> bytes:
        return canonical({**header, field: "another"})

    with monkeypatch.context() as patch:
        patch.setattr(vault_module, "_canonical", another)
        row = sealed_row(vault)

    with pytest.raises(SignerRefused) as refusal:
        vault.open(row)

    assert refusal.value.code == "wrong_binding"
    assert refusal.value.is_security_event


@pytest.mark.parametrize("revision", [2, 4])
def test_a_sealed_key_of_another_revision_is_refused(revision: int) -> None:
    vault = Vault(MASTER_KEY)
    row = replace(sealed_row(vault), revision=revision)

    with pytest.raises(SignerRefused) as refusal:
        vault.open(row)

    assert refusal.value.code == "stale_revision"
    assert refusal.value.is_security_event


def test_ids_that_run_into_each_other_give_different_keys() -> None:
    vault = Vault(MASTER_KEY)
    row = sealed_row(vault, replace(ROW, account_id=AccountId("ab"), venue=VenueName("c")))

    with pytest.raises(SignerRefused) as refusal:
        vault.open(replace(row, account_id=AccountId("a"), venue=VenueName("bc")))

    assert refusal.value.code == "broken_seal"


def test_another_master_key_is_named_as_the_reason() -> None:
    row = sealed_row(Vault(MASTER_KEY))

    with pytest.raises(SignerRefused) as refusal:
        Vault(bytes(32)).open(row)

    assert refusal.value.code == "wrong_master_key"


@given(position=st.integers(min_value=0), flip=st.integers(min_value=1, max_value=255))
def test_no_changed_byte_of_a_sealed_key_goes_unnoticed(position: int, flip: int) -> None:
    vault = Vault(MASTER_KEY)
    row = sealed_row(vault)
    changed = bytearray(row.sealed)
    changed[position % len(changed)] ^= flip

    with pytest.raises(SignerRefused):
        vault.open(replace(row, sealed=bytes(changed)))


@pytest.mark.parametrize(
    "spell",
    [
        lambda token: token + b"\n",
        lambda token: token + b"==",
        lambda token: token[:40] + b"\n" + token[40:],
        lambda token: token[:40] + b"!" + token[40:],
        lambda token: b"",
        lambda token: b"j1..",
        lambda token: token[:-8],
    ],
)
def test_a_sealed_key_has_one_spelling(spell: object) -> None:
    vault = Vault(MASTER_KEY)
    row = sealed_row(vault)
    assert callable(spell)

    with pytest.raises(SignerRefused) as refusal:
        vault.open(replace(row, sealed=spell(row.sealed)))

    assert refusal.value.code == "broken_seal"


def test_the_unused_bits_at_the_end_of_a_sealed_key_have_one_spelling() -> None:
    vault = Vault(MASTER_KEY)
    rows = [sealed_row(vault, replace(ROW, account_id=AccountId("a" * length))) for length in range(1, 50, 8)]
    row = next(row for row in rows if row.sealed.endswith(b"="))
    bare = row.sealed.rstrip(b"=")
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    neighbour = alphabet[alphabet.index(bare[-1]) ^ 1]
    changed = bare[:-1] + bytes([neighbour]) + row.sealed[len(bare) :]

    with pytest.raises(SignerRefused) as refusal:
        vault.open(replace(row, sealed=changed))

    assert refusal.value.code == "broken_seal"


@given(content=st.binary(max_size=700), flipped=st.integers(0, 799), change=st.integers(0, 255))
def test_a_token_opens_as_fernet_opens_it(content: bytes, flipped: int, change: int) -> None:
    row = Vault(MASTER_KEY)._row(ROW)
    raw = bytearray(base64.urlsafe_b64decode(row.fernet.encrypt_at_time(content, 1_700_000_000)))
    raw[flipped % len(raw)] ^= change
    token = base64.urlsafe_b64encode(raw)

    try:
        expected = row.fernet.decrypt(token)
    except InvalidToken:
        expected = None

    opened = row.envelope(token)
    assert (None if opened is None else bytes(opened)) == expected
    assert (expected == content) == (change == 0)


@pytest.mark.parametrize(
    "signed", [b"", b"\x80", b"\x80" + bytes(24), b"\x80" + bytes(30), b"\x81" + bytes(24 + 32), bytes(25 + 16)]
)
def test_a_signed_token_of_another_shape_does_not_open(signed: bytes) -> None:
    row = Vault(MASTER_KEY)._row(ROW)
    token = base64.urlsafe_b64encode(signed + hmac.digest(row._signing_key, signed, "sha256"))

    assert row.envelope(token) is None


def test_the_open_envelope_is_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault(MASTER_KEY)
    row = sealed_row(vault)
    wiped: list[bytearray] = []

    def noted(part: bytearray) -> None:
        wiped.append(part)
        wipe(part)

    monkeypatch.setattr(vault_module, "wipe", noted)

    vault.open(row)

    assert [len(part) > len(SECRET) and not any(part) for part in wiped] == [True]


def test_an_opened_key_is_overwritten_when_the_with_ends() -> None:
    vault = Vault(MASTER_KEY)

    with vault.open(sealed_row(vault)) as opened:
        secret = opened.secret

    assert len(secret) == len(SECRET)
    assert not any(secret)
    assert not any(opened.api_key)
    assert not any(opened.passphrase)


@pytest.mark.parametrize("holder", [opened_key(), Vault(MASTER_KEY)], ids=["opened key", "vault"])
def test_what_holds_a_secret_cannot_be_printed_copied_or_pickled(holder: object) -> None:
    texts = [repr(holder), str(holder), f"{holder}", format(holder)]

    for make in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars):
        with pytest.raises(TypeError) as refusal:
            make(holder)
        texts.append(str(refusal.value))

    assert not scan(texts, {"key": KEY, "private key": SECRET, "master key": MASTER_KEY, "list": repr(MASTER_KEY)})


def test_one_api_key_has_one_fingerprint_that_depends_on_the_master_key() -> None:
    vault = Vault(MASTER_KEY)

    name = fingerprint(vault, "kraken", KEY.encode())

    assert name == fingerprint(vault, "kraken", bytearray(KEY.encode()))
    assert name != fingerprint(vault, "binance", KEY.encode())
    assert name != fingerprint(Vault(bytes(32)), "kraken", KEY.encode())
    assert not scan([name], {"key": KEY})


def test_a_created_master_key_is_private_random_and_loads(tmp_path: Path) -> None:
    first, second = tmp_path / "new" / "one.key", tmp_path / "new" / "two.key"
    before = os.umask(0)
    try:
        create_master_key(first)
        create_master_key(second)
    finally:
        os.umask(before)

    assert first.stat().st_mode & 0o777 == 0o600
    assert first.parent.stat().st_mode & 0o777 == 0o700
    assert len(load_master_key(first)) == 32
    assert load_master_key(first) != load_master_key(second)


def test_a_master_key_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    create_master_key(path)
    kept = path.read_bytes()

    with pytest.raises(FileExistsError):
        create_master_key(path)

    assert path.read_bytes() == kept


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o700, 0o666])
def test_a_master_key_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    create_master_key(path)
    path.chmod(mode)

    with pytest.raises(MasterKeyError, match="chmod 600"):
        load_master_key(path)


def test_a_master_key_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "master.key"
    create_master_key(path)
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)

    with pytest.raises(MasterKeyError, match="another user"):
        load_master_key(path)


def test_a_link_to_a_master_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    create_master_key(path)
    (tmp_path / "link").symlink_to(path)

    with pytest.raises(MasterKeyError, match="symbolic link"):
        load_master_key(tmp_path / "link")
    (tmp_path / "second").hardlink_to(path)
    with pytest.raises(MasterKeyError, match="second name"):
        load_master_key(path)


@pytest.mark.parametrize("folder", ["data", "backup"])
def test_a_master_key_inside_the_data_or_a_backup_is_refused(folder: str, tmp_path: Path) -> None:
    path = tmp_path / folder / "deep" / "master.key"
    create_master_key(path)
    (tmp_path / "alias").symlink_to(tmp_path / folder)

    with pytest.raises(MasterKeyError, match="lies inside"):
        load_master_key(path, outside=[tmp_path / "data", tmp_path / "backup"])
    with pytest.raises(MasterKeyError, match="lies inside"):
        load_master_key(path, outside=[tmp_path / "elsewhere", tmp_path / "alias"])
    assert load_master_key(path, outside=[tmp_path / "elsewhere"])


def test_a_missing_or_damaged_master_key_is_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "master.key"

    with pytest.raises(MasterKeyError, match="jarvis init"):
        load_master_key(path)
    create_master_key(path)
    content = path.read_bytes()
    for damaged in (b"", content[:-5], content + b"x", content.replace(b"jarvis", b"garvis"), b"\xff" * 64):
        path.write_bytes(damaged)
        with pytest.raises(MasterKeyError, match="not a master key") as refusal:
            load_master_key(path)
        assert not scan([str(refusal.value)], {"master key": content})
    path.unlink()
    path.mkdir()
    with pytest.raises(MasterKeyError, match="not a plain file"):
        load_master_key(path)
