"""Public channels: each feed knows what it told last, and gives the frames that are new."""

import zlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from jarvis.domain.instrument import Pair
from jarvis.emulators.okx.names import inst_id
from jarvis.emulators.okx.public import BARS, PublicData, candle_row, trade_row
from jarvis.emulators.okx.state import VenueState
from jarvis.emulators.okx.text import Row
from jarvis.sim.exchange import SimPublicTrade

BOOK_DEPTHS = {"books": 400, "books-l2-tbt": 400, "books50-l2-tbt": 50, "books5": 5, "bbo-tbt": 1}
PUBLIC = frozenset({*BOOK_DEPTHS, "tickers", "index-tickers", "trades", "instruments", "price-limit", "status"})
BUSINESS = frozenset({"trades-all", *(f"candle{bar}" for bar in BARS)})
_WHOLE = frozenset({"books5", "bbo-tbt"})
_CHECKED = 25
_KEEPALIVE = timedelta(seconds=60)

Level = list[str]


class Feed(Protocol):
    """One public subscription."""

    def snapshot(self) -> list[Row]:
        """What is told at once, as frames without their `arg`."""
        ...

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Row]:
        """What is new."""
        ...


def feed_of(state: VenueState, public: PublicData, channel: str, pair: Pair | None, arg: Row) -> Feed:
    """The feed of a channel that exists; all but instruments and status are of one pair."""
    if pair is None:
        return _Instruments(public, str(arg.get("instType", "SPOT")))
    if channel in _WHOLE:
        return _Latest(lambda: _without_sequence(public.book_row(pair, BOOK_DEPTHS[channel]), channel, pair))
    if channel in BOOK_DEPTHS:
        return BookFeed(state, public, pair, BOOK_DEPTHS[channel])
    if channel.startswith("candle"):
        return _Candles(state, pair, BARS[channel.removeprefix("candle")])
    if channel in ("trades", "trades-all"):
        return _Trades(pair)
    if channel == "index-tickers":
        return _Latest(lambda: public.index_row(pair))
    if channel == "price-limit":
        return _Latest(lambda: public.price_limit_row(pair))
    return _Latest(lambda: public.ticker_row(pair))


def checksum(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    """CRC32, signed, of the best 25 levels: bid price and size, ask price and size, in turns."""
    parts: list[str] = []
    for place in range(_CHECKED):
        for side in (bids, asks):
            if place < len(side):
                parts += side[place][:2]
    value = zlib.crc32(":".join(parts).encode())
    return value - (1 << 32) if value & (1 << 31) else value


class BookFeed:
    """The order book by changes, numbered: `prevSeqId` of an update is `seqId` of the one before it."""

    def __init__(self, state: VenueState, public: PublicData, pair: Pair, depth: int) -> None:
        self._state = state
        self._public = public
        self._pair = pair
        self._depth = depth
        self._sequence = 0
        self._sides: dict[str, list[Level]] = {}
        self._told_at = state.now()

    def snapshot(self) -> list[Row]:
        """The whole book."""
        row = self._public.book_row(self._pair, self._depth)
        self._sides = {side: row[side] for side in ("asks", "bids")}
        self._sequence += 1
        return [{"action": "snapshot", "data": [self._told(row, previous=-1)]}]

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Row]:  # noqa: ARG002 -- the protocol's
        """The levels that changed; after a minute without any, an empty update that keeps the number."""
        row = self._public.book_row(self._pair, self._depth)
        sides = {side: row[side] for side in ("asks", "bids")}
        changes = {side: _changes(self._sides[side], sides[side]) for side in sides}
        if not any(changes.values()):
            if self._state.now() - self._told_at < _KEEPALIVE:
                return []
            return [{"action": "update", "data": [self._told(row | changes, previous=self._sequence)]}]
        self._sides = sides
        previous, self._sequence = self._sequence, self._sequence + 1
        return [{"action": "update", "data": [self._told(row | changes, previous=previous)]}]

    def _told(self, row: Row, previous: int) -> Row:
        self._told_at = self._state.now()
        numbers = {"prevSeqId": previous, "seqId": self._sequence}
        return row | {"checksum": checksum(self._sides["bids"], self._sides["asks"])} | numbers


class _Latest:
    """One row that replaces the one before."""

    def __init__(self, read: Callable[[], Row]) -> None:
        self._read = read
        self._last: Row | None = None

    def snapshot(self) -> list[Row]:
        return self.updates(())

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Row]:  # noqa: ARG002 -- the protocol's
        row = self._read()
        if row == self._last:
            return []
        self._last = row
        return [{"data": [row]}]


class _Trades:
    """Trades as they happen."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    def snapshot(self) -> list[Row]:
        return []

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Row]:
        return [
            {"data": [trade_row(self._pair, event.trade) | {"count": "1", "seqId": event.number}]}
            for event in trades
            if event.trade.pair == self._pair
        ]


class _Candles:
    """The forming candle, and the finished one once more when it is over."""

    def __init__(self, state: VenueState, pair: Pair, size: timedelta) -> None:
        self._state = state
        self._pair = pair
        self._size = size
        self._from: datetime | None = None
        self._last: list[list[str]] = []

    def snapshot(self) -> list[Row]:
        return self.updates(())

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Row]:  # noqa: ARG002 -- the protocol's
        # The forming candle may not exist yet: the one before it is told then.
        since = self._from or self._state.now() - 2 * self._size
        candles = self._state.exchange.candles(self._pair, self._size, since)
        if not candles:
            return []
        rows = [candle_row(candle) for candle in candles]
        new = [row for row in rows if row not in self._last]
        if self._from is None:
            new = new[-1:]
        self._from = candles[-1].bar.opened_at
        self._last = rows
        return [{"data": [row]} for row in new]


class _Instruments:
    """The rules of all pairs, and of those that changed."""

    def __init__(self, public: PublicData, inst_type: str) -> None:
        self._public = public
        self._inst_type = inst_type
        self._last: list[Row] = []

    def snapshot(self) -> list[Row]:
        return self.updates(())

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Row]:  # noqa: ARG002 -- the protocol's
        rows = self._public.instrument_rows(self._inst_type)
        new = [row for row in rows if row not in self._last]
        self._last = rows
        return [{"data": new}] if new else []


def _changes(before: Sequence[Level], after: Sequence[Level]) -> list[Level]:
    old, new = {level[0]: level for level in before}, {level[0]: level for level in after}
    gone = [[price, "0", "0", "0"] for price in old if price not in new]
    return gone + [level for price, level in new.items() if old.get(price) != level]


def _without_sequence(row: Row, channel: str, pair: Pair) -> Row:
    named = {"instId": inst_id(pair)} if channel == "books5" else {}
    return row | named
