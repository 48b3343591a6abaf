"""Bybit's signatures: the published vectors, what may be signed, and why a signature is worth nothing elsewhere."""

import hashlib
import json
from typing import Any

import ccxt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.signer.audit import shown
from jarvis.signer.errors import InvalidSecret, SignerRefused
from jarvis.signer.vault import OpenedKey
from jarvis.signer.venues import bybit, check
from tests.signer.canary import scan

KEY, SECRET, STAMP = "test-key-0001", "test-secret-0001", "1700000000123"
PASTED_KEY, PASTED_SECRET = "aB3dE5gH7jK9mN1pQ2", "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8bC0dF1gH3"
LIMIT = {
    "category": "spot",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.01",
    "price": "50000",
    "timeInForce": "GTC",
    "isLeverage": "1",
}
ORDER = {**LIMIT, "orderFilter": "Order", "orderLinkId": "jv0000001", "purpose": "open", "timestamp": STAMP}
CREATE, AMEND, CANCEL = "POST /v5/order/create", "POST /v5/order/amend", "POST /v5/order/cancel"
REPAY = "POST /v5/account/no-convert-repay"


def opened(key: str = KEY, secret: str = SECRET, passphrase: str = "") -> OpenedKey:
    return OpenedKey(*(bytearray(part.encode()) for part in (key, secret, passphrase)))


def signed(operation: str, **parameters: str) -> Any:
    with opened() as key:
        return bybit.build(key, operation, {"timestamp": STAMP, **parameters}, 1)


def test_a_query_is_signed_as_published() -> None:
    call = signed("GET /v5/order/realtime", category="spot", symbol="BTCUSDT")

    assert (call.method, call.path, call.body) == ("GET", "/v5/order/realtime?category=spot&symbol=BTCUSDT", b"")
    assert call.headers == {
        "X-BAPI-API-KEY": KEY,
        "X-BAPI-TIMESTAMP": STAMP,
        "X-BAPI-RECV-WINDOW": "5000",
        "X-BAPI-SIGN": "dc6a08254f3cb0e733e7bc4a3cbcfd2eb2979c14a4a2c200ad06ab7eef9a1f98",
    }


def test_an_order_is_signed_as_published_with_its_switch_as_a_whole_number() -> None:
    call = signed(CREATE, **LIMIT)

    assert call.body == (
        b'{"category":"spot","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.01","price":"50000",'
        b'"timeInForce":"GTC","isLeverage":1}'
    )
    assert call.headers["X-BAPI-SIGN"] == "8715f0c386ef568800cbb24f6654f0efacb4c1f71d34cd5b45a48ae4fd1f5955"
    assert call.headers["Content-Type"] == "application/json"


def test_an_empty_query_is_signed_as_published_and_leaves_no_bare_question_mark() -> None:
    call = signed("GET /v5/user/query-api")

    assert call.path == "/v5/user/query-api"
    assert call.headers["X-BAPI-SIGN"] == "99c29919c73b4f2d5af358d79657e5d1a2172b5959557acd2ea2abe15a89cdd3"


def test_a_login_is_signed_as_published_and_expires_ten_seconds_after_its_timestamp() -> None:
    with opened() as key:
        call = bybit.build(key, "WS login", {"timestamp": "1700000000000"}, 1)

    assert (call.method, call.path) == ("WS", "")
    assert json.loads(call.body) == {
        "req_id": "login",
        "op": "auth",
        "args": [KEY, 1700000010000, "905dd4470d5d7ed1d1c333aa849f860fbd194bb9fac398646707c402bf9eb04d"],
    }


def test_the_order_of_the_parameters_does_not_change_what_is_signed() -> None:
    one, other = signed(CREATE, **ORDER), signed(CREATE, **dict(reversed(ORDER.items())))

    assert one == other
    assert b"purpose" not in one.body
    assert b"timestamp" not in one.body


def test_a_cursor_goes_back_as_the_venue_encoded_it() -> None:
    call = signed("GET /v5/execution/list", category="spot", cursor="132766%3A2%2C132766%3A2")

    assert call.path.endswith("category=spot&cursor=132766%3A2%2C132766%3A2")


@pytest.mark.witness
@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("GET /v5/execution/list", {"category": "spot", "startTime": "1700000000000", "endTime": "1700000100000"}),
        ("GET /v5/account/wallet-balance", {"accountType": "UNIFIED", "coin": "USDT,BTC"}),
        (CANCEL, {"category": "spot", "symbol": "BTCUSDT", "orderId": "17", "orderFilter": "StopOrder"}),
    ],
)
def test_ccxt_signs_the_same_call_the_same_way(operation: str, parameters: dict[str, str]) -> None:
    witness = ccxt.bybit({"apiKey": KEY, "secret": SECRET})
    witness.nonce = lambda: int(STAMP)
    method, _, path = operation.partition(" ")

    theirs = witness.sign(path.removeprefix("/"), "private", method, parameters)
    ours = signed(operation, **parameters)

    assert ours.headers["X-BAPI-SIGN"] == theirs["headers"]["X-BAPI-SIGN"]
    assert theirs["url"].endswith(ours.path)


# Keys


def test_a_whole_key_and_secret_are_taken() -> None:
    bybit.take_pasted(opened(PASTED_KEY, PASTED_SECRET))


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [
        (PASTED_SECRET, PASTED_KEY, "swapped"),
        (PASTED_SECRET, "", "swapped"),
        (PASTED_KEY[:9], PASTED_SECRET, "malformed_key"),
        ("", PASTED_SECRET, "malformed_key"),
        (PASTED_KEY + "-", PASTED_SECRET, "malformed_key"),
        (PASTED_KEY, PASTED_SECRET[1:], "malformed_secret"),
        (PASTED_KEY, "", "malformed_secret"),
        (PASTED_KEY, "-----BEGINPRIVATEKEY-----abc", "malformed_secret"),
        ("v" * 64, "v" * 64, "other_venue"),
        ("985d5b66-57ce-40fb-b714-afc0b9787083", "0123456789ABCDEF0123456789ABCDEF", "other_venue"),
        ("A" * 55 + "/", "B" * 88, "other_venue"),
    ],
)
def test_what_cannot_be_a_key_is_refused_with_a_reason_and_without_the_values(key: str, secret: str, code: str) -> None:
    with pytest.raises(InvalidSecret) as refusal:
        bybit.take_pasted(opened(key, secret))

    assert refusal.value.code == code
    shown = {"key": key or PASTED_KEY, "secret": secret or PASTED_SECRET}
    assert not scan([str(refusal.value), repr(refusal.value)], shown)


@pytest.mark.parametrize(
    ("key", "venue"),
    [("v" * 64, "Binance"), ("985d5b66-57ce-40fb-b714-afc0b9787083", "OKX"), ("A" * 55 + "/", "Kraken")],
)
def test_a_key_of_another_venue_is_named(key: str, venue: str) -> None:
    with pytest.raises(InvalidSecret, match=venue):
        bybit.take_pasted(opened(key, "whatever"))


def test_a_passphrase_belongs_to_another_venue_and_an_rsa_key_to_another_form() -> None:
    with pytest.raises(InvalidSecret, match="OKX"):
        bybit.take_pasted(opened(PASTED_KEY, PASTED_SECRET, "open sesame"))
    with pytest.raises(InvalidSecret, match="System-generated"):
        bybit.take_pasted(opened(PASTED_KEY, "-----BEGIN PRIVATE KEY-----"))


# What may be signed


def test_orders_that_borrow_on_the_nine_pairs_may_be_signed() -> None:
    check("bybit", CREATE, ORDER)
    check("bybit", CREATE, {**ORDER, "triggerPrice": "49000", "orderFilter": "StopOrder"})


@pytest.mark.parametrize(
    "changes",
    [
        {"isLeverage": None},
        {"isLeverage": "0"},
        {"category": "linear"},
        {"symbol": "PEPEUSDT"},
        {"orderLinkId": None},
        {"timestamp": None},
        {"purpose": None},
        {"orderFilter": "tpslOrder"},
        {"orderFilter": "StopOrder"},
        {"triggerPrice": "49000"},
        {"price": None},
        {"qty": "0"},
        {"qty": "-1"},
        {"qty": "1e3"},
        {"orderType": "Market"},
        {"orderType": "Market", "price": None, "timeInForce": "IOC"},
        {"orderType": "Market", "price": None, "timeInForce": "IOC", "marketUnit": "quoteCoin"},
        {"timeInForce": "FOK"},
        {"takeProfit": "70000"},
        {"leverage": "10"},
        {"amount": "1"},
        {"address": "x"},
    ],
)
def test_an_order_of_any_other_shape_is_refused(changes: dict[str, str | None]) -> None:
    order = {name: value for name, value in {**ORDER, **changes}.items() if value is not None}

    with pytest.raises(SignerRefused):
        check("bybit", CREATE, order)


@pytest.mark.parametrize(
    "operation",
    [
        "POST /v5/asset/withdraw/create",
        "POST /v5/asset/transfer/inter-transfer",
        "POST /v5/asset/transfer/universal-transfer",
        "POST /v5/account/borrow",
        "POST /v5/account/repay",
        "POST /v5/account/quick-repayment",
        "POST /v5/account/set-margin-mode",
        "POST /v5/account/set-collateral-switch",
        "POST /v5/spot-margin-trade/set-leverage",
        "POST /v5/spot-margin-trade/switch-mode",
        "POST /v5/spot-margin-trade/set-auto-repay-mode",
        "POST /v5/position/set-leverage",
        "POST /v5/order/cancel-all",
        "POST /v5/order/create-batch",
        "POST /v5/user/update-api",
        "POST /v5/user/delete-api",
        "GET /v5/order/create",
        "/v5/order/create",
        "",
    ],
)
def test_what_moves_money_or_changes_a_setting_cannot_be_signed(operation: str) -> None:
    with pytest.raises(SignerRefused, match="allow-list"):
        check("bybit", operation, {"timestamp": STAMP})


def test_only_an_entry_may_open() -> None:
    assert bybit.may_open(CREATE, ORDER)
    assert not bybit.may_open(CREATE, {**ORDER, "purpose": "close"})
    assert not any(bybit.may_open(name, ORDER) for name in bybit.OPERATIONS if name != CREATE)


def test_the_audit_says_what_was_ordered() -> None:
    assert shown(ORDER) == {name: ORDER[name] for name in ORDER if name not in _NOT_IN_THE_AUDIT}


_NOT_IN_THE_AUDIT = frozenset({"category", "timeInForce", "isLeverage", "orderFilter", "timestamp"})


# A signature covers neither method nor path: what is signed must be worthless elsewhere.

# Of every endpoint of V5 that moves money, borrows, or changes a setting: fields without which it does nothing.
DANGEROUS = {
    "asset/withdraw/create": {"coin", "address", "amount"},
    "asset/withdraw/cancel": {"id"},
    "asset/transfer/inter-transfer": {"transferId", "coin", "amount", "fromAccountType", "toAccountType"},
    "asset/transfer/universal-transfer": {"transferId", "coin", "amount", "fromMemberId", "toMemberId"},
    "asset/deposit/deposit-to-account": {"accountType"},
    "asset/exchange/quote-apply": {"fromCoin", "toCoin", "requestCoin", "requestAmount"},
    "asset/exchange/convert-execute": {"quoteTxId"},
    "account/borrow": {"coin", "amount"},
    "account/set-margin-mode": {"setMarginMode"},
    "account/set-hedging-mode": {"setHedgingMode"},
    "account/set-collateral-switch": {"coin", "collateralSwitch"},
    "account/set-collateral-switch-batch": {"request"},
    "spot-margin-trade/switch-mode": {"spotMarginMode"},
    "spot-margin-trade/set-leverage": {"leverage"},
    "spot-margin-trade/set-auto-repay-mode": {"autoRepayMode"},
    "position/set-leverage": {"category", "symbol", "buyLeverage", "sellLeverage"},
    "position/switch-mode": {"category", "mode"},
    "position/trading-stop": {"category", "symbol", "tpslMode", "positionIdx"},
    "position/add-margin": {"category", "symbol", "margin"},
    "position/move-positions": {"fromUid", "toUid", "list"},
    "order/create-batch": {"category", "request"},
    "order/amend-batch": {"category", "request"},
    "order/disconnected-cancel-all": {"timeWindow"},
    "user/create-sub-member": {"username", "memberType"},
    "user/create-sub-api": {"subuid", "readOnly", "permissions"},
    "user/frozen-sub-member": {"subuid", "frozen"},
    "user/update-api": {"permissions"},
    "user/update-sub-api": {"permissions"},
    "earn/place-order": {"category", "orderType", "accountType", "amount", "coin", "productId", "orderLinkId"},
    "lending/purchase": {"coin", "quantity"},
    "lending/redeem": {"coin", "quantity"},
    "crypto-loan/borrow": {"loanCurrency", "collateralList"},
    "spot-lever-token/purchase": {"ltCoin", "ltAmount"},
    "spread/order/create": {"symbol", "side", "orderType", "qty", "timeInForce"},
}
FOUR_BODIES = [name for name in bybit.OPERATIONS if name.startswith("POST ")]


def test_no_body_that_can_be_signed_has_the_fields_of_a_dangerous_call() -> None:
    assert set(FOUR_BODIES) == {CREATE, AMEND, CANCEL, REPAY}
    for operation in FOUR_BODIES:
        fields = set(bybit.OPERATIONS[operation].parameters)
        reachable = [name for name, needed in DANGEROUS.items() if needed <= fields]
        # A spread has a symbol of its own (`SOLUSDT_SOL/USDT`), which is none of ours.
        assert reachable == (["spread/order/create"] if operation == CREATE else []), operation
    assert all("_" not in pair and "/" not in pair for pair in bybit.PAIRS)


def test_a_repayment_can_never_be_a_loan() -> None:
    check("bybit", REPAY, {"coin": "BTC", "repaymentType": "FLEXIBLE", "timestamp": STAMP})
    for changes in ({"amount": "1"}, {"coin": "PEPE"}, {"repaymentType": "ALL"}):
        with pytest.raises(SignerRefused):
            check("bybit", REPAY, {"coin": "BTC", "repaymentType": "FLEXIBLE", "timestamp": STAMP, **changes})


def test_a_body_of_one_call_cannot_place_an_order_at_another() -> None:
    required = {name for name, shape in bybit.OPERATIONS[CREATE].parameters.items() if shape.required}
    for operation in (AMEND, CANCEL, REPAY):
        assert not {"side", "orderType"} & set(bybit.OPERATIONS[operation].parameters), operation
    assert {"side", "orderType", "qty", "isLeverage", "orderLinkId", "category"} <= required


def test_category_is_spot_wherever_there_is_one() -> None:
    for operation in bybit.OPERATIONS.values():
        shape = operation.parameters.get("category")
        assert shape is None or (shape.required and shape.pattern.pattern == "spot")


VALUES = {"category": "spot", "timestamp": STAMP, "accountType": "UNIFIED", "side": "Buy", "symbol": "BTCUSDT"}


@given(operation=st.sampled_from(sorted(bybit.OPERATIONS)), cursor=st.text(max_size=40), value=st.text(max_size=20))
def test_a_query_is_never_json_and_a_body_never_a_query_and_neither_begins_with_a_digit(
    operation: str, cursor: str, value: str
) -> None:
    """The text signed is timestamp, key, window and payload in a row: no digit may move from one to the next."""
    names = bybit.OPERATIONS[operation].parameters
    parameters = {name: known for name, known in VALUES.items() if name in names}
    parameters |= {name: given for name, given in (("cursor", cursor), ("symbol", value)) if name in names}
    try:
        check("bybit", operation, parameters)
    except SignerRefused:
        parameters = {name: known for name, known in VALUES.items() if name in names}
    call = signed(operation, **parameters)

    if call.method == "GET":
        _, _, query = call.path.partition("?")
        assert not query[:1].isdigit()
        assert not query.startswith("{")
        assert "\n" not in call.path
        # One parameter stays one parameter.
        assert query.count("&") == max(0, len([name for name in parameters if name != "timestamp"]) - 1)
    elif call.method == "POST":
        assert call.body.startswith(b"{")


def test_a_login_cannot_be_a_call() -> None:
    """A call's text begins with its timestamp, a login's with a word."""
    login = json.loads(signed("WS login").body)["args"]

    assert hashlib.sha256(f"GET/realtime{login[1]}".encode()).hexdigest() != login[2]
    assert bybit.signature(SECRET.encode(), f"GET/realtime{login[1]}") == login[2]
    assert not any(call.partition(" ")[2].startswith("GET") for call in bybit.OPERATIONS)
