"""What is used of limits, read from what decides about them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from jarvis.domain.instrument import Pair
from jarvis.trading.limits import Limits, TierAction
from jarvis.trading.sizing import Costs
from jarvis.trading.state import Marks
from jarvis.trading.usage import Taken, examples, ladders, taken_by, uses
from tests.web import samples

BTC, SOL = Pair.parse("BTC/USD"), Pair.parse("SOL/USD")
LIMITS = Limits(allowed_pairs=frozenset({BTC}))
HELD = [Taken(BTC, 2, Decimal(500), Decimal(20)), Taken(SOL, 3, Decimal(100), Decimal(50))]
MARGIN = replace(samples.margin(), equity=Decimal(9500), used_margin=Decimal(2000), margin_level=Decimal("4.75"))


def test_each_limit_names_the_position_that_uses_most() -> None:
    found = {use.name: use for use in uses(LIMITS, replace(MARGIN, equity=Decimal(10000)), HELD)}

    assert (found["risk_per_trade"].used, found["risk_per_trade"].pair) == (Decimal("0.005"), SOL)
    assert (found["equity_share_per_position"].used, found["equity_share_per_position"].pair) == (Decimal("0.05"), BTC)
    assert (found["leverage_cap"].used, found["leverage_cap"].filled) == (Decimal(3), Decimal(1))
    assert (found["max_open_positions"].used, found["max_open_positions"].filled) == (Decimal(2), Decimal("0.5"))


def test_without_a_reading_nothing_is_said_to_be_unused() -> None:
    assert uses(LIMITS, None, HELD)[0].used is None
    assert uses(LIMITS, None, [])[0].used == 0
    assert [ladder.now for ladder in ladders(LIMITS, Marks(), None)] == [None, None, None]


def test_a_ladder_says_how_far_each_step_is_and_at_which_equity() -> None:
    marks = Marks(day_equity=Decimal(10000), peak_equity=Decimal(10000))

    daily, drawdown, level = ladders(LIMITS, marks, MARGIN)

    assert daily.now == Decimal("0.05")
    assert [rung.is_reached for rung in daily.rungs] == [True, True, False, False]
    assert daily.rungs[2].equity == Decimal("9400.00")
    assert daily.rungs[2].filled == Decimal("0.05") / Decimal("0.06")
    assert not any(rung.is_reached for rung in drawdown.rungs)
    assert level.now == Decimal("4.75")
    assert level.rungs[-1].action is TierAction.FLATTEN
    assert level.rungs[-1].equity == Decimal(2400)
    assert "closed at market" in level.rungs[-1].consequence


def test_what_was_reached_stays_reached_until_a_person_resumes() -> None:
    marks = Marks(day_equity=Decimal(9500)).with_tier("daily_loss", TierAction.BLOCK_ENTRIES)

    (daily, *_) = ladders(LIMITS, marks, MARGIN)

    assert [rung.is_reached for rung in daily.rungs] == [True, True, False, False]


@pytest.mark.parametrize("stop", ["0.005", "0.02", "0.2"])
def test_an_example_loses_no_more_than_the_risk_and_takes_no_more_than_the_share(stop: str) -> None:
    (found,) = examples(LIMITS, Decimal(10000), Decimal(64000), 3, [Decimal(stop)], Costs())

    assert found.lost <= Decimal(100)
    assert found.margin <= Decimal(1000)
    assert found.bound in ("risk per trade", "share of equity per position")
    assert found.lost > Decimal("99.99") or found.margin > Decimal(990)


def test_what_a_position_takes_is_the_venues_word_or_its_cost_over_its_leverage() -> None:
    story = samples.btc_story()
    entry, stop = story.position.entry_price, story.stop_price
    assert entry is not None
    assert stop is not None

    reckoned, told = taken_by(story, None), taken_by(story, Decimal(4000))
    trailed = taken_by(replace(story, stop_price=entry + 1), None)

    assert reckoned.margin == story.quantity * entry / story.leverage
    assert (told.margin, told.leverage) == (Decimal(4000), story.leverage)
    assert reckoned.at_stop == (entry - stop) * story.quantity > 0
    assert trailed.at_stop == 0, "a stop beyond the entry loses nothing"
    assert taken_by(replace(story, stop_price=None), None).at_stop == story.quantity * entry
