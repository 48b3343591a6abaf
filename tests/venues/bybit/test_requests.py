"""The exact parameters of each order call, before they are signed."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.order import (
    LIMIT_TYPES,
    TRIGGERED_TYPES,
    ClientOrderId,
    OrderRequest,
    OrderRole,
    OrderType,
    TimeInForce,
    VenueOrderId,
)
from jarvis.signer.venues import check, signing_of
from jarvis.venues.base import Amendment
from jarvis.venues.bybit.orders import OrderFilter
from jarvis.venues.bybit.requests import amend_order, cancel_order, create_order, rises_to_trigger

D = Decimal
ALWAYS = {
    "category": "spot",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "qty": "0.0125",
    "isLeverage": "1",
    "orderLinkId": "jv0000001",
    "orderFilter": "Order",
    "purpose": "open",
}
MARKET = {"orderType": "Market", "timeInForce": "IOC", "marketUnit": "baseCoin"}


def wish(**changes: Any) -> OrderRequest:
    wanted: dict[str, Any] = {
        "client_order_id": ClientOrderId("jv0000001"),
        "pair": Pair.parse("BTC/USDT"),
        "side": Side.BUY,
        "order_type": OrderType.MARKET,
        "quantity": D("0.01250000"),
        "leverage": 3,
        "role": OrderRole.ENTRY,
    }
    return OrderRequest(**{**wanted, **changes})


@pytest.mark.parametrize(
    ("request_", "extra"),
    [
        (wish(), MARKET),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D("60010.00")),
            {"orderType": "Limit", "price": "60010", "timeInForce": "GTC"},
        ),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D("60010.5"), post_only=True),
            {"orderType": "Limit", "price": "60010.5", "timeInForce": "PostOnly"},
        ),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D(60010), time_in_force=TimeInForce.IOC),
            {"orderType": "Limit", "price": "60010", "timeInForce": "IOC"},
        ),
        (
            wish(
                side=Side.SELL, order_type=OrderType.STOP, trigger_price=D(58000), role=OrderRole.STOP, reduce_only=True
            ),
            {**MARKET, "side": "Sell", "triggerPrice": "58000", "orderFilter": "StopOrder", "purpose": "close"},
        ),
        (
            wish(order_type=OrderType.STOP_LIMIT, trigger_price=D("58000"), limit_price=D("58100.1")),
            {
                "orderType": "Limit",
                "timeInForce": "GTC",
                "price": "58100.1",
                "triggerPrice": "58000",
                "orderFilter": "StopOrder",
            },
        ),
        (
            wish(order_type=OrderType.TAKE_PROFIT, trigger_price=D("1E+5")),
            {**MARKET, "triggerPrice": "100000", "orderFilter": "StopOrder"},
        ),
        (
            wish(side=Side.SELL, role=OrderRole.FLATTEN, reduce_only=True),
            {**MARKET, "side": "Sell", "purpose": "close"},
        ),
    ],
)
def test_create_order_says_exactly_this(request_: OrderRequest, extra: dict[str, str]) -> None:
    assert dict(create_order(request_, "BTCUSDT")) == {**ALWAYS, **extra}


def test_small_quantities_are_written_without_exponent() -> None:
    assert create_order(wish(quantity=D("5E-8")), "BTCUSDT")["qty"] == "0.00000005"


def test_amend_order_names_only_what_changes() -> None:
    order = VenueOrderId("1700000000000000001")

    assert amend_order(order, "BTCUSDT", Amendment(trigger_price=D("58500.0"))) == {
        "category": "spot",
        "symbol": "BTCUSDT",
        "orderId": order,
        "triggerPrice": "58500",
    }
    assert amend_order(order, "BTCUSDT", Amendment(D("0.03"), D(1), D(2))) == {
        "category": "spot",
        "symbol": "BTCUSDT",
        "orderId": order,
        "qty": "0.03",
        "triggerPrice": "1",
        "price": "2",
    }


def test_cancel_order_prefers_the_venues_id_and_always_names_the_list() -> None:
    ours, theirs = ClientOrderId("jv1"), VenueOrderId("17")

    assert cancel_order(ours, theirs, "BTCUSDT", OrderFilter.STOP_ORDER) == {
        "category": "spot",
        "symbol": "BTCUSDT",
        "orderId": "17",
        "orderFilter": "StopOrder",
    }
    assert cancel_order(ours, None, "BTCUSDT", OrderFilter.ORDER)["orderLinkId"] == "jv1"


@pytest.mark.parametrize(
    ("kind", "side", "rises"),
    [
        (OrderType.STOP, Side.SELL, False),
        (OrderType.STOP, Side.BUY, True),
        (OrderType.STOP_LIMIT, Side.BUY, True),
        (OrderType.TAKE_PROFIT, Side.SELL, True),
        (OrderType.TAKE_PROFIT_LIMIT, Side.BUY, False),
    ],
)
def test_a_trigger_waits_on_its_own_side_of_the_price(kind: OrderType, side: Side, rises: bool) -> None:
    assert rises_to_trigger(kind, side) is rises


# What the adapter can ask for is what the signer's allow-list takes.

amounts = st.decimals(min_value="0.00000001", max_value="99999999", places=8)
PLACEABLE = [kind for kind in OrderType if kind is not OrderType.TRAILING_STOP]


@st.composite
def orders(draw: st.DrawFn) -> OrderRequest:
    kind = draw(st.sampled_from(PLACEABLE))
    role = draw(st.sampled_from(OrderRole))
    return OrderRequest(
        client_order_id=ClientOrderId(draw(st.from_regex(r"[A-Za-z0-9]{1,18}", fullmatch=True))),
        pair=Pair.parse("BTC/USDT"),
        side=draw(st.sampled_from(Side)),
        order_type=kind,
        quantity=draw(amounts),
        leverage=draw(st.integers(2, 10)),
        role=role,
        reduce_only=role is not OrderRole.ENTRY,
        limit_price=draw(amounts) if kind in LIMIT_TYPES else None,
        trigger_price=draw(amounts) if kind in TRIGGERED_TYPES else None,
        post_only=kind is OrderType.LIMIT and draw(st.booleans()),
        time_in_force=draw(st.sampled_from((TimeInForce.GTC, TimeInForce.IOC))),
    )


@given(order=orders(), symbol=st.sampled_from(["BTCUSDT", "ETHUSDT", "BNBUSDT"]))
def test_every_order_that_the_adapter_can_place_may_be_signed(order: OrderRequest, symbol: str) -> None:
    parameters = {**create_order(order, symbol), "timestamp": "1790000000000"}

    check("bybit", "POST /v5/order/create", parameters)

    assert parameters["isLeverage"] == "1"
    assert signing_of("bybit").may_open("POST /v5/order/create", parameters) is (order.role is OrderRole.ENTRY)


@given(quantity=amounts, price=amounts, order_filter=st.sampled_from(OrderFilter))
def test_every_amendment_and_cancel_of_the_adapter_may_be_signed(
    quantity: Decimal, price: Decimal, order_filter: OrderFilter
) -> None:
    order_id = VenueOrderId("1700000000000000001")
    stamp = {"timestamp": "1790000000000"}

    for change in (Amendment(quantity=quantity), Amendment(trigger_price=price), Amendment(quantity, price, price)):
        check("bybit", "POST /v5/order/amend", {**amend_order(order_id, "BTCUSDT", change), **stamp})
    for named in (order_id, None):
        cancel = cancel_order(ClientOrderId("jvA0000001"), named, "BTCUSDT", order_filter)
        check("bybit", "POST /v5/order/cancel", {**cancel, **stamp})
