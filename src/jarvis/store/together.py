"""Work that costs about as much for many as for one: who comes while it is being done shares the next turn."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Together(Generic[Item, Answer]):
    """Calls `work` with all items that wait, at most `most`, and gives each its own answer; one turn at a time.

    If `work` raises, each of its items is tried alone, so that nobody bears another's error: it must leave nothing
    behind when it raises.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], most: int = 100) -> None:
        self._work = work
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._turns: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Answer:
        """The answer to one item. Raises what `work` raised about it."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._turns is None:
            self._turns = asyncio.create_task(self._take_turns())
        return await answer

    async def _take_turns(self) -> None:
        batch: Sequence[tuple[Item, asyncio.Future[Answer]]] = ()
        try:
            while self._waiting:
                await asyncio.sleep(0)  # all who were woken by the same event come along
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                if not await self._answered(batch):
                    for each in batch:
                        await self._answered([each])
        finally:
            self._turns = None
            for _, answer in (*batch, *self._waiting):
                answer.cancel()
            self._waiting = []

    async def _answered(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> bool:
        """Whether everybody has an answer; an error is one only for somebody alone."""
        try:
            answers = await self._work([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            if len(batch) > 1:
                return False
            if not batch[0][1].done():
                batch[0][1].set_exception(error)
            return True
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
        return True
