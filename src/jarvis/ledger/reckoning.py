"""A tax report that goes on: entries are taken as they are read, and the sums of every year are at hand. Pure.

What `tax.report` makes of whole books at once is made here a piece at a time, so that whoever reads can stop, tell how
far it is, and later add what is new. The result is the same to the last digit; a test holds one against the other.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, localcontext

from jarvis.domain.money import ZERO, Asset
from jarvis.ledger.journal import Entry
from jarvis.ledger.tax import Books, Disposal, Line, LineKind, Matching, Method, Pool, year_of

_PRECISION = 80
_BEGINNING = datetime.min.replace(tzinfo=UTC)


class OutOfTurnError(ValueError):
    """An entry belongs before one that was taken already: all of it has to be reckoned anew."""


class Interleaving:
    """Entries of several books beside each other by time, as pages of them come: the order of `tax.by_time`."""

    def __init__(self, books: int) -> None:
        self._waiting: list[deque[tuple[datetime, Books, Entry]]] = [deque() for _ in range(books)]
        self._latest = [_BEGINNING] * books
        self._last_taken = (_BEGINNING, -1)

    def add(self, number: int, books: Books) -> None:
        """More entries of the book `number`, after those before. Raises OutOfTurnError."""
        for entry in books.entries:
            latest = max(self._latest[number], entry.at)
            if (latest, number) < self._last_taken:
                raise OutOfTurnError(f"an entry of {entry.at} after one of {self._last_taken[0]}")
            self._latest[number] = latest
            self._waiting[number].append((latest, books, entry))

    def waits_for(self, ended: Collection[int]) -> int | None:
        """The book of which a page is needed to go on; None if nothing more comes."""
        wanted = (number for number, each in enumerate(self._waiting) if not each and number not in ended)
        return next(wanted, None)

    def take(self, ended: Collection[int]) -> list[tuple[Books, Entry]]:
        """All before which nothing can come any more; nothing more comes of the books in `ended`."""
        taken = []
        while self.waits_for(ended) is None:
            first = min(((each[0][0], number) for number, each in enumerate(self._waiting) if each), default=None)
            if first is None:
                break
            self._last_taken = first
            _, books, entry = self._waiting[first[1]].popleft()
            taken.append((books, entry))
        return taken


@dataclass(frozen=True, slots=True)
class AssetSums:
    """One asset's part of a period; `gains`, `proceeds` and `cost` are those of all disposals together."""

    asset: Asset
    disposals: int
    gains: Decimal
    proceeds: Decimal
    cost: Decimal
    lines: Mapping[LineKind, Decimal]

    @property
    def total(self) -> Decimal:
        """Gains, fees, interest and all else."""
        with localcontext(prec=_PRECISION):
            return sum(self.lines.values(), self.gains)


@dataclass(slots=True)
class _Sum:
    disposals: int = 0
    gains: Decimal = ZERO
    proceeds: Decimal = ZERO
    cost: Decimal = ZERO
    lines: dict[LineKind, Decimal] = field(default_factory=dict)

    def add(self, other: "_Sum") -> None:
        self.disposals += other.disposals
        self.gains += other.gains
        self.proceeds += other.proceeds
        self.cost += other.cost
        for kind, amount in other.lines.items():
            self.lines[kind] = self.lines.get(kind, ZERO) + amount


@dataclass(slots=True)
class _Year:
    disposals: int = 0
    lines: int = 0
    sums: dict[Asset, _Sum] = field(default_factory=dict)

    def add(self, disposals: Iterable[Disposal], lines: Iterable[Line]) -> None:
        for disposal in disposals:
            self.disposals += 1
            one = self.sums.setdefault(disposal.pair.quote, _Sum())
            one.disposals += 1
            one.gains += disposal.gain
            one.proceeds += disposal.proceeds
            one.cost += disposal.cost
        for line in lines:
            self.lines += 1
            one = self.sums.setdefault(line.asset, _Sum())
            one.lines[line.kind] = one.lines.get(line.kind, ZERO) + line.amount


class Reckoning:
    """Sums by one method, as entries come in the order of `tax.by_time`.

    With `until` only what happened up to the end of that year is taken, and only that year can be asked for. Rows are
    handed on and not kept: they are many, and sums are what is asked for again and again.
    """

    def __init__(self, method: Method, pool: Pool, until: int | None = None) -> None:
        self._until = until
        self._matching = Matching(method, pool)
        self._years: dict[int, _Year] = {}
        self._reached: int | None = None
        self._unsure: set[int] = set()

    def take(self, entries: Iterable[tuple[Books, Entry]]) -> tuple[list[Disposal], list[Line]]:
        """Read more entries; the rows that came of them, in their order."""
        matching = self._matching
        disposals, lines = [], []
        for books, entry in entries:
            year = year_of(entry.at)
            if self._until is None or year <= self._until:
                self._reach(year)
                matching.take(books, entry)  # by the usual precision: its divisions round as they always do
                with localcontext(prec=_PRECISION):
                    self._years.setdefault(year, _Year()).add(matching.disposals, matching.lines)
                disposals += matching.disposals
                lines += matching.lines
                for told in (matching.disposals, matching.lines, matching.opened):
                    told.clear()
        return disposals, lines

    def _reach(self, year: int) -> None:
        """Note a year that goes on after a later one has begun: it is not sure."""
        reached = year if self._reached is None else self._reached
        self._unsure.update(range(year, reached))
        self._reached = max(year, reached)

    def knows(self, year: int | None) -> bool:
        """Whether this year can be told.

        It cannot where something of it was written after something of the next: the year's own report is matched
        without that, so it needs a reckoning of its own, `until` that year.
        """
        return year == self._until if self._until is not None else year not in self._unsure

    def counts(self, year: int | None = None) -> tuple[int, int]:
        """How many disposals and how many other lines a report has."""
        years = self._chosen(year)
        return sum(each.disposals for each in years), sum(each.lines for each in years)

    def sums(self, year: int | None = None) -> list[AssetSums]:
        """A report added up by asset."""
        found: dict[Asset, _Sum] = {}
        with localcontext(prec=_PRECISION):
            for one in self._chosen(year):
                for asset, added in one.sums.items():
                    found.setdefault(asset, _Sum()).add(added)
        return [
            AssetSums(asset, each.disposals, each.gains, each.proceeds, each.cost, dict(each.lines))
            for asset, each in sorted(found.items())
        ]

    def _chosen(self, year: int | None) -> list[_Year]:
        return [each for number, each in self._years.items() if year in (None, number)]
