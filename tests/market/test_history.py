import errno
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair
from jarvis.market import history
from jarvis.market.formats import INTERVALS, CandleError
from jarvis.market.history import (
    Gap,
    check,
    dataset_folder,
    import_candles,
    interval_name,
    load_bars,
    load_columns,
    parse_interval,
)
from jarvis.trading.strategy import BarArrays

BTC = Pair.parse("BTC/USD")
MINUTE = timedelta(minutes=1)
START = datetime(2025, 5, 31, 23, 58, tzinfo=UTC)
START_MS = int(START.timestamp()) * 1000
RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "ohlcv" / "binance-spot" / "BTCUSDT-1m.parquet"

Row = tuple[Any, Any, Any, Any, Any, Any]


def rows_of(count: int, *, step: int = 60_000, start: int = START_MS) -> list[Row]:
    return [(start + n * step, 100.0 + n, 101.5 + n, 99.25 + n, 100.5 + n, 1.0) for n in range(count)]


def changed(row: int, **values: Any) -> list[Row]:
    rows = [dict(zip(("ts", "open", "high", "low", "close", "volume"), r, strict=True)) for r in rows_of(4)]
    rows[row].update(values)
    return [tuple(r.values()) for r in rows]


def parquet(folder: Path, rows: Sequence[Row], name: str = "candles.parquet") -> Path:
    schema = {"ts": pl.Int64, "open": pl.Float64, "high": pl.Float64, "low": pl.Float64, "close": pl.Float64}
    path = folder / name
    pl.DataFrame(rows, schema={**schema, "volume": pl.Float64}, orient="row").write_parquet(path)
    return path


def csv(folder: Path, *lines: str, header: str = "ts,open,high,low,close,volume") -> Path:
    path = folder / "candles.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_bars_are_exactly_what_the_file_spells(tmp_path: Path) -> None:
    path = parquet(tmp_path, [(START_MS, 0.1, 0.3, 0.07213450, 0.2, 1e-08)])

    bar = load_bars(path, BTC, MINUTE)[0]

    assert (bar.open, bar.high, bar.low, bar.close) == tuple(map(Decimal, ("0.1", "0.3", "0.0721345", "0.2")))
    assert bar.volume == Decimal("0.00000001")
    assert (bar.pair, bar.opened_at, bar.closed_at) == (BTC, START, START + MINUTE)


@given(st.lists(st.decimals("0.0000001", "999999", places=7), min_size=1, max_size=5))
def test_a_price_of_fifteen_digits_survives_the_float(prices: list[Decimal]) -> None:
    for price in prices:
        assert history._exact(float(str(price))) == price


def test_prices_are_rounded_to_the_tick_when_asked(tmp_path: Path) -> None:
    path = parquet(tmp_path, [(START_MS, 100.04, 100.26, 100.01, 100.15, 2.5)])

    bar = load_bars(path, BTC, MINUTE, tick=Decimal("0.1"))[0]

    assert (bar.open, bar.high, bar.low, bar.close) == tuple(map(Decimal, ("100.0", "100.3", "100.0", "100.2")))
    assert bar.volume == Decimal("2.5")


def test_a_tick_larger_than_the_price_is_said(tmp_path: Path) -> None:
    path = parquet(tmp_path, [(START_MS, 0.01, 0.02, 0.01, 0.02, 2.5)])

    with pytest.raises(CandleError, match="is 1 this pair's tick"):
        load_bars(path, BTC, MINUTE, tick=Decimal(1))


def test_only_bars_inside_the_asked_time_are_loaded(tmp_path: Path) -> None:
    path = parquet(tmp_path, rows_of(5))

    bars = load_bars(path, BTC, MINUTE, start=START + MINUTE, end=START + 4 * MINUTE)

    assert [bar.opened_at for bar in bars] == [START + n * MINUTE for n in (1, 2, 3)]


@pytest.mark.parametrize("header", ["ts", "time", "timestamp", "date", "Timestamp"])
@pytest.mark.parametrize(
    "times",
    [
        [str(START_MS), str(START_MS + 60_000)],
        [str(START_MS // 1000), str(START_MS // 1000 + 60)],
        ["2025-05-31T23:58:00Z", "2025-05-31T23:59:00+00:00"],
        ["2025-05-31 23:58:00", "2025-06-01 01:59+02:00"],
    ],
)
def test_csv_times_may_be_written_in_several_ways(tmp_path: Path, header: str, times: list[str]) -> None:
    lines = [f"{time},1,2,0.5,1.5,10" for time in times]

    path = csv(tmp_path, *lines, header=f"{header},open,high,low,close,volume")

    assert [bar.opened_at for bar in load_bars(path, BTC, MINUTE)] == [START, START + MINUTE]


def test_parquet_times_may_be_datetimes_and_extra_columns_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "candles.parquet"
    frame = pl.read_parquet(parquet(tmp_path, rows_of(2)))
    frame.with_columns(pl.from_epoch("ts", time_unit="ms").alias("ts"), trades=pl.lit(7)).write_parquet(path)

    assert [bar.opened_at for bar in load_bars(path, BTC, MINUTE)] == [START, START + MINUTE]


def test_a_missing_bar_is_a_gap_and_not_a_zero_bar(tmp_path: Path) -> None:
    rows = rows_of(8)
    path = parquet(tmp_path, [rows[0], rows[1], rows[4], rows[5], rows[7]])

    report = check(path)

    assert report.gaps == (
        Gap(START + 2 * MINUTE, START + 4 * MINUTE, 2),
        Gap(START + 6 * MINUTE, START + 7 * MINUTE, 1),
    )
    assert (report.bars, report.missing, report.first_at, report.last_at) == (5, 3, START, START + 7 * MINUTE)
    assert len(load_bars(path, BTC, MINUTE)) == 5
    assert json.loads(json.dumps(report.to_json()))["gaps"][1]["missing"] == 1


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (changed(2, close=float("nan")), "row 3: close is nan, not a finite number"),
        (changed(2, high=float("inf")), "row 3: high is inf, not a finite number"),
        (changed(1, volume=None), "row 2: volume is None, not a finite number"),
        (changed(0, open=0.0), "row 1: open is 0.0, not positive"),
        (changed(3, low=-5.0), "row 4: low is -5.0, not positive"),
        (changed(3, volume=-1.0), "row 4: volume is -1.0, negative"),
        (changed(1, high=100.0), "row 2: open 101.0, high 100.0, low 100.25, close 101.5 contradict each other"),
        (changed(1, low=101.2), "row 2: open 101.0, high 102.5, low 101.2, close 101.5 contradict each other"),
        (changed(2, ts=START_MS + 60_000), "row 3: 2025-05-31 23:59:00 is there twice"),
        (changed(3, ts=START_MS - 60_000), "row 4: 2025-05-31 23:57:00 comes after a later candle; sort it"),
        (changed(2, ts=START_MS + 125_000), "row 3: 2025-06-01 00:00:05 is not the start of a 1m candle"),
        (changed(1, ts=None), "row 2: time is None; write milliseconds, seconds or ISO 8601"),
        (changed(3, ts=9_999_999_999_999), "row 4: time is 9999999999999; write milliseconds, seconds or ISO 8601"),
    ],
)
def test_what_no_candle_can_be_is_refused_with_its_row(tmp_path: Path, rows: list[Row], said: str) -> None:
    path = parquet(tmp_path, rows)

    with pytest.raises(CandleError) as caught:
        check(path, MINUTE)

    assert str(caught.value) == f"{path}, {said}"


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    path = parquet(tmp_path, [(ts, o, h, low, c, -1.0) for ts, o, h, low, c, _ in rows_of(3)])

    with pytest.raises(CandleError, match=r"row 1: volume is -1.0, negative \(and 2 more like it\)"):
        check(path)


def test_a_bad_csv_value_is_named_by_its_line(tmp_path: Path) -> None:
    path = csv(tmp_path, f"{START_MS},1,2,0.5,1.5,10", f"{START_MS + 60_000},1,2,0.5,cheap,10")

    with pytest.raises(CandleError, match="line 3: close is 'cheap', not a finite number"):
        check(path)


def test_a_csv_time_that_is_none_is_named_by_its_line(tmp_path: Path) -> None:
    path = csv(tmp_path, "2025-05-31T23:58:00Z,1,2,0.5,1.5,10", "yesterday,1,2,0.5,1.5,10")

    with pytest.raises(CandleError, match="line 3: time is 'yesterday'"):
        check(path)


def test_candles_of_another_size_are_refused(tmp_path: Path) -> None:
    small = parquet(tmp_path, rows_of(12, start=START_MS // 300_000 * 300_000), "small.parquet")
    large = parquet(tmp_path, rows_of(3, step=300_000, start=START_MS // 300_000 * 300_000), "large.parquet")

    with pytest.raises(CandleError, match="the candles are 1m apart, not 5m"):
        check(small, INTERVALS["5m"])
    with pytest.raises(CandleError, match="the candles are 5m apart, not 1m"):
        check(large, MINUTE)


def test_a_size_that_no_candle_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CandleError, match=r"0:07:00 apart, which is no bar size \(1m, 5m"):
        check(parquet(tmp_path, rows_of(3, step=420_000)))


def test_one_candle_alone_needs_its_size_named(tmp_path: Path) -> None:
    path = parquet(tmp_path, rows_of(1))

    with pytest.raises(CandleError, match="does not say its size"):
        check(path)
    assert check(path, MINUTE).bars == 1


def test_empty_absent_and_unreadable_files_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "nothing.csv").write_text("")
    (tmp_path / "header.csv").write_text("ts,open,high,low,close,volume\n")
    (tmp_path / "ragged.csv").write_text("ts,open,high,low,close,volume\n1,2\n1,2,3,4,5,6,7,8\n")
    (tmp_path / "text.parquet").write_text("this is no Parquet")

    for name, said in [
        ("nothing.csv", "the file is empty"),
        ("header.csv", "a header and no candles"),
        ("ragged.csv", "not a readable CSV file"),
        ("text.parquet", "not a readable Parquet file"),
        ("absent.csv", "no such file"),
        ("absent.parquet", "no such file"),
    ]:
        with pytest.raises(CandleError, match=said) as caught:
            check(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = csv(tmp_path, "1,2,3", header="when,open,close")

    with pytest.raises(CandleError, match="no column ts, high, low, volume; it has when, open, close"):
        check(path)


def imported(path: Path, root: Path, *, replace: bool = False) -> Path:
    import_candles(path, root, source="test", pair=BTC, replace=replace)
    return dataset_folder(root, "test", BTC, MINUTE)


def test_an_import_is_kept_by_month_and_loads_the_same_bars(tmp_path: Path) -> None:
    path = parquet(tmp_path, rows_of(5))

    folder = imported(path, tmp_path / "data")

    assert sorted(file.name[:7] for file in folder.glob("*.parquet")) == ["2025-05", "2025-06"]
    assert load_bars(folder, BTC, MINUTE) == load_bars(path, BTC, MINUTE)
    assert check(folder).bars == 5


def test_a_second_import_adds_and_the_same_again_changes_nothing(tmp_path: Path) -> None:
    rows = rows_of(6)
    folder = imported(parquet(tmp_path, rows[:4]), tmp_path / "data")

    imported(parquet(tmp_path, rows[2:]), tmp_path / "data")
    before = sorted(file.name for file in folder.iterdir())
    imported(parquet(tmp_path, rows[2:]), tmp_path / "data")

    assert [bar.opened_at for bar in load_bars(folder, BTC, MINUTE)] == [START + n * MINUTE for n in range(6)]
    assert sorted(file.name for file in folder.iterdir()) == before
    assert len(json.loads((folder / "manifest.json").read_text())["imports"]) == 3


def test_a_file_that_contradicts_what_is_kept_is_refused_unless_it_replaces(tmp_path: Path) -> None:
    folder = imported(parquet(tmp_path, rows_of(4)), tmp_path / "data")
    other = parquet(tmp_path, changed(1, close=101.75), "other.parquet")

    with pytest.raises(CandleError, match=r"23:59 is kept already with close 101.5, this file says 101.75 \(1 such"):
        imported(other, tmp_path / "data")
    kept = load_bars(folder, BTC, MINUTE)[1].close
    imported(other, tmp_path / "data", replace=True)

    assert (kept, load_bars(folder, BTC, MINUTE)[1].close) == (Decimal("101.5"), Decimal("101.75"))


def test_a_malformed_file_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(CandleError):
        imported(parquet(tmp_path, changed(2, close=float("nan"))), tmp_path / "data")

    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("fails_at", [1, 2, 3])
@pytest.mark.parametrize("first_time", [True, False])
def test_a_full_disk_leaves_the_dataset_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int, first_time: bool
) -> None:
    root = tmp_path / "data"
    folder = dataset_folder(root, "test", BTC, MINUTE)
    if not first_time:
        imported(parquet(tmp_path, rows_of(1, start=START_MS - 60_000) + rows_of(1)), root)
    before = sorted(file.name for file in folder.iterdir()) if folder.exists() else None
    written = 0
    real = history._write_durably

    def full(path: Path, content: bytes) -> None:
        nonlocal written
        written += 1
        if written == fails_at:
            path.write_bytes(content[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, content)

    monkeypatch.setattr(history, "_write_durably", full)
    with pytest.raises(CandleError, match=r"could not write \(No space left on device\); nothing was imported"):
        imported(parquet(tmp_path, rows_of(6)), root)
    monkeypatch.undo()

    assert (sorted(file.name for file in folder.iterdir()) if folder.exists() else None) == before
    imported(parquet(tmp_path, rows_of(6)), root)
    assert check(folder).bars == (6 if first_time else 7)


def test_parts_that_a_killed_import_left_are_ignored_and_removed(tmp_path: Path) -> None:
    folder = imported(parquet(tmp_path, rows_of(2)), tmp_path / "data")
    (folder / "2025-07-000000000000.parquet").write_bytes(b"half")

    assert check(folder).bars == 2
    imported(parquet(tmp_path, rows_of(4)), tmp_path / "data")

    assert not (folder / "2025-07-000000000000.parquet").exists()


def test_a_changed_or_missing_part_is_an_error_and_never_a_gap(tmp_path: Path) -> None:
    folder = imported(parquet(tmp_path, rows_of(4)), tmp_path / "data")
    part = min(folder.glob("*.parquet"))

    part.write_bytes(part.read_bytes() + b"x")
    with pytest.raises(CandleError, match="differs from its checksum"):
        check(folder)
    part.unlink()
    with pytest.raises(CandleError, match="No such file or directory; import the candles again"):
        load_bars(folder, BTC, MINUTE)


def test_a_folder_without_or_with_a_foreign_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CandleError, match="no candles were imported here"):
        check(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(CandleError, match="not readable"):
        check(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": 99}')
    with pytest.raises(CandleError, match="format 99 is not one that this version reads"):
        check(tmp_path)


def test_a_dataset_of_another_pair_is_not_loaded(tmp_path: Path) -> None:
    folder = imported(parquet(tmp_path, rows_of(4)), tmp_path / "data")

    with pytest.raises(CandleError, match="holds BTC/USD 1m, not ETH/USD 1m"):
        load_bars(folder, Pair.parse("ETH/USD"), MINUTE)


def test_a_source_cannot_name_another_folder(tmp_path: Path) -> None:
    with pytest.raises(CandleError, match="is not a source's name"):
        import_candles(parquet(tmp_path, rows_of(2)), tmp_path, source="../elsewhere", pair=BTC)


def test_bar_sizes_have_names() -> None:
    assert parse_interval(" 4H ") == timedelta(hours=4)
    assert (interval_name(timedelta(hours=1)), interval_name(timedelta(seconds=10))) == ("1h", "10s")
    with pytest.raises(CandleError, match="'7m' is not a bar size; use one of 1m, 5m"):
        parse_interval("7m")


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded candles are not beside this repository")
def test_recorded_candles_are_read_with_their_known_holes(tmp_path: Path) -> None:
    report = check(RECORDED)

    assert (report.bars, report.missing, interval_name(report.interval)) == (252_161, 1_023_451, "1m")
    bars = load_bars(RECORDED, BTC, MINUTE, start=datetime(2025, 5, 20, tzinfo=UTC), tick=Decimal("0.1"), end=START)
    assert bars[0].opened_at == datetime(2025, 5, 20, tzinfo=UTC)
    assert bars[-1].closed_at == START


def test_columns_are_the_floats_of_the_exact_bars(tmp_path: Path) -> None:
    rows = [(60_000.04 + i * 0.07, 60_020.0, 59_990.06, 60_000.0 + i * 0.3, 1.5) for i in range(40)]
    lines = [f"{START_MS + i * 60_000},{','.join(map(str, row))}" for i, row in enumerate(rows)]
    path = tmp_path / "btc.csv"
    path.write_text("\n".join(["ts,open,high,low,close,volume", *lines]) + "\n")
    tick = Decimal("0.1")

    columns = load_columns(path, BTC, MINUTE, tick=tick)
    exact = BarArrays.of(load_bars(path, BTC, MINUTE, tick=tick))

    assert len(columns) == 40
    for name in BarArrays.__slots__:
        assert list(getattr(columns, name)) == list(getattr(exact, name))
