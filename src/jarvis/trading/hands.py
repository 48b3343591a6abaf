"""What a person does by hand: opening, adjusting and closing, through the same limits and the same protection.

A position that was opened by hand is held like any other: one story, one stop at the venue, the same exits. Nothing
is opened that sizing would not open; a wish that is larger is refused with the size that would do. A stop moves
towards less risk only. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.money import ONE, ZERO, plain
from jarvis.domain.order import ClientOrderId, OrderRole
from jarvis.trading.desk import Outbox
from jarvis.trading.entries import PlannedEntry, planned_story, request_of
from jarvis.trading.events import AdjustByHand, CloseByHand, OpenByHand, Severity
from jarvis.trading.exits import is_tighter, leaving
from jarvis.trading.keeper import Keeper
from jarvis.trading.limits import LimitReason, Refused, Standing, check, may_open
from jarvis.trading.positions import Positions
from jarvis.trading.sizing import Costs, Sized, size_entry
from jarvis.trading.state import EngineState
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Signal, TakeProfit

STRATEGY = "by_hand"
"""The name under which such positions are kept, where others have their strategy's."""

NOT_CHANGED = "not_changed"
"""The kind of the alarm that says why a position was not adjusted or closed by hand."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What could be opened: at most `largest` (base), because of `bound`; `leverage` is what would be used."""

    largest: Decimal
    bound: str
    leverage: int


class Hands:
    """What the engine asks when a person wants something."""

    def __init__(
        self,
        state: EngineState,
        positions: Positions,
        keeper: Keeper,
        instruments: Mapping[Pair, Instrument],
        outbox: Outbox,
        costs: Costs,
    ) -> None:
        self._state = state
        self._positions = positions
        self._keeper = keeper
        self._instruments = instruments
        self._outbox = outbox
        self._costs = costs

    def plan(
        self, wish: OpenByHand, standing: Standing, entry_id: ClientOrderId, waiting: Signal | None
    ) -> PlannedEntry | Refused:
        """What `wish` would send, or why it may not. A strategy's position, or its waiting entry, is not touched."""
        former = self._state.stories.get(wish.pair)
        is_held = former is not None and not self._positions.is_dust(former)
        if is_held or waiting is not None:
            message = f"{wish.pair}: not opened, there is a position or an entry already. Adjust or close that one."
            return Refused(LimitReason.ALREADY_OPEN, message)
        return plan_by_hand(wish, standing, self._costs, entry_id, former)

    def change(self, wish: AdjustByHand | CloseByHand, price: Decimal | None) -> PositionStory | None:
        """The story as `wish` wants it; None, and said why, if that cannot be."""
        story = self._state.stories.get(wish.pair)
        try:
            if story is None or story.position.is_flat:
                raise ValueError(f"{wish.pair}: nothing is open there.")
            instrument = self._instruments[wish.pair]
            if isinstance(wish, AdjustByHand):
                return self._with_target(adjusted(story, wish, instrument, price), wish, instrument, price)
            self._keeper.close_now(wish.pair)
            return leaving(story, OrderRole.BY_HAND, wish.at, remaining(story, wish.share, instrument))
        except ValueError as error:
            self._outbox.alarm(NOT_CHANGED, Severity.INFO, str(error), wish.at, wish.pair)
            return None

    def _with_target(
        self, story: PositionStory, wish: AdjustByHand, instrument: Instrument, price: Decimal | None
    ) -> PositionStory:
        """The story with the one target that is wished for in place of all others. Raises ValueError."""
        if wish.target_price is None:
            return story
        basis, word = self._keeper.target_basis(story), "long" if story.side is Side.BUY else "short"
        target = instrument.round_limit(wish.target_price, story.exit_side)
        rungs: tuple[TakeProfit, ...] = ()
        if wish.target_price != ZERO:
            beyond = "above" if story.side is Side.BUY else "below"
            if target <= ZERO or (price is not None and not is_tighter(target, price, story.exit_side)):
                raise ValueError(f"{story.pair}: a target of a {word} lies {beyond} the price. To close now, close it.")
            distance = ZERO if basis is None else (target - basis) * story.side.sign
            if distance <= ZERO:
                raise ValueError(
                    f"{story.pair}: a target at {plain(target)} would close with a loss: a target lies {beyond} the "
                    "price at which it was opened. A stop can stand there."
                )
            rungs = (TakeProfit(distance, ONE),)
        made = [
            order.client_order_id
            for order in self._state.orders.values()
            if order.request.role is OrderRole.TAKE_PROFIT and order.request.position_id == story.position_id
        ]
        protection = replace(story.protection, take_profits=rungs)
        after = max(made, default=story.targets_after)
        return replace(story, protection=protection, ladder=(), targets_after=after)


def offer(wish: OpenByHand, standing: Standing, costs: Costs) -> Offer | Refused:
    """The most that `wish` could be, whatever quantity it names, or why nothing can be opened."""
    refused = may_open(wish.pair, standing)
    if refused is not None:
        return refused
    _, _, most = standing.complete()
    leverage = max(1, min(wish.leverage, most))
    within = replace(standing, leverage=leverage)
    sized = size_entry(wish.side, wish.price, wish.protection.stop_distance, within, costs)
    return Offer(sized.quantity, sized.bound, leverage) if isinstance(sized, Sized) else sized


def plan_by_hand(
    wish: OpenByHand, standing: Standing, costs: Costs, entry_id: ClientOrderId, former: PositionStory | None
) -> PlannedEntry | Refused:
    """What `wish` would send as order `entry_id`, or why it may not; `former` as for a signal's entry."""
    offered = offer(wish, standing, costs)
    if isinstance(offered, Refused):
        return offered
    pair = wish.pair
    instrument, _, _ = standing.complete()
    quantity = instrument.round_quantity(wish.quantity)
    if quantity > offered.largest:
        return Refused(
            LimitReason.TOO_LARGE,
            f"{pair}: not opened, {plain(quantity)} {pair.base} is more than your {offered.bound} allows with this "
            f"stop: at most {plain(offered.largest)} {pair.base}.",
        )
    request = request_of(pair, wish.side, quantity, offered.leverage, wish.price, entry_id, former)
    judged = check(request, replace(standing, leverage=offered.leverage))
    if isinstance(judged, Refused):
        return judged
    return PlannedEntry(request, planned_story(request, STRATEGY, wish.protection, wish.at, None, instrument, former))


def adjusted(story: PositionStory, wish: AdjustByHand, instrument: Instrument, price: Decimal | None) -> PositionStory:
    """The story as `wish` wants it. Raises ValueError with a sentence for the person if that cannot be.

    `price` is the last one known on the pair.
    """
    if wish.stop_price is not None:
        story = _with_stop(story, wish.stop_price, instrument, price)
    protection = story.protection
    if wish.trailing is not None and wish.trailing != protection.trailing:
        protection = replace(protection, trailing=wish.trailing)
        if wish.trailing and price is not None and story.stop_price is not None:
            distance = abs(price - story.stop_price)
            if distance == ZERO:
                raise ValueError(f"{story.pair}: the stop stands at the price, so it cannot follow it.")
            protection = replace(protection, stop_distance=distance)
            story = replace(story, best_price=price)
    if wish.close_at is not None:
        after = wish.close_at - story.opened_at
        if wish.close_at <= wish.at or after <= timedelta(0):
            raise ValueError(f"{story.pair}: the time to close lies in the past. To close now, close it.")
        protection = replace(protection, time_stop=after)
    return replace(story, protection=protection)


def remaining(story: PositionStory, share: Decimal, instrument: Instrument) -> Decimal:
    """What is to stay open when this share is closed: whole lots, and nothing where too little for an order stays."""
    if not ZERO < share <= ONE:
        raise ValueError(f"{story.pair}: a share to close lies above 0 and is at most 100 %.")
    stays = instrument.round_quantity(story.quantity * (ONE - share))
    return stays if stays >= instrument.min_quantity else ZERO


def _with_stop(
    story: PositionStory, stop_price: Decimal, instrument: Instrument, price: Decimal | None
) -> PositionStory:
    trigger = instrument.round_stop(stop_price, story.exit_side)
    if trigger <= ZERO:
        raise ValueError(f"{story.pair}: a stop needs a price above 0.")
    if price is not None and not is_tighter(price, trigger, story.exit_side):
        raise ValueError(
            f"{story.pair}: a stop at {plain(trigger)} would trade at once, the price is {plain(price)}. To close now, "
            "close it."
        )
    if story.stop_price is not None and not is_tighter(trigger, story.stop_price, story.exit_side):
        raise ValueError(f"{story.pair}: a stop moves towards less risk only; it stands at {plain(story.stop_price)}.")
    return replace(story, stop_price=trigger)
