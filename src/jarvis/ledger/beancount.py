"""The journal as a file of Beancount: the same double entry, the same balances, to the last digit.

Each entry of the journal is a transaction with the same postings. What the journal keeps as exposure (base against
base) stands here as lots with their cost, matched first in, first out within each position: transactions of their own
below Equity, so that coins which a wallet holds are not counted twice. Interest that a short owes in its own coin is in
the balances, and in no lot. The last cash of every month is asserted on the first day of the next one.

Instants are UTC; what happened on one day stands in the order in which it was written.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset, plain
from jarvis.domain.order import FillId
from jarvis.ledger.journal import Account, Entry, EntryKind
from jarvis.ledger.statements import day_of, month_of
from jarvis.ledger.tax import Books, Disposal, Matching, Method, OpenLot, Pool, year_of

_PRECISION = 80
_PLACES: Mapping[Account, str] = {
    Account.CASH: "Assets:{name}:{asset}",
    Account.CLEARING: "Assets:{name}:Clearing:{asset}",
    Account.BASIS: "Equity:{name}:Held-At-Cost:{asset}",
    Account.PRICE: "Income:{name}:Price:{asset}",
    Account.LIQUIDATION: "Income:{name}:Liquidation:{asset}",
    Account.REWARD: "Income:{name}:Rewards:{asset}",
    Account.TRADING_FEE: "Expenses:{name}:Trading-Fees:{asset}",
    Account.OPENING_FEE: "Expenses:{name}:Opening-Fees:{asset}",
    Account.ROLLOVER: "Expenses:{name}:Rollover:{asset}",
    Account.INTEREST: "Expenses:{name}:Interest:{asset}",
    Account.LIQUIDATION_FEE: "Expenses:{name}:Liquidation-Fees:{asset}",
    Account.ADJUSTMENT: "Expenses:{name}:Adjustments:{asset}",
    Account.OPENING: "Equity:{name}:Opening:{asset}",
    Account.TRANSFERS: "Equity:{name}:Transfers:{asset}",
    Account.FOREIGN: "Equity:{name}:Traded-Elsewhere:{asset}",
}
_LOTS, _AGAINST_LOTS = "Equity:{name}:Lots:{side}:{asset}", "Equity:{name}:Lots-At-Cost"


def account_name(account: Account, books: Books, asset: Asset) -> str:
    """Where the journal's account of an asset stands in the file; KeyError for exposure, which is lots there."""
    return _PLACES[account].format(name=_component(books.name), asset=commodity(asset))


def lots_name(books: Books, side: Side, asset: Asset) -> str:
    """Where the lots of a base asset stand in the file: longs and shorts apart, for they never close each other."""
    word = "Long" if side is Side.BUY else "Short"
    return _LOTS.format(name=_component(books.name), side=word, asset=commodity(asset))


def commodity(asset: Asset) -> str:
    """An asset as Beancount writes it: at least two signs, the first a letter."""
    name = re.sub(r"[^A-Z0-9]", "-", asset.upper()).strip("-")
    return name if re.fullmatch(r"[A-Z][A-Z0-9-]*[A-Z0-9]", name) else f"X-{name}"


def lines_of(all_books: Sequence[Books], *, until_year: int | None = None) -> Iterator[str]:
    """The file, line by line; with `until_year` up to the end of that year (UTC)."""
    kept = [BooksFile(until_year) for _ in all_books]
    for one, books in zip(kept, all_books, strict=True):
        one.survey(books)
    yield from head_of(kept)
    for one, books in zip(kept, all_books, strict=True):
        yield from one.openings(books)
        yield from one.transactions(books)
        yield from one.assertions(books)
    yield from prices_of(kept)


def head_of(files: Sequence["BooksFile"]) -> Iterator[str]:
    """What the file begins with, once every page of all books was surveyed."""
    yield "; The journal of Jarvis in double entry, by Beancount's syntax. Instants are UTC. No tax advice."
    yield 'option "title" "Jarvis"'
    yield 'option "inferred_tolerance_default" "*:0.00000001"'
    for quote in sorted({commodity(pair.quote) for one in files for pair in one.pairs}):
        yield f'option "operating_currency" "{quote}"'


def prices_of(files: Sequence["BooksFile"]) -> Iterator[str]:
    """What the file ends with: the last price of every pair on every day on which it was traded."""
    last: dict[tuple[date, Pair], tuple[datetime, Decimal]] = {}
    for one in files:
        for key, priced in one.last_prices.items():
            if key not in last or last[key][0] <= priced[0]:
                last[key] = priced
    yield ""
    for (day, pair), (_, price) in sorted(last.items()):
        yield f"{day} price {commodity(pair.base)} {plain(price)} {commodity(pair.quote)}"


class BooksFile:
    """One account's part of the file, from its books as a whole or page by page in the order of the journal.

    Openings and assertions are known when every page was surveyed; transactions can be told as the pages come.
    """

    def __init__(self, until_year: int | None) -> None:
        self.pairs: set[Pair] = set()
        self.last_prices: dict[tuple[date, Pair], tuple[datetime, Decimal]] = {}
        self._until_year = until_year
        self._first: date | None = None
        self._used: set[tuple[str, str]] = set()
        self._cash: dict[date, dict[Asset, Decimal]] = {}
        self._matching = Matching(Method.FIFO, Pool.POSITION)
        self._latest = datetime.min.replace(tzinfo=UTC)

    def _entries(self, books: Books) -> Iterator[Entry]:
        return (each for each in books.entries if self._until_year is None or year_of(each.at) <= self._until_year)

    def survey(self, books: Books) -> None:
        """Note what openings, assertions and prices are made of."""
        for entry in self._entries(books):
            day = day_of(entry.at)
            self._first = day if self._first is None else min(day, self._first)
            cash = self._cash.setdefault(month_of(day), {})
            for posting in entry.postings:
                if posting.account in _PLACES:
                    self._used.add((account_name(posting.account, books, posting.asset), commodity(posting.asset)))
                if posting.account is Account.CASH:
                    with localcontext(prec=_PRECISION):
                        cash[posting.asset] = cash.get(posting.asset, ZERO) + posting.amount
            if entry.kind is EntryKind.FILL and entry.ref_id in books.fills:
                fill = books.fills[FillId(entry.ref_id)]
                self.pairs.add(fill.pair)
                key = day_of(fill.at), fill.pair
                if key not in self.last_prices or self.last_prices[key][0] <= fill.at:
                    self.last_prices[key] = fill.at, fill.price

    def openings(self, books: Books) -> Iterator[str]:
        """Every account of the file, opened on the first day."""
        yield ""
        yield f"; {_component(books.name)}: account {_text(books.account_id)} at {_text(books.venue)}"
        for name, unit in sorted(self._used):
            yield f"{self._first} open {name} {unit}"
        for base in sorted({pair.base for pair in self.pairs}):
            for side in Side:
                yield f"{self._first} open {lots_name(books, side, base)} {commodity(base)}"
        if self.pairs:
            yield f"{self._first} open {_against_lots(books)}"

    def transactions(self, books: Books) -> Iterator[str]:
        """Every entry, and what it did to lots."""
        matching = self._matching
        for entry in self._entries(books):
            yield from _entry(books, entry)
            matching.take(books, entry)
            self._latest = max(self._latest, entry.at)
            for disposal in matching.disposals:
                yield from _closing(books, disposal, day_of(self._latest))
            for lot in matching.opened:
                yield from _opening(books, lot, day_of(self._latest))
            for told in (matching.disposals, matching.opened, matching.lines):
                told.clear()

    def assertions(self, books: Books) -> Iterator[str]:
        """Cash after every month in which something happened, on the first day of the next one."""
        cash: dict[Asset, Decimal] = {}
        for month, moved in sorted(self._cash.items()):
            with localcontext(prec=_PRECISION):
                for asset, amount in moved.items():
                    cash[asset] = cash.get(asset, ZERO) + amount
            following = month_of(month + timedelta(days=31))
            yield ""
            for asset, amount in sorted(cash.items()):
                name = account_name(Account.CASH, books, asset)
                yield f"{following} balance {name}  {plain(amount)} ~ 0 {commodity(asset)}"


def _entry(books: Books, entry: Entry) -> Iterator[str]:
    postings = [each for each in entry.postings if each.account in _PLACES]
    if not postings:
        return
    words = entry.kind.value.replace("_", " ")
    about = f"{words} {entry.pair}" if entry.pair else words
    link = f" ^{_link(entry.position_id)}" if entry.position_id else ""
    yield ""
    yield f'{day_of(entry.at)} * "{_component(books.name)}" "{_text(about)}"{link}'
    yield f'  at: "{entry.at.astimezone(UTC).isoformat()}"'
    yield f'  reference: "{_text(entry.ref_id)}"'
    for each in postings:
        name = account_name(each.account, books, each.asset)
        yield f"  {name}  {plain(each.amount)} {commodity(each.asset)}"


def _opening(books: Books, lot: OpenLot, day: date) -> Iterator[str]:
    cost = f'{plain(lot.cost)} {commodity(lot.pair.quote)}, {day_of(lot.opened_at)}, "{_text(lot.opened_by)}"'
    held = f"{plain(lot.quantity * lot.side.sign)} {commodity(lot.pair.base)}"
    yield ""
    yield f'{day} * "{_component(books.name)}" "lot of {lot.pair} opened" ^{_link(lot.position_id)}'
    yield f"  {lots_name(books, lot.side, lot.pair.base)}  {held} {{{{{cost}}}}}"
    yield f"  {_against_lots(books)}"


def _closing(books: Books, one: Disposal, day: date) -> Iterator[str]:
    left = f"{plain(-one.quantity * one.side.sign)} {commodity(one.pair.base)}"
    yield ""
    yield f'{day} * "{_component(books.name)}" "lot of {one.pair} closed" ^{_link(one.position_id)}'
    yield f'  gain: "{plain(one.gain)} {commodity(one.pair.quote)}"'
    yield f'  {lots_name(books, one.side, one.pair.base)}  {left} {{"{_text(one.opened_by)}"}}'
    yield f"  {_against_lots(books)}"


def _against_lots(books: Books) -> str:
    return _AGAINST_LOTS.format(name=_component(books.name))


def _component(name: str) -> str:
    """A name as a part of an account's: letters, digits and dashes, the first a capital."""
    clean = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "Account"
    return clean[0].upper() + clean[1:]


def _link(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)


def _text(text: str) -> str:
    """Text within quotes or in a comment: nothing in it can end it."""
    return re.sub(r'[\x00-\x1f\x7f"\\]', "-", text)
