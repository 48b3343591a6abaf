"""How often a client may call: per endpoint and account in any second, and per address in any five.

Time is the market's or the event loop's, whichever went further: an accelerated market lets old calls fall out
sooner, and a market that stands still does not keep them for ever.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime

from jarvis.emulators.bybit.text import millis

SECOND = 1.0
IP_WINDOW = 5.0
IP_CALLS = 600
IP_BAN_SECONDS = 600.0


def loop_time() -> float:
    """The event loop's clock, or zero outside of one (a sandbox being set up)."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return 0.0


class WireClock:
    """Seconds that have passed: each step is the larger of the market's and the event loop's."""

    def __init__(self, now: Callable[[], datetime], loop_time: Callable[[], float]) -> None:
        self.now = now
        self._loop_time = loop_time
        self._market: datetime | None = None
        self._loop: float | None = None
        self._passed = 0.0

    def seconds(self) -> float:
        """Seconds since the first reading."""
        market, loop = self.now(), self._loop_time()
        if self._market is not None and self._loop is not None:
            self._passed += max(0.0, (market - self._market).total_seconds(), loop - self._loop)
        self._market, self._loop = market, loop
        return self._passed


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit: `limit` per second, `left` of them, and the instant (ms) at which more come free."""

    limit: int
    left: int
    reset: int
    is_exceeded: bool = False

    def headers(self) -> dict[str, str]:
        """The three headers that each private answer carries."""
        return {
            "X-Bapi-Limit": str(self.limit),
            "X-Bapi-Limit-Status": str(self.left),
            "X-Bapi-Limit-Reset-Timestamp": str(self.reset),
        }


class Windows:
    """Calls of the last seconds by key."""

    def __init__(self, clock: WireClock) -> None:
        self._clock = clock
        self._calls: dict[Hashable, deque[float]] = {}

    def charge(self, key: Hashable, limit: int, *, window: float = SECOND, count: int = 1) -> Allowance:
        """Count so many calls, unless that would be more than `limit` within the window."""
        seconds = self._clock.seconds()
        calls = self._calls.setdefault(key, deque())
        while calls and calls[0] <= seconds - window:
            calls.popleft()
        is_exceeded = len(calls) + count > limit
        if not is_exceeded:
            calls.extend([seconds] * count)
        wait = max(0.0, calls[0] + window - seconds) if is_exceeded and calls else 0.0
        reset = millis(self._clock.now()) + math.ceil(wait * 1000)
        return Allowance(limit, max(0, limit - len(calls)), reset, is_exceeded)


class AddressGuard:
    """600 calls in five seconds from one address shut it out for ten minutes."""

    def __init__(self, clock: WireClock) -> None:
        self._clock = clock
        self._windows = Windows(clock)
        self._until: dict[str, float] = {}

    def admits(self, remote: str) -> bool:
        """Whether this address may call now; counts the call."""
        seconds = self._clock.seconds()
        if seconds < self._until.get(remote, 0.0):
            return False
        if self._windows.charge(remote, IP_CALLS, window=IP_WINDOW).is_exceeded:
            self._until[remote] = seconds + IP_BAN_SECONDS
            return False
        return True
