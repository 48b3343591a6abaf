"""Many traders in one process: a floor per venue and environment, leases for the accounts, traders from the store."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from random import Random

import structlog

from jarvis.domain.account import AccountId, Environment, VenueName
from jarvis.domain.clock import Clock
from jarvis.domain.instrument import Pair
from jarvis.domain.money import USD, ZERO
from jarvis.domain.records import shared
from jarvis.domain.traits import Settlement
from jarvis.live.books import Books
from jarvis.live.floor import Floor
from jarvis.live.gate import Gate
from jarvis.live.guardian import Guardian
from jarvis.live.housekeeping import Kept, keep_house
from jarvis.live.plan import AccountPlan, read_plans
from jarvis.live.trader import Trader
from jarvis.market.clock import WallClock, sandbox_clock
from jarvis.signer.client import SignerClient
from jarvis.store.db import Store
from jarvis.store.records import feed_name
from jarvis.trading.engine import Engine, EngineConfig
from jarvis.trading.events import EntriesAllowed, EntriesBlocked
from jarvis.trading.sizing import Costs
from jarvis.trading.state import EngineState
from jarvis.venues.base import Venue
from jarvis.venues.catalog import VENUES, open_venue, sandbox_urls
from jarvis.venues.session import NetworkTransport, VenueUrls

log = structlog.get_logger()

LEASE = timedelta(seconds=15)
RENEW_EVERY_SECONDS = 5.0
LOOK_EVERY_SECONDS = 1.0
PAUSE_AFTER_FAILURE_SECONDS = 2.0
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Worker:
    """Serves every connected account of the store that no other worker holds. `owner` names this process."""

    def __init__(
        self,
        *,
        store: Store,
        signer: SignerClient,
        owner: str,
        sandbox_address: str | None,
        random: Random,
        kept: Kept,
    ) -> None:
        self._store = store
        self._signer = signer
        self._owner = owner
        self._sandbox_address = sandbox_address
        self._random = random
        self._kept = kept
        self._gate = Gate(store, signer)
        self._leases: dict[AccountId, tuple[int, Floor]] = {}
        self._floors: dict[tuple[VenueName, Environment], asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Open a floor for each venue and environment that has accounts, until cancelled."""
        await self._gate.open()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._renew_leases())
            tasks.create_task(self._gate.follow())
            tasks.create_task(keep_house(self._store, WallClock(), self._kept))
            while True:
                for account in await self._store.trading_accounts():
                    key = account.venue, account.environment
                    if key not in self._floors:
                        self._floors[key] = tasks.create_task(self._keep_floor(*key), name=f"floor {key[0]}")
                await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _keep_floor(self, name: VenueName, environment: Environment) -> None:
        while True:
            try:
                await self._run_floor(name, environment)
            except* Exception as errors:  # noqa: BLE001 - the top of one floor's task: other venues go on
                log.warning("floor_stopped", venue=name, environment=environment.value, reason=_first_words(errors))
            else:
                log.info("floor_closed", venue=name, environment=environment.value)
                return
            await asyncio.sleep(PAUSE_AFTER_FAILURE_SECONDS)

    async def _run_floor(self, name: VenueName, environment: Environment) -> None:
        if environment is Environment.LIVE:
            await self._serve(name, environment, WallClock(), VENUES[name].urls, lockstep=False)
            return
        if self._sandbox_address is None:
            raise ConnectionError("a sandbox account is connected, but no sandbox is configured")
        async with sandbox_clock(self._sandbox_address, follow=True) as clock:
            urls = sandbox_urls(name, self._sandbox_address)
            await self._serve(name, environment, clock, lambda _: urls, lockstep=True)

    async def _serve(
        self,
        name: VenueName,
        environment: Environment,
        clock: Clock,
        urls: Callable[[str | None], VenueUrls],
        *,
        lockstep: bool,
    ) -> None:
        async with NetworkTransport([urls(each) for each in VENUES[name].execution_venues]) as transport:

            def opened(plan: AccountPlan | None, fence: int) -> Venue:
                execution_venue = None if plan is None else plan.execution_venue
                return open_venue(
                    name,
                    transport=transport,
                    urls=urls(execution_venue),
                    signer=None if plan is None else self._signer.bound(plan.credential, fence),
                    clock=clock,
                    random=self._random,
                    execution_venue=execution_venue,
                )

            async def build(plan: AccountPlan) -> Trader | None:
                fence = await self._fence(plan.account_id)
                if fence is None:
                    return None
                self._leases[plan.account_id] = fence, floor
                trader = await build_trader(plan, opened(plan, fence), self._store, clock, fence)
                self._gate.admit(trader, clock)
                return trader

            public = opened(None, 0)
            listed = await public.instruments()
            floor = Floor(
                venue=public,
                feed_name=feed_name(name, environment),
                pairs=[pair for pair in VENUES[name].pairs if pair in listed],
                clock=clock,
                lockstep=lockstep,
                store=self._store,
                read_plans=lambda: read_plans(self._store, name, environment),
                build_trader=build,
                wall=WallClock().now,
            )
            await floor.run()

    async def _fence(self, account_id: AccountId) -> int | None:
        """The fence of a new lease; None while another worker holds the account."""
        fence = await self._store.acquire_lease(account_id, self._owner, LEASE)
        if fence is not None and not await self._gate.is_ahead_of_the_signer(account_id, fence):
            fence = await self._store.acquire_lease(account_id, self._owner, LEASE)
        return fence

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_SECONDS)
            for account, (fence, floor) in list(self._leases.items()):
                if not await self._store.renew_lease(account, self._owner, fence, LEASE):
                    log.error("lease_lost", account=account)
                    del self._leases[account]
                    floor.dismiss(account)


async def build_trader(plan: AccountPlan, venue: Venue, store: Store, clock: Clock, fence: int) -> Trader:
    """The account's trader as the store left it: engine, books, and the venue's rules read anew."""
    expected = await store.expected(plan.account_id)
    listed = map(shared, (await venue.instruments()).values())
    instruments = {instrument.pair: instrument for instrument in listed}
    taker_rates: dict[Pair, Decimal] = {}
    costs = Costs()
    if venue.traits.settlement is Settlement.WALLET:
        await venue.key_permissions()  # the account's mode decides how it behaves; the first signed answer tells it
        rates = await venue.fee_rates(list(instruments))
        taker_rates = {pair: rate.taker_rate for pair, rate in rates.items()}
        costs = Costs(max(taker_rates.values(), default=costs.taker_rate), opening_rate=ZERO)
    config = EngineConfig(
        account_id=plan.account_id,
        id_prefix=order_prefix(plan.account_id),
        limits=plan.limits,
        instruments=instruments,
        leverage_caps=VENUES[plan.venue].leverage_caps,
        costs=costs,
        traits=venue.traits,
        taker_rates=taker_rates,
    )
    state = EngineState.adopt(
        expected.orders,
        expected.stories,
        marks=expected.marks,
        next_id=expected.next_order_number,
        seen_fills=expected.fills,
    )
    engine = Engine(config, state)
    trader = Trader(
        account=plan.account_id,
        venue=venue,
        store=store,
        engine=engine,
        clock=clock,
        fence=fence,
        books=Books.of(expected, plan.connected_at, venue.traits.settlement),
        guardian=Guardian(),
        quote_asset=next((pair.quote for pair in instruments), USD),
    )
    now = clock.now()
    disarmed = "the account is not armed: it protects and closes only"
    trader.command(EntriesAllowed("disarmed", now) if plan.is_armed else EntriesBlocked("disarmed", disarmed, now))
    return trader


def order_prefix(account_id: AccountId) -> str:
    """`jv` and six characters of the account: marks our orders at the venue, and whose they are."""
    number = int.from_bytes(hashlib.sha256(account_id.encode()).digest()[:8])
    letters = ""
    for _ in range(6):
        number, digit = divmod(number, len(_DIGITS))
        letters += _DIGITS[digit]
    return f"jv{letters}"


def _first_words(errors: BaseExceptionGroup[Exception]) -> str:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
