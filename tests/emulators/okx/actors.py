"""A market of a few bars, an OKX over it, and clients that speak to it as strangers would: in signed bytes."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import Asset
from jarvis.emulators.okx import OkxEmulator
from jarvis.emulators.wire import WireRequest, WireResponse, WireSocket
from jarvis.sim.exchange import SimExchange
from jarvis.sim.instruments import okx_instruments
from jarvis.sim.market import RecordedMarket
from jarvis.sim.models import OKX, FeeModel, VenueModel

START = datetime(2026, 1, 1, 21, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BTC, ETH, DOGE, BNB = (Pair.parse(f"{base}/USDT") for base in ("BTC", "ETH", "DOGE", "BNB"))
USDT = Asset("USDT")
TRADER = frozenset({"read_only", "trade"})
PASSPHRASE = "Correct-horse-7"
_FLAT = {BTC: "50000", ETH: "3000", DOGE: "0.1", BNB: "600"}


def bar(pair: Pair, minute: int, prices: str) -> Bar:
    """A bar of the given minute; `prices` is open, high, low, close."""
    opened, high, low, close = (Decimal(price) for price in prices.split())
    return Bar(pair, MINUTE, START + minute * MINUTE, opened, high, low, close, Decimal(10))


def market(path: Sequence[str] = (), *, minutes: int = 240) -> RecordedMarket:
    """Four pairs that stand still, but bitcoin, whose first bars are `path`; then it stays where that ended."""
    bars: dict[Pair, list[Bar]] = {}
    for pair, price in _FLAT.items():
        own = list(path) if pair == BTC else []
        last = own[-1].split()[-1] if own else price
        own += [f"{last} {last} {last} {last}"] * (minutes - len(own))
        bars[pair] = [bar(pair, minute, prices) for minute, prices in enumerate(own)]
    return RecordedMarket(bars)


def model() -> VenueModel:
    """OKX's model with figures that do not change under the tests."""
    assets = [Asset(name) for name in ("USDT", "BTC", "ETH", "DOGE", "BNB")]
    wallet = OKX.wallet
    assert wallet is not None
    rates = {asset: Decimal("0.000011" if asset == USDT else "0.000006") for asset in assets}
    return replace(
        OKX,
        fee=FeeModel(maker_rate=Decimal("0.0008"), taker_rate=Decimal("0.0010")),
        collateral=dict.fromkeys(assets, Decimal(1)),
        wallet=replace(
            wallet, hourly_rates=rates, initial=Decimal("0.1"), call=Decimal("0.09"), maintenance=Decimal("0.03")
        ),
    )


class Venue:
    """One emulated OKX over a market, and its clients."""

    def __init__(
        self, path: Sequence[str] = (), *, minutes: int = 240, seed: int = 7, region: str = "www", beat: float = 0.02
    ) -> None:
        source = market(path, minutes=minutes)
        listed = okx_instruments()
        instruments = {pair: listed[pair] for pair in source.pairs}
        self.exchange = SimExchange(instruments=instruments, model=model(), market=source, seed=seed)
        self.okx = OkxEmulator(
            self.exchange, now=lambda: self.exchange.now, seed=seed, region=region, heartbeat_seconds=beat
        )

    def client(
        self,
        name: str = "ann",
        permissions: frozenset[str] = TRADER,
        *,
        profile: str = "futures",
        deposits: Mapping[str, str] | None = None,
        region: str = "",
        ip_allowlist: tuple[str, ...] = (),
    ) -> "Client":
        """A new key, of a new account unless the name is known."""
        if name not in self.okx.keys.accounts:
            money = {Asset(asset): Decimal(amount) for asset, amount in (deposits or {"USDT": "10000"}).items()}
            self.okx.create_account(name, money, profile, region)
        public, secret = self.okx.create_key(name, permissions, "test", PASSPHRASE, ip_allowlist=ip_allowlist)
        return Client(self, name, public, secret)

    def move(self, minutes: int = 1) -> None:
        """Let market time pass."""
        self.okx.publish(self.exchange.advance(self.exchange.now + minutes * MINUTE))

    async def get(self, path: str, **query: Any) -> Any:
        """The data of a public call that must succeed."""
        response = await self.okx.handle(WireRequest("GET", f"/api/v5/{path}", query=urlencode(query)))
        answer = json.loads(response.body)
        assert (response.status, answer["code"]) == (200, "0"), answer
        return answer["data"]


class Client:
    """Signs and sends with one key."""

    def __init__(self, venue: Venue, account: str, public: str, secret: str) -> None:
        self.venue = venue
        self.okx = venue.okx
        self.account = account
        self.public = public
        self.secret = secret

    def timestamp(self, shift: timedelta = timedelta(0)) -> str:
        """The market's time as the header wants it."""
        at = self.venue.exchange.now + shift
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"

    def headers(self, method: str, path: str, body: bytes, **changes: str) -> dict[str, str]:
        """Signed headers; `changes` replace some of them after signing, `shift` seconds move the clock."""
        timestamp = self.timestamp(timedelta(seconds=float(changes.pop("shift", "0"))))
        payload = f"{timestamp}{method}{path}".encode() + body
        signed = base64.b64encode(hmac.new(self.secret.encode(), payload, hashlib.sha256).digest()).decode()
        headers = {
            "ok-access-key": self.public,
            "ok-access-sign": signed,
            "ok-access-timestamp": timestamp,
            "ok-access-passphrase": PASSPHRASE,
            "content-type": "application/json",
        }
        return headers | {name.replace("_", "-"): value for name, value in changes.items()}

    async def send(
        self, method: str, path: str, payload: Any = None, *, remote: str = "127.0.0.1", **changes: str
    ) -> WireResponse:
        """The raw answer to a private call; a GET's payload is its query."""
        full = f"/api/v5/{path}"
        query = urlencode(payload) if method == "GET" and payload else ""
        body = json.dumps(payload).encode() if method == "POST" else b""
        headers = self.headers(method, f"{full}?{query}" if query else full, body, **changes)
        return await self.okx.handle(WireRequest(method, full, query, headers, body, remote))

    async def answer(self, method: str, path: str, payload: Any = None, **changes: str) -> tuple[int, Any]:
        """Status and envelope of a private call."""
        response = await self.send(method, path, payload, **changes)
        return response.status, json.loads(response.body)

    async def get(self, path: str, **query: Any) -> Any:
        """The data of a private GET that must succeed."""
        status, answer = await self.answer("GET", path, query)
        assert (status, answer["code"]) == (200, "0"), answer
        return answer["data"]

    async def post(self, path: str, payload: Any = None, **fields: Any) -> Any:
        """The data of a private POST that must succeed."""
        status, answer = await self.answer("POST", path, fields if payload is None else payload)
        assert (status, answer["code"]) == (200, "0"), answer
        return answer["data"]

    async def refused(self, method: str, path: str, payload: Any = None, **changes: str) -> tuple[int, str]:
        """Status and code of a call that must be refused: the order's own code where the envelope has one."""
        status, answer = await self.answer(method, path, payload, **changes)
        assert answer["code"] != "0", answer
        if answer["code"] in ("1", "2"):
            return status, next(row["sCode"] for row in answer["data"] if row["sCode"] != "0")
        return status, answer["code"]

    def order(self, **fields: Any) -> dict[str, Any]:
        """A market buy of 1000 USDT of bitcoin in futures mode, changed by `fields`."""
        order = {
            "instId": "BTC-USDT",
            "tdMode": "cross",
            "ccy": "USDT",
            "side": "buy",
            "ordType": "market",
            "sz": "1000",
        }
        return {name: value for name, value in (order | fields).items() if value is not None}

    async def place(self, **fields: Any) -> str:
        """The ordId of an order that must be taken."""
        (row,) = await self.post("trade/order", self.order(**fields))
        return str(row["ordId"])

    async def rest(self, px: str = "49000", sz: str = "0.01", **fields: Any) -> str:
        """Rest a limit order; its ordId."""
        return await self.place(**({"ordType": "limit", "px": px, "sz": sz} | fields))

    async def refused_order(self, **fields: Any) -> str:
        """The code of an order that must be refused."""
        return (await self.refused("POST", "trade/order", self.order(**fields)))[1]

    async def balance(self, asset: str = "USDT") -> dict[str, Any]:
        """One currency's row of the balance, or zeros."""
        (row,) = await self.get("account/balance", ccy=asset)
        return dict(row["details"][0]) if row["details"] else {"eq": "0", "cashBal": "0", "liab": "0", "availBal": "0"}

    async def stream(self, *args: Mapping[str, Any], path: str = "/ws/v5/private") -> "Stream":
        """A logged-in socket with these subscriptions, acknowledgements read."""
        stream = Stream(self.okx.connect(path))
        await stream.log_in(self)
        for arg in args:
            await stream.subscribe(**arg)
        return stream


class Stream:
    """A client's end of a WebSocket."""

    def __init__(self, socket: WireSocket) -> None:
        self.socket = socket
        self.kept: list[dict[str, Any]] = []

    def say(self, message: Mapping[str, Any] | str) -> None:
        """Send one frame."""
        self.socket.receive(message if isinstance(message, str) else json.dumps(message))

    async def next(self) -> dict[str, Any]:
        """The next frame."""
        text = await self.socket.next_frame()
        assert text is not None, "the socket was closed"
        frame = json.loads(text)
        assert isinstance(frame, dict)
        return frame

    async def event(self) -> dict[str, Any]:
        """The next answer to a request; data and counts that come before are kept for `all`."""
        while "event" not in (frame := await self.next()) or frame["event"] == "channel-conn-count":
            self.kept.append(frame)
        return frame

    async def all(self) -> list[dict[str, Any]]:
        """Every frame that was sent so far, those about the last call included."""
        for _ in range(3):
            # What a call has caused is told after its answer.
            await asyncio.sleep(0)
        self.say("ping")
        frames, self.kept = self.kept, []
        while (text := await self.socket.next_frame()) != "pong":
            assert text is not None, "the socket was closed"
            frames.append(json.loads(text))
        return frames

    async def rows(self, channel: str) -> list[dict[str, Any]]:
        """Every datum of a channel that was sent so far; what other channels said is dropped."""
        return [
            row
            for frame in await self.all()
            if frame.get("arg", {}).get("channel") == channel and "data" in frame
            for row in frame["data"]
        ]

    async def log_in(self, client: Client, *, shift: int = 0, as_number: bool = False) -> dict[str, Any]:
        """Log in; the answer."""
        timestamp = str(int(client.venue.exchange.now.timestamp()) + shift)
        payload = f"{timestamp}GET/users/self/verify"
        signed = base64.b64encode(hmac.new(client.secret.encode(), payload.encode(), hashlib.sha256).digest()).decode()
        arg = {
            "apiKey": client.public,
            "passphrase": PASSPHRASE,
            "timestamp": int(timestamp) if as_number else timestamp,
            "sign": signed,
        }
        self.say({"op": "login", "args": [arg]})
        return await self.event()

    async def subscribe(self, **arg: Any) -> dict[str, Any]:
        """Subscribe; the acknowledgement."""
        self.say({"id": "1", "op": "subscribe", "args": [arg]})
        answer = await self.event()
        assert answer["event"] == "subscribe", answer
        return answer
