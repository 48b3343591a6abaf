"""Public WebSocket topics: each feed knows what it last said and what is new since."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from jarvis.domain.instrument import Pair
from jarvis.emulators.bybit.public import INTERVALS, Candle, PublicData, candle_texts
from jarvis.emulators.bybit.state import VenueState, symbol_of
from jarvis.emulators.bybit.text import Json, millis, number
from jarvis.sim.exchange import SimPublicTrade

DEPTHS = ("1", "50", "200", "1000")
_MILLISECOND = timedelta(milliseconds=1)


class Feed(Protocol):
    """One topic that somebody listens to."""

    def snapshot(self) -> Json | None:
        """The first frame; None when there is nothing to say yet."""
        ...

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Json]:
        """Frames for what changed since the last call."""
        ...


class BookFeed:
    """The order book: once whole, then what changed; level 1 is always sent whole."""

    def __init__(self, state: VenueState, public: PublicData, pair: Pair, depth: str) -> None:
        self._state = state
        self._public = public
        self._pair = pair
        self._depth = depth
        self._sides: tuple[list[list[str]], list[list[str]]] = ([], [])
        self._count = public.sequence()

    def snapshot(self) -> Json | None:
        """The book now."""
        self._sides = self._public.book_sides(self._pair, int(self._depth))
        return self._frame("snapshot", *self._sides)

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Json]:  # noqa: ARG002 -- the protocol's
        """The levels that changed, those that went with size zero."""
        before, now = self._sides, self._public.book_sides(self._pair, int(self._depth))
        if before == now:
            return []
        self._sides = now
        if self._depth == "1":
            return [self._frame("snapshot", *now)]
        return [self._frame("delta", _changes(before[0], now[0]), _changes(before[1], now[1]))]

    def _frame(self, kind: str, bids: list[list[str]], asks: list[list[str]]) -> Json:
        self._count += 1
        now = millis(self._state.now())
        symbol = symbol_of(self._pair)
        return {
            "topic": f"orderbook.{self._depth}.{symbol}",
            "ts": now,
            "type": kind,
            "data": {"s": symbol, "b": bids, "a": asks, "u": self._count, "seq": self._public.sequence()},
            "cts": now,
        }


class TradeFeed:
    """Trades between others, as they happen."""

    def __init__(self, state: VenueState, public: PublicData, pair: Pair) -> None:
        self._state = state
        self._public = public
        self._pair = pair

    def snapshot(self) -> Json | None:
        """Nothing: only what happens from now on is told."""
        return None

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Json]:
        """The pair's new trades in one frame."""
        rows = [
            {
                "T": millis(each.trade.at),
                "s": symbol_of(self._pair),
                "S": each.trade.side.value.capitalize(),
                "v": number(each.trade.quantity),
                "p": number(each.trade.price, 12),
                "L": "PlusTick" if each.trade.side.sign > 0 else "MinusTick",
                "i": self._public.trade_id(each.trade),
                "BT": False,
                "RPI": False,
                "seq": self._public.trade_sequence(each.trade),
            }
            for each in trades
            if each.trade.pair == self._pair
        ]
        if not rows:
            return []
        topic = f"publicTrade.{symbol_of(self._pair)}"
        return [{"topic": topic, "type": "snapshot", "ts": millis(self._state.now()), "data": rows}]


class TickerFeed:
    """Twenty-four hours of a pair; on spot always sent whole, without best prices."""

    def __init__(self, state: VenueState, public: PublicData, pair: Pair) -> None:
        self._state = state
        self._public = public
        self._pair = pair
        self._last: Json | None = None

    def snapshot(self) -> Json | None:
        """The ticker now."""
        self._last = self._public.day_row(self._pair)
        return {
            "topic": f"tickers.{symbol_of(self._pair)}",
            "ts": millis(self._state.now()),
            "type": "snapshot",
            "cs": self._public.sequence(),
            "data": self._last,
        }

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Json]:  # noqa: ARG002 -- the protocol's
        """The ticker, if anything in it changed."""
        before = self._last
        frame = self.snapshot()
        return [] if frame is None or self._last == before else [frame]


class CandleFeed:
    """Candles: the forming one whenever it changes, and each once more with `confirm` when it is over."""

    def __init__(self, state: VenueState, public: PublicData, pair: Pair, interval: str) -> None:
        self._state = state
        self._public = public
        self._pair = pair
        self._interval = interval
        self._told: dict[datetime, Candle] = {}
        self._confirmed: datetime | None = None

    def snapshot(self) -> Json | None:
        """The newest candle; None before there is one."""
        candles = self._public.candles(self._pair, self._interval)
        if not candles:
            return None
        self._told = {candles[-1].start: candles[-1]}
        self._confirmed = candles[-1].start if candles[-1].end <= self._state.now() else None
        return self._frame(candles[-1])

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Json]:  # noqa: ARG002 -- the protocol's
        """The candles that changed, or ended, since."""
        now = self._state.now()
        candles = self._public.candles(self._pair, self._interval, max(self._told, default=None))
        frames = []
        for candle in candles:
            is_ending = candle.end <= now and (self._confirmed is None or candle.start > self._confirmed)
            if self._told.get(candle.start) != candle or is_ending:
                frames.append(self._frame(candle))
            if candle.end <= now:
                self._confirmed = candle.start
        if candles:
            self._told = {candles[-1].start: candles[-1]}
        return frames

    def _frame(self, candle: Candle) -> Json:
        now = self._state.now()
        opened, high, low, close = candle_texts(candle)
        row = {
            "start": millis(candle.start),
            "end": millis(candle.end - _MILLISECOND),
            "interval": self._interval,
            "open": opened,
            "close": close,
            "high": high,
            "low": low,
            "volume": number(candle.volume),
            "turnover": number(candle.turnover, 8),
            "confirm": candle.end <= now,
            "timestamp": millis(now),
        }
        topic = f"kline.{self._interval}.{symbol_of(self._pair)}"
        return {"topic": topic, "data": [row], "ts": millis(now), "type": "snapshot"}


class PriceLimitFeed:
    """The highest price of a buy and the lowest of a sell."""

    def __init__(self, state: VenueState, public: PublicData, pair: Pair) -> None:
        self._state = state
        self._public = public
        self._pair = pair
        self._last: Json | None = None

    def snapshot(self) -> Json | None:
        """The limits now."""
        self._last = self._public.price_limit_row(self._pair)
        topic = f"priceLimit.{symbol_of(self._pair)}"
        return {"topic": topic, "data": self._last, "ts": millis(self._state.now())}

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Json]:  # noqa: ARG002 -- the protocol's
        """The limits, if they moved."""
        before = self._last
        frame = self.snapshot()
        return [] if frame is None or self._last == before else [frame]


def open_feed(state: VenueState, public: PublicData, topic: str) -> Feed | None:
    """The feed of a topic, None for one that does not exist."""
    match topic.split("."):
        case ["orderbook", depth, symbol] if depth in DEPTHS and symbol in state.symbols:
            return BookFeed(state, public, state.symbols[symbol], depth)
        case ["publicTrade", symbol] if symbol in state.symbols:
            return TradeFeed(state, public, state.symbols[symbol])
        case ["tickers", symbol] if symbol in state.symbols:
            return TickerFeed(state, public, state.symbols[symbol])
        case ["kline", interval, symbol] if interval in INTERVALS and symbol in state.symbols:
            return CandleFeed(state, public, state.symbols[symbol], interval)
        case ["priceLimit", symbol] if symbol in state.symbols:
            return PriceLimitFeed(state, public, state.symbols[symbol])
        case _:
            return None


def _changes(before: list[list[str]], now: list[list[str]]) -> list[list[str]]:
    """The levels that are new or of another size, and those that went, with size zero."""
    old, new = (dict[str, str](side) for side in (before, now))
    changed = [[price, size] for price, size in new.items() if old.get(price) != size]
    return changed + [[price, "0"] for price in old if price not in new]
