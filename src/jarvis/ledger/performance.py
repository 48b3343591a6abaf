"""Statistics of an equity curve and of closed positions: one definition for pages, reports and backtests.

Formulas. The growth index starts at 1 and multiplies by (equity - flow) / previous equity at each point, so that
deposits and withdrawals earn nothing. Daily returns are the index's changes from one UTC day's last point to the
next one's; days without a point repeat the last. Crypto trades every day: a year has 365; the riskless rate is zero.

- total return: index at the end - 1
- maximum drawdown: the largest fall of the index below its own peak so far, as a fraction of that peak
- Sharpe: mean(r) / stdev(r) x sqrt(365), stdev with n - 1
- Sortino: mean(r) / sqrt(mean(min(r, 0)^2)) x sqrt(365)
- exposure: the share of the curve's time in which at least one position was open
- win rate: closed positions that earned more than zero, over all closed ones
- profit factor: the sum of what winners earned over the sum of what losers lost

What cannot be computed (no days, no losers) is None, never zero.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import sqrt
from statistics import fmean, stdev

from jarvis.domain.money import ZERO

DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Equity at an instant, and what was paid in (positive) or out since the point before."""

    at: datetime
    equity: Decimal
    flow: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class PositionResult:
    """One position's life and result (fees and rollover included); `closed_at` is None while it is open."""

    opened_at: datetime
    closed_at: datetime | None
    result: Decimal


@dataclass(frozen=True, slots=True)
class Performance:
    """The statistics; fractions (0.1 = 10 %). Floats: they describe, nothing is ever ordered from them."""

    total_return: float | None
    max_drawdown: float | None
    sharpe: float | None
    sortino: float | None
    exposure: float | None
    closed_positions: int
    win_rate: float | None
    profit_factor: float | None


def performance(curve: Sequence[EquityPoint], positions: Sequence[PositionResult]) -> Performance:
    """The statistics of a curve, oldest point first, and of the positions held within it."""
    index = growth_index(curve)
    returns = daily_returns(curve, index)
    closed = [position.result for position in positions if position.closed_at is not None]
    won = sum((result for result in closed if result > 0), ZERO)
    lost = -sum((result for result in closed if result < 0), ZERO)
    return Performance(
        total_return=index[-1] - 1 if index else None,
        max_drawdown=max_drawdown(index),
        sharpe=_ratio(returns, stdev(returns) if len(returns) > 1 else 0.0),
        sortino=_ratio(returns, sqrt(fmean(min(r, 0.0) ** 2 for r in returns)) if returns else 0.0),
        exposure=_exposure(curve, positions),
        closed_positions=len(closed),
        win_rate=sum(result > 0 for result in closed) / len(closed) if closed else None,
        profit_factor=float(won / lost) if lost else None,
    )


def growth_index(curve: Sequence[EquityPoint]) -> list[float]:
    """What one unit became at each point, flows excluded; zero from the point at which the equity was gone."""
    if not curve:
        return []
    index = [1.0]
    previous = curve[0].equity
    for point in curve[1:]:
        growth = float((point.equity - point.flow) / previous) if previous > 0 else 0.0
        index.append(index[-1] * max(growth, 0.0))
        previous = point.equity
    return index


def max_drawdown(index: Iterable[float]) -> float | None:
    """The largest fall below the peak so far, as a positive fraction of it; None without a point."""
    peak, deepest = None, 0.0
    for value in index:
        peak = value if peak is None else max(peak, value)
        deepest = max(deepest, 1 - value / peak)
    return None if peak is None else deepest


def daily_returns(curve: Sequence[EquityPoint], index: Sequence[float]) -> list[float]:
    """The index's change over each UTC day; the first day counts from the curve's first point."""
    ends: dict[date, float] = {}
    for point, value in zip(curve, index, strict=True):
        ends[point.at.astimezone(UTC).date()] = value
    if not ends:
        return []
    returns, before, day = [], 1.0, min(ends)
    while day <= max(ends):
        value = ends.get(day, before)
        returns.append(value / before - 1 if before else 0.0)
        before = value
        day += timedelta(days=1)
    return returns


def _ratio(returns: Sequence[float], spread: float) -> float | None:
    return fmean(returns) / spread * sqrt(DAYS_A_YEAR) if spread else None


def _exposure(curve: Sequence[EquityPoint], positions: Sequence[PositionResult]) -> float | None:
    if not curve or curve[-1].at <= curve[0].at:
        return None
    start, end = curve[0].at, curve[-1].at
    spans = sorted((max(p.opened_at, start), min(p.closed_at or end, end)) for p in positions)
    held, reached = timedelta(), start
    for opened_at, closed_at in spans:
        held += max(timedelta(), closed_at - max(opened_at, reached))
        reached = max(reached, closed_at)
    return held / (end - start)
