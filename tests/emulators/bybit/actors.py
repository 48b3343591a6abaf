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
from jarvis.emulators.bybit import BybitEmulator
from jarvis.emulators.bybit.keys import sign, signature
from jarvis.emulators.bybit.text import millis
from jarvis.emulators.venue import KeyForm
from jarvis.emulators.wire import WireRequest, WireResponse, WireSocket
from jarvis.sim.exchange import SimExchange
from jarvis.sim.instruments import bybit_instruments
from jarvis.sim.market import RecordedMarket
from jarvis.sim.models import BYBIT, VenueModel

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
USDT = Asset("USDT")
BTC, ETH, DOGE, BNB = (Pair.parse(f"{base}/USDT") for base in ("BTC", "ETH", "DOGE", "BNB"))
TRADER = frozenset({"Spot:SpotTrade"})
_FLAT = {BTC: "50000", ETH: "3000", DOGE: "0.1", BNB: "600"}


def market(path: Sequence[str] = (), *, minutes: int = 600, start: datetime = START) -> RecordedMarket:
    """Four pairs that stand still, but bitcoin, whose first bars are `path` (open high low close)."""
    bars: dict[Pair, list[Bar]] = {}
    for pair, price in _FLAT.items():
        own = list(path) if pair == BTC else []
        last = own[-1].split()[-1] if own else price
        own += [f"{last} {last} {last} {last}"] * (minutes - len(own))
        bars[pair] = [_bar(pair, start + minute * MINUTE, prices) for minute, prices in enumerate(own)]
    return RecordedMarket(bars)


def _bar(pair: Pair, opened_at: datetime, prices: str) -> Bar:
    opened, high, low, close = (Decimal(price) for price in prices.split())
    return Bar(pair, MINUTE, opened_at, opened, high, low, close, Decimal(10))


class Venue:
    """One emulated Bybit over a market, and its clients."""

    def __init__(
        self,
        path: Sequence[str] = (),
        *,
        minutes: int = 600,
        seed: int = 7,
        start: datetime = START,
        model: VenueModel = BYBIT,
    ) -> None:
        source = market(path, minutes=minutes, start=start)
        listed = bybit_instruments()
        instruments = {pair: listed[pair] for pair in source.pairs}
        self.exchange = SimExchange(instruments=instruments, model=model, market=source, seed=seed)
        self.bybit = BybitEmulator(self.exchange, now=lambda: self.exchange.now, seed=seed, heartbeat_seconds=0.02)

    def client(
        self,
        name: str = "ann",
        permissions: frozenset[str] = TRADER,
        *,
        profile: str = "",
        deposits: Mapping[str, str] | None = None,
        **inputs: str,
    ) -> "Client":
        """A new key, of a new account unless the name is known."""
        if name not in self.bybit.account_names():
            money = {Asset(asset): Decimal(amount) for asset, amount in (deposits or {"USDT": "10000"}).items()}
            self.bybit.open_account(name, money, profile)
        public, secret = self.bybit.make_key(name, KeyForm("test", permissions, inputs))
        return Client(self.bybit, public.value, secret.value)

    def move(self, minutes: float = 1) -> None:
        """Let market time pass, bar by bar."""
        until = self.exchange.now + minutes * MINUTE
        while self.exchange.now < until:
            self.bybit.publish(self.exchange.advance(min(until, self.exchange.now + MINUTE)))

    async def public(self, path: str, query: str = "") -> Any:
        """The result of a public call that must succeed."""
        answer = json.loads((await self.bybit.handle(WireRequest("GET", f"/v5/{path}", query))).body)
        assert answer["retCode"] == 0, answer
        return answer["result"]


class Client:
    """Signs and sends with one key."""

    def __init__(self, bybit: BybitEmulator, public: str, secret: str) -> None:
        self.bybit = bybit
        self.key = public
        self.secret = secret

    def request(
        self,
        method: str,
        path: str,
        fields: Mapping[str, Any],
        *,
        ahead: int = 0,
        window: str = "5000",
        remote: str = "127.0.0.1",
        tamper: str = "",
    ) -> WireRequest:
        """A signed request; `ahead` milliseconds before the venue's clock, its signature spoilt by `tamper`."""
        query = urlencode(fields) if method == "GET" else ""
        body = json.dumps(fields).encode() if method == "POST" else b""
        timestamp = str(millis(self.bybit.exchange.now) + ahead)
        signed = signature(self.secret, timestamp, self.key, window, body or query.encode())
        headers = {
            "x-bapi-api-key": self.key,
            "x-bapi-timestamp": timestamp,
            "x-bapi-recv-window": window,
            "x-bapi-sign": signed + tamper,
            "content-type": "application/json",
        }
        return WireRequest(method, f"/v5/{path}", query, headers, body, remote)

    async def send(self, method: str, path: str, fields: Mapping[str, Any], **how: Any) -> WireResponse:
        """The raw answer."""
        return await self.bybit.handle(self.request(method, path, fields, **how))

    async def answer(self, method: str, path: str, fields: Mapping[str, Any], **how: Any) -> Any:
        """The whole envelope."""
        return json.loads((await self.send(method, path, fields, **how)).body)

    async def get(self, path: str, **fields: Any) -> Any:
        """The result of a GET that must succeed."""
        answer = await self.answer("GET", path, fields)
        assert answer["retCode"] == 0, answer
        return answer["result"]

    async def post(self, path: str, **fields: Any) -> Any:
        """The result of a POST that must succeed."""
        answer = await self.answer("POST", path, fields)
        assert answer["retCode"] == 0, answer
        return answer["result"]

    async def refused(self, method: str, path: str, **fields: Any) -> int:
        """The code of a call that must be refused, over HTTP 200."""
        response = await self.send(method, path, fields)
        assert response.status == 200
        code = json.loads(response.body)["retCode"]
        assert code != 0, response.body
        return int(code)

    # Orders.

    async def order(self, **fields: Any) -> str:
        """A bitcoin order's id."""
        return str((await self.post("order/create", **(_ORDER | fields)))["orderId"])

    async def refused_order(self, **fields: Any) -> int:
        """The code with which a bitcoin order is refused."""
        return await self.refused("POST", "order/create", **(_ORDER | fields))

    async def buy(self, qty: str = "0.1", **fields: Any) -> str:
        """Buy bitcoin at market with leverage."""
        return await self.order(side="Buy", qty=qty, marketUnit="baseCoin", isLeverage=1, **fields)

    async def sell(self, qty: str = "0.1", **fields: Any) -> str:
        """Sell bitcoin at market with leverage."""
        return await self.order(side="Sell", qty=qty, isLeverage=1, **fields)

    async def rest(self, price: str = "48000", qty: str = "0.1", **fields: Any) -> str:
        """Rest a leveraged limit order below the market."""
        more = {"orderType": "Limit", "side": "Buy", "isLeverage": 1} | fields
        return await self.order(price=price, qty=qty, **more)

    async def open_orders(self, **fields: Any) -> list[Any]:
        """Rows of open orders, newest first."""
        return list((await self.get("order/realtime", category="spot", **fields))["list"])

    async def history(self, **fields: Any) -> list[Any]:
        """Rows of orders that are over, newest first."""
        return list((await self.get("order/history", category="spot", **fields))["list"])

    async def fills(self, **fields: Any) -> list[Any]:
        """Rows of fills, newest first."""
        return list((await self.get("execution/list", category="spot", **fields))["list"])

    async def coin(self, name: str) -> Any:
        """One coin of the wallet."""
        wallet = await self.get("account/wallet-balance", accountType="UNIFIED", coin=name)
        return wallet["list"][0]["coin"][0]

    async def wallet(self) -> Any:
        """The wallet's row."""
        return (await self.get("account/wallet-balance", accountType="UNIFIED"))["list"][0]

    # Streams.

    async def stream(self, *topics: str, path: str = "/v5/private") -> "Stream":
        """An authenticated socket, subscribed to these topics."""
        stream = Stream(self.bybit.connect(path))
        await stream.login(self)
        if topics:
            stream.say("subscribe", list(topics))
            acknowledgement = await stream.next()
            assert acknowledgement["success"], acknowledgement
        return stream


_ORDER = {"category": "spot", "symbol": "BTCUSDT", "orderType": "Market"}


class Stream:
    """A client's end of a WebSocket."""

    def __init__(self, socket: WireSocket) -> None:
        self.socket = socket

    def say(self, op: str, args: Sequence[Any] = (), **more: Any) -> None:
        """Send one request."""
        self.socket.receive(json.dumps({"op": op, "args": list(args), "req_id": "1"} | more))

    async def login(self, client: Client, *, ahead: int = 10_000) -> dict[str, Any]:
        """The answer to a login."""
        expires = millis(client.bybit.exchange.now) + ahead
        self.say("auth", [client.key, expires, sign(client.secret, f"GET/realtime{expires}")])
        return await self.next()

    async def next(self) -> dict[str, Any]:
        """The next frame."""
        text = await self.socket.next_frame()
        assert text is not None, "the socket was closed"
        frame = json.loads(text)
        assert isinstance(frame, dict)
        return frame

    async def waiting(self) -> list[dict[str, Any]]:
        """Every frame up to the answer to a ping."""
        self.say("ping", req_id="until here")
        frames: list[dict[str, Any]] = []
        while (frame := await self.next()).get("req_id") != "until here":
            frames.append(frame)
        return frames

    async def rows(self, topic: str) -> list[dict[str, Any]]:
        """Every datum of one topic that is queued by now; what else is queued is dropped."""
        return [row for frame in await self.waiting() if frame.get("topic") == topic for row in frame["data"]]
