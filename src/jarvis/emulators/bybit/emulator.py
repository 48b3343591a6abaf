"""The emulated venue's door: one request in, one answer out, and sockets; with the faults between."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.emulators.bybit import record
from jarvis.emulators.bybit.account import AccountReads
from jarvis.emulators.bybit.coins import USDT
from jarvis.emulators.bybit.errors import (
    BAD_TIMESTAMP,
    NO_ROUTE,
    NO_SUCH_ORDER,
    OPEN_OUTCOMES,
    SERVER_ERROR,
    SWITCHED,
    TIMED_OUT,
    TOO_MANY_VISITS,
    HttpRefused,
    Refused,
    sentence,
)
from jarvis.emulators.bybit.events import Aftermath
from jarvis.emulators.bybit.funding import Funding
from jarvis.emulators.bybit.gate import Gate, switched
from jarvis.emulators.bybit.keys import DEFAULT_WINDOW, ApiKey, KeyRing, Profile, Proof, VenueAccount
from jarvis.emulators.bybit.ledger import TransactionLog
from jarvis.emulators.bybit.limits import AddressGuard, Allowance, Windows, WireClock, loop_time
from jarvis.emulators.bybit.margin import SpotMargin
from jarvis.emulators.bybit.page import PAGE, key_of_form, row_of
from jarvis.emulators.bybit.params import parse_body, parse_query
from jarvis.emulators.bybit.public import PublicData
from jarvis.emulators.bybit.queries import Queries
from jarvis.emulators.bybit.routes import private_paths
from jarvis.emulators.bybit.sockets import Sockets
from jarvis.emulators.bybit.state import Ids, VenueState
from jarvis.emulators.bybit.text import Json, encode, millis
from jarvis.emulators.bybit.trading import Trading
from jarvis.emulators.bybit.wallet import Wallets
from jarvis.emulators.bybit.wstrading import TradeSocket
from jarvis.emulators.faults import Fault, FaultKind, Faults
from jarvis.emulators.venue import KeyForm, KeyRow, ShownValue
from jarvis.emulators.wire import WireRequest, WireResponse, WireSocket
from jarvis.sim.exchange import SimEvent, SimExchange

_K = FaultKind
_BEFORE = (
    _K.TIMEOUT_BEFORE_ACCEPT,
    _K.HTML_ERROR_BEFORE_ACCEPT,
    _K.DELAYED_BEFORE_ACCEPT,
    _K.RATE_LIMITED,
    _K.CLOCK_REFUSED,
    _K.UNAVAILABLE_BEFORE_ACCEPT,
    _K.ORDER_NOT_FOUND,
)
_AFTER = (
    _K.TIMEOUT_AFTER_ACCEPT,
    _K.HTML_ERROR_AFTER_ACCEPT,
    _K.UNAVAILABLE_AFTER_ACCEPT,
    _K.TRUNCATED_ANSWER,
    _K.DELAYED_ANSWER,
    _K.CODE_AFTER_ACCEPT,
)
_PRIVATE_ONLY = frozenset({_K.RATE_LIMITED, _K.CLOCK_REFUSED, _K.ORDER_NOT_FOUND, _K.CODE_AFTER_ACCEPT})
_SWITCHES = (_K.CODE_BEFORE_ACCEPT, _K.CODE_AFTER_ACCEPT)
_NAMES_AN_ORDER = ("POST /v5/order/amend", "POST /v5/order/cancel")
MIX = (
    _K.TIMEOUT_BEFORE_ACCEPT,
    _K.TIMEOUT_AFTER_ACCEPT,
    _K.HTML_ERROR_BEFORE_ACCEPT,
    _K.HTML_ERROR_AFTER_ACCEPT,
    _K.UNAVAILABLE_BEFORE_ACCEPT,
    _K.UNAVAILABLE_AFTER_ACCEPT,
    _K.TRUNCATED_ANSWER,
    _K.DELAYED_BEFORE_ACCEPT,
    _K.DELAYED_ANSWER,
    _K.RATE_LIMITED,
    _K.CLOCK_REFUSED,
    _K.INSUFFICIENT_MARGIN_POOL,
    _K.POST_ONLY_CANCELLED,
    _K.REPAYMENT_REFUSED,
    _K.PARTIAL_REPAYMENT,
    _K.CODE_BEFORE_ACCEPT,
    _K.CODE_AFTER_ACCEPT,
    _K.DROPPED_SOCKET,
    _K.LOST_EVENT,
    _K.SILENTLY_LOST_EVENT,
    _K.REPEATED_EVENT,
    _K.REORDERED_EVENT,
)
"""What a seeded mix may draw: nothing that a client can only sit out."""
_STATES = (
    _K.MAINTENANCE,
    _K.CANCEL_ONLY,
    _K.POST_ONLY,
    _K.PERMISSION_WIDENED,
    _K.KEY_REVOKED,
    _K.WRONG_REGION,
    _K.LEVERAGE_CUT,
)
_UNCUT = 10**6
_LIMIT_PAUSE = timedelta(seconds=1)
_NEEDED_HEADERS = ("x-bapi-api-key", "x-bapi-timestamp", "x-bapi-sign")


class BybitEmulator:
    """Bybit's Unified Trading Account over a simulated exchange. `now` is the market's time.

    Keys, ids and faults come from `seed`. `heartbeat_seconds` (of the event loop's clock) is how often a silent
    socket is looked after.
    """

    name = "bybit"
    title = "Bybit"
    quote = USDT
    roots = ("/v5/",)
    page = PAGE
    kinds = frozenset({*MIX, _K.ORDER_NOT_FOUND, *_STATES})

    def __init__(
        self, exchange: SimExchange, *, now: Callable[[], datetime], seed: int, heartbeat_seconds: float = 1.0
    ) -> None:
        random = Random(f"bybit {seed}")  # noqa: S311 -- a sandbox's keys and faults repeat from their seed
        clock = WireClock(now, loop_time)
        self.exchange = exchange
        self.faults = Faults(Random(f"faults {seed}"), MIX)  # noqa: S311
        self.keys = KeyRing(now=now, random=random)
        self._state = VenueState(exchange, now, clock, self.keys, self.faults, random, Ids(random))
        self._addresses = AddressGuard(clock)
        public = PublicData(self._state)
        wallets = Wallets(self._state, public)
        self._log = TransactionLog(self._state)
        trading = Trading(self._state, public, wallets, self._tell)
        self._margin = SpotMargin(self._state, public, wallets, self._tell)
        self._private = private_paths(
            AccountReads(self._state, public, wallets, self._log),
            self._margin,
            trading,
            Queries(self._state, trading, wallets),
            Funding(self._state, self._tell),
        )
        self._public = {
            "GET /v5/market/time": public.time,
            "GET /v5/market/instruments-info": public.instruments,
            "GET /v5/market/tickers": public.tickers,
            "GET /v5/market/orderbook": public.orderbook,
            "GET /v5/market/kline": public.kline,
            "GET /v5/market/recent-trade": public.recent_trades,
            "GET /v5/market/price-limit": public.price_limit,
            "GET /v5/spot-margin-trade/data": public.margin_data,
            "GET /v5/spot-margin-trade/collateral": public.collateral,
        }
        self._gate = Gate(self._state, Windows(clock))
        trade = TradeSocket(self._state, self._gate, self._private)
        self._sockets = Sockets(self._state, public, wallets, trade, heartbeat_seconds)
        self._aftermath = Aftermath(self._state)
        self._late: set[asyncio.Task[WireResponse]] = set()
        self._cut: dict[Pair, int] = {}

    # People.

    def open_account(self, name: str, deposits: Mapping[Asset, Decimal], profile: str = "") -> None:
        """A new venue-side account with money on it. Raises ValueError for a taken name or an unknown profile."""
        self.create_account(name, deposits, Profile(profile or Profile.UNIFIED))

    def create_account(
        self, name: str, deposits: Mapping[Asset, Decimal], profile: Profile = Profile.UNIFIED
    ) -> VenueAccount:
        """As `open_account`, and the account."""
        account = self.keys.add_account(name, profile)
        self.exchange.open_account(name, deposits)
        self._tell(())
        return account

    def account_names(self) -> Sequence[str]:
        """All accounts, oldest first."""
        return list(self.keys.accounts)

    def account_record(self, name: str) -> Mapping[str, Any]:
        """All that the venue knows of an account, as JSON values. Raises KeyError."""
        return record.account_record(self._state, self._log, name)

    def make_key(self, account: str, form: KeyForm) -> tuple[ShownValue, ...]:
        """A new key's two values. Raises ValueError for what cannot be."""
        return _shown(key_of_form(self.keys, account, form))

    def keys_of(self, account: str) -> Sequence[KeyRow]:
        """The account's keys, oldest first."""
        return [row_of(key) for key in self.keys.keys_of(account)]

    def revoke_key(self, public: str) -> bool:
        """Forget a key and cut its sockets; False when there is none."""
        self._sockets.drop_key(public)
        return self.keys.revoke(public)

    def set_permissions(self, public: str, permissions: frozenset[str]) -> None:
        """Change what a key may do. Raises KeyError for an unknown key."""
        self.keys.set_permissions(public, permissions)

    # Faults.

    def add_fault(self, kind: FaultKind, **values: Any) -> Fault:
        """Switch a fault on. Raises ValueError for values that mean nothing, or a fault of another venue."""
        if kind not in self.kinds:
            raise ValueError(f"{kind.value} cannot happen at Bybit")
        if kind in _SWITCHES:
            _check_code(kind, str(values.get("code", "")))
        fault = self.faults.add(kind, **values)
        self._apply_states()
        return fault

    def remove_fault(self, fault_id: int) -> bool:
        """Switch one off; False when it was off already."""
        removed = self.faults.remove(fault_id)
        if removed is not None and removed.kind is FaultKind.MAINTENANCE:
            self._state.restarted_at = self._state.now()
        self._apply_states()
        return removed is not None

    def clear_faults(self) -> None:
        """Switch all off."""
        for fault in self.faults.active:
            self.remove_fault(fault.fault_id)

    def drop_sockets(self) -> int:
        """Cut every connection; how many there were."""
        return self._sockets.drop_all()

    # The wire.

    async def handle(self, request: WireRequest) -> WireResponse:
        """The answer to one HTTP request; faults may delay it by the event loop's clock."""
        fault = self._strike(_BEFORE, request)
        if fault is None:
            return await self._answer(request)
        match fault.kind:
            case FaultKind.TIMEOUT_BEFORE_ACCEPT:
                return await self._hold(fault)
            case FaultKind.HTML_ERROR_BEFORE_ACCEPT:
                return _html_page(fault.status)
            case FaultKind.DELAYED_BEFORE_ACCEPT:
                # A client that hangs up does not call its request back: it takes effect when its time comes.
                late = asyncio.create_task(self._answer_late(request, fault))
                self._late.add(late)
                late.add_done_callback(self._late.discard)
                return await asyncio.shield(late)
            case FaultKind.RATE_LIMITED:
                reset = millis(self._state.now() + _LIMIT_PAUSE)
                return self._envelope({}, TOO_MANY_VISITS, allowance=Allowance(20, 0, reset, is_exceeded=True))
            case FaultKind.CLOCK_REFUSED:
                return self._envelope({}, BAD_TIMESTAMP)
            case FaultKind.ORDER_NOT_FOUND:
                return self._envelope({}, NO_SUCH_ORDER)
            case _:
                return self._envelope({}, SERVER_ERROR)

    def connect(self, path: str, remote: str = "127.0.0.1") -> WireSocket:
        """The server's end of a new WebSocket."""
        return self._sockets.connect(path, remote)

    def publish(self, events: Sequence[SimEvent]) -> None:
        """Tell the sockets what happened, and do what the venue does about it."""
        self._publish(events)
        self._margin.run_timers()

    # Inside.

    def _tell(self, more: Sequence[SimEvent]) -> None:
        self._publish([*self.exchange.drain(), *more])

    def _publish(self, events: Sequence[SimEvent]) -> None:
        while True:
            self._aftermath.note(events)
            self._log.write(events)
            self._sockets.publish(events)
            if not self._aftermath.act():
                return
            events = self.exchange.drain()

    async def _answer_late(self, request: WireRequest, fault: Fault) -> WireResponse:
        await asyncio.sleep(fault.seconds)
        window = request.headers.get("x-bapi-recv-window", "") or str(DEFAULT_WINDOW)
        if f"{request.method} {request.path}" in self._private and fault.seconds * 1000 > int(window):
            # The market may stand still meanwhile; the request has aged all the same.
            return self._envelope({}, BAD_TIMESTAMP)
        return await self._answer(request)

    async def _answer(self, request: WireRequest) -> WireResponse:
        response = self._execute(request)
        fault = self._strike(_AFTER, request)
        if fault is None:
            return response
        match fault.kind:
            case FaultKind.TIMEOUT_AFTER_ACCEPT:
                return await self._hold(fault)
            case FaultKind.HTML_ERROR_AFTER_ACCEPT:
                return _html_page(fault.status)
            case FaultKind.UNAVAILABLE_AFTER_ACCEPT:
                return self._envelope({}, TIMED_OUT)
            case FaultKind.CODE_AFTER_ACCEPT:
                return self._envelope({}, switched(fault))
            case FaultKind.TRUNCATED_ANSWER:
                return WireResponse(response.status, response.headers, response.body[: len(response.body) // 2])
            case _:
                await asyncio.sleep(fault.seconds)
                return response

    def _execute(self, request: WireRequest) -> WireResponse:
        name = f"{request.method} {request.path}"
        try:
            if not self._addresses.admits(request.remote):
                raise HttpRefused(403, "access too frequent, please try again later")
            if request.method == "GET" and request.body:
                raise HttpRefused(403, "a GET request has no body")
            if name in self._public:
                return self._envelope(self._public[name](parse_query(request.query)), 0)
            if name in self._private:
                return self._answer_private(name, request)
        except Refused as refused:
            return self._envelope(refused.result, refused.code, refused.words)
        except HttpRefused as refused:
            return WireResponse(refused.status, {"content-type": "text/plain"}, refused.words.encode())
        return self._envelope({}, NO_ROUTE, status=404)

    def _answer_private(self, name: str, request: WireRequest) -> WireResponse:
        headers = request.headers
        missing = [header for header in _NEEDED_HEADERS if not headers.get(header)]
        if missing:
            words = "empty value: apiTimestamp[] apiKey[] apiSignature[]"
            return self._envelope({}, 10001, words, status=401)
        payload = request.query.encode("latin-1", "replace") if request.method == "GET" else request.body
        proof = Proof(
            key=headers["x-bapi-api-key"],
            timestamp=headers["x-bapi-timestamp"],
            window=headers.get("x-bapi-recv-window", ""),
            signature=headers["x-bapi-sign"],
            payload=payload,
            remote=request.remote,
        )
        known = self.keys.find(proof.key)
        if known is not None:
            self._gate.admit(known)
        key = self.keys.authenticate(proof)
        params = parse_query(request.query) if request.method == "GET" else parse_body(request.body)
        answered = self._gate.answer(name, self._private[name], key, params)
        return self._envelope(
            answered.result, answered.code, answered.words, extra=answered.extra, allowance=answered.allowance
        )

    def _envelope(
        self,
        result: Any,
        code: int,
        words: str = "",
        *,
        status: int = 200,
        extra: Any = None,
        allowance: Allowance | None = None,
    ) -> WireResponse:
        now = millis(self._state.now())
        body: Json = {
            "retCode": code,
            "retMsg": words or (sentence(code) if code else "OK"),
            "result": result,
            "retExtInfo": extra or {},
            "time": now,
        }
        headers = {"content-type": "application/json; charset=utf-8", "Timenow": str(now)}
        if allowance is not None:
            headers |= allowance.headers()
        return WireResponse(status, headers, encode(body))

    def _strike(self, kinds: tuple[FaultKind, ...], request: WireRequest) -> Fault | None:
        if not self.faults.active:
            return None
        name = f"{request.method} {request.path}"
        if name not in self._private:
            kinds = tuple(kind for kind in kinds if kind not in _PRIVATE_ONLY)
        if name not in _NAMES_AN_ORDER:
            kinds = tuple(kind for kind in kinds if kind is not FaultKind.ORDER_NOT_FOUND)
        key = self.keys.find(request.headers.get("x-bapi-api-key", ""))
        return self.faults.strike(kinds, name, key.account if key is not None else None)

    async def _hold(self, fault: Fault) -> WireResponse:
        await asyncio.sleep(fault.seconds)
        return _html_page(504)

    def _apply_states(self) -> None:
        """Make the exchange and the sockets agree with the states that are switched on."""
        wanted: dict[Pair, int] = {}
        for fault in self.faults.active:
            if fault.kind is FaultKind.LEVERAGE_CUT:
                for pair in [fault.pair] if fault.pair else list(self.exchange.instruments):
                    wanted[pair] = min(fault.leverage, wanted.get(pair, fault.leverage))
        for pair in self._cut.keys() - wanted.keys():
            self.exchange.set_max_leverage(pair, _UNCUT)
        for pair, leverage in wanted.items():
            if self._cut.get(pair) != leverage:
                self.exchange.set_max_leverage(pair, leverage)
        self._cut = wanted
        for name in self.keys.accounts:
            if any(self.faults.holds(kind, account=name) for kind in (_K.KEY_REVOKED, _K.WRONG_REGION)):
                self._sockets.drop_account(name)


def _check_code(kind: FaultKind, code: str) -> None:
    """Refuse a code that this fault cannot answer with; no code stands for those that leave the outcome open."""
    codes = OPEN_OUTCOMES if kind is FaultKind.CODE_AFTER_ACCEPT else sorted(SWITCHED)
    if code and code not in map(str, codes):
        raise ValueError(f"{kind.value} takes one of the codes {', '.join(map(str, codes))}")


def _shown(key: ApiKey) -> tuple[ShownValue, ...]:
    return ShownValue("api_key", "API Key", key.public), ShownValue("secret", "API Secret", key.secret)


def _html_page(status: int) -> WireResponse:
    words = {504: "Gateway time-out"}.get(status, "Bad gateway")
    return WireResponse.html(
        f"<!DOCTYPE html>\n<html><head><title>{status} {words}</title></head>"
        f"<body><center><h1>{status} {words}</h1></center></body></html>\n",
        status,
    )
