"""RSI pullback in a trend.

Idea: in a rising market a few falling bars are a cheaper way in than the top. Buy when the long average says up and the
relative strength of the last few bars says tired; leave when it has recovered or the trend is over. Short the other
way round.
Source: J. Welles Wilder, "New Concepts in Technical Trading Systems" (1978), for the index; Larry Connors, "Short Term
Trading Strategies That Work" (2008), for the pullback. The index is Cutler's, with plain averages: Wilder's own never
forgets its first bar.
Weak point: the pullback that is not one: the first bars of a real turn look just the same.
"""

from __future__ import annotations

from decimal import Decimal

from jarvis.trading.indicators import relative_strength, simple_moving_average
from jarvis.trading.strategies import protection
from jarvis.trading.strategies.holding import held
from jarvis.trading.strategy import BarArrays, Line, Parameter, Plan, Values, memory_of

_MIDDLE = 50.0
_WHOLE = 100.0


class RsiPullback:
    """Long in a rising market when the last bars were weak, short in a falling one when they were strong."""

    name = "rsi_pullback"
    title = "RSI pullback in a trend"
    description = (
        "Buys the breather of a rising market: the long average says up, the last few bars say tired. Leaves when they "
        "have recovered or the trend is over; sells short the other way round."
    )
    source = (
        "J. Welles Wilder, “New Concepts in Technical Trading Systems” (1978); Larry Connors, “Short Term Trading "
        "Strategies That Work” (2008). The index with plain averages is Cutler's."
    )
    weak_point = "The pullback that is none: the first bars of a real turn look just the same."
    parameters = (
        Parameter(
            "trend_bars",
            "Trend average",
            "How many bars the average covers that says which way the market goes.",
            "int",
            150,
            Decimal(10),
            Decimal(1000),
            Decimal(1),
            unit="bars",
        ),
        Parameter(
            "rsi_bars",
            "Index look-back",
            "Over how many bars gains are weighed against losses. Few bars make the index jump.",
            "int",
            4,
            Decimal(2),
            Decimal(100),
            Decimal(1),
            unit="bars",
        ),
        Parameter(
            "tired_below",
            "Tired below",
            "At which index (0 to 100) the last bars count as weak. For shorts it is 100 less this.",
            "decimal",
            Decimal(25),
            Decimal(1),
            Decimal(49),
            Decimal(1),
        ),
        *protection.PARAMETERS,
    )

    def objection(self, values: Values) -> str:
        """Why these values do not go together."""
        if protection.bars_of(values, "rsi_bars") >= protection.bars_of(values, "trend_bars"):
            return "The index must look back over fewer bars than the trend."
        return protection.objection(values)

    def warm_up(self, values: Values) -> int:
        """Bars until trend, index and range are known."""
        index = protection.bars_of(values, "rsi_bars") + 1
        return max(protection.bars_of(values, "trend_bars"), index, protection.warm_up(values))

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """The plan for all bars."""
        (trend,) = (line.values for line in self.lines(bars, values))
        index = relative_strength(bars.close, protection.bars_of(values, "rsi_bars"))
        tired = float(protection.number(values, "tired_below"))
        rising, falling = bars.close > trend, bars.close < trend
        target = held(
            rising & (index < tired),
            falling & (index > _WHOLE - tired),
            ~rising | (index > _MIDDLE),
            ~falling | (index < _MIDDLE),
            memory_of(self.warm_up(values)),
        )
        target[: self.warm_up(values) - 1] = 0
        return protection.plan_of(target, bars, values)

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """The trend."""
        length = protection.bars_of(values, "trend_bars")
        return (Line(f"Average of {length} bars", simple_moving_average(bars.close, length)),)
