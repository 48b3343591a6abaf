"""Which notices a receiver is sent, and which are never held back."""

import json

import pytest

from jarvis.notify.kinds import (
    DEFAULTS,
    NEVER_HELD,
    WORDS,
    Group,
    Level,
    choices_of,
    choices_text,
    group_of,
    is_alarm_told,
    is_urgent,
    is_wanted,
)
from jarvis.notify.titles import KINDS
from jarvis.trading.events import Severity

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


@pytest.mark.parametrize(
    ("kind", "group"),
    [
        ("margin_call", Group.MONEY), ("naked_position", Group.MONEY), ("position.closed", Group.TRADES),
        ("leverage_cut", Group.RULES), ("key.widened", Group.KEYS), ("foreign.activity", Group.KEYS),
        ("funds.arrived", Group.FUNDS), ("token.made", Group.SECURITY), ("place.new", Group.SECURITY),
        ("target.added", Group.SECURITY), ("hook.made", Group.SECURITY), ("hook.proposed", Group.TRADES),
        ("something_new", Group.OTHER), ("notices.tested", Group.OTHER),
    ],
)  # fmt: skip
def test_every_kind_belongs_to_one_group(kind: str, group: Group) -> None:
    assert group_of(kind) is group


def test_every_group_has_words_and_every_kind_that_is_never_held_has_a_title() -> None:
    assert set(WORDS) == set(Group)
    assert set(KINDS) >= NEVER_HELD


@pytest.mark.parametrize(
    ("level", "taken"),
    [
        (Level.ALL, {INFO, WARNING, CRITICAL}), (Level.WARNINGS, {WARNING, CRITICAL}), (Level.ALARMS, {CRITICAL}),
        (Level.NOTHING, set()),
    ],
)  # fmt: skip
def test_a_level_takes_what_is_at_least_as_grave(level: Level, taken: set[Severity]) -> None:
    assert {severity for severity in Severity if level.takes(severity)} == taken


@pytest.mark.parametrize("kind", sorted(DEFAULTS))
def test_every_default_sends_every_alarm_about_money_and_keys(kind: str) -> None:
    assert set(DEFAULTS[kind]) == set(Group)
    for alarm in NEVER_HELD:
        assert is_wanted(DEFAULTS[kind], alarm, CRITICAL)
        assert is_wanted(DEFAULTS[kind], alarm, WARNING)


@pytest.mark.parametrize("kind", [*sorted(NEVER_HELD), "pair_gone", "anything"])
def test_an_alarm_is_urgent_whatever_its_kind(kind: str) -> None:
    assert is_urgent(kind, CRITICAL)
    assert is_urgent(kind, WARNING) == (kind in NEVER_HELD)
    assert not is_urgent(kind, INFO)


def test_an_alarm_that_heals_itself_or_is_told_in_other_words_is_no_notice() -> None:
    assert is_alarm_told("margin_call", CRITICAL)
    assert not is_alarm_told("margin_call", INFO)
    for kind in ("stale_market", "disarmed", "foreign_activity", "key_permissions"):
        assert not is_alarm_told(kind, CRITICAL)


def test_choices_come_back_as_they_were_kept() -> None:
    chosen = {**DEFAULTS["email"], Group.TRADES: Level.ALL}

    assert choices_of("email", choices_text(chosen)) == chosen


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", "null", '{"money": "loud"}', '{"money": ["all"]}', "{"])
def test_what_cannot_be_read_is_as_the_defaults_say(text: str) -> None:
    assert choices_of("telegram", text) == DEFAULTS["telegram"]


def test_a_group_that_was_not_there_when_it_was_kept_is_as_the_defaults_say() -> None:
    kept = json.dumps({"money": "alarms"})

    assert choices_of("email", kept) == {**DEFAULTS["email"], Group.MONEY: Level.ALARMS}
