"""What the private topics say: orders, fills and the wallet.

There is no snapshot on subscribing and nothing is numbered: a lost event shows only in the REST answers.
"""

from collections.abc import Sequence

from jarvis.emulators.bybit.keys import VenueAccount
from jarvis.emulators.bybit.state import VenueState
from jarvis.emulators.bybit.text import Json, millis
from jarvis.emulators.bybit.views import fill_row, order_row
from jarvis.emulators.bybit.wallet import Wallets
from jarvis.sim.exchange import (
    OrderNews,
    SimBorrow,
    SimEvent,
    SimFill,
    SimInterest,
    SimLedger,
    SimOrder,
    SimOrderEvent,
    SimRepay,
)

TOPICS = ("order", "order.spot", "execution", "execution.spot", "execution.fast.spot", "wallet")
SILENT_TOPICS = ("dcp.spot", "position", "greeks")
"""Accepted, and nothing ever comes: there is nothing of that kind in this sandbox."""


class PrivateNews:
    """Turns the exchange's events into rows of each topic."""

    def __init__(self, state: VenueState, wallets: Wallets) -> None:
        self._state = state
        self._wallets = wallets

    def rows(self, account: VenueAccount, topic: str, events: Sequence[SimEvent]) -> list[Json]:
        """The rows that one topic tells of these events to one account, in order; each goes out by itself."""
        own = [event for event in events if getattr(event, "account", None) == account.name]
        if topic == "wallet":
            coins = sorted({coin for event in own for coin in _touched(event)})
            return [self._wallets.row(account, coins)] if coins else []
        if topic.startswith("order"):
            return [row for event in own for row in self._order_rows(event)]
        fills = [event for event in own if isinstance(event, SimFill)]
        return [self._fast_row(fill) if "fast" in topic else self._fill_row(fill) for fill in fills]

    def message(self, topic: str, row: Json) -> Json:
        """One row as it goes over the wire."""
        frame: Json = {"topic": topic, "creationTime": millis(self._state.now()), "data": [row]}
        return frame if "fast" in topic else {"id": self._state.new_id()} | frame

    def _order_rows(self, event: SimEvent) -> list[Json]:
        match event:
            case SimOrderEvent(kind=OrderNews.TRIGGERED, order=order):
                # An instant only: an order that then rests is new from there on.
                triggered = self._order_row(order) | {"orderStatus": "Triggered"}
                return [triggered, self._order_row(order)] if order.limit_price is not None else [triggered]
            case SimOrderEvent(order=order):
                return [self._order_row(order)]
            case SimFill(order=order) if order.is_open:
                return [self._order_row(order)]
            case _:
                return []

    def _order_row(self, order: SimOrder) -> Json:
        more = {"category": "spot", "closedPnl": "0", "feeCurrency": ""}
        return order_row(self._state, order) | more

    def _fill_row(self, fill: SimFill) -> Json:
        return {"category": "spot", "execPnl": "0"} | fill_row(self._state, fill)

    def _fast_row(self, fill: SimFill) -> Json:
        row = fill_row(self._state, fill)
        names = (
            "symbol",
            "execId",
            "execPrice",
            "execQty",
            "orderId",
            "orderLinkId",
            "side",
            "isMaker",
            "execTime",
            "seq",
        )
        return {"category": "spot"} | {name: row[name] for name in names}


def _touched(event: SimEvent) -> tuple[str, ...]:
    """The coins whose balances, or what is locked of them, an event moved."""
    match event:
        case SimFill(fill=fill):
            return fill.pair.base, fill.pair.quote
        case SimOrderEvent(order=order):
            return (order.pair.quote,) if order.side.sign > 0 else (order.pair.base,)
        case SimBorrow(asset=asset) | SimRepay(asset=asset) | SimInterest(asset=asset):
            return (asset,)
        case SimLedger(row=row):
            return (row.asset,)
        case _:
            return ()
