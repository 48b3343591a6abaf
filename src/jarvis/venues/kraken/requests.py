"""Kraken's order calls as parameters, before the signer adds a nonce and signs them. Pure functions.

Every order says its leverage: without it Kraken places a plain spot order and leaves the position alone. Every write
that can carry a deadline does, so that a delayed copy of it can no longer do anything. Fees are taken in quote
(`fciq`), so that a close leaves nothing over in base.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from jarvis.domain.money import plain
from jarvis.domain.order import (
    TRIGGERED_TYPES,
    ClientOrderId,
    OrderRequest,
    OrderType,
    TimeInForce,
    VenueOrderId,
)
from jarvis.venues.base import Amendment

_ORDER_TYPES = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "stop-loss",
    OrderType.STOP_LIMIT: "stop-loss-limit",
    OrderType.TAKE_PROFIT: "take-profit",
    OrderType.TAKE_PROFIT_LIMIT: "take-profit-limit",
    OrderType.TRAILING_STOP: "trailing-stop",
}


def add_order(
    request: OrderRequest, pair_id: str, *, deadline: datetime, trigger: str, validate_only: bool
) -> Mapping[str, str]:
    """The parameters of AddOrder. `trigger` is the price that sets off triggered orders: `last` or `index`."""
    parameters = {
        "cl_ord_id": request.client_order_id,
        "deadline": rfc3339(deadline),
        "leverage": str(request.leverage),
        "oflags": "fciq,post" if request.post_only else "fciq",
        "ordertype": _ORDER_TYPES[request.order_type],
        "pair": pair_id,
        "type": request.side.value,
        "volume": plain(request.quantity),
    }
    parameters.update(_prices(request))
    if request.order_type in TRIGGERED_TYPES:
        parameters["trigger"] = trigger
    if request.reduce_only:
        parameters["reduce_only"] = "true"
    if request.time_in_force is not TimeInForce.GTC:
        parameters["timeinforce"] = request.time_in_force.value.upper()
    if request.expires_at is not None:
        parameters["expiretm"] = str(int(request.expires_at.timestamp()))
    if validate_only:
        parameters["validate"] = "true"
    return parameters


def _prices(request: OrderRequest) -> Mapping[str, str]:
    """`price` is the limit of a limit order, the trigger of a triggered one, the offset (`+x`) of a trailing one."""
    if request.trailing_offset is not None:
        return {"price": f"+{plain(request.trailing_offset)}"}
    if request.trigger_price is None:
        return _given(price=request.limit_price)
    return _given(price=request.trigger_price, price2=request.limit_price)


def amend_order(venue_order_id: VenueOrderId, change: Amendment, *, deadline: datetime) -> Mapping[str, str]:
    """The parameters of AmendOrder, which keeps the order's ids; `order_qty` is the new total, fills included."""
    return {
        "txid": venue_order_id,
        "deadline": rfc3339(deadline),
        **_given(order_qty=change.quantity, limit_price=change.limit_price, trigger_price=change.trigger_price),
    }


def cancel_order(client_order_id: ClientOrderId, venue_order_id: VenueOrderId | None) -> Mapping[str, str]:
    """The parameters of CancelOrder: by the venue's id if we have it, else by ours."""
    return {"cl_ord_id": client_order_id} if venue_order_id is None else {"txid": venue_order_id}


def rfc3339(at: datetime) -> str:
    """`2024-05-14T12:34:56.123Z`, as deadlines are written."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _given(**values: Decimal | None) -> dict[str, str]:
    return {name: plain(value) for name, value in values.items() if value is not None}
