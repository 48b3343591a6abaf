"""Orders and fills as a key may ask for them. A cancelled order without a fill is forgotten after two hours."""

from collections.abc import Iterable
from datetime import datetime

from jarvis.domain.money import ZERO
from jarvis.emulators.faults import FaultKind
from jarvis.emulators.okx.errors import Refused, bad_parameter
from jarvis.emulators.okx.names import bill_id, inst_id
from jarvis.emulators.okx.orders import MARGIN, SPOT, read_pair
from jarvis.emulators.okx.paging import days_ago, page
from jarvis.emulators.okx.rows import FORGOTTEN, STATES, fill_row, order_row
from jarvis.emulators.okx.state import Call, VenueState
from jarvis.emulators.okx.text import Rows
from jarvis.sim.exchange import SimFill, SimOrder

_TYPES = (SPOT, MARGIN, "SWAP", "FUTURES", "OPTION")


class Reads:
    """The calls that list orders and fills. Each gives the rows of `data`."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def order(self, call: Call) -> Rows:
        """One order."""
        params, state = call.params, self._state
        pair = read_pair(state.names, params)
        params.either("ordId", "clOrdId")
        order = state.find_order(call.account, params, pair)
        lost = state.faults.strike((FaultKind.ORDER_NOT_FOUND,), "order", call.account.name)
        if order is None or lost is not None or self._is_forgotten(order, call.now):
            raise Refused("51603", "Order does not exist")
        return [order_row(state, order)]

    def pending(self, call: Call) -> Rows:
        """Orders that work."""
        return self._listed(call, self._state.open_orders(call.account), None)

    def history(self, call: Call) -> Rows:
        """Orders of the last week that are over."""
        return self._over(call, days=7)

    def history_archive(self, call: Call) -> Rows:
        """Orders of the last three months that are over."""
        return self._over(call, days=90)

    def fills(self, call: Call) -> Rows:
        """Fills of the last three days."""
        return self._fills(call, days=3)

    def fills_history(self, call: Call) -> Rows:
        """Fills of the last three months."""
        call.params.required("instType")
        return self._fills(call, days=90)

    def _over(self, call: Call, days: int) -> Rows:
        call.params.required("instType")
        account = call.account
        kept = [order for order in self._state.closed_orders(account) if not self._is_forgotten(order, call.now)]
        return self._listed(call, kept, days_ago(call.now, days))

    def _listed(self, call: Call, orders: Iterable[SimOrder], since: datetime | None) -> Rows:
        params, state = call.params, self._state
        inst_type = params.choice("instType", _TYPES)
        name, kinds = params.text("instId"), params.names("ordType")
        wanted = params.choice("state", ("live", "partially_filled", "filled", "canceled", "mmp_canceled"))
        category = params.text("category")
        fits = [
            order
            for order in orders
            if name in ("", inst_id(order.pair))
            and wanted in ("", STATES[order.status])
            and (not kinds or state.note(order).terms.ord_type in kinds)
            and inst_type in ("", state.note(order).terms.book.inst_type)
            and category in ("", "full_liquidation" if order.is_liquidation else "normal")
        ]
        found = page(
            fits,
            params,
            id_of=lambda order: int(state.order_id(order)),
            time_of=lambda order: order.placed_at,
            since=since,
        )
        return [order_row(state, order) for order in found]

    def _fills(self, call: Call, days: int) -> Rows:
        params, state = call.params, self._state
        inst_type = params.choice("instType", _TYPES)
        name, own, sub_type = params.text("instId"), params.text("ordId"), params.text("subType")
        if own and not own.isdigit():
            raise bad_parameter("ordId")
        books = state.ledger(call.account)
        fits = [
            fill
            for fill in state.exchange.fills(call.account.name)
            if name in ("", inst_id(fill.fill.pair))
            and own in ("", state.order_id(fill.order))
            and inst_type in ("", state.note(fill.order).terms.book.inst_type)
            and sub_type in ("", books.fill_bills[str(fill.fill.fill_id)].sub_kind)
        ]

        def number(fill: SimFill) -> int:
            return int(bill_id(books.fill_bills[str(fill.fill.fill_id)].number))

        found = page(fits, params, id_of=number, time_of=lambda fill: fill.fill.at, since=days_ago(call.now, days))
        return [fill_row(state, fill) for fill in found]

    def _is_forgotten(self, order: SimOrder, now: datetime) -> bool:
        return order.closed_at is not None and order.filled_quantity == ZERO and now - order.closed_at > FORGOTTEN
