"""The page's signing vectors, and in which order a request is judged."""

import json
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from jarvis.emulators.bybit.errors import Refused
from jarvis.emulators.bybit.keys import ApiKey, KeyRing, Profile, Proof, sign, signature
from jarvis.emulators.bybit.text import millis

KEY, SECRET, AT, WINDOW = "test-key-0001", "test-secret-0001", "1700000000123", "5000"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"category=spot&symbol=BTCUSDT", "dc6a08254f3cb0e733e7bc4a3cbcfd2eb2979c14a4a2c200ad06ab7eef9a1f98"),
        (
            (
                b'{"category":"spot","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.01","price":"50000",'
                b'"timeInForce":"GTC","isLeverage":1}'
            ),
            "8715f0c386ef568800cbb24f6654f0efacb4c1f71d34cd5b45a48ae4fd1f5955",
        ),
        (b"", "99c29919c73b4f2d5af358d79657e5d1a2172b5959557acd2ea2abe15a89cdd3"),
    ],
)
def test_the_documented_rest_vectors_sign_to_the_documented_signatures(payload: bytes, expected: str) -> None:
    assert signature(SECRET, AT, KEY, WINDOW, payload) == expected


def test_the_documented_stream_vector_signs_to_the_documented_signature() -> None:
    signed = sign(SECRET, "GET/realtime1700000010000")

    assert signed == "905dd4470d5d7ed1d1c333aa849f860fbd194bb9fac398646707c402bf9eb04d"


class Ring:
    """A ring with one key, on a clock that a test moves."""

    def __init__(self, *ips: str) -> None:
        self.now = NOW
        self.ring = KeyRing(now=lambda: self.now, random=Random(1))
        self.ring.add_account("ann", Profile.UNIFIED)
        self.key = self.ring.add_key("ann", frozenset(), "test", ips=ips)

    def knock(
        self,
        *,
        ahead: int = 0,
        key: str | None = None,
        remote: str = "127.0.0.1",
        window: str = "5000",
        timestamp: str | None = None,
        tamper: str = "",
    ) -> ApiKey:
        public, at = key or self.key.public, timestamp or str(millis(self.now) + ahead)
        signed = signature(self.key.secret, at, public, window, b"a=1") + tamper
        return self.ring.authenticate(Proof(public, at, window, signed, b"a=1", remote))

    def refusal(self, **how: object) -> int:
        with pytest.raises(Refused) as refused:
            self.knock(**how)  # type: ignore[arg-type]
        return refused.value.code


@pytest.mark.parametrize("ahead", [-5000, -1, 0, 999])
def test_a_request_within_the_window_is_let_in_and_remembered(ahead: int) -> None:
    ring = Ring()

    assert ring.knock(ahead=ahead).last_used_at == NOW


@pytest.mark.parametrize("ahead", [-5001, 1000, 10**9])
def test_a_request_outside_the_window_is_refused(ahead: int) -> None:
    assert Ring().refusal(ahead=ahead) == 10002


@pytest.mark.parametrize("timestamp", ["", "-1", "now", "1e9", "9" * 16, "٦"])
def test_a_timestamp_that_is_no_whole_number_is_refused(timestamp: str) -> None:
    assert Ring().refusal(timestamp=timestamp or "x") == 10002


def test_a_wider_window_is_the_clients_choice_and_a_missing_one_is_five_seconds() -> None:
    ring = Ring()

    ring.knock(ahead=-60_000, window="60000")

    ring.knock(ahead=-5000, window="")
    assert ring.refusal(ahead=-5001, window="") == 10002


def test_the_first_thing_that_is_wrong_is_what_is_said() -> None:
    ring = Ring("203.0.113.7")

    assert ring.refusal(key="nobody", remote="10.0.0.1", ahead=9999, tamper="x") == 10003
    assert ring.refusal(remote="10.0.0.1", ahead=9999, tamper="x") == 10010
    assert ring.refusal(remote="203.0.113.7", ahead=9999, tamper="x") == 10002
    assert ring.refusal(remote="203.0.113.7", tamper="x") == 10004
    assert ring.knock(remote="203.0.113.7") is ring.key


def test_a_key_without_an_address_dies_after_ninety_days_and_a_bound_one_never() -> None:
    loose, bound = Ring(), Ring("127.0.0.1")

    for ring in (loose, bound):
        ring.now = NOW + timedelta(days=90) - timedelta(seconds=1)
        ring.knock()
        ring.now = NOW + timedelta(days=90)

    assert loose.refusal() == 33004
    bound.now = NOW + timedelta(days=1000)
    bound.knock()


def test_every_box_and_its_group_are_reported() -> None:
    from jarvis.emulators.bybit.keys import Permission, key_information

    ring = Ring()
    names = frozenset(permission.value for permission in Permission)

    row = key_information(ring.key, ring.ring.accounts["ann"], names | {"New:Thing"}, NOW)

    assert row["permissions"]["Wallet"] == [
        "AccountTransfer",
        "SubMemberTransfer",
        "SubMemberTransferList",
        "Withdraw",
    ]
    assert row["permissions"]["New"] == ["Thing"]
    assert row["permissions"]["NFT"] == []
    assert (row["readOnly"], row["ips"], row["deadlineDay"]) == (0, ["*"], 90)
    assert json.dumps(row)
