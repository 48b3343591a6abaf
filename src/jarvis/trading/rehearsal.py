"""Paper before live: whether a strategy has traded on the sandbox before it may open anything with real money.

It is a guard against haste, not a judgement of the strategy: nothing here says that it earns. How the rule was chosen:
docs/decisions/021-paper-before-live.md.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

ENOUGH_CLOSED = 5
ENOUGH_TIME = timedelta(days=14)
OVERRIDE = "trade without rehearsal"
"""What a person types who does it all the same. It is kept in the audit."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a strategy did on all accounts of a person of one kind: with real money, or on the sandbox.

    `last_at` is when a position of it was opened or closed last. Times are the market's own: the sandbox may run fast.
    """

    strategy: str
    is_live: bool
    closed: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How far a strategy has come on the sandbox; `was_live` if it has traded with real money before."""

    strategy: str
    closed: int = 0
    lasted: timedelta = timedelta(0)
    was_live: bool = False

    @property
    def is_enough(self) -> bool:
        """Whether it may trade with real money without another word."""
        return self.was_live or self.closed >= ENOUGH_CLOSED or (self.closed > 0 and self.lasted >= ENOUGH_TIME)

    @property
    def so_far(self) -> str:
        """What there is, beside what is asked for."""
        days, needed = self.lasted // timedelta(days=1), ENOUGH_TIME // timedelta(days=1)
        if not self.closed:
            return f"no closed position on the sandbox yet; {ENOUGH_CLOSED} are asked for, or {needed} days with one"
        return f"{self.closed} of {ENOUGH_CLOSED} closed positions, {days} of {needed} days on the sandbox"


def rehearsals(strategies: Iterable[str], runs: Collection[Run], live_before: Collection[str]) -> list[Rehearsal]:
    """How far each of `strategies` has come; `live_before` are those that were armed with real money already."""
    return [_rehearsal(name, runs, live_before) for name in dict.fromkeys(strategies)]


def _rehearsal(name: str, runs: Collection[Run], live_before: Collection[str]) -> Rehearsal:
    mine = [run for run in runs if run.strategy == name]
    paper = next((run for run in mine if not run.is_live), None)
    was_live = name in live_before or any(run.is_live for run in mine)
    if paper is None:
        return Rehearsal(name, was_live=was_live)
    return Rehearsal(name, paper.closed, paper.last_at - paper.first_at, was_live)
