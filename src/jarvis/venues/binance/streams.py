"""Binance's streams read into the domain's words: the combined market stream, and the account's over the WebSocket API.

The account stream is subscribed with a token that REST gives, one for the cross account or one for each isolated
pair, all on one connection. It has no sequence numbers and no replay: whoever reads it must take a StreamGap for a
loss, and a ping's round trip for the only proof of life. It tells orders and fills. It does not tell debts and
interest: those are read by REST, and so are transfers.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from jarvis.domain.clock import Clock
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Quote
from jarvis.domain.order import Fill, FillId
from jarvis.venues.base import BarUpdate, Unreachable, UnreadableAnswer, VenueError
from jarvis.venues.binance.errors import error_for
from jarvis.venues.binance.executions import EXECUTION_MARK, Told, decode_execution, parse_execution
from jarvis.venues.binance.fields import (
    Record,
    decode,
    encode,
    inner,
    number,
    record_of,
    text,
    unreadable,
    whole,
)
from jarvis.venues.binance.memory import OrderMemory
from jarvis.venues.binance.parse import bar_of
from jarvis.venues.binance.symbols import pair_of, symbol_of
from jarvis.venues.session import Socket
from jarvis.venues.stream import Pong, ReconnectingSocket, StreamBroken

SILENCE_SECONDS = 10.0
"""After so long without any frame a connection is taken for dead."""

_PING_SECONDS = 4.0
_REMEMBERED = 5_000
# Balances are read by REST, together with all else that belongs to one instant; lists of orders are never placed.
_PASSED_OVER = frozenset({"outboundAccountPosition", "balanceUpdate", "listStatus", "externalLockUpdate"})
_RENEWAL_PAUSE = timedelta(minutes=1)
_CANDLE = ("t", "o", "h", "l", "c", "v")

INTERVALS: Mapping[timedelta, str] = {
    timedelta(minutes=1): "1m",
    timedelta(minutes=3): "3m",
    timedelta(minutes=5): "5m",
    timedelta(minutes=15): "15m",
    timedelta(minutes=30): "30m",
    timedelta(hours=1): "1h",
    timedelta(hours=2): "2h",
    timedelta(hours=4): "4h",
    timedelta(hours=6): "6h",
    timedelta(hours=8): "8h",
    timedelta(hours=12): "12h",
    timedelta(days=1): "1d",
    timedelta(days=3): "3d",
    timedelta(weeks=1): "1w",
}
"""The candles that Binance has, by their names."""


def parse_candle(event: Record, intervals: Mapping[str, timedelta]) -> BarUpdate:
    """One candle of the kline stream; it may still change.

    `{"e":"kline","E":1672515782136,"s":"BNBUSDT","k":{"t":1672515780000,"T":1672515839999,"s":"BNBUSDT","i":"1m",
    "f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0015","v":"1000","n":100,"x":false,"q":"1.0000",
    "V":"500","Q":"0.500","B":"123456"}}`
    """
    candle = inner(event, "k", "kline")
    name = text(candle, "i", "kline")
    if name not in intervals:
        raise unreadable("kline", "i", candle)
    return BarUpdate(bar_of(candle, _CANDLE, pair_of(text(event, "s", "kline")), intervals[name], "kline"))


def parse_book_ticker(event: Record, last: Mapping[Pair, Decimal], at: datetime) -> Quote | None:
    """Best prices, which tell no time and no last price of their own; None until a last price is known.

    `{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}`
    """
    pair = pair_of(text(event, "s", "bookTicker"))
    bid, ask = number(event, "b", "bookTicker"), number(event, "a", "bookTicker")
    if pair not in last or not bid or not ask:
        return None
    return Quote(pair, bid, ask, last[pair], at)


class MarketDialect:
    """Candles of one bar size and quotes of some pairs, on one combined connection.

    `now_prices` gives the last prices and the quotes of this moment: the stream tells only what changes.
    """

    def __init__(
        self,
        url: str,
        pairs: Sequence[Pair],
        interval: timedelta,
        clock: Clock,
        now_prices: Callable[[Sequence[Pair]], Awaitable[tuple[Mapping[Pair, Decimal], Sequence[Quote]]]],
    ) -> None:
        self.url = url
        self._pairs = tuple(pairs)
        self._interval = interval
        self._clock = clock
        self._now_prices = now_prices
        self._last: dict[Pair, Decimal] = {}

    async def subscribe(self, socket: Socket) -> Sequence[BarUpdate | Quote]:
        """As Dialect says."""
        names = [symbol_of(pair).lower() for pair in self._pairs]
        streams = [f"{name}@{kind}" for name in names for kind in (f"kline_{INTERVALS[self._interval]}", "bookTicker")]
        await socket.send(encode({"method": "SUBSCRIBE", "params": streams, "id": "subscribe"}))
        events: list[BarUpdate | Quote] = []
        is_confirmed = False
        while not is_confirmed:
            frame = record_of(decode(await socket.recv()), "stream")
            if frame.get("id") == "subscribe":
                if frame.get("result", ...) is not None:
                    raise Unreachable("Binance refused a subscription")
                is_confirmed = True
            else:
                events += [event for event in self._read_frame(frame) if not isinstance(event, Pong)]
        last, quotes = await self._now_prices(self._pairs)
        self._last = {**last, **self._last}
        return [*quotes, *events]

    def read(self, text: str) -> Sequence[BarUpdate | Quote | Pong]:
        """As Dialect says."""
        return self._read_frame(record_of(decode(text), "stream"))

    def ping(self, number: int) -> str:
        """A question that changes nothing: the stream has no ping of its own that we could send as text."""
        return encode({"method": "LIST_SUBSCRIPTIONS", "id": number})

    def _read_frame(self, frame: Record) -> Sequence[BarUpdate | Quote | Pong]:
        if "stream" not in frame:
            return _read_market_control(frame)
        event = inner(frame, "data", "stream")
        match event.get("e"):
            case "kline":
                update = parse_candle(event, {INTERVALS[self._interval]: self._interval})
                self._last[update.bar.pair] = update.bar.close
                return [update]
            case None:
                quote = parse_book_ticker(event, self._last, self._clock.now())
                return [] if quote is None else [quote]
            case "serverShutdown":
                raise StreamBroken("the venue is about to close this connection")
            case _:
                raise unreadable("stream", "e", event)


def _read_market_control(frame: Record) -> Sequence[Pong]:
    if frame.get("e") == "serverShutdown":
        raise StreamBroken("the venue is about to close this connection")
    told = frame.get("id")
    if "result" not in frame:
        raise unreadable("stream", "stream, result", frame)
    return [Pong(told)] if isinstance(told, int) else []


@dataclass(frozen=True, slots=True)
class StreamToken:
    """What opens the account stream of the cross account (`pair` None) or of a pair's, until `ends_at`."""

    pair: Pair | None
    value: str
    ends_at: datetime


class AccountDialect:
    """Orders and fills of one account, on one connection; with fresh tokens on each, and anew before they end."""

    def __init__(
        self,
        url: str,
        memory: OrderMemory,
        tokens: Callable[[], Awaitable[Sequence[StreamToken]]],
        venue_now: Callable[[], datetime],
    ) -> None:
        self.url = url
        self._memory = memory
        self._tokens = tokens
        self._venue_now = venue_now
        self._socket: Socket | None = None
        self._asked: dict[str, Pair | None] = {}
        self._subscriptions: dict[Pair | None, int] = {}
        self._numbers = count(1)
        self._renew_at: datetime | None = None
        self._seen_fills: OrderedDict[FillId, None] = OrderedDict()

    @property
    def wants_renewal(self) -> bool:
        """Whether half of the tokens' life is over."""
        return self._renew_at is not None and self._venue_now() >= self._renew_at

    async def subscribe(self, socket: Socket) -> Sequence[Told]:
        """As Dialect says."""
        self._asked.clear()
        self._subscriptions.clear()
        self._socket = socket
        await self.renew()
        events: list[Told] = []
        try:
            while self._asked:
                events += [event for event in self.read(await socket.recv()) if not isinstance(event, Pong)]
        except UnreadableAnswer as error:
            raise Unreachable(f"the account stream could not be read: {error}") from error
        return events

    async def renew(self) -> None:
        """Subscribe with fresh tokens on the connection that there is; the answers are read like everything else.

        Raises VenueError, also when there is no connection.
        """
        socket = self._socket
        if socket is None:
            raise Unreachable("the account stream is not connected")
        asked_at = self._venue_now()
        # Should this attempt fail, the next one is a little later.
        self._renew_at = asked_at + _RENEWAL_PAUSE
        tokens = await self._tokens()
        for token in tokens:
            name = f"subscribe{next(self._numbers)}"
            self._asked[name] = token.pair
            frame = {"method": "userDataStream.subscribe.listenToken", "params": {"listenToken": token.value}}
            await socket.send(encode({"id": name, **frame}))
        self._renew_at = min((asked_at + (token.ends_at - asked_at) / 2 for token in tokens), default=self._renew_at)

    def read(self, text: str) -> Sequence[Told | Pong]:
        """As Dialect says."""
        if EXECUTION_MARK in text:
            return self._execution(text)
        return self._read_frame(record_of(decode(text), "stream"))

    def ping(self, number: int) -> str:
        """As Dialect says."""
        return encode({"id": number, "method": "ping"})

    def _read_frame(self, frame: Record) -> Sequence[Told | Pong]:
        if "event" not in frame:
            return self._read_reply(frame)
        event = inner(frame, "event", "stream")
        kind = text(event, "e", "stream")
        if kind in _PASSED_OVER:
            return []
        match kind:
            case "eventStreamTerminated":
                # A subscription that was renewed in time ends too: only the loss of a current one matters.
                if whole(frame, "subscriptionId", "stream") in self._subscriptions.values():
                    raise StreamBroken("Binance ended the account stream")
                return []
            case "serverShutdown":
                raise StreamBroken("the venue is about to close this connection")
            case _:
                raise unreadable("stream", "e", event)

    def _read_reply(self, frame: Record) -> Sequence[Pong]:
        told = frame.get("id")
        if frame.get("e") == "serverShutdown":
            raise StreamBroken("the venue is about to close this connection")
        if frame.get("status") != 200:
            raise self._refused(frame)
        if isinstance(told, int):
            return [Pong(told)]
        if told not in self._asked:
            raise unreadable("stream", "id", frame)
        self._subscriptions[self._asked.pop(told)] = whole(
            inner(frame, "result", "subscribe"), "subscriptionId", "subscribe"
        )
        return []

    def _refused(self, frame: Record) -> Exception:
        error = frame.get("error")
        if not isinstance(error, dict):
            return unreadable("stream", "error", frame)
        code, message = whole(error, "code", "stream"), text(error, "msg", "stream")
        if frame.get("id") not in self._asked or self._subscriptions:
            # A ping, or a renewal on a connection that works: make it anew.
            return StreamBroken(f"Binance said {code}: {message}")
        return error_for(code, message, write=False, now=self._venue_now(), retry_after=None)

    def _execution(self, text: str) -> Sequence[Told]:
        """What it tells, without a fill that was told before: a renewed subscription may overlap the old one."""
        fill, report = parse_execution(decode_execution(text), self._memory, self._venue_now)
        if fill is None:
            return [report]
        if isinstance(fill, Fill):
            seen = self._seen_fills
            if fill.fill_id in seen:
                return [report]
            seen[fill.fill_id] = None
            if len(seen) > _REMEMBERED:
                seen.popitem(last=False)
        return [fill, report]


@asynccontextmanager
async def kept_alive(stream: ReconnectingSocket[Any], dialect: AccountDialect | None = None) -> AsyncGenerator[None]:
    """Ask a quiet stream for a sign of life, and renew its tokens before they end, for as long as the block runs.

    Binance sends nothing on a stream while nothing happens: without asking, a dead connection looks the same.
    """
    task = asyncio.create_task(_keep_alive(stream, dialect))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_alive(stream: ReconnectingSocket[Any], dialect: AccountDialect | None) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_PING_SECONDS)
        # What fails here is the stream's matter: it notices the silence and makes itself anew.
        with suppress(VenueError):
            if dialect is not None and dialect.wants_renewal:
                await dialect.renew()
            if loop.time() - stream.last_heard_at >= _PING_SECONDS:
                await stream.flush()
