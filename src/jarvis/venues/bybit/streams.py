"""Bybit's WebSocket read into the domain's words: the public market stream and the private account stream.

The account stream has `order.spot` and `execution.spot`. `wallet` is left out: it names no cause and tells nothing at
subscribing, so balances, interest and transfers come from REST. Frames carry no number that would show a hole. What
shows one: an order that tells more filled than its fills add up to, still so when a later ping is answered. A lost
report of an order without fills shows nothing; who waits for one asks by REST.

Both streams are silent while nothing happens, so a ping goes out whenever nothing came for a while.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol, TypeVar

from jarvis.domain.account import AccountEvent
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Quote
from jarvis.domain.money import ZERO
from jarvis.domain.order import Fill, FillId, OrderReport, VenueOrderId
from jarvis.venues.base import (
    BarUpdate,
    KeyInvalid,
    RefusalReason,
    Rejected,
    SignedRequest,
    Unreachable,
    UnreadableAnswer,
)
from jarvis.venues.bybit.errors import error_for
from jarvis.venues.bybit.fields import (
    Record,
    decode,
    encode,
    moment,
    number,
    record_of,
    rows,
    text,
    unreadable,
    whole,
)
from jarvis.venues.bybit.orders import OrderMemory, told_fill, told_order
from jarvis.venues.bybit.parse import bar_of
from jarvis.venues.bybit.rows import decode_executions, decode_orders
from jarvis.venues.bybit.stream_frames import short_fill, short_order
from jarvis.venues.bybit.symbols import Symbols
from jarvis.venues.session import HttpAnswer, Socket, Transport
from jarvis.venues.stream import Pong, StreamBroken

_ORDERS, _EXECUTIONS = "order.spot", "execution.spot"
_ORDERS_MARK, _EXECUTIONS_MARK = f'"{_ORDERS}"', f'"{_EXECUTIONS}"'
_HEAD = 80
# Of which rows are about spot: a person may trade derivatives with the same account.
_SPOT = frozenset({"spot", "", None})
_REMEMBERED = 5_000
_QUIET_SECONDS = 3.5
_TOPICS_AT_ONCE = 10

_INTERVALS: Mapping[timedelta, str] = {
    **{timedelta(minutes=each): str(each) for each in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)},
    timedelta(days=1): "D",
    timedelta(days=7): "W",
}
_BAR_LENGTHS = {name: interval for interval, name in _INTERVALS.items()}


def interval_name(interval: timedelta) -> str:
    """What the venue calls a bar size. Raises ValueError for one that it does not have."""
    try:
        return _INTERVALS[interval]
    except KeyError:
        raise ValueError(f"Bybit has no candles of {interval}") from None


class _Pinging(Protocol):
    def ping(self, number: int) -> str: ...


class KeptAlive:
    """A transport whose sockets ping by themselves when nothing was heard for a while."""

    def __init__(self, transport: Transport, dialect: _Pinging, *, quiet_seconds: float = _QUIET_SECONDS) -> None:
        self._transport = transport
        self._dialect = dialect
        self._quiet = quiet_seconds

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - the transport's own contract
    ) -> HttpAnswer:
        """As Transport says."""
        return await self._transport.request(method, url, headers, body, timeout)

    async def open_socket(self, url: str) -> Socket:
        """As Transport says."""
        return _KeptAliveSocket(await self._transport.open_socket(url), self._dialect, self._quiet)


class _KeptAliveSocket:
    def __init__(self, socket: Socket, dialect: _Pinging, quiet: float) -> None:
        self._socket = socket
        self._dialect = dialect
        self._quiet = quiet

    async def send(self, text: str) -> None:
        await self._socket.send(text)

    async def recv(self) -> str:
        while True:
            try:
                async with asyncio.timeout(self._quiet):
                    return await self._socket.recv()
            except TimeoutError:
                await self._socket.send(self._dialect.ping(0))

    async def close(self) -> None:
        await self._socket.close()


class _Pings:
    """Which ping a pong answers: the public stream does not repeat our number, so they are answered in their order."""

    def __init__(self) -> None:
        self._sent: deque[int] = deque()

    def clear(self) -> None:
        self._sent.clear()

    def ping(self, number: int) -> str:
        self._sent.append(number)
        return encode({"req_id": str(number), "op": "ping"})

    def answered(self, frame: Record) -> Pong | None:
        told = frame.get("req_id")
        if isinstance(told, str) and told.isdecimal() and int(told) in self._sent:
            while (number := self._sent.popleft()) != int(told):
                pass
            return Pong(number)
        return Pong(self._sent.popleft()) if self._sent else None


E = TypeVar("E")


async def _subscribed(socket: Socket, topics: Sequence[str], read: Callable[[str], Iterable[E | Pong]]) -> list[E]:
    """Subscribe and read until each part is confirmed; gives the events that came in between."""
    parts = [topics[first : first + _TOPICS_AT_ONCE] for first in range(0, len(topics), _TOPICS_AT_ONCE)]
    for n, part in enumerate(parts):
        await socket.send(encode({"req_id": f"subscribe-{n}", "op": "subscribe", "args": part}))
    events: list[E] = []
    confirmed = 0
    while confirmed < len(parts):
        told = await socket.recv()
        frame = record_of(decode(told), "stream")
        if frame.get("op") == "subscribe":
            if frame.get("success") is not True:
                raise Rejected(RefusalReason.INVALID, f"Bybit refused a subscription: {frame.get('ret_msg')}")
            confirmed += 1
        else:
            events.extend(event for event in read(told) if not isinstance(event, Pong))
    return events


def _control(frame: Record, pings: _Pings) -> list[Pong] | None:
    """The events of a frame that carries no data of a topic; None if it does."""
    match frame.get("op"):
        case "ping" | "pong":
            pong = pings.answered(frame)
            return [] if pong is None else [pong]
        case "subscribe" | "auth":
            if frame.get("success") is False:
                raise StreamBroken("Bybit ended a subscription")
            return []
        case None if isinstance(frame.get("topic"), str):
            return None
        case _:
            raise unreadable("stream", "op, topic", frame)


class MarketDialect:
    """Candles of one bar size and quotes of some pairs.

    Best bid and ask come from `orderbook.1`, which tells no trade; the last price is the forming candle's close, and
    until there is one what `last_prices` (REST) said when the connection was made.
    """

    def __init__(
        self,
        url: str,
        symbols: Symbols,
        pairs: Sequence[Pair],
        interval: timedelta,
        last_prices: Callable[[Sequence[str]], Awaitable[Mapping[str, Decimal]]],
    ) -> None:
        self.url = url
        self._symbols = symbols
        self._names = [symbols.symbol(pair) for pair in pairs]
        self._interval = interval_name(interval)
        self._last_prices = last_prices
        self._last: dict[str, Decimal] = {}
        self._pings = _Pings()

    async def subscribe(self, socket: Socket) -> Sequence[BarUpdate | Quote]:
        """As Dialect says."""
        self._pings.clear()
        self._last.update(await self._last_prices(self._names))
        topics = [f"{kind}.{name}" for name in self._names for kind in (f"kline.{self._interval}", "orderbook.1")]
        return await _subscribed(socket, topics, self.read)

    def read(self, text: str) -> Sequence[BarUpdate | Quote | Pong]:
        """As Dialect says."""
        return self._read_frame(record_of(decode(text), "stream"))

    def ping(self, number: int) -> str:
        """As Dialect says."""
        return self._pings.ping(number)

    def _read_frame(self, frame: Record) -> Sequence[BarUpdate | Quote | Pong]:
        control = _control(frame, self._pings)
        if control is not None:
            return control
        topic, _, rest = frame["topic"].partition(".")
        match topic:
            case "kline":
                updates = parse_candles(frame, self._symbols)
                for update in updates:
                    self._last[rest.rpartition(".")[2]] = update.bar.close
                return updates
            case "orderbook":
                quote = parse_quote(frame, self._symbols, self._last)
                return [] if quote is None else [quote]
            case _:
                raise unreadable("stream", "topic", frame)


def parse_candles(frame: Record, symbols: Symbols) -> list[BarUpdate]:
    """The candles of one kline frame; they may still change until `confirm`.

    `{"topic":"kline.5.BTCUSDT","data":[{"start":1672324800000,"end":1672325099999,"interval":"5","open":"16649.5",
    "close":"16677","high":"16677","low":"16608","volume":"2.081","turnover":"34666.4005","confirm":false,
    "timestamp":1672324988882}],"ts":1672324988882,"type":"snapshot"}`
    """
    what = "kline"
    _, name, symbol = (*text(frame, "topic", what).split(".", 2), "", "")[:3]
    if name not in _BAR_LENGTHS:
        raise unreadable(what, "topic", frame)
    pair = symbols.pair(symbol)
    return [BarUpdate(bar_of(record, pair, _BAR_LENGTHS[name], what)) for record in rows(frame, what, "data")]


def parse_quote(frame: Record, symbols: Symbols, last: Mapping[str, Decimal]) -> Quote | None:
    """Best bid and ask of one orderbook.1 frame; None while a side is empty or no price was traded yet.

    `{"topic":"orderbook.1.BTCUSDT","ts":1672304484978,"type":"snapshot","data":{"s":"BTCUSDT",
    "b":[["16493.50","0.006"]],"a":[["16611.00","0.029"]],"u":18521288,"seq":7961638724},"cts":1672304484976}`
    """
    what = "orderbook.1"
    record = record_of(frame.get("data"), what)
    symbol = text(record, "s", what)
    bid, ask = _best(record, "b", what), _best(record, "a", what)
    traded = last.get(symbol)
    if bid is None or ask is None or traded is None:
        return None
    return Quote(pair=symbols.pair(symbol), bid=bid, ask=ask, last=traded, at=moment(frame, "ts", what))


def _best(record: Record, key: str, what: str) -> Decimal | None:
    levels = record.get(key)
    if not isinstance(levels, list):
        raise unreadable(what, key, record)
    if not levels:
        return None
    if not isinstance(levels[0], list) or len(levels[0]) != 2:
        raise unreadable(what, key, record)
    return number({key: levels[0][0]}, key, what)


class AccountDialect:
    """Orders and fills of one account, on one private connection that is logged in anew each time."""

    def __init__(
        self,
        url: str,
        symbols: Symbols,
        memory: OrderMemory,
        login: Callable[[], Awaitable[SignedRequest]],
        now: Callable[[], datetime],
    ) -> None:
        self.url = url
        self._symbols = symbols
        self._memory = memory
        self._login = login
        self._now = now
        self._pings = _Pings()
        self._seen_fills: OrderedDict[FillId, None] = OrderedDict()
        self._tally = FillTally()
        self._announced = 0

    async def subscribe(self, socket: Socket) -> Sequence[AccountEvent]:
        """As Dialect says."""
        self._pings.clear()
        self._tally = FillTally()
        self._announced = self._memory.announcements
        await socket.send((await self._login()).body.decode())
        try:
            answer = record_of(decode(await socket.recv()), "auth")
            while answer.get("op") in ("ping", "pong"):
                answer = record_of(decode(await socket.recv()), "auth")
            _check_login(answer, self._now())
            return await _subscribed(socket, [_ORDERS, _EXECUTIONS], self.read)
        except UnreadableAnswer as error:
            raise Unreachable(f"the account stream could not be read: {error}") from error

    def read(self, text: str) -> Sequence[AccountEvent | Pong]:
        """As Dialect says."""
        # The topic stands in front; to look through a long text for what is not in it costs as much as a fifth of all.
        for told in (text[:_HEAD], text):
            if _ORDERS_MARK in told:
                return self._reports(text, _ORDERS)
            if _EXECUTIONS_MARK in told:
                return self._fills(text, _EXECUTIONS)
        return self._read_control(text)

    def ping(self, number: int) -> str:
        """As Dialect says."""
        self._tally.mark()
        return self._pings.ping(number)

    def _read_control(self, told: str) -> Sequence[AccountEvent | Pong]:
        frame = record_of(decode(told), "stream")
        control = _control(frame, self._pings)
        if control is None:
            # The names by which the venue tells of all categories at once.
            match frame["topic"]:
                case "order":
                    return self._reports(told, "order")
                case "execution":
                    return self._fills(told, "execution")
                case _:
                    raise unreadable("stream", "topic", frame)
        if control:
            self._tally.check()
        return control

    def _reports(self, told: str, topic: str) -> Sequence[OrderReport]:
        reports = []
        for row in decode_orders(told, topic):
            if row.category in _SPOT:
                report = short_order(row, self._symbols, self._memory) or self._memory.learn(
                    told_order(row, self._symbols, topic)
                )
                is_new = self._memory.was_announced_after(self._announced, report.client_order_id)
                self._tally.order(report, is_new=is_new)
                reports.append(report)
        return reports

    def _fills(self, told: str, topic: str) -> Sequence[Fill]:
        """The fills that are told for the first time."""
        fills, seen = [], self._seen_fills
        for row in decode_executions(told, topic):
            if row.category in _SPOT:
                fill = short_fill(row, self._symbols) or told_fill(row, self._symbols, self._is_margin, topic)
                if fill.fill_id not in seen:
                    seen[fill.fill_id] = None
                    if len(seen) > _REMEMBERED:
                        seen.popitem(last=False)
                    self._tally.fill(fill)
                    fills.append(fill)
        return fills

    def _is_margin(self, order_id: VenueOrderId) -> bool | None:
        return self._memory.get(order_id).is_margin


def _check_login(frame: Record, now: datetime) -> None:
    """Return if the venue took the login, which it says in two spellings. Raises the error that it tells."""
    if frame.get("op") != "auth":
        raise unreadable("auth", "op", frame)
    code = whole(frame, "retCode", "auth") if "retCode" in frame else None
    if frame.get("success") is True or (frame.get("success") is None and code == 0):
        return
    message = str(frame.get("ret_msg") or frame.get("retMsg") or "no reason told")
    if code:
        raise error_for(code, message, {}, write=False, now=now) or KeyInvalid(message)
    if "expire" in message.lower() or "timestamp" in message.lower():
        raise Unreachable(f"Bybit did not take the login's time: {message}")
    raise KeyInvalid(f"Bybit did not take the login: {message}")


class FillTally:
    """Whether every fill that orders tell of has come: what is missing when a ping goes must be there when it returns.

    Counted are orders that were seen from their beginning on this connection: what others filled before is not known.
    """

    def __init__(self) -> None:
        self._told: OrderedDict[VenueOrderId, Decimal] = OrderedDict()
        self._added: OrderedDict[VenueOrderId, Decimal] = OrderedDict()
        self._missing: frozenset[VenueOrderId] = frozenset()

    def order(self, report: OrderReport, *, is_new: bool) -> None:
        """An order told how much of it is filled. `is_new`: it was placed after we connected."""
        filled = report.filled_quantity or ZERO
        order_id = report.venue_order_id
        if order_id in self._told or filled == 0 or is_new:
            self._told[order_id] = max(filled, self._told.get(order_id, ZERO))
            _forget_oldest(self._told)

    def fill(self, fill: Fill) -> None:
        """A fill came."""
        self._added[fill.venue_order_id] = self._added.get(fill.venue_order_id, ZERO) + fill.quantity
        _forget_oldest(self._added)

    def mark(self) -> None:
        """A ping goes out."""
        self._missing = self._short()

    def check(self) -> None:
        """A ping came back. Raises StreamBroken if what was missing when it went is still missing."""
        lost = self._missing & self._short()
        if lost:
            raise StreamBroken(f"fills of {len(lost)} orders did not come")

    def _short(self) -> frozenset[VenueOrderId]:
        return frozenset(each for each, told in self._told.items() if self._added.get(each, ZERO) < told)


def _forget_oldest(kept: OrderedDict[VenueOrderId, Decimal]) -> None:
    if len(kept) > _REMEMBERED:
        kept.popitem(last=False)
