import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from jarvis.domain.account import AccountId
from jarvis.domain.instrument import Side
from jarvis.domain.order import OrderRole, OrderStatus
from jarvis.ledger.journal import EntryKind, entry_for_row
from jarvis.store.db import Store
from jarvis.store.errors import DuplicateIntent, StaleFence
from jarvis.store.tables import metadata
from jarvis.trading.state import Block, Marks
from tests.store.samples import (
    ACCOUNT,
    BTC_USD,
    FENCE,
    NOON,
    OTHER,
    OWNER,
    STRANGER,
    TTL,
    at,
    closed,
    connect,
    fill,
    margin,
    open_position,
    opened,
    opening_entry,
    order,
    rests,
    row,
    sent,
)


async def counts(store: Store) -> dict[str, int]:
    async with store._read() as connection:
        return {
            table.name: int(await connection.scalar(select(func.count()).select_from(table)) or 0)
            for table in metadata.sorted_tables
        }


async def test_an_order_on_paper_comes_back_with_every_field(store: Store) -> None:
    await connect(store)
    stop = order(7, role=OrderRole.STOP, side=Side.SELL)

    await store.record_intent(ACCOUNT, stop, FENCE)

    assert await store.order(OWNER, ACCOUNT, stop.client_order_id) == stop
    assert (await store.expected(ACCOUNT)).orders == (stop,)


async def test_an_intent_with_a_stale_fence_is_refused_and_leaves_nothing(store: Store) -> None:
    await connect(store)
    await store.acquire_lease(ACCOUNT, "worker-1", TTL)
    before = await counts(store)

    for fence in (FENCE, FENCE + 2):
        with pytest.raises(StaleFence, match="served by another worker"):
            await store.record_intent(ACCOUNT, order(), fence)

    assert await counts(store) == before
    await store.record_intent(ACCOUNT, order(), FENCE + 1)


async def test_without_a_lease_nothing_is_put_on_paper(store: Store) -> None:
    await connect(store)

    with pytest.raises(StaleFence):
        await store.record_intent(OTHER, order(), 1)


async def test_every_trading_write_carries_a_fence_when_given_one(store: Store) -> None:
    await connect(store)
    await store.acquire_lease(ACCOUNT, "worker-1", TTL)
    before = await counts(store)
    first = fill()
    story = opened(first)
    charged = row()

    for write in (
        store.record_order(ACCOUNT, order(), fence=FENCE),
        store.record_fill(ACCOUNT, first, opening_entry(first), None, story, fence=FENCE),
        store.record_ledger_row(ACCOUNT, charged, entry_for_row(charged, first), fence=FENCE),
        store.record_story(ACCOUNT, story, fence=FENCE),
        store.record_marks(ACCOUNT, Marks(paused=True), fence=FENCE),
    ):
        with pytest.raises(StaleFence):
            await write

    assert await counts(store) == before


async def test_the_same_intent_twice_is_an_error_and_changes_nothing(store: Store) -> None:
    await connect(store)
    await store.record_intent(ACCOUNT, order(), FENCE)
    before = await counts(store)

    with pytest.raises(DuplicateIntent, match="must not be sent again"):
        await store.record_intent(ACCOUNT, order(quantity="9"), FENCE)

    assert await counts(store) == before
    assert await store.order(OWNER, ACCOUNT, order().client_order_id) == order()


async def test_two_accounts_may_use_the_same_ids(store: Store) -> None:
    await connect(store)
    await connect(store, OTHER, STRANGER)
    for account in (ACCOUNT, OTHER):
        await store.record_intent(account, order(), FENCE)
        assert await store.record_fill(account, fill(), opening_entry(fill()), None, opened(fill()))

    assert len(await store.fills(OWNER, ACCOUNT)) == 1
    assert await store.fills(OWNER, OTHER) == []


async def test_an_order_keeps_its_fence_when_its_state_moves(store: Store) -> None:
    await connect(store)
    await store.record_intent(ACCOUNT, order(), FENCE)

    await store.record_order(ACCOUNT, sent(order()))
    await store.record_order(ACCOUNT, rests(order()))

    assert await store.order(OWNER, ACCOUNT, order().client_order_id) == rests(order())
    async with store._read() as connection:
        assert await connection.scalar(select(metadata.tables["orders"].c.fence)) == FENCE


async def test_a_fill_its_entry_its_order_and_its_story_are_one_write(store: Store) -> None:
    await connect(store)
    story = await open_position(store)

    position = await store.position(OWNER, ACCOUNT, story.position_id)

    assert position is not None
    assert position.story == story
    assert position.fills == (fill(),)
    assert position.orders[0].status is OrderStatus.FILLED
    assert [entry.kind for entry in position.entries] == [EntryKind.FILL, EntryKind.SETTLEMENT]
    assert position.entries[0] == opening_entry(fill())


async def test_a_known_fill_writes_nothing(store: Store) -> None:
    await connect(store)
    story = await open_position(store)
    before = await counts(store)

    again = await store.record_fill(
        ACCOUNT, fill(price="1"), opening_entry(fill()), sent(order(9)), replace(story, leverage=9)
    )

    assert again is False
    assert await counts(store) == before
    assert (await store.expected(ACCOUNT)).stories == (story,)


async def test_a_known_ledger_row_writes_nothing(store: Store) -> None:
    await connect(store)
    await open_position(store)
    before = await counts(store)

    assert not await store.record_ledger_row(ACCOUNT, row(amount="5"), entry_for_row(row(amount="5"), None))

    assert await counts(store) == before


async def test_of_two_writers_of_one_fill_exactly_one_books_it(
    store: Store, open_store: Callable[[], Awaitable[Store]]
) -> None:
    await connect(store)
    stores = [store, *[await open_store() for _ in range(3)]]
    first = fill()

    booked = await asyncio.gather(
        *(one.record_fill(ACCOUNT, first, opening_entry(first), None, opened(first)) for one in stores)
    )
    charged = row()
    shown = await asyncio.gather(
        *(one.record_ledger_row(ACCOUNT, charged, entry_for_row(charged, first)) for one in stores)
    )

    assert sorted(booked) == sorted(shown) == [False, False, False, True]
    assert len(await store.entries(OWNER, ACCOUNT)) == 2


async def test_a_write_that_fails_half_way_leaves_nothing_of_its_first_half(store: Store) -> None:
    await connect(store)
    before = await counts(store)
    broken = replace(opened(fill()), pair=None)  # type: ignore[arg-type]

    with pytest.raises(IntegrityError):
        await store.record_fill(ACCOUNT, fill(), opening_entry(fill()), rests(order()), broken)

    assert await counts(store) == before


async def test_a_foreign_fill_is_kept_without_an_entry(store: Store) -> None:
    await connect(store)

    assert await store.record_fill(ACCOUNT, fill(5), None, None, None)

    known = await store.fill(ACCOUNT, fill(5).fill_id)
    assert known is not None
    assert (known.fill, known.pnl, known.position_id) == (fill(5), Decimal(0), None)
    assert await store.entries(OWNER, ACCOUNT) == []


async def test_what_a_closing_fill_realised_is_known_afterwards(store: Store) -> None:
    await connect(store)
    story = await open_position(store)
    last = fill(2, side=Side.SELL, price="58400.3", order_number=2, when=at(60))
    ended, entry = closed(story, last)

    await store.record_fill(ACCOUNT, last, entry, None, ended)

    known = await store.fill(ACCOUNT, last.fill_id)
    assert known is not None
    assert known.pnl == Decimal("-799.85")
    assert await store.open_positions(OWNER, ACCOUNT) == []
    assert (await store.closed_positions(OWNER, ACCOUNT))[0].story == ended


async def test_marks_survive(store: Store) -> None:
    await connect(store)
    marks = Marks(
        paused=True,
        blocks=(Block("daily_loss", "lost 4 %", BTC_USD),),
        day=NOON.date(),
        day_equity=Decimal("10000.10"),
        peak_equity=Decimal("10100.9999"),
        tiers=(("daily_loss", 2),),
    )

    await store.record_marks(ACCOUNT, marks)

    assert (await store.expected(ACCOUNT)).marks == marks
    overview = await store.overview(OWNER, ACCOUNT)
    assert overview is not None
    assert overview.marks == marks


async def test_order_numbers_are_never_given_twice(store: Store, open_store: Callable[[], Awaitable[Store]]) -> None:
    await connect(store)
    other = await open_store()

    firsts = await asyncio.gather(*(one.reserve_order_numbers(ACCOUNT, 10) for one in (store, other) * 3))

    assert sorted(firsts) == [1, 11, 21, 31, 41, 51]
    with pytest.raises(ValueError, match="no account nobody"):
        await store.reserve_order_numbers(AccountId("nobody"), 1)


async def test_intents_keep_the_order_counter_above_their_own_number(store: Store) -> None:
    await connect(store)

    await store.record_intent(ACCOUNT, order(37), FENCE)
    await store.record_intent(ACCOUNT, order(5), FENCE)

    assert (await store.expected(ACCOUNT)).next_order_number == int("37", 36) + 1


async def test_a_cancelled_write_is_whole_and_holds_no_lock(store: Store) -> None:
    await connect(store)
    began = time.monotonic()
    for number in range(1, 61):
        writing = asyncio.create_task(store.record_intent(ACCOUNT, order(number), FENCE))
        await asyncio.sleep(0.0001 * number)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)

    await store.record_intent(ACCOUNT, order(99), FENCE)

    # A connection that was left behind in a transaction makes the next writer wait for 10 s.
    assert time.monotonic() - began < 9
    kept = await store.recent_orders(OWNER, ACCOUNT, limit=100)
    told = [event for event in await store.tail_outbox(OWNER, 0) if event.kind == "order"]
    assert sorted(event.payload["order"] for event in told) == sorted(one.client_order_id for one in kept)


async def test_a_caller_that_is_cancelled_learns_it_when_its_write_is_kept(store: Store) -> None:
    await connect(store)
    writing = asyncio.create_task(store.record_intent(ACCOUNT, order(), FENCE))
    await asyncio.sleep(0)

    writing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await store.order(OWNER, ACCOUNT, order().client_order_id) in (order(), None)


async def test_equity_and_status_are_what_was_last_read(store: Store) -> None:
    await connect(store)
    await store.record_equity(ACCOUNT, margin(at(0), "1"))
    await store.record_equity(ACCOUNT, margin(at(60), "10000.50"))
    await store.record_equity(ACCOUNT, margin(at(60), "10000.75"))
    await store.record_status(ACCOUNT, '{"blocked": []}', at(61))

    overview = await store.overview(OWNER, ACCOUNT)

    assert overview is not None
    assert overview.margin == margin(at(60), "10000.75")
    assert (overview.status_json, overview.status_at) == ('{"blocked": []}', at(61))
