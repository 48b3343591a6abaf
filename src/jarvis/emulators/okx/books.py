"""Each account's books: cash, accrued interest and margin positions, kept from what happens on the exchange.

The simulated wallet knows what is held and owed in all; OKX tells it apart: in futures mode a position's assets and
debt are its own, elsewhere a debt is negative cash. Interest accrues every hour and is booked at 00:00 UTC.
Cash less accrued interest, plus what positions hold less what they owe, is the wallet's net balance at any time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.account import LedgerKind, LedgerRow
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset, round_down
from jarvis.domain.order import VenueOrderId
from jarvis.emulators.okx.bills import (
    BORROW,
    INTEREST,
    LIQUIDATION,
    REPAY,
    TRADE,
    TRANSFER,
    Bill,
    InterestRow,
    LoanRow,
)
from jarvis.emulators.okx.positions import MarginPosition, Traded, closing_part, decrease, increase
from jarvis.sim.exchange import (
    SimBorrow,
    SimEvent,
    SimFill,
    SimInterest,
    SimLedger,
    SimOrder,
    SimOrderEvent,
    SimRepay,
)

PositionKey = tuple[Pair, Asset]
_DAY = timedelta(days=1)
_INTEREST_STEP = Decimal("0.00000001")
_TRANSFER_IN, _TRANSFER_OUT = "11", "12"
_MARKET_LOAN = "9"


@dataclass(slots=True)
class AccountBooks:
    """One account's books. `fills` by order."""

    name: str
    has_positions: bool
    booked_until: datetime
    cash: dict[Asset, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    accrued: dict[Asset, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    updated_at: dict[Asset, datetime] = field(default_factory=dict)
    positions: dict[PositionKey, MarginPosition] = field(default_factory=dict)
    closed: list[MarginPosition] = field(default_factory=list)
    bills: list[Bill] = field(default_factory=list)
    interest: list[InterestRow] = field(default_factory=list)
    loans: list[LoanRow] = field(default_factory=list)
    fills: dict[VenueOrderId, list[SimFill]] = field(default_factory=lambda: defaultdict(list))
    fill_bills: dict[str, Bill] = field(default_factory=dict)
    touched: set[PositionKey] = field(default_factory=set)
    interest_told: int = 0

    def net(self, asset: Asset) -> Decimal:
        """Held less owed, all in all."""
        own = self.cash.get(asset, ZERO) - self.accrued.get(asset, ZERO)
        return own + sum((position.net(asset) for position in self.positions.values()), ZERO)

    def position(self, pair: Pair, margin_asset: Asset) -> MarginPosition | None:
        """The open position, if there is one."""
        return self.positions.get((pair, margin_asset))


class Books:
    """All accounts' books.

    `margin_asset_of` says in which currency's position an order trades, None for spot; `reduces` whether it is marked
    as reducing.
    """

    def __init__(
        self, margin_asset_of: Callable[[SimOrder], Asset | None], reduces: Callable[[SimOrder], bool]
    ) -> None:
        self._margin_asset_of = margin_asset_of
        self._reduces = reduces
        self._accounts: dict[str, AccountBooks] = {}
        self._bills = 0
        self._positions = 0
        self._interest = 0

    def open(self, name: str, *, has_positions: bool, at: datetime) -> None:
        """Begin the books of a new account."""
        self._accounts[name] = AccountBooks(name, has_positions, _midnight(at))

    def of(self, name: str) -> AccountBooks:
        """An account's books. Raises KeyError."""
        return self._accounts[name]

    def apply(self, events: Iterable[SimEvent], now: datetime) -> None:
        """Book what happened, in order, and at each midnight the interest of the day."""
        for event in events:
            books = self._accounts.get(getattr(event, "account", ""))
            if books is None:
                continue
            at = _time_of(event)
            if at is not None:
                self._book_days(books, at, including=False)
            match event:
                case SimFill():
                    self._fill(books, event)
                case SimInterest():
                    self._accrue(books, event)
                case SimBorrow():
                    self._borrow(books, event)
                case SimRepay():
                    self._repay(books, event)
                case SimLedger(row=row):
                    self._ledger(books, row)
                case _:
                    pass
        for books in self._accounts.values():
            self._book_days(books, now, including=True)

    # Trades.

    def _fill(self, books: AccountBooks, event: SimFill) -> None:
        fill = event.fill
        books.fills[fill.venue_order_id].append(event)
        margin_asset = self._margin_asset_of(event.order) if books.has_positions else None
        trade = replace(Traded.of(fill), trade_id=str(event.number))
        if margin_asset is None:
            self._spot_fill(books, event, trade)
        else:
            self._margin_fill(books, event, trade, margin_asset)

    def _spot_fill(self, books: AccountBooks, event: SimFill, trade: Traded) -> None:
        fill = event.fill
        kind, sub_kind = _kinds_of(fill.side, is_liquidation=fill.is_liquidation)
        for asset, change in ((fill.pair.base, trade.base), (fill.pair.quote, trade.quote)):
            fee = -fill.fee if asset == fill.fee_asset else ZERO
            bill = self._post(books, asset, change, fill.at, kind, sub_kind, fee=fee, pair=fill.pair, fill=event)
            books.fill_bills.setdefault(str(fill.fill_id), bill)
        if fill.fee_asset not in (fill.pair.base, fill.pair.quote):
            self._post(books, fill.fee_asset, -fill.fee, fill.at, kind, sub_kind, pair=fill.pair, fill=event)

    def _margin_fill(self, books: AccountBooks, event: SimFill, trade: Traded, margin_asset: Asset) -> None:
        pair = event.fill.pair
        position = books.position(pair, margin_asset)
        base = quote = profit = ZERO
        before = position.size if position is not None else ZERO
        rest: Traded | None = trade
        if position is not None and position.side is not trade.side:
            first, rest = closing_part(position, trade)
            realised = position.profit
            base, quote = decrease(position, first)
            profit = position.profit - realised
            if not position.is_open:
                self._close(books, position)
        if rest is not None:
            if self._reduces(event.order) or rest.is_liquidation:
                # What a reducing order trades beyond the debt is plain spot.
                base, quote = base + rest.base, quote + rest.quote
            else:
                position = books.position(pair, margin_asset) or self._open(books, pair, margin_asset, rest)
                increase(position, rest)
        books.touched.add((pair, margin_asset))
        after = books.position(pair, margin_asset)
        kind, sub_kind = _kinds_of(event.fill.side, is_liquidation=event.fill.is_liquidation)
        balance = after.size if after is not None else ZERO
        bill = self._post(
            books,
            pair.quote,
            quote,
            event.fill.at,
            kind,
            sub_kind,
            fee=-event.fill.fee,
            pair=pair,
            fill=event,
            profit=profit,
            position_change=balance - before,
            position_balance=balance,
            margin_mode="cross",
        )
        books.fill_bills[str(event.fill.fill_id)] = bill
        if base:
            self._post(books, pair.base, base, event.fill.at, kind, sub_kind, pair=pair, fill=event)

    def _open(self, books: AccountBooks, pair: Pair, margin_asset: Asset, trade: Traded) -> MarginPosition:
        self._positions += 1
        position = MarginPosition(self._positions, pair, margin_asset, trade.side, trade.at, trade.at)
        books.positions[pair, margin_asset] = position
        return position

    def _close(self, books: AccountBooks, position: MarginPosition) -> None:
        del books.positions[position.pair, position.margin_asset]
        books.closed.append(position)

    # Loans.

    def _accrue(self, books: AccountBooks, event: SimInterest) -> None:
        owing = [position for position in books.positions.values() if position.debt_asset == event.asset]
        total = sum((position.debt for position in owing), ZERO)
        left = event.interest
        for position in owing if total > 0 else ():
            # No part is finer than the whole is told: parts that are rounded when they are shown would not add up.
            share = (
                left if position is owing[-1] else round_down(event.interest * position.debt / total, _INTEREST_STEP)
            )
            position.interest += share
            position.updated_at = event.at
            left -= share
            books.touched.add((position.pair, position.margin_asset))
            self._interest_row(books, event, position.debt, share, position.pair)
        if left:
            books.accrued[event.asset] += left
            books.updated_at[event.asset] = event.at
            self._interest_row(books, event, event.principal, left, None)

    def _interest_row(
        self, books: AccountBooks, event: SimInterest, principal: Decimal, interest: Decimal, pair: Pair | None
    ) -> None:
        self._interest += 1
        row = InterestRow(self._interest, event.asset, principal, event.rate, interest, event.at, pair)
        books.interest.append(row)

    def _borrow(self, books: AccountBooks, event: SimBorrow) -> None:
        kind = "manual_borrow" if event.order_id is None else "auto_borrow"
        self._loan(books, event.asset, kind, event.amount, event.at)

    def _repay(self, books: AccountBooks, event: SimRepay) -> None:
        kind = "auto_repay" if event.automatic or event.order_id is not None else "manual_repay"
        self._loan(books, event.asset, kind, event.principal + event.interest, event.at)

    def _loan(self, books: AccountBooks, asset: Asset, kind: str, amount: Decimal, at: datetime) -> None:
        previous = next((row.owed for row in reversed(books.loans) if row.asset == asset), ZERO)
        owed = max(ZERO, previous + (amount if kind.endswith("borrow") else -amount))
        books.loans.append(LoanRow(asset, kind, amount, owed, at))
        if kind.startswith("manual"):
            # A loan moves no net balance: what comes in is owed.
            self._post(books, asset, ZERO, at, BORROW if kind.endswith("borrow") else REPAY, "")

    def _book_days(self, books: AccountBooks, at: datetime, *, including: bool) -> None:
        """Book the interest of every day that ended before `at` (or at it)."""
        while books.booked_until + _DAY < at or (including and books.booked_until + _DAY <= at):
            books.booked_until += _DAY
            self._book_interest(books, books.booked_until)

    def _book_interest(self, books: AccountBooks, at: datetime) -> None:
        for asset, accrued in list(books.accrued.items()):
            if accrued:
                books.accrued[asset] = ZERO
                self._post(books, asset, -accrued, at, INTEREST, _MARKET_LOAN, interest=-accrued)
        for key, position in books.positions.items():
            if not position.interest:
                continue
            interest, position.interest = position.interest, ZERO
            books.touched.add(key)
            change = ZERO
            if position.debt_asset == position.margin_asset:
                change = -interest
            else:
                position.debt += interest
            self._post(
                books,
                position.debt_asset,
                change,
                at,
                INTEREST,
                _MARKET_LOAN,
                interest=-interest,
                pair=position.pair,
                margin_mode="cross",
            )

    # Everything else.

    def _ledger(self, books: AccountBooks, row: LedgerRow) -> None:
        match row.kind:
            case LedgerKind.DEPOSIT | LedgerKind.WITHDRAWAL | LedgerKind.TRANSFER | LedgerKind.ADJUSTMENT:
                sub_kind = _TRANSFER_IN if row.amount >= 0 else _TRANSFER_OUT
                self._post(books, row.asset, row.amount - row.fee, row.at, TRANSFER, sub_kind)
            case LedgerKind.REWARD | LedgerKind.CONVERSION:
                self._post(books, row.asset, row.amount - row.fee, row.at, TRANSFER, _TRANSFER_IN)
            case LedgerKind.LIQUIDATION_FEE:
                self._post(books, row.asset, row.amount - row.fee, row.at, LIQUIDATION, "100", fee=-row.fee)
            case _:
                # Fills and interest are booked from their own events.
                pass

    def _post(
        self,
        books: AccountBooks,
        asset: Asset,
        change: Decimal,
        at: datetime,
        kind: str,
        sub_kind: str,
        *,
        fee: Decimal = ZERO,
        interest: Decimal = ZERO,
        profit: Decimal = ZERO,
        position_change: Decimal = ZERO,
        position_balance: Decimal = ZERO,
        pair: Pair | None = None,
        margin_mode: str = "",
        fill: SimFill | None = None,
    ) -> Bill:
        books.cash[asset] += change
        books.updated_at[asset] = at
        self._bills += 1
        bill = Bill(
            number=self._bills,
            kind=kind,
            sub_kind=sub_kind,
            asset=asset,
            at=at,
            change=change,
            balance=books.cash[asset],
            position_change=position_change,
            position_balance=position_balance,
            interest=interest,
            profit=profit,
            fee=fee,
            pair=pair,
            margin_mode=margin_mode,
            fill=fill,
        )
        books.bills.append(bill)
        return bill


def _kinds_of(side: Side, *, is_liquidation: bool) -> tuple[str, str]:
    if is_liquidation:
        # 100 to 107: which way a position was liquidated.
        return LIQUIDATION, "102" if side is Side.BUY else "101"
    return TRADE, "1" if side is Side.BUY else "2"


def _time_of(event: SimEvent) -> datetime | None:
    match event:
        case SimFill(fill=fill):
            return fill.at
        case SimLedger(row=row):
            return row.at
        case SimInterest() | SimBorrow() | SimRepay() | SimOrderEvent():
            return event.at
        case _:
            return None


def _midnight(at: datetime) -> datetime:
    return datetime(at.year, at.month, at.day, tzinfo=UTC)
