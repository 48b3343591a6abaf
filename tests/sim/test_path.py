"""Within a bar: gaps, the path that is worst for the account, and the order in which things happen."""

from jarvis.domain.instrument import Side
from jarvis.domain.order import OrderStatus, OrderType, TimeInForce
from jarvis.sim.models import BookModel
from tests.sim.common import MINUTE, OWNER, START, D, Row, costing, exchange, flat, now, placed, prices, request, step


def test_a_stop_that_the_bar_gapped_over_fills_at_the_open() -> None:
    venue = exchange([*flat(1000), (950, 960, 940, 955)])
    placed(venue, request(Side.BUY, "1"))
    stop = placed(venue, request(Side.SELL, "1", OrderType.STOP, trigger="980", reduce_only=True))

    step(venue, 2)

    assert prices(venue)[-1] == 950
    assert now(venue, stop).status is OrderStatus.FILLED


def test_a_short_s_stop_that_the_bar_gapped_over_fills_at_the_open() -> None:
    venue = exchange([*flat(1000), (1050, 1060, 1040, 1045)])
    placed(venue, request(Side.SELL, "1"))
    placed(venue, request(Side.BUY, "1", OrderType.STOP, trigger="1020", reduce_only=True))

    step(venue, 2)

    assert prices(venue)[-1] == 1050


def test_a_stop_within_the_bar_fills_at_its_trigger_less_the_spread() -> None:
    book = BookModel(half_spread_bps=D(10), level_step_bps=D(0))
    venue = exchange([*flat(1000), (1000, 1010, 970, 1005)], model=costing(book=book))
    placed(venue, request(Side.BUY, "1"))
    placed(venue, request(Side.SELL, "1", OrderType.STOP, trigger="980", reduce_only=True))

    step(venue, 2)

    assert prices(venue) == [D("1001"), D("979")]


def both_sides(first: Side, bar: Row) -> list[str]:
    """Which of stop (20 away) and target (20 away) filled when a bar touches both."""
    venue = exchange([*flat(1000), bar])
    sign = first.sign
    placed(venue, request(first, "1"))
    placed(venue, request(first.opposite, "1", OrderType.LIMIT, limit=str(1000 + 20 * sign), reduce_only=True))
    placed(venue, request(first.opposite, "1", OrderType.STOP, trigger=str(1000 - 20 * sign), reduce_only=True))
    step(venue, 2)
    return [order.order_type.value for order in venue.closed_orders(OWNER) if order.filled_quantity][1:]


def test_a_bar_that_touches_stop_and_target_of_a_long_took_the_stop_first() -> None:
    assert both_sides(Side.BUY, (1000, 1030, 970, 1025)) == ["stop"]


def test_a_bar_that_touches_stop_and_target_of_a_short_took_the_stop_first() -> None:
    assert both_sides(Side.SELL, (1000, 1030, 970, 975)) == ["stop"]


def test_the_sibling_of_a_filled_exit_stays_and_is_cancelled_when_it_finds_nothing_to_reduce() -> None:
    venue = exchange([*flat(1000), (1000, 1000, 970, 975), (975, 1030, 975, 1000)])
    placed(venue, request(Side.BUY, "1"))
    target = placed(venue, request(Side.SELL, "1", OrderType.LIMIT, limit="1020", reduce_only=True))
    placed(venue, request(Side.SELL, "1", OrderType.STOP, trigger="980", reduce_only=True))

    step(venue, 2)
    after_the_stop = now(venue, target).status
    step(venue)

    assert after_the_stop is OrderStatus.OPEN
    assert now(venue, target).status is OrderStatus.CANCELLED
    assert len(venue.fills(OWNER)) == 2


def test_two_accounts_walk_the_same_bar_each_along_its_worst_path() -> None:
    venue = exchange([*flat(1000), (1000, 1030, 970, 1000)])
    venue.open_account("stranger", {"USD": D(10_000)})  # type: ignore[dict-item]
    for account, side in ((OWNER, Side.BUY), ("stranger", Side.SELL)):
        placed(venue, request(side, "1"), account)
        placed(venue, request(side.opposite, "1", OrderType.STOP, trigger=str(1000 - 20 * side.sign)), account)
        placed(venue, request(side.opposite, "1", OrderType.LIMIT, limit=str(1000 + 20 * side.sign)), account)

    step(venue, 2)

    assert venue.fills(OWNER)[1].fill.price == 980
    assert venue.fills("stranger")[1].fill.price == 1020


def test_when_flat_a_buy_entry_sees_the_high_before_it_and_never_after() -> None:
    venue = exchange([*flat(1000), (1000, 1050, 980, 985)])
    placed(venue, request(Side.BUY, "1", OrderType.LIMIT, limit="990"))
    placed(venue, request(Side.SELL, "1", OrderType.LIMIT, limit="1040"))

    step(venue, 2)

    # The sell (an entry of its own here) was placed later: the high came first, so it opened a short, then the buy
    # closed it; had the low come first, the buy would have opened and the sell closed it at a profit.
    assert prices(venue) == [1040, 990]


def test_a_resting_buy_needs_the_price_to_trade_through_it() -> None:
    book = BookModel(half_spread_bps=D(1), level_step_bps=D(1))
    venue = exchange([*flat(1000), (1000, 1000, 990, 995), (995, 995, 989.9, 992)], model=costing(book=book))
    order = placed(venue, request(Side.BUY, "1", OrderType.LIMIT, limit="990"))

    step(venue, 2)
    touched = now(venue, order).status
    step(venue)

    assert touched is OrderStatus.OPEN
    assert now(venue, order).status is OrderStatus.FILLED
    assert venue.fills(OWNER)[0].fill.price == 990
    assert venue.fills(OWNER)[0].fill.is_maker


def test_a_resting_order_that_the_bar_gapped_over_fills_at_its_own_price() -> None:
    venue = exchange([*flat(1000), (900, 910, 890, 900)])
    placed(venue, request(Side.BUY, "1", OrderType.LIMIT, limit="950"))

    step(venue, 2)

    assert prices(venue) == [950]


def test_a_take_profit_fills_when_the_price_reaches_it() -> None:
    venue = exchange([*flat(1000), (1000, 1030, 995, 1010)])
    placed(venue, request(Side.BUY, "1"))
    placed(venue, request(Side.SELL, "1", OrderType.TAKE_PROFIT, trigger="1020", reduce_only=True))

    step(venue, 2)

    assert prices(venue)[-1] == 1020


def test_a_stop_limit_that_was_gapped_over_rests_at_its_limit_and_fills_on_the_way_back() -> None:
    venue = exchange([*flat(1000), (950, 960, 940, 955), (955, 990, 950, 980)])
    placed(venue, request(Side.BUY, "1"))
    stop = placed(venue, request(Side.SELL, "1", OrderType.STOP_LIMIT, trigger="980", limit="975", reduce_only=True))

    step(venue, 2)
    resting = now(venue, stop)
    step(venue)

    assert (resting.status, resting.is_waiting) == (OrderStatus.OPEN, False)
    assert prices(venue)[-1] == 975


def test_a_take_profit_limit_becomes_a_limit_order_when_touched() -> None:
    venue = exchange([*flat(1000), (1000, 1030, 995, 1010)])
    placed(venue, request(Side.BUY, "1"))
    placed(venue, request(Side.SELL, "1", OrderType.TAKE_PROFIT_LIMIT, trigger="1020", limit="1025", reduce_only=True))

    step(venue, 2)

    assert prices(venue)[-1] == 1025


def test_a_trailing_stop_follows_the_price_and_never_back() -> None:
    venue = exchange([*flat(1000), (1000, 1100, 995, 1090), (1090, 1095, 1060, 1070), (1070, 1075, 1040, 1060)])
    placed(venue, request(Side.BUY, "1"))
    stop = placed(venue, request(Side.SELL, "1", OrderType.TRAILING_STOP, trailing="50", reduce_only=True))

    step(venue, 3)
    followed = now(venue, stop)
    step(venue)

    assert (followed.peak_price, followed.trigger_price, followed.status) == (D(1100), D(1050), OrderStatus.OPEN)
    assert prices(venue)[-1] == 1050


def test_a_trailing_stop_may_rise_and_fill_within_one_bar() -> None:
    venue = exchange([*flat(1000), (1000, 1100, 995, 1010)])
    placed(venue, request(Side.BUY, "1"))
    placed(venue, request(Side.SELL, "1", OrderType.TRAILING_STOP, trailing="50", reduce_only=True))

    step(venue, 2)

    assert prices(venue)[-1] == 1050


def test_a_gap_up_then_a_small_bar_still_trails_and_triggers() -> None:
    venue = exchange([*flat(1000), (1200, 1230, 1190, 1195)])
    placed(venue, request(Side.BUY, "1"))
    placed(venue, request(Side.SELL, "1", OrderType.TRAILING_STOP, trailing="32", reduce_only=True))

    step(venue, 2)

    assert prices(venue)[-1] == 1198


def test_a_short_s_trailing_stop_follows_downwards() -> None:
    venue = exchange([*flat(1000), (1000, 1005, 900, 920), (920, 960, 915, 950)])
    placed(venue, request(Side.SELL, "1"))
    placed(venue, request(Side.BUY, "1", OrderType.TRAILING_STOP, trailing="50", reduce_only=True))

    step(venue, 3)

    assert prices(venue)[-1] == 950


def test_a_stop_entry_and_its_own_close_may_both_happen_in_one_bar() -> None:
    from jarvis.sim.exchange import ClosePrice, ConditionalClose

    venue = exchange([*flat(1000), (1000, 1050, 990, 1000)])
    close = ConditionalClose(OrderType.STOP, trigger_price=ClosePrice(D(20), sign=-1))
    placed(venue, request(Side.BUY, "1", OrderType.STOP, trigger="1040", close=close))

    step(venue, 2)

    assert prices(venue) == [1040, 1020]


def test_nothing_trades_in_a_hole_and_a_market_order_waits_for_the_next_open() -> None:
    venue = exchange([*flat(1000), None, None, (1100, 1120, 1090, 1110)])
    step(venue, 2)

    order = placed(venue, request(Side.BUY, "1"))
    step(venue)
    waiting = now(venue, order)
    step(venue)

    assert (order.status, waiting.status) == (OrderStatus.OPEN, OrderStatus.OPEN)
    assert prices(venue) == [1100]


def test_a_marketable_limit_order_from_a_hole_takes_the_next_open_not_its_own_price() -> None:
    venue = exchange([*flat(1000), None, (1050, 1120, 1040, 1110)])
    step(venue, 2)

    placed(venue, request(Side.BUY, "1", OrderType.LIMIT, limit="1100"))
    step(venue)

    assert prices(venue) == [1050]
    assert not venue.fills(OWNER)[0].fill.is_maker


def test_an_immediate_order_in_a_hole_is_cancelled() -> None:
    venue = exchange([*flat(1000), None, *flat(1000)])
    step(venue, 2)

    order = placed(venue, request(Side.BUY, "1", OrderType.LIMIT, limit="1100", time_in_force=TimeInForce.IOC))

    assert order.status is OrderStatus.CANCELLED


def test_a_post_only_order_from_a_hole_that_would_take_at_the_open_is_cancelled() -> None:
    venue = exchange([*flat(1000), None, *flat(900)])
    step(venue, 2)

    order = placed(venue, request(Side.BUY, "1", OrderType.LIMIT, limit="950", post_only=True))
    step(venue)

    assert now(venue, order).status is OrderStatus.CANCELLED
    assert venue.fills(OWNER) == []


def test_a_stop_whose_trigger_has_passed_already_fires_at_once() -> None:
    venue = exchange(flat(1000))
    placed(venue, request(Side.BUY, "1"))

    stop = placed(venue, request(Side.SELL, "1", OrderType.STOP, trigger="1010", reduce_only=True))

    assert stop.status is OrderStatus.FILLED
    assert prices(venue)[-1] == 1000


def test_an_order_expires_at_its_own_instant_before_the_bar_that_ends_later() -> None:
    venue = exchange([*flat(1000), (1000, 1000, 900, 950)])
    order = placed(
        venue,
        request(
            Side.BUY,
            "1",
            OrderType.LIMIT,
            limit="950",
            time_in_force=TimeInForce.GTD,
            expires_at=START + MINUTE * 1.5,
        ),
    )

    step(venue, 2)

    ended = now(venue, order)
    assert (ended.status, ended.closed_at) == (OrderStatus.EXPIRED, START + MINUTE * 1.5)
    assert venue.fills(OWNER) == []
