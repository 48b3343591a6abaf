"""Orders: what is taken, what it borrows and repays, what is refused with which code, and how it is told."""

from decimal import Decimal
from typing import Any

import pytest

from jarvis.emulators.binance.text import ms
from tests.emulators.binance.actors import BTC, START, Client, Venue

CRASH = ["50000 50000 50000 50000", "50000 50000 47000 47000", "47000 52000 47000 52000"]


async def test_a_market_order_borrows_what_is_missing_and_says_so() -> None:
    client = Venue().client()

    placed = await client.place(quantity="0.5")

    assert (placed["status"], placed["executedQty"], placed["isIsolated"]) == ("FILLED", "0.50000000", False)
    assert placed["marginBuyBorrowAsset"] == "USDT"
    assert 15_000 < placed["marginBuyBorrowAmount"] < 15_100
    assert sum(Decimal(fill["qty"]) for fill in placed["fills"]) == Decimal("0.5")
    assert {fill["commissionAsset"] for fill in placed["fills"]} == {"BTC"}
    usdt, btc = await client.asset("USDT"), await client.asset("BTC")
    assert Decimal(usdt["borrowed"]) == Decimal(str(placed["marginBuyBorrowAmount"]))
    assert Decimal(usdt["interest"]) > 0
    assert Decimal(btc["free"]) == Decimal("0.5") * Decimal("0.999")


async def test_own_funds_suffice_without_side_effect_or_the_order_is_refused() -> None:
    client = Venue().client()

    placed = await client.place(sideEffectType="NO_SIDE_EFFECT")
    refused = await client.refused("POST margin/order", **client.order(quantity="0.5", sideEffectType=None))

    assert "marginBuyBorrowAmount" not in placed
    assert refused == (400, -2010, "Account has insufficient balance for requested action.")


async def test_selling_short_borrows_base_and_buying_back_repays_it() -> None:
    client = Venue().client()
    sold = await client.place(side="SELL", quantity="0.2")
    assert (sold["marginBuyBorrowAsset"], sold["marginBuyBorrowAmount"]) == ("BTC", 0.2)
    debt = await client.asset("BTC")
    owed = Decimal(debt["borrowed"]) + Decimal(debt["interest"])

    back = (owed / Decimal("0.999")).quantize(Decimal("0.00001"), rounding="ROUND_UP")
    await client.place(side="BUY", quantity=str(back), sideEffectType="AUTO_REPAY")

    btc = await client.asset("BTC")
    assert (btc["borrowed"], btc["interest"]) == ("0.00000000", "0.00000000")
    assert Decimal(btc["free"]) < Decimal("0.00002")


async def test_a_repaying_sale_pays_interest_first() -> None:
    client = Venue().client()
    await client.place(quantity="0.4")
    owed = await client.asset("USDT")

    await client.place(side="SELL", quantity="0.1", sideEffectType="AUTO_REPAY")

    left = await client.asset("USDT")
    assert left["interest"] == "0.00000000"
    assert Decimal(left["borrowed"]) < Decimal(owed["borrowed"]) - 4_900
    (row,) = (await client.call("GET margin/borrow-repay", type="REPAY", asset="USDT"))["rows"]
    assert (row["type"], row["interest"]) == ("AUTO", owed["interest"])


async def test_a_resting_order_borrows_at_once_and_gives_back_when_cancelled() -> None:
    client = Venue().client()
    placed = await client.rest(quantity="0.5")
    usdt = await client.asset("USDT")
    assert placed["status"] == "NEW"
    assert Decimal(usdt["borrowed"]) == 10_000
    assert usdt["free"] == "0.00000000"

    cancelled = await client.call("DELETE margin/order", symbol="BTCUSDT", orderId=placed["orderId"])

    assert (cancelled["orderId"], cancelled["status"]) == (str(placed["orderId"]), "CANCELED")
    usdt = await client.asset("USDT")
    # What the first hour cost was paid from what was given back.
    assert Decimal(usdt["borrowed"]) < Decimal("0.2")
    assert usdt["interest"] == "0.00000000"
    (row,) = (await client.call("GET margin/borrow-repay", type="REPAY"))["rows"]
    assert (row["type"], row["amount"]) == ("AUTO", "10000.00000000")


async def test_without_auto_repay_at_cancel_the_loan_stays() -> None:
    client = Venue().client()
    placed = await client.rest(quantity="0.5", autoRepayAtCancel="FALSE")

    await client.call("DELETE margin/order", symbol="BTCUSDT", origClientOrderId=placed["clientOrderId"])

    assert Decimal((await client.asset("USDT"))["borrowed"]) == 10_000


async def test_auto_borrow_repay_is_a_switch() -> None:
    venue = Venue()
    client = venue.client()

    await client.place(sideEffectType="AUTO_BORROW_REPAY", quantity="0.3")
    venue.binance.take_auto_borrow_repay(takes=False)

    refused = await client.refused("POST margin/order", **client.order(sideEffectType="AUTO_BORROW_REPAY"))
    assert refused[:2] == (400, -1130)


async def test_a_stop_waits_triggers_and_fills() -> None:
    venue = Venue(CRASH)
    client = venue.client()
    venue.move()
    await client.place(sideEffectType="NO_SIDE_EFFECT")
    stop = {"side": "SELL", "type": "STOP_LOSS", "stopPrice": "48000", "quantity": "0.0999"}
    placed = await client.place(**stop, sideEffectType="AUTO_REPAY")
    assert set(placed) == {"symbol", "orderId", "clientOrderId", "isIsolated", "transactTime"}
    (waiting,) = await client.call("GET margin/openOrders", symbol="BTCUSDT")
    assert (waiting["type"], waiting["stopPrice"], waiting["isWorking"]) == ("STOP_LOSS", "48000.00000000", False)

    venue.move()

    order = await client.call("GET margin/order", symbol="BTCUSDT", orderId=placed["orderId"])
    assert (order["status"], order["isWorking"]) == ("FILLED", True)
    assert 47_900 < Decimal(order["cummulativeQuoteQty"]) / Decimal("0.0999") <= 48_000
    assert await client.call("GET margin/openOrders", symbol="BTCUSDT") == []


async def test_take_profit_limits_trigger_on_the_other_side() -> None:
    venue = Venue(CRASH)
    client = venue.client(deposits={"USDT": "10000", "BTC": "1"})
    venue.move()
    placed = await client.place(
        side="SELL",
        type="TAKE_PROFIT_LIMIT",
        stopPrice="51000",
        price="51000",
        timeInForce="GTC",
        sideEffectType="NO_SIDE_EFFECT",
    )

    venue.move(2)

    order = await client.call("GET margin/order", symbol="BTCUSDT", orderId=placed["orderId"])
    assert order["status"] == "FILLED"


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"quantity": None}, -1102, "'quantity'"),
        ({"side": "HOLD"}, -1117, "Invalid side"),
        ({"side": None}, -1102, "'side'"),
        ({"type": "WISH"}, -1116, "orderType"),
        ({"type": "LIMIT", "price": "40000"}, -1102, "'timeInForce'"),
        ({"type": "LIMIT", "timeInForce": "GTC"}, -1102, "'price'"),
        ({"type": "LIMIT", "timeInForce": "DAY", "price": "40000"}, -1115, "timeInForce"),
        ({"timeInForce": "GTC"}, -1114, "TimeInForce"),
        ({"price": "40000"}, -1106, "'price'"),
        ({"stopPrice": "40000"}, -1106, "'stopPrice'"),
        ({"type": "STOP_LOSS"}, -1102, "'stopPrice'"),
        ({"quantity": "0.1", "quoteOrderQty": "100"}, -1128, "optional"),
        ({"quantity": "-1"}, -1100, "'quantity'"),
        ({"quantity": "1e-3"}, -1100, "'quantity'"),
        ({"quantity": "0.123456789"}, -1111, "precision"),
        ({"quantity": "0.000001"}, -1013, "LOT_SIZE"),
        ({"quantity": "0.000015"}, -1013, "LOT_SIZE"),
        ({"quantity": "1000"}, -1013, "MARKET_LOT_SIZE"),
        ({"quantity": "0.00001"}, -1013, "NOTIONAL"),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "40000.001"}, -1013, "PRICE_FILTER"),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "9000"}, -1013, "PERCENT_PRICE_BY_SIDE"),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "250001"}, -1013, "PERCENT_PRICE_BY_SIDE"),
        ({"type": "STOP_LOSS", "side": "SELL", "stopPrice": "50000"}, -2010, "trigger immediately"),
        ({"type": "STOP_LOSS", "side": "BUY", "stopPrice": "49000"}, -2010, "trigger immediately"),
        ({"type": "TAKE_PROFIT", "side": "SELL", "stopPrice": "49000"}, -2010, "trigger immediately"),
        ({"type": "LIMIT_MAKER", "price": "51000"}, -2010, "immediately match"),
        ({"symbol": "LTCBTC"}, -1121, "symbol"),
        ({"isIsolated": "TRUE"}, -11001, "Isolated"),
        ({"isIsolated": "maybe"}, -1130, "'isIsolated'"),
        ({"sideEffectType": "MAGIC"}, -1130, "'sideEffectType'"),
        ({"newClientOrderId": "a b"}, -1100, "'newClientOrderId'"),
        ({"newOrderRespType": "LONG"}, -1130, "'newOrderRespType'"),
        ({"quantity": "1.2"}, -3006, "maximum borrow"),
        ({"icebergQty": "0.01"}, -1014, "combination"),
        ({"leverage": "5"}, -1104, "read"),
        ({"type": "STOP_LOSS", "side": "SELL", "trailingDelta": "1"}, -1013, "TRAILING_DELTA"),
    ],
)
async def test_refusals_have_their_codes_and_leave_nothing(fields: dict[str, Any], code: int, message: str) -> None:
    client = Venue().client()

    status, refused, words = await client.refused("POST margin/order", **client.order(**fields))

    assert (status, refused) == (400, code)
    assert message in words
    assert await client.call("GET margin/openOrders") == []
    assert (await client.asset("USDT"))["borrowed"] == "0.00000000"


async def test_filters_count_orders_and_stops() -> None:
    client = Venue().client(deposits={"BTC": "1"})
    stop = {"side": "SELL", "type": "STOP_LOSS", "quantity": "0.01", "sideEffectType": "NO_SIDE_EFFECT"}

    for number in range(5):
        await client.place(**stop, stopPrice=str(40_000 + number))

    sixth = await client.refused("POST margin/order", **client.order(**stop, stopPrice="41000"))
    assert sixth == (400, -1013, "Filter failure: MAX_NUM_ALGO_ORDERS")


async def test_a_duplicate_id_is_refused_while_the_first_is_open() -> None:
    client = Venue().client()
    await client.rest(newClientOrderId="mine", quantity="0.01")

    again = await client.refused("POST margin/order", **client.order(newClientOrderId="mine"))
    await client.call("DELETE margin/order", symbol="BTCUSDT", origClientOrderId="mine")
    later = await client.place(newClientOrderId="mine", quantity="0.01")

    assert again == (400, -2010, "Duplicate order sent.")
    assert later["status"] == "FILLED"
    found = await client.call("GET margin/order", symbol="BTCUSDT", origClientOrderId="mine")
    assert found["orderId"] == later["orderId"]


async def test_orders_of_others_and_of_nobody_do_not_exist() -> None:
    venue = Venue()
    client, other = venue.client(), venue.client("bob")
    placed = await client.rest(quantity="0.01")

    asked = await other.refused("GET margin/order", symbol="BTCUSDT", orderId=placed["orderId"])
    cancelled = await other.refused("DELETE margin/order", symbol="BTCUSDT", orderId=placed["orderId"])
    elsewhere = await client.refused("GET margin/order", symbol="ETHUSDT", orderId=placed["orderId"])
    nameless = await client.refused("GET margin/order", symbol="BTCUSDT")

    assert asked == elsewhere == (400, -2013, "Order does not exist.")
    assert cancelled == (400, -2011, "Unknown order sent.")
    assert nameless[:2] == (400, -1102)


async def test_cancelling_twice_is_unknown() -> None:
    client = Venue().client()
    placed = await client.rest(quantity="0.01")
    await client.call("DELETE margin/order", symbol="BTCUSDT", orderId=placed["orderId"], newClientOrderId="bye")

    again = await client.refused("DELETE margin/order", symbol="BTCUSDT", orderId=placed["orderId"])

    assert again[:2] == (400, -2011)
    order = await client.call("GET margin/order", symbol="BTCUSDT", orderId=placed["orderId"])
    assert (order["status"], order["clientOrderId"]) == ("CANCELED", placed["clientOrderId"])


async def test_ioc_and_fok_expire_with_what_they_got() -> None:
    client = Venue().client(deposits={"USDT": "1000000"})
    order = {"type": "LIMIT", "price": "50010", "sideEffectType": "NO_SIDE_EFFECT"}

    part = await client.place(**order, quantity="10", timeInForce="IOC")
    nothing = await client.place(**order, quantity="10", timeInForce="FOK")
    everything = await client.place(**order, quantity="0.1", timeInForce="FOK")

    assert part["status"] == "EXPIRED"
    assert 0 < Decimal(part["executedQty"]) < 10
    assert (nothing["status"], nothing["executedQty"], nothing["price"]) == (
        "EXPIRED",
        "0.00000000",
        "50010.00000000",
    )
    assert everything["status"] == "FILLED"


async def test_a_market_order_by_cost() -> None:
    client = Venue().client(deposits={"USDT": "10000", "BTC": "1"})

    bought = await client.place(quoteOrderQty="1000", sideEffectType="NO_SIDE_EFFECT")
    sold = await client.place(side="SELL", quoteOrderQty="1000", sideEffectType="NO_SIDE_EFFECT")

    assert 990 < Decimal(bought["cummulativeQuoteQty"]) <= 1000
    assert 990 < Decimal(sold["cummulativeQuoteQty"]) <= 1000


@pytest.mark.parametrize(("asked", "fields"), [("ACK", 5), ("RESULT", 14), ("FULL", 15)])
async def test_the_answer_is_as_long_as_asked(asked: str, fields: int) -> None:
    client = Venue().client()

    placed = await client.place(newOrderRespType=asked, sideEffectType="NO_SIDE_EFFECT")

    assert len(placed) == fields


async def test_history_is_paged_by_number_and_time() -> None:
    venue = Venue()
    client = venue.client()
    numbers = []
    for _ in range(4):
        numbers.append((await client.place(quantity="0.01", sideEffectType="NO_SIDE_EFFECT"))["orderId"])
        venue.move()
    trades = await client.call("GET margin/myTrades", symbol="BTCUSDT")

    later = await client.call("GET margin/myTrades", symbol="BTCUSDT", fromId=trades[2]["id"], limit=1)
    of_order = await client.call("GET margin/myTrades", symbol="BTCUSDT", orderId=numbers[1])
    in_time = await client.call(
        "GET margin/myTrades", symbol="BTCUSDT", startTime=ms(START) + 60_000, endTime=ms(START) + 120_000
    )
    orders = await client.call("GET margin/allOrders", symbol="BTCUSDT", orderId=numbers[1], limit=2)
    latest = await client.call("GET margin/allOrders", symbol="BTCUSDT", limit=1)
    too_long = await client.refused(
        "GET margin/myTrades", symbol="BTCUSDT", startTime=ms(START), endTime=ms(START) + 86_400_001
    )

    assert [trade["orderId"] for trade in trades] == numbers
    assert [trade["id"] for trade in later] == [trades[2]["id"]]
    assert [trade["id"] for trade in of_order] == [trades[1]["id"]]
    assert [trade["id"] for trade in in_time] == [trades[1]["id"], trades[2]["id"]]
    assert [order["orderId"] for order in orders] == numbers[1:3]
    assert [order["orderId"] for order in latest] == numbers[3:]
    assert too_long[:2] == (400, -1127)


async def test_cancel_all_of_a_symbol_spares_the_others() -> None:
    client = Venue().client()
    await client.rest(quantity="0.01")
    await client.rest(quantity="0.01")
    other = await client.rest("2000", symbol="ETHUSDT", quantity="0.1")

    gone = await client.call("DELETE margin/openOrders", symbol="BTCUSDT")

    assert [row["status"] for row in gone] == ["CANCELED", "CANCELED"]
    assert all(isinstance(row["orderId"], int) for row in gone)
    assert [row["orderId"] for row in await client.call("GET margin/openOrders")] == [other["orderId"]]
    assert (await client.refused("DELETE margin/openOrders", symbol="BTCUSDT"))[:2] == (400, -2011)


async def test_fees_are_taken_in_bnb_when_its_owner_says_so_and_has_some() -> None:
    venue = Venue()
    client = venue.client(deposits={"USDT": "10000", "BNB": "1"})
    venue.binance.set_bnb_burn("ann", trading_fees=True)

    placed = await client.place(sideEffectType="NO_SIDE_EFFECT")

    assert {fill["commissionAsset"] for fill in placed["fills"]} == {"BNB"}
    assert (await client.asset("BTC"))["free"] == "0.10000000"
    assert Decimal((await client.asset("BNB"))["free"]) < 1
    assert await client.call("GET bnbBurn") == {"spotBNBBurn": True, "interestBNBBurn": False}


async def test_a_trailing_stop_follows_the_price() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 55000 50000 55000", "55000 55000 53000 53000"])
    client: Client = venue.client(deposits={"BTC": "1"})
    venue.move()
    stop = {"side": "SELL", "type": "STOP_LOSS", "trailingDelta": "200", "sideEffectType": "NO_SIDE_EFFECT"}
    placed = await client.place(**stop)

    venue.move(2)

    order = await client.call("GET margin/order", symbol="BTCUSDT", orderId=placed["orderId"])
    assert (order["status"], order["trailingDelta"]) == ("FILLED", 200)
    assert Decimal(order["cummulativeQuoteQty"]) > 5300


async def test_the_record_holds_everything_exactly() -> None:
    venue = Venue()
    client = venue.client()
    await client.place(quantity="0.3")
    await client.rest(quantity="0.01")

    record = venue.binance.account_record("ann")

    assert {pair: float(held) for pair, held in record["positions"].items()} == {str(BTC): 0.2997}
    assert Decimal(record["balances"]["USDT"]["borrowed"]) > 5000
    assert [order["status"] for order in record["open_orders"]] == ["NEW"]
    assert [order["status"] for order in record["closed_orders"]] == ["FILLED"]
    assert len(record["fills"]) >= 1
    assert record["interest"][0]["asset"] == "USDT"
    with pytest.raises(KeyError):
        venue.binance.account_record("nobody")
