"""Time-series momentum.

Idea: what rose over the last weeks tends to rise on for a while, whatever other markets do. Long when the return over
the look-back is more than noise, short when it is less than minus that; how large noise is says the volatility of the
same bars.
Source: Moskowitz, Ooi and Pedersen, "Time Series Momentum", Journal of Financial Economics 104 (2012).
Weak point: it is late at every turn, and a fast fall after a long rise hits it with a full position; in crypto the
look-backs that work change from year to year.
"""

from __future__ import annotations

from decimal import Decimal

from jarvis.trading.indicators import earlier, standard_deviation
from jarvis.trading.strategies import protection
from jarvis.trading.strategy import BarArrays, Line, Parameter, Plan, Values


class TimeSeriesMomentum:
    """Long after a rise that is more than noise, short after such a fall, nothing in between."""

    name = "time_series_momentum"
    title = "Time-series momentum"
    description = (
        "Follows its own past: long when the price rose over the look-back by more than its usual noise, short when "
        "it fell by more, and nothing in between. Earns in long trends of either direction."
    )
    source = "Moskowitz, Ooi and Pedersen, “Time Series Momentum”, Journal of Financial Economics 104 (2012)."
    weak_point = (
        "Late at every turn: a fast fall after a long rise hits it with a full position. The look-backs that work "
        "change from year to year."
    )
    parameters = (
        Parameter(
            "look_back_bars",
            "Look-back",
            "Over how many bars the return is taken.",
            "int",
            96,
            Decimal(2),
            Decimal(1000),
            Decimal(1),
            unit="bars",
        ),
        Parameter(
            "noise",
            "Threshold",
            "How many times its usual noise the return must be: the deviation of one bar's return, times the root of "
            "the bars. 0 is always long or short.",
            "decimal",
            Decimal("0.5"),
            Decimal(0),
            Decimal(5),
            Decimal("0.1"),
            unit="x noise",
        ),
        *protection.PARAMETERS,
    )

    def objection(self, values: Values) -> str:
        """Why these values do not go together."""
        return protection.objection(values)

    def warm_up(self, values: Values) -> int:
        """Bars until the return and its noise are known."""
        return max(protection.bars_of(values, "look_back_bars") + 1, protection.warm_up(values))

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """The plan for all bars."""
        import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

        look_back = protection.bars_of(values, "look_back_bars")
        one_bar = np.log(bars.close / earlier(bars.close, 1))
        noise = np.concatenate(([np.nan], standard_deviation(one_bar[1:], look_back))) * np.sqrt(look_back)
        whole = np.log(bars.close / earlier(bars.close, look_back))
        beyond = np.abs(whole) > float(protection.number(values, "noise")) * noise
        target = np.where(beyond, np.sign(np.nan_to_num(whole)), 0).astype(np.int8)
        target[: self.warm_up(values) - 1] = 0
        return protection.plan_of(target, bars, values)

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """The price that today's is compared with."""
        look_back = protection.bars_of(values, "look_back_bars")
        return (Line(f"Close {look_back} bars before", earlier(bars.close, look_back)),)
