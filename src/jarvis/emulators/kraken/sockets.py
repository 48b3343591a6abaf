"""WebSocket v2: who is connected, what each has subscribed to, and what is sent to whom."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jarvis.emulators.faults import FaultKind
from jarvis.emulators.kraken.errors import (
    INVALID_ARGUMENTS,
    INVALID_SESSION,
    ORDER_RATE_LIMIT,
    PERMISSION_DENIED,
    UNAVAILABLE,
    Refused,
    throttled,
)
from jarvis.emulators.kraken.executions import balance_rows, ledger_event, order_events, order_status, trade_event
from jarvis.emulators.kraken.feeds import (
    DEPTHS,
    BookFeed,
    CandleFeed,
    Feed,
    InstrumentFeed,
    TickerFeed,
    TradeFeed,
)
from jarvis.emulators.kraken.keys import VenueAccount, WebSocketToken
from jarvis.emulators.kraken.names import INTERNATIONAL_VENUE, US_VENUE, PairName
from jarvis.emulators.kraken.params import Params
from jarvis.emulators.kraken.public import INTERVALS, PublicData
from jarvis.emulators.kraken.rates import loop_time
from jarvis.emulators.kraken.state import VenueState
from jarvis.emulators.kraken.text import decode, encode, rfc3339, unix
from jarvis.emulators.kraken.trading import Trading
from jarvis.emulators.kraken.wstrading import METHODS, Reply, WsCall
from jarvis.emulators.wire import WireSocket
from jarvis.sim.exchange import SimEvent, SimFill, SimLedger, SimOrderEvent, SimPublicTrade

PUBLIC_PATH = "/ws/v2"
PRIVATE_PATH = "/ws-auth/v2"
_PUBLIC_CHANNELS = frozenset({"ticker", "book", "ohlc", "trade", "instrument"})
_PRIVATE_CHANNELS = frozenset({"executions", "balances"})
_GO_PRIVATE = "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com"
_GO_PUBLIC = "Public market data subscriptions are unavailable on this endpoint. Try ws.kraken.com"
_HEARTBEAT = '{"channel":"heartbeat"}'
_IDLE_SECONDS = 60.0
_SNAPSHOT_TRADES = 50
_EVENT_FAULTS = (
    FaultKind.DROPPED_SOCKET,
    FaultKind.SILENTLY_LOST_EVENT,
    FaultKind.SEQUENCE_GAP,
    FaultKind.LOST_EVENT,
    FaultKind.REORDERED_EVENT,
    FaultKind.REPEATED_EVENT,
)
_CALL_FAULTS_BEFORE = (
    FaultKind.TIMEOUT_BEFORE_ACCEPT,
    FaultKind.UNAVAILABLE_BEFORE_ACCEPT,
    FaultKind.RATE_LIMITED,
    FaultKind.THROTTLED,
    FaultKind.DELAYED_BEFORE_ACCEPT,
)
_CALL_FAULTS_AFTER = (
    FaultKind.TIMEOUT_AFTER_ACCEPT,
    FaultKind.UNAVAILABLE_AFTER_ACCEPT,
    FaultKind.DELAYED_ANSWER,
    FaultKind.DROPPED_SOCKET,
)


@dataclass(slots=True)
class PrivateFeed:
    """One private subscription: whose, how, and how far it was numbered. `held` waits to be sent out of order."""

    channel: str
    account: str
    wants_status: bool = True
    wants_counter: bool = False
    sequence: int = 0
    held: str | None = None


@dataclass(slots=True)
class Connection:
    """One client. `tokens` are those that it has used: they stay valid while it lives."""

    socket: WireSocket
    number: int
    is_private: bool
    heard_at: float
    feeds: dict[tuple[str, ...], Feed] = field(default_factory=dict)
    private: dict[str, PrivateFeed] = field(default_factory=dict)
    tokens: dict[str, WebSocketToken] = field(default_factory=dict)

    @property
    def is_subscribed(self) -> bool:
        """Whether it gets heartbeats."""
        return bool(self.feeds or self.private)


class Sockets:
    """All connections of one emulated venue."""

    def __init__(self, state: VenueState, trading: Trading, public: PublicData, heartbeat_seconds: float) -> None:
        self._state = state
        self._trading = trading
        self._public = public
        self._heartbeat_seconds = heartbeat_seconds
        self._connections: dict[WireSocket, Connection] = {}
        self._count = 0
        self._status = public.status()
        self._told_at = state.now()

    def connect(self, path: str) -> WireSocket:
        """A new connection, greeted with the status banner. Raises ValueError for another path."""
        if path not in (PUBLIC_PATH, PRIVATE_PATH):
            raise ValueError(f"there is no WebSocket at {path}")
        socket = WireSocket(
            on_frame=self._receive,
            on_close=self._forget,
            heartbeat=self._heartbeat,
            heartbeat_after=self._heartbeat_seconds,
        )
        self._count += 1
        self._connections[socket] = Connection(socket, self._count, path == PRIVATE_PATH, loop_time())
        self._send(socket, self._banner(self._count))
        return socket

    def publish(self, events: Sequence[SimEvent]) -> None:
        """Tell everyone what happened to their accounts and to the market."""
        for connection in list(self._connections.values()):
            for feed in list(connection.private.values()):
                for event in events:
                    self._publish_private(connection, feed, event)
        trades = [event for event in events if isinstance(event, SimPublicTrade)]
        # Accounts' orders do not move this market: without time passing there is nothing new to tell of it.
        if trades or self._state.now() != self._told_at:
            self._publish_public(trades)

    def announce_status(self) -> None:
        """Tell everyone when the venue's status has changed, and how the pairs' rules have."""
        status = self._public.status()
        if status != self._status:
            self._status = status
            for connection in list(self._connections.values()):
                self._send(connection.socket, self._banner(connection.number))
        self._publish_public([])

    def drop_key(self, public: str) -> None:
        """Cut every connection that used a token of this key."""
        for connection in list(self._connections.values()):
            if any(token.key == public for token in connection.tokens.values()):
                connection.socket.drop()

    def drop_account(self, account: str) -> None:
        """Cut every connection that used a token of this account."""
        for connection in list(self._connections.values()):
            if any(token.account == account for token in connection.tokens.values()):
                connection.socket.drop()

    def drop_all(self) -> int:
        """Cut every connection; how many there were."""
        connections = list(self._connections.values())
        for connection in connections:
            connection.socket.drop()
        return len(connections)

    # What comes in.

    def _receive(self, socket: WireSocket, text: str) -> None:
        connection = self._connections[socket]
        connection.heard_at = loop_time()
        arrived = self._state.now()
        try:
            message = decode(text)
        except ValueError:
            self._send(socket, {"error": "Malformed request", "success": False} | self._times(arrived))
            return
        if not isinstance(message, dict):
            self._send(socket, {"error": "Malformed request", "success": False} | self._times(arrived))
            return
        method, params = message.get("method"), message.get("params")
        request = {"req_id": message["req_id"]} if isinstance(message.get("req_id"), int) else {}
        fields = params if isinstance(params, dict) else {}
        match method:
            case "ping":
                self._send(socket, {"method": "pong"} | request | self._times(arrived))
            case "subscribe":
                self._subscribe(connection, fields, request, arrived)
            case "unsubscribe":
                self._unsubscribe(connection, fields, request, arrived)
            case str() if method in METHODS:
                self._trade(connection, method, Params(fields), request, arrived)
            case _:
                reply = {"method": method, "error": "Method not supported", "success": False}
                self._send(socket, reply | request | self._times(arrived))

    def _subscribe(self, connection: Connection, fields: dict[str, Any], request: Reply, arrived: datetime) -> None:
        params, channel = Params(fields), str(fields.get("channel"))
        base = {"method": "subscribe"} | request

        def refuse(error: str, **more: Any) -> None:
            reply = base | {"error": error, "success": False} | more | self._times(arrived)
            self._send(connection.socket, reply)

        if channel in _PRIVATE_CHANNELS:
            if not connection.is_private:
                refuse(_GO_PRIVATE)
                return
            account = self._opened(connection, params.text("token"))
            if account is None:
                refusal = {"channel": channel, "error": INVALID_SESSION, "method": "subscribe", "status": "error"}
                self._send(connection.socket, refusal | {"success": False} | request)
                return
            self._subscribe_private(connection, channel, account, params, base, arrived)
        elif channel not in _PUBLIC_CHANNELS:
            refuse("Channel not supported")
        elif connection.is_private:
            refuse(_GO_PUBLIC)
        else:
            self._subscribe_public(connection, channel, params, base, arrived, refuse)

    def _subscribe_public(
        self,
        connection: Connection,
        channel: str,
        params: Params,
        base: Reply,
        arrived: datetime,
        refuse: Callable[..., None],
    ) -> None:
        try:
            result = self._public_terms(channel, params)
        except Refused as refused:
            refuse(refused.errors[0])
            return
        symbols = [""] if channel == "instrument" else params.names("symbol")
        if not symbols:
            refuse("Symbol(s) not found")
        for symbol in symbols:
            book = self._state.names.by_symbol(symbol)
            if symbol and book is None:
                refuse(f"Currency pair not supported {symbol}", symbol=symbol)
                continue
            named = {"symbol": symbol} if symbol else {}
            feed = self._feed(channel, book, result)
            connection.feeds[_key(channel, symbol, result)] = feed
            ack = base | {"result": {"channel": channel} | named | result, "success": True} | self._times(arrived)
            self._send(connection.socket, ack)
            frame = feed.snapshot()
            if frame is not None and (channel == "trade" or result.get("snapshot", True)):
                self._send_public(connection, channel, frame)

    def _public_terms(self, channel: str, params: Params) -> Reply:
        """What the acknowledgement repeats of a subscription's terms. Raises Refused."""
        result: Reply = {"snapshot": params.boolean("snapshot", default=channel != "trade")}
        match channel:
            case "book":
                depth = params.integer("depth")
                result["depth"] = 10 if depth is None else depth
                if result["depth"] not in DEPTHS:
                    raise Refused("Subscription depth not supported")
            case "ohlc":
                minutes = params.integer("interval")
                result["interval"] = 1 if minutes is None else minutes
                result["warnings"] = ["timestamp is deprecated, use interval_begin"]
                if result["interval"] not in INTERVALS:
                    raise Refused("Subscription ohlc interval not supported")
            case "ticker":
                result["event_trigger"] = params.text("event_trigger", "trades")
                if result["event_trigger"] not in ("trades", "bbo"):
                    raise Refused("Event trigger not supported")
            case "instrument":
                result["execution_venue"] = params.text("execution_venue", INTERNATIONAL_VENUE)
                if result["execution_venue"] not in (INTERNATIONAL_VENUE, US_VENUE):
                    raise Refused("Execution venue not supported")
        return result

    def _feed(self, channel: str, book: PairName | None, terms: Reply) -> Feed:
        if book is None:
            return InstrumentFeed(self._state, self._public, terms["execution_venue"])
        match channel:
            case "ticker":
                return TickerFeed(self._state, self._public, book)
            case "book":
                return BookFeed(self._state, book, terms["depth"])
            case "ohlc":
                return CandleFeed(self._state, book, terms["interval"])
            case _:
                return TradeFeed(self._state, book, wants_snapshot=terms["snapshot"])

    def _subscribe_private(
        self,
        connection: Connection,
        channel: str,
        account: VenueAccount,
        params: Params,
        base: Reply,
        arrived: datetime,
    ) -> None:
        feed = PrivateFeed(
            channel,
            account.name,
            wants_status=params.boolean("order_status", default=True),
            wants_counter=params.boolean("ratecounter"),
        )
        result: Reply = {"channel": channel}
        rows: list[Reply] = []
        exchange = self._state.exchange
        if channel == "balances":
            wants_snapshot = params.boolean("snapshot", default=True)
            result["snapshot"] = wants_snapshot
            rows = balance_rows(exchange.balances(account.name))
        else:
            wants_orders = params.boolean("snap_orders", default=True)
            wants_trades = params.boolean("snap_trades")
            wants_snapshot = wants_orders or wants_trades
            result |= {"snap_orders": wants_orders, "snap_trades": wants_trades, "order_status": feed.wants_status}
            result |= {"ratecounter": feed.wants_counter, "maxratecount": int(account.tier.limits.engine_max)}
            if wants_orders:
                rows += [order_status(self._state, order) for order in exchange.orders(account.name)]
            if wants_trades:
                rows += [trade_event(self._state, fill) for fill in exchange.fills(account.name)[-_SNAPSHOT_TRADES:]]
        connection.private[channel] = feed
        self._send(connection.socket, base | {"result": result, "success": True} | self._times(arrived))
        if wants_snapshot:
            feed.sequence += 1
            snapshot = {"channel": channel, "type": "snapshot", "data": rows, "sequence": feed.sequence}
            self._send(connection.socket, snapshot)

    def _unsubscribe(self, connection: Connection, fields: dict[str, Any], request: Reply, arrived: datetime) -> None:
        params, channel = Params(fields), str(fields.get("channel"))
        base = {"method": "unsubscribe"} | request
        if channel in _PRIVATE_CHANNELS:
            names = [""]
            known = [connection.private.pop(channel, None) is not None]
        else:
            names = [""] if channel == "instrument" else params.names("symbol")
            known = [self._remove_feeds(connection, channel, name, params) for name in names]
        for name, was_known in zip(names, known, strict=True):
            named = {"symbol": name} if name else {}
            if was_known:
                reply = base | {"result": {"channel": channel} | named, "success": True}
            else:
                reply = base | {"error": "Subscription Not Found", "success": False} | named
            self._send(connection.socket, reply | self._times(arrived))

    def _remove_feeds(self, connection: Connection, channel: str, symbol: str, params: Params) -> bool:
        terms = [params.text(name) for name in ("depth", "interval") if name in params]
        keys = [
            key for key in connection.feeds if key[:2] == (channel, symbol) and all(term in key[2:] for term in terms)
        ]
        for key in keys:
            del connection.feeds[key]
        return bool(keys)

    def _trade(self, connection: Connection, method: str, params: Params, request: Reply, arrived: datetime) -> None:
        base = {"method": method} | request
        if not connection.is_private:
            refusal = base | {"error": _GO_PRIVATE, "success": False} | self._times(arrived)
            self._send(connection.socket, refusal)
            return
        account = self._opened(connection, params.text("token"))
        name = account.name if account is not None else None
        before = self._state.faults.strike(_CALL_FAULTS_BEFORE, method, name)
        match before.kind if before else None:
            case FaultKind.TIMEOUT_BEFORE_ACCEPT:
                return
            case FaultKind.DELAYED_BEFORE_ACCEPT if before:
                loop = asyncio.get_running_loop()
                loop.call_later(before.seconds, self._carry_out, connection, method, params, base, arrived)
            case None:
                self._carry_out(connection, method, params, base, arrived)
            case kind:
                error = {
                    FaultKind.RATE_LIMITED: ORDER_RATE_LIMIT,
                    FaultKind.THROTTLED: throttled(unix(arrived) + 5),
                }.get(kind, UNAVAILABLE)
                reply = base | {"error": error, "success": False} | self._times(arrived)
                self._send(connection.socket, reply)

    def _carry_out(self, connection: Connection, method: str, params: Params, base: Reply, arrived: datetime) -> None:
        account = self._opened(connection, params.text("token"))
        replies = self._replies(connection, method, params, account)
        name = account.name if account is not None else None
        after = self._state.faults.strike(_CALL_FAULTS_AFTER, method, name)
        for reply in replies:
            text = encode(base | reply | self._times(arrived)).decode()
            match after.kind if after else None:
                case FaultKind.TIMEOUT_AFTER_ACCEPT:
                    pass
                case FaultKind.DROPPED_SOCKET:
                    connection.socket.drop()
                case FaultKind.DELAYED_ANSWER if after:
                    connection.socket.send_later(text, after.seconds)
                case FaultKind.UNAVAILABLE_AFTER_ACCEPT:
                    refusal = base | {"error": UNAVAILABLE, "success": False} | self._times(arrived)
                    self._send(connection.socket, refusal)
                case _:
                    connection.socket.send(text)

    def _replies(
        self, connection: Connection, method: str, params: Params, account: VenueAccount | None
    ) -> Iterable[Reply]:
        try:
            if account is None:
                raise Refused(INVALID_SESSION)
            token = connection.tokens[params.required("token")]
            key = self._state.keys.find(token.key)
            granted = self._state.granted(key) if key is not None else frozenset()
            if not any(permission.value in granted for permission in METHODS[method].needs):
                raise Refused(PERMISSION_DENIED)
            if self._state.faults.holds(FaultKind.MAINTENANCE, account=account.name):
                raise Refused(UNAVAILABLE)
            call = WsCall(self._state, self._trading, account, params, self._state.now())
            return METHODS[method].answer(call)
        except Refused as refused:
            return [{"error": refused.errors[0] if refused.errors else INVALID_ARGUMENTS, "success": False}]

    def _opened(self, connection: Connection, text: str | None) -> VenueAccount | None:
        """The account that a token opens, here and now."""
        token = connection.tokens.get(text or "") or self._state.keys.open_token(text or "", loop_time())
        if token is None or self._state.keys.find(token.key) is None:
            return None
        if self._state.faults.holds(FaultKind.KEY_REVOKED, account=token.account):
            return None
        connection.tokens[token.token] = token
        return self._state.keys.accounts[token.account]

    # What goes out.

    def _publish_public(self, trades: Sequence[SimPublicTrade]) -> None:
        self._told_at = self._state.now()
        for connection in list(self._connections.values()):
            for key, feed in list(connection.feeds.items()):
                for frame in feed.updates(trades):
                    self._send_public(connection, key[0], frame)

    def _publish_private(self, connection: Connection, feed: PrivateFeed, event: SimEvent) -> None:
        match event:
            case SimLedger(account=account, row=row) if feed.channel == "balances" and account == feed.account:
                self._send_private(connection, feed, ledger_event(row))
            case SimFill(account=account) if feed.channel == "executions" and account == feed.account:
                self._send_private(connection, feed, trade_event(self._state, event), event.order)
            case SimOrderEvent(account=account) if feed.channel == "executions" and account == feed.account:
                told = order_events(self._state, event)
                if not feed.wants_status and len(told) > 1:
                    # Without the pending state the order is told once, in full.
                    told = [told[0] | told[1]]
                for each in told:
                    self._send_private(connection, feed, each, event.order)
            case _:
                pass

    def _send_private(self, connection: Connection, feed: PrivateFeed, row: Reply, order: Any = None) -> None:
        """Number and send one private event, as the faults let it."""
        if feed.wants_counter and order is not None:
            row["ratecount"] = self._trading.engine_level(self._state.keys.accounts[feed.account], order)
        fault = self._state.faults.strike(_EVENT_FAULTS, feed.channel, feed.account)
        kind = fault.kind if fault else None
        if kind is FaultKind.DROPPED_SOCKET:
            connection.socket.drop()
            return
        if kind is FaultKind.SILENTLY_LOST_EVENT:
            return
        feed.sequence += 2 if kind is FaultKind.SEQUENCE_GAP else 1
        if kind is FaultKind.LOST_EVENT:
            return
        frame = {"channel": feed.channel, "type": "update", "data": [row], "sequence": feed.sequence}
        text = encode(frame).decode()
        if kind is FaultKind.REORDERED_EVENT and feed.held is None:
            feed.held = text
            return
        connection.socket.send(text)
        if kind is FaultKind.REPEATED_EVENT:
            connection.socket.send(text)
        self._release(connection, feed)

    def _release(self, connection: Connection, feed: PrivateFeed) -> None:
        if feed.held is not None:
            held, feed.held = feed.held, None
            connection.socket.send(held)

    def _send_public(self, connection: Connection, channel: str, frame: Any) -> None:
        if self._state.faults.strike((FaultKind.DROPPED_SOCKET,), channel):
            connection.socket.drop()
            return
        self._send(connection.socket, frame)

    def _send(self, socket: WireSocket, frame: Any) -> None:
        socket.send(encode(frame).decode())

    def _heartbeat(self, socket: WireSocket) -> str | None:
        connection = self._connections.get(socket)
        if connection is None:
            return None
        if not connection.is_subscribed:
            if loop_time() - connection.heard_at >= _IDLE_SECONDS:
                socket.close()
            return None
        for feed in connection.private.values():
            self._release(connection, feed)
        if self._state.faults.strike((FaultKind.DROPPED_SOCKET,), "heartbeat"):
            socket.drop()
            return None
        return _HEARTBEAT

    def _forget(self, socket: WireSocket) -> None:
        self._connections.pop(socket, None)

    def _banner(self, number: int) -> Reply:
        row = {"version": "2.0.10", "system": self._public.status(), "api_version": "v2", "connection_id": number}
        return {"channel": "status", "type": "update", "data": [row]}

    def _times(self, arrived: datetime) -> Reply:
        return {"time_in": rfc3339(arrived), "time_out": rfc3339(self._state.now())}


def _key(channel: str, symbol: str, terms: Reply) -> tuple[str, ...]:
    return (channel, symbol, *(str(terms[name]) for name in ("depth", "interval") if name in terms))
