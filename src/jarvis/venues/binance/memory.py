"""What is known of the latest few thousand orders: whose they are, and in which pair. Binance asks for the pair."""

from collections import OrderedDict
from typing import TypeVar

from jarvis.domain.instrument import Pair
from jarvis.domain.order import ClientOrderId, OrderReport, VenueOrderId

_REMEMBERED = 5_000

K = TypeVar("K")
V = TypeVar("V")


class OrderMemory:
    """Client order ids by the venue's order id, and pairs by client order id."""

    def __init__(self) -> None:
        self._client_ids: OrderedDict[VenueOrderId, ClientOrderId | None] = OrderedDict()
        self._pairs: OrderedDict[ClientOrderId, Pair] = OrderedDict()

    def announce(self, client_order_id: ClientOrderId, pair: Pair) -> None:
        """Remember an order that is about to be sent: the stream may tell of it before its sender gets an answer."""
        _keep(self._pairs, client_order_id, pair)

    def keep(self, order_id: VenueOrderId, client_order_id: ClientOrderId | None, pair: Pair | None) -> None:
        """Remember an order that the venue told of; without a client order id it is one that it made itself."""
        _keep(self._client_ids, order_id, client_order_id)
        if client_order_id is not None and pair is not None:
            _keep(self._pairs, client_order_id, pair)

    def learn(self, report: OrderReport) -> None:
        """Remember an order as REST reported it."""
        self.keep(report.venue_order_id, report.client_order_id, report.pair)

    def knows(self, order_id: VenueOrderId, client_order_id: ClientOrderId | None = None) -> bool:
        """Whether the order was announced or told by REST before."""
        return order_id in self._client_ids or client_order_id in self._pairs

    def client_order_id(self, order_id: VenueOrderId) -> ClientOrderId | None:
        """Our id of the order, if known."""
        return self._client_ids.get(order_id)

    def pair(self, client_order_id: ClientOrderId) -> Pair | None:
        """The order's pair, if known."""
        return self._pairs.get(client_order_id)


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > _REMEMBERED:
        kept.popitem(last=False)
