"""The sandbox's clock: it waits for followers that answer, tells those that listen, and ends with its market."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from jarvis.emulators import clock as clock_module
from jarvis.emulators.clock import Follower, SandboxClock

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Market:
    """A market that only knows its time."""

    def __init__(self) -> None:
        self.now = START

    def advance(self, until: datetime) -> None:
        self.now = until


def make(market: Market, *, end: datetime | None = None, rate: float | None = None, wait: bool = True) -> SandboxClock:
    return SandboxClock(
        now=lambda: market.now,
        advance=market.advance,
        step=MINUTE,
        end=end,
        rate=rate,
        wait_for_followers=wait,
    )


async def next_told(follower: Follower) -> dict[str, str]:
    text = await follower.next_message()
    assert text is not None
    told = json.loads(text)
    assert isinstance(told, dict)
    return told


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110 -- the loop's turns are what is waited for
            await asyncio.sleep(0)


async def test_no_step_happens_before_the_first_answering_follower() -> None:
    market = Market()
    clock = make(market, end=START + MINUTE)
    listener = clock.join(answers=False)
    running = asyncio.create_task(clock.run())
    await asyncio.sleep(0.01)

    assert market.now == START

    follower = clock.join(answers=True)
    told = await next_told(follower)
    follower.receive(json.dumps({"done": told["now"]}))
    await running
    assert market.now == START + MINUTE
    assert await next_told(listener) == {"now": (START + MINUTE).isoformat()}


async def test_the_next_step_waits_until_every_answering_follower_is_done() -> None:
    market = Market()
    clock = make(market)
    quick, slow = clock.join(answers=True), clock.join(answers=True)
    running = asyncio.create_task(clock.run())
    await until(lambda: market.now == START + MINUTE)
    quick.receive(json.dumps({"done": market.now.isoformat()}))
    await asyncio.sleep(0.01)

    assert market.now == START + MINUTE

    slow.receive(json.dumps({"done": market.now.isoformat()}))
    await until(lambda: market.now == START + 2 * MINUTE)
    running.cancel()


async def test_an_answer_for_an_earlier_step_does_not_release_this_one() -> None:
    market = Market()
    clock = make(market)
    follower = clock.join(answers=True)
    running = asyncio.create_task(clock.run())
    await until(lambda: market.now == START + MINUTE)

    follower.receive(json.dumps({"done": START.isoformat()}))
    await asyncio.sleep(0.01)

    assert market.now == START + MINUTE
    running.cancel()


async def test_a_follower_that_leaves_is_not_waited_for_and_the_clock_stands_without_any() -> None:
    market = Market()
    clock = make(market)
    follower = clock.join(answers=True)
    running = asyncio.create_task(clock.run())
    await until(lambda: market.now == START + MINUTE)

    clock.leave(follower)
    await asyncio.sleep(0.01)

    assert market.now == START + MINUTE
    running.cancel()


async def test_a_paced_market_goes_on_after_its_followers_left() -> None:
    market = Market()
    clock = make(market, rate=60_000.0)
    clock.leave(clock.join(answers=True))
    running = asyncio.create_task(clock.run())

    await until(lambda: market.now >= START + 5 * MINUTE)
    running.cancel()


async def test_a_silent_follower_is_dropped_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_module, "ACKNOWLEDGE_SECONDS", 0.02)
    market = Market()
    clock = make(market)
    silent = clock.join(answers=True)

    await clock.step()

    assert silent.is_gone
    assert await next_told(silent) == {"now": (START + MINUTE).isoformat()}
    assert await silent.next_message() is None


async def test_the_end_of_the_market_is_told_also_to_who_comes_later() -> None:
    market = Market()
    clock = make(market, end=START + timedelta(seconds=90), wait=False)
    listener = clock.join(answers=False)

    await clock.run()

    assert market.now == START + timedelta(seconds=90)
    assert [await next_told(listener) for _ in range(3)] == [
        {"now": (START + MINUTE).isoformat()},
        {"now": (START + timedelta(seconds=90)).isoformat()},
        {"end": (START + timedelta(seconds=90)).isoformat()},
    ]
    assert "end" in await next_told(clock.join(answers=True))


@pytest.mark.parametrize("text", ["", "[]", '{"ready": "x"}', '{"done": "yesterday"}', '{"done": 5}'])
def test_an_answer_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Follower(answers=True).receive(text)


@pytest.mark.parametrize(("step", "rate"), [(timedelta(0), None), (MINUTE, 0.0), (MINUTE, -1.0)])
def test_a_clock_that_cannot_move_is_refused(step: timedelta, rate: float | None) -> None:
    with pytest.raises(ValueError, match="must be"):
        SandboxClock(
            now=lambda: START, advance=lambda _: None, step=step, end=None, rate=rate, wait_for_followers=False
        )
