"""Months of an account's trading, written in bulk: for pages and figures that need much of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

from jarvis.domain.account import AccountId, LedgerKind, LedgerRow, LedgerRowId
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.domain.order import (
    ClientOrderId,
    Fill,
    FillId,
    Order,
    OrderRequest,
    OrderRole,
    OrderStatus,
    OrderType,
    PositionId,
    VenueOrderId,
)
from jarvis.domain.position import Position
from jarvis.ledger.book import Book
from jarvis.ledger.journal import Entry
from jarvis.store.db import Store
from jarvis.store.recording import _pnl_of, _story_values
from jarvis.store.rows import order_values, values_of
from jarvis.store.tables import activities, entries, equity, fills, ledger_rows, orders, postings, stories
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Protection

PAIRS = tuple(Pair(Asset(base), USD) for base in ("BTC", "ETH", "SOL"))
PRICES = {"BTC": Decimal(60000), "ETH": Decimal(3000), "SOL": Decimal(150)}
STRATEGIES = ("donchian_breakout", "moving_average_crossover")
STEP = Decimal("0.0001")
ENTRIES_EACH = 6
"""How many journal entries a position of these months has: two fills, their two rows, two rollovers."""


@dataclass
class _Writing:
    """Rows by table, and the account's balance so far."""

    account_id: AccountId
    book: Book = field(default_factory=lambda: Book(dict.fromkeys(PAIRS, STEP)))
    balance: Decimal = ZERO
    rows: dict[Any, list[Mapping[str, Any]]] = field(default_factory=dict)
    entries: list[tuple[Entry, str | None]] = field(default_factory=list)

    def add(self, table: Any, **values: Any) -> None:
        self.rows.setdefault(table, []).append({"account_id": self.account_id, **values})

    def pay(self, kind: LedgerKind, amount: Decimal, fee: Decimal, ref: str, at: datetime) -> None:
        """A row of the venue's ledger with its entries."""
        self.balance += amount - fee
        number = LedgerRowId(f"L{len(self.rows.get(ledger_rows, [])):09d}")
        row = LedgerRow(number, ref, at, kind, USD, amount, fee, self.balance)
        self.add(ledger_rows, **values_of(row))
        self.entries += [(entry, row.row_id) for entry in self.book.add_row(row)]


async def write_months(
    store: Store, account_id: AccountId, *, positions: int, start: datetime, apart: timedelta
) -> None:
    """A deposit, then closed positions `apart` from each other, every fill settled and rolled over twice.

    Every tenth week something is paid out. Equity is read at each closing; every position is told of in the activity.
    """
    writing = _Writing(account_id)
    writing.pay(LedgerKind.DEPOSIT, Decimal(25000), ZERO, "deposit", start)
    for number in range(positions):
        _position(writing, number, start + apart * (number + 1), apart)
        if number % 200 == 150:
            writing.pay(LedgerKind.WITHDRAWAL, Decimal(-120), Decimal(1), "out", start + apart * (number + 1))
    async with store._write() as connection:
        for table, rows in writing.rows.items():
            await connection.execute(insert(table), rows)
        last = 0
        for begin in range(0, len(writing.entries), 500):
            some = writing.entries[begin : begin + 500]
            numbers = (
                await connection.execute(
                    insert(entries).returning(entries.c.entry_id, sort_by_parameter_order=True),
                    [
                        {
                            "account_id": account_id,
                            **{name: getattr(entry, name) for name in ("kind", "at", "ref_id", "position_id", "pair")},
                            "row_id": row_id,
                        }
                        for entry, row_id in some
                    ],
                )
            ).scalars()
            posted = [
                {"entry_id": entry_id, "number": place, **values_of(posting)}
                for entry_id, (entry, _) in zip(numbers, some, strict=True)
                for place, posting in enumerate(entry.postings)
            ]
            await connection.execute(insert(postings), posted)
            last = posted[-1]["entry_id"]
    assert last >= positions


def _position(writing: _Writing, number: int, at: datetime, apart: timedelta) -> None:
    pair = PAIRS[number % len(PAIRS)]
    side = Side.BUY if number % 5 else Side.SELL
    price = PRICES[pair.base] * (1 + Decimal(number * 37 % 101 - 50) / 2000)
    moved = price * (1 + Decimal(number * 53 % 67 - 30) / 2500 * side.sign)
    quantity = (Decimal(2000) / price).quantize(STEP)
    position_id = PositionId(f"months-{number:06d}")
    entry, stop = ClientOrderId(f"jm{number:07d}e"), ClientOrderId(f"jm{number:07d}x")
    opening = _fill(pair, side, quantity, price.quantize(STEP), at, f"T{number:08d}e", entry)
    closing = _fill(pair, side.opposite, quantity, moved.quantize(STEP), at + apart * 0.8, f"T{number:08d}x", stop)
    story = PositionStory(
        position_id, pair, STRATEGIES[number % 2], Position(pair, STEP), Protection(price / 50), 3, entry, side,
        opening.price, at, quantity, closed_at=closing.at, exit_role=OrderRole.STOP if number % 3 else
        OrderRole.TAKE_PROFIT, fill_ids=(opening.fill_id, closing.fill_id), opened_cost=opening.cost,
    )  # fmt: skip
    for fill in (opening, closing):
        before = writing.book.position(pair)
        made = writing.book.add_fill(fill, position_id)
        writing.entries.append((made, None))
        writing.add(fills, **values_of(fill), position_id=position_id, pnl=_pnl_of(made, fill))
        realised = before.apply(fill)[1].pnl
        extra = Decimal("0.4") if fill is opening else ZERO
        writing.pay(LedgerKind.MARGIN, realised, fill.fee + extra, fill.fill_id, fill.at + timedelta(seconds=1))
        if fill is opening:
            for each in (1, 2):
                writing.pay(LedgerKind.ROLLOVER, ZERO, Decimal("0.4"), fill.fill_id, fill.at + apart * 0.2 * each)
    writing.rows.setdefault(stories, []).append(_story_values(writing.account_id, story))
    for fill, role in ((opening, OrderRole.ENTRY), (closing, OrderRole.STOP)):
        writing.rows.setdefault(orders, []).append({**order_values(writing.account_id, _order(fill, role, position_id)),
                                                    "fence": 1})  # fmt: skip
    writing.add(equity, at=closing.at, asset=USD, equity=writing.balance, trade_balance=writing.balance,
                used_margin=ZERO, free_margin=writing.balance, unrealised=ZERO, margin_level=None,
                call_level=Decimal("0.8"), liquidation_level=Decimal("0.4"), venue_level=None)  # fmt: skip
    writing.add(activities, at=closing.at, kind="closed", severity="info", message=f"{pair}: closed.", pair=pair)


def _fill(
    pair: Pair, side: Side, quantity: Decimal, price: Decimal, at: datetime, fill_id: str, order_id: ClientOrderId
) -> Fill:
    cost = (quantity * price).quantize(STEP)
    return Fill(
        fill_id=FillId(fill_id), venue_order_id=VenueOrderId(f"O{fill_id}"), client_order_id=order_id, pair=pair,
        side=side, quantity=quantity, price=price, cost=cost, fee=(cost * Decimal("0.0026")).quantize(STEP),
        fee_asset=USD, at=at,
    )  # fmt: skip


def _order(fill: Fill, role: OrderRole, position_id: PositionId) -> Order:
    assert fill.client_order_id is not None
    request = OrderRequest(
        client_order_id=ClientOrderId(fill.client_order_id), pair=fill.pair, side=fill.side,
        order_type=OrderType.MARKET if role is OrderRole.ENTRY else OrderType.STOP, quantity=fill.quantity, leverage=3,
        role=role, reduce_only=role is not OrderRole.ENTRY, position_id=position_id,
        trigger_price=None if role is OrderRole.ENTRY else fill.price * Decimal("1.001"),
        decision_price=fill.price * Decimal("0.9995"),
    )  # fmt: skip
    order = Order(request, fill.at - timedelta(seconds=2))
    return replace(order, status=OrderStatus.FILLED, venue_order_id=fill.venue_order_id, filled_quantity=fill.quantity)
