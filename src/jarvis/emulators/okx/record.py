"""What the venue knows of an account, exact and unrounded, for scripts and checks."""

from collections.abc import Mapping
from typing import Any

from jarvis.emulators.okx.algos import Algos
from jarvis.emulators.okx.names import inst_id
from jarvis.emulators.okx.state import VenueState
from jarvis.emulators.told import plainly, record
from jarvis.sim.exchange import SimFill, SimOrder


def account_record(state: VenueState, algos: Algos, name: str) -> Mapping[str, Any]:
    """Balances, positions, orders, fills, interest and margin figures; numbers unrounded. KeyError if unknown."""
    account, exchange = state.keys.accounts[name], state.exchange
    books, wallet = state.books.of(name), exchange.wallet(name)
    return {
        "name": name,
        "profile": account.profile.value,
        "now": plainly(exchange.now),
        "balances": {asset: record(balance) for asset, balance in exchange.balances(name).items()},
        "positions": {str(pair): plainly(quantity) for pair, quantity in exchange.positions(name).items()},
        "margin": {
            "equity": plainly(wallet.equity),
            "initial": plainly(wallet.initial),
            "maintenance": plainly(wallet.maintenance),
            "level": plainly(wallet.level),
        },
        "margin_positions": [record(position) for position in books.positions.values()],
        "open_orders": [_order(state, order) for order in exchange.orders(name)],
        "closed_orders": [_order(state, order) for order in exchange.closed_orders(name)],
        "algos": [algos.row(algo) for algo in algos.of(account)],
        "fills": [_fill(fill) for fill in exchange.fills(name)],
        "ledger": [record(row) for row in exchange.ledger(name)],
        "interest": [record(row) for row in books.interest],
        "loans": [record(row) for row in books.loans],
        "bills": [record(bill) | {"fill": None} for bill in books.bills],
    }


def _order(state: VenueState, order: SimOrder) -> dict[str, Any]:
    request, note = order.request, state.note(order)
    own = record(order, without="request")
    return own | {
        "venue_id": note.order_id,
        "client_order_id": note.terms.client_id,
        "algo": note.algo,
        "pair": plainly(request.pair),
        "inst_id": inst_id(request.pair),
        "side": plainly(request.side),
        "order_type": plainly(request.order_type),
        "reduce_only": note.terms.reduce_only,
    }


def _fill(fill: SimFill) -> dict[str, Any]:
    return record(fill.fill) | {"number": fill.number}
