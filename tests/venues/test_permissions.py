"""The verdict on a Kraken key: fail closed, and say which box to tick or untick."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import KeyPermissions, VenueName
from jarvis.venues.permissions import Need, Outcome, judge

KRAKEN = VenueName("kraken")
NOW = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)
NEEDED = frozenset(
    {
        "query-funds",
        "query-open-trades",
        "query-closed-trades",
        "modify-trades",
        "close-trades",
        "query-ledger",
        "create-ws-token",
    }
)
FORBIDDEN = ["withdraw-funds", "add-withdraw-address", "update-withdraw-address", "add-funds", "earn-funds"]


def key(*more: str, without: str = "", **changes: Any) -> KeyPermissions:
    told: dict[str, Any] = {
        "granted": (NEEDED | set(more)) - {without},
        "label": "Jarvis, live",
        "public_id": "made-up",
        "ip_allowlist": ("203.0.113.7",),
        "expires_at": NOW + timedelta(days=90),
    }
    return KeyPermissions(**{**told, **changes})


def test_exactly_what_is_needed_is_accepted() -> None:
    verdict = judge(KRAKEN, key(), NOW)

    assert verdict.outcome is Outcome.ACCEPTED
    assert verdict.advice == verdict.risks == ()
    assert {row.name for row in verdict.rows if row.granted} == NEEDED
    assert len({row.label for row in verdict.rows}) == len(verdict.rows)


@pytest.mark.parametrize(
    ("name", "box"),
    [
        ("withdraw-funds", "Funds Permissions: Withdraw Funds"),
        ("add-withdraw-address", "Funds Permissions: Add Withdrawal Address"),
        ("update-withdraw-address", "Funds Permissions: Update Withdrawal Address"),
        ("add-funds", "Funds Permissions: Deposit Funds"),
        ("earn-funds", "Funds Permissions: Earn"),
    ],
)
def test_a_key_that_could_move_money_is_refused_with_the_box_named(name: str, box: str) -> None:
    verdict = judge(KRAKEN, key(name), NOW)

    assert verdict.outcome is Outcome.REFUSED
    assert verdict.advice == (f"Untick “{box}”.",)


def test_an_unknown_permission_is_refused_by_name() -> None:
    verdict = judge(KRAKEN, key("teleport-funds"), NOW)

    assert verdict.outcome is Outcome.REFUSED
    assert verdict.advice == ("Untick the box that grants “teleport-funds”.",)
    assert verdict.rows[-1].needed is Need.FORBIDDEN


@pytest.mark.parametrize("missing", sorted(NEEDED))
def test_a_missing_permission_is_incomplete_with_the_box_to_tick(missing: str) -> None:
    verdict = judge(KRAKEN, key(without=missing), NOW)

    assert verdict.outcome is Outcome.INCOMPLETE
    (advice,) = verdict.advice
    assert advice.startswith("Tick “")


def test_forbidden_outweighs_missing() -> None:
    verdict = judge(KRAKEN, key("withdraw-funds", without="query-ledger"), NOW)

    assert verdict.outcome is Outcome.REFUSED
    assert len(verdict.advice) == 2


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (key(ip_allowlist=()), "any address"),
        (key(expires_at=None), "never expires"),
        (key(expires_at=NOW + timedelta(days=3)), "24 September 2026"),
        (key(nonce_window=15), "nonce window of 15"),
        (key(history_limited=True), "query start or end date"),
        (key("export-data"), "Export Data"),
    ],
)
def test_what_stays_a_risk_is_said_in_plain_words(told: KeyPermissions, word: str) -> None:
    verdict = judge(KRAKEN, told, NOW)

    assert verdict.outcome is Outcome.ACCEPTED_WITH_RISK
    (risk,) = verdict.risks
    assert word in risk


def test_an_expired_key_is_refused() -> None:
    verdict = judge(KRAKEN, key(expires_at=NOW), NOW)

    assert verdict.outcome is Outcome.REFUSED
    assert "expired" in verdict.risks[0]


def test_a_venue_without_a_table_is_no_venue() -> None:
    with pytest.raises(KeyError):
        judge(VenueName("nowhere"), key(), NOW)


@given(st.frozensets(st.sampled_from([*sorted(NEEDED), *FORBIDDEN, "export-data", "something-new"])))
def test_nothing_but_the_whole_of_what_is_needed_is_ever_accepted(granted: frozenset[str]) -> None:
    verdict = judge(KRAKEN, key(granted=granted), NOW)

    accepted = verdict.outcome in (Outcome.ACCEPTED, Outcome.ACCEPTED_WITH_RISK)
    assert accepted == (NEEDED <= granted <= NEEDED | {"export-data"})
    assert (verdict.outcome is Outcome.ACCEPTED) == (granted == NEEDED)
    assert {row.name for row in verdict.rows if row.granted} == granted
