"""A market of a few bars, a venue over it, and clients that speak to it as strangers would: in signed bytes."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import USD, Asset
from jarvis.emulators.kraken import KrakenEmulator, Permission, Tier
from jarvis.emulators.kraken.keys import signature
from jarvis.emulators.wire import WireRequest, WireResponse, WireSocket
from jarvis.sim.exchange import SimExchange
from jarvis.sim.instruments import kraken_instruments
from jarvis.sim.market import RecordedMarket
from jarvis.sim.models import KRAKEN

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BTC, ETH, DOGE, BNB = (Pair.parse(f"{base}/USD") for base in ("BTC", "ETH", "DOGE", "BNB"))
EVERY_BOX = frozenset(str(permission.value) for permission in Permission)
TRADER = frozenset(
    {
        "query-funds",
        "query-open-trades",
        "query-closed-trades",
        "modify-trades",
        "close-trades",
        "query-ledger",
        "create-ws-token",
    }
)
_FLAT = {BTC: "50000", ETH: "3000", DOGE: "0.1", BNB: "600"}


def bar(pair: Pair, minute: int, prices: str, *, interval: timedelta = MINUTE) -> Bar:
    """A bar of the given minute; `prices` is open, high, low, close."""
    opened, high, low, close = (Decimal(price) for price in prices.split())
    return Bar(pair, interval, START + minute * interval, opened, high, low, close, Decimal(10))


def market(path: Sequence[str] = (), *, minutes: int = 600) -> RecordedMarket:
    """Four pairs that stand still, but bitcoin, whose first bars are `path`; then it stays where that ended."""
    bars: dict[Pair, list[Bar]] = {}
    for pair, price in _FLAT.items():
        own = list(path) if pair == BTC else []
        last = own[-1].split()[-1] if own else price
        own += [f"{last} {last} {last} {last}"] * (minutes - len(own))
        bars[pair] = [bar(pair, minute, prices) for minute, prices in enumerate(own)]
    return RecordedMarket(bars)


class Venue:
    """One emulated Kraken over a market, and its clients."""

    def __init__(self, path: Sequence[str] = (), *, minutes: int = 600, seed: int = 7) -> None:
        source = market(path, minutes=minutes)
        listed = kraken_instruments()
        instruments = {pair: listed[pair] for pair in source.pairs}
        self.exchange = SimExchange(instruments=instruments, model=KRAKEN, market=source, seed=seed)
        self.kraken = KrakenEmulator(self.exchange, now=lambda: self.exchange.now, seed=seed, heartbeat_seconds=0.02)

    def client(
        self,
        name: str = "ann",
        permissions: frozenset[str] = TRADER,
        *,
        profile: str = "international",
        tier: Tier = Tier.PRO,
        deposits: Mapping[str, str] | None = None,
        **restrictions: Any,
    ) -> "Client":
        """A new key, of a new account unless the name is known."""
        if name not in self.kraken.keys.accounts:
            money = {Asset(asset): Decimal(amount) for asset, amount in (deposits or {USD: "10000"}).items()}
            self.kraken.create_account(name, money, profile, tier)
        public, private = self.kraken.create_key(name, permissions, "test", **restrictions)
        return Client(self.kraken, public, private)

    def move(self, minutes: int = 1) -> None:
        """Let market time pass."""
        self.kraken.publish(self.exchange.advance(self.exchange.now + minutes * MINUTE))


class Client:
    """Signs and sends, one key's nonces rising by themselves."""

    def __init__(self, kraken: KrakenEmulator, public: str, private: str) -> None:
        self.kraken = kraken
        self.public = public
        self.private = private
        self.nonce = 1000

    async def send(
        self, method: str, *, as_json: bool = False, remote: str = "127.0.0.1", **fields: Any
    ) -> WireResponse:
        """The raw answer to a private call."""
        self.nonce += 1
        values = {"nonce": str(self.nonce)} | fields
        body = json.dumps(values).encode() if as_json else urlencode(values).encode()
        return await self.send_body(method, body, str(self.nonce), as_json=as_json, remote=remote)

    async def send_body(
        self, method: str, body: bytes, nonce: str, *, as_json: bool = False, remote: str = "127.0.0.1"
    ) -> WireResponse:
        """The raw answer to a private call with these bytes."""
        import base64

        path = f"/0/private/{method}"
        headers = {
            "api-key": self.public,
            "api-sign": signature(base64.b64decode(self.private), path, nonce, body),
            "content-type": "application/json" if as_json else "application/x-www-form-urlencoded; charset=utf-8",
        }
        return await self.kraken.handle(WireRequest("POST", path, headers=headers, body=body, remote=remote))

    async def call(self, method: str, *, as_json: bool = False, **fields: Any) -> Any:
        """The result of a private call that must succeed."""
        answer = json.loads((await self.send(method, as_json=as_json, **fields)).body)
        assert answer["error"] == [], answer
        return answer["result"]

    async def refused(self, method: str, *, as_json: bool = False, **fields: Any) -> str:
        """The first error string of a private call that must be refused."""
        response = await self.send(method, as_json=as_json, **fields)
        assert response.status == 200
        answer = json.loads(response.body)
        assert "result" not in answer, answer
        return str(answer["error"][0])

    async def buy(self, volume: str = "0.1", *, leverage: int | None = 10, **fields: Any) -> Any:
        """Buy bitcoin at market."""
        more = {"leverage": str(leverage)} | fields if leverage else fields
        return await self.call("AddOrder", ordertype="market", type="buy", pair="XBTUSD", volume=volume, **more)

    async def rest(self, price: str = "40000", volume: str = "0.1", **fields: Any) -> str:
        """Rest a leveraged limit order far from the market; its id."""
        order = {"ordertype": "limit", "type": "buy", "pair": "XBTUSD", "leverage": "10"} | fields
        result = await self.call("AddOrder", price=price, volume=volume, **order)
        return str(result["txid"][0])

    async def token(self) -> str:
        """A WebSocket token."""
        return str((await self.call("GetWebSocketsToken"))["token"])

    async def stream(self, channel: str = "executions", **params: Any) -> "Stream":
        """A private subscription, its acknowledgement read."""
        stream = Stream(self.kraken.connect("/ws-auth/v2"), await self.token())
        stream.say("subscribe", {"channel": channel} | params)
        acknowledgement = await stream.next()
        assert acknowledgement["success"], acknowledgement
        stream.acknowledgement = acknowledgement
        return stream


class Stream:
    """A client's end of a WebSocket."""

    def __init__(self, socket: WireSocket, token: str = "") -> None:
        self.socket = socket
        self.token = token
        self.acknowledgement: dict[str, Any] = {}

    def say(self, method: str, params: dict[str, Any] | None = None, req_id: int = 1) -> None:
        """Send one request; private ones carry the token."""
        fields = ({"token": self.token} if self.token else {}) | (params or {})
        self.socket.receive(json.dumps({"method": method, "params": fields, "req_id": req_id}))

    async def next(self, *, beats: bool = False) -> dict[str, Any]:
        """The next frame; heartbeats and status banners are skipped unless asked for."""
        while True:
            text = await self.socket.next_frame()
            assert text is not None, "the socket was closed"
            frame = json.loads(text)
            assert isinstance(frame, dict)
            if beats or frame.get("channel") not in ("heartbeat", "status"):
                return frame

    async def all(self) -> list[dict[str, Any]]:
        """Every frame up to the next heartbeat."""
        frames = []
        while (frame := await self.next(beats=True)).get("channel") != "heartbeat":
            frames.append(frame)
        return [frame for frame in frames if frame.get("channel") != "status"]

    async def rows(self) -> list[dict[str, Any]]:
        """Every datum of every frame up to the next heartbeat."""
        return [row for frame in await self.all() for row in frame["data"]]
