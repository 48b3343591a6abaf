"""What of the venue's records is in our journal already, and whether something seems to be missing.

A stream can lose an event without a trace. Three things betray it: a ledger row whose balance does not follow from the
one before, a fill whose ledger row does not come, and a used margin that our open lots do not explain.

Where fills settle in the wallet none of these holds. There the balances themselves are the proof: they are held against
the journal's cash after every fill, and when interest was due, which no stream tells.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.account import LedgerKind, LedgerRow, LedgerRowId, MarginState
from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import Fill, FillId, PositionId
from jarvis.domain.position import NOTHING_REALISED, Position, Realised
from jarvis.domain.traits import Settlement
from jarvis.ledger.book import CHARGES
from jarvis.ledger.charges import Holder, shares
from jarvis.ledger.journal import (
    Account,
    Entry,
    divided,
    entry_for_charge,
    entry_for_fill,
    entry_for_foreign_fill,
    entry_for_foreign_wallet_fill,
    entry_for_row,
    entry_for_wallet_fill,
)
from jarvis.store.records import Expected, RecordedFill
from jarvis.trading.closing import our_part
from jarvis.trading.events import DebtGrew
from jarvis.trading.stories import PositionStory

ROW_COMES_WITHIN = timedelta(seconds=20)
_MARGIN_TOLERANCE = Decimal("0.02")
SETTLED_WITHIN = timedelta(seconds=5)
"""How long after a fill the balances are looked at: by then the venue has charged for what it lent."""
INTEREST_MINUTES = (0, 5)
"""When in an hour venues charge interest: Binance and OKX on the hour, Bybit five minutes later."""
TOLD_WITHIN = timedelta(seconds=30)
"""How long a venue may take to show what it charged."""
_KEPT_STORIES = 256


@dataclass(slots=True)
class Books:
    """Fills and rows by the venue's ids: a repeat stops here.

    The journal begins at `opened_at`, when the account was connected; what the venue recorded before is not ours.
    `cash` is the journal's. Where fills settle in the wallet, `opening` is what was there before (None while that is
    not booked), and `closed` keeps the stories that ended lately: a late charge may be theirs.
    """

    opened_at: datetime
    fills: dict[FillId, RecordedFill]
    rows: set[LedgerRowId]
    cleared: dict[tuple[str, Asset], Decimal]
    last_fill_at: datetime | None
    last_row_at: datetime | None
    settlement: Settlement = Settlement.MARGIN
    cash: dict[Asset, Decimal] = field(default_factory=dict)
    opening: Mapping[Asset, Decimal] | None = None
    closed: dict[PositionId, PositionStory] = field(default_factory=dict)
    _moved_at: datetime | None = None
    _balances: dict[Asset, Decimal] = field(default_factory=dict)
    _broken_chain: bool = False

    @classmethod
    def of(cls, expected: Expected, opened_at: datetime, settlement: Settlement = Settlement.MARGIN) -> "Books":
        """The books as the store keeps them."""
        return cls(
            opened_at,
            dict(expected.fills),
            set(expected.row_ids),
            dict(expected.cleared),
            expected.last_fill_at,
            expected.last_row_at,
            settlement,
            dict(expected.cash),
            expected.opening,
            {story.position_id: story for story in expected.closed},
        )

    @property
    def is_wallet(self) -> bool:
        """Whether fills settle in the wallet."""
        return self.settlement is Settlement.WALLET

    def knows_fill(self, fill_id: FillId, at: datetime) -> bool:
        """Whether a fill is booked, or older than the books."""
        return fill_id in self.fills or at < self.opened_at

    def knows_row(self, row: LedgerRow) -> bool:
        """Whether a row is booked, or older than the books."""
        return row.row_id in self.rows or row.at < self.opened_at

    def entry_of(
        self, fill: Fill, before: PositionStory | None, story: PositionStory | None
    ) -> tuple[RecordedFill, Entry | None]:
        """How a fill is booked: `story` is what it made of its position (`before`), None if it is not ours."""
        cleared = self.cleared.get((fill.fill_id, fill.fee_asset))
        same = before is not None and story is not None and before.position_id == story.position_id
        if story is None:  # what it did to the cash is the owner's own
            booked = RecordedFill(fill, ZERO, None)
            if self.is_wallet:
                return booked, entry_for_foreign_wallet_fill(fill)
            return booked, entry_for_foreign_fill(fill, fill.fee_asset, cleared) if cleared else None
        if not self.is_wallet:
            realised = before.position.apply(fill)[1] if before is not None and same else NOTHING_REALISED
            booked = RecordedFill(fill, realised.pnl, story.position_id)
            return booked, entry_for_fill(fill, realised, story.position_id, cleared)
        step = story.position.cost_step
        position = before.position if before is not None and same else Position(fill.pair, step)
        ours = our_part(fill, before) if fill.is_liquidation else fill.quantity
        realised = position.apply(divided(fill, ours, step)[0])[1]
        booked = RecordedFill(fill, realised.pnl, story.position_id)
        return booked, entry_for_wallet_fill(fill, realised, story.position_id, step, ours)

    def entries_of(self, row: LedgerRow, stories: Iterable[PositionStory]) -> tuple[list[Entry], list[DebtGrew]]:
        """How a row of the venue's ledger is booked, and whose debt it made larger.

        Interest and liquidation fees are borne by the open stories, and by those that ended after the charge was made.
        """
        if row.kind not in CHARGES:
            return [self._entry_of(row)], []
        known = {story.position_id: story for story in [*self.closed.values(), *stories]}
        made, debts = [], []
        for share in shares(row, [_holder(story) for story in known.values() if story.fill_ids]):
            made.append(entry_for_charge(row, share.amount, share.position_id, share.pair, grows_debt=share.grows_debt))
            if share.grows_debt and share.pair is not None:
                debts.append(DebtGrew(share.pair, share.amount, row.row_id, row.at))
        return made, debts

    def _entry_of(self, row: LedgerRow) -> Entry:
        booked = self.fills.get(FillId(row.ref_id))
        cleared = self.cleared.get((row.ref_id, row.asset))
        if booked is None:
            return entry_for_row(row, None, cleared_so_far=cleared)
        if booked.position_id is None:
            return entry_for_row(replace(row, kind=LedgerKind.TRADE), None)
        return entry_for_row(row, booked.fill, Realised(ZERO, booked.pnl), cleared, booked.position_id)

    def add_entries(self, made: Iterable[Entry]) -> None:
        """Entries that were just kept."""
        for entry in made:
            for posting in entry.postings:
                if posting.account is Account.CASH:
                    self.cash[posting.asset] = self.cash.get(posting.asset, ZERO) + posting.amount

    def add_closed(self, story: PositionStory) -> None:
        """A story that just ended."""
        self.closed[story.position_id] = story
        while len(self.closed) > _KEPT_STORIES:
            del self.closed[next(iter(self.closed))]

    def is_foreign_debt(self, asset: Asset) -> bool:
        """Whether a debt is not ours to repay: owed when the books were opened, or in what we have not traded."""
        traded = {each for story in self.closed.values() for each in (story.pair.base, story.pair.quote)}
        traded |= {
            each
            for booked in self.fills.values()
            if booked.position_id is not None
            for each in (booked.fill.pair.base, booked.fill.pair.quote)
        }
        return asset not in traded or (self.opening or {}).get(asset, ZERO) < 0

    def add_fill(self, booked: RecordedFill) -> None:
        """A fill that was just kept."""
        self.fills[booked.fill.fill_id] = booked
        self._moved_at = max(booked.fill.at, self._moved_at or booked.fill.at)
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
        self._moved_at = None
        self._balances.clear()

    def wallet_doubt(self, now: datetime, compared_at: datetime) -> str:
        """Why the balances should be looked at again, in words; empty when nothing has moved them since."""
        if self._moved_at is not None and now - self._moved_at >= SETTLED_WITHIN:
            return "a fill moved the balances"
        told = now - TOLD_WITHIN
        minute = max(each for each in INTEREST_MINUTES if each <= told.minute)
        charged_at = told.replace(minute=minute, second=0, microsecond=0)
        if compared_at < charged_at + TOLD_WITHIN:
            return "interest may have been charged"
        return ""

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


def _holder(story: PositionStory) -> Holder:
    """A story as a bearer of charges; one that has ended is weighed by what it was opened for."""
    return Holder(
        story.position_id,
        story.pair,
        story.side,
        story.opened_cost if story.is_closed else story.position.cost,
        story.opened_at,
        story.closed_at,
        owes=not story.is_closed and story.position.side is Side.SELL,
    )
