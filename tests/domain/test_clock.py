from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from jarvis.domain.clock import Clock
from jarvis.domain.market import Tick

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class ThreeSeconds:
    """A clock that ends."""

    def now(self) -> datetime:
        return AT

    async def ticks(self) -> AsyncIterator[Tick]:
        for second in range(3):
            yield Tick(AT + timedelta(seconds=second))


async def test_a_clock_is_whatever_tells_the_time_and_ticks() -> None:
    clock: Clock = ThreeSeconds()

    assert clock.now() == AT
    assert [tick.at.second async for tick in clock.ticks()] == [0, 1, 2]
