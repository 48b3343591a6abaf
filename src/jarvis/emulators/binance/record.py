"""All that the venue knows of one account as exact text, for checks that compare to the last digit."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from jarvis.domain.account import Balance
from jarvis.domain.money import ZERO, Asset
from jarvis.emulators.binance.orders import OrderNote, status_of
from jarvis.emulators.binance.state import VenueState
from jarvis.emulators.told import plainly, record
from jarvis.sim.exchange import SimFill


def account_record(state: VenueState, name: str) -> Mapping[str, Any]:
    """Balances, positions, orders, fills, loans and rows; numbers unrounded. KeyError for an unknown name.

    Amounts of an isolated account are summed over its pairs; `pots` has each by itself.
    """
    account, exchange = state.keys.accounts[name], state.exchange
    pots = state.pots(account)
    notes = [note for pot in pots for note in state.orders.all_of(name, pot)]
    is_open = {note.number for pot in pots for note in state.orders.open_of(name, pot)}
    per_pot = {pot: exchange.balances(name, pot) for pot in pots}
    return {
        "name": name,
        "profile": account.profile.value,
        "now": plainly(exchange.now),
        "balances": _balances(per_pot.values()),
        "pots": {pot or "cross": _balances([balances]) for pot, balances in per_pot.items()},
        "positions": {str(pair): plainly(quantity) for pair, quantity in exchange.positions(name).items() if quantity},
        "open_orders": [_order(state, note) for note in notes if note.number in is_open],
        "closed_orders": [_order(state, note) for note in notes if note.number not in is_open],
        "fills": [_fill(state, fill) for fill in exchange.fills(name)],
        "ledger": [record(row) for row in exchange.ledger(name)],
        "interest": [record(row) for row in exchange.interests(name)],
        "borrows": [record(row) for row in exchange.borrows(name)],
        "repays": [record(row) for row in exchange.repays(name)],
    }


def _balances(pots: Iterable[Mapping[Asset, Balance]]) -> dict[str, Any]:
    sums: dict[Asset, dict[str, Decimal]] = {}
    for balances in pots:
        for asset, balance in balances.items():
            row = sums.setdefault(asset, dict.fromkeys(("total", "available", "borrowed", "interest"), ZERO))
            for field in row:
                row[field] += getattr(balance, field)
    return {asset: {field: plainly(value) for field, value in row.items()} for asset, row in sorted(sums.items())}


def _order(state: VenueState, note: OrderNote) -> dict[str, Any]:
    order = state.sim_order(note)
    written = note.written
    return {
        "order_id": note.number,
        "exchange_id": note.sim_id,
        "client_order_id": note.client_id,
        "list_id": note.list_id,
        "pot": note.pot,
        "pair": str(written.symbol.pair),
        "side": written.side.value,
        "order_type": written.kind.value,
        "side_effect": written.side_effect.value,
        "status": status_of(note, order),
        "quantity": plainly(order.quantity if order is not None else written.quantity),
        "filled_quantity": plainly(order.filled_quantity if order is not None else ZERO),
        "limit_price": plainly(written.price),
        "trigger_price": plainly(written.stop_price),
        "borrowed": plainly(note.borrowed),
        "is_liquidation": note.is_liquidation,
    }


def _fill(state: VenueState, fill: SimFill) -> dict[str, Any]:
    note = state.orders.of(fill.order.order_id)
    return record(fill.fill) | {
        "number": fill.number,
        "pot": fill.pot,
        "order_number": note.number if note is not None else None,
    }
