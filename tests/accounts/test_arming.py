from dataclasses import replace
from datetime import timedelta

from jarvis.accounts.arming import obstacle_to_arming
from jarvis.domain.account import UserId
from jarvis.domain.people import Factors, Person, Role
from tests.accounts.world import EMAIL, NOW

ADA = Person(UserId("ada"), EMAIL, "hash", Role.TRADER, NOW)
WITH_TOTP = Factors(totp_since=NOW)


def test_a_trader_with_a_second_factor_may_arm() -> None:
    assert obstacle_to_arming(ADA, WITH_TOTP, NOW) == ""
    assert obstacle_to_arming(replace(ADA, role=Role.OPERATOR), WITH_TOTP, NOW) == ""


def test_without_a_second_factor_nothing_is_armed() -> None:
    assert "passkey or an authenticator app" in obstacle_to_arming(ADA, Factors(), NOW)
    assert obstacle_to_arming(ADA, Factors(codes_left=10, codes_made_at=NOW), NOW)


def test_a_viewer_arms_nothing() -> None:
    assert "viewer" in obstacle_to_arming(replace(ADA, role=Role.VIEWER), WITH_TOTP, NOW)


def test_after_a_reset_arming_is_held() -> None:
    held = replace(ADA, arming_held_until=NOW + timedelta(hours=24))

    assert "2026-11-23 20:00 UTC" in obstacle_to_arming(held, WITH_TOTP, NOW)
    assert obstacle_to_arming(held, WITH_TOTP, NOW + timedelta(hours=24)) == ""


def test_who_is_suspended_arms_nothing() -> None:
    assert obstacle_to_arming(replace(ADA, suspended_at=NOW), WITH_TOTP, NOW)
