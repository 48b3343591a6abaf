"""OKX's rows of plain orders, as REST and the stream's channel `orders` tell them, read into the domain's words.

The stream's are the events that everything else waits for, so a row is decoded straight to its Struct (`venues.typed`);
what REST answered is made one. Every number is told as text, and an empty text means "does not apply here".
"""

from decimal import Decimal
from typing import Literal

import msgspec

from jarvis.domain.instrument import Side
from jarvis.domain.money import ONE, ZERO, Asset
from jarvis.domain.order import ClientOrderId, Fill, OrderReport, OrderStatus, OrderType, VenueOrderId
from jarvis.venues.okx.fields import SIDES, Record, instant_of
from jarvis.venues.okx.parse import SPOT_CLASSES, Spawned, algo_order_id
from jarvis.venues.okx.symbols import fill_id, pair_of
from jarvis.venues.typed import misfit, unfit

STREAM = "orders"

_FORCED_CATEGORIES = frozenset({"full_liquidation", "partial_liquidation", "adl"})
_MOST_LEVERAGE = 1_000
_FLAGS = {True: True, False: False, "true": True, "false": False, "": None}
_STATES = {
    "live": OrderStatus.OPEN,
    "partially_filled": OrderStatus.PARTLY_FILLED,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "mmp_canceled": OrderStatus.CANCELLED,
}
_TYPES: dict[str, OrderType | None] = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "post_only": OrderType.LIMIT,
    "ioc": OrderType.LIMIT,
    "fok": OrderType.LIMIT,
    # A person may place these by hand; we never do.
    "optimal_limit_ioc": None,
    "mmp": None,
    "mmp_and_post_only": None,
    "op_fok": None,
    "elp": None,
}
_CANCEL_REASONS = {
    "0": "cancelled by the venue",
    "1": "cancelled by the user",
    "2": "the margin is too low for a reduce-only order",
    "3": "cancelled by the venue's risk control",
    "4": "the currency's borrowing limit is reached",
    "6": "cancelled by deleveraging",
    "9": "cancelled by the venue's risk control",
    "13": "fill-or-kill could not be filled whole",
    "14": "the rest of an immediate order was cancelled",
    "15": "the price is outside the venue's limits",
    "17": "the position is closed already",
    "20": "cancelled by a dead man's switch",
    "21": "the position is closed already",
    "22": "replaced by a better reduce-only order",
    "23": "replaced by a better reduce-only order",
    "27": "the price is too far from the counterparty's",
    "31": "post-only, and it would have taken",
    "32": "it would have traded with an own order",
    "33": "it would have matched too many orders",
    "36": "its take-profit was triggered",
    "37": "its stop was triggered",
    "44": "cancelled by an automatic conversion",
}

Number = str | int
"""How a number is told: as text, which is what the documentation promises, or as a whole number."""


class OrderRow(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    """One plain order; its latest fill stands beside it, in the stream alone."""

    acc_fill_sz: Number | None = ""
    algo_cl_ord_id: ClientOrderId = ClientOrderId("")
    algo_id: str = ""
    cancel_source: str = ""
    category: str = ""
    cl_ord_id: ClientOrderId = ClientOrderId("")
    fill_px: Number | None = ""
    fill_sz: Number | None = ""
    fill_time: Number = ""
    inst_id: str
    inst_type: str
    lever: Number | None = ""
    ord_id: VenueOrderId
    ord_type: str
    px: Number | None = ""
    reduce_only: bool | str = ""
    side: str
    state: str
    sz: Number | None = ""
    td_mode: str
    tgt_ccy: str = ""
    trade_id: str = ""
    u_time: Number
    exec_type: str = ""
    fill_fee: Number | None = ""
    fill_fee_ccy: Asset = Asset("")

    @property
    def is_spot(self) -> bool:
        """Whether it is about currencies, bought with own or borrowed money, and not about a contract."""
        return self.inst_type in SPOT_CLASSES


class Channel(msgspec.Struct, gc=False):
    """Where a frame comes from."""

    channel: Literal["orders"]


class Frame(msgspec.Struct, gc=False):
    """What the venue sends at once."""

    arg: Channel
    data: list[OrderRow]


_decode = msgspec.json.Decoder(Frame).decode


def decode_orders(text: str) -> list[OrderRow]:
    """The rows of a frame. Raises UnreadableAnswer that names the key."""
    try:
        return _decode(text).data
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise misfit(error, text, "OKX", STREAM) from error


def order_row(record: Record, what: str) -> OrderRow:
    """The row that REST answered. Raises UnreadableAnswer that names the key."""
    try:
        return msgspec.convert(record, OrderRow)
    except msgspec.ValidationError as error:
        raise misfit(error, record, "OKX", what) from error


def is_orders(text: str) -> bool:
    """Whether a frame's text may be this channel's: a first look, before anything is decoded."""
    return '"orders"' in text and '"data"' in text


def parse_spawned(row: OrderRow) -> Spawned | None:
    """Which algo order an order came from; None for one that was placed as it is."""
    return Spawned(row.algo_id, row.algo_cl_ord_id or row.cl_ord_id or None) if row.algo_id else None


def parse_order(row: OrderRow, what: str, spawned: Spawned | None) -> OrderReport:
    """One order, as `order`, `orders-pending` and the stream's `orders` tell it; `spawned` says what it came from.

    `{"instType":"MARGIN","instId":"BTC-USDT","ccy":"USDT","ordId":"312269865356374016","clOrdId":"jv0000001",
    "tdMode":"cross","side":"buy","ordType":"limit","px":"50000","sz":"0.01","accFillSz":"0.004","avgPx":"50000",
    "state":"partially_filled","lever":"10","reduceOnly":"false","cancelSource":"","algoId":"","algoClOrdId":"",
    "category":"normal","fee":"-0.000004","feeCcy":"BTC","tgtCcy":"","uTime":"1708587373362","cTime":"1708587373361"}`
    """
    kind, side, status, at = row.ord_type, SIDES.get(row.side), _STATES.get(row.state), instant_of(row.u_time)
    if kind not in _TYPES:
        raise unfit(row, "OKX", what, "ord_type")
    if side is None or status is None or at is None:
        raise unfit(row, "OKX", what, "side" if side is None else "state" if status is None else "u_time")
    if row.reduce_only not in _FLAGS:
        raise unfit(row, "OKX", what, "reduce_only")
    filled = _number(row, "acc_fill_sz", what)
    if filled and status is OrderStatus.OPEN:
        status = OrderStatus.PARTLY_FILLED
    is_market = kind == "market"
    # A market buy of a person's: its size is an amount of quote, unless it says otherwise.
    is_sized_in_quote = is_market and side is Side.BUY and row.tgt_ccy != "base_ccy"
    quantity = None if is_sized_in_quote else _number(row, "sz", what)
    if quantity is None and not is_sized_in_quote:
        raise unfit(row, "OKX", what, "sz")
    source = row.cancel_source
    return OrderReport(
        row.ord_id if spawned is None else algo_order_id(spawned.algo_id),
        status,
        at,
        row.cl_ord_id or None if spawned is None else spawned.client_order_id,
        pair_of(row.inst_id),
        side,
        _TYPES[kind] if spawned is None else None,
        quantity,
        filled,
        None if is_market or spawned is not None else _number(row, "px", what),
        None,
        _leverage(row, what),
        _FLAGS[row.reduce_only],
        _CANCEL_REASONS.get(source, f"cancelled by the venue (source {source})") if source else "",
    )


def parse_order_fill(row: OrderRow, spawned: Spawned | None, *, spot_is_margin: bool) -> Fill | None:
    """The fill that an update of the stream's `orders` tells; None if it tells none.

    `{..., "tradeId":"242589207","fillPx":"31527.1","fillSz":"0.001","fillTime":"1654084353263","fillFee":"-0.0252",
    "fillFeeCcy":"USDT","execType":"M"}` beside the fields of parse_order. The last update of a market order may repeat
    none.
    """
    quantity = _number(row, "fill_sz", STREAM)
    if not quantity or not row.trade_id:
        return None
    price, side, at = _number(row, "fill_px", STREAM), SIDES.get(row.side), instant_of(row.fill_time)
    if price is None or side is None or at is None:
        raise unfit(row, "OKX", STREAM, "fill_px" if price is None else "side" if side is None else "fill_time")
    if row.exec_type not in ("T", "M"):
        raise unfit(row, "OKX", STREAM, "exec_type")
    pair = pair_of(row.inst_id)
    try:
        return Fill(
            fill_id(row.inst_id, row.trade_id, row.ord_id),
            row.ord_id if spawned is None else algo_order_id(spawned.algo_id),
            row.cl_ord_id or None if spawned is None else spawned.client_order_id,
            pair,
            side,
            quantity,
            price,
            quantity * price,
            # Negative is paid, positive a rebate.
            -(_number(row, "fill_fee", STREAM) or ZERO) or ZERO,
            row.fill_fee_ccy or pair.quote,
            at,
            row.exec_type == "M",
            spot_is_margin or row.inst_type == "MARGIN",
            row.category in _FORCED_CATEGORIES,
        )
    except (ValueError, ArithmeticError) as error:
        raise unfit(row, "OKX", STREAM, "fill_sz", "fill_px") from error


def _leverage(row: OrderRow, what: str) -> int:
    """The leverage of a margin order; 1 for an order of own money (`cash`), whatever else is told."""
    if row.td_mode == "cash":
        return 1
    told = _number(row, "lever", what) or ONE
    # What is beyond all leverage is not made a whole number: of 1e999999999 that would take for ever.
    if told > _MOST_LEVERAGE:
        raise unfit(row, "OKX", what, "lever")
    return max(1, int(told))


def _number(row: OrderRow, name: str, what: str) -> Decimal | None:
    """The finite number in a field; None where it is empty."""
    told: Number | None = getattr(row, name)
    if told is None or told == "":
        return None
    try:
        number = Decimal(told)
    except ArithmeticError as error:
        raise unfit(row, "OKX", what, name) from error
    if not number.is_finite():
        raise unfit(row, "OKX", what, name)
    return number
