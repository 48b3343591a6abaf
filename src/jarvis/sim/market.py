"""Where the simulated exchange's prices come from: recorded candles replayed, or a seeded synthetic market."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Protocol

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import Asset
from jarvis.sim.synthetic import NINE, SyntheticMarket

__all__ = ["NINE", "PriceSource", "RecordedMarket", "Requoted", "SharedMarket", "SyntheticMarket"]


class PriceSource(Protocol):
    """Native bars of some pairs on one grid. `step` is their size; `end` is None when they never stop."""

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs, sorted."""
        ...

    @property
    def step(self) -> timedelta:
        """The native bar size."""
        ...

    @property
    def start(self) -> datetime:
        """When the first bar opens."""
        ...

    @property
    def end(self) -> datetime | None:
        """When the last bar closes."""
        ...

    def first_price(self, pair: Pair) -> Decimal:
        """The price at `start`: the open of the pair's first bar."""
        ...

    def bars(self, after: datetime, until: datetime) -> Iterator[Bar]:
        """Bars that close in (after, until], by closing time and pair. Asked for with growing windows."""
        ...

    def history(self, pair: Pair, interval: timedelta, count: int) -> list[Bar]:
        """Up to `count` finished bars of `interval`, on its grid, that closed at or before `start`; oldest first."""
        ...


class RecordedMarket:
    """Recorded bars replayed as they are. A missing bar stays missing: nothing trades in the hole.

    Raises ValueError for no bars, bars of several sizes, or bars of a pair that are not in order.
    """

    def __init__(self, bars: Mapping[Pair, Sequence[Bar]]) -> None:
        recorded = {pair: series for pair, series in sorted(bars.items()) if series}
        if not recorded:
            raise ValueError("there are no bars to replay")
        sizes = {bar.interval for series in recorded.values() for bar in series}
        if len(sizes) != 1:
            raise ValueError(f"bars of one size are needed, not of {', '.join(map(str, sorted(sizes)))}")
        for pair, series in recorded.items():
            if any(bar.pair != pair for bar in series):
                raise ValueError(f"a bar of another pair is among those of {pair}")
            for earlier, later in pairwise(series):
                if later.opened_at < earlier.closed_at:
                    raise ValueError(f"{pair} {later.opened_at:%Y-%m-%d %H:%M}: bars repeat or are not in order")
        self.pairs: tuple[Pair, ...] = tuple(recorded)
        self.step: timedelta = sizes.pop()
        self.start: datetime = min(series[0].opened_at for series in recorded.values())
        self.end: datetime | None = max(series[-1].closed_at for series in recorded.values())
        self._first = {pair: series[0].open for pair, series in recorded.items()}
        self._bars = sorted(
            (bar for series in recorded.values() for bar in series), key=lambda bar: (bar.opened_at, bar.pair)
        )
        self._closing = [bar.closed_at for bar in self._bars]

    def first_price(self, pair: Pair) -> Decimal:
        """The open of the pair's first bar, even when that opens later than `start`."""
        return self._first[pair]

    def bars(self, after: datetime, until: datetime) -> Iterator[Bar]:
        """Bars that close in (after, until], by closing time and pair."""
        yield from self._bars[bisect_right(self._closing, after) : bisect_right(self._closing, until)]

    def history(self, pair: Pair, interval: timedelta, count: int) -> list[Bar]:  # noqa: ARG002 - the protocol's
        """Nothing: what came before the recording is not known."""
        return []


class Requoted:
    """A market's own prices for pairs of another quote asset: BTC/USD told as BTC/USDT.

    Raises ValueError for a market with two pairs of one base.

    Unrealistic: a stablecoin is worth its dollar to the last digit.
    """

    def __init__(self, market: PriceSource, quote: Asset) -> None:
        self._market = market
        self._quote = quote
        self.pairs: tuple[Pair, ...] = tuple(sorted(Pair(pair.base, quote) for pair in market.pairs))
        self._source = {Pair(pair.base, quote): pair for pair in market.pairs}
        if len(self._source) != len(market.pairs):
            raise ValueError("two pairs of one base cannot both be told in the same asset")

    @property
    def step(self) -> timedelta:
        """The market's."""
        return self._market.step

    @property
    def start(self) -> datetime:
        """The market's."""
        return self._market.start

    @property
    def end(self) -> datetime | None:
        """The market's."""
        return self._market.end

    def first_price(self, pair: Pair) -> Decimal:
        """The market's for the same base."""
        return self._market.first_price(self._source[pair])

    def bars(self, after: datetime, until: datetime) -> Iterator[Bar]:
        """The market's, under these pairs' names."""
        for bar in self._market.bars(after, until):
            yield replace(bar, pair=Pair(bar.pair.base, self._quote))

    def history(self, pair: Pair, interval: timedelta, count: int) -> list[Bar]:
        """The market's for the same base."""
        return [replace(bar, pair=pair) for bar in self._market.history(self._source[pair], interval, count)]


class SharedMarket:
    """One market for several readers, each with windows of its own; what all have read is forgotten."""

    def __init__(self, market: PriceSource) -> None:
        self.market = market
        self._told_until = market.start
        self._bars: deque[Bar] = deque()
        self._read_until: list[datetime] = []

    def reader(self) -> "MarketReader":
        """One more reader; it begins at the market's start."""
        self._read_until.append(self.market.start)
        return MarketReader(self, len(self._read_until) - 1)

    def read(self, reader: int, after: datetime, until: datetime) -> list[Bar]:
        """The bars of a reader's window."""
        if until > self._told_until:
            self._bars.extend(self.market.bars(self._told_until, until))
            self._told_until = until
        found = [bar for bar in self._bars if after < bar.closed_at <= until]
        self._read_until[reader] = until
        slowest = min(self._read_until)
        while self._bars and self._bars[0].closed_at <= slowest:
            self._bars.popleft()
        return found


class MarketReader:
    """A market as one of several readers sees it."""

    def __init__(self, shared: SharedMarket, number: int) -> None:
        self._shared = shared
        self._number = number

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The market's."""
        return self._shared.market.pairs

    @property
    def step(self) -> timedelta:
        """The market's."""
        return self._shared.market.step

    @property
    def start(self) -> datetime:
        """The market's."""
        return self._shared.market.start

    @property
    def end(self) -> datetime | None:
        """The market's."""
        return self._shared.market.end

    def first_price(self, pair: Pair) -> Decimal:
        """The market's."""
        return self._shared.market.first_price(pair)

    def bars(self, after: datetime, until: datetime) -> Iterator[Bar]:
        """The market's bars in this reader's window."""
        yield from self._shared.read(self._number, after, until)

    def history(self, pair: Pair, interval: timedelta, count: int) -> list[Bar]:
        """The market's."""
        return self._shared.market.history(pair, interval, count)
