"""Moving-average crossover.

Idea: a short average above a long one means that prices have been rising for a while, and trends tend to last longer
than chance would have it. Long while the short average is above, short while it is below.
Source: old charting practice; studied as a rule by Brock, Lakonishok and LeBaron, "Simple Technical Trading Rules and
the Stochastic Properties of Stock Returns", Journal of Finance 47 (1992).
Weak point: in a market without direction the averages cross again and again and each crossing pays fees and spread;
it also enters late and leaves late by construction.
"""

from __future__ import annotations

from decimal import Decimal

from jarvis.trading.indicators import simple_moving_average
from jarvis.trading.strategies import protection
from jarvis.trading.strategy import BarArrays, Line, Parameter, Plan, Values, memory_of

_TIE = 1e-9
"""Averages closer than this fraction of the price are equal: float sums must not make a crossing."""


class MovingAverageCrossover:
    """Long while the fast average is above the slow one, short while it is below."""

    name = "moving_average_crossover"
    title = "Moving-average crossover"
    description = (
        "Follows the trend: long while the average of the last few bars is above the average of many bars, short "
        "while it is below. Earns in long, quiet trends; in a market without direction it trades often and pays for "
        "each change of mind."
    )
    source = (
        "Old charting practice; studied as a rule by Brock, Lakonishok and LeBaron, “Simple Technical Trading Rules "
        "and the Stochastic Properties of Stock Returns”, Journal of Finance 47 (1992)."
    )
    weak_point = (
        "In a market without direction the averages cross again and again, and each crossing pays fees and spread. It "
        "enters late and leaves late by construction."
    )
    parameters = (
        Parameter(
            "fast_bars",
            "Fast average",
            "How many bars the short average covers. Fewer bars react sooner and err more often.",
            "int",
            20,
            Decimal(1),
            Decimal(400),
            Decimal(1),
            unit="bars",
        ),
        Parameter(
            "slow_bars",
            "Slow average",
            "How many bars the long average covers. It must be longer than the fast one.",
            "int",
            60,
            Decimal(2),
            Decimal(1000),
            Decimal(1),
            unit="bars",
        ),
        *protection.PARAMETERS,
    )

    def objection(self, values: Values) -> str:
        """Why these values do not go together."""
        if protection.bars_of(values, "fast_bars") >= protection.bars_of(values, "slow_bars"):
            return "The fast average must cover fewer bars than the slow one."
        return protection.objection(values)

    def warm_up(self, values: Values) -> int:
        """Bars until both averages and the range are known."""
        return max(protection.bars_of(values, "slow_bars"), protection.warm_up(values))

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """The plan for all bars."""
        import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

        fast, slow = (line.values for line in self.lines(bars, values))
        apart = np.nan_to_num(fast - slow)
        sides = np.where(np.abs(apart) > _TIE * bars.close, np.sign(apart), 0).astype(np.int8)
        # A tie keeps the last wish: each row takes the nearest earlier row that has one.
        decided = np.maximum.accumulate(np.where(sides != 0, np.arange(len(sides)), 0))
        is_remembered = np.arange(len(sides)) - decided < memory_of(self.warm_up(values))
        target = np.where(is_remembered, sides[decided], 0).astype(np.int8)
        target[: self.warm_up(values) - 1] = 0
        return protection.plan_of(target, bars, values)

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """Both averages."""
        fast, slow = protection.bars_of(values, "fast_bars"), protection.bars_of(values, "slow_bars")
        return (
            Line(f"Average of {fast} bars", simple_moving_average(bars.close, fast)),
            Line(f"Average of {slow} bars", simple_moving_average(bars.close, slow)),
        )
