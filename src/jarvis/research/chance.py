"""How much of a result may be luck: draws of its trades and days, and the Sharpe ratio deflated by the tries.

Deflated Sharpe ratio: Bailey and Lopez de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40
(2014): the probability that the true ratio is above what the best of so many tries shows by luck, given the length,
skewness and kurtosis of the returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import e, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jarvis.trading.strategy import FloatArray

_NORMAL = NormalDist()
_EULER = 0.5772156649015329
_FEWEST_DAYS = 3


@dataclass(frozen=True, slots=True)
class Draws:
    """What many random histories came to: how often they lost, and their fifth worst in a hundred."""

    lost: float
    fifth_worst: float
    deepest: float


def draw_trades(results: FloatArray, deposit: float, draws: int, seed: int) -> Draws:
    """Histories of as many trades, each drawn with replacement; fractions of the deposit."""
    random = np.random.default_rng(seed)
    drawn = random.choice(results, (draws, len(results))) / deposit
    return _draws(np.cumsum(drawn, axis=1))


def draw_blocks(returns: FloatArray, draws: int, seed: int, block: int = 5) -> Draws:
    """Histories of as many days, put together from stretches of `block` days that stay as they were."""
    random = np.random.default_rng(seed)
    count = -(-len(returns) // block)
    begins = random.integers(0, len(returns), (draws, count))
    days = (begins[:, :, None] + np.arange(block)).reshape(draws, -1)[:, : len(returns)] % len(returns)
    return _draws(np.cumprod(1 + returns[days], axis=1) - 1)


def _draws(paths: FloatArray) -> Draws:
    peaks = np.maximum.accumulate(np.maximum(paths, 0.0), axis=1)
    deepest = ((peaks - paths) / (1 + peaks)).max(axis=1)
    ends = paths[:, -1]
    return Draws(float((ends < 0).mean()), float(np.quantile(ends, 0.05)), float(np.quantile(deepest, 0.95)))


def deflated_sharpe(returns: FloatArray, tries: int, spread: float) -> float:
    """The probability that the true Sharpe ratio is above what luck shows as the best of `tries`.

    `returns` are daily fractions, `spread` is the deviation of the tries' daily (not annual) Sharpe ratios. 0 where
    nothing can be said: too few days, or none that moved.
    """
    deviation = float(np.std(returns, ddof=1)) if len(returns) >= _FEWEST_DAYS else 0.0
    if deviation == 0:
        return 0.0
    ratio = float(np.mean(returns)) / deviation
    scaled = (returns - np.mean(returns)) / np.std(returns)
    skewness, kurtosis = float(np.mean(scaled**3)), float(np.mean(scaled**4))
    expected = 0.0
    if tries > 1:
        expected = spread * (
            (1 - _EULER) * _NORMAL.inv_cdf(1 - 1 / tries) + _EULER * _NORMAL.inv_cdf(1 - 1 / (tries * e))
        )
    uncertain = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2
    if uncertain <= 0:
        return 0.0
    return _NORMAL.cdf((ratio - expected) * sqrt(len(returns) - 1) / sqrt(uncertain))
