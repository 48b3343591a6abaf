"""The hourly range of the pages is the indicators' own, and is not known before there are enough hours."""

from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from jarvis.trading.bars import BarAggregator
from jarvis.trading.indicators import average_true_range
from jarvis.trading.ranges import HOUR, MinuteRange, hourly_range
from jarvis.trading.strategy import BarArrays
from tests.sim.common import BTC, START, D, bars


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_average_true_range_of_hourly_candles(seed: int) -> None:
    draw = Random(seed).uniform
    rows, price = [], 1000.0
    for _ in range(9 * 60):
        close = price * draw(0.99, 1.01)
        rows.append((price, max(price, close) * draw(1, 1.01), min(price, close) * draw(0.99, 1), close))
        price = close
    minutes = bars(BTC, rows)
    aggregator = BarAggregator(HOUR)
    hours = [hour for minute in minutes for hour in aggregator.push(minute)]

    found = hourly_range([MinuteRange(m.opened_at, m.high, m.low, m.close) for m in minutes], 5)

    assert found is not None
    assert abs(float(found) - average_true_range(BarArrays.of(hours), 5)[-1]) < 1e-6


def test_it_is_not_known_before_there_is_one_hour_more_than_it_covers() -> None:
    minutes = [MinuteRange(START + timedelta(minutes=n), D(11), D(9), D(10)) for n in range(5 * 60)]

    assert hourly_range(minutes, 5) is None
    assert hourly_range(minutes, 4) == Decimal(2)
    assert hourly_range([], 4) is None


def test_an_hour_without_candles_is_no_hour_and_its_gap_belongs_to_the_next() -> None:
    before = [MinuteRange(START, D(11), D(9), D(10))]
    after = [MinuteRange(START + 3 * HOUR, D(31), D(29), D(30))]

    assert hourly_range([*before, *after], 1) == 21
