"""The short way from a decoded row of the channel `orders` to its records: for those in which nothing is strange.

It knows no errors. What is missing, unknown or contradicts itself it leaves to `order_rows`, which names it, and so
what came from an algo order and what the venue cancelled; what it does read, `order_rows` reads alike: a test holds the
two against each other. It does for speed what is not done elsewhere: an id is text that is not passed through its
type's name, members of enums are looked up once, and nothing is asked that a later step asks too.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO
from jarvis.domain.order import Fill, OrderReport, OrderStatus, OrderType
from jarvis.venues.base import UnreadableAnswer
from jarvis.venues.okx.fields import SIDES
from jarvis.venues.okx.memory import OrderMemory
from jarvis.venues.okx.order_rows import OrderRow
from jarvis.venues.okx.symbols import pair_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_BUY = Side.BUY
_OPEN, _PARTLY_FILLED = OrderStatus.OPEN, OrderStatus.PARTLY_FILLED
_MARKET = OrderType.MARKET
_STATES = {"live": _OPEN, "partially_filled": _PARTLY_FILLED, "filled": OrderStatus.FILLED}
_TYPES = {
    "market": _MARKET,
    "limit": OrderType.LIMIT,
    "post_only": OrderType.LIMIT,
    "ioc": OrderType.LIMIT,
    "fok": OrderType.LIMIT,
}
_FLAGS = {"true": True, "false": False, "": None}
_LEVERAGES = {str(leverage): leverage for leverage in range(1, 101)}
_IS_MAKER = {"M": True, "T": False}
# Forced closings are marked by others.
_USUAL = frozenset({"normal", ""})
_NOTHING = frozenset({"", "0"})


def short_order(row: OrderRow, memory: OrderMemory, *, spot_is_margin: bool) -> tuple[OrderReport, Fill | None] | None:
    """What `order_rows` makes of a row and `memory` of its report; None for one that must go that way."""
    try:
        kind = _TYPES[row.ord_type]
        status, side, pair, order_id = _STATES[row.state], SIDES[row.side], pair_of(row.inst_id), row.ord_id
        if row.algo_id or row.cancel_source or row.category not in _USUAL:
            return None
        is_market = kind is _MARKET
        if is_market and side is _BUY and row.tgt_ccy != "base_ccy":  # sized in quote
            return None
        quantity, filled = Decimal(row.sz or ""), Decimal(row.acc_fill_sz or "")
        limit_price = None if is_market else Decimal(row.px or "")
        if not (quantity.is_finite() and filled.is_finite() and (limit_price is None or limit_price.is_finite())):
            return None
        if filled and status is _OPEN:
            status = _PARTLY_FILLED
        client_order_id = row.cl_ord_id or None
        request = memory.request(client_order_id)
        if request is not None:
            kind = request.order_type
            limit_price = None if kind is _MARKET else limit_price or request.limit_price
        told_at = int(row.u_time)
        at = _EPOCH + told_at * _MILLISECOND
        report = OrderReport(
            order_id,
            status,
            at,
            client_order_id,
            pair,
            side,
            kind,
            quantity,
            filled,
            limit_price,
            None,
            1 if row.td_mode == "cash" else _LEVERAGES[row.lever],  # type: ignore[index] # what is no text is no key
            _FLAGS[row.reduce_only],  # type: ignore[index] # a truth that is not told as text is no key
            "",
        )
        if not row.trade_id:
            return (report, None) if row.fill_sz in _NOTHING else None
        size, price, fee = Decimal(row.fill_sz or ""), Decimal(row.fill_px or ""), -Decimal(row.fill_fee or "")
        cost = size * price
        if not (size and cost.is_finite() and fee.is_finite()):  # of a finite product both factors are finite
            return None
        filled_at = int(row.fill_time)
        fill_id: Any = f"{row.inst_id}:{row.trade_id}:{order_id}"
        return report, Fill(
            fill_id,
            order_id,
            client_order_id,
            pair,
            side,
            size,
            price,
            cost,
            fee or ZERO,
            row.fill_fee_ccy or pair.quote,
            at if filled_at == told_at else _EPOCH + filled_at * _MILLISECOND,
            _IS_MAKER[row.exec_type],
            spot_is_margin or row.inst_type == "MARGIN",
            False,
        )
    except (KeyError, ValueError, ArithmeticError, UnreadableAnswer):
        return None
