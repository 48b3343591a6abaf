"""Slows guessing down without ever locking the owner out.

Every attempt takes a token from three buckets: the account's, the network address's and everybody's. An empty
bucket answers with how long to wait, and a refused attempt takes nothing, so that hammering does not dig a hole.
Somebody who guesses at an account from afar empties the bucket of strangers; an address that signed in to that
account before has a bucket of its own, so its owner is not made to wait for others. An owner at a new address
shares the strangers' bucket while the guessing lasts.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

MOST_KEPT = 50_000


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
    """How often a password may be tried."""

    account: Rate = Rate(8, timedelta(seconds=30))
    address: Rate = Rate(20, timedelta(seconds=6))
    everybody: Rate = Rate(100, timedelta(milliseconds=100))


class _Buckets:
    """One bucket per key, each full when first seen; the one unused for longest is forgotten first."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._levels: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def wait(self, key: str, now: datetime) -> float:
        """Seconds until this bucket has a token; 0 if it has one."""
        return max(0.0, 1.0 - self._level(key, now)) * self._rate.every.total_seconds()

    def take(self, key: str, now: datetime) -> None:
        self._levels[key] = (self._level(key, now) - 1.0, now)
        self._levels.move_to_end(key)
        while len(self._levels) > MOST_KEPT:
            self._levels.popitem(last=False)

    def fill(self, key: str) -> None:
        self._levels.pop(key, None)

    def _level(self, key: str, now: datetime) -> float:
        level, at = self._levels.get(key, (float(self._rate.burst), now))
        return min(float(self._rate.burst), level + max(0.0, (now - at) / self._rate.every))


class SignInThrottle:
    """The buckets of one process; state is in memory, so a restart starts with full buckets."""

    def __init__(self, rates: ThrottleRates | None = None) -> None:
        rates = rates or ThrottleRates()
        self._accounts = _Buckets(rates.account)
        self._addresses = _Buckets(rates.address)
        self._everybody = _Buckets(rates.everybody)
        self._known: OrderedDict[str, None] = OrderedDict()

    def ask(self, account: str, address: str, now: datetime) -> float:
        """0 if the attempt may be made, and it is counted; else the seconds to wait, and nothing is counted."""
        place = _network(address)
        pair = f"{account} {place}"
        owner = pair in self._known
        account_key = pair if owner else account
        # The owner's own address does not queue behind everybody who guesses.
        taken = [(self._accounts, account_key), (self._addresses, place)]
        if not owner:
            taken.append((self._everybody, ""))
        wait = max(buckets.wait(key, now) for buckets, key in taken)
        if wait == 0:
            for buckets, key in taken:
                buckets.take(key, now)
        return wait

    def succeeded(self, account: str, address: str) -> None:
        """Remember that this address knows the password of this account."""
        place = _network(address)
        pair = f"{account} {place}"
        self._known[pair] = None
        self._known.move_to_end(pair)
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)
        self._accounts.fill(pair)


def _network(address: str) -> str:
    """What counts as one address: all of an IPv4 one, the first 64 bits of an IPv6 one, which one person owns."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))
    return str(parsed)
