"""An account that fails starts again, slower and slower: a start costs a good part of the key's request budget."""

import asyncio
import itertools
from collections.abc import Iterator
from datetime import timedelta

import pytest

from jarvis.live.floor import keep_running
from jarvis.venues.base import RateLimited, Unreachable
from tests.simulation.loop import VirtualLoop


@pytest.fixture
def virtual() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield runner


async def starts(failures: list[Exception | None], lasting: float, hours: float) -> tuple[list[float], list[str]]:
    """When each run began within that time, and what was told."""
    loop = asyncio.get_running_loop()
    began: list[float] = []
    told: list[str] = []

    async def run_once() -> None:
        began.append(loop.time())
        await asyncio.sleep(lasting)
        failure = failures[min(len(began), len(failures)) - 1]
        if failure is not None:
            raise failure

    async def tell(error: Exception) -> None:
        told.append(str(error))

    keeper = asyncio.create_task(keep_running(run_once, tell))
    await asyncio.sleep(hours * 3600)
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    return began, told


def test_quick_failures_are_tried_again_slower_and_slower_but_never_given_up(virtual: asyncio.Runner) -> None:
    began, told = virtual.run(starts([Unreachable("no answer")], 0.0, 1))

    pauses = [later - earlier for earlier, later in itertools.pairwise(began)]
    assert pauses[:7] == [0.5, 1, 2, 4, 8, 16, 30]
    assert pauses[-1] == 30
    assert len(told) == len(began)


def test_a_rate_limit_is_waited_out(virtual: asyncio.Runner) -> None:
    began, _ = virtual.run(starts([RateLimited("slow down", timedelta(seconds=90)), None], 0.0, 0.03))

    assert began[1] - began[0] == 90


def test_what_ran_for_a_while_starts_again_at_once(virtual: asyncio.Runner) -> None:
    began, _ = virtual.run(starts([Unreachable("cut")], 600.0, 1))

    assert {later - earlier for earlier, later in itertools.pairwise(began)} == {600.5}


def test_the_cause_is_told_without_the_groups_around_it(virtual: asyncio.Runner) -> None:
    wrapped = ExceptionGroup("tasks", [ExceptionGroup("more tasks", [Unreachable("the real cause")])])

    _, told = virtual.run(starts([wrapped, None], 0.0, 0.0001))

    assert told == ["the real cause"]
