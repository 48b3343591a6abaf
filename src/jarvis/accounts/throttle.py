"""Slows guessing down without ever locking the owner out.

Every attempt takes a token of its network address, of everybody, and of the account it is at. Who is refused has taken
nothing, so that hammering does not dig a hole. An address that signed in to the account before has a bucket of its own
there, and does not wait for others at all.

Strangers at an account share two lanes: a faster one for addresses that have failed there less than three times lately,
a slow one for the rest. In a lane nobody is faster by asking more often: who finds no token is given the next free
moment for themselves, and is let through then. So an owner who comes from a new address while N other addresses guess
waits N + 1 turns of the faster lane at most (5 s each) and N of everybody's (0.1 s each), for N up to `MOST_WAITING`,
and not at all once the guessing addresses have failed three times.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

MOST_KEPT = 50_000
MOST_WAITING = 1_000
TURN_KEPT = timedelta(minutes=10)
FAILURES_OF_THE_FRESH = 3
FAILURES_FORGOTTEN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` attempts at once, then one per `every`."""

    burst: int
    every: timedelta

    def __post_init__(self) -> None:
        """Refuse a rate that lets nobody through."""
        if self.burst < 1 or self.every <= timedelta(0):
            raise ValueError("a rate needs a burst of at least 1 and a positive interval")


@dataclass(frozen=True, slots=True)
class ThrottleRates:
    """How often a password may be tried.

    `account` by strangers who have failed there, `fresh` by the others, `known` by one address that signed in there,
    `address` by one address at all accounts, `everybody` by all strangers.
    """

    account: Rate = Rate(8, timedelta(seconds=30))
    address: Rate = Rate(20, timedelta(seconds=6))
    everybody: Rate = Rate(100, timedelta(milliseconds=100))
    fresh: Rate = Rate(8, timedelta(seconds=5))
    known: Rate = Rate(8, timedelta(seconds=30))


CODE_RATES = ThrottleRates(
    account=Rate(5, timedelta(minutes=10)),
    fresh=Rate(10, timedelta(minutes=1)),
    known=Rate(10, timedelta(minutes=1)),
)
"""For codes of six digits, which only somebody who knows the password may try."""


class Buckets:
    """One bucket per key, each full when first seen; the one unused for longest is forgotten first."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._levels: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def wait(self, key: str, now: datetime) -> float:
        """Seconds until this bucket has a token; 0 if it has one."""
        return max(0.0, 1.0 - self._level(key, now)) * self._rate.every.total_seconds()

    def take(self, key: str, now: datetime) -> None:
        """Take a token, be there one or not."""
        self._levels[key] = (self._level(key, now) - 1.0, now)
        self._levels.move_to_end(key)
        while len(self._levels) > MOST_KEPT:
            self._levels.popitem(last=False)

    def fill(self, key: str) -> None:
        """Make this bucket full again."""
        self._levels.pop(key, None)

    def _level(self, key: str, now: datetime) -> float:
        level, at = self._levels.get(key, (float(self._rate.burst), now))
        return min(float(self._rate.burst), level + max(0.0, (now - at) / self._rate.every))


class _Lane:
    """Tokens that strangers share. `spent_until` is when it is full again; `turns` are moments that were promised."""

    __slots__ = ("seen_at", "spent_until", "turns")

    def __init__(self, now: datetime) -> None:
        self.seen_at = self.spent_until = now
        self.turns: dict[str, datetime] = {}

    def look(self, now: datetime) -> None:
        """Come to this moment: tokens come back, and missed turns are forgotten. A clock set back moves all along."""
        back = self.seen_at - now
        if back > timedelta(0):
            self.spent_until -= back
            self.turns = {place: turn - back for place, turn in self.turns.items()}
        self.seen_at = now
        self.spent_until = max(self.spent_until, now)
        while self.turns:
            place, turn = next(iter(self.turns.items()))
            if now - turn < TURN_KEPT:
                return
            del self.turns[place]


class _Lanes:
    """One lane per key; the one unused for longest is forgotten first."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()

    def wait(self, key: str, place: str, now: datetime) -> float:
        """Seconds until this place may go; 0 if it may now. A place that must wait keeps the moment it is told."""
        lane = self._lane(key, now)
        turn = lane.turns.get(place)
        if turn is None:
            turn = lane.spent_until - (self._rate.burst - 1) * self._rate.every
            if turn > now and len(lane.turns) < MOST_WAITING:
                lane.turns[place] = turn
                lane.spent_until += self._rate.every
        return max(0.0, (turn - now).total_seconds())

    def take(self, key: str, place: str, now: datetime) -> None:
        lane = self._lane(key, now)
        if lane.turns.pop(place, None) is None:
            lane.spent_until += self._rate.every

    def _lane(self, key: str, now: datetime) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(now)
            while len(self._lanes) > MOST_KEPT:
                self._lanes.popitem(last=False)
        self._lanes.move_to_end(key)
        lane.look(now)
        return lane


class SignInThrottle:
    """The buckets of one process; state is in memory, so a restart starts with full buckets."""

    def __init__(self, rates: ThrottleRates | None = None) -> None:
        rates = rates or ThrottleRates()
        self._known_at = Buckets(rates.known)
        self._addresses = Buckets(rates.address)
        self._fresh = _Lanes(rates.fresh)
        self._failed = _Lanes(rates.account)
        self._everybody = _Lanes(rates.everybody)
        self._known: OrderedDict[str, None] = OrderedDict()
        self._failures: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def ask(self, account: str, address: str, now: datetime) -> float:
        """0 if the attempt may be made, and it is counted; else the seconds to wait, and nothing is counted.

        With no `account` only the address and everybody are asked.
        """
        place = _network(address)
        pair = f"{account} {place}"
        if pair in self._known:
            return self._ask_known(pair, place, now)
        wait = self._addresses.wait(place, now)
        if wait > 0:
            return wait  # and no turn is given to who asks for too much
        lanes = [(self._everybody, "")]
        if account:
            lanes.append((self._lane_of(pair, now), account))
        wait = max(lane.wait(key, place, now) for lane, key in lanes)
        if wait > 0:
            return wait
        self._addresses.take(place, now)
        for lane, key in lanes:
            lane.take(key, place, now)
        if account:
            self._count(pair, now)
        return 0.0

    def succeeded(self, account: str, address: str) -> None:
        """Remember that this address is one of the account's owner: they have proved all that there is to prove."""
        pair = f"{account} {_network(address)}"
        self._known[pair] = None
        self._known.move_to_end(pair)
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)
        self._known_at.fill(pair)
        self._failures.pop(pair, None)

    def _ask_known(self, pair: str, place: str, now: datetime) -> float:
        wait = max(self._known_at.wait(pair, now), self._addresses.wait(place, now))
        if wait == 0:
            self._known_at.take(pair, now)
            self._addresses.take(place, now)
        return wait

    def _lane_of(self, pair: str, now: datetime) -> _Lanes:
        failures, at = self._failures.get(pair, (0, now))
        is_fresh = failures < FAILURES_OF_THE_FRESH or now - at >= FAILURES_FORGOTTEN_AFTER
        return self._fresh if is_fresh else self._failed

    def _count(self, pair: str, now: datetime) -> None:
        """Take the attempt for a failure; `succeeded` takes it back."""
        failures, at = self._failures.get(pair, (0, now))
        if now - at >= FAILURES_FORGOTTEN_AFTER:
            failures = 0
        self._failures[pair] = (failures + 1, now)
        self._failures.move_to_end(pair)
        while len(self._failures) > MOST_KEPT:
            self._failures.popitem(last=False)


def _network(address: str) -> str:
    """What counts as one address: all of an IPv4 one, the first 64 bits of an IPv6 one, which one person owns."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
