from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.money import Asset
from jarvis.domain.records import shared

D = Decimal
prices = st.decimals(min_value=D("0.01"), max_value=D(100000), places=6)

BTC = Instrument(
    pair=Pair(Asset("BTC"), Asset("USD")),
    symbol="BTC/USD",
    tick=D("0.1"),
    lot=D("0.00000001"),
    cost_step=D("0.0001"),
    min_quantity=D("0.00005"),
    min_cost=D("0.5"),
    leverage_long=(2, 3, 10),
    leverage_short=(2, 3),
)


def test_a_side_has_a_sign_and_an_opposite() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)


def test_a_pair_is_read_and_written_the_same_way() -> None:
    assert str(Pair.parse(" btc/usd ")) == "BTC/USD"


@pytest.mark.parametrize("text", ["", "BTC", "/USD", "BTC/", "BTC/USD/EUR", "BTC-USD"])
def test_text_that_is_no_pair_is_answered_with_the_right_form(text: str) -> None:
    with pytest.raises(ValueError, match="write it like BTC/USD"):
        Pair.parse(text)


@pytest.mark.parametrize("field", ["tick", "lot", "cost_step"])
def test_a_step_of_nothing_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        replace(BTC, **{field: D(0)})  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["min_quantity", "min_cost"])
def test_a_negative_minimum_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        replace(BTC, **{field: D(-1)})  # type: ignore[arg-type]


def test_the_highest_offered_leverage_within_a_cap_is_taken_per_side() -> None:
    assert BTC.leverage_within(Side.BUY, 5) == 3
    assert BTC.leverage_within(Side.BUY, 10) == 10
    assert BTC.leverage_within(Side.SELL, 10) == 3
    assert BTC.leverage_within(Side.BUY, 1) is None
    assert replace(BTC, leverage_long=()).leverage_within(Side.BUY, 10) is None


@given(prices)
def test_quantities_and_limit_prices_never_cost_more_than_was_meant(value: Decimal) -> None:
    assert BTC.round_quantity(value) <= value
    assert BTC.round_limit(value, Side.BUY) <= value <= BTC.round_limit(value, Side.SELL)


@given(prices)
def test_a_stop_is_rounded_towards_the_market_so_that_it_never_loses_more(value: Decimal) -> None:
    assert BTC.round_stop(value, Side.BUY) <= value <= BTC.round_stop(value, Side.SELL)


def test_costs_are_booked_half_even_in_cost_steps() -> None:
    assert BTC.round_cost(D("1.00005")) == D("1.0000")
    assert BTC.round_cost(D("1.00015")) == D("1.0002")


def test_whether_the_venue_would_take_a_price_or_a_quantity_as_it_is() -> None:
    assert BTC.price_fits(D("50000.1"))
    assert not BTC.price_fits(D("50000.15"))
    assert not BTC.price_fits(D(0))
    assert BTC.quantity_fits(D("0.00005"))
    assert not BTC.quantity_fits(D("0.00004"))
    assert not BTC.quantity_fits(D("0.000050001"))


def test_equal_rules_are_kept_once_and_others_are_not_mixed_up_with_them() -> None:
    first = replace(BTC, min_quantity=D("0.00077"))
    second = replace(BTC, min_quantity=D("0.00077"))

    assert first is not second
    assert shared(first) is shared(second)
    assert shared(replace(first, min_cost=D(7))).min_cost == 7
