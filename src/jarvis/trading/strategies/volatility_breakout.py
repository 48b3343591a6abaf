"""Volatility breakout.

Idea: a bar that moves farther than bars usually reach means that somebody knows something, or must. Go with it, for a
given number of bars.
Source: Larry Williams, "Long-Term Secrets to Short-Term Trading" (1999).
Weak point: it buys after the jump, at the worst price of the bar and the widest spread; news that was only a rumour
takes it all back.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from jarvis.trading.indicators import average_true_range, earlier
from jarvis.trading.strategies import protection
from jarvis.trading.strategies.holding import held
from jarvis.trading.strategy import BarArrays, Line, Parameter, Plan, Values, memory_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class VolatilityBreakout:
    """Long after a bar that rose beyond its usual range, short after one that fell so, for a number of bars."""

    name = "volatility_breakout"
    title = "Volatility breakout"
    description = (
        "Goes with a jump: long after a bar that closed farther above the last close than bars usually reach, short "
        "after one as far below, and out again after some bars. Earns when surprises travel on."
    )
    source = "Larry Williams, “Long-Term Secrets to Short-Term Trading” (1999)."
    weak_point = (
        "It buys after the jump, at the worst price of the bar and the widest spread; what was only a rumour takes it "
        "all back."
    )
    parameters = (
        Parameter(
            "jump_atr",
            "Jump",
            "How far a close must be from the one before, in average true ranges as they were before it.",
            "decimal",
            Decimal("1.8"),
            Decimal("0.2"),
            Decimal(10),
            Decimal("0.1"),
            unit="x range",
        ),
        Parameter(
            "hold_bars",
            "Held for",
            "After how many bars without another jump the wish ends.",
            "int",
            24,
            Decimal(1),
            Decimal(500),
            Decimal(1),
            unit="bars",
        ),
        *protection.PARAMETERS,
    )

    def objection(self, values: Values) -> str:
        """Why these values do not go together."""
        return protection.objection(values)

    def warm_up(self, values: Values) -> int:
        """Bars until the range before the last bar is known."""
        return protection.warm_up(values) + 1

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """The plan for all bars."""
        upper, lower = (line.values for line in self.lines(bars, values))
        never: npt.NDArray[np.bool_] = bars.close != bars.close
        most = min(protection.bars_of(values, "hold_bars"), memory_of(self.warm_up(values)))
        target = held(bars.close > upper, bars.close < lower, never, never, most)
        target[: self.warm_up(values) - 1] = 0
        return protection.plan_of(target, bars, values)

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """How far a close had to reach."""
        before = earlier(bars.close, 1)
        usual = earlier(average_true_range(bars, protection.bars_of(values, "atr_bars")), 1)
        reach = usual * float(protection.number(values, "jump_atr"))
        return (Line("A jump up", before + reach), Line("A jump down", before - reach))
