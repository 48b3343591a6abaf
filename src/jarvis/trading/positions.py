"""Our open positions on one account, each with its story: kept, measured and ended. Asks for nothing.

A story begins with its entry's intent, before anything was filled, and ends when nothing of it is left to be closed.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.money import ZERO
from jarvis.domain.order import Order, OrderRole, OrderStatus, PositionId
from jarvis.trading.closing import Closing
from jarvis.trading.desk import Desk, Outbox
from jarvis.trading.state import EngineState
from jarvis.trading.stories import PositionStory

_REMEMBERED_STORIES = 64
_HALF = Decimal("0.5")


class Positions:
    """Keeps `state.stories`. `prices` are the last ones known: they say how little no order can close."""

    def __init__(
        self, state: EngineState, desk: Desk, instruments: dict[Pair, Instrument], outbox: Outbox, closing: Closing
    ) -> None:
        self._state = state
        self._desk = desk
        self._instruments = instruments
        self._outbox = outbox
        self._closing = closing
        self._ended: dict[PositionId, PositionStory] = {}
        self.prices: dict[Pair, Decimal] = {}

    def ended(self, position_id: PositionId | None) -> PositionStory | None:
        """A story that ended lately, by its id."""
        return None if position_id is None else self._ended.get(position_id)

    def keep(self, story: PositionStory) -> None:
        """Keep the story as it is now; a change goes out to be written."""
        if self._state.stories.get(story.pair) != story:
            self._state.stories[story.pair] = story
            self._outbox.stories[story.position_id] = story

    def end(self, story: PositionStory, role: OrderRole | None, at: datetime) -> None:
        """Close the story; without a role it ends as it began, with nothing traded."""
        closed = replace(
            story, exit_role=role, exit_to=ZERO, exit_at=(story.exit_at or at) if role else None, closed_at=at
        )
        del self._state.stories[story.pair]
        self._outbox.stories[closed.position_id] = closed
        self._ended[closed.position_id] = closed
        if len(self._ended) > _REMEMBERED_STORIES:
            del self._ended[next(iter(self._ended))]

    def half(self, story: PositionStory) -> Decimal:
        """What stays open when the position is halved: nothing where no order could close the other half."""
        instrument = self._instruments[story.pair]
        half = instrument.round_quantity(story.quantity * _HALF)
        return ZERO if self._closing.is_too_little(half, instrument, self.prices.get(story.pair)) else half

    def is_dust(self, story: PositionStory) -> bool:
        """Whether too little is held for any order, and nothing is on its way to make it more."""
        too_little = self._closing.is_dust(story, self._instruments[story.pair], self.prices.get(story.pair))
        return too_little and not story.position.is_flat and not self.is_entering(story.pair)

    def is_over(self, story: PositionStory) -> bool:
        """Whether nothing is left to be closed: where assets change hands at once, crumbs are the account's own."""
        return story.position.is_flat or (self._closing.is_wallet and self.is_dust(story))

    def is_grossed_up(self, story: PositionStory, order: Order) -> bool:
        """Whether an exit opened no more of the other side than what it was made larger by for the expected fee."""
        rate = self._closing.base_fee_rate(story.pair)
        more = order.request.quantity * rate + self._instruments[story.pair].lot
        return self._closing.is_wallet and order.request.side is Side.BUY and story.quantity <= 2 * more

    def is_entering(self, pair: Pair) -> bool:
        """Whether an entry is at work on the pair."""
        return any(order.request.role is OrderRole.ENTRY for order in self._desk.working(pair))

    def has_unknown_order(self, pair: Pair) -> bool:
        """Whether the fate of one of our orders on the pair is not known."""
        return any(order.status is OrderStatus.UNKNOWN for order in self._desk.working(pair))
