"""A Bybit made of prepared answers: signer, transport and sockets for tests that need no emulator."""

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

from jarvis.signer.venues import check
from jarvis.venues.base import SignedRequest
from jarvis.venues.bybit import BybitVenue
from jarvis.venues.bybit.fields import decode
from jarvis.venues.bybit.parse import parse_symbols
from jarvis.venues.bybit.symbols import Symbols
from jarvis.venues.session import HttpAnswer, VenueUrls
from tests.venues import scripted
from tests.venues.wires import HandClock

WIRE = Path(__file__).resolve().parents[2] / "wire" / "bybit"
URLS = VenueUrls(
    rest="http://127.0.0.1:9/bybit",
    ws_public="ws://127.0.0.1:9/bybit/v5/public/spot",
    ws_private="ws://127.0.0.1:9/bybit/v5/private",
)

CREATE, AMEND, CANCEL = "/v5/order/create", "/v5/order/amend", "/v5/order/cancel"
REALTIME, HISTORY, EXECUTIONS = "/v5/order/realtime", "/v5/order/history", "/v5/execution/list"
WALLET, LOG, REPAY = "/v5/account/wallet-balance", "/v5/account/transaction-log", "/v5/account/no-convert-repay"
TICKERS, TIME, KEY = "/v5/market/tickers", "/v5/market/time", "/v5/user/query-api"


def sample(name: str) -> bytes:
    """The bytes of one recorded shape."""
    return (WIRE / f"{name}.json").read_bytes()


def result(name: str) -> Any:
    """The `result` of one REST answer, read with exact numbers."""
    return decode(sample(name))["result"]


def frame(name: str, **changes: object) -> str:
    """One stream frame, with top-level fields changed."""
    return json.dumps({**json.loads(sample(name)), **changes})


def symbols() -> Symbols:
    """The symbol table of the samples."""
    return Symbols(parse_symbols(result("instruments_info")))


def answer(
    value: object = None, code: int = 0, message: str = "OK", *, status: int = 200, **headers: str
) -> HttpAnswer:
    """An answer of the exchange itself."""
    body = {
        "retCode": code,
        "retMsg": message,
        "result": value if value is not None else {},
        "retExtInfo": {},
        "time": 1,
    }
    told = {name.replace("_", "-"): text for name, text in headers.items()}
    return HttpAnswer(status, told, json.dumps(body, default=str).encode())


def listed(*rows: object, cursor: str = "") -> HttpAnswer:
    """A page of rows."""
    return answer({"list": list(rows), "nextPageCursor": cursor, "category": "spot"})


class CheckingSigner:
    """Refuses what the real signer's allow-list does not name, and leaves the parameters to be seen."""

    def __init__(self) -> None:
        self.failure: Exception | None = None

    async def sign(self, operation: str, parameters: Mapping[str, str]) -> SignedRequest:
        if self.failure is not None:
            raise self.failure
        check("bybit", operation, parameters)
        method, _, path = operation.partition(" ")
        if method == "WS":
            frame = {"req_id": "login", "op": "auth", "args": ["made-up", int(parameters["timestamp"]) + 10_000, "00"]}
            return SignedRequest("WS", "", {}, json.dumps(frame).encode())
        encoded = urlencode(parameters)
        if method == "GET":
            return SignedRequest(method, f"{path}?{encoded}", {"X-BAPI-SIGN": "made-up"}, b"")
        return SignedRequest(method, path, {"X-BAPI-SIGN": "made-up"}, encoded.encode())


class ScriptedTransport(scripted.Transport):
    """Bybit's answers. A call is named by its path."""

    unsaid = ("timestamp",)

    def __init__(self) -> None:
        super().__init__()
        for path, name in (
            (TIME, "market_time"),
            ("/v5/market/instruments-info", "instruments_info"),
            (TICKERS, "tickers"),
            ("/v5/account/info", "account_info"),
            ("/v5/spot-margin-trade/state", "spot_margin_state"),
            ("/v5/spot-margin-trade/coinstate", "coinstate"),
            ("/v5/account/collateral-info", "collateral_info"),
            ("/v5/spot-margin-trade/position-tiers", "position_tiers"),
            (KEY, "query_api"),
            (WALLET, "wallet_balance"),
            (CREATE, "order_created"),
            (AMEND, "order_amended"),
            (CANCEL, "order_cancelled"),
            (REPAY, "repaid"),
        ):
            self.says(path, sample(name))
        for path in (REALTIME, HISTORY, EXECUTIONS, LOG):
            self.says(path, listed())

    def name_of(self, method: str, path: str) -> str:
        return path.removeprefix("/bybit")

    def stamps(self, path: str) -> list[int]:
        """The timestamps of every call of a path."""
        return [int(parameters["timestamp"]) for called, parameters in self.calls if called == path]


class ScriptedSocket(scripted.Socket):
    """It takes logins and subscriptions, and answers pings, unless told not to."""

    def __init__(self, *, login: str | None = None, ack: str = "ws_subscribed", pongs: bool = True) -> None:
        super().__init__()
        self._login = sample("ws_login").decode() if login is None else login
        self._ack = ack
        self._pongs = pongs

    def hear(self, message: Any) -> None:
        match message["op"]:
            case "auth":
                self.say(self._login)
            case "subscribe":
                self.say(frame(self._ack, req_id=message["req_id"]))
            case "ping" if self._pongs:
                is_private = self.url.endswith("private")
                self.say(frame("ws_pong_private", req_id=message["req_id"]) if is_private else frame("ws_pong_public"))


class Hasty(Random):
    """Chance that never makes a test wait."""

    def uniform(self, a: float, b: float) -> float:
        return super().uniform(a, b) / 1000


def bybit(
    transport: ScriptedTransport, *, clock: HandClock | None = None, signer: CheckingSigner | None = None
) -> BybitVenue:
    """An adapter over prepared answers."""
    return BybitVenue(
        transport=transport, urls=URLS, signer=signer or CheckingSigner(), clock=clock or HandClock(), random=Hasty(7)
    )
