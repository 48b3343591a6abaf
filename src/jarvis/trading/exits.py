"""How a position is left: where the stop rests, when it moves, which targets rest, and when time is up. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from jarvis.domain.instrument import Instrument, Side
from jarvis.domain.market import Bar
from jarvis.domain.money import ZERO
from jarvis.domain.order import OrderRole
from jarvis.trading.stories import PositionStory


@dataclass(frozen=True, slots=True)
class Rung:
    """One take-profit order: a limit at `price` for `quantity`."""

    price: Decimal
    quantity: Decimal


def after_entry(story: PositionStory) -> PositionStory:
    """The story with its stop meant at the stop distance from the average entry; it never moves away again."""
    entry = story.position.entry_price
    if entry is None:
        return story
    return _tightened(story, entry - story.side.sign * story.protection.stop_distance)


def after_bar(story: PositionStory, bar: Bar) -> PositionStory:
    """The story after a finished bar: a trailing stop follows the best price, towards profit only.

    Of a bar that began before the position did, only the close is known to have been reached since.
    """
    if (
        not story.protection.trailing
        or story.position.is_flat
        or bar.closed_at <= story.opened_at
        or (story.interval is not None and bar.interval != story.interval)
    ):
        return story
    sign = story.side.sign
    reached = bar.close
    if bar.opened_at >= story.opened_at:
        reached = bar.high if story.side is Side.BUY else bar.low
    best = reached if story.best_price is None else max(story.best_price * sign, reached * sign) * sign
    return _tightened(replace(story, best_price=best), best - sign * story.protection.stop_distance)


def stop_trigger(story: PositionStory, instrument: Instrument) -> Decimal:
    """The trigger of the story's stop as the venue takes it."""
    if story.stop_price is None:
        raise ValueError(f"{story.position_id}: a stop was asked for before anything was filled")
    # A fall below one tick cannot be asked for; the lowest price that exists can.
    return max(instrument.tick, instrument.round_stop(story.stop_price, story.exit_side))


def is_tighter(trigger: Decimal, than: Decimal, exit_side: Side) -> bool:
    """Whether a stop at `trigger` gives up less than one at `than`."""
    return trigger > than if exit_side is Side.SELL else trigger < than


def time_is_up(story: PositionStory, at: datetime) -> bool:
    """Whether the time-stop has passed."""
    after = story.protection.time_stop
    return after is not None and not story.position.is_flat and at >= story.opened_at + after


def leaving(story: PositionStory, role: OrderRole, at: datetime, to: Decimal = ZERO) -> PositionStory:
    """The story on its way down to `to` because of `role`. A whole exit that is under way already keeps its reason."""
    if story.exit_role is not None and story.exit_to <= to:
        return story
    return replace(story, exit_role=role, exit_to=to, exit_at=at)


def rungs(story: PositionStory, instrument: Instrument, entry: Decimal | None = None) -> list[Rung]:
    """The take-profit ladder over what was opened, nearest first, from `entry` or the price of what is open.

    Quantities are rounded down to a lot. A rung below the venue's minimum joins the next one, and a rung that would
    leave less than the minimum takes it along, so that no dust stays.
    """
    entry = entry or story.position.entry_price
    if entry is None:
        return []
    result: list[Rung] = []
    opened = instrument.round_quantity(story.opened_quantity)
    given, carried, shares = ZERO, ZERO, ZERO
    for target in story.protection.take_profits:
        shares += target.share
        price = instrument.round_limit(entry + story.side.sign * target.distance, story.exit_side)
        quantity = instrument.round_quantity(story.opened_quantity * target.share) + carried
        rest = opened - given - quantity
        if shares == 1 or rest < instrument.min_quantity:
            quantity += rest
        if price <= 0 or quantity < instrument.min_quantity or quantity * price < instrument.min_cost:
            carried = min(quantity, opened - given)
            continue
        result.append(Rung(price, quantity))
        given, carried = given + quantity, ZERO
        if given == opened:
            break
    return result


def reached(story: PositionStory, instrument: Instrument, price: Decimal) -> Decimal | None:
    """What is to remain (base) now that `price` can be had, for targets that do not rest at the venue.

    None while no target that has something left to take is reached. It compares quantities, so a target that was
    taken, in whole or by another exit, is not taken again.
    """
    remains = None
    given = ZERO
    for rung in rungs(story, instrument, story.opening_price):
        if is_tighter(rung.price, price, story.exit_side):
            break
        given += rung.quantity
        remains = max(ZERO, story.opened_quantity - given)
    if remains is not None and remains < instrument.min_quantity:
        remains = ZERO
    return None if remains is None or story.quantity - remains < instrument.lot else remains


def _tightened(story: PositionStory, stop_price: Decimal) -> PositionStory:
    if story.stop_price is not None and not is_tighter(stop_price, story.stop_price, story.exit_side):
        return story
    return replace(story, stop_price=stop_price)
