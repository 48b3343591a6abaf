from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Side
from jarvis.domain.market import Bar
from jarvis.domain.order import OrderRole
from jarvis.trading.exits import Rung, after_bar, after_entry, is_tighter, leaving, rungs, stop_trigger, time_is_up
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Direction, TakeProfit

from .bench import BTC, HOUR, START, Bench, D, instrument, protection

HALVES = (TakeProfit(D(10), D("0.5")), TakeProfit(D(20), D("0.5")))


def story(direction: Direction = Direction.LONG, quantity: str = "10", **changes: object) -> PositionStory:
    bench = Bench()
    bench.tell(bench.signal(direction))
    bench.tell(bench.fill_of(bench.entry(), quantity))
    return replace(bench.story(), **changes)  # type: ignore[arg-type]


def test_an_opening_story_has_no_stop_no_targets_and_no_end() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    opening = bench.story()

    assert after_entry(opening) == opening
    assert rungs(opening, instrument()) == []
    assert not time_is_up(opening, START)
    with pytest.raises(ValueError, match="before anything was filled"):
        stop_trigger(opening, instrument())


def test_a_stop_never_rests_below_one_tick() -> None:
    assert stop_trigger(story(stop_price=D("-3")), instrument()) == D("0.1")


def test_tighter_means_nearer_to_the_market_on_either_side() -> None:
    assert is_tighter(D(91), D(90), Side.SELL)
    assert is_tighter(D(109), D(110), Side.BUY)
    assert not is_tighter(D(90), D(90), Side.SELL)


def test_a_whole_exit_keeps_its_reason_and_takes_over_a_partial_one() -> None:
    half = leaving(story(), OrderRole.FLATTEN, START, D(5))
    whole = leaving(half, OrderRole.STOP, START)

    assert (half.exit_role, half.exit_to, half.exit_at) == (OrderRole.FLATTEN, D(5), START)
    assert (whole.exit_role, whole.exit_to) == (OrderRole.STOP, D(0))
    assert leaving(whole, OrderRole.FLATTEN, START, D(5)) == whole


@pytest.mark.parametrize(
    ("take_profits", "quantity", "expected"),
    [
        (HALVES, "10", [Rung(D(110), D(5)), Rung(D(120), D(5))]),
        (HALVES[:1], "10", [Rung(D(110), D(5))]),
        (HALVES, "0.003", [Rung(D(110), D("0.0015")), Rung(D(120), D("0.0015"))]),
        (HALVES, "0.0015", [Rung(D(110), D("0.0015"))]),  # neither half could rest: all of it at the first
        (HALVES, "0.0009", []),
        (HALVES[:1], "0.0021", [Rung(D(110), D("0.00105"))]),
        ((TakeProfit(D(10), D("0.1")), TakeProfit(D(20), D("0.4"))), "0.005", [Rung(D(120), D("0.0025"))]),
        ((TakeProfit(D(10), D("0.1")),), "0.005", []),  # a tenth could not rest, and nothing follows
        ((TakeProfit(D(10), D("0.6")),), "0.0020", [Rung(D(110), D("0.0020"))]),  # 0.0008 would be left as dust
        ((TakeProfit(D(10), D("0.9")), TakeProfit(D(20), D("0.1"))), "0.005", [Rung(D(110), D("0.005"))]),
    ],
)
def test_the_ladder_is_cut_from_what_was_opened(
    take_profits: tuple[TakeProfit, ...], quantity: str, expected: list[Rung]
) -> None:
    rules = instrument(min_cost=D("0.01"))

    assert rungs(story(quantity=quantity, protection=protection(take_profits=take_profits)), rules) == expected


def test_a_target_of_a_short_that_would_be_below_nothing_is_left_out() -> None:
    ladder = (TakeProfit(D(10), D("0.5")), TakeProfit(D(100), D("0.5")))

    assert rungs(story(Direction.SHORT, protection=protection(take_profits=ladder)), instrument()) == [
        Rung(D(90), D(5))
    ]


@given(
    st.decimals(min_value=D("0.001"), max_value=D(50), places=8),
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
)
def test_the_ladder_never_closes_more_than_was_opened_and_leaves_no_dust(quantity: D, parts: list[int]) -> None:
    total = max(100, sum(parts))
    ladder = tuple(TakeProfit(D(number), D(part) / total) for number, part in enumerate(parts, 1))
    opened = replace(story(), opened_quantity=quantity, protection=protection(take_profits=ladder))
    rules = instrument()

    result = rungs(opened, rules)

    left = quantity - sum((rung.quantity for rung in result), D(0))
    assert left >= 0
    assert all(rules.quantity_fits(rung.quantity) for rung in result)
    assert not result or left == 0 or left >= rules.min_quantity


@given(st.lists(st.integers(60, 140), min_size=1, max_size=12), st.sampled_from([Direction.LONG, Direction.SHORT]))
def test_a_trailing_stop_only_ever_moves_towards_profit(prices: list[int], direction: Direction) -> None:
    bench = Bench()
    current = story(direction, protection=protection(trailing=True))
    for price in prices:
        before = current.stop_price
        bar = Bar(BTC, HOUR, bench.now, D(price), D(price) + 1, D(price) - 1, D(price), D(1))
        bench.now += HOUR
        current = after_bar(current, bar)

        assert before is not None
        assert current.stop_price is not None
        assert not is_tighter(before, current.stop_price, current.exit_side)
