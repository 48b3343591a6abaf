"""How a story begins: from a signal that passed sizing and limits, or from a fill that nobody expected. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.money import plain, round_nearest
from jarvis.domain.order import ClientOrderId, Fill, Order, OrderRequest, OrderRole, OrderType, PositionId
from jarvis.domain.position import Position
from jarvis.trading.exits import after_entry, leaving
from jarvis.trading.limits import LimitReason, Refused, Standing, check, may_open
from jarvis.trading.sizing import Costs, size_entry
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Protection, Signal

_FALLBACK_STOP_SHARE = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class PlannedEntry:
    """An approved entry, and the story that its fills will open."""

    request: OrderRequest
    story: PositionStory


def plan_entry(
    signal: Signal, standing: Standing, costs: Costs, entry_id: ClientOrderId, former: PositionStory | None
) -> PlannedEntry | Refused:
    """What `signal` would send as order `entry_id`, or why it may not.

    `former` is what an earlier story left on the pair, too little for any order: the new position takes it along.
    """
    pair, side = signal.pair, signal.target.side
    refused = may_open(pair, standing)
    if refused is not None:
        return refused
    if signal.interval is not None and standing.at >= signal.at + signal.interval:
        return outdated(signal)
    if signal.protection is None:
        return Refused(LimitReason.STOP_IMPOSSIBLE, f"{pair}: not opened, the strategy found no usable stop.")
    if side is None:
        raise ValueError(f"{pair}: a wish to hold nothing cannot be entered")
    instrument, _, leverage = standing.complete()
    sized = size_entry(side, signal.price, signal.protection.stop_distance, standing, costs)
    if isinstance(sized, Refused):
        return sized
    request = request_of(pair, side, sized.quantity, leverage, signal.price, entry_id, former)
    judged = check(request, standing)
    if isinstance(judged, Refused):
        return judged
    story = planned_story(request, signal.strategy, signal.protection, signal.at, signal.interval, instrument, former)
    return PlannedEntry(request, story)


def request_of(
    pair: Pair,
    side: Side,
    quantity: Decimal,
    leverage: int,
    price: Decimal,
    entry_id: ClientOrderId,
    former: PositionStory | None,
) -> OrderRequest:
    """An entry at market of what was sized, decided at `price`."""
    return OrderRequest(
        client_order_id=entry_id,
        pair=pair,
        side=side,
        order_type=OrderType.MARKET,
        quantity=quantity,
        leverage=leverage,
        role=OrderRole.ENTRY,
        position_id=former.position_id if former else PositionId(entry_id),
        decision_price=price,
    )


def planned_story(
    request: OrderRequest,
    strategy: str,
    protection: Protection,
    at: datetime,
    interval: timedelta | None,
    instrument: Instrument,
    former: PositionStory | None,
) -> PositionStory:
    """The story that the fills of an entry will open."""
    position = former.position if former else Position(request.pair, instrument.cost_step)
    return PositionStory(
        position_id=former.position_id if former else PositionId(request.client_order_id),
        pair=request.pair,
        strategy=strategy,
        position=position,
        protection=protection,
        leverage=request.leverage,
        entry_id=request.client_order_id,
        entry_side=request.side,
        decision_price=request.decision_price,
        opened_at=at,
        opened_quantity=abs(position.quantity),
        opened_cost=position.cost,
        interval=interval,
        fill_ids=former.fill_ids if former else (),
    )


def outdated(signal: Signal) -> Refused:
    """The refusal of a signal whose next bar has closed."""
    return Refused(LimitReason.SIGNAL_OUTDATED, f"{signal.pair}: not opened, the signal is older than one bar.")


def reopened(order: Order, fill: Fill, former: PositionStory | None, instrument: Instrument) -> PositionStory:
    """A story for a fill of ours that came after its own story had ended: it happened, so it is held and protected.

    An entry whose plan is still known goes on by that plan; everything else was not meant to be held and is closed.
    """
    request = order.request
    is_planned = former is not None and request.role is OrderRole.ENTRY
    distance = max(instrument.tick, round_nearest(fill.price * _FALLBACK_STOP_SHARE, instrument.tick))
    return PositionStory(
        position_id=PositionId(f"{request.client_order_id}/{fill.fill_id}"),
        pair=fill.pair,
        strategy=former.strategy if former else "",
        position=Position(fill.pair, instrument.cost_step),
        protection=former.protection if former else Protection(distance),
        leverage=request.leverage,
        entry_id=request.client_order_id,
        entry_side=fill.side,
        decision_price=request.decision_price,
        opened_at=fill.at,
        interval=former.interval if former else None,
        exit_role=None if is_planned else OrderRole.FLATTEN,
        exit_at=None if is_planned else fill.at,
    )


def booked(story: PositionStory, fill: Fill, order: Order) -> PositionStory:
    """The story after a fill of our order: its position, and what the fill means for its stop and its exit."""
    is_entry = order.request.role is OrderRole.ENTRY
    if is_entry and order.filled_quantity == fill.quantity:
        story = replace(story, opened_at=fill.at)
    held_before = story.position.side
    story, _ = story.booked(fill)
    held_now = story.position.side
    if held_now is None:
        return story
    if is_entry and held_now is fill.side:
        has_turned = held_before is fill.side.opposite  # dust of the other side was closed on the way
        step = story.position.cost_step
        opened = story.quantity if has_turned else story.opened_quantity + fill.held_quantity
        cost = story.position.cost if has_turned else story.opened_cost + fill.held_cost(step)
        story = after_entry(replace(story, opened_quantity=opened, opened_cost=cost))
    elif held_before is not held_now:
        # An exit traded more than was held. What it opened on the other side was never meant to be.
        opened, cost = story.quantity, story.position.cost
        story = replace(story, opened_quantity=opened, opened_cost=cost, stop_price=None, best_price=None)
        story = leaving(after_entry(story), OrderRole.FLATTEN, fill.at)
    if order.request.order_type is OrderType.STOP:
        story = leaving(story, OrderRole.STOP, fill.at)
    return story


def late_fill_message(story: PositionStory, fill: Fill) -> str:
    """What the person is told about a reopened story."""
    follows = "it is protected as planned" if story.exit_role is None else "it is being closed at market"
    quantity = plain(fill.quantity)
    return f"{fill.pair}: an order that had ended traded {quantity} {fill.pair.base} after all; {follows}."
