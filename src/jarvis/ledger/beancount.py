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
    yield "; The journal of Jarvis in double entry, by Beancount's syntax. Instants are UTC. No tax advice."
    yield 'option "title" "Jarvis"'
    yield 'option "inferred_tolerance_default" "*:0.00000001"'
    kept = [_Kept(books, until_year) for books in all_books]
    for quote in sorted({commodity(pair.quote) for one in kept for pair in one.pairs}):
        yield f'option "operating_currency" "{quote}"'
    for one in kept:
        yield ""
        yield f"; {_component(one.books.name)}: account {_text(one.books.account_id)} at {_text(one.books.venue)}"
        yield from one.openings()
        yield from one.transactions()
        yield from one.assertions()
    yield ""
    yield from _prices(kept)


class _Kept:
    """What of one account's books goes into the file."""

    def __init__(self, books: Books, until_year: int | None) -> None:
        self.books = books
        self.entries = [each for each in books.entries if until_year is None or year_of(each.at) <= until_year]
        self.fills = [
            books.fills[FillId(each.ref_id)]
            for each in self.entries
            if each.kind is EntryKind.FILL and each.ref_id in books.fills
        ]

    @property
    def pairs(self) -> set[Pair]:
        return {fill.pair for fill in self.fills}

    def openings(self) -> Iterator[str]:
        """Every account of the file, opened on the first day."""
        if not self.entries:
            return
        first = min(day_of(each.at) for each in self.entries)
        used = {
            (account_name(posting.account, self.books, posting.asset), commodity(posting.asset))
            for entry in self.entries
            for posting in entry.postings
            if posting.account in _PLACES
        }
        for name, unit in sorted(used):
            yield f"{first} open {name} {unit}"
        for base in sorted({pair.base for pair in self.pairs}):
            for side in Side:
                yield f"{first} open {lots_name(self.books, side, base)} {commodity(base)}"
        if self.fills:
            yield f"{first} open {self._against_lots}"

    @property
    def _against_lots(self) -> str:
        return _AGAINST_LOTS.format(name=_component(self.books.name))

    def transactions(self) -> Iterator[str]:
        """Every entry, and what it did to lots."""
        matching = Matching(Method.FIFO, Pool.POSITION)
        latest = datetime.min.replace(tzinfo=UTC)
        for entry in self.entries:
            yield from self._entry(entry)
            opened, closed = len(matching.opened), len(matching.disposals)
            matching.take(self.books, entry)
            latest = max(latest, entry.at)
            for disposal in matching.disposals[closed:]:
                yield from self._closing(disposal, day_of(latest))
            for lot in matching.opened[opened:]:
                yield from self._opening(lot, day_of(latest))

    def _entry(self, entry: Entry) -> Iterator[str]:
        postings = [each for each in entry.postings if each.account in _PLACES]
        if not postings:
            return
        words = entry.kind.value.replace("_", " ")
        about = f"{words} {entry.pair}" if entry.pair else words
        link = f" ^{_link(entry.position_id)}" if entry.position_id else ""
        yield ""
        yield f'{day_of(entry.at)} * "{_component(self.books.name)}" "{_text(about)}"{link}'
        yield f'  at: "{entry.at.astimezone(UTC).isoformat()}"'
        yield f'  reference: "{_text(entry.ref_id)}"'
        for each in postings:
            name = account_name(each.account, self.books, each.asset)
            yield f"  {name}  {plain(each.amount)} {commodity(each.asset)}"

    def _opening(self, lot: OpenLot, day: date) -> Iterator[str]:
        cost = f'{plain(lot.cost)} {commodity(lot.pair.quote)}, {day_of(lot.opened_at)}, "{_text(lot.opened_by)}"'
        held = f"{plain(lot.quantity * lot.side.sign)} {commodity(lot.pair.base)}"
        yield ""
        yield f'{day} * "{_component(self.books.name)}" "lot of {lot.pair} opened" ^{_link(lot.position_id)}'
        yield f"  {lots_name(self.books, lot.side, lot.pair.base)}  {held} {{{{{cost}}}}}"
        yield f"  {self._against_lots}"

    def _closing(self, one: Disposal, day: date) -> Iterator[str]:
        left = f"{plain(-one.quantity * one.side.sign)} {commodity(one.pair.base)}"
        yield ""
        yield f'{day} * "{_component(self.books.name)}" "lot of {one.pair} closed" ^{_link(one.position_id)}'
        yield f'  gain: "{plain(one.gain)} {commodity(one.pair.quote)}"'
        yield f'  {lots_name(self.books, one.side, one.pair.base)}  {left} {{"{_text(one.opened_by)}"}}'
        yield f"  {self._against_lots}"

    def assertions(self) -> Iterator[str]:
        """Cash after every month in which something happened, on the first day of the next one."""
        cash: dict[Asset, Decimal] = {}
        entries = sorted(self.entries, key=lambda each: each.at)
        with localcontext(prec=_PRECISION):
            for number, entry in enumerate(entries):
                for posting in entry.postings:
                    if posting.account is Account.CASH:
                        cash[posting.asset] = cash.get(posting.asset, ZERO) + posting.amount
                month = month_of(day_of(entry.at))
                if number + 1 < len(entries) and month_of(day_of(entries[number + 1].at)) == month:
                    continue
                following = month_of(month + timedelta(days=31))
                yield ""
                for asset, amount in sorted(cash.items()):
                    name = account_name(Account.CASH, self.books, asset)
                    yield f"{following} balance {name}  {plain(amount)} ~ 0 {commodity(asset)}"


def _prices(kept: Sequence[_Kept]) -> Iterator[str]:
    """The last price of every pair on every day on which it was traded."""
    last: dict[tuple[date, Pair], tuple[datetime, Decimal]] = {}
    for one in kept:
        for fill in one.fills:
            key = day_of(fill.at), fill.pair
            if key not in last or last[key][0] <= fill.at:
                last[key] = fill.at, fill.price
    for (day, pair), (_, price) in sorted(last.items()):
        yield f"{day} price {commodity(pair.base)} {plain(price)} {commodity(pair.quote)}"


def _component(name: str) -> str:
    """A name as a part of an account's: letters, digits and dashes, the first a capital."""
    clean = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "Account"
    return clean[0].upper() + clean[1:]


def _link(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)


def _text(text: str) -> str:
    """Text within quotes or in a comment: nothing in it can end it."""
    return re.sub(r'[\x00-\x1f\x7f"\\]', "-", text)
