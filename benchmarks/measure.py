"""Two ways of doing the same work, timed in turn, round by round, so that a slow second hits both."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Work = Callable[[], int]
"""Does a batch and tells how many units it was."""


@dataclass(frozen=True, slots=True)
class Duel:
    """One figure: our cost of a unit over the peer's. `theirs` may be a limit: seconds that a unit may take.

    `clock` is the process's CPU time unless waiting is part of the work.
    """

    name: str
    unit: str
    peer: str
    ours: Work
    theirs: Work | float
    clock: Callable[[], float] = time.process_time
    most: float | None = None
    """The ratio that it may have; None where nothing was promised."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a duel came to: the ratio of each round, and the seconds per unit of the median round of each side."""

    duel: Duel
    ratios: tuple[float, ...]
    our_seconds: float
    their_seconds: float

    def line(self) -> str:
        """`name  ratio  median [min..max]  peer`, and both costs."""
        median, low, high = statistics.median(self.ratios), min(self.ratios), max(self.ratios)
        return (
            f"{self.duel.name:<30}  ratio  {median:<6.3g} [{low:.3g}..{high:.3g}]  {self.duel.peer}"
            f"  ({_told(self.our_seconds)} against {_told(self.their_seconds)} per {self.duel.unit})"
            f"{self._verdict(median)}"
        )

    def _verdict(self, median: float) -> str:
        if self.duel.most is None:
            return ""
        return f"  limit {self.duel.most:g}: {'met' if median <= self.duel.most else 'NOT MET'}"


def measured(duel: Duel, *, rounds: int) -> Figure:
    """The figure after `rounds` rounds; one more before them warms both up."""
    ours: list[float] = []
    theirs: list[float] = []
    gc.freeze()  # collecting before each turn looks at what the turns made, not at all that was imported
    for number in range(rounds + 1):
        if number % 2:  # who comes second finds warmer caches: take turns
            our_cost, their_cost = _cost(duel, duel.ours), _cost(duel, duel.theirs)
        else:
            their_cost, our_cost = _cost(duel, duel.theirs), _cost(duel, duel.ours)
        if number:
            ours.append(our_cost)
            theirs.append(their_cost)
    ratios = tuple(one / other for one, other in zip(ours, theirs, strict=True))
    return Figure(duel, ratios, statistics.median(ours), statistics.median(theirs))


def _cost(duel: Duel, work: Work | float) -> float:
    if isinstance(work, float):
        return work
    gc.collect()
    begun = duel.clock()
    units = work()
    return (duel.clock() - begun) / units


def _told(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.1f} µs"
