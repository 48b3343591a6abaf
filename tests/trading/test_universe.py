"""Several pairs side by side: rows that fit, nothing from later, and words where there is nothing to compare with."""

from datetime import timedelta

import numpy as np
import pytest

from jarvis.backtest.runner import Backtest, Followed, run
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import USD
from jarvis.sim.instruments import kraken_instruments
from jarvis.trading.limits import Limits
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import BarArrays, resolve
from jarvis.trading.universe import aligned, looks_at, others_of, seen_on, source_of, universe_of

from .bench import BTC, ETH, HOUR, START, D

SOL = Pair.parse("SOL/USD")
SPREAD = STRATEGIES["pairs_spread"]
RANKING = STRATEGIES["cross_sectional_momentum"]


def of_rows(rows: dict[int, float]) -> BarArrays:
    """Bars by the number of their hour."""
    close = np.array(list(rows.values()), dtype=np.float64)
    opened_at = np.array(list(rows), dtype=np.int64) * 3600
    return BarArrays(opened_at, close - 1, close + 2, close - 2, close, np.full(len(close), 7.0))


def test_a_missing_bar_repeats_the_last_close_and_is_marked() -> None:
    own = of_rows({1: 10, 2: 11, 3: 12, 5: 13, 6: 14})

    other = others_of(aligned(own, {ETH.base: of_rows({2: 100, 4: 200, 6: 300})}))[ETH.base]

    assert other.repeated.tolist() == [True, False, True, True, False]
    assert np.array_equal(other.bars.close, [np.nan, 100, 100, 200, 300], equal_nan=True)
    assert np.array_equal(other.bars.open, [np.nan, 99, 100, 200, 299], equal_nan=True)
    assert np.array_equal(other.bars.high, [np.nan, 102, 100, 200, 302], equal_nan=True)
    assert np.array_equal(other.bars.low, [np.nan, 98, 100, 200, 298], equal_nan=True)
    assert other.bars.volume.tolist() == [0, 7, 0, 0, 7]
    assert other.bars.opened_at is own.opened_at


def test_who_has_no_bars_at_all_is_unknown_in_every_row() -> None:
    other = others_of(aligned(of_rows({1: 10, 2: 11}), {ETH.base: of_rows({})}))[ETH.base]

    assert other.repeated.all()
    assert np.isnan(other.bars.close).all()


def test_what_is_not_on_offer_is_left_out_until_nothing_is_left_to_compare_with() -> None:
    ranking, spread = resolve(RANKING, {}), resolve(SPREAD, {})

    assert universe_of(RANKING, ranking, BTC, [BTC, SOL, ETH]) == (ETH, SOL)
    assert universe_of(STRATEGIES["donchian_breakout"], {}, BTC, [BTC]) == ()
    with pytest.raises(ValueError, match="Pairs spread compares BTC/USD with ETH/USD, and there are no candles"):
        universe_of(SPREAD, spread, BTC, [BTC, SOL])
    with pytest.raises(ValueError, match="Pairs spread of BTC and ETH is followed on one of these, not on SOL/USD"):
        universe_of(SPREAD, spread, SOL, [BTC, ETH, SOL])
    with pytest.raises(ValueError, match="needs two coins that are not the same"):
        resolve(SPREAD, {"one_coin": "ETH"})
    with pytest.raises(ValueError, match="there are no candles of that here"):
        source_of(RANKING, {}, BTC, HOUR, [BTC])


def test_an_ensemble_looks_at_what_its_members_look_at() -> None:
    ensemble = STRATEGIES["ensemble"]

    assert looks_at(ensemble, resolve(ensemble, {}), BTC) == ()
    assert set(looks_at(ensemble, resolve(ensemble, {"weight_ranking": 1}), BTC)) >= {"ETH", "BNB"}
    with pytest.raises(ValueError, match="At least one strategy must have a weight"):
        resolve(ensemble, {each.name: 0 for each in ensemble.parameters if each.name.startswith("weight_")})


def test_both_legs_of_a_spread_see_the_same_and_do_the_opposite() -> None:
    random = np.random.default_rng(4)
    both = np.cumsum(random.normal(0, 0.4, 600))
    candles = {
        pair: of_rows(dict(enumerate(200 + both + np.cumsum(random.normal(0, 0.2, 600))))) for pair in (BTC, ETH)
    }
    values = resolve(SPREAD, {})

    one, two = (SPREAD.compute(seen_on(SPREAD, values, pair, candles), values).target for pair in (BTC, ETH))

    assert set(one.tolist()) == {-1, 0, 1}
    assert one.tolist() == (-two).tolist()


def test_a_ranking_that_turns_is_followed_when_most_portfolios_have_turned() -> None:
    steps = np.arange(80.0)
    turning = np.where(steps < 40, 100 + steps, 140 - (steps - 40))
    candles = {BTC: of_rows(dict(enumerate(turning)))}
    candles |= {each: of_rows(dict(enumerate(100 + steps * slope))) for each, slope in ((ETH, 0.1), (SOL, 0.2))}
    values = resolve(RANKING, {"look_back_bars": 10, "hold_bars": 5, "places": 1, "atr_bars": 4})

    target = RANKING.compute(seen_on(RANKING, values, BTC, candles), values).target.tolist()

    assert target[:14] == [0] * 14
    assert target[14:40] == [1] * 26
    assert target[-25:] == [-1] * 25
    assert sorted(target[14:], reverse=True) == target[14:], "it turns once"


def test_a_vote_is_taken_by_weight_and_a_weaker_one_rests_its_stop_farther_away() -> None:
    ensemble = STRATEGIES["ensemble"]
    alone = {each.name: 0 for each in ensemble.parameters if each.name.startswith("weight_")}
    bars = of_rows(dict(enumerate(1000 + np.cumsum(np.random.default_rng(8).normal(0, 4, 900)))))

    def planned(**weights: object) -> tuple[list[int], list[float]]:
        values = resolve(ensemble, {**alone, "weight_crossover": 1, **weights})
        plan = ensemble.compute(bars, values)
        return plan.target.tolist()[200:], plan.stop_distance.tolist()[200:]

    single, whole = planned()
    outvoted, _ = planned(weight_momentum="0.1")
    both, away = planned(weight_momentum=1, agreement="0.5")

    crossover = STRATEGIES["moving_average_crossover"]
    assert single == crossover.compute(bars, resolve(crossover, {})).target.tolist()[200:]
    assert outvoted == single
    ratios = {round(ours / full, 6) for ours, full, wish in zip(away, whole, both, strict=True) if wish}
    assert ratios == {1.0, 2.0}, "half of the vote is twice the distance"


def test_a_backtest_follows_both_legs_of_a_spread() -> None:
    candles = {BTC: legs_bars(BTC, 3), ETH: legs_bars(ETH, -3)}
    values = {"spread_bars": 20, "most_bars": 20, "atr_bars": 5, "least_correlation": -1, "enter_beyond": "1.2"}
    wanted = Backtest(
        bars=candles,
        followed=[
            Followed("pairs_spread", BTC, HOUR, values),
            Followed("pairs_spread", ETH, HOUR, values),
        ],
        limits=Limits(allowed_pairs=frozenset(candles)),
        instruments=kraken_instruments(),
        leverage_caps={BTC: 10, ETH: 10},
        deposits={USD: D(10_000)},
    )

    result = run(wanted)

    opened = {pair: {(each.opened_at, each.side) for each in result.trades if each.pair == pair} for pair in candles}
    assert len(opened[BTC]) > 3
    assert {(at, side.opposite) for at, side in opened[BTC]} & opened[ETH]


def legs_bars(pair: Pair, swing: int) -> list[Bar]:
    bars = []
    for row in range(300):
        price = D(1000 + swing * abs(row % 40 - 20))
        bars.append(Bar(pair, HOUR, START + row * timedelta(hours=1), price, price + 3, price - 3, price, D(50)))
    return bars
