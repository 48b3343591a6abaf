"""Paper before live: what counts as a rehearsal, and what does not."""

from datetime import UTC, datetime, timedelta

import pytest

from jarvis.trading.rehearsal import Run, rehearsals

BEGUN = datetime(2026, 11, 1, tzinfo=UTC)


def run(closed: int, days: int = 0, *, is_live: bool = False, strategy: str = "breakout") -> Run:
    return Run(strategy, is_live, closed, BEGUN, BEGUN + timedelta(days=days))


@pytest.mark.parametrize(
    ("runs", "is_enough"),
    [
        ([], False),
        ([run(4, 13)], False),
        ([run(5)], True),
        ([run(1, 14)], True),
        ([run(0, 400)], False),
        ([run(9, 40, strategy="another")], False),
        ([run(0, is_live=True)], True),
    ],
)
def test_five_closed_positions_or_two_weeks_with_one_are_a_rehearsal(runs: list[Run], is_enough: bool) -> None:
    (found,) = rehearsals(["breakout"], runs, ())

    assert found.is_enough is is_enough


def test_what_was_armed_with_real_money_before_is_not_asked_again() -> None:
    (found,) = rehearsals(["breakout", "breakout"], [run(1)], {"breakout"})

    assert found.is_enough


def test_what_is_missing_is_said_beside_what_there_is() -> None:
    (begun,) = rehearsals(["breakout"], [run(2, 3)], ())
    (fresh,) = rehearsals(["breakout"], [], ())

    assert begun.so_far == "2 of 5 closed positions, 3 of 14 days on the sandbox"
    assert fresh.so_far.startswith("no closed position on the sandbox yet")
