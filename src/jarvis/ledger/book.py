"""One account's journal in memory: the sums that the store keeps in tables, for backtests and for proofs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from jarvis.domain.account import LedgerKind, LedgerRow
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import Fill, FillId, PositionId
from jarvis.domain.position import NOTHING_REALISED, Position, Realised
from jarvis.domain.traits import Settlement
from jarvis.ledger.charges import Holder, shares
from jarvis.ledger.journal import (
    Account,
    Entry,
    EntryKind,
    entry_for_charge,
    entry_for_fill,
    entry_for_row,
    entry_for_wallet_fill,
    totals,
)

CHARGES = frozenset({LedgerKind.INTEREST, LedgerKind.LIQUIDATION_FEE})
"""Rows that are borne by the positions that caused them."""


@dataclass(frozen=True, slots=True)
class _Held:
    """One of our positions by its id, with what charges are shared by."""

    position: Position
    side: Side
    opened_at: datetime
    closed_at: datetime | None
    weight: Decimal


class Book:
    """Books fills and ledger rows in any order; each fill and each row once. `cost_steps` come from the instruments.

    Where assets change hands at once, lots are kept by position: what one left behind is not the next one's.
    """

    def __init__(self, cost_steps: Mapping[Pair, Decimal], settlement: Settlement = Settlement.MARGIN) -> None:
        self.entries: list[Entry] = []
        self.fills: dict[FillId, Fill] = {}
        self._cost_steps = dict(cost_steps)
        self._settlement = settlement
        self._held: dict[tuple[Pair, PositionId | None], _Held] = {}
        self._realised: dict[FillId, Realised] = {}
        self._position_ids: dict[FillId, PositionId | None] = {}
        self._cleared: dict[tuple[str, Asset], Decimal] = {}

    def position(self, pair: Pair, position_id: PositionId | None = None) -> Position:
        """What the booked fills of a pair leave open; where lots are kept by position, those of one position."""
        held = self._held.get(self._key(pair, position_id))
        return held.position if held else Position(pair, self._cost_steps[pair])

    def add_fill(self, fill: Fill, position_id: PositionId | None) -> Entry:
        """The entry of a fill, kept. Raises ValueError for one that is booked already."""
        if fill.fill_id in self.fills:
            raise ValueError(f"fill {fill.fill_id} is booked already")
        position, realised = self.position(fill.pair, position_id).apply(fill)
        if self._settlement is Settlement.WALLET:
            entry = entry_for_wallet_fill(fill, realised, position_id, self._cost_steps[fill.pair])
        else:
            cleared = self._cleared.get((fill.fill_id, fill.fee_asset))
            entry = entry_for_fill(fill, realised, position_id, cleared)
        self._hold(fill, position_id, position)
        self.fills[fill.fill_id] = fill
        self._realised[fill.fill_id] = realised
        self._position_ids[fill.fill_id] = position_id
        self.entries.append(entry)
        return entry

    def add_row(self, row: LedgerRow) -> Sequence[Entry]:
        """The entries of a row of the venue's ledger, kept: a charge has one for each position that bears it.

        A row about a fill is attributed to that fill's position.
        """
        made = self._charged(row) if row.kind in CHARGES else [self._entry_of(row)]
        self.entries += made
        return made

    def balance(self, account: Account, asset: Asset) -> Decimal:
        """The sum of all that was posted on `account` in `asset`."""
        return totals(self.entries).get((account, asset), ZERO)

    def _entry_of(self, row: LedgerRow) -> Entry:
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
        return entry

    def _charged(self, row: LedgerRow) -> list[Entry]:
        holders = [
            Holder(
                position_id,
                pair,
                held.side,
                held.weight,
                held.opened_at,
                held.closed_at,
                owes=held.position.side is Side.SELL,
            )
            for (pair, position_id), held in self._held.items()
            if position_id is not None
        ]
        made = []
        for share in shares(row, holders):
            if share.grows_debt and share.pair is not None:
                key = share.pair, share.position_id
                held = self._held[key]
                position = held.position.accrue(share.amount, row.row_id, row.at)
                self._held[key] = replace(held, position=position)
            made.append(entry_for_charge(row, share.amount, share.position_id, share.pair, grows_debt=share.grows_debt))
        return made

    def _hold(self, fill: Fill, position_id: PositionId | None, position: Position) -> None:
        key = self._key(fill.pair, position_id)
        before = self._held.get(key)
        # A closed position keeps what it was last shared by: its last charge may come late.
        weight = position.cost or (before.weight if before else ZERO)
        opened_at = before.opened_at if before else fill.at
        side = before.side if before else fill.side
        # Buying back a little too much leaves coins of the owner's, no position on the other side.
        closed_at = None if position.side is side else fill.at
        self._held[key] = _Held(position, side, opened_at, closed_at, weight)

    def _key(self, pair: Pair, position_id: PositionId | None) -> tuple[Pair, PositionId | None]:
        return pair, position_id if self._settlement is Settlement.WALLET else None
