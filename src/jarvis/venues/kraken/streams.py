"""Kraken's WebSocket v2 read into the domain's words: the public market stream and the private account stream.

`new` and `canceled` executions are sparse, so what is known of an order is kept by its id and merged. `sequence`
counts the frames of each private subscription: a hole means that frames were lost, and the connection is made anew.
Repeats are harmless: a frame that was seen is dropped, a fill is told once.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from jarvis.domain.account import AccountEvent, LedgerRow, LedgerRowId
from jarvis.domain.clock import Clock
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar, Quote
from jarvis.domain.order import (
    Fill,
    FillId,
)
from jarvis.venues.base import BarUpdate, RefusalReason, Rejected, Unreachable, UnreadableAnswer
from jarvis.venues.kraken.errors import error_for
from jarvis.venues.kraken.executions import (
    Execution,
    decode_executions,
    decode_number,
    is_executions,
    parse_execution,
    parse_known_order,
)
from jarvis.venues.kraken.fields import (
    Record,
    decode,
    encode,
    inner,
    instant,
    items,
    number,
    record_of,
    text,
    unreadable,
    whole,
)
from jarvis.venues.kraken.memory import KnownOrder, OrderMemory, forget_oldest
from jarvis.venues.kraken.parse import ledger_kind
from jarvis.venues.kraken.symbols import Symbols
from jarvis.venues.session import Socket
from jarvis.venues.stream import Pong, StreamBroken

_REMEMBERED = 5_000


def parse_balance_update(entry: Record, symbols: Symbols) -> LedgerRow:
    """One update of the balances channel: a ledger row.

    `{"asset":"USD","asset_class":"currency","amount":-0.3458,"balance":9999.65,"fee":0.3458,
    "ledger_id":"LDCJZA-LSYS6-AKT2TK","ref_id":"TA3HCL-GXVMJ-JH2TZ5","timestamp":"2023-09-22T10:33:05.709950Z",
    "type":"margin","subtype":"","category":"trade","wallet_type":"spot","wallet_id":"main"}`
    """
    what = "balances"
    return LedgerRow(
        row_id=LedgerRowId(text(entry, "ledger_id", what)),
        ref_id=text(entry, "ref_id", what),
        at=instant(entry, "timestamp", what),
        kind=ledger_kind(entry, what),
        asset=symbols.asset(text(entry, "asset", what)),
        amount=number(entry, "amount", what),
        fee=number(entry, "fee", what),
        balance=number(entry, "balance", what),
    )


def parse_candle(entry: Record, symbols: Symbols) -> BarUpdate:
    """One candle of the ohlc channel; it may still change.

    `{"symbol":"ETH/USD","open":1562.4,"high":1562.8,"low":1562.2,"close":1562.7,"trades":12,"volume":30.92768066,
    "vwap":1562.6,"interval_begin":"2023-10-04T16:25:00.000000000Z","interval":5,
    "timestamp":"2023-10-04T16:30:00.000000Z"}`
    """
    what = "ohlc"
    pair = symbols.pair(text(entry, "symbol", what))
    try:
        bar = Bar(
            pair=pair,
            interval=timedelta(minutes=whole(entry, "interval", what)),
            opened_at=instant(entry, "interval_begin", what),
            open=number(entry, "open", what),
            high=number(entry, "high", what),
            low=number(entry, "low", what),
            close=number(entry, "close", what),
            volume=number(entry, "volume", what),
        )
    except ValueError as error:
        raise UnreadableAnswer(f"Kraken ohlc: a candle of {pair} contradicts itself") from error
    return BarUpdate(bar)


def parse_quote(entry: Record, symbols: Symbols, clock: Clock) -> Quote:
    """One update of the ticker channel, which tells no time of its own: it is the clock's.

    `{"symbol":"ETH/USD","bid":1562.1,"bid_qty":7.4,"ask":1562.2,"ask_qty":3.0,"last":1562.2,"volume":99.1,
    "vwap":1561.0,"low":1550.3,"high":1570.2,"change":-1.7,"change_pct":-0.17}`
    """
    what = "ticker"
    return Quote(
        pair=symbols.pair(text(entry, "symbol", what)),
        bid=number(entry, "bid", what),
        ask=number(entry, "ask", what),
        last=number(entry, "last", what),
        at=clock.now(),
    )


E = TypeVar("E")

Expected = set[tuple[str, str | None]]
"""Subscriptions that wait for their confirmation: channel, and symbol if it is confirmed per symbol."""


async def _confirmed(
    socket: Socket,
    frames: Sequence[Mapping[str, object]],
    expected: Expected,
    read: Callable[[str], Iterable[E | Pong]],
    clock: Clock,
) -> list[E]:
    """Send the subscriptions and read until each is confirmed; gives the events that came in between."""
    for frame in frames:
        await socket.send(encode(frame))
    events: list[E] = []
    while expected:
        told = await socket.recv()
        frame = record_of(decode(told), "stream")
        if frame.get("method") == "subscribe" or "error" in frame:
            expected.discard(_confirmation(frame, clock))
        else:
            events.extend(event for event in read(told) if not isinstance(event, Pong))
    return events


def _confirmation(frame: Record, clock: Clock) -> tuple[str, str | None]:
    """What a frame confirms. Raises the error that it tells instead."""
    if frame.get("success") is not True:
        told = frame.get("error")
        message = told if isinstance(told, str) else "subscription refused"
        error = error_for([message], write=False, now=clock.now()) if message.startswith("E") else None
        raise error or Rejected(RefusalReason.INVALID, f"Kraken refused a subscription: {message}")
    result = inner(frame, "result", "subscribe")
    symbol = result.get("symbol")
    return text(result, "channel", "subscribe"), symbol if isinstance(symbol, str) else None


def _read_control(frame: Record) -> list[Pong] | None:
    """The events of a frame that carries no data of a subscription; None if it is not such a frame."""
    match frame.get("method"), frame.get("channel"):
        case "pong", _:
            number_told = frame.get("req_id")
            return [Pong(number_told)] if isinstance(number_told, int) else []
        case "subscribe" | "unsubscribe", _:
            if frame.get("success") is False:
                raise StreamBroken("Kraken ended a subscription")
            return []
        case _, "heartbeat" | "status":
            return []
        case None, str():
            return None
        case _:
            raise unreadable("stream", "method, channel", frame)


class MarketDialect:
    """Candles of one bar size and quotes of some pairs."""

    def __init__(self, url: str, symbols: Symbols, pairs: Sequence[Pair], interval: timedelta, clock: Clock) -> None:
        self.url = url
        self._symbols = symbols
        self._names = [symbols.stream_name(pair) for pair in pairs]
        self._minutes = int(interval.total_seconds()) // 60
        self._clock = clock

    async def subscribe(self, socket: Socket) -> Sequence[BarUpdate | Quote]:
        """As Dialect says."""
        channels: tuple[Mapping[str, object], ...] = (
            {"channel": "ohlc", "symbol": self._names, "interval": self._minutes, "snapshot": True},
            {"channel": "ticker", "symbol": self._names, "event_trigger": "bbo", "snapshot": True},
        )
        frames = [{"method": "subscribe", "params": params} for params in channels]
        expected: Expected = {(channel, name) for channel in ("ohlc", "ticker") for name in self._names}
        return await _confirmed(socket, frames, expected, self.read, self._clock)

    def read(self, text: str) -> Sequence[BarUpdate | Quote | Pong]:
        """As Dialect says."""
        return self._read_frame(record_of(decode(text), "stream"))

    def ping(self, number: int) -> str:
        """As Dialect says."""
        return encode({"method": "ping", "req_id": number})

    def _read_frame(self, frame: Record) -> Sequence[BarUpdate | Quote | Pong]:
        control = _read_control(frame)
        if control is not None:
            return control
        entries = [record_of(entry, "stream") for entry in items(frame, "data", "stream")]
        match frame["channel"]:
            case "ohlc":
                return [parse_candle(entry, self._symbols) for entry in entries]
            case "ticker":
                return [parse_quote(entry, self._symbols, self._clock) for entry in entries]
            case _:
                raise unreadable("stream", "channel", frame)


class AccountDialect:
    """Orders, fills and ledger rows of one account, on one private connection with a fresh token each time."""

    def __init__(
        self,
        url: str,
        symbols: Symbols,
        memory: OrderMemory,
        token: Callable[[], Awaitable[str]],
        clock: Clock,
    ) -> None:
        self.url = url
        self._symbols = symbols
        self._memory = memory
        self._token = token
        self._clock = clock
        self._sequences: dict[str, int] = {}
        self._seen_fills: OrderedDict[FillId, None] = OrderedDict()

    async def subscribe(self, socket: Socket) -> Sequence[AccountEvent]:
        """As Dialect says."""
        self._sequences.clear()
        token = await self._token()
        channels: tuple[Mapping[str, object], ...] = (
            {"channel": "executions", "snap_orders": True, "snap_trades": False, "order_status": True, "token": token},
            {"channel": "balances", "snapshot": True, "token": token},
        )
        frames = [{"method": "subscribe", "params": params} for params in channels]
        expected: Expected = {("executions", None), ("balances", None)}
        try:
            return await _confirmed(socket, frames, expected, self.read, self._clock)
        except UnreadableAnswer as error:
            raise Unreachable(f"the account stream could not be read: {error}") from error

    def read(self, text: str) -> Sequence[AccountEvent | Pong]:
        """As Dialect says."""
        return self._executions(text) if is_executions(text) else self._read_frame(record_of(decode(text), "stream"))

    def ping(self, number: int) -> str:
        """As Dialect says."""
        return encode({"method": "ping", "req_id": number})

    def _read_frame(self, frame: Record) -> Sequence[AccountEvent | Pong]:
        control = _read_control(frame)
        if control is not None:
            return control
        channel, is_snapshot = text(frame, "channel", "stream"), text(frame, "type", "stream") == "snapshot"
        if channel != "balances":
            raise unreadable("stream", "channel", frame)
        if not self._is_next(channel, whole(frame, "sequence", channel), is_snapshot=is_snapshot):
            return []
        entries = [record_of(entry, channel) for entry in items(frame, "data", channel)]
        # The snapshot's totals are read by REST, together with all else that belongs to one instant.
        return [] if is_snapshot else [parse_balance_update(entry, self._symbols) for entry in entries]

    def _executions(self, text: str) -> Sequence[AccountEvent]:
        try:
            frame = decode_executions(text)
        except UnreadableAnswer:
            # It was one of the frames all the same: the next one follows it without a hole.
            numbered = decode_number(text)
            if numbered is not None:
                self._is_next("executions", numbered.sequence, is_snapshot=numbered.type == "snapshot")
            raise
        is_snapshot = frame.type == "snapshot"
        if not self._is_next("executions", frame.sequence, is_snapshot=is_snapshot):
            return []
        events: list[AccountEvent] = []
        for entry in frame.data:
            known = self._learn(entry)
            if not is_snapshot:
                event = parse_execution(entry, known, self._symbols)
                if not isinstance(event, Fill) or self._is_new(event.fill_id):
                    events.append(event)
        return events

    def _is_next(self, channel: str, sequence: int, *, is_snapshot: bool) -> bool:
        """Whether the frame is the next of its subscription; False for a repeat. Raises StreamBroken for a hole."""
        last = self._sequences.get(channel)
        if is_snapshot and last is None:
            self._sequences[channel] = sequence
            return True
        if last is None:
            raise StreamBroken(f"{channel} began without a snapshot")
        if sequence <= last:
            return False
        if sequence != last + 1:
            raise StreamBroken(f"{channel} lost {sequence - last - 1} frames")
        self._sequences[channel] = sequence
        return True

    def _learn(self, entry: Execution) -> KnownOrder:
        known = parse_known_order(entry, self._memory.get(entry.order_id, entry.cl_ord_id), self._symbols)
        self._memory.keep(entry.order_id, known)
        return known

    def _is_new(self, fill_id: FillId) -> bool:
        """Whether the fill is told for the first time."""
        seen = self._seen_fills
        if fill_id in seen:
            return False
        seen[fill_id] = None
        forget_oldest(seen)
        return True
