"""What a year's trading earned and cost, line by line, for a tax declaration or an accountant. Pure.

A disposal is a quantity that was sold (a long) or bought back (a short), matched with what opened it. The matching is
a choice: the oldest first (FIFO), the newest first (LIFO), or the dearest first (HIFO: of a long the part bought for
the most, of a short the part sold for the least, so that the gain is the smallest). What a fill closes is not a
choice: it is what its own position held at the venue. Whatever the choice, the same quantities and the same money are
matched, only in another order: once everything is flat all methods sum to the same.

Fees, opening fees, rollover and interest are lines of their own, read from the journal, each in the asset that it was
paid in. Two of them are also disposals, and this is the rule for them:

- A fee taken in the pair's own coin is paid with part of what was just bought: that part was acquired and disposed of
  at the fill's price, so it brings no gain, and its value at that price is the fee. When selling, the fee's coins leave
  the position at the fill's price together with those that were sold.
- A fee in a third coin (BNB) is a disposal of coins that were bought elsewhere, at a cost that Jarvis does not know.
  Its line states the amount of that coin and no value: it does not add to amounts of the quote.

Interest that a short owes in its own coin makes the debt larger; it costs when it is bought back, and is a line then.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum

from jarvis.domain.account import AccountId, VenueName
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset, round_nearest
from jarvis.domain.order import Fill, FillId, PositionId
from jarvis.domain.position import Position, Realised
from jarvis.ledger.journal import Account, Entry, EntryKind, divided
from jarvis.ledger.statements import exact_sum


class Method(Enum):
    """In which order what was opened is matched with what closes it."""

    FIFO = "fifo"
    LIFO = "lifo"
    HIFO = "hifo"


class Pool(Enum):
    """Among what an order is chosen: the fill's own position, its account, or all accounts that are given.

    POSITION with FIFO is how the journal itself reckons: every period then sums to the same as the books.
    """

    POSITION = "position"
    ACCOUNT = "account"
    ALL = "all"


class LineKind(Enum):
    """What a line that is no disposal is about."""

    TRADING_FEE = "trading_fee"
    OPENING_FEE = "opening_fee"
    ROLLOVER = "rollover"
    INTEREST = "interest"
    LIQUIDATION_FEE = "liquidation_fee"
    REWARD = "reward"
    ADJUSTMENT = "adjustment"


RESULTS: Mapping[Account, LineKind | None] = {
    Account.PRICE: None,
    Account.LIQUIDATION: None,
    Account.TRADING_FEE: LineKind.TRADING_FEE,
    Account.OPENING_FEE: LineKind.OPENING_FEE,
    Account.ROLLOVER: LineKind.ROLLOVER,
    Account.INTEREST: LineKind.INTEREST,
    Account.LIQUIDATION_FEE: LineKind.LIQUIDATION_FEE,
    Account.REWARD: LineKind.REWARD,
    Account.ADJUSTMENT: LineKind.ADJUSTMENT,
}
"""The journal's accounts that make up a result, each with the lines that it becomes; None where disposals do."""


@dataclass(frozen=True, slots=True)
class Books:
    """One account's journal in the order in which it was written, with its fills and the cost steps of its positions.

    `name` is how people call the account.
    """

    account_id: AccountId
    venue: VenueName
    name: str
    entries: Sequence[Entry]
    fills: Mapping[FillId, Fill]
    cost_steps: Mapping[PositionId, Decimal]


@dataclass(frozen=True, slots=True)
class OpenLot:
    """What is left of what one fill opened: `quantity` in base, `cost` in quote (of a short: what it brought)."""

    account_id: AccountId
    position_id: PositionId
    pair: Pair
    side: Side
    opened_by: FillId
    opened_at: datetime
    quantity: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Disposal:
    """A quantity (base) that was opened for `opened_for` and closed for `closed_for` (quote), fees aside.

    `account_id` and `position_id` are of the fill that closed it.
    """

    account_id: AccountId
    position_id: PositionId
    pair: Pair
    side: Side
    quantity: Decimal
    opened_by: FillId
    opened_at: datetime
    opened_for: Decimal
    closed_by: FillId
    closed_at: datetime
    closed_for: Decimal
    is_liquidation: bool

    @property
    def cost(self) -> Decimal:
        """What was paid (quote): of a long when it was opened, of a short when it was closed."""
        return self.opened_for if self.side is Side.BUY else self.closed_for

    @property
    def proceeds(self) -> Decimal:
        """What was received (quote)."""
        return self.closed_for if self.side is Side.BUY else self.opened_for

    @property
    def gain(self) -> Decimal:
        """Proceeds less cost (quote)."""
        return self.proceeds - self.cost


@dataclass(frozen=True, slots=True)
class Line:
    """What was paid (negative) or received beside a disposal, in `asset`. `reference` is the venue's."""

    account_id: AccountId
    at: datetime
    kind: LineKind
    asset: Asset
    amount: Decimal
    pair: Pair | None
    position_id: PositionId | None
    reference: str


@dataclass(frozen=True, slots=True)
class TaxReport:
    """Everything of a period by one method, in the order of time, and what is still open at the end of it."""

    method: Method
    pool: Pool
    disposals: tuple[Disposal, ...]
    lines: tuple[Line, ...]
    open_lots: tuple[OpenLot, ...]

    def total(self) -> dict[Asset, Decimal]:
        """The result of the period by asset: gains, fees, interest and all else."""
        amounts: dict[Asset, list[Decimal]] = {}
        for each in self.disposals:
            amounts.setdefault(each.pair.quote, []).append(each.gain)
        for line in self.lines:
            amounts.setdefault(line.asset, []).append(line.amount)
        return {asset: exact_sum(found) for asset, found in sorted(amounts.items())}


def year_of(at: datetime) -> int:
    """The calendar year of an instant, in UTC."""
    return at.astimezone(UTC).year


def report(books: Iterable[Books], method: Method, pool: Pool, year: int | None = None) -> TaxReport:
    """The report of a calendar year (UTC), or of everything: what was opened before is matched all the same."""
    made = Matching(method, pool)
    for at_hand, entry in by_time(books):
        if year is not None and year_of(entry.at) > year:
            continue
        made.take(at_hand, entry)

    def is_within(at: datetime) -> bool:
        return year is None or year_of(at) == year

    return TaxReport(
        method,
        pool,
        tuple(each for each in made.disposals if is_within(each.closed_at)),
        tuple(each for each in made.lines if is_within(each.at)),
        tuple(lot for lots in made.pools.values() for lot in lots),
    )


def results_of(entries: Iterable[Entry], year: int | None = None) -> dict[Asset, Decimal]:
    """What the journal itself says that a period earned, by asset: what a report must sum to."""
    sums: dict[Asset, list[Decimal]] = {}
    for entry in entries:
        for posting in entry.postings:
            if posting.account in RESULTS and (year is None or year_of(entry.at) == year):
                sums.setdefault(posting.asset, []).append(-posting.amount)
    return {asset: exact_sum(found) for asset, found in sorted(sums.items())}


def by_time(books: Iterable[Books]) -> list[tuple[Books, Entry]]:
    """All entries of all books: each book in its own order, books beside each other by time.

    A late row does not make what was written after it wait: an entry counts as late as the latest before it.
    """
    found: list[tuple[datetime, int, int, Books, Entry]] = []
    for number, one in enumerate(books):
        latest = datetime.min.replace(tzinfo=UTC)
        for place, entry in enumerate(one.entries):
            latest = max(latest, entry.at)
            found.append((latest, number, place, one, entry))
    found.sort(key=lambda each: each[:3])
    return [(one, entry) for *_, one, entry in found]


class Matching:
    """Lots as they were opened, and what closed them, as entries come."""

    def __init__(self, method: Method, pool: Pool) -> None:
        self.opened: list[OpenLot] = []
        self.disposals: list[Disposal] = []
        self.lines: list[Line] = []
        self.pools: dict[tuple[object, ...], list[OpenLot]] = {}
        self._method = method
        self._pool = pool
        self._positions: dict[tuple[AccountId, PositionId], Position] = {}

    def take(self, books: Books, entry: Entry) -> None:
        """Read one entry."""
        fill = books.fills.get(FillId(entry.ref_id)) if entry.kind is EntryKind.FILL else None
        if fill is not None and entry.position_id is not None:
            self._fill(books, entry, fill, entry.position_id)
        elif entry.kind is EntryKind.INTEREST and entry.position_id is not None and entry.pair is not None:
            self._accrue(books, entry, entry.position_id, entry.pair)
        for posting in entry.postings:
            kind = RESULTS.get(posting.account)
            if kind is not None:
                self._line(books, entry, kind, posting.asset, -posting.amount)

    def _line(self, books: Books, entry: Entry, kind: LineKind, asset: Asset, amount: Decimal) -> None:
        line = Line(books.account_id, entry.at, kind, asset, amount, entry.pair, entry.position_id, entry.ref_id)
        self.lines.append(line)

    def _accrue(self, books: Books, entry: Entry, position_id: PositionId, pair: Pair) -> None:
        grown = entry.amount(Account.BASIS, pair.base)
        key = books.account_id, position_id
        if grown > 0 and key in self._positions:
            self._positions[key] = self._positions[key].accrue(grown, entry.ref_id, entry.at)

    def _fill(self, books: Books, entry: Entry, whole: Fill, position_id: PositionId) -> None:
        step = books.cost_steps[position_id]
        fill = _own_part(entry, whole, step)
        key = books.account_id, position_id
        before = self._positions.get(key) or Position(fill.pair, step)
        after, realised = before.apply(fill)
        self._positions[key] = after
        traded = realised.quantity - (before.accrued - after.accrued)
        if traded:
            self._close(books, position_id, fill, _closed_for(before, realised, fill, step), traded, step)
        opened = after.lots[-1] if after.lots and after.lots[-1].opened_by == fill.fill_id else None
        if opened is not None:
            lot = OpenLot(
                books.account_id, position_id, fill.pair, fill.side, fill.fill_id, fill.at, opened.quantity, opened.cost
            )
            self._lots(books, position_id, fill.pair, fill.side).append(lot)
            self.opened.append(lot)

    def _close(
        self, books: Books, position_id: PositionId, fill: Fill, closed_for: Decimal, quantity: Decimal, step: Decimal
    ) -> None:
        """Match what a fill closed with lots of its pool."""
        lots = self._lots(books, position_id, fill.pair, fill.side.opposite)
        while quantity > 0:
            lot = min(lots, key=_order(self._method))
            part = min(lot.quantity, quantity)
            opened_for = _share(lot.cost, part, lot.quantity, step)
            share = _share(closed_for, part, quantity, step)
            self.disposals.append(
                Disposal(
                    books.account_id,
                    position_id,
                    fill.pair,
                    lot.side,
                    part,
                    lot.opened_by,
                    lot.opened_at,
                    opened_for,
                    fill.fill_id,
                    fill.at,
                    share,
                    fill.is_liquidation,
                )
            )
            place = lots.index(lot)
            if part < lot.quantity:
                lots[place] = replace(lot, quantity=lot.quantity - part, cost=lot.cost - opened_for)
            else:
                del lots[place]
            quantity -= part
            closed_for -= share
        if not lots:
            del self.pools[self._pool_key(books, position_id, fill.pair, fill.side.opposite)]

    def _lots(self, books: Books, position_id: PositionId, pair: Pair, side: Side) -> list[OpenLot]:
        return self.pools.setdefault(self._pool_key(books, position_id, pair, side), [])

    def _pool_key(self, books: Books, position_id: PositionId, pair: Pair, side: Side) -> tuple[object, ...]:
        among: tuple[object, ...] = {
            Pool.POSITION: (books.account_id, position_id),
            Pool.ACCOUNT: (books.account_id,),
            Pool.ALL: (),
        }[self._pool]
        return (pair, side, *among)


def _own_part(entry: Entry, fill: Fill, step: Decimal) -> Fill:
    """The part of a fill that is the position's own, where the venue closed more than that by force."""
    elsewhere = abs(entry.amount(Account.FOREIGN, fill.pair.base))
    part, _ = divided(fill, fill.quantity - elsewhere, step)
    return part


def _closed_for(before: Position, realised: Realised, fill: Fill, step: Decimal) -> Decimal:
    """What a fill paid or brought for the traded lots that it closed (quote)."""
    whole = fill.held_cost(step)
    if realised.quantity == fill.held_quantity:
        return whole - realised.interest
    # It also opened the other side: what it closed is known by what that earned.
    opened_for = sum((lot.cost for lot in before.lots), ZERO)
    return opened_for + realised.pnl * before.lots[0].side.sign


def _order(method: Method) -> Callable[[OpenLot], tuple[object, ...]]:
    """By what a lot is chosen, the smallest first; among equals that which stands first: lots stand as they came."""

    def dearest(lot: OpenLot) -> tuple[object, ...]:
        price = lot.cost / lot.quantity
        return (-price if lot.side is Side.BUY else price,)

    match method:
        case Method.FIFO:
            return lambda _: ()
        case Method.LIFO:
            return lambda lot: (-lot.opened_at.timestamp(),)
        case Method.HIFO:
            return dearest


def _share(cost: Decimal, part: Decimal, whole: Decimal, step: Decimal) -> Decimal:
    return cost if part == whole else round_nearest(cost * part / whole, step)
