"""How much of each limit is used now, and what a loss would set off: for people who want to see it. Pure.

Nothing is decided here: `limits.py`, `sizing.py` and `tiers.py` decide, and these readings are made from their words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.account import MarginState
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ONE, ZERO
from jarvis.trading.limits import Limits, TierAction, Tiers
from jarvis.trading.sizing import Costs, bounds_of
from jarvis.trading.state import Marks
from jarvis.trading.stories import PositionStory
from jarvis.trading.tiers import DAILY_LOSS, DRAWDOWN, MARGIN_LEVEL, consequence, loss_since


@dataclass(frozen=True, slots=True)
class Taken:
    """What one open position takes of the limits (quote).

    `at_stop` is lost from its entry to where its stop is; without a stop that is all that it cost.
    """

    pair: Pair
    leverage: int
    margin: Decimal
    at_stop: Decimal


@dataclass(frozen=True, slots=True)
class Use:
    """One limit: how much of it is used. `pair` is the position that uses most; None where it is not about one.

    `used` is None where it cannot be said. Shares are fractions of equity, `leverage_cap` is a multiple.
    """

    name: str
    used: Decimal | None
    limit: Decimal
    pair: Pair | None = None

    @property
    def filled(self) -> Decimal:
        """How full it is, from 0 to 1."""
        return ZERO if self.used is None or self.limit <= 0 else min(max(self.used / self.limit, ZERO), ONE)


@dataclass(frozen=True, slots=True)
class Rung:
    """One tier: at which threshold it acts, what it does, and at which equity that is; `equity` None if not known.

    `filled` is how near it is, from 0 to 1; at 1 it has been reached.
    """

    action: TierAction
    threshold: Decimal
    consequence: str
    filled: Decimal
    is_reached: bool
    equity: Decimal | None


@dataclass(frozen=True, slots=True)
class Ladder:
    """A graded limit: where it stands now (a loss, or the margin level; None if not known) and its rungs."""

    rule: str
    now: Decimal | None
    rungs: tuple[Rung, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """The position that the limits allow at a stop `stop_share` away (a fraction of the price), in quote.

    `lost` is what the stop would cost, estimated costs included; `bound` says which limit makes it no larger.
    """

    stop_share: Decimal
    quantity: Decimal
    worth: Decimal
    margin: Decimal
    lost: Decimal
    bound: str


def taken_by(story: PositionStory, used_margin: Decimal | None) -> Taken:
    """What an open position takes; its margin is the venue's word, or its cost over its leverage."""
    entry = story.position.entry_price or ZERO
    cost = story.quantity * entry
    stop = story.stop_price
    sign = story.side.sign
    lost = cost if stop is None else max(ZERO, (entry - stop) * sign * story.quantity)
    return Taken(story.pair, story.leverage, cost / story.leverage if used_margin is None else used_margin, lost)


def uses(limits: Limits, margin: MarginState | None, held: Sequence[Taken]) -> tuple[Use, ...]:
    """How much of the plain limits is used by what is open."""
    equity = margin.equity if margin is not None and margin.equity > 0 else None

    def most(name: str, limit: Decimal, amounts: Sequence[Decimal]) -> Use:
        if equity is None and name != "leverage_cap":
            return Use(name, None if held else ZERO, limit)
        if not held:
            return Use(name, ZERO, limit)
        largest = max(range(len(held)), key=lambda index: amounts[index])
        scale = ONE if name == "leverage_cap" or equity is None else equity
        return Use(name, amounts[largest] / scale, limit, held[largest].pair)

    return (
        most("risk_per_trade", limits.risk_per_trade, [each.at_stop for each in held]),
        most("equity_share_per_position", limits.equity_share_per_position, [each.margin for each in held]),
        most("leverage_cap", Decimal(limits.leverage_cap), [Decimal(each.leverage) for each in held]),
        Use("max_open_positions", Decimal(len(held)), Decimal(limits.max_open_positions)),
    )


def ladders(limits: Limits, marks: Marks, margin: MarginState | None) -> tuple[Ladder, ...]:
    """The three graded limits with where they stand."""
    return (
        _losses(DAILY_LOSS, limits.daily_loss, marks.day_equity, marks, margin),
        _losses(DRAWDOWN, limits.drawdown, marks.peak_equity, marks, margin),
        _level(limits.margin_level_floor, marks, margin),
    )


def examples(
    limits: Limits, equity: Decimal, price: Decimal, leverage: int, stops: Sequence[Decimal], costs: Costs
) -> list[Example]:
    """What one long position could be at each distance of its stop, venue and free margin aside."""
    found = []
    for share in stops:
        bounds = bounds_of(limits, equity, price, price * share, leverage, costs)
        bound = min(bounds, key=lambda name: bounds[name])
        quantity = bounds[bound]
        worth = quantity * price
        lost = quantity * price * (share + costs.round_trip_rate)
        found.append(Example(share, quantity, worth, worth / leverage, lost, bound))
    return found


def _losses(rule: str, tiers: Tiers, start: Decimal | None, marks: Marks, margin: MarginState | None) -> Ladder:
    loss = None if margin is None or not start else loss_since(start, margin)
    rungs = tuple(
        Rung(
            action,
            threshold,
            consequence(rule, action),
            _filled(loss, threshold),
            marks.tier(rule) >= action or (loss is not None and loss >= threshold),
            None if not start else start * (ONE - threshold),
        )
        for action, threshold in tiers.given()
    )
    return Ladder(rule, loss, rungs)


def _level(tiers: Tiers, marks: Marks, margin: MarginState | None) -> Ladder:
    level = None if margin is None else margin.margin_level
    rungs = tuple(
        Rung(
            action,
            floor,
            consequence(MARGIN_LEVEL, action),
            ZERO if level is None or level <= 0 else min(ONE, floor / level),
            marks.tier(MARGIN_LEVEL) >= action or (level is not None and level < floor),
            None if margin is None or not level else margin.equity * floor / level,
        )
        for action, floor in tiers.given()
    )
    return Ladder(MARGIN_LEVEL, level, rungs)


def _filled(loss: Decimal | None, threshold: Decimal) -> Decimal:
    return ZERO if loss is None else min(max(loss / threshold, ZERO), ONE)
