"""Kraken's WebSocket v2 read into the domain's words: the public market stream and the private account stream.

`new` and `canceled` executions are sparse, so what is known of an order is kept by its id and merged. `sequence`
counts the frames of each private subscription: a hole means that frames were lost, and the connection is made anew.
Repeats are harmless: a frame that was seen is dropped, a fill is told once.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

from jarvis.domain.account import AccountEvent, LedgerRow, LedgerRowId
from jarvis.domain.clock import Clock
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Bar, Quote
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import (
    ClientOrderId,
    Fill,
    FillId,
    OrderReport,
    OrderStatus,
    OrderType,
    VenueOrderId,
)
from jarvis.venues.base import BarUpdate, RefusalReason, Rejected, Unreachable, UnreadableAnswer
from jarvis.venues.kraken.errors import error_for
from jarvis.venues.kraken.fields import (
    Record,
    decode,
    encode,
    flag,
    inner,
    instant,
    items,
    number,
    number_or_none,
    order_type,
    record_of,
    side,
    text,
    unreadable,
    whole,
)
from jarvis.venues.kraken.parse import ledger_kind
from jarvis.venues.kraken.symbols import Symbols
from jarvis.venues.session import Socket
from jarvis.venues.stream import Pong, StreamBroken

_REMEMBERED = 5_000

_ORDER_STATUSES = {
    "pending_new": OrderStatus.OPEN,
    "new": OrderStatus.OPEN,
    "partially_filled": OrderStatus.PARTLY_FILLED,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
}
_REPORTING_TYPES = frozenset(
    {"pending_new", "new", "filled", "canceled", "expired", "amended", "restated", "status", "iceberg_refill"}
)


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """What our own calls and the stream have told of an order so far; None is not told yet."""

    client_order_id: ClientOrderId | None = None
    pair: Pair | None = None
    side: Side | None = None
    order_type: OrderType | None = None
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    reduce_only: bool | None = None
    is_margin: bool | None = None


class OrderMemory:
    """What is known of the latest few thousand orders, by the venue's id."""

    def __init__(self) -> None:
        self._orders: OrderedDict[VenueOrderId, KnownOrder] = OrderedDict()
        self._announced: OrderedDict[str, KnownOrder] = OrderedDict()

    def announce(self, order: KnownOrder) -> None:
        """Remember an order that is about to be sent: the stream may tell of it before its sender gets an answer."""
        self._announced[str(order.client_order_id)] = order
        _forget_oldest(self._announced)

    def get(self, order_id: VenueOrderId, client_order_id: object = None) -> KnownOrder:
        """What is known of the order, nothing at worst."""
        known = self._orders.get(order_id)
        return known if known is not None else self._announced.get(str(client_order_id), KnownOrder())

    def keep(self, order_id: VenueOrderId, order: KnownOrder) -> None:
        """Remember this of the order."""
        self._orders[order_id] = order
        self._orders.move_to_end(order_id)
        _forget_oldest(self._orders)

    def knows(self, order_id: VenueOrderId) -> bool:
        """Whether its client order id, or that it has none, has been told."""
        return order_id in self._orders

    def order_ids(self, client_order_id: ClientOrderId) -> list[VenueOrderId]:
        """The venue's ids of the orders that carry our id."""
        return [order_id for order_id, order in self._orders.items() if order.client_order_id == client_order_id]

    def client_order_id(self, order_id: VenueOrderId) -> ClientOrderId | None:
        """Our id of the order, if known."""
        return self.get(order_id).client_order_id


def _forget_oldest(kept: OrderedDict[Any, Any]) -> None:
    if len(kept) > _REMEMBERED:
        kept.popitem(last=False)


def parse_known_order(entry: Record, known: KnownOrder, symbols: Symbols) -> KnownOrder:
    """What is known of an order once `entry` of the executions channel is merged in: absent fields stay."""
    what = "executions"
    client_order_id = text(entry, "cl_ord_id", what) if entry.get("cl_ord_id") else known.client_order_id
    triggers = entry.get("triggers")
    trigger_price = known.trigger_price
    if triggers is not None and record_of(triggers, what).get("price_type", "static") == "static":
        trigger_price = number(triggers, "price", what)
    is_margin = flag(entry, "margin", what)
    if is_margin is None and known.is_margin is None and "symbol" in entry and "order_qty" in entry:
        # A full message leaves `margin` out when it is false; a sparse one leaves out nearly everything.
        is_margin = False
    reduce_only = flag(entry, "reduce_only", what)
    return replace(
        known,
        client_order_id=ClientOrderId(client_order_id) if client_order_id else None,
        pair=symbols.pair(text(entry, "symbol", what)) if "symbol" in entry else known.pair,
        side=side(entry, "side", what) if "side" in entry else known.side,
        order_type=order_type(entry, "order_type", what) if "order_type" in entry else known.order_type,
        quantity=_or(number_or_none(entry, "order_qty", what), known.quantity),
        limit_price=_or(number_or_none(entry, "limit_price", what), known.limit_price),
        trigger_price=trigger_price,
        reduce_only=known.reduce_only if reduce_only is None else reduce_only,
        is_margin=known.is_margin if is_margin is None else is_margin,
    )


def _or(value: Decimal | None, otherwise: Decimal | None) -> Decimal | None:
    return otherwise if value is None else value


def parse_execution(entry: Record, known: KnownOrder, symbols: Symbols) -> OrderReport | Fill:
    """One entry of the executions channel, completed by what is `known` of its order (this entry merged in).

    `{"order_id":"OK4GJX-KSTLS-7DZZO5","exec_id":"TA3HCL-GXVMJ-JH2TZ5","exec_type":"trade","trade_id":365573,
    "symbol":"BTC/USD","side":"sell","last_qty":0.005,"last_price":26599.9,"liquidity_ind":"m","cost":133.0,
    "order_status":"filled","order_type":"limit","timestamp":"2023-09-22T10:33:05.709950Z",
    "fees":[{"asset":"USD","qty":0.3458}]}`
    """
    what = "executions"
    exec_type = text(entry, "exec_type", what)
    if exec_type == "trade":
        return _fill(entry, known, symbols)
    if exec_type not in _REPORTING_TYPES:
        raise unreadable(what, "exec_type", entry)
    try:
        status = _ORDER_STATUSES[text(entry, "order_status", what)]
    except KeyError:
        raise unreadable(what, "order_status", entry) from None
    filled = number_or_none(entry, "cum_qty", what)
    if status is OrderStatus.OPEN and filled:
        status = OrderStatus.PARTLY_FILLED
    return OrderReport(
        venue_order_id=VenueOrderId(text(entry, "order_id", what)),
        status=status,
        at=instant(entry, "timestamp", what),
        client_order_id=known.client_order_id,
        pair=known.pair,
        side=known.side,
        order_type=known.order_type,
        quantity=known.quantity,
        filled_quantity=filled,
        limit_price=known.limit_price,
        trigger_price=known.trigger_price,
        reduce_only=known.reduce_only,
        reason=text(entry, "reason", what) if entry.get("reason") else "",
    )


def _fill(entry: Record, known: KnownOrder, symbols: Symbols) -> Fill:
    what = "executions"
    if known.pair is None or known.side is None:
        raise unreadable(what, "symbol, side", entry)
    if known.is_margin is None:
        raise unreadable(what, "margin", entry)
    fee, fee_asset = _fee(entry, symbols, known.pair.quote)
    try:
        return Fill(
            fill_id=FillId(text(entry, "exec_id", what)),
            venue_order_id=VenueOrderId(text(entry, "order_id", what)),
            client_order_id=known.client_order_id,
            pair=known.pair,
            side=known.side,
            quantity=number(entry, "last_qty", what),
            price=number(entry, "last_price", what),
            cost=number(entry, "cost", what),
            fee=fee,
            fee_asset=fee_asset,
            at=instant(entry, "timestamp", what),
            is_maker=text(entry, "liquidity_ind", what) == "m",
            is_margin=known.is_margin,
            is_liquidation=flag(entry, "liquidated", what) is True,
        )
    except ValueError as error:
        raise unreadable(what, "last_qty, last_price, cost", entry) from error


def _fee(entry: Record, symbols: Symbols, quote: Asset) -> tuple[Decimal, Asset]:
    what = "executions"
    fees = [record_of(fee, what) for fee in items(entry, "fees", what)]
    if len(fees) > 1:
        raise unreadable(what, "fees", entry)
    if not fees:
        return ZERO, quote
    return number(fees[0], "qty", what), symbols.asset(text(fees[0], "asset", what))


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
    read: Callable[[Record], Iterable[E | Pong]],
    clock: Clock,
) -> list[E]:
    """Send the subscriptions and read until each is confirmed; gives the events that came in between."""
    for frame in frames:
        await socket.send(encode(frame))
    events: list[E] = []
    while expected:
        frame = record_of(decode(await socket.recv()), "stream")
        if frame.get("method") == "subscribe" or "error" in frame:
            expected.discard(_confirmation(frame, clock))
        else:
            events.extend(event for event in read(frame) if not isinstance(event, Pong))
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
        return await _confirmed(socket, frames, expected, self._read_frame, self._clock)

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
            return await _confirmed(socket, frames, expected, self._read_frame, self._clock)
        except UnreadableAnswer as error:
            raise Unreachable(f"the account stream could not be read: {error}") from error

    def read(self, text: str) -> Sequence[AccountEvent | Pong]:
        """As Dialect says."""
        return self._read_frame(record_of(decode(text), "stream"))

    def ping(self, number: int) -> str:
        """As Dialect says."""
        return encode({"method": "ping", "req_id": number})

    def _read_frame(self, frame: Record) -> Sequence[AccountEvent | Pong]:
        control = _read_control(frame)
        if control is not None:
            return control
        channel, is_snapshot = text(frame, "channel", "stream"), text(frame, "type", "stream") == "snapshot"
        if channel not in ("executions", "balances"):
            raise unreadable("stream", "channel", frame)
        if not self._is_next(channel, frame, is_snapshot=is_snapshot):
            return []
        entries = [record_of(entry, channel) for entry in items(frame, "data", channel)]
        if channel == "balances":
            # The snapshot's totals are read by REST, together with all else that belongs to one instant.
            return [] if is_snapshot else [parse_balance_update(entry, self._symbols) for entry in entries]
        if is_snapshot:
            for entry in entries:
                self._learn(entry)
            return []
        return [event for entry in entries for event in self._execution(entry)]

    def _is_next(self, channel: str, frame: Record, *, is_snapshot: bool) -> bool:
        """Whether the frame is the next of its subscription; False for a repeat. Raises StreamBroken for a hole."""
        sequence = whole(frame, "sequence", channel)
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

    def _learn(self, entry: Record) -> KnownOrder:
        order_id = VenueOrderId(text(entry, "order_id", "executions"))
        known = parse_known_order(entry, self._memory.get(order_id, entry.get("cl_ord_id")), self._symbols)
        self._memory.keep(order_id, known)
        return known

    def _execution(self, entry: Record) -> list[AccountEvent]:
        event = parse_execution(entry, self._learn(entry), self._symbols)
        if isinstance(event, Fill):
            if event.fill_id in self._seen_fills:
                return []
            self._seen_fills[event.fill_id] = None
            _forget_oldest(self._seen_fills)
        return [event]
