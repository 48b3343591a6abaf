"""Candles looked at before they are believed: every planted fault is named with its row, and real ones with theirs."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jarvis.cli import app
from jarvis.domain.instrument import Pair
from jarvis.market.examination import Examination, examine, examine_dataset
from jarvis.market.formats import CandleError
from jarvis.market.history import dataset_folder, import_candles, the_file
from jarvis.market.picture import as_html

START = datetime(2025, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "ohlcv"


def row(minute: float, price: float = 100.0, *, reach: float = 0.5, volume: float = 1.0) -> str:
    at = int((START + minute * MINUTE).timestamp())
    return f"{at},{price},{price + reach},{price - reach},{price},{volume}"


def quiet(minutes: int = 200) -> list[str]:
    """Candles that go up and down by a little."""
    return [row(minute, 100.0 + 0.1 * (minute % 2)) for minute in range(minutes)]


def written(folder: Path, rows: list[str]) -> Path:
    path = folder / "candles.csv"
    path.write_text("\n".join(["ts,open,high,low,close,volume", *rows]) + "\n")
    return path


def examined(folder: Path, rows: list[str]) -> Examination:
    return examine(the_file(written(folder, rows)))


def test_good_candles_have_nothing_to_be_said_of(tmp_path: Path) -> None:
    found = examined(tmp_path, quiet())

    assert (found.faults, found.gaps, found.outliers, found.still) == ((), (), (), 0)
    assert found.is_importable
    assert (found.rows, len(found.candles), found.interval) == (200, 200, MINUTE)


@pytest.mark.parametrize(
    ("at", "instead", "kind", "lines"),
    [
        (7, ["what,1,2,0.5,1,1"], "no time or no number", ("line 9",)),
        (7, [row(7).replace("99.5", "nan")], "no time or no number", ("line 9",)),
        (7, [row(7).replace("99.5", "100.2")], "prices that contradict", ("line 9",)),
        (7, [row(7).replace("99.5", "-1")], "prices that contradict", ("line 9",)),
        (7, [row(7, volume=-1.0)], "prices that contradict", ("line 9",)),
        (7, [row(7), row(7)], "there twice", ("line 10",)),
        (7, [row(8), row(7)], "earlier than the row before", ("line 10",)),
        (7, [row(7.5)], "not at the start of a 1m candle", ("line 9",)),
    ],
)
def test_every_fault_is_named_with_its_row(
    tmp_path: Path, at: int, instead: list[str], kind: str, lines: tuple[str, ...]
) -> None:
    rows = quiet()
    found = examined(tmp_path, [*rows[:at], *instead, *rows[at + len(instead) - (instead[0] == rows[at]) :]])

    fault = next(each for each in found.faults if each.kind.startswith(kind))
    assert fault.first[:1] == lines
    assert not found.is_importable


def test_what_an_import_takes_has_no_faults_and_what_has_faults_it_refuses(tmp_path: Path) -> None:
    for rows in (quiet(), [*quiet(5), *quiet(5)], quiet()[:50] + quiet()[60:], [row(1, reach=-1.0), *quiet(9)[2:]]):
        path = written(tmp_path, rows)
        found = examine(the_file(path))
        try:
            import_candles(path, tmp_path / f"data-{len(rows)}", pair=Pair.parse("BTC/USD"))
        except CandleError:
            assert not found.is_importable
        else:
            assert found.is_importable


def test_gaps_and_still_candles_are_counted_and_are_no_faults(tmp_path: Path) -> None:
    rows = quiet()
    rows[40:43] = [row(minute, volume=0.0) for minute in (40, 41, 42)]
    rows[90] = row(90, volume=0.0)
    found = examined(tmp_path, rows[:10] + rows[15:20] + rows[21:])

    assert [(gap.start - START, gap.missing) for gap in found.gaps] == [(10 * MINUTE, 5), (20 * MINUTE, 1)]
    assert (found.missing, found.still, found.longest_still) == (6, 4, 3)
    assert found.is_importable


def test_a_leap_and_a_reach_are_odd_and_a_leap_over_a_gap_is_not(tmp_path: Path) -> None:
    rows = quiet()
    rows[100] = row(100, 130.0)
    rows[150] = row(150, reach=60.0)
    found = examined(tmp_path, rows)
    assert {(each.at - START, each.what) for each in found.outliers} == {
        (100 * MINUTE, "moves"), (101 * MINUTE, "moves"), (150 * MINUTE, "reaches"),
    }  # fmt: skip

    after_a_gap = [*quiet(100), *(row(minute, 150.0 + 0.1 * (minute % 2)) for minute in range(120, 220))]
    assert examined(tmp_path, after_a_gap).outliers == ()


def test_a_dataset_is_examined_like_the_file_that_it_came_from(tmp_path: Path) -> None:
    path, pair = written(tmp_path, [*quiet(50), *quiet()[60:]]), Pair.parse("BTC/USD")
    import_candles(path, tmp_path, source="test", pair=pair)

    kept = examine_dataset(dataset_folder(tmp_path, "test", pair, MINUTE))
    assert (len(kept.candles), kept.gaps) == (190, examine(the_file(path)).gaps)


def test_a_file_without_a_single_candle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CandleError, match="not one row is a candle"):
        examine(the_file(written(tmp_path, ["x,1,2,3,4,5"])), MINUTE)


def test_the_page_shows_all_of_it_and_asks_nobody(tmp_path: Path) -> None:
    rows = quiet()
    rows[100] = row(100, 130.0)
    page = as_html(examined(tmp_path, [*rows[:20], *rows[30:], rows[-1]]), "Candles of <me>")

    assert "Candles of &lt;me&gt;" in page
    assert "An import refuses it" in page
    assert "there twice" in page
    assert "10 in 1 gaps" in page
    assert "moves" in page
    assert "http" not in page
    assert page.count("<svg") == 2


def test_the_command_prints_it_writes_the_page_and_fails_for_faults(tmp_path: Path) -> None:
    good, page = written(tmp_path, quiet()), tmp_path / "page.html"
    said = CliRunner().invoke(app, ["data", "check", str(good), "--html", str(page)])
    assert (said.exit_code, "200 candles of 1m" in said.output) == (0, True), said.output
    assert "<svg" in page.read_text()

    told = CliRunner().invoke(app, ["data", "check", str(written(tmp_path, [*quiet(), quiet()[-1]])), "--json"])
    assert told.exit_code == 1
    assert json.loads(told.output)["faults"] == [{"kind": "there twice", "count": 1, "first": ["line 202"]}]


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded candles are not beside this repository")
def test_the_flash_crash_of_ether_at_kraken_is_found(tmp_path: Path) -> None:
    found = examine(the_file(RECORDED / "kraken-spot" / "ETHUSD-1h.parquet"))

    assert found.outliers[0].at == datetime(2017, 5, 7, 22, tzinfo=UTC)
    assert (found.missing, found.is_importable) == (708, True)
