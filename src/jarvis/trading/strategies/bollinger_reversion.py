"""Bollinger mean reversion.

Idea: a close far outside of its usual band was pushed there by those who had to trade, and comes back when they are
done. Buy below the lower band, sell short above the upper one, leave at the average.
Source: John Bollinger, "Bollinger on Bollinger Bands" (2001); short-term reversal in Jegadeesh, "Evidence of
Predictable Behavior of Security Returns", Journal of Finance 45 (1990).
Weak point: it stands against every trend as long as it lasts; many small gains and, without its stop, rare large
losses.
"""

from __future__ import annotations

from decimal import Decimal

from jarvis.trading.indicators import simple_moving_average, standard_deviation
from jarvis.trading.strategies import protection
from jarvis.trading.strategies.holding import held
from jarvis.trading.strategy import BarArrays, Line, Parameter, Plan, Values, memory_of


class BollingerReversion:
    """Long after a close below the lower band, short after one above the upper band, until the average."""

    name = "bollinger_reversion"
    title = "Bollinger mean reversion"
    description = (
        "Bets that exaggeration ends: buys when the price closes far below its average, sells short far above it, and "
        "leaves when it is back. Earns while a market swings without direction."
    )
    source = (
        "John Bollinger, “Bollinger on Bollinger Bands” (2001); Jegadeesh, “Evidence of Predictable Behavior of "
        "Security Returns”, Journal of Finance 45 (1990)."
    )
    weak_point = (
        "It stands against every trend for as long as the trend lasts: many small gains, and rare large losses that "
        "only its stop keeps small."
    )
    parameters = (
        Parameter(
            "band_bars",
            "Average",
            "How many bars the average and its band cover.",
            "int",
            40,
            Decimal(5),
            Decimal(500),
            Decimal(1),
            unit="bars",
        ),
        Parameter(
            "band_width",
            "Width of the band",
            "How many standard deviations the band is away from the average. Wider means rarer and farther.",
            "decimal",
            Decimal("2.2"),
            Decimal("0.5"),
            Decimal(5),
            Decimal("0.1"),
            unit="x deviation",
        ),
        *protection.PARAMETERS,
    )

    def objection(self, values: Values) -> str:
        """Why these values do not go together."""
        return protection.objection(values)

    def warm_up(self, values: Values) -> int:
        """Bars until the band and the range are known."""
        return max(protection.bars_of(values, "band_bars"), protection.warm_up(values))

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """The plan for all bars."""
        middle, lower, upper = (line.values for line in self.lines(bars, values))
        close = bars.close
        target = held(close < lower, close > upper, close >= middle, close <= middle, memory_of(self.warm_up(values)))
        target[: self.warm_up(values) - 1] = 0
        return protection.plan_of(target, bars, values)

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """The average and its band."""
        length = protection.bars_of(values, "band_bars")
        middle = simple_moving_average(bars.close, length)
        away = standard_deviation(bars.close, length) * float(protection.number(values, "band_width"))
        return (
            Line(f"Average of {length} bars", middle),
            Line("Lower band", middle - away),
            Line("Upper band", middle + away),
        )
