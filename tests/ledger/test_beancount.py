"""The export for Beancount, read back by Beancount itself: no error, our balances, our lots."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from jarvis.domain.instrument import Side
from jarvis.domain.money import Asset
from jarvis.domain.traits import Settlement
from jarvis.ledger.beancount import account_name, commodity, lines_of, lots_name
from jarvis.ledger.book import Book
from jarvis.ledger.journal import Account, totals
from jarvis.ledger.tax import Books, Method, Pool, report
from tests.ledger import history, wallets
from tests.ledger.test_tax import books_of, closed_whole, of_wallet
from tests.ledger.wallets import BTC, STEP, USDT, D, fill_of

loader = pytest.importorskip("beancount.loader")
FEW = settings(max_examples=40)


def loaded(all_books: list[Books]) -> tuple[list[Any], dict[str, Any]]:
    """The transactions and what every account holds, by Beancount's own reading; fails on any error."""
    from beancount.core.data import Transaction
    from beancount.core.inventory import Inventory

    text = "\n".join(lines_of(all_books)) + "\n"
    entries, errors, _ = loader.load_string(text)
    assert not errors, (errors[:3], text)
    held: dict[str, Any] = defaultdict(Inventory)
    transactions = [each for each in entries if isinstance(each, Transaction)]
    for transaction in transactions:
        for posting in transaction.postings:
            held[posting.account].add_position(posting)
    return transactions, held


def assert_same(books: Books) -> None:
    _, held = loaded([books])

    for (account, asset), amount in totals(books.entries).items():
        if account not in (Account.EXPOSURE, Account.CONTRA):
            units = held[account_name(account, books, asset)].get_currency_units(commodity(asset)).number
            assert units == amount, (account, asset)
    made = report([books], Method.FIFO, Pool.POSITION)
    for base in {fill.pair.base for fill in books.fills.values()}:
        there = [position for side in Side for position in held[lots_name(books, side, base)]]
        lots = {(position.cost.label, position.units.number): position for position in there}
        ours = [lot for lot in made.open_lots if lot.pair.base == base]
        assert set(lots) == {(lot.opened_by, lot.quantity * lot.side.sign) for lot in ours}
        for lot in ours:
            theirs = lots[lot.opened_by, lot.quantity * lot.side.sign]
            assert theirs.cost.date == lot.opened_at.date()
            # A part takes its share of the cost to the venue's step here, without end there.
            parts = sum(1 for each in made.disposals if each.opened_by == lot.opened_by)
            assert abs(theirs.units.number * theirs.cost.number * lot.side.sign - lot.cost) <= (parts + 1) * D("0.0001")


@FEW
@given(wallets.histories())
def test_a_wallets_journal_is_the_same_there(drawn: wallets.Drawn) -> None:
    assert_same(of_wallet(drawn))


@FEW
@given(history.histories(rollovers_after_fill=True))
def test_a_margin_journal_is_the_same_there(drawn: history.Drawn) -> None:
    assert_same(books_of(drawn.book().entries, drawn.fills, history.STEP))


@settings(max_examples=15)
@given(wallets.histories())
def test_what_is_flat_leaves_no_lot(drawn: wallets.Drawn) -> None:
    books = closed_whole(drawn)
    _, held = loaded([books])

    for base in {fill.pair.base for fill in books.fills.values()}:
        for side in Side:
            assert held[lots_name(books, side, base)].is_empty()


def test_two_accounts_stand_beside_each_other_and_names_cannot_break_the_file() -> None:
    book = Book({BTC: STEP}, Settlement.WALLET)
    fill = fill_of(1, Side.BUY, "1", "100", fee="0.1", fee_asset=USDT)
    from jarvis.domain.order import PositionId

    book.add_fill(fill, PositionId('p"1\n\\'))
    first = books_of(book.entries, [fill])
    second = Books(
        first.account_id, first.venue, 'ev"il\n2026-01-01 open X', first.entries, first.fills, first.cost_steps
    )

    transactions, held = loaded([first, second])

    assert len(transactions) == 4
    assert held["Assets:Binance-1:USDT"].get_currency_units("USDT").number == Decimal("-100.1")
    assert held["Assets:Ev-il-2026-01-01-open-X:BTC"].get_currency_units("BTC").number == 1


def test_the_last_cash_of_a_month_is_asserted_on_the_first_of_the_next() -> None:
    book = Book({BTC: STEP}, Settlement.WALLET)
    fill = fill_of(1, Side.BUY, "1", "100", fee="0.1", fee_asset=USDT)
    from jarvis.domain.order import PositionId

    book.add_fill(fill, PositionId("p1"))
    lines = list(lines_of([books_of(book.entries, [fill])]))

    assert "2026-02-01 balance Assets:Binance-1:USDT  -100.1 ~ 0 USDT" in lines
    assert "2026-01-01 price BTC 100 USDT" in lines
    assert list(lines_of([books_of(book.entries, [fill])], until_year=2025))[:1] == lines[:1]
    wrong = "\n".join(lines).replace("-100.1 ~ 0", "-100.10000001 ~ 0")
    _, errors, _ = loader.load_string(wrong)
    assert len(errors) == 1


def test_assets_have_names_that_the_file_takes() -> None:
    assert [commodity(Asset(name)) for name in ("BTC", "1INCH", "T", "USD.F")] == ["BTC", "X-1INCH", "X-T", "USD-F"]
