"""Orders whose outcome is not known: looked up at the venue until it has proved what became of them.

Nothing is ever sent again on a guess. That an order does not exist is proved only when its deadline has passed and the
venue, asked twice, knows nothing of it.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from jarvis.domain.clock import Clock
from jarvis.domain.order import ClientOrderId, Fill, Order, OrderReport, VenueOrderId
from jarvis.trading.events import OrderAbsent, OrderLost
from jarvis.venues.base import Venue, VenueError

log = structlog.get_logger()

OVERLAP = timedelta(minutes=2)
"""How much further back than needed the venue's records are read: its clock and its index may lag."""
SKEW = timedelta(seconds=10)
"""How far our clock and the venue's may be apart when a send deadline is waited out."""
SECOND_LOOK_AFTER = timedelta(seconds=2)
"""One empty answer may come from a lagging replica; absence is proved by two, this far apart."""


@dataclass(slots=True)
class LostOrder:
    """An order that is being looked up."""

    since: datetime
    absent_at: datetime | None = None


class Lookup:
    """Finds our orders at the venue. Keeps which are lost, and by which ids the venue knows them all."""

    def __init__(self, venue: Venue, clock: Clock, orders: Iterable[Order]) -> None:
        self._venue = venue
        self._clock = clock
        self._lost: dict[ClientOrderId, LostOrder] = {}
        self._ours: dict[VenueOrderId, ClientOrderId] = {
            order.venue_order_id: order.client_order_id for order in orders if order.venue_order_id is not None
        }

    def learn(self, venue_order_id: VenueOrderId, client_order_id: ClientOrderId) -> None:
        """Remember what the venue calls an order of ours."""
        self._ours[venue_order_id] = client_order_id

    def attributed(self, fill: Fill) -> Fill:
        """`fill` with our client order id: the venue's trade history names only its own order id."""
        if fill.client_order_id is not None or fill.venue_order_id not in self._ours:
            return fill
        return replace(fill, client_order_id=self._ours[fill.venue_order_id])

    async def find(self, client_order_id: ClientOrderId) -> OrderReport | None:
        """What the venue knows of an order now. Raises VenueError if it cannot be asked."""
        report = await self._venue.find_order(client_order_id)
        if report is not None:
            self.learn(report.venue_order_id, client_order_id)
        return report

    def lose(self, client_order_id: ClientOrderId) -> None:
        """Begin to wait for the proof of what became of an order."""
        self._lost.setdefault(client_order_id, LostOrder(self._clock.now()))

    def only(self, unknown: Iterable[ClientOrderId]) -> None:
        """Wait for the proof of these orders, and of no others any more."""
        now = self._clock.now()
        self._lost = {name: self._lost.get(name) or LostOrder(now) for name in unknown}

    async def prove(
        self, order: Order, take_fills: Callable[[Sequence[Fill]], Awaitable[None]]
    ) -> OrderReport | OrderAbsent | None:
        """What became of a lost order, or None while nothing is proved. Its fills are taken on the way.

        Raises VenueError if the venue cannot be asked.
        """
        lost = self._lost[order.client_order_id]
        report = await self.find(order.client_order_id)
        now = self._clock.now()
        if report is None and now - lost.since < self._venue.send_deadline + SKEW:
            return None
        await take_fills(await self._venue.fills(order.created_at - OVERLAP))
        if report is not None:
            return report
        if lost.absent_at is None:
            lost.absent_at = now
        if now - lost.absent_at < SECOND_LOOK_AFTER:
            return None
        return OrderAbsent(order.client_order_id, now)

    async def proved(self, cancelled: OrderReport) -> OrderReport | OrderLost:
        """The venue's own word about an order that it says it cancelled: how much of it was filled before."""
        name = cancelled.client_order_id
        report = None
        if name is not None:
            try:
                report = await self.find(name)
            except VenueError as error:
                log.warning("cancel_not_proved", client_order_id=name, reason=str(error))
        if report is not None and report.status.is_final:
            return report
        return cancelled if name is None else OrderLost(name, self._clock.now(), is_over=True)
