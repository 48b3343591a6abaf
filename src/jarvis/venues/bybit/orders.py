"""Bybit's orders and fills read into the domain's words, from REST and from the stream alike.

A conditional order of spot has no direction of its own: whether it is a stop or a take-profit follows from where the
price stood when it was placed (`basePrice`), as the venue itself decides it.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import (
    ClientOrderId,
    Fill,
    FillId,
    OrderReport,
    OrderStatus,
    OrderType,
    VenueOrderId,
)
from jarvis.domain.records import quickly_made
from jarvis.venues.bybit.fields import SIDES, Record, decode, instant_of, number, record_of, rows, text, unreadable
from jarvis.venues.bybit.rows import ExecutionRow, OrderRow, number_in, row_of
from jarvis.venues.bybit.symbols import Symbols
from jarvis.venues.typed import unfit

_REMEMBERED = 5_000


class OrderFilter(Enum):
    """In which of the venue's lists an order is: a cancel that names the wrong one does not find it."""

    ORDER = "Order"
    STOP_ORDER = "StopOrder"
    TPSL_ORDER = "tpslOrder"


_OPEN = {
    "New": OrderStatus.OPEN,
    "PartiallyFilled": OrderStatus.PARTLY_FILLED,
    "Untriggered": OrderStatus.OPEN,
    "Triggered": OrderStatus.OPEN,
}
_CLOSED = {
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELLED,
    "PartiallyFilledCanceled": OrderStatus.CANCELLED,
    "Deactivated": OrderStatus.CANCELLED,
    "Rejected": OrderStatus.REJECTED,
}
_TYPES = {"Market": False, "Limit": True}
_BORROWS = {"1": True, "0": False, "": None, None: None}
_UNITS = frozenset({"", "baseCoin", "quoteCoin"})
_PLAIN = frozenset({"", "UNKNOWN"})
# Conditional and TP/SL orders of one price; those of two prices (OCO) are only placed by hand, and have no type here.
_FILTERS = {
    "": OrderFilter.ORDER,
    "UNKNOWN": OrderFilter.ORDER,
    "Stop": OrderFilter.STOP_ORDER,
    "StopOrder": OrderFilter.STOP_ORDER,
    "tpslOrder": OrderFilter.TPSL_ORDER,
    "TakeProfit": OrderFilter.TPSL_ORDER,
    "StopLoss": OrderFilter.TPSL_ORDER,
    "PartialTakeProfit": OrderFilter.TPSL_ORDER,
    "PartialStopLoss": OrderFilter.TPSL_ORDER,
}
_BY_HAND = frozenset({"OcoOrder", "BidirectionalTpslOrder", "TrailingStop", "MmRateClose"})
_NO_REASON = frozenset({"", "EC_NoError", "UNKNOWN"})


@quickly_made
@dataclass(frozen=True, slots=True)
class KnownOrder:
    """What our own calls and the venue have told of an order so far; None is not told yet."""

    order_filter: OrderFilter | None = None
    side: Side | None = None
    order_type: OrderType | None = None
    leverage: int | None = None
    is_margin: bool | None = None


_NOTHING = KnownOrder()


class OrderMemory:
    """What is known of the latest few thousand orders, by the venue's id and by ours."""

    def __init__(self) -> None:
        self._orders: OrderedDict[str, KnownOrder] = OrderedDict()
        self._announced: OrderedDict[str, KnownOrder] = OrderedDict()
        self._numbers: dict[str, int] = {}
        self.announcements = 0

    def announce(self, client_order_id: ClientOrderId, order: KnownOrder) -> None:
        """Remember an order that is about to be sent: the stream may tell of it before its sender gets an answer."""
        self.announcements += 1
        self._numbers[client_order_id] = self.announcements
        for forgotten in _keep(self._announced, client_order_id, order):
            del self._numbers[forgotten]

    def was_announced_after(self, announcements: int, client_order_id: ClientOrderId | None) -> bool:
        """Whether it was placed by this process when so many had been announced before."""
        return self._numbers.get(str(client_order_id), 0) > announcements

    def get(self, order_id: VenueOrderId | None, client_order_id: ClientOrderId | None = None) -> KnownOrder:
        """What is known of the order, nothing at worst."""
        known = self._orders.get(order_id) if order_id is not None else None
        return known or self._announced.get(str(client_order_id)) or _NOTHING

    def learn(self, told: "ToldOrder") -> OrderReport:
        """The report, completed by what we knew of the order; keeps what it tells."""
        report = told.report
        known = self.get(report.venue_order_id, report.client_order_id)
        merged = KnownOrder(
            order_filter=told.order_filter or known.order_filter,
            side=report.side,
            order_type=report.order_type or known.order_type,
            leverage=report.leverage if told.is_margin is False else known.leverage,
            is_margin=known.is_margin if told.is_margin is None else told.is_margin,
        )
        _keep(self._orders, report.venue_order_id, merged)
        if merged.order_type is report.order_type and merged.leverage == report.leverage:
            return report
        return OrderReport(
            report.venue_order_id,
            report.status,
            report.at,
            report.client_order_id,
            report.pair,
            report.side,
            merged.order_type,
            report.quantity,
            report.filled_quantity,
            report.limit_price,
            report.trigger_price,
            merged.leverage,
            report.reduce_only,
            report.reason,
        )


def _keep(kept: OrderedDict[str, KnownOrder], key: str, order: KnownOrder) -> list[str]:
    """Keep as the newest; the names of what was forgotten for it."""
    kept[key] = order
    kept.move_to_end(key)
    return [kept.popitem(last=False)[0]] if len(kept) > _REMEMBERED else []


@quickly_made
@dataclass(frozen=True, slots=True)
class ToldOrder:
    """An order row: the report, the list that it is in (None for kinds that only people place), and if it borrows."""

    report: OrderReport
    order_filter: OrderFilter | None
    is_margin: bool | None


def parse_orders(result: object, symbols: Symbols, what: str) -> list[ToldOrder]:
    """The orders of one page of order/realtime or order/history, in the venue's order."""
    return [parse_order(record, symbols, what) for record in rows(result, what)]


def parse_order(record: Record, symbols: Symbols, what: str) -> ToldOrder:
    """One order row of REST (see `told_order`)."""
    return told_order(row_of(record, OrderRow, what), symbols, what)


def told_order(row: OrderRow, symbols: Symbols, what: str) -> ToldOrder:
    """One order row of REST or of the stream.

    Rejected does not prove that nothing was filled: a row was recorded with both, and is a cancelled order here.

    `{"orderId":"1700000000000000001","orderLinkId":"jv0000001","symbol":"BTCUSDT","price":"0","qty":"0.01",
    "side":"Sell","isLeverage":"1","orderStatus":"Untriggered","cancelType":"UNKNOWN","rejectReason":"EC_NoError",
    "avgPrice":"","leavesQty":"0.01","leavesValue":"","cumExecQty":"0","cumExecValue":"0","cumFeeDetail":{},
    "timeInForce":"IOC","orderType":"Market","stopOrderType":"Stop","marketUnit":"baseCoin","triggerPrice":"58000",
    "triggerDirection":0,"basePrice":"60000","createdTime":"1684738540559","updatedTime":"1684738540561"}`
    """
    filled = number_in(row, "cum_exec_qty", what) or ZERO
    order_side, is_limit, at = SIDES.get(row.side), _TYPES.get(row.order_type), instant_of(row.updated_time)
    if order_side is None or is_limit is None or at is None:
        name = "side" if order_side is None else "order_type" if is_limit is None else "updated_time"
        raise unfit(row, "Bybit", what, name)
    trigger = number_in(row, "trigger_price", what) or None
    order_filter, order_type = _kind(row, order_side, trigger, is_limit=is_limit, what=what)
    is_margin = _is_margin(row, what)
    report = OrderReport(
        row.order_id,
        _status(row, filled, what),
        at,
        ClientOrderId(row.order_link_id) if row.order_link_id else None,
        symbols.pair(row.symbol),
        order_side,
        order_type,
        _quantity(row, order_side, is_limit=is_limit, what=what),
        filled,
        _required(row, "price", what) if is_limit else None,
        trigger,
        1 if is_margin is False else None,
        None,
        _reason(row),
    )
    return ToldOrder(report, order_filter, is_margin)


def _required(row: OrderRow, name: str, what: str) -> Decimal:
    value = number_in(row, name, what)
    if value is None:
        raise unfit(row, "Bybit", what, name)
    return value


def _reason(row: OrderRow) -> str:
    rejected, cancelled = row.reject_reason or "", row.cancel_type or ""
    if rejected in _NO_REASON:
        return "" if cancelled in _NO_REASON else cancelled
    return rejected if cancelled in _NO_REASON else f"{rejected}, {cancelled}"


def _status(row: OrderRow, filled: Decimal, what: str) -> OrderStatus:
    told = row.order_status
    if told in _OPEN:
        return OrderStatus.PARTLY_FILLED if filled > 0 else _OPEN[told]
    if told not in _CLOSED:
        raise unfit(row, "Bybit", what, "order_status")
    status = _CLOSED[told]
    return OrderStatus.CANCELLED if status is OrderStatus.REJECTED and filled > 0 else status


def _is_margin(row: OrderRow | ExecutionRow, what: str) -> bool | None:
    """Whether it borrows: `"1"`, `"0"`, and `""` or absent where it is not told."""
    try:
        return _BORROWS[row.is_leverage]
    except KeyError:
        raise unfit(row, "Bybit", what, "is_leverage") from None


def _kind(
    row: OrderRow, order_side: Side, trigger: Decimal | None, *, is_limit: bool, what: str
) -> tuple[OrderFilter | None, OrderType | None]:
    told = row.stop_order_type or ""
    if told in _BY_HAND:
        return None, None
    if told not in _FILTERS:
        raise unfit(row, "Bybit", what, "stop_order_type")
    if told in _PLAIN and trigger is None:
        return OrderFilter.ORDER, OrderType.LIMIT if is_limit else OrderType.MARKET
    rises = _rises(row, trigger, what)
    order_filter = OrderFilter.STOP_ORDER if told in _PLAIN else _FILTERS[told]
    if rises is None:
        return order_filter, None
    if rises == (order_side is Side.BUY):
        return order_filter, OrderType.STOP_LIMIT if is_limit else OrderType.STOP
    return order_filter, OrderType.TAKE_PROFIT_LIMIT if is_limit else OrderType.TAKE_PROFIT


def _rises(row: OrderRow, trigger: Decimal | None, what: str) -> bool | None:
    """Whether the price has to rise to trigger the order; None if the row does not tell."""
    direction = number_in(row, "trigger_direction", what)
    if direction in (1, 2):
        return direction == 1
    base = number_in(row, "base_price", what) or number_in(row, "last_price_on_created", what)
    if not base:
        return None
    return (_required(row, "trigger_price", what) if trigger is None else trigger) > base


def _quantity(row: OrderRow, order_side: Side, *, is_limit: bool, what: str) -> Decimal | None:
    """What was ordered, in base; None for a market order by value, which only people place."""
    unit = row.market_unit or ""
    if unit not in _UNITS:
        raise unfit(row, "Bybit", what, "market_unit")
    is_by_value = not is_limit and (unit == "quoteCoin" or (unit == "" and order_side is Side.BUY))
    return None if is_by_value else _required(row, "qty", what)


def parse_placed(result: object, client_order_id: ClientOrderId) -> VenueOrderId:
    """The new order's id: `{"orderId":"1700000000000000001","orderLinkId":"jv0000001"}`."""
    what = "order/create"
    record = record_of(result, what)
    if text(record, "orderLinkId", what) != client_order_id:
        raise unreadable(what, "orderLinkId", record)
    return VenueOrderId(text(record, "orderId", what))


# Fills

# Fills are added up, and what has more digits than any quantity cannot be.
_MOST_QUANTITY = Decimal(10) ** 25
_TRADES = {"Trade": False, "BustTrade": True, "BlockTrade": False, "AdlTrade": True}


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill, and how much its row says was ordered."""

    fill: Fill
    ordered: Decimal | None


def parse_executions(
    result: object, symbols: Symbols, is_margin: Callable[[VenueOrderId], bool | None]
) -> list[Execution]:
    """The fills of one page of execution/list, in the venue's order (newest first)."""
    what = "execution/list"
    return [parse_execution(record, symbols, is_margin, what) for record in rows(result, what)]


def parse_execution(
    record: Record, symbols: Symbols, is_margin: Callable[[VenueOrderId], bool | None], what: str
) -> Execution:
    """One fill row of REST (see `told_fill`)."""
    row = row_of(record, ExecutionRow, what)
    return Execution(told_fill(row, symbols, is_margin, what), number_in(row, "order_qty", what))


def told_fill(row: ExecutionRow, symbols: Symbols, is_margin: Callable[[VenueOrderId], bool | None], what: str) -> Fill:
    """One fill row of REST or of the stream. Of spot there are no other rows than trades and liquidations.

    The venue names the fee's coin; where it does not, a buyer pays in base and a seller in quote, and a maker whom
    the venue pays is paid the other way round. REST does not say if the order borrowed: `is_margin` knows it, or not.

    `{"symbol":"BTCUSDT","orderId":"1700000000000000001","orderLinkId":"jv0000001","side":"Buy","orderPrice":"60010",
    "orderQty":"0.01","leavesQty":"0","orderType":"Limit","stopOrderType":"","execFee":"0.00001","execId":"2290000000001",
    "execPrice":"60000","execQty":"0.01","execType":"Trade","execValue":"600","execTime":"1672282722429",
    "feeCurrency":"BTC","isMaker":false,"feeRate":"0.001","seq":4688002127,"extraFees":""}`
    """
    is_liquidation, order_side, at = _TRADES.get(row.exec_type), SIDES.get(row.side), instant_of(row.exec_time)
    if is_liquidation is None or order_side is None or at is None:
        name = "exec_type" if is_liquidation is None else "side" if order_side is None else "exec_time"
        raise unfit(row, "Bybit", what, name)
    quantity, price, cost, fee = row.exec_qty, row.exec_price, row.exec_value, row.exec_fee
    if not (quantity.is_finite() and price.is_finite() and cost.is_finite() and fee.is_finite()):
        raise unfit(row, "Bybit", what, "exec_qty", "exec_price", "exec_value", "exec_fee")
    if quantity > _MOST_QUANTITY:
        raise unfit(row, "Bybit", what, "exec_qty")
    pair, order_id = symbols.pair(row.symbol), row.order_id
    fee_asset = row.fee_currency or _fee_asset(row, pair, order_side, what)
    borrows = _is_margin(row, what)
    if borrows is None:
        borrows = is_margin(order_id)
    try:
        return Fill(
            FillId(f"{order_id}:{row.exec_id}"),
            order_id,
            ClientOrderId(row.order_link_id) if row.order_link_id else None,
            pair,
            order_side,
            quantity,
            price,
            cost,
            fee + _extra_fees(row, fee_asset, what) if row.extra_fees else fee,
            fee_asset,
            at,
            row.is_maker is True,
            is_liquidation or borrows is not False,
            is_liquidation,
        )
    except ValueError as error:
        raise unfit(row, "Bybit", what, "exec_qty", "exec_price", "exec_value") from error


def _fee_asset(row: ExecutionRow, pair: Pair, order_side: Side, what: str) -> Asset:
    """The fee's coin where the row does not name it."""
    received, given = (pair.base, pair.quote) if order_side is Side.BUY else (pair.quote, pair.base)
    rate = number_in(row, "fee_rate", what) or ZERO
    return given if row.is_maker is True and rate < 0 else received


def _extra_fees(row: ExecutionRow, fee_asset: Asset, what: str) -> Decimal:
    """Taxes that some countries' accounts pay beside the fee, as a list or as the text of one. Only in its coin."""
    told: Any = row.extra_fees
    if told in (None, "", "[]", []):
        return ZERO
    listed = decode(told) if isinstance(told, str) else told
    extra = [record_of(each, what) for each in listed] if isinstance(listed, list) else None
    if extra is None or any(text(each, "feeCoin", what) != fee_asset for each in extra):
        raise unfit(row, "Bybit", what, "extra_fees")
    return sum((number(each, "fee", what) for each in extra), ZERO)


def foreign_orders(result: object) -> list[VenueOrderId]:
    """The orders of one page of execution/list that carry no client order id and do not say if they borrow."""
    what = "execution/list"
    return [
        VenueOrderId(text(record, "orderId", what))
        for record in rows(result, what)
        if not record.get("orderLinkId") and not record.get("isLeverage")
    ]


def report_of(executions: Sequence[Execution], known: KnownOrder) -> OrderReport:
    """What fills alone prove of an order that is in none of the venue's lists any more: it is closed.

    `executions` are all of one order, at least one.
    """
    last = max(executions, key=lambda each: (each.fill.at, each.fill.fill_id))
    filled = sum((each.fill.quantity for each in executions), ZERO)
    return OrderReport(
        venue_order_id=last.fill.venue_order_id,
        status=OrderStatus.FILLED if filled == last.ordered else OrderStatus.CANCELLED,
        at=last.fill.at,
        client_order_id=last.fill.client_order_id,
        pair=last.fill.pair,
        side=last.fill.side,
        order_type=known.order_type,
        quantity=last.ordered,
        filled_quantity=filled,
        leverage=known.leverage,
    )


def newest(reports: Sequence[OrderReport], client_order_id: ClientOrderId) -> OrderReport | None:
    """The latest of those that really carry the id: a venue that ignored the filter proves nothing by itself."""
    ours = [report for report in reports if report.client_order_id == client_order_id]
    return max(ours, key=lambda report: report.at, default=None)
