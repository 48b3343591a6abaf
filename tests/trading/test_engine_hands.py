"""By hand: opening, adjusting and closing go through the same sizing, limits and protection as everything else."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Side
from jarvis.domain.order import Order, OrderRole, OrderType
from jarvis.trading.events import Action, AdjustByHand, Alarm, Cancel, CloseByHand, EntriesBlocked, OpenByHand, Pause
from jarvis.trading.hands import STRATEGY
from jarvis.trading.strategy import Direction, Protection

from .bench import BTC, ETH, Bench, D, limits, placed, protection, shown


def alarms(actions: Iterable[Action]) -> list[Alarm]:
    return [action for action in actions if isinstance(action, Alarm)]


def wish(bench: Bench, quantity: str = "4", side: Side = Side.BUY, **changes: object) -> OpenByHand:
    given = OpenByHand(bench.now, BTC, side, D(quantity), D(100), 5, protection())
    return replace(given, **changes)  # type: ignore[arg-type]


def held(side: Side = Side.BUY, quantity: str = "4", **changes: object) -> Bench:
    """A position of 4 that was opened by hand, protected at the venue."""
    bench = Bench()
    bench.tell(wish(bench, quantity, side, **changes))
    bench.tell(bench.fill_of(bench.entry(BTC)))
    return bench


def test_what_is_opened_by_hand_is_protected_like_everything_else() -> None:
    bench = Bench()
    (entry,) = placed(bench.tell(wish(bench)))
    assert shown(entry) == "buy market 4"
    assert (entry.request.role, entry.request.leverage) == (OrderRole.ENTRY, 5)

    after = placed(bench.tell(bench.fill_of(entry)))
    assert [shown(order) for order in after] == ["sell stop 4 @90", "sell limit 2 @110", "sell limit 2 @120"]
    assert bench.story().strategy == STRATEGY


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quantity": D("10.5")}, "10.5 BTC is more than your risk per trade allows with this stop: at most 10 BTC"),
        ({"quantity": D("0.0004")}, "below the venue's minimum of 0.001"),
        ({"protection": Protection(D(100))}, "a stop 100 USD away from 100 cannot rest"),
    ],
)
def test_a_wish_beyond_the_limits_is_refused_with_what_would_do(changes: dict[str, Any], words: str) -> None:
    bench = Bench()
    actions = bench.tell(wish(bench, **changes))
    assert placed(actions) == []
    (alarm,) = alarms(actions)
    assert words in alarm.message
    assert bench.engine.state.stories == {}


def test_leverage_is_never_more_than_the_limits_and_the_venue_allow() -> None:
    bench = Bench()
    (entry,) = placed(bench.tell(wish(bench, leverage=50)))
    assert entry.request.leverage == 5
    other = Bench()
    (lower,) = placed(other.tell(wish(other, leverage=2)))
    assert lower.request.leverage == 2


def test_nothing_is_opened_by_hand_while_entries_are_blocked_and_closing_works() -> None:
    bench = held()
    bench.tell(EntriesBlocked("key", "the key may too much", bench.now), Pause(bench.now))
    assert placed(bench.tell(wish(bench, pair=ETH))) == []

    (close,) = placed(bench.tell(CloseByHand(bench.now, BTC)))
    assert shown(close) == "sell market 4"
    assert close.request.role is OrderRole.BY_HAND
    bench.tell(bench.fill_of(close))
    assert bench.engine.state.stories == {}
    assert bench.working(BTC) == []


def test_a_pair_that_is_held_is_not_opened_again() -> None:
    bench = Bench()
    bench.open()
    (alarm,) = alarms(bench.tell(wish(bench)))
    assert "there is a position or an entry already" in alarm.message


def test_a_strategy_leaves_what_is_held_by_hand_alone() -> None:
    bench = held()
    for target in (Direction.LONG, Direction.SHORT, Direction.FLAT):
        assert placed(bench.tell(bench.signal(target))) == []
    assert bench.story().exit_role is None


@pytest.mark.parametrize("side", list(Side))
def test_a_stop_moves_towards_less_risk_only(side: Side) -> None:
    bench = held(side)
    tighter, looser = (D(95), D(85)) if side is Side.BUY else (D(105), D(115))

    bench.tell(AdjustByHand(bench.now, BTC, stop_price=tighter))
    (stop,) = [order for order in bench.working(BTC) if order.request.order_type is OrderType.STOP]
    assert stop.request.trigger_price == tighter

    (alarm,) = alarms(bench.tell(AdjustByHand(bench.now, BTC, stop_price=looser)))
    assert "a stop moves towards less risk only" in alarm.message
    assert bench.story().stop_price == tighter


def test_a_stop_beyond_the_price_is_refused() -> None:
    bench = held()
    (alarm,) = alarms(bench.tell(AdjustByHand(bench.now, BTC, stop_price=D(101))))
    assert "would trade at once, the price is 100" in alarm.message


def test_a_stop_can_be_made_to_follow_and_a_time_to_close_can_be_set() -> None:
    bench = held(protection=Protection(D(10)))
    bench.tell(AdjustByHand(bench.now, BTC, trailing=True, close_at=bench.now + timedelta(hours=5)))
    bench.bar("100", "108", "99", "107")
    assert bench.story().stop_price == D(98)

    (alarm,) = alarms(bench.tell(AdjustByHand(bench.now, BTC, close_at=bench.now)))
    assert "lies in the past" in alarm.message
    closes = placed(bench.tick(timedelta(hours=5)))
    assert OrderRole.TIME_STOP in {order.request.role for order in closes}


@pytest.mark.parametrize("side", list(Side))
def test_one_target_takes_the_place_of_all(side: Side) -> None:
    bench = held(side)
    price = D(108) if side is Side.BUY else D(92)

    bench.tell(AdjustByHand(bench.now, BTC, target_price=price))

    (target,) = targets_of(bench)
    assert target.request.limit_price == price
    assert target.remaining_quantity == D(4)
    bench.tell(bench.fill_of(target))
    assert bench.engine.state.stories == {}


def test_no_new_target_rests_beside_one_that_is_still_being_taken_off() -> None:
    bench = held()
    asked: list[Cancel] = []
    bench.cancellations = [asked.append] * 2  # nothing is answered yet
    first, second = targets_of(bench)

    bench.tell(AdjustByHand(bench.now, BTC, target_price=D(130)))
    assert targets_of(bench) == [first, second]
    bench.tell(bench.fill_of(first))
    assert targets_of(bench) == [second]
    bench.tell(bench.cancelled(asked[1]))

    (target,) = targets_of(bench)
    assert target.request.limit_price == D(130)
    assert target.remaining_quantity == D(2)


def test_targets_are_taken_away_and_one_can_be_set_again() -> None:
    bench = held()
    bench.tell(AdjustByHand(bench.now, BTC, target_price=D(0)))
    assert targets_of(bench) == []
    bench.tick(timedelta(minutes=5))
    assert targets_of(bench) == []

    bench.tell(AdjustByHand(bench.now, BTC, target_price=D(115)))
    assert [order.request.limit_price for order in targets_of(bench)] == [D(115)]


@pytest.mark.parametrize(("price", "words"), [(D(99), "lies above the price"), (D("100"), "lies above the price")])
def test_a_target_on_the_wrong_side_is_refused(price: Decimal, words: str) -> None:
    bench = held()
    (alarm,) = alarms(bench.tell(AdjustByHand(bench.now, BTC, target_price=price)))
    assert words in alarm.message
    assert len(bench.story().protection.take_profits) == 2


def targets_of(bench: Bench) -> list[Order]:
    return [order for order in bench.working(BTC) if order.request.role is OrderRole.TAKE_PROFIT]


def test_a_part_is_closed_and_the_stop_shrinks_with_it() -> None:
    bench = held(protection=Protection(D(10)))
    (close,) = placed(bench.tell(CloseByHand(bench.now, BTC, D("0.25"))))
    assert shown(close) == "sell market 1"
    bench.tell(bench.fill_of(close))
    (stop,) = [order for order in bench.working(BTC) if order.request.order_type is OrderType.STOP]
    assert stop.remaining_quantity == D(3)
    assert bench.story().exit_role is None


@pytest.mark.parametrize("event", [CloseByHand, AdjustByHand])
def test_where_nothing_is_open_it_says_so(event: type[CloseByHand] | type[AdjustByHand]) -> None:
    bench = Bench()
    (alarm,) = alarms(bench.tell(event(bench.now, BTC)))
    assert alarm.message == "BTC/USD: nothing is open there."


@given(
    quantity=st.decimals("0.0005", "60", places=4),
    distance=st.decimals("0.5", "60", places=1),
    leverage=st.integers(1, 20),
    side=st.sampled_from(Side),
    risk=st.sampled_from(["0.002", "0.01", "0.05"]),
    share=st.sampled_from(["0.05", "0.2", "1"]),
)
def test_no_wish_goes_beyond_what_limits_allow(
    quantity: Decimal, distance: Decimal, leverage: int, side: Side, risk: str, share: str
) -> None:
    bench = Bench(engine_limits=limits(risk_per_trade=D(risk), equity_share_per_position=D(share)))
    actions = bench.tell(wish(bench, str(quantity), side, leverage=leverage, protection=Protection(distance)))

    for order in placed(actions):
        asked = order.request
        assert asked.quantity <= quantity
        assert asked.leverage <= min(leverage, 5)
        assert asked.quantity * distance <= D(10000) * D(risk)
        assert asked.quantity * 100 / asked.leverage <= D(10000) * D(share)
    assert placed(actions) or alarms(actions)


@given(share=st.decimals("0.01", "1", places=2))
def test_closing_a_share_never_leaves_less_than_an_order_can_close(share: Decimal) -> None:
    bench = held(quantity="0.006", protection=Protection(D(10)))
    (close,) = placed(bench.tell(CloseByHand(bench.now, BTC, share)))
    left = D("0.006") - close.request.quantity
    assert left == 0 or left >= D("0.001")
