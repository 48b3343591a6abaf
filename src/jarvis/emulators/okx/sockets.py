"""WebSocket v5: who is connected where, who has logged in, what each has subscribed to, and what is sent to whom."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from jarvis.domain.instrument import Pair
from jarvis.emulators.faults import FaultKind
from jarvis.emulators.okx.algos import Algos
from jarvis.emulators.okx.errors import (
    SWITCHED,
    SWITCHED_FRAMES,
    Refused,
    permission_missing,
    rate_limited,
    switched,
    unavailable,
)
from jarvis.emulators.okx.feeds import BUSINESS, PUBLIC, Feed, feed_of
from jarvis.emulators.okx.keys import TRADE
from jarvis.emulators.okx.limits import Limit, loop_time
from jarvis.emulators.okx.params import Params
from jarvis.emulators.okx.public import PublicData
from jarvis.emulators.okx.pushes import News, Pushes
from jarvis.emulators.okx.state import Call, VenueState
from jarvis.emulators.okx.text import EPOCH, Row, decode, encode, from_ms
from jarvis.emulators.okx.trading import Trading
from jarvis.emulators.okx.wstrading import Operation, operations
from jarvis.emulators.wire import WireSocket
from jarvis.sim.exchange import SimEvent, SimPublicTrade

_K = FaultKind
PUBLIC_PATH, PRIVATE_PATH, BUSINESS_PATH = "/ws/v5/public", "/ws/v5/private", "/ws/v5/business"
PATHS = (PUBLIC_PATH, PRIVATE_PATH, BUSINESS_PATH)
_PRIVATE = {
    "account": PRIVATE_PATH,
    "positions": PRIVATE_PATH,
    "balance_and_position": PRIVATE_PATH,
    "orders": PRIVATE_PATH,
    "liquidation-warning": PRIVATE_PATH,
    "fills": PRIVATE_PATH,
    "orders-algo": BUSINESS_PATH,
}
_PLACED = {**dict.fromkeys(PUBLIC, PUBLIC_PATH), **dict.fromkeys(BUSINESS, BUSINESS_PATH), **_PRIVATE}
_IDLE_SECONDS = 30.0
_REQUESTS = Limit(480, 3600.0)
_SAME_CHANNEL = 30
_LARGEST_FRAME = 65_536
_LOGIN_CODES = ("60023", "63999")
_GATEWAY_CODES = frozenset({"", *SWITCHED})
_NOTICE, _ABNORMAL = "64008", "4006"
# Codes of close frames. Where the venue names no number, it is ours.
LOGIN_FAILED, BAD_REQUEST, TOO_MANY_OF_KEY, SILENT, BUFFER_FULL = 4001, 4002, 4003, 4004, 4005
KEY_CHANGED, TOO_MANY_ASKED, TOO_MANY_CHANNELS = 4007, 4008, 4009
MOST_OF_KEY = 100
MOST_ASKED = 100
MOST_CHANNELS = 240
LARGEST_BUFFER = 50_000
_MICROSECOND = timedelta(microseconds=1)
_TYPES = ("ANY", "SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")
_EVENT_FAULTS = (_K.DROPPED_SOCKET, _K.LOST_EVENT, _K.REORDERED_EVENT, _K.REPEATED_EVENT)
_CALL_FAULTS_BEFORE = (_K.TIMEOUT_BEFORE_ACCEPT, _K.UNAVAILABLE_BEFORE_ACCEPT, _K.RATE_LIMITED)
_CALL_FAULTS_AFTER = (_K.TIMEOUT_AFTER_ACCEPT, _K.DELAYED_ANSWER, _K.DROPPED_SOCKET)


@dataclass(slots=True)
class PrivateFeed:
    """One private subscription. `held` waits to be sent out of order."""

    arg: Row
    held: str | None = None

    @property
    def channel(self) -> str:
        """The channel."""
        return str(self.arg["channel"])

    def wants(self, news: News) -> bool:
        """Whether the subscription chose this."""
        inst_type, inst_id = self.arg.get("instType", "ANY"), self.arg.get("instId", "")
        return (
            news.channel == self.channel
            and (inst_type == "ANY" or not news.inst_type or inst_type == news.inst_type)
            and (not inst_id or not news.inst_id or inst_id == news.inst_id)
        )


@dataclass(slots=True)
class Connection:
    """One client."""

    socket: WireSocket
    number: int
    path: str
    remote: str
    alive_at: float
    key: str = ""
    account: str = ""
    feeds: dict[str, tuple[Row, Feed]] = field(default_factory=dict)
    private: dict[str, PrivateFeed] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The connId."""
        return f"{0xA0000000 + self.number:08x}"


class Sockets:
    """All connections of one emulated venue."""

    def __init__(
        self,
        state: VenueState,
        public: PublicData,
        trading: Trading,
        algos: Algos,
        flush: Callable[[], None],
        heartbeat_seconds: float,
    ) -> None:
        self._state = state
        self._public = public
        self._pushes = Pushes(state, algos)
        self._operations = operations(trading)
        self._flush = flush
        self._heartbeat_seconds = heartbeat_seconds
        self._connections: dict[WireSocket, Connection] = {}
        self._count = 0
        self._told_at = state.now()

    def connect(self, path: str, remote: str) -> WireSocket:
        """A new connection. Raises ValueError for a path that has none."""
        if path not in PATHS:
            raise ValueError(f"there is no WebSocket at {path}")
        socket = WireSocket(
            on_frame=self._receive,
            on_close=self._forget,
            heartbeat=self._heartbeat,
            heartbeat_after=self._heartbeat_seconds,
        )
        self._count += 1
        self._connections[socket] = Connection(socket, self._count, path, remote, loop_time())
        return socket

    def publish(self, events: Sequence[SimEvent]) -> None:
        """Tell everyone what happened to their accounts and to the market."""
        listening = {connection.account for connection in self._connections.values() if connection.private}
        for news in self._pushes.news(events, listening):
            for connection in list(self._connections.values()):
                if connection.account == news.account:
                    self._send_private(connection, news)
        trades = [event for event in events if isinstance(event, SimPublicTrade)]
        # Accounts' orders do not move this market: without time passing there is nothing new to tell of it.
        if trades or self._state.now() != self._told_at:
            self._told_at = self._state.now()
            for connection in list(self._connections.values()):
                for arg, feed in list(connection.feeds.values()):
                    for frame in feed.updates(trades):
                        self._send_public(connection, arg, frame)

    def drop_key(self, public: str) -> None:
        """Cut every connection that logged in with this key."""
        self._drop(lambda connection: connection.key == public, KEY_CHANGED)

    def drop_account(self, account: str) -> None:
        """Cut every connection of this account."""
        self._drop(lambda connection: connection.account == account)

    def drop_all(self) -> int:
        """Cut every connection; how many there were."""
        return self._drop(lambda _connection: True)

    def _drop(self, fits: Callable[[Connection], bool], code: int = 1000) -> int:
        dropped = [connection for connection in self._connections.values() if fits(connection)]
        for connection in dropped:
            connection.socket.drop(code)
        return len(dropped)

    # What comes in.

    def _receive(self, socket: WireSocket, text: str) -> None:
        connection = self._connections[socket]
        connection.alive_at = loop_time()
        if text == "ping":
            socket.send("pong")
            return
        try:
            message = decode(text) if len(text) <= _LARGEST_FRAME else None
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self._refuse(connection, Refused("60012", "Illegal request: " + text[:100]), {})
            if len(text) > _LARGEST_FRAME:
                socket.close(BAD_REQUEST)
            return
        named = {"id": message["id"]} if isinstance(message.get("id"), (str, int)) else {}
        operation, args = message.get("op"), message.get("args")
        if not isinstance(args, list) or not all(isinstance(arg, dict) for arg in args) or not args:
            self._refuse(connection, Refused("60012", "Illegal request: " + text[:100]), named)
            return
        try:
            if operation in ("login", "subscribe", "unsubscribe"):
                if not self._state.limits.take(("socket", connection.number), _REQUESTS):
                    raise Refused("60014", "Requests too frequent")
                self._manage(connection, str(operation), args, named)
            elif isinstance(operation, str) and operation in self._operations:
                self._trade(connection, self._operations[operation], message, args)
            else:
                raise Refused("60012", "Illegal request: " + text[:100])
        except Refused as refused:
            self._refuse(connection, refused, named)
            if operation == "login" and refused.code != "60031":
                socket.close(LOGIN_FAILED)

    def _manage(self, connection: Connection, operation: str, args: list[Row], named: Row) -> None:
        if operation == "login":
            self._log_in(connection, args[0], named)
            return
        if operation == "subscribe" and len(args) > MOST_ASKED:
            connection.socket.close(TOO_MANY_ASKED)
            return
        for arg in args:
            try:
                if operation == "subscribe":
                    self._subscribe(connection, arg, named)
                else:
                    self._unsubscribe(connection, arg, named)
            except Refused as refused:
                self._refuse(connection, refused, named)

    def _log_in(self, connection: Connection, arg: Row, named: Row) -> None:
        if connection.path == PUBLIC_PATH:
            raise Refused("60008", "Login is not supported by public channel")
        if connection.account:
            raise Refused("60031", "Already logged in")
        params = Params(arg)
        for name in ("apiKey", "passphrase", "timestamp", "sign"):
            if name not in params:
                raise Refused("60027", f"Parameter {name} can not be empty")
        if self._state.faults.strike((_K.CLOCK_REFUSED,), "WS login"):
            raise Refused("60006", "Timestamp request expired")
        if switch := self._state.faults.strike((_K.CODE_BEFORE_ACCEPT,), "WS login", None, _LOGIN_CODES):
            raise Refused(switch.code, SWITCHED_FRAMES[switch.code])
        key = self._state.keys.log_in(
            params.text("apiKey"),
            params.text("passphrase"),
            params.text("timestamp"),
            params.text("sign"),
            connection.remote,
        )
        if any(self._state.faults.holds(kind, account=key.account) for kind in (_K.KEY_REVOKED, _K.WRONG_REGION)):
            raise Refused("60032", "API key doesn't exist")
        connection.key, connection.account = key.public, key.account
        self._send(connection, {**named, "event": "login", "code": "0", "msg": "", "connId": connection.name})

    def _subscribe(self, connection: Connection, arg: Row, named: Row) -> None:
        channel = str(arg.get("channel", ""))
        self._refuse_place(connection, channel)
        if self._is_full(connection, is_private=channel in _PRIVATE):
            return
        ack = {**named, "event": "subscribe", "arg": arg, "connId": connection.name}
        if channel in _PRIVATE:
            self._subscribe_private(connection, channel, arg, ack)
            return
        pair = self._pair_of(channel, arg)
        feed = feed_of(self._state, self._public, channel, pair, arg)
        connection.feeds[_key(arg)] = (arg, feed)
        self._send(connection, ack)
        for frame in feed.snapshot():
            self._send_public(connection, arg, frame)

    def _subscribe_private(self, connection: Connection, channel: str, arg: Row, ack: Row) -> None:
        if not connection.account:
            raise Refused("60011", "Please log in")
        if channel == "fills":
            raise Refused("64003", "Your trading fee tier doesn't meet the requirement to access this channel")
        if channel in ("orders", "positions", "orders-algo", "liquidation-warning"):
            if "instType" not in arg:
                raise Refused("60027", "Parameter instType can not be empty")
            if arg["instType"] not in _TYPES:
                raise Refused("60013", "Invalid args: instType")
        if arg.get("instId") and self._state.names.find(str(arg["instId"])) is None:
            raise Refused("60018", f"Wrong URL or channel:{channel},instId:{arg['instId']} doesn't exist.")
        account = connection.account
        same = sum(
            feed.channel == channel
            for each in self._connections.values()
            if each.account == account
            for feed in each.private.values()
        )
        counted = {"channel": channel, "connCount": str(min(same + 1, _SAME_CHANNEL)), "connId": connection.name}
        if same >= _SAME_CHANNEL:
            self._send(connection, {"event": "channel-conn-count-error", **counted})
            return
        feed = PrivateFeed(arg)
        connection.private[_key(arg)] = feed
        self._send(connection, ack)
        self._send(connection, {"event": "channel-conn-count", **counted})
        for news in self._pushes.snapshot(channel, self._state.keys.accounts[account]):
            self._send(connection, self._frame(connection, feed, news))

    def _is_full(self, connection: Connection, *, is_private: bool) -> bool:
        """Whether one subscription more is too many, of the connection or of its key; the connection ends then."""
        if len(connection.feeds) + len(connection.private) >= MOST_CHANNELS:
            connection.socket.close(TOO_MANY_CHANNELS)
        elif is_private and connection.key:
            of_key = sum(len(each.private) for each in self._connections.values() if each.key == connection.key)
            if of_key >= MOST_OF_KEY:
                connection.socket.close(TOO_MANY_OF_KEY)
        return connection.socket.is_closed

    def _unsubscribe(self, connection: Connection, arg: Row, named: Row) -> None:
        self._refuse_place(connection, str(arg.get("channel", "")))
        connection.feeds.pop(_key(arg), None)
        connection.private.pop(_key(arg), None)
        self._send(connection, {**named, "event": "unsubscribe", "arg": arg, "connId": connection.name})

    def _refuse_place(self, connection: Connection, channel: str) -> None:
        """Refuse a channel that is unknown, or on another path."""
        placed = _PLACED.get(channel)
        if placed == BUSINESS_PATH and connection.path != placed:
            raise Refused("64001", f"{channel} has been migrated to the '/business' URL. Please use it.")
        if placed is not None and connection.path != placed:
            raise Refused("60028", f"{channel} is not supported by this URL. Please use the correct one.")
        if placed is None:
            raise Refused("60018", f"Wrong URL or channel:{channel} doesn't exist. Please use the correct URL.")

    def _pair_of(self, channel: str, arg: Row) -> Pair | None:
        if channel in ("instruments", "status"):
            return None
        pair = self._state.names.find(str(arg.get("instId", "")))
        if pair is None:
            raise Refused("60018", f"Wrong URL or channel:{channel},instId:{arg.get('instId')} doesn't exist.")
        return pair

    # Orders.

    def _trade(self, connection: Connection, operation: Operation, message: Row, args: list[Row]) -> None:
        name, known = str(message["op"]), message.get("id")
        if not isinstance(known, (str, int)) or not str(known):
            raise Refused("60012", "Illegal request: id is needed")
        if connection.path != PRIVATE_PATH:
            raise Refused("64002", f"{name} is not supported by this URL. Please use the private one.")
        if not connection.account:
            raise Refused("60011", "Please log in")
        arrived = self._state.now()
        kind = self._strike(_CALL_FAULTS_BEFORE, name, connection.account)
        if kind is FaultKind.TIMEOUT_BEFORE_ACCEPT:
            return
        base: Row = {"id": known, "op": name}
        try:
            if kind is not None:
                raise rate_limited() if kind is FaultKind.RATE_LIMITED else unavailable()
            switch = self._state.faults.strike(
                (_K.CODE_BEFORE_ACCEPT,), f"WS {name}", connection.account, _GATEWAY_CODES
            )
            if switch is not None:
                raise switched(switch)
            outcome = operation.answer(self._call(connection, operation, message, args, arrived))
            reply = base | {"code": outcome.code, "msg": outcome.message, "data": outcome.rows}
        except Refused as refused:
            reply = base | {"code": refused.code, "msg": refused.message, "data": []}
        reply |= {"inTime": _micros(arrived), "outTime": _micros(self._state.now())}
        after = self._state.faults.strike(_CALL_FAULTS_AFTER, f"WS {name}", connection.account)
        match after.kind if after is not None else None:
            case FaultKind.TIMEOUT_AFTER_ACCEPT:
                pass
            case FaultKind.DROPPED_SOCKET:
                connection.socket.drop()
            case FaultKind.DELAYED_ANSWER if after is not None:
                connection.socket.send_later(encode(reply).decode(), after.seconds)
            case _:
                self._send(connection, reply)
        self._flush()

    def _call(self, connection: Connection, operation: Operation, message: Row, args: list[Row], now: datetime) -> Call:
        state = self._state
        key = state.keys.find(connection.key)
        if key is None:
            raise Refused("60032", "API key doesn't exist")
        account = state.keys.accounts[connection.account]
        if state.faults.holds(FaultKind.MAINTENANCE, account=account.name):
            raise unavailable()
        if TRADE not in state.granted(key):
            raise permission_missing()
        items = [Params(arg) for arg in args]
        if len(items) > 1 and not operation.is_batch:
            raise Refused("60013", "Invalid args")
        # By REST the same instrument has a name where here it has a number: one window for both.
        pair = state.names.find_code(items[0].text("instIdCode")) or state.names.find(items[0].text("instId"))
        name = f"{pair.base}-{pair.quote}" if pair is not None else ""
        who = (account.name, operation.path) if operation.is_batch else (account.name, operation.path, name)
        if not state.limits.take(who, operation.limit, len(items)):
            raise rate_limited()
        expires = Params(message).text("expTime")
        if expires and _expiry(expires) < now:
            raise Refused("50036", "The expTime can't be earlier than the current system time.")
        return Call(account, key, items, now, is_batch=operation.is_batch, by_code=True)

    def _strike(self, kinds: tuple[FaultKind, ...], operation: str, account: str) -> FaultKind | None:
        fault = self._state.faults.strike(kinds, f"WS {operation}", account)
        return fault.kind if fault is not None else None

    # What goes out.

    def _frame(self, connection: Connection, feed: PrivateFeed, news: News) -> Row:
        uid = self._state.keys.accounts[connection.account].uid
        more = dict(news.envelope or {})
        rows = more.pop("rows", None)
        if rows is not None:
            rows = [row for row in rows if feed.arg.get("instType", "ANY") in ("ANY", row["instType"])]
            rows = [row for row in rows if feed.arg.get("instId", "") in ("", row["instId"])]
        arg = {name: value for name, value in feed.arg.items() if name != "extraParams"}
        return {"arg": arg | {"uid": uid}, **more, "data": [news.row] if rows is None else rows}

    def _send_private(self, connection: Connection, news: News) -> None:
        """Send one piece of news to whoever chose it, as the faults let it."""
        for feed in list(connection.private.values()):
            if not feed.wants(news):
                continue
            frame = self._frame(connection, feed, news)
            if not frame["data"]:
                continue
            text = encode(frame).decode()
            fault = self._state.faults.strike(_EVENT_FAULTS, feed.channel, connection.account)
            match fault.kind if fault is not None else None:
                case FaultKind.DROPPED_SOCKET:
                    connection.socket.drop()
                    return
                case FaultKind.LOST_EVENT:
                    continue
                case FaultKind.REORDERED_EVENT if feed.held is None:
                    feed.held = text
                    continue
                case FaultKind.REPEATED_EVENT:
                    self._send_text(connection, text)
                case _:
                    pass
            self._send_text(connection, text)
            self._release(connection, feed)

    def _release(self, connection: Connection, feed: PrivateFeed) -> None:
        if feed.held is not None:
            held, feed.held = feed.held, None
            self._send_text(connection, held)

    def _send_public(self, connection: Connection, arg: Row, frame: Row) -> None:
        if self._state.faults.strike((FaultKind.DROPPED_SOCKET,), str(arg["channel"])):
            connection.socket.drop()
            return
        self._send(connection, {"arg": arg, **frame})

    def _refuse(self, connection: Connection, refused: Refused, named: Row) -> None:
        self._send(
            connection,
            {**named, "event": "error", "code": refused.code, "msg": refused.message, "connId": connection.name},
        )

    def _send(self, connection: Connection, frame: Any) -> None:
        self._send_text(connection, encode(frame).decode())

    def _send_text(self, connection: Connection, text: str) -> None:
        connection.alive_at = loop_time()
        if connection.socket.queued >= LARGEST_BUFFER:
            connection.socket.close(BUFFER_FULL)
        connection.socket.send(text)

    def _heartbeat(self, socket: WireSocket) -> str | None:
        """Nothing is ever sent unasked: what was held back is released, and a socket silent for 30 s closed."""
        connection = self._connections.get(socket)
        if connection is not None:
            for feed in connection.private.values():
                self._release(connection, feed)
            if self._state.faults.strike((FaultKind.DROPPED_SOCKET,), "heartbeat"):
                socket.drop()
            elif loop_time() - connection.alive_at >= _IDLE_SECONDS:
                socket.close(SILENT)
            else:
                self._disturb(connection)
        return None

    def _disturb(self, connection: Connection) -> None:
        """End a connection as a switch says: with a notice some seconds ahead, or just so."""
        faults, where = self._state.faults, ("heartbeat", connection.account or None)
        if notice := faults.strike((_K.CODE_BEFORE_ACCEPT,), *where, (_NOTICE,)):
            told = {"event": "notice", "code": _NOTICE, "msg": SWITCHED_FRAMES[_NOTICE], "connId": connection.name}
            self._send(connection, told)
            asyncio.get_running_loop().call_later(notice.seconds, connection.socket.close)
        elif faults.strike((_K.CODE_BEFORE_ACCEPT,), *where, (_ABNORMAL,)):
            connection.socket.drop(int(_ABNORMAL))

    def _forget(self, socket: WireSocket) -> None:
        self._connections.pop(socket, None)


def _key(arg: Row) -> str:
    return json.dumps(arg, sort_keys=True, default=str)


def _expiry(text: str) -> datetime:
    try:
        return from_ms(text)
    except ValueError:
        raise Refused("60013", "Invalid args: expTime") from None


def _micros(at: datetime) -> str:
    return str((at - EPOCH) // _MICROSECOND)
