from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from jarvis.domain.account import AccountId, LedgerKind
from jarvis.domain.instrument import Side
from jarvis.domain.money import USD
from jarvis.domain.order import OrderEvent, OrderRole
from jarvis.ledger.journal import entry_for_row
from jarvis.store.db import Store
from jarvis.trading.state import Marks
from tests.store.samples import (
    ACCOUNT,
    FENCE,
    NOON,
    OWNER,
    at,
    closed,
    connect,
    deposit,
    fill,
    open_position,
    opened,
    opening_entry,
    order,
    rests,
    row,
)

DAY = 86400.0


async def test_a_new_account_expects_nothing(store: Store) -> None:
    await connect(store)

    expected = await store.expected(ACCOUNT)

    assert (expected.orders, expected.stories, expected.fills, expected.row_ids) == ((), (), {}, frozenset())
    assert (expected.marks, expected.next_order_number) == (Marks(), 1)
    assert (expected.last_fill_at, expected.last_row_at) == (None, None)
    with pytest.raises(ValueError, match="no account nobody"):
        await store.expected(AccountId("nobody"))


async def test_an_open_position_is_expected_with_all_that_protects_it(store: Store) -> None:
    await connect(store)
    story = await open_position(store)

    expected = await store.expected(ACCOUNT)

    assert expected.stories == (story,)
    assert [one.request.role for one in expected.orders] == [OrderRole.ENTRY, OrderRole.STOP]
    assert list(expected.fills) == [fill().fill_id]
    assert expected.fills[fill().fill_id].position_id == story.position_id
    assert expected.row_ids == {row().row_id}
    assert expected.cleared == {(fill().fill_id, USD): Decimal("-18.3456")}
    assert (expected.last_fill_at, expected.last_row_at) == (NOON, NOON)
    assert expected.next_order_number == 3


async def test_rows_of_one_fill_are_summed_and_other_kinds_are_not(store: Store) -> None:
    await connect(store)
    await open_position(store)
    more = row(2, fee="0.0001", balance="9981.6543", when=at(1))
    rollover = row(3, kind=LedgerKind.ROLLOVER, fee="3", balance="9978.6543", when=at(2))
    for one in (more, rollover):
        await store.record_ledger_row(ACCOUNT, one, entry_for_row(one, fill()))

    assert (await store.expected(ACCOUNT)).cleared == {(fill().fill_id, USD): Decimal("-18.3457")}
    assert await store.cleared(ACCOUNT, fill().fill_id) == {USD: Decimal("-18.3457")}
    assert await store.cleared(ACCOUNT, "TZZZZZ") == {}


async def test_what_is_long_over_is_not_loaded(store: Store) -> None:
    await connect(store)
    story = await open_position(store)
    last = fill(2, side=Side.SELL, order_number=2, when=at(60))
    ended, entry = closed(story, last)
    stop = rests(order(2, role=OrderRole.STOP, side=Side.SELL, created_at=at(1)))
    await store.record_fill(ACCOUNT, last, entry, stop.filled_by(last), ended)
    later, booked = deposit(9, "5", "9000", at(30 * DAY))
    await store.record_ledger_row(ACCOUNT, later, booked)
    fresh = fill(3, when=at(30 * DAY + 60), order_number=3)
    await store.record_fill(ACCOUNT, fresh, None, None, None)

    expected = await store.expected(ACCOUNT)

    assert (expected.orders, expected.stories) == ((), ())
    assert list(expected.fills) == [fresh.fill_id]
    assert expected.row_ids == {later.row_id}
    assert await store.fill(ACCOUNT, fill().fill_id) is not None


async def test_what_an_unfinished_order_may_have_done_is_known_however_old_it_is(store: Store) -> None:
    await connect(store)
    old = fill(1, when=at(3600))
    lost = order(1).after(OrderEvent.SEND).after(OrderEvent.LOSE_TRACK)
    await store.record_intent(ACCOUNT, order(1), FENCE)
    await store.record_order(ACCOUNT, lost)
    await store.record_fill(ACCOUNT, old, None, None, None)
    await store.record_fill(ACCOUNT, fill(2, when=at(60 * DAY)), None, None, None)

    expected = await store.expected(ACCOUNT)

    assert expected.orders == (lost,)
    assert list(expected.fills) == [old.fill_id, fill(2).fill_id]


async def test_an_old_position_is_known_with_its_first_fill(store: Store) -> None:
    await connect(store)
    first = fill()
    await store.record_fill(ACCOUNT, first, opening_entry(first), rests(order()).filled_by(first), opened(first))
    rollover = row(5, kind=LedgerKind.ROLLOVER, fee="2", when=at(90 * DAY))
    await store.record_ledger_row(ACCOUNT, rollover, entry_for_row(rollover, first))

    expected = await store.expected(ACCOUNT, recent=timedelta(minutes=1))

    assert first.fill_id in expected.fills
    assert [one.client_order_id for one in expected.orders] == [order().client_order_id]


async def test_a_story_moves_on_without_a_fill(store: Store) -> None:
    await connect(store)
    story = await open_position(store)
    moved = replace(story, stop_price=Decimal("59000.25"), best_price=Decimal(61000))

    await store.record_story(ACCOUNT, moved)

    assert (await store.expected(ACCOUNT)).stories == (moved,)
    assert [record.story for record in await store.open_positions(OWNER, ACCOUNT)] == [moved]
