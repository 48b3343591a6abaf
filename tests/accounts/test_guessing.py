"""Ten thousand guesses at one account, on virtual time over the real throttle, while its owner wants to sign in.

Guessers ask as often as they like; what counts as a guess is an attempt that is let through to the password.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis.accounts.throttle import SignInThrottle, ThrottleRates

START = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
ADA = "ada@example.org"
HOME, ABROAD = "192.0.2.7", "198.51.100.9"
RATES = ThrottleRates()


@dataclass
class Attack:
    """Addresses that ask again as soon as they are let, and every second at least."""

    addresses: int
    throttle: SignInThrottle = field(default_factory=SignInThrottle)
    accounts: tuple[str, ...] = (ADA,)
    asked: int = 0
    guesses: int = 0
    now: datetime = START
    order: random.Random = field(default_factory=lambda: random.Random(1))

    def second(self) -> None:
        """One second of it."""
        self.everybody_asks()
        self.now += timedelta(seconds=1)

    def everybody_asks(self) -> None:
        """All of them, in any order."""
        askers = [f"10.{number >> 8}.{number & 255}.1" for number in range(self.addresses)]
        self.order.shuffle(askers)
        for address in askers:
            self.asked += 1
            self.guesses += self._ask(self.order.choice(self.accounts), address) == 0

    def _ask(self, account: str, address: str) -> float:
        return self.throttle.ask(account, address, self.now)

    def owner_waits(self, owner: str, most: int) -> int:
        """Seconds until the owner is let through, who asks when told to, and always after everybody else."""
        due, began = self.now, self.now
        while (self.now - began).total_seconds() <= most:
            self.everybody_asks()
            if self.now >= due:
                wait = self._ask(ADA, owner)
                if wait == 0:
                    return round((self.now - began).total_seconds())
                due = self.now + timedelta(seconds=wait)
            self.now += timedelta(seconds=1)
        return most + 1


@pytest.mark.parametrize("addresses", [1, 100])
def test_during_ten_thousand_guesses_the_owner_at_home_never_waits(addresses: int) -> None:
    attack = Attack(addresses)
    attack.throttle.succeeded(ADA, HOME)
    tried = entered = 0

    while attack.asked < 10_000:
        for _ in range(60):
            attack.second()
        tried += 1
        entered += attack.throttle.ask(ADA, HOME, attack.now) == 0

    assert entered == tried > 0


@pytest.mark.parametrize("addresses", [1, 100])
def test_ten_thousand_guesses_are_few_that_are_checked(addresses: int) -> None:
    attack = Attack(addresses)

    while attack.asked < 10_000:
        attack.second()

    took = (attack.now - START).total_seconds()
    fresh = min(3 * addresses, RATES.fresh.burst + took / 5)
    assert attack.guesses <= 1 + fresh + RATES.account.burst + took / 30


@pytest.mark.parametrize("addresses", [1, 100])
@pytest.mark.parametrize("minutes", [0, 1, 5, 15, 60])
def test_an_owner_at_a_new_address_is_let_in_within_the_time_that_is_stated(addresses: int, minutes: int) -> None:
    attack = Attack(addresses)
    for _ in range(60 * minutes):
        attack.second()

    waited = attack.owner_waits(ABROAD, 3600)

    assert waited <= 5 * (addresses + 1) + addresses / 10 + 2


def test_an_owner_at_a_new_address_does_not_wait_once_the_guessers_have_failed() -> None:
    attack = Attack(100)
    for _ in range(30 * 60):
        attack.second()

    assert attack.owner_waits(ABROAD, 60) <= 6


def test_an_owner_at_a_new_address_is_let_in_while_others_spray_at_everybody() -> None:
    attack = Attack(500, accounts=tuple(f"person-{number}@example.org" for number in range(2000)))
    for _ in range(120):
        attack.second()

    assert attack.owner_waits(ABROAD, 600) <= 500 / 10 + 5 + 2


def test_passkeys_do_not_wait_for_those_who_guess_at_passwords() -> None:
    passwords, passkeys = SignInThrottle(), SignInThrottle()
    attack = Attack(100, throttle=passwords)
    for _ in range(300):
        attack.second()

    assert passkeys.ask("", ABROAD, attack.now) == 0


@settings(max_examples=15, deadline=None)
@given(
    addresses=st.integers(1, 120),
    seconds=st.integers(0, 600),
    seed=st.integers(0, 2**32),
    accounts=st.integers(1, 20),
)
def test_whatever_the_attack_the_stated_time_holds(addresses: int, seconds: int, seed: int, accounts: int) -> None:
    names = (ADA, *(f"person-{number}@example.org" for number in range(accounts - 1)))
    attack = Attack(addresses, accounts=names, order=random.Random(seed))
    for _ in range(seconds):
        attack.second()

    assert attack.owner_waits(ABROAD, 3600) <= 5 * (addresses + 1) + addresses / 10 + 2
