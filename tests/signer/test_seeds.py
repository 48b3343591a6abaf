"""Seeds of authenticator apps: bound to one person, checked against the standard and an independent implementation."""

from pathlib import Path

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, VenueName
from jarvis.signer.core import SigningCore
from jarvis.signer.errors import SignerRefused
from jarvis.signer.seeds import matching_step
from tests.signer.inprocess import MASTER_KEY, made_up_key

NOW = 1_800_000_000
RFC_SEED = b"12345678901234567890"
OTHER_KEY = bytes(range(1, 33))


@pytest.fixture
def core(tmp_path: Path) -> SigningCore:
    return SigningCore(MASTER_KEY, lambda: NOW * 1_000_000_000, tmp_path)


def sealed(core: SigningCore, user_id: str = "ada", seed: bytes = RFC_SEED) -> bytes:
    return core.seal_seed(user_id, bytearray(seed))


def flipped(text: bytes, place: int) -> bytes:
    changed = bytearray(text)
    changed[place] = ord("A") if changed[place] != ord("A") else ord("B")
    return bytes(changed)


# RFC 6238, appendix B, SHA-1; the last six of the eight digits that are printed there.
@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_standards_own_vectors(seconds: int, code: str) -> None:
    assert matching_step(bytearray(RFC_SEED), code, seconds) == seconds // 30


@given(st.binary(min_size=16, max_size=64), st.integers(min_value=60, max_value=4_000_000_000))
def test_an_independent_implementation_makes_the_same_codes(seed: bytes, seconds: int) -> None:
    import base64

    app = pyotp.TOTP(base64.b32encode(seed).decode().rstrip("="))

    step = matching_step(bytearray(seed), app.at(seconds), seconds)

    assert step is not None
    assert abs(step - seconds // 30) <= 1  # two neighbours may have the same six digits, once in a million


def test_a_code_lives_one_step_around_its_own(core: SigningCore) -> None:
    app = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    kept = sealed(core)

    steps = [core.match_code("ada", kept, app.at(NOW), NOW + 30 * away) for away in (-2, -1, 0, 1, 2)]

    assert steps == [None, NOW // 30, NOW // 30, NOW // 30, None]


def test_without_a_time_the_signers_own_counts(core: SigningCore) -> None:
    code = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").at(NOW)

    assert core.match_code("ada", sealed(core), code) == NOW // 30


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "-12345", " 12345", "000000\n"])
def test_what_is_no_code_is_no_match_and_no_error(core: SigningCore, code: str) -> None:
    assert core.match_code("ada", sealed(core), code, NOW) is None


def test_a_seed_of_another_person_does_not_open(core: SigningCore) -> None:
    kept = sealed(core)

    with pytest.raises(SignerRefused) as refused:
        core.match_code("mallory", kept, "123456", NOW)

    assert refused.value.code == "broken_seal"
    assert core.counters.security_events == 1


def test_no_bit_of_it_can_be_changed(core: SigningCore) -> None:
    kept = sealed(core)

    for place in range(len(kept)):
        with pytest.raises(SignerRefused):
            core.match_code("ada", flipped(kept, place), "123456", NOW)

    assert core.counters.refused == len(kept)


def test_a_seed_under_another_master_key_does_not_open(core: SigningCore, tmp_path: Path) -> None:
    other = SigningCore(OTHER_KEY, lambda: 0, None)

    with pytest.raises(SignerRefused) as refused:
        other.match_code("ada", sealed(core), "123456", NOW)

    assert refused.value.code == "wrong_master_key"


def test_a_venue_keys_seal_is_no_seed_and_a_seed_is_no_venue_key(core: SigningCore) -> None:
    api_key, secret = made_up_key("one")
    key = core.seal(
        account_id="ada",
        venue="kraken",
        credential_id="k",
        environment=Environment.LIVE,
        api_key=api_key,
        secret=secret,
    )
    seed = sealed(core)
    row = Credential(AccountId("ada"), VenueName("kraken"), CredentialId("k"), Environment.LIVE, seed)

    for attempt in (
        lambda: core.match_code("ada", key, "123456", NOW),
        lambda: core.match_code("ada", b"t1" + key[2:], "123456", NOW),
        lambda: core.identify(row),
    ):
        with pytest.raises(SignerRefused) as refused:
            attempt()
        assert refused.value.code == "broken_seal"


@pytest.mark.parametrize(
    ("user_id", "seed"), [("", RFC_SEED), ("a" * 201, RFC_SEED), ("ada", b"short"), ("ada", b"x" * 65)]
)
def test_what_is_no_seed_is_not_sealed(core: SigningCore, user_id: str, seed: bytes) -> None:
    with pytest.raises(SignerRefused):
        core.seal_seed(user_id, bytearray(seed))


def test_the_seed_that_was_handed_over_is_overwritten(core: SigningCore) -> None:
    seed = bytearray(RFC_SEED)

    core.seal_seed("ada", seed)

    assert seed == bytes(len(RFC_SEED))


def test_the_audit_tells_who_and_how_it_ended_and_no_code(core: SigningCore, tmp_path: Path) -> None:
    kept = sealed(core)
    core.match_code("ada", kept, "123456", NOW)

    [written] = tmp_path.glob("audit-*.jsonl")
    lines = written.read_text()
    assert '"do":"seal_seed","person":"ada","outcome":"sealed"' in lines
    assert '"do":"match_code","person":"ada","outcome":"no match"' in lines
    assert "123456" not in lines


def test_resealing_keeps_the_seed_and_the_old_key_opens_nothing_new(tmp_path: Path) -> None:
    before = SigningCore(MASTER_KEY, lambda: 0, None)
    kept = sealed(before)
    changing = SigningCore(MASTER_KEY, lambda: 0, None, OTHER_KEY)
    code = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").at(NOW)

    fresh = changing.reseal_seed("ada", kept)

    assert changing.reseal_seed("ada", fresh) == fresh
    assert SigningCore(OTHER_KEY, lambda: 0, None).match_code("ada", fresh, code, NOW) == NOW // 30
    with pytest.raises(SignerRefused):
        before.match_code("ada", fresh, code, NOW)
    with pytest.raises(SignerRefused):
        before.reseal_seed("ada", kept)
