"""Recorded candles: read from files, checked, kept as monthly Parquet with checksums, loaded as exact bars.

A missing bar is not a zero bar: gaps are reported and stay gaps. Anything that a candle cannot be (not a number,
contradicting itself, unordered, repeated, off the grid of its size) is refused with its file and row, and nothing of
that file is kept. An import takes effect by one rename of the manifest; a part that no manifest names is removed.

Prices pass through float64, the form in which candle files hold them: a float's shortest text is the price that was
written as long as it has at most 15 significant digits, which every venue's has.
"""

import dataclasses
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import round_nearest
from jarvis.market.formats import (
    INTERVALS,
    CandleError,
    CandleFile,
    Layout,
    files_at,
    grouped,
    instant,
    milliseconds,
    read,
    time_column,
    typed,
)
from jarvis.trading.strategy import BarArrays

if TYPE_CHECKING:
    import polars as pl

_PRICES = ("open", "high", "low", "close")
_VALUES = (*_PRICES, "volume")
_SOURCES = {Layout.KRAKEN: "kraken", Layout.BINANCE: "binance"}
_MANIFEST = "manifest.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Gap:
    """Bars that are not there: the first missing one opens at `start`, the next present one at `end`."""

    start: datetime
    end: datetime
    missing: int

    def to_json(self) -> dict[str, Any]:
        """With times as ISO 8601 text."""
        return {"start": self.start.isoformat(), "end": self.end.isoformat(), "missing": self.missing}


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
            "gaps": [gap.to_json() for gap in self.gaps],
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
    if _is_dataset(path):
        manifest = _read_manifest(path)
        interval = parse_interval(manifest["interval"])
        return _report(path.name, _read_parts(path, manifest), interval)
    frame, found = checked(the_file(path), interval)
    return _report(path.name, frame, found)


def kept_candles(folder: Path) -> "tuple[pl.DataFrame, timedelta]":
    """A dataset's candles (`ts` in milliseconds, prices and volume), each part held against its checksum."""
    manifest = _read_manifest(folder)
    return _read_parts(folder, manifest), parse_interval(manifest["interval"])


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import added to one dataset, and what the dataset then holds."""

    source: str
    pair: Pair
    added: int
    report: CandleReport

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"source": self.source, "pair": str(self.pair), "added": self.added, **self.report.to_json()}


def import_candles(
    path: Path,
    root: Path,
    *,
    source: str = "",
    pair: Pair | None = None,
    interval: timedelta | None = None,
    replace: bool = False,
    progress: Callable[[int, int, str], None] = lambda _done, _of, _name: None,
) -> list[Imported]:
    """Adds the candles at `path` (a file, an archive or a folder of them) to the datasets that they belong to.

    What a file's name does not say is `pair` and `interval`; of several files only those are taken that say nothing
    else. `source` is named by the format if it is not given. Bars that are there already must be the same, unless
    `replace` says that the new ones win. Every file is read and checked before anything is written: raises
    CandleError and leaves all datasets as they were if anything is wrong. `progress` is told files done, of how many,
    and the next one's name.
    """
    if source and not re.fullmatch(r"[a-z0-9][a-z0-9-]*", source):
        raise CandleError(f"{source!r} is not a source's name; use small letters, digits and hyphens")
    files = _wanted(path, files_at(path), pair, interval)
    for number, file in enumerate(files):
        progress(number, 2 * len(files), file.name)
        checked(file, file.interval)
    done, imported = len(files), []
    for (its_pair, size), group in grouped(files):
        frames, its_size = [], size
        for file in group:
            progress(done, 2 * len(files), file.name)
            frame, its_size = checked(file, size)
            frames.append((file, frame))
            done += 1
        if its_pair is None or its_size is None:
            raise CandleError(f"{group[0].name}: its name does not say which pair it is about; name the pair")
        of = source or _SOURCES.get(group[0].layout, "import")
        imported.append(_add(root, of, its_pair, its_size, frames, replace=replace))
    return imported


def _wanted(
    path: Path, files: Sequence[CandleFile], pair: Pair | None, interval: timedelta | None
) -> Sequence[CandleFile]:
    """The files to take, each with the pair and size that it is about; what is asked for wins over one file's name."""
    if len(files) == 1:
        return [dataclasses.replace(files[0], pair=pair or files[0].pair, interval=interval or files[0].interval)]
    taken = [
        dataclasses.replace(file, pair=file.pair or pair, interval=file.interval or interval)
        for file in files
        if (pair is None or file.pair in (None, pair)) and (interval is None or file.interval in (None, interval))
    ]
    if not taken:
        asked = " ".join(str(each) for each in (pair, interval and interval_name(interval)) if each)
        raise CandleError(f"{path}: none of its {len(files)} files is about {asked}")
    return taken


def _add(
    root: Path,
    source: str,
    pair: Pair,
    interval: timedelta,
    frames: "Sequence[tuple[CandleFile, pl.DataFrame]]",
    *,
    replace: bool,
) -> Imported:
    """Join these files with what is kept, and write it by one rename."""
    import polars as pl  # noqa: PLC0415 - slow to load, and most commands need no candles

    folder = dataset_folder(root, source, pair, interval)
    imports, joined = _kept(folder)
    had = 0 if joined is None else len(joined)
    for file, frame in frames:
        if joined is not None:
            if not replace:
                _refuse_contradiction(file, joined, frame)
            joined = pl.concat([joined, frame]).unique("ts", keep="last", maintain_order=True).sort("ts")
        else:
            joined = frame
        imports.append({"file": file.member or file.path.name, "sha256": _checksum_of(file.path), "bars": len(frame)})
    if joined is None:
        raise CandleError(f"{root}: nothing to import")
    report = _report(frames[-1][0].path.name, joined, interval)
    _write(
        folder, joined, {"source": source, "pair": str(pair), "interval": interval_name(interval), "imports": imports}
    )
    return Imported(source, pair, len(joined) - had, report)


def add_bars(root: Path, source: str, pair: Pair, interval: timedelta, bars: Sequence[Bar], told_by: str) -> None:
    """Adds candles that a venue told, at `told_by`, to a dataset, by one rename; those that are kept already stay."""
    import polars as pl  # noqa: PLC0415

    folder = dataset_folder(root, source, pair, interval)
    imports, kept = _kept(folder)
    values = [(milliseconds(bar.opened_at), *(float(getattr(bar, name)) for name in _VALUES)) for bar in bars]
    told = pl.DataFrame(values, ("ts", *_VALUES), orient="row")
    joined = (told if kept is None else pl.concat([kept, told])).unique("ts", keep="first").sort("ts")
    imports.append({"venue": told_by, "bars": len(bars)})
    _write(
        folder, joined, {"source": source, "pair": str(pair), "interval": interval_name(interval), "imports": imports}
    )


def missing_spans(folder: Path, interval: timedelta, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """What a dataset lacks of the candles opened in [start, end), which are on its grid; all of it if there is none."""
    _, kept = _kept(folder)
    if kept is None:
        return [(start, end)]
    inside = kept["ts"].filter(kept["ts"].is_between(milliseconds(start), milliseconds(end), closed="left"))
    if not len(inside):
        return [(start, end)]
    gaps = [(gap.start, gap.end) for gap in gaps_in(inside, interval)]
    spans = [(start, instant(inside[0])), *gaps, (instant(inside[-1]) + interval, end)]
    return [(first, last) for first, last in spans if first < last]


def _kept(folder: Path) -> "tuple[list[dict[str, Any]], pl.DataFrame | None]":
    """What came into a dataset so far, and its candles."""
    if not (folder / _MANIFEST).exists():
        return [], None
    manifest = _read_manifest(folder)
    return manifest["imports"], _read_parts(folder, manifest)


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
    frame = _within(path, pair, interval, start, end)
    price = _exact if tick is None else _to_tick(tick)
    try:
        return [
            Bar(pair, interval, instant(ts), price(o), price(h), price(low), price(c), _exact(v))
            for ts, o, h, low, c, v in frame.iter_rows()
        ]
    except ValueError as error:
        raise CandleError(f"{path}: {error}; is {tick} this pair's tick?") from error


def load_columns(
    path: Path,
    pair: Pair,
    interval: timedelta,
    *,
    tick: Decimal | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> BarArrays:
    """The same candles as `load_bars` as float columns: the floats that those exact decimals would become.

    A year of minutes takes a fraction of a second. With a `tick` that is no power of ten prices stay as they are read.
    """
    import numpy as np  # noqa: PLC0415 - numpy takes longer to load than all of this package

    frame = _within(path, pair, interval, start, end)
    digits = 0 if tick is None else -tick.normalize().as_tuple().exponent  # type: ignore[operator]
    is_decimal = tick is not None and tick.normalize() == Decimal(1).scaleb(-digits)
    prices = [frame[name].to_numpy() for name in _PRICES]
    if is_decimal:
        prices = [np.rint(each * 10.0**digits) / 10.0**digits for each in prices]
    first, high, low, last = prices
    opened_at = (frame["ts"].to_numpy() // 1000).astype(np.int64)
    return BarArrays(opened_at, first, high, low, last, frame["volume"].to_numpy())


def _within(
    path: Path, pair: Pair, interval: timedelta, start: datetime | None, end: datetime | None
) -> "pl.DataFrame":
    """The candles of a file or dataset that open at or after `start` and have closed by `end`."""
    if _is_dataset(path):
        manifest = _read_manifest(path)
        if manifest["pair"] != str(pair) or manifest["interval"] != interval_name(interval):
            raise CandleError(
                f"{path}: holds {manifest['pair']} {manifest['interval']}, not {pair} {interval_name(interval)}"
            )
        frame = _read_parts(path, manifest)
    else:
        frame, _ = checked(the_file(path), interval)
    if start is not None:
        frame = frame.filter(frame["ts"] >= milliseconds(start))
    if end is not None:
        frame = frame.filter(frame["ts"] <= milliseconds(end - interval))
    return frame


def checked(file: CandleFile, interval: timedelta | None) -> tuple["pl.DataFrame", timedelta]:
    """The file's candles (`ts` in milliseconds, prices and volume) and their size. Raises CandleError with the row."""
    frame = read(file)
    candles = typed(frame)
    for name in _VALUES:
        _refuse(file, candles[name].is_null(), _says(name, frame[name], "not a finite number"))
    said = frame[time_column(frame) or ""]
    _refuse(file, candles["ts"].is_null(), lambda i: f"time is {said[i]!r}; write milliseconds, seconds or ISO 8601")
    return candles, _check(file, candles, interval)


def _is_dataset(path: Path) -> bool:
    """A folder is one, or means to be."""
    return path.is_dir()


def the_file(path: Path) -> CandleFile:
    """The one file of candles at a path. Raises CandleError for an archive of several."""
    files = files_at(path)
    if len(files) > 1:
        raise CandleError(f"{path}: holds {len(files)} files; import it, then use what was imported")
    return files[0]


def _check(file: CandleFile, frame: "pl.DataFrame", interval: timedelta | None) -> timedelta:
    """The bar size, after refusing rows that cannot be candles of it."""
    ts = frame["ts"]
    steps = ts.diff()
    _refuse(file, steps == 0, lambda i: f"{instant(ts[i]):%Y-%m-%d %H:%M:%S} is there twice")
    _refuse(file, steps < 0, lambda i: f"{instant(ts[i]):%Y-%m-%d %H:%M:%S} comes after a later candle; sort it")
    common = steps.drop_nulls().mode().min()
    found = timedelta(milliseconds=common) if isinstance(common, int) else interval
    if found is None:
        raise CandleError(f"{file.name}: one candle alone does not say its size; name it")
    size = interval or found
    if size not in INTERVALS.values():
        raise CandleError(f"{file.name}: candles are {found} apart, which is no bar size ({', '.join(INTERVALS)})")
    width = size // timedelta(milliseconds=1)
    smaller = found < size and found in INTERVALS.values()
    if smaller or (found > size and not (steps == width).any()):
        raise CandleError(f"{file.name}: the candles are {interval_name(found)} apart, not {interval_name(size)}")
    off = ts % width != 0
    _refuse(
        file,
        off,
        lambda i: f"{instant(ts[i]):%Y-%m-%d %H:%M:%S} is not the start of a {interval_name(size)} candle",
    )
    for name in _PRICES:
        column = frame[name]
        _refuse(file, column <= 0, _says(name, column, "not positive"))
    volume = frame["volume"]
    _refuse(file, volume < 0, _says("volume", volume, "negative"))
    opened, closed, low, high = (frame[name] for name in ("open", "close", "low", "high"))
    contradiction = (low > opened) | (low > closed) | (high < opened) | (high < closed)
    _refuse(
        file,
        contradiction,
        lambda i: ", ".join(f"{name} {frame[name][i]}" for name in _PRICES) + " contradict each other",
    )
    return size


def _says(name: str, values: "pl.Series", wrong: str) -> Callable[[int], str]:
    return lambda i: f"{name} is {values[i]!r}, {wrong}"


def _refuse(file: CandleFile, bad: "pl.Series", message: Callable[[int], str]) -> None:
    """Raise about the first row that `bad` marks, saying how many more there are."""
    rows = bad.fill_null(value=False).arg_true()
    if len(rows):
        more = f" (and {len(rows) - 1} more like it)" if len(rows) > 1 else ""
        raise CandleError(f"{file.name}, {file.row(rows[0])}: {message(rows[0])}{more}")


def _report(source: str, frame: "pl.DataFrame", interval: timedelta) -> CandleReport:
    ts = frame["ts"]
    return CandleReport(source, interval, len(ts), instant(ts[0]), instant(ts[-1]), gaps_in(ts, interval))


def gaps_in(ts: "pl.Series", interval: timedelta) -> tuple[Gap, ...]:
    """Where candles of this size are missing between ordered opening times (milliseconds)."""
    width = interval // timedelta(milliseconds=1)
    ends = (ts.diff() > width).fill_null(value=False).arg_true()
    return tuple(Gap(instant(ts[i - 1] + width), instant(ts[i]), (ts[i] - ts[i - 1]) // width - 1) for i in ends)


def _refuse_contradiction(file: CandleFile, kept: "pl.DataFrame", new: "pl.DataFrame") -> None:
    both = kept.join(new, on="ts", suffix="_new")
    for name in _VALUES:
        differing = both.filter(both[name] != both[f"{name}_new"])
        if len(differing):
            first = differing.row(0, named=True)
            raise CandleError(
                f"{file.name}: {instant(first['ts']):%Y-%m-%d %H:%M} is kept already with {name} {first[name]}, this "
                f"file says {first[f'{name}_new']} ({len(differing)} such bars); import with replace if that is right"
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


def _checksum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _exact(number: float) -> Decimal:
    """The number that the float's shortest text spells: the price as the file's writer had it."""
    return Decimal(repr(number))


def _to_tick(tick: Decimal) -> Callable[[float], Decimal]:
    return lambda number: round_nearest(_exact(number), tick)
