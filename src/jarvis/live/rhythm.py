"""When the venue is asked again: for the margin, for its records, and when equity is written down."""

from datetime import datetime, timedelta

from jarvis.domain.account import MarginState
from jarvis.live.books import Books
from jarvis.live.wallet import WalletKeeping
from jarvis.trading.state import EngineState

RECONCILE_EVERY = timedelta(minutes=15)
RECONCILE_AT_MOST_EVERY = timedelta(seconds=30)
EQUITY_EVERY = timedelta(minutes=1)
EQUITY_AT_MOST_EVERY_SECONDS = 0.2
MARGIN_EVERY = timedelta(seconds=10)
IDLE_MARGIN_EVERY = timedelta(minutes=4)
MISMATCH_EVERY = timedelta(minutes=2)
WATCHED_EVERY = timedelta(minutes=2)
"""In a wallet nothing but the balances betrays a lost event: how often they are looked at while something is open."""


class Rhythm:
    """Remembers when each was done last, in the venue's time, and how the last comparison ended."""

    def __init__(self, state: EngineState, books: Books, wallet: WalletKeeping) -> None:
        self._state = state
        self._books = books
        self._wallet = wallet
        self._margin_at: datetime | None = None
        self._equity_at: tuple[datetime, float] | None = None
        self._compared_at: datetime | None = None
        self._is_mismatched = False

    def margin_is_due(self, now: datetime, *, decides: bool) -> bool:
        """Before every decision, every few seconds while something is open, and now and then while nothing is."""
        if decides or self._margin_at is None:
            return True
        is_idle = not self._state.stories and all(order.status.is_final for order in self._state.orders.values())
        return now - self._margin_at >= (IDLE_MARGIN_EVERY if is_idle else MARGIN_EVERY)

    def margin_was_read(self, now: datetime) -> None:
        """Count from here."""
        self._margin_at = now

    def equity_is_due(self, now: datetime, real: float) -> bool:
        """Once a minute of the venue's time, and not more than a few times a second of ours while that runs fast.

        `real` is our clock in seconds. If it is due it is taken as done.
        """
        due = self._equity_at is None or (
            now - self._equity_at[0] >= EQUITY_EVERY and real - self._equity_at[1] >= EQUITY_AT_MOST_EVERY_SECONDS
        )
        if due:
            self._equity_at = now, real
        return due

    def was_compared(self, now: datetime, *, agrees: bool) -> None:
        """Count from here, and remember whether the venue's records and ours agree."""
        self._compared_at = now
        self._is_mismatched = not agrees

    def reason_to_compare(self, now: datetime, margin: MarginState | None) -> str:
        """Why the venue's records should be read again now, in words; empty when it can wait.

        `margin` is a reading that knows every fill that we know, None without one.
        """
        since = timedelta.max if self._compared_at is None else now - self._compared_at
        if since >= RECONCILE_EVERY:
            return "periodic"
        return self._doubt(now, since, margin) if since >= RECONCILE_AT_MOST_EVERY else ""

    def _doubt(self, now: datetime, since: timedelta, margin: MarginState | None) -> str:
        stories = self._state.stories.values()
        if not self._books.is_wallet:
            explained = None if self._is_mismatched else margin  # what we do not hold is known to take margin, too
            return self._books.doubt(now, explained, stories)
        if self._is_mismatched and since >= MISMATCH_EVERY:
            return "the last comparison did not agree"
        if since >= WATCHED_EVERY and any(not story.position.is_flat for story in stories):
            return "a position is open"
        return self._wallet.doubt(now) or self._books.wallet_doubt(now, now - since)
