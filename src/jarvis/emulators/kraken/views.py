"""Orders, fills, lots and ledger rows of the exchange as Kraken's REST writes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from jarvis.domain.account import LedgerKind, LedgerRow
from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO
from jarvis.domain.order import OrderStatus, OrderType, TimeInForce
from jarvis.emulators.kraken.names import PairName, asset_name
from jarvis.emulators.kraken.state import OrderNote, VenueState
from jarvis.emulators.kraken.text import fixed, unix, unix_number
from jarvis.sim.exchange import SimFill, SimLot, SimOrder

ORDER_TYPES = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "stop-loss",
    OrderType.STOP_LIMIT: "stop-loss-limit",
    OrderType.TAKE_PROFIT: "take-profit",
    OrderType.TAKE_PROFIT_LIMIT: "take-profit-limit",
    OrderType.TRAILING_STOP: "trailing-stop",
}
STATUSES = {
    OrderStatus.OPEN: "open",
    OrderStatus.PARTLY_FILLED: "open",
    OrderStatus.FILLED: "closed",
    OrderStatus.CANCELLED: "canceled",
    OrderStatus.EXPIRED: "expired",
}
_LEDGER_TYPES = {LedgerKind.REWARD: "staking", LedgerKind.CONVERSION: "spend"}
_AMOUNT_DECIMALS = 5


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order with what its client wrote; orders that the venue made itself have no note."""

    order: SimOrder
    note: OrderNote | None
    book: PairName

    @property
    def ordertype(self) -> str:
        """Kraken's word for the type."""
        request = self.order.request
        if request.settle:
            return "settle-position"
        if self.note is not None and self.note.order.ordertype == "iceberg":
            return "iceberg"
        name = ORDER_TYPES[request.order_type]
        return f"{name}-limit" if request.limit_offset is not None else name

    @property
    def oflags(self) -> tuple[str, ...]:
        """The order's flags; the fee is taken in quote unless the client said otherwise."""
        given = self.note.order.oflags if self.note is not None else ()
        return given if {"fcib", "fciq"} & set(given) else (*given, "fciq")

    @property
    def trigger(self) -> str:
        """Which price triggers it: `last` or `index`; empty for an order without a trigger."""
        if self.note is not None:
            return self.note.order.trigger
        return "last" if self.order.request.trigger_price is not None else ""

    @property
    def misc(self) -> str:
        """What else Kraken says of it."""
        words = ["stopped"] if self.order.triggered_at is not None else []
        return ",".join([*words, "liquidation"] if self.order.is_liquidation else words)

    def price_texts(self) -> tuple[str, str]:
        """The two prices of its description: trigger or limit, then the second limit."""
        order, decimals = self.order, self.book.price_decimals
        written = self.note.order if self.note is not None else None
        if order.order_type is OrderType.TRAILING_STOP:
            offset = order.request.trailing_offset or ZERO
            first = written.price.text if written and written.price else f"+{fixed(offset, decimals)}"
            second = written.price2.text if written and written.price2 else "0"
            return first, second
        prices = [price for price in (order.trigger_price, order.limit_price) if price is not None]
        texts = [fixed(price, decimals) for price in prices] + ["0", "0"]
        return texts[0], texts[1]

    def sentence(self) -> str:
        """`buy 1.25000000 XBTUSD @ limit 27500.0 with 2:1 leverage`."""
        first, second = self.price_texts()
        words = self.ordertype.removesuffix("-limit").replace("-", " ")
        how = words if self.ordertype in ("market", "settle-position") else f"{words} {first}"
        if self.ordertype.endswith("-limit"):
            how += f" -> limit {second}"
        leverage = f" with {self.order.leverage}:1 leverage" if self.order.leverage else ""
        volume = fixed(self.order.quantity, self.book.lot_decimals)
        return f"{self.order.side.value} {volume} {self.book.altname} @ {how}{leverage}"


def view(state: VenueState, order: SimOrder) -> OrderView:
    """The order with its client's note."""
    note = state.notes.get(order.order_id)
    if note is not None:
        book = note.order.book
    elif order.is_margin:
        book = state.margin_book(order.pair, order.account)
    else:
        book = state.names.international[order.pair]
    return OrderView(order, note, book)


def order_row(state: VenueState, order: SimOrder, *, with_trades: bool = False) -> dict[str, Any]:
    """The order as OpenOrders, ClosedOrders and QueryOrders write it."""
    shown = view(state, order)
    request = order.request
    price, price2 = shown.price_texts()
    average = order.average_price or ZERO
    price_decimals = max(_AMOUNT_DECIMALS, shown.book.price_decimals)
    is_trailing = order.order_type is OrderType.TRAILING_STOP
    row: dict[str, Any] = {
        "refid": order.parent_id,
        "userref": request.userref,
        "status": STATUSES[order.status],
        "opentm": unix_number(order.placed_at),
        "starttm": 0,
        "expiretm": unix(request.expires_at) if request.expires_at else 0,
        "descr": {
            "pair": shown.book.altname,
            "aclass": "forex",
            "type": order.side.value,
            "ordertype": shown.ordertype,
            "price": price,
            "price2": price2,
            "leverage": f"{order.leverage}:1" if order.leverage else "none",
            "order": shown.sentence(),
            "close": shown.note.order.describe_close() if shown.note else "",
        },
        "vol": fixed(order.quantity, shown.book.lot_decimals),
        "vol_exec": fixed(order.filled_quantity, shown.book.lot_decimals),
        "cost": fixed(order.filled_cost, _AMOUNT_DECIMALS),
        "fee": fixed(order.fee, _AMOUNT_DECIMALS),
        "price": fixed(average, price_decimals),
        "stopprice": fixed((order.trigger_price if is_trailing else None) or ZERO, price_decimals),
        "limitprice": fixed((order.limit_price if order.triggered_at else None) or ZERO, price_decimals),
        "misc": shown.misc,
        "oflags": ",".join(shown.oflags),
    }
    if order.client_order_id is not None:
        row["cl_ord_id"] = order.client_order_id
    if shown.note is not None and shown.note.original is not None:
        row["link_id"] = shown.note.original
    if shown.trigger:
        row["trigger"] = shown.trigger
    if order.is_margin:
        row["margin"] = True
    if request.time_in_force is not TimeInForce.GTC:
        row["time_in_force"] = request.time_in_force.value.upper()
    if not order.is_open:
        row["reason"] = order.reason or None
        row["closetm"] = unix_number(order.closed_at or order.placed_at)
    if with_trades and order.fill_ids:
        row["trades"] = list(order.fill_ids)
    return row


def trade_row(state: VenueState, fill: SimFill, *, with_ledgers: bool = False) -> dict[str, Any]:
    """One fill as TradesHistory and QueryTrades write it, with its position when it opened one."""
    executed, shown = fill.fill, view(state, fill.order)
    row: dict[str, Any] = {
        "ordertxid": executed.venue_order_id,
        "postxid": fill.lot_id or executed.fill_id,
        "pair": shown.book.rest,
        "aclass": "forex",
        "time": unix_number(executed.at),
        "type": executed.side.value,
        "ordertype": shown.ordertype,
        "price": fixed(executed.price, max(_AMOUNT_DECIMALS, shown.book.price_decimals)),
        "cost": fixed(executed.cost, _AMOUNT_DECIMALS),
        "fee": fixed(executed.fee, _AMOUNT_DECIMALS),
        "vol": fixed(executed.quantity, shown.book.lot_decimals),
        "margin": fixed(fill.margin, _AMOUNT_DECIMALS),
        "leverage": str(fill.order.leverage or 0),
        "misc": _trade_misc(fill),
        "trade_id": fill.number,
        "maker": executed.is_maker,
    }
    if with_ledgers:
        row["ledgers"] = list(fill.ledger_ids)
    lot = state.exchange.lot(fill.account, executed.fill_id) if fill.opened_quantity else None
    if lot is not None:
        row |= _position_of(lot, shown.book)
    return row


def _trade_misc(fill: SimFill) -> str:
    words = ["closing"] if fill.closed_quantity else []
    return ",".join([*words, "liquidation"] if fill.fill.is_liquidation else words)


def _position_of(lot: SimLot, book: PairName) -> dict[str, Any]:
    closing_price = lot.closing_cost / lot.closed_quantity if lot.closed_quantity else ZERO
    return {
        "posstatus": "open" if lot.is_open else "closed",
        "cprice": fixed(closing_price, max(_AMOUNT_DECIMALS, book.price_decimals)),
        "ccost": fixed(lot.closing_cost, _AMOUNT_DECIMALS),
        "cfee": fixed(lot.closing_fee, _AMOUNT_DECIMALS),
        "cvol": fixed(lot.closed_quantity, book.lot_decimals),
        "cmargin": fixed(lot.closed_cost / lot.leverage, _AMOUNT_DECIMALS),
        "net": signed(lot.realised),
        "trades": list(lot.closing_fill_ids),
    }


def lot_row(state: VenueState, account: str, lot: SimLot, *, with_value: bool) -> dict[str, Any]:
    """One lot as OpenPositions writes it. Cost, margin and volume are those of the opening."""
    book = state.margin_book(lot.pair, account)
    order = state.exchange.order(account, lot.order_id)
    hours = int(state.exchange.model.rollover.period.total_seconds() // 3600)
    row: dict[str, Any] = {
        "ordertxid": lot.order_id,
        "posstatus": "open",
        "pair": book.rest,
        "time": unix_number(lot.opened_at),
        "type": lot.side.value,
        "ordertype": view(state, order).ordertype if order is not None else "market",
        "cost": fixed(lot.cost, _AMOUNT_DECIMALS),
        "fee": fixed(lot.fee, _AMOUNT_DECIMALS),
        "vol": fixed(lot.quantity, book.lot_decimals),
        "vol_closed": fixed(lot.closed_quantity, book.lot_decimals),
        "margin": fixed(lot.margin, _AMOUNT_DECIMALS),
        "terms": f"{fixed(lot.rollover_rate * 100, 4)}% per {hours} hours",
        "rollovertm": str(unix(lot.next_rollover_at)),
        "misc": "",
        "oflags": "",
    }
    if with_value:
        value = lot.remaining_quantity * state.exchange.quote(lot.pair).last
        row["value"] = fixed(value, book.cost_decimals)
        row["net"] = signed((value - lot.remaining_cost) * lot.side.sign)
    return row


def consolidated_rows(
    state: VenueState, account: str, lots: Sequence[SimLot], *, with_value: bool
) -> list[dict[str, Any]]:
    """Lots summed by pair, as OpenPositions writes them with `consolidation=market`."""
    rows = []
    groups: dict[tuple[PairName, Side], list[SimLot]] = {}
    for lot in lots:
        groups.setdefault((state.margin_book(lot.pair, account), lot.side), []).append(lot)
    for (book, side), group in groups.items():
        cost = sum((lot.cost for lot in group), ZERO)
        margin = sum((lot.margin for lot in group), ZERO)
        row: dict[str, Any] = {
            "pair": book.rest,
            "positions": str(len(group)),
            "type": side.value,
            "leverage": fixed(cost / margin, _AMOUNT_DECIMALS),
            "cost": fixed(cost, _AMOUNT_DECIMALS),
            "fee": fixed(sum((lot.fee for lot in group), ZERO), _AMOUNT_DECIMALS),
            "vol": fixed(sum((lot.quantity for lot in group), ZERO), book.lot_decimals),
            "vol_closed": fixed(sum((lot.closed_quantity for lot in group), ZERO), book.lot_decimals),
            "margin": fixed(margin, _AMOUNT_DECIMALS),
        }
        if with_value:
            last = state.exchange.quote(book.pair).last
            value = last * sum((lot.remaining_quantity for lot in group), ZERO)
            row["value"] = fixed(value, book.cost_decimals)
            row["net"] = signed((value - sum((lot.remaining_cost for lot in group), ZERO)) * side.sign)
        rows.append(row)
    return rows


def ledger_row(row: LedgerRow) -> dict[str, Any]:
    """One ledger row as Ledgers and QueryLedgers write it."""
    name = asset_name(row.asset)
    return {
        "refid": row.ref_id,
        "time": unix_number(row.at),
        "type": ledger_type(row.kind),
        "subtype": "",
        "aclass": "currency",
        "asset": name.rest,
        "amount": fixed(row.amount, name.decimals),
        "fee": fixed(row.fee, name.decimals),
        "balance": fixed(row.balance or ZERO, name.decimals),
    }


def ledger_type(kind: LedgerKind) -> str:
    """Kraken's word for a kind of row."""
    return _LEDGER_TYPES.get(kind, kind.value)


def signed(amount: Decimal) -> str:
    """An amount of quote with its sign, as `net` is written."""
    return f"{amount:+.4f}"
