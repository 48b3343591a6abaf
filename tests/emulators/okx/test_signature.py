"""Who a request is from: the published vectors, and every way in which the gateway says no, in its order."""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta

import pytest

from jarvis.emulators.faults import FaultKind
from jarvis.emulators.okx.keys import ApiKey, signature
from jarvis.emulators.wire import WireRequest
from tests.emulators.okx.actors import PASSPHRASE, START, Venue

KEY, SECRET, WORDS = "test-key-0001", "test-secret-0001", "test-pass-0001"
AT = "2023-11-14T22:13:20.123Z"
BATCH = (
    b'[{"instId":"BTC-USDT","tdMode":"cross","side":"buy","ordType":"limit","px":"50000","sz":"0.01","clOrdId":"jv1"}]'
)


def test_signing_vectors_of_rest() -> None:
    get = signature(SECRET, AT, "GET", "/api/v5/account/balance?ccy=BTC%2CUSDT", b"")
    post = signature(SECRET, AT, "POST", "/api/v5/trade/batch-orders", BATCH)

    assert get == "4urB6DZRyYlOk2cXE2voNZucgTDhKDwzcXYoPs91VI8="
    assert post == "gku3WTAUmpLE7BFTm3RgfJIU/xjfsee1DwZB3TkNWmg="


def test_signing_vector_of_the_socket() -> None:
    assert signature(SECRET, "1700000000", "GET", "/users/self/verify", b"") == (
        "U4hyUMJr4lpZbyqKgV420q9rswOGkYaIyWdZWstcafM="
    )


async def test_a_published_request_is_taken_as_it_is_written() -> None:
    venue = Venue()
    venue.client()
    key = ApiKey(KEY, SECRET, WORDS, "ann", "vector", frozenset({"read_only"}), (), START)
    venue.okx.keys.adopt(key)
    stamp = f"{START:%Y-%m-%dT%H:%M:%S}.000Z"
    path = "/api/v5/account/balance"
    signed = signature(SECRET, stamp, "GET", f"{path}?ccy=BTC%2CUSDT", b"")
    headers = {
        "ok-access-key": KEY,
        "ok-access-sign": signed,
        "ok-access-timestamp": stamp,
        "ok-access-passphrase": WORDS,
    }

    answer = await venue.okx.handle(WireRequest("GET", path, "ccy=BTC%2CUSDT", headers))

    assert json.loads(answer.body)["code"] == "0"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ok_access_key": ""}, "50103"),
        ({"ok_access_passphrase": ""}, "50104"),
        ({"ok_access_sign": ""}, "50106"),
        ({"ok_access_timestamp": ""}, "50107"),
        ({"ok_access_key": "nonsense"}, "50111"),
        ({"ok_access_key": "00000000-0000-4000-8000-000000000000"}, "50119"),
        ({"ok_access_passphrase": "Wrong-horse-7"}, "50105"),
        ({"ok_access_timestamp": "2026-01-01 21:00:00"}, "50112"),
        ({"shift": "-31"}, "50102"),
        ({"shift": "31"}, "50102"),
        ({"ok_access_sign": "AAAA"}, "50113"),
        ({"x_simulated_trading": "1"}, "50101"),
    ],
)
async def test_the_gateway_refuses_with_401(changes: dict[str, str], code: str) -> None:
    client = Venue().client()

    status, answer = await client.answer("GET", "account/config", None, **changes)

    assert (status, answer["code"]) == (401, code)
    assert "data" not in answer


async def test_a_clock_within_thirty_seconds_is_taken() -> None:
    client = Venue().client()

    assert (await client.answer("GET", "account/config", None, shift="-29"))[0] == 200
    assert (await client.answer("GET", "account/config", None, shift="29"))[0] == 200


async def test_a_wrong_passphrase_is_told_before_a_wrong_clock_and_that_before_a_wrong_signature() -> None:
    client = Venue().client()
    wrong = {"ok_access_sign": "AAAA", "shift": "-60"}

    assert await client.refused("GET", "account/config", None, ok_access_passphrase="x", **wrong) == (401, "50105")
    assert await client.refused("GET", "account/config", None, **wrong) == (401, "50102")


async def test_the_signature_covers_the_body_byte_for_byte() -> None:
    venue = Venue()
    client = venue.client()
    body = json.dumps(client.order()).encode()
    headers = client.headers("POST", "/api/v5/trade/order", body)
    spaced = json.dumps(client.order(), separators=(",", ":")).encode()

    answer = await venue.okx.handle(WireRequest("POST", "/api/v5/trade/order", "", headers, spaced))

    assert json.loads(answer.body)["code"] == "50113"
    assert not venue.exchange.closed_orders("ann")


async def test_only_listed_addresses_may_use_a_key() -> None:
    client = Venue().client(ip_allowlist=("10.0.0.0/8",))

    inside = await client.send("GET", "account/config", remote="10.1.2.3")
    outside = await client.send("GET", "account/config", remote="192.0.2.1")

    assert inside.status == 200
    assert json.loads(inside.body)["data"][0]["ip"] == "10.0.0.0/8"
    assert (outside.status, json.loads(outside.body)["code"]) == (401, "50110")


async def test_a_key_of_another_region_does_not_exist_here() -> None:
    client = Venue(region="www").client(region="eea")

    assert await client.refused("GET", "account/config") == (401, "50119")


async def test_the_wrong_region_can_be_switched_on() -> None:
    venue = Venue()
    client = venue.client()
    fault = venue.okx.add_fault(FaultKind.WRONG_REGION)

    assert await client.refused("GET", "account/config") == (401, "50119")
    venue.okx.remove_fault(fault.fault_id)
    await client.get("account/config")


async def test_permissions_are_checked_per_path() -> None:
    venue = Venue()
    reader = venue.client(permissions=frozenset({"read_only"}))
    trader = venue.client()

    assert await reader.refused("POST", "trade/order", reader.order()) == (200, "50120")
    assert await reader.refused("POST", "account/set-leverage", {"lever": "5", "mgnMode": "cross"}) == (200, "50120")
    assert await trader.refused("POST", "asset/withdrawal", {"ccy": "USDT"}) == (200, "50120")
    # What a trading key may do beside trading: this cannot be taken from it.
    assert await trader.refused("POST", "asset/transfer", {"ccy": "USDT", "amt": "1"}) == (200, "58350")


async def test_an_unbound_trading_key_dies_after_fourteen_unused_days() -> None:
    venue = Venue()
    ring = venue.okx.keys
    unbound, reading, bound = (
        venue.client(permissions=frozenset(granted), ip_allowlist=listed)
        for granted, listed in (({"trade"}, ()), ({"read_only"}, ()), ({"trade"}, ("127.0.0.1",)))
    )
    await unbound.get("account/config")
    now = venue.exchange.now

    later = now + timedelta(days=14)

    def at(moment: datetime) -> list[bool]:
        ring._now = lambda: moment
        return [ring.find(each.public) is not None for each in (unbound, reading, bound)]

    assert at(later - timedelta(seconds=1)) == [True, True, True]
    assert at(later) == [False, True, True]


def test_the_signature_is_an_hmac_over_time_method_path_and_body() -> None:
    expected = hmac.new(b"s", b"tGET/api", hashlib.sha256).digest()

    assert signature("s", "t", "GET", "/api", b"") == base64.b64encode(expected).decode()
    assert len(PASSPHRASE) >= 8
