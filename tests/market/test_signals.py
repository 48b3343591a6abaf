"""Bars become signals once for all; whatever a stream repeats when it begins counts once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.market.signals import SignalHub, Subscription
from jarvis.trading.bars import BarAggregator
from jarvis.venues.base import PublicVenue

BTC = Pair.parse("BTC/USD")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def minute_bar(minute: int) -> Bar:
    price = Decimal(100 + minute)
    return Bar(BTC, MINUTE, NOON + minute * MINUTE, price, price + 1, price - 1, price, Decimal(2))


class VenueWithHistory:
    """Knows the first `minutes` minutes since noon."""

    def __init__(self, minutes: int) -> None:
        self._minutes = [minute_bar(minute) for minute in range(minutes)]

    async def bars(self, _pair: Pair, interval: timedelta, since: datetime | None = None) -> Sequence[Bar]:
        aggregator = BarAggregator(interval)
        found = [bar for minute in self._minutes for bar in aggregator.push(minute)]
        return [bar for bar in found if since is None or bar.opened_at >= since]


async def following(minutes_known: int, interval: timedelta) -> SignalHub:
    hub = SignalHub(cast("PublicVenue", VenueWithHistory(minutes_known)))
    await hub.follow(Subscription.of("donchian_breakout", BTC, interval, {}))
    return hub


@pytest.mark.parametrize("minutes_known", [0, 3, 5, 8, 12])
async def test_a_start_in_the_middle_of_a_candle_gives_that_candle_whole(minutes_known: int) -> None:
    hub = await following(minutes_known, 5 * MINUTE)
    repeated_and_new = [minute_bar(minute) for minute in range(15)]

    finished = [bar for minute in repeated_and_new for bar in hub.push(minute)[0]]

    whole = BarAggregator(5 * MINUTE)
    expected = [bar for minute in repeated_and_new for bar in whole.push(minute)]
    assert finished == [bar for bar in expected if bar.closed_at > NOON + minutes_known * MINUTE]


async def test_minutes_that_are_history_already_are_not_told_again() -> None:
    hub = await following(8, MINUTE)

    finished = [bar for minute in range(10) for bar in hub.push(minute_bar(minute))[0]]

    assert finished == [minute_bar(8), minute_bar(9)]
