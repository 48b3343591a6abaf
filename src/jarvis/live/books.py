"""What of the venue's records is in our journal already, and whether something seems to be missing.

A stream can lose an event without a trace. Three things betray it: a ledger row whose balance does not follow from the
one before, a fill whose ledger row does not come, and a used margin that our open lots do not explain.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.account import LedgerKind, LedgerRow, LedgerRowId, MarginState
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import FillId
from jarvis.store.records import Expected, RecordedFill
from jarvis.trading.stories import PositionStory

ROW_COMES_WITHIN = timedelta(seconds=20)
_MARGIN_TOLERANCE = Decimal("0.02")


@dataclass(slots=True)
class Books:
    """Fills and rows by the venue's ids: a repeat stops here.

    The journal begins at `opened_at`, when the account was connected; what the venue recorded before is not ours.
    """

    opened_at: datetime
    fills: dict[FillId, RecordedFill]
    rows: set[LedgerRowId]
    cleared: dict[tuple[str, Asset], Decimal]
    last_fill_at: datetime | None
    last_row_at: datetime | None
    _balances: dict[Asset, Decimal] = field(default_factory=dict)
    _broken_chain: bool = False

    @classmethod
    def of(cls, expected: Expected, opened_at: datetime) -> "Books":
        """The books as the store keeps them."""
        return cls(
            opened_at,
            dict(expected.fills),
            set(expected.row_ids),
            dict(expected.cleared),
            expected.last_fill_at,
            expected.last_row_at,
        )

    def knows_fill(self, fill_id: FillId, at: datetime) -> bool:
        """Whether a fill is booked, or older than the books."""
        return fill_id in self.fills or at < self.opened_at

    def knows_row(self, row: LedgerRow) -> bool:
        """Whether a row is booked, or older than the books."""
        return row.row_id in self.rows or row.at < self.opened_at

    def add_fill(self, booked: RecordedFill) -> None:
        """A fill that was just kept."""
        self.fills[booked.fill.fill_id] = booked
        self.last_fill_at = max(booked.fill.at, self.last_fill_at or booked.fill.at)

    def add_row(self, row: LedgerRow) -> None:
        """A row that was just kept."""
        self.rows.add(row.row_id)
        self.last_row_at = max(row.at, self.last_row_at or row.at)
        if row.kind is LedgerKind.MARGIN:
            key = row.ref_id, row.asset
            self.cleared[key] = self.cleared.get(key, ZERO) + row.change
        if row.balance is None:
            return
        before = self._balances.get(row.asset)
        if before is not None and before + row.change != row.balance:
            self._broken_chain = True
        self._balances[row.asset] = row.balance

    def were_compared(self) -> None:
        """All rows were read from the venue: doubts are over, and the chain starts anew with the next row."""
        self._broken_chain = False
        self._balances.clear()

    def doubt(self, now: datetime, margin: MarginState | None, stories: Iterable[PositionStory]) -> str:
        """What seems to be missing, in words; empty when all fits."""
        if self._broken_chain:
            return "a ledger row is missing: a balance does not follow from the one before"
        for booked in reversed(self.fills.values()):
            fill = booked.fill
            if now - fill.at > 10 * ROW_COMES_WITHIN:
                break
            if now - fill.at > ROW_COMES_WITHIN and (fill.fill_id, fill.fee_asset) not in self.cleared:
                return "a fill's ledger row did not come"
        if margin is not None:
            explained = sum((story.position.cost / story.leverage for story in stories), ZERO)
            if abs(margin.used_margin - explained) > _MARGIN_TOLERANCE + explained / 1000:
                return "the used margin is not what our open lots explain"
        return ""
