"""A whole live system on virtual time from one seed: market, venue, signer, store and one trader.

Every seed draws its own market, its own wishes and its own mix of faults. After every step the invariants are
checked; then all faults are healed and the system must come to rest: nothing unknown, every position protected.
"""

import asyncio
from collections import Counter, deque
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
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Tick
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import Fill, OrderStatus
from jarvis.emulators.sandbox import Sandbox
from jarvis.emulators.venue import KeyForm, VenueEmulator
from jarvis.emulators.wire import WireRequest, WireSocket
from jarvis.ledger.journal import Account
from jarvis.live.floor import hand_over_commands, keep_running
from jarvis.live.plan import AccountPlan
from jarvis.live.trader import Step, Trader
from jarvis.live.worker import build_trader
from jarvis.sim.exchange import SimExchange
from jarvis.sim.market import SyntheticMarket
from jarvis.store.db import Store
from jarvis.store.records import AccountState
from jarvis.store.wishes import Wish
from jarvis.trading.events import AdjustByHand, CloseByHand, OpenByHand
from jarvis.trading.limits import Limits
from jarvis.trading.strategy import Direction, Protection, Signal, TakeProfit
from jarvis.venues.base import Unreachable, VenueError
from jarvis.venues.catalog import VENUES, open_venue, sandbox_urls
from jarvis.venues.session import AnswerLost, HttpAnswer
from tests.signer.inprocess import InProcessSigner
from tests.support.inline_sqlite import inline_creator
from tests.venues.contract.bench import Bench, KrakenBench

START = datetime(2026, 1, 5, tzinfo=UTC)
PAIRS = (Pair.parse("BTC/USD"), Pair.parse("ETH/USD"))
STEP = timedelta(seconds=10)
ORIGIN = "http://127.0.0.1"
OWNER = UserId("ada")
ACCOUNT = AccountId("account-ada")
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

    def __init__(self, sandbox: Sandbox, emulator: VenueEmulator, random: Random, clock: VirtualClock) -> None:
        self._sandbox = sandbox
        self._emulator = emulator
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
            parts.path.removeprefix(f"/{self._emulator.name}"),
            parts.query,
            {name.lower(): value for name, value in headers.items()},
            body,
        )
        self._sandbox.advance(self._clock.now())  # the venue's clock runs on between two prices
        try:
            async with asyncio.timeout(timeout):
                answer = await self._emulator.handle(request)
        except TimeoutError as error:
            raise AnswerLost("no answer in time") from error
        await asyncio.sleep(self._latency())
        return HttpAnswer(answer.status, answer.headers, answer.body)

    async def open_socket(self, url: str) -> SocketInProcess:
        await asyncio.sleep(self._latency())
        parts = urlsplit(url)
        path = parts.path.removeprefix(f"/{self._emulator.name}")
        return SocketInProcess(self._emulator.connect(f"{path}?{parts.query}" if parts.query else path))

    def _latency(self) -> float:
        return self._random.uniform(0.002, 0.08)


@dataclass(slots=True)
class World:
    """One seed's system at one venue. `run` is the whole story."""

    seed: int
    folder: Path
    bench: type[Bench] = KrakenBench
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
    asks_by_hand: bool = True
    _naked_since: dict[Pair, datetime] = field(default_factory=dict)
    _finals: dict[str, OrderStatus] = field(default_factory=dict)
    _handed: deque[Step] = field(default_factory=deque)

    @property
    def emulator(self) -> VenueEmulator:
        return self.sandbox.venues[self.bench.name]

    @property
    def exchange(self) -> SimExchange:
        return self.sandbox.exchanges[self.bench.name]

    @property
    def execution_venue(self) -> str:
        return self.bench.execution_venue or VENUES[VenueName(self.bench.name)].execution_venues[0]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(Pair(pair.base, self.bench.quote) for pair in PAIRS)

    @property
    def wishes(self) -> tuple[Pair, ...]:
        return tuple(Pair(pair.base, self.bench.quote) for pair in self.wished)

    @property
    def is_wallet(self) -> bool:
        return self.exchange.model.wallet is not None

    async def run(self, *, faulty_steps: int, healing_steps: int, crashes: bool) -> None:
        """Trade under faults, then heal and come to rest. Raises Violation."""
        plan = await self._begin()
        random = Random(f"{self.seed} wishes")
        keeper = asyncio.create_task(self._keep(plan))
        try:
            if self.has_faults:
                self.emulator.faults.draw_mix(Random(f"{self.seed} faults"), kinds=5, probability=0.15)
            hand = Random(f"{self.seed} hand")
            for number in range(faulty_steps):
                if number in self.by_hand:
                    self.by_hand[number](self)
                if self.asks_by_hand and hand.random() < 0.12:
                    wish = self._asked(hand, hand.choice(self.pairs), self.clock.now())
                    await self.store.enqueue_wish(OWNER, ACCOUNT, wish, key=f"{number}", at=self.clock.now())
                await self._step(random, wishing=True)
                await self._check(f"step {number}")
                if crashes and random.random() < 0.01:
                    keeper.cancel()
                    await asyncio.gather(keeper, return_exceptions=True)
                    keeper = asyncio.create_task(self._keep(plan))
            self.emulator.clear_faults()
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
        market = SyntheticMarket(self.seed, START, PAIRS, STEP)
        self.sandbox = Sandbox(market, seed=self.seed, venues=(self.bench.name,))
        self.signer = InProcessSigner(lambda: 1_700_000_000_000_000_000 + int(loop.time() * 1e9))
        self.emulator.open_account("ada", {self.bench.quote: Decimal(10_000)}, self.bench.profile)
        form = KeyForm("simulation", frozenset(self.bench.needed), dict(self.bench.inputs))
        key = {value.name: value.value for value in self.emulator.make_key("ada", form)}
        self.secrets = (key["secret"],)
        credential = self.signer.credential(
            key["api_key"],
            key["secret"],
            account_id=ACCOUNT,
            venue=self.bench.name,
            passphrase=self.bench.inputs.get("passphrase"),
        )
        self.store = await Store.open(
            f"sqlite+aiosqlite:///{self.folder / 'jarvis.db'}",
            migrate=True,
            async_creator=inline_creator(self.folder / "jarvis.db"),
        )
        await self.store.add_person(Person(OWNER, "ada@example.org", "x", Role.TRADER, START))
        limits = Limits(leverage_cap=5, allowed_pairs=frozenset(self.pairs), risk_per_trade=Decimal("0.005"))
        await self.store.connect_account(
            OWNER, credential, fingerprint="f", label="l", public_id="p", permissions_json="{}", verdict="accepted",
            execution_venue=self.execution_venue, at=START,
        )  # fmt: skip
        await self.store.save_limits(OWNER, ACCOUNT, limits)
        await self.store.set_account_state(ACCOUNT, AccountState.ARMED, "", START)
        return AccountPlan(
            ACCOUNT,
            OWNER,
            VenueName(self.bench.name),
            Environment.SANDBOX,
            credential,
            self.execution_venue,
            True,
            START,
            limits,
            (),
        )

    async def _keep(self, plan: AccountPlan) -> None:
        """What a floor does for one account: a trader from the store, again after every failure."""
        transport = TransportInProcess(self.sandbox, self.emulator, Random(f"{self.seed} wire"), self.clock)

        async def run_once() -> None:
            fence = await self.store.acquire_lease(ACCOUNT, "worker", timedelta(seconds=15), self.clock.now())
            assert fence is not None
            venue = open_venue(
                plan.venue, transport=transport, urls=sandbox_urls(plan.venue, ORIGIN),
                signer=self.signer.bound(plan.credential, fence), clock=self.clock,
                random=Random(f"{self.seed} venue"), execution_venue=plan.execution_venue,
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
        await hand_over_commands(self.store, ACCOUNT, trader, now=now, wall=now)
        signals = tuple(self._wish(random, pair, now) for pair in self.wishes if wishing and random.random() < 0.15)
        quotes = {pair: self.exchange.quote(pair) for pair in self.pairs}
        trader.hand_over(Step(Tick(now), (), signals, quotes, 0.0))

    def _wish(self, random: Random, pair: Pair, now: datetime) -> Signal:
        price = self.exchange.quote(pair).last
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

    def _asked(self, random: Random, pair: Pair, now: datetime) -> Wish:
        """What the person asks for on the pages, sensible or not: the trader judges it."""
        price = self.exchange.quote(pair).last
        sign = random.choice((1, -1))
        distance = price * Decimal(str(round(random.uniform(0.0008, 0.006), 5)))
        match random.choice(("open", "open", "adjust", "close")):
            case "open":
                quantity = Decimal(random.randint(50, 2_500)) / price
                side = Side.BUY if sign > 0 else Side.SELL
                time_stop = timedelta(minutes=random.randint(1, 20)) if random.random() < 0.3 else None
                rungs = (TakeProfit(distance, Decimal("0.5")), TakeProfit(2 * distance, Decimal("0.5")))
                protection = Protection(distance, random.random() < 0.3, rungs[: random.randint(0, 2)], time_stop)
                return OpenByHand(now, pair, side, quantity, price, random.randint(1, 5), protection)
            case "adjust":
                stop = price - sign * distance if random.random() < 0.7 else None
                close_at = now + timedelta(minutes=random.randint(-1, 10)) if random.random() < 0.3 else None
                target = random.choice((None, ZERO, price + sign * distance, price - sign * distance))
                return AdjustByHand(now, pair, stop, random.choice((None, True, False)), close_at, target)
        return CloseByHand(now, pair, Decimal(random.choice(("0.3", "0.5", "1"))))

    # --- invariants ------------------------------------------------------------------------------------------------

    async def _check(self, moment: str) -> None:
        if self.broken:
            raise self.broken[0]
        exchange = self.exchange
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
        recorded = Counter(_told(fill) for fill in await self.store.fills(OWNER, ACCOUNT, limit=10_000))
        true = Counter(_told(fill) for fill in _fills(exchange))
        self._hold("I3 no fill is invented", recorded <= true, moment)
        # Two positions, each with at most a tenth of equity as margin at five times leverage; a little more when
        # equity fell since, or prices rose.
        exposure = sum(
            (abs(held) * exchange.quote(pair).last for pair, held in exchange.positions("ada").items()), ZERO
        )
        self._hold("I7 exposure stays within the limits", exposure <= Decimal(11_500), f"{moment}: {exposure}")
        await self._check_protection(moment)
        for name, order in orders.items():
            former = self._finals.get(name)
            changed = former is not None and order.status is not former and order.status is not OrderStatus.FILLED
            self._hold("I9 a final order stays final", not changed, f"{moment}: {name} was {former}, is {order.status}")
            if order.status.is_final:
                self._finals[name] = order.status

    async def _check_protection(self, moment: str) -> None:
        """I6: a position at the venue has a stop of its size there, or has been alarmed about within ten seconds."""
        exchange, now = self.exchange, self.sandbox.now
        naked = set()
        for pair, quantity in exchange.positions("ada").items():
            if not self._is_covered(pair, quantity):
                naked.add(pair)
        self._naked_since = {pair: self._naked_since.get(pair, now) for pair in naked}
        for pair, since in self._naked_since.items():
            if now - since <= NAKED_FOR_AT_MOST + STEP:
                continue
            told = await self.store.activities(OWNER, ACCOUNT, limit=200)
            working = {order.request.role.value for order in await self.store.open_orders(OWNER, ACCOUNT)}
            excused = any(each.at >= since - timedelta(minutes=2) for each in told) or working or self.trader is None
            self._hold("I6 no position is naked without an alarm", bool(excused), f"{moment}: {pair} since {since}")

    def _is_covered(self, pair: Pair, quantity: Decimal) -> bool:
        """Whether stops at the venue close all of a position but what no order can hold."""
        exchange, instrument = self.exchange, self.exchange.instruments[pair]
        side = Side.SELL if quantity > 0 else Side.BUY
        stops = [
            order.remaining_quantity
            for order in exchange.orders("ada")
            if order.pair == pair and order.side is side and order.order_type.value.startswith("stop")
        ]
        dust = ZERO
        if self.is_wallet:
            price = exchange.quote(pair).last
            dust = max(instrument.lot, instrument.min_quantity, 2 * instrument.min_cost / price)
        return sum(stops, ZERO) > abs(quantity) - dust if dust else sum(stops, ZERO) >= abs(quantity)

    async def _check_rest(self) -> None:
        moment = "at rest"
        exchange = self.exchange
        unfinished = await self.store.open_orders(OWNER, ACCOUNT)
        unknown = [
            order for order in unfinished if order.status in (OrderStatus.UNKNOWN, OrderStatus.SENT, OrderStatus.INTENT)
        ]
        self._hold("I12 nothing is unknown", not unknown, f"{moment}: {unknown}")
        recorded = Counter(_told(fill) for fill in await self.store.fills(OWNER, ACCOUNT, limit=10_000))
        self._hold("I3 every fill is recorded", recorded == Counter(_told(fill) for fill in _fills(exchange)), moment)
        totals = await self.store.totals(OWNER, ACCOUNT)
        if self.is_wallet:
            self._check_wallet(totals, moment)
        else:
            await self._check_positions(moment)
        for pair, quantity in exchange.positions("ada").items():
            self._hold("I6 every position is protected", self._is_covered(pair, quantity), f"{moment}: {pair}")
        self.digest.append(str(sorted((str(book), asset, str(amount)) for (book, asset), amount in totals.items())))
        self.digest.append(str(recorded.total()))
        await self._check_commands(moment)
        self.digest.append(str(totals.get((Account.CASH, self.bench.quote))))
        self._hold(
            "I10 no secret left the signer",
            not any(s.encode() in (self.folder / "jarvis.db").read_bytes() for s in self.secrets),
            moment,
        )

    async def _check_commands(self, moment: str) -> None:
        """Everything that was asked by hand was taken by the trader; what it said is part of the history."""
        waiting = [each.kind.value for each in await self.store.take_commands(ACCOUNT)]
        self._hold("I13 no wish is left lying", not waiting, f"{moment}: {waiting}")
        number = 1
        while (result := await self.store.command_result(OWNER, number)) is not None:
            self.digest.append(result)
            number += 1

    def _check_wallet(self, totals: Mapping[tuple[Account, Asset], Decimal], moment: str) -> None:
        """What the journal says of every asset is what the venue has, net of what is owed."""
        at_venue: dict[Asset, Decimal] = {}
        for pot in self.exchange.pots("ada"):
            for asset, each in self.exchange.balances("ada", pot).items():
                at_venue[asset] = at_venue.get(asset, ZERO) + each.total
        for asset in sorted({*at_venue, *(asset for book, asset in totals if book is Account.CASH)}):
            ours, theirs = totals.get((Account.CASH, asset), ZERO), at_venue.get(asset, ZERO)
            self._hold("I5 every asset agrees", ours == theirs, f"{moment}: {asset} {ours} {theirs}")

    async def _check_positions(self, moment: str) -> None:
        held = {
            each.story.pair: each.story.position.quantity for each in await self.store.open_positions(OWNER, ACCOUNT)
        }
        held = {pair: quantity for pair, quantity in held.items() if quantity}
        at_venue = self.exchange.positions("ada")
        self._hold("I3 positions agree", held == at_venue, f"{moment}: {held} {at_venue}")
        for residual in await self.store.residuals(OWNER, ACCOUNT):
            self._hold("I5 the residual is zero", residual.difference == 0, f"{moment}: {residual}")
            self._hold("I5 nothing waits in clearing", residual.clearing == 0, f"{moment}: {residual}")

    def _hold(self, name: str, holds: bool, moment: str) -> None:
        if not holds:
            raise Violation(f"seed {self.seed}: {name} ({moment})")


def _fills(exchange: Any) -> list[Any]:
    return [each.fill if hasattr(each, "fill") else each for each in exchange.fills("ada")]


def _told(fill: Fill) -> tuple[object, ...]:
    """What a fill is, whatever the venue calls it, and however finely it tells the time."""
    at = fill.at.replace(microsecond=fill.at.microsecond // 1000 * 1000)
    return at, fill.pair, fill.side, fill.quantity, fill.price, fill.cost, fill.fee, fill.fee_asset
