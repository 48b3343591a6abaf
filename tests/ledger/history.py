"""Made-up trading: fills of one pair, and the rows with which a venue would show them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from hypothesis import strategies as st

from jarvis.domain.account import LedgerKind, LedgerRow, LedgerRowId
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import USD, ZERO, Asset, round_nearest
from jarvis.domain.order import ClientOrderId, Fill, FillId, PositionId, VenueOrderId
from jarvis.ledger.book import Book
from jarvis.ledger.journal import Account

BTC = Pair.parse("BTC/USD")
STEP = Decimal("0.0001")
START = datetime(2025, 1, 1, tzinfo=UTC)
POSITION = PositionId("p1")


def fill_of(
    number: int, side: Side, quantity: str, price: str, *, fee: str = "0", is_liquidation: bool = False
) -> Fill:
    amount = Decimal(quantity)
    return Fill(
        fill_id=FillId(f"T{number:05d}"),
        venue_order_id=VenueOrderId(f"O{number:05d}"),
        client_order_id=ClientOrderId(f"j{number}"),
        pair=BTC,
        side=side,
        quantity=amount,
        price=Decimal(price),
        cost=round_nearest(amount * Decimal(price), STEP),
        fee=Decimal(fee),
        fee_asset=USD,
        at=START + timedelta(minutes=number),
        is_liquidation=is_liquidation,
    )


def row_of(
    ref_id: str,
    amount: Decimal | str,
    fee: Decimal | str = ZERO,
    kind: LedgerKind = LedgerKind.MARGIN,
    asset: Asset = USD,
    number: int = 0,
) -> LedgerRow:
    return LedgerRow(
        LedgerRowId(f"L{ref_id}-{number}"), ref_id, START, kind, asset, Decimal(amount), Decimal(fee), ZERO
    )


@dataclass(frozen=True)
class Drawn:
    """Fills oldest first, each one's opening fee and rows, rollovers, and the order in which all of it arrives."""

    fills: list[Fill]
    opening_fees: dict[FillId, Decimal]
    arrivals: list[Fill | LedgerRow]

    @property
    def cash(self) -> Decimal:
        return sum((event.change for event in self.arrivals if isinstance(event, LedgerRow)), ZERO)

    @property
    def rollover(self) -> Decimal:
        rows = (event for event in self.arrivals if isinstance(event, LedgerRow))
        return sum((row.fee for row in rows if row.kind is LedgerKind.ROLLOVER), ZERO)

    def book(self, position_id: PositionId = POSITION) -> Book:
        book = Book({BTC: STEP})
        for event in self.arrivals:
            if isinstance(event, Fill):
                book.add_fill(event, position_id)
            else:
                book.add_row(event)
        return book


def steps(low: int, high: int, step: Decimal) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda number: number * step)


@st.composite
def histories(draw: st.DrawFn, *, ends_flat: bool = False, rollovers_after_fill: bool = False) -> Drawn:
    """Trading that a venue could have shown: rows single or split in two, arriving before or after their fill."""
    fills: list[Fill] = []
    net = ZERO
    for number in range(draw(st.integers(1, 7))):
        side = draw(st.sampled_from(Side))
        quantity = draw(steps(1, 3_000_000, Decimal("0.00000001")))
        price = draw(steps(1, 2_000_000, Decimal("0.1")))
        fee = draw(steps(0, 500_000, STEP))
        fills.append(fill_of(number, side, str(quantity), str(price), fee=str(fee)))
        net += fills[-1].signed_quantity
    if ends_flat and net:
        side = Side.SELL if net > 0 else Side.BUY
        fills.append(fill_of(len(fills), side, str(abs(net)), str(draw(steps(1, 2_000_000, Decimal("0.1"))))))
    pure = Book({BTC: STEP})
    opening_fees, rows, rollovers = {}, [], []
    for fill in fills:
        before = pure.position(BTC).cost
        pnl = -pure.add_fill(fill, None).amount(Account.PRICE, USD)
        opens = pure.position(BTC).cost > before or pure.position(BTC).side is fill.side
        opening_fees[fill.fill_id] = draw(steps(0, 100_000, STEP)) if opens else ZERO
        fees = fill.fee + opening_fees[fill.fill_id]
        if draw(st.booleans()):
            rows.append(row_of(fill.fill_id, pnl, fees))
        else:
            rows += [row_of(fill.fill_id, pnl, number=1), row_of(fill.fill_id, ZERO, fees, number=2)]
        rollovers += [
            row_of(fill.fill_id, ZERO, draw(steps(0, 10_000, STEP)), LedgerKind.ROLLOVER, number=10 + n)
            for n in range(draw(st.integers(0, 2)))
        ]
    arrivals: list[Fill | LedgerRow] = _merge(fills, rows, draw(st.randoms(use_true_random=False)))
    for rollover in rollovers:
        booked = next(
            i for i, event in enumerate(arrivals) if isinstance(event, Fill) and event.fill_id == rollover.ref_id
        )
        earliest = booked + 1 if rollovers_after_fill else 0
        arrivals.insert(draw(st.integers(earliest, len(arrivals))), rollover)
    return Drawn(fills, opening_fees, arrivals)


def _merge(fills: list[Fill], rows: list[LedgerRow], random: Random) -> list[Fill | LedgerRow]:
    """Fills in their order (the venue's sequence), rows anywhere."""
    merged: list[Fill | LedgerRow] = list(fills)
    for row in rows:
        merged.insert(random.randint(0, len(merged)), row)
    return merged
