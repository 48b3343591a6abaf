"""Orders, lists and fills as Binance's REST writes them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from jarvis.domain.money import ZERO
from jarvis.emulators.binance.orders import Kind, OrderNote, status_of
from jarvis.emulators.binance.state import VenueState
from jarvis.emulators.binance.text import Json, amount, ms, number, without_nothing
from jarvis.sim.exchange import SimFill, SimOrder


def price_of(note: OrderNote) -> Decimal | None:
    """The limit price as the client wrote it."""
    return note.written.price


def filled(order: SimOrder | None) -> tuple[Decimal, Decimal]:
    """Filled quantity and what it cost."""
    return (ZERO, ZERO) if order is None else (order.filled_quantity, order.filled_cost)


def quantity_of(note: OrderNote, order: SimOrder | None) -> Decimal:
    """The order's whole quantity in base."""
    if note.written.quote_quantity is not None and order is not None:
        return order.quantity
    return note.written.quantity


def is_working(order: SimOrder | None) -> bool:
    """Whether the order stands in the book or waits for nothing but a counterpart."""
    return order is not None and not order.is_waiting


def _core(state: VenueState, note: OrderNote) -> Json:
    """What every shape of an order says."""
    order = state.sim_order(note)
    quantity, cost = filled(order)
    return {
        "price": amount(price_of(note)),
        "origQty": amount(quantity_of(note, order)),
        "executedQty": amount(quantity),
        "cummulativeQuoteQty": amount(cost),
        "status": status_of(note, order),
        "timeInForce": note.written.time_in_force,
        "type": note.written.kind.value,
        "side": note.written.side.name,
        "selfTradePreventionMode": note.written.self_trade,
    }


def order_row(state: VenueState, note: OrderNote) -> Json:
    """An order as queries write it."""
    written = note.written
    return {
        "symbol": note.symbol.name,
        "orderId": note.number,
        "orderListId": note.list_id,
        "clientOrderId": note.client_id,
        **_core(state, note),
        "icebergQty": amount(written.iceberg_quantity),
        "isWorking": is_working(state.sim_order(note)),
        "stopPrice": amount(written.stop_price),
        "isIsolated": note.is_isolated,
        "time": ms(note.placed_at),
        "updateTime": ms(note.updated_at),
        **_trailing(note),
    }


def placed_row(state: VenueState, note: OrderNote, response_type: str) -> Json:
    """The answer to a new order: ACK, RESULT or FULL."""
    row: Json = {
        "symbol": note.symbol.name,
        "orderId": note.number,
        "clientOrderId": note.client_id,
        "isIsolated": note.is_isolated,
        "transactTime": ms(note.placed_at),
    }
    if response_type != "ACK":
        row |= _core(state, note)
    if response_type == "FULL":
        row["fills"] = [_fill_part(fill) for fill in note.fills]
    return row | borrowed_fields(note, as_number=True)


def borrowed_fields(note: OrderNote, *, as_number: bool) -> Json:
    """What was borrowed for the order, when anything was: a JSON number for an order, text for a list."""
    if not note.borrowed:
        return {}
    return {
        "marginBuyBorrowAmount": number(note.borrowed) if as_number else amount(note.borrowed),
        "marginBuyBorrowAsset": note.written.spent,
    }


def cancelled_row(state: VenueState, note: OrderNote, *, order_id_as_text: bool) -> Json:
    """The answer to a cancel: one order's has its number as text, those of many have it as a number."""
    row = {
        "symbol": note.symbol.name,
        "isIsolated": note.is_isolated,
        "orderId": str(note.number) if order_id_as_text else note.number,
        "origClientOrderId": note.client_id,
        "clientOrderId": note.cancel_id,
        **_core(state, note),
    }
    return row if order_id_as_text else row | {"orderListId": note.list_id}


def leg_report(state: VenueState, note: OrderNote) -> Json:
    """One order of a list, as the list's answer reports it."""
    return without_nothing(
        {
            "symbol": note.symbol.name,
            "orderId": note.number,
            "orderListId": note.list_id,
            "clientOrderId": note.client_id,
            "origClientOrderId": note.client_id if note.cancel_id else None,
            "transactTime": ms(note.updated_at),
            **_core(state, note),
            "stopPrice": amount(note.written.stop_price) if note.written.stop_price else None,
        }
    )


def trade_row(note: OrderNote, fill: SimFill) -> Json:
    """One fill as `myTrades` writes it."""
    executed = fill.fill
    return {
        "commission": amount(executed.fee),
        "commissionAsset": executed.fee_asset,
        "id": fill.number,
        "isBestMatch": True,
        "isBuyer": executed.side.sign > 0,
        "isMaker": executed.is_maker,
        "orderId": note.number,
        "price": amount(executed.price),
        "qty": amount(executed.quantity),
        "symbol": note.symbol.name,
        "isIsolated": note.is_isolated,
        "time": ms(executed.at),
    }


def liquidation_row(state: VenueState, note: OrderNote) -> Json:
    """One forced order as `forceLiquidationRec` writes it."""
    order = state.sim_order(note)
    quantity, cost = filled(order)
    average = cost / quantity if quantity else ZERO
    return {
        "avgPrice": amount(average),
        "executedQty": amount(quantity),
        "orderId": note.number,
        "price": amount(average),
        "qty": amount(quantity_of(note, order)),
        "side": note.written.side.name,
        "symbol": note.symbol.name,
        "timeInForce": "GTC",
        "isIsolated": note.is_isolated,
        "updatedTime": ms(note.updated_at),
    }


def default_response_type(kind: Kind) -> str:
    """How much the answer says when the client does not choose."""
    return "FULL" if kind in (Kind.MARKET, Kind.LIMIT) else "ACK"


def page(rows: Sequence[Any], current: int, size: int) -> Json:
    """One page of rows, newest first as they come, and how many there are."""
    return {"rows": list(rows[(current - 1) * size : current * size]), "total": len(rows)}


def _fill_part(fill: SimFill) -> Json:
    executed = fill.fill
    return {
        "price": amount(executed.price),
        "qty": amount(executed.quantity),
        "commission": amount(executed.fee),
        "commissionAsset": executed.fee_asset,
        "tradeId": fill.number,
    }


def _trailing(note: OrderNote) -> Json:
    return {} if note.written.trailing_delta is None else {"trailingDelta": note.written.trailing_delta}
