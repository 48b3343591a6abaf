"""Cross-sectional momentum over the nine pairs.

Idea: what rose more than the others over the last days goes on doing better than they do for a while. Each bar forms a
portfolio: the pairs that rose most are bought, those that rose least are sold short. A pair is held while most of the
portfolios of the last bars hold it, so that one bar's change of places is not paid for.
Source: Jegadeesh and Titman, "Returns to Buying Winners and Selling Losers", Journal of Finance 48 (1993), whose
overlapping portfolios these are; for coins Liu, Tsyvinski and Wu, "Common Risk Factors in Cryptocurrency", Journal of
Finance 77 (2022).
Weak point: nine coins move together, so the ranking is often noise around one common move; after a crash the losers
bounce highest, and the short side pays for it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from jarvis.trading.indicators import earlier, simple_moving_average
from jarvis.trading.strategies import protection
from jarvis.trading.strategy import BarArrays, Line, Parameter, Plan, Values
from jarvis.trading.universe import NINE, others_of

if TYPE_CHECKING:
    from jarvis.domain.instrument import Pair
    from jarvis.domain.money import Asset
    from jarvis.trading.strategy import FloatArray

_MAJORITY = 0.5


class CrossSectionalMomentum:
    """Long while the pair is among the strongest of the nine, short while among the weakest."""

    name = "cross_sectional_momentum"
    title = "Cross-sectional momentum"
    description = (
        "Compares the nine pairs with one another: long while this one is among those that rose most over the "
        "look-back, short while it is among those that rose least. Earns while strong coins stay stronger than weak "
        "ones, whatever all of them do together."
    )
    source = (
        "Jegadeesh and Titman, “Returns to Buying Winners and Selling Losers”, Journal of Finance 48 (1993); for coins "
        "Liu, Tsyvinski and Wu, “Common Risk Factors in Cryptocurrency”, Journal of Finance 77 (2022)."
    )
    weak_point = (
        "Coins move together, so the ranking is often noise around one common move; after a crash the losers bounce "
        "highest, and the short side pays for it."
    )
    parameters = (
        Parameter(
            "look_back_bars",
            "Look-back",
            "Over how many bars the returns are compared.",
            "int",
            96,
            Decimal(2),
            Decimal(1000),
            Decimal(1),
            unit="bars",
        ),
        Parameter(
            "places",
            "Places",
            "How many of the strongest are bought and of the weakest sold short. Never more than half of the pairs.",
            "int",
            2,
            Decimal(1),
            Decimal(4),
            Decimal(1),
            unit="pairs",
        ),
        Parameter(
            "hold_bars",
            "Portfolios",
            "The portfolios of how many bars are looked at together: the pair is held while most of them hold it. "
            "More means fewer changes, and later ones.",
            "int",
            24,
            Decimal(1),
            Decimal(500),
            Decimal(1),
            unit="bars",
        ),
        *protection.PARAMETERS,
    )

    def universe(self, pair: Pair, values: Values) -> tuple[Asset, ...]:  # noqa: ARG002 - on every pair the same
        """All that Jarvis trades."""
        return NINE

    def objection(self, values: Values) -> str:
        """Why these values do not go together."""
        return protection.objection(values)

    def warm_up(self, values: Values) -> int:
        """Bars until the first portfolios are all formed."""
        formed = protection.bars_of(values, "look_back_bars") + protection.bars_of(values, "hold_bars")
        return max(formed, protection.warm_up(values))

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """The plan for all bars."""
        import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

        look_back = protection.bars_of(values, "look_back_bars")
        own = _rise(bars.close, look_back)
        beaten, beaten_by = np.zeros(len(bars)), np.zeros(len(bars))
        known = np.ones(len(bars))
        for other in others_of(bars).values():
            theirs = _rise(other.bars.close, look_back)  # NaN while it is not known, and then no comparison is true
            beaten += own > theirs
            beaten_by += theirs > own
            known += np.isfinite(theirs)
        places = np.minimum(protection.bars_of(values, "places"), known // 2)
        # Prices that are all alike have neither winner nor loser.
        vote = ((beaten_by < places) & (beaten > 0)) * 1.0 - ((beaten < places) & (beaten_by > 0)) * 1.0
        opinion = np.concatenate(
            (
                np.full(min(look_back, len(bars)), np.nan),
                simple_moving_average(vote[look_back:], protection.bars_of(values, "hold_bars")),
            )
        )
        target = ((opinion > _MAJORITY) * 1 - (opinion < -_MAJORITY) * 1).astype(np.int8)
        target[: self.warm_up(values) - 1] = 0
        return protection.plan_of(target, bars, values)

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """Where this price would be, had it moved as the pairs did on average."""
        import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

        look_back = protection.bars_of(values, "look_back_bars")
        rises = [_rise(other.bars.close, look_back) for other in others_of(bars).values()]
        if not rises:
            return ()
        known = np.isfinite(rises)
        total = np.where(known, rises, 0.0).sum(axis=0)
        mean = np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)
        return (Line(f"As the others moved in {look_back} bars", earlier(bars.close, look_back) * np.exp(mean)),)


def _rise(close: FloatArray, bars: int) -> FloatArray:
    """The return over `bars` bars, as a logarithm; NaN where it is not known."""
    import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

    rise: FloatArray = np.log(close / earlier(close, bars))
    return rise
