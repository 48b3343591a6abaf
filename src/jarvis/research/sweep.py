"""Trying many values: in this process or in several, into a folder from which a search that was cut off goes on.

Every result is a line in `results.jsonl`, on disk before the next batch begins; `results.parquet` holds the same as a
table when the search ends or is left. `manifest.json` says what was searched and how often anything was tried here: a
result is worth less, the more tries it is the best of. The order of the lines is that of the tries, with one worker or
with many.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, fields
from decimal import Decimal
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis import __version__
from jarvis.research.trial import Outcome, Study, run_trials
from jarvis.trading.strategy import BarArrays, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from jarvis.trading.strategy import ParameterValue

    Row = dict[str, Any]

MEASURES = (
    "sharpe",
    "sortino",
    "total_return",
    "max_drawdown",
    "net",
    "trade_count",
    "win_rate",
    "profit_factor",
    "exposure",
    "price",
    "slippage",
    "trading_fee",
    "opening_fee",
    "interest",
    "liquidation",
)
"""The columns of a result beside its values, as `Outcome` defines them."""
SMALLER_IS_BETTER = frozenset({"max_drawdown"})
_FRACTIONS = frozenset({"total_return", "max_drawdown", "win_rate", "exposure"})
_LARGE = 1000
_BATCH = 16
_AHEAD = 2


class SearchError(Exception):
    """A search that cannot go on as asked; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Values that do not go together, and why."""

    values: Mapping[str, ParameterValue]
    why: str


class SearchFolder:
    """The folder of one search. Raises SearchError for one that belongs to another search."""

    def __init__(self, path: Path, study: Study, wanted: Mapping[str, Any], *, resume: bool) -> None:
        """`wanted` is what is searched, as JSON values: the same must be asked for again to go on with it."""
        self.path = path
        self._about = {**_about(study), **wanted}
        manifest = path / "manifest.json"
        self.given_up = 0
        """How many were begun and not finished because they did badly: they count as tries."""
        if manifest.exists() and not resume:
            raise SearchError(f"{path} holds a search already; go on with it by --resume, or name another folder")
        if manifest.exists():
            before = json.loads(manifest.read_text(encoding="utf-8"))
            self.given_up = before.get("given_up", 0)
            other = sorted(name for name in self._about if before.get(name) != self._about[name])
            if other:
                raise SearchError(f"{path} holds another search: its {other[0].replace('_', ' ')} is not the same")
        path.mkdir(parents=True, exist_ok=True)
        self._lines = path / "results.jsonl"
        self.rows: list[Row] = self._read()
        self._keep_whole_lines()
        self._count()

    def add(self, rows: Sequence[Row]) -> None:
        """Keep results, durably."""
        with self._lines.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
        self.rows += rows

    def finish(self) -> Path | None:
        """Write the table and the count; the table's path, None while there is nothing.

        What is on disk counts: who was interrupted may have written more than they remember, or half a line.
        """
        import polars as pl  # noqa: PLC0415 - a search that tries nothing need not load it

        self.rows = self._read()
        self._keep_whole_lines()
        if not self.rows:
            return None
        self._count()
        table = self.path / "results.parquet"
        part = table.with_suffix(".part")
        pl.DataFrame(self.rows, infer_schema_length=None).write_parquet(part)
        part.replace(table)
        return table

    @property
    def tries(self) -> int:
        """How many values were tried here, those given up included."""
        return len(self.rows) + self.given_up

    def _count(self) -> None:
        counted = {**self._about, "trials": self.tries, "given_up": self.given_up}
        _write(self.path / "manifest.json", json.dumps(counted, indent=1))

    def _read(self) -> list[Row]:
        if not self._lines.exists():
            return []
        rows = []
        for line in self._lines.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                break  # the last line of a process that was killed: it is tried again
        return rows

    def _keep_whole_lines(self) -> None:
        if self._lines.exists():
            _write(self._lines, "".join(json.dumps(row) + "\n" for row in self.rows))


def sweep(
    study: Study,
    tried: Iterable[Mapping[str, ParameterValue]],
    folder: SearchFolder,
    *,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[Skipped]:
    """Try all values that the folder does not have yet; those that do not go together are answered, not tried.

    `progress` is told how many are done, the ones before included. What is done when this is interrupted stays.
    """
    skipped: list[Skipped] = []
    done = {key_of(row["values"]) for row in folder.rows}
    batches = _batches(study, tried, done, skipped)
    count = len(folder.rows)
    for rows in _tried(study, batches, folder.path, workers):
        folder.add(rows)
        count += len(rows)
        if progress is not None:
            progress(count)
    return skipped


def row_of(values: Mapping[str, ParameterValue], outcome: Outcome) -> Row:
    """A result as JSON values."""
    measures = {name: _finite(float(getattr(outcome, name))) for name in MEASURES}
    return {"values": {name: _told(value) for name, value in values.items()}, **measures}


def best(rows: Iterable[Row], by: str, count: int | None = None) -> list[Row]:
    """The rows, the best by a measure first; those without it last."""
    sign = 1 if by in SMALLER_IS_BETTER else -1
    ordered = sorted(rows, key=lambda row: (row[by] is None, sign * (row[by] or 0.0)))
    return ordered[:count]


def told(measure: str, value: float | None) -> str:
    """A measure as people read it: fractions in per cent, `-` where there is none."""
    if value is None:
        return "-"
    if measure in _FRACTIONS:
        return f"{value:.1%}".replace("%", " %")
    return f"{value:,.0f}" if abs(value) >= _LARGE or measure == "trade_count" else f"{value:.3g}"


def key_of(values: Mapping[str, Any]) -> str:
    """What tells one set of values from another."""
    return json.dumps({name: _told(value) for name, value in sorted(values.items())})


def _batches(
    study: Study,
    tried: Iterable[Mapping[str, ParameterValue]],
    done: set[str],
    skipped: list[Skipped],
) -> Iterator[list[dict[str, ParameterValue]]]:
    def wanted() -> Iterator[dict[str, ParameterValue]]:
        for values in tried:
            try:
                complete = resolve(study.strategy, values)
            except ValueError as error:
                skipped.append(Skipped(values, str(error)))
                continue
            if key_of(complete) not in done:
                yield complete

    rest = wanted()
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _tried(
    study: Study, batches: Iterator[list[dict[str, ParameterValue]]], folder: Path, workers: int
) -> Iterator[list[Row]]:
    if workers <= 1:
        yield from (_rows(study, batch) for batch in batches)
        return
    shared = _share(study, folder / "candles")
    rest = {each.name: getattr(study, each.name) for each in fields(study) if each.name != "candles"}
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(rest, shared))
    try:
        waiting: dict[int, Future[list[Row]]] = {}
        given = told = 0
        while True:
            while len(waiting) < workers * _AHEAD and (batch := next(batches, None)) is not None:
                waiting[given] = pool.submit(_work, batch)
                given += 1
            if told not in waiting:
                return
            wait([waiting[told]], return_when=FIRST_COMPLETED)
            yield waiting.pop(told).result()
            told += 1
    finally:
        pool.shutdown(cancel_futures=True)


def _rows(study: Study, batch: Sequence[Mapping[str, ParameterValue]]) -> list[Row]:
    return [row_of(values, outcome) for values, outcome in zip(batch, run_trials(study, batch), strict=True)]


# --- other processes -------------------------------------------------------------------------------------------------

_STUDY: list[Study] = []
"""What this worker process works on."""


def _begin(rest: Mapping[str, Any], shared: Mapping[Any, Path]) -> None:
    """Begin a worker process: its candles are the same pages of memory as the others'."""
    _STUDY[:] = [Study(candles={pair: _mapped(path) for pair, path in shared.items()}, **rest)]


def _work(batch: Sequence[Mapping[str, ParameterValue]]) -> list[Row]:
    return _rows(_STUDY[0], batch)


def _share(study: Study, folder: Path) -> dict[Any, Path]:
    folder.mkdir(exist_ok=True)
    shared = {}
    for pair, bars in study.candles.items():
        path = folder / f"{pair.base}-{pair.quote}.npy"
        np.save(path, np.array([getattr(bars, name) for name in BarArrays.__slots__], dtype=np.float64))
        shared[pair] = path
    return shared


def _mapped(path: Path) -> BarArrays:
    opened_at, first, high, low, last, volume = np.load(path, mmap_mode="r")
    return BarArrays(opened_at.astype(np.int64), first, high, low, last, volume)


# --- words -----------------------------------------------------------------------------------------------------------


def _about(study: Study) -> dict[str, Any]:
    """What results depend on besides the values."""
    since, until = study.span
    return {
        "version": __version__,
        "strategy": study.strategy.name,
        "venue": study.venue,
        "interval_seconds": int(study.interval.total_seconds()),
        "deposit": str(study.deposit),
        "limits": study.limits.to_json(),
        "since": since.isoformat(),
        "until": until.isoformat(),
        "candles": {str(pair): _checksum(bars) for pair, bars in sorted(study.candles.items())},
    }


def _checksum(bars: BarArrays) -> str:
    digest = hashlib.sha256()
    for name in BarArrays.__slots__:
        digest.update(np.ascontiguousarray(getattr(bars, name)).tobytes())
    return digest.hexdigest()


def _told(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else value


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
