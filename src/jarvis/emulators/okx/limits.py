"""OKX's rate limits: so many requests in so many seconds, per key holder, per holder and instrument, or per address.

A request that does not fit is refused and not counted. Time is the emulator's own or the event loop's, whichever went
further: an accelerated market frees its clients sooner, and a market that stands still does not lock them out.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Limit:
    """So many units within a sliding window of so many seconds."""

    count: int
    seconds: float = 2.0


def loop_time() -> float:
    """The event loop's clock, or zero outside of one (a sandbox being set up)."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return 0.0


class WireClock:
    """Seconds that have passed for limits: each step is the larger of the market's and the event loop's."""

    def __init__(self, now: Callable[[], datetime], loop_time: Callable[[], float] = loop_time) -> None:
        self._now = now
        self._loop_time = loop_time
        self._market: datetime | None = None
        self._loop: float | None = None
        self._passed = 0.0

    def seconds(self) -> float:
        """Seconds since the first reading."""
        market, loop = self._now(), self._loop_time()
        if self._market is not None and self._loop is not None:
            self._passed += max(0.0, (market - self._market).total_seconds(), loop - self._loop)
        self._market, self._loop = market, loop
        return self._passed


class Limits:
    """Sliding windows by key."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._windows: dict[Hashable, deque[float]] = {}

    def take(self, key: Hashable, limit: Limit, units: int = 1) -> bool:
        """Count `units` and say True, or say False and count nothing when they do not fit."""
        now = self._seconds()
        window = self._windows.setdefault(key, deque())
        while window and now - window[0] >= limit.seconds:
            window.popleft()
        if len(window) + units > limit.count:
            return False
        window.extend([now] * units)
        return True
