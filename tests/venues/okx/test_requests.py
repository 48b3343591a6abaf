"""Our wishes as OKX's parameters, and that the signer takes every one of them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Side
from jarvis.domain.money import is_multiple
from jarvis.domain.order import LIMIT_TYPES, ClientOrderId, OrderRequest, OrderRole, OrderType, TimeInForce
from jarvis.signer.venues import VENUES, check
from jarvis.venues.base import Amendment
from jarvis.venues.okx import CATALOGUE, requests
from jarvis.venues.okx.parse import algo_order_id
from tests.venues.okx.wires import ALGO, OURS, stop, wish

D = Decimal
EXPIRY = datetime(2026, 9, 21, 14, 13, 25, tzinfo=UTC)
TICK = D("0.1")
AT = {"timestamp": "1790000000000"}


def placed(request: OrderRequest, price: Decimal | None, *, reduces: bool = True) -> dict[str, str]:
    parameters = dict(requests.place_order(request, price=price, reduces=reduces, expires_at=EXPIRY))
    check("okx", "POST /api/v5/trade/order", {**parameters, **AT})
    return parameters


def placed_algo(request: OrderRequest, *, reduces: bool = True) -> dict[str, str]:
    parameters = dict(requests.place_algo_order(request, tick=TICK, reduces=reduces))
    check("okx", "POST /api/v5/trade/order-algo", {**parameters, **AT})
    return parameters


def test_a_market_entry_is_an_immediate_order_sized_in_base() -> None:
    assert placed(wish(), D("60600.1")) == {
        "instId": "BTC-USDT",
        "tdMode": "cross",
        "ccy": "USDT",
        "clOrdId": OURS,
        "side": "buy",
        "ordType": "ioc",
        "sz": "0.01",
        "px": "60600.1",
        "purpose": "open",
        "expTime": "1790000005000",
    }


def test_a_market_sale_is_one_and_keeps_the_quotes_margin() -> None:
    sale = placed(wish(side=Side.SELL), None)

    assert (sale["ordType"], sale["sz"], sale["ccy"]) == ("market", "0.01", "USDT")
    assert "px" not in sale


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "limit"),
        ({"post_only": True}, "post_only"),
        ({"time_in_force": TimeInForce.IOC}, "ioc"),
    ],
)
def test_limit_orders(changes: dict[str, object], kind: str) -> None:
    order = placed(wish(order_type=OrderType.LIMIT, limit_price=D(59000), **changes), D(59000))

    assert (order["ordType"], order["px"]) == (kind, "59000")


def test_an_exit_reduces_only_where_the_mode_knows_it_and_says_so_to_the_signer_anyway() -> None:
    exit_order = wish(side=Side.SELL, role=OrderRole.FLATTEN, reduce_only=True)
    futures, multi = placed(exit_order, None), placed(exit_order, None, reduces=False)

    assert (futures["reduceOnly"], futures["purpose"]) == ("true", "close")
    assert "reduceOnly" not in multi
    assert multi["purpose"] == "close"
    assert not VENUES["okx"].may_open("POST /api/v5/trade/order", multi)


def test_a_stop_that_sells_does_so_at_the_market() -> None:
    assert placed_algo(stop()) == {
        "instId": "BTC-USDT",
        "tdMode": "cross",
        "ccy": "USDT",
        "algoClOrdId": OURS,
        "side": "sell",
        "ordType": "conditional",
        "sz": "0.01",
        "slTriggerPx": "59000",
        "slTriggerPxType": "last",
        "slOrdPx": "-1",
        "reduceOnly": "true",
        "purpose": "close",
    }


def test_a_stop_that_buys_has_a_price_so_that_its_size_is_base() -> None:
    order = placed_algo(stop(side=Side.BUY, trigger_price=D("61000.3")))

    assert (order["slTriggerPx"], order["slOrdPx"]) == ("61000.3", "62830.3")
    assert order["sz"] == "0.01"


def test_take_profits_are_the_other_leg() -> None:
    sale = placed_algo(stop(order_type=OrderType.TAKE_PROFIT, role=OrderRole.TAKE_PROFIT, trigger_price=D(66000)))
    limited = placed_algo(
        stop(
            order_type=OrderType.TAKE_PROFIT_LIMIT,
            role=OrderRole.TAKE_PROFIT,
            trigger_price=D(66000),
            limit_price=D(65990),
        )
    )

    assert (sale["tpTriggerPx"], sale["tpOrdPx"], sale["tpTriggerPxType"]) == ("66000", "-1", "last")
    assert limited["tpOrdPx"] == "65990"
    assert not any(name.startswith("sl") for name in (*sale, *limited))


def test_an_entry_reaches_less_far_than_an_exit_and_neither_beyond_the_venues_limit() -> None:
    entry, exit_order = wish(), wish(role=OrderRole.FLATTEN, reduce_only=True)

    assert requests.market_buy_price(entry, D("60000.1"), None, TICK) == D("60600.1")
    assert requests.market_buy_price(exit_order, D("60000.1"), None, TICK) == D("63000.1")
    assert requests.market_buy_price(exit_order, D("60000.1"), D("61800.45"), TICK) == D("61800.4")


def test_a_plain_order_is_amended_by_its_id() -> None:
    parameters = requests.amend_order(
        algo_order_id(ALGO), "BTC-USDT", Amendment(quantity=D("0.02"), limit_price=D(58000)), expires_at=EXPIRY
    )

    assert {name: parameters[name] for name in ("newSz", "newPx", "expTime")} == {
        "newSz": "0.02",
        "newPx": "58000",
        "expTime": "1790000005000",
    }


@pytest.mark.parametrize(
    ("side", "kind", "change", "expected"),
    [
        (Side.SELL, OrderType.STOP, Amendment(trigger_price=D(59500)), {"newSlTriggerPx": "59500"}),
        (Side.SELL, OrderType.STOP, Amendment(quantity=D("0.02")), {"newSz": "0.02"}),
        (
            Side.BUY,
            OrderType.STOP,
            Amendment(trigger_price=D(61000)),
            {"newSlTriggerPx": "61000", "newSlOrdPx": "62830"},
        ),
        (
            Side.BUY,
            OrderType.TAKE_PROFIT,
            Amendment(trigger_price=D(55000)),
            {"newTpTriggerPx": "55000", "newTpOrdPx": "56650"},
        ),
        (Side.SELL, OrderType.STOP_LIMIT, Amendment(limit_price=D(58000)), {"newSlOrdPx": "58000"}),
    ],
)
def test_a_triggered_order_is_amended_with_the_price_that_goes_along(
    side: Side, kind: OrderType, change: Amendment, expected: dict[str, str]
) -> None:
    parameters = requests.amend_algo_order(ALGO, "BTC-USDT", change, side=side, order_type=kind, tick=TICK)

    assert parameters == {"instId": "BTC-USDT", "algoId": ALGO, **expected}
    check("okx", "POST /api/v5/trade/amend-algos", {**parameters, **AT})


def test_orders_are_cancelled_by_the_venues_id_or_else_by_ours() -> None:
    assert requests.cancel_order(OURS, None, "BTC-USDT") == {"instId": "BTC-USDT", "clOrdId": OURS}
    assert requests.cancel_algo_order(OURS, None, "BTC-USDT") == {"instId": "BTC-USDT", "algoClOrdId": OURS}
    assert requests.cancel_algo_order(OURS, algo_order_id(ALGO), "BTC-USDT") == {"instId": "BTC-USDT", "algoId": ALGO}


amounts = st.decimals(min_value="0.00000001", max_value="99999999", places=8)
prices = st.decimals(min_value="0.1", max_value="999999", places=1)
KINDS = [each for each in OrderType if each is not OrderType.TRAILING_STOP]


@st.composite
def orders(draw: st.DrawFn) -> OrderRequest:
    kind = draw(st.sampled_from(KINDS))
    role = draw(st.sampled_from(OrderRole))
    triggered = kind not in (OrderType.MARKET, OrderType.LIMIT)
    return OrderRequest(
        client_order_id=ClientOrderId(draw(st.from_regex(r"[a-z0-9]{1,18}", fullmatch=True))),
        pair=draw(st.sampled_from(CATALOGUE)),
        side=draw(st.sampled_from(Side)),
        order_type=kind,
        quantity=draw(amounts),
        leverage=draw(st.integers(1, 10)),
        role=role,
        reduce_only=role is not OrderRole.ENTRY,
        limit_price=draw(prices) if kind in LIMIT_TYPES else None,
        trigger_price=draw(prices) if triggered else None,
        post_only=kind is OrderType.LIMIT and draw(st.booleans()),
    )


@given(order=orders(), price=prices, reduces=st.booleans())
def test_every_order_that_the_adapter_can_place_may_be_signed(
    order: OrderRequest, price: Decimal, reduces: bool
) -> None:
    if requests.is_triggered(order):
        parameters = placed_algo(order, reduces=reduces)
        prices_sent = [value for name, value in parameters.items() if name.endswith("Px") and value != "-1"]
        assert all(is_multiple(D(value), TICK) for value in prices_sent)
    elif order.order_type is OrderType.MARKET and order.side is Side.SELL:
        parameters = placed(order, None, reduces=reduces)
    else:
        parameters = placed(order, order.limit_price or price, reduces=reduces)
    assert (parameters["ccy"], parameters["tdMode"], parameters["sz"]) == (
        "USDT",
        "cross",
        f"{order.quantity:f}".rstrip("0").rstrip("."),
    )
    assert VENUES["okx"].may_open(
        "POST /api/v5/trade/order-algo" if requests.is_triggered(order) else "POST /api/v5/trade/order", parameters
    ) == (not order.reduce_only)


@given(trigger=prices, side=st.sampled_from(Side))
def test_a_triggered_order_buys_never_below_its_trigger_and_sells_at_any_price(trigger: Decimal, side: Side) -> None:
    price = placed_algo(stop(side=side, trigger_price=trigger))["slOrdPx"]

    if side is Side.SELL:
        assert price == "-1"
    else:
        assert trigger <= D(price) <= trigger * D("1.03")
