"""What the venue knows of an account, exact and unrounded, for scripts and checks."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from jarvis.domain.instrument import Pair
from jarvis.emulators.okx.algos import Algos
from jarvis.emulators.okx.names import inst_id
from jarvis.emulators.okx.state import VenueState
from jarvis.sim.exchange import SimFill, SimOrder


def account_record(state: VenueState, algos: Algos, name: str) -> Mapping[str, Any]:
    """Balances, positions, orders, fills, interest and margin figures; numbers unrounded. KeyError if unknown."""
    account, exchange = state.keys.accounts[name], state.exchange
    books, wallet = state.books.of(name), exchange.wallet(name)
    return {
        "name": name,
        "profile": account.profile.value,
        "now": _text(exchange.now),
        "balances": {asset: _record(balance) for asset, balance in exchange.balances(name).items()},
        "positions": {str(pair): _text(quantity) for pair, quantity in exchange.positions(name).items()},
        "margin": {
            "equity": _text(wallet.equity),
            "initial": _text(wallet.initial),
            "maintenance": _text(wallet.maintenance),
            "level": _text(wallet.level),
        },
        "margin_positions": [_record(position) for position in books.positions.values()],
        "open_orders": [_order(state, order) for order in exchange.orders(name)],
        "closed_orders": [_order(state, order) for order in exchange.closed_orders(name)],
        "algos": [algos.row(algo) for algo in algos.of(account)],
        "fills": [_fill(fill) for fill in exchange.fills(name)],
        "ledger": [_record(row) for row in exchange.ledger(name)],
        "interest": [_record(row) for row in books.interest],
        "loans": [_record(row) for row in books.loans],
        "bills": [_record(bill) | {"fill": None} for bill in books.bills],
    }


def _order(state: VenueState, order: SimOrder) -> dict[str, Any]:
    request, note = order.request, state.note(order)
    own = {each.name: _text(getattr(order, each.name)) for each in fields(order) if each.name != "request"}
    return own | {
        "venue_id": note.order_id,
        "client_order_id": note.terms.client_id,
        "algo": note.algo,
        "pair": _text(request.pair),
        "inst_id": inst_id(request.pair),
        "side": _text(request.side),
        "order_type": _text(request.order_type),
        "reduce_only": note.terms.reduce_only,
    }


def _fill(fill: SimFill) -> dict[str, Any]:
    return _record(fill.fill) | {"number": fill.number}


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
        case tuple() | list():
            return [_text(each) for each in value]
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)
