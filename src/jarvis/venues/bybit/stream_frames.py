"""The short way from a decoded row of the account stream to its records: for those in which nothing is strange.

It knows no errors. What is missing, unknown or contradicts itself it leaves to `orders`, which names it, and so are
conditional orders and those that were refused; what it does read, `orders` reads alike: a test holds the two against
each other. It does for speed what is not done elsewhere: an id is text that is not passed through its type's name,
members of enums are looked up once, and nothing is asked that a later step asks too.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from jarvis.domain.money import ZERO
from jarvis.domain.order import Fill, OrderReport, OrderStatus, OrderType
from jarvis.venues.base import UnreadableAnswer
from jarvis.venues.bybit.fields import SIDES
from jarvis.venues.bybit.orders import OrderFilter, OrderMemory, ToldOrder
from jarvis.venues.bybit.rows import ExecutionRow, OrderRow
from jarvis.venues.bybit.symbols import Symbols

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_PLAIN = OrderFilter.ORDER
_LIMIT, _MARKET = OrderType.LIMIT, OrderType.MARKET
_OPEN, _PARTLY_FILLED = OrderStatus.OPEN, OrderStatus.PARTLY_FILLED
_STATUSES = {
    "New": _OPEN,
    "PartiallyFilled": _PARTLY_FILLED,
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELLED,
    "PartiallyFilledCanceled": OrderStatus.CANCELLED,
}
_TYPES = {"Market": _MARKET, "Limit": _LIMIT}
_BORROWS = {"1": True, "0": False}
_NO_TRIGGER = frozenset({"0", "0.00", "", None})
_NO_REASON = frozenset({"", "EC_NoError", "UNKNOWN"})
_UNITS = frozenset({"baseCoin", "quoteCoin", "", None})
_MOST_QUANTITY = Decimal(10) ** 25


def short_order(row: OrderRow, symbols: Symbols, memory: OrderMemory) -> OrderReport | None:
    """What `orders` makes of a plain order's row, which `memory` learns; None for one that must go that way."""
    try:
        is_margin, status, side = _BORROWS[row.is_leverage or ""], _STATUSES[row.order_status], SIDES[row.side]
        order_type, order_id, client_order_id = _TYPES[row.order_type], row.order_id, row.order_link_id or None
        is_limit = order_type is _LIMIT
        if (
            row.stop_order_type
            or row.trigger_price not in _NO_TRIGGER
            or row.reject_reason not in _NO_REASON
            or row.cancel_type not in _NO_REASON
            or (row.market_unit not in _UNITS if is_limit else row.market_unit != "baseCoin")
        ):
            return None
        quantity, filled = Decimal(row.qty or ""), Decimal(row.cum_exec_qty or "") or ZERO
        limit_price = Decimal(row.price or "") if is_limit else None
        if not (quantity.is_finite() and filled.is_finite() and (limit_price is None or limit_price.is_finite())):
            return None
        if status is _OPEN and filled > 0:
            status = _PARTLY_FILLED
        report = OrderReport(
            order_id,
            status,
            _EPOCH + int(row.updated_time) * _MILLISECOND,
            client_order_id,  # type: ignore[arg-type]
            symbols.pair(row.symbol),
            side,
            order_type,
            quantity,
            filled,
            limit_price,
            None,
            # What the memory would add to the report when it learns of it.
            memory.get(order_id, client_order_id).leverage if is_margin else 1,  # type: ignore[arg-type]
        )
        return memory.learn(ToldOrder(report, _PLAIN, is_margin))
    except (KeyError, ValueError, ArithmeticError, UnreadableAnswer):
        return None


def short_fill(row: ExecutionRow, symbols: Symbols) -> Fill | None:
    """What `orders.told_fill` makes of a trade's row that says if it borrowed; None for one that must go that way."""
    try:
        side, pair, fee_asset, order_id = SIDES[row.side], symbols.pair(row.symbol), row.fee_currency, row.order_id
        quantity, price, cost, fee = row.exec_qty, row.exec_price, row.exec_value, row.exec_fee
        if (
            row.exec_type != "Trade"
            or not fee_asset
            or row.extra_fees
            or not (price.is_finite() and cost.is_finite() and fee.is_finite())
            or not quantity <= _MOST_QUANTITY
        ):
            return None
        fill_id: Any = f"{order_id}:{row.exec_id}"
        client_order_id: Any = row.order_link_id or None
        return Fill(
            fill_id,
            order_id,
            client_order_id,
            pair,
            side,
            quantity,
            price,
            cost,
            fee,
            fee_asset,
            _EPOCH + int(row.exec_time) * _MILLISECOND,
            row.is_maker is True,
            _BORROWS[row.is_leverage or ""],
        )
    except (KeyError, ValueError, ArithmeticError, UnreadableAnswer):
        return None
