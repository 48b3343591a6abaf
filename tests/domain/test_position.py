from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import USD, ZERO, is_multiple, round_nearest
from jarvis.domain.order import Fill, FillId, VenueOrderId
from jarvis.domain.position import NOTHING_REALISED, Position, Realised

D = Decimal
BTC = Pair.parse("BTC/USD")
STEP = D("0.0001")
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FLAT = Position(BTC, STEP)


def fill(side: Side, quantity: Decimal | str, price: Decimal | str, number: int = 1) -> Fill:
    cost = round_nearest(D(quantity) * D(price), STEP)
    return Fill(FillId(f"T{number}"), VenueOrderId("O1"), None, BTC, side, D(quantity), D(price), cost, D(0), USD, AT)


def buy(quantity: str, price: str, number: int = 1) -> Fill:
    return fill(Side.BUY, quantity, price, number)


def sell(quantity: str, price: str, number: int = 1) -> Fill:
    return fill(Side.SELL, quantity, price, number)


def after(*fills: Fill) -> tuple[Position, list[Realised]]:
    position, realised = FLAT, []
    for each in fills:
        position, one = position.apply(each)
        realised.append(one)
    return position, realised


fills_strategy = st.lists(
    st.builds(
        fill,
        st.sampled_from(Side),
        st.decimals(min_value=D("0.00000001"), max_value=D(5), places=8),
        st.decimals(min_value=D("0.1"), max_value=D(100000), places=1),
        st.integers(1, 10**6),
    ),
    max_size=25,
)


def test_a_flat_position_has_no_side_price_or_cost() -> None:
    assert FLAT.is_flat
    assert FLAT.side is None
    assert FLAT.entry_price is None
    assert FLAT.quantity == FLAT.cost == FLAT.unrealised(D(5)) == 0


def test_fills_of_one_side_add_up_to_an_average() -> None:
    position, realised = after(buy("1", "100", 1), buy("3", "104", 2))

    assert (position.quantity, position.cost) == (D(4), D(412))
    assert position.entry_price == 103
    assert position.side is Side.BUY
    assert realised == [NOTHING_REALISED, NOTHING_REALISED]


def test_an_opposite_fill_closes_the_oldest_lots_first() -> None:
    position, realised = after(buy("1", "100", 1), buy("1", "110", 2), sell("1.5", "120", 3))

    assert realised[-1] == Realised(D("1.5"), D(25))  # 1 x (120 - 100) + 0.5 x (120 - 110)
    (rest,) = position.lots
    assert (rest.opened_by, rest.quantity, rest.cost) == ("T2", D("0.5"), D(55))


def test_a_short_earns_when_the_price_falls() -> None:
    position, realised = after(sell("2", "100", 1), buy("1", "90", 2))

    assert position.quantity == -1
    assert realised[-1] == Realised(D(1), D(10))
    assert position.unrealised(D(95)) == 5


def test_what_exceeds_the_open_lots_opens_the_other_side() -> None:
    position, realised = after(buy("1", "100", 1), sell("3", "110", 2))

    assert realised[-1] == Realised(D(1), D(10))
    assert (position.quantity, position.cost) == (D(-2), D(220))
    assert position.side is Side.SELL


def test_a_part_takes_its_share_of_the_cost_and_the_rest_keeps_the_remainder() -> None:
    position, realised = after(buy("3", "33.3333", 1), sell("1", "40", 2))

    assert realised[-1].pnl == D("40") - D("33.3333")
    assert position.cost == D("99.9999") - D("33.3333")


def test_a_fill_of_another_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="ETH/USD does not belong"):
        FLAT.apply(replace(buy("1", "1"), pair=Pair.parse("ETH/USD")))


def test_a_plain_spot_trade_moves_no_margin_position() -> None:
    with pytest.raises(ValueError, match="spot trade"):
        FLAT.apply(replace(buy("1", "1"), is_margin=False))


@given(fills_strategy)
def test_the_position_is_the_sum_of_its_fills(fills: list[Fill]) -> None:
    position, _ = after(*fills)

    assert position.quantity == sum((each.signed_quantity for each in fills), ZERO)
    assert all(lot.quantity > 0 for lot in position.lots)
    assert len({lot.side for lot in position.lots}) <= 1


@given(fills_strategy, st.decimals(min_value=D("0.1"), max_value=D(100000), places=1))
def test_realised_and_open_cost_together_are_exactly_the_cash_that_flowed(fills: list[Fill], last: Decimal) -> None:
    position, realised = after(*fills)
    if not position.is_flat:
        closing = fill(position.side.opposite if position.side else Side.BUY, abs(position.quantity), last)
        fills = [*fills, closing]
        position, one = position.apply(closing)
        realised.append(one)

    assert position.is_flat
    assert sum((one.pnl for one in realised), ZERO) == sum((-each.cost * each.side.sign for each in fills), ZERO)


@given(fills_strategy)
def test_every_booked_amount_is_a_whole_number_of_cost_steps(fills: list[Fill]) -> None:
    position, realised = after(*fills)

    assert all(is_multiple(one.pnl, STEP) for one in realised)
    assert all(is_multiple(lot.cost, STEP) for lot in position.lots)


@given(fills_strategy, st.decimals(min_value=D("0.1"), max_value=D(100000), places=1))
def test_unrealised_is_what_closing_at_that_price_would_bring_but_for_the_rounding_of_its_cost(
    fills: list[Fill], price: Decimal
) -> None:
    position, _ = after(*fills)
    if position.is_flat:
        return

    _, realised = position.apply(fill(Side.SELL if position.quantity > 0 else Side.BUY, abs(position.quantity), price))

    assert abs(position.unrealised(price) - realised.pnl) <= STEP


def with_base_fee(one: Fill, fee: str) -> Fill:
    return replace(one, fee=D(fee), fee_asset=BTC.base)


def test_a_fee_in_base_makes_a_purchase_smaller_and_its_share_of_the_cost_is_the_fee() -> None:
    position, _ = after(with_base_fee(buy("1", "100"), "0.001"))

    assert (position.quantity, position.cost) == (D("0.999"), D("99.9"))
    assert position.entry_price == D(100)


def test_a_fee_in_base_makes_a_sale_larger() -> None:
    position, _ = after(with_base_fee(sell("1", "100"), "0.001"))

    assert (position.quantity, position.cost) == (D("-1.001"), D("100.1"))


def test_interest_on_a_short_is_owed_beside_what_was_sold_and_does_not_move_its_price() -> None:
    position = after(sell("1", "100"))[0].accrue(D("0.01"), "I1", AT).accrue(D("0.01"), "I2", AT)

    assert (position.quantity, position.accrued, position.entry_price) == (D("-1.02"), D("0.02"), D(100))
    assert position.unrealised(D(90)) == D(100) - D("1.02") * 90
    assert len(position.lots) == 2


def test_buying_back_interest_is_interest_and_no_profit() -> None:
    short = after(sell("1", "100"))[0].accrue(D("0.02"), "I1", AT)

    flat, realised = short.apply(buy("1.02", "50"))

    assert flat.is_flat
    assert realised == Realised(D("1.02"), D(50), D(1))


def test_interest_is_bought_back_last() -> None:
    short = after(sell("1", "100"))[0].accrue(D("0.02"), "I1", AT)

    rest, realised = short.apply(buy("1.01", "50"))

    assert (rest.quantity, rest.accrued, rest.entry_price) == (D("-0.01"), D("0.01"), None)
    assert realised == Realised(D("1.01"), D(50), D("0.5"))


@pytest.mark.parametrize("position", [FLAT, after(buy("1", "100"))[0]])
def test_interest_in_base_belongs_to_a_short(position: Position) -> None:
    with pytest.raises(ValueError, match="belongs to a short"):
        position.accrue(D("0.1"), "I1", AT)


@given(fills_strategy, st.lists(st.decimals(min_value=D("0.00000001"), max_value=D("0.1"), places=8), max_size=5))
def test_with_interest_all_results_and_open_costs_are_still_exactly_the_cash_that_flowed(
    fills: list[Fill], charges: list[Decimal]
) -> None:
    position, pnl, interest, charged = FLAT, ZERO, ZERO, ZERO
    left = list(charges)
    for each in fills:
        position, realised = position.apply(each)
        pnl += realised.pnl
        interest += realised.interest
        if position.side is Side.SELL and left:
            charged += left[-1]
            position = position.accrue(left.pop(), "I", AT)

    exchanged = sum((-each.cost * each.side.sign for each in fills), ZERO)
    assert pnl - interest == exchanged + position.cost * (position.side.sign if position.side else 0)
    assert position.quantity == sum((each.signed_quantity for each in fills), ZERO) - charged
