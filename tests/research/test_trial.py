"""Trials: one set of values on recorded candles."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from jarvis.backtest.runner import Backtest, Followed, run
from jarvis.backtest.venues import SETUPS
from jarvis.domain.account import VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import USD
from jarvis.research.trial import Stress, Study, run_trial
from jarvis.sim.market import SyntheticMarket
from jarvis.trading.limits import Limits
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import BarArrays, resolve
from jarvis.venues.catalog import VENUES

BTC = Pair.parse("BTC/USD")
START = datetime(2025, 3, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAYS = 4


def candles() -> list[Bar]:
    return list(SyntheticMarket(5, START, [BTC], MINUTE).bars(START, START + timedelta(days=DAYS)))


@pytest.fixture(scope="module")
def study() -> Study:
    return Study(
        candles={BTC: BarArrays.of(candles())},
        step=MINUTE,
        venue="kraken",
        strategy=STRATEGIES["moving_average_crossover"],
        interval=timedelta(minutes=15),
        limits=Limits(allowed_pairs=frozenset({BTC})),
        deposit=Decimal(10_000),
    )


@pytest.fixture(scope="module")
def values() -> dict[str, object]:
    return {"fast_bars": 4, "slow_bars": 12}


def test_a_trial_is_the_exact_backtest_in_floats(study: Study, values: dict[str, object]) -> None:
    setup = SETUPS["kraken"]
    wanted = Backtest(
        bars={BTC: candles()},
        followed=[Followed(study.strategy.name, BTC, study.interval, values)],
        limits=study.limits,
        instruments=setup.instruments,
        leverage_caps=VENUES[VenueName("kraken")].leverage_caps,
        deposits={USD: study.deposit},
    )
    exact = run(wanted)
    outcome = run_trial(study, resolve(study.strategy, values))

    assert outcome.trade_count == len(exact.trades) > 3
    assert outcome.net == pytest.approx(float(exact.waterfall.total), rel=1e-9)
    assert outcome.equity[-1] == pytest.approx(float(exact.curve[-1].equity), rel=1e-9)
    assert outcome.max_drawdown == pytest.approx(exact.performance.max_drawdown, rel=1e-9)
    assert np.prod(1 + outcome.returns) == pytest.approx(1 + outcome.total_return, rel=1e-12)
    assert len(outcome.days) == len(outcome.equity) == DAYS + 1
    assert outcome.trades.net.sum() == pytest.approx(outcome.net, rel=1e-9)


def test_a_part_of_the_candles_is_a_run_of_its_own(study: Study, values: dict[str, object]) -> None:
    begin, end = START + timedelta(days=1), START + timedelta(days=2)
    part = run_trial(study, resolve(study.strategy, values), since=begin, until=end)

    assert part.days[0] == begin.timestamp()
    assert part.days[-1] == end.timestamp()
    assert np.all(part.trades.opened_at >= begin.timestamp())
    with pytest.raises(ValueError, match="no candles in that time"):
        run_trial(study, resolve(study.strategy, values), since=end, until=end)


def test_costs_can_be_multiplied_one_by_one(study: Study, values: dict[str, object]) -> None:
    resolved = resolve(study.strategy, values)
    usual = run_trial(study, resolved)
    fees = run_trial(study, resolved, stress=Stress(fees=2))
    slippage = run_trial(study, resolved, stress=Stress(slippage=2))
    interest = run_trial(study, resolved, stress=Stress(interest=2))

    # Each lost more than before, so the positions after the first are smaller.
    assert 1.5 < fees.trading_fee / usual.trading_fee < 2
    assert slippage.slippage < 1.5 * usual.slippage < 0
    assert 1.9 < interest.interest / usual.interest < 2.1
