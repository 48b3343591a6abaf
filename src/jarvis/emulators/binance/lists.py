"""Order lists: OCO (one cancels the other), OTO (one triggers the other) and OTOCO.

The simulated exchange knows single orders only. A list's limit leg rests there; the stop leg beside it is held here,
since both share one lock on the funds, and is sent when the price has touched it.

Unrealistic: such a stop is seen when a native bar ends and trades at its close; when both legs could have been
reached within one bar, the limit leg is the one that was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from jarvis.domain.instrument import Pair, Side
from jarvis.emulators.binance.errors import (
    BOTH_LIMITS,
    BUY_LIMIT_BELOW,
    BUY_PROFIT_BELOW,
    BUY_STOP_ABOVE,
    DUPLICATE_ORDER,
    NO_SUCH_LIST,
    OCO_TYPE,
    PRICE_RELATION,
    SELL_LIMIT_ABOVE,
    SELL_PROFIT_ABOVE,
    SELL_STOP_BELOW,
    UNKNOWN_ORDER_SENT,
    Problem,
    Refused,
    filter_failure,
    invalid,
    missing,
)
from jarvis.emulators.binance.events import list_event, order_report
from jarvis.emulators.binance.filters import check_counts, check_order
from jarvis.emulators.binance.names import MAX_ORDER_LISTS, Symbol
from jarvis.emulators.binance.orders import Kind, OrderNote, SideEffect, WrittenOrder, is_open
from jarvis.emulators.binance.params import Params
from jarvis.emulators.binance.state import Call, VenueState
from jarvis.emulators.binance.text import Json, ms
from jarvis.emulators.binance.trading import Trading
from jarvis.emulators.binance.views import borrowed_fields, cancelled_row, leg_report
from jarvis.emulators.binance.writing import (
    read_kind,
    read_response_type,
    read_side,
    read_terms,
    read_time_in_force,
)
from jarvis.sim.exchange import OrderNews, SimEvent, SimFill, SimOrderEvent, SimPublicTrade

_FIRST_LIST = 1
_COMMON = (
    "symbol",
    "isIsolated",
    "listClientOrderId",
    "newOrderRespType",
    "sideEffectType",
    "selfTradePreventionMode",
    "autoRepayAtCancel",
)
_WORKING = tuple(
    f"working{name}" for name in ("Type", "Side", "Price", "Quantity", "TimeInForce", "ClientOrderId", "IcebergQty")
)


def _names(prefix: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}{name}" for name in names)


_LEG = ("Type", "ClientOrderId", "Price", "StopPrice", "TrailingDelta", "IcebergQty", "TimeInForce")
OCO_PARAMS = (
    *_COMMON,
    "side",
    "quantity",
    "price",
    "stopPrice",
    "stopLimitPrice",
    "stopLimitTimeInForce",
    "limitClientOrderId",
    "stopClientOrderId",
    "limitIcebergQty",
    "stopIcebergQty",
)
OTO_PARAMS = (*_COMMON, *_WORKING, *_names("pending", *_LEG, "Side", "Quantity"))
OTOCO_PARAMS = (
    *_COMMON,
    *_WORKING,
    "pendingSide",
    "pendingQuantity",
    *_names("pendingAbove", *_LEG),
    *_names("pendingBelow", *_LEG),
)
_STOPS = (Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT)
_PROFITS = (Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT)


@dataclass(slots=True)
class OrderList:
    """One list. `working` is the leg that has to fill before the pending ones begin; an OCO has none."""

    number: int
    account: str
    pot: str
    symbol: Symbol
    contingency: str
    client_id: str
    placed_at: datetime
    legs: list[OrderNote]
    working: OrderNote | None = None
    is_done: bool = False
    watches_since: datetime | None = None

    @property
    def exits(self) -> list[OrderNote]:
        """The legs that cancel each other."""
        return [leg for leg in self.legs if leg is not self.working]


class OrderLists:
    """All lists. `tell` puts an event on the streams of an account's pot, `flush` tells what the exchange did."""

    def __init__(
        self,
        state: VenueState,
        flush: Callable[[], None],
        tell: Callable[[str, str, Json], None],
    ) -> None:
        self._state = state
        self._flush = flush
        self._tell = tell
        self._lists: dict[int, OrderList] = {}
        self._open: dict[int, OrderList] = {}
        self.trading: Trading

    # Calls.

    def place_oco(self, call: Call) -> Any:
        """A limit order beside a stop; one cancels the other."""
        params = call.params
        symbol = self._state.symbols.named(params.required("symbol"))
        pot, side, terms = self._state.pot_of(call), read_side(params), read_terms(params)
        limit = WrittenOrder(
            symbol,
            side,
            Kind.LIMIT_MAKER,
            quantity=_required(params, "quantity"),
            price=_required(params, "price"),
            side_effect=terms.side_effect,
            repays_at_cancel=terms.repays_at_cancel,
            self_trade=terms.self_trade,
            iceberg_quantity=params.decimal("limitIcebergQty"),
        )
        stop_limit = params.decimal("stopLimitPrice")
        stop = replace(
            limit,
            kind=Kind.STOP_LOSS if stop_limit is None else Kind.STOP_LOSS_LIMIT,
            price=stop_limit,
            stop_price=_required(params, "stopPrice"),
            iceberg_quantity=params.decimal("stopIcebergQty"),
            time_in_force="GTC" if stop_limit is None else read_time_in_force(params, "stopLimitTimeInForce"),
        )
        self._check_relation(limit, stop)
        ids = [params.client_id(name) for name in ("stopClientOrderId", "limitClientOrderId")]
        stop_id, limit_id = (each or self._state.new_client_id() for each in ids)
        self._check_room(call, pot, symbol, "POST /sapi/v1/margin/order/oco")
        self.trading.check(call, pot, limit, limit_id, "POST /sapi/v1/margin/order/oco")
        check_order(self._state, stop)
        check_counts(self._state, call.account.name, pot, stop)
        limit_note = self.trading.enter(call.account.name, pot, limit, limit_id)
        stop_note = self._hold(call, pot, stop, stop_id)
        made = self._make(call, pot, "OCO", [stop_note, limit_note])
        made.watches_since = self._state.now()
        return self._begin(call, made)

    def place_oto(self, call: Call) -> Any:
        """A working order and one that begins when it is filled."""
        params = call.params
        working = self._working(call)
        terms = read_terms(params)
        pending = self._leg(params, "pending", working.symbol, read_side(params, "pendingSide"))
        pending = replace(
            pending,
            quantity=_required(params, "pendingQuantity"),
            side_effect=SideEffect.REPAY if terms.side_effect.repays else SideEffect.NONE,
        )
        return self._place_triggered(call, working, [(pending, "pendingClientOrderId")])

    def place_otoco(self, call: Call) -> Any:
        """A working order and two that begin when it is filled, of which one cancels the other."""
        params = call.params
        working = self._working(call)
        if working.side_effect.repays:
            raise invalid("sideEffectType")
        side, quantity = read_side(params, "pendingSide"), _required(params, "pendingQuantity")
        above = replace(self._leg(params, "pendingAbove", working.symbol, side), quantity=quantity)
        below = replace(self._leg(params, "pendingBelow", working.symbol, side), quantity=quantity)
        limit, stop = _limit_and_stop(above, below, side)
        if (
            (limit.price or 0) <= (stop.stop_price or 0)
            if side is Side.SELL
            else (limit.price or 0) >= (stop.stop_price or 0)
        ):
            raise Refused(PRICE_RELATION)
        legs = [(above, "pendingAboveClientOrderId"), (below, "pendingBelowClientOrderId")]
        return self._place_triggered(call, working, legs)

    def one(self, call: Call) -> Any:
        """One list."""
        return self.row(self._find(call, NO_SUCH_LIST))

    def all_lists(self, call: Call) -> Any:
        """Every list of the account."""
        pot = self._state.pot_of(call)
        return [self.row(each) for each in self._lists.values() if (each.account, each.pot) == (call.account.name, pot)]

    def open_lists(self, call: Call) -> Any:
        """The lists that still work."""
        pot = self._state.pot_of(call)
        return [self.row(each) for each in self._open.values() if (each.account, each.pot) == (call.account.name, pot)]

    def cancel(self, call: Call) -> Any:
        """Cancel a list with all its orders."""
        call.params.required("symbol")
        found = self._find(call, UNKNOWN_ORDER_SENT)
        if found.is_done:
            raise Refused(UNKNOWN_ORDER_SENT)
        self._cancel(found, call.params.client_id("newClientOrderId") or self._state.new_client_id())
        self._flush()
        return self.row(found, with_reports=True)

    def cancel_all(self, call: Call) -> Any:
        """Cancel every open order of a symbol: single ones and lists, each in its own shape."""
        state, params = self._state, call.params
        symbol = state.symbols.named(params.required("symbol"))
        pot = state.pot_of(call)
        notes = [note for note in state.orders.open_of(call.account.name, pot) if note.symbol == symbol]
        if not notes:
            raise Refused(UNKNOWN_ORDER_SENT)
        cancel_id = state.new_client_id()
        single = [note for note in notes if note.list_id < 0]
        lists = [self._lists[number] for number in dict.fromkeys(note.list_id for note in notes if note.list_id >= 0)]
        for note in single:
            self.trading.end(note, "CANCELED", cancel_id)
        for each in lists:
            self._cancel(each, cancel_id)
        self._flush()
        return [
            *(cancelled_row(state, note, order_id_as_text=False) for note in single),
            *(self.row(each, with_reports=True) for each in lists),
        ]

    def cancel_list_of(self, note: OrderNote, cancel_id: str) -> None:
        """Cancel the list that an order belongs to."""
        self._cancel(self._lists[note.list_id], cancel_id)

    # What follows.

    def follow(self, events: Sequence[SimEvent]) -> None:
        """Let legs trigger and cancel each other as the exchange's events and the price demand."""
        if not self._open:
            return
        for event in events:
            match event:
                case SimFill():
                    self._filled(event)
                case SimOrderEvent(kind=OrderNews.CANCELLED | OrderNews.EXPIRED | OrderNews.FILLED):
                    self._ended(event)
                case SimPublicTrade(trade=trade):
                    self._touched(trade.pair, trade.price)
                case _:
                    pass

    def _of(self, event: SimFill | SimOrderEvent) -> tuple[OrderList, OrderNote] | None:
        note = self._state.orders.of(event.order.order_id)
        found = self._open.get(note.list_id) if note is not None else None
        return None if note is None or found is None else (found, note)

    def _filled(self, event: SimFill) -> None:
        found = self._of(event)
        if found is not None and found[1] is not found[0].working:
            for other in found[0].exits:
                if other is not found[1] and is_open(other, self._state.sim_order(other)):
                    self.trading.end(other, "EXPIRED", reason="OCO_TRIGGER")

    def _ended(self, event: SimOrderEvent) -> None:
        found = self._of(event)
        if found is None:
            return
        listed, note = found
        if note is listed.working:
            if event.kind is OrderNews.FILLED:
                self._activate(listed)
            else:
                for leg in listed.exits:
                    self.trading.end(leg, "EXPIRED", reason="OTO_PHASE_ONE_EXPIRED")
        self._finish_if_over(listed)

    def _activate(self, listed: OrderList) -> None:
        exits = listed.exits
        for leg in exits:
            leg.is_pending = False
        resting = exits if len(exits) == 1 else [leg for leg in exits if leg.written.kind not in _STOPS]
        for leg in resting:
            if not self.trading.enter_waiting(leg, leg.written):
                self._tell(leg.account, leg.pot, order_report(self._state, leg, "EXPIRED", self._state.now()))
        for leg in exits:
            if leg not in resting:
                self._tell(leg.account, leg.pot, order_report(self._state, leg, "NEW", self._state.now()))
        listed.watches_since = self._state.now()

    def _touched(self, pair: Pair, price: Decimal) -> None:
        for listed in list(self._open.values()):
            if listed.symbol.pair != pair or listed.watches_since is None:
                continue
            for leg in listed.exits:
                if leg.sim_id is None and leg.written.kind in _STOPS and not leg.ending:
                    self._fire_if_touched(listed, leg, price)

    def _fire_if_touched(self, listed: OrderList, leg: OrderNote, price: Decimal) -> None:
        exchange, written = self._state.exchange, leg.written
        candles = exchange.candles(written.symbol.pair, exchange.market.step, listed.watches_since)
        listed.watches_since = exchange.now
        lows = [candle.bar.low for candle in candles] + [price]
        highs = [candle.bar.high for candle in candles] + [price]
        stop = written.stop_price or price
        if not (min(lows) <= stop if written.side is Side.SELL else max(highs) >= stop):
            return
        for other in listed.exits:
            if other is not leg and is_open(other, self._state.sim_order(other)):
                self.trading.end(other, "EXPIRED", reason="OCO_TRIGGER")
        kind = Kind.MARKET if written.kind is Kind.STOP_LOSS else Kind.LIMIT
        if not self.trading.enter_waiting(leg, replace(written, kind=kind, stop_price=None)):
            self._tell(leg.account, leg.pot, order_report(self._state, leg, "EXPIRED", exchange.now))
        self._finish_if_over(listed)

    def _finish_if_over(self, listed: OrderList) -> None:
        if listed.is_done or any(is_open(leg, self._state.sim_order(leg)) for leg in listed.legs):
            return
        listed.is_done = True
        self._open.pop(listed.number, None)
        self._tell(listed.account, listed.pot, list_event(self.row(listed), self._state, self._state.now()))

    # Inside.

    def row(self, listed: OrderList, *, with_reports: bool = False) -> Json:
        """A list as REST writes it."""
        row: Json = {
            "orderListId": listed.number,
            "contingencyType": listed.contingency,
            "listStatusType": "ALL_DONE" if listed.is_done else "EXEC_STARTED",
            "listOrderStatus": "ALL_DONE" if listed.is_done else "EXECUTING",
            "listClientOrderId": listed.client_id,
            "transactionTime": ms(listed.placed_at),
            "symbol": listed.symbol.name,
            "isIsolated": bool(listed.pot),
            "orders": [
                {"symbol": leg.symbol.name, "orderId": leg.number, "clientOrderId": leg.client_id}
                for leg in listed.legs
            ],
        }
        if with_reports:
            row["orderReports"] = [leg_report(self._state, leg) for leg in listed.legs]
        return row

    def _working(self, call: Call) -> WrittenOrder:
        params, terms = call.params, read_terms(call.params)
        symbol = self._state.symbols.named(params.required("symbol"))
        kind = read_kind(params, "workingType")
        if kind not in (Kind.LIMIT, Kind.LIMIT_MAKER):
            raise invalid("workingType")
        return WrittenOrder(
            symbol,
            read_side(params, "workingSide"),
            kind,
            quantity=_required(params, "workingQuantity"),
            price=_required(params, "workingPrice"),
            iceberg_quantity=params.decimal("workingIcebergQty"),
            time_in_force=read_time_in_force(params, "workingTimeInForce") if kind is Kind.LIMIT else "GTC",
            side_effect=SideEffect.BORROW if terms.side_effect is SideEffect.BOTH else terms.side_effect,
            repays_at_cancel=terms.repays_at_cancel,
            self_trade=terms.self_trade,
        )

    def _leg(self, params: Params, prefix: str, symbol: Symbol, side: Side) -> WrittenOrder:
        kind = read_kind(params, f"{prefix}Type")
        return WrittenOrder(
            symbol,
            side,
            kind,
            price=_required(params, f"{prefix}Price") if kind.has_price else None,
            stop_price=_required(params, f"{prefix}StopPrice") if kind.has_trigger else None,
            iceberg_quantity=params.decimal(f"{prefix}IcebergQty"),
            time_in_force=read_time_in_force(params, f"{prefix}TimeInForce") if kind.has_time_in_force else "GTC",
            self_trade=read_terms(params).self_trade,
        )

    def _place_triggered(self, call: Call, working: WrittenOrder, legs: list[tuple[WrittenOrder, str]]) -> Any:
        operation = "POST /sapi/v1/margin/order/oto" if len(legs) == 1 else "POST /sapi/v1/margin/order/otoco"
        pot = self._state.pot_of(call)
        client_id = call.params.client_id("workingClientOrderId") or self._state.new_client_id()
        self._check_room(call, pot, working.symbol, operation)
        self.trading.check(call, pot, working, client_id, operation)
        ids = [call.params.client_id(name) or self._state.new_client_id() for _, name in legs]
        for written, _ in legs:
            check_order(self._state, written)
        note = self.trading.enter(call.account.name, pot, working, client_id)
        held = [self._hold(call, pot, written, each) for (written, _), each in zip(legs, ids, strict=True)]
        for each in held:
            each.is_pending = True
        made = self._make(call, pot, "OTO", [note, *held])
        made.working = note
        return self._begin(call, made)

    def _hold(self, call: Call, pot: str, written: WrittenOrder, client_id: str) -> OrderNote:
        return self._state.orders.add(call.account.name, pot, written, client_id, self._state.now())

    def _make(self, call: Call, pot: str, contingency: str, legs: list[OrderNote]) -> OrderList:
        client_id = call.params.client_id("listClientOrderId") or self._state.new_client_id()
        number = _FIRST_LIST + len(self._lists)
        made = OrderList(
            number, call.account.name, pot, legs[0].symbol, contingency, client_id, self._state.now(), legs
        )
        for leg in legs:
            leg.list_id = number
        self._lists[number] = self._open[number] = made
        return made

    def _begin(self, call: Call, made: OrderList) -> Any:
        row = self.row(made)
        self._tell(made.account, made.pot, list_event(row, self._state, made.placed_at))
        for leg in made.legs:
            if leg.sim_id is None:
                self._tell(made.account, made.pot, order_report(self._state, leg, "NEW", made.placed_at))
        self._flush()
        is_short = read_response_type(call.params) == "ACK"
        row = self.row(made, with_reports=not is_short)
        borrowing = next((leg for leg in made.legs if leg.borrowed), None)
        return row | (borrowed_fields(borrowing, as_number=False) if borrowing else {})

    def _check_room(self, call: Call, pot: str, symbol: Symbol, _operation: str) -> None:
        read_response_type(call.params)
        mine = [each for each in self._open.values() if (each.account, each.pot) == (call.account.name, pot)]
        if sum(each.symbol == symbol for each in mine) >= MAX_ORDER_LISTS:
            raise filter_failure("MAX_NUM_ORDER_LISTS")
        client_id = call.params.client_id("listClientOrderId")
        if client_id is not None and any(each.client_id == client_id for each in mine):
            raise Refused(DUPLICATE_ORDER)

    def _check_relation(self, limit: WrittenOrder, stop: WrittenOrder) -> None:
        last = self._state.exchange.quote(limit.symbol.pair).last
        price, trigger = limit.price or last, stop.stop_price or last
        is_right = trigger < last < price if limit.side is Side.SELL else price < last < trigger
        if not is_right:
            raise Refused(PRICE_RELATION)

    def _find(self, call: Call, problem: Problem) -> OrderList:
        params = call.params
        pot = self._state.pot_of(call)
        number = params.integer("orderListId")
        client_id = params.text("listClientOrderId") or params.text("origClientOrderId")
        if number is None and client_id is None:
            raise missing("orderListId")
        mine = [each for each in self._lists.values() if (each.account, each.pot) == (call.account.name, pot)]
        for each in reversed(mine):
            if number in (None, each.number) and client_id in (None, each.client_id):
                return each
        raise Refused(problem)

    def _cancel(self, listed: OrderList, cancel_id: str) -> None:
        for leg in listed.legs:
            if is_open(leg, self._state.sim_order(leg)):
                self.trading.end(leg, "CANCELED", cancel_id)
        self._finish_if_over(listed)


def _required(params: Params, name: str) -> Decimal:
    value = params.decimal(name)
    if value is None:
        raise missing(name)
    return value


def _limit_and_stop(above: WrittenOrder, below: WrittenOrder, side: Side) -> tuple[WrittenOrder, WrittenOrder]:
    """The limit leg and the stop leg of a pending pair. Raises Refused for types that do not go together."""
    kinds = (above.kind, below.kind)
    if (below if side is Side.SELL else above).kind in _PROFITS:
        raise Refused(SELL_PROFIT_ABOVE if side is Side.SELL else BUY_PROFIT_BELOW)
    if any(kind is not Kind.LIMIT_MAKER and kind not in _STOPS for kind in kinds):
        raise Refused(OCO_TYPE)
    if kinds == (Kind.LIMIT_MAKER, Kind.LIMIT_MAKER):
        raise Refused(BOTH_LIMITS)
    limit, stop = (above, below) if side is Side.SELL else (below, above)
    if stop.kind not in _STOPS:
        raise Refused(SELL_LIMIT_ABOVE if side is Side.SELL else BUY_LIMIT_BELOW)
    if limit.kind is not Kind.LIMIT_MAKER:
        raise Refused(SELL_STOP_BELOW if side is Side.SELL else BUY_STOP_ABOVE)
    return limit, stop
