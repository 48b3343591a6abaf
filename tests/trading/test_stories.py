from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Side
from jarvis.domain.order import ClientOrderId, OrderRole
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Direction, Protection, TakeProfit

from .bench import Bench, D, protection


def test_a_story_reads_back_as_it_was_written() -> None:
    bench = Bench()
    bench.tell(bench.signal(protection=protection(trailing=True, time_stop=timedelta(hours=2, microseconds=1))))
    opening = bench.story()
    bench.tell(bench.fill_of(bench.entry(), "4", "100.10"))
    bench.tell(bench.fill_of(bench.entry(), "6", "101"))
    bench.bar("100", "107", "99", "103")
    opened = bench.story()
    bench.tell(bench.signal(Direction.FLAT))
    closing = bench.story()
    name = ClientOrderId("jv0000009")
    closed = replace(closing, closed_at=bench.now, exit_to=D("0.10"), ladder=(name,), targets_after=name)

    for story in (opening, opened, closing, closed):
        again = PositionStory.from_json(story.to_json())
        assert again == story
        assert again.to_json() == story.to_json()


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=D("1e-12"), max_value=D("1e12")))
def test_every_number_of_a_story_is_kept_to_the_last_digit(number: Decimal) -> None:
    bench = Bench()
    bench.tell(bench.signal())
    story = replace(bench.story(), stop_price=number, decision_price=number, opened_quantity=number)

    again = PositionStory.from_json(story.to_json())

    assert again.stop_price is not None
    assert again.stop_price.as_tuple() == number.as_tuple()
    assert again == story


def test_a_story_says_what_is_held_and_what_would_close_it() -> None:
    bench = Bench()
    bench.tell(bench.signal(Direction.SHORT))
    flat = bench.story()
    bench.tell(bench.fill_of(bench.entry()))
    story = bench.story()

    assert (flat.side, flat.quantity) == (Side.SELL, D(0))
    assert (story.side, story.exit_side, story.quantity) == (Side.SELL, Side.BUY, D(10))
    assert not story.is_closed
    assert replace(story, closed_at=bench.now, exit_role=OrderRole.STOP).is_closed


@pytest.mark.parametrize(("distance", "share"), [("0", "0.5"), ("-1", "0.5"), ("1", "0"), ("1", "1.1")])
def test_a_target_that_is_no_profit_or_closes_nothing_is_refused(distance: str, share: str) -> None:
    with pytest.raises(ValueError, match="take-profit"):
        TakeProfit(D(distance), D(share))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stop_distance": D(0)}, "stop distance"),
        ({"stop_distance": D("NaN")}, "stop distance"),
        ({"take_profits": (TakeProfit(D(1), D("0.6")), TakeProfit(D(2), D("0.6")))}, "more than 1"),
        ({"time_stop": timedelta(0)}, "time-stop"),
    ],
)
def test_protection_that_protects_nothing_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(Protection(D(1)), **changes)  # type: ignore[arg-type]
