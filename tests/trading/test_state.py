from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.order import ClientOrderId, FillId
from jarvis.trading.state import Block, EngineState, Marks, order_id, order_number

from .bench import BTC, ETH, Bench, D


def test_marks_read_back_as_they_were_written() -> None:
    full = Marks(
        paused=True,
        blocks=(Block("flatten", "you asked", BTC), Block("liquidation", "it happened")),
        day=date(2026, 3, 2),
        day_equity=D("100.10"),
        peak_equity=D("200.20"),
        tiers=(("daily_loss", 2),),
    )

    for marks in (Marks(), full):
        assert Marks.from_json(marks.to_json()) == marks


def test_a_block_on_the_account_concerns_every_pair_and_one_on_a_pair_only_that() -> None:
    assert Block("x", "y").concerns(BTC)
    assert Block("x", "y", BTC).concerns(BTC)
    assert not Block("x", "y", ETH).concerns(BTC)


def test_the_same_block_again_replaces_its_message() -> None:
    marks = Marks().with_block(Block("x", "one", BTC)).with_block(Block("x", "two", BTC)).with_block(Block("x", "all"))

    assert [block.message for block in marks.blocks] == ["two", "all"]
    assert marks.without_block("x", BTC).blocks == (Block("x", "all"),)


def test_a_tier_of_nothing_is_forgotten() -> None:
    marks = Marks().with_tier("drawdown", 2).with_tier("daily_loss", 1)

    assert (marks.tier("drawdown"), marks.tier("margin_level")) == (2, 0)
    assert marks.with_tier("drawdown", 0).tiers == (("daily_loss", 1),)


@given(st.integers(0, 36**7 - 1))
def test_an_order_id_names_its_number_and_sorts_by_age(number: int) -> None:
    client_order_id = order_id("jv", number)

    assert order_number("jv", client_order_id) == number
    assert len(client_order_id) == 9
    if number:
        assert order_id("jv", number - 1) < client_order_id


@pytest.mark.parametrize("number", [-1, 36**7])
def test_a_number_that_does_not_fit_is_an_error(number: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        order_id("jv", number)


@pytest.mark.parametrize("text", ["zz0000001", "jv000001", "jv00000001", "jv000000!", ""])
def test_an_id_of_another_shape_is_nobodys_number(text: str) -> None:
    assert order_number("jv", ClientOrderId(text)) is None


def test_closed_stories_are_not_adopted_and_numbers_go_on_after_the_highest() -> None:
    bench = Bench()
    bench.open()
    closed = replace(bench.story(), closed_at=bench.now)

    again = Bench(state=EngineState.adopt(reversed(bench.orders()), [closed], seen_fills=[FillId("T1")]))

    assert again.engine.state.stories == {}
    assert again.engine.state.next_id == 5
    assert again.tell(bench.fill_of(bench.stop(), fill_id=FillId("T1"))) == []


def test_orders_of_another_shape_do_not_disturb_the_count() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    order = bench.entry()
    strange = replace(order, request=replace(order.request, client_order_id=ClientOrderId("by-hand")))

    again = Bench(state=EngineState.adopt([strange], []))

    assert again.engine.state.next_id == 1
    assert again.engine.id_prefix == "jv"
