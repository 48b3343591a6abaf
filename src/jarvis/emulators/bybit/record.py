"""All that the venue knows of one account as exact text, for checks that compare to the last digit.

Orders and fills bear the ids that clients see.
"""

from collections.abc import Mapping
from typing import Any

from jarvis.emulators.bybit.ledger import LogRow, TransactionLog
from jarvis.emulators.bybit.state import VenueState
from jarvis.emulators.bybit.views import fill_row, note_of, order_row
from jarvis.emulators.told import plainly, record
from jarvis.sim.exchange import SimFill, SimOrder


def account_record(state: VenueState, log: TransactionLog, name: str) -> Mapping[str, Any]:
    """Settings, balances, debts, positions, orders, fills, log, interest and liquidations. KeyError if unknown."""
    account, exchange = state.keys.accounts[name], state.exchange
    wallet = exchange.wallet(name)
    return {
        "name": name,
        "profile": account.profile.value,
        "now": plainly(exchange.now),
        "margin_mode": account.margin_mode.value,
        "spot_margin": account.is_spot_margin_on,
        "leverage": account.leverage,
        "balances": {
            asset: {
                "total": plainly(balance.total),
                "available": plainly(balance.available),
                "borrowed": plainly(balance.borrowed),
                "interest": plainly(balance.interest),
            }
            for asset, balance in exchange.balances(name).items()
        },
        "margin": {
            "assets_value": plainly(wallet.assets_value),
            "debt_value": plainly(wallet.debt_value),
            "equity": plainly(wallet.equity),
            "initial": plainly(wallet.initial),
            "maintenance": plainly(wallet.maintenance),
            "level": plainly(wallet.level),
        },
        "positions": {str(pair): plainly(quantity) for pair, quantity in exchange.positions(name).items()},
        "open_orders": [_order(state, order) for order in exchange.orders(name)],
        "closed_orders": [
            _order(state, order) for order in (*exchange.closed_orders(name), *state.ghosts.get(name, ()))
        ],
        "fills": [_fill(state, fill) for fill in exchange.fills(name)],
        "ledger": [_log_row(log, row) for row in log.of(name)],
        "interest": [record(each) for each in exchange.interests(name)],
        "borrows": [record(each) for each in exchange.borrows(name)],
        "repays": [record(each) for each in exchange.repays(name)],
        "liquidations": [record(each) for each in exchange.liquidations(name)],
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
        "quantity": plainly(order.quantity),
        "filled_quantity": plainly(order.filled_quantity),
        "filled_cost": plainly(order.filled_cost),
        "limit_price": plainly(order.limit_price),
        "trigger_price": plainly(order.trigger_price),
        "is_leveraged": note.is_leveraged,
        "order_filter": note.order_filter,
        "placed_at": plainly(order.placed_at),
        "closed_at": plainly(order.closed_at),
        "is_liquidation": order.is_liquidation,
    }


def _fill(state: VenueState, fill: SimFill) -> dict[str, Any]:
    shown = fill_row(state, fill)
    return record(fill.fill) | {
        "fill_id": shown["execId"],
        "venue_order_id": shown["orderId"],
        "client_order_id": shown["orderLinkId"] or None,
        "number": fill.number,
    }


def _log_row(log: TransactionLog, row: LogRow) -> dict[str, Any]:
    return log.row(row) | {"at": plainly(row.at)}
