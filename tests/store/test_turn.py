"""One writes at a time, whoever came first, and nobody who gave up is waited for."""

import asyncio

import pytest

from jarvis.store.turn import Turn

LONG = 60.0


async def hold(turn: Turn, name: str, seen: list[str], patience: float = LONG) -> None:
    async with turn.held(patience):
        seen.append(f"{name} in")
        await asyncio.sleep(0)
        seen.append(f"{name} out")


def ask(turn: Turn, name: str, seen: list[str]) -> None:
    def come() -> None:
        seen.append(name)
        turn.leave()

    turn.ask(come)


async def test_turns_are_had_one_at_a_time_in_the_order_of_coming() -> None:
    turn, seen = Turn(), list[str]()

    first = asyncio.create_task(hold(turn, "first", seen))
    await asyncio.sleep(0)
    second = asyncio.create_task(hold(turn, "second", seen))
    await asyncio.sleep(0)
    ask(turn, "third", seen)
    await asyncio.gather(first, second, hold(turn, "fourth", seen))
    ask(turn, "fifth", seen)

    assert seen == ["first in", "first out", "second in", "second out", "third", "fourth in", "fourth out", "fifth"]


async def test_a_turn_is_passed_on_when_its_holder_fails() -> None:
    turn, seen = Turn(), list[str]()

    async def fail() -> None:
        async with turn.held(LONG):
            ask(turn, "next", seen)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()

    assert seen == ["next"]


async def test_who_loses_patience_is_not_waited_for() -> None:
    turn, seen = Turn(), list[str]()
    async with turn.held(LONG):
        with pytest.raises(TimeoutError):
            await hold(turn, "hasty", seen, patience=0.001)
        ask(turn, "patient", seen)

    assert seen == ["patient"]


@pytest.mark.parametrize("has_come", [False, True])
async def test_who_is_cancelled_while_waiting_passes_its_turn_on(*, has_come: bool) -> None:
    turn, seen = Turn(), list[str]()
    async with turn.held(LONG):
        waiting = asyncio.create_task(hold(turn, "cancelled", seen))
        await asyncio.sleep(0)
        ask(turn, "next", seen)
        if not has_come:
            waiting.cancel()
    if has_come:  # its turn is there, but it has not run since
        waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert seen == ["next"]


async def test_any_number_may_give_up_at_once() -> None:
    turn, seen = Turn(), list[str]()
    async with turn.held(LONG):
        waiting = [asyncio.create_task(hold(turn, "cancelled", seen)) for _ in range(5000)]
        await asyncio.sleep(0)
        ask(turn, "next", seen)
        for one in waiting:
            one.cancel()

    await asyncio.wait(waiting)

    assert seen == ["next"]
