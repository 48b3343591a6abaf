"""One strategy on the same candles at several venues: what it came to at each, and why it is not the same.

The difference in the result to the first venue is divided into parts that add up to it exactly. Fees and finance are
read from the journal. What the prices brought is compared position by position, each with the one that came of the
same decision: with Q the quantity that was opened and closed again, g what that earned before costs, and E the equity
when the position was opened (1 the first venue, 2 the other),

- size is Q1 x (E2/E1 - 1) x g1/Q1: what earlier costs left there was more or less to trade with;
- lot is (Q2 - Q1 x E2/E1) x g1/Q1: quantities were rounded otherwise, or a fee was kept from the coins bought;
- tick is all the rest of g2 - g1: other prices for the same orders, by their rounding;
- exits is that rest where the position was left at other times. Where one exit can wait at a time, that is the stop,
  and a take-profit is watched by the candle; where several can wait, it is reached within one.

Positions that only one of the two opened are a part of their own, none when the decisions were the same.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from jarvis.backtest.result import BacktestResult, Trade, waterfall_json
from jarvis.domain.money import ZERO, plain, round_nearest

_STEP = Decimal("0.00000001")

Decision = tuple[str, str, str, datetime]
"""Strategy, coin, side and time of an entry: what makes positions of two venues the same one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Why a venue's result is not the first one's, part by part; `residual` is what no part explains: zero."""

    venue: str
    net: Decimal
    trading_fees: Decimal
    opening_fees: Decimal
    finance: Decimal
    size: Decimal
    lot: Decimal
    tick: Decimal
    exits: Decimal
    other: Decimal
    decisions: Decimal

    @property
    def explained(self) -> Decimal:
        """The sum of the parts."""
        return sum((getattr(self, part) for part in PARTS), ZERO)

    @property
    def residual(self) -> Decimal:
        """What is left unexplained."""
        return self.net - self.explained


PARTS = tuple(field.name for field in fields(Difference) if field.name not in {"venue", "net"})
"""The names of the parts, in the order of the table."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Results by venue, in the order they were asked for; `differences` has one for each but the first."""

    results: Mapping[str, BacktestResult]
    differences: Sequence[Difference]

    @property
    def unlike_entries(self) -> Mapping[str, int]:
        """By venue: how many entries only one of it and the first venue has."""
        first = set(_by_entry(next(iter(self.results.values()))))
        return {name: len(first ^ set(_by_entry(result))) for name, result in self.results.items()}

    @property
    def unlike_exits(self) -> Mapping[str, int]:
        """By venue: how many of the positions that it shares with the first venue were left otherwise."""
        first = _by_entry(next(iter(self.results.values())))
        return {
            name: sum(key in first and _left(first[key]) != _left(trade) for key, trade in _by_entry(result).items())
            for name, result in self.results.items()
        }

    def to_json(self) -> dict[str, Any]:
        """The table as JSON values, and each venue's whole result."""
        return {
            "venues": {
                name: {
                    "asset": result.asset,
                    "positions": len(result.trades),
                    "unlike_entries": self.unlike_entries[name],
                    "unlike_exits": self.unlike_exits[name],
                    "fills": len(result.fills),
                    "agrees": result.agrees,
                    **waterfall_json(result.waterfall),
                }
                for name, result in self.results.items()
            },
            "differences": {
                each.venue: {name: plain(getattr(each, name)) for name in ("net", *PARTS, "residual")}
                for each in self.differences
            },
            "results": {name: result.to_json() for name, result in self.results.items()},
        }


def compare(results: Mapping[str, BacktestResult]) -> Comparison:
    """The comparison with the first of the results. They must be of the same candles and strategies."""
    first = next(iter(results.values()))
    return Comparison(results, [_difference(name, first, result) for name, result in list(results.items())[1:]])


def _difference(venue: str, first: BacktestResult, second: BacktestResult) -> Difference:
    own, there = first.waterfall, second.waterfall
    ours, theirs = _by_entry(first), _by_entry(second)
    size, lot, tick, exits = ZERO, ZERO, ZERO, ZERO
    equities = _Equities(first), _Equities(second)
    for key in ours.keys() & theirs.keys():
        parts = _of_prices(ours[key], theirs[key], equities[0].at(key[-1]), equities[1].at(key[-1]))
        size, lot = size + parts[0], lot + parts[1]
        if _left(ours[key]) == _left(theirs[key]):
            tick += parts[2]
        else:
            exits += parts[2]
    only_there = sum((_gross(theirs[key]) for key in theirs.keys() - ours.keys()), ZERO)
    only_here = sum((_gross(ours[key]) for key in ours.keys() - theirs.keys()), ZERO)
    return Difference(
        venue=venue,
        net=there.total - own.total,
        trading_fees=there.trading_fee - own.trading_fee,
        opening_fees=there.opening_fee - own.opening_fee,
        finance=there.rollover + there.interest - own.rollover - own.interest,
        size=size,
        lot=lot,
        tick=tick,
        exits=exits,
        other=there.liquidation + there.adjustment - own.liquidation - own.adjustment,
        decisions=only_there - only_here,
    )


def _of_prices(ours: Trade, theirs: Trade, equity: Decimal, equity_there: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """Size, lot and the rest of one position: together the difference of what the prices brought."""
    quantity, gross = _turned(ours), _gross(ours)
    difference = _gross(theirs) - gross
    if not quantity:
        return ZERO, ZERO, difference
    like = quantity * equity_there / equity
    size = round_nearest((like - quantity) * gross / quantity, _STEP)
    lot = round_nearest((_turned(theirs) - like) * gross / quantity, _STEP)
    return size, lot, difference - size - lot


class _Equities:
    """Equity by time, as the engine was told before it decided."""

    def __init__(self, result: BacktestResult) -> None:
        self._times = [point.at for point in result.curve]
        self._curve = result.curve

    def at(self, moment: datetime) -> Decimal:
        return self._curve[min(bisect_left(self._times, moment), len(self._curve) - 1)].equity


def _by_entry(result: BacktestResult) -> dict[Decision, Trade]:
    return {(each.strategy, each.pair.base, each.side.value, each.opened_at): each for each in result.trades}


def _left(trade: Trade) -> tuple[object, ...]:
    """Why and when a position was left, part by part."""
    return trade.exit_role, *sorted({fill.at for fill in trade.fills if fill.side is not trade.side})


def _gross(trade: Trade) -> Decimal:
    return trade.waterfall.price + trade.waterfall.slippage


def _turned(trade: Trade) -> Decimal:
    """The quantity that was opened and closed again: what the prices' change was earned on."""
    closed = sum((fill.quantity for fill in trade.fills if fill.side is not trade.side), ZERO)
    return min(trade.quantity, closed)
