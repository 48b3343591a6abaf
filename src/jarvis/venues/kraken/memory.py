"""What is known of the latest few thousand orders, because the stream's later messages leave it out."""

from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.order import ClientOrderId, OrderType, VenueOrderId
from jarvis.domain.records import quickly_made

_REMEMBERED = 5_000


@quickly_made
@dataclass(frozen=True, slots=True)
class KnownOrder:
    """What our own calls and the stream have told of an order so far; None is not told yet."""

    client_order_id: ClientOrderId | None = None
    pair: Pair | None = None
    side: Side | None = None
    order_type: OrderType | None = None
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    reduce_only: bool | None = None
    is_margin: bool | None = None


_NOTHING = KnownOrder()


class OrderMemory:
    """What is known of the latest few thousand orders, by the venue's id."""

    def __init__(self) -> None:
        self._orders: OrderedDict[VenueOrderId, KnownOrder] = OrderedDict()
        self._announced: OrderedDict[str, KnownOrder] = OrderedDict()

    def announce(self, order: KnownOrder) -> None:
        """Remember an order that is about to be sent: the stream may tell of it before its sender gets an answer."""
        self._announced[str(order.client_order_id)] = order
        forget_oldest(self._announced)

    def get(self, order_id: VenueOrderId, client_order_id: object = None) -> KnownOrder:
        """What is known of the order, nothing at worst."""
        return self._orders.get(order_id) or self._announced.get(str(client_order_id)) or _NOTHING

    def keep(self, order_id: VenueOrderId, order: KnownOrder) -> None:
        """Remember this of the order."""
        self._orders[order_id] = order
        self._orders.move_to_end(order_id)
        forget_oldest(self._orders)

    def knows(self, order_id: VenueOrderId) -> bool:
        """Whether its client order id, or that it has none, has been told."""
        return order_id in self._orders

    def order_ids(self, client_order_id: ClientOrderId) -> list[VenueOrderId]:
        """The venue's ids of the orders that carry our id."""
        return [order_id for order_id, order in self._orders.items() if order.client_order_id == client_order_id]

    def client_order_id(self, order_id: VenueOrderId) -> ClientOrderId | None:
        """Our id of the order, if known."""
        return self.get(order_id).client_order_id


def forget_oldest(kept: OrderedDict[Any, Any]) -> None:
    """Take the oldest of `kept` away if there are too many."""
    if len(kept) > _REMEMBERED:
        kept.popitem(last=False)
