"""The file that `jarvis strategy new` writes: a whole strategy that works at once, with what to know beside it."""

_TEMPLATE = '''\
"""{title}.

Idea: say here why it should earn anything. This one: prices above their average tend to stay there for a while.
Source: where the idea comes from. This one: old charting practice.
Weak point: in which market it loses, and why. This one: late at every turn; without a direction each crossing costs.
"""

from decimal import Decimal

import numpy as np

from jarvis.trading.indicators import simple_moving_average
from jarvis.trading.strategies import protection
from jarvis.trading.strategy import BarArrays, Line, Parameter, Plan, Values


class {kind}:
    """Long while the close is above its average."""

    name = "{name}"  # the name of the file: it is stored, and never changes again
    title = "{title}"
    description = "Long while the price is above its average of the last bars."
    source = "Old charting practice."
    weak_point = "Late at every turn; in a market without direction each crossing costs."
    # Each knob: name, label, a sentence, kind (int, decimal, hours, choice), usual value, smallest, largest, step.
    parameters = (
        Parameter(
            "bars", "Average", "How many bars it covers.", "int", 50, Decimal(2), Decimal(400), Decimal(1), unit="bars"
        ),
        *protection.PARAMETERS,  # sides, stop, targets and time-stop, as all the others have them
    )

    def objection(self, values: Values) -> str:
        """Why these values do not go together, in a sentence; empty when they do."""
        return protection.objection(values)

    def warm_up(self, values: Values) -> int:
        """How many bars must be there before the last one may have a wish."""
        return max(protection.bars_of(values, "bars"), protection.warm_up(values))

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """What to hold at every bar: 1 long, -1 short, 0 nothing. Row i may depend on rows 0 to i only."""
        average = simple_moving_average(bars.close, protection.bars_of(values, "bars"))
        # A comparison with a value that is not known yet (NaN) is false: nothing is wished while it warms up.
        target = np.where(bars.close > average, 1, 0).astype(np.int8)
        target[: self.warm_up(values) - 1] = 0
        return protection.plan_of(target, bars, values)

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """The curves that it looks at, for the chart."""
        return (Line("Average", simple_moving_average(bars.close, protection.bars_of(values, "bars"))),)
'''


def template(name: str) -> str:
    """The text of a new strategy's file called `name`: small letters, digits and _."""
    words = name.split("_")
    title = " ".join(words).capitalize()
    return _TEMPLATE.format(name=name, title=title, kind="".join(word.capitalize() for word in words))
