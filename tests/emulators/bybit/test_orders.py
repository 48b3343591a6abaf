"""Orders: what is taken, what is refused with which code, and how each ends."""

import pytest

from tests.emulators.bybit.actors import BTC, Venue


async def test_a_market_purchase_by_base_fills_at_once() -> None:
    client = Venue().client()

    order_id = await client.buy("0.1", orderLinkId="mine")

    (row,) = await client.history(orderId=order_id)
    assert (row["orderStatus"], row["cumExecQty"], row["orderLinkId"]) == ("Filled", "0.1", "mine")
    assert (row["isLeverage"], row["timeInForce"], row["marketUnit"]) == ("1", "IOC", "baseCoin")
    assert list(row["cumFeeDetail"]) == ["BTC"]
    assert await client.open_orders() == []


async def test_a_market_purchase_is_counted_in_quote_unless_said_otherwise() -> None:
    client = Venue().client()

    order_id = await client.order(side="Buy", qty="500.123456789123")

    (row,) = await client.history(orderId=order_id)
    assert (row["marketUnit"], row["qty"]) == ("quoteCoin", "500.12345678")
    assert 490 < float(row["cumExecValue"]) <= 500.13


async def test_a_market_sale_in_base_is_cut_to_the_lot_and_in_quote_is_turned_into_base() -> None:
    client = Venue().client(deposits={"BTC": "1"})

    first = await client.order(side="Sell", qty="0.01234567")
    second = await client.order(side="Sell", qty="500", marketUnit="quoteCoin")

    (row,) = await client.history(orderId=first)
    assert row["cumExecQty"] == "0.012345"
    (row,) = await client.history(orderId=second)
    assert (row["cumExecQty"], row["qty"]) == ("0.01", "500")


async def test_an_order_without_leverage_spends_own_funds_only() -> None:
    client = Venue().client(deposits={"USDT": "1000"})

    refused = await client.refused_order(side="Buy", qty="0.1", marketUnit="baseCoin")
    await client.buy("0.02")

    assert refused == 170131
    assert float((await client.coin("USDT"))["spotBorrow"]) == pytest.approx(0, abs=10)
    assert await client.refused_order(side="Sell", qty="1") == 170131


async def test_leverage_borrows_what_is_missing_and_a_sale_of_what_is_not_held_is_a_short() -> None:
    client = Venue().client()

    await client.buy("0.3")
    await client.order(symbol="ETHUSDT", side="Sell", qty="1", isLeverage=1)

    dollars, ether = await client.coin("USDT"), await client.coin("ETH")
    assert float(dollars["spotBorrow"]) > 0
    assert (ether["spotBorrow"], ether["walletBalance"], ether["equity"]) == ("1", "0", "-1")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbol": "BTCUSD", "side": "Buy", "qty": "1"}, 170121),
        ({"category": "futures", "side": "Buy", "qty": "1"}, 10001),
        ({"category": "linear", "side": "Buy", "qty": "1"}, 10017),
        ({"side": "buy", "qty": "1"}, 10001),
        ({"side": "Buy"}, 10001),
        ({"side": "Buy", "qty": "much"}, 10001),
        ({"side": "Buy", "qty": "100", "colour": "red"}, 10001),
        ({"side": "Buy", "qty": "100", "isLeverage": 2}, 10001),
        ({"side": "Buy", "qty": "100", "orderLinkId": "a b"}, 10001),
        ({"side": "Buy", "qty": "100", "orderLinkId": "x" * 37}, 10001),
        ({"side": "Buy", "qty": "0"}, 170136),
        ({"side": "Buy", "qty": "4.99"}, 170140),
        ({"side": "Buy", "qty": "0.1234567891", "marketUnit": "baseCoin"}, 170148),
        ({"side": "Buy", "qty": "101", "marketUnit": "baseCoin"}, 170124),
        ({"orderType": "Limit", "side": "Buy", "qty": "0.1"}, 170130),
        ({"orderType": "Limit", "side": "Buy", "qty": "0.1", "price": "48000.01"}, 170134),
        ({"orderType": "Limit", "side": "Buy", "qty": "0.1", "price": "-1"}, 170133),
        ({"orderType": "Limit", "side": "Buy", "qty": "0.1234567", "price": "48000"}, 170137),
        ({"orderType": "Limit", "side": "Buy", "qty": "0.0001", "price": "48000"}, 170140),
        ({"orderType": "Limit", "side": "Buy", "qty": "0.1", "price": "52500.1"}, 170193),
        ({"orderType": "Limit", "side": "Sell", "qty": "0.1", "price": "47499.9"}, 170194),
        ({"side": "Buy", "qty": "100", "orderFilter": "tpslOrder"}, 170203),
        ({"side": "Buy", "qty": "100", "orderFilter": "tpslOrder", "triggerPrice": "50000"}, 170204),
        ({"orderType": "Limit", "side": "Sell", "qty": "0.1", "price": "10000000.1"}, 170132),
        ({"side": "Buy", "qty": "100", "orderFilter": "OcoOrder"}, 170202),
        ({"side": "Buy", "qty": "100", "triggerPrice": "51000"}, 170202),
        ({"side": "Buy", "qty": "100", "takeProfit": "51000"}, 170130),
    ],
)
async def test_an_order_that_cannot_be_is_refused_by_its_code(fields: dict[str, str], code: int) -> None:
    client = Venue().client()

    assert await client.refused_order(**fields) == code
    assert await client.open_orders() == []
    assert await client.fills() == []


async def test_what_other_clients_leak_into_spot_orders_has_no_effect() -> None:
    client = Venue().client(deposits={"USDT": "1000"})

    code = await client.refused_order(
        side="Buy", qty="0.1", marketUnit="baseCoin", marginMode="cross", reduceOnly=True, triggerDirection=2
    )

    assert code == 170131


async def test_a_link_id_is_never_used_twice() -> None:
    client = Venue().client()
    await client.rest(orderLinkId="once")
    await client.post("order/cancel", category="spot", symbol="BTCUSDT", orderLinkId="once")

    assert await client.refused_order(side="Buy", qty="100", orderLinkId="once") == 170141
    assert await Venue().client().order(side="Buy", qty="100", orderLinkId="once")


async def test_a_post_only_order_that_would_take_is_acknowledged_and_cancelled() -> None:
    client = Venue().client()
    stream = await client.stream("order")

    order_id = await client.rest("51000", timeInForce="PostOnly")

    (told,) = await stream.rows("order")
    (row,) = await client.history()
    for each in (told, row):
        assert (each["orderId"], each["orderStatus"]) == (order_id, "Cancelled")
        assert (each["rejectReason"], each["cumExecQty"]) == ("EC_PostOnlyWillTakeLiquidity", "0")
    assert await client.refused("POST", "order/cancel", category="spot", symbol="BTCUSDT", orderId=order_id) == 170143


async def test_fill_or_kill_fills_whole_or_not_at_all() -> None:
    client = Venue().client()

    whole = await client.rest("51000", "0.1", timeInForce="FOK")
    none = await client.rest("49000", "0.1", timeInForce="FOK")

    (filled,) = await client.history(orderId=whole)
    (killed,) = await client.history(orderId=none)
    assert filled["orderStatus"] == "Filled"
    assert (killed["orderStatus"], killed["rejectReason"]) == ("Cancelled", "EC_CancelForNoFullFill")


async def test_immediate_or_cancel_that_finds_nothing_is_cancelled() -> None:
    client = Venue().client()

    order_id = await client.rest("49000", timeInForce="IOC")

    (row,) = await client.history(orderId=order_id)
    assert (row["orderStatus"], row["cancelType"]) == ("Cancelled", "UNKNOWN")


async def test_a_conditional_order_keeps_nothing_and_a_take_profit_or_stop_loss_order_does() -> None:
    client = Venue().client(deposits={"BTC": "1"})
    stop = {"side": "Sell", "qty": "1", "triggerPrice": "49000"}

    await client.order(orderFilter="StopOrder", **stop)
    assert (await client.coin("BTC"))["locked"] == "0"
    await client.order(orderFilter="tpslOrder", **stop)

    assert (await client.coin("BTC"))["locked"] == "1"
    assert await client.refused_order(orderFilter="tpslOrder", **stop) == 170131


async def test_a_stop_waits_is_triggered_and_fills() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 50000 48000 48000"])
    client = venue.client()
    await client.buy("0.1")
    stream = await client.stream("order")

    order_id = await client.order(
        side="Sell", qty="0.0999", triggerPrice="49000", orderFilter="StopOrder", isLeverage=1, orderLinkId="stop"
    )
    (row,) = await client.open_orders(orderFilter="StopOrder")
    venue.move(2)

    assert (row["orderId"], row["orderStatus"], row["stopOrderType"]) == (order_id, "Untriggered", "Stop")
    told = [each["orderStatus"] for each in await stream.rows("order") if each["orderId"] == order_id]
    assert told == ["Untriggered", "Triggered", "Filled"]


async def test_a_purchase_above_the_market_is_triggered_by_rising() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 52000 50000 52000"])
    client = venue.client()

    above = await client.order(
        side="Buy", qty="0.01", marketUnit="baseCoin", triggerPrice="51000", orderFilter="tpslOrder"
    )
    below = await client.order(
        side="Buy", qty="0.01", marketUnit="baseCoin", triggerPrice="49000", orderFilter="tpslOrder"
    )
    venue.move(2)

    assert (await client.history())[0]["orderId"] == above
    assert [row["orderId"] for row in await client.open_orders()] == [below]


async def test_a_conditional_order_without_funds_is_cancelled_when_it_is_triggered() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 50000 48000 48000"])
    client = venue.client(deposits={"USDT": "1000"})

    order_id = await client.order(side="Sell", qty="1", triggerPrice="49000", orderFilter="StopOrder")
    venue.move(2)

    (row,) = await client.history(orderId=order_id)
    assert (row["orderStatus"], row["cumExecQty"]) == ("Cancelled", "0")


async def test_a_cancel_needs_the_right_filter_and_says_how_an_order_ended() -> None:
    client = Venue().client()
    stop = await client.order(side="Sell", qty="0.1", triggerPrice="49000", orderFilter="StopOrder", isLeverage=1)
    filled = await client.buy("0.01")
    named = {"category": "spot", "symbol": "BTCUSDT"}

    assert await client.refused("POST", "order/cancel", **named, orderId=stop) == 170213
    assert await client.refused("POST", "order/cancel", **named, orderId=stop, orderFilter="tpslOrder") == 170213
    await client.post("order/cancel", **named, orderId=stop, orderFilter="StopOrder")
    assert await client.refused("POST", "order/cancel", **named, orderId=stop, orderFilter="StopOrder") == 170142
    assert await client.refused("POST", "order/cancel", **named, orderId=filled) == 170190
    assert await client.refused("POST", "order/cancel", **named, orderId="1") == 170213
    assert await client.refused("POST", "order/cancel", **named) == 10001
    (row,) = await client.history(orderId=stop)
    assert (row["orderStatus"], row["cancelType"]) == ("Deactivated", "CancelByUser")


async def test_cancel_all_takes_one_kind_at_a_time() -> None:
    client = Venue().client()
    plain = await client.rest()
    stop = await client.order(side="Sell", qty="0.1", triggerPrice="49000", orderFilter="StopOrder", isLeverage=1)

    first = await client.post("order/cancel-all", category="spot")
    left = await client.open_orders()
    second = await client.post("order/cancel-all", category="spot", symbol="BTCUSDT", orderFilter="StopOrder")

    assert (first["success"], [row["orderId"] for row in first["list"]]) == ("1", [plain])
    assert [row["orderId"] for row in left] == [stop]
    assert [row["orderId"] for row in second["list"]] == [stop]
    assert await client.open_orders() == []


async def test_an_amendment_changes_price_quantity_and_trigger() -> None:
    client = Venue().client()
    named = {"category": "spot", "symbol": "BTCUSDT"}
    order_id = await client.rest(orderLinkId="mine")
    stop = await client.order(side="Sell", qty="0.1", triggerPrice="49000", orderFilter="StopOrder", isLeverage=1)

    await client.post("order/amend", **named, orderLinkId="mine", price="47900", qty="0.12")
    await client.post("order/amend", **named, orderId=stop, triggerPrice="48500.5")

    waiting, plain = await client.open_orders()
    assert (plain["orderId"], plain["price"], plain["qty"]) == (order_id, "47900", "0.12")
    assert (waiting["orderId"], waiting["triggerPrice"]) == (stop, "48500.5")


async def test_an_amendment_is_checked_like_an_order() -> None:
    client = Venue().client()
    named = {"category": "spot", "symbol": "BTCUSDT", "orderId": await client.rest()}

    assert await client.refused("POST", "order/amend", **named) == 10001
    assert await client.refused("POST", "order/amend", **named, price="47900.05") == 170134
    assert await client.refused("POST", "order/amend", **named, qty="0.00000001") == 170137
    assert await client.refused("POST", "order/amend", **named, qty="0.0001") == 170140
    assert await client.refused("POST", "order/amend", **named, triggerPrice="47000") == 170130
    assert await client.refused("POST", "order/amend", **{**named, "orderId": "1"}, price="47000") == 170213


async def test_thirty_waiting_orders_of_a_kind_are_enough_for_one_symbol() -> None:
    venue = Venue()
    client = venue.client()
    for _ in range(30):
        await client.order(side="Sell", qty="0.001", triggerPrice="49000", orderFilter="StopOrder", isLeverage=1)
        venue.move(1 / 60)

    code = await client.refused_order(
        side="Sell", qty="0.001", triggerPrice="49000", orderFilter="StopOrder", isLeverage=1
    )

    assert code == 170810
    await client.order(symbol="ETHUSDT", side="Sell", qty="0.1", triggerPrice="2900", orderFilter="StopOrder")


async def test_a_batch_gives_each_item_a_code_of_its_own() -> None:
    client = Venue().client()
    limit = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "price": "48000", "isLeverage": 1}

    answer = await client.answer(
        "POST",
        "order/create-batch",
        {"category": "spot", "request": [limit | {"qty": "0.1", "orderLinkId": "a"}, limit | {"qty": "0.00001"}]},
    )

    assert answer["retCode"] == 0
    assert [each["code"] for each in answer["retExtInfo"]["list"]] == [0, 170140]
    first, second = answer["result"]["list"]
    assert first["orderId"]
    assert (first["orderLinkId"], second["orderId"]) == ("a", "")
    cancelled = await client.answer(
        "POST",
        "order/cancel-batch",
        {"category": "spot", "request": [{"symbol": "BTCUSDT", "orderLinkId": "a"}]},
    )
    assert cancelled["retExtInfo"]["list"] == [{"code": 0, "msg": "OK"}]
    assert await client.refused("POST", "order/create-batch", category="spot", request=[limit] * 11) == 10001


async def test_a_filled_limit_order_leaves_its_exits_and_one_cancels_the_other() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 50000 48000 48000", "48000 51000 48000 51000"])
    client = venue.client()
    venue.move()

    await client.rest("49000", "0.1", takeProfit="50500", stopLoss="46000", slOrderType="Limit", slLimitPrice="45900")
    venue.move()
    exits = await client.open_orders(orderFilter="tpslOrder")
    venue.move()

    assert {row["triggerPrice"] for row in exits} == {"50500", "46000"}
    assert all(row["side"] == "Sell" and row["qty"] == "0.0999" for row in exits)
    states = {row["triggerPrice"]: (row["orderStatus"], row["cancelType"]) for row in await client.history()}
    assert states["50500"] == ("Filled", "UNKNOWN")
    assert states["46000"] == ("Deactivated", "CancelByOCO")
    assert await client.open_orders() == []
    assert venue.exchange.positions("ann").get(BTC, 0) == 0


async def test_what_cannot_be_borrowed_is_refused_by_its_reason() -> None:
    venue = Venue()
    client = venue.client()

    too_much = await client.refused_order(side="Sell", qty="9", isLeverage=1)
    venue.exchange.set_lendable(BTC.base, False)
    none_left = await client.refused_order(side="Sell", qty="0.1", isLeverage=1)
    by_hand = await client.refused("POST", "account/borrow", coin="BTC", amount="0.1")

    assert (too_much, none_left, by_hand) == (170033, 170207, 176028)


async def test_more_of_a_coin_than_anyone_may_owe_is_a_liability_overflow() -> None:
    client = Venue().client(deposits={"USDT": "400000000"})

    for _ in range(3):
        await client.order(side="Sell", qty="100", isLeverage=1)

    assert await client.refused_order(side="Sell", qty="100", isLeverage=1) == 170034


async def test_a_pair_without_leverage_takes_no_leveraged_order() -> None:
    venue = Venue()
    client = venue.client()
    venue.exchange.set_max_leverage(BTC, 2)
    some = await client.refused_order(side="Buy", qty="35000", isLeverage=1)
    venue.exchange.set_max_leverage(BTC, 1)

    assert some == 170033
    assert await client.refused_order(side="Buy", qty="100", isLeverage=1) == 170344
    (row,) = (await venue.public("market/instruments-info", "category=spot&symbol=BTCUSDT"))["list"]
    assert row["marginTrading"] == "none"
    await client.order(side="Buy", qty="100")


async def test_both_coins_of_a_leveraged_order_must_be_collateral() -> None:
    client = Venue().client()

    await client.post("account/set-collateral-switch", coin="BTC", collateralSwitch="OFF")

    assert await client.refused_order(side="Buy", qty="100", isLeverage=1) == 170037
    assert (await client.coin("BTC"))["collateralSwitch"] is False
    assert await client.refused("POST", "account/set-collateral-switch", coin="USDT", collateralSwitch="OFF") == 10001
    await client.post("account/set-collateral-switch", coin="BTC", collateralSwitch="ON")
    await client.order(side="Buy", qty="100", isLeverage=1)


async def test_five_hundred_open_orders_are_enough() -> None:
    venue = Venue()
    client = venue.client(deposits={"USDT": "1000000"})
    order = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "price": "48000", "qty": "0.001"}
    for _ in range(50):
        await client.post("order/create-batch", category="spot", request=[order] * 10)
        venue.move(1 / 60)

    assert await client.refused_order(**order) == 170810


async def test_an_exit_can_be_changed_and_taken_off_before_its_order_fills() -> None:
    client = Venue().client()
    named = {"category": "spot", "symbol": "BTCUSDT"}
    named["orderId"] = await client.rest(takeProfit="52000", stopLoss="46000")

    await client.post("order/amend", **named, takeProfit="0", stopLoss="46500", slLimitPrice="46400")

    (row,) = await client.open_orders()
    assert (row["takeProfit"], row["stopLoss"], row["slLimitPrice"]) == ("0.00", "46500", "46400")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"takeProfit": "52000", "tpOrderType": "Limit"}, 170130),
        ({"stopLoss": "46000", "slOrderType": "Limit"}, 170130),
        ({"stopLoss": "46000", "orderFilter": "tpslOrder", "triggerPrice": "49000"}, 170201),
    ],
)
async def test_exits_that_cannot_be_are_refused(fields: dict[str, str], code: int) -> None:
    client = Venue().client()

    assert await client.refused_order(orderType="Limit", side="Buy", qty="0.1", price="48000", **fields) == code


async def test_one_order_that_fits_a_short_leaves_as_one_exit() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 52000 50000 52000"])
    client = venue.client()
    venue.move()

    await client.rest("51000", "0.1", side="Sell", stopLoss="53000")
    venue.move()

    (row,) = await client.open_orders()
    assert (row["side"], row["qty"], row["triggerPrice"], row["isLeverage"]) == ("Buy", "0.1", "53000", "1")


async def test_an_amended_post_only_order_that_would_take_is_cancelled() -> None:
    client = Venue().client()
    named = {"category": "spot", "symbol": "BTCUSDT", "orderId": await client.rest(timeInForce="PostOnly")}

    await client.post("order/amend", **named, price="51000")

    (row,) = await client.history()
    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", "EC_PostOnlyWillTakeLiquidity")


async def test_a_stop_with_a_limit_is_triggered_and_then_rests() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 50000 48900 48900"])
    client = venue.client(deposits={"BTC": "1"})
    stream = await client.stream("order.spot")

    order_id = await client.order(
        orderType="Limit", side="Sell", qty="0.5", price="50500", triggerPrice="49000", orderFilter="StopOrder"
    )
    venue.move(2)

    told = [(row["orderStatus"], row["orderId"]) for row in await stream.rows("order.spot")]
    assert told == [("Untriggered", order_id), ("Triggered", order_id), ("New", order_id)]
    (row,) = await client.open_orders(orderFilter="Order")
    assert (row["orderStatus"], row["price"]) == ("New", "50500")
    await client.post("order/cancel", category="spot", symbol="BTCUSDT", orderId=order_id)


@pytest.mark.parametrize(
    "fields", [{"qty": 100}, {"qty": "100", "isLeverage": "1"}, {"qty": "100", "isLeverage": True}]
)
async def test_amounts_are_texts_and_switches_are_numbers(fields: dict[str, object]) -> None:
    assert await Venue().client().refused_order(side="Buy", **fields) == 10001
