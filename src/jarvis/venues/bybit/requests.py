"""Bybit's order calls as parameters, before the signer orders them into JSON and signs it. Pure functions.

Every order says `isLeverage`: without it Bybit places a plain spot order that never borrows. A market order says that
its quantity is in base: without it a buy's would be in quote.

Triggered orders are placed as `StopOrder` (conditional), not as `tpslOrder`. A `tpslOrder` locks the coins that it
would sell from the moment it is placed: an exit beside it would find them locked and, with `isLeverage`, borrow others
and leave a short behind; a stop and a take-profit could not rest together; and the protection of a short would lock
margin. A `StopOrder` locks nothing until its trigger. What it costs: if funds are short at that moment it is cancelled.
The closing of a long sells what is held, so that can only befall the buy back of a short whose margin is used up, and
the report of the cancel brings the forced exit.
"""

from collections.abc import Mapping

from jarvis.domain.instrument import Side
from jarvis.domain.money import plain
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
from jarvis.venues.base import Amendment
from jarvis.venues.bybit.orders import OrderFilter

SIDES = {Side.BUY: "Buy", Side.SELL: "Sell"}
# Stops are set off by a price that moves against the position, take-profits by one that moves for it.
_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})


def create_order(request: OrderRequest, symbol: str) -> Mapping[str, str]:
    """The parameters of order/create. `purpose` tells the signer, and only the signer, whether it may add risk."""
    is_limit = request.order_type in LIMIT_TYPES
    parameters = {
        "category": "spot",
        "symbol": symbol,
        "side": SIDES[request.side],
        "orderType": "Limit" if is_limit else "Market",
        "qty": plain(request.quantity),
        "timeInForce": _time_in_force(request, is_limit=is_limit),
        "isLeverage": "1",
        "orderFilter": filter_of(request.order_type).value,
        "orderLinkId": request.client_order_id,
        "purpose": "open" if request.role is OrderRole.ENTRY else "close",
    }
    if not is_limit:
        parameters["marketUnit"] = "baseCoin"
    if request.limit_price is not None:
        parameters["price"] = plain(request.limit_price)
    if request.trigger_price is not None:
        parameters["triggerPrice"] = plain(request.trigger_price)
    return parameters


def _time_in_force(request: OrderRequest, *, is_limit: bool) -> str:
    if request.post_only:
        return "PostOnly"
    return "IOC" if not is_limit or request.time_in_force is TimeInForce.IOC else "GTC"


def filter_of(order_type: OrderType) -> OrderFilter:
    """The list in which an order of this type is placed."""
    return OrderFilter.STOP_ORDER if order_type in TRIGGERED_TYPES else OrderFilter.ORDER


def rises_to_trigger(order_type: OrderType, side: Side) -> bool:
    """Whether the price has to rise for a triggered order of this type to go off."""
    return (order_type in _STOPS) == (side is Side.BUY)


def amend_order(venue_order_id: VenueOrderId, symbol: str, change: Amendment) -> Mapping[str, str]:
    """The parameters of order/amend, which keeps the order's ids; `qty` is the new total, fills included."""
    given = {"qty": change.quantity, "price": change.limit_price, "triggerPrice": change.trigger_price}
    return {
        "category": "spot",
        "symbol": symbol,
        "orderId": venue_order_id,
        **{name: plain(value) for name, value in given.items() if value is not None},
    }


def cancel_order(
    client_order_id: ClientOrderId, venue_order_id: VenueOrderId | None, symbol: str, order_filter: OrderFilter
) -> Mapping[str, str]:
    """The parameters of order/cancel: by the venue's id if we have it, else by ours."""
    named = {"orderLinkId": client_order_id} if venue_order_id is None else {"orderId": venue_order_id}
    return {"category": "spot", "symbol": symbol, **named, "orderFilter": order_filter.value}
