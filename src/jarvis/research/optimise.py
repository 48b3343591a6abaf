"""Searching where it looks promising: Optuna proposes values, trials answer, and hopeless ones are given up early.

A trial is tried on the first third of the candles, then on two thirds, then on all; with one measure it ends when it
does worse so far than half of those before it. With several measures nothing is given up, and the answer is the set of
values that no others beat in every measure. What was tried stands in the search's folder like that of any other search,
and the proposals go on from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna

from jarvis.research.sweep import SMALLER_IS_BETTER, SearchFolder, key_of, row_of
from jarvis.research.trial import Outcome, Study, run_trial
from jarvis.trading.strategy import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jarvis.research.space import Space
    from jarvis.research.sweep import Row
    from jarvis.trading.strategy import ParameterValue

_STAGES = 3
_STARTUP = 8


def optimise(
    study: Study,
    space: Space,
    folder: SearchFolder,
    *,
    by: Sequence[str],
    tries: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Add `tries` to what the folder holds; values that do not go together, and those given up, count as tries.

    The same seed on an empty folder gives the same tries. What was done when this is interrupted stays.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    less, more = optuna.study.StudyDirection.MINIMIZE, optuna.study.StudyDirection.MAXIMIZE
    directions = [less if name in SMALLER_IS_BETTER else more for name in by]
    search = optuna.create_study(
        directions=directions,
        sampler=optuna.samplers.TPESampler(seed=seed + len(folder.rows), n_startup_trials=_STARTUP),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP),
    )
    for before in folder.rows:
        _remember(search, space, before, by)
    known = {key_of(row["values"]): row for row in folder.rows}
    for number in range(1, tries + 1):
        asked = search.ask()
        values = {**space.fixed, **_proposed(asked, space)}
        key = key_of(values)
        row = known.get(key) or _tried(study, values, asked, by)
        if row is None:
            folder.given_up += 1
            search.tell(asked, state=optuna.trial.TrialState.PRUNED)
        else:
            if key not in known:
                known[key] = row
                folder.add([row])
            measured = _measured(row, by)
            if measured is None:
                search.tell(asked, state=optuna.trial.TrialState.FAIL)
            else:
                search.tell(asked, measured)
        if progress is not None:
            progress(number)


def unbeaten(rows: Sequence[Row], by: Sequence[str]) -> list[Row]:
    """The rows that no other one beats in every measure, in the order of the first."""

    def gains(row: Row) -> tuple[float, ...]:
        return tuple((row[name] if row[name] is not None else float("-inf")) * _sign(name) for name in by)

    scored = [(gains(row), row) for row in rows if all(row[name] is not None for name in by)]
    kept = [
        (own, row)
        for own, row in scored
        if not any(other != own and all(a >= b for a, b in zip(other, own, strict=True)) for other, _ in scored)
    ]
    return [row for _, row in sorted(kept, key=lambda each: each[0], reverse=True)]


def _tried(study: Study, values: Mapping[str, ParameterValue], asked: optuna.Trial, by: Sequence[str]) -> Row | None:
    """The result on all candles; None for values that do not go together or were given up."""
    try:
        complete = resolve(study.strategy, values)
    except ValueError:
        return None
    if len(by) == 1:
        since, until = study.span
        for stage in range(1, _STAGES):
            part = run_trial(study, complete, until=since + (until - since) * stage / _STAGES)
            asked.report(_value(part, by[0]), stage)
            if asked.should_prune():
                return None
    return row_of(complete, run_trial(study, complete))


def _proposed(asked: optuna.Trial, space: Space) -> dict[str, ParameterValue]:
    # By place: the values are exact decimals, and a float of them would not be.
    return {name: values[asked.suggest_int(name, 0, len(values) - 1)] for name, values in space.choices.items()}


def _remember(search: optuna.Study, space: Space, row: Row, by: Sequence[str]) -> None:
    """Tell the proposer of what an earlier search tried."""
    measured = _measured(row, by)
    places = {
        name: next((i for i, value in enumerate(values) if str(value) == str(row["values"][name])), None)
        for name, values in space.choices.items()
    }
    if measured is None or None in places.values():
        return
    distributions: dict[str, Any] = {
        name: optuna.distributions.IntDistribution(0, len(values) - 1) for name, values in space.choices.items()
    }
    search.add_trial(optuna.trial.create_trial(params=places, distributions=distributions, values=measured))


def _measured(row: Row, by: Sequence[str]) -> list[float] | None:
    values = [row[name] for name in by]
    return None if None in values else values


def _value(outcome: Outcome, name: str) -> float:
    return float(getattr(outcome, name))


def _sign(name: str) -> int:
    return -1 if name in SMALLER_IS_BETTER else 1
