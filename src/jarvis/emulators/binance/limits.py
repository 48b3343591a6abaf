"""Binance's limits: weights in clock-aligned windows by address and by user, order counts, and bans.

Time is the market's or the event loop's, whichever went further: an accelerated market empties the windows faster,
and a market that stands still does not freeze them.
"""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime

from jarvis.emulators.binance.errors import TOO_MANY_ORDERS, Problem, Refused

MINUTE = 60
_STUBBORN = 20
_FIRST_BAN = 120
_LONGEST_BAN = 3 * 86_400


def loop_time() -> float:
    """The event loop's clock, or zero outside of one (a sandbox being set up)."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return 0.0


class WireClock:
    """Unix seconds for windows: each step is the larger of the market's and the event loop's."""

    def __init__(self, now: Callable[[], datetime], loop_seconds: Callable[[], float] = loop_time) -> None:
        self._now = now
        self._loop_seconds = loop_seconds
        self._market = now()
        self._loop: float | None = None
        self._seconds = self._market.timestamp()

    def seconds(self) -> float:
        """The time of the wire; it begins at the market's."""
        market, loop = self._now(), self._loop_seconds()
        passed = (market - self._market).total_seconds()
        if self._loop is not None:
            passed = max(passed, loop - self._loop)
        self._seconds += max(0.0, passed)
        self._market, self._loop = market, loop
        return self._seconds


@dataclass(frozen=True, slots=True)
class Pool:
    """One kind of limit: so much within each window of so many seconds. `unit` names it in the refusal."""

    name: str
    limit: int
    seconds: int = MINUTE
    unit: str = "request weight"


API_WEIGHT = Pool("api", 6_000)
SAPI_IP = Pool("sapi ip", 12_000)
SAPI_UID = Pool("sapi uid", 180_000)
ORDERS_TEN_SECONDS = Pool("orders 10s", 10_000, 10, "orders")
ORDERS_DAY = Pool("orders 1d", 20_000, 86_400, "orders")
CONNECTIONS = Pool("connections", 300, 300, "connections")


class Limits:
    """What everyone has used in the current windows, and who is banned until when."""

    def __init__(self, clock: WireClock) -> None:
        self._clock = clock
        self._used: dict[tuple[str, Hashable], tuple[int, int]] = {}
        self._refusals: dict[str, tuple[int, int]] = {}
        self._bans: dict[str, float] = {}
        self._sentences: dict[str, int] = {}

    def used(self, pool: Pool, who: Hashable) -> int:
        """What was used of the pool in its current window."""
        window, used = self._used.get((pool.name, who), (0, 0))
        return used if window == self._window(pool) else 0

    def charge(self, pool: Pool, who: Hashable, weight: int) -> bool:
        """Count `weight`; False when that is more than the window holds. What is refused counts as well."""
        total = self.used(pool, who) + weight
        self._used[pool.name, who] = (self._window(pool), total)
        return total <= pool.limit

    def charge_request(self, pool: Pool, who: Hashable, weight: int, remote: str) -> None:
        """Count a request's weight. Raises Refused: 429, and 418 for an address that does not heed it."""
        if self.charge(pool, who, weight):
            return
        window = self._window(pool)
        last, count = self._refusals.get(remote, (window, 0))
        count = count + 1 if last == window else 1
        self._refusals[remote] = (window, count)
        if count > _STUBBORN:
            sentence = min(2 * self._sentences.get(remote, _FIRST_BAN // 2), _LONGEST_BAN)
            self._sentences[remote] = sentence
            self.ban(remote, sentence)
            self.refuse_banned(remote)
        raise self.too_much(pool)

    def charge_order(self, account: str) -> None:
        """Count a new order. Raises Refused when there are too many."""
        within = [self.charge(pool, account, 1) for pool in (ORDERS_TEN_SECONDS, ORDERS_DAY)]
        if not all(within):
            raise Refused(TOO_MANY_ORDERS, retry_after=self._rest(ORDERS_TEN_SECONDS))

    def too_much(self, pool: Pool) -> Refused:
        """The refusal of more weight than the pool holds."""
        words = f"Too much {pool.unit} used; current limit is {pool.limit} {pool.unit} per 1 MINUTE."
        words += " Please use WebSocket Streams for live updates to avoid polling the API."
        return Refused(Problem(-1003, words, 429), retry_after=self._rest(pool))

    def ban(self, remote: str, seconds: float) -> None:
        """Answer nothing to this address for so long."""
        self._bans[remote] = self._clock.seconds() + seconds

    def refuse_banned(self, remote: str) -> None:
        """Raise Refused while the address is banned."""
        until = self._bans.get(remote)
        if until is None:
            return
        left = until - self._clock.seconds()
        if left <= 0:
            del self._bans[remote]
            return
        words = f"Way too much request weight used; IP banned until {int(until * 1000)}."
        words += " Please use WebSocket Streams for live updates to avoid bans."
        raise Refused(Problem(-1003, words, 418), retry_after=max(1, int(left)))

    def _window(self, pool: Pool) -> int:
        return int(self._clock.seconds()) // pool.seconds

    def _rest(self, pool: Pool) -> int:
        """Seconds until the pool's next window begins."""
        return pool.seconds - int(self._clock.seconds()) % pool.seconds
