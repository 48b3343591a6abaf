"""Candle files as others write them: which file holds what, and its columns as they stand there.

Known are Kraken's OHLCVT archive (`XBTUSD_1.csv`: no header, seconds, trades at the end), Binance's public data
(`BTCUSDT-1m-2025-01.zip`: no header, milliseconds, since 2025 microseconds), freqtrade's Feather and JSON
(`BTC_USDT-5m.feather`), and Parquet or CSV with a header that names time, open, high, low, close and volume. A name
may say the pair and the bar size; whoever imports may say otherwise. Nothing is judged here: `history.py` does that.
"""

import gzip
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset

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

_VALUES = ("open", "high", "low", "close", "volume")
_TIMES = ("ts", "time", "timestamp", "date", "open_time")
_MINUTES = {f"{size // timedelta(minutes=1)}": size for size in INTERVALS.values()}
_QUOTES = ("USDT", "USDC", "USD", "EUR", "GBP", "BTC", "XBT", "ETH")
_KRAKENS_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
_SIZES = "|".join(INTERVALS)
_KRAKENS = re.compile(r"([A-Z0-9]{5,})_(\d+)\.csv")
_BINANCES = re.compile(rf"([A-Z0-9]{{5,}})-({_SIZES})-\d{{4}}-\d{{2}}(?:-\d{{2}})?\.(?:csv|zip)")
_FREQTRADES = re.compile(rf"([A-Z0-9]+)_([A-Z0-9]+)-({_SIZES})\.(?:feather|json|json\.gz|parquet)")
_PLAIN = re.compile(rf"([A-Z0-9]+)[-_]?([A-Z0-9]*)[-_]({_SIZES})\.(?:csv|txt|parquet|feather)")
_ENDINGS = (".csv", ".txt", ".parquet", ".feather", ".json", ".json.gz", ".zip")
_EARLIEST = datetime(2009, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_SECONDS_END = 100_000_000_000  # as seconds the year 5138, as milliseconds 1973
_LARGEST_MEMBER = 4 * 1024**3
"""Nothing that an archive says to hold more than this is unpacked: the largest real one is a tenth of it."""


class CandleError(ValueError):
    """Candles that cannot be used; the message is one line that names the file, the row and what to do."""


class Layout(Enum):
    """How a file's rows are written."""

    KRAKEN = "Kraken's archive"
    BINANCE = "Binance's public data"
    CSV = "CSV"
    PARQUET = "Parquet"
    FEATHER = "Feather"
    JSON = "JSON"


@dataclass(frozen=True, slots=True)
class CandleFile:
    """A file of candles, in an archive if `member` names one there; `pair` and `interval` as its name says them."""

    path: Path
    layout: Layout
    member: str = ""
    pair: Pair | None = None
    interval: timedelta | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.path}: {self.member}" if self.member else str(self.path)

    def row(self, index: int) -> str:
        """Where a person finds the row of this index."""
        if self.layout is Layout.CSV:
            return f"line {index + 2}"
        return f"line {index + 1}" if self.layout in (Layout.KRAKEN, Layout.BINANCE) else f"row {index + 1}"


def files_at(path: Path) -> list[CandleFile]:
    """The candle files at a path: itself, those of an archive, or those of a folder and the folders in it, by name.

    Raises CandleError if there is none, or an archive cannot be read.
    """
    if path.is_dir():
        paths = sorted(each for each in path.rglob("*") if each.is_file() and each.name.lower().endswith(_ENDINGS))
        found = [file for each in paths for file in _files_of(each)]
    elif path.exists():
        found = _files_of(path)
    else:
        raise CandleError(f"{path}: no such file")
    if not found:
        raise CandleError(f"{path}: no candle files in it; known endings are {', '.join(_ENDINGS)}")
    return found


def read(file: CandleFile) -> "pl.DataFrame":
    """The file's rows as they stand there: a column of times under one of its usual names, then five of values.

    Raises CandleError for what cannot be read at all.
    """
    import polars as pl  # noqa: PLC0415 - slow to load, and most commands need no candles

    try:
        frame = _READERS[file.layout](_source(file))
    except pl.exceptions.NoDataError:
        raise CandleError(f"{file.name}: the file is empty") from None
    except (pl.exceptions.PolarsError, OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        _not_readable(file, error)
    frame = frame.rename({name: name.strip().lower() for name in frame.columns})
    time_name = time_column(frame)
    missing = ([] if time_name else [_TIMES[0]]) + [name for name in _VALUES if name not in frame.columns]
    if missing:
        raise CandleError(f"{file.name}: no column {', '.join(missing)}; it has {', '.join(frame.columns)}")
    if frame.is_empty():
        raise CandleError(f"{file.name}: the file has a header and no candles")
    return frame


def time_column(frame: "pl.DataFrame") -> str | None:
    """The name of the column of times."""
    return next((name for name in _TIMES if name in frame.columns), None)


def typed(frame: "pl.DataFrame") -> "pl.DataFrame":
    """The rows of `read` as numbers: `ts` in milliseconds and five floats; null where there is no such number."""
    import polars as pl  # noqa: PLC0415

    times = _milliseconds(frame[time_column(frame) or _TIMES[0]])
    columns = {name: frame[name].cast(pl.Float64, strict=False) for name in _VALUES}
    finite = {
        name: pl.DataFrame({name: each}).select(pl.when(pl.col(name).is_finite()).then(pl.col(name)))[name]
        for name, each in columns.items()
    }
    return pl.DataFrame({"ts": times, **finite})


def _milliseconds(column: "pl.Series") -> "pl.Series":
    """Opening times from whole seconds, milli- or microseconds, or ISO 8601 text (else UTC); null if implausible."""
    import polars as pl  # noqa: PLC0415

    if column.dtype.is_temporal():
        times = column.cast(pl.Datetime("ms"), strict=False).cast(pl.Int64)
    else:
        times = column.cast(pl.Int64, strict=False)
        if times.null_count() == len(times) and column.dtype == pl.String:
            times = pl.Series([_parse_iso(text) for text in column], dtype=pl.Int64)
    at = pl.col("at")
    # One archive may change from milliseconds to microseconds in the middle: each row says itself what it is.
    scaled = pl.when(at < _SECONDS_END).then(at * 1000).when(at >= 1000 * _SECONDS_END).then(at // 1000).otherwise(at)
    plausible = scaled.is_between(milliseconds(_EARLIEST), milliseconds(_LATEST))
    return pl.DataFrame({"at": times}).select(pl.when(plausible).then(scaled).alias("ts"))["ts"]


def _parse_iso(text: str | None) -> int | None:
    try:
        at = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return milliseconds(at if at.tzinfo else at.replace(tzinfo=UTC))


def milliseconds(at: datetime) -> int:
    """An instant in milliseconds since 1970."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def instant(milliseconds_since: int) -> datetime:
    """The instant that these milliseconds since 1970 mean."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds_since)


# --- which file is what ------------------------------------------------------------------------------------------


def _files_of(path: Path) -> list[CandleFile]:
    if path.suffix.lower() != ".zip":
        return [_described(path, path.name, "")]
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if each.filename.lower().endswith(_ENDINGS[:-1])]
            for each in members:
                if each.file_size > _LARGEST_MEMBER:
                    raise CandleError(f"{path}: {each.filename} says that it holds {each.file_size:,} bytes; unpack it")
            return [_described(path, Path(each.filename).name, each.filename) for each in members]
    except (zipfile.BadZipFile, OSError) as error:
        raise CandleError(f"{path}: not a readable zip archive: {error}") from error


def _described(path: Path, name: str, member: str) -> CandleFile:
    """What the file's name says of it."""
    if match := _KRAKENS.fullmatch(name):
        return CandleFile(path, Layout.KRAKEN, member, _pair_in(match[1]), _MINUTES.get(match[2]))
    if match := _BINANCES.fullmatch(name):
        return CandleFile(path, Layout.BINANCE, member, _pair_in(match[1]), INTERVALS[match[2]])
    layout = _layout_of(name)
    if match := _FREQTRADES.fullmatch(name):
        return CandleFile(path, layout, member, Pair(Asset(match[1]), Asset(match[2])), INTERVALS[match[3]])
    if match := _PLAIN.fullmatch(name):
        return CandleFile(path, layout, member, _pair_in(match[1] + match[2]), INTERVALS[match[3]])
    return CandleFile(path, layout, member)


def _layout_of(name: str) -> Layout:
    ending = name.lower().removesuffix(".gz").rpartition(".")[2]
    return {"parquet": Layout.PARQUET, "feather": Layout.FEATHER, "json": Layout.JSON}.get(ending, Layout.CSV)


def _pair_in(symbol: str) -> Pair | None:
    """The pair that a symbol without a separator spells; None if no usual quote currency ends it."""
    for quote in _QUOTES:
        base = symbol.removesuffix(quote)
        if base and base != symbol:
            return Pair(*(Asset(_KRAKENS_NAMES.get(each, each)) for each in (base, quote)))
    return None


# --- reading -----------------------------------------------------------------------------------------------------


def _source(file: CandleFile) -> Path | bytes:
    if file.member:
        with zipfile.ZipFile(file.path) as archive:
            content = archive.read(file.member)
    elif file.path.name.lower().endswith(".gz"):
        content = file.path.read_bytes()
    else:
        return file.path
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def _headed(source: Path | bytes) -> "pl.DataFrame":
    import polars as pl  # noqa: PLC0415

    return pl.read_csv(source, infer_schema=False)


def _unheaded(names: Sequence[str]) -> "Callable[[Path | bytes], pl.DataFrame]":
    """A reader of CSV without a header; one that is there all the same is passed over."""

    def read_csv(source: Path | bytes) -> "pl.DataFrame":
        import polars as pl  # noqa: PLC0415

        frame = pl.read_csv(source, infer_schema=False, has_header=False)
        if frame.width < len(names):
            raise ValueError(f"{frame.width} columns instead of {len(names)} or more")
        frame = frame.rename(dict(zip(frame.columns, names, strict=False)))
        first = frame[names[0]][0]
        return frame if first is None or first[:1].isdigit() else frame.slice(1)

    return read_csv


def _parquet(source: Path | bytes) -> "pl.DataFrame":
    import polars as pl  # noqa: PLC0415

    return pl.read_parquet(source)


def _feather(source: Path | bytes) -> "pl.DataFrame":
    import polars as pl  # noqa: PLC0415

    return pl.read_ipc(source)


def _json(source: Path | bytes) -> "pl.DataFrame":
    """Rows of `[milliseconds, open, high, low, close, volume]`."""
    import msgspec  # noqa: PLC0415
    import polars as pl  # noqa: PLC0415

    text = source.read_bytes() if isinstance(source, Path) else source
    rows = msgspec.json.decode(text, type=list[tuple[int, float, float, float, float, float]])
    return pl.DataFrame(rows, schema=[("ts", pl.Int64), *((name, pl.Float64) for name in _VALUES)], orient="row")


_READERS: "dict[Layout, Callable[[Path | bytes], pl.DataFrame]]" = {
    Layout.KRAKEN: _unheaded(("time", *_VALUES)),
    Layout.BINANCE: _unheaded(("open_time", *_VALUES)),
    Layout.CSV: _headed,
    Layout.PARQUET: _parquet,
    Layout.FEATHER: _feather,
    Layout.JSON: _json,
}


def _not_readable(file: CandleFile, error: Exception) -> NoReturn:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    raise CandleError(f"{file.name}: not a readable {file.layout.value} file: {reason}") from error


def grouped(files: Sequence[CandleFile]) -> Iterator[tuple[tuple[Pair | None, timedelta | None], list[CandleFile]]]:
    """The files that say the same pair and bar size, in the order of their first ones."""
    groups: dict[tuple[Pair | None, timedelta | None], list[CandleFile]] = {}
    for file in files:
        groups.setdefault((file.pair, file.interval), []).append(file)
    yield from groups.items()
