"""The real worker, killed as by a power cut at every durable step and at any moment, while the market goes on."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from jarvis.live import supervisor as supervision
from tests.system.books import (
    DUST,
    assert_that_nothing_is_lost_or_doubled,
    assert_that_the_books_agree,
    ended_flat,
    held_at,
    is_wallet,
    stops_at,
    until_it_traded,
)
from tests.system.candles import QUICK_BREAKOUT, wavy_candles
from tests.system.installation import Installation, installed, until

POINTS = (
    "before_intent", "after_intent", "after_send", "after_answer", "before_fill_is_recorded",
    "after_fill_is_recorded", "before_row_is_recorded", "after_amend", "after_cancel",
)  # fmt: skip
VENUES = ("kraken", "binance", "binance-isolated", "okx", "bybit")
# Binance's margin orders cannot be amended; where fills are their own evidence, rows come from reading, not one by one.
NEVER = {
    "binance": ("after_amend", "before_row_is_recorded"),
    "binance-isolated": ("after_amend", "before_row_is_recorded"),
    "okx": ("before_row_is_recorded",),
    "bybit": ("before_row_is_recorded",),
}
PROTECTED_WITHIN_SECONDS = 10.0
MARKET_RATE = 480.0
"""Eight candles a real second: the market moves on while the worker is away."""


class Deaths(Mapping[str, str]):
    """The environment of each next worker: it will die at the next point of the list, then live."""

    def __init__(self, points: list[str]) -> None:
        self.left = list(points)

    def __iter__(self) -> Iterator[str]:
        return iter(["JARVIS_CRASH_AT"] if self.left else [])

    def __getitem__(self, name: str) -> str:
        return self.left.pop(0)

    def __len__(self) -> int:
        return min(1, len(self.left))


class Watch:
    """Sees which workers lived, and for how long a living one ever left a position without its stop.

    Time in which the worker was ready and other programs had the processors is not counted: a busy machine is no fault
    of the worker.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self.workers: list[int] = []
        self.seen_naked = False
        self.longest_naked = 0.0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        naked_since: dict[str, float] = {}
        while True:
            worker = self._installation.supervisor.process_id("worker")
            if worker not in self.workers:
                self.workers.append(worker)
                naked_since.clear()
            naked = naked_pairs(await self._installation.venue())
            now = loop.time() - waited(worker)
            self.seen_naked = self.seen_naked or bool(naked)
            naked_since = {pair: naked_since.get(pair, now) for pair in naked} if is_alive(worker) else {}
            self.longest_naked = max(self.longest_naked, *(now - since for since in naked_since.values()), 0.0)
            await asyncio.sleep(0.05)


def is_alive(process_id: int) -> bool:
    """Whether the process runs; one that has died and was not waited for yet does not."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def waited(process_id: int) -> float:
    """Seconds in which the process was ready and did not get a processor."""
    try:
        return int(Path(f"/proc/{process_id}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def naked_pairs(venue: Mapping[str, Any]) -> list[str]:
    """Pairs of which more is open than the stops that rest against it would close; of a wallet, but for dust."""
    slack = DUST if is_wallet(venue) else Decimal(0)
    return [pair for pair, quantity in held_at(venue).items() if abs(quantity) - stops_at(venue, pair) > slack]


@asynccontextmanager
async def trading(
    folder: Path, deaths: Deaths, *, minutes: int = 4000, seed: int = 1, venue: str = "kraken"
) -> AsyncIterator[tuple[Installation, Watch]]:
    """An installation that trades every few candles, watched."""
    candles = wavy_candles(folder / "btc.parquet", minutes=minutes, seed=seed)
    async with installed(
        folder / "here",
        candles=[candles],
        strategies=["donchian_breakout"],
        parameters=QUICK_BREAKOUT,
        rate=MARKET_RATE,
        venue=venue,
    ) as installation:
        installation.worker_environment = deaths
        await installation.start()
        watch = Watch(installation)
        watching = asyncio.create_task(watch.run())
        try:
            yield installation, watch
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


@pytest.fixture(autouse=True)
def _restart_without_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause before a restart grows with each death, and here they die on purpose."""
    monkeypatch.setattr(supervision, "LONGEST_PAUSE_SECONDS", 0.3)


@pytest.mark.timeout(330)
@pytest.mark.parametrize("venue", VENUES)
async def test_killed_at_every_durable_step_nothing_is_lost_doubled_or_left_naked(venue: str, tmp_path: Path) -> None:
    deaths = Deaths([point for point in POINTS if point not in NEVER.get(venue, ())])
    count = len(deaths.left)
    async with trading(tmp_path, deaths, venue=venue) as (installation, watch):
        await until(lambda: len(watch.workers) > count, seconds=220, what="a death at every point")
        await until_a_death_left_a_position_naked(installation, watch, deaths)
        assert deaths.left == []
        last = watch.workers[-1]
        await until_it_traded(installation)
        there = await ended_flat(installation)

        assert_that_the_books_agree(await installation.status(), there)
        await assert_that_nothing_is_lost_or_doubled(installation, there)
        assert watch.workers[-1] == last, "the worker died again when no death was asked for"
        assert watch.seen_naked, "no death came between a fill and its stop"
        assert watch.longest_naked <= PROTECTED_WITHIN_SECONDS


async def until_a_death_left_a_position_naked(installation: Installation, watch: Watch, deaths: Deaths) -> None:
    """The deaths may all have come while nothing was held, or at exits: die again, between an entry and its stop."""
    for _ in range(20):
        if watch.seen_naked:
            return
        deaths.left.append("after_fill_is_recorded")
        enough = len(watch.workers) + 2
        installation.kill("worker")
        await until(lambda enough=enough: len(watch.workers) >= enough, seconds=60, what="one more death")


async def kill_at_random(tmp_path: Path, *, times: int, seed: int) -> None:
    random = Random(seed)
    async with trading(tmp_path, Deaths([]), minutes=4000 + 60 * times, seed=seed) as (installation, watch):
        for _ in range(times):
            await asyncio.sleep(random.uniform(1.5, 5))
            killed = installation.kill("worker")
            await until(lambda gone=killed: watch.workers[-1] != gone, seconds=20, what="a new worker")
        await until_it_traded(installation)
        venue = await ended_flat(installation)

        assert_that_the_books_agree(await installation.status(), venue)
        await assert_that_nothing_is_lost_or_doubled(installation, venue)
        assert watch.longest_naked <= PROTECTED_WITHIN_SECONDS


@pytest.mark.timeout(240)
async def test_killed_at_random_moments_nothing_is_lost_doubled_or_left_naked(tmp_path: Path) -> None:
    await kill_at_random(tmp_path, times=4, seed=5)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(5))
async def test_killed_a_hundred_times_nothing_is_lost_doubled_or_left_naked(seed: int, tmp_path: Path) -> None:
    await kill_at_random(tmp_path, times=100, seed=seed)
