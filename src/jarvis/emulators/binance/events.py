"""What the user data stream says: orders, fills, holdings, transfers and order lists."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from jarvis.domain.money import ZERO, Asset
from jarvis.emulators.binance.orders import OrderNote, status_of
from jarvis.emulators.binance.state import VenueState
from jarvis.emulators.binance.text import NO_AMOUNT, Json, amount, ms
from jarvis.emulators.binance.views import filled, is_working, quantity_of
from jarvis.sim.exchange import SimFill, SimHolding

_EXECUTIONS = {"NEW": "NEW", "CANCELED": "CANCELED", "EXPIRED": "EXPIRED", "REJECTED": "REJECTED"}


def order_report(state: VenueState, note: OrderNote, execution: str, at: datetime) -> Json:
    """An `executionReport` that is not about a fill: NEW, CANCELED, EXPIRED, REJECTED."""
    order = state.sim_order(note)
    written = note.written
    quantity, cost = filled(order)
    status = execution if execution != "NEW" else "PENDING_NEW" if note.is_pending else "NEW"
    report: Json = {
        "e": "executionReport",
        "E": ms(state.now()),
        "s": note.symbol.name,
        "c": note.cancel_id or note.client_id,
        "S": written.side.name,
        "o": written.kind.value,
        "f": written.time_in_force,
        "q": amount(quantity_of(note, order)),
        "p": amount(written.price),
        "P": amount(written.stop_price),
        "F": amount(written.iceberg_quantity),
        "g": note.list_id,
        "C": note.client_id if note.cancel_id else "",
        "x": _EXECUTIONS[execution],
        "X": status,
        "r": "NONE",
        "i": note.number,
        "l": NO_AMOUNT,
        "z": amount(ZERO if execution == "NEW" else quantity),
        "L": NO_AMOUNT,
        "n": "0",
        "N": None,
        "T": ms(at),
        "t": -1,
        "I": note.number * 2,
        "w": is_working(order) and execution == "NEW",
        "m": False,
        "M": False,
        "O": ms(note.placed_at),
        "Z": amount(ZERO if execution == "NEW" else cost),
        "Y": NO_AMOUNT,
        "Q": amount(written.quote_quantity),
        "W": ms(at),
        "V": written.self_trade,
    }
    if written.trailing_delta is not None:
        report["d"] = written.trailing_delta
    if note.reason and execution == "EXPIRED":
        report["eR"] = note.reason
    return report


def fill_report(state: VenueState, note: OrderNote, event: SimFill) -> Json:
    """The `executionReport` of a fill."""
    fill, order = event.fill, event.order
    return order_report(state, note, "NEW", fill.at) | {
        "c": note.client_id,
        "C": "",
        "x": "TRADE",
        "X": status_of_fill(event),
        "l": amount(fill.quantity),
        "z": amount(order.filled_quantity),
        "L": amount(fill.price),
        "n": amount(fill.fee),
        "N": fill.fee_asset,
        "t": event.number,
        "I": note.number * 2 + 1,
        "w": False,
        "m": fill.is_maker,
        "Z": amount(order.filled_cost),
        "Y": amount(fill.cost),
    }


def status_of_fill(event: SimFill) -> str:
    """Where the order stood right after the fill."""
    return "FILLED" if event.order.remaining_quantity <= ZERO else "PARTIALLY_FILLED"


def position_event(state: VenueState, holdings: Mapping[Asset, SimHolding], assets: set[Asset]) -> Json:
    """`outboundAccountPosition`: the assets that were touched. It says nothing of debts."""
    now = ms(state.now())
    rows = [
        {"a": asset, "f": amount(holding.free if holding else ZERO), "l": amount(holding.locked if holding else ZERO)}
        for asset in sorted(assets)
        for holding in [holdings.get(asset)]
    ]
    return {"e": "outboundAccountPosition", "E": now, "u": now, "B": rows}


def balance_event(state: VenueState, asset: Asset, change: Decimal, at: datetime) -> Json:
    """`balanceUpdate`: a deposit or a withdrawal."""
    return {"e": "balanceUpdate", "E": ms(state.now()), "a": asset, "d": amount(change), "T": ms(at)}


def terminated_event(state: VenueState) -> Json:
    """`eventStreamTerminated`: the subscription's token is dead."""
    return {"e": "eventStreamTerminated", "E": ms(state.now())}


def list_event(row: Json, state: VenueState, at: datetime) -> Json:
    """`listStatus` of an order list as REST writes it."""
    return {
        "e": "listStatus",
        "E": ms(state.now()),
        "s": row["symbol"],
        "g": row["orderListId"],
        "c": row["contingencyType"],
        "l": row["listStatusType"],
        "L": row["listOrderStatus"],
        "r": "NONE",
        "C": row["listClientOrderId"],
        "T": ms(at),
        "O": [{"s": leg["symbol"], "i": leg["orderId"], "c": leg["clientOrderId"]} for leg in row["orders"]],
    }


def ended_word(state: VenueState, note: OrderNote) -> str:
    """The execution type with which an order ended."""
    status = status_of(note, state.sim_order(note))
    return status if status in _EXECUTIONS else "EXPIRED"


Event = dict[str, Any]
