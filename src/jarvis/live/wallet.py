"""What only accounts with wallet settlement need: their books are opened, their debts repaid, their figures kept."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from decimal import Decimal

from jarvis.domain.account import AccountId, AccountSnapshot, MarginState
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO
from jarvis.ledger.journal import entry_for_opening
from jarvis.live.books import Books
from jarvis.live.debts import Debts, DebtStays
from jarvis.live.facts import facts_of
from jarvis.live.keeping import kept, kept_if_possible
from jarvis.live.reconcile import Wallet
from jarvis.store.db import Store
from jarvis.store.records import ComparedBalance
from jarvis.trading.engine import Engine
from jarvis.venues.base import Venue

_QUIET_READS = 3


class WalletKeeping:
    """Beside one account's trader. `snapshot` is the last one that was compared; facts are kept on every venue."""

    def __init__(
        self, account: AccountId, venue: Venue, store: Store, engine: Engine, books: Books, fence: int
    ) -> None:
        self._account = account
        self._venue = venue
        self._store = store
        self._engine = engine
        self._books = books
        self._fence = fence
        self._debts = Debts(venue, engine.instruments)
        self.snapshot: AccountSnapshot | None = None

    async def open_books(self, read_records: Callable[[], Awaitable[None]]) -> None:
        """Book what the account held or owed when it was connected, so that it is never taken for a position.

        That is what it holds now less what the venue's records say has happened since. The records are read before and
        after the balances: only when nothing came in between do the two belong together.
        """
        await read_records()
        for _ in range(_QUIET_READS):
            snapshot = await self._venue.snapshot()
            seen = len(self._books.fills), len(self._books.rows)
            await read_records()
            if seen == (len(self._books.fills), len(self._books.rows)):
                break
        totals = {balance.asset: balance.total for balance in snapshot.balances}
        cash = self._books.cash
        opening = {asset: totals.get(asset, ZERO) - cash.get(asset, ZERO) for asset in sorted({*totals, *cash})}
        entry = entry_for_opening(opening.items(), self._books.opened_at)
        if await kept(lambda: self._store.record_opening(self._account, entry, fence=self._fence)):
            self._books.add_entries([entry])
        self._books.opening = opening

    def held_against(self) -> Wallet:
        """What the venue's balances must agree with."""
        rules = self._engine.instruments
        crumbs = {pair: max(instrument.lot, instrument.min_quantity) for pair, instrument in rules.items()}
        return Wallet(dict(self._books.cash), crumbs)

    def doubt(self, now: datetime) -> str:
        """Why the balances should be looked at, in words; empty when no debt waits."""
        due = self._debts.again_at is not None and now >= self._debts.again_at
        return "a debt waits to be repaid" if due else ""

    async def settle(self, snapshot: AccountSnapshot, now: datetime) -> list[DebtStays]:
        """Keep the balances as they were compared, and repay what no position needs; what the owner must be told."""
        cash = self._books.cash
        compared = [
            ComparedBalance(
                balance.asset,
                balance.total,
                balance.available,
                balance.borrowed,
                balance.interest,
                cash.get(balance.asset, ZERO),
                now,
            )
            for balance in snapshot.balances
        ]
        told = {balance.asset for balance in snapshot.balances}
        compared += [
            ComparedBalance(asset, ZERO, ZERO, ZERO, ZERO, amount, now)
            for asset, amount in sorted(cash.items())
            if amount and asset not in told
        ]
        await kept_if_possible(self._store.record_balances(self._account, compared, fence=self._fence))
        state = self._engine.state
        return await self._debts.settle(snapshot, self._books, state.stories.values(), state.orders.values(), now)

    async def record_facts(self, margin: MarginState, prices: Mapping[Pair, Decimal], now: datetime) -> None:
        """Keep what can be said of the open positions."""
        if self.snapshot is None:
            return
        facts = facts_of(
            self.snapshot,
            margin,
            self._engine.state.stories.values(),
            prices,
            self._engine.instruments,
            borrows=self._books.is_wallet,
            at=now,
        )
        await kept_if_possible(self._store.record_facts(self._account, facts))
