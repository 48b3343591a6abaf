"""The book's checksum against the published sample, and differences that rebuild the book."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from jarvis.emulators.kraken.book import Level, changes, checksum

ASKS = """45285.2 0.00100000,45286.4 1.54571953,45286.6 1.54571109,45289.6 1.54560911,45290.2 0.15890660,
45291.8 1.54553491,45294.7 0.04454749,45296.1 0.35380000,45297.5 0.09945542,45299.5 0.18772827"""
BIDS = """45283.5 0.10000000,45283.4 1.54582015,45282.1 0.10000000,45281.0 0.10000000,45280.3 1.54592586,
45279.0 0.07990000,45277.6 0.03310103,45277.5 0.30000000,45277.3 1.54602737,45276.6 0.15445238"""


def read(text: str) -> list[Level]:
    return [(Decimal(price), Decimal(quantity)) for price, quantity in (row.split() for row in text.split(","))]


def test_the_published_book_has_the_published_checksum() -> None:
    assert checksum(read(ASKS), read(BIDS), 1, 8) == 3310070434


def test_only_the_best_ten_levels_count() -> None:
    deeper = [*read(ASKS), (Decimal("45300.0"), Decimal(1))]

    assert checksum(deeper, read(BIDS), 1, 8) == 3310070434


def test_lost_trailing_zeros_are_written_again() -> None:
    shortened = [(price.normalize(), quantity.normalize()) for price, quantity in read(ASKS)]

    assert checksum(shortened, read(BIDS), 1, 8) == 3310070434


SIDES = st.dictionaries(st.integers(1, 30).map(Decimal), st.integers(1, 9).map(Decimal), max_size=12).map(
    lambda side: sorted(side.items())
)


@given(before=SIDES, after=SIDES)
def test_changes_turn_the_old_side_into_the_new_one(before: list[Level], after: list[Level]) -> None:
    book = dict(before)

    for price, quantity in changes(before, after):
        if quantity == 0:
            del book[price]
        else:
            book[price] = quantity

    assert sorted(book.items()) == after
