"""What the private channels say: orders and fills as `executions`, ledger rows and totals as `balances`.

A new order is told twice: in full while pending, then sparsely as new; an end by cancelling is sparse too, and a
separate `filled` follows the last trade. Clients have to keep their own map of orders.
"""

from collections.abc import Mapping
from typing import Any

from jarvis.domain.account import Balance, LedgerKind, LedgerRow
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import OrderStatus, OrderType
from jarvis.emulators.kraken.names import asset_name
from jarvis.emulators.kraken.state import VenueState
from jarvis.emulators.kraken.text import number, rfc3339
from jarvis.emulators.kraken.views import OrderView, ledger_type, view
from jarvis.sim.exchange import OrderNews, SimFill, SimOrder, SimOrderEvent

_STATUSES = {
    OrderStatus.OPEN: "new",
    OrderStatus.PARTLY_FILLED: "partially_filled",
    OrderStatus.FILLED: "filled",
    OrderStatus.CANCELLED: "canceled",
    OrderStatus.EXPIRED: "expired",
}
_ENDS = {OrderNews.FILLED: "filled", OrderNews.CANCELLED: "canceled", OrderNews.EXPIRED: "expired"}
_CATEGORIES = {
    LedgerKind.MARGIN: "margin-trade",
    LedgerKind.ROLLOVER: "margin-trade",
    LedgerKind.SETTLED: "margin-settle",
    LedgerKind.REWARD: "staking-rewards",
}
_AMOUNT_DECIMALS = 5
_WALLET = {"type": "spot", "id": "main"}


def order_events(state: VenueState, event: SimOrderEvent) -> list[dict[str, Any]]:
    """The executions that one piece of news becomes, in order."""
    order = event.order
    at = {"timestamp": rfc3339(event.at)}
    match event.kind:
        case OrderNews.NEW:
            pending = order_status(state, order) | {"exec_type": "pending_new", "order_status": "pending_new"} | at
            return [pending, _sparse(order, "new") | {"order_status": "new"} | at]
        case OrderNews.AMENDED:
            shown = view(state, order)
            amended = _sparse(order, "amended") | _progress(shown) | _changeable(shown) | at
            return [amended | {"reason": event.reason or "User requested"}]
        case OrderNews.TRIGGERED:
            return [order_status(state, order) | at]
        case OrderNews.FILLED:
            return [_sparse(order, "filled") | _progress(view(state, order)) | at]
        case OrderNews.CANCELLED | OrderNews.EXPIRED:
            ended = _sparse(order, _ENDS[event.kind]) | _progress(view(state, order)) | at
            return [ended | {"reason": event.reason or order.reason or "User requested"}]


def order_status(state: VenueState, order: SimOrder) -> dict[str, Any]:
    """An order in full, as the snapshot tells it."""
    shown = view(state, order)
    request = order.request
    row: dict[str, Any] = {
        "order_id": order.order_id,
        "symbol": shown.book.symbol,
        "side": order.side.value,
        "order_type": shown.ordertype,
        "exec_type": "status",
        "limit_price_type": "static",
        "time_in_force": request.time_in_force.value.upper(),
        "fee_usd_equiv": number(order.fee, _AMOUNT_DECIMALS),
        "fee_ccy_pref": "fcib" if "fcib" in shown.oflags else "fciq",
        "timestamp": rfc3339(order.placed_at),
    }
    row |= _reference(order) | _progress(shown) | _changeable(shown)
    if request.post_only:
        row["post_only"] = True
    if order.is_margin:
        row["margin"] = True
        row["margin_borrow"] = False
        row["reduce_only"] = order.reduce_only
    if request.expires_at is not None:
        row["expire_time"] = rfc3339(request.expires_at)
    if request.close is not None:
        row["contingent"] = _contingent(shown)
    if order.is_liquidation:
        row["liquidated"] = True
    return row


def trade_event(state: VenueState, fill: SimFill) -> dict[str, Any]:
    """One fill. Its order may still be called partially filled: the end comes as an event of its own."""
    executed, order = fill.fill, fill.order
    shown = view(state, order)
    book = shown.book
    row: dict[str, Any] = {
        "order_id": order.order_id,
        "exec_id": executed.fill_id,
        "exec_type": "trade",
        "trade_id": fill.number,
        "symbol": book.symbol,
        "side": executed.side.value,
        "last_qty": number(executed.quantity, book.lot_decimals),
        "last_price": number(executed.price, book.price_decimals),
        "liquidity_ind": "m" if executed.is_maker else "t",
        "cost": number(executed.cost, _AMOUNT_DECIMALS),
        "order_status": "partially_filled",
        "order_type": shown.ordertype,
        "timestamp": rfc3339(executed.at),
        "fee_usd_equiv": number(executed.fee, _AMOUNT_DECIMALS),
        "fees": [{"asset": executed.fee_asset, "qty": number(executed.fee, _AMOUNT_DECIMALS)}],
    }
    row |= _reference(order)
    row["cum_qty"] = number(order.filled_quantity, book.lot_decimals)
    row["cum_cost"] = number(order.filled_cost, _AMOUNT_DECIMALS)
    if executed.is_margin:
        row["margin"] = True
        row["margin_borrow"] = False
        row["reduce_only"] = order.reduce_only
        row["position_status"] = _position_status(state, fill)
    if executed.is_liquidation:
        row["liquidated"] = True
    return row


def ledger_event(row: LedgerRow) -> dict[str, Any]:
    """One ledger row as a balance update."""
    decimals = asset_name(row.asset).decimals
    kind = ledger_type(row.kind)
    return {
        "ledger_id": row.row_id,
        "ref_id": row.ref_id,
        "timestamp": rfc3339(row.at),
        "type": kind,
        "subtype": "",
        "category": _CATEGORIES.get(row.kind, kind),
        "asset": row.asset,
        "asset_class": "currency",
        "wallet_type": _WALLET["type"],
        "wallet_id": _WALLET["id"],
        "amount": number(row.amount, decimals),
        "fee": number(row.fee, decimals),
        "balance": number(row.balance or ZERO, decimals),
    }


def balance_rows(balances: Mapping[Asset, Balance]) -> list[dict[str, Any]]:
    """All totals, as the snapshot tells them."""
    rows = []
    for asset, balance in balances.items():
        total = number(balance.total, asset_name(asset).decimals)
        rows.append(
            {
                "asset": asset,
                "asset_class": "currency",
                "balance": total,
                "wallets": [_WALLET | {"balance": total}],
            }
        )
    return rows


def _sparse(order: SimOrder, exec_type: str) -> dict[str, Any]:
    """Neither symbol nor side nor the client's own id: that is how Kraken tells a change."""
    return {
        "order_id": order.order_id,
        "exec_type": exec_type,
        "order_status": _STATUSES[order.status],
        "order_userref": order.request.userref or 0,
    }


def _reference(order: SimOrder) -> dict[str, Any]:
    row: dict[str, Any] = {"order_userref": order.request.userref or 0}
    if order.client_order_id is not None:
        row["cl_ord_id"] = order.client_order_id
    return row


def _progress(shown: OrderView) -> dict[str, Any]:
    order, book = shown.order, shown.book
    row: dict[str, Any] = {
        "order_status": _STATUSES[order.status],
        "cum_qty": number(order.filled_quantity, book.lot_decimals),
        "cum_cost": number(order.filled_cost, _AMOUNT_DECIMALS),
    }
    if (average := order.average_price) is not None:
        row["avg_price"] = number(average, max(_AMOUNT_DECIMALS, book.price_decimals))
    return row


def _changeable(shown: OrderView) -> dict[str, Any]:
    order, book = shown.order, shown.book
    row: dict[str, Any] = {"order_qty": number(order.quantity, book.lot_decimals)}
    if order.limit_price is not None:
        row["limit_price"] = number(order.limit_price, book.price_decimals)
    if order.trigger_price is not None:
        trigger = number(order.trigger_price, book.price_decimals)
        row["triggers"] = {
            "reference": shown.trigger or "last",
            "price": trigger,
            "price_type": "quote" if order.order_type is OrderType.TRAILING_STOP else "static",
            "actual_price": trigger,
            "status": "untriggered" if order.is_waiting else "triggered",
        }
        if order.peak_price is not None:
            row["triggers"]["peak_price"] = number(order.peak_price, book.price_decimals)
        if order.triggered_at is not None:
            row["triggers"]["timestamp"] = rfc3339(order.triggered_at)
    return row


def _contingent(shown: OrderView) -> dict[str, Any]:
    close = shown.note.order.close if shown.note is not None else None
    if close is None:
        return {}
    prices = [price for price in (close.price, close.price2) if price is not None]
    names = ["limit_price"] if close.ordertype == "limit" else ["trigger_price", "limit_price"]
    kinds = {True: "quote", False: "static"}
    row: dict[str, Any] = {"order_type": close.ordertype}
    for name, price in zip(names, prices, strict=False):
        row[name] = number(price.amount, shown.book.price_decimals)
        row[f"{name}_type"] = "pct" if price.is_percent else kinds[price.is_relative]
    return row


def _position_status(state: VenueState, fill: SimFill) -> str:
    if not fill.closed_quantity:
        return "opened"
    lots = state.exchange.lots(fill.account, fill.fill.pair)
    is_closed = fill.closed_quantity > ZERO and not any(lot.side is not fill.fill.side for lot in lots)
    return "closed" if is_closed else "closing"
