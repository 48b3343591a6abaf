"""The journal added up: always what adding it up anew would give."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from sqlalchemy import update

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Side
from jarvis.domain.money import USD
from jarvis.ledger.journal import entry_for_row
from jarvis.ledger.statements import DaySum, day_sums
from jarvis.store.db import Store
from jarvis.store.tables import day_sums as day_sums_table
from jarvis.store.tables import folds, position_results
from tests.store.samples import (
    ACCOUNT,
    OWNER,
    POSITION,
    STRANGER,
    at,
    closed,
    connect,
    deposit,
    fill,
    open_position,
    row,
)


async def _live(store: Store) -> None:
    await connect(store)
    await store.record_ledger_row(ACCOUNT, *deposit(100, "10000", "10000", at(-60)))
    story = await open_position(store)
    last = fill(2, side=Side.SELL, price="58400.3", fee="11.68", order_number=2, when=at(86_400))
    ended, entry = closed(story, last)
    await store.record_fill(ACCOUNT, last, entry, None, ended)


async def _anew(store: Store) -> list[DaySum]:
    sums = day_sums(await store.entries(OWNER, ACCOUNT))
    return [DaySum(day, part, asset, amount) for (day, part, asset), amount in sums.items()]


def _sorted(sums: list[DaySum]) -> list[tuple[date, str, str, Decimal]]:
    return sorted((one.day, one.part.value, one.asset, one.amount) for one in sums)


async def test_the_sums_are_those_of_the_whole_journal_however_often_it_was_added_to(store: Store) -> None:
    await _live(store)
    assert _sorted(await store.day_sums(OWNER, ACCOUNT)) == _sorted(await _anew(store))

    # A row that came late is booked on its own day, among what was added up before.
    late = row(3, kind=LedgerKind.ROLLOVER, fee="1.5", balance="9980.1544", when=at(30))
    await store.record_ledger_row(ACCOUNT, late, entry_for_row(late, fill(), position_id=POSITION))

    assert _sorted(await store.day_sums(OWNER, ACCOUNT)) == _sorted(await _anew(store))
    assert _sorted(await store.day_sums(OWNER, ACCOUNT, until=date(2026, 3, 2))) == [
        each for each in _sorted(await _anew(store)) if each[0] < date(2026, 3, 2)
    ]


async def test_a_late_charge_changes_the_result_of_a_closed_position(store: Store) -> None:
    await _live(store)
    (before,) = await store.position_results(OWNER, ACCOUNT)
    late = row(3, kind=LedgerKind.ROLLOVER, fee="1.5", balance="9980.1544", when=at(30))
    await store.record_ledger_row(ACCOUNT, late, entry_for_row(late, fill(), position_id=POSITION))

    (after,) = await store.position_results(OWNER, ACCOUNT)

    position = await store.position(OWNER, ACCOUNT, POSITION)
    assert position is not None
    assert after.waterfall == position.waterfall()
    assert after.waterfall.total == before.waterfall.total - Decimal("1.5")
    assert (after.at, after.is_open, after.strategy) == (at(86_400), False, "donchian_breakout")
    assert after.waterfall.asset == USD


async def test_a_position_that_ends_without_a_fill_is_open_no_longer(store: Store) -> None:
    await connect(store)
    story = await open_position(store)
    (before,) = await store.position_results(OWNER, ACCOUNT)
    await store.record_story(ACCOUNT, replace(story, closed_at=at(500)))

    (after,) = await store.position_results(OWNER, ACCOUNT)

    assert (before.is_open, before.at) == (True, at(0))
    assert (after.is_open, after.at) == (False, at(500))


async def test_a_fold_that_lost_entries_is_made_anew(store: Store) -> None:
    await _live(store)
    await store.day_sums(OWNER, ACCOUNT)
    async with store._write() as connection:
        await connection.execute(update(folds).values(entries=folds.c.entries - 1))
        await connection.execute(update(day_sums_table).values(amount=Decimal(7)))
    await store.record_ledger_row(ACCOUNT, *deposit(101, "5", "10005", at(90_000)))

    assert _sorted(await store.day_sums(OWNER, ACCOUNT)) == _sorted(await _anew(store))


async def test_results_that_were_remembered_are_read_again_after_a_fold_was_made_anew(store: Store) -> None:
    await _live(store)
    (true,) = await store.position_results(OWNER, ACCOUNT)
    async with store._write() as connection:
        await connection.execute(update(position_results).values(price=Decimal(7)))
    assert await store.position_results(OWNER, ACCOUNT) == (true,)  # nothing new: nothing is read

    async with store._write() as connection:
        await connection.execute(update(folds).values(entries=folds.c.entries - 1))
    await store.record_ledger_row(ACCOUNT, *deposit(101, "5", "10005", at(90_000)))

    assert await store.position_results(OWNER, ACCOUNT) == (true,)


async def test_a_stranger_is_told_nothing_and_makes_nothing_be_added_up(store: Store) -> None:
    await _live(store)

    assert await store.day_sums(STRANGER, ACCOUNT) == []
    assert await store.position_results(STRANGER, ACCOUNT) == ()

    async with store._read() as connection:
        assert (await connection.execute(folds.select())).first() is None
