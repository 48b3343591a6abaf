"""One account with wallet settlement on virtual time: the trader, its store, and the simulated exchange."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Self

from jarvis.accounts.people import Person, Role
from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, UserId, VenueName
from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.market import Tick
from jarvis.domain.money import ZERO, Asset, round_down
from jarvis.domain.order import OrderRole, OrderStatus, OrderType
from jarvis.domain.traits import VenueTraits
from jarvis.ledger.journal import Account
from jarvis.live.books import Books
from jarvis.live.floor import keep_running
from jarvis.live.guardian import Guardian
from jarvis.live.trader import Step, Trader
from jarvis.sim.exchange import SimExchange
from jarvis.sim.market import Requoted, SyntheticMarket
from jarvis.sim.models import VenueModel
from jarvis.store.db import Store
from jarvis.trading.engine import Engine, EngineConfig
from jarvis.trading.limits import Limits
from jarvis.trading.state import EngineState
from jarvis.trading.strategy import Direction, Protection, Signal, TakeProfit
from jarvis.venues.base import VenueError
from tests.live.simvenue import USDT, SimVenue
from tests.support.inline_sqlite import inline_creator

START = datetime(2026, 1, 5, 0, 50, tzinfo=UTC)  # soon an hour is full, and interest due
BTC, ETH = Pair.parse("BTC/USDT"), Pair.parse("ETH/USDT")
STEP = timedelta(seconds=10)
OWNER, ACCOUNT = UserId("ada"), AccountId("account-ada")


class Clock:
    def __init__(self) -> None:
        self._from = asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time() - self._from)


class QuietGuardian(Guardian):
    """Asks nothing of the key: there is none."""

    def key_check_due(self, now: datetime) -> bool:
        del now
        return False


@dataclass
class WalletWorld:
    """`async with` it; `step` moves the market and the trader; `check` holds every invariant."""

    folder: Path
    model: VenueModel
    instruments: Mapping[Pair, Instrument]
    traits: VenueTraits
    seed: int = 1
    repays: bool = True
    locks: bool = True
    deposits: Mapping[Asset, Decimal] = field(default_factory=lambda: {USDT: Decimal(10_000)})
    pairs: tuple[Pair, ...] = (BTC, ETH)
    trader: Trader | None = None
    broken: list[Exception] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        market = SyntheticMarket(self.seed, START, [Pair.parse(f"{p.base}/USD") for p in self.pairs], STEP)
        listed = {pair: self.instruments[pair] for pair in self.pairs}
        self.exchange = SimExchange(
            instruments=listed,
            model=self.model,
            market=Requoted(market, USDT),
            seed=self.seed,
        )
        self.exchange.open_account("ada", self.deposits)
        self.exchange.advance(START + STEP)
        self.venue = SimVenue(
            self.exchange, self.traits, Random(f"{self.seed} venue"), repays=self.repays, locks=self.locks
        )
        self.clock = Clock()
        await asyncio.sleep(STEP.total_seconds())
        path = self.folder / "jarvis.db"
        self.store = await Store.open(f"sqlite+aiosqlite:///{path}", migrate=True, async_creator=inline_creator(path))
        await self.store.add_person(Person(OWNER, "ada@example.org", "x", Role.TRADER, START))
        credential = Credential(ACCOUNT, VenueName("sim"), CredentialId("c"), Environment.SANDBOX, b"s")
        self.connected_at = self.clock.now()
        await self.store.connect_account(
            OWNER, credential, fingerprint="f", label="l", public_id="p", permissions_json="{}", verdict="accepted",
            execution_venue="", at=self.connected_at,
        )  # fmt: skip
        self.keeper = asyncio.create_task(self._keep())
        await asyncio.sleep(1)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.keeper.cancel()
        await asyncio.gather(self.keeper, return_exceptions=True)
        await self.store.close()

    async def restart(self) -> None:
        """As after a crash: a new trader from the store."""
        self.keeper.cancel()
        await asyncio.gather(self.keeper, return_exceptions=True)
        self.keeper = asyncio.create_task(self._keep())
        await asyncio.sleep(1)

    async def _keep(self) -> None:
        async def run_once() -> None:
            self.trader = await self._made()
            try:
                await self.trader.run(on_ready=lambda: None)
            finally:
                self.trader = None

        async def tell(error: Exception) -> None:
            if not isinstance(error, VenueError | TimeoutError):
                self.broken.append(error)

        await keep_running(run_once, tell)

    async def _made(self) -> Trader:
        fence = await self.store.acquire_lease(ACCOUNT, "worker", timedelta(seconds=15), self.clock.now())
        assert fence is not None
        expected = await self.store.expected(ACCOUNT)
        limits = Limits(leverage_cap=5, allowed_pairs=frozenset(self.pairs), risk_per_trade=Decimal("0.005"))
        state = EngineState.adopt(
            expected.orders, expected.stories, marks=expected.marks, next_id=expected.next_order_number,
            seen_fills=expected.fills,
        )  # fmt: skip
        rates = dict.fromkeys(self.pairs, self.model.fee.taker_rate)
        config = EngineConfig(
            ACCOUNT, "jvada", limits, dict(self.exchange.instruments), dict.fromkeys(self.pairs, 5),
            traits=self.traits, taker_rates=rates,
        )  # fmt: skip
        return Trader(
            account=ACCOUNT, venue=self.venue, store=self.store, engine=Engine(config, state), clock=self.clock,  # type: ignore[arg-type]
            fence=fence, books=Books.of(expected, self.connected_at, self.traits.settlement),
            guardian=QuietGuardian(), quote_asset=USDT,
        )  # fmt: skip

    # --- driving ----------------------------------------------------------------------------------------------------

    async def step(self, *signals: Signal, count: int = 1) -> None:
        for _ in range(count):
            await asyncio.sleep(STEP.total_seconds())
            now = self.clock.now()
            self.exchange.advance(now) if now > self.exchange.now else None
            if self.trader is not None:
                quotes = {pair: self.exchange.quote(pair) for pair in self.pairs}
                self.trader.hand_over(Step(Tick(now), (), signals, quotes, 0.0))
            signals = ()

    def wish(self, direction: Direction, pair: Pair = BTC, share: str = "0.01", *, targets: bool = False) -> Signal:
        price = self.exchange.quote(pair).last
        distance = price * Decimal(share)
        take_profits = (TakeProfit(distance / 4, Decimal("0.5")),) if targets else ()
        protection = Protection(distance, take_profits=take_profits)
        return Signal("test", pair, self.clock.now() + STEP, direction, price, protection, True, timedelta(hours=1))

    # --- what must hold ---------------------------------------------------------------------------------------------

    async def check(self) -> None:
        if self.broken:
            raise self.broken[0]
        totals = await self.store.totals(OWNER, ACCOUNT)
        sums: dict[str, Decimal] = {}
        for (_, asset), amount in totals.items():
            sums[asset] = sums.get(asset, ZERO) + amount
        assert not any(sums.values()), f"an asset does not sum to zero: {sums}"
        for pair in self.pairs:
            exits = [
                order
                for order in self.exchange.orders("ada")
                if order.pair == pair and await self._role(order.client_order_id) is not OrderRole.ENTRY
            ]
            assert self.traits.reduce_only or len(exits) <= 1, f"two exits work on {pair}: {exits}"

    async def _role(self, name: str | None) -> OrderRole | None:
        order = None if name is None else await self.store.order(OWNER, ACCOUNT, name)  # type: ignore[arg-type]
        return None if order is None else order.request.role

    async def cash(self) -> dict[Asset, Decimal]:
        totals = await self.store.totals(OWNER, ACCOUNT)
        return {asset: amount for (account, asset), amount in totals.items() if account is Account.CASH and amount}

    def at_venue(self) -> dict[Asset, Decimal]:
        return {asset: balance.total for asset, balance in self.exchange.balances("ada").items() if balance.total}

    async def check_rest(self) -> None:
        await asyncio.sleep(STEP.total_seconds())  # the market stands still: what is on its way arrives
        await self.check()
        orders = await self.store.open_orders(OWNER, ACCOUNT)
        assert not [each for each in orders if each.status in (OrderStatus.UNKNOWN, OrderStatus.SENT)]
        assert await self.cash() == self.at_venue()
        for residual in await self.store.residuals(OWNER, ACCOUNT):
            assert residual.clearing == ZERO
        for record in await self.store.open_positions(OWNER, ACCOUNT):
            story = record.story
            if story.position.is_flat:
                continue
            lot = self.exchange.instruments[story.pair].lot
            stops = [o for o in self.exchange.orders("ada") if o.pair == story.pair and o.order_type is OrderType.STOP]
            covered = sum((stop.remaining_quantity for stop in stops), ZERO)
            assert covered >= round_down(story.quantity, lot), f"{story.pair} is naked: {story.quantity} {stops}"
            assert all(stop.side is (Side.SELL if story.side is Side.BUY else Side.BUY) for stop in stops)
