"""Each planted bug is caught by the check that is meant for it, and honest strategies pass that check."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from jarvis.cli import app
from jarvis.cli.wiring import CommandError
from jarvis.domain.instrument import Pair
from jarvis.research import checks
from jarvis.research.chance import deflated_sharpe, draw_blocks, draw_trades
from jarvis.research.checks import Finding, Verdict, check
from jarvis.research.trial import Outcome, Study, run_trial
from jarvis.research.walkforward import folds_of, walk_forward
from jarvis.trading.limits import Limits
from jarvis.trading.strategies import BUILT_IN
from jarvis.trading.strategy import BarArrays, Strategy, resolve
from tests.research.broken_strategies import FORGETS_NOTHING, LOOKS_AHEAD, Broken, coin, every_bar

PAIRS = tuple(Pair.parse(f"{base}/USD") for base in ("BTC", "ETH", "SOL"))
BTC = PAIRS[0]
HOUR = timedelta(hours=1)
START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 120


@cache
def candles(trend: float = 0.0) -> Mapping[Pair, BarArrays]:
    return {
        pair: _walk(seed, price, trend) for seed, (pair, price) in enumerate(zip(PAIRS, (60e3, 3e3, 150), strict=True))
    }


def _walk(seed: int, price: float, trend: float) -> BarArrays:
    random = np.random.default_rng(seed)
    count = DAYS * 24
    moves = random.normal(0, 0.006, count) + trend * np.sign(np.sin(np.arange(count) / 60))
    closes = np.round(price * np.exp(np.cumsum(moves)), 1)
    opens = np.concatenate(([price], closes[:-1]))
    reach = np.abs(random.normal(0, 0.002, (2, count)))
    high = np.round(np.maximum(opens, closes) * (1 + reach[0]) + 0.1, 1)
    low = np.round(np.minimum(opens, closes) * (1 - reach[1]) - 0.1, 1)
    return BarArrays(int(START.timestamp()) + 3600 * np.arange(count), opens, high, low, closes, np.ones(count))


def study_of(strategy: Strategy, *, trend: float = 0.0, pairs: tuple[Pair, ...] = (BTC,)) -> Study:
    return Study(
        candles={pair: candles(trend)[pair] for pair in pairs},
        step=HOUR,
        venue="kraken",
        strategy=strategy,
        interval=HOUR,
        limits=Limits(allowed_pairs=frozenset(pairs)),
        deposit=Decimal(10_000),
    )


@pytest.mark.parametrize("broken", LOOKS_AHEAD, ids=lambda each: each.name)
def test_who_looks_ahead_is_caught(broken: Broken) -> None:
    assert not checks.look_ahead(study_of(broken), {}).is_well


@pytest.mark.parametrize("broken", FORGETS_NOTHING, ids=lambda each: each.name)
def test_who_says_something_else_live_is_caught(broken: Broken) -> None:
    assert checks.look_ahead(study_of(broken), {}).is_well
    assert not checks.warm_up(study_of(broken), {}).is_well


@pytest.mark.parametrize("strategy", BUILT_IN.values(), ids=lambda each: each.name)
def test_those_that_come_with_jarvis_are_honest(strategy: Strategy) -> None:
    study = study_of(strategy, pairs=PAIRS[:2])
    values = resolve(strategy, {})

    assert checks.look_ahead(study, values).words.startswith("Other prices")
    assert checks.warm_up(study, values).words.startswith("The last")


def test_who_looks_ahead_gets_no_result_to_be_proud_of() -> None:
    *findings, verdict = check(study_of(LOOKS_AHEAD[0]), {})

    assert [each.name for each in findings if isinstance(each, Finding)] == ["look_ahead", "warm_up"]
    assert isinstance(verdict, Verdict)
    assert not verdict.is_well
    assert run_trial(study_of(LOOKS_AHEAD[0]), {}).net > 0  # it does earn, in a world that knows tomorrow


def test_who_lives_from_low_costs_is_caught() -> None:
    study = study_of(every_bar(BTC))
    outcome = run_trial(study, {})

    assert not checks.cost_stress(study, {}, outcome).is_well


def test_the_best_of_many_coins_is_caught() -> None:
    coins = [run_trial(study_of(coin(seed)), {}) for seed in range(40)]
    best = max(coins, key=lambda each: each.sharpe)
    ratios = [each.sharpe for each in coins]

    assert checks.deflated(best, 40, ratios).numbers["probability"] < 0.95
    assert (
        checks.deflated(best, 1, ()).numbers["probability"] > checks.deflated(best, 40, ratios).numbers["probability"]
    )


def test_a_peak_among_losers_is_no_plateau() -> None:
    outcome = run_trial(study_of(coin(1)), {})
    lucky, loser = replace(outcome, net=500.0), replace(outcome, net=-300.0)

    assert not checks.plateau(lucky, [loser] * 8).is_well
    assert checks.plateau(lucky, [replace(outcome, net=400.0)] * 8).is_well
    assert not checks.plateau(lucky, []).is_well


def test_too_few_positions_say_nothing() -> None:
    outcome = run_trial(study_of(coin(1)), {}, until=START + timedelta(days=3))

    assert "too few" in checks.drawn(outcome).words


def test_a_whole_verdict_is_made_of_seven_findings() -> None:
    strategy = BUILT_IN["moving_average_crossover"]
    *findings, verdict = check(study_of(strategy, trend=0.002), {"fast_bars": 10, "slow_bars": 40}, tries=3)

    assert isinstance(verdict, Verdict)
    assert [each.name for each in verdict.findings] == [
        "look_ahead", "warm_up", "cost_stress", "luck", "deflated_sharpe", "plateau", "walk_forward",
    ]  # fmt: skip
    assert verdict.findings == tuple(findings)
    told = verdict.to_json()
    assert told["tries"] == 3
    assert told["is_well"] == all(each["is_well"] for each in told["findings"])
    assert all(each["words"].endswith(".") for each in told["findings"])


def test_between_choosing_and_measuring_lies_an_embargo() -> None:
    study = study_of(coin(1))
    folds = list(folds_of(study, 3, timedelta(days=2)))

    for fold in folds:
        assert fold.measured_from - fold.chosen_until == timedelta(days=2)
        assert fold.chosen_from < fold.chosen_until
    assert [fold.measured_until for fold in folds[:-1]] == [fold.measured_from for fold in folds[1:]]
    assert folds[-1].measured_until <= study.span[1]
    assert {fold.chosen_from for fold in folds_of(study, 3, timedelta(days=2), anchored=True)} == {study.span[0]}
    with pytest.raises(ValueError, match="too little time"):
        list(folds_of(study, 3, timedelta(days=90)))


def test_walking_forward_chooses_what_was_best_before() -> None:
    strategy = BUILT_IN["moving_average_crossover"]
    study = study_of(strategy, trend=0.002)
    tried = [resolve(strategy, {"fast_bars": fast, "slow_bars": 60}) for fast in (5, 20)]
    for measured in walk_forward(study, tried, folds_of(study, 2, timedelta(days=1))):
        ratios = [
            run_trial(study, each, since=measured.fold.chosen_from, until=measured.fold.chosen_until).sharpe
            for each in tried
        ]
        assert measured.values == tried[int(np.argmax(ratios))]
        assert isinstance(measured.outcome, Outcome)


def test_the_deflated_ratio_falls_with_the_tries_and_rises_with_the_days() -> None:
    random = np.random.default_rng(4)
    returns = random.normal(0.001, 0.01, 400)
    by_tries = [deflated_sharpe(returns, tries, 0.05) for tries in (1, 10, 100, 1000)]

    assert by_tries == sorted(by_tries, reverse=True)
    assert deflated_sharpe(np.tile(returns, 4), 10, 0.05) > by_tries[1]
    assert deflated_sharpe(np.zeros(50), 1, 0.05) == 0
    assert deflated_sharpe(returns[:2], 1, 0.05) == 0


def test_draws_are_seeded_and_know_a_sure_thing() -> None:
    winners = np.full(50, 10.0)
    assert draw_trades(winners, 1000.0, 200, 1).lost == 0
    assert draw_trades(-winners, 1000.0, 200, 1).lost == 1
    mixed = np.random.default_rng(2).normal(0, 10, 60)
    assert draw_trades(mixed, 1000.0, 200, 7) == draw_trades(mixed, 1000.0, 200, 7)
    assert draw_trades(mixed, 1000.0, 200, 7) != draw_trades(mixed, 1000.0, 200, 8)
    days = np.full(60, -0.01)
    assert draw_blocks(days, 50, 1).deepest == pytest.approx(1 - 0.99**60)


def test_the_commands_say_it_in_words_and_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bars = candles(0.002)[BTC]
    rows = zip(*(getattr(bars, name).tolist() for name in BarArrays.__slots__), strict=True)
    lines = [f"{at * 1000},{','.join(map(str, prices))}" for at, *prices in rows]
    path = tmp_path / "btc.csv"
    path.write_text("\n".join(["ts,open,high,low,close,volume", *lines]) + "\n")

    with pytest.raises(SystemExit) as ended:
        app(["verdict", str(path), "--interval", "1h", "--tries", "50", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert ended.value.code == (0 if told["is_well"] else 1)
    assert told["tries"] == 50
    assert len(told["findings"]) == 7

    asked = ["--search", "fast_bars=5,10", "--search", "slow_bars=40,8", "--folds", "2", "--interval", "1h"]
    app(["walkforward", str(path), *asked, "--json"], standalone_mode=False)
    folds = json.loads(capsys.readouterr().out)
    assert folds["tried"] == 3
    assert len(folds["folds"]) == 2
    assert folds["net"] == pytest.approx(sum(each["net"] for each in folds["folds"]))
    app(["walkforward", str(path), *asked], standalone_mode=False)
    assert "Measured where nothing was chosen, 2 stretches" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no search"):
        app(["verdict", str(path), "--interval", "1h", "--found-in", str(tmp_path)], standalone_mode=False)
