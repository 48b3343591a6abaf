"""All that the venue knows of one account as exact text, for checks that compare to the last digit."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from jarvis.domain.instrument import Pair
from jarvis.emulators.kraken.state import VenueState
from jarvis.sim.exchange import SimFill, SimLot, SimOrder


def account_record(state: VenueState, name: str) -> Mapping[str, Any]:
    """Balances, lots, orders, fills, ledger rows and margin figures; numbers unrounded. KeyError if unknown."""
    account, exchange = state.keys.accounts[name], state.exchange
    return {
        "name": name,
        "profile": account.profile.value,
        "now": _text(exchange.now),
        "balances": {
            asset: {"total": _text(balance.total), "available": _text(balance.available)}
            for asset, balance in exchange.balances(name).items()
        },
        "margin": _record(exchange.margin(name)),
        "lots": [_lot(lot) for lot in exchange.lots(name)],
        "open_orders": [_order(order) for order in exchange.orders(name)],
        "closed_orders": [_order(order) for order in exchange.closed_orders(name)],
        "fills": [_fill(fill) for fill in exchange.fills(name)],
        "ledger": [_record(row) for row in exchange.ledger(name)],
    }


def _lot(lot: SimLot) -> dict[str, Any]:
    return _record(lot) | {"remaining_quantity": _text(lot.remaining_quantity)}


def _order(order: SimOrder) -> dict[str, Any]:
    request = order.request
    own = {each.name: _text(getattr(order, each.name)) for each in fields(order) if each.name != "request"}
    return own | {
        "client_order_id": request.client_order_id,
        "pair": _text(request.pair),
        "side": _text(request.side),
        "order_type": _text(request.order_type),
        "leverage": request.leverage,
        "reduce_only": order.reduce_only,
    }


def _fill(fill: SimFill) -> dict[str, Any]:
    return _record(fill.fill) | {
        "number": fill.number,
        "lot_id": fill.lot_id,
        "opened_quantity": _text(fill.opened_quantity),
        "closed_quantity": _text(fill.closed_quantity),
        "realised": _text(fill.realised),
        "opening_fee": _text(fill.opening_fee),
        "margin": _text(fill.margin),
        "ledger_ids": list(fill.ledger_ids),
    }


def _record(record: Any) -> dict[str, Any]:
    return {each.name: _text(getattr(record, each.name)) for each in fields(record)}


def _text(value: Any) -> Any:
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.isoformat()
        case Enum():
            return value.value
        case Pair():
            return str(value)
        case tuple():
            return [_text(each) for each in value]
        case _:
            return value
