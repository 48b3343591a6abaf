"""The exits that every strategy here offers, in multiples of the average true range, and the sides it may take."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from jarvis.domain.money import ONE, ZERO
from jarvis.trading.indicators import average_true_range
from jarvis.trading.strategy import BarArrays, Parameter, Plan, TakeProfitPlan, Values

if TYPE_CHECKING:
    from jarvis.trading.strategy import TargetArray

BOTH, LONG_ONLY, SHORT_ONLY = "long and short", "long only", "short only"
_FIXED, _TRAILING = "fixed", "trailing"
_HOUR = Decimal(3600)

PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "sides",
        "Sides",
        "Which positions may be opened. The other wish then means: hold nothing.",
        "choice",
        BOTH,
        choices=(BOTH, LONG_ONLY, SHORT_ONLY),
    ),
    Parameter(
        "atr_bars",
        "Range look-back",
        "Over how many bars the average true range is taken. All distances below are multiples of it.",
        "int",
        14,
        Decimal(2),
        Decimal(200),
        Decimal(1),
        unit="bars",
    ),
    Parameter(
        "stop_atr",
        "Stop distance",
        "How far from the entry the protective stop rests at the venue. A wider stop means a smaller position.",
        "decimal",
        Decimal("2.5"),
        Decimal("0.5"),
        Decimal(20),
        Decimal("0.1"),
        unit="x range",
    ),
    Parameter(
        "stop_kind",
        "Stop",
        "A fixed stop stays; a trailing stop follows the best price at its distance and never goes back.",
        "choice",
        _FIXED,
        choices=(_FIXED, _TRAILING),
    ),
    Parameter(
        "target_atr",
        "First target",
        "How far from the entry the first take-profit order rests. 0 leaves all targets out.",
        "decimal",
        Decimal(3),
        Decimal(0),
        Decimal(50),
        Decimal("0.1"),
        unit="x range",
    ),
    Parameter(
        "target_share",
        "Share closed at the first target",
        "What part of the position the first target closes. 1 closes all of it there.",
        "decimal",
        Decimal("0.5"),
        Decimal("0.05"),
        Decimal(1),
        Decimal("0.05"),
    ),
    Parameter(
        "second_target_atr",
        "Second target",
        "Where the rest is closed. 0 leaves the rest to the stop, the time-stop and the signal.",
        "decimal",
        Decimal(6),
        Decimal(0),
        Decimal(50),
        Decimal("0.1"),
        unit="x range",
    ),
    Parameter(
        "time_stop_hours",
        "Time-stop",
        "After how many hours a position is closed at market, whatever it earned. Rollover is paid every four hours, "
        "so waiting costs. 0 means never.",
        "hours",
        Decimal(72),
        Decimal(0),
        Decimal(2000),
        Decimal(1),
        unit="hours",
    ),
)


def number(values: Values, name: str) -> Decimal:
    """A numeric parameter's value."""
    value = values[name]
    if isinstance(value, str):
        raise TypeError(f"{name} is not a number")
    return Decimal(value)


def bars_of(values: Values, name: str) -> int:
    """A whole-number parameter's value."""
    return int(number(values, name))


def objection(values: Values) -> str:
    """Why the targets do not go together, or nothing."""
    first, second = number(values, "target_atr"), number(values, "second_target_atr")
    if second and not first:
        return "A second target needs a first one."
    if second and second <= first:
        return "The second target must be farther from the entry than the first."
    return ""


def warm_up(values: Values) -> int:
    """Bars until the first distance is known: a true range needs the close before it."""
    return bars_of(values, "atr_bars") + 1


def plan_of(target: TargetArray, bars: BarArrays, values: Values) -> Plan:
    """`target` restricted to the chosen sides, with the exits that the values describe."""
    import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

    sides = values["sides"]
    low, high = (0 if sides == LONG_ONLY else -1), (0 if sides == SHORT_ONLY else 1)
    true_range = average_true_range(bars, bars_of(values, "atr_bars"))
    hours = number(values, "time_stop_hours")
    share = number(values, "target_share")
    rungs = [(number(values, "target_atr"), share), (number(values, "second_target_atr"), ONE - share)]
    return Plan(
        target=np.clip(target, low, high).astype(np.int8),
        stop_distance=true_range * float(number(values, "stop_atr")),
        take_profits=tuple(
            TakeProfitPlan(true_range * float(multiple), part) for multiple, part in rungs if multiple and part > ZERO
        ),
        trailing=values["stop_kind"] == _TRAILING,
        time_stop=timedelta(seconds=float(hours * _HOUR)) if hours else None,
    )
