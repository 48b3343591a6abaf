"""OKX's signatures against the worked examples, and what cannot be signed at all."""

import json
from collections.abc import Mapping
from typing import Any

import ccxt
import pytest

from jarvis.signer.errors import InvalidSecret, SignerRefused
from jarvis.signer.vault import OpenedKey
from jarvis.signer.venues import VENUES, check, okx

KEY, SECRET, PASSPHRASE = "test-key-0001", "test-secret-0001", "test-pass-0001"
REAL_KEY = "985d5b66-57ce-40fb-b714-afc0b9787083"
REAL_SECRET = "3C0E9D1A5F7B42688D9E0F1A2B3C4D5E"
AT = "1700000000123"
AT_TEXT = "2023-11-14T22:13:20.123Z"

BATCH = (
    b'[{"instId":"BTC-USDT","tdMode":"cross","side":"buy","ordType":"limit","px":"50000","sz":"0.01","clOrdId":"jv1"}]'
)
ORDER = {
    "instId": "BTC-USDT",
    "tdMode": "cross",
    "ccy": "USDT",
    "clOrdId": "jv0000001",
    "side": "buy",
    "ordType": "limit",
    "sz": "0.01",
    "px": "50000",
    "purpose": "open",
    "expTime": "1700000005123",
    "timestamp": AT,
}
STOP = {
    "instId": "BTC-USDT",
    "tdMode": "cross",
    "ccy": "USDT",
    "algoClOrdId": "jv0000002",
    "side": "sell",
    "ordType": "conditional",
    "sz": "0.01",
    "slTriggerPx": "49000",
    "slTriggerPxType": "last",
    "slOrdPx": "-1",
    "reduceOnly": "true",
    "purpose": "close",
    "timestamp": AT,
}


def opened(key: str = KEY, secret: str = SECRET, passphrase: str = PASSPHRASE) -> OpenedKey:
    return OpenedKey(*(bytearray(part.encode()) for part in (key, secret, passphrase)))


@pytest.mark.parametrize(
    ("method", "path", "body", "signed"),
    [
        ("GET", "/api/v5/account/balance?ccy=BTC%2CUSDT", b"", "4urB6DZRyYlOk2cXE2voNZucgTDhKDwzcXYoPs91VI8="),
        (
            "POST",
            "/api/v5/trade/batch-orders",
            BATCH,
            "gku3WTAUmpLE7BFTm3RgfJIU/xjfsee1DwZB3TkNWmg=",
        ),
    ],
)
def test_a_call_is_signed_as_in_the_worked_example(method: str, path: str, body: bytes, signed: str) -> None:
    assert okx.signature(bytearray(SECRET.encode()), AT_TEXT, method, path, body) == signed


def test_a_login_is_the_worked_example_byte_for_byte() -> None:
    with opened() as key:
        call = okx.build(key, "WS login", {"timestamp": "1700000000999"}, 7)

    assert (call.method, call.path, call.headers) == ("WS", "", {})
    assert call.body == (
        b'{"op":"login","args":[{"apiKey":"test-key-0001","passphrase":"test-pass-0001","timestamp":"1700000000",'
        b'"sign":"U4hyUMJr4lpZbyqKgV420q9rswOGkYaIyWdZWstcafM="}]}'
    )


def test_a_query_is_signed_as_it_is_sent() -> None:
    with opened() as key:
        call = okx.build(
            key,
            "GET /api/v5/account/leverage-info",
            {"timestamp": AT, "instId": "BTC-USDT,ETH-USDT", "mgnMode": "cross"},
            7,
        )

    assert call.path == "/api/v5/account/leverage-info?mgnMode=cross&instId=BTC-USDT%2CETH-USDT"
    assert call.body == b""
    assert call.headers["OK-ACCESS-TIMESTAMP"] == AT_TEXT
    assert call.headers["OK-ACCESS-PASSPHRASE"] == PASSPHRASE
    assert call.headers["OK-ACCESS-SIGN"] == okx.signature(bytearray(SECRET.encode()), AT_TEXT, "GET", call.path)


def test_an_order_is_json_in_a_fixed_order_with_its_deadline_as_a_header() -> None:
    shuffled = dict(reversed(({**ORDER, "reduceOnly": "true", "purpose": "close"}).items()))

    with opened() as key:
        call = okx.build(key, "POST /api/v5/trade/order", shuffled, 7)

    assert call.body == (
        b'{"instId":"BTC-USDT","tdMode":"cross","ccy":"USDT","clOrdId":"jv0000001","side":"buy","ordType":"limit",'
        b'"sz":"0.01","px":"50000","reduceOnly":true}'
    )
    assert call.headers["expTime"] == "1700000005123"
    assert call.headers["OK-ACCESS-SIGN"] == okx.signature(
        bytearray(SECRET.encode()), AT_TEXT, "POST", "/api/v5/trade/order", call.body
    )


def test_algo_orders_are_cancelled_in_a_list_of_one() -> None:
    with opened() as key:
        call = okx.build(
            key, "POST /api/v5/trade/cancel-algos", {"instId": "BTC-USDT", "algoId": "77", "timestamp": AT}, 7
        )

    assert call.body == b'[{"instId":"BTC-USDT","algoId":"77"}]'
    assert "expTime" not in call.headers


class Witness(ccxt.okx):  # type: ignore[misc]
    """ccxt with its clock held still."""

    def milliseconds(self) -> int:
        return int(AT)


@pytest.mark.witness
@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("GET /api/v5/account/balance", {}),
        ("GET /api/v5/trade/fills-history", {"instType": "MARGIN", "begin": AT, "limit": "100"}),
        ("POST /api/v5/trade/cancel-order", {"instId": "BTC-USDT", "ordId": "77"}),
    ],
)
def test_a_public_client_signs_the_same_call_the_same_way(operation: str, parameters: dict[str, str]) -> None:
    witness = Witness({"apiKey": KEY, "secret": SECRET, "password": PASSPHRASE})
    method, _, path = operation.partition(" ")

    with opened() as key:
        call = okx.build(key, operation, {**parameters, "timestamp": AT}, 7)
    told: dict[str, Any] = witness.sign(path.removeprefix("/api/v5/"), "private", method, dict(parameters))

    assert told["url"].endswith(call.path)
    assert (told.get("body") or "").encode() == call.body
    for name in ("OK-ACCESS-KEY", "OK-ACCESS-SIGN", "OK-ACCESS-TIMESTAMP", "OK-ACCESS-PASSPHRASE"):
        assert told["headers"][name] == call.headers[name]


# What is pasted


def test_a_whole_key_is_taken() -> None:
    okx.take_pasted(opened(REAL_KEY, REAL_SECRET, "Correct-Horse 7!"))


@pytest.mark.parametrize(
    ("key", "secret", "passphrase", "code"),
    [
        (REAL_SECRET, REAL_KEY, "p", "swapped"),
        (REAL_SECRET, "", "p", "swapped"),
        (REAL_KEY, "Secret-phrase-1", REAL_SECRET, "swapped"),
        ("A" * 56, REAL_SECRET, "p", "other_venue"),
        ("A" * 64, "B" * 64, "", "other_venue"),
        ("XXbyb1tKeyXXXX1234", "B" * 36, "", "other_venue"),
        (REAL_KEY[:-1], REAL_SECRET, "p", "malformed_key"),
        (REAL_KEY, REAL_SECRET[:-1], "p", "malformed_secret"),
        (REAL_KEY, REAL_SECRET, "", "missing_passphrase"),
        (REAL_KEY, REAL_SECRET, "pä", "malformed_passphrase"),
    ],
)
def test_what_cannot_be_a_key_is_refused_in_words(key: str, secret: str, passphrase: str, code: str) -> None:
    with pytest.raises(InvalidSecret) as caught:
        okx.take_pasted(opened(key, secret, passphrase))

    assert caught.value.code == code
    assert not any(part and part in str(caught.value) for part in (secret, passphrase) if len(part) > 4)


# What may be signed


def refused(operation: str, parameters: Mapping[str, str]) -> str:
    with pytest.raises(SignerRefused) as caught:
        check("okx", operation, parameters)
    return str(caught.value)


def test_the_orders_that_jarvis_makes_may_be_signed() -> None:
    check("okx", "POST /api/v5/trade/order", ORDER)
    check("okx", "POST /api/v5/trade/order-algo", STOP)
    check("okx", "POST /api/v5/trade/cancel-order", {"instId": "BTC-USDT", "clOrdId": "jv1", "timestamp": AT})


@pytest.mark.parametrize(
    "operation",
    [
        "POST /api/v5/asset/transfer",
        "POST /api/v5/asset/withdrawal",
        "POST /api/v5/account/set-leverage",
        "POST /api/v5/account/set-account-level",
        "POST /api/v5/account/set-position-mode",
        "POST /api/v5/account/set-auto-loan",
        "POST /api/v5/account/spot-manual-borrow-repay",
        "POST /api/v5/users/subaccount/set-transfer-out",
        "POST /api/v5/trade/cancel-all-after",
        "POST /api/v5/trade/batch-orders",
        "POST /api/v5/trade/close-position",
    ],
)
def test_nothing_that_moves_money_or_changes_a_setting_can_be_signed(operation: str) -> None:
    assert "allow-list" in refused(operation, {"timestamp": AT})
    assert not any("/asset/" in name or "/set-" in name or "/users/" in name for name in okx.OPERATIONS)


@pytest.mark.parametrize(
    "changes",
    [
        {"ccy": "BTC"},
        {"tdMode": "cash"},
        {"tdMode": "isolated"},
        {"instId": "BTC-USDT-SWAP"},
        {"instId": "PEPE-USDT"},
        {"clOrdId": "has-hyphen"},
        {"sz": "0"},
        {"sz": "1e3"},
        {"px": "-1"},
        {"ordType": "fok"},
        {"ordType": "market"},  # with a price
        {"reduceOnly": "false"},
        {"reduceOnly": "true"},  # of an order that opens
        {"tgtCcy": "quote_ccy"},
        {"posSide": "long"},
        {"timestamp": "1700000000"},
    ],
)
def test_an_order_of_another_shape_is_refused(changes: Mapping[str, str]) -> None:
    refused("POST /api/v5/trade/order", {**ORDER, **changes})


@pytest.mark.parametrize("missing", ["ccy", "clOrdId", "px", "timestamp", "expTime", "purpose"])
def test_an_order_that_leaves_something_out_is_refused(missing: str) -> None:
    refused("POST /api/v5/trade/order", {name: value for name, value in ORDER.items() if name != missing})


def test_a_market_buy_cannot_be_signed_because_its_size_would_be_read_as_quote() -> None:
    market = {name: value for name, value in ORDER.items() if name != "px"} | {"ordType": "market"}

    assert "USDT" in refused("POST /api/v5/trade/order", market)
    check("okx", "POST /api/v5/trade/order", {**market, "side": "sell"})


@pytest.mark.parametrize(
    "changes",
    [
        {"side": "buy"},  # at the market
        {"slOrdPx": "0"},
        {"slTriggerPxType": "mark"},
        {"ordType": "trigger"},
        {"tpTriggerPx": "70000"},  # a second leg
        {"tpOrdPx": "70000"},
        {"purpose": "open"},
    ],
)
def test_a_stop_of_another_shape_is_refused(changes: Mapping[str, str]) -> None:
    refused("POST /api/v5/trade/order-algo", {**STOP, **changes})


def test_a_triggered_order_needs_a_trigger() -> None:
    bare = {name: value for name, value in STOP.items() if not name.startswith("sl")}

    assert "trigger" in refused("POST /api/v5/trade/order-algo", bare)


@pytest.mark.parametrize(
    ("operation", "ids"),
    [
        ("POST /api/v5/trade/cancel-order", ("ordId", "clOrdId")),
        ("POST /api/v5/trade/amend-order", ("ordId", "clOrdId")),
        ("POST /api/v5/trade/cancel-algos", ("algoId", "algoClOrdId")),
        ("POST /api/v5/trade/amend-algos", ("algoId", "algoClOrdId")),
        ("GET /api/v5/trade/order", ("ordId", "clOrdId")),
        ("GET /api/v5/trade/order-algo", ("algoId", "algoClOrdId")),
    ],
)
def test_exactly_one_order_is_named(operation: str, ids: tuple[str, str]) -> None:
    call = {"timestamp": AT}
    if "order-algo" not in operation or operation.startswith("POST"):
        call["instId"] = "BTC-USDT"
    if "amend" in operation:
        call["newSz"] = "1"
    if operation.endswith("amend-order"):
        call["expTime"] = AT

    check("okx", operation, {**call, ids[0]: "1"})
    check("okx", operation, {**call, ids[1]: "1"})
    refused(operation, call)
    refused(operation, {**call, ids[0]: "1", ids[1]: "1"})


def test_an_amendment_changes_something() -> None:
    refused("POST /api/v5/trade/amend-algos", {"instId": "BTC-USDT", "algoId": "1", "timestamp": AT})
    refused("POST /api/v5/trade/amend-order", {"instId": "BTC-USDT", "ordId": "1", "timestamp": AT, "expTime": AT})


def test_only_an_opening_order_could_add_risk() -> None:
    opens = VENUES["okx"].may_open

    assert opens("POST /api/v5/trade/order", ORDER)
    assert not opens("POST /api/v5/trade/order", {**ORDER, "purpose": "close"})
    assert not opens("POST /api/v5/trade/order-algo", STOP)
    assert not opens("POST /api/v5/trade/cancel-order", {})
    assert not opens("GET /api/v5/account/balance", {})


def test_every_body_is_json_that_holds_only_what_was_checked() -> None:
    with opened() as key:
        order = json.loads(okx.build(key, "POST /api/v5/trade/order", ORDER, 7).body)
        (stop,) = [json.loads(okx.build(key, "POST /api/v5/trade/order-algo", STOP, 7).body)]

    assert order == {name: ORDER[name] for name in ORDER if name not in ("timestamp", "expTime", "purpose")}
    assert stop == {
        **{name: STOP[name] for name in STOP if name not in ("timestamp", "purpose", "reduceOnly")},
        "reduceOnly": True,
    }
