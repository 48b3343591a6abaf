"""Bybit: what a key looks like, which calls may be signed, and how a V5 call or a stream's login is signed.

Signature (https://bybit-exchange.github.io/docs/v5/guide, seen 2026-07): hexadecimal HMAC-SHA256 over timestamp + key +
receive window + payload, where the payload is the raw query of a GET and the raw JSON of a POST. A stream's login signs
`GET/realtime` + expiry.

Neither method nor path is signed: whoever holds a signature may send its payload elsewhere for five seconds. So what is
signed must be worthless everywhere else, and is so for these reasons:

- What changes or moves anything is a POST with a JSON object. Only four bodies can be signed, and no query is JSON. The
  other way round, a body sent as a query names no parameter, and no GET of V5 changes anything.
- Every POST that moves money or changes a setting needs a field that none of the four bodies can have: withdrawals
  `address`, transfers `transferId` or `fromAccountType`, borrowing `amount`, leverage `leverage` or `buyLeverage`,
  modes `spotMarginMode`, `setMarginMode`, `mode`, collateral `collateralSwitch`, automatic repayment `autoRepayMode`,
  keys and sub-accounts `permissions`, `username`, earning `productId`, conversion `fromCoin` or `quoteTxId`, batches
  `request`, leveraged tokens `ltCoin`. This is why a repayment has no amount: with one it would be a valid loan.
- Derivatives take the same order body under another `category`; here it can only be `spot`, and `isLeverage` only 1.
- Among the four: an order's body sent to amend or cancel names itself only, by its own `orderLinkId`, which the venue
  accepts once; an amendment or a cancel lacks the side and the type that a new order needs.
- What takes a body without any required field remains: `order/cancel-all` (every order could be cancelled one by one
  as well), `account/repay` and `quick-repayment` (debts are paid from the account's own assets), `user/delete-api` (the
  key ends itself). They cost trades, never money that leaves. The same holds of the empty query of three reads.
- A login opens the stream of orders as well, which signs nothing more: who can ask for it could trade on spot for as
  long as that connection lasts, and still neither transfer nor withdraw. Its expiry is ten seconds after its timestamp.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import quote

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.signer.errors import InvalidSecret
from jarvis.signer.operations import POSITIVE, Operation, Parameters, Shape, any_of, list_of, shape
from jarvis.signer.records import SignedCall
from jarvis.signer.vault import OpenedKey, SecretBytes

RECV_WINDOW = "5000"
LOGIN_SECONDS = 10

_KEY = re.compile(rb"[A-Za-z0-9]{16,24}")
_SECRET = re.compile(rb"[A-Za-z0-9]{36}")
# Shapes of the other venues' keys, so that a key pasted on the wrong card is named.
_OTHER_VENUES = (
    ("OKX", re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("Binance", re.compile(rb"[A-Za-z0-9]{64}")),
    ("Kraken", re.compile(rb"[A-Za-z0-9+/]{56}")),
)


def take_pasted(opened: OpenedKey) -> None:
    """Return if this could be a Bybit key with its secret. Raises InvalidSecret saying what seems to be wrong."""
    key_fits, secret_fits = _KEY.fullmatch(opened.api_key) is not None, _SECRET.fullmatch(opened.secret) is not None
    if _SECRET.fullmatch(opened.api_key) and (_KEY.fullmatch(opened.secret) or not opened.secret):
        raise InvalidSecret("swapped", "The API key and the API secret are in each other's field.")
    if not (key_fits and secret_fits):
        for name, known in _OTHER_VENUES:
            if known.fullmatch(opened.api_key):
                raise InvalidSecret("other_venue", f"This looks like a key of {name}, not of Bybit.")
    if b"PRIVATE KEY" in opened.secret or b"PRIVATEKEY" in opened.secret:
        raise InvalidSecret(
            "malformed_secret", "This is an RSA key. At Bybit, make a key of the kind System-generated (HMAC) instead."
        )
    if not key_fits:
        raise InvalidSecret("malformed_key", "A Bybit API key has 18 letters and digits. Copy it once more.")
    if not secret_fits:
        raise InvalidSecret("malformed_secret", "A Bybit API secret has 36 letters and digits. Copy it whole.")
    if opened.passphrase:
        raise InvalidSecret("other_venue", "Bybit keys have no passphrase; is this a key of OKX?")


def signature(secret: SecretBytes, text: str) -> str:
    """The value of `X-BAPI-SIGN` for the text that is signed, and the third argument of a login."""
    return hmac.digest(secret, text.encode(), hashlib.sha256).hex()


def build(opened: OpenedKey, operation: str, parameters: Mapping[str, str], stamp: int) -> SignedCall:  # noqa: ARG001
    """One call, signed: `METHOD /path`, or `WS login`. The venue wants the caller's timestamp, not our stamp."""
    key, timestamp = opened.api_key.decode("ascii"), parameters["timestamp"]
    method, _, path = operation.partition(" ")
    if method == "WS":
        return SignedCall(method, "", {}, _login(opened.secret, key, timestamp))
    named = {name: value for name in _ORDER_OF_FIELDS[operation] if (value := parameters.get(name)) is not None}
    payload = _json(named) if method == "POST" else _query(named)
    headers = {
        "X-BAPI-API-KEY": key,
        "X-BAPI-TIMESTAMP": timestamp,
        "X-BAPI-RECV-WINDOW": RECV_WINDOW,
        "X-BAPI-SIGN": signature(opened.secret, f"{timestamp}{key}{RECV_WINDOW}{payload}"),
    }
    if method == "POST":
        return SignedCall(method, path, {**headers, "Content-Type": "application/json"}, payload.encode())
    return SignedCall(method, f"{path}?{payload}" if payload else path, headers, b"")


def _login(secret: SecretBytes, key: str, timestamp: str) -> bytes:
    expires = int(timestamp) + LOGIN_SECONDS * 1000
    signed = signature(secret, f"GET/realtime{expires}")
    return _dumps({"req_id": "login", "op": "auth", "args": [key, expires, signed]}).encode()


def _json(named: Mapping[str, str]) -> str:
    return _dumps({name: int(value) if name in _WHOLE_NUMBERS else value for name, value in named.items()})


def _dumps(value: Mapping[str, object]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _query(named: Mapping[str, str]) -> str:
    """The query as it is signed and sent. A page's cursor is encoded already by the venue that gave it."""
    return "&".join(f"{name}={value if name == 'cursor' else quote(value, safe=',')}" for name, value in named.items())


# What may be signed --------------------------------------------------------------------------------------------------

PAIRS = frozenset(f"{base}USDT" for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB"))
"""The catalogue's pairs as Bybit spells them."""
COINS = frozenset({"USDT", *(pair.removesuffix("USDT") for pair in PAIRS)})
"""What can be borrowed for them, and so repaid."""

_WHOLE_NUMBERS = frozenset({"isLeverage"})
_MILLISECONDS = r"1\d{12}"
_TIMESTAMP = shape(_MILLISECONDS, required=True)
_MOMENT = shape(_MILLISECONDS)
_SPOT = any_of("spot", required=True)
_ONE_PAIR = any_of(*sorted(PAIRS), required=True)
_SYMBOL = shape(r"[A-Z0-9]{2,20}")
_COIN = shape(r"[A-Z0-9]{1,20}")
_ORDER_ID = shape(r"[A-Za-z0-9-]{1,40}")
_LINK_ID = r"[A-Za-z0-9_-]{1,36}"
_FILTER = any_of("Order", "StopOrder", "tpslOrder")
_CURSOR = shape(r"[A-Za-z0-9%_.~:,*=-]{1,600}")
_LIMIT = shape(r"[1-9]\d{0,2}|1000")


def _order_rule(order: Parameters) -> str:
    is_market, is_triggered = order["orderType"] == "Market", "triggerPrice" in order
    rules = (
        (is_market == ("price" in order), "a limit order has a price, a market order none"),
        (is_market != ("marketUnit" in order), "a market order, and no other, says its unit"),
        (is_triggered != (order["orderFilter"] == "StopOrder"), "a trigger price and StopOrder go together"),
        (is_market and order["timeInForce"] != "IOC", "a market order is always IOC"),
        (is_triggered and order["timeInForce"] == "PostOnly", "a triggered order cannot be post-only"),
    )
    return next((problem for broken, problem in rules if broken), "")


def _one_order(which: Parameters) -> str:
    return "" if ("orderId" in which) != ("orderLinkId" in which) else "one order is named by orderId or by orderLinkId"


def _amend_rule(change: Parameters) -> str:
    if not change.keys() & {"qty", "price", "triggerPrice"}:
        return "nothing is to be changed"
    return _one_order(change)


def _call(parameters: Mapping[str, Shape]) -> Mapping[str, Shape]:
    return {**parameters, "timestamp": _TIMESTAMP}


_WINDOW = {"startTime": _MOMENT, "endTime": _MOMENT, "limit": _LIMIT, "cursor": _CURSOR}
_ORDERS = {
    "category": _SPOT,
    "symbol": _SYMBOL,
    "orderId": _ORDER_ID,
    "orderLinkId": shape(_LINK_ID),
}

OPERATIONS: Mapping[str, Operation] = {
    "GET /v5/user/query-api": Operation(_call({})),
    "GET /v5/account/info": Operation(_call({})),
    "GET /v5/account/wallet-balance": Operation(
        _call({"accountType": any_of("UNIFIED", required=True), "coin": list_of(r"[A-Z0-9]{1,20}", 20)})
    ),
    "GET /v5/account/collateral-info": Operation(_call({"currency": _COIN})),
    "GET /v5/account/fee-rate": Operation(_call({"category": _SPOT, "symbol": _SYMBOL})),
    "GET /v5/account/transaction-log": Operation(
        _call({"accountType": any_of("UNIFIED", required=True), "currency": _COIN, **_WINDOW})
    ),
    "GET /v5/spot-margin-trade/state": Operation(_call({})),
    "GET /v5/spot-margin-trade/coinstate": Operation(_call({"currency": _COIN})),
    "GET /v5/spot-margin-trade/position-tiers": Operation(_call({"currency": _COIN})),
    "GET /v5/order/spot-borrow-check": Operation(
        _call({"category": _SPOT, "symbol": _ONE_PAIR, "side": any_of("Buy", "Sell", required=True)})
    ),
    "GET /v5/order/realtime": Operation(
        _call({**_ORDERS, "openOnly": any_of("0", "1"), "orderFilter": _FILTER, "limit": _LIMIT, "cursor": _CURSOR})
    ),
    "GET /v5/order/history": Operation(_call({**_ORDERS, "orderFilter": _FILTER, **_WINDOW})),
    "GET /v5/execution/list": Operation(_call({**_ORDERS, **_WINDOW})),
    "POST /v5/order/create": Operation(
        _call(
            {
                "category": _SPOT,
                "symbol": _ONE_PAIR,
                "side": any_of("Buy", "Sell", required=True),
                "orderType": any_of("Market", "Limit", required=True),
                "qty": shape(POSITIVE, required=True),
                "price": shape(POSITIVE),
                "timeInForce": any_of("GTC", "IOC", "PostOnly", required=True),
                "isLeverage": any_of("1", required=True),
                "marketUnit": any_of("baseCoin"),
                "triggerPrice": shape(POSITIVE),
                "orderFilter": any_of("Order", "StopOrder", required=True),
                "orderLinkId": shape(_LINK_ID, required=True),
                "purpose": any_of("open", "close", required=True),
            }
        ),
        _order_rule,
    ),
    "POST /v5/order/amend": Operation(
        _call(
            {
                "category": _SPOT,
                "symbol": _ONE_PAIR,
                "orderId": _ORDER_ID,
                "orderLinkId": shape(_LINK_ID),
                "qty": shape(POSITIVE),
                "price": shape(POSITIVE),
                "triggerPrice": shape(POSITIVE),
            }
        ),
        _amend_rule,
    ),
    "POST /v5/order/cancel": Operation(
        _call(
            {
                "category": _SPOT,
                "symbol": _ONE_PAIR,
                "orderId": _ORDER_ID,
                "orderLinkId": shape(_LINK_ID),
                "orderFilter": any_of("Order", "StopOrder", "tpslOrder", required=True),
            }
        ),
        _one_order,
    ),
    "POST /v5/account/no-convert-repay": Operation(
        _call({"coin": any_of(*sorted(COINS), required=True), "repaymentType": any_of("FLEXIBLE", required=True)})
    ),
    "WS login": Operation(_call({})),
}
"""`METHOD /path`. `purpose` of an order is for us alone and never sent: the venue has no reduce-only on spot."""

_NEVER_SENT = frozenset({"timestamp", "purpose"})
_ORDER_OF_FIELDS: Mapping[str, tuple[str, ...]] = {
    name: tuple(each for each in operation.parameters if each not in _NEVER_SENT)
    for name, operation in OPERATIONS.items()
}


def may_open(operation: str, parameters: Parameters) -> bool:
    """Whether this call could add risk. An order's word for it is taken: exits must also go through on a full disk."""
    return operation == "POST /v5/order/create" and parameters.get("purpose") != "close"


def opened_by(order: Parameters) -> tuple[Pair, Decimal]:
    """Which pair an order opens, and how much of it: market orders say their size in the base coin."""
    return Pair(Asset(order["symbol"].removesuffix("USDT")), Asset("USDT")), Decimal(order["qty"])
