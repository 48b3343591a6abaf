from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import AccountSnapshot, Balance, MarginState, VenuePosition
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import PositionId
from jarvis.domain.position import Position
from jarvis.live.facts import facts_of
from jarvis.store.records import PositionFacts
from jarvis.trading.liquidation import liquidation_price
from jarvis.trading.stories import PositionStory
from tests.live.test_reconcile import story
from tests.trading.wallet import instrument

D = Decimal
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BTC, ETH = Pair.parse("BTC/USDT"), Pair.parse("ETH/USDT")
USDT = Asset("USDT")


def margin(equity: str = "100", used: str = "50", **by_pair: MarginState) -> MarginState:
    apart = {Pair.parse(f"{base}/USDT"): state for base, state in by_pair.items()}
    e, u = D(equity), D(used)
    return MarginState(USDT, NOON, e, e, u, e - u, ZERO, e / u, by_pair=apart)


def told(
    stories: list[PositionStory],
    *balances: Balance,
    state: MarginState | None = None,
    positions: tuple[VenuePosition, ...] = (),
    borrows: bool = True,
) -> list[PositionFacts]:
    state = state or margin()
    snapshot = AccountSnapshot(NOON, balances, state, positions, ())
    rules = {BTC: instrument(pair=BTC), ETH: instrument(pair=ETH)}
    prices = {BTC: D(100), ETH: D(100)}
    return facts_of(snapshot, state, stories, prices, rules, borrows=borrows, at=NOON)


def test_a_longs_debt_is_its_part_of_what_is_owed_in_quote() -> None:
    debt = Balance(USDT, D(-200), ZERO, borrowed=D(240), interest=D("0.6"))

    one, two = told([story(BTC, Side.BUY, "1"), story(ETH, Side.BUY, "2")], debt)

    assert (one.borrowed_asset, one.borrowed, one.interest) == (USDT, D(80), D("0.2"))
    assert (two.borrowed, two.interest) == (D(160), D("0.4"))
    assert (one.used_margin, two.used_margin) == (D("16.66666667"), D("33.33333333"))


def test_a_shorts_debt_is_in_its_coin() -> None:
    (one,) = told([story(BTC, Side.SELL, "1")], Balance(BTC.base, D(-1), ZERO, borrowed=D(1), interest=D("0.0001")))

    assert (one.borrowed_asset, one.borrowed, one.interest) == (BTC.base, D(1), D("0.0001"))
    assert one.is_modelled
    assert one.liquidation_price is not None
    assert one.liquidation_price > 100


def test_the_venues_own_figures_come_first() -> None:
    row = VenuePosition(
        BTC, Side.BUY, D(1), D(100), D(20), borrowed_asset=USDT, borrowed=D(80), interest=D("0.1"),
        liquidation_price=D("60.5"),
    )  # fmt: skip

    (one,) = told([story(BTC, Side.BUY, "1")], positions=(row,))

    assert one == PositionFacts(PositionId("p1"), NOON, D(20), USDT, D(80), D("0.1"), D("60.5"), is_modelled=False)


def test_a_pair_with_its_own_margin_is_reckoned_by_that() -> None:
    apart = margin("1000", "60", BTC=margin("30", "10"), ETH=margin("970", "50"))

    one, two = told([story(BTC, Side.BUY, "1"), story(ETH, Side.BUY, "1")], state=apart)

    assert (one.used_margin, two.used_margin) == (D(10), D(50))
    assert one.liquidation_price == D(100) - 30 + 4
    assert two.liquidation_price is None


def test_where_a_position_borrows_nothing_only_its_margin_and_its_end_are_told() -> None:
    (one,) = told([story(BTC, Side.BUY, "1")], borrows=False)

    assert (one.borrowed_asset, one.borrowed) == (None, ZERO)
    assert one.liquidation_price == D(20)  # equity of 100 may fall to 0.4 x 50


def test_what_is_flat_has_no_facts() -> None:
    empty = story(BTC, Side.BUY, "1")
    empty = replace(empty, position=Position(BTC, empty.position.cost_step))

    assert told([empty]) == []


@given(
    st.integers(1, 100), st.integers(-50, 50).filter(bool), st.integers(1, 100), st.sampled_from((D(0), D(1), D("0.5")))
)
def test_at_the_price_that_is_told_equity_is_at_the_liquidation_level(
    equity: int, quantity: int, used: int, scales: Decimal
) -> None:
    state, price = margin(str(equity), str(used)), D(100)
    shares = scales if quantity < 0 else ZERO

    at = liquidation_price(state, D(quantity), price, shares)

    if at is not None:
        left = equity + quantity * (at - price)
        needed = state.liquidation_level * used * (1 + shares * (at / price - 1))
        assert left == pytest.approx(needed, abs=D("0.000001"))
        assert at > 0
