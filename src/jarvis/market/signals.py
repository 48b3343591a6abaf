"""Each distinct (strategy, parameters, pair, bar size) of one venue computed once, for all accounts that follow it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.market.feed import BASE_INTERVAL
from jarvis.trading.bars import BarAggregator
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import ParameterValue, Signal, SignalSource
from jarvis.venues.base import PublicVenue

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Subscription:
    """What an account follows: a strategy with its parameter values on one pair and bar size. Hashable."""

    strategy: str
    pair: Pair
    interval: timedelta
    values: tuple[tuple[str, ParameterValue], ...]

    @classmethod
    def of(cls, strategy: str, pair: Pair, interval: timedelta, values: Mapping[str, ParameterValue]) -> "Subscription":
        """The subscription with its values in a fixed order, so that equal wishes are one computation."""
        return cls(strategy, pair, interval, tuple(sorted(values.items())))


class SignalHub:
    """Turns one venue's finished one-minute candles into signals, once per distinct subscription."""

    def __init__(self, venue: PublicVenue) -> None:
        self._venue = venue
        self._sources: dict[Subscription, SignalSource] = {}
        self._aggregators: dict[tuple[Pair, timedelta], BarAggregator] = {}

    async def follow(self, subscription: Subscription) -> None:
        """Begin to compute `subscription`, primed with the venue's own history, unless it is computed already."""
        if subscription in self._sources:
            return
        source = SignalSource(
            STRATEGIES[subscription.strategy], dict(subscription.values), subscription.pair, subscription.interval
        )
        history = await self._venue.bars(subscription.pair, subscription.interval)
        source.prime(history)
        await self._aggregate(subscription.pair, subscription.interval, history)
        self._sources[subscription] = source
        log.info(
            "signal_followed",
            strategy=subscription.strategy,
            pair=str(subscription.pair),
            interval=str(subscription.interval),
            primed_with=len(history),
        )

    def push(self, bar: Bar) -> tuple[list[Bar], dict[Subscription, Signal]]:
        """The candles that one finished one-minute candle completes, and the signals that they give."""
        finished: list[Bar] = []
        signals: dict[Subscription, Signal] = {}
        for (pair, interval), aggregator in self._aggregators.items():
            if pair != bar.pair:
                continue
            for complete in aggregator.push(bar):
                finished.append(complete)
                for subscription, source in self._sources.items():
                    if (subscription.pair, subscription.interval) == (pair, interval):
                        signal = source.push(complete)
                        if signal is not None:
                            signals[subscription] = signal
        return finished, signals

    async def _aggregate(self, pair: Pair, interval: timedelta, history: Sequence[Bar]) -> None:
        """Start summing one bar size, beginning with the minutes of the candle that is forming now."""
        if (pair, interval) in self._aggregators:
            return
        known_until = history[-1].closed_at if history else None
        # The stream begins by repeating the last hours: no minute may count twice, or in a candle that is not its own.
        aggregator = BarAggregator(interval, start=known_until)
        if interval > BASE_INTERVAL:
            for minute in await self._venue.bars(pair, BASE_INTERVAL, known_until):
                aggregator.push(minute)
        self._aggregators[pair, interval] = aggregator
