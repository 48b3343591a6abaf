"""An OKX made of prepared answers: signer, transport and sockets for tests that need no emulator."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.order import ClientOrderId, OrderRequest, OrderRole, OrderType
from jarvis.signer.venues import check
from jarvis.venues.base import SignedRequest
from jarvis.venues.okx import OkxVenue
from jarvis.venues.okx.fields import decode
from jarvis.venues.session import HttpAnswer, VenueUrls
from tests.venues import scripted
from tests.venues.wires import HandClock

WIRE = Path(__file__).resolve().parents[2] / "wire" / "okx"
URLS = VenueUrls(
    rest="http://127.0.0.1:9/okx",
    ws_public="ws://127.0.0.1:9/okx/ws/v5/public",
    ws_private="ws://127.0.0.1:9/okx/ws/v5/private",
)
BTC = Pair.parse("BTC/USDT")
OURS = ClientOrderId("jv0000001")
ALGO = "681096944655273984"

TIME, STATUS, CONFIG = "public/time", "system/status", "account/config"
BALANCE, POSITIONS = "account/balance", "account/positions"
ORDER, CANCEL, AMEND = "trade/order", "trade/cancel-order", "trade/amend-order"
ALGO_ORDER, CANCEL_ALGO, AMEND_ALGO = "trade/order-algo", "trade/cancel-algos", "trade/amend-algos"
PENDING, ALGO_PENDING, FILLS = "trade/orders-pending", "trade/orders-algo-pending", "trade/fills-history"
INTEREST, BILLS, ARCHIVE = "account/interest-accrued", "account/bills", "account/bills-archive"
PLACED = f"POST {ORDER}"
PLACED_ALGO = f"POST {ALGO_ORDER}"


def sample(name: str) -> bytes:
    """The bytes of one sample."""
    return (WIRE / f"{name}.json").read_bytes()


def rows(name: str) -> Any:
    """The `data` of one sample, read with exact numbers."""
    return decode(sample(name))["data"]


def row(name: str, **changes: object) -> Any:
    """The first row of one sample, with fields changed."""
    return {**rows(name)[0], **changes}


def frame(name: str, **changes: object) -> str:
    """One stream frame, with fields of its first row changed."""
    told = json.loads(sample(name))
    if changes:
        told["data"][0].update(changes)
    return json.dumps(told)


def answer(data: object = (), code: str = "0", message: str = "", *, status: int = 200) -> HttpAnswer:
    """An answer of the exchange itself."""
    return HttpAnswer(status, {}, json.dumps({"code": code, "msg": message, "data": data}, default=str).encode())


def item(code: str, *, sub_code: str = "", message: str = "no") -> HttpAnswer:
    """A trading call's refusal of its one item."""
    told = {"ordId": "", "clOrdId": OURS, "sCode": code, "sMsg": message, "subCode": sub_code}
    return answer([told], "1", "All operations failed")


def wish(**changes: Any) -> OrderRequest:
    """A market entry of 0.01 BTC, or what `changes` make of it."""
    wanted: dict[str, Any] = {
        "client_order_id": OURS,
        "pair": BTC,
        "side": Side.BUY,
        "order_type": OrderType.MARKET,
        "quantity": Decimal("0.01"),
        "leverage": 5,
        "role": OrderRole.ENTRY,
    }
    return OrderRequest(**{**wanted, **changes})


def stop(**changes: Any) -> OrderRequest:
    """A stop that sells 0.01 BTC below 59000."""
    wanted = {
        "side": Side.SELL,
        "order_type": OrderType.STOP,
        "trigger_price": Decimal(59_000),
        "role": OrderRole.STOP,
        "reduce_only": True,
    }
    return wish(**{**wanted, **changes})


class CheckingSigner:
    """Refuses what the real signer's allow-list does not name, and leaves the parameters to be seen."""

    def __init__(self) -> None:
        self.failure: Exception | None = None

    async def sign(self, operation: str, parameters: Mapping[str, str]) -> SignedRequest:
        if self.failure is not None:
            raise self.failure
        check("okx", operation, parameters)
        method, _, path = operation.partition(" ")
        if method == "WS":
            login = {"apiKey": "made-up", "passphrase": "made-up", "timestamp": "1", "sign": "made-up"}
            return SignedRequest("WS", "", {}, json.dumps({"op": "login", "args": [login]}).encode())
        encoded = urlencode(parameters)
        if method == "GET":
            return SignedRequest(method, f"{path}?{encoded}", {"OK-ACCESS-SIGN": "made-up"}, b"")
        return SignedRequest(method, path, {"OK-ACCESS-SIGN": "made-up"}, encoded.encode())


class ScriptedTransport(scripted.Transport):
    """OKX's answers. A call is named by its path, with the verb before it where that is `POST`."""

    unsaid = ("timestamp",)

    def __init__(self) -> None:
        super().__init__()
        for path, name in (
            (TIME, "time"),
            (CONFIG, "config_futures"),
            ("public/instruments", "instruments_margin"),
            ("account/instruments", "instruments_margin"),
            ("account/leverage-info", "leverage_info"),
            ("public/position-tiers", "position_tiers"),
            ("public/price-limit", "price_limit"),
            ("market/ticker", "ticker"),
            ("account/trade-fee", "trade_fee"),
            ("account/interest-rate", "interest_rate"),
            ("account/max-size", "max_size"),
            (BALANCE, "balance_futures"),
            (POSITIONS, "positions"),
            (PLACED, "place_order"),
            (PLACED_ALGO, "place_algo_order"),
            (f"POST {CANCEL}", "cancel_order"),
            (f"POST {AMEND}", "amend_order"),
            (f"POST {CANCEL_ALGO}", "cancel_algo_order"),
            (f"POST {AMEND_ALGO}", "amend_algo_order"),
        ):
            self.says(path, sample(name))
        for path in (STATUS, PENDING, ALGO_PENDING, FILLS, INTEREST, BILLS, ARCHIVE):
            self.says(path, answer([]))
        for path in (ORDER, ALGO_ORDER):
            self.says(path, answer([], "51603", "Order does not exist"))

    def name_of(self, method: str, path: str) -> str:
        name = path.removeprefix("/okx/api/v5/")
        return name if method == "GET" else f"{method} {name}"


class ScriptedSocket(scripted.Socket):
    """It answers pings, and logins and subscriptions if it is told to."""

    def __init__(self, *, answers_pings: bool = True, confirms: bool = True) -> None:
        super().__init__()
        self.answers_pings = answers_pings
        self._confirms = confirms

    def hear(self, message: Any) -> None:
        if message == "ping":
            if self.answers_pings:
                self.say("pong")
        elif self._confirms and message["op"] == "login":
            self.say(frame("ws_login"))
        elif self._confirms:
            for arg in message["args"]:
                self.say(json.dumps({"event": "subscribe", "arg": arg, "connId": "a4d3ae55"}))
                self.say(frame("ws_connections"))


def okx(
    transport: ScriptedTransport,
    *,
    clock: HandClock | None = None,
    signer: CheckingSigner | None = None,
    keyless: bool = False,
) -> OkxVenue:
    """An adapter over prepared answers."""
    return OkxVenue(
        transport=transport,
        urls=URLS,
        signer=None if keyless else signer or CheckingSigner(),
        clock=clock or HandClock(),
        random=Random(7),
    )
