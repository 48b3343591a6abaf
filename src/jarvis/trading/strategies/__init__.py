"""The strategies by name: those that come with Jarvis, and a person's own."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from jarvis.trading.strategies.bollinger_reversion import BollingerReversion
from jarvis.trading.strategies.cross_sectional_momentum import CrossSectionalMomentum
from jarvis.trading.strategies.donchian_breakout import DonchianBreakout
from jarvis.trading.strategies.ensemble import Ensemble
from jarvis.trading.strategies.moving_average_crossover import MovingAverageCrossover
from jarvis.trading.strategies.pairs_spread import PairsSpread
from jarvis.trading.strategies.rsi_pullback import RsiPullback
from jarvis.trading.strategies.time_series_momentum import TimeSeriesMomentum
from jarvis.trading.strategies.volatility_breakout import VolatilityBreakout
from jarvis.trading.strategy import Strategy

_ALL: tuple[Strategy, ...] = (
    MovingAverageCrossover(),
    DonchianBreakout(),
    TimeSeriesMomentum(),
    VolatilityBreakout(),
    BollingerReversion(),
    RsiPullback(),
    CrossSectionalMomentum(),
    PairsSpread(),
    Ensemble(),
)

BUILT_IN: Mapping[str, Strategy] = MappingProxyType({strategy.name: strategy for strategy in _ALL})
"""Those that come with Jarvis."""

_known = dict(BUILT_IN)
_refused: dict[str, str] = {}

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(_known)
"""Every strategy that an account can follow, the person's own ones too: see `set_own`."""


def set_own(strategies: Iterable[Strategy], refused: Mapping[str, str] | None = None) -> None:
    """Make these the person's own strategies in this process, in the place of those that were.

    `refused` says by name why others cannot be used. None of them can take the name of one that comes with Jarvis.
    """
    _known.clear()
    _known.update(BUILT_IN)
    _known.update({strategy.name: strategy for strategy in strategies if strategy.name not in BUILT_IN})
    _refused.clear()
    _refused.update(refused or {})


def why_missing(name: str) -> str:
    """Why there is no strategy of this name, in a sentence."""
    if name in _refused:
        return f"Its file cannot be used: {_refused[name]}."
    return f"There is no strategy called {name} here any more."
