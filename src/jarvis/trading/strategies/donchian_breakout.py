"""Donchian breakout.

Idea: a close above the highest price of the last weeks is news, and those who were wrong must still buy. Enter when
the close leaves the channel of the last `entry_bars` bars, leave when it falls out of the narrower channel of the
last `exit_bars`.
Source: Richard Donchian's four-week rule; known from the Turtle experiment (Curtis Faith, "Way of the Turtle", 2007).
Weak point: most breakouts fail, so that it loses often and a little, and lives from few long trends; gaps and thin
books make it buy high.
"""

from __future__ import annotations

from decimal import Decimal

from jarvis.trading.indicators import earlier, highest, lowest
from jarvis.trading.strategies import protection
from jarvis.trading.strategies.holding import held
from jarvis.trading.strategy import BarArrays, Line, Parameter, Plan, Values, memory_of


class DonchianBreakout:
    """Long after a close above the channel of the bars before, until a close below the narrower exit channel."""

    name = "donchian_breakout"
    title = "Donchian breakout"
    description = (
        "Buys when the price closes above its highest of the last bars, sells short when it closes below the lowest, "
        "and leaves when it falls back through a narrower channel. Loses often and a little, and lives from few long "
        "trends."
    )
    source = (
        "Richard Donchian's four-week rule; known from the Turtle experiment (Curtis Faith, “Way of the Turtle”, 2007)."
    )
    weak_point = (
        "Most breakouts fail: it loses often and a little, and lives from few long trends. Gaps and thin books make it "
        "buy high."
    )
    parameters = (
        Parameter(
            "entry_bars",
            "Entry channel",
            "How many bars the channel covers whose break opens a position.",
            "int",
            40,
            Decimal(2),
            Decimal(1000),
            Decimal(1),
            unit="bars",
        ),
        Parameter(
            "exit_bars",
            "Exit channel",
            "How many bars the channel covers whose break closes it. At most as many as the entry channel.",
            "int",
            20,
            Decimal(2),
            Decimal(1000),
            Decimal(1),
            unit="bars",
        ),
        *protection.PARAMETERS,
    )

    def objection(self, values: Values) -> str:
        """Why these values do not go together."""
        if protection.bars_of(values, "exit_bars") > protection.bars_of(values, "entry_bars"):
            return "The exit channel cannot cover more bars than the entry channel."
        return protection.objection(values)

    def warm_up(self, values: Values) -> int:
        """Bars until the channel before the last bar and the range are known."""
        return max(protection.bars_of(values, "entry_bars") + 1, protection.warm_up(values))

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """The plan for all bars."""
        above, below, exit_above, exit_below = (line.values for line in self.lines(bars, values))
        # Comparisons with NaN are false: before its channel is known no bar breaks it.
        memory = memory_of(self.warm_up(values))
        target = held(bars.close > above, bars.close < below, bars.close < exit_below, bars.close > exit_above, memory)
        target[: self.warm_up(values) - 1] = 0
        return protection.plan_of(target, bars, values)

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """Both channels, each as it stood before the bar that may break it."""
        entry, leave = protection.bars_of(values, "entry_bars"), protection.bars_of(values, "exit_bars")
        return (
            Line(f"Highest of {entry} bars", earlier(highest(bars.high, entry), 1)),
            Line(f"Lowest of {entry} bars", earlier(lowest(bars.low, entry), 1)),
            Line(f"Highest of {leave} bars", earlier(highest(bars.high, leave), 1)),
            Line(f"Lowest of {leave} bars", earlier(lowest(bars.low, leave), 1)),
        )
