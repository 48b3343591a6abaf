"""An event loop whose time jumps to the next timer when nothing is ready: hours pass in milliseconds, the same
every time."""

import asyncio
import selectors
from typing import Any


class DeadlockError(RuntimeError):
    """Every task waits for something that nobody will do."""


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise DeadlockError("nothing is scheduled and nothing is ready")
            self.now += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` starts at zero and moves only when every task waits."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now
