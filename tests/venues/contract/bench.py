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
from typing import Any, ClassVar
from urllib.parse import urlsplit

from jarvis.domain.account import AccountSnapshot, LedgerRow, VenueName
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Bar, Tick
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import ClientOrderId, Fill, OrderRequest, OrderRole, OrderType
from jarvis.domain.traits import Settlement
from jarvis.emulators.faults import FaultGroup, FaultKind
from jarvis.emulators.kraken import KrakenEmulator
from jarvis.emulators.sandbox import Sandbox
from jarvis.emulators.venue import KeyForm, VenueEmulator
from jarvis.emulators.wire import WireRequest, WireSocket
from jarvis.sim.exchange import SimExchange
from jarvis.sim.market import RecordedMarket
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


class EmulatorTransport:
    """Carries requests to an emulator in this process, with the time-outs of a real network."""

    def __init__(self, emulator: VenueEmulator) -> None:
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
            path=parts.path.removeprefix(f"/{self._emulator.name}"),
            query=parts.query,
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
        )
        async with asyncio.timeout(timeout):
            response = await self._emulator.handle(request)
        # Where the venue tells of a call only after answering it, it does so before a network's next packet arrives.
        await asyncio.sleep(0)
        return HttpAnswer(response.status, response.headers, response.body)

    async def open_socket(self, url: str) -> Socket:
        parts = urlsplit(url)
        path = parts.path.removeprefix(f"/{self._emulator.name}")
        socket = _EmulatorSocket(self._emulator.connect(f"{path}?{parts.query}" if parts.query else path))
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


class Bench:
    """A venue's emulator, one account with a million of its quote currency, and our adapter.

    A venue's own bench says the names below; nothing else of a case depends on the venue. `numbered_stream`: a lost
    event shows. `has_deadlines`: an order that arrives late is refused. `rejects_takers`: a post-only order that would
    trade at once is refused, not taken and cancelled. `tells_status`: the venue says when it is in maintenance.
    `takes_interest_daily`: interest stays owed when its loan is repaid, until the venue takes it.
    """

    name = "kraken"
    quote = Asset("USD")
    leverage = 10
    execution_venue: str | None = None
    profile = ""
    needed: Sequence[str] = NEEDED
    inputs: ClassVar[Mapping[str, str]] = {}
    dangerous = "withdraw-funds"
    verbs: ClassVar[Mapping[str, str]] = {}
    numbered_stream = False
    has_deadlines = False
    rejects_takers = True
    tells_status = False
    takes_interest_daily = False

    def __init__(
        self,
        *,
        deposit: int = 1_000_000,
        profile: str | None = None,
        permissions: Sequence[str] | None = None,
        execution_venue: str | None = None,
    ) -> None:
        self.pair = Pair(BTC.base, self.quote)
        market = RecordedMarket({BTC: path(BTC, *DRAWN), ETH: path(ETH, *([3_000] * len(DRAWN)))})
        self.sandbox = Sandbox(market, seed=11, venues=(self.name,))
        self.exchange: SimExchange = self.sandbox.exchanges[self.name]
        self.emulator: VenueEmulator = self.sandbox.venues[self.name]
        profile = self.profile if profile is None else profile
        self.emulator.open_account("owner", {self.quote: Decimal(deposit)}, profile)
        granted = frozenset(self.needed if permissions is None else permissions)
        values = self.emulator.make_key("owner", KeyForm("Jarvis, live", granted, dict(self.inputs)))
        self.key = {value.name: value.value for value in values}
        self.transport = EmulatorTransport(self.emulator)
        self.signer = InProcessSigner(lambda: int(self.now().timestamp()) * 1_000_000_000)
        credential = self.signer.credential(
            self.key["api_key"],
            self.key["secret"],
            venue=self.name,
            passphrase=self.key.get("passphrase", self.inputs.get("passphrase")),
        )
        self.venue: Venue = self._open(self.signer.bound(credential), execution_venue or self.execution_venue)
        self.deposited = Decimal(deposit)

    def _open(self, signer: RequestSigner, execution_venue: str | None) -> Venue:
        name = VenueName(self.name)
        return open_venue(
            name,
            transport=self.transport,
            urls=sandbox_urls(name, "http://127.0.0.1:9"),
            signer=signer,
            clock=self,
            random=Random(5),
            execution_venue=execution_venue,
        )

    # Time and trouble.

    def now(self) -> datetime:
        """The market's time."""
        return self.exchange.now

    async def ticks(self) -> Any:
        yield Tick(self.now())

    def advance(self, minutes: int) -> None:
        """Let the market move on."""
        for _ in range(minutes):
            self.sandbox.advance(self.now() + MINUTE)

    def can(self, what: str) -> bool:
        """Whether this can go wrong at this venue."""
        return FaultKind(what) in self.emulator.kinds

    def fail(self, what: str, *, verb: str = "*", times: int = 1, **values: Any) -> None:
        """Let something go wrong."""
        kind = FaultKind(what)
        count = None if kind.group is FaultGroup.STATE else times
        self.emulator.add_fault(kind, operation=self.verbs.get(verb, verb), count=count, **values)

    def heal(self) -> None:
        """Let all be well again."""
        self.emulator.clear_faults()

    def cut_streams(self) -> None:
        """Cut every connection."""
        self.emulator.drop_sockets()

    def freeze_streams(self) -> None:
        """Let every open connection go silent without closing."""
        self.transport.freeze()

    def widen_key(self, permission: str) -> None:
        """Somebody ticks a box at the venue."""
        self.emulator.set_permissions(self.key["api_key"], frozenset((*self.needed, permission)))

    # What the venue has, and what follows from what it told.

    def orders_at_venue(self) -> int:
        """How many orders the venue ever took from the account."""
        return len(self.exchange.orders("owner")) + len(self.exchange.closed_orders("owner"))

    def open_quantity(self, snapshot: AccountSnapshot) -> Decimal:
        """Signed open quantity of the pair: from position rows, or from the balance where base changes hands."""
        if self.venue.traits.settlement is Settlement.MARGIN:
            return snapshot.quantity(self.pair)
        return net(snapshot).get(self.pair.base, ZERO)

    def moved(self, fills: Sequence[Fill]) -> Decimal:
        """What these fills did to the position."""
        if self.venue.traits.settlement is Settlement.MARGIN:
            return sum((fill.signed_quantity for fill in fills), ZERO)
        return sum((fill.held_quantity * fill.side.sign for fill in fills), ZERO)

    def explained(self, fills: Sequence[Fill], rows: Sequence[LedgerRow]) -> dict[Asset, Decimal]:
        """What each asset's net balance must be after these fills and rows."""
        sums = {self.quote: self.deposited}
        changes = [(row.asset, row.change) for row in rows]
        if self.venue.traits.settlement is Settlement.WALLET:
            for fill in fills:
                changes.append((fill.pair.base, fill.signed_quantity))
                changes.append((fill.pair.quote, -fill.cost * fill.side.sign))
                changes.append((fill.fee_asset, -fill.fee))
        for asset, change in changes:
            sums[asset] = sums.get(asset, ZERO) + change
        return {asset: amount for asset, amount in sums.items() if amount}

    # Wishes.

    def wish(self, **changes: Any) -> OrderRequest:
        """A market entry of 0.1 on the bench's pair with its leverage, or what `changes` make of it."""
        return wish(**{"pair": self.pair, "leverage": self.leverage, **changes})

    def closing(self, role: OrderRole = OrderRole.SIGNAL_EXIT, **changes: Any) -> OrderRequest:
        """The opposite order that only reduces."""
        return self.wish(**{"side": Side.SELL, "role": role, "reduce_only": True, **changes})


class KrakenBench(Bench):
    """Kraken."""

    verbs: ClassVar[Mapping[str, str]] = {
        "place": "AddOrder",
        "amend": "AmendOrder",
        "cancel": "CancelOrder",
        "stream": "executions",
    }
    numbered_stream = True
    has_deadlines = True
    tells_status = True
    emulator: KrakenEmulator
    venue: KrakenVenue


def net(snapshot: AccountSnapshot) -> dict[Asset, Decimal]:
    """Net balances that are not zero."""
    return {balance.asset: balance.total for balance in snapshot.balances if balance.total}


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
