"""An ensemble of the others, with volatility targeting.

Idea: rules that lose at different times lose less together. Each member votes long, short or nothing, with its weight;
the position follows the vote when enough of it agrees. And each position is to move the account equally much per day,
whatever the coin and the times: the calmer the price and the clearer the vote, the larger it is.
Source: Timmermann, "Forecast Combinations", Handbook of Economic Forecasting 1 (2006), on why equal weights are hard to
beat; Moreira and Muir, "Volatility-Managed Portfolios", Journal of Finance 72 (2017).
Weak point: the members are mostly fond of trends and then agree in the same mistakes; a calm before a storm is when the
position is largest.

Volatility targeting is done by the stop's distance. The engine risks one fraction of equity from entry to stop, so that
a stop of d (fraction of the price) means a position of `risk_per_trade / d` times equity. With d as a multiple m of the
horizon's deviation, what a position is expected to move over that horizon is `risk_per_trade / m` of equity on every
pair and in all times. A vote of half the weights puts the stop twice as far, which is half the position. A column of
its own for the size would be a second answer to the question that the limits answer already.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from jarvis.trading.indicators import earlier, standard_deviation
from jarvis.trading.strategies import protection
from jarvis.trading.strategies.bollinger_reversion import BollingerReversion
from jarvis.trading.strategies.cross_sectional_momentum import CrossSectionalMomentum
from jarvis.trading.strategies.donchian_breakout import DonchianBreakout
from jarvis.trading.strategies.moving_average_crossover import MovingAverageCrossover
from jarvis.trading.strategies.rsi_pullback import RsiPullback
from jarvis.trading.strategies.time_series_momentum import TimeSeriesMomentum
from jarvis.trading.strategies.volatility_breakout import VolatilityBreakout
from jarvis.trading.strategy import BarArrays, Line, Parameter, Plan, Strategy, Values, resolve
from jarvis.trading.universe import looks_at

if TYPE_CHECKING:
    from jarvis.domain.instrument import Pair
    from jarvis.domain.money import Asset
    from jarvis.trading.strategy import FloatArray

_MEMBERS: dict[str, tuple[Strategy, int]] = {
    "crossover": (MovingAverageCrossover(), 1),
    "breakout": (DonchianBreakout(), 1),
    "momentum": (TimeSeriesMomentum(), 1),
    "ranking": (CrossSectionalMomentum(), 0),
    "jump": (VolatilityBreakout(), 0),
    "reversion": (BollingerReversion(), 0),
    "pullback": (RsiPullback(), 1),
}
_SMALLEST_VOTE = 1e-9


class Ensemble:
    """Long while enough of the members' weight is long, short likewise; sized by volatility and agreement."""

    name = "ensemble"
    title = "Ensemble"
    description = (
        "Lets several of the others vote, each with its usual values and your weight, and follows when enough of the "
        "weight agrees. Positions are sized so that each moves the account equally much, whatever the coin: smaller in "
        "wild times and on a half-hearted vote."
    )
    source = (
        "Timmermann, “Forecast Combinations”, Handbook of Economic Forecasting 1 (2006); Moreira and Muir, "
        "“Volatility-Managed Portfolios”, Journal of Finance 72 (2017)."
    )
    weak_point = (
        "Most members are fond of trends and agree in the same mistakes; the position is largest in the calm before a "
        "storm."
    )
    parameters = (
        *(
            Parameter(
                f"weight_{short}",
                f"Weight of {member.title}",
                f"How much the vote of “{member.title}” counts. 0 leaves it out.",
                "decimal",
                Decimal(weight),
                Decimal(0),
                Decimal(10),
                Decimal("0.1"),
            )
            for short, (member, weight) in _MEMBERS.items()
        ),
        Parameter(
            "agreement",
            "Agreement",
            "Which part of all weights must be on one side, those on the other taken off, to hold that side.",
            "decimal",
            Decimal("0.5"),
            Decimal("0.05"),
            Decimal(1),
            Decimal("0.05"),
        ),
        Parameter(
            "volatility_bars",
            "Volatility look-back",
            "Over how many bars the deviation of returns is taken.",
            "int",
            96,
            Decimal(10),
            Decimal(1000),
            Decimal(1),
            unit="bars",
        ),
        Parameter(
            "horizon_bars",
            "Horizon",
            "The stop rests as far away as the stop distance below says, in deviations of this many bars' return.",
            "int",
            24,
            Decimal(1),
            Decimal(500),
            Decimal(1),
            unit="bars",
        ),
        *(
            replace(
                each,
                description="How far from the entry the stop rests on a full vote, in deviations over the horizon; "
                "farther on a weaker one. A position moves the account by the risk per trade over this, per horizon.",
                unit="x deviation",
            )
            if each.name == "stop_atr"
            else each
            for each in protection.PARAMETERS
        ),
    )

    def universe(self, pair: Pair, values: Values) -> tuple[Asset, ...]:
        """All that its members look at."""
        bases = [base for member, _, own in _voting(values) for base in looks_at(member, own, pair)]
        return tuple(dict.fromkeys(bases))

    def objection(self, values: Values) -> str:
        """Why these values do not go together."""
        if not _voting(values):
            return "At least one strategy must have a weight."
        return protection.objection(values)

    def warm_up(self, values: Values) -> int:
        """Bars until every member, the volatility and the range are known."""
        slowest = max((member.warm_up(own) for member, _, own in _voting(values)), default=1)
        return max(slowest, protection.bars_of(values, "volatility_bars") + 1, protection.warm_up(values))

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """The plan for all bars."""
        import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

        votes, total = np.zeros(len(bars)), 0.0
        for member, weight, own in _voting(values):
            votes += member.compute(bars, own).target * weight
            total += weight
        vote = votes / total
        agreed = np.abs(vote) >= float(protection.number(values, "agreement")) - _SMALLEST_VOTE
        target = np.where(agreed, np.sign(vote), 0).astype(np.int8)
        target[: self.warm_up(values) - 1] = 0
        plan = protection.plan_of(target, bars, values)
        # Where nothing is agreed nothing is opened: the distance of a full vote stands there.
        strength = np.where(agreed, np.abs(vote), 1.0)
        return replace(plan, stop_distance=self._deviation(bars, values) / strength)

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """Where the stop of a position opened at each close would rest, on a full vote."""
        away = self._deviation(bars, values)
        return (Line("Stop of a long", bars.close - away), Line("Stop of a short", bars.close + away))

    def _deviation(self, bars: BarArrays, values: Values) -> FloatArray:
        """The stop's distance on a full vote (quote): a multiple of the deviation of the horizon's return."""
        import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

        returns = np.log(bars.close / earlier(bars.close, 1))[1:]
        one_bar = np.concatenate(([np.nan], standard_deviation(returns, protection.bars_of(values, "volatility_bars"))))
        reach = float(protection.number(values, "stop_atr")) * protection.bars_of(values, "horizon_bars") ** 0.5
        away: FloatArray = one_bar * reach * bars.close
        return away


def _voting(values: Values) -> list[tuple[Strategy, float, Values]]:
    """The members that have a weight, with it and their usual values."""
    weights = {short: float(protection.number(values, f"weight_{short}")) for short in _MEMBERS}
    return [(_MEMBERS[short][0], weight, _usual(short)) for short, weight in weights.items() if weight]


def _usual(short: str) -> Values:
    return resolve(_MEMBERS[short][0], {})
