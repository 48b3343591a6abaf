"""Who writes: one at a time, in the order of coming."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Turn:
    """A lock of one event loop that can also be asked for without waiting."""

    def __init__(self) -> None:
        self._is_taken = False
        self._is_passed_on = False
        self._queue: deque[Callable[[], None]] = deque()

    def ask(self, come: Callable[[], None]) -> None:
        """Call `come` when it is its turn, at once if nobody has it. Who has it must `leave`."""
        self._queue.append(come)
        self._pass_on()

    def leave(self) -> None:
        """Pass the turn on."""
        self._is_taken = False
        self._pass_on()

    def _pass_on(self) -> None:
        if self._is_passed_on:  # by a call of this further up, which goes on when those who left at once have done so
            return
        self._is_passed_on = True
        try:
            while self._queue and not self._is_taken:
                self._is_taken = True
                self._queue.popleft()()
        finally:
            self._is_passed_on = False

    @asynccontextmanager
    async def held(self, patience: float) -> AsyncIterator[None]:
        """Have the turn while inside. Raises TimeoutError after waiting for `patience` seconds."""
        came: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def come() -> None:
            if came.cancelled():
                self.leave()
            else:
                came.set_result(None)

        self.ask(come)
        if not came.done():
            try:
                async with asyncio.timeout(patience):
                    await came
            except BaseException:
                if not came.cancelled():
                    self.leave()
                raise
        try:
            yield
        finally:
            self.leave()
