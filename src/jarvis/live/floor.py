"""A trading floor: all accounts of one venue and environment, on one clock, one feed and one set of signals.

The floor turns market data into steps and hands each to the traders that it concerns. Accounts are strangers: one
that fails is restarted by itself, and on the wall clock nobody waits for anybody. A sandbox's clock does wait, for all
of them, so that a replay is exact.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog

from jarvis.domain.account import AccountId, VenueName
from jarvis.domain.clock import Clock
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar, Tick
from jarvis.domain.traits import Settlement
from jarvis.live.keeping import kept_if_possible
from jarvis.live.plan import AccountPlan
from jarvis.live.trader import Step, Trader
from jarvis.market.feed import MarketFeed
from jarvis.market.signals import SignalHub, Subscription
from jarvis.store.db import Store
from jarvis.store.records import AccountState
from jarvis.trading.events import InstrumentsChanged, LimitsChanged
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import Signal
from jarvis.venues.base import KeyInvalid, PublicVenue, RateLimited, VenueError

log = structlog.get_logger()

INSTRUMENTS_EVERY = timedelta(minutes=10)
LOOK_EVERY_SECONDS = 0.3
GRACE_ON_THE_WALL_CLOCK = timedelta(seconds=2)
GRACE_FOR_OTHER_PAIRS = timedelta(seconds=4)
"""How long after a close a strategy that looks at several pairs waits for the rest: longer than a candle's own grace,
by which all that the stream has told is in, and well within the minute after which the next close would come."""
READY_WITHIN_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_AFTER_SECONDS = 60.0

_STAYS = "what is open keeps its stop, its targets and its time-stop."
TOO_OLD = "not done: it waited for more than a minute, and prices have moved on since"

PlanReader = Callable[[], Awaitable[Sequence[AccountPlan]]]
TraderBuilder = Callable[[AccountPlan], Awaitable[Trader | None]]
"""A trader that is ready to run, or None while another process holds the account's lease."""


class Floor:
    """Serves the accounts that `read_plans` lists, until the clock ends or it is cancelled."""

    def __init__(
        self,
        *,
        venue: PublicVenue,
        feed_name: VenueName,
        pairs: Sequence[Pair],
        clock: Clock,
        lockstep: bool,
        store: Store,
        read_plans: PlanReader,
        build_trader: TraderBuilder,
        wall: Callable[[], datetime],
    ) -> None:
        self._wall = wall
        self._venue = venue
        self._feed_name = feed_name
        self._pairs = tuple(pairs)
        self._clock = clock
        self._lockstep = lockstep
        self._store = store
        self._read_plans = read_plans
        self._build_trader = build_trader
        self._hub = SignalHub(venue, self._pairs, grace=timedelta(0) if lockstep else GRACE_FOR_OTHER_PAIRS)
        self._told_refusals: set[tuple[AccountId, Subscription]] = set()
        self._plans: dict[AccountId, AccountPlan] = {}
        self._keepers: dict[AccountId, asyncio.Task[None]] = {}
        self._traders: dict[AccountId, Trader] = {}
        self._started: dict[AccountId, asyncio.Event] = {}
        self._looked_at = float("-inf")
        self._unkept: list[Bar] = []
        self._instruments_at: datetime | None = None

    async def run(self) -> None:
        """Follow the clock."""
        grace = timedelta(0) if self._lockstep else GRACE_ON_THE_WALL_CLOCK
        async with MarketFeed(self._venue, self._pairs, grace=grace) as feed, asyncio.TaskGroup() as tasks:
            try:
                async for tick in self._clock.ticks():
                    await self._look_at_the_store(tasks, feed)
                    await self._read_instruments(tick.at)
                    await self._step(feed, tick)
                await self._keep_market(feed)
            finally:
                for keeper in self._keepers.values():
                    keeper.cancel()

    def dismiss(self, account: AccountId) -> None:
        """Stop one account's trader at once: its lease is lost."""
        if account in self._keepers:
            self._keepers.pop(account).cancel()
            del self._plans[account]

    async def _step(self, feed: MarketFeed, tick: Tick) -> None:
        minutes = await feed.finished_bars(tick.at)
        self._unkept.extend(minutes)
        finished: list[Bar] = []
        signals: dict[Subscription, Signal] = {}
        for minute in minutes:
            bars, given = self._hub.push(minute)
            finished.extend(bars)
            signals.update(given)
        signals.update(self._hub.settle(tick.at))
        silent = feed.silent_for()
        waiting = []
        for account, trader in list(self._traders.items()):
            plan = self._plans[account]
            step = Step(
                tick=tick,
                bars=tuple(bar for bar in finished if (bar.pair, bar.interval) in plan.bars_followed),
                signals=tuple(signals[wish] for wish in plan.subscriptions if wish in signals),
                quotes=dict(feed.quotes),
                market_silent=silent,
            )
            if self._lockstep:
                waiting.append(trader.step(step))
            else:
                trader.hand_over(step)
        await asyncio.gather(*waiting)

    async def _look_at_the_store(self, tasks: asyncio.TaskGroup, feed: MarketFeed) -> None:
        """Plans and commands, a few times a second of real time however fast the clock runs."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at >= LOOK_EVERY_SECONDS:
            self._looked_at = now
            await self._admit(tasks)
            await self._tell_refusals()
            await self._take_commands()
            await self._keep_market(feed)

    async def _keep_market(self, feed: MarketFeed) -> None:
        """Candles and quotes for the pages, a few times a second of real time at most."""
        if self._unkept:
            bars, self._unkept = self._unkept, []
            await kept_if_possible(self._store.record_bars(self._feed_name, bars))
        if feed.quotes:
            await kept_if_possible(self._store.record_quotes(self._feed_name, feed.quotes.values()))

    async def _admit(self, tasks: asyncio.TaskGroup) -> None:
        """Start, stop and change traders as the store says."""
        plans = {plan.account_id: plan for plan in await self._read_plans()}
        for account, keeper in list(self._keepers.items()):
            plan, former = plans.get(account), self._plans[account]
            if plan is None or plan.needs_restart_after(former):
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)
                del self._keepers[account], self._plans[account]
            elif plan.limits != former.limits:
                self._plans[account] = plan
                if account in self._traders:
                    self._traders[account].command(LimitsChanged(plan.limits, self._clock.now()))
        for account, plan in plans.items():
            if account not in self._keepers:
                for wish in plan.subscriptions:
                    await self._hub.follow(wish)
                self._plans[account] = plan
                self._started[account] = asyncio.Event()
                self._keepers[account] = tasks.create_task(self._keep(plan), name=f"trader {account}")
                if self._lockstep:
                    await self._wait_until_ready(account)

    async def _wait_until_ready(self, account: AccountId) -> None:
        """A replay must not run past an account that is still starting."""
        try:
            async with asyncio.timeout(READY_WITHIN_SECONDS):
                await self._started[account].wait()
        except TimeoutError:
            log.warning("trader_not_ready", account=account)

    async def _keep(self, plan: AccountPlan) -> None:
        """One account's trader, again after every failure."""

        async def run_once() -> None:
            trader = await self._build_trader(plan)
            if trader is None:
                return  # another process holds the account
            self._traders[plan.account_id] = trader
            try:
                await trader.run(on_ready=self._started[plan.account_id].set)
            finally:
                del self._traders[plan.account_id]

        async def tell(error: Exception) -> None:
            await self._tell(plan, error)

        await keep_running(run_once, tell)

    async def _tell(self, plan: AccountPlan, error: Exception) -> None:
        now = self._clock.now()
        match error:
            case KeyInvalid():
                reason = f"the venue does not accept the key: {error}"
                log.warning("account_blind", account=plan.account_id, reason=reason)
                await self._store.set_account_state(plan.account_id, AccountState.BLIND, reason, now)
            case VenueError() | ConnectionError() | TimeoutError():
                log.warning("trader_stopped", account=plan.account_id, reason=str(error) or type(error).__name__)
            case _:
                log.error("trader_broke", account=plan.account_id, exc_info=error)
                words = (
                    f"an internal check failed ({type(error).__name__}); the account starts again from the venue's "
                    "records. Stops at the venue stay in place."
                )
                await self._store.record_activity(plan.account_id, "trader_broke", "critical", words, at=now, pair=None)

    async def _tell_refusals(self) -> None:
        """Tell each owner once which of the strategies that the account follows are not computed, and why."""
        for account, plan in self._plans.items():
            for wish in plan.subscriptions:
                reason = self._hub.refused.get(wish)
                if reason is not None and (account, wish) not in self._told_refusals:
                    self._told_refusals.add((account, wish))
                    title = STRATEGIES[wish.strategy].title if wish.strategy in STRATEGIES else wish.strategy
                    words = (
                        f"“{title}” on {wish.pair} is not run. {reason.rstrip('.')}. Nothing is opened by it; {_STAYS}"
                    )
                    await self._store.record_activity(
                        account, "strategy_refused", "critical", words, at=self._clock.now(), pair=wish.pair
                    )

    @property
    def _leverage_is_the_accounts_own(self) -> bool:
        """Whether only an account's key is told what the venue lends: then each trader reads its rules itself."""
        return self._venue.traits.settlement is Settlement.WALLET

    async def _read_instruments(self, now: datetime) -> None:
        if self._instruments_at is not None and now - self._instruments_at < INSTRUMENTS_EVERY:
            return
        if self._leverage_is_the_accounts_own:
            self._instruments_at = now
            for trader in self._traders.values():
                trader.read_rules_again()
            return
        try:
            instruments = await self._venue.instruments()
        except VenueError as error:
            log.warning("instruments_not_read", venue=self._venue.name, reason=str(error))
            return
        self._instruments_at = now
        for trader in self._traders.values():
            trader.command(InstrumentsChanged(tuple(instruments.values()), now))

    async def _take_commands(self) -> None:
        for account, trader in self._traders.items():
            await hand_over_commands(self._store, account, trader, now=self._clock.now(), wall=self._wall())


async def hand_over_commands(
    store: Store, account: AccountId, trader: Trader, *, now: datetime, wall: datetime
) -> None:
    """Hand a person's commands over to the account's trader; `wall` is the time by which they get too old."""
    for command in await store.take_commands(account):
        event = command.as_event(now)
        if not command.is_by_hand:
            trader.command(event)
            await store.finish_command(command.command_id, "done")
        elif command.is_too_old(wall):
            await store.finish_command(command.command_id, TOO_OLD)
        elif await store.claim_command(command.command_id):
            trader.command(event, command.command_id)


async def keep_running(run_once: Callable[[], Awaitable[None]], tell: Callable[[Exception], Awaitable[None]]) -> None:
    """Run, and again after every end, with a pause that grows while it ends quickly; a rate limit is waited out."""
    loop = asyncio.get_running_loop()
    pause = FIRST_PAUSE_SECONDS
    while True:
        started = loop.time()
        wait = 0.0
        try:
            await run_once()
        except Exception as failed:  # noqa: BLE001 - the top of one account's task: the others go on
            error = _innermost(failed)
            if isinstance(error, RateLimited):
                wait = error.retry_after.total_seconds()
            await tell(error)
        if loop.time() - started > STEADY_AFTER_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        await asyncio.sleep(max(pause, wait))
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _innermost(error: Exception) -> Exception:
    """What really happened, out of the groups that task groups wrap around it."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
