"""The WebSocket API: ping, time, and subscriptions to user data by listen token."""

from collections.abc import Mapping
from typing import Any

from jarvis.emulators.binance.connection import Connection
from jarvis.emulators.binance.errors import (
    INVALID_LISTEN_TOKEN,
    SUBSCRIPTION_ACTIVE,
    SUBSCRIPTION_INACTIVE,
    SUBSCRIPTIONS_EXHAUSTED,
    UNSUPPORTED,
    Problem,
    Refused,
    missing,
)
from jarvis.emulators.binance.limits import API_WEIGHT
from jarvis.emulators.binance.params import params_of
from jarvis.emulators.binance.public import RATE_LIMITS
from jarvis.emulators.binance.state import VenueState
from jarvis.emulators.binance.streams import ListenTokens
from jarvis.emulators.binance.text import Json, decode, encode, ms
from jarvis.emulators.faults import FaultKind

_MOST_SUBSCRIPTIONS = 1000
_SUBSCRIBE = "userDataStream.subscribe.listenToken"
_WEIGHTS: Mapping[str, int] = {"ping": 1, "time": 1, _SUBSCRIBE: 2}
_BAD_REQUEST = Problem(-1135, "This error code will occur if a parameter requiring a JSON object is invalid.")
_UNKNOWN_METHOD = Problem(-1000, "Unknown method.")


class WsApi:
    """Answers of `/ws-api/v3`. Orders over it belong to the spot wallet, which the sandbox has not."""

    def __init__(self, state: VenueState, tokens: ListenTokens) -> None:
        self._state = state
        self._tokens = tokens

    def receive(self, connection: Connection, text: str) -> None:
        """Answer one request."""
        number: Any = None
        try:
            message = self._message(text)
            number = message.get("id")
            method = str(message.get("method"))
            if not self._state.limits.charge(API_WEIGHT, connection.remote, _WEIGHTS.get(method, 1)):
                raise self._state.limits.too_much(API_WEIGHT)
            params = message.get("params") or {}
            if not isinstance(params, dict):
                raise Refused(_BAD_REQUEST)
            result = self._result(connection, method, params)
        except Refused as refused:
            problem = refused.problem
            reply = {"id": number, "status": problem.status, "error": {"code": problem.code, "msg": problem.message}}
        else:
            reply = {"id": number, "status": 200, "result": result}
        connection.socket.send(encode(reply | {"rateLimits": self._rate_limits(connection)}).decode())

    def _message(self, text: str) -> Json:
        try:
            message = decode(text)
        except ValueError:
            raise Refused(_BAD_REQUEST) from None
        if not isinstance(message, dict):
            raise Refused(_BAD_REQUEST)
        return message

    def _result(self, connection: Connection, method: str, params: Json) -> Any:
        match method:
            case "ping":
                return {}
            case "time":
                return {"serverTime": ms(self._state.now())}
            case "userDataStream.subscribe.listenToken":
                return self._subscribe(connection, params)
            case "userDataStream.unsubscribe":
                return self._unsubscribe(connection, params)
            case "session.subscriptions":
                return [{"subscriptionId": number} for number in connection.subscriptions]
            case "session.status":
                return {
                    "apiKey": None,
                    "authorizedSince": None,
                    "connectedSince": ms(self._state.now()),
                    "returnRateLimits": True,
                    "serverTime": ms(self._state.now()),
                    "userDataStream": False,
                }
            case _ if method.startswith(("order.", "orderList.", "session.", "userDataStream.", "account.")):
                raise Refused(UNSUPPORTED)
            case _:
                raise Refused(_UNKNOWN_METHOD)

    def _subscribe(self, connection: Connection, params: Json) -> Json:
        text = params_of(params).required("listenToken")
        token = self._tokens.find(text)
        if token is None or self._state.faults.holds(FaultKind.KEY_REVOKED, account=token.account):
            raise Refused(INVALID_LISTEN_TOKEN)
        if self._state.faults.strike((FaultKind.LISTEN_TOKEN_EXPIRED,), _SUBSCRIBE, token.account):
            self._tokens.forget(token)
            raise Refused(INVALID_LISTEN_TOKEN)
        if any(known.text == text for known in connection.subscriptions.values()):
            raise Refused(SUBSCRIPTION_ACTIVE)
        if len(connection.subscriptions) >= _MOST_SUBSCRIPTIONS:
            raise Refused(SUBSCRIPTIONS_EXHAUSTED)
        # A fresh token of the same account and pot goes on where the old one was: no gap, no second copy.
        same = [
            number
            for number, known in connection.subscriptions.items()
            if (known.account, known.pot) == (token.account, token.pot)
        ]
        if same:
            number = same[0]
        else:
            number = connection.subscribed
            connection.subscribed += 1
        connection.subscriptions[number] = token
        return {"subscriptionId": number, "expirationTime": ms(token.expires_at)}

    def _unsubscribe(self, connection: Connection, params: Json) -> Json:
        if "subscriptionId" not in params:
            connection.subscriptions.clear()
            return {}
        number = params["subscriptionId"]
        if not isinstance(number, int):
            raise missing("subscriptionId")
        if connection.subscriptions.pop(number, None) is None:
            raise Refused(SUBSCRIPTION_INACTIVE)
        return {}

    def _rate_limits(self, connection: Connection) -> list[Json]:
        used = self._state.limits.used(API_WEIGHT, connection.remote)
        return [RATE_LIMITS[0] | {"count": used}]
