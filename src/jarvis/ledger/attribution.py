"""Where every cent went: a waterfall per position, and per whatever positions are grouped by; tax lots.

All amounts are read from the journal and signed as they helped or hurt: fees are negative. The parts of a waterfall
sum exactly to what the position's entries did to cash and clearing, and to basis where assets change hands at once:
what the position still holds or owes at its cost is no result yet.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset, round_nearest
from jarvis.domain.order import Fill, FillId, PositionId
from jarvis.domain.position import Position
from jarvis.ledger.journal import Account, Entry

_Key = TypeVar("_Key", bound=Hashable)
_SLIPPAGE_STEP = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class DecidedFill:
    """A fill and the price that its order was decided at; None when nobody decided (a liquidation)."""

    fill: Fill
    decision_price: Decimal | None


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Realised result in `asset` from the first cause to the last. `position_id` is None for a sum of several.

    `price` is what it would have earned at the prices of the decisions, `slippage` what the real prices changed,
    `liquidation` the result of quantity that the venue closed by force and what it charged for that, `adjustment` all
    that has no other name.
    """

    position_id: PositionId | None
    asset: Asset
    price: Decimal = ZERO
    slippage: Decimal = ZERO
    trading_fee: Decimal = ZERO
    opening_fee: Decimal = ZERO
    rollover: Decimal = ZERO
    liquidation: Decimal = ZERO
    adjustment: Decimal = ZERO
    interest: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """What it did to cash, what it still holds at cost aside, or will have done when all has been shown."""
        return (
            self.price
            + self.slippage
            + self.trading_fee
            + self.opening_fee
            + self.rollover
            + self.interest
            + self.liquidation
            + self.adjustment
        )

    def __add__(self, other: "Waterfall") -> "Waterfall":
        if other.asset != self.asset:
            raise ValueError(f"{self.asset} and {other.asset} do not add")
        return Waterfall(
            None,
            self.asset,
            self.price + other.price,
            self.slippage + other.slippage,
            self.trading_fee + other.trading_fee,
            self.opening_fee + other.opening_fee,
            self.rollover + other.rollover,
            self.liquidation + other.liquidation,
            self.adjustment + other.adjustment,
            self.interest + other.interest,
        )


@dataclass(frozen=True, slots=True)
class TaxLot:
    """A part of one opening fill and the fill that closed it. `quantity` in base; cost, proceeds, PnL in quote."""

    pair: Pair
    side: Side
    quantity: Decimal
    opened_by: FillId
    opened_at: datetime
    closed_by: FillId
    closed_at: datetime
    opened_for: Decimal
    closed_for: Decimal

    @property
    def pnl(self) -> Decimal:
        """Profit without fees."""
        return (self.closed_for - self.opened_for) * self.side.sign


def waterfall(
    position_id: PositionId, asset: Asset, entries: Iterable[Entry], fills: Sequence[DecidedFill]
) -> Waterfall:
    """The waterfall of one position: its entries of `entries`, and its fills oldest first.

    While it is partly open, the slippage of its opening fills counts by the share of them that we closed.
    """
    own = (entry for entry in entries if entry.position_id == position_id)
    return _read(own, asset, position_id, _slippage(fills))


def by_group(waterfalls: Iterable[Waterfall], key: Callable[[Waterfall], _Key]) -> dict[_Key, Waterfall]:
    """The sums of waterfalls of one asset by whatever `key` says: pair, strategy, day of closing."""
    sums: dict[_Key, Waterfall] = {}
    for one in waterfalls:
        group = key(one)
        sums[group] = sums.get(group, Waterfall(None, one.asset)) + one
    return sums


def by_day(entries: Iterable[Entry], asset: Asset) -> dict[date, Waterfall]:
    """What the positions' entries of each UTC day earned and cost, oldest day first; slippage stands within price."""
    days: dict[date, list[Entry]] = {}
    for entry in entries:
        if entry.position_id is not None:
            days.setdefault(entry.at.astimezone(UTC).date(), []).append(entry)
    return {day: _read(days[day], asset, None, ZERO) for day in sorted(days)}


def tax_lots(fills: Iterable[Fill], cost_step: Decimal) -> list[TaxLot]:
    """What each closing fill closed, oldest lots first, from one pair's fills in their order.

    Quantities are what was held, fees in base taken off; interest is no lot.
    """
    closed: list[TaxLot] = []
    position: Position | None = None
    for fill in fills:
        before = position or Position(fill.pair, cost_step)
        position, realised = before.apply(fill)
        quantity = realised.quantity
        rest_quantity, rest_cost = fill.held_quantity, fill.held_cost(cost_step)
        left = {lot.opened_by: lot for lot in position.lots}
        for lot in before.lots if quantity else ():
            kept = left.get(lot.opened_by)
            part = lot.quantity - (kept.quantity if kept else ZERO)
            if part <= 0:
                break
            share = rest_cost if part == rest_quantity else round_nearest(rest_cost * part / rest_quantity, cost_step)
            opened_for = lot.cost - (kept.cost if kept else ZERO)
            closed.append(
                TaxLot(
                    fill.pair,
                    lot.side,
                    part,
                    FillId(lot.opened_by),
                    lot.opened_at,
                    fill.fill_id,
                    fill.at,
                    opened_for,
                    share,
                )
            )
            rest_quantity -= part
            rest_cost -= share
    return closed


def _read(entries: Iterable[Entry], asset: Asset, position_id: PositionId | None, slippage: Decimal) -> Waterfall:
    sums: dict[Account, Decimal] = {}
    for entry in entries:
        for posting in entry.postings:
            if posting.asset == asset:
                sums[posting.account] = sums.get(posting.account, ZERO) + posting.amount
    named = {
        "price": -sums.pop(Account.PRICE, ZERO) - slippage,
        "slippage": slippage,
        "trading_fee": -sums.pop(Account.TRADING_FEE, ZERO),
        "opening_fee": -sums.pop(Account.OPENING_FEE, ZERO),
        "rollover": -sums.pop(Account.ROLLOVER, ZERO),
        "interest": -sums.pop(Account.INTEREST, ZERO),
        "liquidation": -sums.pop(Account.LIQUIDATION, ZERO) - sums.pop(Account.LIQUIDATION_FEE, ZERO),
    }
    total = sum((sums.pop(each, ZERO) for each in (Account.CASH, Account.CLEARING, Account.BASIS)), ZERO)
    return Waterfall(position_id, asset, **named, adjustment=total - sum(named.values(), ZERO))


def _slippage(fills: Sequence[DecidedFill]) -> Decimal:
    """What prices worse than decided cost (negative), or better ones brought, on the quantity that we closed."""
    opening, closing, opened, closed = ZERO, ZERO, ZERO, ZERO
    for decided in fills:
        fill = decided.fill
        price = decided.decision_price
        better = ZERO if price is None else (price * fill.quantity - fill.cost) * fill.side.sign
        if fill.side is fills[0].fill.side:
            opening += better
            opened += fill.quantity
        elif not fill.is_liquidation:
            closing += better
            closed += fill.quantity
    if closed < opened:
        opening = round_nearest(opening * closed / opened, _SLIPPAGE_STEP)
    return opening + closing
