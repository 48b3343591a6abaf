"""All that the venue knows of one account as exact text, for checks that compare to the last digit.

Orders and fills bear the ids that clients see.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from jarvis.domain.instrument import Pair
from jarvis.emulators.bybit.ledger import LogRow, TransactionLog
from jarvis.emulators.bybit.state import VenueState
from jarvis.emulators.bybit.views import fill_row, note_of, order_row
from jarvis.sim.exchange import SimFill, SimOrder


def account_record(state: VenueState, log: TransactionLog, name: str) -> Mapping[str, Any]:
    """Settings, balances, debts, positions, orders, fills, log, interest and liquidations. KeyError if unknown."""
    account, exchange = state.keys.accounts[name], state.exchange
    wallet = exchange.wallet(name)
    return {
        "name": name,
        "profile": account.profile.value,
        "now": _text(exchange.now),
        "margin_mode": account.margin_mode.value,
        "spot_margin": account.is_spot_margin_on,
        "leverage": account.leverage,
        "balances": {
            asset: {
                "total": _text(balance.total),
                "available": _text(balance.available),
                "borrowed": _text(balance.borrowed),
                "interest": _text(balance.interest),
            }
            for asset, balance in exchange.balances(name).items()
        },
        "margin": {
            "assets_value": _text(wallet.assets_value),
            "debt_value": _text(wallet.debt_value),
            "equity": _text(wallet.equity),
            "initial": _text(wallet.initial),
            "maintenance": _text(wallet.maintenance),
            "level": _text(wallet.level),
        },
        "positions": {str(pair): _text(quantity) for pair, quantity in exchange.positions(name).items()},
        "open_orders": [_order(state, order) for order in exchange.orders(name)],
        "closed_orders": [
            _order(state, order) for order in (*exchange.closed_orders(name), *state.ghosts.get(name, ()))
        ],
        "fills": [_fill(state, fill) for fill in exchange.fills(name)],
        "ledger": [_log_row(log, row) for row in log.of(name)],
        "interest": [_record(each) for each in exchange.interests(name)],
        "borrows": [_record(each) for each in exchange.borrows(name)],
        "repays": [_record(each) for each in exchange.repays(name)],
        "liquidations": [_record(each) for each in exchange.liquidations(name)],
    }


def _order(state: VenueState, order: SimOrder) -> dict[str, Any]:
    shown, note = order_row(state, order), note_of(state, order)
    return {
        "order_id": shown["orderId"],
        "client_order_id": note.link_id or None,
        "pair": str(order.pair),
        "side": order.side.value,
        "order_type": order.order_type.value,
        "status": shown["orderStatus"],
        "quantity": _text(order.quantity),
        "filled_quantity": _text(order.filled_quantity),
        "filled_cost": _text(order.filled_cost),
        "limit_price": _text(order.limit_price),
        "trigger_price": _text(order.trigger_price),
        "is_leveraged": note.is_leveraged,
        "order_filter": note.order_filter,
        "placed_at": _text(order.placed_at),
        "closed_at": _text(order.closed_at),
        "is_liquidation": order.is_liquidation,
    }


def _fill(state: VenueState, fill: SimFill) -> dict[str, Any]:
    shown = fill_row(state, fill)
    return _record(fill.fill) | {
        "fill_id": shown["execId"],
        "venue_order_id": shown["orderId"],
        "client_order_id": shown["orderLinkId"] or None,
        "number": fill.number,
    }


def _log_row(log: TransactionLog, row: LogRow) -> dict[str, Any]:
    return log.row(row) | {"at": _text(row.at)}


def _record(each: Any) -> dict[str, Any]:
    return {one.name: _text(getattr(each, one.name)) for one in fields(each)}


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
