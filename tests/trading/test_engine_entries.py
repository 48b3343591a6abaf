from datetime import timedelta
from decimal import Decimal

import pytest

from jarvis.domain.instrument import InstrumentStatus, Side
from jarvis.domain.order import ClientOrderId, OrderRole, OrderStatus, OrderType
from jarvis.trading.entries import plan_entry
from jarvis.trading.events import (
    EntriesAllowed,
    EntriesBlocked,
    InstrumentsChanged,
    Pause,
    Place,
    Resolve,
    Resume,
    StoryChanged,
)
from jarvis.trading.limits import LimitReason, Refused, Standing
from jarvis.trading.sizing import Costs
from jarvis.trading.strategy import Direction

from .bench import BTC, ETH, HOUR, Bench, D, alarms, instrument, limits, placed, protection, shown, stories


def refused(reason: LimitReason) -> list[str]:
    return [f"not_opened_{reason.value}"]


def test_a_signal_sends_one_sized_market_order_and_keeps_its_plan_first() -> None:
    bench = Bench()

    actions = bench.tell(bench.signal())

    assert isinstance(actions[0], StoryChanged)
    assert isinstance(actions[1], Place)
    assert actions[1].request is actions[1].order.request
    (entry,) = placed(actions)
    assert shown(entry) == "buy market 10"  # 1 % of 10 000 over a stop distance of 10
    assert entry.request.leverage == 5
    assert entry.request.decision_price == 100
    assert not entry.request.reduce_only
    assert entry.client_order_id == "jv0000001"
    assert entry.status is OrderStatus.INTENT
    assert bench.entry().status is OrderStatus.OPEN


def test_a_filled_entry_gets_its_stop_and_then_its_targets() -> None:
    bench = Bench()
    bench.tell(bench.signal())

    actions = bench.tell(bench.fill_of(bench.entry(), price="101"))

    assert [shown(order) for order in placed(actions)] == ["sell stop 10 @91", "sell limit 5 @111", "sell limit 5 @121"]
    assert all(order.request.reduce_only and order.request.leverage == 5 for order in placed(actions))
    story = bench.story()
    assert story.quantity == story.opened_quantity == 10
    assert story.stop_price == 91
    assert story.decision_price == 100
    assert len(story.ladder) == 2


def test_a_short_is_the_mirror_of_a_long() -> None:
    bench = Bench()

    bench.open(Direction.SHORT)

    assert shown(bench.stop()) == "buy stop 10 @110"
    assert [shown(order) for order in bench.targets()] == ["buy limit 5 @90", "buy limit 5 @80"]
    assert bench.story().position.quantity == -10


def test_a_fill_that_comes_before_the_acknowledgement_leads_to_the_same_end() -> None:
    early, late = Bench(), Bench()
    early.answers = [early.silence]
    early.tell(early.signal())
    late.open()

    early.tell(early.fill_of(early.entry()))
    early.tell(early.accept(early.entry()))

    assert early.engine.state.orders == late.engine.state.orders
    assert early.engine.state.stories == late.engine.state.stories


def test_each_partial_fill_moves_the_stop_at_once_and_the_targets_wait_for_the_last() -> None:
    bench = Bench()
    bench.tell(bench.signal())

    first = bench.tell(bench.fill_of(bench.entry(), "4", "100"))
    second = bench.tell(bench.fill_of(bench.entry(), "6", "102"))

    assert [shown(order) for order in placed(first)] == ["sell stop 4 @90"]
    assert shown(bench.stop()) == "sell stop 10 @91.2"
    assert [order.request.role for order in placed(second)] == [OrderRole.TAKE_PROFIT] * 2
    assert bench.story().opened_quantity == 10


def test_a_partial_fill_while_the_stop_is_not_acknowledged_is_covered_on_its_acknowledgement() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.answers = [bench.silence]
    bench.tell(bench.fill_of(bench.entry(), "4", "100"))
    bench.tell(bench.fill_of(bench.entry(), "6", "100"))
    assert shown(bench.stop()) == "sell stop 4 @90"

    bench.tell(bench.accept(bench.stop()))

    assert shown(bench.stop()) == "sell stop 10 @90"


def test_a_partial_fill_then_cancel_keeps_the_filled_part_and_its_protection() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "4", "100"))

    bench.tell(bench.report(bench.entry(), OrderStatus.CANCELLED, filled_quantity=D(4)))

    assert bench.story().quantity == 4
    assert shown(bench.stop()) == "sell stop 4 @90"
    assert [shown(order) for order in bench.targets()] == ["sell limit 2 @110", "sell limit 2 @120"]


def test_a_fill_told_after_the_cancellation_is_booked_and_protected() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "4", "100"))
    bench.tell(bench.report(bench.entry(), OrderStatus.CANCELLED))

    bench.tell(bench.fill_of(bench.entry(), "2", "100"))

    assert bench.story().quantity == 6
    assert shown(bench.stop()) == "sell stop 6 @90"
    assert bench.entry().status is OrderStatus.CANCELLED


def test_a_refused_entry_ends_the_story_before_it_began_and_is_said() -> None:
    bench = Bench()
    bench.answers = [bench.refuse]

    actions = bench.tell(bench.signal())

    assert alarms(actions) == ["entry_failed"]
    ended = stories(actions)[-1]
    assert ended.is_closed
    assert ended.exit_role is None
    assert bench.engine.state.stories == {}
    assert len(placed(actions)) == 1


def test_a_refused_entry_gives_its_margin_back_for_the_next_one() -> None:
    bench = Bench(engine_limits=limits(equity_share_per_position=D("0.9"), risk_per_trade=D(1)))
    bench.answers = [bench.refuse]
    bench.tell(bench.signal())

    actions = bench.tell(bench.signal())

    assert [shown(order) for order in placed(actions)] == ["buy market 450"]


def test_the_same_direction_again_changes_nothing() -> None:
    bench = Bench()
    bench.open()

    assert bench.tell(bench.signal(price="105")) == []


def test_a_standing_wish_never_opens() -> None:
    bench = Bench()

    assert bench.tell(bench.signal(is_new=False)) == []


def test_a_position_that_was_stopped_out_is_not_bought_back_by_a_standing_wish() -> None:
    bench = Bench()
    bench.open()
    bench.tell(bench.fill_of(bench.stop(), price="90"))

    assert placed(bench.tell(bench.signal(is_new=False, price="95"))) == []


def test_the_opposite_wish_closes_first_and_enters_when_nothing_is_left() -> None:
    bench = Bench()
    bench.open()

    closing = bench.tell(bench.signal(Direction.SHORT, "95"))
    closed = bench.tell(bench.fill_of(bench.closes()[0], price="95"))

    assert [shown(order) for order in placed(closing)] == ["sell market 10"]
    assert placed(closing)[0].request.reduce_only
    assert placed(closing)[0].request.role is OrderRole.SIGNAL_EXIT
    assert stories(closed)[0].exit_role is OrderRole.SIGNAL_EXIT
    assert [shown(order) for order in placed(closed)] == ["sell market 10"]
    assert placed(closed)[0].request.role is OrderRole.ENTRY
    assert bench.working() == [bench.entry()]


def test_the_new_side_waits_while_an_order_of_the_old_one_still_rests() -> None:
    bench = Bench()
    bench.open()
    bench.tell(bench.signal(Direction.SHORT, "95"))
    bench.cancellations = [lambda _: None] * 3

    waiting = bench.tell(bench.fill_of(bench.closes()[0], price="95"))
    for order in bench.working():
        waiting += bench.tell(bench.report(order, OrderStatus.CANCELLED))

    assert [order.request.role for order in placed(waiting)] == [OrderRole.ENTRY]
    assert bench.story().entry_side is Side.SELL


def test_a_wish_that_waited_longer_than_its_bar_is_dropped_and_said() -> None:
    bench = Bench()
    bench.open()
    bench.tell(bench.signal(Direction.SHORT, "95"))

    actions = bench.tick(HOUR)
    actions += bench.tell(bench.fill_of(bench.closes()[0], price="95"))

    assert refused(LimitReason.SIGNAL_OUTDATED) == alarms(actions)
    assert placed(actions) == []


def test_a_wish_whose_bar_ends_while_the_old_side_is_closed_is_dropped_too() -> None:
    bench = Bench()
    bench.open()
    bench.tell(bench.signal(Direction.SHORT, "95"))
    bench.now += HOUR
    bench.margin("10000")

    actions = bench.tell(bench.fill_of(bench.closes()[0], price="95"))

    assert alarms(actions) == refused(LimitReason.SIGNAL_OUTDATED)


def test_a_wish_waits_while_what_is_held_cannot_be_closed() -> None:
    bench = Bench()
    bench.open(protection=protection(take_profits=()))
    bench.answers = [bench.refuse] * 5
    bench.tell(bench.signal(Direction.SHORT))

    actions = bench.tell(bench.report(bench.stop(), OrderStatus.CANCELLED))

    assert bench.working() == []
    assert placed(actions, OrderRole.ENTRY) == []
    assert shown(placed(bench.tick(timedelta(seconds=2)))[0]) == "sell market 10"


def test_a_wish_to_hold_nothing_cannot_be_planned() -> None:
    bench = Bench()
    state = Standing(bench.now, limits(), instrument(), 5, bench.margin_state("10000"))

    with pytest.raises(ValueError, match="hold nothing"):
        plan_entry(bench.signal(Direction.FLAT), state, Costs(), ClientOrderId("jv0000001"), None)


def test_the_limits_stand_even_when_an_estimate_is_absurd() -> None:
    bench = Bench()
    state = Standing(bench.now, limits(risk_per_trade=D(1)), instrument(), 5, bench.margin_state("10000"))
    absurd = Costs(D("0.5"), D(0), D("-0.5"))

    planned = plan_entry(bench.signal(), state, absurd, ClientOrderId("jv0000001"), None)

    assert isinstance(planned, Refused)
    assert planned.reason is LimitReason.SHARE_EXCEEDED


def test_a_wish_to_hold_nothing_closes_and_opens_nothing() -> None:
    bench = Bench()
    bench.open()

    bench.tell(bench.signal(Direction.FLAT))
    actions = bench.tell(bench.fill_of(bench.closes()[0]))

    assert placed(actions) == []
    assert bench.engine.state.stories == {}
    assert bench.working() == []


def test_a_changed_mind_while_closing_cancels_the_wish_that_waited() -> None:
    bench = Bench()
    bench.open()
    bench.tell(bench.signal(Direction.SHORT))
    bench.tell(bench.signal(Direction.FLAT))

    actions = bench.tell(bench.fill_of(bench.closes()[0]))

    assert placed(actions) == []


def test_a_standing_wish_closes_what_contradicts_it() -> None:
    bench = Bench()
    bench.open()

    actions = bench.tell(bench.signal(Direction.SHORT, is_new=False))

    assert [shown(order) for order in placed(actions)] == ["sell market 10"]
    assert placed(bench.tell(bench.fill_of(bench.closes()[0]))) == []


def test_a_wish_while_the_entry_is_under_way_changes_nothing() -> None:
    bench = Bench()
    bench.tell(bench.signal())

    assert bench.tell(bench.signal(Direction.SHORT)) == []


def test_another_strategy_neither_closes_nor_adds() -> None:
    bench = Bench()
    bench.open()

    wish = bench.tell(bench.signal(Direction.SHORT, strategy="other"))
    standing = bench.tell(bench.signal(Direction.FLAT, strategy="other"))

    assert alarms(wish) == refused(LimitReason.ANOTHER_STRATEGY)
    assert placed(wish) == placed(standing) == []
    assert bench.story().exit_role is None


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_nothing_is_opened_while_paused_and_again_after_a_resume() -> None:
    bench = Bench()
    bench.tell(Pause(bench.now))

    assert alarms(bench.tell(bench.signal())) == refused(LimitReason.PAUSED)

    bench.tell(Resume(bench.now))
    assert len(placed(bench.tell(bench.signal()))) == 1


@pytest.mark.parametrize("pair", [None, BTC])
def test_an_outside_block_stops_entries_until_its_cause_is_lifted(pair: object) -> None:
    bench = Bench()
    block = EntriesBlocked("stale_market", "no prices for 12 s", bench.now, pair)  # type: ignore[arg-type]

    assert alarms(bench.tell(block)) == ["stale_market"]
    assert alarms(bench.tell(block)) == []
    assert alarms(bench.tell(bench.signal())) == refused(LimitReason.ENTRIES_BLOCKED)

    allowed = EntriesAllowed("stale_market", bench.now, pair)  # type: ignore[arg-type]
    assert alarms(bench.tell(allowed, allowed)) == ["stale_market"]
    assert len(placed(bench.tell(bench.signal()))) == 1


def test_a_block_on_one_pair_leaves_the_others_alone() -> None:
    bench = Bench()
    bench.tell(EntriesBlocked("position_mismatch", "they differ", bench.now, ETH))

    assert len(placed(bench.tell(bench.signal()))) == 1


def test_an_outside_block_is_not_kept_over_a_restart() -> None:
    bench = Bench()
    bench.tell(EntriesBlocked("stale_market", "no prices", bench.now))

    assert bench.engine.state.marks.blocks == ()
    assert len(bench.engine.state.blocks) == 1


@pytest.mark.parametrize("status", [status for status in InstrumentStatus if status is not InstrumentStatus.ONLINE])
def test_a_restricted_pair_is_not_opened(status: InstrumentStatus) -> None:
    bench = Bench(instruments={BTC: instrument(status=status)})

    assert alarms(bench.tell(bench.signal())) == refused(LimitReason.PAIR_STATUS)


def test_a_pair_that_the_venue_lists_no_more_is_not_opened() -> None:
    bench = Bench()
    gone = bench.tell(InstrumentsChanged((instrument(ETH),), bench.now))
    again = bench.tell(InstrumentsChanged((instrument(ETH),), bench.now))

    assert (alarms(gone), alarms(again)) == (["pair_gone"], [])
    assert alarms(bench.tell(bench.signal())) == refused(LimitReason.PAIR_NOT_OFFERED)


def test_a_pair_that_the_trader_did_not_allow_is_not_opened() -> None:
    bench = Bench(engine_limits=limits(allowed_pairs=frozenset({ETH})))

    assert alarms(bench.tell(bench.signal())) == refused(LimitReason.PAIR_NOT_ALLOWED)


def test_the_number_of_open_positions_is_limited_and_counts_entries_under_way() -> None:
    bench = Bench(engine_limits=limits(max_open_positions=1))
    bench.answers = [bench.silence]
    bench.tell(bench.signal(pair=ETH))

    assert alarms(bench.tell(bench.signal())) == refused(LimitReason.TOO_MANY_POSITIONS)


@pytest.mark.parametrize(("cap", "offered", "used"), [(5, (2, 3, 10), 3), (10, (2, 3, 10), 10), (10, (2, 3), 3)])
def test_the_leverage_is_the_lowest_of_limits_catalogue_and_venue(
    cap: int, offered: tuple[int, ...], used: int
) -> None:
    bench = Bench(engine_limits=limits(leverage_cap=cap), instruments={BTC: instrument(leverage_long=offered)})

    (entry,) = placed(bench.tell(bench.signal()))

    assert entry.request.leverage == used


def test_a_leverage_cut_by_the_venue_is_obeyed_from_then_on_and_said_for_what_is_open() -> None:
    bench = Bench()
    bench.open()

    cut = bench.tell(
        InstrumentsChanged((instrument(leverage_long=(2,), leverage_short=(2,)), instrument(ETH)), bench.now)
    )
    again = bench.tell(
        InstrumentsChanged((instrument(leverage_long=(2,), leverage_short=(2,)), instrument(ETH)), bench.now)
    )
    closing = bench.tell(bench.signal(Direction.SHORT))

    assert alarms(cut) == ["rules_changed", "leverage_cut"]
    assert alarms(again) == []
    assert placed(closing)[0].request.leverage == 2  # any offered leverage closes


def test_a_pair_without_leverage_is_not_opened_but_what_is_open_can_still_be_closed() -> None:
    bench = Bench()
    bench.open()
    bench.tell(InstrumentsChanged((instrument(leverage_long=(), leverage_short=()), instrument(ETH)), bench.now))

    closing = bench.tell(bench.signal(Direction.SHORT))
    closed = bench.tell(bench.fill_of(bench.closes()[0]))

    assert placed(closing)[0].request.leverage == 5
    assert alarms(closed) == refused(LimitReason.LEVERAGE_NOT_OFFERED)


def test_status_changes_and_delisting_are_said_while_a_position_is_open() -> None:
    bench = Bench()
    bench.open()

    halted = bench.tell(
        InstrumentsChanged((instrument(status=InstrumentStatus.CANCEL_ONLY), instrument(ETH)), bench.now)
    )
    gone = bench.tell(InstrumentsChanged((instrument(ETH),), bench.now))

    assert alarms(halted) == ["rules_changed", "pair_status"]
    assert alarms(gone) == ["pair_gone"]
    assert shown(bench.stop()) == "sell stop 10 @90"


def test_without_a_margin_state_or_with_an_old_one_nothing_is_opened() -> None:
    fresh, old = Bench(equity=None), Bench()
    old.now += timedelta(minutes=6)

    assert alarms(fresh.tell(fresh.signal())) == refused(LimitReason.MARGIN_UNKNOWN)
    assert alarms(old.tell(old.signal())) == refused(LimitReason.MARGIN_UNKNOWN)


def test_an_older_margin_state_does_not_replace_a_newer_one() -> None:
    bench = Bench()
    bench.now -= timedelta(minutes=1)
    bench.margin("1")
    bench.now += timedelta(minutes=1)

    assert [shown(order) for order in placed(bench.tell(bench.signal()))] == ["buy market 10"]


def test_without_equity_nothing_is_opened() -> None:
    bench = Bench(equity="0")

    assert alarms(bench.tell(bench.signal())) == refused(LimitReason.NO_EQUITY)


def test_a_signal_without_a_usable_stop_opens_nothing_but_closes() -> None:
    bench = Bench()

    opening = bench.tell(bench.signal(protection=None))
    bench.open()
    closing = bench.tell(bench.signal(Direction.FLAT, protection=None))

    assert alarms(opening) == refused(LimitReason.STOP_IMPOSSIBLE)
    assert [shown(order) for order in placed(closing)] == ["sell market 10"]


def test_margin_of_an_entry_that_no_margin_state_shows_yet_is_counted() -> None:
    wide = limits(equity_share_per_position=D("0.5"), risk_per_trade=D(1))
    bench = Bench(engine_limits=wide)

    first = placed(bench.tell(bench.signal(pair=ETH)))
    second = placed(bench.tell(bench.signal()))

    assert shown(first[0]) == "buy market 250"  # half of equity at 5x
    assert shown(second[0]) == "buy market 200"  # what is left of 90 %: 4000 x 5


def test_margin_that_a_margin_state_shows_is_not_counted_twice() -> None:
    wide = limits(equity_share_per_position=D("0.4"), risk_per_trade=D(1))
    bench = Bench(engine_limits=wide)
    bench.open(pair=ETH, protection=protection())
    bench.margin("10000", used="4000")

    (second,) = placed(bench.tell(bench.signal()))

    assert shown(second) == "buy market 200"


def test_a_position_too_small_for_the_venue_is_not_opened_rather_than_rounded_up() -> None:
    bench = Bench(instruments={BTC: instrument(min_quantity=D("10.1"))})

    assert alarms(bench.tell(bench.signal())) == refused(LimitReason.BELOW_MINIMUM)


def test_a_lost_entry_is_looked_up_and_no_other_is_sent_on_its_pair_only() -> None:
    bench = Bench()
    bench.answers = [bench.lose]

    lost = bench.tell(bench.signal())
    again = bench.tell(bench.signal(), bench.signal(Direction.SHORT))

    assert Resolve(bench.entry().client_order_id) in lost
    assert alarms(lost) == ["order_lost"]
    assert bench.entry().status is OrderStatus.UNKNOWN
    assert placed(again) == []
    assert [shown(order) for order in placed(bench.tell(bench.signal(pair=ETH)))] == ["buy market 10"]


def test_an_unknown_leftover_order_freezes_its_pair_for_entries() -> None:
    bench = Bench()
    bench.open()
    bench.cancellations = [bench.lose_change] * 2
    bench.tell(bench.fill_of(bench.stop(), price="90"))

    actions = bench.tell(bench.signal())

    assert {order.status for order in bench.working()} == {OrderStatus.UNKNOWN}
    assert alarms(actions) == refused(LimitReason.OUTCOME_UNKNOWN)


def test_order_ids_count_up_in_base_36_and_fit_the_venue() -> None:
    bench = Bench()
    bench.open()

    ids = [order.client_order_id for order in bench.orders()]

    assert ids == ["jv0000001", "jv0000002", "jv0000003", "jv0000004"]
    assert all(len(each) <= 18 for each in ids)


def test_the_order_that_opens_states_its_leverage_and_is_a_market_order() -> None:
    bench = Bench()
    bench.tell(bench.signal())

    request = bench.entry().request

    assert request.order_type is OrderType.MARKET
    assert request.role is OrderRole.ENTRY
    assert request.quantity * Decimal(100) / request.leverage <= Decimal(2000)
