"""Kraken's channel `executions`, which tells orders and fills, read into the domain's words.

Its events are those that everything else waits for, so they are decoded straight to their Structs (`venues.typed`).
`new` and `canceled` are sparse: what an entry leaves out is what was known of its order before.
"""

from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import ClientOrderId, Fill, FillId, OrderReport, OrderStatus, VenueOrderId
from jarvis.venues.base import UnreadableAnswer
from jarvis.venues.kraken.fields import ORDER_TYPES, SIDES, instant_of
from jarvis.venues.kraken.memory import KnownOrder
from jarvis.venues.kraken.symbols import Symbols
from jarvis.venues.typed import misfit, unfit

_WHAT = "executions"
_TRADE = "trade"
_STATUSES = {
    "pending_new": OrderStatus.OPEN,
    "new": OrderStatus.OPEN,
    "partially_filled": OrderStatus.PARTLY_FILLED,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
}
_REPORTING_TYPES = frozenset(
    {"pending_new", "new", "filled", "canceled", "expired", "amended", "restated", "status", "iceberg_refill"}
)


class Fee(msgspec.Struct, gc=False):
    """One fee of a fill."""

    asset: str
    qty: Decimal


class Trigger(msgspec.Struct, gc=False):
    """What sets a conditional order off; `price` is one only where the type is `static`, an offset elsewhere."""

    price: Decimal | None = None
    price_type: str = "static"


class Execution(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One entry; `unread_` are fields that nobody needs."""

    order_id: VenueOrderId
    cl_ord_id: ClientOrderId | None = None
    exec_id: FillId | None = None
    exec_type: str | None = None
    unread_trade: Any = msgspec.field(name="trade_id", default=None)
    symbol: str | UnsetType = UNSET
    order_qty: Decimal | None = None
    unread_total_cost: Any = msgspec.field(name="cum_cost", default=None)
    side: str | UnsetType = UNSET
    last_qty: Decimal | None = None
    last_price: Decimal | None = None
    liquidity_ind: str | None = None
    cost: Decimal | None = None
    order_status: str | None = None
    order_type: str | UnsetType = UNSET
    limit_price: Decimal | None = None
    triggers: Trigger | None = None
    cum_qty: Decimal | None = None
    reduce_only: bool | None = None
    margin: bool | None = None
    liquidated: bool | None = None
    reason: str | None = None
    timestamp: str | None = None
    fees: list[Fee] | None = None


class Numbered(msgspec.Struct, kw_only=True, gc=False):
    """Of a frame only which one of the subscription it is."""

    type: str
    sequence: int


class Frame(Numbered, kw_only=True, gc=False):
    """What the venue sends at once."""

    channel: Literal["executions"]
    data: list[Execution]


_decode = msgspec.json.Decoder(Frame).decode
_decode_number = msgspec.json.Decoder(Numbered).decode


def decode_executions(text: str | bytes) -> Frame:
    """The frame. Raises UnreadableAnswer that names the key."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise misfit(error, text, "Kraken", _WHAT) from error


def decode_number(text: str | bytes) -> Numbered | None:
    """Which frame it is, for one that cannot be read; None if it does not tell that either."""
    try:
        return _decode_number(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def is_executions(text: str) -> bool:
    """Whether a frame's text may be this channel's: a first look, before anything is decoded."""
    return '"executions"' in text and '"data"' in text


def parse_known_order(entry: Execution, known: KnownOrder, symbols: Symbols) -> KnownOrder:
    """What is known of an order once `entry` is merged in: absent fields stay."""
    is_margin = entry.margin
    if is_margin is None:
        is_margin = known.is_margin
        if is_margin is None and entry.symbol is not UNSET and entry.order_qty is not None:
            # A full message leaves `margin` out when it is false; a sparse one leaves out nearly everything.
            is_margin = False
    try:
        side = known.side if entry.side is UNSET else SIDES[entry.side]
        order_type = known.order_type if entry.order_type is UNSET else ORDER_TYPES[entry.order_type]
    except KeyError:
        raise _unreadable(entry, "order_type" if entry.side in SIDES else "side") from None
    quantity, limit_price, trigger_price = entry.order_qty, entry.limit_price, known.trigger_price
    if not ((quantity is None or quantity.is_finite()) and (limit_price is None or limit_price.is_finite())):
        raise _unreadable(entry, "order_qty", "limit_price")
    if entry.triggers is not None and entry.triggers.price_type == "static":
        trigger_price = entry.triggers.price
        if trigger_price is None or not trigger_price.is_finite():
            raise _unreadable(entry, "triggers")
    return KnownOrder(
        entry.cl_ord_id or known.client_order_id,
        known.pair if entry.symbol is UNSET else symbols.pair(entry.symbol),
        side,
        order_type,
        known.quantity if quantity is None else quantity,
        known.limit_price if limit_price is None else limit_price,
        trigger_price,
        known.reduce_only if entry.reduce_only is None else entry.reduce_only,
        is_margin,
    )


def parse_execution(entry: Execution, known: KnownOrder, symbols: Symbols) -> OrderReport | Fill:
    """One entry of the executions channel, completed by what is `known` of its order (this entry merged in).

    `{"order_id":"OK4GJX-KSTLS-7DZZO5","exec_id":"TA3HCL-GXVMJ-JH2TZ5","exec_type":"trade","trade_id":365573,
    "symbol":"BTC/USD","side":"sell","last_qty":0.005,"last_price":26599.9,"liquidity_ind":"m","cost":133.0,
    "order_status":"filled","order_type":"limit","timestamp":"2023-09-22T10:33:05.709950Z",
    "fees":[{"asset":"USD","qty":0.3458}]}`
    """
    if entry.exec_type == _TRADE:
        return _fill(entry, known, symbols)
    if entry.exec_type not in _REPORTING_TYPES:
        raise _unreadable(entry, "exec_type")
    status, filled, at = _STATUSES.get(entry.order_status or ""), entry.cum_qty, instant_of(entry.timestamp)
    if status is None or at is None:
        raise _unreadable(entry, "order_status" if status is None else "timestamp")
    if filled is not None and not filled.is_finite():
        raise _unreadable(entry, "cum_qty")
    if filled and status is OrderStatus.OPEN:
        status = OrderStatus.PARTLY_FILLED
    return OrderReport(
        entry.order_id,
        status,
        at,
        known.client_order_id,
        known.pair,
        known.side,
        known.order_type,
        known.quantity,
        filled,
        known.limit_price,
        known.trigger_price,
        None,
        known.reduce_only,
        entry.reason or "",
    )


def _fill(entry: Execution, known: KnownOrder, symbols: Symbols) -> Fill:
    pair, side, is_margin = known.pair, known.side, known.is_margin
    if pair is None or side is None:
        raise _unreadable(entry, "symbol", "side")
    if is_margin is None:
        raise _unreadable(entry, "margin")
    fill_id, maker, at = entry.exec_id, entry.liquidity_ind, instant_of(entry.timestamp)
    if fill_id is None or maker is None or at is None:
        raise _unreadable(entry, "exec_id", "liquidity_ind", "timestamp")
    quantity, price, cost = entry.last_qty, entry.last_price, entry.cost
    if (
        quantity is None
        or price is None
        or cost is None
        or not (quantity.is_finite() and price.is_finite() and cost.is_finite())
    ):
        raise _unreadable(entry, "last_qty", "last_price", "cost")
    fee, fee_asset = _fee(entry, symbols, pair.quote)
    try:
        return Fill(
            fill_id,
            entry.order_id,
            known.client_order_id,
            pair,
            side,
            quantity,
            price,
            cost,
            fee,
            fee_asset,
            at,
            maker == "m",
            is_margin,
            entry.liquidated is True,
        )
    except ValueError as error:
        raise _unreadable(entry, "last_qty", "last_price", "cost") from error


def _fee(entry: Execution, symbols: Symbols, quote: Asset) -> tuple[Decimal, Asset]:
    fees = entry.fees
    if fees is None or len(fees) > 1:
        raise _unreadable(entry, "fees")
    if not fees:
        return ZERO, quote
    fee = fees[0]
    if not fee.qty.is_finite():
        raise _unreadable(entry, "fees")
    return fee.qty, symbols.asset(fee.asset)


def _unreadable(entry: Execution, *fields: str) -> UnreadableAnswer:
    return unfit(entry, "Kraken", _WHAT, *fields)
