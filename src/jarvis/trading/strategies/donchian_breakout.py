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
from typing import TYPE_CHECKING

from jarvis.trading.indicators import highest, lowest
from jarvis.trading.strategies import protection
from jarvis.trading.strategy import BarArrays, Line, Parameter, Plan, Values

if TYPE_CHECKING:
    from jarvis.trading.strategy import FloatArray


class DonchianBreakout:
    """Long after a close above the channel of the bars before, until a close below the narrower exit channel."""

    name = "donchian_breakout"
    title = "Donchian breakout"
    description = (
        "Buys when the price closes above its highest of the last bars, sells short when it closes below the lowest, "
        "and leaves when it falls back through a narrower channel. Loses often and a little, and lives from few long "
        "trends."
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
        import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

        above, below, exit_above, exit_below = (line.values for line in self.lines(bars, values))
        # Comparisons with NaN are false: before its channel is known no bar breaks it.
        break_up = bars.close > above
        break_down = bars.close < below
        leave_long = bars.close < exit_below
        leave_short = bars.close > exit_above
        wish, wishes = 0, []
        columns = (break_up.tolist(), break_down.tolist(), leave_long.tolist(), leave_short.tolist())
        for up, down, no_longer_long, no_longer_short in zip(*columns, strict=True):
            if up:
                wish = 1
            elif down:
                wish = -1
            elif (wish == 1 and no_longer_long) or (wish == -1 and no_longer_short):
                wish = 0
            wishes.append(wish)
        target = np.array(wishes, dtype=np.int8)
        target[: self.warm_up(values) - 1] = 0
        return protection.plan_of(target, bars, values)

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """Both channels, each as it stood before the bar that may break it."""
        entry, leave = protection.bars_of(values, "entry_bars"), protection.bars_of(values, "exit_bars")
        return (
            Line(f"Highest of {entry} bars", _before(highest(bars.high, entry))),
            Line(f"Lowest of {entry} bars", _before(lowest(bars.low, entry))),
            Line(f"Highest of {leave} bars", _before(highest(bars.high, leave))),
            Line(f"Lowest of {leave} bars", _before(lowest(bars.low, leave))),
        )


def _before(channel: FloatArray) -> FloatArray:
    """The channel as it stood before each bar: a bar cannot break a channel that contains itself."""
    import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

    return np.concatenate(([np.nan], channel[:-1]))
