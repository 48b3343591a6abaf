"""The two vectors of Kraken's signing rule, and what a nonce must be."""

import base64
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from jarvis.emulators.kraken.errors import Refused
from jarvis.emulators.kraken.keys import ApiKey, KeyRing, Profile, signature
from jarvis.emulators.kraken.rates import Tier

SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
PATH = "/0/private/AddOrder"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_documented_form_vector_signs_to_the_documented_signature() -> None:
    body = b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"

    signed = signature(base64.b64decode(SECRET), PATH, "1616492376594", body)

    assert signed == "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="


def test_the_json_vector_signs_over_the_body_as_it_stands() -> None:
    body = b'{"nonce":"1616492376594","ordertype":"limit","pair":"XBTUSD","price":"37500","type":"buy","volume":"1.25"}'

    signed = signature(base64.b64decode(SECRET), PATH, "1616492376594", body)

    assert signed == "r/o+GpKxXjV/mls/r5CKLu5R+yzK5psqvQ4hXxMX1nzdxTBhV+ui82QGgPZMMitpFwCOAdPEZMmXgZxD2chJEg=="


class Ring:
    """A ring with one key, on a clock that a test moves."""

    def __init__(self, **restrictions: object) -> None:
        self.now = NOW
        self.seconds = 0.0
        self.ring = KeyRing(now=lambda: self.now, seconds=lambda: self.seconds, random=Random(1))
        self.ring.add_account("ann", Profile.INTERNATIONAL, Tier.PRO)
        self.key = self.ring.add_key("ann", frozenset(), "test", **restrictions)  # type: ignore[arg-type]

    def knock(self, nonce: str, *, remote: str = "127.0.0.1", public: str | None = None, sign: str = "") -> ApiKey:
        body = f"nonce={nonce}".encode()
        signed = sign or signature(self.key.secret, PATH, nonce, body)
        return self.ring.authenticate(public or self.key.public, signed, PATH, nonce, body, remote)


def refusal(ring: Ring, nonce: str, **how: str) -> str:
    with pytest.raises(Refused) as refused:
        ring.knock(nonce, **how)
    return refused.value.errors[0]


def test_a_rising_nonce_is_accepted_and_the_key_remembers_its_use() -> None:
    ring = Ring()

    ring.knock("1")
    ring.knock("18446744073709551615")

    assert ring.key.last_used_at == NOW


@pytest.mark.parametrize("nonce", ["5", "4", "0", "-6", "+6", " 6", "6_0", "6.5", "", "٦", "18446744073709551616"])
def test_a_nonce_that_is_not_a_higher_whole_64_bit_number_is_invalid(nonce: str) -> None:
    ring = Ring()
    ring.knock("5")

    assert refusal(ring, nonce) == "EAPI:Invalid nonce"


def test_a_nonce_window_takes_late_nonces_once() -> None:
    ring = Ring(nonce_window=10)
    ring.knock("100")
    ring.knock("95")

    assert refusal(ring, "95") == "EAPI:Invalid nonce"
    assert refusal(ring, "90") == "EAPI:Invalid nonce"
    assert ring.knock("91").highest_nonce == 100


def test_an_unknown_key_is_named_before_its_signature() -> None:
    assert refusal(Ring(), "1", public="nobody", sign="wrong") == "EAPI:Invalid key"


def test_a_wrong_signature_does_not_use_up_the_nonce() -> None:
    ring = Ring()

    assert refusal(ring, "7", sign="wrong") == "EAPI:Invalid signature"

    assert ring.knock("7").highest_nonce == 7


def test_a_key_bound_to_addresses_is_unknown_elsewhere() -> None:
    ring = Ring(ip_allowlist=("10.1.0.0/16", "192.0.2.7"))

    assert refusal(ring, "1", remote="10.2.0.1") == "EAPI:Invalid key"

    assert ring.knock("1", remote="10.1.255.1").highest_nonce == 1
    assert ring.knock("2", remote="192.0.2.7").highest_nonce == 2


def test_an_expired_key_is_unknown() -> None:
    ring = Ring(expires_at=NOW + timedelta(days=1))
    ring.knock("1")
    ring.now += timedelta(days=1)

    assert refusal(ring, "2") == "EAPI:Invalid key"


def test_a_revoked_key_is_unknown_and_its_tokens_are_void() -> None:
    ring = Ring()
    token = ring.ring.issue_token(ring.key, 0.0)

    assert ring.ring.revoke(ring.key.public)

    assert refusal(ring, "1") == "EAPI:Invalid key"
    assert ring.ring.open_token(token.token, 0.0) is None


def test_a_token_is_good_for_fifteen_minutes() -> None:
    ring = Ring()
    token = ring.ring.issue_token(ring.key, 100.0)

    assert ring.ring.open_token(token.token, 1000.0) == token
    assert ring.ring.open_token(token.token, 1000.1) is None
    assert ring.ring.open_token("made up", 100.0) is None


def test_twenty_bad_tries_in_a_minute_lock_the_key_out_there_for_a_quarter_of_an_hour() -> None:
    ring = Ring()
    for _ in range(20):
        assert refusal(ring, "1", sign="wrong") == "EAPI:Invalid signature"

    assert refusal(ring, "1") == "EGeneral:Temporary lockout"
    assert ring.knock("1", remote="192.0.2.1").highest_nonce == 1
    ring.seconds += 900
    assert ring.knock("2").highest_nonce == 2


def test_keys_look_like_krakens() -> None:
    key = Ring().key

    assert len(key.public) == 56
    assert len(base64.b64decode(key.private)) == 64
    assert key.private not in repr(key)
