from datetime import UTC, datetime, timedelta

import pytest

from jarvis.accounts import throttle as module
from jarvis.accounts.throttle import Rate, SignInThrottle, ThrottleRates

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RATES = ThrottleRates(
    account=Rate(1, 60 * SECOND),
    address=Rate(5, 2 * SECOND),
    everybody=Rate(20, timedelta(milliseconds=500)),
    fresh=Rate(3, 10 * SECOND),
    known=Rate(3, 10 * SECOND),
)


@pytest.fixture
def throttle() -> SignInThrottle:
    return SignInThrottle(RATES)


def attempts(throttle: SignInThrottle, count: int, account: str, address: str, now: datetime = NOW) -> list[float]:
    return [throttle.ask(account, address, now) for _ in range(count)]


def test_an_account_may_be_tried_a_few_times_and_then_slowly(throttle: SignInThrottle) -> None:
    waits = [throttle.ask("ada", f"10.0.0.{number}", NOW) for number in range(5)]

    assert waits == [0, 0, 0, 10, 20]


def test_who_was_told_to_wait_is_let_through_at_that_moment_however_often_others_ask(throttle: SignInThrottle) -> None:
    for number in range(3):
        throttle.ask("ada", f"10.0.0.{number}", NOW)
    assert throttle.ask("ada", "192.0.2.8", NOW) == 10

    for second in range(1000):
        throttle.ask("ada", f"10.0.1.{second % 50}", NOW + timedelta(milliseconds=8 * second))

    assert throttle.ask("ada", "192.0.2.8", NOW + 9 * SECOND) == pytest.approx(1)
    assert throttle.ask("ada", "192.0.2.8", NOW + 10 * SECOND) == 0


def test_a_turn_is_kept_for_ten_minutes(throttle: SignInThrottle) -> None:
    def full_at(now: datetime) -> None:
        for number in range(30):
            throttle.ask("ada", f"10.0.0.{number}", now)

    full_at(NOW)
    kept, missed = throttle.ask("ada", "192.0.2.8", NOW), throttle.ask("ada", "192.0.2.9", NOW)
    assert (kept, missed) == (280, 290)

    full_at(NOW + timedelta(seconds=280 + 590))
    assert throttle.ask("ada", "192.0.2.8", NOW + timedelta(seconds=280 + 599)) == 0
    full_at(NOW + timedelta(seconds=290 + 600))
    assert throttle.ask("ada", "192.0.2.9", NOW + timedelta(seconds=290 + 600)) > 0


def test_an_address_that_fails_again_and_again_is_slowed_down_more(throttle: SignInThrottle) -> None:
    waits = [throttle.ask("ada", "10.0.0.1", NOW + 20 * number * SECOND) for number in range(6)]

    assert waits == [0, 0, 0, 0, 40, 20]
    assert throttle.ask("ada", "10.0.0.2", NOW + 120 * SECOND) == 0
    assert throttle.ask("ada", "10.0.0.1", NOW + timedelta(hours=2)) == 0


def test_an_address_may_try_a_few_accounts_and_then_slowly(throttle: SignInThrottle) -> None:
    waits = [throttle.ask(f"person {number}", "10.0.0.1", NOW) for number in range(7)]

    assert waits == [0, 0, 0, 0, 0, 2, 2]


def test_everybody_together_is_slowed_down(throttle: SignInThrottle) -> None:
    waits = [throttle.ask(f"person {number}", f"10.0.0.{number}", NOW) for number in range(22)]

    assert waits[:20] == [0] * 20
    assert waits[20:] == [0.5, 1.0]


def test_hammering_does_not_make_the_wait_longer(throttle: SignInThrottle) -> None:
    attempts(throttle, 1000, "ada", "10.0.0.1")

    assert throttle.ask("ada", "10.0.0.2", NOW + 10 * SECOND) == 0


def test_with_no_account_only_the_address_and_everybody_are_asked(throttle: SignInThrottle) -> None:
    waits = [throttle.ask("", f"10.0.0.{number}", NOW) for number in range(21)]

    assert waits == [0] * 20 + [0.5]
    assert attempts(throttle, 6, "", "10.0.1.1", NOW + 60 * SECOND) == [0] * 5 + [2]


def test_the_owner_does_not_wait_for_those_who_guess_from_elsewhere(throttle: SignInThrottle) -> None:
    throttle.succeeded("ada", "192.0.2.7")
    for number in range(200):
        throttle.ask("ada", f"10.0.{number}.1", NOW)

    assert throttle.ask("ada", "192.0.2.7", NOW) == 0
    assert throttle.ask("ada", "192.0.2.8", NOW) > 0


def test_the_owner_does_not_wait_while_everybody_is_slowed_down(throttle: SignInThrottle) -> None:
    throttle.succeeded("ada", "192.0.2.7")
    for number in range(20):
        throttle.ask(f"person {number}", f"10.0.0.{number}", NOW)

    assert throttle.ask("ada", "192.0.2.8", NOW) == 0.5
    assert throttle.ask("ada", "192.0.2.7", NOW) == 0


def test_an_address_that_knows_the_password_is_slowed_down_too(throttle: SignInThrottle) -> None:
    throttle.succeeded("ada", "192.0.2.7")

    assert attempts(throttle, 4, "ada", "192.0.2.7") == [0, 0, 0, 10]


def test_signing_in_fills_the_owners_bucket_again(throttle: SignInThrottle) -> None:
    throttle.succeeded("ada", "192.0.2.7")
    attempts(throttle, 3, "ada", "192.0.2.7")

    throttle.succeeded("ada", "192.0.2.7")

    assert throttle.ask("ada", "192.0.2.7", NOW) == 0


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("unix socket", "nonsense", True),
    ],
)
def test_what_counts_as_one_address(first: str, second: str, same: bool) -> None:
    throttle = SignInThrottle(RATES)
    for number in range(5):
        throttle.ask(f"person {number}", first, NOW)

    assert (throttle.ask("another", second, NOW) > 0) is same


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing(throttle: SignInThrottle) -> None:
    for number in range(3):
        throttle.ask("ada", f"10.0.0.{number}", NOW)
    assert throttle.ask("ada", "10.0.0.8", NOW) == 10

    earlier = NOW - timedelta(hours=1)
    assert throttle.ask("ada", "10.0.0.8", earlier) == 10
    assert throttle.ask("ada", "10.0.0.9", earlier) == 20
    assert throttle.ask("ada", "10.0.0.8", earlier + 10 * SECOND) == 0


def test_memory_is_bounded(throttle: SignInThrottle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 10)
    monkeypatch.setattr(module, "MOST_WAITING", 5)

    for number in range(100):
        now = NOW + number * SECOND
        throttle.ask(f"person {number}", f"10.0.0.{number}", now)
        throttle.ask("ada", f"10.0.1.{number}", now)
        throttle.succeeded(f"person {number}", f"10.0.0.{number}")

    assert len(throttle._known) == 10
    assert len(throttle._known_at._levels) <= 10
    assert len(throttle._addresses._levels) <= 10
    assert len(throttle._failures) <= 10
    assert len(throttle._fresh._lanes) <= 10
    assert len(throttle._fresh._lanes["ada"].turns) == 5


@pytest.mark.parametrize(("burst", "every"), [(0, SECOND), (1, timedelta(0))])
def test_a_rate_that_lets_nobody_through_is_refused(burst: int, every: timedelta) -> None:
    with pytest.raises(ValueError, match="burst"):
        Rate(burst, every)
