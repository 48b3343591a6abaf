"""Kraken: what a key looks like, which calls may be signed, and how a private call is built and signed.

Signature (https://docs.kraken.com/api/docs/guides/spot-rest-auth, seen 2026-09): base64 of HMAC-SHA512 under the
decoded secret over path + SHA-256(nonce + body).
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.signer.errors import InvalidSecret
from jarvis.signer.operations import AMOUNT, POSITIVE, Operation, Parameters, any_of, form, is_zero, list_of, shape
from jarvis.signer.records import SignedCall
from jarvis.signer.vault import OpenedKey, SecretBytes, wipe

CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"

_KEY = re.compile(rb"[A-Za-z0-9+/]{56}")
_SECRET = re.compile(rb"[A-Za-z0-9+/]{86}==")
_UNPADDED_SECRET = re.compile(rb"[A-Za-z0-9+/]{86}")
# Shapes of the other venues' keys, so that a key pasted on the wrong card is named: OKX's are UUIDs with a secret of
# 32 hexadecimal digits, Binance's key and secret have 64 letters and digits, Bybit's 18 and 36.
_OTHER_VENUES = (
    ("OKX", re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("Binance", re.compile(rb"[A-Za-z0-9]{64}")),
    ("Bybit", re.compile(rb"[A-Za-z0-9]{18}")),
)


def take_pasted(opened: OpenedKey) -> None:
    """Complete a private key that was pasted without its two last signs, which many pages cut off.

    Raises InvalidSecret unless this could be a Kraken key with its private key, saying what seems to be wrong.
    """
    for part in (opened.api_key, opened.secret):
        if _UNPADDED_SECRET.fullmatch(part):
            part.extend(b"==")
    key_fits, secret_fits = _is_key(opened.api_key), _is_secret(opened.secret)
    if _is_secret(opened.api_key) and (_is_key(opened.secret) or not opened.secret):
        raise InvalidSecret("swapped", "The API key and the private key are in each other's field.")
    if not (key_fits and secret_fits):
        for name, shape in _OTHER_VENUES:
            if shape.fullmatch(opened.api_key):
                raise InvalidSecret("other_venue", f"This looks like a key of {name}, not of Kraken.")
    if not key_fits:
        raise InvalidSecret("malformed_key", "A Kraken API key has 56 letters, digits, + and /. Copy it once more.")
    if not secret_fits:
        raise InvalidSecret("malformed_secret", "A Kraken private key has 88 characters and ends in ==. Copy it whole.")
    if opened.passphrase:
        raise InvalidSecret("other_venue", "Kraken keys have no passphrase; is this a key of OKX?")


def _is_key(value: SecretBytes) -> bool:
    return _KEY.fullmatch(value) is not None


def _is_secret(value: SecretBytes) -> bool:
    return _SECRET.fullmatch(value) is not None


def signature(secret: SecretBytes, path: str, nonce: str, body: bytes) -> str:
    """The value of `API-Sign` for one call; `body` is sent exactly as it is given here."""
    try:
        key = bytearray(binascii.a2b_base64(secret, strict_mode=True))
    except binascii.Error:
        raise InvalidSecret("malformed_secret", "the private key is not base64") from None
    try:
        message = path.encode() + hashlib.sha256(nonce.encode() + body).digest()
        return base64.b64encode(hmac.digest(key, message, hashlib.sha512)).decode()
    finally:
        wipe(key)


def build(opened: OpenedKey, operation: str, parameters: Mapping[str, str], stamp: int) -> SignedCall:
    """One private call, signed: the stamp is its nonce."""
    nonce = str(stamp)
    path = f"/0/private/{operation}"
    body = form([("nonce", nonce), *parameters.items()]).encode()
    headers = {
        "API-Key": opened.api_key.decode("ascii"),
        "API-Sign": signature(opened.secret, path, nonce, body),
        "Content-Type": CONTENT_TYPE,
    }
    return SignedCall("POST", path, headers, body)


# What may be signed --------------------------------------------------------------------------------------------------

_KRAKEN_ALTNAMES = ("XBTUSD", "ETHUSD", "XRPUSD", "SOLUSD", "XDGUSD", "ADAUSD", "LTCUSD", "LINKUSD", "BNBUSD")
_KRAKEN_IDS = ("XXBTZUSD", "XETHZUSD", "XXRPZUSD", "XLTCZUSD")
# The US margin books; BNB has none (seen 2026-07).
_KRAKEN_BTNL = tuple(f"{name}:BTNL" for name in _KRAKEN_ALTNAMES if name != "BNBUSD")
PAIRS = frozenset((*_KRAKEN_ALTNAMES, *_KRAKEN_IDS, *_KRAKEN_BTNL))
"""The catalogue's pairs in every spelling that Kraken's REST API takes."""

_PAIR_OF = {
    name: Pair(Asset({"XBT": "BTC", "XDG": "DOGE"}.get(base, base)), Asset("USD"))
    for base in ("XBT", "ETH", "XRP", "SOL", "XDG", "ADA", "LTC", "LINK", "BNB")
    for name in (f"{base}USD", f"X{base}ZUSD")
}

_PAIR = "|".join(re.escape(name) for name in sorted(PAIRS))
_TXID = r"[A-Z0-9]{6}-[A-Z0-9]{5}-[A-Z0-9]{6}"
_ORDER = r"O[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{6}"
_MOMENT = r"-?\d{1,10}(?:\.\d{1,9})?"
_ASSET = r"[A-Z0-9]{2,10}(?:\.[A-Z])?"
_BOOLEAN = any_of("true", "false")
_OFFSET = shape(r"\d{1,7}")
_CLIENT_ID = r"[A-Za-z0-9_-]{1,18}"
_USERREF = shape(r"-?\d{1,10}")
_DEADLINE = shape(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", required=True)

_TRIGGERED = frozenset({"stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit", "trailing-stop"})
_TWO_PRICES = frozenset({"stop-loss-limit", "take-profit-limit"})
_LOWER_CAPS = {"BNBUSD": 5}


def _order_rule(order: Parameters) -> str:
    kind = order["ordertype"]
    relative = order.get("price", "").startswith("+")
    rules = (
        (kind != "market" and "price" not in order, f"a {kind} order needs a price"),
        (kind == "market" and "price" in order, "a market order has no price"),
        (relative != (kind == "trailing-stop"), "a relative price and a trailing stop go together"),
        ((kind in _TWO_PRICES) != ("price2" in order), "price2 belongs to a triggered limit order, and only there"),
        ("trigger" in order and kind not in _TRIGGERED, "trigger belongs to a triggered order"),
        (int(order["leverage"]) > _LOWER_CAPS.get(order["pair"], 10), "the leverage is above the catalogue's"),
        (is_zero(order["volume"]) and order.get("reduce_only") != "true", "only a reduce-only order may close all"),
        ((order.get("timeinforce") == "GTD") != ("expiretm" in order), "expiretm and GTD go together"),
        ("post" in order.get("oflags", "") and kind != "limit", "only a limit order can be post-only"),
        ("close[ordertype]" in order and order.get("reduce_only") == "true", "only an entry has a conditional close"),
        (_close_is_wrong(order), "the conditional close contradicts itself"),
    )
    return next((problem for broken, problem in rules if broken), "")


def _close_is_wrong(order: Parameters) -> bool:
    kind = order.get("close[ordertype]")
    if kind is None:
        return "close[price]" in order or "close[price2]" in order
    return "close[price]" not in order or (kind in _TWO_PRICES) != ("close[price2]" in order)


def _amend_rule(change: Parameters) -> str:
    if not change.keys() & {"order_qty", "limit_price", "trigger_price"}:
        return "nothing is to be changed"
    return _one_order(change)


def _one_order(which: Parameters) -> str:
    return "" if ("txid" in which) != ("cl_ord_id" in which) else "one order is named by txid or by cl_ord_id"


OPERATIONS: Mapping[str, Operation] = {
    "GetApiKeyInfo": Operation({}),
    "GetWebSocketsToken": Operation({}),
    "Balance": Operation({}),
    "BalanceEx": Operation({}),
    "TradeBalance": Operation({"asset": shape(_ASSET)}),
    "TradeVolume": Operation({"pair": list_of(_PAIR, 30)}),
    "OpenOrders": Operation({"trades": _BOOLEAN, "userref": _USERREF, "cl_ord_id": shape(_CLIENT_ID)}),
    "ClosedOrders": Operation(
        {
            "trades": _BOOLEAN,
            "userref": _USERREF,
            "cl_ord_id": shape(_CLIENT_ID),
            "start": shape(rf"{_MOMENT}|{_TXID}"),
            "end": shape(rf"{_MOMENT}|{_TXID}"),
            "ofs": _OFFSET,
            "closetime": any_of("open", "close", "both"),
            "consolidate_taker": _BOOLEAN,
            "without_count": _BOOLEAN,
        }
    ),
    "QueryOrders": Operation(
        {
            "txid": list_of(_ORDER, 50, required=True),
            "trades": _BOOLEAN,
            "userref": _USERREF,
            "consolidate_taker": _BOOLEAN,
        }
    ),
    "TradesHistory": Operation(
        {
            "type": any_of("all", "any position", "closed position", "closing position", "no position"),
            "trades": _BOOLEAN,
            "start": shape(rf"{_MOMENT}|{_TXID}"),
            "end": shape(rf"{_MOMENT}|{_TXID}"),
            "ofs": _OFFSET,
            "consolidate_taker": _BOOLEAN,
            "ledgers": _BOOLEAN,
            "without_count": _BOOLEAN,
        }
    ),
    "QueryTrades": Operation({"txid": list_of(_TXID, 20, required=True), "trades": _BOOLEAN, "ledgers": _BOOLEAN}),
    "OpenPositions": Operation(
        {"txid": list_of(_TXID, 20), "docalcs": _BOOLEAN, "consolidation": any_of("market")},
    ),
    "Ledgers": Operation(
        {
            "asset": list_of(_ASSET, 30),
            "aclass": any_of("currency"),
            "type": shape(r"[a-z]{2,20}"),
            "start": shape(rf"{_MOMENT}|{_TXID}"),
            "end": shape(rf"{_MOMENT}|{_TXID}"),
            "ofs": _OFFSET,
            "without_count": _BOOLEAN,
        }
    ),
    "QueryLedgers": Operation({"id": list_of(_TXID, 20, required=True), "trades": _BOOLEAN}),
    "AddOrder": Operation(
        {
            "ordertype": any_of("market", "limit", *sorted(_TRIGGERED), required=True),
            "type": any_of("buy", "sell", required=True),
            "pair": shape(_PAIR, required=True),
            "volume": shape(AMOUNT, required=True),
            "leverage": shape(r"[2-9]|10", required=True),
            "cl_ord_id": shape(_CLIENT_ID, required=True),
            "deadline": _DEADLINE,
            "price": shape(rf"\+?{POSITIVE}"),
            "price2": shape(POSITIVE),
            "trigger": any_of("last", "index"),
            "reduce_only": _BOOLEAN,
            "timeinforce": any_of("GTC", "IOC", "GTD"),
            "expiretm": shape(r"\+?\d{1,10}"),
            "oflags": list_of("post|fciq|fcib", 2),
            "stptype": any_of("cancel-newest", "cancel-oldest", "cancel-both"),
            "close[ordertype]": any_of("limit", "stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit"),
            "close[price]": shape(POSITIVE),
            "close[price2]": shape(POSITIVE),
            "validate": _BOOLEAN,
        },
        _order_rule,
    ),
    "AmendOrder": Operation(
        {
            "txid": shape(_ORDER),
            "cl_ord_id": shape(_CLIENT_ID),
            "order_qty": shape(POSITIVE),
            "limit_price": shape(POSITIVE),
            "trigger_price": shape(POSITIVE),
            "post_only": _BOOLEAN,
            "pair": shape(_PAIR),
            "deadline": _DEADLINE,
        },
        _amend_rule,
    ),
    "CancelOrder": Operation({"txid": shape(_ORDER), "cl_ord_id": shape(_CLIENT_ID)}, _one_order),
}
"""Kraken's calls by their own names (`POST /0/private/NAME`)."""


def may_open(operation: str, parameters: Parameters) -> bool:
    """Whether this call could add risk."""
    return operation == "AddOrder" and parameters.get("reduce_only") != "true" and parameters.get("validate") != "true"


def opened_by(order: Parameters) -> tuple[Pair, Decimal]:
    """Which pair an order opens, and how much of it."""
    return _PAIR_OF[order["pair"].removesuffix(":BTNL")], Decimal(order["volume"])
