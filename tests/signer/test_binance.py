import base64
import re
from collections.abc import Callable, Mapping
from itertools import permutations
from urllib.parse import parse_qsl, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import Environment
from jarvis.signer.core import SigningCore
from jarvis.signer.errors import InvalidSecret, SignerRefused
from jarvis.signer.operations import Operation
from jarvis.signer.vault import OpenedKey
from jarvis.signer.venues import binance, check
from jarvis.signer.venues.binance import OPERATIONS, SYMBOLS, may_open
from tests.signer.canary import scan
from tests.signer.inprocess import MASTER_KEY

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
"""Of the worked examples in Binance's own documentation."""
SEED = bytes(range(32))
PEM = (
    Ed25519PrivateKey.from_private_bytes(SEED).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)
NOW = {"recvWindow": "5000", "timestamp": "1790000000123"}
ENTRY = {
    "symbol": "BTCUSDT",
    "isIsolated": "FALSE",
    "side": "BUY",
    "type": "MARKET",
    "quantity": "0.1",
    "newClientOrderId": "jv0000001",
    "sideEffectType": "MARGIN_BUY",
    "newOrderRespType": "FULL",
    **NOW,
}
LIMIT = {**ENTRY, "type": "LIMIT", "price": "50000", "timeInForce": "GTC"}
STOP = {**ENTRY, "side": "SELL", "type": "STOP_LOSS", "stopPrice": "58000", "sideEffectType": "AUTO_REPAY"}
ORDER = "POST /sapi/v1/margin/order"
CANCEL = "DELETE /sapi/v1/margin/order"
READ = "GET /sapi/v1/margin/order"
REPAY = "POST /sapi/v1/margin/borrow-repay"
REPAYMENT = {"type": "REPAY", "asset": "USDT", "amount": "5.4", "isIsolated": "FALSE", **NOW}


def squeezed(text: str) -> bytearray:
    return bytearray(re.sub(r"\s", "", text).encode())


def opened(key: str, secret: str, passphrase: str = "") -> OpenedKey:
    return OpenedKey(bytearray(key.encode()), squeezed(secret), bytearray(passphrase.encode()))


# How calls are signed


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            (
                "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
                "&timestamp=1499827319559"
            ),
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        # Query and body at once, with nothing between them.
        (
            (
                "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTCquantity=1&price=0.1&recvWindow=5000"
                "&timestamp=1499827319559"
            ),
            "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77",
        ),
        # Percent-encoded before it is signed.
        (
            urlencode({"symbol": "\uff11\uff12\uff13\uff14\uff15\uff16"})
            + "&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
        # The WebSocket API signs its parameters sorted by name, the key among them.
        (
            (
                f"apiKey={KEY}&price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT&timeInForce=GTC"
                "&timestamp=1645423376532&type=LIMIT"
            ),
            "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
        ),
    ],
)
def test_the_published_examples_are_signed_as_published(payload: str, expected: str) -> None:
    assert binance.signature(SECRET.encode(), payload.encode()) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            "timestamp=1700000000123&recvWindow=10000",
            "f8974c5de8e4aff8ec370423cdf226238284c316189c7498437adc1db961fe95",
        ),
        (
            (
                "timestamp=1700000000123&symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=50000"
                "&isIsolated=FALSE&sideEffectType=MARGIN_BUY&newClientOrderId=jv1&recvWindow=10000"
            ),
            "8b6d8753ae83e37303bbbefd54b642d000ea238463e944d61e4626edd5c15c81",
        ),
    ],
)
def test_what_another_client_signed_is_signed_the_same(payload: str, expected: str) -> None:
    assert binance.signature(b"test-secret-0001", payload.encode()) == expected


def test_a_read_and_a_cancel_carry_their_parameters_in_the_query() -> None:
    with opened(KEY, SECRET) as key:
        read = binance.build(key, "GET /sapi/v1/margin/account", NOW, 1)
        cancel = binance.build(key, CANCEL, {"symbol": "BTCUSDT", "origClientOrderId": "jv1", **NOW}, 1)

    payload = "recvWindow=5000&timestamp=1790000000123"
    signature = binance.signature(SECRET.encode(), payload.encode())
    assert (read.method, read.path) == ("GET", f"/sapi/v1/margin/account?{payload}&signature={signature}")
    assert read.headers == {"X-MBX-APIKEY": KEY}
    assert read.body == cancel.body == b""
    assert cancel.method == "DELETE"
    assert cancel.path.startswith("/sapi/v1/margin/order?symbol=BTCUSDT&origClientOrderId=jv1&recvWindow=5000&")


def test_an_order_carries_its_parameters_in_the_body() -> None:
    with opened(KEY, SECRET) as key:
        call = binance.build(key, ORDER, ENTRY, 1)

    payload, _, signature = call.body.decode().rpartition("&signature=")
    assert (call.method, call.path) == ("POST", "/sapi/v1/margin/order")
    assert dict(parse_qsl(payload)) == ENTRY
    assert signature == binance.signature(SECRET.encode(), payload.encode())
    assert call.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_what_is_public_to_keys_is_sent_with_the_key_and_without_a_signature() -> None:
    with opened(KEY, SECRET) as key:
        call = binance.build(key, "GET /sapi/v1/margin/allPairs", {}, 1)
        price = binance.build(key, "GET /sapi/v1/margin/priceIndex", {"symbol": "BTCUSDT"}, 1)

    assert (call.path, price.path) == ("/sapi/v1/margin/allPairs", "/sapi/v1/margin/priceIndex?symbol=BTCUSDT")
    assert call.headers == price.headers == {"X-MBX-APIKEY": KEY}


def test_strange_signs_are_percent_encoded_before_they_are_signed() -> None:
    with opened(KEY, SECRET) as key:
        call = binance.build(key, "GET /x", {"symbol": "a b&c+\u00fc"}, 1)

    payload, _, signature = call.path.removeprefix("/x?").rpartition("&signature=")
    assert payload == "symbol=a%20b%26c%2B%C3%BC"
    assert signature == binance.signature(SECRET.encode(), payload.encode())


def test_an_ed25519_key_signs_in_base64_that_its_public_half_confirms() -> None:
    with opened(KEY, PEM) as key:
        binance.take_pasted(key)
        call = binance.build(key, "GET /sapi/v1/margin/account", NOW, 1)

    payload, _, signature = call.path.partition("?")[2].rpartition("&signature=")
    assert not re.search(r"[+/=]", signature)  # url-encoded
    raw = base64.b64decode(dict(parse_qsl(f"s={signature}"))["s"])
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    assert isinstance(public, Ed25519PublicKey)
    public.verify(raw, payload.encode())


# How keys look


@pytest.mark.parametrize(
    "secret",
    [
        SECRET,
        PEM,
        PEM.replace("\n", "\r\n   "),
        "".join(PEM.splitlines()[1:-1]),
    ],
    ids=["hmac", "pem", "pem with other line ends", "pem without its first and last line"],
)
def test_a_key_of_either_kind_is_taken_as_it_is_pasted(secret: str) -> None:
    core = SigningCore(MASTER_KEY, lambda: 1_790_000_000 * 10**9, None)

    assert core.seal(
        account_id="a",
        venue="binance",
        credential_id="c",
        environment=Environment.SANDBOX,
        api_key=f" {KEY}\n",
        secret=secret,
    )


def test_an_ed25519_key_without_its_frame_is_completed() -> None:
    key = opened(KEY, "".join(PEM.splitlines()[1:-1]))

    binance.take_pasted(key)

    assert key.secret == squeezed(PEM)


def other_pem(kind: str) -> str:
    ed25519 = Ed25519PrivateKey.from_private_bytes(SEED)

    def rsa(shape: PrivateFormat) -> bytes:
        return generate_private_key(65537, 2048).private_bytes(Encoding.PEM, shape, NoEncryption())

    makers: dict[str, Callable[[], bytes]] = {
        "rsa": lambda: rsa(PrivateFormat.PKCS8),
        "old rsa": lambda: rsa(PrivateFormat.TraditionalOpenSSL),
        "public": lambda: ed25519.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "encrypted": lambda: ed25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
        "openssh": lambda: ed25519.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
    }
    return makers[kind]().decode()


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("rsa", "Ed25519"),
        ("old rsa", "RSA"),
        ("public", "public half"),
        ("encrypted", "password"),
        ("openssh", "OpenSSH"),
    ],
)
def test_another_kind_of_key_is_refused_with_what_to_do(kind: str, word: str) -> None:
    with pytest.raises(InvalidSecret, match=word) as refusal:
        binance.take_pasted(opened(KEY, other_pem(kind)))

    assert refusal.value.code == "malformed_secret"


@pytest.mark.parametrize(
    ("key", "secret", "passphrase", "code"),
    [
        (PEM, KEY, "", "swapped"),
        (KEY[:-1], SECRET, "", "malformed_key"),
        (KEY + "A", SECRET, "", "malformed_key"),
        ("", SECRET, "", "malformed_key"),
        (KEY, SECRET[:-1], "", "malformed_secret"),
        (KEY, SECRET[:-1] + "-", "", "malformed_secret"),
        (KEY, "", "", "malformed_secret"),
        (KEY, KEY, "", "malformed_secret"),
        (KEY, PEM.replace("MC4C", "MC4"), "", "malformed_secret"),
        (KEY, PEM[:60], "", "malformed_secret"),
        (KEY, SECRET, "open sesame", "other_venue"),
        ("985d5b66-57ce-40fb-b714-afc0b9787083", "0123456789ABCDEF0123456789ABCDEF", "x", "other_venue"),
        ("A" * 56, base64.b64encode(bytes(64)).decode(), "", "other_venue"),
        ("XXbyb1tKeyXXXX1234", "x" * 36, "", "other_venue"),
    ],
)
def test_what_cannot_be_a_key_is_refused_with_a_reason_and_without_the_values(
    key: str, secret: str, passphrase: str, code: str
) -> None:
    with pytest.raises(InvalidSecret) as refusal:
        binance.take_pasted(opened(re.sub(r"\s", "", key), secret, passphrase))

    assert refusal.value.code == code
    assert not scan([str(refusal.value), repr(refusal.value)], {"key": key or KEY, "secret": secret or SECRET})


# What may be signed


def refusal_of(operation: str, parameters: Mapping[str, str]) -> str:
    with pytest.raises(SignerRefused) as refusal:
        check("binance", operation, parameters)
    return refusal.value.code


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("GET /sapi/v1/account/apiRestrictions", NOW),
        ("GET /sapi/v1/margin/account", NOW),
        ("GET /sapi/v1/margin/isolated/account", NOW),
        ("GET /sapi/v1/margin/allPairs", {}),
        (ORDER, ENTRY),
        (ORDER, LIMIT),
        (ORDER, STOP),
        (ORDER, {**STOP, "type": "TAKE_PROFIT_LIMIT", "price": "69000", "timeInForce": "GTC"}),
        (ORDER, {**LIMIT, "timeInForce": "IOC", "isIsolated": "TRUE"}),
        (CANCEL, {"symbol": "BTCUSDT", "isIsolated": "FALSE", "origClientOrderId": "jv0000001", **NOW}),
        (READ, {"symbol": "BTCUSDT", "isIsolated": "FALSE", "origClientOrderId": "jv0000001", **NOW}),
        (READ, {"symbol": "BTCUSDT", "isIsolated": "FALSE", "orderId": "28", **NOW}),
        (REPAY, REPAYMENT),
        (REPAY, {**REPAYMENT, "isIsolated": "TRUE", "symbol": "BTCUSDT"}),
        ("POST /sapi/v1/userListenToken", {"isIsolated": "FALSE", **NOW}),
    ],
)
def test_what_trading_needs_may_be_signed(operation: str, parameters: Mapping[str, str]) -> None:
    check("binance", operation, parameters)


@pytest.mark.parametrize(
    "change",
    [
        {"side": "buy"},
        {"symbol": "DOTUSDT"},
        {"symbol": "BTCUSDC"},
        {"isIsolated": "true"},
        {"type": "LIMIT"},
        {"type": "STOP_LOSS"},
        {"type": "OCO"},
        {"price": "1"},
        {"stopPrice": "1"},
        {"timeInForce": "GTC"},
        {"quantity": "0"},
        {"quantity": "-1"},
        {"quantity": "1e3"},
        {"quoteOrderQty": "100"},
        {"icebergQty": "1"},
        {"trailingDelta": "100"},
        {"sideEffectType": "AUTO_BORROW_REPAY"},
        {"autoRepayAtCancel": "FALSE"},
        {"newClientOrderId": "a&symbol=ETHUSDT"},
        {"recvWindow": "60000"},
        {"timestamp": "0"},
        {"signature": "00"},
    ],
    ids=str,
)
def test_an_order_of_another_shape_is_refused(change: Mapping[str, str]) -> None:
    assert refusal_of(ORDER, {**ENTRY, **change}) == "parameter"


@pytest.mark.parametrize("missing", sorted(ENTRY))
def test_an_order_without_a_required_field_is_refused(missing: str) -> None:
    assert refusal_of(ORDER, {name: value for name, value in ENTRY.items() if name != missing}) == "parameter"


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        (REPAY, {**REPAYMENT, "type": "BORROW"}),
        (REPAY, {**REPAYMENT, "isIsolated": "TRUE"}),
        (REPAY, {**REPAYMENT, "symbol": "BTCUSDT"}),
        (REPAY, {**REPAYMENT, "amount": "0"}),
        (CANCEL, {"symbol": "BTCUSDT", "isIsolated": "FALSE", **NOW}),
        (CANCEL, {"symbol": "BTCUSDT", "isIsolated": "FALSE", "orderId": "1", "origClientOrderId": "a", **NOW}),
        (CANCEL, {"symbol": "BTCUSDT", "isIsolated": "FALSE", "orderId": "1", **NOW}),
        (READ, {"symbol": "BTCUSDT", "isIsolated": "FALSE", **NOW}),
        (READ, {"symbol": "BTCUSDT", "isIsolated": "FALSE", "orderId": "1", "origClientOrderId": "a", **NOW}),
        ("GET /sapi/v1/margin/account", {}),
        ("POST /sapi/v1/userListenToken", {"isIsolated": "TRUE", **NOW}),
        ("GET /sapi/v1/margin/openOrders", NOW),
    ],
)
def test_other_calls_of_another_shape_are_refused(operation: str, parameters: Mapping[str, str]) -> None:
    assert refusal_of(operation, parameters) == "parameter"


def test_only_an_order_that_could_open_a_position_is_an_entry() -> None:
    assert may_open(ORDER, ENTRY)
    assert may_open(ORDER, {**ENTRY, "sideEffectType": "NO_SIDE_EFFECT"})
    assert not may_open(ORDER, STOP)
    assert not may_open(REPAY, REPAYMENT)
    assert not may_open(CANCEL, {})
    assert not may_open("GET /sapi/v1/margin/account", NOW)


# The path is not signed: what is a signature worth elsewhere?

# Calls of Binance's that move funds, borrow, or change a setting, with the parameters that each cannot do without.
# Values are those that it takes, where a word decides.
FORBIDDEN: Mapping[str, Mapping[str, str]] = {
    "POST /sapi/v1/capital/withdraw/apply": {"coin": ".*", "address": ".*", "amount": ".*"},
    "POST /sapi/v1/localentity/withdraw/apply": {"coin": ".*", "address": ".*", "questionnaire": ".*"},
    "POST /sapi/v1/asset/transfer": {"type": r"\w+_\w+", "asset": ".*", "amount": ".*"},
    "POST /sapi/v1/sub-account/universalTransfer": {"fromAccountType": ".*", "toAccountType": ".*", "asset": ".*"},
    "POST /sapi/v1/sub-account/transfer/subToSub": {"toEmail": ".*", "asset": ".*", "amount": ".*"},
    "POST /sapi/v1/sub-account/margin/transfer": {"email": ".*", "asset": ".*", "amount": ".*"},
    "POST /sapi/v1/futures/transfer": {"asset": ".*", "amount": ".*", "type": r"\d"},
    "POST /sapi/v1/margin/borrow-repay (borrowing)": {"asset": ".*", "amount": ".*", "type": "BORROW"},
    "POST /sapi/v1/margin/max-leverage": {"maxLeverage": ".*"},
    "POST /sapi/v1/bnbBurn": {"spotBNBBurn|interestBNBBurn": ".*"},
    "POST /sapi/v1/margin/manual-liquidation": {"type": "MARGIN|ISOLATED"},
    "POST /sapi/v1/margin/apiKey": {"apiName": ".*"},
    "DELETE /sapi/v1/margin/apiKey": {"apiKey|apiName": ".*"},
    "POST /sapi/v1/margin/exchange-small-liability": {"assetNames": ".*"},
    "POST /sapi/v1/asset/dust": {"asset": r"[A-Z]+(,[A-Z]+)+"},
    "POST /sapi/v1/convert/getQuote": {"fromAsset": ".*", "toAsset": ".*"},
    "POST /sapi/v1/simple-earn/flexible/subscribe": {"productId": ".*", "amount": ".*"},
    "POST /sapi/v2/loan/flexible/borrow": {"loanCoin": ".*", "collateralCoin": ".*"},
    "POST /sapi/v1/giftcard/createCode": {"token": ".*", "amount": ".*"},
    "POST /sapi/v1/account/enableFastWithdrawSwitch (settings)": {"enable": ".*"},
    "POST /sapi/v1/margin/order/oto": {"workingType": ".*", "pendingType": ".*"},
    "POST /sapi/v1/margin/order/otoco": {"workingType": ".*", "pendingSide": ".*"},
    "POST /api/v3/order/cancelReplace": {"cancelReplaceMode": ".*"},
}


def could_say(operation: Operation, name: str, value: str) -> bool:
    """Whether a signed call of this operation can carry a parameter of that name with such a value."""
    return any(
        re.fullmatch(name, ours) and any(re.fullmatch(value, word) for word in words(ours, shape.pattern.pattern))
        for ours, shape in operation.parameters.items()
    )


def words(name: str, pattern: str) -> list[str]:
    """The words that a pattern takes, or one that stands for all of them."""
    return pattern.split("|") if re.fullmatch(r"[A-Z_0-9|]+", pattern) else [name]


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
@pytest.mark.parametrize("forbidden", sorted(FORBIDDEN))
def test_no_signature_fits_a_call_that_moves_funds_or_changes_settings(forbidden: str, operation: str) -> None:
    wanted = FORBIDDEN[forbidden]

    assert not all(could_say(OPERATIONS[operation], name, value) for name, value in wanted.items())


def required(operation: str) -> set[str]:
    """What the call cannot do without; of two ways to name an order one is enough."""
    return {name for name, shape in OPERATIONS[operation].parameters.items() if shape.required}


@pytest.mark.parametrize("write", [ORDER, REPAY])
@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_no_other_signature_makes_an_order_or_a_repayment(operation: str, write: str) -> None:
    if operation != write:
        assert not required(write) <= OPERATIONS[operation].parameters.keys()


def test_the_only_calls_that_stand_in_for_a_cancel_are_reads_of_that_very_order() -> None:
    naming = {"orderId", "origClientOrderId"}
    standing_in = {
        operation
        for operation, allowed in OPERATIONS.items()
        if "symbol" in allowed.parameters and naming & allowed.parameters.keys()
    }

    assert standing_in == {CANCEL, "GET /sapi/v1/margin/order", "GET /sapi/v1/margin/allOrders"}


def test_cutting_a_signed_call_in_two_makes_no_other_parameter_of_it() -> None:
    """Query and body are joined with nothing between them, so a name may be cut: its rest must mean nothing."""
    names = {name for allowed in OPERATIONS.values() for name in allowed.parameters}
    meant = names | {"coin", "address", "asset", "type", "email", "enable", "symbols", "network", "token"}

    for one, other in permutations(sorted(names), 2):
        assert not one.endswith(other), f"{one} cut short is {other}"
    for name in names:
        assert not {name[start:] for start in range(1, len(name))} & meant


@pytest.mark.parametrize("operation", sorted(OPERATIONS.keys() - binance.KEY_ONLY))
def test_every_signature_is_for_a_moment(operation: str) -> None:
    assert {"timestamp", "recvWindow"} <= required(operation)
    assert OPERATIONS[operation].parameters["recvWindow"].pattern.pattern == "5000"


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_no_operation_is_about_funds_or_settings(operation: str) -> None:
    assert not re.search(
        r"withdraw|capital/|asset/transfer|leverage|apiKey|liquidat(e|ion)\b|sub-account|openOrders$", operation
    ) or operation.startswith("GET ")


@given(value=st.text(max_size=40), name=st.sampled_from(sorted(OPERATIONS[ORDER].parameters)))
def test_no_accepted_value_can_break_out_of_its_field(name: str, value: str) -> None:
    if OPERATIONS[ORDER].parameters[name].pattern.fullmatch(value):
        assert re.fullmatch(r"[A-Za-z0-9._-]+", value)


def test_the_nine_pairs_and_no_other() -> None:
    assert len(SYMBOLS) == 9
    assert all(symbol.endswith("USDT") for symbol in SYMBOLS)
