"""The exact parameters of each call, before the time is added and they are signed."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import Asset, is_multiple
from jarvis.domain.order import (
    LIMIT_TYPES,
    TRIGGERED_TYPES,
    ClientOrderId,
    OrderRequest,
    OrderRole,
    OrderType,
    TimeInForce,
)
from jarvis.signer.venues import check
from jarvis.venues.binance import CATALOGUE, requests
from jarvis.venues.binance.requests import CannotPlace, PriceRules, place_order, wide_limit

D = Decimal
BTC = Pair.parse("BTC/USDT")
LATER = datetime(2026, 9, 22, tzinfo=UTC)
ALL = frozenset({"LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
RULES = PriceRules(ALL, D("0.01"), D("0.01"), D(1_000_000), D("0.2"), D(5))
OLD_RULES = PriceRules(ALL - {"STOP_LOSS", "TAKE_PROFIT"}, D("0.01"), D("0.01"), D(1_000_000), D("0.2"), D(5))
ALWAYS = {
    "symbol": "BTCUSDT",
    "isIsolated": "FALSE",
    "side": "BUY",
    "quantity": "0.0125",
    "newClientOrderId": "jv0000001",
    "sideEffectType": "MARGIN_BUY",
    "newOrderRespType": "FULL",
}
NOW = {"recvWindow": "5000", "timestamp": "1790000000123"}


def wish(**changes: Any) -> OrderRequest:
    wanted: dict[str, Any] = {
        "client_order_id": ClientOrderId("jv0000001"),
        "pair": BTC,
        "side": Side.BUY,
        "order_type": OrderType.MARKET,
        "quantity": D("0.01250000"),
        "leverage": 3,
        "role": OrderRole.ENTRY,
    }
    return OrderRequest(**{**wanted, **changes})


def exit_(role: OrderRole = OrderRole.SIGNAL_EXIT, **changes: Any) -> OrderRequest:
    return wish(**{"side": Side.SELL, "role": role, "reduce_only": True, **changes})


CLOSING = {"side": "SELL", "sideEffectType": "AUTO_REPAY"}


@pytest.mark.parametrize(
    ("request_", "extra"),
    [
        (wish(), {"type": "MARKET"}),
        (wish(leverage=1), {"type": "MARKET", "sideEffectType": "NO_SIDE_EFFECT"}),
        (wish(side=Side.SELL), {"type": "MARKET", "side": "SELL"}),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D("60010.00")),
            {"type": "LIMIT", "price": "60010", "timeInForce": "GTC"},
        ),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D("60010.5"), time_in_force=TimeInForce.IOC),
            {"type": "LIMIT", "price": "60010.5", "timeInForce": "IOC"},
        ),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D("60010.5"), post_only=True),
            {"type": "LIMIT_MAKER", "price": "60010.5"},
        ),
        (exit_(), {"type": "MARKET", **CLOSING}),
        (exit_(leverage=1), {"type": "MARKET", **CLOSING}),
        (
            exit_(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(58000)),
            {"type": "STOP_LOSS", "stopPrice": "58000", **CLOSING},
        ),
        (
            exit_(OrderRole.STOP, order_type=OrderType.STOP_LIMIT, trigger_price=D(58000), limit_price=D("57900.1")),
            {"type": "STOP_LOSS_LIMIT", "stopPrice": "58000", "price": "57900.1", "timeInForce": "GTC", **CLOSING},
        ),
        (
            exit_(OrderRole.TAKE_PROFIT, order_type=OrderType.TAKE_PROFIT, trigger_price=D("1E+5")),
            {"type": "TAKE_PROFIT", "stopPrice": "100000", **CLOSING},
        ),
        (
            exit_(
                OrderRole.TAKE_PROFIT,
                order_type=OrderType.TAKE_PROFIT_LIMIT,
                trigger_price=D(70000),
                limit_price=D(69990),
            ),
            {"type": "TAKE_PROFIT_LIMIT", "stopPrice": "70000", "price": "69990", "timeInForce": "GTC", **CLOSING},
        ),
    ],
)
def test_a_margin_order_says_exactly_this(request_: OrderRequest, extra: dict[str, str]) -> None:
    assert dict(place_order(request_, RULES, isolated=False)) == {**ALWAYS, **extra}


def test_an_isolated_order_says_so() -> None:
    assert place_order(wish(), RULES, isolated=True)["isIsolated"] == "TRUE"


@pytest.mark.parametrize(
    ("side", "limit"),
    [(Side.SELL, "55100"), (Side.BUY, "60900")],
)
def test_where_only_limit_stops_are_offered_a_stop_gets_a_wide_limit(side: Side, limit: str) -> None:
    stop = exit_(OrderRole.STOP, side=side, order_type=OrderType.STOP, trigger_price=D(58000))

    parameters = place_order(stop, OLD_RULES, isolated=False)

    assert (parameters["type"], parameters["stopPrice"], parameters["price"], parameters["timeInForce"]) == (
        "STOP_LOSS_LIMIT",
        "58000",
        limit,
        "GTC",
    )


@given(
    side=st.sampled_from(Side),
    trigger=st.decimals("0.01", "999999", places=2),
    lowest=st.decimals("0.1", "0.99", places=2),
    highest=st.decimals("1.01", "5", places=2),
)
def test_a_wide_limit_conforms_to_the_filters(side: Side, trigger: Decimal, lowest: Decimal, highest: Decimal) -> None:
    rules = PriceRules(ALL, D("0.01"), D("0.01"), D(1_000_000), lowest, highest)

    limit = wide_limit(side, trigger, rules)

    assert is_multiple(limit, rules.tick)
    assert rules.min_price <= limit <= rules.max_price
    if side is Side.SELL:
        assert trigger * lowest <= limit <= trigger + rules.tick
    else:
        assert trigger - rules.tick <= limit <= trigger * highest


@pytest.mark.parametrize(
    ("request_", "rules"),
    [
        (exit_(OrderRole.STOP, order_type=OrderType.TRAILING_STOP, trailing_offset=D(100)), RULES),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D(1), time_in_force=TimeInForce.GTD, expires_at=LATER),
            RULES,
        ),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D(1), time_in_force=TimeInForce.IOC, post_only=True),
            RULES,
        ),
        (
            exit_(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(1), time_in_force=TimeInForce.IOC),
            RULES,
        ),
        (
            exit_(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(1)),
            PriceRules(frozenset({"LIMIT", "MARKET"}), D(1), D(1), D(2), D(0), D(9)),
        ),
        (wish(), PriceRules(frozenset({"LIMIT"}), D(1), D(1), D(2), D(0), D(9))),
    ],
)
def test_what_binance_has_no_order_for_is_said_and_not_sent(request_: OrderRequest, rules: PriceRules) -> None:
    with pytest.raises(CannotPlace):
        place_order(request_, rules, isolated=False)


def test_small_quantities_are_written_without_exponent() -> None:
    assert place_order(wish(quantity=D("5E-8")), RULES, isolated=False)["quantity"] == "0.00000005"


def test_orders_are_named_by_our_id_and_their_account() -> None:
    assert requests.named_order(ClientOrderId("jv1"), BTC, isolated=True) == {
        "symbol": "BTCUSDT",
        "isIsolated": "TRUE",
        "origClientOrderId": "jv1",
    }


def test_a_repayment_is_exact_and_names_the_account() -> None:
    assert requests.repayment(Asset("USDT"), D("5400.01500000"), None) == {
        "type": "REPAY",
        "asset": "USDT",
        "amount": "5400.015",
        "isIsolated": "FALSE",
    }
    assert requests.repayment(Asset("BTC"), D("1E-8"), BTC) == {
        "type": "REPAY",
        "asset": "BTC",
        "amount": "0.00000001",
        "isIsolated": "TRUE",
        "symbol": "BTCUSDT",
    }


amounts = st.decimals(min_value="0.00000001", max_value="99999999", places=8)


@st.composite
def orders(draw: st.DrawFn) -> OrderRequest:
    kind = draw(st.sampled_from(sorted(set(OrderType) - {OrderType.TRAILING_STOP}, key=str)))
    role = draw(st.sampled_from(OrderRole))
    post_only = kind is OrderType.LIMIT and draw(st.booleans())
    may_be_short_lived = kind in LIMIT_TYPES | {OrderType.MARKET} and not post_only
    return OrderRequest(
        client_order_id=ClientOrderId(draw(st.from_regex(r"[A-Za-z0-9_-]{1,18}", fullmatch=True))),
        pair=draw(st.sampled_from(CATALOGUE)),
        side=draw(st.sampled_from(Side)),
        order_type=kind,
        quantity=draw(amounts),
        leverage=draw(st.integers(1, 10)),
        role=role,
        reduce_only=role is not OrderRole.ENTRY,
        limit_price=draw(amounts) if kind in LIMIT_TYPES else None,
        trigger_price=draw(amounts) if kind in TRIGGERED_TYPES else None,
        post_only=post_only,
        time_in_force=draw(st.sampled_from([TimeInForce.GTC, TimeInForce.IOC]))
        if may_be_short_lived
        else TimeInForce.GTC,
    )


@given(order=orders(), isolated=st.booleans(), rules=st.sampled_from([RULES, OLD_RULES]))
def test_every_order_that_the_adapter_can_place_may_be_signed(
    order: OrderRequest, isolated: bool, rules: PriceRules
) -> None:
    parameters = place_order(order, rules, isolated=isolated)

    check("binance", "POST /sapi/v1/margin/order", {**parameters, **NOW})


@given(order=orders())
def test_an_exit_never_borrows_and_nothing_borrows_by_itself_later(order: OrderRequest) -> None:
    effect = place_order(order, RULES, isolated=False)["sideEffectType"]

    assert effect != "AUTO_BORROW_REPAY"
    assert (effect == "AUTO_REPAY") == (order.role is not OrderRole.ENTRY)


@given(order=orders())
def test_numbers_survive_the_wire_digit_by_digit(order: OrderRequest) -> None:
    parameters = place_order(order, RULES, isolated=False)

    assert D(parameters["quantity"]) == order.quantity
    assert "E" not in parameters["quantity"]
    if order.trigger_price is not None:
        assert D(parameters["stopPrice"]) == order.trigger_price
    if order.limit_price is not None:
        assert D(parameters["price"]) == order.limit_price
