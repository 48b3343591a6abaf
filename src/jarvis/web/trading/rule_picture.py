"""A small drawing of a strategy's rule, made by the rule itself: its own code on candles that we made up.

So a strategy that is installed later has a drawing, too, and no drawing can say what the code does not do.
"""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import BarArrays, Direction, Strategy, StrategyFailedError, resolve
from jarvis.trading.universe import NINE, seen_on

WIDTH, HEIGHT = 320, 120
_EDGE = 10
_SHOWN = 190
_PAIR = Pair.parse("BTC/USD")
_HOUR = timedelta(hours=1)
_JUMPS = ((52, -7.0), (131, 8.0))
_MIDDLE = Decimal(120)
_BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Held:
    """A stretch in which the rule holds something; `side` is long or short. In SVG units."""

    x: int
    width: int
    side: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Where the rule changes its mind. `kind` is buy, sell or leave."""

    x: int
    y: int
    kind: str


@dataclass(frozen=True, slots=True)
class RulePicture:
    """The price, the curves that the rule looks at, what it held, and where it turned; `words` say the same."""

    price: str
    lines: tuple[tuple[str, str], ...]
    held: tuple[Held, ...]
    turns: tuple[Turn, ...]
    words: str
    width: int = WIDTH
    height: int = HEIGHT


@cache
def picture_of(name: str) -> RulePicture:
    """The drawing of a strategy with its usual parameters; an empty one of a person's own that cannot be asked."""
    try:
        return _drawn(STRATEGIES[name])
    except StrategyFailedError as error:
        return RulePicture("", (), (), (), str(error))


def _drawn(strategy: Strategy) -> RulePicture:
    values = resolve(strategy, {})
    own = _bars(strategy.warm_up(values) + _SHOWN)
    others = {
        Pair(base, _PAIR.quote): BarArrays.of([_half_as_far(bar, rank) for bar in own])
        for rank, base in enumerate(NINE)
        if base != _PAIR.base
    }
    bars = seen_on(strategy, values, _PAIR, {_PAIR: BarArrays.of(own), **others})
    first = len(bars) - _SHOWN
    close = [float(each) for each in bars.close[first:]]
    low, high = min(close), max(close)
    curves = [(line.name, [float(each) for each in line.values[first:]]) for line in strategy.lines(bars, values)]

    def across(index: int) -> int:
        return round(_EDGE + index / (_SHOWN - 1) * (WIDTH - 2 * _EDGE))

    def down(price: float) -> int:
        return round(HEIGHT - _EDGE - (price - low) / (high - low) * (HEIGHT - 2 * _EDGE))

    def path(prices: list[float]) -> str:
        points = [(across(index), down(price)) for index, price in enumerate(prices) if not math.isnan(price)]
        return "M" + "L".join(f"{x} {y}" for x, y in points)

    targets = [Direction(int(each)) for each in strategy.compute(bars, values).target[first:]]
    changes = [index for index, (was, now) in enumerate(pairwise(targets), start=1) if was is not now]
    held = [
        Held(across(start), max(1, across(end) - across(start)), "long" if targets[start] > 0 else "short")
        for start, end in pairwise([0, *changes, _SHOWN - 1])
        if targets[start] is not Direction.FLAT
    ]
    turns = [Turn(across(index), down(close[index]), _kind(targets[index])) for index in changes]
    counted = {kind: sum(turn.kind == kind for turn in turns) for kind in ("buy", "sell", "leave")}
    words = (
        f"{strategy.title} on a price that we made up. Turns to long: {counted['buy']}, to short: {counted['sell']}, "
        f"out: {counted['leave']}."
    )
    return RulePicture(
        path(close), tuple((name, path(curve)) for name, curve in curves), tuple(held), tuple(turns), words
    )


def _kind(target: Direction) -> str:
    return {Direction.LONG: "buy", Direction.SHORT: "sell", Direction.FLAT: "leave"}[target]


def _bars(count: int) -> list[Bar]:
    """Candles of a price that rises, rests, and falls, always the same."""
    closes = [Decimal(f"{_price(number - count + _SHOWN):.3f}") for number in range(count + 1)]
    reach = Decimal("0.4")
    return [
        Bar(
            pair=_PAIR,
            interval=_HOUR,
            opened_at=_BEGUN + number * _HOUR,
            open=opened,
            high=max(opened, closed) + reach,
            low=min(opened, closed) - reach,
            close=closed,
            volume=Decimal(1),
        )
        for number, (opened, closed) in enumerate(pairwise(closes))
    ]


def _half_as_far(bar: Bar, rank: int) -> Bar:
    """The candle of another pair that moves as this one does, by about half as much, each by a little more."""
    share = Decimal("0.4") + rank * Decimal("0.05")
    opened, high, low, closed = (
        _MIDDLE + (each - _MIDDLE) * share for each in (bar.open, bar.high, bar.low, bar.close)
    )
    return replace(bar, open=opened, high=high, low=low, close=closed)


def _price(number: int) -> float:
    """Long and short swings with two jumps; 0 is the first bar that is shown."""
    jumped = sum(size for at, size in _JUMPS if number >= at)
    return (
        float(_MIDDLE)
        + 14 * math.sin(number / 31 + 2)
        + 3.2 * math.sin(number / 6.3 + 1)
        + math.sin(number / 2.1)
        + jumped
    )
