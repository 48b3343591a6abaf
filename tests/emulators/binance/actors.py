"""A market of a few bars, a venue over it, and clients that speak to it as strangers would: in signed bytes."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import Asset
from jarvis.emulators.binance import BinanceEmulator, Permission
from jarvis.emulators.binance.keys import hmac_signature
from jarvis.emulators.binance.text import ms
from jarvis.emulators.wire import WireRequest, WireResponse, WireSocket
from jarvis.sim.exchange import SimExchange
from jarvis.sim.instruments import binance_instruments
from jarvis.sim.market import RecordedMarket
from jarvis.sim.models import BINANCE

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
USDT = Asset("USDT")
BTC, ETH, DOGE, BNB = (Pair.parse(f"{base}/USDT") for base in ("BTC", "ETH", "DOGE", "BNB"))
EVERY_BOX = frozenset(permission.value for permission in Permission)
TRADER = frozenset({"enableReading", "enableSpotAndMarginTrading", "enableMargin"})
HERE = ("127.0.0.1",)
MARGIN = "/sapi/v1/margin"
_FLAT = {BTC: "50000", ETH: "3000", DOGE: "0.1", BNB: "600"}


def bar(pair: Pair, minute: int, prices: str, start: datetime = START, step: timedelta = MINUTE) -> Bar:
    """A bar of the given minute; `prices` is open, high, low, close."""
    opened, high, low, close = (Decimal(price) for price in prices.split())
    return Bar(pair, step, start + minute * step, opened, high, low, close, Decimal(10))


def market(
    path: Sequence[str] = (), *, minutes: int = 600, start: datetime = START, step: timedelta = MINUTE
) -> RecordedMarket:
    """Four pairs that stand still, but bitcoin, whose first bars are `path`; then it stays where that ended.

    `minutes` counts bars; they are of a minute each unless `step` says otherwise.
    """
    bars: dict[Pair, list[Bar]] = {}
    for pair, price in _FLAT.items():
        own = list(path) if pair == BTC else []
        last = own[-1].split()[-1] if own else price
        own += [f"{last} {last} {last} {last}"] * (minutes - len(own))
        bars[pair] = [bar(pair, minute, prices, start, step) for minute, prices in enumerate(own)]
    return RecordedMarket(bars)


class Venue:
    """One emulated Binance over a market, and its clients."""

    def __init__(
        self, path: Sequence[str] = (), *, minutes: int = 600, seed: int = 7, step: timedelta = MINUTE
    ) -> None:
        source = market(path, minutes=minutes, step=step)
        listed = binance_instruments()
        instruments = {pair: listed[pair] for pair in source.pairs}
        self.exchange = SimExchange(instruments=instruments, model=BINANCE, market=source, seed=seed)
        self.binance = BinanceEmulator(self.exchange, now=lambda: self.exchange.now, seed=seed, heartbeat_seconds=0.02)

    def client(
        self,
        name: str = "ann",
        permissions: frozenset[str] = TRADER,
        *,
        profile: str = "cross",
        deposits: Mapping[str, str] | None = None,
        **restrictions: Any,
    ) -> "Client":
        """A new key, of a new account unless the name is known."""
        if name not in self.binance.keys.accounts:
            money = {Asset(asset): Decimal(amount) for asset, amount in (deposits or {USDT: "10000"}).items()}
            self.binance.create_account(name, money, profile)
        restrictions.setdefault("ip_allowlist", HERE)
        public, secret = self.binance.create_key(name, permissions, "test", **restrictions)
        return Client(self, public, secret, is_isolated=profile == "isolated")

    def move(self, minutes: int = 1) -> None:
        """Let market time pass."""
        self.binance.publish(self.exchange.advance(self.exchange.now + minutes * MINUTE))

    async def get(self, path: str, **params: Any) -> Any:
        """A public answer."""
        response = await self.binance.handle(WireRequest("GET", f"/api/v3/{path}", urlencode(params)))
        return json.loads(response.body)


class Client:
    """Signs and sends."""

    def __init__(self, venue: Venue, public: str, secret: str, *, is_isolated: bool = False) -> None:
        self.venue = venue
        self.public = public
        self.secret = secret
        self.is_isolated = is_isolated

    def signed(self, params: Mapping[str, Any], **security: Any) -> str:
        """The parameters with their time and signature."""
        text = urlencode({**params, "timestamp": ms(self.venue.exchange.now), **security})
        return f"{text}&signature={hmac_signature(self.secret, text)}"

    async def raw(
        self, method: str, path: str, query: str = "", body: str = "", *, remote: str = "127.0.0.1"
    ) -> WireResponse:
        """The answer to exactly these bytes, with the key's header."""
        request = WireRequest(method, path, query, {"x-mbx-apikey": self.public}, body.encode(), remote)
        return await self.venue.binance.handle(request)

    async def send(
        self, operation: str, *, remote: str = "127.0.0.1", in_query: bool = False, **params: Any
    ) -> WireResponse:
        """The raw answer to a signed call: `GET margin/account`; what is posted goes into the body."""
        method, _, path = operation.partition(" ")
        full = f"/sapi/v1/{path}"
        text = self.signed(params)
        if method == "POST" and not in_query:
            return await self.raw(method, full, body=text, remote=remote)
        return await self.raw(method, full, query=text, remote=remote)

    async def call(self, operation: str, **params: Any) -> Any:
        """The result of a signed call that must succeed."""
        response = await self.send(operation, **params)
        assert response.status == 200, response.body
        return json.loads(response.body)

    async def refused(self, operation: str, **params: Any) -> tuple[int, int, str]:
        """HTTP status, code and message of a signed call that must be refused."""
        response = await self.send(operation, **params)
        assert response.status != 200, response.body
        answer = json.loads(response.body)
        return response.status, answer["code"], answer["msg"]

    def order(self, **fields: Any) -> dict[str, Any]:
        """An order on bitcoin: a market buy of 0.1 that borrows what is missing, unless said otherwise."""
        base = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "sideEffectType": "MARGIN_BUY"}
        wanted = base | fields
        if "quoteOrderQty" not in wanted:
            wanted.setdefault("quantity", "0.1")
        if self.is_isolated:
            wanted["isIsolated"] = "TRUE"
        return {name: value for name, value in wanted.items() if value is not None}

    async def place(self, **fields: Any) -> Any:
        """Place an order that must be taken."""
        return await self.call("POST margin/order", **self.order(**fields))

    async def rest(self, price: str = "40000", **fields: Any) -> Any:
        """Rest a limit order far from the market."""
        return await self.place(type="LIMIT", timeInForce="GTC", price=price, **fields)

    async def asset(self, name: str) -> dict[str, str]:
        """A row of the cross account."""
        account = await self.call("GET margin/account")
        return next(row for row in account["userAssets"] if row["asset"] == name)

    async def stream(self, **token: Any) -> "Stream":
        """A subscription to the account's user data."""
        fields = {"isIsolated": "true", "symbol": "BTCUSDT"} if self.is_isolated else {}
        granted = await self.call("POST userListenToken", **(fields | token))
        stream = Stream(self.venue.binance.connect("/ws-api/v3"), granted["token"])
        reply = await stream.ask("userDataStream.subscribe.listenToken", listenToken=granted["token"])
        assert reply["status"] == 200, reply
        return stream


class Stream:
    """A client's end of a WebSocket."""

    def __init__(self, socket: WireSocket, token: str = "") -> None:
        self.socket = socket
        self.token = token

    def say(self, **message: Any) -> None:
        """Send one frame."""
        self.socket.receive(json.dumps(message))

    async def next(self) -> Any:
        """The next frame."""
        text = await self.socket.next_frame()
        assert text is not None, "the socket was closed"
        return json.loads(text)

    async def ask(self, method: str, **params: Any) -> Any:
        """The reply to a WebSocket API request."""
        self.say(id="1", method=method, params=params)
        return await self.next()

    async def all(self) -> list[Any]:
        """Every frame that is there, and what a quiet socket lets go."""
        import asyncio

        frames: list[Any] = []
        try:
            async with asyncio.timeout(0.08):
                while True:
                    text = await self.socket.next_frame()
                    if text is None:
                        return frames
                    frames.append(json.loads(text))
        except TimeoutError:
            return frames

    async def events(self, kind: str = "") -> list[Any]:
        """Every private event that is there."""
        rows = [frame["event"] for frame in await self.all() if "event" in frame]
        return [row for row in rows if kind in ("", row["e"])]
