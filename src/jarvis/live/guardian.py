"""The watchman of one account: stale data, key health, naked positions. Decides nothing; says what must be blocked.

Security fails closed, exits fail safe: everything here can stop entries, nothing here can stop a closing order.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO, round_down
from jarvis.domain.order import Order, OrderRole
from jarvis.trading.events import EntriesAllowed, EntriesBlocked
from jarvis.trading.stories import PositionStory
from jarvis.venues import permissions
from jarvis.venues.base import KeyInvalid, NotPermitted
from jarvis.venues.permissions import Outcome

STALE_AFTER_SECONDS = 10.0
KEY_CHECK_EVERY = timedelta(seconds=50)
"""How often the venue is asked what the key may do: a key that may suddenly withdraw opens nothing within a minute."""
KEY_CHECK_AT_MOST_EVERY = timedelta(seconds=5)
NAKED_FOR_AT_MOST = timedelta(seconds=10)

_OF_THE_KEY = (NotPermitted.__name__, KeyInvalid.__name__)

Verdict = EntriesBlocked | EntriesAllowed


class Guardian:
    """Keeps which causes are raised, so that each is said once when it begins and once when it ends."""

    def __init__(self) -> None:
        self._raised: set[tuple[str, Pair | None]] = set()
        self._naked_since: dict[Pair, datetime] = {}
        self._key_checked_at: datetime | None = None
        self._key_failures = 0
        self._doubts_key = False

    def staleness(self, *, market_silent: float, account_silent: float, now: datetime) -> Iterable[Verdict]:
        """Whether the two streams are fresh; arguments are seconds since each was last heard."""
        yield from self.judge(
            "stale_market",
            f"no word from the market stream for {market_silent:.0f} s" if market_silent > STALE_AFTER_SECONDS else "",
            now,
        )
        yield from self.judge(
            "stale_account",
            f"no word from the account stream for {account_silent:.0f} s"
            if account_silent > STALE_AFTER_SECONDS
            else "",
            now,
        )

    def key_check_due(self, now: datetime) -> bool:
        """Whether the key's permissions should be read again: at the start, every minute, and soon after a doubt."""
        every = KEY_CHECK_AT_MOST_EVERY if self._doubts_key else KEY_CHECK_EVERY
        return self._key_checked_at is None or now - self._key_checked_at >= every

    def refused(self, reason: str) -> None:
        """The venue refused an order for this reason; if it is the key's, what it may do is read again soon."""
        if reason in _OF_THE_KEY:
            self._doubts_key = True

    def key_is(self, judged: permissions.Verdict, now: datetime) -> Iterable[Verdict]:
        """The key's health from what the venue says that it may do."""
        self._key_checked_at = now
        self._doubts_key = False
        trouble = judged.outcome in (Outcome.REFUSED, Outcome.INCOMPLETE)
        words = "; ".join(judged.advice) or judged.outcome.value
        yield from self.judge("key_permissions", words if trouble else "", now)
        yield from self.key_works(now)

    def key_works(self, now: datetime) -> Iterable[Verdict]:
        """The venue answered a signed call: whatever was said about the key is over."""
        self._key_failures = 0
        yield from self.judge("key_invalid", "", now)

    def key_failed(self, message: str, now: datetime) -> Iterable[Verdict]:
        """The venue did not accept the key. The second time in a row the account is blind."""
        self._key_failures += 1
        if self._key_failures >= 2:  # once may be a hiccup of the venue; twice is a revoked or expired key
            yield from self.judge("key_invalid", f"the venue does not accept the key any more: {message}", now)

    @property
    def is_blind(self) -> bool:
        """Whether the venue stopped accepting the key: stops rest there, and we see nothing."""
        return ("key_invalid", None) in self._raised

    def naked_too_long(
        self,
        stories: Mapping[Pair, PositionStory],
        orders: Iterable[Order],
        now: datetime,
        lots: Mapping[Pair, Decimal],
    ) -> list[Pair]:
        """Pairs whose open position has had no working stop of its whole size for longer than is allowed.

        The size is in whole lots: no order can hold what is less.
        """
        covered: dict[Pair, Decimal] = {}
        for order in orders:
            if order.request.role is OrderRole.STOP and order.status.may_rest_at_venue:
                covered[order.request.pair] = covered.get(order.request.pair, ZERO) + order.remaining_quantity
        naked = [
            pair
            for pair, story in stories.items()
            if not story.position.is_flat and covered.get(pair, ZERO) < round_down(story.quantity, lots[pair])
        ]
        self._naked_since = {pair: self._naked_since.get(pair, now) for pair in naked}
        return [pair for pair, since in self._naked_since.items() if now - since > NAKED_FOR_AT_MOST]

    def judge(self, cause: str, trouble: str, now: datetime, pair: Pair | None = None) -> Iterable[Verdict]:
        """The change, if any: `trouble` describes what is wrong, empty when nothing is."""
        if trouble and (cause, pair) not in self._raised:
            self._raised.add((cause, pair))
            yield EntriesBlocked(cause, trouble, now, pair)
        elif not trouble and (cause, pair) in self._raised:
            self._raised.discard((cause, pair))
            yield EntriesAllowed(cause, now, pair)
