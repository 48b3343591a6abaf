"""Order and fill lists: what is open, what is over and still shown, and what was traded.

What is shown of the past: realtime knows the last 500 that ended since the service last restarted; history keeps what
never traded for 24 hours when it was cancelled and seven days at most, and what traded for two years.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import takewhile

from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO, round_down
from jarvis.emulators.bybit.coins import coin_of
from jarvis.emulators.bybit.errors import BAD_FILTER, Refused
from jarvis.emulators.bybit.keys import VenueAccount
from jarvis.emulators.bybit.orders import FILTERS, category_of
from jarvis.emulators.bybit.paging import page, window
from jarvis.emulators.bybit.params import Params
from jarvis.emulators.bybit.state import Call, VenueState, symbol_of
from jarvis.emulators.bybit.text import Json, number
from jarvis.emulators.bybit.trading import Trading, is_listed
from jarvis.emulators.bybit.views import fill_row, order_row, status_of
from jarvis.emulators.bybit.wallet import Wallets
from jarvis.sim.exchange import SimOrder

_RECENT = 500
_WEEK = timedelta(days=7)
_UNFILLED_KEPT = timedelta(hours=24)
_FILLED_KEPT = timedelta(days=730)
_MORE_FILTERS = ("OcoOrder", "BidirectionalTpslOrder", "tpslOrder")


class Queries:
    """Answers of the order and execution paths that change nothing."""

    def __init__(self, state: VenueState, trading: Trading, wallets: Wallets) -> None:
        self._state = state
        self._exchange = state.exchange
        self._trading = trading
        self._wallets = wallets

    def realtime(self, call: Call) -> Json:
        """Open orders, or with openOnly=1 those that ended lately; by id, whichever it is."""
        params = call.params
        params.only(
            (
                "category",
                "symbol",
                "baseCoin",
                "orderId",
                "orderLinkId",
                "openOnly",
                "orderFilter",
                "limit",
                "cursor",
            )
        )
        category_of(params)
        limit = params.limit(20, 50)
        recent = params.choice("openOnly", ("0", "1", "2"), "0") != "0"
        if "orderId" in params or "orderLinkId" in params:
            found = self._trading.find(call.account.name, params)
            orders = [found] if found is not None and (found.is_open or self._is_recent(call.account, found)) else []
        elif recent:
            orders = self._recent(call.account)
        else:
            orders = self._exchange.orders(call.account.name)
        return self._order_page(self._wanted(orders, params), params, limit)

    def history(self, call: Call) -> Json:
        """Orders that are over, as long as they are kept; seven days at once."""
        params = call.params
        params.only(
            (
                "category",
                "symbol",
                "baseCoin",
                "orderId",
                "orderLinkId",
                "orderFilter",
                "orderStatus",
                "startTime",
                "endTime",
                "limit",
                "cursor",
            )
        )
        category_of(params)
        limit = params.limit(20, 50)
        since, until = window(params, call.now, default=_WEEK, most=_WEEK)
        orders = [
            order
            for order in self._closed(call.account, since)
            if since <= order.placed_at <= until and self._is_kept(call, order)
        ]
        if "orderId" in params or "orderLinkId" in params:
            found = self._trading.find(call.account.name, params)
            orders = [found] if found is not None and not found.is_open and self._is_kept(call, found) else []
        if (status := params.text("orderStatus")) is not None:
            orders = [order for order in orders if status_of(order) == status]
        return self._order_page(self._wanted(orders, params), params, limit)

    def executions(self, call: Call) -> Json:
        """Fills, newest first, seven days at once."""
        params = call.params
        params.only(
            (
                "category",
                "symbol",
                "baseCoin",
                "orderId",
                "orderLinkId",
                "startTime",
                "endTime",
                "execType",
                "limit",
                "cursor",
            )
        )
        category_of(params)
        limit = params.limit(50, 100)
        pair = self._state.pair(params.required("symbol")) if "symbol" in params else None
        if "orderId" in params or "orderLinkId" in params:
            order = self._trading.find(call.account.name, params)
            fills = self._state.fills_of(order)[::-1] if order is not None else []
        else:
            since, until = window(params, call.now, default=_WEEK, most=_WEEK)
            newest_first = reversed(self._exchange.fills(call.account.name))
            fills = [
                fill for fill in takewhile(lambda fill: fill.fill.at >= since, newest_first) if fill.fill.at <= until
            ]
        kind, base = params.text("execType"), params.text("baseCoin")
        fills = [
            fill
            for fill in fills
            if (pair is None or fill.fill.pair == pair)
            and base in (None, fill.fill.pair.base)
            and kind in (None, "BustTrade" if fill.fill.is_liquidation else "Trade")
        ]
        chosen, cursor = page(fills, lambda fill: fill.number, params, limit)
        return {
            "nextPageCursor": cursor,
            "category": "spot",
            "list": [fill_row(self._state, fill) for fill in chosen],
        }

    def borrow_check(self, call: Call) -> Json:
        """How much could be traded now, with own funds and with what could be borrowed."""
        params = call.params
        params.only(("category", "symbol", "side"))
        category_of(params)
        pair = self._state.pair(params.required("symbol"))
        side = Side(params.choice("side", ("Buy", "Sell")).lower())
        rules, last = self._state.instrument(pair), self._exchange.quote(pair).last
        lent = pair.quote if side is Side.BUY else pair.base
        own = max(ZERO, self._wallets.holding(call.account, lent).free)
        most = own + self._wallets.borrowable(call.account, lent)
        rate = last if side is Side.BUY else Decimal(1)
        quantities = [round_down(amount / rate, rules.lot) for amount in (most, own)]
        quantities = [min(quantity, coin_of(pair.base).max_market) for quantity in quantities]
        return {
            "symbol": symbol_of(pair),
            "side": side.value.capitalize(),
            "maxTradeQty": number(quantities[0]),
            "maxTradeAmount": number(most * last / rate, 8),
            "spotMaxTradeQty": number(quantities[1], 4),
            "spotMaxTradeAmount": number(own * last / rate, 8),
            "borrowCoin": lent,
        }

    # Within.

    def _order_page(self, orders: Sequence[SimOrder], params: Params, limit: int) -> Json:
        numbered = sorted(((int(self._state.ids.order(order.order_id)), order) for order in orders), key=_first)
        chosen, cursor = page(numbered[::-1], _first, params, limit)
        rows = [order_row(self._state, order) for _, order in chosen]
        return {"list": rows, "nextPageCursor": cursor, "category": "spot"}

    def _wanted(self, orders: Sequence[SimOrder], params: Params) -> list[SimOrder]:
        pair = self._state.pair(params.required("symbol")) if "symbol" in params else None
        base, wanted = params.text("baseCoin"), params.text("orderFilter")
        if wanted is not None and wanted not in (*FILTERS, *_MORE_FILTERS):
            raise Refused(BAD_FILTER)
        return [
            order
            for order in orders
            if (pair is None or order.pair == pair)
            and base in (None, order.pair.base)
            and (wanted is None or is_listed(self._state, order, wanted))
        ]

    def _closed(self, account: VenueAccount, since: datetime) -> list[SimOrder]:
        """What ended since; nothing that ended earlier was placed later."""
        lists = (self._exchange.closed_orders(account.name), self._state.ghosts.get(account.name, ()))
        return [order for each in lists for order in takewhile(lambda order: _ended_at(order) >= since, reversed(each))]

    def _recent(self, account: VenueAccount) -> list[SimOrder]:
        restarted = self._state.restarted_at
        ended = [
            *self._exchange.closed_orders(account.name)[-_RECENT:],
            *self._state.ghosts.get(account.name, [])[-_RECENT:],
        ]
        alive = [order for order in ended if restarted is None or _ended_at(order) > restarted]
        return sorted(alive, key=_ended_at)[-_RECENT:]

    def _is_recent(self, account: VenueAccount, order: SimOrder) -> bool:
        return any(each.order_id == order.order_id for each in self._recent(account))

    def _is_kept(self, call: Call, order: SimOrder) -> bool:
        age = call.now - _ended_at(order)
        return age <= (_FILLED_KEPT if order.filled_quantity else _UNFILLED_KEPT)


def _ended_at(order: SimOrder) -> datetime:
    return order.closed_at or order.placed_at


def _first(numbered: tuple[int, SimOrder]) -> int:
    return numbered[0]
