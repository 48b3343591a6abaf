"""REST private reads: balances, margin, orders, trades, positions, ledger, fees, and what a key may do."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any, TypeVar

from jarvis.domain.account import LedgerRow
from jarvis.domain.instrument import Pair
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.domain.order import FillId, VenueOrderId
from jarvis.emulators.faults import FaultKind
from jarvis.emulators.kraken.errors import INVALID_ORDER, UNKNOWN_ASSET, UNKNOWN_ORDER, Refused, invalid_argument
from jarvis.emulators.kraken.names import asset_name, find_asset
from jarvis.emulators.kraken.params import Params
from jarvis.emulators.kraken.state import Call, VenueState
from jarvis.emulators.kraken.text import fixed, unix, unix_micros
from jarvis.emulators.kraken.views import (
    consolidated_rows,
    ledger_row,
    ledger_type,
    lot_row,
    order_row,
    trade_row,
)
from jarvis.sim.exchange import SimFill, SimMargin, SimOrder

Row = TypeVar("Row")

_PAGE = 50
_TOKEN_SECONDS = 900
_MONTH = timedelta(days=30)
_TRADE_TYPES = frozenset({"all", "any position", "closed position", "closing position", "no position"})
_SNAKE_TO_CAMEL = {
    "api_key_name": "apiKeyName",
    "api_key": "apiKey",
    "nonce_window": "nonceWindow",
    "valid_until": "validUntil",
    "query_from": "queryFrom",
    "query_to": "queryTo",
    "created_time": "createdTime",
    "modified_time": "modifiedTime",
    "ip_allowlist": "ipAllowlist",
    "last_used": "lastUsed",
}


def trade_balance_row(margin: SimMargin, rate: Decimal = Decimal(1)) -> dict[str, str]:
    """TradeBalance's letters as text, in the asset of which one unit is worth `rate` quote; no `ml` when flat."""
    row = {name: fixed(getattr(margin, name) / rate, 4) for name in ("eb", "tb", "m", "n", "c", "v", "e", "mf", "mfo")}
    if margin.ml is not None:
        # Cut, not rounded: the only figure of a recorded answer that its neighbours do not round to.
        row["ml"] = fixed(margin.ml.quantize(Decimal("0.01"), rounding=ROUND_DOWN), 2)
    return row


class AccountReads:
    """Answers of the private paths that change nothing."""

    def __init__(self, state: VenueState) -> None:
        self._state = state
        self._exchange = state.exchange

    def balance(self, call: Call) -> Any:
        """Totals by asset."""
        return {
            asset_name(asset).rest: fixed(balance.total, asset_name(asset).decimals)
            for asset, balance in self._exchange.balances(call.account.name).items()
        }

    def balance_ex(self, call: Call) -> Any:
        """Totals and what spot orders hold."""
        rows = {}
        for asset, balance in self._exchange.balances(call.account.name).items():
            name = asset_name(asset)
            rows[name.rest] = {
                "balance": fixed(balance.total, name.decimals),
                "hold_trade": fixed(balance.total - balance.available, name.decimals),
            }
        return rows

    def trade_balance(self, call: Call) -> Any:
        """The account's margin."""
        asset = self._asset(call.params.text("asset", "ZUSD") or "ZUSD")
        rate = Decimal(1) if asset == USD else self._exchange.quote(Pair(asset, USD)).last
        return trade_balance_row(self._exchange.margin(call.account.name), rate)

    def open_orders(self, call: Call) -> Any:
        """Open orders, newest first."""
        orders = [order for order in reversed(self._exchange.orders(call.account.name)) if _is_wanted(order, call)]
        return {"open": self._order_rows(orders, call)}

    def closed_orders(self, call: Call) -> Any:
        """Orders that are over, newest first, 50 on a page."""
        params = call.params
        by = params.text("closetime", "both")
        if by not in ("open", "close", "both"):
            raise invalid_argument("closetime")

        def at(order: SimOrder) -> Sequence[datetime]:
            closed = order.closed_at or order.placed_at
            return {"open": (order.placed_at,), "close": (closed,)}.get(by, (order.placed_at, closed))

        orders = [
            order for order in reversed(self._exchange.closed_orders(call.account.name)) if _is_wanted(order, call)
        ]
        inside = self._window(params, {order.order_id: order.placed_at for order in orders})
        orders = [order for order in orders if any(inside(each) for each in at(order))]
        page = _page(orders, params)
        answer: dict[str, Any] = {"closed": self._order_rows(page, call)}
        if not params.boolean("without_count"):
            answer["count"] = len(orders)
        return answer

    def query_orders(self, call: Call) -> Any:
        """Orders by id, at most 50."""
        wanted = call.params.names("txid")
        if not 1 <= len(wanted) <= _PAGE:
            raise invalid_argument("txid")
        found = [self._exchange.order(call.account.name, VenueOrderId(order_id)) for order_id in wanted]
        if None in found:
            raise Refused(INVALID_ORDER)
        orders = [order for order in found if order is not None and _is_wanted(order, call)]
        return self._order_rows(orders, call)

    def order_amends(self, call: Call) -> Any:
        """How an order was changed since it was placed."""
        order_id = VenueOrderId(call.params.required("order_id"))
        order = self._exchange.order(call.account.name, order_id)
        note = self._state.notes.get(order_id)
        if order is None or note is None:
            raise Refused(UNKNOWN_ORDER)
        book = note.order.book
        rows = []
        for amendment in note.amendments:
            row: dict[str, Any] = {
                "amend_id": amendment.amend_id,
                "amend_type": amendment.kind,
                "order_qty": fixed(amendment.quantity, book.lot_decimals),
                "remaining_qty": fixed(amendment.quantity - order.filled_quantity, book.lot_decimals),
                "post_only": note.order.is_post_only,
                "timestamp": unix_micros(amendment.at) // 1000,
            }
            if amendment.limit_price is not None:
                row["limit_price"] = fixed(amendment.limit_price, book.price_decimals)
            if amendment.trigger_price is not None:
                row["trigger_price"] = fixed(amendment.trigger_price, book.price_decimals)
            rows.append(row)
        return {"amends": rows, "count": len(rows)}

    def trades_history(self, call: Call) -> Any:
        """Fills, newest first, 50 on a page."""
        params = call.params
        kind = params.text("type", "all")
        if kind not in _TRADE_TYPES:
            raise invalid_argument("type")
        fills = [fill for fill in reversed(self._exchange.fills(call.account.name)) if self._is_kind(fill, kind)]
        inside = self._window(params, {fill.fill.fill_id: fill.fill.at for fill in fills})
        fills = [fill for fill in fills if inside(fill.fill.at)]
        answer: dict[str, Any] = {"trades": self._trade_rows(_page(fills, params), params)}
        if not params.boolean("without_count"):
            answer["count"] = len(fills)
        return answer

    def query_trades(self, call: Call) -> Any:
        """Fills by id, at most 20."""
        wanted = call.params.names("txid")
        if not 1 <= len(wanted) <= 20:
            raise invalid_argument("txid")
        known = {fill.fill.fill_id: fill for fill in self._exchange.fills(call.account.name)}
        if not all(FillId(trade_id) in known for trade_id in wanted):
            raise Refused("EQuery:Invalid trade")
        return self._trade_rows([known[FillId(trade_id)] for trade_id in wanted], call.params)

    def open_positions(self, call: Call) -> Any:
        """Open lots by opening trade, or summed by pair with `consolidation=market`; empty when flat."""
        params = call.params
        lots = self._exchange.lots(call.account.name)
        if wanted := params.names("txid"):
            lots = [lot for lot in lots if lot.lot_id in wanted]
        with_value = params.boolean("docalcs")
        consolidation = params.text("consolidation")
        if consolidation == "market":
            return consolidated_rows(self._state, call.account.name, lots, with_value=with_value)
        if consolidation is not None:
            raise invalid_argument("consolidation")
        return {lot.lot_id: lot_row(self._state, call.account.name, lot, with_value=with_value) for lot in lots}

    def ledgers(self, call: Call) -> Any:
        """Ledger rows, newest first, 50 on a page."""
        params = call.params
        rows: list[LedgerRow] = list(reversed(self._exchange.ledger(call.account.name)))
        if (wanted := params.names("asset")) and wanted != ["all"]:
            assets = {self._asset(text) for text in wanted}
            rows = [row for row in rows if row.asset in assets]
        if (kind := params.text("type", "all")) != "all":
            rows = [row for row in rows if ledger_type(row.kind) == kind]
        inside = self._window(params, {row.row_id: row.at for row in rows})
        rows = [row for row in rows if inside(row.at)]
        answer: dict[str, Any] = {"ledger": {row.row_id: ledger_row(row) for row in _page(rows, params)}}
        if not params.boolean("without_count"):
            answer["count"] = len(rows)
        return answer

    def query_ledgers(self, call: Call) -> Any:
        """Ledger rows by id, at most 20."""
        wanted = call.params.names("id")
        if not 1 <= len(wanted) <= 20:
            raise invalid_argument("id")
        known = {str(row.row_id): row for row in self._exchange.ledger(call.account.name)}
        if not all(row_id in known for row_id in wanted):
            raise Refused("EQuery:Unknown ledger id")
        return {row_id: ledger_row(known[row_id]) for row_id in wanted}

    def trade_volume(self, call: Call) -> Any:
        """Thirty days' volume and, for the pairs asked for, what trading costs in per cent."""
        since = call.now - _MONTH
        fills = self._exchange.fills(call.account.name)
        volume = sum((fill.fill.cost for fill in fills if fill.fill.at > since), ZERO)
        answer: dict[str, Any] = {"currency": asset_name(USD).rest, "volume": fixed(volume, 4)}
        books = [self._state.book(text, call.account) for text in call.params.names("pair")]
        fee = self._exchange.model.fee
        for name, rate in (("fees", fee.taker_rate), ("fees_maker", fee.maker_rate)):
            percent = fixed(rate * 100, 4)
            row = {
                "fee": percent,
                "minfee": percent,
                "maxfee": percent,
                "nextfee": None,
                "nextvolume": None,
                "tiervolume": fixed(ZERO, 4),
            }
            if books:
                answer[name] = {book.rest: row for book in books}
        return answer

    def web_sockets_token(self, call: Call) -> Any:
        """A token for the private WebSocket."""
        token = self._state.keys.issue_token(call.key, asyncio.get_running_loop().time())
        return {"token": token.token, "expires": _TOKEN_SECONDS}

    def api_key_info(self, call: Call) -> Any:
        """What the key may do, and how it is bound."""
        key = call.key
        row: dict[str, Any] = {
            "api_key_name": key.label,
            "api_key": key.public,
            "nonce": str(key.highest_nonce),
            "nonce_window": str(key.nonce_window),
            "permissions": sorted(self._state.granted(key)),
            "iban": call.account.public_id,
            "valid_until": _stamp(key.expires_at),
            "query_from": _stamp(key.query_from),
            "query_to": _stamp(key.query_to),
            "created_time": _stamp(key.created_at),
            "modified_time": _stamp(key.modified_at),
            "ip_allowlist": list(key.ip_allowlist) or [""],
            "last_used": _stamp(key.last_used_at),
        }
        if self._state.faults.holds(FaultKind.CAMEL_CASE_KEY_INFO, account=call.account.name):
            row = {_SNAKE_TO_CAMEL.get(name, name): value for name, value in row.items()}
            row["nonceWindow"], row["ipAllowlist"] = key.nonce_window, list(key.ip_allowlist)
        return row

    def _order_rows(self, orders: Sequence[SimOrder], call: Call) -> dict[str, Any]:
        with_trades = call.params.boolean("trades")
        return {order.order_id: order_row(self._state, order, with_trades=with_trades) for order in orders}

    def _trade_rows(self, fills: Sequence[SimFill], params: Params) -> dict[str, Any]:
        with_ledgers = params.boolean("ledgers")
        return {fill.fill.fill_id: trade_row(self._state, fill, with_ledgers=with_ledgers) for fill in fills}

    def _is_kind(self, fill: SimFill, kind: str | None) -> bool:
        match kind:
            case "any position":
                return fill.fill.is_margin
            case "closing position":
                return fill.closed_quantity > 0
            case "closed position":
                lot = self._exchange.lot(fill.account, fill.fill.fill_id)
                return lot is not None and not lot.is_open
            case "no position":
                return not fill.fill.is_margin
            case _:
                return True

    def _asset(self, text: str) -> Asset:
        known = {asset: None for pair in self._exchange.instruments for asset in (pair.base, pair.quote)}
        asset = find_asset(text, known)
        if asset is None:
            raise Refused(UNKNOWN_ASSET)
        return asset

    def _window(self, params: Params, known: dict[Any, datetime]) -> Callable[[datetime], bool]:
        """Whether an instant lies after `start` and not after `end`; both are unix times or ids of known rows."""

        def bound(name: str) -> Decimal | None:
            text = params.text(name)
            if text in known:
                return Decimal(unix_micros(known[text]))
            seconds = params.decimal(name)
            return None if seconds is None else seconds * 1_000_000

        start, end = bound("start"), bound("end")
        return lambda at: (start is None or unix_micros(at) > start) and (end is None or unix_micros(at) <= end)


def _is_wanted(order: SimOrder, call: Call) -> bool:
    userref, cl_ord_id = call.params.integer("userref"), call.params.text("cl_ord_id")
    return (userref is None or order.request.userref == userref) and (
        cl_ord_id is None or order.client_order_id == cl_ord_id
    )


def _page(rows: Sequence[Row], params: Params) -> Sequence[Row]:
    offset = params.integer("ofs") or 0
    if offset < 0:
        raise invalid_argument("ofs")
    return rows[offset : offset + _PAGE]


def _stamp(at: datetime | None) -> str:
    return "0" if at is None else str(unix(at))
