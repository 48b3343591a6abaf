"""What losses and a falling margin level set off. Equity counts with unrealised PnL."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from jarvis.domain.account import MarginState
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO
from jarvis.trading.limits import Limits, TierAction
from jarvis.trading.state import Block, Marks

DAILY_LOSS = "daily_loss"
DRAWDOWN = "drawdown"
MARGIN_LEVEL = "margin_level"


@dataclass(frozen=True, slots=True)
class TierHit:
    """A limit that reached a stronger action than before. `message` says what happened and what follows."""

    rule: str
    action: TierAction
    message: str


_CONSEQUENCE = {
    TierAction.WARN: "Nothing was changed.",
    TierAction.BLOCK_ENTRIES: "Nothing new is opened until {until}.",
    TierAction.REDUCE: "Every open position is halved at market and nothing new is opened until {until}.",
    TierAction.FLATTEN: "Everything is closed at market and the account is paused until you resume it.",
}
_UNTIL = {
    DAILY_LOSS: "midnight UTC or until you resume",
    DRAWDOWN: "you resume",
    MARGIN_LEVEL: "the level has recovered",
}


def marked(marks: Marks, margin: MarginState) -> Marks:
    """The marks after a look at equity: a new UTC day starts its own count, a new peak raises the peak."""
    day = margin.at.date()
    if marks.day is None or day > marks.day:
        marks = replace(marks, day=day, day_equity=margin.equity)
        marks = marks.with_tier(DAILY_LOSS, 0).without_block(DAILY_LOSS, None)
    if marks.peak_equity is None or margin.equity > marks.peak_equity:
        # A loss that was only worth a warning is made good; a block stays until a person has looked.
        tier = marks.tier(DRAWDOWN)
        marks = replace(marks, peak_equity=margin.equity)
        marks = marks.with_tier(DRAWDOWN, tier if tier >= TierAction.BLOCK_ENTRIES else 0)
    return marks


def judged(marks: Marks, limits: Limits, margin: MarginState) -> tuple[Marks, list[TierHit]]:
    """The marks with the blocks that the limits put up or lift, and what was newly reached."""
    hits: list[TierHit] = []
    quote = margin.asset
    for rule, reached, what in _readings(marks, limits, margin):
        before = marks.tier(rule)
        if reached > before:
            action = TierAction(reached)
            message = f"{what} {quote}. {consequence(rule, action)}"
            hits.append(TierHit(rule, action, message))
            marks = marks.with_tier(rule, reached)
            if action >= TierAction.BLOCK_ENTRIES:
                marks = marks.with_block(Block(rule, message))
        elif rule == MARGIN_LEVEL and reached < before:
            marks = marks.with_tier(rule, reached)
            if reached < TierAction.BLOCK_ENTRIES:
                marks = marks.without_block(rule, None)
    return marks, hits


def reset(marks: Marks, margin: MarginState | None) -> Marks:
    """The marks after a person resumed: what was reached is forgotten, and losses count from here."""
    for rule in (DAILY_LOSS, DRAWDOWN, MARGIN_LEVEL):
        reached = marks.tier(rule) >= TierAction.BLOCK_ENTRIES
        if reached and margin is not None and rule == DAILY_LOSS:
            marks = replace(marks, day_equity=margin.equity)
        if reached and margin is not None and rule == DRAWDOWN:
            marks = replace(marks, peak_equity=margin.equity)
        if reached:
            marks = marks.with_tier(rule, 0).without_block(rule, None)
    return marks


def forgotten(marks: Marks) -> Marks:
    """The marks with every tier to be judged anew, counts unchanged: for limits that were changed."""
    for rule in (DAILY_LOSS, DRAWDOWN, MARGIN_LEVEL):
        marks = marks.with_tier(rule, 0).without_block(rule, None)
    return marks


def moved(marks: Marks, amount: Decimal) -> Marks:
    """The marks after a deposit or a withdrawal (negative): neither is a profit or a loss."""
    day, peak = marks.day_equity, marks.peak_equity
    return replace(
        marks,
        day_equity=None if day is None else max(ZERO, day + amount),
        peak_equity=None if peak is None else max(ZERO, peak + amount),
    )


def called(margin: MarginState) -> dict[Pair | None, str]:
    """Where the margin has come down to the level at which the venue warns, and what to say of it.

    None is the account; where pairs are margined apart from each other, each pair stands for itself.
    """
    states: dict[Pair | None, MarginState] = {None: margin}
    if margin.by_pair:
        states = {pair: margin.of(pair) for pair in margin.by_pair}
    return {
        pair: f"{pair or 'The account'}: the margin level is {state.margin_level:.0%}. The venue warns at "
        f"{state.call_level:.0%} and closes by force at {state.liquidation_level:.0%}. Add funds, or close something."
        for pair, state in states.items()
        if state.margin_level is not None and state.margin_level <= state.call_level
    }


def loss_since(start: Decimal, margin: MarginState) -> Decimal:
    """What was lost since equity stood at `start`, as a fraction of that; negative for a gain."""
    return (start - margin.equity) / start


def consequence(rule: str, action: TierAction) -> str:
    """What follows when a limit reaches an action, in a sentence."""
    return _CONSEQUENCE[action].format(until=_UNTIL[rule])


def _readings(marks: Marks, limits: Limits, margin: MarginState) -> Iterable[tuple[str, int, str]]:
    counts = (
        (DAILY_LOSS, limits.daily_loss, marks.day_equity, "Daily loss: equity fell {:.1%} since midnight UTC, from"),
        (DRAWDOWN, limits.drawdown, marks.peak_equity, "Drawdown: equity fell {:.1%} from its peak, from"),
    )
    for rule, tiers, start, words in counts:
        loss = loss_since(start, margin) if start else ZERO
        yield rule, tiers.reached_by(loss) or 0, f"{words.format(loss)} {start or ZERO:.2f} to {margin.equity:.2f}"
    level = margin.margin_level
    reached = 0 if level is None else limits.margin_level_floor.undercut_by(level) or 0
    said = "" if level is None else f"Margin level: {level:.0%}, equity {margin.equity:.2f}"
    yield MARGIN_LEVEL, reached, said
