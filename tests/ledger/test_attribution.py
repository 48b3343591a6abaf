from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Side
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.domain.order import PositionId
from jarvis.ledger.attribution import DecidedFill, Waterfall, by_day, by_group, tax_lots, waterfall
from jarvis.ledger.book import Book
from jarvis.ledger.journal import Account
from tests.ledger.history import BTC, POSITION, START, STEP, Drawn, fill_of, histories, row_of


@given(histories(rollovers_after_fill=True), st.integers(1, 2_000_000))
def test_a_waterfall_sums_to_what_the_position_did_to_cash(drawn: Drawn, decided: int) -> None:
    book = drawn.book()
    fills = [DecidedFill(fill, Decimal(decided) / 10) for fill in drawn.fills]

    result = waterfall(POSITION, USD, book.entries, fills)

    # Rows that came before their fill could not be attributed yet; they are in the venue's balance all the same.
    attributed = [entry for entry in book.entries if entry.position_id == POSITION]
    moved = sum((entry.amount(a, USD) for entry in attributed for a in (Account.CASH, Account.CLEARING)), ZERO)
    assert result.total == moved == drawn.cash
    assert result.adjustment == ZERO


def closed_long(*, liquidated: bool = False) -> tuple[Book, list[DecidedFill]]:
    book = Book({BTC: STEP})
    entry = fill_of(1, Side.BUY, "2", "101", fee="0.5")
    leave = fill_of(2, Side.SELL, "2", "109", fee="0.6", is_liquidation=liquidated)
    book.add_fill(entry, POSITION)
    book.add_row(row_of("T00001", ZERO, "0.7"))
    book.add_row(row_of("T00001", ZERO, "0.03", LedgerKind.ROLLOVER))
    book.add_fill(leave, POSITION)
    book.add_row(row_of("T00002", "16", "0.6"))
    return book, [DecidedFill(entry, Decimal(100)), DecidedFill(leave, None if liquidated else Decimal(110))]


def test_each_cause_has_its_own_step() -> None:
    book, fills = closed_long()

    result = waterfall(POSITION, USD, book.entries, fills)

    assert result == Waterfall(
        POSITION,
        USD,
        price=Decimal(20),
        slippage=Decimal(-4),
        trading_fee=Decimal("-1.1"),
        opening_fee=Decimal("-0.2"),
        rollover=Decimal("-0.03"),
    )
    assert result.total == Decimal("14.67") == book.balance(Account.CASH, USD)


def test_a_liquidation_has_no_slippage_and_no_price_of_ours() -> None:
    book, fills = closed_long(liquidated=True)

    result = waterfall(POSITION, USD, book.entries, fills)

    assert (result.price, result.slippage, result.liquidation) == (ZERO, ZERO, Decimal(16))
    assert result.total == Decimal("14.67")


def test_while_partly_open_the_entrys_slippage_counts_by_its_closed_share() -> None:
    book = Book({BTC: STEP})
    entry = fill_of(1, Side.SELL, "4", "99")
    leave = fill_of(2, Side.BUY, "1", "90")
    book.add_fill(entry, POSITION)
    book.add_fill(leave, POSITION)

    result = waterfall(POSITION, USD, book.entries, [DecidedFill(entry, Decimal(100)), DecidedFill(leave, Decimal(90))])

    assert (result.price, result.slippage, result.total) == (Decimal(10), Decimal(-1), Decimal(9))


def test_positions_add_up_by_whatever_they_are_grouped_by() -> None:
    one = Waterfall(PositionId("a"), USD, price=Decimal(5), trading_fee=Decimal(-1))
    two = Waterfall(PositionId("b"), USD, price=Decimal(-2), liquidation=Decimal(-3))
    three = Waterfall(PositionId("c"), USD, price=Decimal(1), adjustment=Decimal("0.5"))
    strategy = {"a": "donchian", "b": "donchian", "c": "crossover"}

    sums = by_group([one, two, three], lambda result: strategy[result.position_id or ""])

    assert sums["donchian"] == Waterfall(None, USD, price=Decimal(3), trading_fee=Decimal(-1), liquidation=Decimal(-3))
    assert sums["crossover"].total == Decimal("1.5")


def test_waterfalls_of_two_assets_do_not_add() -> None:
    with pytest.raises(ValueError, match="USD and EUR do not add"):
        _ = Waterfall(None, USD) + Waterfall(None, Asset("EUR"))


def test_days_sum_to_the_position_and_leave_out_transfers() -> None:
    book, fills = closed_long()
    book.add_row(row_of("deposit", "1000", kind=LedgerKind.DEPOSIT))

    days = by_day(book.entries, USD)

    assert list(days) == [date(2025, 1, 1)]
    assert days[START.date()].total == waterfall(POSITION, USD, book.entries, fills).total


@given(histories())
def test_tax_lots_tell_all_profit_and_all_closed_quantity(drawn: Drawn) -> None:
    book = drawn.book()

    lots = tax_lots(drawn.fills, STEP)

    assert sum((lot.pnl for lot in lots), ZERO) == -book.balance(Account.PRICE, USD)
    bought = sum((fill.quantity for fill in drawn.fills if fill.side is Side.BUY), ZERO)
    sold = sum((fill.quantity for fill in drawn.fills if fill.side is Side.SELL), ZERO)
    assert sum((lot.quantity for lot in lots), ZERO) == min(bought, sold)
    assert all(lot.opened_at < lot.closed_at and lot.quantity > 0 for lot in lots)


def test_a_tax_lot_is_closed_oldest_first_and_in_parts() -> None:
    fills = [
        fill_of(1, Side.BUY, "1", "100"),
        fill_of(2, Side.BUY, "1", "200"),
        fill_of(3, Side.SELL, "1.5", "300"),
    ]

    lots = tax_lots(fills, STEP)

    assert [(lot.opened_by, lot.closed_by, lot.quantity, lot.pnl) for lot in lots] == [
        ("T00001", "T00003", Decimal(1), Decimal(200)),
        ("T00002", "T00003", Decimal("0.5"), Decimal(50)),
    ]
