"""The strategies that come with Jarvis, by name."""

from collections.abc import Mapping
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

STRATEGIES: Mapping[str, Strategy] = MappingProxyType({strategy.name: strategy for strategy in _ALL})
"""Every strategy that an account can follow."""
