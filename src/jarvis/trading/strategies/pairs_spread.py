"""Pairs spread.

Idea: two coins that move together drift apart for a while and come back. When this one is dear against its partner,
by more than the ratio of both usually strays, sell it short; when it is cheap, buy it; leave when the ratio is back.
The other leg is the same rule with the same values on the partner's pair: as both look at the same ratio, one buys when
the other sells.
Source: Gatev, Goetzmann and Rouwenhorst, "Pairs Trading: Performance of a Relative-Value Arbitrage Rule", Review of
Financial Studies 19 (2006).
Weak point: a coin that is cheap for a reason gets cheaper, and the ratio finds a new level; the legs are opened and
stopped each for itself, so that after one stop the other stands alone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from jarvis.domain.money import Asset
from jarvis.trading.indicators import earlier, simple_moving_average, standard_deviation
from jarvis.trading.strategies import protection
from jarvis.trading.strategies.holding import held
from jarvis.trading.strategy import BarArrays, Line, Parameter, Plan, Values, memory_of
from jarvis.trading.universe import NINE, others_of

if TYPE_CHECKING:
    from jarvis.domain.instrument import Pair
    from jarvis.trading.strategy import FloatArray
    from jarvis.trading.universe import Aligned

_NO_SPREAD = 1e-9
"""A ratio that strays by less than this never moved: what is left of it is noise of running sums."""
_HELD_LOOK_BACKS = 2


class PairsSpread:
    """Short while this coin is dear against its partner, long while it is cheap, until the ratio is back."""

    name = "pairs_spread"
    title = "Pairs spread"
    description = (
        "Bets that two coins which move together come back together: sells this one short when it is dear against its "
        "partner, buys it when it is cheap, and leaves when the ratio is usual again. Follow it on both pairs, with "
        "the same values, to hold both legs."
    )
    source = (
        "Gatev, Goetzmann and Rouwenhorst, “Pairs Trading: Performance of a Relative-Value Arbitrage Rule”, Review of "
        "Financial Studies 19 (2006)."
    )
    weak_point = (
        "A coin that is cheap for a reason gets cheaper, and the ratio finds a new level. The legs are opened and "
        "stopped each for itself: after one stop the other stands alone."
    )
    parameters = (
        Parameter(
            "one_coin",
            "One coin",
            "One of the two that are compared. It is followed on the pair of either.",
            "choice",
            "BTC",
            choices=tuple(NINE),
        ),
        Parameter(
            "other_coin",
            "The other coin",
            "The one that it is compared with.",
            "choice",
            "ETH",
            choices=tuple(NINE),
        ),
        Parameter(
            "spread_bars",
            "Look-back",
            "Over how many bars the usual ratio and its straying are taken.",
            "int",
            120,
            Decimal(5),
            Decimal(1000),
            Decimal(1),
            unit="bars",
        ),
        Parameter(
            "enter_beyond",
            "Enter beyond",
            "How many deviations the ratio must have strayed from its average.",
            "decimal",
            Decimal(2),
            Decimal("0.5"),
            Decimal(6),
            Decimal("0.1"),
            unit="x deviation",
        ),
        Parameter(
            "leave_within",
            "Leave within",
            "How close to its average the ratio must be again.",
            "decimal",
            Decimal("0.5"),
            Decimal(0),
            Decimal(3),
            Decimal("0.1"),
            unit="x deviation",
        ),
        Parameter(
            "give_up_beyond",
            "Give up beyond",
            "When the ratio strays as far as this it has found a new level: nothing is held or opened.",
            "decimal",
            Decimal(4),
            Decimal(1),
            Decimal(10),
            Decimal("0.1"),
            unit="x deviation",
        ),
        Parameter(
            "least_correlation",
            "Least correlation",
            "How alike both must have moved over the look-back for a position to be opened, from -1 to 1.",
            "decimal",
            Decimal("0.5"),
            Decimal(-1),
            Decimal(1),
            Decimal("0.05"),
        ),
        Parameter(
            "most_bars",
            "Longest wait",
            "How many bars after the last entry signal the position is left, back or not.",
            "int",
            120,
            Decimal(1),
            Decimal(2000),
            Decimal(1),
            unit="bars",
        ),
        *protection.PARAMETERS,
    )

    def universe(self, pair: Pair, values: Values) -> tuple[Asset, ...]:
        """The partner. Raises ValueError on a pair that is neither leg."""
        legs = tuple(Asset(str(values[name])) for name in ("one_coin", "other_coin"))
        if pair.base not in legs:
            raise ValueError(f"{self.title} of {' and '.join(legs)} is followed on one of these, not on {pair}.")
        return tuple(base for base in legs if base != pair.base)

    def objection(self, values: Values) -> str:
        """Why these values do not go together."""
        enter, leave, give_up = (
            protection.number(values, name) for name in ("enter_beyond", "leave_within", "give_up_beyond")
        )
        if values["one_coin"] == values["other_coin"]:
            return "A spread needs two coins that are not the same."
        if not leave < enter < give_up:
            return "It must leave closer to the average than it enters, and enter closer than it gives up."
        if protection.bars_of(values, "most_bars") > _HELD_LOOK_BACKS * protection.bars_of(values, "spread_bars"):
            return "The longest wait cannot be more than twice the look-back: by then the average has moved."
        return protection.objection(values)

    def warm_up(self, values: Values) -> int:
        """Bars until the ratio's average, and the correlation of its changes, are known."""
        return max(protection.bars_of(values, "spread_bars") + 1, protection.warm_up(values))

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """The plan for all bars."""
        import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

        partner = _partner(bars)
        if partner is None:
            return protection.plan_of(np.zeros(len(bars), dtype=np.int8), bars, values)
        length = protection.bars_of(values, "spread_bars")
        ratio = np.log(bars.close / partner.bars.close)
        average, deviation = simple_moving_average(ratio, length), standard_deviation(ratio, length)
        strays = deviation > _NO_SPREAD
        away = np.where(strays, (ratio - average) / np.where(strays, deviation, 1.0), 0.0)
        enter, leave, give_up, alike = (
            float(protection.number(values, name))
            for name in ("enter_beyond", "leave_within", "give_up_beyond", "least_correlation")
        )
        is_broken = np.abs(away) >= give_up
        # A repeated close is no price to trade against.
        may_open = (_correlation(bars.close, partner.bars.close, length) >= alike) & ~is_broken & ~partner.repeated
        target = held(
            may_open & (away <= -enter),
            may_open & (away >= enter),
            (away >= -leave) | is_broken,
            (away <= leave) | is_broken,
            min(protection.bars_of(values, "most_bars"), memory_of(self.warm_up(values))),
        )
        target[: self.warm_up(values) - 1] = 0
        return protection.plan_of(target, bars, values)

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """The price at which the ratio would be usual, and those at which it is entered."""
        import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

        base, partner = next(iter(others_of(bars).items()), ("", None))
        if partner is None:
            return ()
        length = protection.bars_of(values, "spread_bars")
        ratio = np.log(bars.close / partner.bars.close)
        usual = simple_moving_average(ratio, length)
        away = standard_deviation(ratio, length) * float(protection.number(values, "enter_beyond"))
        return (
            Line(f"Usual beside {base}", partner.bars.close * np.exp(usual)),
            Line("Cheap", partner.bars.close * np.exp(usual - away)),
            Line("Dear", partner.bars.close * np.exp(usual + away)),
        )


def _partner(bars: BarArrays) -> Aligned | None:
    return next(iter(others_of(bars).values()), None)


def _correlation(one: FloatArray, two: FloatArray, bars: int) -> FloatArray:
    """How alike both series' one-bar returns were over the last `bars`, -1 to 1; 0 where one of them never moved."""
    import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

    first, second = (np.log(each / earlier(each, 1))[1:] for each in (one, two))
    spread = standard_deviation(first, bars) * standard_deviation(second, bars)
    together = simple_moving_average(first * second, bars)
    together -= simple_moving_average(first, bars) * simple_moving_average(second, bars)
    moved = spread > _NO_SPREAD**2
    alike = np.where(moved, together / np.where(moved, spread, 1.0), 0.0)
    return np.concatenate(([np.nan], alike))
