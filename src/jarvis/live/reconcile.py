"""What the venue says against what we expect: confirmed, adopted or frozen, each with the evidence.

Reconciling never invents a fill. Missed fills, order states and ledger rows come from the venue's own records and go
through the same door as live ones; what they do not explain freezes the pair for entries and is said.

Where fills settle in the wallet, an asset's net balance must be the journal's cash, to the digits that venues keep.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.account import AccountSnapshot
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO, Asset, plain
from jarvis.domain.order import ClientOrderId, Order, OrderReport
from jarvis.trading.stories import PositionStory

_POSITION_TOLERANCE = Decimal("0.002")
_DIGITS_OF_VENUES = Decimal("0.00000001")
"""Venues round what they print: below this two balances are the same. Sums are compared, so it cannot add up unseen."""


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
class BalanceMismatch:
    """The venue's net balance of an asset is not what the journal says that it is."""

    asset: Asset
    expected: Decimal
    at_venue: Decimal
    freezes: str

    @property
    def message(self) -> str:
        """What the person is told."""
        return (
            f"{self.asset}: the venue says {plain(self.at_venue)}, our journal says {plain(self.expected)} (net of "
            f"what is owed). Something moved that the venue's records do not show. {self.freezes}; nothing was changed "
            f"at the venue."
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of one comparison. `confirmed` pairs agree; `missing_orders` rest no longer and must be looked up.

    `balances` are the assets whose cash does not agree, where that can be held against each other.
    """

    confirmed: tuple[Pair, ...]
    mismatches: tuple[PositionMismatch, ...]
    resting: tuple[OrderReport, ...]
    missing_orders: tuple[ClientOrderId, ...]
    foreign_orders: tuple[OrderReport, ...]
    balances: tuple[BalanceMismatch, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether nothing is unexplained."""
        return not self.mismatches and not self.balances


@dataclass(frozen=True, slots=True)
class Wallet:
    """What a wallet's balances are held against: the journal's `cash`; and `crumbs` (base), too little for an order.

    Every pair that is traded there has its crumbs: what positions leave behind stays in the venue's own.
    """

    cash: Mapping[Asset, Decimal]
    crumbs: Mapping[Pair, Decimal]


def compare(
    snapshot: AccountSnapshot,
    orders: Iterable[Order],
    stories: Mapping[Pair, PositionStory],
    *,
    id_prefix: str,
    wallet: Wallet | None = None,
) -> Comparison:
    """The venue's snapshot held against our orders and open stories, and against the journal's cash of a `wallet`.

    An order is ours if its client id starts with `id_prefix`; all others are the person's own or another program's:
    they are counted and shown, and never touched.
    """
    unfinished = {order.client_order_id for order in orders if not order.status.is_final}
    ours, foreign = _split(snapshot.open_orders, id_prefix)
    resting_ids = {report.client_order_id for report in ours}
    pairs = {position.pair for position in snapshot.positions}
    if wallet is None:
        pairs |= {pair for pair, story in stories.items() if not story.position.is_flat}
    mismatches, confirmed = [], []
    for pair in sorted(pairs):
        story = stories.get(pair)
        expected = story.position.quantity if story else ZERO
        at_venue = snapshot.quantity(pair)
        tolerance = ZERO if wallet is None else _crumbs(pair, expected, wallet)
        if abs(expected - at_venue) <= tolerance:
            confirmed.append(pair)
        else:
            mismatches.append(PositionMismatch(pair, expected, at_venue))
    return Comparison(
        confirmed=tuple(confirmed),
        mismatches=tuple(mismatches),
        resting=tuple(ours),
        missing_orders=tuple(sorted(unfinished - resting_ids)),
        foreign_orders=tuple(foreign),
        balances=() if wallet is None else tuple(_unexplained(snapshot, wallet)),
    )


def _unexplained(snapshot: AccountSnapshot, wallet: Wallet) -> Iterable[BalanceMismatch]:
    totals = {balance.asset: balance.total for balance in snapshot.balances}
    quotes = {pair.quote for pair in wallet.crumbs}
    bases = {pair.base: pair for pair in wallet.crumbs}
    for asset in sorted({*totals, *wallet.cash}):
        expected, at_venue = wallet.cash.get(asset, ZERO), totals.get(asset, ZERO)
        if abs(expected - at_venue) < _DIGITS_OF_VENUES:
            continue
        freezes = "Nothing is opened on this account until both agree"
        if asset not in quotes:
            freezes = (
                f"Entries on {bases[asset]} stop until both agree" if asset in bases else "No pair of ours needs it"
            )
        yield BalanceMismatch(asset, expected, at_venue, freezes)


def _crumbs(pair: Pair, expected: Decimal, wallet: Wallet) -> Decimal:
    """By how much a venue's position may differ: what former positions left, fees and interest that it counts apart."""
    return wallet.crumbs.get(pair, ZERO) + abs(expected) * _POSITION_TOLERANCE


def _split(reports: Collection[OrderReport], id_prefix: str) -> tuple[list[OrderReport], list[OrderReport]]:
    ours = [report for report in reports if (report.client_order_id or "").startswith(id_prefix)]
    foreign = [report for report in reports if not (report.client_order_id or "").startswith(id_prefix)]
    return ours, foreign
