"""Netting by FIFO lots, in exact fractions.

Written without `domain.position`, which does the same for the other side of the wire: each is the other's witness.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from jarvis.domain.money import ZERO
from jarvis.domain.order import Fill
from jarvis.sim.exchange.records import SimLot


@dataclass(frozen=True, slots=True)
class Netting:
    """What a margin fill does: `lots` as they stand afterwards (only those touched), and what is left to open."""

    lots: tuple[SimLot, ...]
    closed_quantity: Decimal
    realised: Decimal
    opened_quantity: Decimal
    opened_cost: Decimal


def share(amount: Decimal, part: Decimal, whole: Decimal, step: Decimal) -> Decimal:
    """The part of `amount` that goes with `part` of `whole`, to the nearest step, ties to even."""
    steps = Fraction(amount) * Fraction(part) / Fraction(whole) / Fraction(step)
    return round(steps) * step


def net(lots: Sequence[SimLot], fill: Fill, step: Decimal) -> Netting:
    """Close the oldest lots of the opposite side first; what the fill has more than they hold opens.

    `lots` are the open lots of the fill's pair, oldest first. A lot's part takes its share of what is left of the
    lot's cost, and of the fill's, so that all shares together are exactly the cost.
    """
    left, left_cost, left_fee = fill.quantity, fill.cost, fill.fee
    realised = ZERO
    touched: list[SimLot] = []
    for lot in lots:
        if left == 0 or lot.side is fill.side:
            break
        part = min(left, lot.remaining_quantity)
        paid = share(lot.remaining_cost, part, lot.remaining_quantity, step)
        got = share(left_cost, part, left, step)
        fee = share(left_fee, part, left, step)
        pnl = (got - paid) * lot.side.sign
        touched.append(_closed(lot, fill, part, paid, got, fee, pnl))
        realised += pnl
        left -= part
        left_cost -= got
        left_fee -= fee
    return Netting(tuple(touched), fill.quantity - left, realised, left, left_cost)


def _closed(lot: SimLot, fill: Fill, part: Decimal, paid: Decimal, got: Decimal, fee: Decimal, pnl: Decimal) -> SimLot:
    closed_at: datetime | None = fill.at if part == lot.remaining_quantity else None
    return replace(
        lot,
        closed_quantity=lot.closed_quantity + part,
        closed_cost=lot.closed_cost + paid,
        closing_cost=lot.closing_cost + got,
        closing_fee=lot.closing_fee + fee,
        realised=lot.realised + pnl,
        closing_fill_ids=(*lot.closing_fill_ids, fill.fill_id),
        closed_at=closed_at,
    )
