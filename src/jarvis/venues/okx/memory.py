"""What is remembered of the latest few thousand orders, because later messages leave it out."""

from collections import OrderedDict
from dataclasses import replace
from typing import Any

from jarvis.domain.order import ClientOrderId, OrderReport, OrderRequest, OrderType, VenueOrderId
from jarvis.venues.okx.parse import Spawned

_REMEMBERED = 5_000


class OrderMemory:
    """Our own requests by their client id, and which algo order each plain order came from."""

    def __init__(self) -> None:
        self._requests: OrderedDict[str, OrderRequest] = OrderedDict()
        self._spawned: OrderedDict[VenueOrderId, Spawned | None] = OrderedDict()
        self._algo_clients: OrderedDict[str, ClientOrderId] = OrderedDict()

    def announce(self, request: OrderRequest) -> None:
        """Remember an order that is about to be sent: the stream may tell of it before its sender gets an answer."""
        _keep(self._requests, str(request.client_order_id), request)

    def request(self, client_order_id: ClientOrderId | None) -> OrderRequest | None:
        """Our request of this id, if it is remembered."""
        return self._requests.get(str(client_order_id))

    def learn_algo(self, algo_id: str, client_order_id: ClientOrderId | None) -> None:
        """Remember our id of an algo order: what it spawns may name only the venue's."""
        if client_order_id is not None:
            _keep(self._algo_clients, algo_id, client_order_id)

    def learn(self, order_id: VenueOrderId, spawned: Spawned | None) -> Spawned | None:
        """Remember what an order came from, None for one that was placed as it is; the same, as complete as known."""
        if spawned is not None and spawned.client_order_id is None:
            spawned = replace(spawned, client_order_id=self._algo_clients.get(spawned.algo_id))
        _keep(self._spawned, order_id, spawned)
        return spawned

    def knows(self, order_id: VenueOrderId) -> bool:
        """Whether it is known what the order came from."""
        return order_id in self._spawned

    def spawned(self, order_id: VenueOrderId) -> Spawned | None:
        """The algo order that it came from; None if there is none, or it is not known."""
        return self._spawned.get(order_id)

    def dressed(self, report: OrderReport) -> OrderReport:
        """The report in the words of our request: what went out as an immediate order was meant as a market order."""
        request = self.request(report.client_order_id)
        if request is None:
            return report
        return OrderReport(
            report.venue_order_id,
            report.status,
            report.at,
            report.client_order_id,
            report.pair,
            report.side,
            request.order_type,
            report.quantity,
            report.filled_quantity,
            None if request.order_type is OrderType.MARKET else report.limit_price or request.limit_price,
            report.trigger_price,
            report.leverage,
            report.reduce_only,
            report.reason,
        )


def _keep(kept: OrderedDict[Any, Any], key: object, value: object) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > _REMEMBERED:
        kept.popitem(last=False)
