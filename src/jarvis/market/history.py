"""Recorded candles: read from files, checked, kept as monthly Parquet with checksums, loaded as exact bars.

A missing bar is not a zero bar: gaps are reported and stay gaps. Anything that a candle cannot be (not a number,
contradicting itself, unordered, repeated, off the grid of its size) is refused with its file and row, and nothing of
that file is kept. An import takes effect by one rename of the manifest; a part that no manifest names is removed.

Prices pass through float64, the form in which candle files hold them: a float's shortest text is the price that was
written as long as it has at most 15 significant digits, which every venue's has.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import round_nearest

if TYPE_CHECKING:
    import polars as pl

INTERVALS = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "4h": timedelta(hours=4),
    "1d": timedelta(days=1),
}
"""The bar sizes that have a name."""

_PRICES = ("open", "high", "low", "close")
_VALUES = (*_PRICES, "volume")
_TIMES = ("ts", "time", "timestamp", "date")
_COLUMNS = ("ts", *_VALUES)
_EARLIEST = datetime(2009, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_SECONDS_END = 100_000_000_000  # as seconds the year 5138, as milliseconds 1973
_MANIFEST = "manifest.json"
_FORMAT = 1


class CandleError(ValueError):
    """Candles that cannot be used; the message is one line that names the file, the row and what to do."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Bars that are not there: the first missing one opens at `start`, the next present one at `end`."""

    start: datetime
    end: datetime
    missing: int


@dataclass(frozen=True, slots=True)
class CandleReport:
    """What a file or dataset holds. `first_at` and `last_at` are the openings of its first and last bar."""

    source: str
    interval: timedelta
    bars: int
    first_at: datetime
    last_at: datetime
    gaps: tuple[Gap, ...]

    @property
    def missing(self) -> int:
        """How many bars the gaps lack."""
        return sum(gap.missing for gap in self.gaps)

    def to_json(self) -> dict[str, Any]:
        """The report with times as ISO 8601 text."""
        return {
            "source": self.source,
            "interval": interval_name(self.interval),
            "bars": self.bars,
            "first_at": self.first_at.isoformat(),
            "last_at": self.last_at.isoformat(),
            "missing": self.missing,
            "gaps": [
                {"start": gap.start.isoformat(), "end": gap.end.isoformat(), "missing": gap.missing}
                for gap in self.gaps
            ],
        }


def interval_name(interval: timedelta) -> str:
    """`1m`, `4h`: the name of a bar size, or its seconds (`10s`) where it has none."""
    names = {size: name for name, size in INTERVALS.items()}
    return names.get(interval) or f"{interval // timedelta(seconds=1)}s"


def parse_interval(text: str) -> timedelta:
    """The bar size that `5m` names. Raises CandleError that lists the names."""
    try:
        return INTERVALS[text.strip().lower()]
    except KeyError:
        raise CandleError(f"{text!r} is not a bar size; use one of {', '.join(INTERVALS)}") from None


def dataset_folder(root: Path, source: str, pair: Pair, interval: timedelta) -> Path:
    """Where the bars of one source, pair and size are kept below the data folder."""
    return root / "candles" / source / f"{pair.base}-{pair.quote}" / interval_name(interval)


def check(path: Path, interval: timedelta | None = None) -> CandleReport:
    """What a candle file or dataset holds, after every check an import makes. Raises CandleError."""
    if path.is_dir():
        manifest = _read_manifest(path)
        interval = parse_interval(manifest["interval"])
        return _report(path.name, _read_parts(path, manifest), interval)
    frame, found = _read_file(path, interval)
    return _report(path.name, frame, found)


def import_candles(
    path: Path, root: Path, *, source: str, pair: Pair, interval: timedelta | None = None, replace: bool = False
) -> CandleReport:
    """Adds a file's candles to the dataset of its source, pair and bar size; returns what the dataset then holds.

    Bars that are there already must be the same, unless `replace` says that the new ones win. Raises CandleError and
    leaves the dataset as it was if anything is wrong.
    """
    import polars as pl  # noqa: PLC0415 - slow to load, and most commands need no candles

    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", source):
        raise CandleError(f"{source!r} is not a source's name; use small letters, digits and hyphens")
    frame, found = _read_file(path, interval)
    folder = dataset_folder(root, source, pair, found)
    imports = []
    if (folder / _MANIFEST).exists():
        manifest = _read_manifest(folder)
        imports = manifest["imports"]
        kept = _read_parts(folder, manifest)
        if not replace:
            _refuse_contradiction(path, kept, frame)
        frame = pl.concat([kept, frame]).unique("ts", keep="last", maintain_order=True).sort("ts")
    report = _report(path.name, frame, found)
    imports = [*imports, {"file": path.name, "sha256": _checksum(path.read_bytes()), "bars": report.bars}]
    _write(folder, frame, {"source": source, "pair": str(pair), "interval": interval_name(found), "imports": imports})
    return report


def load_bars(
    path: Path,
    pair: Pair,
    interval: timedelta,
    *,
    tick: Decimal | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[Bar]:
    """The bars of a candle file or dataset, oldest first, as exact decimals; to `tick` if one is given.

    `start` and `end` keep the bars that open at or after the one and have closed by the other. A file does not say
    which pair it is about; a dataset does, and must be about `pair`.
    """
    if path.is_dir():
        manifest = _read_manifest(path)
        if manifest["pair"] != str(pair) or manifest["interval"] != interval_name(interval):
            raise CandleError(
                f"{path}: holds {manifest['pair']} {manifest['interval']}, not {pair} {interval_name(interval)}"
            )
        frame = _read_parts(path, manifest)
    else:
        frame, _ = _read_file(path, interval)
    if start is not None:
        frame = frame.filter(frame["ts"] >= _milliseconds(start))
    if end is not None:
        frame = frame.filter(frame["ts"] <= _milliseconds(end - interval))
    price = _exact if tick is None else _to_tick(tick)
    try:
        return [
            Bar(pair, interval, _at(ts), price(o), price(h), price(low), price(c), _exact(v))
            for ts, o, h, low, c, v in frame.iter_rows()
        ]
    except ValueError as error:
        raise CandleError(f"{path}: {error}; is {tick} this pair's tick?") from error


def _read_file(path: Path, interval: timedelta | None) -> tuple["pl.DataFrame", timedelta]:
    """The file's candles and their size, checked."""
    import polars as pl  # noqa: PLC0415

    is_csv = path.suffix.lower() in {".csv", ".txt"}
    row_of: Callable[[int], str] = (lambda i: f"line {i + 2}") if is_csv else (lambda i: f"row {i + 1}")
    try:
        frame = pl.read_csv(path, infer_schema=False) if is_csv else pl.read_parquet(path)
    except FileNotFoundError:
        raise CandleError(f"{path}: no such file") from None
    except pl.exceptions.NoDataError:
        raise CandleError(f"{path}: the file is empty") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        kind = "CSV" if is_csv else "Parquet"
        raise CandleError(f"{path}: not a readable {kind} file: {str(error).strip().splitlines()[0]}") from error
    frame = frame.rename({name: name.strip().lower() for name in frame.columns})
    time_name = next((name for name in _TIMES if name in frame.columns), None)
    missing = ([] if time_name else [_TIMES[0]]) + [name for name in _VALUES if name not in frame.columns]
    if time_name is None or missing:
        raise CandleError(f"{path}: no column {', '.join(missing)}; it has {', '.join(frame.columns)}")
    if frame.is_empty():
        raise CandleError(f"{path}: the file has a header and no candles")
    texts = {name: frame[name] for name in _VALUES}
    values = {name: texts[name].cast(pl.Float64, strict=False) for name in _VALUES}
    for name in _VALUES:
        bad = values[name].is_null() | ~values[name].is_finite()
        _refuse(path, row_of, bad, _says(name, texts[name], "not a finite number"))
    times = _times(path, row_of, frame[time_name])
    checked = pl.DataFrame({"ts": times, **values})
    return checked, _check(path, row_of, checked, interval)


def _times(path: Path, row_of: Callable[[int], str], column: "pl.Series") -> "pl.Series":
    """Opening times in milliseconds from whole seconds, milliseconds, or ISO 8601 text (UTC unless it says else)."""
    import polars as pl  # noqa: PLC0415

    if column.dtype.is_temporal():
        times = column.cast(pl.Datetime("ms"), strict=False).cast(pl.Int64)
    else:
        times = column.cast(pl.Int64, strict=False)
        if times.null_count() == len(times) and column.dtype == pl.String:
            times = pl.Series([_parse_iso(text) for text in column], dtype=pl.Int64)
        first = times.drop_nulls()
        if len(first) and first[0] < _SECONDS_END:
            times = times * 1000
    plausible = times.is_between(_milliseconds(_EARLIEST), _milliseconds(_LATEST))
    _refuse(
        path,
        row_of,
        ~plausible.fill_null(value=False),
        lambda i: f"time is {column[i]!r}; write milliseconds, seconds or ISO 8601",
    )
    return times.alias("ts")


def _parse_iso(text: str | None) -> int | None:
    try:
        at = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return _milliseconds(at if at.tzinfo else at.replace(tzinfo=UTC))


def _check(path: Path, row_of: Callable[[int], str], frame: "pl.DataFrame", interval: timedelta | None) -> timedelta:
    """The bar size, after refusing rows that cannot be candles of it."""
    ts = frame["ts"]
    steps = ts.diff()
    _refuse(path, row_of, steps == 0, lambda i: f"{_at(ts[i]):%Y-%m-%d %H:%M:%S} is there twice")
    _refuse(path, row_of, steps < 0, lambda i: f"{_at(ts[i]):%Y-%m-%d %H:%M:%S} comes after a later candle; sort it")
    common = steps.drop_nulls().mode().min()
    found = timedelta(milliseconds=common) if isinstance(common, int) else interval
    if found is None:
        raise CandleError(f"{path}: one candle alone does not say its size; name it")
    size = interval or found
    if size not in INTERVALS.values():
        raise CandleError(f"{path}: candles are {found} apart, which is no bar size ({', '.join(INTERVALS)})")
    width = size // timedelta(milliseconds=1)
    smaller = found < size and found in INTERVALS.values()
    if smaller or (found > size and not (steps == width).any()):
        raise CandleError(f"{path}: the candles are {interval_name(found)} apart, not {interval_name(size)}")
    off = ts % width != 0
    _refuse(
        path,
        row_of,
        off,
        lambda i: f"{_at(ts[i]):%Y-%m-%d %H:%M:%S} is not the start of a {interval_name(size)} candle",
    )
    for name in _PRICES:
        column = frame[name]
        _refuse(path, row_of, column <= 0, _says(name, column, "not positive"))
    volume = frame["volume"]
    _refuse(path, row_of, volume < 0, _says("volume", volume, "negative"))
    opened, closed, low, high = (frame[name] for name in ("open", "close", "low", "high"))
    contradiction = (low > opened) | (low > closed) | (high < opened) | (high < closed)
    _refuse(
        path,
        row_of,
        contradiction,
        lambda i: ", ".join(f"{name} {frame[name][i]}" for name in _PRICES) + " contradict each other",
    )
    return size


def _says(name: str, values: "pl.Series", wrong: str) -> Callable[[int], str]:
    return lambda i: f"{name} is {values[i]!r}, {wrong}"


def _refuse(path: Path, row_of: Callable[[int], str], bad: "pl.Series", message: Callable[[int], str]) -> None:
    """Raise about the first row that `bad` marks, saying how many more there are."""
    rows = bad.fill_null(value=False).arg_true()
    if len(rows):
        more = f" (and {len(rows) - 1} more like it)" if len(rows) > 1 else ""
        raise CandleError(f"{path}, {row_of(rows[0])}: {message(rows[0])}{more}")


def _report(source: str, frame: "pl.DataFrame", interval: timedelta) -> CandleReport:
    width = interval // timedelta(milliseconds=1)
    ts = frame["ts"]
    gaps = []
    for i in (ts.diff() > width).fill_null(value=False).arg_true():
        before, after = ts[i - 1], ts[i]
        gaps.append(Gap(_at(before + width), _at(after), (after - before) // width - 1))
    return CandleReport(source, interval, len(ts), _at(ts[0]), _at(ts[-1]), tuple(gaps))


def _refuse_contradiction(path: Path, kept: "pl.DataFrame", new: "pl.DataFrame") -> None:
    both = kept.join(new, on="ts", suffix="_new")
    for name in _VALUES:
        differing = both.filter(both[name] != both[f"{name}_new"])
        if len(differing):
            first = differing.row(0, named=True)
            raise CandleError(
                f"{path}: {_at(first['ts']):%Y-%m-%d %H:%M} is kept already with {name} {first[name]}, this file says "
                f"{first[f'{name}_new']} ({len(differing)} such bars); import with replace if the file is right"
            )


def _write(folder: Path, frame: "pl.DataFrame", about: dict[str, Any]) -> None:
    """Write the parts, then make them count by renaming the manifest; remove all that it does not name."""
    import polars as pl  # noqa: PLC0415

    month = pl.from_epoch("ts", time_unit="ms").dt.strftime("%Y-%m")
    parts = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for (name,), part in frame.group_by(month, maintain_order=True):
            buffer = io.BytesIO()
            part.write_parquet(buffer)
            content = buffer.getvalue()
            checksum = _checksum(content)
            file = f"{name}-{checksum[:12]}.parquet"
            if not (folder / file).exists() or (folder / file).read_bytes() != content:
                _write_durably(folder / file, content)
            parts.append({"file": file, "sha256": checksum, "bars": len(part)})
        manifest = json.dumps({"format": _FORMAT, **about, "parts": parts}, indent=2).encode()
        _write_durably(folder / f"{_MANIFEST}.new", manifest)
        (folder / f"{_MANIFEST}.new").replace(folder / _MANIFEST)
    except OSError as error:
        raise CandleError(f"{folder}: could not write ({error.strerror or error}); nothing was imported") from error
    finally:
        _remove_strays(folder)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _remove_strays(folder: Path) -> None:
    """Remove what no manifest names; an empty dataset's folder goes too."""
    if not folder.is_dir():
        return
    named = {_MANIFEST}
    if (folder / _MANIFEST).exists():
        named |= {part["file"] for part in _read_manifest(folder)["parts"]}
    for file in folder.iterdir():
        if file.name not in named:
            file.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_bytes())
    except FileNotFoundError:
        raise CandleError(f"{folder}: no candles were imported here") from None
    except json.JSONDecodeError as error:
        raise CandleError(f"{folder / _MANIFEST}: not readable ({error}); import the candles again") from error
    if manifest.get("format") != _FORMAT:
        raise CandleError(f"{folder / _MANIFEST}: format {manifest.get('format')!r} is not one that this version reads")
    return manifest


def _read_parts(folder: Path, manifest: dict[str, Any]) -> "pl.DataFrame":
    """The dataset's candles; a part that is missing or was changed is an error, never a gap."""
    import polars as pl  # noqa: PLC0415

    frames = []
    for part in manifest["parts"]:
        path = folder / part["file"]
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CandleError(f"{path}: {error.strerror}; import the candles again") from error
        if _checksum(content) != part["sha256"]:
            raise CandleError(f"{path}: differs from its checksum; import the candles again")
        frames.append(pl.read_parquet(io.BytesIO(content)))
    return pl.concat(frames)


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _milliseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _at(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def _exact(number: float) -> Decimal:
    """The number that the float's shortest text spells: the price as the file's writer had it."""
    return Decimal(repr(number))


def _to_tick(tick: Decimal) -> Callable[[float], Decimal]:
    return lambda number: round_nearest(_exact(number), tick)
