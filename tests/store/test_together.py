"""Work that is shared: everybody gets an answer of their own, and nobody another's error."""

import asyncio
from collections.abc import Sequence

import pytest

from jarvis.store.together import Together


class Work:
    """Doubles numbers; a batch with a zero in it fails."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        await asyncio.sleep(0.001)
        if 0 in items:
            raise ZeroDivisionError("a zero")
        return [2 * item for item in items]


async def test_who_comes_while_it_works_shares_the_next_turn() -> None:
    work = Work()
    doubled = Together(work, most=3)

    answers = await asyncio.gather(*map(doubled, range(1, 8)))

    assert answers == [2 * number for number in range(1, 8)]
    assert work.batches == [[1, 2, 3], [4, 5, 6], [7]]
    assert await doubled(9) == 18, "it goes on after it was idle"


async def test_an_error_is_the_answer_of_the_one_that_it_is_about() -> None:
    doubled = Together(Work())

    answers = await asyncio.gather(*map(doubled, (1, 0, 3)), return_exceptions=True)

    assert answers[0] == 2
    assert isinstance(answers[1], ZeroDivisionError)
    assert answers[2] == 6


async def test_somebody_who_goes_away_leaves_the_others_their_answers() -> None:
    doubled = Together(Work())
    waiting = [asyncio.ensure_future(doubled(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    waiting[0].cancel()

    assert await waiting[1] == 4
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
