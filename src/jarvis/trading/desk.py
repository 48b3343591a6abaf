"""Our orders on one account: made, sent, answered, filled. Knows the transition table, and nothing of positions.

Every fact about an order comes in through one method here and leaves as the order's next state. What the table does
not allow is either a repeat (ignored) or a broken invariant (raised); nothing is guessed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO
from jarvis.domain.order import (
    ClientOrderId,
    Fill,
    Order,
    OrderEvent,
    OrderReport,
    OrderRequest,
    OrderRole,
    OrderStatus,
    OrderType,
    PositionId,
    VenueOrderId,
)
from jarvis.trading.events import (
    Action,
    Alarm,
    Amend,
    AmendAnswered,
    Cancel,
    MarksChanged,
    OrderAbsent,
    OrderAccepted,
    OrderChanged,
    OrderLost,
    OrderRefused,
    Place,
    Resolve,
    Severity,
    StoryChanged,
)
from jarvis.trading.state import EngineState, Marks, order_id, order_number
from jarvis.trading.stories import PositionStory

_KEPT_FINAL_ORDERS = 256
"""Ended orders of ended stories that are still recognised when a late word about them comes."""
_RESTING = (OrderStatus.OPEN, OrderStatus.PARTLY_FILLED)


@dataclass(slots=True)
class Outbox:
    """What one event leads to: changed records, then actions. Records go first, so that they are kept before acting."""

    orders: dict[ClientOrderId, Order] = field(default_factory=dict)
    stories: dict[PositionId, PositionStory] = field(default_factory=dict)
    marks: Marks | None = None
    actions: list[Action] = field(default_factory=list)

    def alarm(self, kind: str, severity: Severity, message: str, at: datetime, pair: Pair | None = None) -> None:
        """Tell the trader."""
        self.actions.append(Alarm(kind, severity, message, at, pair))

    def take(self) -> list[Action]:
        """Everything since the last take, in order."""
        taken: list[Action] = [OrderChanged(order) for order in self.orders.values()]
        taken += [StoryChanged(story) for story in self.stories.values()]
        if self.marks is not None:
            taken.append(MarksChanged(self.marks))
        taken += self.actions
        self.orders, self.stories, self.marks, self.actions = {}, {}, None, []
        return taken


class Desk:
    """Keeps `state.orders` and what is on its way to the venue.

    `exits_need_proof`: where nothing but us keeps an exit from opening the other side, an exit has ended only when it
    is known how much of it was filled; until then it is looked up.
    """

    def __init__(self, prefix: str, state: EngineState, outbox: Outbox, *, exits_need_proof: bool = False) -> None:
        self._exits_need_proof = exits_need_proof
        self._unwanted: set[ClientOrderId] = set()
        self._over: set[ClientOrderId] = set()
        self._prefix = prefix
        self._state = state
        self._outbox = outbox
        self._by_venue_id: dict[VenueOrderId, ClientOrderId] = {}
        self._working: dict[Pair, dict[ClientOrderId, None]] = {}
        self._final: dict[ClientOrderId, None] = {}
        self._in_flight: set[ClientOrderId] = set()
        for order in list(state.orders.values()):
            # An intent that was kept may have been sent before the crash: it counts until it is disproved.
            self._keep(order.after(OrderEvent.SEND) if order.status is OrderStatus.INTENT else order, said=False)
        numbers = (order_number(prefix, client_order_id) or 0 for client_order_id in state.orders)
        state.next_id = max([state.next_id, *(number + 1 for number in numbers)])

    # --- looking --------------------------------------------------------------------------------------------------

    def get(self, client_order_id: ClientOrderId | None, venue_order_id: VenueOrderId | None = None) -> Order | None:
        """Our order by either of its ids; None for somebody else's."""
        if client_order_id not in self._state.orders and venue_order_id is not None:
            client_order_id = self._by_venue_id.get(venue_order_id)
        return None if client_order_id is None else self._state.orders.get(client_order_id)

    def working(self, pair: Pair) -> list[Order]:
        """Our orders on the pair that are not final, oldest first."""
        return [self._state.orders[client_order_id] for client_order_id in self._working.get(pair, ())]

    def working_pairs(self) -> list[Pair]:
        """Pairs with an order that is not final."""
        return [pair for pair, orders in self._working.items() if orders]

    def targets_of(self, story: PositionStory) -> list[Order]:
        """Every known take-profit order that was made for the story since its last entry, oldest first."""
        return [order for order in self._state.orders.values() if self.is_target_of(order, story)]

    def is_target_of(self, order: Order, story: PositionStory) -> bool:
        """Whether the order is a take-profit of the story, made since its last entry for the targets that it has."""
        return (
            order.request.role is OrderRole.TAKE_PROFIT
            and order.request.position_id == story.position_id
            and order.client_order_id > max(story.entry_id, story.targets_after or story.entry_id)
        )

    def is_in_flight(self, order: Order) -> bool:
        """Whether an amendment or a cancellation of the order has not been answered yet."""
        return order.client_order_id in self._in_flight

    def was_to_go(self, order: Order) -> bool:
        """Whether we asked for the order to be cancelled, however long ago."""
        return order.client_order_id in self._unwanted

    def next_id(self) -> ClientOrderId:
        """The id of the order that would be placed next."""
        return order_id(self._prefix, self._state.next_id)

    # --- acting ---------------------------------------------------------------------------------------------------

    def place(self, request: OrderRequest, at: datetime) -> Order:
        """The order, counted as sent from here on; the intent goes out to be written and sent."""
        if request.client_order_id != self.next_id():
            raise ValueError(f"order {request.client_order_id} is out of turn: the next id is {self.next_id()}")
        self._state.next_id += 1
        intent = Order(request, at)
        self._outbox.actions.append(Place(intent))
        sent = intent.after(OrderEvent.SEND)
        self._keep(sent, said=False)
        return sent

    def amend(self, order: Order, *, quantity: Decimal | None, trigger_price: Decimal | None) -> None:
        """Ask to change a resting order; None leaves as it is."""
        if order.venue_order_id is None or order.status not in _RESTING:
            raise ValueError(f"order {order.client_order_id} is {order.status.value} and cannot be amended")
        self._in_flight.add(order.client_order_id)
        self._outbox.actions.append(
            Amend(order.client_order_id, order.venue_order_id, order.request.pair, quantity, trigger_price)
        )

    def cancel(self, order: Order) -> None:
        """Ask to cancel, if the order rests and nothing was asked of it yet; otherwise its next answer comes first."""
        if order.status in _RESTING and not self.is_in_flight(order):
            self._in_flight.add(order.client_order_id)
            if self._exits_need_proof:
                self._unwanted.add(order.client_order_id)
            self._outbox.actions.append(Cancel(order.client_order_id, order.venue_order_id, order.request.pair))

    def is_over(self, order: Order) -> bool:
        """Whether the venue said that the order has ended, and only its fills are not known yet."""
        return order.client_order_id in self._over

    def doubt(self, order: Order) -> None:
        """Have an order looked up of which nothing was heard for too long."""
        self._lose(order)

    # --- being told -----------------------------------------------------------------------------------------------

    def accepted(self, event: OrderAccepted) -> Order | None:
        """The order after the venue took it; None if it is not ours."""
        order = self.get(event.client_order_id)
        if order is None:
            return None
        return self._at_venue(order, event.venue_order_id, event.at)

    def refused(self, event: OrderRefused) -> Order | None:
        """The order after a proved refusal; None if it is not ours or had ended already."""
        order = self.get(event.client_order_id)
        if order is None or order.status.is_final:
            return None
        return self._gone(order, OrderEvent.REJECT, event.message or event.reason)

    def lost(self, event: OrderLost) -> Order | None:
        """The order whose outcome is not known; None if it is not ours or had ended already."""
        order = self.get(event.client_order_id)
        if order is None or order.status.is_final:
            return None
        if event.is_over:
            self._over.add(order.client_order_id)
        return self._lose(order)

    def absent(self, event: OrderAbsent) -> Order | None:
        """The order after the proof that the venue does not have it; None if it is not ours or had ended already."""
        order = self.get(event.client_order_id)
        if order is None or order.status.is_final:
            return None
        return self._gone(order, OrderEvent.REJECT, "the venue has no trace of it")

    def amended(self, event: AmendAnswered) -> Order | None:
        """The order after the answer to an amendment; None if it is not ours or had ended already."""
        order = self.get(event.client_order_id)
        if order is None:
            return None
        self._in_flight.discard(event.client_order_id)
        if order.status.is_final:
            return None
        if event.refused:
            return order
        order = order.resized(quantity=event.quantity, trigger_price=event.trigger_price, limit_price=event.limit_price)
        return self._keep(order)

    def reported(self, order: Order, report: OrderReport) -> Order:
        """The order after the venue's word about it.

        A report never moves a position: if it tells of more fills than have come, the order stays unknown until they
        have.
        """
        if order.status.is_final:
            if order.status is OrderStatus.REJECTED and report.status in _RESTING:
                return self._contradicted(order, report.venue_order_id, report.at)
            return order
        told = order.request.quantity if report.status is OrderStatus.FILLED else ZERO
        told = report.filled_quantity if report.filled_quantity is not None else told
        order = replace(self._as_reported(order, report), venue_order_id=report.venue_order_id)
        match report.status:
            case OrderStatus.OPEN | OrderStatus.PARTLY_FILLED:
                return self._at_venue(order, report.venue_order_id, report.at)
            case OrderStatus.FILLED | OrderStatus.CANCELLED | OrderStatus.EXPIRED | OrderStatus.REJECTED:
                if told > order.filled_quantity or self._proves_too_little(order, report):
                    self._over.add(order.client_order_id)
                    return self._lose(order)
                events = {OrderStatus.FILLED: OrderEvent.FILL_REST, OrderStatus.EXPIRED: OrderEvent.EXPIRE}
                return self._gone(order, events.get(report.status, OrderEvent.CANCEL), report.reason)
            case _:
                return self._keep(order)  # on its way through the venue: neither taken nor refused

    def filled(self, order: Order, fill: Fill) -> Order:
        """The order after one new fill. A fill is the strongest proof: it overrules whatever was believed before."""
        filled = order.filled_quantity + fill.quantity
        if filled > order.request.quantity or order.status is OrderStatus.FILLED:
            # More than we thought was ordered: an amendment whose answer was lost, or the venue's own change.
            order = order.resized(quantity=filled)
        return self._keep(order.filled_by(fill))

    # --- inside ---------------------------------------------------------------------------------------------------

    def _at_venue(self, order: Order, venue_order_id: VenueOrderId, at: datetime) -> Order:
        if order.status is OrderStatus.REJECTED:
            return self._contradicted(order, venue_order_id, at)
        has_traded = order.filled_quantity > 0 and not order.status.is_final
        event = OrderEvent.FILL_PART if has_traded else OrderEvent.ACCEPT
        return self._keep(order.after(event, venue_order_id=venue_order_id))

    def _contradicted(self, order: Order, venue_order_id: VenueOrderId, at: datetime) -> Order:
        """An order that was proved not to exist is said to rest: it is nobody's plan any more, so it must go."""
        order = self._keep(replace(order, venue_order_id=venue_order_id))
        self._outbox.alarm(
            "refused_order_rests",
            Severity.CRITICAL,
            f"{order.request.pair}: the venue lists order {order.client_order_id}, which it had refused; it is "
            f"being cancelled.",
            at,
            order.request.pair,
        )
        self._outbox.actions.append(Cancel(order.client_order_id, venue_order_id, order.request.pair))
        return order

    def _proves_too_little(self, order: Order, report: OrderReport) -> bool:
        """Whether an exit is said to have ended, but not how much of it was filled."""
        if not self._exits_need_proof or order.request.role is OrderRole.ENTRY:
            return False
        return report.filled_quantity is None and report.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED)

    def _lose(self, order: Order) -> Order:
        self._in_flight.discard(order.client_order_id)
        self._outbox.actions.append(Resolve(order.client_order_id))
        return self._keep(order.after(OrderEvent.LOSE_TRACK))

    def _gone(self, order: Order, event: OrderEvent, reason: str) -> Order:
        if event is OrderEvent.REJECT and (order.filled_quantity > 0 or order.venue_order_id is not None):
            event = OrderEvent.CANCEL  # it did exist
        return self._keep(order.after(event, reason=reason))

    def _as_reported(self, order: Order, report: OrderReport) -> Order:
        """The order with the numbers that the venue holds; a person or the venue may have changed them."""
        triggered = order.request.order_type is OrderType.STOP
        limited = order.request.order_type is OrderType.LIMIT
        quantity = report.quantity if report.quantity and report.quantity >= order.filled_quantity else None
        return order.resized(
            quantity=quantity,
            trigger_price=report.trigger_price if triggered else None,
            limit_price=report.limit_price if limited else None,
        )

    def _keep(self, order: Order, *, said: bool = True) -> Order:
        client_order_id = order.client_order_id
        if order.status is not OrderStatus.UNKNOWN:
            self._over.discard(client_order_id)
        known = self._state.orders.get(client_order_id)
        self._state.orders[client_order_id] = order
        if said and order != known:
            self._outbox.orders[client_order_id] = order
        if order.venue_order_id is not None:
            self._by_venue_id[order.venue_order_id] = client_order_id
        working = self._working.setdefault(order.request.pair, {})
        if order.status.is_final:
            working.pop(client_order_id, None)
            self._unwanted.discard(client_order_id)
            self._in_flight.discard(client_order_id)
            self._final[client_order_id] = None
            self._forget_oldest()
        else:
            self._final.pop(client_order_id, None)
            working[client_order_id] = None
        return order

    def _forget_oldest(self) -> None:
        if len(self._final) <= 2 * _KEPT_FINAL_ORDERS:
            return
        open_stories = {story.position_id for story in self._state.stories.values()}
        ended = [each for each in self._final if self._state.orders[each].request.position_id not in open_stories]
        self._forget(ended[: max(0, len(ended) - _KEPT_FINAL_ORDERS)])

    def _forget(self, client_order_ids: Iterable[ClientOrderId]) -> None:
        for client_order_id in client_order_ids:
            del self._final[client_order_id]
            order = self._state.orders.pop(client_order_id)
            if order.venue_order_id is not None:
                self._by_venue_id.pop(order.venue_order_id, None)
