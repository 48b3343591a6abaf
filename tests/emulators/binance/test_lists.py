"""Order lists: one cancels the other, one triggers the other, and both."""

from decimal import Decimal
from typing import Any

import pytest

from tests.emulators.binance.actors import Client, Venue

DROP = ["50000 50000 50000 50000", "50000 50000 47000 47000"]
RISE = ["50000 50000 50000 50000", "50000 53000 50000 53000"]


def exit_pair(**more: Any) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.5", "price": "52000", "stopPrice": "48000"} | more


async def holder(path: list[str]) -> tuple[Venue, Client]:
    venue = Venue(path)
    client = venue.client(deposits={"BTC": "0.5"})
    venue.move()
    return venue, client


async def statuses(client: Client, listed: dict[str, Any]) -> dict[str, str]:
    orders = [
        await client.call("GET margin/order", symbol="BTCUSDT", orderId=leg["orderId"]) for leg in listed["orders"]
    ]
    return {order["type"]: order["status"] for order in orders}


async def test_an_oco_shares_one_lock_and_is_told_with_both_orders() -> None:
    _, client = await holder(DROP)

    placed = await client.call("POST margin/order/oco", **exit_pair(listClientOrderId="pair"))

    assert (placed["contingencyType"], placed["listOrderStatus"]) == ("OCO", "EXECUTING")
    assert {report["type"] for report in placed["orderReports"]} == {"LIMIT_MAKER", "STOP_LOSS"}
    assert (await client.asset("BTC"))["locked"] == "0.50000000"
    assert (await client.call("GET margin/orderList", listClientOrderId="pair"))["orderListId"] == placed["orderListId"]
    assert len(await client.call("GET margin/openOrderList")) == 1
    assert len(await client.call("GET margin/openOrders", symbol="BTCUSDT")) == 2


async def test_the_stop_ends_the_limit() -> None:
    venue, client = await holder(DROP)
    placed = await client.call("POST margin/order/oco", **exit_pair())

    venue.move()

    assert await statuses(client, placed) == {"STOP_LOSS": "FILLED", "LIMIT_MAKER": "EXPIRED"}
    assert await client.call("GET margin/openOrderList") == []
    assert Decimal((await client.asset("USDT"))["free"]) > 23_000


async def test_the_limit_ends_the_stop() -> None:
    venue, client = await holder(RISE)
    placed = await client.call("POST margin/order/oco", **exit_pair())

    venue.move()

    assert await statuses(client, placed) == {"STOP_LOSS": "EXPIRED", "LIMIT_MAKER": "FILLED"}
    (done,) = await client.call("GET margin/allOrderList")
    assert done["listOrderStatus"] == "ALL_DONE"


async def test_cancelling_one_leg_cancels_both() -> None:
    _, client = await holder(DROP)
    placed = await client.call("POST margin/order/oco", **exit_pair())

    await client.call("DELETE margin/order", symbol="BTCUSDT", orderId=placed["orders"][0]["orderId"])

    assert set((await statuses(client, placed)).values()) == {"CANCELED"}
    assert (await client.asset("BTC"))["locked"] == "0.00000000"
    again = await client.refused("DELETE margin/orderList", symbol="BTCUSDT", orderListId=placed["orderListId"])
    assert again[:2] == (400, -2011)


async def test_cancel_all_tells_lists_as_lists() -> None:
    _, client = await holder(DROP)
    await client.call("POST margin/order/oco", **exit_pair(quantity="0.2"))
    await client.rest("60000", side="SELL", quantity="0.1", sideEffectType="NO_SIDE_EFFECT")

    single, listed = await client.call("DELETE margin/openOrders", symbol="BTCUSDT")

    assert single["status"] == "CANCELED"
    assert [report["status"] for report in listed["orderReports"]] == ["CANCELED", "CANCELED"]


def entry(**more: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "workingType": "LIMIT",
        "workingSide": "BUY",
        "workingPrice": "50100",
        "workingQuantity": "0.1",
        "workingTimeInForce": "GTC",
        "sideEffectType": "MARGIN_BUY",
    } | more


ABOVE_IS_STOP = {"pendingAboveType": "STOP_LOSS", "pendingAboveStopPrice": "52000"}
ABOVE_IS_PROFIT = {"pendingAboveType": "TAKE_PROFIT", "pendingAboveStopPrice": "52000"}
BELOW_IS_LIMIT = {"pendingBelowType": "LIMIT_MAKER", "pendingBelowPrice": "48000"}


def brackets(**more: Any) -> dict[str, Any]:
    return entry(
        pendingSide="SELL",
        pendingQuantity="0.0999",
        pendingAboveType="LIMIT_MAKER",
        pendingAbovePrice="52000",
        pendingBelowType="STOP_LOSS",
        pendingBelowStopPrice="48000",
        **more,
    )


async def test_an_otoco_protects_what_its_entry_bought() -> None:
    venue = Venue(DROP)
    client = venue.client()
    venue.move()

    placed = await client.call("POST margin/order/otoco", **brackets())
    before = await statuses(client, placed)
    venue.move()

    assert placed["contingencyType"] == "OTO"
    assert before == {"LIMIT": "FILLED", "LIMIT_MAKER": "NEW", "STOP_LOSS": "NEW"}
    assert await statuses(client, placed) == {"LIMIT": "FILLED", "LIMIT_MAKER": "EXPIRED", "STOP_LOSS": "FILLED"}


async def test_pending_orders_wait_and_expire_with_their_entry() -> None:
    client = Venue().client()
    placed = await client.call("POST margin/order/otoco", **brackets(workingPrice="40000"))
    assert await statuses(client, placed) == {"LIMIT": "NEW", "LIMIT_MAKER": "PENDING_NEW", "STOP_LOSS": "PENDING_NEW"}

    gone = await client.call("DELETE margin/orderList", symbol="BTCUSDT", orderListId=placed["orderListId"])

    assert gone["listOrderStatus"] == "ALL_DONE"
    assert {report["status"] for report in gone["orderReports"]} == {"CANCELED"}


async def test_an_oto_places_its_second_order_when_the_first_is_filled() -> None:
    client = Venue().client()
    order = entry(pendingType="STOP_LOSS", pendingSide="SELL", pendingQuantity="0.0999", pendingStopPrice="48000")

    placed = await client.call("POST margin/order/oto", **order)

    assert await statuses(client, placed) == {"LIMIT": "FILLED", "STOP_LOSS": "NEW"}
    assert (await client.asset("BTC"))["locked"] == "0.09990000"


@pytest.mark.parametrize(
    ("path", "order", "code"),
    [
        ("oco", exit_pair(price="49000"), -2010),
        ("oco", exit_pair(stopPrice="51000"), -2010),
        ("oco", exit_pair(price="49000", stopPrice="51000"), -2010),
        ("oco", exit_pair(stopLimitPrice="47900"), -1102),
        ("oco", exit_pair(quantity="0.6"), -2010),
        ("otoco", brackets(sideEffectType="AUTO_REPAY"), -1130),
        ("otoco", brackets() | {"pendingBelowType": "MARKET"}, -1158),
        ("otoco", brackets() | {"pendingBelowType": "LIMIT_MAKER", "pendingBelowPrice": "48000"}, -1168),
        ("otoco", brackets() | {"pendingSide": "BUY"}, -1165),
        ("otoco", brackets() | {"pendingSide": "BUY"} | ABOVE_IS_STOP, -1196),
        ("otoco", brackets() | ABOVE_IS_STOP, -1197),
        ("otoco", brackets() | ABOVE_IS_STOP | BELOW_IS_LIMIT, -1166),
        ("otoco", brackets() | {"pendingSide": "BUY"} | ABOVE_IS_PROFIT, -1198),
        ("otoco", brackets() | {"pendingBelowType": "TAKE_PROFIT"}, -1199),
        ("otoco", brackets() | {"pendingAbovePrice": "47000"}, -2010),
        ("otoco", brackets() | {"workingType": "MARKET"}, -1130),
    ],
)
async def test_lists_are_refused_by_code(path: str, order: dict[str, Any], code: int) -> None:
    client = Venue().client(deposits={"BTC": "0.5", "USDT": "10000"})
    if order.get("pendingBelowType") == "MARKET":
        order = {name: value for name, value in order.items() if name != "pendingBelowStopPrice"}

    assert (await client.refused(f"POST margin/order/{path}", **order))[:2] == (400, code)


async def test_lists_that_are_not_there() -> None:
    client = Venue().client()

    assert (await client.refused("GET margin/orderList", orderListId="9"))[:2] == (400, -2018)
    assert (await client.refused("GET margin/orderList"))[:2] == (400, -1102)


async def test_a_stop_limit_leg_becomes_a_limit_order() -> None:
    venue, client = await holder(DROP)
    placed = await client.call("POST margin/order/oco", **exit_pair(stopLimitPrice="47500", stopLimitTimeInForce="GTC"))

    venue.move()

    (working,) = await client.call("GET margin/openOrders", symbol="BTCUSDT")
    assert (working["type"], working["isWorking"], working["price"]) == ("STOP_LOSS_LIMIT", True, "47500.00000000")
    assert (await statuses(client, placed))["LIMIT_MAKER"] == "EXPIRED"


async def test_a_pending_order_that_finds_no_funds_expires() -> None:
    client = Venue().client()
    order = entry(pendingType="LIMIT_MAKER", pendingSide="SELL", pendingQuantity="0.2", pendingPrice="52000")

    placed = await client.call("POST margin/order/oto", **order)

    assert await statuses(client, placed) == {"LIMIT": "FILLED", "LIMIT_MAKER": "EXPIRED"}
    assert await client.call("GET margin/openOrderList") == []


async def test_a_list_and_its_orders_have_ids_of_their_own() -> None:
    _, client = await holder(DROP)
    await client.call("POST margin/order/oco", **exit_pair(quantity="0.1", listClientOrderId="pair"))

    again = await client.refused("POST margin/order/oco", **exit_pair(quantity="0.1", listClientOrderId="pair"))

    assert again[:2] == (400, -2010)
