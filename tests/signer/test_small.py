"""Small secrets: bound to one row of one person, never another seal's, moved with the master key."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.signer.core import SigningCore
from jarvis.signer.errors import SignerRefused
from tests.signer.inprocess import MASTER_KEY

NOW = 1_800_000_000
OTHER_KEY = bytes(range(1, 33))
SECRET = b"123456789:AAFzq3Wl9nXk2sQ7vY0bTgHhJ5uMcPdRe1o chat"


@pytest.fixture
def core(tmp_path: Path) -> SigningCore:
    return SigningCore(MASTER_KEY, lambda: NOW * 1_000_000_000, tmp_path)


def test_a_secret_opens_for_its_row_and_is_overwritten_where_it_came_in(core: SigningCore) -> None:
    given_in = bytearray(SECRET)
    sealed = core.seal_secret("ada", "target-1", given_in)

    assert given_in == bytes(len(SECRET))
    assert SECRET not in sealed
    assert core.open_secret("ada", "target-1", sealed) == SECRET


@pytest.mark.parametrize(("person", "row"), [("bob", "target-1"), ("ada", "target-2"), ("adat", "arget-1"), ("", "")])
def test_it_opens_for_no_other_row_and_that_is_a_security_event(core: SigningCore, person: str, row: str) -> None:
    sealed = core.seal_secret("ada", "target-1", bytearray(SECRET))

    with pytest.raises(SignerRefused) as refused:
        core.open_secret(person, row, sealed)

    assert refused.value.code == "broken_seal"
    assert SECRET.decode() not in str(refused.value)
    assert core.counters.refused == 1


def test_no_seed_opens_as_a_secret_and_no_secret_as_a_seed(core: SigningCore) -> None:
    seed = core.seal_seed("ada", bytearray(b"s" * 20))
    secret = core.seal_secret("ada", "ada", bytearray(b"s" * 20))

    for relabelled in (seed, b"s1" + seed[2:]):
        with pytest.raises(SignerRefused):
            core.open_secret("ada", "ada", relabelled)
    for relabelled in (secret, b"t1" + secret[2:]):
        with pytest.raises(SignerRefused):
            core.match_code("ada", relabelled, "123456")


def test_under_another_master_key_nothing_opens(core: SigningCore) -> None:
    sealed = core.seal_secret("ada", "target-1", bytearray(SECRET))
    other = SigningCore(OTHER_KEY, lambda: NOW * 1_000_000_000, None)

    with pytest.raises(SignerRefused) as refused:
        other.open_secret("ada", "target-1", sealed)

    assert refused.value.code == "wrong_master_key"


@given(st.integers(min_value=0), st.integers(0, 255))
def test_a_changed_seal_does_not_open(place: int, byte: int) -> None:
    core = SigningCore(MASTER_KEY, lambda: NOW * 1_000_000_000, None)
    sealed = bytearray(core.seal_secret("ada", "target-1", bytearray(SECRET)))
    was, sealed[place % len(sealed)] = sealed[place % len(sealed)], byte
    if was == byte:
        return

    with pytest.raises(SignerRefused):
        core.open_secret("ada", "target-1", bytes(sealed))


@pytest.mark.parametrize("secret", [b"", b"x" * 2001])
def test_what_is_no_small_secret_is_refused(core: SigningCore, secret: bytes) -> None:
    with pytest.raises(SignerRefused):
        core.seal_secret("ada", "target-1", bytearray(secret))


def test_it_moves_to_the_next_master_key_once(tmp_path: Path) -> None:
    before = SigningCore(MASTER_KEY, lambda: NOW * 1_000_000_000, tmp_path)
    sealed = before.seal_secret("ada", "target-1", bytearray(SECRET))
    with pytest.raises(SignerRefused):
        before.reseal_secret("ada", "target-1", sealed)
    before.close()
    moving = SigningCore(MASTER_KEY, lambda: NOW * 1_000_000_000, tmp_path, OTHER_KEY)

    fresh = moving.reseal_secret("ada", "target-1", sealed)
    assert moving.reseal_secret("ada", "target-1", fresh) == fresh
    with pytest.raises(SignerRefused):
        moving.reseal_secret("ada", "target-2", sealed)
    moving.close()

    after = SigningCore(OTHER_KEY, lambda: NOW * 1_000_000_000, None)
    assert after.open_secret("ada", "target-1", fresh) == SECRET


def test_every_opening_is_in_the_signers_own_audit_without_the_secret(core: SigningCore, tmp_path: Path) -> None:
    sealed = core.seal_secret("ada", "target-1", bytearray(SECRET))
    core.open_secret("ada", "target-1", sealed)
    core.close()

    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b'"do":"open_secret"' in written.replace(b" ", b"")
    assert SECRET not in written
    assert SECRET.partition(b" ")[0] not in written
