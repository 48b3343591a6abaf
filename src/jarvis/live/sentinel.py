"""The sentinel of one account: what others do there. Money that leaves, orders, trades and loans that are not ours.

A trader has no secret from its venue: whoever else holds a key, or can sign in there, leaves traces in the same
records that we read. What is found stops entries, never exits, and is told with its evidence and with how to revoke
the key; it ends when the owner says that it was them. Trades are seen by the engine itself.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from jarvis.domain.account import AccountId, AccountSnapshot, LedgerKind, LedgerRow, VenueName
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset, plain
from jarvis.domain.order import Fill, Order, VenueOrderId
from jarvis.domain.people import AuditEntry
from jarvis.live.books import Books
from jarvis.live.reconcile import Comparison
from jarvis.store.db import Store
from jarvis.store.errors import StoreError
from jarvis.trading.brakes import FOREIGN_ACTIVITY
from jarvis.trading.events import EngineEvent, ForeignSeen, Severity, StrangersKnown
from jarvis.trading.foreign import arrived_message, foreign_order_message, foreign_row_message, when
from jarvis.trading.state import EngineState
from jarvis.venues.catalog import VENUES
from jarvis.venues.revoking import revoking_words

log = structlog.get_logger()

LOOK_EVERY = timedelta(minutes=5)
"""How often a venue that does not tell of money that moves is asked for its records."""
_LEAVING = frozenset({LedgerKind.WITHDRAWAL, LedgerKind.TRANSFER, LedgerKind.ADJUSTMENT})
_ARRIVING = frozenset({LedgerKind.DEPOSIT, LedgerKind.TRANSFER})
_MOVES_FURTHER = Decimal("1.05")
_ROUNDING = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class _Telling:
    kind: str
    severity: Severity
    message: str
    at: datetime
    noted: AuditEntry | None


class Sentinel:
    """Beside one account's trader. Says what the engine must be told, and tells the owner."""

    def __init__(self, account: AccountId, venue: VenueName, store: Store, books: Books, state: EngineState) -> None:
        self._account = account
        self._venue = venue
        self._store = store
        self._books = books
        self._state = state
        self._untold: deque[_Telling] = deque()
        self._told: set[Pair | None] = {block.pair for block in state.marks.blocks if block.cause == FOREIGN_ACTIVITY}
        self._doubted: set[VenueOrderId] = set()
        self._borrowed: dict[Asset, Decimal] | None = None
        self._needed: dict[Asset, Decimal] = {}
        self._needed_before: dict[Asset, Decimal] = {}
        self._looked_at: datetime | None = None

    # --- looking --------------------------------------------------------------------------------------------------

    def look_is_due(self, now: datetime) -> bool:
        """Whether the venue's records should be read though nothing asks for it: not all venues tell of transfers."""
        return self._books.is_wallet and self._looked_at is not None and now - self._looked_at >= LOOK_EVERY

    def looked(self, now: datetime) -> None:
        """The records were read, or tried to be."""
        self._looked_at = now

    def of_row(self, row: LedgerRow) -> ForeignSeen | None:
        """What a row of the venue's ledger says of others: money left the account, and nothing here can do that."""
        if row.kind not in _LEAVING or row.change >= 0:
            return None
        return ForeignSeen(foreign_row_message(row), row.at)

    def of_comparison(self, comparison: Comparison, snapshot: AccountSnapshot, now: datetime) -> Iterator[EngineEvent]:
        """What rests or is owed at the venue and is not ours."""
        self.looked(now)
        if self._state.marks.strangers is None:
            yield StrangersKnown(tuple(report.venue_order_id for report in comparison.foreign_orders), now)
        known = self._state.marks.strangers or ()
        for report in comparison.foreign_orders:
            if report.venue_order_id not in known:
                yield ForeignSeen(foreign_order_message(report), now, report.pair, report.venue_order_id)
        yield from self._unrecorded(comparison, known, now)
        yield from self._loans(snapshot, now)

    def _unrecorded(self, comparison: Comparison, known: Iterable[str], now: datetime) -> Iterator[EngineEvent]:
        """Orders with our mark that we never wrote down. The venue may show one for a moment after it has ended."""
        strange = {
            report.venue_order_id: report
            for report in comparison.resting
            if report.client_order_id not in self._state.orders
        }
        for name, report in strange.items():
            if name in self._doubted and name not in known:
                message = foreign_order_message(report, carries_our_mark=True)
                yield ForeignSeen(message, now, report.pair, name)
        self._doubted = set(strange)

    # --- loans ----------------------------------------------------------------------------------------------------

    def placed(self, order: Order) -> None:
        """An order of ours leaves: it may make the venue lend."""
        request = order.request
        told = (request.limit_price, request.trigger_price, request.decision_price)
        price = max((each for each in told if each is not None), default=None)
        self._may_borrow(request.pair, request.side, request.quantity, price)

    def traded(self, fill: Fill) -> None:
        """Somebody else traded, which was told: what it borrowed is no more news."""
        self._may_borrow(fill.pair, fill.side, fill.quantity, fill.price)

    def _may_borrow(self, pair: Pair, side: Side, quantity: Decimal, price: Decimal | None) -> None:
        """What is paid with may be lent; an order may trade at any price, so there is room to move."""
        asset, amount = pair.base, quantity
        if side is Side.BUY:
            asset = pair.quote
            amount = Decimal("Infinity") if price is None else quantity * price * _MOVES_FURTHER
        self._needed[asset] = self._needed.get(asset, ZERO) + amount

    def _loans(self, snapshot: AccountSnapshot, now: datetime) -> Iterator[EngineEvent]:
        """Debts that grew by more than our orders can have borrowed since the last look."""
        before, self._borrowed = self._borrowed, {each.asset: each.borrowed for each in snapshot.balances}
        # A trade may show in the balances a look later than in the orders: the round before counts as well.
        needed = [self._needed_before, self._needed]
        self._needed_before, self._needed = self._needed, {}
        for order in self._state.orders.values():
            if not order.status.is_final:  # it may borrow later
                self.placed(order)
        if before is None:
            return
        for asset, borrowed in self._borrowed.items():
            was = before.get(asset, ZERO)
            explained = was * (1 + _ROUNDING) + sum((each.get(asset, ZERO) for each in needed), ZERO)
            if borrowed > explained:
                message = (
                    f"The account borrowed {plain(borrowed - was)} {asset} that no order of ours asked for, seen on "
                    f"{when(now)}; it owes {plain(borrowed)} {asset} now. Nothing is opened on this account until you "
                    f"say on the desk that it was you; what is open stays protected."
                )
                yield ForeignSeen(message, now)

    # --- telling --------------------------------------------------------------------------------------------------

    async def tell_found(self, message: str, pair: Pair | None, now: datetime) -> None:
        """Tell the owner and the audit; of a pair that is stopped already only the desk is told more."""
        if pair is not None and pair in self._told:
            return
        self._told.add(pair)
        details = {"evidence": message, "pair": None if pair is None else str(pair)}
        noted = AuditEntry("foreign.activity", now, "worker", None, self._account, details)
        words = f"{self._place}: {message} {revoking_words(self._venue)}"
        self._untold.append(_Telling("foreign.activity", Severity.CRITICAL, words, now, noted))
        await self.tell_what_is_left()

    async def tell_arrived(self, row: LedgerRow, now: datetime) -> None:
        """Tell the owner of money that came in: no harm, but nobody should wonder."""
        if row.kind in _ARRIVING and row.change > 0:
            words = f"{self._place}: {arrived_message(row)}"
            self._untold.append(_Telling("funds.arrived", Severity.INFO, words, now, None))
            await self.tell_what_is_left()

    async def tell_what_is_left(self) -> None:
        """Tell what could not be told before; it waits while the store cannot take it, and exits do not."""
        while self._untold:
            one = self._untold[0]
            try:
                await self._store.tell_owner(
                    self._account, one.kind, one.severity, one.message, one.at, noted=one.noted
                )
            except StoreError as error:
                log.warning("owner_not_told", account=self._account, kind=one.kind, reason=str(error))
                return
            self._untold.popleft()

    def explained(self) -> None:
        """The owner says that it was them: from here on the same is new."""
        self._told.clear()

    @property
    def _place(self) -> str:
        return VENUES[self._venue].title if self._venue in VENUES else self._venue
