"""What the store keeps for accounts whose fills settle in the wallet."""

from dataclasses import replace
from decimal import Decimal

from sqlalchemy import text

from jarvis.domain.account import LedgerKind, LedgerRow, LedgerRowId
from jarvis.domain.instrument import Pair
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.domain.order import OrderRole, PositionId
from jarvis.ledger.journal import Account, Posting, entry_for_charge, entry_for_opening
from jarvis.store.db import Store
from jarvis.store.records import ComparedBalance, PositionFacts
from tests.store.samples import (
    ACCOUNT,
    BTC_USD,
    NOON,
    OWNER,
    POSITION,
    STRANGER,
    at,
    closed,
    connect,
    fill,
    margin,
    open_position,
)

D = Decimal
BTC = Asset("BTC")


def charge(number: int, asset: Asset, fee: str, pair: Pair | None = None) -> LedgerRow:
    return LedgerRow(
        LedgerRowId(f"I{number}"), f"I{number}", at(number), LedgerKind.INTEREST, asset, ZERO, D(fee), None, pair
    )


def compared(asset: Asset, total: str, cash: str) -> ComparedBalance:
    return ComparedBalance(asset, D(total), D(total), D("0.5"), D("0.001"), D(cash), NOON)


async def test_a_row_without_a_balance_and_with_a_pair_is_kept_with_all_its_entries(store: Store) -> None:
    await connect(store)
    row = charge(1, USD, "0.3", BTC_USD)
    made = [
        entry_for_charge(row, D("0.1"), PositionId("a"), BTC_USD),
        entry_for_charge(row, D("0.2"), PositionId("b"), BTC_USD),
    ]

    first = await store.record_ledger_row(ACCOUNT, row, *made)
    again = await store.record_ledger_row(ACCOUNT, row, *made)

    assert (first, again) == (True, False)
    assert await store.ledger_rows(OWNER, ACCOUNT) == [row]
    assert await store.entries(OWNER, ACCOUNT) == made


async def test_interest_that_grows_a_debt_is_kept_with_its_position(store: Store) -> None:
    await connect(store)
    story = await open_position(store)
    row = charge(1, BTC, "0.0001")
    entry = entry_for_charge(row, D("0.0001"), POSITION, BTC_USD, grows_debt=True)
    changed = replace(story, stop_price=D(1))

    await store.record_ledger_row(ACCOUNT, row, entry, stories_changed=[changed])

    (record,) = await store.open_positions(OWNER, ACCOUNT)
    assert record.story == changed
    assert record.interest() == {BTC: D("0.0001")}
    assert Posting(Account.BASIS, BTC, D("0.0001")) in record.entries[-1].postings


async def test_books_are_opened_once(store: Store) -> None:
    await connect(store)
    entry = entry_for_opening([(USD, D(100)), (BTC, D("-0.5"))], NOON)

    first = await store.record_opening(ACCOUNT, entry)
    again = await store.record_opening(ACCOUNT, entry_for_opening([(USD, D(7))], NOON))
    expected = await store.expected(ACCOUNT)

    assert (first, again) == (True, False)
    assert expected.opening == {USD: D(100), BTC: D("-0.5")}
    assert expected.cash == {USD: D(100), BTC: D("-0.5")}


async def test_books_without_an_opening_say_so(store: Store) -> None:
    await connect(store)
    await open_position(store)

    expected = await store.expected(ACCOUNT)

    assert expected.opening is None
    assert expected.cash == {USD: D("-18.3456")}


async def test_a_position_that_ended_lately_is_expected_for_its_late_charges(store: Store) -> None:
    await connect(store)
    story = await open_position(store)
    last = fill(2, side=story.exit_side, when=at(60))
    ended, entry = closed(story, last)
    await store.record_fill(ACCOUNT, last, entry, None, ended)

    expected = await store.expected(ACCOUNT)

    assert expected.closed == (ended,)
    assert expected.stories == ()


async def test_compared_balances_replace_the_former_and_are_the_residual(store: Store) -> None:
    await connect(store)
    await store.record_balances(ACCOUNT, [compared(BTC, "1", "1"), compared(Asset("DOGE"), "3", "3")])

    await store.record_balances(ACCOUNT, [compared(BTC, "2", "1.5"), compared(USD, "9", "9")])

    balances = await store.balances(OWNER, ACCOUNT)
    assert balances == [compared(BTC, "2", "1.5"), compared(USD, "9", "9")]
    residuals = {each.asset: each.difference for each in await store.residuals(OWNER, ACCOUNT)}
    assert residuals == {BTC: D("-0.5"), USD: ZERO}
    assert await store.balances(STRANGER, ACCOUNT) == []


async def test_no_balances_at_all_forget_the_former(store: Store) -> None:
    await connect(store)
    await store.record_balances(ACCOUNT, [compared(BTC, "1", "1")])

    await store.record_balances(ACCOUNT, [])

    assert await store.balances(OWNER, ACCOUNT) == []


async def test_the_facts_of_an_open_position_are_the_latest(store: Store) -> None:
    await connect(store)
    await open_position(store)
    facts = PositionFacts(POSITION, NOON, D(20), BTC, D("0.5"), D("0.0001"), D("70000.5"), is_modelled=True)

    await store.record_facts(ACCOUNT, [])
    await store.record_facts(ACCOUNT, [replace(facts, used_margin=None)])
    await store.record_facts(ACCOUNT, [facts])

    (record,) = await store.open_positions(OWNER, ACCOUNT)
    assert record.facts == facts


async def test_what_protects_a_position_is_its_stop(store: Store) -> None:
    await connect(store)
    await open_position(store)

    (record,) = await store.open_positions(OWNER, ACCOUNT)

    assert record.protection == ()  # the stop is on paper only
    stop = record.orders[-1]
    assert stop.request.role is OrderRole.STOP
    await store.record_order(ACCOUNT, replace(stop, status=stop.status.SENT))
    (record,) = await store.open_positions(OWNER, ACCOUNT)
    assert [order.client_order_id for order in record.protection] == [stop.client_order_id]


async def test_a_margin_reading_keeps_the_venues_levels(store: Store) -> None:
    await connect(store)
    reading = replace(
        margin(), call_level=D("0.6"), liquidation_level=D("0.3"), venue_level=D("1.42"), by_pair={BTC_USD: margin()}
    )

    await store.record_equity(ACCOUNT, reading)

    overview = await store.overview(OWNER, ACCOUNT)
    assert overview is not None
    assert overview.margin == replace(reading, by_pair={})


async def test_readings_of_an_older_program_have_the_levels_that_were_then_usual(store: Store) -> None:
    await connect(store)
    async with store._write() as connection:
        await connection.execute(
            text(
                "INSERT INTO equity"
                " (account_id, at, asset, equity, trade_balance, used_margin, free_margin, unrealised)"
                " SELECT account_id, connected_at, 'USD', equity, equity, equity, equity, equity FROM"
                " accounts, (SELECT CAST('5' AS NUMERIC) AS equity) AS five"
            )
        )

    overview = await store.overview(OWNER, ACCOUNT)

    assert overview is not None
    assert overview.margin is not None
    assert (overview.margin.call_level, overview.margin.liquidation_level) == (D("0.8"), D("0.4"))
