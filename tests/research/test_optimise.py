"""Proposals: seeded, remembered, and honest about what beats what."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from jarvis.cli import app
from jarvis.cli.wiring import CommandError
from jarvis.domain.instrument import Pair
from jarvis.research.optimise import optimise, unbeaten
from jarvis.research.space import Space, space_of
from jarvis.research.sweep import SearchFolder
from jarvis.research.trial import Study
from jarvis.sim.market import SyntheticMarket
from jarvis.trading.limits import Limits
from jarvis.trading.strategies import BUILT_IN
from jarvis.trading.strategy import BarArrays

BTC = Pair.parse("BTC/USD")
START = datetime(2025, 3, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CROSSOVER = BUILT_IN["moving_average_crossover"]


@pytest.fixture(scope="module")
def study() -> Study:
    bars = list(SyntheticMarket(5, START, [BTC], MINUTE).bars(START, START + timedelta(days=2)))
    return Study(
        candles={BTC: BarArrays.of(bars)},
        step=MINUTE,
        venue="kraken",
        strategy=CROSSOVER,
        interval=timedelta(minutes=5),
        limits=Limits(allowed_pairs=frozenset({BTC})),
        deposit=Decimal(10_000),
    )


@pytest.fixture
def space() -> Space:
    return space_of(CROSSOVER, ["fast_bars=2:20:1", "slow_bars=10:60:5", "stop_atr=1:4:0.5"], {})


def test_the_same_seed_tries_the_same_and_goes_on_from_what_was_tried(
    study: Study, space: Space, tmp_path: Path
) -> None:
    first, second = (SearchFolder(tmp_path / name, study, {}, resume=False) for name in ("a", "b"))
    for folder in (first, second):
        optimise(study, space, folder, by=["sharpe"], tries=25, seed=3)
    assert first.rows == second.rows
    assert 5 < len(first.rows) < 25  # some were given up, and some did not go together
    assert first.given_up == second.given_up > 0
    first.finish()

    again = SearchFolder(tmp_path / "a", study, {}, resume=True)
    told: list[int] = []
    optimise(study, space, again, by=["sharpe"], tries=10, seed=3, progress=told.append)
    assert told == list(range(1, 11))
    assert again.tries >= first.tries
    assert len({str(row["values"]) for row in again.rows}) == len(again.rows)
    assert again.rows[: len(first.rows)] == first.rows
    assert again.tries > first.tries


def test_with_two_measures_nothing_is_given_up_and_none_beats_the_answer(
    study: Study, space: Space, tmp_path: Path
) -> None:
    folder = SearchFolder(tmp_path, study, {}, resume=False)
    optimise(study, space, folder, by=["net", "max_drawdown"], tries=15, seed=1)
    answer = unbeaten(folder.rows, ["net", "max_drawdown"])

    assert answer
    for row in answer:
        assert not any(
            other["net"] > row["net"] and other["max_drawdown"] < row["max_drawdown"] for other in folder.rows
        )
    assert [row["net"] for row in answer] == sorted((row["net"] for row in answer), reverse=True)


def test_a_measure_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no measure 'luck'"):
        app(["optimise", "x.csv", "--search", "fast_bars=1,2", "--by", "luck"], standalone_mode=False)
