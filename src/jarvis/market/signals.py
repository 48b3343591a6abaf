"""Each distinct (strategy, parameters, pair, bar size) of one venue computed once, for all accounts that follow it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.market.feed import BASE_INTERVAL
from jarvis.trading.bars import BarAggregator
from jarvis.trading.strategies import STRATEGIES, why_missing
from jarvis.trading.strategy import ParameterValue, Signal, SignalSource, StrategyFailedError
from jarvis.trading.universe import WideSource, source_of
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
    """Turns one venue's finished one-minute candles into signals, once per distinct subscription.

    `pairs` are those whose candles will come. `grace` is how long after a close a strategy that looks at several pairs
    waits for candles that are late; zero where all of a step come together.
    A strategy that cannot be computed is refused, and everything else goes on: see `refused`.
    """

    def __init__(self, venue: PublicVenue, pairs: Collection[Pair], *, grace: timedelta = timedelta(0)) -> None:
        self._venue = venue
        self._pairs = frozenset(pairs)
        self._grace = grace
        self._sources: dict[Subscription, SignalSource] = {}
        self._aggregators: dict[tuple[Pair, timedelta], BarAggregator] = {}
        self.refused: dict[Subscription, str] = {}

    async def follow(self, subscription: Subscription) -> None:
        """Begin to compute `subscription`, primed with the venue's own history, unless it is computed already."""
        if subscription in self._sources or subscription in self.refused:
            return
        pair, interval = subscription.pair, subscription.interval
        strategy = STRATEGIES.get(subscription.strategy)
        if strategy is None:
            self._refuse(subscription, why_missing(subscription.strategy))
            return
        try:
            source = source_of(strategy, dict(subscription.values), pair, interval, self._pairs, self._grace)
        except ValueError as error:
            self._refuse(subscription, str(error))
            return
        except Exception as error:  # noqa: BLE001 - a file of a person's own may break in any way
            self._refuse(subscription, _broke(error))
            return
        if isinstance(source, WideSource):
            for other in source.others:
                told = await self._venue.bars(other, interval)
                source.prime_other(told)
                await self._aggregate(other, interval, told)
        history = await self._venue.bars(pair, interval)
        await self._aggregate(pair, interval, history)
        self._sources[subscription] = source
        with self._guarded(subscription):
            source.prime(history)
        log.info(
            "signal_followed",
            strategy=subscription.strategy,
            pair=str(pair),
            interval=str(interval),
            primed_with=len(history),
        )

    def push(self, bar: Bar) -> tuple[list[Bar], dict[Subscription, Signal]]:
        """The candles that one finished one-minute candle completes, and the signals that they give at once."""
        finished: list[Bar] = []
        signals: dict[Subscription, Signal] = {}
        for (pair, interval), aggregator in self._aggregators.items():
            if pair != bar.pair:
                continue
            for complete in aggregator.push(bar):
                finished.append(complete)
                for subscription, source in list(self._sources.items()):
                    if subscription.interval != interval:
                        continue
                    if isinstance(source, WideSource):
                        if pair == subscription.pair or pair in source.others:
                            source.take(complete)
                    elif subscription.pair == pair:
                        with self._guarded(subscription):
                            signal = source.push(complete)
                            if signal is not None:
                                signals[subscription] = signal
        return finished, signals

    def settle(self, now: datetime) -> dict[Subscription, Signal]:
        """The signals of strategies that look at several pairs, as far as they need not wait any longer."""
        signals: dict[Subscription, Signal] = {}
        for subscription, source in list(self._sources.items()):
            if isinstance(source, WideSource):
                ended = ((other, self._aggregators[other, subscription.interval].ended(now)) for other in source.others)
                forming = {other: bar for other, bar in ended if bar is not None}
                with self._guarded(subscription):
                    signals.update((subscription, signal) for signal in source.settle(now, forming))
        return signals

    @contextmanager
    def _guarded(self, subscription: Subscription) -> Iterator[None]:
        """Whoever breaks in here is not computed any more; the others go on."""
        try:
            yield
        except StrategyFailedError as error:
            self._refuse(subscription, str(error))
        except Exception as error:  # a strategy's own mistake, whatever it is, must not stop an account
            log.exception("strategy_broke", strategy=subscription.strategy, pair=str(subscription.pair))
            self._refuse(subscription, _broke(error))

    def _refuse(self, subscription: Subscription, reason: str) -> None:
        log.warning("strategy_refused", strategy=subscription.strategy, pair=str(subscription.pair), reason=reason)
        self._sources.pop(subscription, None)
        self.refused[subscription] = reason

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


def _broke(error: Exception) -> str:
    return f"It broke ({type(error).__name__}); the log has more."
