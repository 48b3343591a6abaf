"""Who writes: one at a time, in the order of coming."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Turn:
    """A lock of one event loop that can also be asked for without waiting."""

    def __init__(self) -> None:
        self._is_taken = False
        self._queue: deque[Callable[[], None]] = deque()

    def ask(self, come: Callable[[], None]) -> None:
        """Call `come` when it is its turn, at once if nobody has it. Who has it must `leave`."""
        if self._is_taken:
            self._queue.append(come)
        else:
            self._is_taken = True
            come()

    def leave(self) -> None:
        """Pass the turn on."""
        if self._queue:
            self._queue.popleft()()
        else:
            self._is_taken = False

    @asynccontextmanager
    async def held(self, patience: float) -> AsyncIterator[None]:
        """Have the turn while inside. Raises TimeoutError after waiting for `patience` seconds."""
        came: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def come() -> None:
            came.set_result(None)

        self.ask(come)
        if not came.done():
            try:
                async with asyncio.timeout(patience):
                    await came
            except BaseException:
                if came.cancelled():
                    self._queue.remove(come)
                else:
                    self.leave()
                raise
        try:
            yield
        finally:
            self.leave()
