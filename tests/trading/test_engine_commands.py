"""Pause, resume, flatten, limits and their tiers: what a person asks for, and what equity forces."""

from dataclasses import replace
from datetime import timedelta

import pytest

from jarvis.domain.instrument import Side
from jarvis.domain.order import OrderRole, OrderStatus
from jarvis.trading.events import (
    Alarm,
    Cancel,
    EntriesBlocked,
    Flatten,
    FundsMoved,
    LimitsChanged,
    MarksChanged,
    Pause,
    Resume,
    Severity,
)
from jarvis.trading.limits import Tiers
from jarvis.trading.state import EngineState, Marks
from jarvis.trading.strategy import Direction

from .bench import BTC, ETH, HOUR, Bench, D, alarms, limits, placed, protection, shown, stories

LOSSES = Tiers(D("0.02"), D("0.04"), D("0.06"), D("0.08"))
LEVELS = Tiers(D("2.5"), D("2.0"), D("1.6"), D("1.2"))


def flatten_fills(bench: Bench, pair: object = BTC) -> None:
    for close in bench.closes(pair):  # type: ignore[arg-type]
        bench.tell(bench.fill_of(close))


# --- flatten ----------------------------------------------------------------------------------------------------------


def test_flatten_closes_every_position_at_market_and_pauses() -> None:
    bench = Bench()
    bench.open()
    bench.open(Direction.SHORT, pair=ETH)

    actions = bench.tell(Flatten(bench.now))

    assert sorted(shown(order) for order in placed(actions)) == ["buy market 10", "sell market 10"]
    assert {order.request.role for order in placed(actions)} == {OrderRole.FLATTEN}
    assert bench.engine.state.marks.paused
    assert any(isinstance(action, MarksChanged) for action in actions)
    flatten_fills(bench)
    flatten_fills(bench, ETH)
    assert bench.engine.state.stories == {}
    assert bench.working(BTC) == bench.working(ETH) == []


def test_flatten_of_one_pair_leaves_the_others_and_blocks_only_that_pair() -> None:
    bench = Bench()
    bench.open()
    bench.open(pair=ETH)

    bench.tell(Flatten(bench.now, BTC))
    flatten_fills(bench)

    assert not bench.engine.state.marks.paused
    assert bench.story(ETH).exit_role is None
    assert placed(bench.tell(bench.signal())) == []


def test_flatten_works_while_paused_and_blocked() -> None:
    bench = Bench()
    bench.open()
    bench.tell(Pause(bench.now), EntriesBlocked("key_invalid", "the key died", bench.now))

    assert [shown(order) for order in placed(bench.tell(Flatten(bench.now)))] == ["sell market 10"]


def test_flatten_again_does_not_close_twice() -> None:
    bench = Bench()
    bench.open()
    bench.tell(Flatten(bench.now))

    assert placed(bench.tell(Flatten(bench.now))) == []


def test_flatten_again_after_a_refusal_tries_at_once() -> None:
    bench = Bench()
    bench.open()
    bench.answers = [bench.refuse]
    bench.tell(Flatten(bench.now))

    assert [shown(order) for order in placed(bench.tell(Flatten(bench.now)))] == ["sell market 10"]


def test_what_a_lost_entry_turns_out_to_have_bought_is_closed_after_a_flatten() -> None:
    bench = Bench()
    bench.answers = [bench.lose]
    bench.tell(bench.signal())
    bench.tell(Flatten(bench.now))

    actions = bench.tell(bench.fill_of(bench.entry()))

    assert [shown(order) for order in placed(actions)] == ["sell market 10"]


def test_a_lost_entry_that_turns_out_to_rest_is_cancelled_after_a_flatten() -> None:
    bench = Bench()
    bench.answers = [bench.lose]
    bench.tell(bench.signal())
    bench.tell(Flatten(bench.now))

    actions = bench.tell(bench.report(bench.entry(), OrderStatus.OPEN))

    assert any(isinstance(action, Cancel) for action in actions)
    assert bench.working() == []


def test_flatten_during_a_partial_entry_closes_what_came_and_cancels_the_rest() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "4"))

    actions = bench.tell(Flatten(bench.now))

    assert [shown(order) for order in placed(actions)] == ["sell market 4"]
    assert bench.entry().status is OrderStatus.CANCELLED


def test_a_late_fill_of_a_flattened_entry_is_closed_too() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "4"))
    bench.tell(Flatten(bench.now))
    flatten_fills(bench)

    bench.tell(bench.fill_of(bench.entry(), "2"))

    assert [shown(order) for order in bench.closes()] == ["sell market 2"]


def test_a_wish_that_waited_is_forgotten_by_a_flatten() -> None:
    bench = Bench()
    bench.open()
    bench.tell(bench.signal(Direction.SHORT))
    bench.tell(Flatten(bench.now), Resume(bench.now))

    assert placed(bench.tell(bench.fill_of(bench.closes()[0]))) == []


def test_flatten_with_nothing_open_only_pauses() -> None:
    bench = Bench()

    assert placed(bench.tell(Flatten(bench.now))) == []
    assert bench.engine.state.marks.paused


def test_a_flatten_outlives_a_restart() -> None:
    bench = Bench()
    bench.open()
    bench.answers = [bench.refuse]
    bench.tell(Flatten(bench.now))
    marks = Marks.from_json(bench.engine.state.marks.to_json())

    again = Bench(state=EngineState.adopt(bench.orders(), [bench.story()], marks=marks))

    assert [shown(order) for order in placed(again.tick())] == ["sell market 10"]
    assert again.engine.state.marks.paused


def test_resume_lifts_what_a_flatten_left_behind() -> None:
    bench = Bench()
    bench.tell(Flatten(bench.now, BTC), Flatten(bench.now), Resume(bench.now))

    assert bench.engine.state.marks.blocks == ()
    assert len(placed(bench.tell(bench.signal()))) == 1


def test_resume_lifts_the_block_of_a_liquidation_but_not_those_of_strangers_and_others() -> None:
    bench = Bench()
    bench.tell(bench.foreign_fill("1", Side.BUY), bench.foreign_fill("1", Side.BUY, is_liquidation=True))
    bench.tell(EntriesBlocked("stale_market", "no prices", bench.now))

    bench.tell(Resume(bench.now))

    assert [block.cause for block in bench.engine.state.blocks] == ["foreign_activity", "stale_market"]


# --- tiers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["daily_loss", "drawdown"])
def test_each_tier_of_a_loss_does_its_work_once(rule: str) -> None:
    bench = Bench(engine_limits=limits(**{rule: LOSSES}))
    bench.open()

    warned = bench.margin("9790")
    blocked = bench.margin("9590")
    reduced = bench.margin("9390")
    repeated = bench.margin("9380")

    assert alarms(warned) == alarms(blocked) == alarms(reduced) == [rule]
    assert placed(warned) == placed(blocked) == []
    assert [shown(order) for order in placed(reduced)] == ["sell market 5"]
    assert repeated == []
    assert bench.engine.state.marks.blocks[0].cause == rule
    assert placed(bench.tell(bench.signal(pair=ETH))) == []

    flatten_fills(bench)
    assert shown(bench.stop()) == "sell stop 5 @90"
    assert bench.story().exit_role is None

    flattened = bench.margin("9190")
    assert [shown(order) for order in placed(flattened)] == ["sell market 5"]
    assert bench.engine.state.marks.paused
    said = [action for action in flattened if isinstance(action, Alarm)]
    assert said[0].severity is Severity.CRITICAL
    assert "8.1%" in said[0].message


def test_a_loss_that_jumps_over_tiers_does_the_strongest() -> None:
    bench = Bench(engine_limits=limits(daily_loss=LOSSES))
    bench.open()

    assert [shown(order) for order in placed(bench.margin("9000"))] == ["sell market 10"]
    assert bench.engine.state.marks.paused


def test_midnight_utc_starts_a_new_count_and_lifts_the_daily_block() -> None:
    bench = Bench(engine_limits=limits(daily_loss=LOSSES))
    bench.margin("9590")
    assert placed(bench.tell(bench.signal())) == []

    bench.now += 12 * HOUR
    bench.margin("9590")

    assert bench.engine.state.marks.blocks == ()
    assert bench.engine.state.marks.day_equity == D(9590)
    assert len(placed(bench.tell(bench.signal()))) == 1


def test_midnight_does_not_lift_a_drawdown_block_and_a_new_peak_forgets_only_a_warning() -> None:
    bench = Bench(engine_limits=limits(drawdown=LOSSES))
    bench.margin("9790")
    bench.margin("10001")
    assert bench.engine.state.marks.tiers == ()

    bench.margin("9590")
    bench.now += 24 * HOUR
    bench.margin("10100")

    assert [block.cause for block in bench.engine.state.marks.blocks] == ["drawdown"]


@pytest.mark.parametrize("rule", ["daily_loss", "drawdown"])
def test_after_a_resume_losses_count_from_there(rule: str) -> None:
    bench = Bench(engine_limits=limits(**{rule: LOSSES}))
    bench.margin("9000")

    bench.tell(Resume(bench.now))
    calm = bench.margin("8900")
    again = bench.margin("8600")

    assert calm == []
    assert alarms(again) == [rule]
    assert not bench.engine.state.marks.paused


def test_the_margin_level_blocks_reduces_again_and_recovers_by_itself() -> None:
    bench = Bench(engine_limits=limits(margin_level_floor=LEVELS))
    bench.open()

    assert placed(bench.margin("10000", used="5200", level="1.9")) == []
    assert [shown(order) for order in placed(bench.margin("10000", used="6600", level="1.5"))] == ["sell market 5"]
    assert bench.margin("10000", used="6600", level="1.5") == []
    flatten_fills(bench)
    bench.now += timedelta(seconds=59)
    assert bench.margin("10000", used="6600", level="1.5") == []
    bench.now += timedelta(seconds=1)
    assert [shown(order) for order in placed(bench.margin("10000", used="6600", level="1.5"))] == ["sell market 2.5"]
    flatten_fills(bench)

    bench.margin("10000", used="5200", level="1.9")
    assert [block.cause for block in bench.engine.state.blocks] == ["margin_level"]
    bench.margin("10000", used="4500", level="2.2")
    assert bench.engine.state.marks.blocks == ()


def test_the_margin_level_flattens_at_its_last_tier_and_a_resume_below_it_flattens_again() -> None:
    bench = Bench(engine_limits=limits(margin_level_floor=LEVELS))
    bench.open()
    bench.margin("10000", used="9000", level="1.1")
    assert bench.engine.state.marks.paused

    bench.tell(Resume(bench.now))

    assert bench.engine.state.marks.paused
    assert [shown(order) for order in bench.closes()] == ["sell market 10"]


def test_halving_what_cannot_be_halved_closes_it() -> None:
    bench = Bench(engine_limits=limits(daily_loss=LOSSES))
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "0.0015"))
    bench.tell(bench.report(bench.entry(), OrderStatus.CANCELLED, filled_quantity=D("0.0015")))

    actions = bench.margin("9390")

    assert [shown(order) for order in placed(actions)] == ["sell market 0.0015"]


def test_halving_leaves_an_entry_under_way_alone_and_a_whole_exit_whole() -> None:
    bench = Bench(engine_limits=limits(daily_loss=LOSSES))
    bench.tell(bench.signal(pair=ETH))
    bench.open()
    bench.tell(bench.signal(Direction.FLAT))

    actions = bench.margin("9390")

    assert placed(actions) == []
    assert bench.story().exit_role is OrderRole.SIGNAL_EXIT
    assert bench.story().exit_to == 0


def test_a_whole_exit_takes_over_a_halving() -> None:
    bench = Bench(engine_limits=limits(daily_loss=LOSSES))
    bench.open()
    bench.margin("9390")

    bench.tell(bench.signal(Direction.FLAT))
    assert len(bench.closes()) == 1
    actions = bench.tell(bench.fill_of(bench.closes()[0]))

    assert [shown(order) for order in placed(actions)] == ["sell market 5"]


def test_a_deposit_is_no_profit_and_a_withdrawal_no_loss() -> None:
    bench = Bench(engine_limits=limits(daily_loss=LOSSES, drawdown=LOSSES))

    bench.tell(FundsMoved(D(-5000), bench.now))
    withdrawn = bench.margin("5000")
    bench.tell(FundsMoved(D(5000), bench.now))
    deposited = bench.margin("10000")
    lost = bench.margin("9590")

    assert withdrawn == deposited == []
    assert sorted(alarms(lost)) == ["daily_loss", "drawdown"]


def test_moved_funds_before_anything_is_known_are_only_noted() -> None:
    bench = Bench(equity=None)

    assert bench.tell(FundsMoved(D(100), bench.now)) == []


def test_looser_limits_lift_the_block_and_tighter_ones_act_at_once() -> None:
    bench = Bench(engine_limits=limits(daily_loss=LOSSES))
    bench.margin("9590")

    bench.tell(LimitsChanged(limits(), bench.now))
    assert not bench.engine.state.marks.blocks
    assert bench.engine.limits == limits()

    tight = bench.tell(LimitsChanged(limits(daily_loss=replace(LOSSES, warn=D("0.01"))), bench.now))
    assert alarms(tight) == ["daily_loss"]
    assert [block.cause for block in bench.engine.state.marks.blocks] == ["daily_loss"]


def test_new_limits_before_any_margin_state_are_kept() -> None:
    bench = Bench(equity=None)
    bench.tell(LimitsChanged(limits(leverage_cap=2), bench.now))

    assert bench.engine.limits.leverage_cap == 2


def test_limits_never_block_an_exit() -> None:
    bench = Bench(engine_limits=limits(daily_loss=LOSSES))
    bench.open(protection=protection(time_stop=HOUR))
    bench.margin("9590")
    bench.tell(LimitsChanged(limits(allowed_pairs=frozenset(), leverage_cap=1), bench.now))

    assert [shown(order) for order in placed(bench.tick(HOUR))] == ["sell market 10"]


def test_what_is_marked_is_kept_only_when_it_changed() -> None:
    bench = Bench()

    assert not any(isinstance(action, MarksChanged) for action in bench.margin("9999"))
    assert any(isinstance(action, MarksChanged) for action in bench.margin("10001"))
    assert stories(bench.said) == []
