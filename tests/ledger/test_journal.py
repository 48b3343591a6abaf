from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Side
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.domain.position import NOTHING_REALISED, Realised
from jarvis.ledger.book import Book
from jarvis.ledger.journal import (
    Account,
    Entry,
    EntryKind,
    Posting,
    UnbalancedError,
    entry_for_fill,
    entry_for_foreign_fill,
    entry_for_row,
    totals,
)
from tests.ledger.history import BTC, POSITION, START, STEP, Drawn, fill_of, histories, row_of


def sums(book: Book) -> dict[str, Decimal]:
    return {
        account.value: amount for (account, asset), amount in totals(book.entries).items() if asset == USD and amount
    }


@given(histories())
def test_any_trading_balances_and_cash_equals_the_venues_balance(drawn: Drawn) -> None:
    book = drawn.book()

    per_asset: dict[Asset, Decimal] = {}
    for (_, asset), amount in totals(book.entries).items():
        per_asset[asset] = per_asset.get(asset, ZERO) + amount
    assert set(per_asset.values()) <= {ZERO}
    assert book.balance(Account.CASH, USD) == drawn.cash


@given(histories())
def test_clearing_is_zero_once_all_rows_have_come_in_any_order(drawn: Drawn) -> None:
    book = drawn.book()

    assert book.balance(Account.CLEARING, USD) == ZERO
    for fill in drawn.fills:
        own = [entry for entry in book.entries if entry.ref_id == fill.fill_id]
        assert totals(own).get((Account.CLEARING, USD), ZERO) == ZERO


@given(histories())
def test_the_opening_fee_is_found_exactly_for_every_fill(drawn: Drawn) -> None:
    book = drawn.book()

    for fill_id, opening_fee in drawn.opening_fees.items():
        own = [entry for entry in book.entries if entry.ref_id == fill_id]
        assert totals(own).get((Account.OPENING_FEE, USD), ZERO) == opening_fee


@given(histories(ends_flat=True))
def test_at_flat_the_profit_of_the_lots_is_the_cash_that_was_exchanged(drawn: Drawn) -> None:
    book = drawn.book()

    assert book.position(BTC).is_flat
    exchanged = sum((-fill.cost * fill.side.sign for fill in drawn.fills), ZERO)
    assert -book.balance(Account.PRICE, USD) == exchanged
    paid = sum((fill.fee for fill in drawn.fills), ZERO) + sum(drawn.opening_fees.values(), ZERO) + drawn.rollover
    assert book.balance(Account.CASH, USD) == exchanged - paid
    assert book.balance(Account.EXPOSURE, BTC.base) == ZERO


@given(histories())
def test_exposure_is_the_position_that_the_fills_add_up_to(drawn: Drawn) -> None:
    book = drawn.book()

    assert book.balance(Account.EXPOSURE, BTC.base) == sum((fill.signed_quantity for fill in drawn.fills), ZERO)
    assert book.balance(Account.EXPOSURE, BTC.base) == book.position(BTC).quantity


def test_an_unbalanced_entry_cannot_exist() -> None:
    with pytest.raises(UnbalancedError, match=r"fill T1 does not sum to zero: 0\.01 USD left"):
        Entry(
            EntryKind.FILL,
            START,
            "T1",
            None,
            None,
            (Posting(Account.CASH, USD, Decimal("1.01")), Posting(Account.CLEARING, USD, Decimal(-1))),
        )


def test_one_asset_cannot_balance_another() -> None:
    with pytest.raises(UnbalancedError, match="-1 BTC, 1 USD left"):
        Entry(
            EntryKind.FILL,
            START,
            "T1",
            None,
            None,
            (Posting(Account.CASH, USD, Decimal(1)), Posting(Account.CASH, BTC.base, Decimal(-1))),
        )


def test_an_amount_that_is_no_number_cannot_be_posted() -> None:
    with pytest.raises(UnbalancedError, match="not a finite number"):
        Entry(EntryKind.FILL, START, "T1", None, None, (Posting(Account.CASH, USD, Decimal("NaN")),))


def test_an_opening_fill_books_exposure_and_the_fee() -> None:
    fill = fill_of(1, Side.BUY, "0.5", "100", fee="0.2")

    entry = entry_for_fill(fill, NOTHING_REALISED, POSITION)

    assert entry.postings == (
        Posting(Account.EXPOSURE, BTC.base, Decimal("0.5")),
        Posting(Account.CONTRA, BTC.base, Decimal("-0.5")),
        Posting(Account.CLEARING, USD, Decimal("-0.2")),
        Posting(Account.TRADING_FEE, USD, Decimal("0.2")),
    )
    assert (entry.ref_id, entry.position_id, entry.pair, entry.at) == (fill.fill_id, POSITION, BTC, fill.at)


def test_a_liquidations_result_is_kept_apart() -> None:
    fill = fill_of(1, Side.SELL, "0.5", "100", is_liquidation=True)

    entry = entry_for_fill(fill, Realised(Decimal("0.5"), Decimal(-7)), POSITION)

    assert entry.amount(Account.LIQUIDATION, USD) == Decimal(7)
    assert entry.amount(Account.PRICE, USD) == ZERO


def test_a_fee_in_another_asset_clears_in_that_asset() -> None:
    fee_asset = Asset("KFEE")
    book = Book({BTC: STEP})
    book.add_fill(replace(fill_of(1, Side.BUY, "1", "100", fee="3"), fee_asset=fee_asset), POSITION)

    book.add_row(row_of("T00001", ZERO, "4", asset=fee_asset))

    assert book.balance(Account.CLEARING, fee_asset) == ZERO
    assert book.balance(Account.TRADING_FEE, fee_asset) == Decimal(3)
    assert book.balance(Account.OPENING_FEE, fee_asset) == Decimal(1)


def test_a_fee_booked_too_high_after_the_first_row_is_corrected_by_the_second() -> None:
    book = Book({BTC: STEP})
    book.add_fill(fill_of(1, Side.BUY, "1", "100", fee="0.4"), POSITION)
    book.add_row(row_of("T00001", ZERO, "0.6"))
    book.add_fill(fill_of(2, Side.SELL, "1", "110", fee="0.4"), POSITION)

    book.add_row(row_of("T00002", ZERO, "0.4", number=1))
    early = book.balance(Account.OPENING_FEE, USD)
    book.add_row(row_of("T00002", "10", number=2))

    assert early == Decimal("10.2")
    assert sums(book) == {
        "cash": Decimal("9.0"),
        "income:price": Decimal(-10),
        "expense:trading_fee": Decimal("0.8"),
        "expense:opening_fee": Decimal("0.2"),
    }


def test_a_row_that_moves_nothing_still_counts_as_seen() -> None:
    book = Book({BTC: STEP})
    book.add_fill(fill_of(1, Side.BUY, "1", "100"), POSITION)
    book.add_row(row_of("T00001", ZERO, "0.1"))
    book.add_fill(fill_of(2, Side.SELL, "1", "110"), POSITION)

    book.add_row(row_of("T00002", ZERO, number=1))
    book.add_row(row_of("T00002", "10", number=2))

    assert book.balance(Account.OPENING_FEE, USD) == Decimal("0.1")
    assert book.balance(Account.CLEARING, USD) == ZERO


def test_a_row_whose_fill_is_not_known_waits_in_clearing() -> None:
    entry = entry_for_row(row_of("T00009", "5", "1"), None)

    assert entry.postings == (
        Posting(Account.CASH, USD, Decimal(4)),
        Posting(Account.CLEARING, USD, Decimal(-4)),
    )


@pytest.mark.parametrize(
    ("kind", "against", "entry_kind"),
    [
        (LedgerKind.ROLLOVER, Account.ROLLOVER, EntryKind.ROLLOVER),
        (LedgerKind.INTEREST, Account.INTEREST, EntryKind.INTEREST),
        (LedgerKind.LIQUIDATION_FEE, Account.LIQUIDATION_FEE, EntryKind.LIQUIDATION_FEE),
        (LedgerKind.DEPOSIT, Account.TRANSFERS, EntryKind.TRANSFER),
        (LedgerKind.WITHDRAWAL, Account.TRANSFERS, EntryKind.TRANSFER),
        (LedgerKind.TRANSFER, Account.TRANSFERS, EntryKind.TRANSFER),
        (LedgerKind.ADJUSTMENT, Account.ADJUSTMENT, EntryKind.ADJUSTMENT),
        (LedgerKind.REWARD, Account.REWARD, EntryKind.REWARD),
        (LedgerKind.CREDIT, Account.REWARD, EntryKind.REWARD),
        (LedgerKind.CONVERSION, Account.FOREIGN, EntryKind.FOREIGN),
        (LedgerKind.TRADE, Account.FOREIGN, EntryKind.FOREIGN),
        (LedgerKind.SETTLED, Account.FOREIGN, EntryKind.FOREIGN),
    ],
)
def test_each_kind_of_row_has_its_account(kind: LedgerKind, against: Account, entry_kind: EntryKind) -> None:
    entry = entry_for_row(row_of("X", "3", "1", kind), None)

    assert entry.kind is entry_kind
    assert entry.amount(Account.CASH, USD) == Decimal(2)
    assert entry.amount(against, USD) == Decimal(-2)


def test_every_kind_of_row_that_a_venue_can_send_is_known() -> None:
    for kind in LedgerKind:
        assert entry_for_row(row_of("X", "1", kind=kind), None).kind in EntryKind


def test_a_rollover_belongs_to_the_position_of_its_lot() -> None:
    book = Book({BTC: STEP})
    book.add_fill(fill_of(1, Side.BUY, "1", "100"), POSITION)

    (entry,) = book.add_row(row_of("T00001", ZERO, "0.02", LedgerKind.ROLLOVER))

    assert (entry.position_id, entry.pair) == (POSITION, BTC)
    assert book.balance(Account.ROLLOVER, USD) == Decimal("0.02")


def test_a_repeated_fill_is_refused() -> None:
    book = Book({BTC: STEP})
    book.add_fill(fill_of(1, Side.BUY, "1", "100"), POSITION)

    with pytest.raises(ValueError, match="booked already"):
        book.add_fill(fill_of(1, Side.BUY, "1", "100"), POSITION)


def test_a_plain_spot_fill_is_refused() -> None:
    with pytest.raises(ValueError, match="plain spot trade"):
        entry_for_fill(replace(fill_of(1, Side.BUY, "1", "100"), is_margin=False), NOTHING_REALISED, None)


def test_what_the_rows_have_not_shown_yet_waits_in_clearing() -> None:
    book = Book({BTC: STEP})
    book.add_fill(fill_of(1, Side.BUY, "1", "100", fee="0.4"), POSITION)

    book.add_row(row_of("T00001", ZERO, number=1))

    assert book.balance(Account.CLEARING, USD) == Decimal("-0.4")
    assert book.balance(Account.OPENING_FEE, USD) == ZERO


def test_fees_that_eat_the_whole_profit_are_still_fees() -> None:
    book = Book({BTC: STEP})
    book.add_fill(fill_of(1, Side.BUY, "1", "100"), POSITION)
    book.add_fill(fill_of(2, Side.SELL, "2", "110", fee="7"), POSITION)

    book.add_row(row_of("T00002", "10", "10"))

    assert book.balance(Account.OPENING_FEE, USD) == Decimal(3)
    assert book.balance(Account.CLEARING, USD) == ZERO


def test_an_opening_fee_in_quote_is_found_when_the_trading_fee_is_in_another_asset() -> None:
    fee_asset = Asset("KFEE")
    book = Book({BTC: STEP})
    book.add_fill(replace(fill_of(1, Side.BUY, "1", "100", fee="3"), fee_asset=fee_asset), POSITION)

    book.add_row(row_of("T00001", ZERO, "3", asset=fee_asset))
    book.add_row(row_of("T00001", ZERO, "0.02", number=2))

    assert book.balance(Account.OPENING_FEE, USD) == Decimal("0.02")
    assert book.balance(Account.OPENING_FEE, fee_asset) == ZERO


def test_the_rows_of_a_foreign_fill_leave_clearing_for_the_owners_equity() -> None:
    fill = fill_of(1, Side.BUY, "1", "100")
    row = row_of(fill.fill_id, "0", "0.30")

    early = entry_for_row(row, None)
    settled = entry_for_foreign_fill(fill, USD, row.change)

    sums = totals([early, settled])
    assert (sums[Account.CLEARING, USD], sums[Account.FOREIGN, USD], sums[Account.CASH, USD]) == (
        ZERO,
        Decimal("0.30"),
        Decimal("-0.30"),
    )
