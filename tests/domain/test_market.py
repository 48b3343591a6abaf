from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar, Quote

D = Decimal
BTC = Pair.parse("BTC/USD")
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def bar(open_: str = "100", high: str = "110", low: str = "90", close: str = "105", volume: str = "1") -> Bar:
    return Bar(BTC, timedelta(minutes=1), AT, D(open_), D(high), D(low), D(close), D(volume))


def test_a_bar_is_final_from_its_end_on() -> None:
    assert bar().closed_at == AT + timedelta(minutes=1)


def test_a_bar_where_nothing_moved_or_traded_is_possible() -> None:
    assert bar("100", "100", "100", "100", "0").volume == 0


@pytest.mark.parametrize(
    ("position", "value"), [*product(range(5), ["NaN", "Infinity", "-1"]), *product(range(4), ["0"])]
)
def test_a_candle_with_an_impossible_number_is_refused(position: int, value: str) -> None:
    values = ["100", "110", "90", "105", "1"]
    values[position] = value

    with pytest.raises(ValueError, match="BTC/USD 2026-03-02 12:00"):
        bar(*values)


@pytest.mark.parametrize(
    "values",
    [("100", "99", "90", "95"), ("100", "110", "101", "105"), ("100", "102", "90", "105"), ("95", "99", "98", "99")],
)
def test_prices_that_contradict_each_other_are_refused(values: tuple[str, str, str, str]) -> None:
    with pytest.raises(ValueError, match="contradict"):
        bar(*values)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        Bar(BTC, timedelta(minutes=1), AT.replace(tzinfo=None), D(1), D(1), D(1), D(1), D(1))


def test_the_middle_of_a_quote_is_half_way() -> None:
    assert Quote(BTC, D("99.9"), D("100.2"), D(100), AT).mid == D("100.05")
