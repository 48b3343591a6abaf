"""WebSockets: market streams and the WebSocket API with its user data subscriptions; who listens to what."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import Asset
from jarvis.emulators.binance.connection import Connection
from jarvis.emulators.binance.events import (
    balance_event,
    ended_word,
    fill_report,
    order_report,
    position_event,
    terminated_event,
)
from jarvis.emulators.binance.feeds import make_feed
from jarvis.emulators.binance.limits import API_WEIGHT, CONNECTIONS
from jarvis.emulators.binance.market import NumberedTrade
from jarvis.emulators.binance.public import PublicData
from jarvis.emulators.binance.state import VenueState
from jarvis.emulators.binance.streams import LIABILITY, ListenKeys, ListenToken, ListenTokens, level_event
from jarvis.emulators.binance.text import Json, amount, decode, encode, ms
from jarvis.emulators.binance.wsapi import WsApi
from jarvis.emulators.faults import FaultKind
from jarvis.emulators.wire import WireSocket
from jarvis.sim.exchange import (
    OrderNews,
    SimBorrow,
    SimEvent,
    SimFill,
    SimLedger,
    SimMarginCall,
    SimOrderEvent,
    SimRepay,
)

WS_API_PATH = "/ws-api/v3"
_MESSAGES_PER_SECOND = 5
_MOST_STREAMS = 1024
_EVENT_FAULTS = (
    FaultKind.DROPPED_SOCKET,
    FaultKind.LISTEN_TOKEN_EXPIRED,
    FaultKind.LOST_EVENT,
    FaultKind.REORDERED_EVENT,
    FaultKind.REPEATED_EVENT,
)
_TRANSFERS = frozenset({LedgerKind.DEPOSIT, LedgerKind.WITHDRAWAL, LedgerKind.TRANSFER, LedgerKind.ADJUSTMENT})


class Sockets:
    """All connections of one emulated venue."""

    def __init__(
        self,
        state: VenueState,
        public: PublicData,
        tokens: ListenTokens,
        keys: ListenKeys,
        api: WsApi,
        heartbeat_seconds: float,
    ) -> None:
        self._state = state
        self._public = public
        self._tokens = tokens
        self._listen_keys = keys
        self._api = api
        self._heartbeat_seconds = heartbeat_seconds
        self._connections: dict[WireSocket, Connection] = {}
        self._told_at = state.now()

    # Coming and going.

    def connect(self, path: str, remote: str) -> WireSocket:
        """A new connection. Raises ValueError for a path that there is not."""
        parts = urlsplit(path)
        socket = WireSocket(
            on_frame=self._receive,
            on_close=self._forget,
            heartbeat=self._heartbeat,
            heartbeat_after=self._heartbeat_seconds,
        )
        if parts.path == WS_API_PATH:
            connection = Connection(socket, remote, is_api=True)
            names: list[str] = []
            self._state.limits.charge(API_WEIGHT, remote, 2)
        elif parts.path == "/stream":
            connection = Connection(socket, remote, is_api=False, is_wrapped=True)
            names = [name for each in parse_qs(parts.query).get("streams", []) for name in each.split("/")]
        elif parts.path in ("/ws", "/ws/") or parts.path.startswith(("/ws/", "/stream/ws/")):
            connection = Connection(socket, remote, is_api=False)
            # A number after /ws is some clients' way of keeping connections apart.
            named = parts.path.removeprefix("/stream").removeprefix("/ws").strip("/")
            names = [name for name in named.split("/") if name and not name.isdigit()]
        else:
            raise ValueError(f"there is no WebSocket at {parts.path}")
        self._connections[socket] = connection
        if not self._state.limits.charge(CONNECTIONS, remote, 1):
            socket.close()
            return socket
        self._subscribe(connection, names)
        return socket

    def drop_key(self, public: str) -> None:
        """Cut every connection that listens by this key."""
        self._drop(lambda token: token.key == public)

    def drop_account(self, account: str) -> None:
        """Cut every connection that listens to this account."""
        self._drop(lambda token: token.account == account)

    def drop_all(self) -> int:
        """Cut every connection; how many there were."""
        connections = list(self._connections.values())
        for connection in connections:
            connection.socket.drop()
        return len(connections)

    def _drop(self, concerns: Any) -> None:
        for connection in list(self._connections.values()):
            if any(concerns(token) for token in connection.subscriptions.values()):
                connection.socket.drop()

    def _forget(self, socket: WireSocket) -> None:
        self._connections.pop(socket, None)

    def _heartbeat(self, socket: WireSocket) -> str | None:
        """Nothing to say: the venue's pings are protocol frames. What was held out of order goes now."""
        connection = self._connections.get(socket)
        if connection is not None:
            for number in list(connection.held):
                socket.send(connection.held.pop(number))
            if self._state.faults.strike((FaultKind.DROPPED_SOCKET,), "heartbeat"):
                socket.drop()
        return None

    # What comes in.

    def _receive(self, socket: WireSocket, text: str) -> None:
        connection = self._connections[socket]
        if connection.is_api:
            self._api.receive(connection, text)
            return
        now = self._state.clock.seconds()  # the market's where it runs ahead: a replay asks as often as its steps
        connection.heard.append(now)
        while connection.heard[0] <= now - 1:
            connection.heard.popleft()
        if len(connection.heard) > _MESSAGES_PER_SECOND:
            socket.close()
            return
        self._control(connection, text)

    def _control(self, connection: Connection, text: str) -> None:
        try:
            message = decode(text)
        except ValueError:
            self._send(connection, {"error": {"code": 3, "msg": "Invalid JSON: expected value"}})
            return
        if not isinstance(message, dict):
            self._send(connection, {"error": {"code": 2, "msg": "Invalid request: request must be an object"}})
            return
        number, params = message.get("id"), message.get("params")
        names = [name for name in params if isinstance(name, str)] if isinstance(params, list) else []
        match message.get("method"):
            case "SUBSCRIBE" if names:
                if len(connection.names) + len(names) > _MOST_STREAMS:
                    connection.socket.close()
                    return
                self._send(connection, {"result": None, "id": number})
                self._subscribe(connection, names)
            case "UNSUBSCRIBE" if names:
                for name in names:
                    connection.names.pop(name, None)
                    connection.feeds.pop(name, None)
                self._send(connection, {"result": None, "id": number})
            case "LIST_SUBSCRIPTIONS":
                self._send(connection, {"result": list(connection.names), "id": number})
            case "SET_PROPERTY" if params in (["combined", True], ["combined", False]):
                connection.is_wrapped = params[1]
                self._send(connection, {"result": None, "id": number})
            case "GET_PROPERTY":
                self._send(connection, {"result": connection.is_wrapped, "id": number})
            case _:
                words = "Invalid request: unknown method or parameters"
                self._send(connection, {"error": {"code": 2, "msg": words}, "id": number})

    def _subscribe(self, connection: Connection, names: Sequence[str]) -> None:
        for name in names:
            # Any name is accepted, as at the venue: one that does not exist stays silent.
            connection.names[name] = None
            symbol_name, _, stream = name.partition("@")
            symbol = self._state.symbols.find(symbol_name.upper()) if symbol_name.islower() else None
            feed = make_feed(self._state, self._public, symbol, stream) if symbol is not None else None
            if feed is not None:
                connection.feeds[name] = feed
                for row in feed.first():
                    self._send_stream(connection, name, row)

    # What goes out.

    def publish(self, events: Sequence[SimEvent], trades: Sequence[NumberedTrade]) -> None:
        """Tell everyone what happened to their accounts and to the market; `trades` are numbered by symbol."""
        self._expire()
        self._tell_accounts(events)
        # Accounts' orders do not move this market: without time passing there is nothing new to tell of it.
        if trades or self._state.now() != self._told_at:
            self._told_at = self._state.now()
            by_pair: dict[Pair, list[NumberedTrade]] = {}
            for each in trades:
                by_pair.setdefault(each.trade.pair, []).append(each)
            self._tell_market(by_pair)

    def tell(self, account: str, pot: str, event: Json) -> None:
        """Put one event on every subscription to an account's pot."""
        for connection in list(self._connections.values()):
            for number, token in list(connection.subscriptions.items()):
                if (token.account, token.pot) == (account, pot):
                    self._send_user(connection, number, token, event)

    def tell_risk(self, account: str, event: Json) -> None:
        """Put one event on every risk stream of an account."""
        for connection in list(self._connections.values()):
            for name in list(connection.names):
                if self._listen_keys.account_of(name) == account:
                    self._send_stream(connection, name, event)

    def terminate(self, connection: Connection, number: int) -> None:
        """End one subscription because its token is dead."""
        connection.subscriptions.pop(number, None)
        connection.held.pop(number, None)
        self._send(connection, {"subscriptionId": number, "event": terminated_event(self._state)})

    def _expire(self) -> None:
        now = self._state.now()
        for connection in list(self._connections.values()):
            for number, token in list(connection.subscriptions.items()):
                if token.expires_at <= now:
                    self.terminate(connection, number)
            for name in list(connection.names):
                if self._listen_keys.is_dead(name):
                    del connection.names[name]
                    self._send_stream(connection, name, {"e": "listenKeyExpired", "E": ms(now), "listenKey": name})

    def _tell_market(self, trades: dict[Pair, list[NumberedTrade]]) -> None:
        for connection in list(self._connections.values()):
            for name, feed in list(connection.feeds.items()):
                symbol = self._state.symbols.named(name.partition("@")[0].upper())
                for row in feed.updates(trades.get(symbol.pair, [])):
                    self._send_stream(connection, name, row)

    def _tell_accounts(self, events: Sequence[SimEvent]) -> None:
        touched: dict[tuple[str, str], set[Asset]] = {}
        for event in events:
            match event:
                case SimOrderEvent():
                    self._tell_order(event)
                    spent = event.order.pair.quote if event.order.side is Side.BUY else event.order.pair.base
                    touched.setdefault((event.account, event.order.request.pot), set()).add(spent)
                case SimFill():
                    note = self._state.orders.of(event.order.order_id)
                    if note is not None:
                        self.tell(note.account, note.pot, fill_report(self._state, note, event))
                    assets = {event.fill.pair.base, event.fill.pair.quote, event.fill.fee_asset}
                    touched.setdefault((event.account, event.pot), set()).update(assets)
                case SimBorrow() | SimRepay():
                    touched.setdefault((event.account, event.pot), set()).add(event.asset)
                    if not event.pot:
                        self._tell_liability(event)
                case SimLedger(row=row):
                    pot = str(row.pair) if row.pair else ""
                    if row.kind in _TRANSFERS:
                        told = balance_event(self._state, row.asset, row.change, row.at)
                        self.tell(event.account, pot, told)
                    if row.kind is not LedgerKind.INTEREST:
                        touched.setdefault((event.account, pot), set()).add(row.asset)
                case SimMarginCall(pot=""):
                    self.tell_risk(event.account, level_event(self._state, event.account))
                case _:
                    pass
        for (account, pot), assets in touched.items():
            if self._listens(account, pot):
                holdings = self._state.exchange.wallet(account, pot).holdings
                self.tell(account, pot, position_event(self._state, holdings, assets))

    def _tell_order(self, event: SimOrderEvent) -> None:
        note = self._state.orders.of(event.order.order_id)
        if note is None or event.kind in (OrderNews.FILLED, OrderNews.AMENDED):
            # The last fill has told the first; the venue has no amendments on margin.
            return
        is_new = event.kind in (OrderNews.NEW, OrderNews.TRIGGERED)
        word = "NEW" if is_new else ended_word(self._state, note)
        report = order_report(self._state, note, word, event.at)
        if is_new:
            report["w"] = not event.order.is_waiting
        self.tell(note.account, note.pot, report)

    def _tell_liability(self, event: SimBorrow | SimRepay) -> None:
        is_borrow = isinstance(event, SimBorrow)
        row = {
            "e": LIABILITY,
            "E": ms(self._state.now()),
            "a": event.asset,
            "t": "BORROW" if is_borrow else "REPAY",
            "p": amount(event.amount if isinstance(event, SimBorrow) else event.principal),
            "i": amount(None if isinstance(event, SimBorrow) else event.interest),
        }
        self.tell_risk(event.account, row)

    def _listens(self, account: str, pot: str) -> bool:
        return any(
            (token.account, token.pot) == (account, pot)
            for connection in self._connections.values()
            for token in connection.subscriptions.values()
        )

    def _send_user(self, connection: Connection, number: int, token: ListenToken, event: Json) -> None:
        """Send one private event, as the faults let it."""
        fault = self._state.faults.strike(_EVENT_FAULTS, event["e"], token.account)
        kind = fault.kind if fault else None
        match kind:
            case FaultKind.DROPPED_SOCKET:
                connection.socket.drop()
                return
            case FaultKind.LISTEN_TOKEN_EXPIRED:
                self._tokens.forget(token)
                self.terminate(connection, number)
                return
            case FaultKind.LOST_EVENT:
                return
        text = encode({"subscriptionId": number, "event": event}).decode()
        if kind is FaultKind.REORDERED_EVENT and number not in connection.held:
            connection.held[number] = text
            return
        connection.socket.send(text)
        if kind is FaultKind.REPEATED_EVENT:
            connection.socket.send(text)
        if number in connection.held:
            connection.socket.send(connection.held.pop(number))

    def _send_stream(self, connection: Connection, name: str, row: Json) -> None:
        if self._state.faults.strike((FaultKind.DROPPED_SOCKET,), name.partition("@")[2] or "stream"):
            connection.socket.drop()
            return
        self._send(connection, {"stream": name, "data": row} if connection.is_wrapped else row)

    def _send(self, connection: Connection, frame: Any) -> None:
        connection.socket.send(encode(frame).decode())
