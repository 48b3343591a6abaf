"""OKX's order calls as parameters, before the signer adds the key and signs them. Pure functions.

Every order is a cross-margin order in USDT: without `ccy` OKX would margin a sell in its base, and a close would open a
second position. Quantities are always in base: OKX reads the size of a market buy on margin as an amount of quote, so
buying at the market is an immediate-or-cancel order at a price somewhat above it, and a triggered buy has such a price
as well. Prices are last prices, as for every trigger on spot and margin there.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from jarvis.domain.instrument import Side
from jarvis.domain.money import plain, round_down
from jarvis.domain.order import (
    TRIGGERED_TYPES,
    ClientOrderId,
    OrderRequest,
    OrderRole,
    OrderType,
    TimeInForce,
    VenueOrderId,
)
from jarvis.venues.base import Amendment
from jarvis.venues.okx.fields import milliseconds
from jarvis.venues.okx.parse import algo_id_of
from jarvis.venues.okx.symbols import USDT, inst_id

ENTRY_REACH = Decimal("1.01")
"""How far above the best ask an entry at the market may buy: a bounded loss, where the rest is cancelled."""
EXIT_REACH = Decimal("1.05")
"""How far an exit at the market may: getting out matters more. OKX's own market orders reckon with as much."""
TRIGGERED_REACH = Decimal("1.03")
"""How far above its trigger a triggered buy may. Further, and OKX's price band could refuse it when it triggers."""
_MARKET_PRICE = "-1"


def market_buy_price(request: OrderRequest, ask: Decimal, ceiling: Decimal | None, tick: Decimal) -> Decimal:
    """The price of an immediate order that buys at the market: above the ask, within the venue's own limit."""
    reach = ENTRY_REACH if request.role is OrderRole.ENTRY else EXIT_REACH
    price = ask * reach if ceiling is None else min(ask * reach, ceiling)
    return round_down(price, tick)


def place_order(
    request: OrderRequest, *, price: Decimal | None, reduces: bool, expires_at: datetime
) -> Mapping[str, str]:
    """The parameters of `order` for an order without a trigger; `price` is None only for a sale at the market.

    `reduces` says whether the account's mode knows reduce-only for such an order.
    """
    return {
        "instId": inst_id(request.pair),
        "tdMode": "cross",
        "ccy": USDT,
        "clOrdId": request.client_order_id,
        "side": request.side.value,
        "ordType": _order_type(request, price),
        "sz": plain(request.quantity),
        **_given(px=price),
        **_purpose(request, reduces=reduces),
        "expTime": milliseconds(expires_at),
    }


def _order_type(request: OrderRequest, price: Decimal | None) -> str:
    if request.order_type is OrderType.MARKET:
        return "market" if price is None else "ioc"
    if request.post_only:
        return "post_only"
    return "ioc" if request.time_in_force is TimeInForce.IOC else "limit"


def place_algo_order(request: OrderRequest, *, tick: Decimal, reduces: bool) -> Mapping[str, str]:
    """The parameters of `order-algo` for a stop or a take-profit."""
    if request.trigger_price is None:
        raise ValueError(f"a {request.order_type.value} order has no trigger")
    leg = _leg_of(request.order_type)
    return {
        "instId": inst_id(request.pair),
        "tdMode": "cross",
        "ccy": USDT,
        "algoClOrdId": request.client_order_id,
        "side": request.side.value,
        "ordType": "conditional",
        "sz": plain(request.quantity),
        f"{leg}TriggerPx": plain(request.trigger_price),
        f"{leg}TriggerPxType": "last",
        f"{leg}OrdPx": _triggered_price(request.side, request.trigger_price, request.limit_price, tick),
        **_purpose(request, reduces=reduces),
    }


def _leg_of(order_type: OrderType | None) -> str:
    return "sl" if order_type in (OrderType.STOP, OrderType.STOP_LIMIT) else "tp"


def _triggered_price(side: Side, trigger: Decimal, limit: Decimal | None, tick: Decimal) -> str:
    if limit is not None:
        return plain(limit)
    return _MARKET_PRICE if side is Side.SELL else plain(round_down(trigger * TRIGGERED_REACH, tick))


def _purpose(request: OrderRequest, *, reduces: bool) -> dict[str, str]:
    if not request.reduce_only:
        return {"purpose": "open"}
    return {"reduceOnly": "true", "purpose": "close"} if reduces else {"purpose": "close"}


def amend_order(
    order_id: VenueOrderId, instrument: str, change: Amendment, *, expires_at: datetime
) -> Mapping[str, str]:
    """The parameters of `amend-order`; the order keeps its ids, and `newSz` is the new total, fills included."""
    return {
        "instId": instrument,
        "ordId": order_id,
        **_given(newSz=change.quantity, newPx=change.limit_price),
        "expTime": milliseconds(expires_at),
    }


def amend_algo_order(
    algo_id: str, instrument: str, change: Amendment, *, side: Side, order_type: OrderType | None, tick: Decimal
) -> Mapping[str, str]:
    """The parameters of `amend-algos`. A triggered buy's price goes along with its trigger."""
    leg = _leg_of(order_type).title()
    prices: dict[str, str] = {}
    if change.trigger_price is not None:
        prices[f"new{leg}TriggerPx"] = plain(change.trigger_price)
    if change.limit_price is not None:
        prices[f"new{leg}OrdPx"] = plain(change.limit_price)
    elif (
        change.trigger_price is not None and side is Side.BUY and order_type in (OrderType.STOP, OrderType.TAKE_PROFIT)
    ):
        prices[f"new{leg}OrdPx"] = _triggered_price(side, change.trigger_price, None, tick)
    return {"instId": instrument, "algoId": algo_id, **_given(newSz=change.quantity), **prices}


def cancel_order(client_order_id: ClientOrderId, order_id: VenueOrderId | None, instrument: str) -> Mapping[str, str]:
    """The parameters of `cancel-order`: by the venue's id if we have it, else by ours."""
    named = {"clOrdId": client_order_id} if order_id is None else {"ordId": order_id}
    return {"instId": instrument, **named}


def cancel_algo_order(
    client_order_id: ClientOrderId, order_id: VenueOrderId | None, instrument: str
) -> Mapping[str, str]:
    """The parameters of `cancel-algos`: by the venue's id if we have it, else by ours."""
    algo_id = algo_id_of(order_id)
    named = {"algoClOrdId": client_order_id} if algo_id is None else {"algoId": algo_id}
    return {"instId": instrument, **named}


def is_triggered(request: OrderRequest) -> bool:
    """Whether it is an algo order at OKX."""
    return request.order_type in TRIGGERED_TYPES


def _given(**values: Decimal | None) -> dict[str, str]:
    return {name: plain(value) for name, value in values.items() if value is not None}
