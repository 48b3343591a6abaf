"""Market streams: each feed knows what it last said and what is new since.

A live venue's slow streams repeat themselves every second or two, so those that show a state (candles, best prices,
tickers, partial books) say it once when they are subscribed; afterwards only what changed is told.
"""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from jarvis.emulators.binance.market import INTERVALS, DayStatistics, Kline, NumberedTrade, klines
from jarvis.emulators.binance.names import Symbol
from jarvis.emulators.binance.public import PublicData, agg_trade_row, closing_ms, is_buyer_maker, levels, taker_share
from jarvis.emulators.binance.state import VenueState
from jarvis.emulators.binance.text import Json, amount, ms
from jarvis.sim.exchange import SimLevel

_BOOK = 5000
_PARTIAL = re.compile(r"depth(5|10|20)(@100ms)?")
_DIFF = re.compile(r"depth(@100ms)?")
Trades = Sequence[NumberedTrade]


class Feed(Protocol):
    """One subscribed stream."""

    def first(self) -> list[Json]:
        """What is said at once."""
        ...

    def updates(self, trades: Trades) -> list[Json]:
        """What is new since the last call; `trades` are the symbol's."""
        ...


class CandleFeed:
    """One size of candles: the running one whenever it changes, and each once more when it has closed (`x`)."""

    def __init__(self, state: VenueState, symbol: Symbol, interval: str) -> None:
        self._state = state
        self._symbol = symbol
        self._interval = interval
        self._last: Kline | None = None

    def first(self) -> list[Json]:
        """The running candle."""
        known = self._klines(None)
        self._last = known[-1] if known else None
        return [self._row(self._last)] if self._last else []

    def updates(self, trades: Trades) -> list[Json]:
        """Every candle that changed or has closed, oldest first."""
        last = self._last
        if not trades and (last is None or self._state.now() < last.closed_at):
            return []
        changed = [kline for kline in self._klines(last) if kline != last]
        if changed:
            self._last = changed[-1]
        # A candle in which nothing has traded yet is not news.
        return [self._row(kline) for kline in changed if kline.trades]

    def _klines(self, last: Kline | None) -> list[Kline]:
        since = last.opened_at if last else self._state.now() - INTERVALS[self._interval][0]
        return klines(self._state.exchange, self._symbol.pair, self._interval, since)

    def _row(self, kline: Kline) -> Json:
        count = self._state.tape.count(self._symbol.pair)
        return {
            "e": "kline",
            "E": ms(self._state.now()),
            "s": self._symbol.name,
            "k": {
                "t": ms(kline.opened_at),
                "T": closing_ms(kline.closed_at),
                "s": self._symbol.name,
                "i": self._interval,
                "f": count - kline.trades + 1 if kline.trades else -1,
                "L": count if kline.trades else -1,
                "o": amount(kline.open),
                "c": amount(kline.close),
                "h": amount(kline.high),
                "l": amount(kline.low),
                "v": amount(kline.volume),
                "n": kline.trades,
                "x": kline.is_final,
                "q": amount(kline.turnover),
                "V": taker_share(kline.volume),
                "Q": taker_share(kline.turnover),
                "B": "0",
            },
        }


class StateFeed:
    """A stream that shows a state: said at first, then whenever it differs."""

    def __init__(self, row: Callable[[], Json], stamp: Callable[[], Json]) -> None:
        self._row = row
        self._stamp = stamp
        self._last: Json | None = None

    def first(self) -> list[Json]:
        """The state now."""
        self._last = self._row()
        return [self._stamp() | self._last]

    def updates(self, trades: Trades) -> list[Json]:  # noqa: ARG002 -- the protocol's
        """The state, if it changed."""
        row = self._row()
        if row == self._last:
            return []
        self._last = row
        return [self._stamp() | row]


class TradeFeed:
    """Public trades, each by itself or as an aggregate of itself."""

    def __init__(self, row: Callable[[NumberedTrade], Json]) -> None:
        self._row = row

    def first(self) -> list[Json]:
        """Nothing."""
        return []

    def updates(self, trades: Trades) -> list[Json]:
        """Each trade."""
        return [self._row(each) for each in trades]


class DiffFeed:
    """Changes of the book, numbered so that they join a snapshot; a level that went has quantity zero."""

    def __init__(self, state: VenueState, symbol: Symbol) -> None:
        self._state = state
        self._symbol = symbol
        self._told = state.tape.count(symbol.pair)
        self._bids, self._asks = self._sides()

    def first(self) -> list[Json]:
        """Nothing: the snapshot comes by REST."""
        return []

    def updates(self, trades: Trades) -> list[Json]:
        """The levels that changed."""
        if not trades:
            return []
        bids, asks = self._sides()
        first, last = self._told + 1, self._state.tape.count(self._symbol.pair)
        row = {
            "e": "depthUpdate",
            "E": ms(self._state.now()),
            "s": self._symbol.name,
            "U": first,
            "u": last,
            "b": _changes(self._bids, bids),
            "a": _changes(self._asks, asks),
        }
        self._told, self._bids, self._asks = last, bids, asks
        return [row]

    def _sides(self) -> tuple[dict[str, str], dict[str, str]]:
        shown = self._state.exchange.book(self._symbol.pair, _BOOK)
        return _by_price(shown.bids), _by_price(shown.asks)


def make_feed(state: VenueState, public: PublicData, symbol: Symbol, stream: str) -> Feed | None:
    """The feed of a stream name after its symbol (`kline_1m`); None for one that does not exist."""
    exchange, pair = state.exchange, symbol.pair

    def stamp(event: str) -> Callable[[], Json]:
        return lambda: {"e": event, "E": ms(state.now()), "s": symbol.name}

    def best() -> Json:
        shown = exchange.book(pair, 1)
        return {
            "b": amount(shown.bids[0].price),
            "B": amount(shown.bids[0].quantity),
            "a": amount(shown.asks[0].price),
            "A": amount(shown.asks[0].quantity),
        }

    def mini() -> Json:
        day = DayStatistics(exchange, pair)
        return {
            "c": amount(day.last),
            "o": amount(day.open),
            "h": amount(day.high),
            "l": amount(day.low),
            "v": amount(day.volume),
            "q": amount(day.turnover),
        }

    def full() -> Json:
        day, recent = DayStatistics(exchange, pair), state.tape.recent(pair)
        last = state.tape.count(pair)
        return (
            mini()
            | best()
            | {
                "p": amount(day.last - day.open),
                "P": f"{(day.last - day.open) / day.open * 100:.3f}",
                "w": amount(day.average),
                "x": amount(day.open),
                "Q": amount(recent[-1].trade.quantity if recent else None),
                "O": ms(day.begin),
                "C": ms(day.end),
                "F": max(0, last - day.trades + 1),
                "L": last,
                "n": day.trades,
            }
        )

    def trade(each: NumberedTrade) -> Json:
        return stamp("trade")() | {
            "t": each.number,
            "p": amount(each.trade.price),
            "q": amount(each.trade.quantity),
            "b": each.number * 2,
            "a": each.number * 2 + 1,
            "T": ms(each.trade.at),
            "m": is_buyer_maker(each),
            "M": True,
        }

    match stream:
        case "trade":
            return TradeFeed(trade)
        case "aggTrade":
            return TradeFeed(lambda each: stamp("aggTrade")() | agg_trade_row(each))
        case "bookTicker":
            return StateFeed(best, lambda: {"u": state.tape.count(pair), "s": symbol.name})
        case "miniTicker":
            return StateFeed(mini, stamp("24hrMiniTicker"))
        case "ticker":
            return StateFeed(full, stamp("24hrTicker"))
        case _ if partial := _PARTIAL.fullmatch(stream):
            depth = int(partial[1])
            return StateFeed(lambda: public.book(symbol, depth), dict)
        case _ if _DIFF.fullmatch(stream):
            return DiffFeed(state, symbol)
        case _ if stream.startswith("kline_") and stream.removeprefix("kline_") in INTERVALS:
            return CandleFeed(state, symbol, stream.removeprefix("kline_"))
        case _:
            return None


def _by_price(side: Sequence[SimLevel]) -> dict[str, str]:
    return {price: quantity for price, quantity in levels(side)}  # noqa: C416 -- pairs as lists are no mapping's items


def _changes(before: dict[str, str], after: dict[str, str]) -> list[list[str]]:
    changed = [[price, quantity] for price, quantity in after.items() if before.get(price) != quantity]
    return changed + [[price, amount(None)] for price in before if price not in after]
