"""What an account follows, as text that the audit can keep, and what a change of it is, in words."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from jarvis.domain.money import plain
from jarvis.store.records import Assignment, PositionRecord
from jarvis.trading.strategies import STRATEGIES
from jarvis.web.desk.positions import strategy_title
from jarvis.web.trading.plan_form import interval_words

BAR_SIZE = "Bar size"
_FOLLOWED = "Strategy"
_NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Followed:
    """One strategy on one pair, every value as text: what holds now, and what the audit remembers, are alike."""

    pair: str
    strategy: str
    interval: timedelta
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of a change: what it is about, and how it was and will be."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class PairChange:
    """What changes on one pair; `same` parameters stay as they are."""

    pair: str
    kind: str
    title: str
    differences: tuple[Difference, ...]
    same: int = 0


def followed_of(lines: Iterable[Assignment]) -> list[Followed]:
    """What an account follows, as text."""
    return [
        Followed(
            str(line.pair),
            line.strategy,
            line.interval,
            {name: plain(value) if isinstance(value, Decimal) else str(value) for name, value in line.values.items()},
        )
        for line in lines
    ]


def to_json(lines: Sequence[Followed]) -> str:
    """Text for the audit; `from_json` reads it."""
    return json.dumps(
        [
            {"pair": line.pair, "strategy": line.strategy, "seconds": _seconds(line.interval), "values": line.values}
            for line in lines
        ],
        sort_keys=True,
    )


def from_json(text: str) -> list[Followed]:
    """What `to_json` wrote."""
    return [
        Followed(line["pair"], line["strategy"], timedelta(seconds=line["seconds"]), dict(line["values"]))
        for line in json.loads(text)
    ]


def changes(before: Sequence[Followed], after: Sequence[Followed]) -> list[PairChange]:
    """What is new, other or gone, pair by pair; nothing for a pair that stays as it is."""
    was, will = ({line.pair: line for line in lines} for lines in (before, after))
    found = [_pair_change(pair, was.get(pair), will.get(pair)) for pair in dict.fromkeys((*was, *will))]
    return [change for change in found if change is not None]


def effects(found: Iterable[PairChange], after: Sequence[Followed], held: Iterable[PositionRecord]) -> list[str]:
    """What the changes mean for the positions that are open, one sentence each."""
    strategies = {line.pair: line.strategy for line in after}
    changed = {change.pair for change in found}
    sentences = []
    for record in held:
        story, pair = record.story, str(record.story.pair)
        if pair not in changed:
            continue
        side = "long" if story.position.quantity > 0 else "short"
        opener = strategy_title(story.strategy)
        start = f"{pair}: {plain(story.quantity)} {story.pair.base} are open, {side}, by {opener}."
        if strategies.get(pair) == story.strategy:
            rest = "Its stop, targets and time-stop stay; the new values decide from the next finished bar on when it"
            sentences.append(f"{start} {rest} is left by the signal.")
        else:
            rest = "No signal closes it any more: it is left by its stop, its targets, its time-stop, or by you."
            sentences.append(f"{start} Its protection stays at the venue. {rest}")
    if not sentences and changed:
        sentences.append("Nothing that is open is touched: there is no position on these pairs.")
    return sentences


def value_words(strategy: str, name: str, value: str) -> tuple[str, str]:
    """A parameter's label, and its value with the unit; its stored name if the strategy has it no more."""
    known = STRATEGIES.get(strategy)
    parameter = next((each for each in known.parameters if each.name == name), None) if known else None
    if parameter is None:
        return name.replace("_", " "), value
    return parameter.label, f"{value} {parameter.unit}".rstrip()


def values_in_words(line: Followed) -> str:
    """All its parameters on one line."""
    return " · ".join(" ".join(each) for each in _valued(line))


def _pair_change(pair: str, before: Followed | None, after: Followed | None) -> PairChange | None:
    if before == after:
        return None
    if after is None or before is None:
        one = after or before
        if one is None:
            return None
        title = strategy_title(one.strategy)
        if after is None:
            return PairChange(pair, "stopped", title, (Difference(_FOLLOWED, title, _NOTHING),))
        lines = [Difference(_FOLLOWED, _NOTHING, title), Difference(BAR_SIZE, "", interval_words(one.interval))]
        lines += [Difference(label, "", words) for label, words in _valued(one)]
        return PairChange(pair, "new", title, tuple(lines))
    if before.strategy != after.strategy:
        lines = [Difference(_FOLLOWED, strategy_title(before.strategy), strategy_title(after.strategy))]
        lines += [Difference(BAR_SIZE, interval_words(before.interval), interval_words(after.interval))]
        lines += [Difference(label, "", words) for label, words in _valued(after)]
        return PairChange(pair, "switched", strategy_title(after.strategy), tuple(lines))
    lines = []
    if before.interval != after.interval:
        lines.append(Difference(BAR_SIZE, interval_words(before.interval), interval_words(after.interval)))
    was, will = dict(_valued(before)), dict(_valued(after))
    lines += [Difference(label, was.get(label, ""), words) for label, words in will.items() if was.get(label) != words]
    same = len(will) - sum(was.get(label) != words for label, words in will.items())
    return PairChange(pair, "changed", strategy_title(after.strategy), tuple(lines), same)


def _valued(line: Followed) -> list[tuple[str, str]]:
    return [value_words(line.strategy, name, line.values[name]) for name in _ordered(line)]


def _ordered(line: Followed) -> list[str]:
    """Its parameters in the order of the form; those that the strategy has no more come last."""
    strategy = STRATEGIES.get(line.strategy)
    known = [each.name for each in strategy.parameters if each.name in line.values] if strategy else []
    return [*known, *(name for name in line.values if name not in known)]


def _seconds(interval: timedelta) -> int:
    return int(interval.total_seconds())
