"""Counters: what each call costs, how they fall, and that a standing market does not freeze them."""

from datetime import UTC, datetime, timedelta

import pytest

from jarvis.emulators.kraken.rates import Counters, Tier, WireClock, amend_cost, cancel_cost, edit_cost

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "amend", "edit", "cancel"),
    [
        (0, 4, 7, 8),
        (4.9, 4, 7, 8),
        (5, 3, 6, 6),
        (10, 2, 5, 5),
        (15, 1, 3, 4),
        (45, 1, 2, 2),
        (90, 1, 1, 1),
        (300, 1, 1, 0),
    ],
)
def test_younger_orders_cost_more_to_touch(age: float, amend: int, edit: int, cancel: int) -> None:
    assert (amend_cost(age), edit_cost(age), cancel_cost(age)) == (amend, edit, cancel)


def test_a_charge_above_the_maximum_is_refused_and_not_counted() -> None:
    seconds = 0.0
    counters = Counters(lambda: seconds)

    taken = [counters.charge("key", 2, maximum=15, decay=0.33) for _ in range(8)]

    assert taken == [True] * 7 + [False]
    assert counters.charge("key", 1, maximum=15, decay=0.33)
    assert counters.charge("another", 2, maximum=15, decay=0.33)


def test_a_counter_falls_by_its_decay() -> None:
    now = [0.0]
    counters = Counters(lambda: now[0])
    counters.add("key", 20, decay=0.5)

    now[0] = 10.0

    assert counters.level("key", 0.5) == 15
    now[0] = 1000.0
    assert counters.level("key", 0.5) == 0


def test_the_wire_clock_goes_with_whichever_clock_goes_further() -> None:
    market, loop = [START], [0.0]
    clock = WireClock(lambda: market[0], lambda: loop[0])
    assert clock.seconds() == 0

    market[0] += timedelta(minutes=1)
    assert clock.seconds() == 60
    loop[0] += 5
    assert clock.seconds() == 65
    market[0] += timedelta(seconds=1)
    loop[0] += 3
    assert clock.seconds() == 68


def test_tiers_have_the_published_limits() -> None:
    assert [tier.limits.engine_max for tier in Tier] == [60, 125, 180]
    assert [tier.limits.rest_decay for tier in Tier] == [0.33, 0.5, 1]
