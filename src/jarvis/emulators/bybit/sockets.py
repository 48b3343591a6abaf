"""The three sockets: public spot data, the private topics, and trading; who listens and what each is sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from jarvis.emulators.bybit.errors import (
    BAD_KEY,
    BAD_PARAMETER,
    WS_BAD_OP,
    WS_REPEATED_AUTH,
    Refused,
)
from jarvis.emulators.bybit.feeds import Feed, open_feed
from jarvis.emulators.bybit.gate import switched
from jarvis.emulators.bybit.keys import VenueAccount
from jarvis.emulators.bybit.limits import loop_time
from jarvis.emulators.bybit.private import SILENT_TOPICS, TOPICS, PrivateNews
from jarvis.emulators.bybit.public import PublicData
from jarvis.emulators.bybit.state import VenueState
from jarvis.emulators.bybit.text import Json, decode, encode, millis
from jarvis.emulators.bybit.wallet import Wallets
from jarvis.emulators.bybit.wstrading import OPERATIONS, TradeSocket
from jarvis.emulators.faults import FaultKind
from jarvis.emulators.wire import WireSocket
from jarvis.sim.exchange import SimEvent, SimPublicTrade

PUBLIC_PATH, PRIVATE_PATH, TRADE_PATH = "/v5/public/spot", "/v5/private", "/v5/trade"
_MAX_PUBLIC_ARGS = 10
_MAX_ARGS_LENGTH = 21_000
_IDLE_SECONDS = 600.0
_MIXED = {"order": "order.", "execution": "execution."}
_EVENT_FAULTS = (
    FaultKind.DROPPED_SOCKET,
    FaultKind.LOST_EVENT,
    FaultKind.SILENTLY_LOST_EVENT,
    FaultKind.REORDERED_EVENT,
    FaultKind.REPEATED_EVENT,
)
_LOST = (FaultKind.LOST_EVENT, FaultKind.SILENTLY_LOST_EVENT)


@dataclass(slots=True)
class Connection:
    """One client. `key` is set once it has proved who it is; `held` waits to be sent out of order."""

    socket: WireSocket
    path: str
    number: str
    remote: str
    idle_seconds: float
    heard_at: float
    key: str | None = None
    account: str | None = None
    feeds: dict[str, Feed] = field(default_factory=dict)
    topics: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)


class Sockets:
    """All connections of one emulated venue."""

    def __init__(
        self,
        state: VenueState,
        public: PublicData,
        wallets: Wallets,
        trade: TradeSocket,
        heartbeat_seconds: float,
    ) -> None:
        self._state = state
        self._public = public
        self._news = PrivateNews(state, wallets)
        self._trade = trade
        self._heartbeat_seconds = heartbeat_seconds
        self._connections: dict[WireSocket, Connection] = {}
        self._told_at = state.now()

    def connect(self, path: str, remote: str) -> WireSocket:
        """A new connection. Raises ValueError for a path without a socket, or a wrong max_active_time."""
        address = urlsplit(path)
        if address.path not in (PUBLIC_PATH, PRIVATE_PATH, TRADE_PATH):
            raise ValueError(f"there is no WebSocket at {address.path}")
        socket = WireSocket(
            on_frame=self._receive,
            on_close=self._forget,
            heartbeat=self._beat,
            heartbeat_after=self._heartbeat_seconds,
        )
        self._connections[socket] = Connection(
            socket=socket,
            path=address.path,
            number=self._state.new_id(),
            remote=remote,
            idle_seconds=_idle_seconds(address.query) if address.path == PRIVATE_PATH else _IDLE_SECONDS,
            heard_at=loop_time(),
        )
        return socket

    def publish(self, events: Sequence[SimEvent]) -> None:
        """Tell everyone what happened to their accounts and to the market."""
        for connection in list(self._connections.values()):
            if connection.account is not None and connection.topics:
                self._publish_private(connection, self._state.keys.accounts[connection.account], events)
        trades = [event for event in events if isinstance(event, SimPublicTrade)]
        if trades or self._state.now() != self._told_at:
            self._told_at = self._state.now()
            self._publish_public(trades)

    def drop_key(self, public: str) -> None:
        """Cut every connection that a key opened."""
        self._drop(lambda connection: connection.key == public)

    def drop_account(self, account: str) -> None:
        """Cut every connection of an account."""
        self._drop(lambda connection: connection.account == account)

    def drop_all(self) -> int:
        """Cut every connection; how many there were."""
        return self._drop(lambda _: True)

    # What comes in.

    def _receive(self, socket: WireSocket, text: str) -> None:
        connection = self._connections[socket]
        connection.heard_at = loop_time()
        try:
            message = decode(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self._say(connection, _failure(connection, "", "error:invalid request", BAD_PARAMETER))
            return
        op = message.get("op")
        if op == "ping":
            self._say(connection, self._pong(connection, message))
        elif op == "auth" and connection.path != PUBLIC_PATH:
            self._authenticate(connection, message)
        elif connection.path == TRADE_PATH:
            self._operate(connection, message)
        elif op in ("subscribe", "unsubscribe"):
            self._subscribe(connection, message, is_on=op == "subscribe")
        else:
            self._say(connection, _failure(connection, str(op), "error:invalid op", WS_BAD_OP) | _request_id(message))

    def _authenticate(self, connection: Connection, message: Json) -> None:
        reply: Json = _request_id(message)
        try:
            if connection.key is not None:
                raise Refused(WS_REPEATED_AUTH)
            key = self._state.keys.login(*_auth_arguments(message), connection.remote)
            if self._is_shut_out(key.account):
                raise Refused(BAD_KEY)
            if switch := self._state.faults.strike((FaultKind.CODE_BEFORE_ACCEPT,), "auth", key.account):
                raise Refused(switched(switch))
        except Refused as refused:
            failure = _failure(connection, "auth", refused.words, refused.code)
            if connection.path == PRIVATE_PATH:
                # Some clients look for what they had sent.
                failure["request"] = {"op": "auth", "args": message.get("args")}
            self._say(connection, failure | reply)
            return
        connection.key, connection.account = key.public, key.account
        if connection.path == TRADE_PATH:
            self._say(connection, {"retCode": 0, "retMsg": "OK", "op": "auth", "connId": connection.number} | reply)
        else:
            answer = {"success": True, "ret_msg": "", "op": "auth", "conn_id": connection.number}
            self._say(connection, answer | reply)

    def _subscribe(self, connection: Connection, message: Json, *, is_on: bool) -> None:
        args = message.get("args")
        op = "subscribe" if is_on else "unsubscribe"
        ack = {
            "success": True,
            "ret_msg": "" if connection.path == PRIVATE_PATH else op,
            "conn_id": connection.number,
            "req_id": "",
            "op": op,
        } | _request_id(message)
        topics = [str(topic) for topic in args] if isinstance(args, list) else []
        problem = self._problem(connection, topics, is_on=is_on)
        if problem:
            self._say(connection, ack | {"success": False, "ret_msg": problem})
            return
        self._say(connection, ack)
        for topic in topics:
            if not is_on:
                connection.feeds.pop(topic, None)
                connection.topics = [each for each in connection.topics if each != topic]
            elif connection.path == PRIVATE_PATH:
                connection.topics.append(topic)
            else:
                self._open_feed(connection, topic)

    def _problem(self, connection: Connection, topics: Sequence[str], *, is_on: bool) -> str:
        """What is wrong with a subscription; empty when nothing is."""
        if not topics:
            return "error:args is empty"
        if sum(map(len, topics)) >= _MAX_ARGS_LENGTH:
            return "error:args exceed the maximum length"
        if connection.path == PUBLIC_PATH and len(topics) > _MAX_PUBLIC_ARGS:
            return "error:args size > 10"
        if connection.path == PRIVATE_PATH and connection.account is None:
            return "error:request not authorized"
        for topic in topics:
            held = topic in connection.feeds or topic in connection.topics
            if is_on and held:
                return f"error:already subscribed,topic:{topic}"
            if connection.path == PRIVATE_PATH:
                known = topic in TOPICS or topic in SILENT_TOPICS
            else:
                known = held or open_feed(self._state, self._public, topic) is not None
            if not known:
                return f"error:handler not found,topic:{topic}"
        for whole, part in _MIXED.items():
            if whole in topics and any(topic.startswith(part) and topic != "execution.fast.spot" for topic in topics):
                return f"error:topic {whole} cannot be mixed with its categories"
        return ""

    def _open_feed(self, connection: Connection, topic: str) -> None:
        feed = open_feed(self._state, self._public, topic)
        if feed is not None:
            connection.feeds[topic] = feed
            frame = feed.snapshot()
            if frame is not None:
                self._say_public(connection, topic, frame)

    def _operate(self, connection: Connection, message: Json) -> None:
        op = message.get("op")
        if op not in OPERATIONS:
            self._say(connection, self._trade.refusal(message, connection.number, Refused(WS_BAD_OP)))
        elif connection.key is None or self._state.keys.find(connection.key) is None:
            self._say(connection, self._trade.refusal(message, connection.number, Refused(BAD_KEY)))
        else:
            self._trade.operate(connection.socket, connection.number, connection.key, message, connection.remote)

    def _is_shut_out(self, account: str) -> bool:
        faults = self._state.faults
        return any(faults.holds(kind, account=account) for kind in (FaultKind.KEY_REVOKED, FaultKind.WRONG_REGION))

    # What goes out.

    def _publish_public(self, trades: Sequence[SimPublicTrade]) -> None:
        for connection in list(self._connections.values()):
            for topic, feed in list(connection.feeds.items()):
                for frame in feed.updates(trades):
                    self._say_public(connection, topic, frame)

    def _publish_private(self, connection: Connection, account: VenueAccount, events: Sequence[SimEvent]) -> None:
        if self._state.faults.holds(FaultKind.MAINTENANCE, account=account.name):
            return
        for topic in connection.topics:
            if topic not in SILENT_TOPICS:
                for row in self._news.rows(account, topic, events):
                    self._say_private(connection, topic, encode(self._news.message(topic, row)).decode())

    def _say_private(self, connection: Connection, topic: str, text: str) -> None:
        """Send one private event, as the faults let it."""
        fault = self._state.faults.strike(_EVENT_FAULTS, topic, connection.account)
        kind = fault.kind if fault else None
        if kind is FaultKind.DROPPED_SOCKET:
            connection.socket.drop()
            return
        if kind in _LOST:
            return
        if kind is FaultKind.REORDERED_EVENT and not connection.held:
            connection.held.append(text)
            return
        connection.socket.send(text)
        if kind is FaultKind.REPEATED_EVENT:
            connection.socket.send(text)
        self._release(connection)

    def _say_public(self, connection: Connection, topic: str, frame: Json) -> None:
        if self._state.faults.strike((FaultKind.DROPPED_SOCKET,), topic):
            connection.socket.drop()
            return
        self._say(connection, frame)

    def _say(self, connection: Connection, frame: Json) -> None:
        connection.socket.send(encode(frame).decode())

    def _release(self, connection: Connection) -> None:
        held, connection.held = connection.held, []
        for text in held:
            connection.socket.send(text)

    def _beat(self, socket: WireSocket) -> str | None:
        """Nothing: the client is who must ping. A connection that was silent for too long is cut."""
        connection = self._connections.get(socket)
        if connection is None:
            return None
        self._release(connection)
        if loop_time() - connection.heard_at >= connection.idle_seconds:
            socket.close()
        return None

    def _pong(self, connection: Connection, message: Json) -> Json:
        now = str(millis(self._state.now()))
        match connection.path:
            case "/v5/public/spot":
                reply: Json = {"success": True, "ret_msg": "pong", "conn_id": connection.number, "op": "ping"}
            case "/v5/private":
                reply = {"op": "pong", "args": [now], "conn_id": connection.number}
            case _:
                reply = {"retCode": 0, "retMsg": "OK", "op": "pong", "data": [now], "connId": connection.number}
        return reply | _request_id(message)

    def _drop(self, is_meant: Callable[[Connection], bool]) -> int:
        meant = [connection for connection in self._connections.values() if is_meant(connection)]
        for connection in meant:
            connection.socket.drop()
        return len(meant)

    def _forget(self, socket: WireSocket) -> None:
        self._connections.pop(socket, None)


def _failure(connection: Connection, op: str, words: str, code: int) -> Json:
    """A refusal in both of the venue's spellings, but on the trade socket, which knows only one."""
    if connection.path == TRADE_PATH:
        return {"retCode": code, "retMsg": words, "op": op, "connId": connection.number}
    frame = {"success": False, "ret_msg": words, "op": op, "conn_id": connection.number}
    if op == "auth":
        frame |= {"retCode": code, "retMsg": words, "connId": connection.number}
    return frame


def _auth_arguments(message: Json) -> tuple[str, str, str]:
    args = message.get("args")
    if not isinstance(args, list) or len(args) != 3 or not isinstance(args[1], (str, int)):
        raise Refused(BAD_PARAMETER)
    return str(args[0]), str(args[1]), str(args[2])


def _request_id(message: Json) -> Json:
    return {name: message[name] for name in ("req_id", "reqId") if isinstance(message.get(name), (str, int))}


def _idle_seconds(query: str) -> float:
    """`max_active_time=30s` up to `600s` (or `10m`)."""
    given = parse_qs(query).get("max_active_time")
    if not given:
        return _IDLE_SECONDS
    unit = {"s": 1, "m": 60}.get(given[0][-1:])
    if unit is None or not given[0][:-1].isdigit() or not 30 <= int(given[0][:-1]) * unit <= _IDLE_SECONDS:
        raise ValueError("max_active_time goes from 30s to 600s")
    return float(int(given[0][:-1]) * unit)
