"""A position by FIFO lots: the one place where quantity, entry price and realised PnL are computed."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, round_nearest
from jarvis.domain.order import Fill


@dataclass(frozen=True, slots=True)
class Lot:
    """What is left of one opening fill: `quantity` (base, positive) bought or sold for `cost` (quote).

    An accrued lot is interest that a short owes in base: it was opened by a charge, not by a fill, and cost nothing.
    """

    opened_by: str
    side: Side
    quantity: Decimal
    cost: Decimal
    opened_at: datetime
    is_accrued: bool = False


@dataclass(frozen=True, slots=True)
class Realised:
    """What a fill closed: `quantity` (base) for a profit of `pnl` (quote, fees and interest excluded).

    `interest` (quote, positive is paid) is what it cost to close accrued lots.
    """

    quantity: Decimal
    pnl: Decimal
    interest: Decimal = ZERO


NOTHING_REALISED = Realised(ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class Position:
    """Open lots of one pair, oldest first, all of one side. `cost_step` is the step in which the venue books quote.

    A fee that was taken in base moves the quantity: what counts is what a fill leaves in hand, at its share of the
    cost (`Fill.held_quantity`, `Fill.held_cost`).
    """

    pair: Pair
    cost_step: Decimal
    lots: tuple[Lot, ...] = ()

    @property
    def quantity(self) -> Decimal:
        """Signed base quantity: positive long, negative short."""
        return sum((lot.quantity * lot.side.sign for lot in self.lots), ZERO)

    @property
    def cost(self) -> Decimal:
        """What the open lots cost (quote, positive)."""
        return sum((lot.cost for lot in self.lots), ZERO)

    @property
    def side(self) -> Side | None:
        """The side that opened it; None when flat."""
        return self.lots[0].side if self.lots else None

    @property
    def is_flat(self) -> bool:
        """Whether nothing is open."""
        return not self.lots

    @property
    def accrued(self) -> Decimal:
        """Interest that is owed in base beside what was sold short (positive)."""
        return sum((lot.quantity for lot in self.lots if lot.is_accrued), ZERO)

    @property
    def entry_price(self) -> Decimal | None:
        """Average price of the open lots that were traded (quote per base); None when there are none."""
        traded = abs(self.quantity) - self.accrued
        return self.cost / traded if traded else None

    def unrealised(self, price: Decimal) -> Decimal:
        """PnL if all were closed at `price`, fees excluded (quote)."""
        return self.quantity * price - self.cost * (self.lots[0].side.sign if self.lots else 0)

    def apply(self, fill: Fill) -> tuple["Position", Realised]:
        """The position after `fill`, and what the fill realised.

        An opposite fill closes the oldest lots first (Kraken nets by FIFO); what exceeds them opens the other side.
        A part of a lot takes its share of the cost rounded to `cost_step`, the rest keeps the remainder, so that
        the sum of all realised PnL at flat is exactly the cash difference.
        """
        if fill.pair != self.pair:
            raise ValueError(f"a fill of {fill.pair} does not belong to a position in {self.pair}")
        if not fill.is_margin:
            raise ValueError(f"fill {fill.fill_id} is a plain spot trade and moves no margin position")
        if self.side in (None, fill.side):
            lot = Lot(fill.fill_id, fill.side, fill.held_quantity, fill.held_cost(self.cost_step), fill.at)
            return Position(self.pair, self.cost_step, (*self.lots, lot)), NOTHING_REALISED
        return self._close(fill)

    def accrue(self, quantity: Decimal, charged_by: str, at: datetime) -> "Position":
        """The position after interest of `quantity` (base, positive) was charged on a short: its debt grows.

        A charge joins the lot of the one before, so that a short that is held for long keeps few lots.
        Raises ValueError where nothing is owed in base.
        """
        if self.side is not Side.SELL or quantity <= 0:
            raise ValueError(f"{self.pair}: interest in {self.pair.base} belongs to a short, and is positive")
        last = self.lots[-1]
        if last.is_accrued:
            return Position(
                self.pair, self.cost_step, (*self.lots[:-1], replace(last, quantity=last.quantity + quantity))
            )
        lot = Lot(charged_by, Side.SELL, quantity, ZERO, at, is_accrued=True)
        return Position(self.pair, self.cost_step, (*self.lots, lot))

    def _close(self, fill: Fill) -> tuple["Position", Realised]:
        remaining_quantity, remaining_cost = fill.held_quantity, fill.held_cost(self.cost_step)
        pnl, interest = ZERO, ZERO
        lots = list(self.lots)
        while lots and remaining_quantity > 0:
            lot = lots.pop(0)
            closed = min(lot.quantity, remaining_quantity)
            opened_for = self._share(lot.cost, closed, lot.quantity)
            closed_for = self._share(remaining_cost, closed, remaining_quantity)
            if lot.is_accrued:
                interest += closed_for
            else:
                pnl += (closed_for - opened_for) * lot.side.sign
            remaining_quantity -= closed
            remaining_cost -= closed_for
            if closed < lot.quantity:
                lots.insert(0, replace(lot, quantity=lot.quantity - closed, cost=lot.cost - opened_for))
        if remaining_quantity > 0:
            lots.append(Lot(fill.fill_id, fill.side, remaining_quantity, remaining_cost, fill.at))
        closed = fill.held_quantity - remaining_quantity
        return Position(self.pair, self.cost_step, tuple(lots)), Realised(closed, pnl, interest)

    def _share(self, cost: Decimal, part: Decimal, whole: Decimal) -> Decimal:
        return cost if part == whole else round_nearest(cost * part / whole, self.cost_step)
