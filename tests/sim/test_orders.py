"""What is taken, refused, held, amended, cancelled; conditional closes; self-trades; spot."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import InstrumentStatus, Pair, Side
from jarvis.domain.money import USD, Asset
from jarvis.domain.order import ClientOrderId, OrderRequest, OrderRole, OrderStatus, OrderType, TimeInForce
from jarvis.sim.exchange import (
    ClosePrice,
    ConditionalClose,
    OrderNews,
    Refusal,
    SelfTrade,
    SimFill,
    SimLedger,
    SimOrderEvent,
    SimOrderRequest,
    SimPlaced,
    SimRefused,
)
from jarvis.sim.models import BookModel
from tests.sim.common import (
    BTC,
    FREE,
    MINUTE,
    OWNER,
    START,
    D,
    balance,
    costing,
    exchange,
    flat,
    now,
    placed,
    prices,
    refused,
    request,
    step,
)

SPREAD = BookModel(half_spread_bps=D(10), level_step_bps=D(10), level_quote_size=D(1000))
BITCOIN = Asset("BTC")


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (request(Side.BUY, "1", OrderType.LIMIT), Refusal.INVALID),
        (request(Side.BUY, "1", limit="1000"), Refusal.INVALID),
        (request(Side.SELL, "1", OrderType.STOP), Refusal.INVALID),
        (request(Side.SELL, "1", OrderType.TRAILING_STOP), Refusal.INVALID),
        (request(Side.BUY, "-1"), Refusal.INVALID),
        (request(Side.BUY, "0", leverage=None), Refusal.INVALID),
        (request(Side.BUY, "1", leverage=None, reduce_only=True), Refusal.INVALID),
        (request(Side.BUY, "1", post_only=True), Refusal.INVALID),
        (request(Side.BUY, "1", time_in_force=TimeInForce.GTD), Refusal.INVALID),
        (request(Side.BUY, "1", time_in_force=TimeInForce.GTD, expires_at=START), Refusal.INVALID),
        (request(Side.BUY, "0.000000001"), Refusal.INVALID),
        (request(Side.BUY, "1", pair=Pair.parse("ETH/USD")), Refusal.INVALID),
        (request(Side.BUY, "1", leverage=11), Refusal.NOT_ELIGIBLE),
        (request(Side.BUY, "1", leverage=1), Refusal.NOT_ELIGIBLE),
        (request(Side.BUY, "0.00004"), Refusal.BELOW_MINIMUM),
        (request(Side.BUY, "0.0004", OrderType.LIMIT, limit="1000"), Refusal.BELOW_MINIMUM),
        (request(Side.BUY, "1", OrderType.LIMIT, limit="900.05"), Refusal.PRICE_STEP),
        (request(Side.SELL, "1", OrderType.STOP, trigger="900.01"), Refusal.PRICE_STEP),
        (request(Side.BUY, "1", OrderType.LIMIT, limit="1000", post_only=True), Refusal.WOULD_TAKE),
        (request(Side.BUY, "20", leverage=None), Refusal.INSUFFICIENT_FUNDS),
        (request(Side.SELL, "1", leverage=None), Refusal.INSUFFICIENT_FUNDS),
    ],
)
def test_a_wrong_order_is_refused_by_its_reason_and_changes_nothing(wanted: SimOrderRequest, reason: Refusal) -> None:
    venue = exchange(flat(1000))

    answer = refused(venue, wanted)

    assert answer.reason is reason
    assert venue.orders(OWNER) == []
    assert venue.drain() == []


def test_validating_changes_nothing() -> None:
    venue = exchange(flat(1000))

    answer = venue.place(OWNER, request(Side.BUY, "1"), validate_only=True)

    assert isinstance(answer, SimPlaced)
    assert answer.order_id == ""
    assert venue.orders(OWNER) == []
    assert venue.fills(OWNER) == []


def test_an_engine_s_order_keeps_its_words() -> None:
    wanted = OrderRequest(
        client_order_id=ClientOrderId("a1"),
        pair=BTC,
        side=Side.SELL,
        order_type=OrderType.STOP,
        quantity=D(1),
        leverage=5,
        role=OrderRole.STOP,
        reduce_only=True,
        trigger_price=D(900),
    )
    venue = exchange(flat(1000))
    placed(venue, request(Side.BUY, "1"))

    order = placed(venue, SimOrderRequest.from_order(wanted))

    assert (order.client_order_id, order.leverage, order.trigger_price) == ("a1", 5, D(900))
    assert venue.find_order(OWNER, ClientOrderId("a1")) == order
    assert venue.find_order(OWNER, ClientOrderId("b2")) is None


def test_a_client_order_id_is_free_again_when_its_order_is_over() -> None:
    venue = exchange(flat(1000))
    wanted = replace(request(Side.BUY, "1", OrderType.LIMIT, limit="900"), client_order_id=ClientOrderId("same"))
    first = placed(venue, wanted)

    twice = refused(venue, wanted)
    venue.cancel(OWNER, first.order_id)
    again = placed(venue, wanted)

    assert twice.reason is Refusal.DUPLICATE_ID
    assert venue.find_order(OWNER, ClientOrderId("same")) == again


def test_only_so_many_orders_may_be_open_on_a_pair() -> None:
    venue = exchange(flat(1000), model=replace(FREE, max_open_orders=2))
    for _ in range(2):
        placed(venue, request(Side.BUY, "0.01", OrderType.LIMIT, limit="900"))

    answer = refused(venue, request(Side.BUY, "0.01", OrderType.LIMIT, limit="900"))

    assert answer.reason is Refusal.ORDER_LIMIT


def test_a_market_order_walks_the_book_and_tells_fill_ledger_and_end_in_order() -> None:
    venue = exchange(flat(1000), model=costing(book=SPREAD, taker="0.001"))

    placed(venue, request(Side.BUY, "1.5"))
    events = venue.drain()

    assert prices(venue) == [1001, 1002]
    assert [type(event) for event in events] == [
        SimOrderEvent,
        SimFill,
        SimLedger,
        SimFill,
        SimLedger,
        SimOrderEvent,
    ]
    assert [event.kind for event in events if isinstance(event, SimOrderEvent)] == [OrderNews.NEW, OrderNews.FILLED]


def test_a_limit_order_takes_as_far_as_its_price_and_rests() -> None:
    venue = exchange(flat(1000), model=costing(book=SPREAD))

    order = placed(venue, request(Side.BUY, "3", OrderType.LIMIT, limit="1001"))

    assert order.status is OrderStatus.PARTLY_FILLED
    assert prices(venue) == [1001]
    assert not venue.fills(OWNER)[0].fill.is_maker


def test_what_an_immediate_order_cannot_take_is_cancelled() -> None:
    venue = exchange(flat(1000), model=costing(book=SPREAD))

    order = placed(venue, request(Side.BUY, "3", OrderType.LIMIT, limit="1001", time_in_force=TimeInForce.IOC))

    assert order.status is OrderStatus.CANCELLED
    assert 0 < order.filled_quantity < 1


def test_a_resting_order_pays_the_maker_s_fee() -> None:
    venue = exchange([*flat(1000), (1000, 1000, 940, 950)], model=costing(maker="0.001", taker="0.002"))
    placed(venue, request(Side.BUY, "1", OrderType.LIMIT, limit="950", post_only=True))

    step(venue, 2)

    assert venue.fills(OWNER)[0].fill.fee == D("0.95")


def test_each_partial_fill_spawns_its_own_conditional_close() -> None:
    venue = exchange([*flat(1000), (1000, 1100, 1000, 1100)], model=costing(book=SPREAD))
    close = ConditionalClose(OrderType.LIMIT, limit_price=ClosePrice(D(5), sign=1, is_percent=True))

    parent = placed(venue, request(Side.BUY, "1.5", close=close))

    children = venue.orders(OWNER)
    assert [child.parent_id for child in children] == [parent.order_id] * 2
    assert [child.quantity for child in children] == [told.fill.quantity for told in venue.fills(OWNER)]
    assert [child.limit_price for child in children] == [D("1051.0"), D("1052.1")]
    assert all(child.reduce_only and child.side is Side.SELL for child in children)
    step(venue, 2)
    assert venue.lots(OWNER) == []


def test_a_conditional_close_may_have_two_prices_or_trail() -> None:
    venue = exchange(flat(1000))
    stop_limit = ConditionalClose(
        OrderType.STOP_LIMIT, limit_price=ClosePrice(D(5), sign=-1), trigger_price=ClosePrice(D(950))
    )
    trailing = ConditionalClose(OrderType.TRAILING_STOP, trailing_offset=D(30))

    placed(venue, request(Side.BUY, "1", close=stop_limit))
    placed(venue, request(Side.BUY, "1", close=trailing))

    first, second = venue.orders(OWNER)
    assert (first.trigger_price, first.limit_price) == (D(950), D(945))
    assert second.trigger_price == 970


def test_a_conditional_close_that_cannot_be_meant_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be a market order"):
        ConditionalClose(OrderType.MARKET)
    with pytest.raises(ValueError, match="limit price"):
        ConditionalClose(OrderType.LIMIT)
    with pytest.raises(ValueError, match="trigger price"):
        ConditionalClose(OrderType.STOP)
    with pytest.raises(ValueError, match="positive offset"):
        ConditionalClose(OrderType.TRAILING_STOP)


def test_amending_keeps_the_id_and_the_new_price_counts() -> None:
    venue = exchange([*flat(1000), (1000, 1000, 960, 970)])
    placed(venue, request(Side.BUY, "2"))
    stop = placed(venue, request(Side.SELL, "1", OrderType.STOP, trigger="900", reduce_only=True))

    answer = venue.amend(OWNER, stop.order_id, quantity=D(2), trigger_price=D(980))
    step(venue, 2)

    assert isinstance(answer, SimPlaced)
    assert answer.order_id == stop.order_id
    assert prices(venue)[-1] == 980
    assert venue.lots(OWNER) == []


def test_amending_a_limit_across_the_book_takes() -> None:
    venue = exchange(flat(1000))
    order = placed(venue, request(Side.BUY, "1", OrderType.LIMIT, limit="900"))

    venue.amend(OWNER, order.order_id, limit_price=D(1001))

    assert now(venue, order).status is OrderStatus.FILLED


def test_wrong_amendments_are_refused_and_leave_the_order() -> None:
    venue = exchange(flat(1000), model=costing(book=SPREAD))
    order = placed(venue, request(Side.BUY, "2", OrderType.LIMIT, limit="1001"))
    quiet = placed(venue, request(Side.BUY, "1", OrderType.LIMIT, limit="900", post_only=True))

    answers = [
        venue.amend(OWNER, order.order_id, quantity=D("0.5")),
        venue.amend(OWNER, order.order_id, trigger_price=D(900)),
        venue.amend(OWNER, order.order_id, limit_price=D("900.01")),
        venue.amend(OWNER, quiet.order_id, limit_price=D(1100)),
        venue.amend(OWNER, quiet.order_id, quantity=D(1000)),
    ]
    venue.cancel(OWNER, order.order_id)
    answers.append(venue.amend(OWNER, order.order_id, quantity=D(3)))

    assert [answer.reason for answer in answers if isinstance(answer, SimRefused)] == [
        Refusal.INVALID,
        Refusal.INVALID,
        Refusal.PRICE_STEP,
        Refusal.WOULD_TAKE,
        Refusal.POSITION_LIMIT,
        Refusal.UNKNOWN_ORDER,
    ]
    assert now(venue, quiet) == quiet


def test_cancelling_twice_says_no_the_second_time() -> None:
    venue = exchange(flat(1000))
    order = placed(venue, request(Side.BUY, "1", OrderType.LIMIT, limit="900"))

    answers = [venue.cancel(OWNER, order.order_id), venue.cancel(OWNER, order.order_id)]

    assert answers == [True, False]
    assert venue.closed_orders(OWNER)[0].reason == "User requested"


def test_cancel_all_says_how_many() -> None:
    venue = exchange(flat(1000))
    for _ in range(3):
        placed(venue, request(Side.BUY, "0.01", OrderType.LIMIT, limit="900"))

    assert venue.cancel_all(OWNER) == 3
    assert venue.orders(OWNER) == []


@pytest.mark.parametrize(
    ("rule", "resting", "incoming"),
    [
        (SelfTrade.CANCEL_NEWEST, OrderStatus.OPEN, OrderStatus.CANCELLED),
        (SelfTrade.CANCEL_OLDEST, OrderStatus.CANCELLED, OrderStatus.FILLED),
        (SelfTrade.CANCEL_BOTH, OrderStatus.CANCELLED, OrderStatus.CANCELLED),
    ],
)
def test_an_account_never_trades_with_itself(rule: SelfTrade, resting: OrderStatus, incoming: OrderStatus) -> None:
    venue = exchange(flat(1000), model=costing(book=SPREAD))
    first = placed(venue, request(Side.BUY, "1", OrderType.LIMIT, limit="1000.5"))

    second = placed(venue, replace(request(Side.SELL, "0.1"), self_trade=rule))

    assert (now(venue, first).status, second.status) == (resting, incoming)


def test_a_stranger_s_order_is_no_self_trade() -> None:
    venue = exchange(flat(1000), model=costing(book=SPREAD))
    venue.open_account("stranger", {USD: D(10_000)})
    placed(venue, request(Side.BUY, "1", OrderType.LIMIT, limit="1000.5"), "stranger")

    order = placed(venue, request(Side.SELL, "0.1"))

    assert order.status is OrderStatus.FILLED
    assert venue.fills("stranger") == []


@pytest.mark.parametrize(
    ("status", "wanted", "is_taken"),
    [
        (InstrumentStatus.POST_ONLY, request(Side.BUY, "1", OrderType.LIMIT, limit="900", post_only=True), True),
        (InstrumentStatus.POST_ONLY, request(Side.BUY, "1", OrderType.LIMIT, limit="900"), False),
        (InstrumentStatus.LIMIT_ONLY, request(Side.BUY, "1", OrderType.LIMIT, limit="900"), True),
        (InstrumentStatus.LIMIT_ONLY, request(Side.BUY, "1"), False),
        (InstrumentStatus.REDUCE_ONLY, request(Side.SELL, "1", reduce_only=True), True),
        (InstrumentStatus.REDUCE_ONLY, request(Side.BUY, "1"), False),
        (InstrumentStatus.CANCEL_ONLY, request(Side.BUY, "1"), False),
        (InstrumentStatus.DELISTED, request(Side.BUY, "1"), False),
    ],
)
def test_a_pair_takes_what_its_status_allows(
    status: InstrumentStatus, wanted: SimOrderRequest, *, is_taken: bool
) -> None:
    venue = exchange(flat(1000))
    placed(venue, request(Side.BUY, "1"))
    venue.set_instrument_status(BTC, status)

    answer = venue.place(OWNER, wanted)

    assert isinstance(answer, SimPlaced) == is_taken
    assert is_taken or (isinstance(answer, SimRefused) and answer.reason is Refusal.MARKET_CLOSED)


def test_a_leverage_cut_refuses_new_orders_and_leaves_lots_and_can_be_lifted() -> None:
    venue = exchange(flat(1000))
    placed(venue, request(Side.BUY, "1"))
    venue.set_max_leverage(BTC, 5)

    cut = refused(venue, request(Side.BUY, "1", leverage=10))
    placed(venue, request(Side.SELL, "1", leverage=5))
    venue.set_max_leverage(BTC, 10)
    placed(venue, request(Side.BUY, "1", leverage=10))

    assert cut.reason is Refusal.NOT_ELIGIBLE
    assert venue.instruments[BTC].leverage_long[-1] == 10


def test_a_resting_spot_order_holds_what_it_may_cost_until_it_ends() -> None:
    venue = exchange(flat(1000), deposits={USD: D(2000), BITCOIN: D(1)}, model=costing(taker="0.01"))
    buy = placed(venue, request(Side.BUY, "1", OrderType.LIMIT, leverage=None, limit="900"))
    placed(venue, request(Side.SELL, "0.4", OrderType.LIMIT, leverage=None, limit="1100"))

    held = dict(venue.holds(OWNER))
    too_much = refused(venue, request(Side.BUY, "1.2", OrderType.LIMIT, leverage=None, limit="950"))
    venue.cancel(OWNER, buy.order_id)

    assert held == {USD: D("909"), BITCOIN: D("0.4")}
    assert venue.balances(OWNER)[BITCOIN].available == D("0.6")
    assert too_much.reason is Refusal.INSUFFICIENT_FUNDS
    assert dict(venue.holds(OWNER)) == {BITCOIN: D("0.4")}


def test_a_spot_trade_books_two_rows_and_its_fee_in_quote() -> None:
    venue = exchange(flat(1000), model=costing(taker="0.01"))

    placed(venue, request(Side.BUY, "2", leverage=None))

    rows = venue.ledger(OWNER)[-2:]
    assert [(row.kind, row.asset, row.amount, row.fee) for row in rows] == [
        (LedgerKind.TRADE, USD, D(-2000), D(20)),
        (LedgerKind.TRADE, BITCOIN, D(2), D(0)),
    ]
    assert not venue.fills(OWNER)[0].fill.is_margin
    assert (balance(venue), balance(venue, BITCOIN)) == (D(7980), D(2))


def test_a_spot_buy_may_be_given_in_quote() -> None:
    venue = exchange(flat(1000))

    order = placed(venue, SimOrderRequest(BTC, Side.BUY, OrderType.MARKET, D(500), None, quantity_in_quote=True))
    wrong = refused(venue, SimOrderRequest(BTC, Side.SELL, OrderType.MARKET, D(500), None, quantity_in_quote=True))

    assert (order.filled_quantity, balance(venue)) == (D("0.5"), D(9500))
    assert wrong.reason is Refusal.INVALID


def test_a_spot_buy_that_walks_beyond_its_money_ends_with_what_it_got() -> None:
    venue = exchange(flat(1000), model=costing(book=SPREAD), usd="2995")

    order = placed(venue, request(Side.BUY, "2.99", leverage=None))

    assert (order.status, order.reason) == (OrderStatus.CANCELLED, "Insufficient funds")
    assert balance(venue) >= 0
    assert order.filled_quantity == balance(venue, BITCOIN)


def test_a_spot_order_may_have_a_conditional_close() -> None:
    venue = exchange([*flat(1000), (1000, 1100, 1000, 1100)])
    close = ConditionalClose(OrderType.LIMIT, limit_price=ClosePrice(D(1050)))
    placed(venue, request(Side.BUY, "1", leverage=None, close=close))

    step(venue, 2)

    assert (balance(venue), balance(venue, BITCOIN)) == (D(10_050), D(0))


def test_money_comes_and_goes_but_not_what_is_held() -> None:
    venue = exchange(flat(1000), usd="1000")
    placed(venue, request(Side.BUY, "1", OrderType.LIMIT, leverage=None, limit="600"))

    row = venue.adjust(OWNER, USD, D(-400), LedgerKind.WITHDRAWAL)

    assert (row.balance, row.kind) == (D(600), LedgerKind.WITHDRAWAL)
    assert any(isinstance(event, SimLedger) and event.row == row for event in venue.drain())
    with pytest.raises(ValueError, match="not free"):
        venue.adjust(OWNER, USD, D(-1), LedgerKind.WITHDRAWAL)


def test_an_account_is_opened_once_and_an_unknown_one_is_named() -> None:
    venue = exchange(flat(1000))

    with pytest.raises(ValueError, match="already"):
        venue.open_account(OWNER, {})
    with pytest.raises(KeyError, match="nobody"):
        venue.orders("nobody")
    assert venue.accounts() == (OWNER,)


def test_time_cannot_go_back() -> None:
    venue = exchange(flat(1000, 3))
    step(venue, 2)

    with pytest.raises(ValueError, match="back"):
        venue.advance(venue.now - MINUTE)


def test_a_trailing_stop_limit_carries_its_limit_along() -> None:
    venue = exchange([*flat(1000), (1000, 1100, 995, 1090), (1090, 1090, 1030, 1048)])
    placed(venue, request(Side.BUY, "1"))
    wanted = replace(
        request(Side.SELL, "1", OrderType.TRAILING_STOP, trailing="50", reduce_only=True), limit_offset=D(-3)
    )
    stop = placed(venue, wanted)

    step(venue, 2)
    carried = now(venue, stop)
    step(venue)

    assert (carried.trigger_price, carried.limit_price) == (D(1050), D(1047))
    assert prices(venue)[-1] == 1050


def test_expiry_waits_for_the_bar_that_ends_at_the_same_instant() -> None:
    venue = exchange([*flat(1000), (1000, 1000, 900, 950)])
    order = placed(
        venue,
        request(
            Side.BUY, "1", OrderType.LIMIT, limit="950", time_in_force=TimeInForce.GTD, expires_at=START + 2 * MINUTE
        ),
    )

    venue.advance(START + timedelta(minutes=2))

    assert now(venue, order).status is OrderStatus.FILLED


def test_the_book_is_shown_from_the_best_price_outwards_to_the_depth_asked_for() -> None:
    venue = exchange(flat(1000), model=costing(book=replace(SPREAD, levels=3)))

    shown, quote = venue.book(BTC, 2), venue.quote(BTC)

    assert [level.price for level in shown.asks] == [1001, 1002]
    assert [level.price for level in shown.bids] == [999, 998]
    assert (quote.bid, quote.ask, quote.last) == (D(999), D(1001), D(1000))
    assert len(venue.book(BTC, 500).asks) == 3


def test_levels_of_a_coarse_book_are_at_least_a_tick_apart() -> None:
    venue = exchange(flat(0.3), model=costing(book=SPREAD))

    shown = venue.book(BTC, 4)

    assert [level.price for level in shown.asks] == [D("0.4"), D("0.5"), D("0.6"), D("0.7")]
    assert [level.price for level in shown.bids] == [D("0.2"), D("0.1"), D("0.1"), D("0.1")]


@pytest.mark.parametrize(
    "make",
    [
        lambda: BookModel(half_spread_bps=D(-1)),
        lambda: BookModel(levels=0),
        lambda: replace(FREE, liquidation_level=D(1), healthy_level=D("0.5")),
    ],
)
def test_a_model_that_cannot_be_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"negative|at least one level|must end"):
        make()


def test_nothing_is_amended_on_a_halted_pair_but_cancelling_goes_on() -> None:
    venue = exchange(flat(1000))
    order = placed(venue, request(Side.BUY, "1", OrderType.LIMIT, limit="900"))
    venue.set_instrument_status(BTC, InstrumentStatus.CANCEL_ONLY)

    answer = venue.amend(OWNER, order.order_id, limit_price=D(950))

    assert isinstance(answer, SimRefused)
    assert answer.reason is Refusal.MARKET_CLOSED
    assert venue.cancel(OWNER, order.order_id)


def test_a_market_order_has_no_limit_to_amend_while_it_waits() -> None:
    venue = exchange([*flat(1000), None, *flat(1000)])
    step(venue, 2)
    order = placed(venue, request(Side.BUY, "1"))

    answer = venue.amend(OWNER, order.order_id, limit_price=D(950))

    assert isinstance(answer, SimRefused)
    assert answer.reason is Refusal.INVALID


def test_settling_has_no_price_and_reducing_no_conditional_close() -> None:
    venue = exchange(flat(1000))
    close = ConditionalClose(OrderType.STOP, trigger_price=ClosePrice(D(900)))

    settling = refused(venue, replace(request(Side.SELL, "1", OrderType.LIMIT, limit="900"), settle=True))
    reducing = refused(venue, request(Side.SELL, "1", reduce_only=True, close=close))

    assert settling.reason is reducing.reason is Refusal.INVALID


def test_a_spot_stop_buy_holds_its_trigger_and_ends_if_the_gap_is_beyond_its_money() -> None:
    venue = exchange([*flat(1000), (1200, 1200, 1200, 1200)], usd="1150")
    stop = placed(venue, request(Side.BUY, "1", OrderType.STOP, leverage=None, trigger="1100"))
    held = dict(venue.holds(OWNER))

    step(venue, 2)

    assert held == {USD: D(1100)}
    assert (now(venue, stop).status, now(venue, stop).reason) == (OrderStatus.CANCELLED, "Insufficient funds")


def test_a_resting_spot_buy_ends_when_margin_losses_took_its_money() -> None:
    venue = exchange([*flat(1000), (1000, 1000, 890, 890), (890, 890, 800, 800)], usd="1000")
    resting = placed(venue, request(Side.BUY, "1", OrderType.LIMIT, leverage=None, limit="850"))
    placed(venue, request(Side.BUY, "3"))
    placed(venue, request(Side.SELL, "3", OrderType.STOP, trigger="900", reduce_only=True))

    step(venue, 3)

    assert (now(venue, resting).status, now(venue, resting).reason) == (OrderStatus.CANCELLED, "Insufficient funds")
    assert balance(venue) == 700


def test_amending_a_spot_order_counts_what_it_holds_already_as_free() -> None:
    venue = exchange(flat(1000), usd="1000")
    order = placed(venue, request(Side.BUY, "1", OrderType.LIMIT, leverage=None, limit="900"))

    better = venue.amend(OWNER, order.order_id, limit_price=D(950))
    too_much = venue.amend(OWNER, order.order_id, quantity=D("1.1"))

    assert isinstance(better, SimPlaced)
    assert isinstance(too_much, SimRefused)
    assert dict(venue.holds(OWNER)) == {USD: D(950)}
