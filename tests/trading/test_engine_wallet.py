"""Exits where the venue knows no reduce-only and assets change hands at once: one after another, never too much."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from jarvis.domain.account import MarginState
from jarvis.domain.instrument import Side
from jarvis.domain.market import Bar
from jarvis.domain.money import ZERO
from jarvis.domain.order import OrderRole, OrderStatus, OrderType
from jarvis.trading.events import AdjustByHand, Amend, Cancel, Flatten, Place
from jarvis.trading.strategy import Direction, Protection
from tests.trading.bench import HOUR, alarms, placed, shown
from tests.trading.wallet import AMENDING, BNB, BTC, CAREFUL, USDT, D, WalletVenue

PLAIN = Protection(D(10))
TRAILING = Protection(D(10), trailing=True)


def opened(direction: Direction = Direction.LONG, venue: WalletVenue | None = None, **changes: object) -> WalletVenue:
    """A long or short of about ten at 100, protected: an equity of 10,000 risks 100 over a stop distance of 10."""
    venue = venue or WalletVenue()
    venue.signal(direction, **changes)
    return venue


def orders_of(venue: WalletVenue, role: OrderRole) -> list[str]:
    return [shown(o) for o in placed(venue.said, role)]


def test_only_the_stop_of_a_long_rests_and_it_sells_no_more_than_the_fee_left() -> None:
    venue = opened()

    bought = placed(venue.said, OrderRole.ENTRY)[0].request.quantity
    assert venue.story is not None
    assert venue.story.quantity == bought * D("0.999")
    assert [order.request.order_type for order in venue.exits_at_work] == [OrderType.STOP]
    assert venue.stop.left == (bought * D("0.999")).quantize(D("0.001"), rounding="ROUND_DOWN")


def test_the_stop_of_a_short_buys_the_debt_and_the_fee_rounded_up() -> None:
    venue = opened(Direction.SHORT)

    assert venue.story is not None
    debt = venue.story.quantity
    assert venue.stop.left * D("0.999") >= debt > (venue.stop.left - D("0.002")) * D("0.999")


def test_a_short_that_is_stopped_leaves_nothing_but_dust_on_the_owners_side() -> None:
    venue = opened(Direction.SHORT)
    held = venue.story
    assert held is not None

    venue.move("120")

    (story,) = [each for each in venue.closed if each.exit_role is OrderRole.STOP]
    assert venue.story is None
    assert (story.side, story.opened_quantity) == (Side.SELL, held.opened_quantity)
    assert ZERO <= story.position.quantity < D("0.002")
    assert story.position.quantity == venue.held
    assert "position_reversed" not in alarms(venue.said)


def test_a_long_that_is_stopped_leaves_its_crumbs_in_its_own_story() -> None:
    venue = opened()

    venue.move("85")
    venue.signal(Direction.LONG)

    assert venue.closed[-1].position.quantity + (venue.story.quantity if venue.story else ZERO) == venue.held
    assert venue.story is not None
    assert venue.story.position_id != venue.closed[-1].position_id


def test_a_target_that_a_quote_reaches_is_taken_at_market_between_two_stops() -> None:
    venue = opened()
    begin = len(venue.said)

    venue.move("105")

    asked = [each for each in venue.said[begin:] if isinstance(each, Place | Cancel)]
    first, second, third = asked
    assert isinstance(first, Cancel)
    assert isinstance(second, Place)
    assert isinstance(third, Place)
    assert (second.request.role, second.request.order_type) == (OrderRole.TAKE_PROFIT, OrderType.MARKET)
    assert (third.request.role, third.request.order_type) == (OrderRole.STOP, OrderType.STOP)
    assert venue.story is not None
    assert second.request.quantity == pytest.approx(venue.story.opened_quantity / 2, abs=D("0.002"))
    assert venue.stop.left == venue.story.quantity.quantize(D("0.001"), rounding="ROUND_DOWN")


def test_a_target_is_taken_once_and_the_last_one_takes_all() -> None:
    venue = opened(Direction.SHORT)

    venue.move("95")
    venue.move("94.9")
    venue.tick(30)
    half = orders_of(venue, OrderRole.TAKE_PROFIT)
    venue.move("91")

    assert len(half) == 1
    assert len(orders_of(venue, OrderRole.TAKE_PROFIT)) == 2
    assert venue.story is None
    assert not venue.exits_at_work
    assert abs(venue.held) < D("0.003")


def test_a_target_that_was_set_by_hand_is_the_one_that_is_watched() -> None:
    venue = opened()
    venue.tell(AdjustByHand(venue.now, BTC, target_price=D(108)))

    venue.move("106")
    assert orders_of(venue, OrderRole.TAKE_PROFIT) == []
    venue.move("108")

    assert len(orders_of(venue, OrderRole.TAKE_PROFIT)) == 1
    assert venue.story is None
    assert abs(venue.held) < D("0.003")


def test_a_bar_that_closes_beyond_a_target_takes_it_too() -> None:
    venue = opened()

    venue.now += HOUR
    venue.tell(Bar(BTC, HOUR, venue.now - HOUR, D(100), D(106), D(99), D(106), D(1)))

    assert len(orders_of(venue, OrderRole.TAKE_PROFIT)) == 1


def test_a_refused_target_is_tried_again_and_protected_meanwhile() -> None:
    venue = opened()
    venue.refuse_next = "refuse"

    venue.move("105")
    rests = shown_stop(venue)
    venue.tick(3)

    assert rests.startswith("sell stop")
    assert len(orders_of(venue, OrderRole.TAKE_PROFIT)) == 2
    assert venue.story is not None
    assert venue.story.quantity < venue.story.opened_quantity * D("0.51")


def shown_stop(venue: WalletVenue) -> str:
    return f"{venue.stop.request.side.value} {venue.stop.request.order_type.value}"


def test_a_stop_that_fills_while_it_is_cancelled_needs_no_closing_order() -> None:
    venue = opened()
    venue.refuse_next = "fill while cancelling"

    venue.signal(Direction.FLAT)
    venue.look_up()

    assert venue.story is None
    assert not placed(venue.said, OrderRole.SIGNAL_EXIT)
    assert ZERO <= venue.held < D("0.001")


def test_a_stop_that_fills_in_part_while_it_is_cancelled_leaves_only_its_rest_to_close() -> None:
    venue = opened()
    stop, before = venue.stop, venue.stop.left
    venue.hold_fills = True
    venue.fill(stop, D("0.4"))  # nobody has told it yet

    venue.signal(Direction.FLAT)
    at_once = placed(venue.said, OrderRole.SIGNAL_EXIT)
    venue.look_up()

    (close,) = placed(venue.said, OrderRole.SIGNAL_EXIT)
    assert at_once == []
    assert close.request.quantity == before - stop.filled


def test_while_the_answer_to_a_cancellation_is_lost_nothing_else_is_sent() -> None:
    venue = opened()
    venue.lose_next = "lose"

    venue.signal(Direction.FLAT)
    venue.tell(Flatten(venue.now))
    unproved = placed(venue.said, OrderRole.SIGNAL_EXIT) + placed(venue.said, OrderRole.FLATTEN)
    venue.look_up()

    assert unproved == []
    assert "exit_unknown" in alarms(venue.said)
    assert venue.story is None


def test_a_closing_order_whose_answer_is_lost_is_not_doubled() -> None:
    venue = opened()
    venue.hold_fills = True
    venue.signal(Direction.FLAT, price=venue.price)  # the stop goes, the close is accepted and not heard of
    venue.tick(1)
    venue.tick(1)
    early = len(orders_of(venue, OrderRole.SIGNAL_EXIT))
    venue.untold.clear()
    venue.tick(6)

    assert early == 1
    assert len(orders_of(venue, OrderRole.SIGNAL_EXIT)) == 1
    assert venue.story is None


def test_a_close_that_fills_in_part_and_expires_is_followed_by_one_for_the_rest() -> None:
    venue = opened()
    venue.fill_share = D("0.4")

    venue.signal(Direction.FLAT)
    order = next(o for o in venue.orders.values() if o.request.role is OrderRole.SIGNAL_EXIT)
    order.status = OrderStatus.EXPIRED
    venue.fill_share = D(1)
    venue.tell(venue.report(order))

    first, second = placed(venue.said, OrderRole.SIGNAL_EXIT)
    assert second.request.quantity == first.request.quantity - order.filled
    assert venue.story is None


@pytest.mark.parametrize(("traits", "asked"), [(CAREFUL, Cancel), (AMENDING, Amend)])
def test_a_trailing_stop_moves_as_the_venue_can(traits: object, asked: type) -> None:
    venue = opened(venue=WalletVenue(traits), protection=TRAILING)  # type: ignore[arg-type]
    begin = len(venue.said)

    venue.now += HOUR
    venue.price = D(118)
    venue.tell(Bar(BTC, HOUR, venue.now - HOUR, D(100), D(120), D(99), D(118), D(1)))

    assert [type(each) for each in venue.said[begin:] if isinstance(each, Amend | Cancel)] == [asked]
    assert venue.stop.request.trigger_price == D(110)


def test_interest_makes_the_stop_of_a_short_larger_by_a_lot_at_a_time() -> None:
    venue = opened(Direction.SHORT, protection=PLAIN)
    before = venue.stop.left

    venue.charge("0.0000001")
    small = venue.stop.left
    venue.charge("0.0015")

    assert small == before
    assert venue.stop.left - before in (D("0.001"), D("0.002"))
    assert venue.story is not None
    assert venue.story.position.accrued == D("0.0015001")
    assert venue.story.position.entry_price == D(100)


def test_interest_on_a_position_that_is_gone_changes_nothing() -> None:
    venue = opened(Direction.SHORT)
    venue.signal(Direction.FLAT)

    assert venue.charge("0.001") == []


def test_a_fee_in_a_third_asset_is_not_bought_for() -> None:
    venue = WalletVenue()
    venue.fee_asset = BNB
    opened(Direction.SHORT, venue)

    assert venue.story is not None
    assert venue.stop.left == venue.story.quantity
    venue.signal(Direction.FLAT)
    assert venue.held == ZERO


def test_what_was_bought_back_too_much_and_is_no_dust_is_sold_without_stopping_the_pair() -> None:
    venue = opened(Direction.SHORT)
    venue.price = D(1000)  # a hundredth is worth more than the minimum
    venue.fee_asset = BNB

    venue.signal(Direction.FLAT)

    assert venue.story is None
    assert "position_reversed" not in alarms(venue.said)
    assert venue.closed[-1].side is Side.SELL
    assert abs(venue.held) < D("0.005")
    assert [o.request.side for o in placed(venue.said, OrderRole.SIGNAL_EXIT)] == [Side.BUY, Side.SELL]


def test_a_growing_entry_waits_a_little_before_its_stop_is_made_anew() -> None:
    venue = WalletVenue()
    venue.fill_share = D("0.4")
    opened(venue=venue, protection=PLAIN)
    entry = next(o for o in venue.orders.values() if o.request.role is OrderRole.ENTRY)
    venue.fill(entry, D("0.5"))
    venue.tell()
    waited = not [each for each in venue.said if isinstance(each, Cancel)]
    venue.fill(entry, D(1))
    venue.tell()

    assert waited
    assert len([each for each in venue.said if isinstance(each, Cancel)]) == 1
    assert venue.story is not None
    assert venue.stop.left == venue.story.quantity.quantize(D("0.001"), rounding="ROUND_DOWN")


def test_the_venues_margin_warning_is_said_once_per_fall() -> None:
    venue = WalletVenue()
    low = MarginState(USDT, venue.now, D(1000), D(1000), D(1000), ZERO, ZERO, D("0.7"), by_pair={})
    fine = replace(low, margin_level=D(3))

    said = [alarms(venue.tell(each)).count("margin_call") for each in (low, low, fine, low)]

    assert said == [1, 0, 0, 1]


def test_an_isolated_pair_is_judged_and_sized_by_its_own_margin() -> None:
    venue = WalletVenue()
    small = MarginState(USDT, venue.now, D(1000), D(1000), ZERO, D(1000), ZERO, None)
    venue.tell(replace(small, equity=D(50_000), free_margin=D(50_000), by_pair={BTC: small}))

    venue.signal(Direction.LONG)

    assert placed(venue.said, OrderRole.ENTRY)[0].request.quantity < D(1)


def test_a_long_too_small_to_be_sold_at_its_stop_is_not_opened() -> None:
    venue = WalletVenue()
    small = MarginState(USDT, venue.now + timedelta(seconds=1), D(56), D(56), ZERO, D(56), ZERO, None)
    venue.tell(small)

    venue.signal(Direction.LONG)

    assert "not_opened_below_minimum" in alarms(venue.said)
    assert placed(venue.said) == []


def test_a_position_survives_a_restart_with_interest_and_opening_price() -> None:
    venue = opened(Direction.SHORT)
    venue.charge("0.0001")
    assert venue.story is not None

    again = type(venue.story).from_json(venue.story.to_json())

    assert again == venue.story
    assert again.opening_price == Decimal(100)
