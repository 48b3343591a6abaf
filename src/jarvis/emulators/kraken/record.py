"""All that the venue knows of one account as exact text, for checks that compare to the last digit."""

from collections.abc import Mapping
from typing import Any

from jarvis.emulators.kraken.state import VenueState
from jarvis.emulators.told import plainly, record
from jarvis.sim.exchange import SimFill, SimLot, SimOrder


def account_record(state: VenueState, name: str) -> Mapping[str, Any]:
    """Balances, lots, orders, fills, ledger rows and margin figures; numbers unrounded. KeyError if unknown."""
    account, exchange = state.keys.accounts[name], state.exchange
    return {
        "name": name,
        "profile": account.profile.value,
        "now": plainly(exchange.now),
        "balances": {
            asset: {"total": plainly(balance.total), "available": plainly(balance.available)}
            for asset, balance in exchange.balances(name).items()
        },
        "margin": record(exchange.margin(name)),
        "lots": [_lot(lot) for lot in exchange.lots(name)],
        "open_orders": [_order(order) for order in exchange.orders(name)],
        "closed_orders": [_order(order) for order in exchange.closed_orders(name)],
        "fills": [_fill(fill) for fill in exchange.fills(name)],
        "ledger": [record(row) for row in exchange.ledger(name)],
    }


def _lot(lot: SimLot) -> dict[str, Any]:
    return record(lot) | {"remaining_quantity": plainly(lot.remaining_quantity)}


def _order(order: SimOrder) -> dict[str, Any]:
    request = order.request
    own = record(order, without="request")
    return own | {
        "client_order_id": request.client_order_id,
        "pair": plainly(request.pair),
        "side": plainly(request.side),
        "order_type": plainly(request.order_type),
        "leverage": request.leverage,
        "reduce_only": order.reduce_only,
    }


def _fill(fill: SimFill) -> dict[str, Any]:
    return record(fill.fill) | {
        "number": fill.number,
        "lot_id": fill.lot_id,
        "opened_quantity": plainly(fill.opened_quantity),
        "closed_quantity": plainly(fill.closed_quantity),
        "realised": plainly(fill.realised),
        "opening_fee": plainly(fill.opening_fee),
        "margin": plainly(fill.margin),
        "ledger_ids": list(fill.ledger_ids),
    }
