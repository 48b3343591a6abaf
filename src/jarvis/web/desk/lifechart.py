"""The price while a position lived, as a small picture: pure arithmetic over Decimals and instants."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Side
from jarvis.domain.order import Fill

WIDTH, HEIGHT = 800, 200
POINTS = 240
MINUTE = timedelta(minutes=1)
_EDGE = 14
_AROUND = 0.12  # how much of the life is shown before and after it


@dataclass(frozen=True, slots=True)
class Mark:
    """A fill on the picture: a triangle, pointing up for a purchase. `points` are its corners."""

    points: str
    is_entry: bool


@dataclass(frozen=True, slots=True)
class LifeChart:
    """The line of closing prices, where entry and stop lie across it, and the fills on it."""

    path: str
    entry: int | None
    stop: int | None
    marks: tuple[Mark, ...]
    low: Decimal
    high: Decimal
    since: datetime
    until: datetime


def instants(begin: datetime, end: datetime) -> list[datetime]:
    """The minutes at which the price is looked up: at most about `POINTS`, evenly over the life and a little around."""
    around = max((end - begin) * _AROUND, 15 * MINUTE)
    begin, end = begin - around, end + around
    step = max(MINUTE, MINUTE * -(-(end - begin) // (MINUTE * POINTS)))
    first = begin.replace(second=0, microsecond=0)
    return [first + step * number for number in range(int((end - first) / step) + 1)]


def life_chart(
    closes: Sequence[tuple[datetime, Decimal]],
    fills: Sequence[Fill],
    entry: Decimal | None,
    stop: Decimal | None,
) -> LifeChart | None:
    """The picture; None while fewer than two prices are known."""
    if len(closes) < 2:
        return None
    prices = [price for _, price in closes]
    shown = [*prices, *(fill.price for fill in fills), *(price for price in (entry, stop) if price is not None)]
    low, high = min(shown), max(shown)
    since, until = closes[0][0], closes[-1][0]

    def across(at: datetime) -> int:
        share = (min(max(at, since), until) - since) / (until - since)
        return _EDGE + int(share * (WIDTH - 2 * _EDGE))

    def down(price: Decimal) -> int:
        if high == low:
            return HEIGHT // 2
        return _EDGE + int((high - price) / (high - low) * (HEIGHT - 2 * _EDGE))

    first = fills[0].side if fills else None
    return LifeChart(
        path="M" + "L".join(f"{across(at)} {down(price)}" for at, price in closes),
        entry=None if entry is None else down(entry),
        stop=None if stop is None else down(stop),
        marks=tuple(Mark(_corners(fill, across(fill.at), down(fill.price)), fill.side is first) for fill in fills),
        low=min(prices),
        high=max(prices),
        since=since,
        until=until,
    )


def _corners(fill: Fill, x: int, y: int) -> str:
    way = 1 if fill.side is Side.BUY else -1
    return f"{x},{y} {x - 7},{y + 13 * way} {x + 7},{y + 13 * way}"
