"""A synthetic market of nine correlated pairs: the same seed gives the same prices, before and after its start.

Log prices are random walks. Each pair follows a common factor and its own noise; the volatility of both clusters
(log volatility reverts to its mean over hours), and rare jumps hit all pairs together or one alone. Floats stay in
here: a bar leaves as Decimals on the pair's tick grid.

Unrealistic: no daily or weekly rhythm, no trend, no order flow behind the prices, no reaction to what accounts do; the
history before the start is calm (no clustering, no jumps), and the farther back the coarser: minutes for the last two
and a half days, then quarters of an hour, hours, and days.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar

Floats = NDArray[np.float64]

_YEAR = 365 * 86_400.0
_BARS_AT_ONCE = 360
_VOLUME_DECIMALS = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
# Of which size the history is drawn and how far back it goes from the start: enough for 720 bars of every size that
# exchanges show. The coarsest is given twice because a stretch ends on the grid of the next.
_STRETCHES = (
    (_MINUTE, timedelta(minutes=5 * 721)),
    (timedelta(minutes=15), timedelta(minutes=30 * 721)),
    (timedelta(hours=1), timedelta(hours=4 * 721)),
    (_DAY, timedelta(days=722)),
)

# The volatility of volatility: the log of the factor's (or a pair's own) volatility has this deviation, and forgets
# half of it in this many seconds.
_VOLATILITY_SPREAD = 0.5
_VOLATILITY_HALF_LIFE = 3 * 3600.0
_JUMPS_A_DAY = 1.5
_OWN_JUMPS_A_DAY = 0.3


@dataclass(frozen=True, slots=True)
class _Nature:
    """How a pair behaves: price at the start (as in 2025), volatility a year, its share from the factor, its trade."""

    price: float
    decimals: int
    volatility: float
    follows: float
    quote_volume_a_day: float


_NATURES = {
    Pair.parse(f"{base}/USD"): nature
    for base, nature in {
        "BTC": _Nature(104_000.0, 1, 0.48, 0.93, 250e6),
        "ETH": _Nature(2_600.0, 2, 0.68, 0.88, 120e6),
        "XRP": _Nature(2.25, 5, 0.80, 0.76, 60e6),
        "SOL": _Nature(155.0, 2, 0.85, 0.82, 60e6),
        "DOGE": _Nature(0.185, 7, 0.90, 0.80, 25e6),
        "ADA": _Nature(0.68, 6, 0.85, 0.80, 15e6),
        "LTC": _Nature(88.0, 2, 0.75, 0.76, 8e6),
        "LINK": _Nature(13.8, 5, 0.85, 0.80, 10e6),
        "BNB": _Nature(650.0, 2, 0.50, 0.74, 6e6),
    }.items()
}

NINE: tuple[Pair, ...] = tuple(sorted(_NATURES))


class SyntheticMarket:
    """Endless bars of `pairs` from `start` (a whole minute), and history before it. Deterministic from the seed.

    A pair's prices do not depend on which other pairs are asked for. `step` divides a minute, or is a whole number of
    them. Raises ValueError for a start or step that is off the grid, or a pair whose nature is not known.
    """

    def __init__(
        self, seed: int, start: datetime, pairs: Sequence[Pair] = NINE, step: timedelta = timedelta(seconds=10)
    ) -> None:
        if start.tzinfo is None or (start - _EPOCH) % _MINUTE:
            raise ValueError("a synthetic market starts at a whole minute, in aware UTC")
        if step <= timedelta(0) or (_MINUTE % step and step % _MINUTE) or (start - _EPOCH) % step:
            raise ValueError("the step must divide a minute or be whole minutes, and the start lie on its grid")
        unknown = [pair for pair in pairs if pair not in _NATURES]
        if unknown or not pairs:
            raise ValueError(f"a synthetic market knows {', '.join(map(str, NINE))}, not {unknown}")
        self.pairs: tuple[Pair, ...] = tuple(sorted(set(pairs)))
        self.step: timedelta = step
        self.start: datetime = start
        self.end: datetime | None = None
        self._seed = seed
        self._paths = _Paths(seed, step.total_seconds())
        self._ready: list[Bar] = []
        self._ready_from = 0
        self._drawn_until = start
        self._told_until = start
        self._past: dict[Pair, list[Bar]] = {}

    def first_price(self, pair: Pair) -> Decimal:
        """The price at `start`."""
        nature = _NATURES[pair]
        return Decimal(round(nature.price * 10**nature.decimals)).scaleb(-nature.decimals)

    def bars(self, after: datetime, until: datetime) -> Iterator[Bar]:
        """Bars that close in (after, until], by closing time and pair. ValueError if they were told before."""
        if after < self._told_until:
            raise ValueError("a synthetic market is told once, from its start on")
        self._told_until = until
        return self._take(after, until)

    def history(self, pair: Pair, interval: timedelta, count: int) -> list[Bar]:
        """Up to `count` finished bars of `interval`, on its grid, that closed at or before `start`; oldest first.

        `interval` is a whole number of minutes, up to a day; ValueError otherwise.
        """
        if interval <= timedelta(0) or interval % _MINUTE or _DAY % interval:
            raise ValueError("history comes in whole minutes that divide a day")
        if pair not in self._past:
            self._past[pair] = self._draw_past(pair)
        return _aggregate(self._past[pair], pair, interval, self.start, count)

    def _take(self, after: datetime, until: datetime) -> Iterator[Bar]:
        while True:
            while self._ready_from < len(self._ready):
                bar = self._ready[self._ready_from]
                if bar.closed_at > until:
                    return
                self._ready_from += 1
                if bar.closed_at > after:
                    yield bar
            if self._drawn_until >= until:
                return
            self._draw()

    def _draw(self) -> None:
        """Draw the next stretch of bars."""
        prices, lows, highs, volumes = self._paths.draw(_BARS_AT_ONCE)
        by_pair = [
            (
                pair,
                decimals,
                _rows(prices[:-1, at], highs[:, at], lows[:, at], prices[1:, at], volumes[:, at], decimals),
            )
            for pair, at, decimals in ((pair, _ORDER[pair], _NATURES[pair].decimals) for pair in self.pairs)
        ]
        times = [self._drawn_until + row * self.step for row in range(_BARS_AT_ONCE)]
        self._ready = [
            _bar(pair, self.step, opened_at, rows[row], decimals)
            for row, opened_at in enumerate(times)
            for pair, decimals, rows in by_pair
        ]
        self._ready_from = 0
        self._drawn_until += _BARS_AT_ONCE * self.step

    def _draw_past(self, pair: Pair) -> list[Bar]:
        """Bars back from the start, oldest first: days, then hours, then minutes, each ending where the next begins."""
        nature, column = _NATURES[pair], _ORDER[pair]
        own = np.random.default_rng([self._seed, 2, column])
        end, price = self.start, nature.price
        past: list[Bar] = []
        for number, (size, reach) in enumerate(_STRETCHES):
            coarser = _STRETCHES[min(number + 1, len(_STRETCHES) - 1)][0]
            begin = _floor(self.start - reach, coarser)
            amount = (end - begin) // size
            shared = np.random.default_rng([self._seed, 1, number])
            moves, below, above, volumes = _past_stretch(nature, size.total_seconds(), amount, shared, own)
            closes = log(price) - np.concatenate(([0.0], np.cumsum(moves)))
            opens, closes = closes[1:], closes[:-1]
            rows = _rows(
                np.exp(opens),
                np.exp(np.maximum(opens, closes) + above),
                np.exp(np.minimum(opens, closes) - below),
                np.exp(closes),
                volumes,
                nature.decimals,
            )
            bars = [_bar(pair, size, end - (back + 1) * size, row, nature.decimals) for back, row in enumerate(rows)]
            past = [*reversed(bars), *past]
            end, price = begin, exp(float(opens[-1]))
        return past


class _Paths:
    """All nine pairs, drawn on in stretches: prices, lows, highs and volumes by row (time) and column (pair)."""

    def __init__(self, seed: int, seconds: float) -> None:
        natures = [_NATURES[pair] for pair in NINE]
        self._random = np.random.default_rng([seed, 0])
        self._seconds = seconds
        self._prices: Floats = np.log(np.array([nature.price for nature in natures]))
        deviation = np.array([nature.volatility for nature in natures]) * sqrt(seconds / _YEAR)
        follows = np.array([nature.follows for nature in natures])
        self._from_factor: Floats = deviation * follows
        self._own: Floats = deviation * np.sqrt(1 - follows**2)
        self._volume: Floats = np.array([nature.quote_volume_a_day for nature in natures]) * seconds / 86_400.0
        self._log_volatility: Floats = np.zeros(len(natures) + 1)
        self._memory = exp(-log(2.0) * seconds / _VOLATILITY_HALF_LIFE)

    def draw(self, rows: int) -> tuple[Floats, Floats, Floats, Floats]:
        """`rows` bars: prices (one row more: the closes follow the opens), lows, highs, volumes in base."""
        random, columns = self._random, len(NINE)
        shocks = random.standard_normal((rows, columns + 1)) * _VOLATILITY_SPREAD * sqrt(1 - self._memory**2)
        noise = random.standard_normal((rows, columns + 1))
        jumps = self._jumps(rows)
        uniform = random.random((rows, columns, 2))
        bustle = np.exp(0.6 * random.standard_normal((rows, columns)))
        level = np.empty((rows, columns + 1))
        current = self._log_volatility
        for row in range(rows):
            current = self._memory * current + shocks[row]
            level[row] = current
        self._log_volatility = current
        # Less half the variance, so that the mean square is as asked.
        scale = np.exp(level - _VOLATILITY_SPREAD**2)
        deviation = np.sqrt((self._from_factor * scale[:, :1]) ** 2 + (self._own * scale[:, 1:]) ** 2)
        moves = self._from_factor * scale[:, :1] * noise[:, :1] + self._own * scale[:, 1:] * noise[:, 1:] + jumps
        logs = np.vstack((self._prices, self._prices + np.cumsum(moves, axis=0)))
        self._prices = logs[-1]
        highs, lows = _extremes(logs[:-1], logs[1:], deviation, uniform)
        prices = np.exp(logs)
        volumes = self._volume * bustle * (deviation / (self._from_factor + self._own)) / prices[1:]
        return prices, np.exp(lows), np.exp(highs), volumes

    def _jumps(self, rows: int) -> Floats:
        random, columns = self._random, len(NINE)
        chance = self._seconds / 86_400.0
        shared = (random.random((rows, 1)) < _JUMPS_A_DAY * chance) * random.normal(0.0, 0.006, (rows, 1))
        own = (random.random((rows, columns)) < _OWN_JUMPS_A_DAY * chance) * random.normal(0.0, 0.010, (rows, columns))
        jumps: Floats = shared * np.sqrt(self._from_factor / self._from_factor.min()) + own
        return jumps


_ORDER = {pair: column for column, pair in enumerate(NINE)}


def _past_stretch(
    nature: _Nature, seconds: float, amount: int, shared: np.random.Generator, own: np.random.Generator
) -> tuple[Floats, Floats, Floats, Floats]:
    """Log moves, how far each bar went below and above its body, and volumes in base; latest bar first."""
    deviation = nature.volatility * sqrt(seconds / _YEAR)
    factor = shared.standard_normal(amount)
    noise = own.standard_normal(amount)
    moves = deviation * (nature.follows * factor + sqrt(1 - nature.follows**2) * noise)
    zeros = np.zeros(amount)
    highs, lows = _extremes(zeros, moves, np.full(amount, deviation), own.random((amount, 2)))
    volumes = nature.quote_volume_a_day * seconds / 86_400.0 * np.exp(0.6 * own.standard_normal(amount)) / nature.price
    return moves, np.minimum(zeros, moves) - lows, highs - np.maximum(zeros, moves), volumes


def _extremes(opens: Floats, closes: Floats, deviation: Floats, uniform: Floats) -> tuple[Floats, Floats]:
    """Highest and lowest log price of a random walk between its two ends (the extremes of a Brownian bridge)."""
    tails = -2.0 * deviation[..., None] ** 2 * np.log1p(-uniform)
    reach = np.sqrt(((closes - opens) ** 2)[..., None] + tails)
    middle = opens + closes
    return (middle + reach[..., 0]) / 2, (middle - reach[..., 1]) / 2


_Row = tuple[int, int, int, int, int]
"""Open, high, low, close in ticks and the volume in lots."""


def _rows(opens: Floats, highs: Floats, lows: Floats, closes: Floats, volumes: Floats, decimals: int) -> list[_Row]:
    """The bars in whole ticks: all four prices are rounded alike, so they stay in order."""
    columns = [
        np.maximum(1, np.rint(prices * 10**decimals)).astype(np.int64) for prices in (opens, highs, lows, closes)
    ]
    columns.append(np.rint(volumes * 10**_VOLUME_DECIMALS).astype(np.int64))
    return [tuple(row) for row in np.stack(columns, axis=1).tolist()]


def _bar(pair: Pair, size: timedelta, opened_at: datetime, row: _Row, decimals: int) -> Bar:
    opened, high, low, close, volume = row
    return Bar(
        pair,
        size,
        opened_at,
        Decimal(opened).scaleb(-decimals),
        Decimal(high).scaleb(-decimals),
        Decimal(low).scaleb(-decimals),
        Decimal(close).scaleb(-decimals),
        Decimal(volume).scaleb(-_VOLUME_DECIMALS),
    )


def _floor(at: datetime, size: timedelta) -> datetime:
    return at - (at - _EPOCH) % size


def _aggregate(past: Sequence[Bar], pair: Pair, interval: timedelta, start: datetime, count: int) -> list[Bar]:
    """The last `count` whole bars of `interval` before `start`, from finer ones; coarser ones are left out."""
    last_end = _floor(start, interval)
    first = last_end - count * interval
    found: list[Bar] = []
    for bar in past:
        if bar.opened_at < first or bar.closed_at > last_end or bar.interval > interval:
            continue
        opened_at = _floor(bar.opened_at, interval)
        if found and found[-1].opened_at == opened_at:
            begun = found[-1]
            found[-1] = Bar(
                pair,
                interval,
                opened_at,
                begun.open,
                max(begun.high, bar.high),
                min(begun.low, bar.low),
                bar.close,
                begun.volume + bar.volume,
            )
        else:
            found.append(Bar(pair, interval, opened_at, bar.open, bar.high, bar.low, bar.close, bar.volume))
    return found
