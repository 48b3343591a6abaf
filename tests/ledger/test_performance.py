from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import sqrt
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.ledger.performance import EquityPoint, PositionResult, daily_returns, growth_index, performance

START = datetime(2025, 1, 1, 12, tzinfo=UTC)


def curve_of(*equities: int, hours: int = 24) -> list[EquityPoint]:
    return [EquityPoint(START + timedelta(hours=hours * n), Decimal(equity)) for n, equity in enumerate(equities)]


def test_return_and_drawdown_follow_their_formulas() -> None:
    result = performance(curve_of(100, 120, 90, 110), [])

    assert result.total_return == pytest.approx(0.1)
    assert result.max_drawdown == pytest.approx(0.25)


def test_sharpe_and_sortino_are_annualised_over_365_daily_returns() -> None:
    result = performance(curve_of(100, 110, 99, 99), [])

    returns = [0.0, 0.1, -0.1, 0.0]
    assert result.sharpe == pytest.approx(fmean(returns) / stdev(returns) * sqrt(365), abs=1e-9)
    assert result.sortino == pytest.approx(fmean(returns) / sqrt(0.01 / 4) * sqrt(365), abs=1e-9)


def test_a_deposit_is_no_profit_and_a_withdrawal_no_loss() -> None:
    curve = [
        EquityPoint(START, Decimal(100)),
        EquityPoint(START + timedelta(hours=1), Decimal(1110), flow=Decimal(1000)),
        EquityPoint(START + timedelta(hours=2), Decimal(110), flow=Decimal(-1000)),
    ]

    result = performance(curve, [])

    assert result.total_return == pytest.approx(0.1)
    assert result.max_drawdown == 0.0


def test_a_day_without_a_point_earns_nothing() -> None:
    curve = [EquityPoint(START, Decimal(100)), EquityPoint(START + timedelta(days=3), Decimal(120))]

    assert daily_returns(curve, growth_index(curve)) == pytest.approx([0.0, 0.0, 0.0, 0.2])


def test_equity_that_is_gone_stays_gone() -> None:
    result = performance(curve_of(100, -5, 50), [])

    assert result.total_return == -1.0
    assert result.max_drawdown == 1.0


def test_what_cannot_be_computed_is_none() -> None:
    nothing = performance([], [])
    flat = performance(curve_of(100), [])

    assert (nothing.total_return, nothing.max_drawdown, nothing.sharpe, nothing.exposure) == (None, None, None, None)
    assert (flat.sharpe, flat.sortino, flat.exposure, flat.win_rate, flat.profit_factor) == (None,) * 5


def test_exposure_counts_overlapping_positions_once_and_open_ones_to_the_end() -> None:
    hour = timedelta(hours=1)
    positions = [
        PositionResult(START + hour, START + 3 * hour, Decimal(1)),
        PositionResult(START + 2 * hour, START + 4 * hour, Decimal(1)),
        PositionResult(START + 9 * hour, None, Decimal(0)),
    ]

    result = performance(curve_of(1, 1, 1, hours=5), positions)

    assert result.exposure == pytest.approx(0.4)


def test_win_rate_and_profit_factor_count_closed_positions() -> None:
    closed = [PositionResult(START, START, Decimal(result)) for result in (30, -10, -5, 0)]

    result = performance(curve_of(1, 1), [*closed, PositionResult(START, None, Decimal(99))])

    assert (result.closed_positions, result.win_rate, result.profit_factor) == (4, 0.25, 2.0)


@given(st.lists(st.integers(1, 10**9), min_size=2, max_size=40))
def test_drawdown_stays_within_bounds_and_return_is_last_over_first(equities: list[int]) -> None:
    result = performance(curve_of(*equities, hours=7), [])

    assert result.max_drawdown is not None
    assert result.total_return is not None
    assert 0 <= result.max_drawdown < 1
    assert result.total_return == pytest.approx(equities[-1] / equities[0] - 1, rel=1e-9, abs=1e-9)
