"""Strategies that look at several pairs: which ones, how their bars stand side by side, and when all of them are in.

Such a strategy is still followed on one pair and answers for that pair alone; it only sees more. It says whom it looks
at by `universe`, and `compute` and `lines` are then given `AlignedBars` in the place of `BarArrays`. Whoever follows
both legs of a spread follows it on both pairs. Pure: no clock; what "now" is, is passed in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.trading.strategy import BarArrays, BarWindow, Signal, SignalSource, resolve

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from jarvis.domain.market import Bar
    from jarvis.trading.strategy import Strategy, Values

    Marks = npt.NDArray[np.bool_]

NINE = tuple(Asset(base) for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB"))
"""The bases of the pairs that Jarvis trades, at whatever venue."""


@runtime_checkable
class SeesOthers(Protocol):
    """What a strategy has besides the rest when it looks at several pairs."""

    def universe(self, pair: Pair, values: Values) -> tuple[Asset, ...]:
        """The bases that it looks at when it is followed on `pair`, its own left out or not; none: only its own."""
        ...


@dataclass(frozen=True, slots=True)
class Aligned:
    """Another pair's bars, row by row beside the own ones.

    Where that pair has no bar of its own, `repeated` is true and the last close before stands for all four prices, with
    no volume. Rows before its first bar are NaN and `repeated`.
    """

    bars: BarArrays
    repeated: Marks


@dataclass(frozen=True, slots=True)
class AlignedBars(BarArrays):
    """The own pair's bars, and beside them those of the others by their base."""

    others: Mapping[Asset, Aligned]


def others_of(bars: BarArrays) -> Mapping[Asset, Aligned]:
    """The other pairs that stand beside `bars`; none where they were read alone."""
    return bars.others if isinstance(bars, AlignedBars) else {}


def looks_at(strategy: Strategy, values: Values, pair: Pair) -> tuple[Asset, ...]:
    """The bases that `strategy` looks at on `pair`; none for one that looks at its own only."""
    return strategy.universe(pair, values) if isinstance(strategy, SeesOthers) else ()


def universe_of(strategy: Strategy, values: Values, pair: Pair, offered: Collection[Pair]) -> tuple[Pair, ...]:
    """The other pairs that `strategy` looks at on `pair`, of those on offer; none for one that looks at its own only.

    What is not on offer is left out. Raises ValueError with a sentence if nothing is left to compare with.
    """
    bases = looks_at(strategy, values, pair)
    wanted = [Pair(base, pair.quote) for base in dict.fromkeys(bases) if base != pair.base]
    found = tuple(each for each in wanted if each in offered)
    if bases and not found:
        missing = ", ".join(map(str, wanted)) or "no other pair"
        raise ValueError(
            f"{strategy.title} compares {pair} with {missing}, and there are no candles of that here: choose another "
            "pair, or other values."
        )
    return found


def aligned(own: BarArrays, others: Mapping[Asset, BarArrays]) -> AlignedBars:
    """`own` with the others beside it. Row i is made of bars that opened no later than `own` did in row i."""
    return beside(own, {base: _fitted(own, bars) for base, bars in others.items()})


def beside(own: BarArrays, others: Mapping[Asset, Aligned]) -> AlignedBars:
    """`own` with others whose rows fit already."""
    return AlignedBars(own.opened_at, own.open, own.high, own.low, own.close, own.volume, others)


def seen_on(strategy: Strategy, values: Values, pair: Pair, candles: Mapping[Pair, BarArrays]) -> BarArrays:
    """What `strategy` is given to compute `pair` from whole columns of one bar size: its own, and its universe's.

    Raises ValueError with a sentence if nothing is left to compare with.
    """
    others = universe_of(strategy, values, pair, candles.keys())
    return aligned(candles[pair], {each.base: candles[each] for each in others}) if others else candles[pair]


class WideSource(SignalSource):
    """A source that waits for the others: the bars of all pairs go in by `take`, signals come out by `settle`.

    An own bar is decided on when every other pair has told of that time, or when `grace` after its close has passed:
    then whoever is silent counts with the last close. With a grace of zero (where the clock waits, and in a backtest)
    that is at the end of the step, when all that happened until then is in.
    """

    def __init__(
        self,
        strategy: Strategy,
        values: Mapping[str, object],
        pair: Pair,
        interval: timedelta,
        others: Sequence[Pair],
        grace: timedelta = timedelta(0),
    ) -> None:
        super().__init__(strategy, values, pair, interval)
        self._others = {other: BarWindow(other, interval, self.window) for other in others}
        self._grace = grace
        self._waiting: deque[Bar] = deque()

    @property
    def others(self) -> tuple[Pair, ...]:
        """The other pairs that it looks at."""
        return tuple(self._others)

    def prime_other(self, bars: Iterable[Bar]) -> None:
        """Take another pair's history, oldest first. Comes before `prime`, which computes."""
        for bar in bars:
            self._others[bar.pair].append(bar)

    def take(self, bar: Bar) -> None:
        """Take a finished bar, its own or another's. Raises KeyError for a pair that it does not look at."""
        if bar.pair == self._pair:
            self._waiting.append(bar)
        else:
            self._others[bar.pair].append(bar)

    def settle(self, now: datetime, forming: Mapping[Pair, Bar] | None = None) -> list[Signal]:
        """The signals of the own bars that need not wait any longer, oldest first.

        `forming` are others' candles whose end has passed but that nothing has closed yet, because their last minutes
        had no trade: they count when the waiting is over.
        """
        signals = []
        while self._waiting and self._is_due(bar := self._waiting[0], now):
            self._waiting.popleft()
            for other in (forming or {}).values():
                if other.closed_at <= bar.closed_at:
                    self._others[other.pair].append(other)
            signal = self.push(bar)
            if signal is not None:
                signals.append(signal)
        return signals

    def _is_due(self, bar: Bar, now: datetime) -> bool:
        told = (window.last_opened_at for window in self._others.values())
        return now >= bar.closed_at + self._grace or all(at is not None and at >= bar.opened_at for at in told)

    def _seen(self) -> BarArrays:
        return aligned(self._bars.columns(), {pair.base: window.columns() for pair, window in self._others.items()})


def source_of(
    strategy: Strategy,
    values: Mapping[str, object],
    pair: Pair,
    interval: timedelta,
    offered: Collection[Pair],
    grace: timedelta = timedelta(0),
) -> SignalSource:
    """The source for one pair: a `WideSource` if the strategy looks at others too.

    Raises ValueError with a sentence for values that it does not take, or if nothing is left to compare with.
    """
    others = universe_of(strategy, resolve(strategy, values), pair, offered)
    if others:
        return WideSource(strategy, values, pair, interval, others, grace)
    return SignalSource(strategy, values, pair, interval)


def _fitted(own: BarArrays, other: BarArrays) -> Aligned:
    import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

    if not len(other):
        nothing = np.full(len(own), np.nan)
        return Aligned(
            BarArrays(own.opened_at, nothing, nothing, nothing, nothing, np.zeros(len(own))),
            np.ones(len(own), dtype=np.bool_),
        )
    # The last bar of the other that opened no later; where there is none the first stands in, to be taken out again.
    row = np.searchsorted(other.opened_at, own.opened_at, side="right") - 1
    is_known, row = row >= 0, np.maximum(row, 0)
    is_its_own = is_known & (other.opened_at[row] == own.opened_at)
    last = np.where(is_known, other.close[row], np.nan)

    def priced(column: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.where(is_its_own, column[row], last)

    prices = BarArrays(
        own.opened_at,
        priced(other.open),
        priced(other.high),
        priced(other.low),
        last,
        np.where(is_its_own, other.volume[row], 0.0),
    )
    return Aligned(prices, ~is_its_own)
