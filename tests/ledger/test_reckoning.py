"""A reckoning that goes on is the report of the whole books, to the last digit, in whatever pieces they come."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Side
from jarvis.domain.traits import Settlement
from jarvis.ledger.book import Book
from jarvis.ledger.reckoning import Interleaving, OutOfTurnError, Reckoning
from jarvis.ledger.tax import Books, Disposal, Line, Method, Pool, by_time, report, year_of
from tests.ledger import wallets
from tests.ledger.test_tax import METHODS, ONE, books_of, moved, of_wallet
from tests.ledger.wallets import BTC, STEP, fill_of

YEARS = (None, 2025, 2026, 2027, 2028)
BEFORE_NEW_YEAR = timedelta(days=364, hours=23, minutes=50)


def pages_of(books: Books, size: int) -> list[Books]:
    return [replace(books, entries=books.entries[at : at + size]) for at in range(0, len(books.entries), size)]


def reckoned(
    books: Sequence[Books], sizes: Sequence[int], method: Method, pool: Pool, until: int | None = None
) -> tuple[Reckoning, list[Disposal], list[Line]]:
    """Each of the books read in pages of its own size; all rows."""
    made, order = Reckoning(method, pool, until), Interleaving(len(books))
    disposals: list[Disposal] = []
    lines: list[Line] = []
    pages = [pages_of(each, size) for each, size in zip(books, sizes, strict=True)]
    ended: set[int] = set()
    while len(ended) < len(books):
        number = order.waits_for(ended)
        assert number is not None
        if pages[number]:
            order.add(number, pages[number].pop(0))
        else:
            ended.add(number)
        more = made.take(order.take(ended))
        disposals += more[0]
        lines += more[1]
    return made, disposals, lines


def told_late(books: Books, number: int) -> Books:
    """The same, but of one of its positions the venue told after everything else."""
    ids = sorted({each.position_id for each in books.entries if each.position_id is not None})
    late = ids[number % len(ids)] if ids else None
    return replace(books, entries=sorted(books.entries, key=lambda each: each.position_id == late))


@given(
    wallets.histories(),
    wallets.histories(),
    st.integers(-3, 3),
    st.integers(0, 3),
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
    st.sampled_from(METHODS),
)
def test_every_year_is_what_a_report_of_the_whole_books_says(
    one: wallets.Drawn, two: wallets.Drawn, later: int, late: int, sizes: tuple[int, int], chosen: tuple[Method, Pool]
) -> None:
    books = [
        told_late(moved(of_wallet(one), BEFORE_NEW_YEAR), late),
        moved(of_wallet(two, "account-2"), BEFORE_NEW_YEAR + timedelta(minutes=later)),
    ]

    made = reckoned(books, sizes, *chosen)

    for year in YEARS:
        own, disposals, lines = made if made[0].knows(year) else reckoned(books, sizes, *chosen, until=year)
        fresh = report(books, *chosen, year)
        assert own.knows(year)
        assert [each for each in disposals if year in (None, year_of(each.closed_at))] == list(fresh.disposals)
        assert [each for each in lines if year in (None, year_of(each.at))] == list(fresh.lines)
        assert {each.asset: each.total for each in own.sums(year)} == fresh.total()
        assert own.counts(year) == (len(fresh.disposals), len(fresh.lines))


@given(wallets.histories(), st.integers(0, 40), st.sampled_from(METHODS))
def test_what_is_new_adds_to_what_was_kept(drawn: wallets.Drawn, split: int, chosen: tuple[Method, Pool]) -> None:
    books = of_wallet(drawn)
    order, made = Interleaving(1), Reckoning(*chosen)
    whole = report([books], *chosen)

    for piece in (books.entries[:split], books.entries[split:]):
        order.add(0, replace(books, entries=piece))
        made.take(order.take({0}))
        made.sums()

    assert {each.asset: each.total for each in made.sums()} == whole.total()
    assert made.counts() == (len(whole.disposals), len(whole.lines))


@given(wallets.histories(), wallets.histories(), st.tuples(st.integers(1, 7), st.integers(1, 7)))
def test_pages_come_in_the_order_of_the_whole(one: wallets.Drawn, two: wallets.Drawn, sizes: tuple[int, int]) -> None:
    books = [of_wallet(one), of_wallet(two, "account-2")]
    order, taken = Interleaving(2), []
    pages = [pages_of(each, size) for each, size in zip(books, sizes, strict=True)]
    ended: set[int] = set()
    while (number := order.waits_for(ended)) is not None:
        if pages[number]:
            order.add(number, pages[number].pop(0))
        else:
            ended.add(number)
        taken += order.take(ended)

    assert [(each.account_id, entry) for each, entry in taken] == [
        (each.account_id, entry) for each, entry in by_time(books)
    ]


def test_what_belongs_before_something_taken_is_refused() -> None:
    book = Book({BTC: STEP}, Settlement.WALLET)
    fills = [fill_of(number, Side.BUY, "1", "100", fee="0") for number in (10, 20)]
    for fill in fills:
        book.add_fill(fill, ONE)
    late, early = (books_of([entry], fills) for entry in reversed(book.entries))
    order = Interleaving(2)
    order.add(0, late)
    assert len(order.take({0, 1})) == 1

    with pytest.raises(OutOfTurnError):
        order.add(1, early)
