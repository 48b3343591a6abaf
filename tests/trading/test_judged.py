"""Whose verdict counts for what: the same strategy, values and bar size, at the venue and on the coin, not too old."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from jarvis.trading.judged import LASTS, Judgement, standing_of, subject_of
from jarvis.trading.strategy import ParameterValue

NOW = datetime(2026, 11, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
VALUES: dict[str, ParameterValue] = {"bars": 20, "stop": Decimal("2.5"), "sides": "both"}
SUBJECT = subject_of("breakout", VALUES, HOUR)


def judgement(age: timedelta, *, is_well: bool = True, coins: str = "BTC ETH", venue: str = "kraken") -> Judgement:
    against = () if is_well else ("Could it be luck?",)
    return Judgement("v", SUBJECT, venue, frozenset(coins.split()), NOW - age, is_well, against)


def test_text_and_trailing_zeros_are_the_same_values() -> None:
    assert subject_of("breakout", {"sides": "both", "stop": "2.5", "bars": "20"}, HOUR) == SUBJECT
    assert subject_of("breakout", {**VALUES, "stop": Decimal("2.50")}, HOUR) == SUBJECT


@pytest.mark.parametrize(
    "other",
    [
        subject_of("breakout:of-another-file", VALUES, HOUR),
        subject_of("breakout", {**VALUES, "bars": 21}, HOUR),
        subject_of("breakout", {**VALUES, "sides": "long only"}, HOUR),
        subject_of("breakout", VALUES, 2 * HOUR),
    ],
)
def test_whatever_differs_is_another_subject(other: str) -> None:
    assert other != SUBJECT


@pytest.mark.parametrize(
    ("judgements", "is_good", "words"),
    [
        ([], False, "nobody has asked yet"),
        ([judgement(HOUR)], True, "well on"),
        ([judgement(HOUR, coins="SOL")], False, "nobody has asked yet"),
        ([judgement(HOUR, venue="okx")], False, "nobody has asked yet"),
        ([judgement(LASTS)], True, "well on"),
        ([judgement(LASTS + HOUR)], False, "older than 90 days"),
        ([judgement(HOUR, is_well=False)], False, "speaks against it: Could it be luck?"),
        ([judgement(HOUR, is_well=False), judgement(2 * HOUR)], False, "speaks against it"),
        ([judgement(2 * HOUR, is_well=False), judgement(HOUR)], True, "well on"),
    ],
)
def test_the_latest_that_is_about_it_decides(judgements: list[Judgement], is_good: bool, words: str) -> None:
    standing = standing_of("breakout", "BTC/USD", SUBJECT, "kraken", judgements, NOW)

    assert standing.is_good is is_good
    assert words in standing.so_far
