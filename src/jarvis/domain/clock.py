"""Time is passed in: the live system runs on the wall clock, the sandbox's clock or a virtual one."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from jarvis.domain.market import Tick


class Clock(Protocol):
    """The venue's idea of now. Time-outs of the wire itself run on the event loop's clock, not on this one."""

    def now(self) -> datetime:
        """The current instant, aware UTC."""
        ...

    def ticks(self) -> AsyncIterator[Tick]:
        """Time passing. A clock that waits for its followers advances only when the next tick is asked for."""
        ...
