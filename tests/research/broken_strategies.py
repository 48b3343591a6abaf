"""Strategies with a planted bug each: what the checks are for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from jarvis.domain.instrument import Pair
from jarvis.trading.indicators import simple_moving_average
from jarvis.trading.strategy import BarArrays, Line, Parameter, Plan, TakeProfitPlan, Values

FloatArray = npt.NDArray[np.float64]
Wish = Callable[[BarArrays], FloatArray]


@dataclass(frozen=True)
class Broken:
    """A strategy around one function of the bars, with a stop a fixed part of the price away."""

    name: str
    wish: Wish
    needs: int = 20
    stop: float = 0.02
    parameters: tuple[Parameter, ...] = ()
    title: str = "Broken"
    description: str = "Broken on purpose."
    source: str = "None."
    weak_point: str = "All of it."

    def objection(self, values: Values) -> str:
        """Nothing."""
        return ""

    def warm_up(self, values: Values) -> int:
        """As many bars as it claims."""
        return self.needs

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """The planted wish."""
        target = np.sign(np.nan_to_num(self.wish(bars))).astype(np.int8)
        target[: self.needs - 1] = 0
        rungs: tuple[TakeProfitPlan, ...] = ()
        return Plan(target, bars.close * self.stop, rungs, trailing=False, time_stop=timedelta(days=2))

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """None."""
        return ()


def _tomorrow(bars: BarArrays) -> FloatArray:
    """The next close is known."""
    return np.concatenate((np.diff(bars.close), [0.0]))


def _whole_mean(bars: BarArrays) -> FloatArray:
    """Above the mean of all candles, later ones included."""
    away: FloatArray = bars.close - bars.close.mean()
    return away


def _centred(bars: BarArrays) -> FloatArray:
    """An average that reaches as far ahead as back."""
    average = simple_moving_average(bars.close, 11)
    away: FloatArray = bars.close - np.concatenate((average[5:], np.full(5, np.nan)))
    return away


def _forming_hour(bars: BarArrays) -> FloatArray:
    """The close of the hour that a candle lies in, known from its first candle on."""
    hours = bars.opened_at // 14_400
    last = np.searchsorted(hours, hours, side="right") - 1
    return bars.close[last] - bars.open


def _first_close(bars: BarArrays) -> FloatArray:
    """Against the first candle that there is: another one after each restart."""
    away: FloatArray = bars.close - bars.close[0]
    return away


def _long_average(bars: BarArrays) -> FloatArray:
    """An average that needs far more candles than it says."""
    return bars.close - simple_moving_average(bars.close, 900)


def _ever_higher(bars: BarArrays) -> FloatArray:
    """The highest close ever, which no window remembers."""
    return np.where(bars.close >= np.maximum.accumulate(bars.close), 1.0, -1.0)


LOOKS_AHEAD = tuple(
    Broken(name, wish)
    for name, wish in (
        ("tomorrow", _tomorrow),
        ("whole_mean", _whole_mean),
        ("centred", _centred),
        ("forming_hour", _forming_hour),
    )
)
FORGETS_NOTHING = tuple(
    Broken(name, wish)
    for name, wish in (("first_close", _first_close), ("long_average", _long_average), ("ever_higher", _ever_higher))
)


def coin(seed: int) -> Broken:
    """Tosses a coin every eight candles: the candles decide the toss, but not what comes of it."""

    def wish(bars: BarArrays) -> FloatArray:
        return np.array([_toss(int(at) // (8 * 3600), seed) for at in bars.opened_at])

    return Broken(f"coin_{seed}", wish)


def _toss(number: int, seed: int) -> float:
    return 1.0 if np.random.default_rng([number, seed]).random() < 0.5 else -1.0


def every_bar(pair: Pair) -> Broken:
    """Turns at every candle: whatever it earns goes to the venue."""
    return Broken(f"every_bar_{pair.base}", lambda bars: np.where(bars.opened_at // 3600 % 2 == 0, 1.0, -1.0))
