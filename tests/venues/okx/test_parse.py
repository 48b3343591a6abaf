"""What OKX's answers about markets, orders, fills and the ledger become."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import InstrumentStatus, Pair, Side
from jarvis.domain.money import Asset, plain
from jarvis.domain.order import OrderStatus, OrderType, VenueOrderId
from jarvis.venues.base import UnreadableAnswer, VenueStatus
from jarvis.venues.okx import CATALOGUE, history, parse
from jarvis.venues.okx.fields import milliseconds, moment
from jarvis.venues.okx.symbols import inst_id, pair_of
from tests.venues.okx.told import fill_of, order_of, spawned_of
from tests.venues.okx.wires import ALGO, BTC, OURS, row, rows

D = Decimal
MINUTE = timedelta(minutes=1)
ETH = Pair.parse("ETH/USDT")
ORDER, SPAWNED = VenueOrderId("2510789768709120001"), VenueOrderId("2510789768709120007")
NOWHERE: Any = lambda _: None  # noqa: E731 - what an order came from, when it came from nothing


def test_pairs_are_named_as_they_are() -> None:
    assert [pair_of(inst_id(pair)) for pair in CATALOGUE] == list(CATALOGUE)
    for name in ("BTC-USDT-SWAP", "BTCUSDT", "", "-USDT"):
        with pytest.raises(UnreadableAnswer):
            pair_of(name)


def test_margin_instruments_of_the_catalogue_are_listed() -> None:
    listed = parse.parse_instruments(rows("instruments_margin"), CATALOGUE)

    assert len(listed) == 8  # no BNB; DOT is not ours
    bitcoin = listed[BTC].instrument
    assert (bitcoin.symbol, bitcoin.tick, bitcoin.lot, bitcoin.min_quantity) == (
        "BTC-USDT",
        D("0.1"),
        D("0.00000001"),
        D("0.00001"),
    )
    assert bitcoin.leverage_long == bitcoin.leverage_short == tuple(range(1, 11))
    assert listed[Pair.parse("LINK/USDT")].instrument.leverage_within(Side.BUY, 10) == 5
    assert (bitcoin.status, listed[BTC].fee_group) == (InstrumentStatus.ONLINE, "1")


def test_spot_rows_say_whether_they_can_be_margined() -> None:
    listed = parse.parse_instruments(rows("instruments_spot"), CATALOGUE)

    assert len(listed) == 9
    assert listed[Pair.parse("BNB/USDT")].instrument.leverage_long == ()  # listed, and not lent on


def test_an_unknown_state_of_an_instrument_is_named() -> None:
    with pytest.raises(UnreadableAnswer, match="'state'"):
        parse.parse_instruments([row("instruments_margin", state="haunted")], CATALOGUE)


@pytest.mark.parametrize("key", ["tickSz", "lotSz", "minSz", "baseCcy", "instId"])
def test_a_missing_field_is_named_with_the_keys_and_without_the_values(key: str) -> None:
    broken = {name: value for name, value in row("instruments_margin").items() if name != key}

    with pytest.raises(UnreadableAnswer) as caught:
        parse.parse_instruments([broken], CATALOGUE)
    assert key in str(caught.value)
    assert "9999999999" not in str(caught.value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-inf", "", "1,5", "0x10", None, True])
def test_no_strange_number_gets_in(number: object) -> None:
    with pytest.raises(UnreadableAnswer, match="tickSz"):
        parse.parse_instruments([row("instruments_margin", tickSz=number)], CATALOGUE)


def test_the_lowest_tier_is_found() -> None:
    assert parse.parse_first_tier(rows("position_tiers")) == parse.Tier(D(50), D("0.1"), D("0.03"))
    with pytest.raises(UnreadableAnswer):
        parse.parse_first_tier([])


def test_the_leverage_that_the_account_set_is_read() -> None:
    set_to = parse.parse_leverages(rows("leverage_info"))

    assert (set_to[BTC], set_to[ETH]) == (5, 10)


def test_prices() -> None:
    assert parse.parse_ask(rows("ticker")) == D("60000.1")
    assert parse.parse_price_ceiling(rows("price_limit")) == D("61800.4")
    assert parse.parse_price_ceiling([row("price_limit", enabled=False)]) is None
    assert parse.parse_price_ceiling([row("price_limit", buyLmt="")]) is None


def test_candles_say_whether_they_are_finished() -> None:
    read = [parse.parse_bar(each, BTC, MINUTE) for each in rows("candles")]

    assert [is_finished for _, is_finished in read] == [False, True, True]
    bar = read[1][0]
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (
        D(59980),
        D(60001),
        D("59970.2"),
        D(60000),
        D("12.25"),
    )
    with pytest.raises(UnreadableAnswer):
        parse.parse_bar(["1", "2"], BTC, MINUTE)
    with pytest.raises(UnreadableAnswer, match="contradicts"):
        parse.parse_bar(["1597026360000", "3", "2", "4", "3", "1", "1", "1", "1"], BTC, MINUTE)


def test_fees_are_positive_when_they_are_paid() -> None:
    rates = parse.parse_fee_rates(rows("trade_fee"), {BTC: "1", ETH: "2", Pair.parse("XRP/USDT"): ""})

    assert (rates[BTC].maker_rate, rates[BTC].taker_rate) == (D("0.0008"), D("0.001"))
    assert rates[ETH].maker_rate == D("-0.00005")  # a rebate
    assert rates[Pair.parse("XRP/USDT")].taker_rate == D("0.0015")  # of no known group: the account's own


def test_status_of_other_services_does_not_matter() -> None:
    assert parse.parse_status([]) is VenueStatus.ONLINE
    assert parse.parse_status([{"serviceType": "7"}]) is VenueStatus.ONLINE
    assert parse.parse_status([{"serviceType": "5"}]) is VenueStatus.MAINTENANCE


# Orders


def test_a_resting_order() -> None:
    report = order_of(row("order_live"), "order", None)

    assert (report.venue_order_id, report.client_order_id, report.pair) == (ORDER, OURS, BTC)
    assert (report.status, report.order_type, report.side) == (OrderStatus.OPEN, OrderType.LIMIT, Side.BUY)
    assert (report.quantity, report.filled_quantity, report.limit_price) == (D("0.01"), D(0), D(59000))
    assert (report.leverage, report.reduce_only, report.reason) == (10, False, "")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("live", OrderStatus.OPEN),
        ("partially_filled", OrderStatus.PARTLY_FILLED),
        ("filled", OrderStatus.FILLED),
        ("canceled", OrderStatus.CANCELLED),
        ("mmp_canceled", OrderStatus.CANCELLED),
    ],
)
def test_every_state_of_an_order_is_known(state: str, status: OrderStatus) -> None:
    assert order_of(row("order_live", state=state), "order", None).status is status


def test_a_live_order_with_fills_is_partly_filled() -> None:
    assert order_of(row("order_live", accFillSz="0.004"), "order", None).status is OrderStatus.PARTLY_FILLED


@pytest.mark.parametrize(("key", "value"), [("state", "sleeping"), ("ordType", "wish"), ("side", "long")])
def test_an_unknown_word_is_an_error_that_names_its_key(key: str, value: str) -> None:
    with pytest.raises(UnreadableAnswer, match=key):
        order_of(row("order_live", **{key: value}), "order", None)


def test_a_terse_cancellation_is_said_in_words() -> None:
    taker = order_of(row("order_live", state="canceled", cancelSource="31"), "order", None)
    strange = order_of(row("order_live", state="canceled", cancelSource="77"), "order", None)

    assert (taker.status, taker.reason) == (OrderStatus.CANCELLED, "post-only, and it would have taken")
    assert "77" in strange.reason


def test_the_size_of_a_market_buy_is_no_quantity_because_it_is_quote() -> None:
    by_hand = order_of(row("order_live", ordType="market", px="", sz="100"), "order", None)
    in_base = order_of(row("order_live", ordType="market", px="", tgtCcy="base_ccy"), "order", None)
    sale = order_of(row("order_live", ordType="market", px="", side="sell"), "order", None)

    assert by_hand.quantity is None
    assert (in_base.quantity, sale.quantity) == (D("0.01"), D("0.01"))


def test_own_money_has_a_leverage_of_one() -> None:
    assert order_of(rows("orders_pending")[1], "order", None).leverage == 1


def test_what_an_algo_order_spawned_is_told_as_that_algo_order() -> None:
    told = row("order_spawned")
    spawned = spawned_of(told, "order")

    report = order_of(told, "order", spawned)

    assert (report.venue_order_id, report.client_order_id) == (f"algo-{ALGO}", "jv0000002")
    assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, D("0.01"))
    assert spawned_of(row("order_live"), "order") is None


def test_algo_ids_are_told_from_plain_ones() -> None:
    assert parse.algo_id_of(parse.algo_order_id(ALGO)) == ALGO
    assert parse.algo_id_of(ORDER) is None
    assert parse.algo_id_of(None) is None


def test_a_resting_stop() -> None:
    order = parse.parse_algo_order(row("order_algo_live"), "order-algo")

    report = order.report
    assert (report.venue_order_id, report.client_order_id) == (f"algo-{ALGO}", "jv0000002")
    assert (report.status, report.order_type, report.side) == (OrderStatus.OPEN, OrderType.STOP, Side.SELL)
    assert (report.quantity, report.trigger_price, report.limit_price) == (D("0.01"), D(59000), None)
    assert report.reduce_only is True
    assert (order.is_triggered, order.spawned_ids) == (False, ())


def test_a_triggered_buy_with_a_price_is_the_market_order_that_it_stands_for() -> None:
    target = parse.parse_algo_order(rows("orders_algo_pending")[1], "orders-algo-pending").report
    limited = parse.parse_algo_order(row("order_algo_live", slOrdPx="58900"), "order-algo").report

    assert (target.order_type, target.trigger_price, target.limit_price) == (OrderType.TAKE_PROFIT, D(55000), None)
    assert (limited.order_type, limited.limit_price) == (OrderType.STOP_LIMIT, D(58900))


def test_a_triggered_stop_names_what_it_spawned() -> None:
    order = parse.parse_algo_order(row("order_algo_effective"), "order-algo")

    assert (order.is_triggered, order.spawned_ids) == (True, (SPAWNED,))
    assert order.spawns == parse.Spawned(ALGO, order.report.client_order_id)


def test_a_stop_that_could_not_be_executed_is_rejected_with_its_code() -> None:
    report = parse.parse_algo_order(row("order_algo_failed"), "order-algo").report

    assert report.status is OrderStatus.REJECTED
    assert "51008" in report.reason
    with pytest.raises(UnreadableAnswer, match="state"):
        parse.parse_algo_order(row("order_algo_live", state="haunted"), "order-algo")


# Fills


def test_a_fill_of_ours() -> None:
    fill = history.parse_fill(rows("fills_history")[2], NOWHERE, spot_is_margin=False)

    assert fill.fill_id == "BTC-USDT:744876980:2510789768709120001"
    assert (fill.venue_order_id, fill.client_order_id, fill.pair, fill.side) == (ORDER, OURS, BTC, Side.BUY)
    assert (fill.quantity, fill.price, fill.cost) == (D("0.01"), D("60000.1"), D("600.001"))
    assert (fill.fee, fill.fee_asset, fill.held_quantity) == (D("0.00001"), "BTC", D("0.00999"))
    assert (fill.is_maker, fill.is_margin, fill.is_liquidation) == (False, True, False)


def test_a_rebate_is_a_negative_fee() -> None:
    fill = history.parse_fill(rows("fills_history")[1], NOWHERE, spot_is_margin=False)

    assert (fill.fee, fill.is_maker) == (D("-0.0000005"), True)


def test_a_fill_of_what_a_stop_spawned_carries_the_stops_ids() -> None:
    spawned = parse.Spawned(ALGO, OURS)

    fill = history.parse_fill(rows("fills_history")[0], {SPAWNED: spawned}.get, spot_is_margin=False)

    assert (fill.venue_order_id, fill.client_order_id) == (f"algo-{ALGO}", OURS)
    assert fill.fill_id.endswith(f":{SPAWNED}")


def test_a_forced_closing_is_marked() -> None:
    assert history.parse_fill(row("fills_history_liquidation"), NOWHERE, spot_is_margin=False).is_liquidation


def test_spot_fills_are_margin_only_where_the_whole_account_is() -> None:
    spot = row("fills_history", instType="SPOT")

    assert history.parse_fill(spot, NOWHERE, spot_is_margin=True).is_margin
    assert not history.parse_fill(spot, NOWHERE, spot_is_margin=False).is_margin


def test_the_stream_and_the_history_tell_the_same_fill() -> None:
    told = row("ws_orders_fill")
    listed = row(
        "fills_history",
        tradeId=told["tradeId"],
        ordId=told["ordId"],
        clOrdId=told["clOrdId"],
        side="buy",
        fillPx=told["fillPx"],
        fillSz=told["fillSz"],
        fillTime=told["fillTime"],
        fee=told["fillFee"],
        feeCcy=told["fillFeeCcy"],
        execType=told["execType"],
    )

    assert fill_of(told, None, spot_is_margin=False) == history.parse_fill(listed, NOWHERE, spot_is_margin=False)


def test_an_update_without_a_fill_tells_none() -> None:
    assert fill_of(row("ws_orders_live"), None, spot_is_margin=False) is None
    assert fill_of(row("ws_orders_post_only"), None, spot_is_margin=False) is None
    forced = fill_of(row("ws_orders_liquidation"), None, spot_is_margin=False)
    assert forced is not None
    assert forced.is_liquidation


amounts = st.decimals(min_value="0.00000001", max_value="9999999", places=8)


@given(quantity=amounts, price=st.decimals(min_value="0.1", max_value="999999", places=1), fee=amounts)
def test_a_fill_is_read_exactly(quantity: Decimal, price: Decimal, fee: Decimal) -> None:
    told = row("fills_history", fillSz=plain(quantity), fillPx=plain(price), fee=f"-{plain(fee)}")

    fill = history.parse_fill(told, NOWHERE, spot_is_margin=False)

    assert (fill.quantity, fill.price, fill.fee) == (quantity, price, fee)
    assert fill.cost == quantity * price


@given(at=st.datetimes(min_value=datetime(2017, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_instants_survive_to_the_millisecond(at: datetime) -> None:
    at = at.replace(tzinfo=UTC, microsecond=at.microsecond // 1000 * 1000)

    assert moment({"ts": milliseconds(at)}, "ts", "test") == at


# The ledger


def test_interest_is_a_charge_in_what_was_borrowed() -> None:
    usdt, eth, whole = [history.parse_interest(each) for each in rows("interest_accrued")]

    assert (usdt.kind, usdt.asset, usdt.amount, usdt.fee, usdt.pair) == (
        LedgerKind.INTEREST,
        "USDT",
        D(0),
        D("0.004083"),
        BTC,
    )
    assert (eth.asset, eth.change, eth.pair) == ("ETH", D("-0.0000011"), ETH)
    assert whole.pair is None
    assert len({usdt.row_id, eth.row_id, whole.row_id}) == 3
    assert history.parse_interest(rows("interest_accrued")[0]).row_id == usdt.row_id


def test_only_what_moves_a_net_balance_is_told_of_the_bills() -> None:
    told = [each for each in map(history.parse_bill, rows("bills")) if each is not None]

    assert [(each.kind, each.asset, each.change) for each in told] == [
        (LedgerKind.LIQUIDATION_FEE, Asset("USDT"), D("-3.5")),
        (LedgerKind.TRANSFER, Asset("USDT"), D(-50)),
        (LedgerKind.ADJUSTMENT, Asset("USDT"), D("-7.25")),  # a person's trade of a contract
        (LedgerKind.TRANSFER, Asset("USDT"), D(10_000)),
    ]
    assert (told[0].amount, told[0].fee) == (D(0), D("3.5"))


@pytest.mark.parametrize("kind", ["2", "7", "6", "15", "16", "22"])
def test_trades_interest_and_loans_are_told_elsewhere_or_move_nothing(kind: str) -> None:
    bill = row("bills", type=kind)

    assert history.parse_bill(bill) is None


def test_an_unknown_kind_of_bill_is_an_error() -> None:
    with pytest.raises(UnreadableAnswer, match="type"):
        history.parse_bill(row("bills", type="9999", tradeId=""))


def test_rows_that_contradict_themselves_are_unreadable() -> None:
    with pytest.raises(UnreadableAnswer, match="positive"):
        parse.parse_instruments([row("instruments_margin", tickSz="-0.1")], CATALOGUE)
    with pytest.raises(UnreadableAnswer, match="imr"):
        parse.parse_first_tier([row("position_tiers", tier="1", imr="0")])
    with pytest.raises(UnreadableAnswer, match="ordIdList"):
        parse.parse_algo_order(row("order_algo_live", ordIdList="one"), "order-algo")
    with pytest.raises(UnreadableAnswer, match="fillSz"):
        history.parse_fill(row("fills_history", fillSz="-1"), NOWHERE, spot_is_margin=False)
    with pytest.raises(UnreadableAnswer, match="execType"):
        history.parse_fill(row("fills_history", execType="?"), NOWHERE, spot_is_margin=False)


@pytest.mark.parametrize("answer", [{}, None, "text", [1]])
def test_a_list_of_rows_is_that_and_nothing_else(answer: object) -> None:
    with pytest.raises(UnreadableAnswer):
        parse.parse_interest_rates(answer)


def test_a_bill_that_moves_nothing_is_not_told() -> None:
    assert history.parse_bill(row("bills", type="1", balChg="0", tradeId="")) is None


def test_a_flag_is_a_boolean_or_its_word() -> None:
    for told, expected in ((True, True), ("true", True), ("false", False), ("", None)):
        assert order_of(row("order_live", reduceOnly=told), "order", None).reduce_only is expected
    with pytest.raises(UnreadableAnswer, match="reduceOnly"):
        order_of(row("order_live", reduceOnly="maybe"), "order", None)


def test_an_instant_beyond_all_time_is_unreadable() -> None:
    with pytest.raises(UnreadableAnswer, match="uTime"):
        order_of(row("order_live", uTime="9" * 30), "order", None)
