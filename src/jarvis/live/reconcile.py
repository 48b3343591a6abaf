"""What the venue says against what we expect: confirmed, adopted or frozen, each with the evidence.

Reconciling never invents a fill. Missed fills, order states and ledger rows come from the venue's own records and go
through the same door as live ones; what they do not explain freezes the pair for entries and is said.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.account import AccountSnapshot
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO, plain
from jarvis.domain.order import ClientOrderId, Order, OrderReport
from jarvis.trading.stories import PositionStory


@dataclass(frozen=True, slots=True)
class PositionMismatch:
    """The venue holds another quantity on a pair than our fills add up to (signed, base)."""

    pair: Pair
    expected: Decimal
    at_venue: Decimal

    @property
    def message(self) -> str:
        """What the person is told."""
        return (
            f"{self.pair}: the venue holds {plain(self.at_venue)} {self.pair.base}, our fills add up to "
            f"{plain(self.expected)}. Somebody traded on this account, or a record is missing. Entries on this pair "
            f"stop until both agree; nothing was changed at the venue."
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of one comparison. `confirmed` pairs agree; `missing_orders` rest no longer and must be looked up."""

    confirmed: tuple[Pair, ...]
    mismatches: tuple[PositionMismatch, ...]
    resting: tuple[OrderReport, ...]
    missing_orders: tuple[ClientOrderId, ...]
    foreign_orders: tuple[OrderReport, ...]


def compare(
    snapshot: AccountSnapshot, orders: Iterable[Order], stories: Mapping[Pair, PositionStory], *, id_prefix: str
) -> Comparison:
    """The venue's snapshot held against our orders and open stories.

    An order is ours if its client id starts with `id_prefix`; all others are the person's own or another program's:
    they are counted and shown, and never touched.
    """
    unfinished = {order.client_order_id for order in orders if not order.status.is_final}
    ours, foreign = _split(snapshot.open_orders, id_prefix)
    resting_ids = {report.client_order_id for report in ours}
    pairs = {position.pair for position in snapshot.positions} | {
        pair for pair, story in stories.items() if not story.position.is_flat
    }
    mismatches, confirmed = [], []
    for pair in sorted(pairs):
        story = stories.get(pair)
        expected = story.position.quantity if story else ZERO
        at_venue = snapshot.quantity(pair)
        if expected == at_venue:
            confirmed.append(pair)
        else:
            mismatches.append(PositionMismatch(pair, expected, at_venue))
    return Comparison(
        confirmed=tuple(confirmed),
        mismatches=tuple(mismatches),
        resting=tuple(ours),
        missing_orders=tuple(sorted(unfinished - resting_ids)),
        foreign_orders=tuple(foreign),
    )


def _split(reports: Collection[OrderReport], id_prefix: str) -> tuple[list[OrderReport], list[OrderReport]]:
    ours = [report for report in reports if (report.client_order_id or "").startswith(id_prefix)]
    foreign = [report for report in reports if not (report.client_order_id or "").startswith(id_prefix)]
    return ours, foreign
