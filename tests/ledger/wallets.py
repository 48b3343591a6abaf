"""Made-up trading in a wallet: fills with fees in base, quote or BNB, and interest in what was borrowed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_UP, Decimal

from hypothesis import strategies as st

from jarvis.domain.account import LedgerKind, LedgerRow, LedgerRowId
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset, round_nearest
from jarvis.domain.order import ClientOrderId, Fill, FillId, PositionId, VenueOrderId
from jarvis.domain.traits import Settlement
from jarvis.ledger.book import Book

D = Decimal
BTC = Pair.parse("BTC/USDT")
ETH = Pair.parse("ETH/USDT")
USDT, BNB = Asset("USDT"), Asset("BNB")
STEP = D("0.00000001")
START = datetime(2026, 1, 1, tzinfo=UTC)
RATE = D("0.001")


def fill_of(
    number: int,
    side: Side,
    quantity: Decimal | str,
    price: Decimal | str,
    *,
    fee: Decimal | str | None = None,
    fee_asset: Asset | None = None,
    pair: Pair = BTC,
    is_liquidation: bool = False,
) -> Fill:
    """A fill with the fee taken out of what was received, unless it says otherwise."""
    amount = D(quantity)
    cost = round_nearest(amount * D(price), STEP)
    received = pair.base if side is Side.BUY else pair.quote
    usual = (amount if side is Side.BUY else cost) * RATE
    return Fill(
        fill_id=FillId(f"T{number:05d}"),
        venue_order_id=VenueOrderId(f"O{number:05d}"),
        client_order_id=ClientOrderId(f"j{number}"),
        pair=pair,
        side=side,
        quantity=amount,
        price=D(price),
        cost=cost,
        fee=usual.quantize(STEP, rounding=ROUND_UP) if fee is None else D(fee),
        fee_asset=fee_asset or received,
        at=START + timedelta(minutes=number),
        is_liquidation=is_liquidation,
    )


def interest_of(
    number: int,
    asset: Asset,
    fee: Decimal | str,
    *,
    minute: int | None = None,
    pair: Pair | None = None,
    kind: LedgerKind = LedgerKind.INTEREST,
) -> LedgerRow:
    at = START + timedelta(minutes=number if minute is None else minute, seconds=1)
    return LedgerRow(LedgerRowId(f"I{number:05d}"), f"I{number:05d}", at, kind, asset, ZERO, D(fee), None, pair)


def steps(low: int, high: int, step: str) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda number: number * D(step))


@dataclass(frozen=True)
class Drawn:
    """What happened in its order, each fill with the position that it belongs to, and the cash that it must leave."""

    events: list[tuple[Fill, PositionId] | LedgerRow]
    cash: dict[Asset, Decimal]

    @property
    def fills(self) -> list[Fill]:
        return [event[0] for event in self.events if not isinstance(event, LedgerRow)]

    def book(self) -> Book:
        book = Book({BTC: STEP, ETH: STEP}, Settlement.WALLET)
        for event in self.events:
            if isinstance(event, LedgerRow):
                book.add_row(event)
            else:
                book.add_fill(*event)
        return book


@st.composite
def histories(draw: st.DrawFn) -> Drawn:
    """Trading in two pairs, position after position; each position ends when it turns or becomes flat."""
    events: list[tuple[Fill, PositionId] | LedgerRow] = []
    cash: dict[Asset, Decimal] = {}
    book = Book({BTC: STEP, ETH: STEP}, Settlement.WALLET)
    names = {BTC: 1, ETH: 1}
    for number in range(draw(st.integers(1, 12))):
        if draw(st.integers(0, 3)) == 0:
            asset = draw(st.sampled_from((BTC.base, ETH.base, USDT, BNB)))
            row = interest_of(number, asset, draw(steps(1, 10**6, "0.00000001")))
            events.append(row)
            book.add_row(row)
            cash[asset] = cash.get(asset, ZERO) - row.fee
            continue
        pair = draw(st.sampled_from((BTC, ETH)))
        side = draw(st.sampled_from(Side))
        quantity = draw(steps(1, 3_000_000, "0.000001"))
        price = draw(steps(1, 2_000_000, "0.01"))
        fee_asset = draw(st.sampled_from((None, None, pair.quote, pair.base, BNB)))
        fee = draw(steps(0, 10**8, "0.00000001")) if fee_asset in (pair.quote, BNB) else None
        if fee_asset == pair.base:
            fee = round_nearest(quantity * RATE, STEP)
        fill = fill_of(number, side, quantity, price, fee=fee, fee_asset=fee_asset, pair=pair)
        position_id = PositionId(f"{pair.base}{names[pair]}")
        events.append((fill, position_id))
        before = book.position(pair, position_id).side
        book.add_fill(fill, position_id)
        if before is not None and book.position(pair, position_id).side is not before:
            names[pair] += 1
        moves = (
            (pair.base, fill.signed_quantity),
            (pair.quote, -fill.cost * side.sign),
            (fill.fee_asset, -fill.fee),
        )
        for asset, amount in moves:
            cash[asset] = cash.get(asset, ZERO) + amount
    return Drawn(events, cash)
