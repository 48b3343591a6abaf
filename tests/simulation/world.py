"""A whole live system on virtual time from one seed: market, venue, signer, store and one trader.

Every seed draws its own market, its own wishes and its own mix of faults. After every step the invariants are
checked; then all faults are healed and the system must come to rest: nothing unknown, every position protected.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from jarvis.accounts.people import Person, Role
from jarvis.domain.account import AccountId, Environment, UserId, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Tick
from jarvis.domain.money import USD, ZERO
from jarvis.domain.order import OrderStatus
from jarvis.emulators.sandbox import Sandbox
from jarvis.emulators.wire import WireRequest, WireSocket
from jarvis.ledger.journal import Account
from jarvis.live.floor import keep_running
from jarvis.live.plan import AccountPlan
from jarvis.live.trader import Step, Trader
from jarvis.live.worker import build_trader
from jarvis.sim.market import SyntheticMarket
from jarvis.store.db import Store
from jarvis.store.records import AccountState
from jarvis.trading.limits import Limits
from jarvis.trading.strategy import Direction, Protection, Signal, TakeProfit
from jarvis.venues.base import Unreachable, VenueError
from jarvis.venues.catalog import open_venue
from jarvis.venues.session import AnswerLost, HttpAnswer, VenueUrls
from tests.signer.inprocess import InProcessSigner
from tests.support.inline_sqlite import inline_creator

START = datetime(2026, 1, 5, tzinfo=UTC)
PAIRS = (Pair.parse("BTC/USD"), Pair.parse("ETH/USD"))
STEP = timedelta(seconds=10)
URLS = VenueUrls(
    rest="http://127.0.0.1/kraken",
    ws_public="ws://127.0.0.1/kraken/ws/v2",
    ws_private="ws://127.0.0.1/kraken/ws-auth/v2",
)
OWNER = UserId("ada")
ACCOUNT = AccountId("account-ada")
PERMISSIONS = frozenset(
    {
        "query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "close-trades", "query-ledger",
        "create-ws-token",
    }
)  # fmt: skip
NAKED_FOR_AT_MOST = timedelta(seconds=10)


class Violation(AssertionError):
    """An invariant that did not hold; names it and the seed's moment."""


class VirtualClock:
    """The market's time, moved by the event loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._from = loop.time()

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time() - self._from)

    async def ticks(self) -> AsyncIterator[Tick]:
        while True:
            await asyncio.sleep(STEP.total_seconds())
            yield Tick(self.now())


class SocketInProcess:
    """The client's end of an emulator's socket."""

    def __init__(self, socket: WireSocket) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        if self._socket.is_closed:
            raise Unreachable("the stream is closed")
        self._socket.receive(text)

    async def recv(self) -> str:
        frame = await self._socket.next_frame()
        if frame is None:
            raise Unreachable("the stream is closed")
        return frame

    async def close(self) -> None:
        self._socket.close()


class TransportInProcess:
    """Bytes to the emulator and back, with a latency from the seed, on the loop's own time."""

    def __init__(self, sandbox: Sandbox, random: Random, clock: VirtualClock) -> None:
        self._sandbox = sandbox
        self._kraken = sandbox.kraken
        self._random = random
        self._clock = clock

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109
    ) -> HttpAnswer:
        parts = urlsplit(url)
        await asyncio.sleep(self._latency())
        request = WireRequest(
            method,
            parts.path.removeprefix("/kraken"),
            parts.query,
            {name.lower(): value for name, value in headers.items()},
            body,
        )
        self._sandbox.advance(self._clock.now())  # the venue's clock runs on between two prices
        try:
            async with asyncio.timeout(timeout):
                answer = await self._kraken.handle(request)
        except TimeoutError as error:
            raise AnswerLost("no answer in time") from error
        await asyncio.sleep(self._latency())
        return HttpAnswer(answer.status, answer.headers, answer.body)

    async def open_socket(self, url: str) -> SocketInProcess:
        await asyncio.sleep(self._latency())
        return SocketInProcess(self._kraken.connect(urlsplit(url).path.removeprefix("/kraken")))

    def _latency(self) -> float:
        return self._random.uniform(0.002, 0.08)


@dataclass(slots=True)
class World:
    """One seed's system. `run` is the whole story."""

    seed: int
    folder: Path
    random: Random = field(init=False)
    sandbox: Sandbox = field(init=False)
    store: Store = field(init=False)
    signer: InProcessSigner = field(init=False)
    clock: VirtualClock = field(init=False)
    trader: Trader | None = None
    secrets: tuple[str, ...] = ()
    digest: list[str] = field(default_factory=list)
    broken: list[Exception] = field(default_factory=list)
    by_hand: Mapping[int, Callable[["World"], None]] = field(default_factory=dict)
    has_faults: bool = True
    wished: tuple[Pair, ...] = PAIRS
    _naked_since: dict[Pair, datetime] = field(default_factory=dict)
    _finals: dict[str, OrderStatus] = field(default_factory=dict)
    _handed: deque[Step] = field(default_factory=deque)

    async def run(self, *, faulty_steps: int, healing_steps: int, crashes: bool) -> None:
        """Trade under faults, then heal and come to rest. Raises Violation."""
        plan = await self._begin()
        random = Random(f"{self.seed} wishes")
        keeper = asyncio.create_task(self._keep(plan))
        try:
            if self.has_faults:
                self.sandbox.kraken.faults.draw_mix(Random(f"{self.seed} faults"), kinds=5, probability=0.15)
            for number in range(faulty_steps):
                if number in self.by_hand:
                    self.by_hand[number](self)
                await self._step(random, wishing=True)
                await self._check(f"step {number}")
                if crashes and random.random() < 0.01:
                    keeper.cancel()
                    await asyncio.gather(keeper, return_exceptions=True)
                    keeper = asyncio.create_task(self._keep(plan))
            self.sandbox.kraken.clear_faults()
            for number in range(healing_steps):
                await self._step(random, wishing=False)
                await self._check(f"healing step {number}")
            await asyncio.sleep(STEP.total_seconds())  # the market stands still: what is on its way arrives
            await self._check_rest()
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await self.store.close()

    async def _begin(self) -> AccountPlan:
        loop = asyncio.get_running_loop()
        self.random = Random(self.seed)
        self.clock = VirtualClock(loop)
        self.sandbox = Sandbox(SyntheticMarket(self.seed, START, PAIRS, STEP), seed=self.seed)
        self.signer = InProcessSigner(lambda: 1_700_000_000_000_000_000 + int(loop.time() * 1e9))
        kraken = self.sandbox.kraken
        kraken.create_account("ada", {USD: Decimal(10_000)})
        public, private = kraken.create_key("ada", PERMISSIONS, "simulation")
        self.secrets = (private,)
        credential = self.signer.credential(public, private, account_id=ACCOUNT)
        self.store = await Store.open(
            f"sqlite+aiosqlite:///{self.folder / 'jarvis.db'}",
            migrate=True,
            async_creator=inline_creator(self.folder / "jarvis.db"),
        )
        await self.store.add_person(Person(OWNER, "ada@example.org", "x", Role.TRADER, START))
        limits = Limits(leverage_cap=5, allowed_pairs=frozenset(PAIRS), risk_per_trade=Decimal("0.005"))
        await self.store.connect_account(
            OWNER, credential, fingerprint="f", label="l", public_id="p", permissions_json="{}", verdict="accepted",
            execution_venue="international", at=START,
        )  # fmt: skip
        await self.store.save_limits(OWNER, ACCOUNT, limits)
        await self.store.set_account_state(ACCOUNT, AccountState.ARMED, "", START)
        return AccountPlan(
            ACCOUNT,
            OWNER,
            VenueName("kraken"),
            Environment.SANDBOX,
            credential,
            "international",
            True,
            START,
            limits,
            (),
        )

    async def _keep(self, plan: AccountPlan) -> None:
        """What a floor does for one account: a trader from the store, again after every failure."""
        transport = TransportInProcess(self.sandbox, Random(f"{self.seed} wire"), self.clock)

        async def run_once() -> None:
            fence = await self.store.acquire_lease(ACCOUNT, "worker", timedelta(seconds=15), self.clock.now())
            assert fence is not None
            venue = open_venue(
                plan.venue, transport=transport, urls=URLS, signer=self.signer.bound(plan.credential, fence),
                clock=self.clock, random=Random(f"{self.seed} venue"),
            )  # fmt: skip
            self.trader = await build_trader(plan, venue, self.store, self.clock, fence)
            try:
                await self.trader.run(on_ready=lambda: None)
            finally:
                self.trader = None

        async def tell(error: Exception) -> None:
            if not isinstance(error, VenueError | ConnectionError | TimeoutError):
                self.broken.append(error)

        await keep_running(run_once, tell)

    async def _step(self, random: Random, *, wishing: bool) -> None:
        await asyncio.sleep(STEP.total_seconds())
        now = self.clock.now()
        self.sandbox.advance(now)
        trader = self.trader
        if trader is None:
            return
        signals = tuple(self._wish(random, pair, now) for pair in self.wished if wishing and random.random() < 0.15)
        quotes = {pair: self.sandbox.exchange.quote(pair) for pair in PAIRS}
        trader.hand_over(Step(Tick(now), (), signals, quotes, 0.0))

    def _wish(self, random: Random, pair: Pair, now: datetime) -> Signal:
        price = self.sandbox.exchange.quote(pair).last
        distance = price * Decimal(str(round(random.uniform(0.0008, 0.006), 5)))
        return Signal(
            strategy="random",
            pair=pair,
            at=now,
            target=random.choice((Direction.LONG, Direction.SHORT, Direction.FLAT)),
            price=price,
            protection=Protection(
                stop_distance=distance,
                trailing=random.random() < 0.5,
                take_profits=(TakeProfit(distance, Decimal("0.5")),) if random.random() < 0.7 else (),
                time_stop=timedelta(minutes=random.randint(1, 20)) if random.random() < 0.5 else None,
            ),
            interval=timedelta(minutes=1),
        )

    # --- invariants ------------------------------------------------------------------------------------------------

    async def _check(self, moment: str) -> None:
        if self.broken:
            raise self.broken[0]
        exchange = self.sandbox.exchange
        orders = {order.client_order_id: order for order in await self.store.recent_orders(OWNER, ACCOUNT, limit=5000)}
        at_venue = [*exchange.orders("ada"), *exchange.closed_orders("ada")]
        ours = [each.client_order_id for each in at_venue if each.client_order_id is not None]
        self._hold("I1 no order is lost", set(ours) <= set(orders), moment)
        self._hold("I2 no order is doubled", len(ours) == len(set(ours)), moment)
        totals = await self.store.totals(OWNER, ACCOUNT)
        sums: dict[str, Decimal] = {}
        for (_, asset), amount in totals.items():
            sums[asset] = sums.get(asset, ZERO) + amount
        self._hold("I4 every asset sums to zero", not any(sums.values()), moment)
        recorded = {fill.fill_id for fill in await self.store.fills(OWNER, ACCOUNT)}
        self._hold("I3 no fill is invented", recorded <= {fill.fill_id for fill in _fills(exchange)}, moment)
        # Two positions, each with at most a tenth of equity as margin; a little more when equity fell since.
        used = exchange.margin("ada").m
        self._hold("I7 exposure stays within the limits", used <= Decimal(2_200), f"{moment}: {used}")
        await self._check_protection(moment)
        for name, order in orders.items():
            former = self._finals.get(name)
            changed = former is not None and order.status is not former and order.status is not OrderStatus.FILLED
            self._hold("I9 a final order stays final", not changed, f"{moment}: {name} was {former}, is {order.status}")
            if order.status.is_final:
                self._finals[name] = order.status

    async def _check_protection(self, moment: str) -> None:
        """I6: a position at the venue has a stop of its size there, or has been alarmed about within ten seconds."""
        exchange, now = self.sandbox.exchange, self.sandbox.now
        naked = set()
        for pair, quantity in _positions(exchange).items():
            covered = sum(
                (
                    order.remaining_quantity
                    for order in exchange.orders("ada")
                    if order.pair == pair and order.reduce_only and order.order_type.value.startswith("stop")
                ),
                ZERO,
            )
            if covered < abs(quantity):
                naked.add(pair)
        self._naked_since = {pair: self._naked_since.get(pair, now) for pair in naked}
        for pair, since in self._naked_since.items():
            if now - since <= NAKED_FOR_AT_MOST + STEP:
                continue
            told = await self.store.activities(OWNER, ACCOUNT, limit=200)
            working = {order.request.role.value for order in await self.store.open_orders(OWNER, ACCOUNT)}
            excused = any(each.at >= since - timedelta(minutes=2) for each in told) or working or self.trader is None
            self._hold("I6 no position is naked without an alarm", bool(excused), f"{moment}: {pair} since {since}")

    async def _check_rest(self) -> None:
        moment = "at rest"
        exchange = self.sandbox.exchange
        unfinished = await self.store.open_orders(OWNER, ACCOUNT)
        unknown = [
            order for order in unfinished if order.status in (OrderStatus.UNKNOWN, OrderStatus.SENT, OrderStatus.INTENT)
        ]
        self._hold("I12 nothing is unknown", not unknown, f"{moment}: {unknown}")
        recorded = {fill.fill_id for fill in await self.store.fills(OWNER, ACCOUNT)}
        self._hold("I3 every fill is recorded", recorded == {fill.fill_id for fill in _fills(exchange)}, moment)
        held = {
            each.story.pair: each.story.position.quantity for each in await self.store.open_positions(OWNER, ACCOUNT)
        }
        held = {pair: quantity for pair, quantity in held.items() if quantity}
        self._hold("I3 positions agree", held == _positions(exchange), f"{moment}: {held} {_positions(exchange)}")
        for residual in await self.store.residuals(OWNER, ACCOUNT):
            self._hold("I5 the residual is zero", residual.difference == 0, f"{moment}: {residual}")
            self._hold("I5 nothing waits in clearing", residual.clearing == 0, f"{moment}: {residual}")
        for pair in held:
            covered = sum(
                (
                    o.remaining_quantity
                    for o in exchange.orders("ada")
                    if o.pair == pair and o.reduce_only and o.order_type.value.startswith("stop")
                ),
                ZERO,
            )
            self._hold("I6 every position is protected", covered >= abs(held[pair]), f"{moment}: {pair}")
        totals = await self.store.totals(OWNER, ACCOUNT)
        self.digest.append(str(sorted((str(book), asset, str(amount)) for (book, asset), amount in totals.items())))
        self.digest.append(str(len(recorded)))
        self.digest.append(str(totals.get((Account.CASH, USD))))
        self._hold(
            "I10 no secret left the signer",
            not any(s.encode() in (self.folder / "jarvis.db").read_bytes() for s in self.secrets),
            moment,
        )

    def _hold(self, name: str, holds: bool, moment: str) -> None:
        if not holds:
            raise Violation(f"seed {self.seed}: {name} ({moment})")


def _fills(exchange: Any) -> list[Any]:
    return [each.fill if hasattr(each, "fill") else each for each in exchange.fills("ada")]


def _positions(exchange: Any) -> dict[Pair, Decimal]:
    held: dict[Pair, Decimal] = {}
    for lot in exchange.lots("ada"):
        held[lot.pair] = held.get(lot.pair, ZERO) + lot.remaining_quantity * lot.side.sign
    return {pair: quantity for pair, quantity in held.items() if quantity}
