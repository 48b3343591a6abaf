"""A Binance made of prepared answers: signer, transport and sockets for tests that need no emulator."""

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

from jarvis.signer.venues import check
from jarvis.venues.base import SignedRequest
from jarvis.venues.binance import CROSS, BinanceVenue
from jarvis.venues.binance.fields import decode, milliseconds
from jarvis.venues.session import HttpAnswer, VenueUrls
from tests.venues import scripted
from tests.venues.wires import HandClock

WIRE = Path(__file__).resolve().parents[2] / "wire" / "binance"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "wire" / "binance"
URLS = VenueUrls(
    rest="http://127.0.0.1:9/binance",
    ws_public="ws://127.0.0.1:9/binance/stream",
    ws_private="ws://127.0.0.1:9/binance/ws-api/v3",
)

ORDER = "POST /sapi/v1/margin/order"
CANCEL = "DELETE /sapi/v1/margin/order"
QUERY = "GET /sapi/v1/margin/order"
REPAY = "POST /sapi/v1/margin/borrow-repay"
TOKEN = "POST /sapi/v1/userListenToken"
ACCOUNT = "GET /sapi/v1/margin/account"
POTS = "GET /sapi/v1/margin/isolated/account"
OPEN_ORDERS = "GET /sapi/v1/margin/openOrders"
TRADES = "GET /sapi/v1/margin/myTrades"
KEY_INFO = "GET /sapi/v1/account/apiRestrictions"

_KNOWN = {
    "GET /api/v3/time": "time",
    "GET /api/v3/exchangeInfo": "exchange_info",
    "GET /api/v3/ticker/price": "ticker_price",
    "GET /api/v3/ticker/bookTicker": "book_ticker",
    "GET /sapi/v1/margin/allPairs": "all_pairs",
    "GET /sapi/v1/margin/isolated/allPairs": "isolated_all_pairs",
    "GET /sapi/v1/margin/priceIndex": "price_index",
    "GET /sapi/v1/margin/tradeCoeff": "trade_coeff",
    "GET /sapi/v1/margin/isolatedMarginData": "isolated_margin_data",
    "GET /sapi/v1/margin/isolatedMarginTier": "isolated_margin_tier",
    KEY_INFO: "api_restrictions",
    ACCOUNT: "margin_account",
    POTS: "isolated_account",
    ORDER: "place_order",
    TOKEN: "user_listen_token",
}


def sample(name: str) -> bytes:
    """The bytes of one recorded shape."""
    return (WIRE / f"{name}.json").read_bytes()


def told(name: str) -> Any:
    """One recorded answer, read with exact numbers."""
    return decode(sample(name))


def changed(name: str, *path: str | int, to: object) -> Any:
    """A sample with one field at `path` replaced, or removed with `to=...`."""
    value = told(name)
    place = value
    for step in path[:-1]:
        place = place[step]
    if to is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return value


def answer(value: object, *, status: int = 200, **headers: str) -> HttpAnswer:
    """An answer of the venue, with headers whose underscores are dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpAnswer(status, named, json.dumps(value, default=str).encode())


def refusal(code: int, message: str = "", status: int = 400, **headers: str) -> HttpAnswer:
    """A refusal of the venue."""
    return answer({"code": code, "msg": message}, status=status, **headers)


class CheckingSigner:
    """Puts the parameters on the wire as they are, once the real allow-list has taken them."""

    def __init__(self) -> None:
        self.failure: Exception | None = None

    async def sign(self, operation: str, parameters: Mapping[str, str]) -> SignedRequest:
        if self.failure is not None:
            raise self.failure
        check("binance", operation, parameters)
        method, _, path = operation.partition(" ")
        sent = urlencode(parameters)
        headers = {"X-MBX-APIKEY": "made-up"}
        if method == "POST":
            return SignedRequest(method, path, headers, sent.encode())
        return SignedRequest(method, f"{path}?{sent}" if sent else path, headers, b"")


class ScriptedTransport(scripted.Transport):
    """Binance's answers. A call is named by its verb and path."""

    unsaid = ("timestamp", "recvWindow")

    def __init__(self) -> None:
        super().__init__()
        for operation, name in _KNOWN.items():
            self.says(operation, sample(name))

    def name_of(self, method: str, path: str) -> str:
        return f"{method} {path.removeprefix('/binance')}"

    def keeps_time(self, clock: HandClock) -> None:
        """Let the venue's clock be this one."""
        self.says("GET /api/v3/time", lambda _: answer({"serverTime": milliseconds(clock.now())}))


class ScriptedSocket(scripted.Socket):
    """It answers pings, and subscriptions with a running number."""

    def __init__(self, *, answers: bool = True, answers_pings: bool = True) -> None:
        super().__init__()
        self.subscriptions = 0
        self._answers = answers
        self._answers_pings = answers_pings

    def hear(self, message: Any) -> None:
        match message["method"]:
            case "ping" | "LIST_SUBSCRIPTIONS" if self._answers_pings:
                self.say(json.dumps({"id": message["id"], "status": 200, "result": {}, "rateLimits": []}))
            case "SUBSCRIBE" if self._answers:
                self.say(json.dumps({"id": message["id"], "result": None}))
            case "userDataStream.subscribe.listenToken" if self._answers:
                self.subscriptions += 1
                result = {"subscriptionId": self.subscriptions}
                self.say(json.dumps({"id": message["id"], "status": 200, "result": result, "rateLimits": []}))


def binance(
    transport: ScriptedTransport,
    *,
    clock: HandClock | None = None,
    signer: CheckingSigner | None = None,
    execution_venue: str = CROSS,
) -> BinanceVenue:
    """An adapter over prepared answers."""
    return BinanceVenue(
        transport=transport,
        urls=URLS,
        signer=signer or CheckingSigner(),
        clock=clock or HandClock(),
        random=Random(7),
        execution_venue=execution_venue,
    )
