"""Choosing on one stretch and measuring on the next: what a search would have earned by its own choices.

Between the two lies an embargo: what was still open when the choosing ended must not be in what is measured, and prices
that a strategy looked back on must not be in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from jarvis.research.trial import Outcome, Study, run_trial, run_trials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from jarvis.trading.strategy import ParameterValue


@dataclass(frozen=True, slots=True)
class Fold:
    """One choice: made on [chosen_from, chosen_until), measured on [measured_from, measured_until)."""

    chosen_from: datetime
    chosen_until: datetime
    measured_from: datetime
    measured_until: datetime


@dataclass(frozen=True, slots=True)
class Measured:
    """What was chosen in a fold, how it did where it was chosen, and where it was not."""

    fold: Fold
    values: Mapping[str, ParameterValue]
    chosen: Outcome
    outcome: Outcome


def folds_of(study: Study, count: int, embargo: timedelta, *, anchored: bool = False) -> Iterator[Fold]:
    """`count` measured stretches of as many candles each, every one after a stretch of choosing twice as long.

    Anchored, the choosing always begins at the first candle. Raises ValueError for too little time.
    """
    opened_at = np.unique(np.concatenate([bars.opened_at for bars in study.candles.values()]))
    places = np.linspace(0, len(opened_at) - 1, count + 3).astype(int)
    edges = [datetime.fromtimestamp(int(at), UTC) for at in opened_at[places]]
    edges[-1] = study.span[1]
    if count < 1 or any(embargo >= later - before for before, later in pairwise(edges)):
        raise ValueError("there is too little time for so many stretches and such an embargo")
    for number in range(count):
        begin, measured_from, measured_until = edges[0 if anchored else number], edges[number + 2], edges[number + 3]
        yield Fold(begin, measured_from - embargo, measured_from, measured_until)


def walk_forward(
    study: Study, tried: Sequence[Mapping[str, ParameterValue]], folds: Iterator[Fold]
) -> Iterator[Measured]:
    """Each fold with the values of the best Sharpe ratio where it was chosen."""
    for fold in folds:
        outcomes = list(run_trials(study, tried, since=fold.chosen_from, until=fold.chosen_until))
        place = max(range(len(tried)), key=lambda i: outcomes[i].sharpe)
        outcome = run_trial(study, tried[place], since=fold.measured_from, until=fold.measured_until)
        yield Measured(fold, tried[place], outcomes[place], outcome)
