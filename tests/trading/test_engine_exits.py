"""How positions are left: stop, trailing stop, targets, time-stop, and what is swept up behind them."""

from datetime import timedelta

from jarvis.domain.order import OrderRole, OrderStatus
from jarvis.trading.events import Amend, Cancel, InstrumentsChanged, Pause
from jarvis.trading.limits import Tiers
from jarvis.trading.strategy import Direction, TakeProfit

from .bench import BTC, ETH, HOUR, Bench, D, alarms, instrument, limits, placed, protection, shown, stories


def test_the_stop_closes_everything_and_its_siblings_are_cancelled() -> None:
    bench = Bench()
    bench.open()

    actions = bench.tell(bench.fill_of(bench.stop(), price="89.5"))

    ended = stories(actions)[-1]
    assert ended.exit_role is OrderRole.STOP
    assert ended.closed_at == bench.now
    assert sum(isinstance(action, Cancel) for action in actions) == 2
    assert bench.working() == []
    assert bench.engine.state.stories == {}
    assert placed(actions) == []


def test_a_target_shrinks_the_stop_and_the_last_one_ends_the_story() -> None:
    bench = Bench()
    bench.open()
    first, second = bench.targets()

    bench.tell(bench.fill_of(first, price="110"))
    assert shown(bench.stop()) == "sell stop 5 @90"

    actions = bench.tell(bench.fill_of(second, price="120"))
    assert stories(actions)[-1].exit_role is OrderRole.TAKE_PROFIT
    assert bench.working() == []


def test_every_part_of_a_target_shrinks_the_stop() -> None:
    bench = Bench()
    bench.open()
    (target, _) = bench.targets()

    bench.tell(bench.fill_of(target, "2", "110"))

    assert shown(bench.stop()) == "sell stop 8 @90"
    assert bench.order(target.client_order_id).status is OrderStatus.PARTLY_FILLED


def test_targets_are_placed_once_whatever_happens_to_them() -> None:
    bench = Bench()
    bench.open()
    first, second = bench.targets()

    actions = bench.tell(bench.report(first, OrderStatus.CANCELLED))
    actions += bench.tick(HOUR)

    assert alarms(actions) == ["target_failed"]
    assert placed(actions) == []
    assert bench.targets() == [second]


def test_a_refused_target_is_said_and_leaves_the_stop_alone() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.answers = [bench.accept, bench.refuse]

    actions = bench.tell(bench.fill_of(bench.entry()))

    assert alarms(actions) == ["target_failed"]
    assert len(bench.targets()) == 1
    assert shown(bench.stop()) == "sell stop 10 @90"


def test_targets_of_a_position_that_shrank_before_they_were_placed_are_cut_to_what_is_left() -> None:
    bench = Bench(engine_limits=limits(daily_loss=Tiers(reduce=D("0.05"))))
    bench.tell(bench.signal())
    bench.answers = [bench.lose]
    bench.tell(bench.fill_of(bench.entry()))
    bench.margin("9400")
    bench.tell(bench.fill_of(bench.closes()[0]))

    bench.tell(bench.report(bench.stop(), OrderStatus.OPEN))

    assert shown(bench.stop()) == "sell stop 5 @90"
    assert [shown(order) for order in bench.targets()] == ["sell limit 5 @110"]


def test_a_position_without_targets_has_only_its_stop() -> None:
    bench = Bench()

    bench.open(protection=protection(take_profits=()))

    assert bench.working() == [bench.stop()]


def test_the_time_stop_closes_at_market_while_the_stop_stays_until_flat() -> None:
    bench = Bench()
    bench.open(protection=protection(time_stop=timedelta(hours=2)))

    early = bench.tick(timedelta(minutes=119))
    late = bench.tick(timedelta(minutes=1))

    assert placed(early) == []
    assert [shown(order) for order in placed(late)] == ["sell market 10"]
    assert placed(late)[0].request.role is OrderRole.TIME_STOP
    assert shown(bench.stop()) == "sell stop 10 @90"
    assert stories(bench.tell(bench.fill_of(bench.closes()[0])))[-1].exit_role is OrderRole.TIME_STOP
    assert bench.working() == []


def test_the_time_stop_counts_from_the_first_fill() -> None:
    bench = Bench()
    bench.tell(bench.signal(protection=protection(time_stop=timedelta(hours=2))))
    bench.now += timedelta(minutes=30)
    bench.tell(bench.fill_of(bench.entry(), "4"))
    bench.now += timedelta(minutes=30)
    bench.tell(bench.fill_of(bench.entry(), "6"))

    assert placed(bench.tick(timedelta(minutes=89))) == []
    assert len(placed(bench.tick(timedelta(minutes=1)))) == 1


def test_a_tick_after_the_time_stop_does_not_close_twice() -> None:
    bench = Bench()
    bench.open(protection=protection(time_stop=timedelta(hours=2)))
    bench.tick(2 * HOUR)

    assert placed(bench.tick(HOUR)) == []


def test_the_stop_closes_during_a_time_stop_and_the_story_says_which_one_did() -> None:
    bench = Bench()
    bench.open(protection=protection(time_stop=timedelta(hours=2)))
    bench.tick(2 * HOUR)
    (close,) = bench.closes()

    bench.tell(bench.fill_of(bench.stop(), price="90"))
    actions = bench.tell(bench.report(close, OrderStatus.CANCELLED, reason="nothing to reduce"))

    assert bench.working() == []
    assert alarms(actions) == []
    assert [story.exit_role for story in stories(bench.said) if story.is_closed] == [OrderRole.STOP]


# --- trailing ---------------------------------------------------------------------------------------------------------


def test_a_trailing_stop_follows_the_best_price_and_never_goes_back() -> None:
    bench = Bench()
    bench.open(protection=protection(trailing=True))

    bench.bar("100", "107", "99", "103")
    assert shown(bench.stop()) == "sell stop 10 @97"
    bench.bar("103", "105", "98", "104")
    assert shown(bench.stop()) == "sell stop 10 @97"
    bench.bar("104", "112", "103", "111")
    assert shown(bench.stop()) == "sell stop 10 @102"


def test_a_trailing_stop_of_a_short_follows_downwards() -> None:
    bench = Bench()
    bench.open(Direction.SHORT, protection=protection(trailing=True))

    bench.bar("100", "101", "93", "95")
    bench.bar("95", "102", "94", "101")

    assert shown(bench.stop()) == "buy stop 10 @103"
    assert bench.story().best_price == 93


def test_a_fixed_stop_stays_where_it_is() -> None:
    bench = Bench()
    bench.open()

    actions = bench.bar("100", "130", "99", "125")

    assert not any(isinstance(action, Amend) for action in actions)


def test_of_a_bar_that_began_before_the_position_only_the_close_counts() -> None:
    bench = Bench()
    bench.now += timedelta(minutes=30)
    bench.margin("10000")
    bench.open(protection=protection(trailing=True))
    bench.now -= timedelta(minutes=30)

    bench.bar("100", "150", "99", "104")

    assert shown(bench.stop()) == "sell stop 10 @94"


def test_a_bar_that_had_closed_before_the_position_began_moves_nothing() -> None:
    bench = Bench()
    bench.open(protection=protection(trailing=True))
    bench.now -= 2 * HOUR

    assert bench.bar("100", "150", "99", "140") == []


def test_only_bars_of_the_strategys_own_size_move_a_trailing_stop() -> None:
    bench = Bench()
    bench.open(protection=protection(trailing=True))

    assert bench.bar("100", "150", "99", "140", timedelta(minutes=1)) == []


def test_bars_of_a_pair_without_a_position_lead_to_nothing() -> None:
    assert Bench().bar("100", "101", "99", "100") == []


def test_a_refused_move_of_a_trailing_stop_is_tried_again_a_few_times_then_with_time() -> None:
    bench = Bench()
    bench.open(protection=protection(trailing=True))
    bench.amendments = [bench.refuse_amendment] * 5

    first = bench.bar("100", "107", "99", "103")
    assert sum(isinstance(action, Amend) for action in first) == 4
    assert alarms(first) == ["stop_not_moved"]
    assert shown(bench.stop()) == "sell stop 10 @90"

    second = bench.tick(HOUR)
    assert sum(isinstance(action, Amend) for action in second) == 1
    assert alarms(second) == []

    bench.tick(HOUR)
    assert shown(bench.stop()) == "sell stop 10 @97"


# --- rounding and small change ----------------------------------------------------------------------------------------


def test_a_stop_is_rounded_towards_the_market_and_a_target_away_from_it() -> None:
    bench = Bench()
    wish = protection(stop_distance=D("10.04"), take_profits=(TakeProfit(D("10.04"), D(1)),))

    bench.open(protection=wish)

    assert bench.stop().request.trigger_price == 90
    assert bench.targets()[0].request.limit_price == D("110.1")


def test_what_is_too_small_for_the_venue_is_said_once_and_never_chased() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    early = bench.tell(bench.fill_of(bench.entry(), "0.0004"))
    assert placed(early) == []
    assert alarms(early) == []

    actions = bench.tell(bench.report(bench.entry(), OrderStatus.CANCELLED, filled_quantity=D("0.0004")))
    actions += bench.tick(HOUR)

    assert alarms(actions) == ["dust"]
    assert placed(actions) == []
    assert bench.story().quantity == D("0.0004")


def test_dust_is_taken_along_by_the_pairs_next_position_of_the_same_side() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "0.0004"))
    bench.tell(bench.report(bench.entry(), OrderStatus.CANCELLED, filled_quantity=D("0.0004")))
    dust = bench.story()

    bench.open(price="110")

    assert bench.story().position_id == dust.position_id
    assert bench.story().opened_quantity == D("10.0004")
    assert bench.stop().request.quantity == D("10.0004")
    assert bench.story().fill_ids[0] == dust.fill_ids[0]


def test_dust_is_closed_on_the_way_by_a_position_of_the_other_side() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "0.0004"))
    bench.tell(bench.report(bench.entry(), OrderStatus.CANCELLED, filled_quantity=D("0.0004")))

    bench.open(Direction.SHORT)

    assert bench.story().position.quantity == D("-9.9996")
    assert bench.story().opened_quantity == D("9.9996")
    assert shown(bench.stop()) == "buy stop 9.9996 @110"
    assert "position_reversed" not in alarms(bench.said)


def test_dust_of_the_other_side_that_is_closed_exactly_keeps_the_story_for_the_rest_of_the_entry() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "0.0004"))
    bench.tell(bench.report(bench.entry(), OrderStatus.CANCELLED, filled_quantity=D("0.0004")))
    bench.tell(bench.signal(Direction.SHORT))
    bench.cancellations = [lambda _: None]

    bench.tell(bench.fill_of(bench.entry(), "0.0004"))
    assert bench.story().position.is_flat

    bench.tell(bench.fill_of(bench.entry()))
    assert shown(bench.stop()) == "buy stop 9.9996 @110"


def test_dust_does_not_count_as_an_open_position() -> None:
    bench = Bench(engine_limits=limits(max_open_positions=1))
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "0.0004"))
    bench.tell(bench.report(bench.entry(), OrderStatus.CANCELLED, filled_quantity=D("0.0004")))

    assert len(placed(bench.tell(bench.signal(pair=ETH)))) == 1


def test_when_only_dust_is_left_the_orders_of_the_position_are_cancelled() -> None:
    bench = Bench()
    bench.open(protection=protection(take_profits=()))

    bench.tell(bench.signal(Direction.FLAT))
    bench.tell(bench.fill_of(bench.closes()[0], "9.9995"))
    bench.tell(bench.report(bench.orders()[-1], OrderStatus.CANCELLED, filled_quantity=D("9.9995")))

    assert bench.working() == []
    assert bench.story().quantity == D("0.0005")
    assert "dust" in alarms(bench.said)


def test_what_is_held_is_closed_not_what_was_ordered() -> None:
    bench = Bench()
    bench.tell(bench.signal())
    bench.tell(bench.fill_of(bench.entry(), "7.5"))
    bench.tell(bench.report(bench.entry(), OrderStatus.EXPIRED, filled_quantity=D("7.5")))

    actions = bench.tell(bench.signal(Direction.FLAT))

    assert [shown(order) for order in placed(actions)] == ["sell market 7.5"]
    assert bench.entry().status is OrderStatus.EXPIRED


def test_new_rules_of_the_venue_hold_for_the_next_order() -> None:
    bench = Bench()
    bench.open()
    told = bench.tell(InstrumentsChanged((instrument(BTC, lot=D(1), tick=D(5)), instrument(ETH)), bench.now))

    bench.tell(bench.fill_of(bench.targets()[0], "2.5", "110"))

    assert alarms(told) == ["rules_changed"]
    assert shown(bench.stop()) == "sell stop 7 @90"


def test_exits_work_while_paused() -> None:
    bench = Bench()
    bench.open(protection=protection(time_stop=HOUR))
    bench.tell(Pause(bench.now))

    assert [shown(order) for order in placed(bench.tick(HOUR))] == ["sell market 10"]
