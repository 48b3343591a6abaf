"""A floor in a market that stands still: a strategy that cannot run is told to those who follow it, once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from jarvis.domain.account import AccountId, Environment, UserId, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Tick
from jarvis.domain.traits import VenueTraits
from jarvis.live.floor import LOOK_EVERY_SECONDS, Floor
from jarvis.live.plan import AccountPlan
from jarvis.market.signals import Subscription
from jarvis.trading.limits import Limits

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BTC = Pair.parse("BTC/USD")


class StillVenue:
    """Has nothing to tell."""

    name = "still"
    traits = VenueTraits()

    async def bars(self, *_: object) -> Sequence[object]:
        return []

    async def instruments(self) -> dict[Pair, object]:
        return {}

    @asynccontextmanager
    async def market_stream(self, *_: object) -> AsyncIterator[object]:
        async def flush() -> None:
            return None

        yield SimpleNamespace(flush=flush, pending=list, last_heard_at=0.0)


class NotedStore:
    """Keeps what was told to whom."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    async def record_activity(self, account: str, kind: str, severity: str, words: str, **_: object) -> None:
        self.told.append((account, kind, severity, words))


class FewTicks:
    """Three seconds of a wall clock, with time for a look at the store after each."""

    def now(self) -> datetime:
        return NOON

    async def ticks(self) -> AsyncIterator[Tick]:
        for second in range(3):
            yield Tick(NOON + timedelta(seconds=second))
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def plan(account: str, *strategies: str) -> AccountPlan:
    """An armed account that follows these with their usual values."""
    return AccountPlan(
        account_id=AccountId(account),
        user_id=UserId("someone"),
        venue=VenueName("kraken"),
        environment=Environment.SANDBOX,
        credential=cast("Any", None),
        execution_venue="",
        is_armed=True,
        connected_at=NOON,
        limits=Limits(allowed_pairs=frozenset({BTC})),
        subscriptions=tuple(Subscription.of(each, BTC, timedelta(minutes=1), {}) for each in strategies),
    )


async def test_whoever_follows_what_cannot_run_is_told_once_and_why() -> None:
    store = NotedStore()
    plans = [plan("one", "donchian_breakout", "gone"), plan("two", "pairs_spread"), plan("three", "donchian_breakout")]

    async def read_plans() -> Sequence[AccountPlan]:
        return plans

    async def nobody(_: AccountPlan) -> None:
        return None

    floor = Floor(
        venue=cast("Any", StillVenue()),
        feed_name=VenueName("kraken"),
        pairs=[BTC],
        clock=cast("Any", FewTicks()),
        lockstep=False,
        store=cast("Any", store),
        read_plans=read_plans,
        build_trader=nobody,
        wall=lambda: NOON,
    )
    await floor.run()

    assert [line[:3] for line in store.told] == [
        ("one", "strategy_refused", "critical"),
        ("two", "strategy_refused", "critical"),
    ]
    assert "“gone” on BTC/USD is not run. There is no strategy called gone here any more. Nothing" in store.told[0][3]
    assert "“Pairs spread” on BTC/USD is not run. Pairs spread compares BTC/USD with ETH/USD" in store.told[1][3]
