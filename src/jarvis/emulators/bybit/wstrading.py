"""Orders over the trade socket: one signed login, then each order as one message."""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

from jarvis.emulators.bybit.errors import (
    BAD_KEY,
    BAD_PARAMETER,
    BAD_TIMESTAMP,
    KEY_EXPIRED,
    RESTARTING,
    SERVER_ERROR,
    TOO_MANY_VISITS,
    WS_ADDRESS_TOO_FAST,
    WS_DUPLICATE_REQUEST,
    Refused,
    sentence,
)
from jarvis.emulators.bybit.gate import Endpoint, Gate, switched
from jarvis.emulators.bybit.limits import Allowance, Windows
from jarvis.emulators.bybit.params import Params
from jarvis.emulators.bybit.state import VenueState
from jarvis.emulators.bybit.text import Json, encode, millis
from jarvis.emulators.faults import FaultKind
from jarvis.emulators.wire import WireSocket

OPERATIONS = {
    "order.create": "POST /v5/order/create",
    "order.amend": "POST /v5/order/amend",
    "order.cancel": "POST /v5/order/cancel",
    "order.create-batch": "POST /v5/order/create-batch",
    "order.amend-batch": "POST /v5/order/amend-batch",
    "order.cancel-batch": "POST /v5/order/cancel-batch",
}
"""Each operation, and the REST call that it is."""
_REQUEST_ID = 36
_REMEMBERED = 1000
_PER_ADDRESS = 3000
_BEFORE = (
    FaultKind.TIMEOUT_BEFORE_ACCEPT,
    FaultKind.UNAVAILABLE_BEFORE_ACCEPT,
    FaultKind.RATE_LIMITED,
    FaultKind.CLOCK_REFUSED,
    FaultKind.DELAYED_BEFORE_ACCEPT,
)
_AFTER = (
    FaultKind.TIMEOUT_AFTER_ACCEPT,
    FaultKind.UNAVAILABLE_AFTER_ACCEPT,
    FaultKind.DELAYED_ANSWER,
    FaultKind.DROPPED_SOCKET,
    FaultKind.CODE_AFTER_ACCEPT,
)
_REFUSALS = {
    FaultKind.UNAVAILABLE_BEFORE_ACCEPT: SERVER_ERROR,
    FaultKind.RATE_LIMITED: TOO_MANY_VISITS,
    FaultKind.CLOCK_REFUSED: BAD_TIMESTAMP,
}


class TradeSocket:
    """Carries out one message after the other; request ids must not repeat on a connection."""

    def __init__(self, state: VenueState, gate: Gate, endpoints: Mapping[str, Endpoint]) -> None:
        self._state = state
        self._gate = gate
        self._endpoints = endpoints
        self._seen: dict[str, deque[str]] = {}
        self._windows = Windows(state.clock)

    def operate(self, socket: WireSocket, connection: str, public: str, message: Json, remote: str) -> None:
        """Answer one message of a connection that this key has opened from this address."""
        if self._windows.charge(remote, _PER_ADDRESS).is_exceeded:
            self._say(socket, self.refusal(message, connection, Refused(WS_ADDRESS_TOO_FAST)))
            return
        key = self._state.keys.find(public)
        op, account = str(message["op"]), key.account if key is not None else None
        fault = self._state.faults.strike(_BEFORE, op, account)
        if fault is None:
            self._answer(socket, connection, public, message)
        elif fault.kind is FaultKind.DELAYED_BEFORE_ACCEPT:
            asyncio.get_running_loop().call_later(fault.seconds, self._answer, socket, connection, public, message)
        elif fault.kind in _REFUSALS:
            self._say(socket, self.refusal(message, connection, Refused(_REFUSALS[fault.kind])))

    def refusal(self, message: Json, connection: str, refused: Refused) -> Json:
        """The frame that refuses a message."""
        return self._frame(message, connection, refused.code, refused.words, {}, {}, None)

    def _answer(self, socket: WireSocket, connection: str, public: str, message: Json) -> None:
        op = str(message["op"])
        frame = self._carried_out(connection, public, op, message)
        key = self._state.keys.find(public)
        fault = self._state.faults.strike(_AFTER, op, key.account if key is not None else None)
        match fault.kind if fault else None:
            case FaultKind.TIMEOUT_AFTER_ACCEPT:
                pass
            case FaultKind.UNAVAILABLE_AFTER_ACCEPT:
                self._say(socket, self.refusal(message, connection, Refused(SERVER_ERROR)))
            case FaultKind.CODE_AFTER_ACCEPT if fault is not None:
                self._say(socket, self.refusal(message, connection, Refused(switched(fault))))
            case FaultKind.DROPPED_SOCKET:
                socket.drop()
            case FaultKind.DELAYED_ANSWER if fault is not None:
                socket.send_later(encode(frame).decode(), fault.seconds)
            case _:
                self._say(socket, frame)

    def _carried_out(self, connection: str, public: str, op: str, message: Json) -> Json:
        try:
            key = self._state.keys.find(public)
            if key is None:
                raise Refused(BAD_KEY)
            if self._state.keys.is_expired(key):
                raise Refused(KEY_EXPIRED)
            self._gate.admit(key)
            if self._state.faults.holds(FaultKind.MAINTENANCE, account=key.account):
                raise Refused(RESTARTING)
            self._use_request_id(connection, message)
            self._check_clock(message)
            args = message.get("args")
            if not isinstance(args, list) or len(args) != 1 or not isinstance(args[0], dict):
                raise Refused(BAD_PARAMETER)
            name = OPERATIONS[op]
        except Refused as refused:
            return self.refusal(message, connection, refused)
        answered = self._gate.answer(name, self._endpoints[name], key, Params(args[0]))
        return self._frame(
            message, connection, answered.code, answered.words, answered.result, answered.extra, answered.allowance
        )

    def _use_request_id(self, connection: str, message: Json) -> None:
        request_id = message.get("reqId")
        if request_id is None:
            return
        if not isinstance(request_id, str) or len(request_id) > _REQUEST_ID:
            raise Refused(BAD_PARAMETER)
        seen = self._seen.setdefault(connection, deque(maxlen=_REMEMBERED))
        if request_id in seen:
            raise Refused(WS_DUPLICATE_REQUEST)
        seen.append(request_id)

    def _check_clock(self, message: Json) -> None:
        header = message.get("header")
        if not isinstance(header, dict):
            raise Refused(BAD_PARAMETER)
        timestamp, window = header.get("X-BAPI-TIMESTAMP"), header.get("X-BAPI-RECV-WINDOW", "")
        if not self._state.keys.is_timely(str(timestamp), str(window)):
            raise Refused(BAD_TIMESTAMP)

    def _frame(
        self,
        message: Json,
        connection: str,
        code: int,
        words: str,
        result: Any,
        extra: Any,
        allowance: Allowance | None,
    ) -> Json:
        now = str(millis(self._state.now()))
        limits = allowance.headers() if allowance is not None else {}
        return {
            "reqId": message.get("reqId", ""),
            "retCode": code,
            "retMsg": words or sentence(code),
            "op": message.get("op", ""),
            "data": result,
            "retExtInfo": extra,
            "header": limits | {"Traceid": self._state.new_id(), "Timenow": now},
            "connId": connection,
        }

    def _say(self, socket: WireSocket, frame: Json) -> None:
        socket.send(encode(frame).decode())
