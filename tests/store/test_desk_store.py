"""What the desk asks: few rows out of many, on both databases, and nothing of a stranger's."""

from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from jarvis.domain.account import LedgerKind
from jarvis.domain.money import USD
from jarvis.domain.order import OrderStatus
from jarvis.ledger.journal import Account, entry_for_row
from jarvis.store.db import Store
from tests.store.samples import (
    ACCOUNT,
    BTC_USD,
    KRAKEN,
    OWNER,
    STRANGER,
    at,
    bar,
    connect,
    deposit,
    fill,
    margin,
    open_position,
    order,
    rests,
    row,
)


async def readings(store: Store, count: int) -> None:
    for number in range(count):
        await store.record_equity(ACCOUNT, margin(at(60 * number), str(10000 + number)))


async def test_a_curve_of_few_readings_is_all_of_them(store: Store) -> None:
    await connect(store)
    await readings(store, 7)

    assert await store.equity_curve(OWNER, ACCOUNT, points=7) == await store.equity(OWNER, ACCOUNT)
    assert await store.equity_curve(OWNER, ACCOUNT, points=60) == await store.equity(OWNER, ACCOUNT)


async def test_a_curve_of_many_is_thinned_evenly_and_keeps_both_ends(store: Store) -> None:
    await connect(store)
    await readings(store, 101)

    curve = await store.equity_curve(OWNER, ACCOUNT, points=11)

    assert [point.at for point in curve] == [at(600 * number) for number in range(11)]
    assert [point.equity for point in curve] == [Decimal(10000 + 10 * number) for number in range(11)]


async def test_what_was_paid_in_between_two_points_stays_between_them(store: Store) -> None:
    await connect(store)
    await readings(store, 101)
    await store.record_ledger_row(ACCOUNT, *deposit(100, "500", "10500", at(1234)))

    curve = await store.equity_curve(OWNER, ACCOUNT, points=11)

    assert {point.at: point.flow for point in curve if point.flow} == {at(1800): Decimal(500)}


async def test_a_curve_begins_where_it_is_asked_to(store: Store) -> None:
    await connect(store)
    await readings(store, 101)

    curve = await store.equity_curve(OWNER, ACCOUNT, points=5, since=at(60 * 80))

    assert (curve[0].at, curve[-1].at, len(curve)) == (at(60 * 80), at(60 * 100), 5)
    assert await store.equity_curve(OWNER, ACCOUNT, points=5, since=at(60 * 500)) == []


async def test_open_orders_are_counted_with_those_that_are_not_known(store: Store) -> None:
    await connect(store)
    await open_position(store)
    before = await store.count_open_orders(OWNER, ACCOUNT)
    fence = await store.acquire_lease(ACCOUNT, "a desk", timedelta(minutes=5))
    for number in (21, 22):
        one = order(number)
        await store.record_intent(ACCOUNT, one, fence or 1)
        await store.record_order(ACCOUNT, rests(one))

    counted = await store.count_open_orders(OWNER, ACCOUNT)

    assert counted == before + 2 == len(await store.open_orders(OWNER, ACCOUNT))
    assert all(each.status is not OrderStatus.FILLED for each in await store.open_orders(OWNER, ACCOUNT))


@pytest.mark.parametrize("arrival", list(permutations((1, 2, 3))))
async def test_the_last_balance_is_found_whatever_order_rows_of_one_instant_came_in(
    store: Store, arrival: tuple[int, ...]
) -> None:
    await connect(store)
    rows = {
        1: row(1, kind=LedgerKind.ROLLOVER, fee="1", balance="99", when=at(5)),
        2: row(2, kind=LedgerKind.ROLLOVER, fee="2", balance="97", when=at(5)),
        3: row(3, kind=LedgerKind.ROLLOVER, fee="4", balance="93", when=at(5)),
    }
    for number in arrival:
        await store.record_ledger_row(ACCOUNT, rows[number], entry_for_row(rows[number], None))

    assert await store.told_balance(OWNER, ACCOUNT, USD) == 93


async def test_what_was_booked_today_is_summed_alone(store: Store) -> None:
    await connect(store)
    await store.record_ledger_row(ACCOUNT, *deposit(100, "10000", "10000", at(-90_000)))
    rollover = row(2, kind=LedgerKind.ROLLOVER, fee="1.5", balance="9998.5", when=at(30))
    await store.record_ledger_row(ACCOUNT, rollover, entry_for_row(rollover, fill()))

    today = await store.totals_since(OWNER, ACCOUNT, at(0))

    assert today == {(Account.CASH, USD): Decimal("-1.5"), (Account.ROLLOVER, USD): Decimal("1.5")}


async def test_minutes_are_told_by_what_they_reached(store: Store) -> None:
    await store.record_bars(KRAKEN, [bar(number) for number in range(5)])

    found = await store.minute_ranges(KRAKEN, BTC_USD, at(60), at(240))

    assert [each.opened_at for each in found] == [at(60), at(120), at(180)]
    assert found[0] == (at(60), bar(1).high, bar(1).low, bar(1).close)


async def test_a_stranger_is_told_nothing(store: Store) -> None:
    await connect(store)
    await readings(store, 3)
    await open_position(store)
    await store.record_ledger_row(ACCOUNT, *deposit(100, "500", "10500", at(1)))

    assert await store.equity_curve(STRANGER, ACCOUNT, points=5) == []
    assert await store.count_open_orders(STRANGER, ACCOUNT) == 0
    assert await store.told_balance(STRANGER, ACCOUNT, USD) is None
    assert await store.totals_since(STRANGER, ACCOUNT, at(-1)) == {}
