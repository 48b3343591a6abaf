"""What the venue does about events: notes why orders ended, exits that a filled order carried, liquidations.

Exits are placed once their order has filled whole, and when two belong together the one that is triggered cancels the
other. The simulated exchange tells of a step at its end, so they begin to watch the price one step late.
"""

from collections.abc import Sequence
from datetime import timedelta

from jarvis.domain.order import TimeInForce, VenueOrderId
from jarvis.emulators.bybit.orders import exit_request
from jarvis.emulators.bybit.state import OrderNote, VenueState
from jarvis.sim.exchange import OrderNews, SimEvent, SimFill, SimLiquidation, SimOrder, SimOrderEvent, SimRefused

LIQUIDATION_LASTS = timedelta(seconds=30)


class Aftermath:
    """Reads events, then acts on what it has read."""

    def __init__(self, state: VenueState) -> None:
        self._state = state
        self._filled: list[SimOrder] = []
        self._triggered: list[VenueOrderId] = []

    def note(self, events: Sequence[SimEvent]) -> None:
        """Remember what is to be done, and write down what clients will be told of ended orders."""
        for event in events:
            match event:
                case SimFill(fill=fill):
                    self._state.fills[fill.fill_id] = event
                case SimLiquidation(account=account, at=at):
                    self._state.liquidating_until[account] = at + LIQUIDATION_LASTS
                case SimOrderEvent(kind=OrderNews.FILLED, order=order):
                    self._filled.append(order)
                case SimOrderEvent(kind=OrderNews.TRIGGERED, order=order):
                    self._triggered.append(order.order_id)
                case SimOrderEvent(kind=OrderNews.CANCELLED | OrderNews.EXPIRED, order=order):
                    self._explain(order)
                case _:
                    pass

    def act(self) -> bool:
        """Place the exits that are due, and cancel what belonged to a triggered one; whether anything was done."""
        filled, self._filled = self._filled, []
        triggered, self._triggered = self._triggered, []
        acted = False
        for order in filled:
            note = self._state.notes.get(order.order_id)
            if note is not None and (note.take_profit or note.stop_loss):
                self._place_exits(order, note)
                acted = True
        for order_id in triggered:
            sibling = self._state.siblings.pop(order_id, None)
            if sibling is not None:
                self._state.siblings.pop(sibling, None)
                acted |= self._cancel(sibling)
        return acted

    def _place_exits(self, order: SimOrder, note: OrderNote) -> None:
        exchange, placed = self._state.exchange, []
        bought = order.filled_quantity
        last = exchange.quote(order.pair).last
        rules = self._state.instrument(order.pair)
        if order.side.sign > 0:
            # What a purchase leaves is less by the fee that was taken of it.
            fees = sum(fill.fill.fee_in_base for fill in self._state.fills_of(order))
            bought = rules.round_quantity(bought - fees)
        for each in (note.take_profit, note.stop_loss):
            if each is None or not bought:
                continue
            drafted = exit_request(note, order.request, bought, each, last)
            taken = exchange.place(order.account, drafted.request)
            if not isinstance(taken, SimRefused):
                self._state.notes[taken.order_id] = drafted.note
                placed.append(taken.order_id)
        if len(placed) == 2:
            first, second = placed
            self._state.siblings |= {first: second, second: first}

    def _cancel(self, order_id: VenueOrderId) -> bool:
        note = self._state.notes[order_id]
        self._state.notes[order_id] = note.changed(cancel_type="CancelByOCO", reject_reason="EC_PerCancelRequest")
        return self._state.exchange.cancel(note.account, order_id)

    def _explain(self, order: SimOrder) -> None:
        """Why an order ended that its owner did not cancel."""
        note = self._state.notes.get(order.order_id)
        if note is None or note.reject_reason != "EC_NoError":
            return
        if self._state.is_liquidating(order.account):
            kind, reason = "CancelAllBeforeLiq", "EC_CancelForLiquidation"
        elif order.request.time_in_force is TimeInForce.IOC:
            kind, reason = "UNKNOWN", "EC_NoImmediateQtyToFill"
        else:
            kind, reason = "UNKNOWN", "EC_NoEnoughQtyToFill"
        self._state.notes[order.order_id] = note.changed(cancel_type=kind, reject_reason=reason)
