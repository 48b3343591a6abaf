"""Binance's request counters: used weight per clock minute, which every answer tells and which is believed."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from jarvis.venues.base import RateLimited

_WINDOW = timedelta(minutes=1)


class MinuteBudget:
    """The weight used in the venue's current minute. A share is kept for urgent calls: cancels, exits, what proves.

    The IP's counters are shared by all accounts of this machine, each with a budget of its own: what the venue's
    headers say brings them together.
    """

    def __init__(self, now: Callable[[], datetime], limit: int, *, reserve: float = 0.3) -> None:
        self._now = now
        self._limit = limit
        self._ceiling = limit - int(limit * reserve)
        self._used = 0
        self._minute = _minute_of(now())

    def add(self, weight: int) -> None:
        """Count a call that is made whatever the budget says."""
        self._turn()
        self._used += weight

    def believe(self, used: int) -> None:
        """The venue says that so much is used in this minute; it may know of more than we do, never of less."""
        self._turn()
        self._used = max(self._used, used)

    def missing(self, weight: int, *, urgent: bool) -> timedelta:
        """How long until a call of this weight fits; zero if it fits now."""
        self._turn()
        if self._used + weight <= max(weight, self._limit if urgent else self._ceiling):
            return timedelta(0)
        return self._minute + _WINDOW - self._now()

    async def wait(self, weight: int, *, urgent: bool, patience: timedelta = timedelta(seconds=30)) -> None:
        """Count a call, after waiting until it fits.

        Raises RateLimited when that would take longer than `patience`, or when the clock stands still while we wait
        (a sandbox that waits for us): then asking later is the only way.
        """
        while (missing := self.missing(weight, urgent=urgent)) > timedelta(0):
            before = self._now()
            if missing <= patience:
                await asyncio.sleep(min(0.25, missing.total_seconds() + 0.001))
            if missing > patience or self._now() <= before:
                raise RateLimited("our own share of the venue's request weight is used up", missing)
        self.add(weight)

    def _turn(self) -> None:
        minute = _minute_of(self._now())
        if minute > self._minute:
            self._minute, self._used = minute, 0


def _minute_of(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
