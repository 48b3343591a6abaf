"""What a statement holds the journal against, period by period."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.money import USD, ZERO, Asset
from jarvis.ledger.journal import entry_for_opening
from jarvis.ledger.statements import exact_sum
from jarvis.store.db import Store
from jarvis.store.records import ComparedBalance, Residual
from jarvis.store.stating import EquityReading
from tests.store.samples import ACCOUNT, NOON, OWNER, STRANGER, at, connect, deposit, margin
from tests.support.months import write_months

START = datetime(2026, 3, 30, 9, tzinfo=UTC)


def day(number: int) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=number)


async def test_the_residuals_of_all_periods_are_nothing_when_every_row_is_booked(store: Store) -> None:
    await connect(store)
    await write_months(store, ACCOUNT, positions=30, start=START, apart=timedelta(hours=7))

    changes = []
    for number in range(28, 42):
        for one in await store.residuals_between(OWNER, ACCOUNT, day(number), day(number + 1)):
            assert one.difference == ZERO, (number, one)
            changes.append(one.at_venue)
    (whole,) = await store.residuals_between(OWNER, ACCOUNT, day(0), day(60))
    assert whole.difference == ZERO
    assert whole.at_venue == exact_sum(changes) != ZERO
    assert (await store.residuals_between(OWNER, ACCOUNT, day(50), day(51))) == []


async def test_a_row_that_is_missing_shows_in_its_period_even_at_the_very_edge(store: Store) -> None:
    await connect(store)
    await store.record_ledger_row(ACCOUNT, *deposit(1, "100", "100", at(0)))
    # The venue paid 7 out in between, and never told: the next day begins from 93.
    await store.record_ledger_row(ACCOUNT, *deposit(2, "10", "103", at(86_400)))

    first = await store.residuals_between(OWNER, ACCOUNT, day(0), day(1))
    second = await store.residuals_between(OWNER, ACCOUNT, day(1), day(2))
    both = await store.residuals_between(OWNER, ACCOUNT, day(0), day(2))

    assert [one.difference for one in first] == [ZERO]
    assert [one.difference for one in second] == [Decimal(7)]
    assert [one.difference for one in both] == [Decimal(7)]


async def test_rows_without_a_balance_are_believed(store: Store) -> None:
    await connect(store)
    one, entry = deposit(1, "100", "100", at(0))
    await store.record_ledger_row(ACCOUNT, replace(one, balance=None), entry)

    (found,) = await store.residuals_between(OWNER, ACCOUNT, day(0), day(1))

    assert (found.cash, found.at_venue) == (Decimal(100), Decimal(100))


async def test_compared_balances_stand_in_the_period_of_their_comparison_alone(store: Store) -> None:
    await connect(store)
    coin = Asset("ETH")
    await store.record_opening(ACCOUNT, entry_for_opening([(coin, Decimal(2))], at(0)))
    compared = ComparedBalance(coin, Decimal(2), Decimal(2), ZERO, ZERO, Decimal(2), at(5))
    await store.record_balances(ACCOUNT, [compared])

    assert await store.residuals_between(OWNER, ACCOUNT, day(0), day(1)) == [
        Residual(coin, Decimal(2), Decimal(2), ZERO)
    ]
    assert await store.residuals_between(OWNER, ACCOUNT, day(1), day(2)) == []


async def test_equity_is_the_last_reading_before_an_instant(store: Store) -> None:
    await connect(store)
    for number in range(3):
        await store.record_equity(ACCOUNT, margin(at(number), str(100 + number)))

    found = await store.equity_before(OWNER, ACCOUNT, [at(0), at(1.5), at(90)])

    assert found == [None, EquityReading(at(1), USD, Decimal(101)), EquityReading(at(2), USD, Decimal(102))]
    assert await store.equity_before(STRANGER, ACCOUNT, [at(90)]) == [None]
    assert await store.residuals_between(STRANGER, ACCOUNT, day(0), day(60)) == []
    assert day(0) < NOON < day(1)
