"""OKX: what a key looks like, which calls may be signed, and how a V5 call or a stream's login is signed.

Signature (https://www.okx.com/docs-v5/en/#overview-rest-authentication, seen 2026-07): base64 of HMAC-SHA256 over
timestamp + method + path with its query + body. A stream's login signs `GET/users/self/verify` under a timestamp in
seconds. The passphrase goes along in the clear, in a header or in the login frame.

Method and path are signed, so a signature for one call is worthless for any other. Two things need saying:

- One permission, `trade`, lets a key at OKX trade, transfer and change settings. Here only the former can be signed:
  orders on margin (`tdMode` cross, in USDT), and there no market buy, whose size OKX would read as an amount of USDT.
- A login opens a stream on which OKX also takes orders, which signs nothing more: who can ask for it could trade for as
  long as that connection lasts, and still neither transfer, withdraw nor change a setting. It holds for 30 seconds.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.signer.errors import InvalidSecret
from jarvis.signer.operations import POSITIVE, Operation, Parameters, Shape, any_of, list_of, shape
from jarvis.signer.records import SignedCall
from jarvis.signer.vault import OpenedKey, SecretBytes

_KEY = re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SECRET = re.compile(rb"[0-9a-fA-F]{32}")
_PASSPHRASE = re.compile(rb"[\x20-\x7e]{1,64}")
# Shapes of the other venues' keys, so that a key pasted on the wrong card is named.
_OTHER_VENUES = (
    ("Kraken", re.compile(rb"[A-Za-z0-9+/]{56}")),
    ("Binance", re.compile(rb"[A-Za-z0-9]{64}")),
    ("Bybit", re.compile(rb"[A-Za-z0-9]{18}")),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def take_pasted(opened: OpenedKey) -> None:
    """Return if this could be an OKX key with its secret and passphrase. Raises InvalidSecret saying what is wrong."""
    key_fits, secret_fits = _KEY.fullmatch(opened.api_key) is not None, _SECRET.fullmatch(opened.secret) is not None
    if _SECRET.fullmatch(opened.api_key) and (_KEY.fullmatch(opened.secret) or not opened.secret):
        raise InvalidSecret("swapped", "The API key and the secret key are in each other's field.")
    if not (key_fits and secret_fits):
        for name, known in _OTHER_VENUES:
            if known.fullmatch(opened.api_key):
                raise InvalidSecret("other_venue", f"This looks like a key of {name}, not of OKX.")
    if not key_fits:
        raise InvalidSecret(
            "malformed_key", "An OKX API key has 36 characters in five groups, like 985d5b66-57ce-…. Copy it once more."
        )
    if not secret_fits:
        if _SECRET.fullmatch(opened.passphrase):
            raise InvalidSecret("swapped", "The secret key and the passphrase are in each other's field.")
        raise InvalidSecret("malformed_secret", "An OKX secret key has 32 letters A to F and digits. Copy it whole.")
    if not opened.passphrase:
        raise InvalidSecret(
            "missing_passphrase", "OKX keys have a passphrase: the one that you chose when you made the key."
        )
    if not _PASSPHRASE.fullmatch(opened.passphrase):
        raise InvalidSecret("malformed_passphrase", "This passphrase has signs that OKX does not take. Type it again.")


def signature(secret: SecretBytes, timestamp: str, method: str, path: str, body: bytes = b"") -> str:
    """The value of `OK-ACCESS-SIGN` for one call; `path` with its query and `body` exactly as they are sent."""
    message = f"{timestamp}{method}{path}".encode() + body
    return base64.b64encode(hmac.digest(secret, message, hashlib.sha256)).decode()


def build(opened: OpenedKey, operation: str, parameters: Mapping[str, str], stamp: int) -> SignedCall:  # noqa: ARG001
    """One call, signed: `METHOD /path`, or `WS login`. The venue wants the caller's timestamp, not our stamp."""
    method, _, path = operation.partition(" ")
    if method == "WS":
        return SignedCall(method, "", {}, _login(opened, parameters["timestamp"]))
    timestamp = _iso(parameters["timestamp"])
    named = {name: value for name in _ORDER_OF_FIELDS[operation] if (value := parameters.get(name)) is not None}
    body = b""
    if method == "POST":
        body = _json(named, is_list=operation in _LISTS)
    elif named:
        path = f"{path}?{_query(named)}"
    headers = {
        "OK-ACCESS-KEY": opened.api_key.decode("ascii"),
        "OK-ACCESS-SIGN": signature(opened.secret, timestamp, method, path, body),
        "OK-ACCESS-TIMESTAMP": timestamp,
        "OK-ACCESS-PASSPHRASE": opened.passphrase.decode("ascii"),
        "Content-Type": "application/json",
    }
    if "expTime" in parameters:
        headers["expTime"] = parameters["expTime"]
    return SignedCall(method, path, headers, body)


def _login(opened: OpenedKey, timestamp: str) -> bytes:
    seconds = str(int(timestamp) // 1000)
    login = {
        "apiKey": opened.api_key.decode("ascii"),
        "passphrase": opened.passphrase.decode("ascii"),
        "timestamp": seconds,
        "sign": signature(opened.secret, seconds, "GET", "/users/self/verify"),
    }
    return _dumps({"op": "login", "args": [login]})


def _query(named: Mapping[str, str]) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in named.items())


def _iso(timestamp: str) -> str:
    """Milliseconds as `2023-11-14T22:13:20.123Z`."""
    at = _EPOCH + timedelta(milliseconds=int(timestamp))
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(named: Mapping[str, str], *, is_list: bool) -> bytes:
    typed = {name: value == "true" if name in _BOOLEANS else value for name, value in named.items()}
    return _dumps([typed] if is_list else typed)


def _dumps(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


# What may be signed --------------------------------------------------------------------------------------------------

PAIRS = frozenset(f"{base}-USDT" for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB"))
"""The catalogue's pairs as OKX spells them."""

_BOOLEANS = frozenset({"reduceOnly"})
_NEVER_SENT = frozenset({"timestamp", "expTime", "purpose"})
_MILLISECONDS = r"1\d{12}"
_TIMESTAMP = shape(_MILLISECONDS, required=True)
_MOMENT = shape(_MILLISECONDS)
_ONE_PAIR = any_of(*sorted(PAIRS), required=True)
_INSTRUMENT = shape(r"[A-Z0-9]{1,20}-[A-Z0-9]{1,20}", required=True)
_CLASS = any_of("SPOT", "MARGIN")
_ID = r"\d{1,24}"
_CLIENT_ID = r"[A-Za-z0-9]{1,32}"
_LIMIT = shape(r"[1-9]\d?|100")
_CROSS = any_of("cross", required=True)
_USDT = any_of("USDT", required=True)
_SIDE = any_of("buy", "sell", required=True)
_PURPOSE = any_of("open", "close", required=True)
_PRICE_OR_MARKET = shape(rf"-1|{POSITIVE}")
_LAST = any_of("last")


def _order_rule(order: Parameters) -> str:
    is_market = order["ordType"] == "market"
    rules = (
        (is_market == ("px" in order), "a market order has no price, every other one has"),
        (is_market and order["side"] == "buy", "a market buy is sized in USDT at OKX; send an ioc order with a price"),
        (_contradicts_purpose(order), "only a closing order reduces"),
    )
    return next((problem for broken, problem in rules if broken), "")


def _algo_rule(order: Parameters) -> str:
    legs = [leg for leg in ("sl", "tp") if f"{leg}TriggerPx" in order]
    if len(legs) != 1:
        return "one trigger is needed: slTriggerPx or tpTriggerPx"
    (leg,) = legs
    own = {name for name in order if name.startswith(("sl", "tp"))}
    rules = (
        (own != {f"{leg}TriggerPx", f"{leg}TriggerPxType", f"{leg}OrdPx"}, "a leg has its trigger, its type and price"),
        (order["side"] == "buy" and order[f"{leg}OrdPx"] == "-1", "a market buy is sized in USDT at OKX; name a price"),
        (_contradicts_purpose(order), "only a closing order reduces"),
    )
    return next((problem for broken, problem in rules if broken), "")


def _contradicts_purpose(order: Parameters) -> bool:
    return "reduceOnly" in order and order["purpose"] != "close"


def _amend_rule(change: Parameters) -> str:
    if not any(name.startswith("new") for name in change):
        return "nothing is to be changed"
    return _one_order(change)


def _one_order(which: Parameters) -> str:
    return "" if ("ordId" in which) != ("clOrdId" in which) else "one order is named by ordId or by clOrdId"


def _amend_algo_rule(change: Parameters) -> str:
    if not any(name.startswith("new") for name in change):
        return "nothing is to be changed"
    return _one_algo(change)


def _one_algo(which: Parameters) -> str:
    return "" if ("algoId" in which) != ("algoClOrdId" in which) else "one order is named by algoId or by algoClOrdId"


def _call(parameters: Mapping[str, Shape]) -> Mapping[str, Shape]:
    return {**parameters, "timestamp": _TIMESTAMP}


_ORDER = {"ordId": shape(_ID), "clOrdId": shape(_CLIENT_ID)}
_ALGO = {"algoId": shape(_ID), "algoClOrdId": shape(_CLIENT_ID)}
_PAGE = {"after": shape(rf"{_ID}"), "limit": _LIMIT}
_WINDOW = {"begin": _MOMENT, "end": _MOMENT}

OPERATIONS: Mapping[str, Operation] = {
    "GET /api/v5/account/config": Operation(_call({})),
    "GET /api/v5/account/balance": Operation(_call({})),
    "GET /api/v5/account/positions": Operation(_call({"instType": any_of("MARGIN", required=True)})),
    "GET /api/v5/account/instruments": Operation(_call({"instType": any_of("MARGIN", "SPOT", required=True)})),
    "GET /api/v5/account/leverage-info": Operation(
        _call({"mgnMode": _CROSS, "instId": list_of(r"[A-Z0-9]{1,20}-[A-Z0-9]{1,20}", 20, required=True)})
    ),
    "GET /api/v5/account/max-size": Operation(
        _call({"instId": _INSTRUMENT, "tdMode": _CROSS, "ccy": _USDT, "px": shape(POSITIVE)})
    ),
    "GET /api/v5/account/trade-fee": Operation(_call({"instType": any_of("MARGIN", "SPOT", required=True)})),
    "GET /api/v5/account/interest-rate": Operation(_call({})),
    "GET /api/v5/account/interest-accrued": Operation(_call({"type": any_of("2", required=True), **_PAGE})),
    "GET /api/v5/account/bills": Operation(_call({**_WINDOW, **_PAGE})),
    "GET /api/v5/account/bills-archive": Operation(_call({**_WINDOW, **_PAGE})),
    "GET /api/v5/trade/order": Operation(_call({"instId": _INSTRUMENT, **_ORDER}), _one_order),
    "GET /api/v5/trade/orders-pending": Operation(_call({"instType": _CLASS, **_PAGE})),
    "GET /api/v5/trade/order-algo": Operation(_call(_ALGO), _one_algo),
    "GET /api/v5/trade/orders-algo-pending": Operation(
        _call({"ordType": any_of("conditional", "oco", required=True), **_PAGE})
    ),
    "GET /api/v5/trade/fills-history": Operation(
        _call({"instType": any_of("MARGIN", "SPOT", required=True), **_WINDOW, **_PAGE})
    ),
    "POST /api/v5/trade/order": Operation(
        _call(
            {
                "instId": _ONE_PAIR,
                "tdMode": _CROSS,
                "ccy": _USDT,
                "clOrdId": shape(_CLIENT_ID, required=True),
                "side": _SIDE,
                "ordType": any_of("limit", "post_only", "ioc", "market", required=True),
                "sz": shape(POSITIVE, required=True),
                "px": shape(POSITIVE),
                "reduceOnly": any_of("true"),
                "purpose": _PURPOSE,
                "expTime": shape(_MILLISECONDS, required=True),
            }
        ),
        _order_rule,
    ),
    "POST /api/v5/trade/amend-order": Operation(
        _call(
            {
                "instId": _ONE_PAIR,
                **_ORDER,
                "newSz": shape(POSITIVE),
                "newPx": shape(POSITIVE),
                "expTime": shape(_MILLISECONDS, required=True),
            }
        ),
        _amend_rule,
    ),
    "POST /api/v5/trade/cancel-order": Operation(_call({"instId": _ONE_PAIR, **_ORDER}), _one_order),
    "POST /api/v5/trade/order-algo": Operation(
        _call(
            {
                "instId": _ONE_PAIR,
                "tdMode": _CROSS,
                "ccy": _USDT,
                "algoClOrdId": shape(_CLIENT_ID, required=True),
                "side": _SIDE,
                "ordType": any_of("conditional", required=True),
                "sz": shape(POSITIVE, required=True),
                "slTriggerPx": shape(POSITIVE),
                "slTriggerPxType": _LAST,
                "slOrdPx": _PRICE_OR_MARKET,
                "tpTriggerPx": shape(POSITIVE),
                "tpTriggerPxType": _LAST,
                "tpOrdPx": _PRICE_OR_MARKET,
                "reduceOnly": any_of("true"),
                "purpose": _PURPOSE,
            }
        ),
        _algo_rule,
    ),
    "POST /api/v5/trade/amend-algos": Operation(
        _call(
            {
                "instId": _ONE_PAIR,
                **_ALGO,
                "newSz": shape(POSITIVE),
                "newSlTriggerPx": shape(POSITIVE),
                "newSlOrdPx": shape(POSITIVE),
                "newTpTriggerPx": shape(POSITIVE),
                "newTpOrdPx": shape(POSITIVE),
            }
        ),
        _amend_algo_rule,
    ),
    "POST /api/v5/trade/cancel-algos": Operation(_call({"instId": _ONE_PAIR, **_ALGO}), _one_algo),
    "WS login": Operation(_call({})),
}
"""`METHOD /path`. An order's `purpose` is for us alone and never sent; `expTime` is a header."""

_LISTS = frozenset({"POST /api/v5/trade/cancel-algos"})
"""Calls whose body is a list: of one, always."""
_ORDER_OF_FIELDS: Mapping[str, tuple[str, ...]] = {
    name: tuple(each for each in operation.parameters if each not in _NEVER_SENT)
    for name, operation in OPERATIONS.items()
}
_PLACES = frozenset({"POST /api/v5/trade/order", "POST /api/v5/trade/order-algo"})


def may_open(operation: str, parameters: Parameters) -> bool:
    """Whether this call could add risk. An order's word for it is taken: exits must also go through on a full disk."""
    return operation in _PLACES and parameters.get("purpose") != "close"


def opened_by(order: Parameters) -> tuple[Pair, Decimal]:
    """Which pair an order opens, and how much of it: a market buy, sized in the quote, is not on the list."""
    base, _, quote = order["instId"].partition("-")
    return Pair(Asset(base), Asset(quote)), Decimal(order["sz"])
