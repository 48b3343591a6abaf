"""Kraken's counters: one per API key for REST, one per account and pair in the matching engine.

Counters fall with time. Time is the emulator's own or the event loop's, whichever went further: an accelerated
market lets them fall faster, and a market that stands still does not freeze them.
"""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


@dataclass(frozen=True, slots=True)
class TierLimits:
    """What an account's verification tier allows: counters, their fall per second, and open orders per pair."""

    rest_max: float
    rest_decay: float
    engine_max: float
    engine_decay: float
    open_orders: int


class Tier(Enum):
    """Verification tiers."""

    STARTER = "starter"
    INTERMEDIATE = "intermediate"
    PRO = "pro"

    @property
    def limits(self) -> TierLimits:
        """The tier's row of the published table."""
        return _LIMITS[self]


_LIMITS = {
    Tier.STARTER: TierLimits(15, 0.33, 60, 1, 60),
    Tier.INTERMEDIATE: TierLimits(20, 0.5, 125, 2.34, 80),
    Tier.PRO: TierLimits(20, 1, 180, 3.75, 225),
}

# Age of the order in seconds below which the price is asked, youngest first.
_AMEND_BY_AGE = ((5, 3), (10, 2), (15, 1))
_EDIT_BY_AGE = ((5, 6), (10, 5), (15, 4), (45, 2), (90, 1))
_CANCEL_BY_AGE = ((5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1))


def amend_cost(age: float) -> int:
    """What amending an order of this age adds to the engine counter."""
    return 1 + _by_age(_AMEND_BY_AGE, age)


def edit_cost(age: float) -> int:
    """What replacing an order of this age adds to the engine counter."""
    return 1 + _by_age(_EDIT_BY_AGE, age)


def cancel_cost(age: float) -> int:
    """What cancelling an order of this age adds to the engine counter."""
    return _by_age(_CANCEL_BY_AGE, age)


def _by_age(table: tuple[tuple[int, int], ...], age: float) -> int:
    return next((cost for below, cost in table if age < below), 0)


def loop_time() -> float:
    """The event loop's clock, or zero outside of one (a sandbox being set up)."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return 0.0


class WireClock:
    """Seconds that have passed for counters: each step is the larger of the market's and the event loop's."""

    def __init__(self, now: Callable[[], datetime], loop_time: Callable[[], float]) -> None:
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


class Counters:
    """Falling counters by key. A charge that would pass the maximum is refused and not counted."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._levels: dict[Hashable, tuple[float, float]] = {}

    def level(self, key: Hashable, decay: float) -> float:
        """The counter now."""
        level, at = self._levels.get(key, (0.0, 0.0))
        return max(0.0, level - (self._seconds() - at) * decay)

    def charge(self, key: Hashable, cost: float, *, maximum: float, decay: float) -> bool:
        """Add `cost` and say True, or say False and add nothing when it would go above `maximum`."""
        level = self.level(key, decay) + cost
        if level > maximum:
            return False
        self._levels[key] = (level, self._seconds())
        return True

    def add(self, key: Hashable, cost: float, *, decay: float) -> None:
        """Add `cost` whatever the level: cancels always work and count afterwards."""
        self._levels[key] = (self.level(key, decay) + cost, self._seconds())
