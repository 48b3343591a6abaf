"""What our entries take of the margin before any reading of it shows that."""

from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.money import ONE, ZERO
from jarvis.domain.order import ClientOrderId, Order, OrderRole
from jarvis.trading.desk import Desk


class Commitments:
    """Counts each entry from its placing until a margin state shows it. `slippage_rate` is what it may cost more."""

    def __init__(self, desk: Desk, slippage_rate: Decimal) -> None:
        self._desk = desk
        self._slippage_rate = slippage_rate
        self._committed: dict[ClientOrderId, Decimal] = {}
        for pair in desk.working_pairs():
            for order in desk.working(pair):
                self.add(order)

    def on(self, pair: Pair | None) -> Decimal:
        """The margin that our entries take and nothing shows yet, on one pair or on all."""
        orders = ((self._desk.get(each), amount) for each, amount in self._committed.items())
        return sum((amount for order, amount in orders if pair is None or (order and order.request.pair == pair)), ZERO)

    def add(self, order: Order) -> None:
        """Count an entry's margin; other orders take none."""
        request = order.request
        if request.role is OrderRole.ENTRY and request.decision_price is not None:
            cost = request.quantity * request.decision_price * (ONE + self._slippage_rate)
            self._committed[request.client_order_id] = cost / request.leverage

    def answered(self, order: Order) -> None:
        """Forget an entry that came to nothing."""
        if order.status.is_final and order.filled_quantity == 0:
            self._committed.pop(order.client_order_id, None)

    def shown(self) -> None:
        """Forget entries that have ended: what they took is in the margin state that was read now."""
        for client_order_id in list(self._committed):
            order = self._desk.get(client_order_id)
            if order is None or order.status.is_final:
                del self._committed[client_order_id]
