"""Bybit's rows of orders and fills, as the stream and REST tell them: their shapes, and nothing of their meaning.

The stream's are the events that everything else waits for, so a row is decoded straight to its Struct (`venues.typed`);
what REST answered is made one.
"""

from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from jarvis.domain.money import Asset
from jarvis.domain.order import VenueOrderId
from jarvis.venues.bybit.fields import Record
from jarvis.venues.typed import misfit, unfit

Number = str | int | None
"""A number that may be missing, which is said by `""`."""


class OrderRow(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    """One order."""

    order_id: VenueOrderId
    order_link_id: str | None = None
    symbol: str
    price: Number = None
    qty: Number = None
    side: str
    is_leverage: str | None = None
    order_status: str
    cancel_type: str | None = None
    reject_reason: str | None = None
    cum_exec_qty: Number = None
    order_type: str
    stop_order_type: str | None = None
    market_unit: str | None = None
    trigger_price: Number = None
    trigger_direction: Number = None
    last_price_on_created: Number = None
    base_price: Number = None
    updated_time: str | int
    category: str | None = None


class ExecutionRow(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    """One fill."""

    symbol: str
    order_id: VenueOrderId
    order_link_id: str | None = None
    side: str
    order_qty: Number = None
    exec_fee: Decimal
    exec_id: str
    exec_price: Decimal
    exec_qty: Decimal
    exec_type: str
    exec_value: Decimal
    exec_time: str | int
    fee_currency: Asset | None = None
    is_maker: Any = None
    fee_rate: Number = None
    extra_fees: Any = None
    category: str | None = None
    is_leverage: str | None = None


Row = TypeVar("Row", OrderRow, ExecutionRow)


class _Orders(msgspec.Struct, gc=False):
    data: list[OrderRow]


class _Executions(msgspec.Struct, gc=False):
    data: list[ExecutionRow]


_decode_orders = msgspec.json.Decoder(_Orders).decode
_decode_executions = msgspec.json.Decoder(_Executions).decode


def decode_orders(text: str, what: str) -> list[OrderRow]:
    """The orders of a frame. Raises UnreadableAnswer that names the key."""
    try:
        return _decode_orders(text).data
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise misfit(error, text, "Bybit", what) from error


def decode_executions(text: str, what: str) -> list[ExecutionRow]:
    """The fills of a frame. Raises UnreadableAnswer that names the key."""
    try:
        return _decode_executions(text).data
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise misfit(error, text, "Bybit", what) from error


def row_of(record: Record, kind: type[Row], what: str) -> Row:
    """The row that REST answered. Raises UnreadableAnswer that names the key."""
    try:
        return msgspec.convert(record, kind)
    except msgspec.ValidationError as error:
        raise misfit(error, record, "Bybit", what) from error


def number_in(row: OrderRow | ExecutionRow, name: str, what: str) -> Decimal | None:
    """The finite number in a field; None where it is missing."""
    told: Number = getattr(row, name)
    if told is None or told == "":
        return None
    try:
        number = Decimal(told)
    except ArithmeticError as error:
        raise unfit(row, "Bybit", what, name) from error
    if not number.is_finite():
        raise unfit(row, "Bybit", what, name)
    return number
