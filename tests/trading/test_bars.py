from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.trading.bars import BarAggregator, opening_of

BTC = Pair.parse("BTC/USD")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def minute_bar(minute: int, price: int = 100, interval: timedelta = MINUTE) -> Bar:
    at = Decimal(price)
    return Bar(BTC, interval, NOON + minute * MINUTE, at, at + 1, at - 1, at, Decimal(2))


def test_five_minutes_make_one_candle() -> None:
    aggregator = BarAggregator(5 * MINUTE)

    finished = [bar for minute in range(5) for bar in aggregator.push(minute_bar(minute, 100 + minute))]

    assert finished == [Bar(BTC, 5 * MINUTE, NOON, Decimal(100), Decimal(105), Decimal(99), Decimal(104), Decimal(10))]


def test_a_candle_whose_last_minute_is_missing_ends_with_the_next_one() -> None:
    aggregator = BarAggregator(5 * MINUTE)
    for minute in range(3):
        aggregator.push(minute_bar(minute))

    finished = aggregator.push(minute_bar(6))

    assert [(bar.opened_at, bar.volume) for bar in finished] == [(NOON, Decimal(6))]


def test_a_candle_whose_last_minute_is_missing_ends_with_the_clock() -> None:
    aggregator = BarAggregator(5 * MINUTE)
    aggregator.push(minute_bar(1))

    before = aggregator.close_until(NOON + 4 * MINUTE)
    at_its_end = aggregator.close_until(NOON + 5 * MINUTE)

    assert (before, len(at_its_end)) == ([], 1)


def test_candles_of_the_same_size_pass_through() -> None:
    bar = minute_bar(0)

    assert BarAggregator(MINUTE).push(bar) == [bar]


@pytest.mark.parametrize("size", [timedelta(minutes=3), timedelta(minutes=10)])
def test_candles_that_do_not_add_up_are_refused(size: timedelta) -> None:
    with pytest.raises(ValueError, match="do not add up"):
        BarAggregator(5 * MINUTE).push(minute_bar(0, interval=size))


@given(st.sets(st.integers(0, 300), min_size=1), st.sampled_from([5, 15, 60]))
def test_no_volume_is_lost_or_counted_twice(minutes: set[int], size: int) -> None:
    aggregator = BarAggregator(size * MINUTE)

    finished = [bar for minute in sorted(minutes) for bar in aggregator.push(minute_bar(minute))]
    finished += aggregator.close_until(NOON + timedelta(days=1))

    assert sum(bar.volume for bar in finished) == 2 * len(minutes)
    assert [bar.opened_at for bar in finished] == sorted(
        {opening_of(NOON + m * MINUTE, size * MINUTE) for m in minutes}
    )
