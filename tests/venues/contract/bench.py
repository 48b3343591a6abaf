"""One venue under test: our adapter, the in-process signer, and the venue's emulator over a market that we draw.

A bench speaks the domain's words, so that a case reads the same for every venue. Time is two clocks: the market's
(moved by `advance`) and the event loop's, which is virtual here: time-outs of half a minute cost nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count, pairwise
from random import Random
from typing import Any, Protocol
from urllib.parse import urlsplit

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Bar, Tick
from jarvis.domain.money import USD
from jarvis.domain.order import ClientOrderId, OrderRequest, OrderRole, OrderType
from jarvis.emulators.faults import FaultKind
from jarvis.emulators.kraken import KrakenEmulator
from jarvis.emulators.wire import WireRequest, WireSocket
from jarvis.sim.exchange import SimExchange
from jarvis.sim.instruments import kraken_instruments
from jarvis.sim.market import RecordedMarket
from jarvis.sim.models import KRAKEN
from jarvis.venues.base import RequestSigner, Unreachable, Venue
from jarvis.venues.catalog import open_venue, sandbox_urls
from jarvis.venues.kraken import KrakenVenue
from jarvis.venues.session import HttpAnswer, Socket
from tests.signer.inprocess import InProcessSigner

BTC, ETH = Pair.parse("BTC/USD"), Pair.parse("ETH/USD")
START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NEEDED = (
    "query-funds",
    "query-open-trades",
    "query-closed-trades",
    "modify-trades",
    "close-trades",
    "query-ledger",
    "create-ws-token",
)


class Bench(Protocol):
    """What a case needs of a venue."""

    venue: Venue
    pair: Pair

    def now(self) -> datetime:
        """The market's time."""
        ...

    def advance(self, minutes: int) -> None:
        """Let the market move on."""
        ...

    def fail(self, what: str, *, verb: str = "*", times: int = 1, **values: Any) -> None:
        """Let something go wrong."""
        ...

    def heal(self) -> None:
        """Let all be well again."""
        ...

    def cut_streams(self) -> None:
        """Cut every connection."""
        ...

    def freeze_streams(self) -> None:
        """Let every open connection go silent without closing."""
        ...

    def widen_key(self, permission: str) -> None:
        """Somebody ticks a box at the venue."""
        ...

    def orders_at_venue(self) -> int:
        """How many orders the venue ever took from the account."""
        ...


class EmulatorTransport:
    """Carries requests to an emulator in this process, with the time-outs of a real network."""

    def __init__(self, emulator: KrakenEmulator) -> None:
        self._emulator = emulator
        self._sockets: list[_EmulatorSocket] = []

    def freeze(self) -> None:
        for socket in self._sockets:
            socket.is_frozen = True

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - the transport's own contract
    ) -> HttpAnswer:
        parts = urlsplit(url)
        request = WireRequest(
            method=method,
            path=parts.path.removeprefix("/kraken"),
            query=parts.query,
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
        )
        async with asyncio.timeout(timeout):
            response = await self._emulator.handle(request)
        return HttpAnswer(response.status, response.headers, response.body)

    async def open_socket(self, url: str) -> Socket:
        socket = _EmulatorSocket(self._emulator.connect(urlsplit(url).path.removeprefix("/kraken")))
        self._sockets.append(socket)
        return socket


class _EmulatorSocket:
    def __init__(self, socket: WireSocket) -> None:
        self._socket = socket
        self.is_frozen = False

    async def send(self, text: str) -> None:
        if self._socket.is_closed:
            raise Unreachable("closed")
        self._socket.receive(text)

    async def recv(self) -> str:
        frame = await self._socket.next_frame()
        if self.is_frozen:
            await asyncio.Event().wait()
        if frame is None:
            raise Unreachable("closed")
        return frame

    async def close(self) -> None:
        self._socket.close()


def path(pair: Pair, *prices: int | str) -> list[Bar]:
    """One-minute bars that go straight from price to price."""
    points = [Decimal(price) for price in prices]
    return [
        Bar(pair, MINUTE, START + n * MINUTE, before, max(before, after), min(before, after), after, Decimal(10))
        for n, (before, after) in enumerate(pairwise(points))
    ]


# Quiet for five minutes, down two thousand in the sixth, back up in the eighth, and quiet for nine hours.
DRAWN = [60_000] * 6 + [58_000] * 2 + [60_000] * 540


class KrakenBench:
    """Kraken's emulator, one account with a million dollars, and our adapter."""

    pair = BTC

    def __init__(
        self,
        *,
        deposit: int = 1_000_000,
        profile: str = "international",
        permissions: Sequence[str] = NEEDED,
        execution_venue: str | None = None,
    ) -> None:
        listed = kraken_instruments()
        bars = {BTC: path(BTC, *DRAWN), ETH: path(ETH, *([3_000] * len(DRAWN)))}
        self.exchange = SimExchange(
            instruments={pair: listed[pair] for pair in bars}, model=KRAKEN, market=RecordedMarket(bars), seed=11
        )
        self.emulator = KrakenEmulator(self.exchange, now=self.now, seed=11)
        self.emulator.create_account("owner", {USD: Decimal(deposit)}, profile)
        public, private = self.emulator.create_key("owner", frozenset(permissions), "Jarvis, live")
        self.public_key = public
        self.transport = EmulatorTransport(self.emulator)
        self.signer = InProcessSigner(lambda: int(self.now().timestamp()) * 1_000_000_000)
        self.venue: KrakenVenue = self._open(
            self.signer.bound(self.signer.credential(public, private)), execution_venue
        )

    def _open(self, signer: RequestSigner, execution_venue: str | None) -> KrakenVenue:
        venue = open_venue(
            KrakenVenue.name,
            transport=self.transport,
            urls=sandbox_urls(KrakenVenue.name, "http://127.0.0.1:9"),
            signer=signer,
            clock=self,
            random=Random(5),
            execution_venue=execution_venue,
        )
        assert isinstance(venue, KrakenVenue)
        return venue

    def now(self) -> datetime:
        return self.exchange.now

    async def ticks(self) -> Any:
        yield Tick(self.now())

    def advance(self, minutes: int) -> None:
        for _ in range(minutes):
            self.emulator.publish(self.exchange.advance(self.now() + MINUTE))

    def fail(self, what: str, *, verb: str = "*", times: int = 1, **values: Any) -> None:
        verbs = {"place": "AddOrder", "amend": "AmendOrder", "cancel": "CancelOrder", "stream": "executions"}
        kind = FaultKind(what)
        lasting = kind.group.value == "States"
        self.emulator.add_fault(kind, operation=verbs.get(verb, verb), count=None if lasting else times, **values)

    def heal(self) -> None:
        self.emulator.clear_faults()

    def cut_streams(self) -> None:
        self.emulator.drop_sockets()

    def freeze_streams(self) -> None:
        self.transport.freeze()

    def widen_key(self, permission: str) -> None:
        self.emulator.keys.set_permissions(self.public_key, frozenset((*NEEDED, permission)))

    def orders_at_venue(self) -> int:
        return len(self.exchange.orders("owner")) + len(self.exchange.closed_orders("owner"))


_counter = count(1)


def wish(pair: Pair = BTC, **changes: Any) -> OrderRequest:
    """A market entry of 0.1 with ten times leverage, or what `changes` make of it; every wish has a new id."""
    wanted: dict[str, Any] = {
        "client_order_id": ClientOrderId(f"c{next(_counter):07}"),
        "pair": pair,
        "side": Side.BUY,
        "order_type": OrderType.MARKET,
        "quantity": Decimal("0.1"),
        "leverage": 10,
        "role": OrderRole.ENTRY,
    }
    return OrderRequest(**{**wanted, **changes})


def closing(role: OrderRole = OrderRole.SIGNAL_EXIT, **changes: Any) -> OrderRequest:
    """The opposite order that only reduces."""
    return wish(**{"side": Side.SELL, "role": role, "reduce_only": True, **changes})
