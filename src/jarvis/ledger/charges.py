"""Who bears a charge of the venue: interest and liquidation fees are rows of the account, positions caused them.

Interest in quote belongs to the longs that were bought with borrowed quote, interest in base to the short that owes
that base. Where several share a debt each bears its part by cost, so that the parts sum exactly to the row. What no
position of ours caused stays with the account.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.account import LedgerKind, LedgerRow
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, round_down
from jarvis.domain.order import PositionId

BORROWED_BEFORE = timedelta(minutes=1)
"""An order borrows, and may be charged for that, when it is placed: a little before its first fill."""
FEE_COMES_WITHIN = timedelta(minutes=10)
"""A liquidation's fee may be booked after the forced closing."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A position as a bearer of charges. `weight` is its part of what is shared (its cost in quote).

    `owes` is whether it is short now: then a charge in base makes its debt larger.
    """

    position_id: PositionId
    pair: Pair
    side: Side
    weight: Decimal
    opened_at: datetime
    closed_at: datetime | None
    owes: bool


@dataclass(frozen=True, slots=True)
class Share:
    """One bearer's part of a row's charge (in the row's asset); without a position it is the account's own."""

    amount: Decimal
    position_id: PositionId | None
    pair: Pair | None
    grows_debt: bool = False


def shares(row: LedgerRow, holders: Sequence[Holder]) -> list[Share]:
    """Who bears the charge of an interest or liquidation fee row; the amounts sum exactly to it."""
    charge = -row.change
    bearers = [holder for holder in holders if _bears(row, holder)]
    total = sum((holder.weight for holder in bearers), ZERO)
    result: list[Share] = []
    left = charge
    for holder in bearers:
        part = left
        if holder is not bearers[-1]:
            part = round_down(charge * (holder.weight / total if total else 1 / Decimal(len(bearers))), _step(charge))
        left -= part
        grows_debt = holder.owes and row.asset == holder.pair.base and part > 0
        result.append(Share(part, holder.position_id, holder.pair, grows_debt))
    return result or [Share(charge, None, row.pair)]


def _bears(row: LedgerRow, holder: Holder) -> bool:
    if row.pair not in (None, holder.pair):
        return False
    is_fee = row.kind is LedgerKind.LIQUIDATION_FEE
    borrowed = holder.pair.quote if holder.side is Side.BUY else holder.pair.base
    assets = (holder.pair.base, holder.pair.quote) if is_fee else (borrowed,)
    late = FEE_COMES_WITHIN if is_fee else timedelta(0)
    has_begun = holder.opened_at - BORROWED_BEFORE <= row.at
    return row.asset in assets and has_begun and (holder.closed_at is None or row.at <= holder.closed_at + late)


def _step(amount: Decimal) -> Decimal:
    """The last digit that the venue told of an amount."""
    exponent = amount.as_tuple().exponent
    return Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
