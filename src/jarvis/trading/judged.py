"""Checked before live: whether a strategy, with the very values it would trade with, was asked the seven questions.

A verdict belongs to a strategy with its values, a bar size, a venue and the coins that it was asked on. It wears out:
markets change, and so do files of one's own. How the rule was chosen: docs/decisions/033-a-verdict-before-live.md.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from jarvis.domain.money import plain
from jarvis.trading.strategy import ParameterValue

LASTS = timedelta(days=90)
OVERRIDE = "trade without a good verdict"
"""What a person types who does it all the same. It is kept in the audit."""

Identify = Callable[[str], str]
"""From a strategy's name to what tells it from every other, its earlier self included."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is kept of a verdict for the rule; `against` are the questions that were not answered well."""

    verdict_id: str
    subject: str
    venue: str
    coins: frozenset[str]
    made_at: datetime
    is_well: bool
    against: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one strategy on one pair stands: the verdict that holds for it, if there is one, and what it comes to."""

    strategy: str
    pair: str
    judgement: Judgement | None
    is_good: bool
    so_far: str


def subject_of(identity: str, values: Mapping[str, ParameterValue | str], interval: timedelta) -> str:
    """What a verdict is about, as a short text: the same strategy, values and bar size give the same."""
    told = [f"{name}={plain(each) if isinstance(each, Decimal) else each}" for name, each in sorted(values.items())]
    text = "\n".join([identity, str(interval // timedelta(seconds=1)), *told])
    return sha256(text.encode()).hexdigest()[:32]


def standing_of(
    strategy: str, pair: str, subject: str, venue: str, judgements: Iterable[Judgement], now: datetime
) -> Standing:
    """The latest verdict about this subject at this venue and on this coin decides."""
    coin = pair.partition("/")[0]
    mine = [each for each in judgements if (each.subject, each.venue) == (subject, venue) and coin in each.coins]
    latest = max(mine, key=lambda each: each.made_at, default=None)
    if latest is None:
        words = "nobody has asked yet whether to believe it with these values"
    elif now - latest.made_at > LASTS:
        words = f"the verdict of {latest.made_at:%d %B %Y} is older than {LASTS.days} days"
    elif not latest.is_well:
        words = f"the verdict of {latest.made_at:%d %B %Y} speaks against it: {_questions(latest.against)}"
    else:
        return Standing(strategy, pair, latest, is_good=True, so_far=f"well on {latest.made_at:%d %B %Y}")
    return Standing(strategy, pair, latest, is_good=False, so_far=words)


def _questions(titles: Sequence[str]) -> str:
    return " ".join(titles)
