"""What is wrong, missing or odd in candles, counted and named: for looking before anything is believed.

Unlike an import it refuses nothing that can be read: it lists every kind of fault with its first rows. An outlier is a
candle that leaps or reaches more than `ODD` times as far as the candles around it do on average. It may be a real
print, for exchanges do flash, so nobody but a person decides about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jarvis.market.formats import INTERVALS, CandleError, CandleFile, Layout, instant, read, typed
from jarvis.market.history import Gap, gaps_in, interval_name, kept_candles

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Floats = npt.NDArray[np.float64]

ODD = 25.0
_AROUND = 1441
_ENOUGH_AROUND = 60
_SHOWN = 20
_SAID = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault: how often it is there, and where first."""

    kind: str
    count: int
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outlier:
    """A candle that moves or reaches `times` as far as those around it usually do."""

    at: datetime
    what: str
    times: float


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found. `candles` are the good ones by time, once each: `ts` in milliseconds, prices and volume.

    `still` is how many candles have no volume, `longest_still` the longest run of such.
    """

    source: str
    interval: timedelta
    rows: int
    candles: pl.DataFrame
    faults: tuple[Fault, ...]
    gaps: tuple[Gap, ...]
    still: int
    longest_still: int
    outliers: tuple[Outlier, ...]

    @property
    def is_importable(self) -> bool:
        """Whether an import would take it as it is: gaps and odd candles are no faults."""
        return not self.faults

    @property
    def missing(self) -> int:
        """How many candles the gaps lack."""
        return sum(gap.missing for gap in self.gaps)

    def lines(self) -> list[str]:
        """It in words, a line for each thing."""
        ts = self.candles["ts"]
        reach = f"{instant(ts[0]):%Y-%m-%d %H:%M} to {instant(ts[-1]):%Y-%m-%d %H:%M} UTC"
        return [
            f"{self.source}: {len(ts):,} candles of {interval_name(self.interval)}, {reach}",
            *(f"FAULT {each.kind}: {each.count:,} ({', '.join(each.first[:3])})" for each in self.faults),
            f"{self.missing:,} missing in {len(self.gaps)} gaps" if self.gaps else "none missing",
            f"{self.still:,} without volume, at most {self.longest_still:,} in a row" if self.still else "all traded",
            *(
                f"odd: {each.at:%Y-%m-%d %H:%M} {each.what} {each.times:,.0f} times as far as usual"
                for each in self.outliers[:_SAID]
            ),
            *((f"and {len(self.outliers) - _SAID:,} more odd candles",) if len(self.outliers) > _SAID else ()),
        ]

    def to_json(self) -> dict[str, Any]:
        """As JSON: all faults, gaps and outliers."""
        ts = self.candles["ts"]
        return {
            "source": self.source,
            "interval": interval_name(self.interval),
            "rows": self.rows,
            "bars": len(ts),
            "first_at": instant(ts[0]).isoformat(),
            "last_at": instant(ts[-1]).isoformat(),
            "importable": self.is_importable,
            "faults": [{"kind": each.kind, "count": each.count, "first": list(each.first)} for each in self.faults],
            "missing": self.missing,
            "gaps": [gap.to_json() for gap in self.gaps],
            "no_volume": self.still,
            "longest_without_volume": self.longest_still,
            "outliers": [
                {"at": each.at.isoformat(), "what": each.what, "times_usual": round(each.times, 1)}
                for each in self.outliers
            ],
        }


def examine(file: CandleFile, interval: timedelta | None = None) -> Examination:
    """Look at a file of candles. Raises CandleError only if it cannot be read or holds no candle at all."""
    frame = typed(read(file))
    return _examined(file, frame, interval or file.interval or _usual(file, frame["ts"]))


def examine_dataset(folder: Path) -> Examination:
    """Look at what was imported into a dataset. Raises CandleError if a part of it is missing or was changed."""
    frame, interval = kept_candles(folder)
    return _examined(CandleFile(folder, Layout.PARQUET), frame, interval)


def _examined(file: CandleFile, frame: pl.DataFrame, size: timedelta) -> Examination:
    import polars as pl  # noqa: PLC0415 - slow to load, and most commands need no candles

    faults: list[Fault] = []

    def note(kind: str, marked: pl.Series) -> None:
        rows = marked.fill_null(value=False).arg_true()
        if len(rows):
            faults.append(Fault(kind, len(rows), tuple(file.row(row) for row in rows[:_SHOWN])))

    times = frame["ts"]
    unreadable = frame.select(pl.any_horizontal(pl.all().is_null())).to_series()
    impossible = frame.select(
        (pl.col("low") > pl.min_horizontal("open", "close"))
        | (pl.col("high") < pl.max_horizontal("open", "close"))
        | (pl.min_horizontal("open", "high", "low", "close") <= 0)
        | (pl.col("volume") < 0)
    ).to_series()
    note("no time or no number", unreadable)
    note("prices that contradict each other or are not positive, or a negative volume", impossible & ~unreadable)
    note("earlier than the row before", times.diff() < 0)
    note("there twice", times.is_not_null() & ~times.is_first_distinct())
    note(f"not at the start of a {interval_name(size)} candle", times % (size // timedelta(milliseconds=1)) != 0)
    candles = frame.filter(~(unreadable | impossible).fill_null(value=True)).unique("ts", keep="first").sort("ts")
    if candles.is_empty():
        raise CandleError(f"{file.name}: not one row is a candle")
    still = candles["volume"] == 0
    return Examination(
        file.name,
        size,
        len(frame),
        candles,
        tuple(faults),
        gaps_in(candles["ts"], size),
        int(still.sum()),
        _longest(still),
        _outliers(candles, size),
    )


def _usual(file: CandleFile, times: pl.Series) -> timedelta:
    step = times.diff().abs().drop_nulls().mode().min()
    size = timedelta(milliseconds=step) if isinstance(step, int) else None
    if size not in INTERVALS.values() or size is None:
        raise CandleError(f"{file.name}: its candles are {size or 'alone'}; name their size")
    return size


def _longest(marked: pl.Series) -> int:
    runs = marked.rle().struct.unnest()
    lengths = runs.filter(runs["value"])["len"]
    return int(lengths.max() or 0)  # type: ignore[arg-type]  # a column of whole numbers


def _outliers(candles: pl.DataFrame, size: timedelta) -> tuple[Outlier, ...]:
    import numpy as np  # noqa: PLC0415

    close, high, low = (np.log(candles[name].to_numpy()) for name in ("close", "high", "low"))
    follows = np.diff(candles["ts"].to_numpy()) == size // timedelta(milliseconds=1)
    moves = np.concatenate(([0.0], np.where(follows, np.abs(np.diff(close)), 0.0)))  # none across a gap
    found: dict[int, Outlier] = {}
    for what, values in (("moves", moves), ("reaches", high - low)):
        for row, times in _odd(values):
            if row not in found or found[row].times < times:
                found[row] = Outlier(instant(candles["ts"][row]), what, times)
    return tuple(sorted(found.values(), key=lambda each: -each.times))


def _odd(values: Floats) -> list[tuple[int, float]]:
    """The rows whose value is more than `ODD` times the average around them, and how many times."""
    import numpy as np  # noqa: PLC0415
    import polars as pl  # noqa: PLC0415

    usual = pl.Series(values).rolling_mean(_AROUND, center=True, min_samples=_ENOUGH_AROUND).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.nan_to_num(values / usual, posinf=0.0)
    return [(int(row), float(times[row])) for row in np.flatnonzero(times > ODD)]
