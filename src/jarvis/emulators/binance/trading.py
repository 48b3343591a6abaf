"""Margin orders: placing, cancelling and asking for them, and what follows when one ends or fills."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO, Asset, round_down, round_nearest
from jarvis.domain.order import ClientOrderId, OrderType, TimeInForce
from jarvis.emulators.binance.errors import (
    ACTION_DISABLED,
    DUPLICATE_ORDER,
    INSUFFICIENT_BALANCE,
    ISOLATED_MAX_BORROW,
    LEVEL_TOO_LOW,
    MARKET_CLOSED,
    MAX_BORROW,
    NO_INVENTORY,
    NO_SUCH_ORDER,
    ORDER_ARCHIVED,
    PAIR_NOT_ALLOWED,
    SPAN_TOO_LONG,
    UNAUTHORISED,
    UNKNOWN_ORDER_SENT,
    UNSUPPORTED_COMBINATION,
    WOULD_TAKE,
    Problem,
    Refused,
    filter_failure,
    invalid,
    missing,
)
from jarvis.emulators.binance.events import order_report
from jarvis.emulators.binance.filters import check_counts, check_order, check_trigger
from jarvis.emulators.binance.keys import Permission
from jarvis.emulators.binance.orders import Kind, OrderNote, SideEffect, WrittenOrder, is_open
from jarvis.emulators.binance.params import Params
from jarvis.emulators.binance.state import Call, VenueState
from jarvis.emulators.binance.text import Json
from jarvis.emulators.binance.views import (
    cancelled_row,
    default_response_type,
    order_row,
    placed_row,
    trade_row,
)
from jarvis.emulators.binance.writing import read_order, read_response_type
from jarvis.emulators.faults import FaultKind
from jarvis.sim.exchange import (
    Borrow,
    OrderNews,
    Refusal,
    SelfTrade,
    SimEvent,
    SimFill,
    SimOrderEvent,
    SimOrderRequest,
    SimRefused,
)

PLACE = "POST /sapi/v1/margin/order"
_DAY = timedelta(days=1)
_KEPT = timedelta(days=90)
_EIGHT = Decimal("0.00000001")
_BIPS = Decimal(10_000)
_SELF_TRADE = {
    "EXPIRE_TAKER": SelfTrade.CANCEL_NEWEST,
    "EXPIRE_MAKER": SelfTrade.CANCEL_OLDEST,
    "EXPIRE_BOTH": SelfTrade.CANCEL_BOTH,
    "NONE": SelfTrade.CANCEL_OLDEST,
}
_PARTLY = Decimal("0.9")
"""What a repayment that the fault leaves unfinished pays."""


class Trading:
    """Orders of all accounts. `flush` tells everyone what a call has caused, `tell` one account of one event."""

    def __init__(
        self,
        state: VenueState,
        flush: Callable[[], None],
        cancel_list: Callable[[OrderNote, str], None],
        tell: Callable[[str, str, Json], None],
    ) -> None:
        self._state = state
        self._tell = tell
        self._flush = flush
        self._cancel_list = cancel_list
        self.takes_auto_borrow_repay = True

    # Calls.

    def place(self, call: Call) -> Any:
        """Place one order."""
        symbol = self._state.symbols.named(call.params.required("symbol"))
        pot = self._state.pot_of(call)
        written = read_order(call.params, symbol)
        response_type = read_response_type(call.params) or default_response_type(written.kind)
        client_id = call.params.client_id("newClientOrderId") or self._state.new_client_id()
        self.check(call, pot, written, client_id, PLACE)
        note = self.enter(call.account.name, pot, written, client_id)
        self._flush()
        return placed_row(self._state, note, response_type)

    def order(self, call: Call) -> Any:
        """One order."""
        note = self._find(call, "origClientOrderId", NO_SUCH_ORDER)
        is_over = not is_open(note, self._state.sim_order(note))
        if is_over and not note.fills and self._state.now() - note.updated_at > _KEPT:
            raise Refused(ORDER_ARCHIVED)
        return order_row(self._state, note)

    def open_orders(self, call: Call) -> Any:
        """The open orders, of one symbol or of the cross account."""
        pot = self._state.pot_of(call)
        name = call.params.text("symbol")
        symbol = None if name is None else self._state.symbols.named(name)
        notes = self._state.orders.open_of(call.account.name, pot)
        return [order_row(self._state, note) for note in notes if symbol in (None, note.symbol)]

    def all_orders(self, call: Call) -> Any:
        """The orders of one symbol, from a number or a time on, or the latest."""
        pot = self._state.pot_of(call)
        symbol = self._state.symbols.named(call.params.required("symbol"))
        begin, end = read_day(call.params)
        first, limit = call.params.integer("orderId"), call.params.limit("limit", 500, 500)
        notes = [
            note
            for note in self._state.orders.all_of(call.account.name, pot)
            if note.symbol == symbol
            and (first is None or note.number >= first)
            and (begin is None or note.placed_at >= begin)
            and (end is None or note.placed_at <= end)
        ]
        chosen = notes[:limit] if first is not None else notes[-limit:]
        return [order_row(self._state, note) for note in chosen]

    def my_trades(self, call: Call) -> Any:
        """The fills of one symbol, from a number or a time on, or the latest."""
        state, params = self._state, call.params
        pot = state.pot_of(call)
        symbol = state.symbols.named(params.required("symbol"))
        begin, end = read_day(params)
        order_id, first, limit = params.integer("orderId"), params.integer("fromId"), params.limit("limit", 500, 1000)
        fills = state.exchange.fills(call.account.name)
        start = 0 if first is None else bisect_left(fills, first, key=lambda fill: fill.number)
        rows = []
        walked = range(start, len(fills)) if first is not None else range(len(fills) - 1, -1, -1)
        for index in walked:
            fill = fills[index]
            if begin is not None and first is None and fill.fill.at < begin:
                break
            note = state.orders.of(fill.order.order_id)
            if (
                note is not None
                and fill.pot == pot
                and note.symbol == symbol
                and order_id in (None, note.number)
                and (begin is None or fill.fill.at >= begin)
                and (end is None or fill.fill.at <= end)
            ):
                rows.append(trade_row(note, fill))
            # From a start on the earliest are told, otherwise the latest.
            if len(rows) == limit and (first is not None or begin is None):
                break
        return rows[:limit] if first is not None else rows[::-1][:limit]

    def cancel(self, call: Call) -> Any:
        """Cancel one order, and with it the list that it belongs to."""
        note = self._find(call, "origClientOrderId", UNKNOWN_ORDER_SENT)
        if not is_open(note, self._state.sim_order(note)):
            raise Refused(UNKNOWN_ORDER_SENT)
        cancel_id = call.params.client_id("newClientOrderId") or self._state.new_client_id()
        if note.list_id >= 0:
            self._cancel_list(note, cancel_id)
        else:
            self.end(note, "CANCELED", cancel_id)
        self._flush()
        return cancelled_row(self._state, note, order_id_as_text=True)

    # For order lists.

    def check(self, call: Call, pot: str, written: WrittenOrder, client_id: str, operation: str) -> None:
        """Refuse an order that this account cannot place now; nothing has happened then."""
        state, account = self._state, call.account.name
        effect = written.side_effect
        if effect is SideEffect.BOTH and not self.takes_auto_borrow_repay:
            raise invalid("sideEffectType")
        if effect.borrows and Permission.MARGIN.value not in call.granted:
            raise Refused(UNAUTHORISED)
        if state.faults.holds(FaultKind.CANCEL_ONLY, account=account, pair=written.symbol.pair):
            raise Refused(ACTION_DISABLED)
        twin = state.orders.named(account, pot, client_id)
        if twin is not None and is_open(twin, state.sim_order(twin)):
            raise Refused(DUPLICATE_ORDER)
        if not state.instrument(written.symbol.pair).leverages(written.side):
            raise Refused(PAIR_NOT_ALLOWED)
        wallet = state.exchange.wallet(account, pot)
        if effect is SideEffect.NONE and wallet.debt_value and wallet.equity <= wallet.call:
            # The venue does not say from which level on; here it is the one at which it warns.
            raise Refused(LEVEL_TOO_LOW)
        check_order(state, written)
        check_trigger(state, written)
        check_counts(state, account, pot, written)
        if effect.borrows and state.faults.strike((FaultKind.INSUFFICIENT_MARGIN_POOL,), operation, account):
            raise Refused(NO_INVENTORY)
        state.limits.charge_order(account)

    def enter(self, account: str, pot: str, written: WrittenOrder, client_id: str) -> OrderNote:
        """Place an order that was checked. Raises Refused as the exchange does, with nothing changed."""
        state = self._state
        leaves_debt = written.side_effect.repays and bool(
            state.faults.strike((FaultKind.PARTIAL_REPAYMENT,), PLACE, account)
        )
        placed = state.exchange.place(account, self._request(pot, written, client_id, repays=not leaves_debt))
        if isinstance(placed, SimRefused):
            raise Refused(_problem(placed, written, pot))
        note = state.orders.add(account, pot, written, client_id, state.now())
        note.leaves_debt = leaves_debt
        state.orders.bind(note, placed.order_id)
        return note

    def enter_waiting(self, note: OrderNote, written: WrittenOrder) -> bool:
        """Place the order of a note that the exchange did not know yet; False when it is refused (and expired)."""
        state = self._state
        request = self._request(note.pot, written, note.client_id, repays=True)
        placed = state.exchange.place(note.account, request)
        note.is_pending = False
        note.updated_at = state.now()
        if isinstance(placed, SimRefused):
            note.ending, note.reason = "EXPIRED", "INSUFFICIENT_BALANCE"
            state.orders.close(note)
            return False
        state.orders.bind(note, placed.order_id)
        return True

    def end(self, note: OrderNote, status: str, cancel_id: str = "", reason: str = "") -> None:
        """End an open order so that its client sees it with this status."""
        state = self._state
        note.ending, note.cancel_id, note.reason = status, cancel_id, reason
        note.updated_at = state.now()
        if note.sim_id is None:
            # The exchange never knew it, so nobody else tells of its end.
            state.orders.close(note)
            note.is_pending = False
            self._tell(note.account, note.pot, order_report(state, note, status, state.now()))
        else:
            state.exchange.cancel(note.account, note.sim_id)

    # What follows.

    def follow(self, events: Sequence[SimEvent]) -> None:
        """Close what is over, give back what an order borrowed and did not use, finish what repays by hand."""
        state = self._state
        for event in events:
            match event:
                case SimOrderEvent(kind=OrderNews.CANCELLED | OrderNews.EXPIRED | OrderNews.FILLED):
                    note = state.orders.of(event.order.order_id)
                    if note is not None:
                        state.orders.close(note)
                        if event.kind is not OrderNews.FILLED:
                            self._give_back(note, event.order.remaining_quantity, event.order.quantity)
                case SimFill():
                    note = state.orders.of(event.order.order_id)
                    if note is not None and note.leaves_debt:
                        self._repay_partly(note, event)
                case _:
                    pass

    def _give_back(self, note: OrderNote, remaining: Decimal, quantity: Decimal) -> None:
        if not (note.borrowed and note.written.repays_at_cancel and quantity):
            return
        asset = note.written.spent
        holding = self._state.exchange.wallet(note.account, note.pot).holdings.get(asset)
        if holding is None:
            return
        unused = round_down(note.borrowed * remaining / quantity, _EIGHT)
        self._repay(note, asset, min(unused, holding.free, holding.owed))

    def _repay_partly(self, note: OrderNote, event: SimFill) -> None:
        fill, asset = event.fill, note.written.received
        received = fill.quantity if fill.side is Side.BUY else fill.cost
        received -= fill.fee if fill.fee_asset == asset else ZERO
        holding = self._state.exchange.wallet(note.account, note.pot).holdings[asset]
        self._repay(note, asset, round_down(min(received, holding.free, holding.owed) * _PARTLY, _EIGHT))

    def _repay(self, note: OrderNote, asset: Asset, amount: Decimal) -> None:
        if amount <= ZERO:
            return
        repaid = self._state.exchange.repay(note.account, asset, amount, note.pot)
        if not isinstance(repaid, SimRefused):
            self._state.journal.automatic_repays.add(repaid.number)

    # Inside.

    def _find(self, call: Call, client_id_name: str, problem: Problem) -> OrderNote:
        state, params = self._state, call.params
        pot = state.pot_of(call)
        symbol = state.symbols.named(params.required("symbol"))
        number, client_id = params.integer("orderId"), params.text(client_id_name)
        if number is None and client_id is None:
            raise missing("orderId")
        if number is not None:
            note = state.orders.numbered(number)
        else:
            note = state.orders.named(call.account.name, pot, client_id or "")
        if (
            note is None
            or (note.account, note.pot, note.symbol) != (call.account.name, pot, symbol)
            or (client_id is not None and note.client_id != client_id)
        ):
            raise Refused(problem)
        return note

    def _request(self, pot: str, written: WrittenOrder, client_id: str, *, repays: bool) -> SimOrderRequest:
        order_type, trailing, limit = written.kind.order_type, None, written.price
        quantity, in_quote = written.quantity, False
        last = self._state.exchange.quote(written.symbol.pair).last
        instrument = self._state.instrument(written.symbol.pair)
        if written.trailing_delta is not None:
            # Unrealistic: the distance is fixed when the order is placed, it does not grow with the price.
            order_type = OrderType.TRAILING_STOP
            distance = round_nearest(last * written.trailing_delta / _BIPS, instrument.tick)
            trailing = max(instrument.tick, distance)
        if written.quote_quantity is not None:
            in_quote = written.side is Side.BUY
            sold = round_down(written.quote_quantity / last, instrument.lot)
            quantity = written.quote_quantity if in_quote else sold
        if written.time_in_force == "FOK" and not self._fills_whole(written):
            # At a price that nobody trades at it expires at once with nothing filled, as an unfillable one does.
            limit = round_nearest(last / 2 if written.side is Side.BUY else last * 2, instrument.tick)
        return SimOrderRequest(
            pair=written.symbol.pair,
            side=written.side,
            order_type=order_type,
            quantity=quantity,
            limit_price=limit,
            trigger_price=None if trailing else written.stop_price,
            trailing_offset=trailing,
            post_only=written.kind is Kind.LIMIT_MAKER,
            time_in_force=TimeInForce.GTC if written.time_in_force == "GTC" else TimeInForce.IOC,
            client_order_id=ClientOrderId(client_id),
            quantity_in_quote=in_quote,
            self_trade=_SELF_TRADE[written.self_trade],
            pot=pot,
            borrow=Borrow.MISSING if written.side_effect.borrows else Borrow.NONE,
            repay=written.side_effect.repays and repays,
        )

    def _fills_whole(self, written: WrittenOrder) -> bool:
        if written.price is None or written.kind.has_trigger:
            return True
        book = self._state.exchange.book(written.symbol.pair, self._state.exchange.model.book.levels)
        is_buy = written.side is Side.BUY
        side = book.asks if is_buy else book.bids
        within = [
            level.quantity
            for level in side
            if (level.price <= written.price if is_buy else level.price >= written.price)
        ]
        return sum(within, ZERO) >= written.quantity


def read_day(params: Params) -> tuple[datetime | None, datetime | None]:
    """The span that a history call names, at most a day long. Raises Refused."""
    begin, end = params.time("startTime"), params.time("endTime")
    if begin is not None and end is not None:
        if end < begin:
            raise invalid("endTime")
        if end - begin > _DAY:
            raise Refused(SPAN_TOO_LONG)
    return begin, end


def _problem(refused: SimRefused, written: WrittenOrder, pot: str) -> Problem:
    borrows = written.side_effect.borrows
    most = ISOLATED_MAX_BORROW if pot else MAX_BORROW
    match refused.reason:
        case Refusal.INSUFFICIENT_FUNDS:
            return most if borrows else INSUFFICIENT_BALANCE
        case Refusal.MARGIN_LEVEL_TOO_LOW | Refusal.POSITION_LIMIT:
            return most if borrows else LEVEL_TOO_LOW
        case Refusal.NOT_ELIGIBLE:
            return NO_INVENTORY if borrows else PAIR_NOT_ALLOWED
        case Refusal.WOULD_TAKE:
            return WOULD_TAKE
        case Refusal.DUPLICATE_ID:
            return DUPLICATE_ORDER
        case Refusal.MARKET_CLOSED:
            return MARKET_CLOSED
        case Refusal.BELOW_MINIMUM:
            return filter_failure("LOT_SIZE").problem
        case Refusal.PRICE_STEP:
            return filter_failure("PRICE_FILTER").problem
        case Refusal.ORDER_LIMIT:
            return filter_failure("MAX_NUM_ORDERS").problem
        case _:
            return UNSUPPORTED_COMBINATION
