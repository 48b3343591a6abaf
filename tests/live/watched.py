"""A trader at a venue's emulator, and somebody else with the same key: for what the sentinel and the watch must see."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, LedgerKind, UserId, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Tick
from jarvis.domain.order import ClientOrderId, OrderType
from jarvis.domain.people import Person, Role
from jarvis.live.plan import AccountPlan
from jarvis.live.trader import Step, Trader
from jarvis.live.worker import build_trader
from jarvis.store.db import Store
from jarvis.trading.engine import Engine
from jarvis.trading.events import EngineEvent
from jarvis.trading.limits import Limits
from jarvis.trading.strategy import Direction, Protection, Signal
from jarvis.venues.base import Accepted, Venue, VenueError
from tests.simulation.loop import VirtualLoop
from tests.support.inline_sqlite import inline_creator
from tests.venues.contract.bench import Bench
from tests.venues.contract.benches import BENCHES

OWNER, ACCOUNT = UserId("ada"), AccountId("account-ada")
D = Decimal


class Watched:
    """`async with` it: an armed account whose trader has looked once. `step` lets minutes pass."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.bench: Bench = BENCHES[name]()
        self.pair = self.bench.pair
        self.other = Pair(Pair.parse("ETH/USD").base, self.bench.quote)
        self._trader: Trader | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        path = self._folder / "jarvis.db"
        self.store = await Store.open(f"sqlite+aiosqlite:///{path}", migrate=True, async_creator=inline_creator(path))
        self.bench.advance(1)
        await self.store.add_person(Person(OWNER, "ada@example.org", "x", Role.TRADER, self.bench.now()))
        self.credential = Credential(ACCOUNT, VenueName(self.bench.name), CredentialId("c"), Environment.SANDBOX, b"s")
        self.connected_at = self.bench.now()
        await self.store.connect_account(
            OWNER, self.credential, fingerprint="f", label="l", public_id="p", permissions_json="{}",
            verdict="accepted", execution_venue="", at=self.connected_at,
        )  # fmt: skip
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self.store.close()

    async def start(self) -> None:
        """A trader from the store, as after a crash."""
        fence = await self.store.acquire_lease(ACCOUNT, "worker", timedelta(days=1), self.bench.now())
        assert fence is not None
        limits = Limits(leverage_cap=2, allowed_pairs=frozenset({self.pair, self.other}), risk_per_trade=D("0.001"))
        plan = AccountPlan(
            ACCOUNT, OWNER, self.credential.venue, Environment.SANDBOX, self.credential, "", True,
            self.connected_at, limits, (),
        )  # fmt: skip
        time = asyncio.create_task(self._time_passes())
        try:
            await self._begin(plan, fence)
        finally:
            time.cancel()

    async def _time_passes(self) -> None:
        """While a trader starts nobody steps, and what it may ask of the venue is counted by the venue's clock."""
        while True:
            await asyncio.sleep(0.2)
            self.bench.advance(1)

    async def _begin(self, plan: AccountPlan, fence: int) -> None:
        for _ in range(5):
            self._trader = await build_trader(plan, self.bench.venue, self.store, self.bench, fence)
            ready = asyncio.Event()
            self._task = asyncio.create_task(self._trader.run(ready.set))
            await self._first(ready.wait())
            if not self._task.done():
                return
            assert _is_of_the_venue(self._task.exception()), self._task.exception()
            await asyncio.sleep(1)  # as after every failure of a venue: again, a little later
        raise AssertionError("the trader does not start")

    async def _first(self, work: Coroutine[Any, Any, object]) -> None:
        """Wait for `work`, or for the end of the trader."""
        assert self._task is not None
        working = asyncio.create_task(work)
        await asyncio.wait({working, self._task}, return_when=asyncio.FIRST_COMPLETED)
        working.cancel()

    async def stop(self) -> None:
        """End the trader."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def restart(self) -> None:
        """As after a crash, some minutes later."""
        await self.stop()
        self.bench.advance(5)
        await self.start()

    @property
    def trader(self) -> Trader:
        assert self._trader is not None
        return self._trader

    @property
    def engine(self) -> Engine:
        return self.trader._engine

    async def step(self, *signals: Signal, minutes: int = 1) -> None:
        """Let minutes pass, with the trader looking once in each."""
        for _ in range(minutes):
            self.bench.advance(1)
            await asyncio.sleep(1)
            now = self.bench.now()
            quotes = {pair: self.bench.exchange.quote(pair) for pair in (self.pair, self.other)}
            await self._first(self.trader.step(Step(Tick(now), (), signals, quotes, 0.0)))
            assert self._task is not None
            if self._task.done():
                assert _is_of_the_venue(self._task.exception()), self._task.exception()
                await self.restart()
            signals = ()

    async def tell(self, event: Callable[[datetime], EngineEvent]) -> None:
        """Hand the trader what a person commands."""
        self.trader.command(event(self.bench.now()))
        await self.step()

    def wish(self, direction: Direction, pair: Pair | None = None) -> Signal:
        """A signal as a strategy gives it."""
        pair = pair or self.pair
        price = self.bench.exchange.quote(pair).last
        at = self.bench.now() + timedelta(minutes=1)
        return Signal("test", pair, at, direction, price, Protection(price / 20), True, timedelta(hours=1))

    def is_open(self, pair: Pair | None = None) -> bool:
        """Whether a position is held."""
        story = self.engine.state.stories.get(pair or self.pair)
        return story is not None and not story.position.is_flat

    def blocks(self) -> set[tuple[str, Pair | None]]:
        """What forbids entries."""
        return {(block.cause, block.pair) for block in self.engine.state.blocks}

    async def notices(self, kind: str) -> list[str]:
        """What the owner was told."""
        return [notice.message for notice in await self.store.notices_of(OWNER, limit=500) if notice.kind == kind]

    async def noted(self, kind: str) -> list[str]:
        """The evidence in the owner's audit."""
        return [str((line.details or {}).get("evidence")) for line in await self.store.audit_of(OWNER, kinds=[kind])]

    # --- somebody else --------------------------------------------------------------------------------------------

    def thief(self) -> Venue:
        """Another client with the same key."""
        bench = self.bench
        credential = bench.signer.credential(
            bench.key["api_key"],
            bench.key["secret"],
            venue=bench.name,
            passphrase=bench.key.get("passphrase", bench.inputs.get("passphrase")),
        )
        return bench._open(bench.signer.bound(credential), bench.execution_venue)

    async def foreign_order(self, client_order_id: str = "zz0000001") -> None:
        """Rest an order far below the market."""
        wish = self.bench.wish(
            client_order_id=ClientOrderId(client_order_id),
            order_type=OrderType.LIMIT,
            limit_price=D(40_000),
            quantity=D("0.01"),
        )
        assert isinstance(await self.thief().place(wish), Accepted)

    async def foreign_trade(self) -> None:
        """Trade at the market."""
        wish = self.bench.wish(client_order_id=ClientOrderId("zz0000002"), quantity=D("0.01"))
        assert isinstance(await self.thief().place(wish), Accepted)

    def move(self, amount: int, kind: LedgerKind) -> None:
        """Move money out of the account (negative), or in."""
        pot = str(self.pair) if "isolated" in self.bench.profile else ""
        self.bench.exchange.adjust("owner", self.bench.quote, D(amount), kind, pot=pot)


def _is_of_the_venue(error: BaseException | None) -> bool:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return isinstance(error, VenueError)


def run(story: Callable[[], Awaitable[None]]) -> None:
    """Play a story on virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(story())  # type: ignore[arg-type]
