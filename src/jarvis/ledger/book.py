"""One account's journal in memory: the sums that the store keeps in tables, for backtests and for proofs."""

from collections.abc import Mapping
from decimal import Decimal

from jarvis.domain.account import LedgerRow
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import Fill, FillId, PositionId
from jarvis.domain.position import NOTHING_REALISED, Position, Realised
from jarvis.ledger.journal import Account, Entry, EntryKind, entry_for_fill, entry_for_row, totals


class Book:
    """Books fills and ledger rows in any order; each fill and each row once. `cost_steps` come from the instruments."""

    def __init__(self, cost_steps: Mapping[Pair, Decimal]) -> None:
        self.entries: list[Entry] = []
        self.fills: dict[FillId, Fill] = {}
        self._cost_steps = dict(cost_steps)
        self._positions: dict[Pair, Position] = {}
        self._realised: dict[FillId, Realised] = {}
        self._position_ids: dict[FillId, PositionId | None] = {}
        self._cleared: dict[tuple[str, Asset], Decimal] = {}

    def position(self, pair: Pair) -> Position:
        """What the booked fills of a pair leave open."""
        return self._positions.get(pair) or Position(pair, self._cost_steps[pair])

    def add_fill(self, fill: Fill, position_id: PositionId | None) -> Entry:
        """The entry of a fill, kept. Raises ValueError for one that is booked already."""
        if fill.fill_id in self.fills:
            raise ValueError(f"fill {fill.fill_id} is booked already")
        position, realised = self.position(fill.pair).apply(fill)
        cleared = self._cleared.get((fill.fill_id, fill.fee_asset))
        entry = entry_for_fill(fill, realised, position_id, cleared)
        self._positions[fill.pair] = position
        self.fills[fill.fill_id] = fill
        self._realised[fill.fill_id] = realised
        self._position_ids[fill.fill_id] = position_id
        self.entries.append(entry)
        return entry

    def add_row(self, row: LedgerRow) -> Entry:
        """The entry of a row of the venue's ledger, kept; attributed to the position of the fill that it names."""
        fill_id = FillId(row.ref_id)
        key = row.ref_id, row.asset
        entry = entry_for_row(
            row,
            self.fills.get(fill_id),
            self._realised.get(fill_id, NOTHING_REALISED),
            self._cleared.get(key),
            self._position_ids.get(fill_id),
        )
        if entry.kind is EntryKind.SETTLEMENT:
            self._cleared[key] = self._cleared.get(key, ZERO) + row.change
        self.entries.append(entry)
        return entry

    def balance(self, account: Account, asset: Asset) -> Decimal:
        """The sum of all that was posted on `account` in `asset`."""
        return totals(self.entries).get((account, asset), ZERO)
