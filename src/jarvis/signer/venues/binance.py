"""Binance: what a key looks like, which calls may be signed, and how a call is built and signed.

Signature (https://github.com/binance/binance-spot-api-docs, `rest-api.md`, seen 2026-07): over the percent-encoded
parameters as they are sent, query first and body right behind it. HMAC-SHA256 in hex, or Ed25519 in base64.

**Method and path are not signed**, so what one call's signature is worth elsewhere is decided by its parameters:

- an order always states `side`, `type`, `quantity` and `newClientOrderId`, a repayment `type=REPAY` and `amount`; no
  other call on the list has any of them, so no read, cancel or stream token can be turned into an order or a
  repayment, and neither of these two into the other. There is no `quoteOrderQty`, and `BORROW` is not a word here;
- what moves money out, between wallets or into a product, and what changes a setting of the key or the account, wants
  parameters that nothing on the list has (`coin`, `address`, `productId`, `maxLeverage`, `spotBNBBurn`, ...). The tests
  hold this against a table of such calls;
- what remains is no more than may be signed anyway: a read of one order has the shape of its cancel (which anyone who
  may have reads signed may have signed too), a read of a pair's orders the shape of cancelling them or of opening the
  pair's isolated account; an order that of the same order as one leg of an OCO or in the spot wallet; a repayment, in
  a sub-account, that of handing as much of its spot wallet (where Jarvis keeps nothing) to the master account;
- `recvWindow` is always 5,000 ms and `timestamp` is checked against the clock: a signature is good for seconds.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.signer.errors import InvalidSecret
from jarvis.signer.operations import POSITIVE, Operation, Parameters, Shape, any_of, form, list_of, shape
from jarvis.signer.records import SignedCall
from jarvis.signer.vault import OpenedKey, SecretBytes, wipe

CONTENT_TYPE = "application/x-www-form-urlencoded"

_KEY = re.compile(rb"[A-Za-z0-9]{64}")
_HMAC_SECRET = re.compile(rb"[A-Za-z0-9]{64}")
# As PKCS#8 in PEM, whose line ends and blanks the vault takes away: BEGINPRIVATEKEY.
_PEM_HEAD, _PEM_TAIL = b"-----BEGINPRIVATEKEY-----", b"-----ENDPRIVATEKEY-----"
_PEM = re.compile(rb"-----BEGINPRIVATEKEY-----([A-Za-z0-9+/]{64,120}={0,2})-----ENDPRIVATEKEY-----")
_BARE_ED25519 = re.compile(rb"MC4CAQAwBQYDK2VwBCIEI[A-Za-z0-9+/]{43}")
_ED25519_IDENTIFIER = bytes.fromhex("300506032b657004220420")
_SEED = slice(16, 48)
_OTHER_PEMS = (
    (b"-----BEGINPUBLICKEY-----", "This is the public half of the key pair. Paste the private key."),
    (b"-----BEGINRSA", "This is an RSA key. Make the API key with Ed25519, or let Binance generate one (HMAC)."),
    (b"-----BEGINEC", "This is not an Ed25519 key. Make the API key with Ed25519, or let Binance generate one (HMAC)."),
    (b"-----BEGINENCRYPTED", "This private key has a password. Export it without one (PKCS#8, PEM)."),
    (b"-----BEGINOPENSSH", "This is an OpenSSH key. Export it as PKCS#8 in PEM format."),
)
# Shapes of the other venues' keys, so that a key pasted on the wrong card is named.
_OTHER_VENUES = (
    ("OKX", re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("Kraken", re.compile(rb"[A-Za-z0-9+/]{56}")),
    ("Bybit", re.compile(rb"[A-Za-z0-9]{18}")),
)


def take_pasted(opened: OpenedKey) -> None:
    """Complete an Ed25519 private key that was pasted without its first and last line.

    Raises InvalidSecret unless this could be a Binance key with its secret, saying what seems to be wrong.
    """
    if opened.api_key.startswith(b"-----BEGIN") and _KEY.fullmatch(opened.secret):
        raise InvalidSecret("swapped", "The API key and the private key are in each other's field.")
    if _BARE_ED25519.fullmatch(opened.secret):
        opened.secret[:0] = _PEM_HEAD
        opened.secret.extend(_PEM_TAIL)
    if not _KEY.fullmatch(opened.api_key):
        for name, looks in _OTHER_VENUES:
            if looks.fullmatch(opened.api_key):
                raise InvalidSecret("other_venue", f"This looks like a key of {name}, not of Binance.")
        raise InvalidSecret("malformed_key", "A Binance API key has 64 letters and digits. Copy it once more.")
    if opened.passphrase:
        raise InvalidSecret("other_venue", "Binance keys have no passphrase; is this a key of OKX?")
    _check_secret(opened)


def _check_secret(opened: OpenedKey) -> None:
    if opened.secret.startswith(b"-----"):
        for head, advice in _OTHER_PEMS:
            if opened.secret.startswith(head):
                raise InvalidSecret("malformed_secret", advice)
        wipe(_ed25519_seed(opened.secret))
        return
    if not _HMAC_SECRET.fullmatch(opened.secret):
        raise InvalidSecret(
            "malformed_secret",
            "A Binance secret key has 64 letters and digits; an Ed25519 private key begins with "
            "-----BEGIN PRIVATE KEY-----. Copy it whole.",
        )
    if opened.secret == opened.api_key:
        raise InvalidSecret("malformed_secret", "The API key was pasted twice. The secret key is the other one.")


def _ed25519_seed(pem: SecretBytes) -> bytearray:
    """The seed inside a PEM without blanks; whoever asks wipes it. Raises InvalidSecret."""
    found = _PEM.fullmatch(pem)
    try:
        der = bytearray(base64.b64decode(found[1], validate=True) if found else b"")
    except binascii.Error:
        der = bytearray()
    try:
        if len(der) < _SEED.stop or der[5:16] != _ED25519_IDENTIFIER:
            raise InvalidSecret(
                "malformed_secret", "This is not a whole Ed25519 private key (PKCS#8, PEM). Copy all of its lines."
            )
        return der[_SEED]
    finally:
        wipe(der)


def signature(secret: SecretBytes, payload: bytes) -> str:
    """The value of `signature` for one call: hex of HMAC-SHA256, or base64 of Ed25519, by the kind of secret."""
    if not secret.startswith(_PEM_HEAD):
        return hmac.digest(secret, payload, hashlib.sha256).hex()
    seed = _ed25519_seed(secret)
    try:
        return base64.b64encode(Ed25519PrivateKey.from_private_bytes(seed).sign(payload)).decode()
    finally:
        wipe(seed)


def build(opened: OpenedKey, operation: str, parameters: Mapping[str, str], stamp: int) -> SignedCall:  # noqa: ARG001
    """One call, signed: its parameters in the query, of a POST in the body. The time is the caller's `timestamp`."""
    method, _, path = operation.partition(" ")
    headers = {"X-MBX-APIKEY": opened.api_key.decode("ascii")}
    if operation in KEY_ONLY:
        return SignedCall(method, f"{path}?{query}" if (query := form(parameters.items())) else path, headers, b"")
    payload = form(parameters.items())
    signed = f"{payload}&signature={quote(signature(opened.secret, payload.encode()), safe='')}"
    if method == "POST":
        return SignedCall(method, path, {**headers, "Content-Type": CONTENT_TYPE}, signed.encode())
    return SignedCall(method, f"{path}?{signed}", headers, b"")


# What may be signed --------------------------------------------------------------------------------------------------

SYMBOLS = tuple(f"{base}USDT" for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB"))
"""The catalogue's pairs."""
ASSETS = ("USDT", *(symbol.removesuffix("USDT") for symbol in SYMBOLS))
"""What may be owed there."""

_BOOLEAN = any_of("TRUE", "FALSE", required=True)
_SYMBOL = any_of(*SYMBOLS)
_THE_SYMBOL = any_of(*SYMBOLS, required=True)
_ORDER_ID = shape(r"\d{1,19}")
_MOMENT = shape(r"\d{13}")
_PAGE = shape(r"[1-9]\d{0,3}")
_CLIENT_ID = r"[A-Za-z0-9_.-]{1,36}"

_LIMITS = frozenset({"LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})
_STOPS = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
_TIMED = frozenset({"LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})


def _timed(parameters: Mapping[str, Shape]) -> Mapping[str, Shape]:
    """These parameters, and when the call is made."""
    return {
        **parameters,
        "timestamp": shape(r"\d{13}", required=True),
        "recvWindow": any_of("5000", required=True),
    }


def _order_rule(order: Parameters) -> str:
    kind = order["type"]
    rules = (
        ((kind in _LIMITS) != ("price" in order), f"a price and a {kind} order do not go together like this"),
        ((kind in _STOPS) != ("stopPrice" in order), f"a stop price and a {kind} order do not go together like this"),
        ((kind in _TIMED) != ("timeInForce" in order), "a limit order, and no other, says how long it lives"),
    )
    return next((problem for broken, problem in rules if broken), "")


def _isolated_names_pair(call: Parameters) -> str:
    isolated = call["isIsolated"] == "TRUE"
    return "" if isolated == ("symbol" in call) else "a pair is named in isolated margin, and only there"


def _one_order(call: Parameters) -> str:
    named = call.keys() & {"orderId", "origClientOrderId"}
    return "" if len(named) == 1 else "one order is named by orderId or by origClientOrderId"


_HISTORY: Mapping[str, Shape] = {
    "isolatedSymbol": _SYMBOL,
    "startTime": _MOMENT,
    "endTime": _MOMENT,
    "current": _PAGE,
    "size": shape(r"[1-9]\d?|100"),
}

OPERATIONS: Mapping[str, Operation] = {
    # What anyone with a key may read; sent with its name and without a signature.
    "GET /sapi/v1/margin/allPairs": Operation({}),
    "GET /sapi/v1/margin/isolated/allPairs": Operation({}),
    "GET /sapi/v1/margin/priceIndex": Operation({"symbol": _THE_SYMBOL}),
    # The account
    "GET /sapi/v1/account/apiRestrictions": Operation(_timed({})),
    "GET /sapi/v1/bnbBurn": Operation(_timed({})),
    "GET /sapi/v1/asset/tradeFee": Operation(_timed({"symbol": _THE_SYMBOL})),
    "GET /sapi/v1/margin/account": Operation(_timed({})),
    "GET /sapi/v1/margin/isolated/account": Operation(_timed({})),
    "GET /sapi/v1/margin/tradeCoeff": Operation(_timed({})),
    "GET /sapi/v1/margin/isolatedMarginData": Operation(_timed({})),
    "GET /sapi/v1/margin/isolatedMarginTier": Operation(_timed({"symbol": _THE_SYMBOL})),
    "GET /sapi/v1/margin/next-hourly-interest-rate": Operation(
        _timed({"assets": list_of("|".join(ASSETS), 20, required=True), "isIsolated": _BOOLEAN})
    ),
    # Its history
    "GET /sapi/v1/margin/interestHistory": Operation(_timed(_HISTORY)),
    "GET /sapi/v1/margin/forceLiquidationRec": Operation(_timed(_HISTORY)),
    "GET /sapi/v1/margin/transfer": Operation(_timed(_HISTORY)),
    "GET /sapi/v1/margin/capital-flow": Operation(
        _timed(
            {
                "symbol": _SYMBOL,
                "startTime": _MOMENT,
                "endTime": _MOMENT,
                "limit": any_of("1000"),
            }
        )
    ),
    "GET /sapi/v1/margin/myTrades": Operation(
        _timed(
            {
                "symbol": _THE_SYMBOL,
                "isIsolated": _BOOLEAN,
                "fromId": _ORDER_ID,
                "startTime": _MOMENT,
                "endTime": _MOMENT,
                "limit": any_of("1000"),
            }
        )
    ),
    "GET /sapi/v1/margin/allOrders": Operation(
        _timed({"symbol": _THE_SYMBOL, "isIsolated": _BOOLEAN, "orderId": _ORDER_ID, "limit": any_of("500")})
    ),
    # Its orders and debts
    "GET /sapi/v1/margin/openOrders": Operation(_timed({"symbol": _THE_SYMBOL, "isIsolated": _BOOLEAN})),
    "GET /sapi/v1/margin/order": Operation(
        _timed(
            {
                "symbol": _THE_SYMBOL,
                "isIsolated": _BOOLEAN,
                "orderId": _ORDER_ID,
                "origClientOrderId": shape(_CLIENT_ID),
            }
        ),
        _one_order,
    ),
    "DELETE /sapi/v1/margin/order": Operation(
        _timed(
            {
                "symbol": _THE_SYMBOL,
                "isIsolated": _BOOLEAN,
                "origClientOrderId": shape(_CLIENT_ID, required=True),
            }
        )
    ),
    "POST /sapi/v1/margin/order": Operation(
        _timed(
            {
                "symbol": _THE_SYMBOL,
                "isIsolated": _BOOLEAN,
                "side": any_of("BUY", "SELL", required=True),
                "type": any_of("MARKET", *sorted(_LIMITS | _STOPS), required=True),
                "quantity": shape(POSITIVE, required=True),
                "newClientOrderId": shape(_CLIENT_ID, required=True),
                "sideEffectType": any_of("NO_SIDE_EFFECT", "MARGIN_BUY", "AUTO_REPAY", required=True),
                "newOrderRespType": any_of("FULL", required=True),
                "price": shape(POSITIVE),
                "stopPrice": shape(POSITIVE),
                "timeInForce": any_of("GTC", "IOC"),
            }
        ),
        _order_rule,
    ),
    "POST /sapi/v1/margin/borrow-repay": Operation(
        _timed(
            {
                "type": any_of("REPAY", required=True),
                "asset": any_of(*ASSETS, required=True),
                "amount": shape(POSITIVE, required=True),
                "isIsolated": _BOOLEAN,
                "symbol": _SYMBOL,
            }
        ),
        _isolated_names_pair,
    ),
    "POST /sapi/v1/userListenToken": Operation(
        _timed({"isIsolated": _BOOLEAN, "symbol": _SYMBOL}), _isolated_names_pair
    ),
}
"""Binance's calls by method and path."""

KEY_ONLY = frozenset(
    {
        "GET /sapi/v1/margin/allPairs",
        "GET /sapi/v1/margin/isolated/allPairs",
        "GET /sapi/v1/margin/priceIndex",
    }
)
"""Reads that want the key's name and no signature."""


def may_open(operation: str, parameters: Parameters) -> bool:
    """Whether this call could add risk. An order with AUTO_REPAY borrows nothing: it is how positions are closed."""
    return operation == "POST /sapi/v1/margin/order" and parameters.get("sideEffectType") != "AUTO_REPAY"


def opened_by(order: Parameters) -> tuple[Pair, Decimal]:
    """Which pair an order opens, and how much of it."""
    return Pair(Asset(order["symbol"].removesuffix("USDT")), Asset("USDT")), Decimal(order["quantity"])
