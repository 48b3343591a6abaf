"""Whether the time of a refusal tells who has an account: Welch's t over many sign-ins in random order.

Noise of other processes only ever adds time, so that each side's slowest quarter is left out. A difference counts when
it is both significant and large enough to be seen through a network.
"""

import random
import statistics
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import combinations

import pytest

from jarvis.accounts.passwords import PasswordCheck, Passwords
from jarvis.accounts.people import People, SignInRefused
from jarvis.accounts.throttle import Rate, SignInThrottle, ThrottleRates
from jarvis.store.db import Store
from tests.accounts.world import CHEAP, EMAIL, HERE, NOW, STRANGER, World, noted, world

ROUNDS = 150
SIGNIFICANT = 4.5
SEEN = 0.0005
NO_LIMIT = Rate(10**9, timedelta(microseconds=1))
WITH_TOTP, SUSPENDED = "totp@example.org", "suspended@example.org"


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords(CHEAP)
    yield made
    made.close()


@pytest.fixture
async def people(sqlite_store: Store, passwords: Passwords) -> People:
    """Somebody with a password, somebody with a second factor, somebody suspended; and no throttle."""
    here: World = world(sqlite_store, passwords)
    await here.person(EMAIL)
    await here.with_totp(await here.person(WITH_TOTP))
    suspended = await here.person(SUSPENDED)
    await here.store.suspend(suspended.user_id, noted=noted("person.suspended", suspended))
    throttle = SignInThrottle(ThrottleRates(NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT))
    return People(
        storage=sqlite_store, passwords=passwords, sessions=here.sessions, throttle=throttle, new_id=lambda: "",
        totp=here.totp,
    )  # fmt: skip


async def measured(people: People) -> dict[str, list[float]]:
    """Seconds that refusals took, by address."""
    took: dict[str, list[float]] = {address: [] for address in (EMAIL, WITH_TOTP, SUSPENDED, STRANGER)}
    order = [address for address in took for _ in range(ROUNDS)]
    random.Random(7).shuffle(order)
    for address in order:
        began = time.perf_counter()
        outcome = await people.sign_in(address, "wrong password", address=HERE, now=NOW)
        took[address].append(time.perf_counter() - began)
        assert outcome is SignInRefused.WRONG
    return {address: sorted(times)[: ROUNDS * 3 // 4] for address, times in took.items()}


def differ(one: list[float], other: list[float]) -> bool:
    """Whether two samples have visibly different means, by Welch's t."""
    apart = statistics.fmean(one) - statistics.fmean(other)
    error = (statistics.variance(one) / len(one) + statistics.variance(other) / len(other)) ** 0.5
    return abs(apart) > SEEN and abs(apart) / error > SIGNIFICANT


async def test_the_time_of_a_refusal_does_not_tell_who_is_here(people: People) -> None:
    took = await measured(people)

    assert [pair for pair in combinations(took, 2) if differ(took[pair[0]], took[pair[1]])] == []


async def test_it_would_be_seen_if_nobodys_password_were_not_hashed(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Passwords._check

    def hasty(passwords: Passwords, stored: str | None, text: str) -> PasswordCheck:
        return PasswordCheck(fits=False) if stored is None else check(passwords, stored, text)

    monkeypatch.setattr(Passwords, "_check", hasty)
    took = await measured(people)

    assert differ(took[EMAIL], took[STRANGER])
