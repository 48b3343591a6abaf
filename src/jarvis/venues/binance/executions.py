"""Binance's executionReport, the event that tells orders and fills, read into the domain's words.

It is the event that everything else waits for, so it is decoded straight to its Struct (see `venues.typed`).
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import field

from jarvis.domain.account import AccountEvent
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import Asset, exact
from jarvis.domain.order import LIMIT_TYPES, TRIGGERED_TYPES, ClientOrderId, Fill, OrderReport
from jarvis.venues.base import StreamGap, UnreadableAnswer
from jarvis.venues.binance.fields import ORDER_STATUSES, ORDER_TYPES, SIDES, instant_of
from jarvis.venues.binance.memory import OrderMemory
from jarvis.venues.binance.symbols import fill_id, order_id, pair_of
from jarvis.venues.typed import misfit, unfit

Told = AccountEvent | StreamGap

EXECUTION_MARK = '"executionReport"'
"""What every frame of this event contains."""

_WHAT = "executionReport"
_TRADE = "TRADE"
_NO_TRADE = -1
_TYPES = frozenset({"NEW", "CANCELED", "REPLACED", "REJECTED", _TRADE, "EXPIRED", "TRADE_PREVENTION"})
_LIMITED = frozenset(name for name, order_type in ORDER_TYPES.items() if order_type in LIMIT_TYPES)
_TRIGGERED = frozenset(name for name, order_type in ORDER_TYPES.items() if order_type in TRIGGERED_TYPES)


class Execution(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """The event; `unread` are fields that nobody needs."""

    event: Literal["executionReport"] = field(name="e")
    unread_told_at: Any = field(name="E", default=None)
    symbol: str = field(name="s")
    client_order_id: ClientOrderId = field(name="c")
    side: str = field(name="S")
    order_type: str = field(name="o")
    unread_time_in_force: Any = field(name="f", default=None)
    quantity: Decimal = field(name="q")
    limit_price: str | None = field(name="p", default=None)
    trigger_price: str | None = field(name="P", default=None)
    unread_iceberg: Any = field(name="F", default=None)
    unread_list: Any = field(name="g", default=None)
    cancelled_client_order_id: ClientOrderId = field(name="C")
    execution_type: str = field(name="x")
    order_status: str = field(name="X")
    reason: str = field(name="r")
    order_number: int = field(name="i")
    last_quantity: Decimal | None = field(name="l", default=None)
    filled: Decimal = field(name="z")
    last_price: Decimal | None = field(name="L", default=None)
    fee: Decimal | None = field(name="n", default=None)
    fee_asset: Asset | None = field(name="N", default=None)
    at: int = field(name="T")
    trade_number: int | None = field(name="t", default=None)
    unread_execution: Any = field(name="I", default=None)
    unread_is_on_book: Any = field(name="w", default=None)
    is_maker: bool | None = field(name="m", default=None)
    unread_ignored: Any = field(name="M", default=None)
    unread_ordered_at: Any = field(name="O", default=None)
    unread_filled_cost: Any = field(name="Z", default=None)
    unread_last_cost: Any = field(name="Y", default=None)
    unread_quote_quantity: Any = field(name="Q", default=None)
    unread_working_at: Any = field(name="W", default=None)
    unread_self_trade: Any = field(name="V", default=None)


class Frame(msgspec.Struct, kw_only=True, gc=False):
    """An event and the subscription that it came by."""

    unread_subscription: Any = field(name="subscriptionId", default=None)
    event: Execution


_decode = msgspec.json.Decoder(Frame).decode


def decode_execution(text: str | bytes) -> Execution:
    """The event of a frame. Raises UnreadableAnswer that names the key."""
    try:
        return _decode(text).event
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise misfit(error, text, "Binance", _WHAT) from error


def parse_execution(
    event: Execution, memory: OrderMemory, now: Callable[[], datetime]
) -> tuple[Fill | StreamGap | None, OrderReport]:
    """What one executionReport tells: a fill if there was one, and the order's state after it.

    Of a cancelled order our id is in `C`, and `c` is the cancel's own. A fill of an order that nobody here placed may
    be the venue's forced closing, which only REST marks as such: it is not told, but said as a gap, so that it is read.

    `{"e":"executionReport","E":1499405658658,"s":"ETHUSDT","c":"jv0000001","S":"BUY","o":"LIMIT","f":"GTC",
    "q":"1.00000000","p":"0.10264410","P":"0.00000000","F":"0.00000000","g":-1,"C":"","x":"NEW","X":"NEW","r":"NONE",
    "i":4293153,"l":"0.00000000","z":"0.00000000","L":"0.00000000","n":"0","N":null,"T":1499405658657,"t":-1,
    "I":8641984,"w":true,"m":false,"M":false,"O":1499405658657,"Z":"0.00000000","Y":"0.00000000","Q":"0.00000000",
    "W":1499405658657,"V":"NONE"}`
    """
    told_type = event.order_type
    if event.execution_type not in _TYPES:
        raise _unreadable(event, "execution_type")
    side, order_type, status = SIDES.get(event.side), ORDER_TYPES.get(told_type), ORDER_STATUSES.get(event.order_status)
    if side is None or order_type is None or status is None:
        raise _unreadable(event, "side" if side is None else "order_type" if order_type is None else "order_status")
    at = instant_of(event.at)
    if at is None:
        raise _unreadable(event, "at")
    quantity, filled = event.quantity, event.filled
    if not (quantity.is_finite() and filled.is_finite()):
        raise _unreadable(event, "quantity", "filled")
    symbol, reason = event.symbol, event.reason
    pair = pair_of(symbol)
    report = OrderReport(
        order_id(symbol, event.order_number),
        status,
        at,
        event.cancelled_client_order_id or event.client_order_id,
        pair,
        side,
        order_type,
        quantity,
        filled,
        _price(event, event.limit_price, "limit_price") if told_type in _LIMITED else None,
        # Zero is how Binance says "not set".
        _price(event, event.trigger_price or "0", "trigger_price") or None if told_type in _TRIGGERED else None,
        None,
        None,
        "" if reason == "NONE" else reason,
    )
    if event.execution_type != _TRADE:
        return None, report
    if not memory.knows(report.venue_order_id, report.client_order_id):
        return StreamGap("an order that was not placed here was filled", now()), report
    return _fill(event, report, side, pair), report


def _fill(event: Execution, report: OrderReport, side: Side, pair: Pair) -> Fill:
    """The fill that an event tells beside the state of its order."""
    trade, quantity, price, fee = event.trade_number, event.last_quantity, event.last_price, event.fee
    if trade is None or trade == _NO_TRADE:
        raise _unreadable(event, "trade_number")
    if quantity is None or price is None or not (quantity.is_finite() and price.is_finite()):
        raise _unreadable(event, "last_quantity", "last_price")
    if fee is None or not fee.is_finite():
        raise _unreadable(event, "fee")
    if event.is_maker is None:
        raise _unreadable(event, "is_maker")
    try:
        return Fill(
            fill_id(event.symbol, trade),
            report.venue_order_id,
            report.client_order_id,
            pair,
            side,
            quantity,
            price,
            quantity * price,
            fee,
            # Without a fee no asset is named.
            pair.quote if event.fee_asset is None else event.fee_asset,
            report.at,
            event.is_maker,
        )
    except (ValueError, ArithmeticError) as error:
        raise _unreadable(event, "last_quantity", "last_price") from error


def _price(event: Execution, told: str | None, name: str) -> Decimal:
    try:
        return exact(told or "")
    except ValueError as error:
        raise _unreadable(event, name) from error


def _unreadable(event: Execution, *fields: str) -> UnreadableAnswer:
    return unfit(event, "Binance", _WHAT, *fields)
