"""The exact parameters of each order call, before they are signed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.order import ClientOrderId, OrderRequest, OrderRole, OrderType, TimeInForce, VenueOrderId
from jarvis.venues.base import Amendment
from jarvis.venues.kraken.requests import add_order, amend_order, cancel_order, rfc3339

D = Decimal
DEADLINE = datetime(2026, 9, 21, 14, 13, 25, 123456, tzinfo=UTC)
ALWAYS = {
    "cl_ord_id": "jv0000001",
    "deadline": "2026-09-21T14:13:25.123Z",
    "leverage": "10",
    "oflags": "fciq",
    "pair": "XXBTZUSD",
    "type": "buy",
    "volume": "0.0125",
}


def wish(**changes: Any) -> OrderRequest:
    wanted: dict[str, Any] = {
        "client_order_id": ClientOrderId("jv0000001"),
        "pair": Pair.parse("BTC/USD"),
        "side": Side.BUY,
        "order_type": OrderType.MARKET,
        "quantity": D("0.01250000"),
        "leverage": 10,
        "role": OrderRole.ENTRY,
    }
    return OrderRequest(**{**wanted, **changes})


@pytest.mark.parametrize(
    ("request_", "extra"),
    [
        (wish(), {"ordertype": "market"}),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D("60010.00")),
            {"ordertype": "limit", "price": "60010"},
        ),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D("60010.5"), post_only=True),
            {"ordertype": "limit", "price": "60010.5", "oflags": "fciq,post"},
        ),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D(60010), time_in_force=TimeInForce.IOC),
            {"ordertype": "limit", "price": "60010", "timeinforce": "IOC"},
        ),
        (
            wish(
                order_type=OrderType.LIMIT,
                limit_price=D(60010),
                time_in_force=TimeInForce.GTD,
                expires_at=DEADLINE + timedelta(hours=1),
            ),
            {"ordertype": "limit", "price": "60010", "timeinforce": "GTD", "expiretm": "1790003605"},
        ),
        (
            wish(side=Side.SELL, order_type=OrderType.STOP, trigger_price=D("58000"), reduce_only=True),
            {"ordertype": "stop-loss", "type": "sell", "price": "58000", "trigger": "last", "reduce_only": "true"},
        ),
        (
            wish(order_type=OrderType.STOP_LIMIT, trigger_price=D("58000"), limit_price=D("58100.1")),
            {"ordertype": "stop-loss-limit", "price": "58000", "price2": "58100.1", "trigger": "last"},
        ),
        (
            wish(order_type=OrderType.TAKE_PROFIT, trigger_price=D("1E+5")),
            {"ordertype": "take-profit", "price": "100000", "trigger": "last"},
        ),
        (
            wish(order_type=OrderType.TAKE_PROFIT_LIMIT, trigger_price=D("70000"), limit_price=D("69990")),
            {"ordertype": "take-profit-limit", "price": "70000", "price2": "69990", "trigger": "last"},
        ),
        (
            wish(order_type=OrderType.TRAILING_STOP, trailing_offset=D("150.50")),
            {"ordertype": "trailing-stop", "price": "+150.5", "trigger": "last"},
        ),
        (
            wish(side=Side.SELL, leverage=3, role=OrderRole.FLATTEN, reduce_only=True),
            {"ordertype": "market", "type": "sell", "leverage": "3", "reduce_only": "true"},
        ),
    ],
)
def test_add_order_says_exactly_this(request_: OrderRequest, extra: dict[str, str]) -> None:
    parameters = add_order(request_, "XXBTZUSD", deadline=DEADLINE, trigger="last", validate_only=False)

    assert dict(parameters) == {**ALWAYS, **extra}


def test_add_order_can_only_be_checked() -> None:
    parameters = add_order(wish(), "XXBTZUSD", deadline=DEADLINE, trigger="last", validate_only=True)

    assert parameters["validate"] == "true"


def test_us_book_triggers_by_index() -> None:
    stop = wish(order_type=OrderType.STOP, trigger_price=D("58000"))

    parameters = add_order(stop, "XBTUSD:BTNL", deadline=DEADLINE, trigger="index", validate_only=False)

    assert (parameters["pair"], parameters["trigger"]) == ("XBTUSD:BTNL", "index")


def test_small_quantities_are_written_without_exponent() -> None:
    parameters = add_order(wish(quantity=D("5E-8")), "XXBTZUSD", deadline=DEADLINE, trigger="last", validate_only=False)

    assert parameters["volume"] == "0.00000005"


def test_amend_order_names_only_what_changes() -> None:
    order = VenueOrderId("OQCLML-BW3P3-BUCMWZ")

    assert amend_order(order, Amendment(trigger_price=D("58500.0")), deadline=DEADLINE) == {
        "txid": order,
        "deadline": "2026-09-21T14:13:25.123Z",
        "trigger_price": "58500",
    }
    assert amend_order(order, Amendment(D("0.03"), D(1), D(2)), deadline=DEADLINE) == {
        "txid": order,
        "deadline": "2026-09-21T14:13:25.123Z",
        "order_qty": "0.03",
        "trigger_price": "1",
        "limit_price": "2",
    }


def test_cancel_order_prefers_the_venues_id() -> None:
    assert cancel_order(ClientOrderId("jv1"), VenueOrderId("OQ")) == {"txid": "OQ"}
    assert cancel_order(ClientOrderId("jv1"), None) == {"cl_ord_id": "jv1"}


def test_deadlines_are_utc() -> None:
    berlin = DEADLINE.astimezone(tz=datetime.fromisoformat("2026-01-01T00:00:00+02:00").tzinfo)

    assert rfc3339(berlin) == "2026-09-21T14:13:25.123Z"
