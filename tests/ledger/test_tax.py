"""A tax report sums to the journal whatever the method, and the methods differ in nothing but order."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import AccountId, VenueName
from jarvis.domain.csvfile import write_rows
from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import Fill, FillId, PositionId
from jarvis.domain.position import NOTHING_REALISED, Position
from jarvis.domain.traits import Settlement
from jarvis.ledger.attribution import tax_lots
from jarvis.ledger.book import Book
from jarvis.ledger.journal import Entry, entry_for_wallet_fill
from jarvis.ledger.tax import Books, LineKind, Method, Pool, TaxReport, report, results_of
from jarvis.ledger.taxfiles import COLUMNS, rows_of
from tests.ledger import history, wallets
from tests.ledger.wallets import BNB, BTC, ETH, START, STEP, USDT, D, fill_of

ONE, TWO = PositionId("p1"), PositionId("p2")
METHODS = [(method, pool) for method in Method for pool in Pool]


def books_of(
    entries: Iterable[Entry], fills: Iterable[Fill], step: Decimal = STEP, account: str = "account-1"
) -> Books:
    kept = list(entries)
    ids = {entry.position_id for entry in kept if entry.position_id is not None}
    return Books(
        AccountId(account),
        VenueName("binance"),
        f"Binance {account[-1]}",
        kept,
        {fill.fill_id: fill for fill in fills},
        dict.fromkeys(ids, step),
    )


def of_wallet(drawn: wallets.Drawn, account: str = "account-1") -> Books:
    return books_of(drawn.book().entries, drawn.fills, account=account)


def closed_whole(drawn: wallets.Drawn) -> Books:
    """The same trading, and then every position closed to the last digit."""
    book, fills = drawn.book(), drawn.fills
    ids = {position_id: fill.pair for fill, position_id in (e for e in drawn.events if isinstance(e, tuple))}
    for number, (position_id, pair) in enumerate(ids.items()):
        quantity = book.position(pair, position_id).quantity
        if quantity:
            side = Side.SELL if quantity > 0 else Side.BUY
            fill = fill_of(900 + number, side, abs(quantity), "7", fee="0", fee_asset=pair.quote, pair=pair)
            book.add_fill(fill, position_id)
            fills.append(fill)
    return books_of(book.entries, fills)


def told(sums: dict[Asset, Decimal]) -> dict[Asset, Decimal]:
    return {asset: amount for asset, amount in sums.items() if amount}


@given(wallets.histories())
def test_first_in_first_out_by_position_sums_to_the_journal_at_any_time(drawn: wallets.Drawn) -> None:
    books = of_wallet(drawn)

    assert told(report([books], Method.FIFO, Pool.POSITION).total()) == told(results_of(books.entries))


@given(history.histories())
def test_so_it_does_where_the_venue_settles_margin_itself(drawn: history.Drawn) -> None:
    book = drawn.book()
    books = books_of(book.entries, drawn.fills, history.STEP)

    for pool in Pool:
        made = report([books], Method.FIFO, pool)
        assert told(made.total()) == told(results_of(book.entries))
        if pool is Pool.POSITION:
            lots = tax_lots(drawn.fills, history.STEP)
            assert [(lot.opened_by, lot.closed_by, lot.quantity, lot.opened_for) for lot in lots] == [
                (one.opened_by, one.closed_by, one.quantity, one.opened_for) for one in made.disposals
            ]
            # A fill that also opens the other side is divided from another end there: dust may round to the other step.
            for lot, one in zip(lots, made.disposals, strict=True):
                assert abs(lot.closed_for - one.closed_for) <= history.STEP


@given(wallets.histories())
def test_once_all_is_flat_every_method_sums_to_the_journal(drawn: wallets.Drawn) -> None:
    books = closed_whole(drawn)
    booked = told(results_of(books.entries))

    for method, pool in METHODS:
        made = report([books], method, pool)
        assert told(made.total()) == booked
        assert made.open_lots == () or pool is not Pool.POSITION


@given(wallets.histories(), wallets.histories(), st.integers(0, 500))
def test_methods_differ_in_order_alone(one: wallets.Drawn, two: wallets.Drawn, hours: int) -> None:
    all_books = [of_wallet(one), moved(of_wallet(two, "account-2"), timedelta(minutes=hours))]
    reports = [report(all_books, method, pool) for method, pool in METHODS]

    for made in reports:
        # What a fill closed, for how much, and every fee are no matter of order.
        assert closings(made) == closings(reports[0])
        assert made.lines == reports[0].lines
        # What a method does not count as gained yet stands in what it leaves open.
        assert kept_and_gained(made) == kept_and_gained(reports[0])
        for disposal in made.disposals:
            assert disposal.opened_at <= disposal.closed_at
            assert disposal.quantity > 0


def moved(books: Books, later: timedelta) -> Books:
    return replace(
        books,
        entries=[replace(entry, at=entry.at + later) for entry in books.entries],
        fills={name: replace(fill, at=fill.at + later) for name, fill in books.fills.items()},
    )


def closings(made: TaxReport) -> dict[tuple[AccountId, FillId], tuple[Decimal, Decimal]]:
    sums: dict[tuple[AccountId, FillId], tuple[Decimal, Decimal]] = {}
    with localcontext(prec=80):
        for each in made.disposals:
            quantity, closed_for = sums.get((each.account_id, each.closed_by), (ZERO, ZERO))
            sums[each.account_id, each.closed_by] = quantity + each.quantity, closed_for + each.closed_for
    return sums


def kept_and_gained(made: TaxReport) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    with localcontext(prec=80):
        for each in made.disposals:
            sums[f"{each.pair} gained"] += each.gain
        for lot in made.open_lots:
            sums[f"{lot.pair} gained"] -= lot.cost * lot.side.sign
            sums[f"{lot.pair} open"] += lot.quantity * lot.side.sign
    return {name: amount for name, amount in sums.items() if amount}


@given(wallets.histories())
def test_the_years_sum_to_the_whole_and_each_to_its_own_journal(drawn: wallets.Drawn) -> None:
    books = moved(of_wallet(drawn), timedelta(days=364, hours=23, minutes=56))
    years = [report([books], Method.FIFO, Pool.POSITION, year) for year in (2026, 2027)]

    for year, made in zip((2026, 2027), years, strict=True):
        assert told(made.total()) == told(results_of(books.entries, year))
    whole = report([books], Method.FIFO, Pool.POSITION)
    assert (*years[0].disposals, *years[1].disposals) == whole.disposals


@given(wallets.histories(), st.sampled_from(METHODS))
def test_the_table_read_back_sums_to_the_report(drawn: wallets.Drawn, chosen: tuple[Method, Pool]) -> None:
    books = of_wallet(drawn)
    made = report([books], *chosen)
    file = io.StringIO(newline="")

    write_rows(file, rows_of(made, [books]))

    file.seek(0)
    rows = list(csv.DictReader(file))
    assert tuple(rows[0] if rows else COLUMNS) == COLUMNS
    sums: dict[Asset, Decimal] = defaultdict(Decimal)
    with localcontext(prec=80):
        for row in rows:
            sums[Asset(row["asset"])] += Decimal(row["amount"])
            if row["kind"] in ("disposal", "liquidation"):
                assert Decimal(row["proceeds"]) - Decimal(row["cost"]) == Decimal(row["amount"])
    assert told(dict(sums)) == told(made.total())
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)


# --- by hand -----------------------------------------------------------------------------------------------------


PRICES = ((1, "100"), (2, "300"), (3, "200"))


def three_lots() -> Books:
    """Bought at 100, 300 and 200 without fees, one of them sold at 250."""
    book = Book({BTC: STEP, ETH: STEP}, Settlement.WALLET)
    fills = [fill_of(number, Side.BUY, "1", price, fee="0", fee_asset=USDT) for number, price in PRICES]
    fills.append(fill_of(4, Side.SELL, "1", "250", fee="0.5", fee_asset=USDT))
    for fill in fills:
        book.add_fill(fill, ONE)
    return books_of(book.entries, fills)


@pytest.mark.parametrize(
    ("method", "gain", "opened_by"),
    [(Method.FIFO, 150, "T00001"), (Method.LIFO, 50, "T00003"), (Method.HIFO, -50, "T00002")],
)
def test_a_method_says_which_lot_was_sold(method: Method, gain: int, opened_by: str) -> None:
    made = report([three_lots()], method, Pool.ACCOUNT)

    (sold,) = made.disposals
    (fee,) = made.lines
    assert (sold.gain, sold.opened_by, sold.proceeds) == (D(gain), FillId(opened_by), D(250))
    assert (fee.kind, fee.amount, fee.asset) == (LineKind.TRADING_FEE, D("-0.5"), USDT)
    assert sum(lot.quantity for lot in made.open_lots) == 2


def test_of_a_short_the_dearest_is_what_was_sold_for_the_least() -> None:
    book = Book({BTC: STEP, ETH: STEP}, Settlement.WALLET)
    fills = [
        fill_of(number, Side.SELL, "1", price, fee="0", fee_asset=USDT) for number, price in ((1, "300"), (2, "100"))
    ]
    fills.append(fill_of(3, Side.BUY, "1", "200", fee="0", fee_asset=USDT))
    for fill in fills:
        book.add_fill(fill, ONE)

    (bought_back,) = report([books_of(book.entries, fills)], Method.HIFO, Pool.POSITION).disposals

    assert (bought_back.side, bought_back.proceeds, bought_back.cost, bought_back.gain) == (
        Side.SELL, D(100), D(200), D(-100)
    )  # fmt: skip


def test_a_fee_in_the_pairs_own_coin_is_no_gain_and_costs_its_value() -> None:
    book = Book({BTC: STEP, ETH: STEP}, Settlement.WALLET)
    fills = [
        fill_of(1, Side.BUY, "1", "1000", fee="0.001", fee_asset=BTC.base),
        fill_of(2, Side.SELL, "0.999", "1000", fee="0", fee_asset=USDT),
    ]
    for fill in fills:
        book.add_fill(fill, ONE)

    made = report([books_of(book.entries, fills)], Method.FIFO, Pool.POSITION)

    (sold,) = made.disposals
    assert (sold.quantity, sold.cost, sold.gain) == (D("0.999"), D(999), D(0))
    assert [(line.kind, line.amount, line.asset) for line in made.lines] == [(LineKind.TRADING_FEE, D(-1), USDT)]


def test_a_fee_in_a_third_coin_is_a_line_in_that_coin() -> None:
    book = Book({BTC: STEP, ETH: STEP}, Settlement.WALLET)
    fill = fill_of(1, Side.BUY, "1", "1000", fee="0.02", fee_asset=BNB)
    book.add_fill(fill, ONE)

    made = report([books_of(book.entries, [fill])], Method.FIFO, Pool.POSITION)

    assert made.total() == {BNB: D("-0.02")}


def test_what_the_venue_closed_beyond_our_own_is_not_in_the_report() -> None:
    opening = fill_of(1, Side.BUY, "1", "100", fee="0", fee_asset=USDT)
    forced = fill_of(2, Side.SELL, "3", "90", fee="0", fee_asset=USDT, is_liquidation=True)
    position, _ = Position(BTC, STEP).apply(opening)
    _, realised = position.apply(replace(forced, quantity=D(1), cost=D(90)))
    entries = [
        entry_for_wallet_fill(opening, NOTHING_REALISED, ONE, STEP),
        entry_for_wallet_fill(forced, realised, ONE, STEP, ours=D(1)),
    ]

    made = report([books_of(entries, [opening, forced])], Method.FIFO, Pool.POSITION)

    (closed,) = made.disposals
    assert (closed.quantity, closed.gain, closed.is_liquidation) == (D(1), D(-10), True)
    assert told(made.total()) == told(results_of(entries))


def test_lots_of_two_accounts_are_one_pool_only_if_somebody_says_so() -> None:
    first, second = (Book({BTC: STEP, ETH: STEP}, Settlement.WALLET) for _ in range(2))
    cheap = fill_of(1, Side.BUY, "1", "100", fee="0", fee_asset=USDT)
    dear, sold = (
        fill_of(2, Side.BUY, "1", "300", fee="0", fee_asset=USDT),
        fill_of(3, Side.SELL, "1", "200", fee="0", fee_asset=USDT),
    )
    first.add_fill(cheap, ONE)
    for fill in (dear, sold):
        second.add_fill(fill, TWO)
    all_books = [books_of(first.entries, [cheap]), books_of(second.entries, [dear, sold], account="account-2")]

    gains = {pool: report(all_books, Method.FIFO, pool).disposals[0].gain for pool in Pool}

    assert gains == {Pool.POSITION: -100, Pool.ACCOUNT: -100, Pool.ALL: 100}
    assert START.year == 2026
