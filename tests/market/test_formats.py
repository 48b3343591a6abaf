"""Candle files of others: each as its maker writes it, and what is wrong with them said by file and row."""

import gzip
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from jarvis.domain.instrument import Pair
from jarvis.market.formats import CandleError, Layout, files_at
from jarvis.market.history import check, dataset_folder, import_candles, load_bars

BTC_USD, BTC_USDT, DOGE_USD = (Pair.parse(each) for each in ("BTC/USD", "BTC/USDT", "DOGE/USD"))
MINUTE = timedelta(minutes=1)
START = datetime(2025, 1, 1, tzinfo=UTC)
SECONDS = int(START.timestamp())


def kraken(minutes: int = 3, start: int = SECONDS, size: int = 60) -> str:
    """Rows as in Kraken's archive: seconds, five values, the number of trades; no header, unix line ends."""
    return "".join(f"{start + n * size},{100 + n},{102 + n},99.5,{101 + n},0.25,7\n" for n in range(minutes))


def binance(minutes: int = 3, start: int = SECONDS, unit: int = 1000, *, header: bool = False) -> str:
    """Rows as in Binance's public data: twelve columns, times in milliseconds or, since 2025, in microseconds."""
    names = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy,taker_buy_quote,ignore\n"
    rows = "".join(
        f"{(start + n * 60) * unit},{100 + n}.00,{102 + n}.00,99.50,{101 + n}.00,0.25,"
        f"{(start + n * 60 + 60) * unit - 1},25.0,7,0.1,10.0,0\n"
        for n in range(minutes)
    )
    return names + rows if header else rows


def archive_of(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def test_krakens_archive_is_imported_pair_by_pair_and_size_by_size(tmp_path: Path) -> None:
    path = archive_of(
        tmp_path / "Kraken_OHLCVT.zip",
        {
            "master_q4/XBTUSD_1.csv": kraken(),
            "master_q4/XBTUSD_60.csv": kraken(2, size=3600),
            "master_q4/XDGUSD_1.csv": kraken(4),
            "readme.pdf": "not candles",
        },
    )

    imported = import_candles(path, tmp_path / "data")

    assert [(each.source, str(each.pair), each.added) for each in imported] == [
        ("kraken", "BTC/USD", 3), ("kraken", "BTC/USD", 2), ("kraken", "DOGE/USD", 4),
    ]  # fmt: skip
    folder = dataset_folder(tmp_path / "data", "kraken", BTC_USD, MINUTE)
    bars = load_bars(folder, BTC_USD, MINUTE)
    assert [bar.opened_at for bar in bars] == [START + n * MINUTE for n in range(3)]
    assert (bars[0].open, bars[0].high, bars[0].low, bars[0].close, bars[0].volume) == tuple(
        map(Decimal, ("100", "102", "99.5", "101", "0.25"))
    )


def test_of_an_archive_only_what_was_asked_for_is_imported(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "a.zip", {"XBTUSD_1.csv": kraken(), "XDGUSD_1.csv": kraken(), "XDGUSD_5.csv": "bad"})

    (imported,) = import_candles(path, tmp_path / "data", pair=DOGE_USD, interval=MINUTE)

    assert (imported.pair, imported.report.interval) == (DOGE_USD, MINUTE)
    with pytest.raises(CandleError, match=r"a\.zip: none of its 3 files is about ETH/USD$"):
        import_candles(path, tmp_path / "data", pair=Pair.parse("ETH/USD"))


@pytest.mark.parametrize(("unit", "header"), [(1000, False), (1_000_000, False), (1000, True)])
def test_binances_zips_are_read_in_milliseconds_and_in_microseconds(tmp_path: Path, unit: int, header: bool) -> None:
    text = binance(unit=unit, header=header)
    path = archive_of(tmp_path / "BTCUSDT-1m-2025-01.zip", {"BTCUSDT-1m-2025-01.csv": text})

    (imported,) = import_candles(path, tmp_path / "data")

    assert (imported.source, imported.pair, imported.added) == ("binance", BTC_USDT, 3)
    assert (imported.report.first_at, imported.report.last_at) == (START, START + 2 * MINUTE)


def test_a_folder_of_months_becomes_one_dataset(tmp_path: Path) -> None:
    folder = tmp_path / "downloads" / "BTCUSDT"
    folder.mkdir(parents=True)
    archive_of(folder / "BTCUSDT-1m-2024-12.zip", {"BTCUSDT-1m-2024-12.csv": binance(2, SECONDS - 120)})
    archive_of(folder / "BTCUSDT-1m-2025-01.zip", {"BTCUSDT-1m-2025-01.csv": binance(3, unit=1_000_000)})
    told: list[tuple[int, int]] = []

    (imported,) = import_candles(
        tmp_path / "downloads", tmp_path / "data", progress=lambda done, of, _name: told.append((done, of))
    )

    assert (imported.added, imported.report.bars, imported.report.missing) == (5, 5, 0)
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4)]


def test_freqtrades_feather_and_json_say_pair_and_size_in_their_names(tmp_path: Path) -> None:
    times = [START + n * 5 * MINUTE for n in range(3)]
    values = {"open": [1.5, 2.5, 3.5], "high": [4.0] * 3, "low": [1.0] * 3, "close": [2.0] * 3, "volume": [9.0] * 3}
    pl.DataFrame({"date": times, **values}).write_ipc(tmp_path / "BTC_USDT-5m.feather")
    rows = [[int(at.timestamp() * 1000), *(values[name][n] for name in values)] for n, at in enumerate(times)]
    (tmp_path / "ETH_USDT-5m.json").write_text(json.dumps(rows))
    (tmp_path / "SOL_USDT-5m.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode()))

    imported = import_candles(tmp_path, tmp_path / "data", source="freqtrade")

    assert [str(each.pair) for each in imported] == ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
    assert {each.report.interval for each in imported} == {5 * MINUTE}
    first, *others = (
        load_bars(dataset_folder(tmp_path / "data", "freqtrade", each.pair, 5 * MINUTE), each.pair, 5 * MINUTE)
        for each in imported
    )
    for other in others:
        assert [(bar.opened_at, bar.open, bar.high) for bar in other] == [
            (bar.opened_at, bar.open, bar.high) for bar in first
        ]


def test_a_bad_row_anywhere_leaves_all_datasets_as_they_were(tmp_path: Path) -> None:
    bad = kraken(3).replace("101,0.25", "101,lots", 1)
    path = archive_of(tmp_path / "a.zip", {"XBTUSD_1.csv": kraken(), "XDGUSD_1.csv": bad})

    with pytest.raises(CandleError, match=r"a\.zip: XDGUSD_1\.csv, line 1: volume is 'lots', not a finite number$"):
        import_candles(path, tmp_path / "data")

    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("XBTUSD_1.csv", b"1,2,3\n", "not a readable Kraken's archive file: 3 columns instead of 6 or more"),
        ("BTC_USDT-5m.json", b"[[1, 2]]", "not a readable JSON file"),
        ("BTC_USDT-5m.json", b'{"a": 1}', "not a readable JSON file"),
        ("BTC_USDT-5m.json.gz", b"\x1f\x8b\x08nothing", "not a readable JSON file"),
        ("BTC_USDT-5m.feather", b"PK nothing", "not a readable Feather file"),
        ("a.zip", b"PK\x03\x04 cut", "not a readable zip archive"),
        ("XBTUSD_1.csv", b"", "the file is empty"),
    ],
)
def test_what_cannot_be_read_is_said_by_the_files_name(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(CandleError) as refused:
        import_candles(path, tmp_path / "data", pair=BTC_USD)

    assert str(refused.value).startswith(f"{path}: {words}")
    assert "\n" not in str(refused.value)


def test_a_cut_member_of_an_archive_is_said(tmp_path: Path) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("XBTUSD_1.csv", kraken(5000))
    content = bytearray(whole.getvalue())
    content[2000:2040] = bytes(40)
    path = tmp_path / "a.zip"
    path.write_bytes(content)

    with pytest.raises(CandleError, match=r"a\.zip: XBTUSD_1\.csv: not a readable"):
        import_candles(path, tmp_path / "data")


def test_a_folder_without_candles_says_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "notes.pdf").write_bytes(b"")
    with pytest.raises(CandleError, match=r"no candle files in it; known endings are \.csv"):
        import_candles(tmp_path, tmp_path / "data")


def test_a_file_whose_name_says_no_pair_needs_one(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text("ts,open,high,low,close,volume\n" + kraken(2).replace(",7\n", "\n"))

    with pytest.raises(CandleError, match="its name does not say which pair it is about; name the pair"):
        import_candles(path, tmp_path / "data")
    (imported,) = import_candles(path, tmp_path / "data", pair=BTC_USD)
    assert imported.source == "import"


def test_a_name_tells_the_layout_the_pair_and_the_size(tmp_path: Path) -> None:
    names = {
        "XBTEUR_240.csv": (Layout.KRAKEN, "BTC/EUR", "4:00:00"),
        "XBTUSD_720.csv": (Layout.KRAKEN, "BTC/USD", "None"),
        "SOLUSDT-1h-2024-01-31.csv": (Layout.BINANCE, "SOL/USDT", "1:00:00"),
        "ADA_USDT-1d.parquet": (Layout.PARQUET, "ADA/USDT", "1 day, 0:00:00"),
        "BTCUSDT-1m.parquet": (Layout.PARQUET, "BTC/USDT", "0:01:00"),
        "BTC-USD-1h.csv": (Layout.CSV, "BTC/USD", "1:00:00"),
        "whatever.csv": (Layout.CSV, "None", "None"),
    }
    for name, (layout, pair, size) in names.items():
        (tmp_path / name).write_text("")
        (file,) = files_at(tmp_path / name)
        assert (file.layout, str(file.pair), str(file.interval)) == (layout, pair, size), name


def test_an_archive_of_several_files_is_not_one_file_of_candles(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "a.zip", {"XBTUSD_1.csv": kraken(), "XDGUSD_1.csv": kraken()})
    with pytest.raises(CandleError, match="holds 2 files; import it, then use what was imported"):
        check(path)
