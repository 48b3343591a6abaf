"""What goes wrong between us and a venue, row by row, and what the engine makes of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from jarvis.domain.instrument import Side
from jarvis.domain.order import ClientOrderId, Order, OrderRole, OrderStatus, OrderType, VenueOrderId
from jarvis.trading.desk import Desk, Outbox
from jarvis.trading.engine import Engine
from jarvis.trading.events import (
    Amend,
    AmendAnswered,
    Cancel,
    OrderAbsent,
    OrderAccepted,
    OrderLost,
    OrderRefused,
    Place,
    Resolve,
)
from jarvis.trading.state import EngineState
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Direction

from .bench import BTC, ETH, HOUR, Bench, D, alarms, changed, instrument, placed, protection, shown, stories

# --- lost answers -----------------------------------------------------------------------------------------------------


def test_a_lost_entry_that_turns_up_filled_is_protected_and_never_sent_again() -> None:
    bench = Bench()
    bench.answers = [bench.lose]
    bench.tell(bench.signal())

    actions = bench.tell(bench.fill_of(bench.entry()))
    actions += bench.tell(bench.report(bench.entry(), OrderStatus.FILLED, filled_quantity=D(10)))

    assert bench.entry().status is OrderStatus.FILLED
    assert shown(bench.stop()) == "sell stop 10 @90"
    assert placed(actions, OrderRole.ENTRY) == []


def test_a_lost_entry_that_never_arrived_ends_its_story_and_the_next_signal_has_a_new_id() -> None:
    bench = Bench()
    bench.answers = [bench.lose]
    bench.tell(bench.signal())
    lost = bench.entry()

    actions = bench.tell(OrderAbsent(lost.client_order_id, bench.now))
    again = bench.tell(bench.signal())

    assert alarms(actions) == ["entry_failed"]
    assert bench.order(lost.client_order_id).status is OrderStatus.REJECTED
    assert stories(actions)[-1].is_closed
    assert placed(again)[0].client_order_id != lost.client_order_id


def test_a_lost_entry_that_rests_is_open_again() -> None:
    bench = Bench()
    bench.answers = [bench.lose]
    bench.tell(bench.signal())

    bench.tell(bench.report(bench.entry(), OrderStatus.OPEN))

    assert bench.entry().status is OrderStatus.OPEN


def test_a_report_of_more_fills_than_came_keeps_the_order_unknown_until_they_come() -> None:
    bench = Bench()
    bench.tell(bench.signal())

    actions = bench.tell(bench.report(bench.entry(), OrderStatus.FILLED))
    assert bench.entry().status is OrderStatus.UNKNOWN
    assert Resolve(bench.entry().client_order_id) in actions
    assert bench.story().position.is_flat

    bench.tell(bench.fill_of(bench.entry(), "4"))
    assert bench.entry().status is OrderStatus.PARTLY_FILLED
    bench.tell(bench.fill_of(bench.entry(), "6"))
    assert bench.entry().status is OrderStatus.FILLED


def test_a_lost_stop_is_not_replaced_before_it_is_proved_absent() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.answers = [bench.lose]

    lost = bench.tell(bench.fill_of(bench.entry()))
    waiting = bench.tick(timedelta(seconds=30))
    stop = bench.stop()
    found = bench.tell(OrderAbsent(stop.client_order_id, bench.now))

    assert "stop_unknown" in alarms(lost)
    assert waiting == []
    assert shown(placed(found)[0]) == "sell stop 10 @90"
    assert bench.stop().client_order_id != stop.client_order_id


def test_a_lost_stop_that_rests_is_kept_and_the_targets_follow() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.answers = [bench.lose]
    bench.tell(bench.fill_of(bench.entry()))
    stop = bench.stop()

    actions = bench.tell(bench.report(stop, OrderStatus.OPEN, quantity=D(10), trigger_price=D(90)))

    assert bench.stop().client_order_id == stop.client_order_id
    assert [order.request.role for order in placed(actions)] == [OrderRole.TAKE_PROFIT] * 2


def test_a_lost_amendment_is_resolved_from_what_the_venue_holds() -> None:
    bench = Bench()
    bench.open()
    bench.amendments = [bench.lose_change]
    lost = bench.tell(bench.fill_of(bench.targets()[0], price="110"))
    assert bench.stop().status is OrderStatus.UNKNOWN

    taken = bench.tell(bench.report(bench.stop(), OrderStatus.OPEN, quantity=D(5), trigger_price=D(90)))

    assert any(isinstance(action, Amend) for action in lost)
    assert not any(isinstance(action, Amend) for action in taken)
    assert shown(bench.stop()) == "sell stop 5 @90"


def test_a_lost_amendment_that_did_not_arrive_is_asked_for_again() -> None:
    bench = Bench()
    bench.open()
    bench.amendments = [bench.lose_change]
    bench.tell(bench.fill_of(bench.targets()[0], price="110"))

    bench.tell(bench.report(bench.stop(), OrderStatus.OPEN, quantity=D(10), trigger_price=D(90)))

    assert shown(bench.stop()) == "sell stop 5 @90"


def test_a_lost_close_is_not_doubled_while_it_is_unknown() -> None:
    bench = Bench()
    bench.open()
    bench.answers = [bench.lose]

    bench.tell(bench.signal(Direction.FLAT))
    waiting = bench.tick(HOUR)

    assert placed(waiting) == []
    assert bench.closes()[0].status is OrderStatus.UNKNOWN


def test_a_lost_close_that_is_proved_absent_is_sent_anew() -> None:
    bench = Bench()
    bench.open()
    bench.answers = [bench.lose]
    bench.tell(bench.signal(Direction.FLAT))

    failed = bench.tell(OrderAbsent(bench.closes()[0].client_order_id, bench.now))
    again = bench.tick(timedelta(seconds=3))

    assert alarms(failed) == ["close_failed"]
    assert [shown(order) for order in placed(again)] == ["sell market 10"]


def test_a_cancellation_whose_answer_is_lost_is_asked_again_once_the_order_is_found() -> None:
    bench = Bench()
    bench.open(protection=protection(take_profits=()))
    bench.cancellations = [bench.lose_change]
    bench.tell(bench.signal(Direction.FLAT))
    bench.tell(bench.fill_of(bench.closes()[0]))
    (stop,) = bench.working()
    assert stop.status is OrderStatus.UNKNOWN

    actions = bench.tell(bench.report(stop, OrderStatus.OPEN))

    assert any(isinstance(action, Cancel) for action in actions)
    assert bench.working() == []


def test_a_cancel_that_crosses_a_fill_is_no_error_and_the_fill_is_booked() -> None:
    bench = Bench()
    bench.open()
    target = bench.targets()[0]
    bench.cancellations = [bench.lose_change] * 2
    bench.tell(bench.fill_of(bench.stop(), "5", "90"))
    bench.tell(bench.fill_of(bench.stop(), "5", "90"))
    assert bench.order(target.client_order_id).status is OrderStatus.UNKNOWN

    actions = bench.tell(bench.fill_of(target, "1", "110"))

    assert "late_fill" in alarms(actions)
    assert bench.story().position.quantity == -1
    assert [shown(order) for order in placed(actions)][-1] == "buy market 1"


def test_losing_track_of_an_order_that_has_ended_changes_nothing() -> None:
    bench = Bench()
    bench.open()

    assert bench.tell(OrderLost(bench.entry().client_order_id, bench.now)) == []
    assert bench.tell(OrderAbsent(bench.entry().client_order_id, bench.now)) == []
    assert bench.tell(OrderRefused(bench.entry().client_order_id, "invalid", "", bench.now)) == []


def test_words_about_orders_that_are_not_ours_lead_to_nothing() -> None:
    bench = Bench()
    strange = ClientOrderId("zz0000001")

    for event in (
        OrderAccepted(strange, VenueOrderId("O"), bench.now),
        OrderRefused(strange, "invalid", "", bench.now),
        OrderLost(strange, bench.now),
        OrderAbsent(strange, bench.now),
        AmendAnswered(strange, None, None, None, "", bench.now),
    ):
        assert bench.tell(event) == []


# --- repeats and order of events --------------------------------------------------------------------------------------


def test_a_repeated_fill_changes_nothing() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    fill = bench.fill_of(bench.entry(), "4")
    bench.tell(fill)

    assert bench.tell(fill) == []
    assert bench.story().quantity == 4


def test_a_fill_that_is_repeated_after_a_restart_changes_nothing() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    fill = bench.fill_of(bench.entry(), "4")
    bench.tell(fill)
    kept = [PositionStory.from_json(bench.story().to_json())]

    again = Bench(state=EngineState.adopt(bench.orders(), kept, next_id=9))

    assert again.tell(fill) == []


def test_repeated_and_late_reports_of_an_ended_order_change_nothing() -> None:
    bench = Bench()
    bench.open()
    entry = bench.entry()

    for status in (OrderStatus.OPEN, OrderStatus.PARTLY_FILLED, OrderStatus.FILLED, OrderStatus.CANCELLED):
        assert changed(bench.tell(bench.report(entry, status))) == []
    assert bench.tell(bench.accept(entry)) == []


def test_a_report_that_an_order_is_on_its_way_only_names_it() -> None:
    bench = Bench()
    bench.answers = [bench.silence]
    bench.tell(bench.signal())

    bench.tell(bench.report(bench.entry(), OrderStatus.SENT))

    assert bench.entry().status is OrderStatus.SENT
    assert bench.entry().venue_order_id == bench.venue_id(bench.entry().client_order_id)


def test_a_fill_that_names_only_the_venues_order_id_is_ours() -> None:
    bench = Bench()
    bench.tell(bench.signal())

    bench.tell(replace(bench.fill_of(bench.entry()), client_order_id=None))

    assert bench.story().quantity == 10


def test_a_fill_that_contradicts_its_order_stops_everything() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    fill = bench.fill_of(bench.entry())

    with pytest.raises(ValueError, match="contradicts its order"):
        bench.tell(replace(fill, side=Side.SELL))


def test_more_than_was_ordered_is_booked_because_it_happened() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "10"))

    bench.tell(bench.fill_of(bench.entry(), "2"))

    assert bench.story().quantity == 12
    assert shown(bench.stop()) == "sell stop 12 @90"
    assert bench.entry().status is OrderStatus.FILLED


# --- stops that fail --------------------------------------------------------------------------------------------------


def test_a_refused_stop_is_tried_three_more_times_and_then_the_position_is_closed_at_market() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.answers = [bench.refuse] * 4

    actions = bench.tell(bench.fill_of(bench.entry()))

    assert [shown(order) for order in placed(actions)] == ["sell stop 10 @90"] * 4 + ["sell market 10"]
    assert placed(actions)[-1].request.role is OrderRole.STOP
    assert alarms(actions) == ["stop_failed"] * 4 + ["naked_position"]


def test_a_stop_that_is_taken_at_last_ends_the_trouble() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.answers = [bench.refuse] * 3

    bench.tell(bench.fill_of(bench.entry()))

    assert shown(bench.stop()) == "sell stop 10 @90"
    assert bench.story().exit_role is None
    assert len(bench.targets()) == 2


def test_a_refused_close_of_a_naked_position_is_tried_again_and_so_is_the_stop() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.answers = [bench.refuse] * 6

    actions = bench.tell(bench.fill_of(bench.entry()))
    again = bench.tick(timedelta(seconds=2))

    assert [order.request.order_type for order in placed(actions)] == [
        *[OrderType.STOP] * 4, OrderType.MARKET, OrderType.STOP,
    ]  # fmt: skip
    assert [shown(order) for order in placed(again)] == ["sell market 10"]


def test_a_close_that_keeps_failing_is_tried_at_growing_intervals_and_said_loudly() -> None:
    bench = Bench()
    bench.open()
    bench.answers = [bench.refuse] * 4
    bench.tell(bench.signal(Direction.FLAT))

    tries = [len(placed(bench.tick(timedelta(seconds=1)))) for _ in range(30)]

    assert [second for second, count in enumerate(tries, 1) if count] == [2, 6, 14, 30]
    assert alarms(bench.said).count("close_failed") == 4
    assert shown(bench.stop()) == "sell stop 10 @90"


def test_a_stop_that_vanishes_from_the_venue_is_placed_anew_at_once() -> None:
    bench = Bench()
    bench.open()
    stop = bench.stop()

    actions = bench.tell(bench.report(stop, OrderStatus.CANCELLED, reason="cancelled by user"))

    assert alarms(actions) == ["stop_failed"]
    assert [shown(order) for order in placed(actions)] == ["sell stop 10 @90"]


def test_after_a_dead_mans_switch_every_position_is_protected_again() -> None:
    bench = Bench()
    bench.open()
    bench.open(pair=ETH)
    resting = [*bench.working(BTC), *bench.working(ETH)]

    for order in resting:
        bench.tell(bench.report(order, OrderStatus.CANCELLED))

    assert shown(bench.stop(BTC)) == shown(bench.stop(ETH)) == "sell stop 10 @90"


def test_a_stop_that_vanishes_again_and_again_ends_in_a_close() -> None:
    bench = Bench()
    bench.open()

    for _ in range(4):
        bench.tell(bench.report(bench.stop(), OrderStatus.CANCELLED))

    assert [shown(order) for order in bench.closes()] == ["sell market 10"]


def test_failures_are_forgiven_when_a_stop_has_rested_for_a_minute() -> None:
    bench = Bench()
    bench.open()

    for _ in range(6):
        bench.tell(bench.report(bench.stop(), OrderStatus.CANCELLED))
        bench.tick(timedelta(seconds=61))

    assert shown(bench.stop()) == "sell stop 10 @90"
    assert bench.closes() == []


def test_a_stop_that_fills_in_parts_is_left_alone_while_it_works() -> None:
    bench = Bench()
    bench.open()

    actions = bench.tell(bench.fill_of(bench.stop(), "4", "90"))

    assert placed(actions) == []
    assert not any(isinstance(action, Amend) for action in actions)
    assert bench.story().exit_role is OrderRole.STOP


def test_the_rest_of_a_stop_that_ended_in_parts_is_closed_at_market() -> None:
    bench = Bench()
    bench.open()
    stop = bench.stop()
    bench.tell(bench.fill_of(stop, "4", "90"))

    actions = bench.tell(bench.report(stop, OrderStatus.CANCELLED, filled_quantity=D(4)))

    assert [shown(order) for order in placed(actions)] == ["sell market 6"]
    assert placed(actions)[0].request.role is OrderRole.STOP


def test_a_stop_that_does_not_finish_is_helped_by_a_market_order() -> None:
    bench = Bench()
    bench.open()
    bench.tell(bench.fill_of(bench.stop(), "4", "90"))

    early = bench.tick(timedelta(seconds=29))
    late = bench.tick(timedelta(seconds=1))

    assert placed(early) == []
    assert [shown(order) for order in placed(late)] == ["sell market 6"]


def test_a_triggered_stop_whose_fate_is_lost_is_waited_for() -> None:
    bench = Bench()
    bench.open()
    stop = bench.stop()
    bench.tell(bench.fill_of(stop, "4", "90"))
    bench.tell(OrderLost(stop.client_order_id, bench.now))

    assert placed(bench.tick(HOUR)) == []


def test_a_stop_that_triggers_while_the_entry_still_fills_ends_the_entry() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "4", "100"))

    actions = bench.tell(bench.fill_of(bench.stop(), "2", "90"))
    bench.tell(bench.fill_of(bench.stop(), "2", "90"))

    assert Cancel(bench.entry().client_order_id, bench.entry().venue_order_id, BTC) in actions
    assert bench.engine.state.stories == {}
    assert bench.working() == []


def test_an_entry_that_outlives_its_position_is_cancelled() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "4", "100"))

    actions = bench.tell(bench.fill_of(bench.stop(), "4", "90"))

    assert Cancel(bench.entry().client_order_id, bench.entry().venue_order_id, BTC) in actions
    assert bench.working() == []


def test_a_stop_that_cannot_be_enlarged_is_replaced_by_one_that_is_large_enough() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "4", "100"))
    small = bench.stop()
    bench.amendments = [bench.refuse_amendment] * 4

    actions = bench.tell(bench.fill_of(bench.entry(), "6", "100"))

    assert shown(placed(actions)[0]) == "sell stop 10 @90"
    assert bench.order(small.client_order_id).status is OrderStatus.CANCELLED
    assert shown(bench.stop()) == "sell stop 10 @90"


def test_a_stop_that_a_person_tightened_at_the_venue_is_left_there_and_a_loosened_one_is_brought_back() -> None:
    bench = Bench()
    bench.open()

    tighter = bench.tell(bench.report(bench.stop(), OrderStatus.OPEN, trigger_price=D(95)))
    assert not any(isinstance(action, Amend) for action in tighter)
    assert shown(bench.stop()) == "sell stop 10 @95"

    bench.tell(bench.report(bench.stop(), OrderStatus.OPEN, trigger_price=D(80)))
    assert shown(bench.stop()) == "sell stop 10 @90"


def test_a_stop_that_was_made_smaller_at_the_venue_is_made_whole_again() -> None:
    bench = Bench()
    bench.open()

    bench.tell(bench.report(bench.stop(), OrderStatus.OPEN, quantity=D(3)))

    assert shown(bench.stop()) == "sell stop 10 @90"


def test_a_target_that_a_person_moved_at_the_venue_is_known_by_its_new_price() -> None:
    bench = Bench()
    bench.open()
    target = bench.targets()[0]

    bench.tell(bench.report(target, OrderStatus.OPEN, limit_price=D(115)))

    assert shown(bench.order(target.client_order_id)) == "sell limit 5 @115"


def test_an_answer_to_an_amendment_of_an_order_that_has_ended_changes_nothing() -> None:
    bench = Bench()
    bench.open()
    stop = bench.stop()
    bench.tell(bench.fill_of(stop, price="90"))

    assert bench.tell(AmendAnswered(stop.client_order_id, D(5), None, None, "", bench.now)) == []


def test_a_refused_amendment_without_a_position_is_only_noted() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    entry = bench.entry()
    bench.tell(OrderRefused(entry.client_order_id, "invalid", "", bench.now))
    bench.open(pair=ETH, protection=protection(take_profits=()))
    stop = bench.stop(ETH)
    bench.cancellations = [lambda _: None]
    bench.tell(bench.signal(Direction.FLAT, pair=ETH))
    bench.tell(bench.fill_of(bench.closes(ETH)[0]))

    actions = bench.tell(AmendAnswered(stop.client_order_id, D(5), None, None, "no", bench.now))

    assert alarms(actions) == []


# --- what was believed ended ------------------------------------------------------------------------------------------


def test_a_fill_of_a_refused_entry_is_held_and_protected_as_planned() -> None:
    bench = Bench()
    bench.answers = [bench.refuse]
    bench.tell(bench.signal())

    actions = bench.tell(bench.fill_of(bench.entry(), "4"))

    assert alarms(actions) == ["late_fill"]
    assert bench.entry().status is OrderStatus.PARTLY_FILLED
    assert bench.story().position_id == "jv0000001/T1"
    assert bench.story().strategy == "test"
    assert shown(bench.stop()) == "sell stop 4 @90"


def test_a_late_fill_whose_plan_is_forgotten_is_closed_at_market() -> None:
    bench = Bench()
    bench.answers = [bench.refuse]
    bench.tell(bench.signal())
    again = Bench(state=EngineState.adopt(bench.orders(), [], next_id=2))

    actions = again.tell(bench.fill_of(again.entry(), "4"))

    assert alarms(actions) == ["late_fill"]
    assert [shown(order) for order in placed(actions)] == ["sell market 4"]


def test_an_exit_that_trades_more_than_was_held_is_turned_back_at_once() -> None:
    bench = Bench()
    bench.open(protection=protection(take_profits=()))
    stop = bench.stop()
    bench.tell(bench.signal(Direction.FLAT))
    bench.tell(bench.fill_of(stop, "6", "90"))

    actions = bench.tell(bench.fill_of(bench.closes()[0], "10", "90"))

    assert bench.story().position.quantity == -6
    assert "position_reversed" in alarms(actions)
    assert [shown(order) for order in bench.closes()] == ["buy market 6"]
    assert placed(bench.tell(bench.signal(pair=BTC, price="90")), OrderRole.ENTRY) == []


def test_a_refused_order_that_the_venue_lists_after_all_is_cancelled() -> None:
    bench = Bench()
    bench.answers = [bench.refuse, bench.refuse]
    bench.tell(bench.signal())

    reported = bench.tell(bench.report(bench.entry(), OrderStatus.OPEN))
    bench.tell(bench.signal())
    accepted = bench.tell(bench.accept(bench.entry()))

    for actions in (reported, accepted):
        assert alarms(actions) == ["refused_order_rests"]
        assert any(isinstance(action, Cancel) for action in actions)
    assert bench.entry().status is OrderStatus.REJECTED


def test_an_order_that_rested_and_is_gone_without_a_trace_counts_as_cancelled() -> None:
    bench = Bench()
    bench.open()
    stop = bench.stop()
    bench.tell(OrderLost(stop.client_order_id, bench.now))

    bench.tell(OrderAbsent(stop.client_order_id, bench.now))

    assert bench.order(stop.client_order_id).status is OrderStatus.CANCELLED
    assert shown(bench.stop()) == "sell stop 10 @90"


def test_a_partly_filled_entry_that_the_venue_refuses_late_keeps_what_it_has() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "4"))

    bench.tell(bench.report(bench.entry(), OrderStatus.REJECTED, filled_quantity=D(4)))

    assert bench.entry().status is OrderStatus.CANCELLED
    assert bench.story().quantity == 4


def test_an_entry_that_the_venue_drops_after_taking_it_is_said_and_not_repeated() -> None:
    bench = Bench()
    bench.tell(bench.signal())

    actions = bench.tell(bench.report(bench.entry(), OrderStatus.CANCELLED, reason="price band"))

    assert alarms(actions) == ["entry_failed"]
    assert placed(actions) == []
    assert bench.engine.state.stories == {}


def test_a_close_that_the_venue_cuts_short_is_followed_by_another_at_once() -> None:
    bench = Bench()
    bench.open()
    bench.tell(bench.signal(Direction.FLAT))
    close = bench.closes()[0]
    bench.tell(bench.fill_of(close, "4"))

    actions = bench.tell(bench.report(close, OrderStatus.CANCELLED, filled_quantity=D(4)))

    assert [shown(order) for order in placed(actions)] == ["sell market 6"]


# --- strangers and liquidation ----------------------------------------------------------------------------------------


def test_a_strangers_fill_leaves_our_story_alone_and_blocks_the_pair() -> None:
    bench = Bench()
    bench.open(pair=ETH)

    actions = bench.tell(bench.foreign_fill("3", Side.BUY))

    assert alarms(actions) == ["foreign_activity"]
    assert stories(actions) == []
    assert placed(bench.tell(bench.signal())) == []
    assert bench.engine.state.marks.blocks[0].pair == BTC


def test_a_spot_trade_on_our_order_moves_no_margin_position() -> None:
    bench = Bench()
    bench.tell(bench.signal())

    actions = bench.tell(replace(bench.fill_of(bench.entry()), is_margin=False))

    assert alarms(actions) == ["foreign_activity"]
    assert bench.story().position.is_flat


def test_an_own_order_that_ended_long_ago_is_not_called_a_strangers() -> None:
    bench = Bench()

    assert bench.tell(bench.report(_some_order(), OrderStatus.OPEN)) == []


def test_a_liquidation_shrinks_the_story_and_stops_entries_on_the_whole_account() -> None:
    bench = Bench()
    bench.open()

    actions = bench.tell(bench.foreign_fill("4", Side.SELL, "85", is_liquidation=True))

    assert alarms(actions)[0] == "liquidation"
    assert bench.story().quantity == 6
    assert shown(bench.stop()) == "sell stop 6 @90"
    assert placed(bench.tell(bench.signal(pair=ETH))) == []


def test_a_liquidation_of_everything_ends_the_story_and_sweeps_its_orders() -> None:
    bench = Bench()
    bench.open()

    actions = bench.tell(bench.foreign_fill("10", Side.SELL, "85", is_liquidation=True))

    ended = [story for story in stories(actions) if story.is_closed]
    assert [story.exit_role for story in ended] == [OrderRole.LIQUIDATION]
    assert bench.working() == []


def test_a_liquidation_of_more_than_ours_closes_ours_and_no_more() -> None:
    bench = Bench()
    bench.open()

    bench.tell(bench.foreign_fill("25", Side.SELL, "85", is_liquidation=True))

    assert bench.engine.state.stories == {}
    closed = [story for story in stories(bench.said) if story.is_closed][-1]
    assert closed.position.is_flat


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_liquidation_of_what_is_not_ours_only_blocks(side: Side) -> None:
    bench = Bench()
    if side is Side.BUY:
        bench.open()

    actions = bench.tell(bench.foreign_fill("4", side, is_liquidation=True))

    assert alarms(actions) == ["liquidation"]
    assert stories(actions) == []


# --- restarts ---------------------------------------------------------------------------------------------------------


def test_an_intent_that_was_kept_counts_as_sent_after_a_restart_and_is_looked_up_not_resent() -> None:
    bench = Bench()
    bench.answers = [bench.silence]
    actions = bench.tell(bench.signal())
    intent = placed(actions)[0]

    again = Bench(state=EngineState.adopt([intent], stories(actions)))
    assert again.entry().status is OrderStatus.SENT
    lost = again.tell(OrderLost(intent.client_order_id, again.now))

    assert again.engine.state.next_id == 2
    assert Resolve(intent.client_order_id) in lost
    assert not any(isinstance(action, Place) for action in lost)
    assert again.entry().status is OrderStatus.UNKNOWN


def test_a_position_without_a_stop_is_protected_by_the_first_tick_after_a_restart() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.answers = [bench.silence]
    bench.tell(bench.fill_of(bench.entry()))

    again = Bench(state=EngineState.adopt([bench.entry()], [bench.story()], next_id=5))

    assert shown(placed(again.tick())[0]) == "sell stop 10 @90"


def test_targets_that_were_placed_before_a_restart_are_not_placed_again() -> None:
    bench = Bench()
    bench.open()
    filled = bench.targets()[0]
    bench.tell(bench.fill_of(filled, price="110"))

    again = Bench(state=EngineState.adopt(bench.working(), [bench.story()], next_id=50))

    assert placed(again.tick()) == []
    assert len(again.targets()) == 1


def test_targets_that_a_crash_left_out_are_placed_after_it() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.answers = [bench.accept, bench.silence, bench.silence]
    bench.tell(bench.fill_of(bench.entry()))
    kept = [order for order in bench.orders() if order.client_order_id != bench.targets()[1].client_order_id]

    again = Bench(state=EngineState.adopt(kept, [bench.story()], next_id=4))
    actions = again.tell(again.report(bench.targets()[0], OrderStatus.OPEN))
    actions += again.tick()

    assert [shown(order) for order in placed(actions)] == ["sell limit 5 @120"]


def test_an_exit_that_was_decided_before_a_restart_is_carried_out_after_it() -> None:
    bench = Bench()
    bench.open()
    bench.answers = [bench.refuse]
    bench.tell(bench.signal(Direction.FLAT))

    again = Bench(state=EngineState.adopt(bench.orders(), [bench.story()]))

    assert [shown(order) for order in placed(again.tick())] == ["sell market 10"]


def test_an_open_story_of_a_pair_without_rules_cannot_be_adopted() -> None:
    bench = Bench()
    bench.open()
    state = EngineState.adopt(bench.orders(), [bench.story()])

    with pytest.raises(ValueError, match="BTC/USD"):
        Engine(replace(bench.config, instruments={ETH: instrument(ETH)}), state)


def test_only_the_last_few_ended_orders_of_ended_stories_are_remembered() -> None:
    bench = Bench()
    bench.answers = [bench.refuse] * 700
    for _ in range(700):
        bench.tell(bench.signal())

    assert len(bench.engine.state.orders) <= 513


def test_an_order_that_was_forgotten_is_forgotten_under_both_its_names() -> None:
    bench = Bench()
    for _ in range(600):
        bench.tell(bench.signal())
        bench.tell(bench.report(bench.entry(), OrderStatus.CANCELLED))

    actions = bench.tell(bench.foreign_fill("1", Side.BUY, venue_order_id=bench.venue_id("jv0000001")))

    assert len(bench.engine.state.orders) <= 513
    assert alarms(actions) == ["foreign_activity"]


def test_the_memory_of_fills_is_long_but_not_endless() -> None:
    bench = Bench()
    for _ in range(4100):
        bench.tell(bench.foreign_fill("1", Side.BUY))

    assert len(bench.engine.state.seen_fills) == 4096
    assert list(bench.engine.state.seen_fills)[-1] == "T4100"


def test_an_order_out_of_turn_or_an_amendment_of_what_does_not_rest_is_a_broken_invariant() -> None:
    bench = Bench()
    bench.answers = [bench.silence]
    bench.tell(bench.signal())
    desk = Desk("jv", bench.engine.state, Outbox())

    with pytest.raises(ValueError, match="out of turn"):
        desk.place(bench.entry().request, bench.now)
    with pytest.raises(ValueError, match="cannot be amended"):
        desk.amend(bench.entry(), quantity=D(1), trigger_price=None)


def test_ended_orders_of_an_open_story_are_kept() -> None:
    bench = Bench()
    bench.open()
    bench.answers = [bench.refuse] * 700
    for _ in range(700):
        bench.tell(bench.signal(pair=ETH))

    assert bench.order(ClientOrderId("jv0000001")).status is OrderStatus.FILLED
    assert len(bench.orders(BTC)) == 4


def _some_order() -> Order:
    bench = Bench()
    bench.tell(bench.signal())
    return bench.entry()
