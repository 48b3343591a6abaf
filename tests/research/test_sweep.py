"""Trying many values: the same results in one process, in two, and after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from jarvis.domain.instrument import Pair
from jarvis.research.pictures import search_page
from jarvis.research.space import Space, space_of
from jarvis.research.sweep import SearchError, SearchFolder, best, sweep
from jarvis.research.trial import Study
from jarvis.sim.market import SyntheticMarket
from jarvis.trading.limits import Limits
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import BarArrays

BTC = Pair.parse("BTC/USD")
START = datetime(2025, 3, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CROSSOVER = STRATEGIES["moving_average_crossover"]
SEARCHED = ("fast_bars=4:10:2", "slow_bars=8,16,24")


@pytest.fixture(scope="module")
def study() -> Study:
    bars = list(SyntheticMarket(5, START, [BTC], MINUTE).bars(START, START + timedelta(days=3)))
    return Study(
        candles={BTC: BarArrays.of(bars)},
        step=MINUTE,
        venue="kraken",
        strategy=CROSSOVER,
        interval=timedelta(minutes=15),
        limits=Limits(allowed_pairs=frozenset({BTC})),
        deposit=Decimal(10_000),
    )


@pytest.fixture
def space() -> Space:
    return space_of(CROSSOVER, SEARCHED, {"sides": "long only"})


def test_a_search_tries_all_that_goes_together_and_counts_it(study: Study, space: Space, tmp_path: Path) -> None:
    folder = SearchFolder(tmp_path / "s", study, {}, resume=False)
    told: list[int] = []
    skipped = sweep(study, space.grid(), folder, progress=told.append)
    written = folder.finish()
    assert written is not None
    table = pl.read_parquet(written)

    assert space.size == 12
    assert [each.why for each in skipped] == ["The fast average must cover fewer bars than the slow one."] * 2
    assert len(folder.rows) == len(table) == told[-1] == 10
    assert json.loads((tmp_path / "s" / "manifest.json").read_text())["trials"] == 10
    assert {row["values"]["sides"] for row in folder.rows} == {"long only"}
    ordered = best(folder.rows, "max_drawdown")
    assert ordered[0]["max_drawdown"] < ordered[-1]["max_drawdown"]


def test_two_processes_and_a_second_beginning_give_the_same_lines(study: Study, space: Space, tmp_path: Path) -> None:
    alone, shared, broken = (tmp_path / name for name in ("alone", "shared", "broken"))
    sweep(study, space.grid(), SearchFolder(alone, study, {}, resume=False))
    sweep(study, space.grid(), SearchFolder(shared, study, {}, resume=False), workers=2)
    expected = (alone / "results.jsonl").read_text()

    broken.mkdir()
    (broken / "manifest.json").write_text((alone / "manifest.json").read_text())
    lines = expected.splitlines(keepends=True)
    (broken / "results.jsonl").write_text("".join(lines[:3]) + lines[3][:40])  # killed within a line
    sweep(study, space.grid(), SearchFolder(broken, study, {}, resume=True))

    assert (shared / "results.jsonl").read_text() == expected
    assert (broken / "results.jsonl").read_text() == expected


def test_a_folder_belongs_to_one_search(study: Study, tmp_path: Path) -> None:
    SearchFolder(tmp_path, study, {"seed": 1}, resume=False)
    with pytest.raises(SearchError, match="--resume"):
        SearchFolder(tmp_path, study, {"seed": 1}, resume=False)
    with pytest.raises(SearchError, match="its seed is not the same"):
        SearchFolder(tmp_path, study, {"seed": 2}, resume=True)
    with pytest.raises(SearchError, match="its deposit is not the same"):
        SearchFolder(tmp_path, replace(study, deposit=Decimal(5)), {"seed": 1}, resume=True)


def test_chance_is_seeded_and_tries_nothing_twice(space: Space) -> None:
    drawn = [tuple(values.items()) for values in space.random(7, seed=3)]

    assert len(set(drawn)) == 7
    assert drawn == [tuple(values.items()) for values in space.random(7, seed=3)]
    assert drawn != [tuple(values.items()) for values in space.random(7, seed=4)]
    assert list(space.random(99, seed=3)) == list(space.grid())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fast_bars", "neither NAME=FROM:TO:STEP"),
        ("speed=1,2", "no parameter called speed"),
        ("fast_bars=1:9:0", "goes nowhere"),
        ("fast_bars=9:1", "goes nowhere"),
        ("fast_bars=a:b", "no range of numbers"),
        ("fast_bars=0:5:1", "outside 1 to 400"),
        ("stop_kind=fixed:trailing", "no range"),
        ("stop_atr=1:20:0.0001", "take larger steps"),
        ("sides=long only", "searched and given"),
    ],
)
def test_a_range_that_means_nothing_is_refused_in_words(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        space_of(CROSSOVER, [text], {"sides": "long only"})


def test_the_page_says_every_number_and_needs_nothing_from_outside(study: Study, space: Space, tmp_path: Path) -> None:
    folder = SearchFolder(tmp_path, study, {}, resume=False)
    sweep(study, space.grid(), folder)
    page = search_page(folder.rows, space, "sharpe")

    assert "http" not in page
    assert "<script" not in page
    assert page.count("<polyline") == 10
    assert "10 tries" in page
    assert "Fast average" in page
    assert "<td>-</td>" in page  # what does not go together is an empty cell


def test_a_command_that_is_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    candles = tmp_path / "btc.csv"
    bars = SyntheticMarket(5, START, [BTC], MINUTE).bars(START, START + timedelta(days=2))
    rows = [f"{int(b.opened_at.timestamp() * 1000)},{b.open},{b.high},{b.low},{b.close},{b.volume}" for b in bars]
    candles.write_text("\n".join(["ts,open,high,low,close,volume", *rows]) + "\n")
    asked = ["sweep", str(candles), "--search", "fast_bars=2:60:1", "--search", "slow_bars=61:120:1"]
    asked += ["--out", str(tmp_path / "out"), "--json"]
    first = subprocess.Popen([sys.executable, "-m", "jarvis", *asked], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = tmp_path / "out" / "results.jsonl"
    deadline = time.monotonic() + 120
    while not (lines.exists() and lines.stat().st_size) and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGINT)
    said, told = first.communicate(timeout=60)

    stopped = json.loads(said)
    assert first.returncode == 130
    assert not stopped["is_complete"]
    assert 0 < stopped["trials"] < 3540
    assert b"--resume" in told
    kept = len(lines.read_text().splitlines())
    assert kept == stopped["trials"] == len(pl.read_parquet(tmp_path / "out" / "results.parquet"))
