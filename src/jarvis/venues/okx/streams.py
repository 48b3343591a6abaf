"""OKX's WebSocket read into the domain's words: the market stream, and the account stream.

OKX tells no snapshot of orders and numbers no frames, so after every reconnect the caller must reconcile, and is told
so. One loss can be seen: an update says how much of its order is filled, and if that is more than the fills that were
told, some are missing and the connection is made anew. Repeats are harmless: a fill is told once.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

from jarvis.domain.account import AccountEvent
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Quote
from jarvis.domain.money import ZERO
from jarvis.domain.order import Fill, FillId, VenueOrderId
from jarvis.venues.base import BarUpdate, RefusalReason, Rejected, Unreachable, UnreadableAnswer
from jarvis.venues.okx.errors import TimestampRefused, error_for
from jarvis.venues.okx.fields import (
    Record,
    decode,
    encode,
    moment,
    number,
    number_or_none,
    record_of,
    rows_of,
    text,
    unreadable,
)
from jarvis.venues.okx.memory import OrderMemory
from jarvis.venues.okx.order_rows import (
    STREAM,
    OrderRow,
    decode_orders,
    is_orders,
    parse_order,
    parse_order_fill,
    parse_spawned,
)
from jarvis.venues.okx.parse import is_spot, parse_algo_order, parse_bar
from jarvis.venues.okx.sockets import PING, PONG, SocketPair
from jarvis.venues.okx.stream_frames import short_order
from jarvis.venues.okx.symbols import inst_id, pair_of
from jarvis.venues.session import Socket
from jarvis.venues.stream import Pong, StreamBroken

_REMEMBERED = 5_000
_CANDLE = "candle"
_CONFIRMING = frozenset({"subscribe", "unsubscribe", "login", "channel-conn-count"})

BARS = {
    timedelta(minutes=1): "1m",
    timedelta(minutes=5): "5m",
    timedelta(minutes=15): "15m",
    timedelta(minutes=30): "30m",
    timedelta(hours=1): "1H",
    timedelta(hours=4): "4H",
    timedelta(days=1): "1Dutc",
}
"""OKX's names of bar sizes; days begin at midnight UTC."""

E = TypeVar("E")
Expected = dict[tuple[str, str], None]
"""Confirmations that are waited for: a channel and its instrument (empty where it has none), in this order."""


def parse_quote(row: Record) -> Quote | None:
    """One row of the channel `tickers`; None while a side of the book is empty.

    `{"instType":"SPOT","instId":"BTC-USDT","last":"9999.99","lastSz":"0.1","askPx":"9999.99","askSz":"11",
    "bidPx":"8888.88","bidSz":"5","ts":"1597026383085"}`
    """
    what = "tickers"
    bid, ask = number_or_none(row, "bidPx", what), number_or_none(row, "askPx", what)
    if bid is None or ask is None:
        return None
    return Quote(
        pair=pair_of(text(row, "instId", what)),
        bid=bid,
        ask=ask,
        last=number(row, "last", what),
        at=moment(row, "ts", what),
    )


def _paired(socket: Socket) -> SocketPair:
    if not isinstance(socket, SocketPair):
        raise TypeError("OKX's streams run over two connections")
    return socket


async def _confirmed(socket: SocketPair, expected: Expected, read: Callable[[str], Iterable[E | Pong]]) -> list[E]:
    """Read until each is confirmed; gives the events that came in between. Raises the error that is told instead."""
    events: list[E] = []
    while expected:
        said = await socket.recv()
        if said.startswith(PONG):
            continue
        frame = record_of(decode(said), "stream")
        match frame.get("event"):
            case "login":
                _raise_told(frame)
                expected.pop(next((each for each in expected if each[0] == "login"), ("", "")), None)
            case "subscribe":
                arg = record_of(frame.get("arg"), "subscribe")
                instrument = arg.get("instId", "")
                expected.pop((text(arg, "channel", "subscribe"), instrument), None)
            case "error":
                _raise_told(frame)
            case _:
                events.extend(event for event in read(said) if not isinstance(event, Pong))
    return events


def _raise_told(frame: Record) -> None:
    """Raise the error of an event, if it tells one."""
    code = frame.get("code", "0")
    if not isinstance(code, str):
        raise unreadable("stream", "code", frame)
    if code == "0" and frame.get("event") != "error":
        return
    message = frame.get("msg")
    error = error_for(code, message if isinstance(message, str) else "", write=False)
    if isinstance(error, UnreadableAnswer):
        raise Rejected(RefusalReason.INVALID, f"OKX refused a subscription ({code})") from error
    raise error


def _read_control(frame: Record) -> bool:
    """Whether the frame carries no data. Raises StreamBroken when the venue ends or refuses something."""
    event = frame.get("event")
    if event is None:
        return False
    if event not in _CONFIRMING:
        raise StreamBroken(f"OKX said {event} ({frame.get('code', 'no code')})")
    return True


def _channel(frame: Record) -> tuple[str, Record]:
    arg = record_of(frame.get("arg"), "stream")
    return text(arg, "channel", "stream"), arg


def _subscription(args: Sequence[Mapping[str, str]]) -> str:
    return encode({"op": "subscribe", "args": list(args)})


def _ping(number_given: int) -> str:
    return f"{PING} {number_given}"


def _pong(said: str) -> Pong:
    told = said.removeprefix(PONG).strip()
    return Pong(int(told) if told.isdecimal() else 0)


class MarketDialect:
    """Candles of one bar size and quotes of some pairs."""

    def __init__(self, url: str, pairs: Sequence[Pair], interval: timedelta) -> None:
        self.url = url
        self._names = [inst_id(pair) for pair in pairs]
        self._interval = interval
        self._candles = f"{_CANDLE}{BARS[interval]}"

    async def subscribe(self, socket: Socket) -> Sequence[BarUpdate | Quote]:
        """As Dialect says."""
        pair = _paired(socket)
        channels = ("tickers", self._candles)
        for which, channel in enumerate(channels):
            await pair.send_on(which, _subscription([{"channel": channel, "instId": name} for name in self._names]))
        expected: Expected = {(channel, name): None for channel in channels for name in self._names}
        return await _confirmed(pair, expected, self.read)

    def read(self, text: str) -> Sequence[BarUpdate | Quote | Pong]:
        """As Dialect says."""
        return [_pong(text)] if text.startswith(PONG) else self._read_frame(record_of(decode(text), "stream"))

    def ping(self, number: int) -> str:
        """As Dialect says."""
        return _ping(number)

    def _read_frame(self, frame: Record) -> Sequence[BarUpdate | Quote | Pong]:
        if _read_control(frame):
            return []
        channel, arg = _channel(frame)
        if channel == "tickers":
            quotes = [parse_quote(row) for row in rows_of(frame.get("data"), channel)]
            return [quote for quote in quotes if quote is not None]
        if channel != self._candles:
            raise unreadable("stream", "channel", frame)
        rows = frame.get("data")
        if not isinstance(rows, list):
            raise unreadable(channel, "data", frame)
        pair = pair_of(text(arg, "instId", channel))
        return [BarUpdate(parse_bar(row, pair, self._interval)[0]) for row in rows]


class AccountDialect:
    """Orders and fills of one account: plain orders on the private connection, algo orders on the business one."""

    def __init__(
        self,
        url: str,
        memory: OrderMemory,
        login: Callable[[], Awaitable[bytes]],
        measure_time: Callable[[], Awaitable[object]],
        *,
        spot_is_margin: bool,
    ) -> None:
        self.url = url
        self._memory = memory
        self._login = login
        self._measure_time = measure_time
        self._spot_is_margin = spot_is_margin
        self._filled: OrderedDict[VenueOrderId, Decimal] = OrderedDict()
        self._seen_fills: OrderedDict[FillId, None] = OrderedDict()

    async def subscribe(self, socket: Socket) -> Sequence[AccountEvent]:
        """As Dialect says."""
        pair = _paired(socket)
        self._filled.clear()
        try:
            for which in (0, 1):
                await pair.send_on(which, (await self._login()).decode())
            await _confirmed(pair, {("login", "0"): None, ("login", "1"): None}, self.read)
            for which, channel in enumerate(("orders", "orders-algo")):
                await pair.send_on(which, _subscription([{"channel": channel, "instType": "ANY"}]))
            return await _confirmed(pair, {("orders", ""): None, ("orders-algo", ""): None}, self.read)
        except TimestampRefused:
            await self._measure_time()
            raise
        except UnreadableAnswer as error:
            raise Unreachable(f"the account stream could not be read: {error}") from error

    def read(self, text: str) -> Sequence[AccountEvent | Pong]:
        """As Dialect says."""
        if is_orders(text):
            return [event for row in decode_orders(text) if row.is_spot for event in self._order(row)]
        return [_pong(text)] if text.startswith(PONG) else self._read_frame(record_of(decode(text), "stream"))

    def ping(self, number: int) -> str:
        """As Dialect says."""
        return _ping(number)

    def _read_frame(self, frame: Record) -> Sequence[AccountEvent | Pong]:
        if _read_control(frame):
            return []
        channel, _ = _channel(frame)
        if channel != "orders-algo":
            raise unreadable("stream", "channel", frame)
        return [
            event
            for row in rows_of(frame.get("data"), channel)
            if is_spot(row, channel)
            for event in self._algo_order(row)
        ]

    def _order(self, row: OrderRow) -> Sequence[AccountEvent]:
        """The order's state after the fill that the row tells, if it tells a new one."""
        spawned = self._memory.learn(row.ord_id, parse_spawned(row) if row.algo_id else None)
        short = short_order(row, self._memory, spot_is_margin=self._spot_is_margin)
        if short is not None:
            report, fill = short
        else:
            report = self._memory.dressed(parse_order(row, STREAM, spawned))
            fill = parse_order_fill(row, spawned, spot_is_margin=self._spot_is_margin)
        is_new = fill is not None and fill.fill_id not in self._seen_fills
        self._check_whole(row.ord_id, report.filled_quantity or ZERO, fill if is_new else None)
        if fill is None or not is_new:
            return [report]
        _keep(self._seen_fills, fill.fill_id, None)
        return [fill, report]

    def _check_whole(self, order_id: VenueOrderId, filled: Decimal, fill: Fill | None) -> None:
        """Raise StreamBroken if more is filled than the fills that were told since the connection began."""
        before = self._filled.get(order_id)
        if before is not None and filled > before + (fill.quantity if fill is not None else 0):
            raise StreamBroken("orders lost a fill")
        _keep(self._filled, order_id, filled if before is None or filled > before else before)

    def _algo_order(self, row: Record) -> list[AccountEvent]:
        """What became of an algo order; once it triggered, the order that it spawned says how it goes on."""
        order = parse_algo_order(row, "orders-algo")
        self._memory.learn_algo(order.spawns.algo_id, order.spawns.client_order_id)
        for order_id in order.spawned_ids:
            self._memory.learn(order_id, order.spawns)
        return [] if order.is_triggered else [self._memory.dressed(order.report)]


def _keep(kept: OrderedDict[Any, Any], key: object, value: object) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > _REMEMBERED:
        kept.popitem(last=False)
