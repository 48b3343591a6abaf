from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import pytest

from jarvis.domain.account import LedgerKind, LedgerRow
from jarvis.domain.instrument import Side
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.domain.order import OrderRole, PositionId
from jarvis.ledger.journal import Account, entry_for_row, totals
from jarvis.ledger.performance import EquityPoint
from jarvis.store.db import Store
from jarvis.store.records import Residual
from tests.store.samples import (
    ACCOUNT,
    BTC_USD,
    OTHER,
    OWNER,
    STRANGER,
    at,
    closed,
    connect,
    deposit,
    fill,
    margin,
    open_position,
    opened,
    opening_entry,
    order,
    row,
)


async def trade(store: Store) -> None:
    """A deposit, a position opened, charged for rollover and stopped out, all shown by the venue's ledger."""
    await store.record_ledger_row(ACCOUNT, *deposit(100, "10000", "10000", at(-60)))
    story = await open_position(store)
    rollover = row(2, kind=LedgerKind.ROLLOVER, fee="1.5", balance="9980.1544", when=at(30))
    await store.record_ledger_row(ACCOUNT, rollover, entry_for_row(rollover, fill(), position_id=story.position_id))
    last = fill(2, side=Side.SELL, price="58400.3", fee="11.68", order_number=2, when=at(60))
    ended, entry = closed(story, last)
    await store.record_fill(ACCOUNT, last, entry, None, ended)
    shown = row(3, ref=last.fill_id, amount="-799.85", fee="11.68", balance="9168.6244", when=at(61))
    await store.record_ledger_row(
        ACCOUNT, shown, entry_for_row(shown, last, story.booked(last)[1], position_id=story.position_id)
    )


async def test_the_waterfall_of_a_position_sums_to_what_it_did_to_cash(store: Store) -> None:
    await connect(store)
    await trade(store)

    (position,) = await store.closed_positions(OWNER, ACCOUNT)
    result = position.waterfall()

    assert result.total == Decimal("9168.6244") - 10000
    assert (result.trading_fee, result.opening_fee, result.rollover) == (
        Decimal("-24.0256"),
        Decimal("-6.0000"),
        Decimal("-1.5"),
    )
    # Bought at 60000 what was decided at 60000.1, sold at 58400.3 what was decided at 60000.1.
    assert result.slippage == Decimal("0.05") - Decimal("799.90")
    assert result.price == ZERO


async def test_the_journal_is_paged_with_running_cash(store: Store) -> None:
    await connect(store)
    await trade(store)

    whole = await store.journal(OWNER, ACCOUNT)
    first = await store.journal(OWNER, ACCOUNT, limit=2)
    rest = await store.journal(OWNER, ACCOUNT, before=first[-1].entry_id)

    assert [*first, *rest] == whole
    assert [line.balances.get(USD) for line in reversed(whole)] == [
        Decimal(10000), None, Decimal("9981.6544"), Decimal("9980.1544"), None, Decimal("9168.6244"),
    ]  # fmt: skip
    assert [line.entry for line in reversed(whole)] == await store.entries(OWNER, ACCOUNT)


async def test_totals_are_those_of_the_journal(store: Store) -> None:
    await connect(store)
    await trade(store)

    found = await store.totals(OWNER, ACCOUNT)

    assert found == totals(await store.entries(OWNER, ACCOUNT))
    assert found[Account.TRADING_FEE, USD] == Decimal("24.0256")
    assert found[Account.OPENING_FEE, USD] == Decimal(6)
    assert found[Account.PRICE, USD] == Decimal("799.85")
    assert found[Account.ROLLOVER, USD] == Decimal("1.5")
    assert sum(amount for (_, asset), amount in found.items() if asset == USD) == 0


async def test_the_residual_is_zero_when_every_row_is_booked(store: Store) -> None:
    await connect(store)
    await trade(store)

    (residual,) = await store.residuals(OWNER, ACCOUNT)

    assert residual == Residual(USD, Decimal("9168.6244"), Decimal("9168.6244"), ZERO)
    assert residual.difference == 0


async def test_a_missing_row_shows_as_a_difference_and_an_unshown_fill_as_clearing(store: Store) -> None:
    await connect(store)
    await trade(store)
    late, entry = deposit(200, "1", "9269.6244", at(120))  # the venue's balance rose by 100 in between
    await store.record_ledger_row(ACCOUNT, late, entry)
    unseen = fill(5, when=at(130), order_number=5)
    await store.record_fill(
        ACCOUNT, unseen, opening_entry(unseen), None, replace(opened(unseen), position_id=PositionId("p5"))
    )

    (residual,) = await store.residuals(OWNER, ACCOUNT)

    assert residual.difference == Decimal(-100)
    assert residual.clearing == -unseen.fee


@pytest.mark.parametrize("arrival", list(permutations(range(3))))
async def test_rows_of_one_instant_are_ordered_by_their_balances(sqlite_store: Store, arrival: tuple[int, ...]) -> None:
    await connect(sqlite_store)
    rows: list[LedgerRow] = [
        deposit(number, amount, balance, at(0))[0]
        for number, amount, balance in ((1, "7", "107"), (2, "-2.5", "104.5"), (3, "1", "105.5"))
    ]
    for number in arrival:
        await sqlite_store.record_ledger_row(ACCOUNT, rows[number], entry_for_row(rows[number], None))

    (residual,) = await sqlite_store.residuals(OWNER, ACCOUNT)

    assert residual.at_venue == residual.cash == Decimal("5.5")


async def test_two_assets_never_mix(store: Store) -> None:
    await connect(store)
    await trade(store)
    coin = replace(deposit(300, "2", "2", at(90))[0], asset=Asset("BTC"))
    await store.record_ledger_row(ACCOUNT, coin, entry_for_row(coin, None))

    residuals = await store.residuals(OWNER, ACCOUNT)

    assert [(one.asset, one.cash) for one in residuals] == [("BTC", Decimal(2)), ("USD", Decimal("9168.6244"))]


async def test_the_equity_curve_carries_what_was_paid_in(store: Store) -> None:
    await connect(store)
    await store.record_ledger_row(ACCOUNT, *deposit(1, "10000", "10000", at(-1)))
    for second, amount in ((0, "10000"), (60, "10001.5"), (120, "10501.5"), (180, "10401")):
        await store.record_equity(ACCOUNT, margin(at(second), amount))
    await store.record_ledger_row(ACCOUNT, *deposit(2, "500", "10500", at(100)))
    await store.record_ledger_row(ACCOUNT, *deposit(3, "-100", "10400", at(180)))

    curve = await store.equity(OWNER, ACCOUNT)

    assert curve == [
        EquityPoint(at(0), Decimal(10000)),
        EquityPoint(at(60), Decimal("10001.5")),
        EquityPoint(at(120), Decimal("10501.5"), Decimal(500)),
        EquityPoint(at(180), Decimal(10401), Decimal(-100)),
    ]
    assert await store.equity(OWNER, ACCOUNT, since=at(180)) == [EquityPoint(at(180), Decimal(10401))]


async def test_orders_are_found_open_and_latest_first(store: Store) -> None:
    await connect(store)
    await trade(store)

    stop = order(2, role=OrderRole.STOP, side=Side.SELL, created_at=at(1))
    assert await store.open_orders(OWNER, ACCOUNT) == [stop]
    assert [one.client_order_id for one in await store.recent_orders(OWNER, ACCOUNT)] == ["jx0000002", "jx0000001"]
    assert len(await store.recent_orders(OWNER, ACCOUNT, limit=1)) == 1


async def test_fills_and_rows_are_found_by_time(store: Store) -> None:
    await connect(store)
    await trade(store)

    assert [one.fill_id[-1] for one in await store.fills(OWNER, ACCOUNT)] == ["1", "2"]
    assert [one.fill_id[-1] for one in await store.fills(OWNER, ACCOUNT, since=at(1))] == ["2"]
    assert [one.fill_id[-1] for one in await store.fills(OWNER, ACCOUNT, limit=1)] == ["2"]
    assert len(await store.ledger_rows(OWNER, ACCOUNT)) == 4
    assert [one.amount for one in await store.ledger_rows(OWNER, ACCOUNT, since=at(61))] == [Decimal("-799.85")]


async def test_closed_positions_are_paged_latest_first(store: Store) -> None:
    await connect(store)
    for number in range(1, 4):
        story = replace(opened(fill(number)), position_id=PositionId(f"p{number}"), closed_at=at(number))
        await store.record_story(ACCOUNT, story)

    page = await store.closed_positions(OWNER, ACCOUNT, limit=2)
    rest = await store.closed_positions(OWNER, ACCOUNT, before=page[-1].story.closed_at)

    assert [record.story.position_id for record in [*page, *rest]] == ["p3", "p2", "p1"]


async def test_activity_is_paged_latest_first_over_all_of_ones_accounts(store: Store) -> None:
    await connect(store)
    await connect(store, OTHER, OWNER)
    for number, account in enumerate((ACCOUNT, OTHER, ACCOUNT)):
        await store.record_activity(account, "note", "info", f"line {number}", at=at(number), pair=BTC_USD)

    page = await store.activities(OWNER, limit=2)
    rest = await store.activities(OWNER, before=page[-1].activity_id)

    assert [line.message for line in [*page, *rest]] == ["line 2", "line 1", "line 0"]
    assert [line.message for line in await store.activities(OWNER, OTHER)] == ["line 1"]
    assert (page[0].pair, page[0].at, page[0].severity) == (BTC_USD, at(2), "info")


async def test_a_stranger_gets_no_answer_to_any_question(store: Store) -> None:
    await connect(store)
    await connect(store, OTHER, STRANGER)
    await trade(store)
    await store.record_equity(ACCOUNT, margin())
    await store.record_activity(ACCOUNT, "note", "info", "mine", at=at(0))

    assert await store.overview(STRANGER, ACCOUNT) is None
    assert await store.position(STRANGER, ACCOUNT, PositionId("p1")) is None
    assert await store.order(STRANGER, ACCOUNT, order().client_order_id) is None
    for question in (
        store.equity,
        store.open_positions,
        store.closed_positions,
        store.open_orders,
        store.recent_orders,
        store.fills,
        store.ledger_rows,
        store.entries,
        store.journal,
        store.residuals,
        store.activities,
    ):
        assert await question(STRANGER, ACCOUNT) == []
        assert await question(OWNER, OTHER) == []
    assert await store.totals(STRANGER, ACCOUNT) == {}


async def test_a_question_about_open_positions_brings_their_stops(store: Store) -> None:
    await connect(store)
    await open_position(store)

    (position,) = await store.open_positions(OWNER, ACCOUNT)

    assert [one.request.role for one in position.orders] == [OrderRole.ENTRY, OrderRole.STOP]
    assert position.orders[1].request.trigger_price == Decimal("58000.5")
