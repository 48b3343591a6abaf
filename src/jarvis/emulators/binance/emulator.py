"""The emulated venue's door: one request in, one answer out, and sockets; with the faults between.

A request is judged in the venue's order: a ban, the path, the weight of its address, the key, the weight of its user,
the clock, the signature over the raw query and body, the boxes of the key, and only then its parameters.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, ClassVar

from jarvis.domain.instrument import InstrumentStatus, Pair
from jarvis.domain.money import ZERO, Asset, round_down
from jarvis.emulators.binance import record
from jarvis.emulators.binance.account import AccountReads
from jarvis.emulators.binance.burn import InterestBurner
from jarvis.emulators.binance.errors import (
    EARLY,
    KEY_REFUSED,
    LATE,
    NO_SUCH_ORDER,
    OPEN_OUTCOMES,
    OUTCOME_UNKNOWN,
    OVERLOADED,
    RECV_WINDOW,
    SHUTTING_DOWN,
    SWITCHED,
    UNAUTHORISED,
    UNKNOWN_ORDER_SENT,
    Problem,
    Refused,
    malformed,
    missing,
)
from jarvis.emulators.binance.keys import ApiKey, KeyRing, Profile, VenueAccount, signed_payload, verify
from jarvis.emulators.binance.limits import (
    API_WEIGHT,
    ORDERS_DAY,
    ORDERS_TEN_SECONDS,
    SAPI_IP,
    SAPI_UID,
    Limits,
    WireClock,
)
from jarvis.emulators.binance.lists import OrderLists
from jarvis.emulators.binance.loans import Loans
from jarvis.emulators.binance.names import Symbols
from jarvis.emulators.binance.orders import expiry_reason, written_by_venue
from jarvis.emulators.binance.page import CROSS_WITH_BNB, PAGE, key_of_form, row_of
from jarvis.emulators.binance.params import Params, parse_params
from jarvis.emulators.binance.paths import (
    REFUSED,
    REFUSED_PREFIXES,
    RETIRED,
    Endpoint,
    Security,
    private_paths,
    public_paths,
)
from jarvis.emulators.binance.public import PublicData
from jarvis.emulators.binance.reference import Reference
from jarvis.emulators.binance.sockets import Sockets
from jarvis.emulators.binance.state import CROSS, Call, VenueState
from jarvis.emulators.binance.streams import ListenKeys, ListenTokens
from jarvis.emulators.binance.text import Json, encode, from_ms
from jarvis.emulators.binance.trading import Trading
from jarvis.emulators.binance.wsapi import WsApi
from jarvis.emulators.faults import Fault, FaultKind, Faults
from jarvis.emulators.venue import KeyForm, KeyRow, ShownValue
from jarvis.emulators.wire import WireRequest, WireResponse, WireSocket
from jarvis.sim.exchange import OrderNews, SimBorrow, SimEvent, SimExchange, SimFill, SimOrderEvent, SimPublicTrade

USDT = Asset("USDT")
MIX = (
    FaultKind.TIMEOUT_BEFORE_ACCEPT,
    FaultKind.TIMEOUT_AFTER_ACCEPT,
    FaultKind.HTML_ERROR_BEFORE_ACCEPT,
    FaultKind.HTML_ERROR_AFTER_ACCEPT,
    FaultKind.HTML_520,
    FaultKind.UNAVAILABLE_BEFORE_ACCEPT,
    FaultKind.UNAVAILABLE_AFTER_ACCEPT,
    FaultKind.TRUNCATED_ANSWER,
    FaultKind.DELAYED_BEFORE_ACCEPT,
    FaultKind.DELAYED_ANSWER,
    FaultKind.RATE_LIMITED,
    FaultKind.CLOCK_REFUSED,
    FaultKind.INSUFFICIENT_MARGIN_POOL,
    FaultKind.PARTIAL_REPAYMENT,
    FaultKind.DROPPED_SOCKET,
    FaultKind.LISTEN_TOKEN_EXPIRED,
    FaultKind.LOST_EVENT,
    FaultKind.CODE_BEFORE_ACCEPT,
    FaultKind.CODE_AFTER_ACCEPT,
    FaultKind.REPEATED_EVENT,
    FaultKind.REORDERED_EVENT,
)
"""What a seeded mix may draw: nothing that a client can only sit out, and no state that never ends by itself."""
KINDS = frozenset(MIX) | {
    FaultKind.IP_BANNED,
    FaultKind.MAINTENANCE,
    FaultKind.CANCEL_ONLY,
    FaultKind.PERMISSION_WIDENED,
    FaultKind.KEY_REVOKED,
    FaultKind.ORDER_NOT_FOUND,
    FaultKind.REPAYMENT_REFUSED,
}
_BEFORE = (
    FaultKind.TIMEOUT_BEFORE_ACCEPT,
    FaultKind.HTML_ERROR_BEFORE_ACCEPT,
    FaultKind.DELAYED_BEFORE_ACCEPT,
    FaultKind.RATE_LIMITED,
    FaultKind.IP_BANNED,
    FaultKind.UNAVAILABLE_BEFORE_ACCEPT,
)
_SIGNED_ONLY = (FaultKind.CLOCK_REFUSED,)
_QUERIES: Mapping[str, Any] = {
    "GET /sapi/v1/margin/order": NO_SUCH_ORDER,
    "DELETE /sapi/v1/margin/order": UNKNOWN_ORDER_SENT,
}
_AFTER = (
    FaultKind.TIMEOUT_AFTER_ACCEPT,
    FaultKind.HTML_ERROR_AFTER_ACCEPT,
    FaultKind.HTML_520,
    FaultKind.UNAVAILABLE_AFTER_ACCEPT,
    FaultKind.TRUNCATED_ANSWER,
    FaultKind.DELAYED_ANSWER,
    FaultKind.CODE_AFTER_ACCEPT,
)
_SWITCHES = (FaultKind.CODE_BEFORE_ACCEPT, FaultKind.CODE_AFTER_ACCEPT)
_RECV_WINDOW = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?")
_RECV_WINDOW_RANGE = r"^[0-9]{1,5}(\.[0-9]{1,3})?$"
_DEFAULT_WINDOW = Decimal(5000)
_LONGEST_WINDOW = Decimal(60_000)
_MICROSECONDS = 10**15
_SQL = re.compile(r"\b(select|union|insert|drop)\b.*\b(from|into|table|select)\b", re.IGNORECASE)
_EIGHT = Decimal("0.00000001")
_WORDS = {
    403: "Forbidden",
    404: "Not Found",
    410: "Gone",
    502: "Bad gateway",
    504: "Gateway time-out",
    520: "Web server is returning an unknown error",
}


class BinanceEmulator:
    """Binance spot margin over a simulated exchange that lends to wallets. `now` is the market's time.

    Keys, tokens and faults come from `seed`. `heartbeat_seconds` (of the event loop's clock) is how long a socket may
    be silent before held events are let go.
    """

    name = "binance"
    title = "Binance"
    quote = USDT
    roots: tuple[str, ...] = ("/api/v3/", "/sapi/")
    page = PAGE
    kinds: ClassVar[frozenset[FaultKind]] = KINDS

    def __init__(
        self, exchange: SimExchange, *, now: Callable[[], datetime], seed: int, heartbeat_seconds: float = 1.0
    ) -> None:
        random = Random(f"binance {seed}")  # noqa: S311 -- a sandbox's keys and faults repeat from their seed
        clock = WireClock(now)
        self.exchange = exchange
        self.faults = Faults(Random(f"faults {seed}"), MIX)  # noqa: S311
        self.keys = KeyRing(now=now, random=random)
        self._state = VenueState(
            exchange=exchange,
            now=now,
            clock=clock,
            symbols=Symbols(exchange.instruments),
            keys=self.keys,
            limits=Limits(clock),
            faults=self.faults,
            random=random,
        )
        public = PublicData(self._state)
        tokens, listen_keys = ListenTokens(self._state), ListenKeys(self._state)
        self._sockets = Sockets(self._state, public, tokens, listen_keys, WsApi(self._state, tokens), heartbeat_seconds)
        self._lists = OrderLists(self._state, self._flush, self._sockets.tell)
        self._trading = Trading(self._state, self._flush, self._lists.cancel_list_of, self._sockets.tell)
        self._lists.trading = self._trading
        self._burner = InterestBurner(self._state)
        self._paths = dict(public_paths(public)) | dict(
            private_paths(
                AccountReads(self._state),
                Reference(self._state),
                Loans(self._state, self._flush),
                self._trading,
                self._lists,
                tokens,
                listen_keys,
                len(exchange.instruments),
            )
        )
        self._known_paths = frozenset(operation.partition(" ")[2] for operation in self._paths)
        self._late: set[asyncio.Task[WireResponse]] = set()
        self._closed_pairs: set[Pair] = set()

    # People.

    def create_account(
        self, name: str, deposits: Mapping[Asset, Decimal], profile: Profile | str = Profile.CROSS
    ) -> VenueAccount:
        """A new venue-side account with money on it; an isolated one has its deposits split over its pairs.

        Raises ValueError for a taken name, an unknown profile, or money that no such account can hold.
        """
        in_bnb = profile == CROSS_WITH_BNB
        kind = Profile.CROSS if in_bnb else Profile(profile)
        strangers = sorted(deposits.keys() - set(self._state.symbols.assets))
        if strangers:
            raise ValueError(f"no margin account here holds {', '.join(strangers)}")
        pots = {CROSS: dict(deposits)} if kind is Profile.CROSS else self._split(deposits)
        account = self.keys.add_account(name, kind)
        for pot, money in pots.items():
            self.exchange.open_account(name, money, pot)
        self._flush()
        if in_bnb:
            self.set_bnb_burn(name, trading_fees=True, interest=True)
        return account

    def open_account(self, name: str, deposits: Mapping[Asset, Decimal], profile: str = "") -> None:
        """As `create_account`, for whoever knows only that this is a venue."""
        self.create_account(name, deposits, profile or Profile.CROSS)

    def set_bnb_burn(self, name: str, *, trading_fees: bool = False, interest: bool = False) -> None:
        """Take an account's fees, or its interest, in BNB as far as it has some. Raises KeyError for an unknown name.

        People do this on the venue's own pages; no key may.
        """
        account = self.keys.accounts[name]
        account.burns_spot_bnb, account.burns_interest_bnb = trading_fees, interest
        self.exchange.set_fee_asset(name, Asset("BNB") if trading_fees else None)

    def take_auto_borrow_repay(self, *, takes: bool) -> None:
        """Accept or refuse orders with AUTO_BORROW_REPAY: it is not certain that the venue still does."""
        self._trading.takes_auto_borrow_repay = takes

    def account_names(self) -> Sequence[str]:
        """All accounts, oldest first."""
        return list(self.keys.accounts)

    def account_record(self, name: str) -> Mapping[str, Any]:
        """All that the venue knows of an account, exact, for checks. Raises KeyError for an unknown name."""
        return record.account_record(self._state, name)

    def make_key(self, account: str, form: KeyForm) -> tuple[ShownValue, ...]:
        """A new key's values; one whose owner keeps the private half has no secret. Raises ValueError."""
        key = key_of_form(self.keys, account, form)
        shown = ShownValue("api_key", "API Key", key.public)
        return (shown, ShownValue("secret", "Secret Key", key.secret)) if key.secret else (shown,)

    def create_key(
        self,
        account: str,
        permissions: frozenset[str] | Sequence[str],
        label: str,
        *,
        ip_allowlist: tuple[str, ...] = (),
        public_key: str = "",
    ) -> tuple[str, str]:
        """A new key of an account: its public value and its secret, if it has one. Raises ValueError."""
        key = self.keys.add_key(
            account, frozenset(permissions), label, ip_allowlist=ip_allowlist, public_key=public_key
        )
        return key.public, key.secret

    def keys_of(self, account: str) -> Sequence[KeyRow]:
        """The account's keys, oldest first."""
        return [row_of(key) for key in self.keys.keys_of(account)]

    def revoke_key(self, public: str) -> bool:
        """Delete a key and cut its sockets; False when there is none."""
        known = self.keys.revoke(public)
        if known:
            self._sockets.drop_key(public)
        return known

    def set_permissions(self, public: str, permissions: frozenset[str]) -> None:
        """Change what a key may do. Raises KeyError for an unknown key."""
        self.keys.set_permissions(public, permissions)

    # Faults.

    def add_fault(self, kind: FaultKind, **values: Any) -> Fault:
        """Switch a fault on; what it says of states holds at once. Raises ValueError for meaningless values."""
        if kind not in self.kinds:
            raise ValueError(f"{kind.value} cannot happen at Binance")
        if kind in _SWITCHES:
            _check_code(kind, str(values.get("code", "")))
        fault = self.faults.add(kind, **values)
        self._apply_states()
        return fault

    def remove_fault(self, fault_id: int) -> bool:
        """Switch one off; False when it was off already."""
        removed = self.faults.remove(fault_id) is not None
        self._apply_states()
        return removed

    def clear_faults(self) -> None:
        """Switch all off."""
        self.faults.clear()
        self._apply_states()

    def drop_sockets(self) -> int:
        """Cut every connection; how many there were."""
        return self._sockets.drop_all()

    # The wire.

    async def handle(self, request: WireRequest) -> WireResponse:
        """The answer to one HTTP request; faults may delay it by the event loop's clock."""
        fault = self._strike(_BEFORE, request)
        if fault is None:
            return await self._answer(request, self._state.now())
        match fault.kind:
            case FaultKind.TIMEOUT_BEFORE_ACCEPT:
                return await _hold(fault)
            case FaultKind.HTML_ERROR_BEFORE_ACCEPT:
                return _html(fault.status)
            case FaultKind.DELAYED_BEFORE_ACCEPT:
                # A client that hangs up does not call its request back: it takes effect when its time comes.
                late = asyncio.create_task(self._answer_late(request, fault))
                self._late.add(late)
                late.add_done_callback(self._late.discard)
                return await asyncio.shield(late)
            case FaultKind.RATE_LIMITED:
                pool = API_WEIGHT if request.path.startswith("/api/") else SAPI_IP
                return _refusal(self._state.limits.too_much(pool))
            case FaultKind.IP_BANNED:
                self._state.limits.ban(request.remote, fault.seconds)
                return await self._answer(request, self._state.now())
            case _:
                return _refusal(Refused(OVERLOADED))

    def connect(self, path: str, remote: str = "127.0.0.1") -> WireSocket:
        """The server's end of a new WebSocket: `/stream`, `/ws/...`, `/ws-api/v3`."""
        return self._sockets.connect(path, remote)

    def publish(self, events: Sequence[SimEvent]) -> None:
        """Tell the sockets what happened, after the exchange was advanced or traded on, and do what follows."""
        pending: Sequence[SimEvent] = events
        trades = [self._state.tape.add(event.trade) for event in events if isinstance(event, SimPublicTrade)]
        while True:
            self._note(pending)
            self._state.journal.book(pending)
            self._sockets.publish(pending, trades)
            self._trading.follow(pending)
            self._lists.follow(pending)
            self._burner.follow(pending)
            pending, trades = self.exchange.drain(), []
            if not pending:
                return

    # Inside.

    def _flush(self) -> None:
        self.publish(self.exchange.drain())

    def _note(self, events: Sequence[SimEvent]) -> None:
        """Keep the orders' notes in step: fills, loans, and orders that the venue made itself."""
        orders = self._state.orders
        for event in events:
            match event:
                case SimOrderEvent(order=order, at=at):
                    note = orders.of(order.order_id)
                    if note is None:
                        pot = order.request.pot
                        symbol = self._state.symbols.of[order.pair]
                        client_id = f"autoclose-{self._state.new_client_id()}"
                        note = orders.add(event.account, pot, written_by_venue(symbol, order), client_id, at)
                        note.is_liquidation = order.is_liquidation
                        orders.bind(note, order.order_id)
                    note.updated_at = at
                    if event.kind in (OrderNews.CANCELLED, OrderNews.EXPIRED) and not note.ending:
                        note.reason = expiry_reason(note)
                case SimFill(order=order, fill=fill):
                    note = orders.of(order.order_id)
                    if note is not None:
                        note.fills.append(event)
                        note.updated_at = fill.at
                case SimBorrow(order_id=order_id) if order_id is not None:
                    note = orders.of(order_id)
                    if note is not None:
                        note.borrowed += event.amount
                case _:
                    pass

    def _split(self, deposits: Mapping[Asset, Decimal]) -> dict[str, dict[Asset, Decimal]]:
        """Deposits by isolated pot: the quote in equal parts, each base to its own pair."""
        pairs = list(self.exchange.instruments)
        pots: dict[str, dict[Asset, Decimal]] = {str(pair): {} for pair in pairs}
        for asset, amount in deposits.items():
            if asset == self.quote:
                share = round_down(amount / len(pairs), _EIGHT)
                for pair in pairs:
                    pots[str(pair)][asset] = share
                pots[str(pairs[0])][asset] += amount - share * len(pairs)
            else:
                home = str(Pair(asset, self.quote))
                if home not in pots:
                    raise ValueError(f"no isolated pair holds {asset}")
                pots[home][asset] = amount
        return {pot: {asset: amount for asset, amount in money.items() if amount > ZERO} for pot, money in pots.items()}

    async def _answer_late(self, request: WireRequest, fault: Fault) -> WireResponse:
        arrived = self._state.now()
        await asyncio.sleep(fault.seconds)
        return await self._answer(request, max(self._state.now(), arrived + timedelta(seconds=fault.seconds)))

    async def _answer(self, request: WireRequest, now: datetime) -> WireResponse:
        response = self._execute(request, now)
        fault = self._strike(_AFTER, request)
        if fault is None:
            return response
        match fault.kind:
            case FaultKind.TIMEOUT_AFTER_ACCEPT:
                return await _hold(fault)
            case FaultKind.HTML_ERROR_AFTER_ACCEPT | FaultKind.HTML_520:
                return _html(520 if fault.kind is FaultKind.HTML_520 else fault.status)
            case FaultKind.UNAVAILABLE_AFTER_ACCEPT:
                return _refusal(Refused(OUTCOME_UNKNOWN))
            case FaultKind.CODE_AFTER_ACCEPT:
                return _refusal(Refused(_switched(fault)))
            case FaultKind.TRUNCATED_ANSWER:
                return replace(response, body=response.body[: len(response.body) // 2])
            case _:
                await asyncio.sleep(fault.seconds)
                return response

    def _execute(self, request: WireRequest, now: datetime) -> WireResponse:
        operation = f"{request.method} {request.path}"
        endpoint = self._paths.get(operation)
        try:
            self._state.limits.refuse_banned(request.remote)
            if endpoint is None:
                return self._elsewhere(request, operation)
            if _SQL.search(request.query.replace("+", " ").replace("%20", " ")):
                # A firewall in front of the venue takes such words for an attack.
                return _html(403)
            result = self._result(request, operation, endpoint, now)
        except Refused as refused:
            response = _refusal(refused)
        else:
            response = WireResponse.json(encode(result))
        return replace(response, headers={**response.headers, **self._usage(request, operation, endpoint)})

    def _elsewhere(self, request: WireRequest, operation: str) -> WireResponse:
        """The answer on a path that no client of this kind should use."""
        if operation in REFUSED or request.path.startswith(REFUSED_PREFIXES):
            raise Refused(UNAUTHORISED)
        if request.path in self._known_paths or not request.path.startswith(RETIRED):
            return _html(404)
        return _html(410)

    def _result(self, request: WireRequest, operation: str, endpoint: Endpoint, now: datetime) -> Any:
        limits = self._state.limits
        params = parse_params(request.query, request.body)
        cost = endpoint.cost(params)
        if endpoint.pool is not SAPI_UID:
            limits.charge_request(endpoint.pool, request.remote, cost, request.remote)
        if endpoint.security is Security.NONE:
            params.check(endpoint.params)
            return endpoint.answer(params)
        key = self.keys.identify(request.headers.get("x-mbx-apikey", ""), request.remote)
        if self.faults.holds(FaultKind.KEY_REVOKED, account=key.account):
            raise Refused(KEY_REFUSED)
        if endpoint.pool is SAPI_UID:
            limits.charge_request(SAPI_UID, key.account, cost, request.remote)
        granted = self._state.granted(key)
        if endpoint.security is Security.SIGNED:
            self._authenticate(request, operation, params, key, now)
        if not {permission.value for permission in endpoint.needs} <= granted:
            raise Refused(KEY_REFUSED)
        if self.faults.holds(FaultKind.MAINTENANCE, account=key.account):
            raise Refused(SHUTTING_DOWN)
        params.check(endpoint.params)
        if switch := self.faults.strike((FaultKind.CODE_BEFORE_ACCEPT,), operation, key.account):
            raise Refused(_switched(switch))
        if operation in _QUERIES and self.faults.strike((FaultKind.ORDER_NOT_FOUND,), operation, key.account):
            raise Refused(_QUERIES[operation])
        return endpoint.answer(Call(self.keys.accounts[key.account], key, granted, params, now))

    def _authenticate(self, request: WireRequest, operation: str, params: Params, key: ApiKey, now: datetime) -> None:
        if self.faults.strike(_SIGNED_ONLY, operation, key.account):
            raise Refused(LATE)
        sent = params.integer("timestamp")
        if sent is None:
            raise missing("timestamp")
        window = _recv_window(params.text("recvWindow"))
        try:
            at = from_ms(sent) if sent < _MICROSECONDS else from_ms(0) + timedelta(microseconds=sent)
        except OverflowError:
            raise missing("timestamp") from None
        if at >= now + timedelta(seconds=1):
            raise Refused(EARLY)
        if now - at > window:
            raise Refused(LATE)
        verify(key, signed_payload(request.query, request.body.decode(errors="replace")))

    def _usage(self, request: WireRequest, operation: str, endpoint: Endpoint | None) -> Json:
        """The headers that say how much of each pool is used."""
        limits = self._state.limits
        if endpoint is None:
            return {}
        if endpoint.pool is API_WEIGHT:
            used = str(limits.used(API_WEIGHT, request.remote))
            return {"x-mbx-used-weight": used, "x-mbx-used-weight-1m": used}
        account = self._account_of(request)
        if endpoint.pool is SAPI_IP:
            return {"x-sapi-used-ip-weight-1m": str(limits.used(SAPI_IP, request.remote))}
        headers = {"x-sapi-used-uid-weight-1m": str(limits.used(SAPI_UID, account))}
        if operation.startswith("POST /sapi/v1/margin/order"):
            headers["x-mbx-order-count-10s"] = str(limits.used(ORDERS_TEN_SECONDS, account))
            headers["x-mbx-order-count-1d"] = str(limits.used(ORDERS_DAY, account))
        return headers

    def _strike(self, kinds: tuple[FaultKind, ...], request: WireRequest) -> Fault | None:
        if not self.faults.active:
            return None
        return self.faults.strike(kinds, f"{request.method} {request.path}", self._account_of(request))

    def _account_of(self, request: WireRequest) -> str | None:
        key = self.keys.find(request.headers.get("x-mbx-apikey", ""))
        return key.account if key else None

    def _apply_states(self) -> None:
        """Make the exchange and the sockets agree with the states that are switched on."""
        wanted: set[Pair] = set()
        for fault in self.faults.active:
            if fault.kind is FaultKind.CANCEL_ONLY and fault.account is None:
                wanted |= {fault.pair} if fault.pair else set(self.exchange.instruments)
        for pair in self._closed_pairs - wanted:
            self.exchange.set_instrument_status(pair, InstrumentStatus.ONLINE)
        for pair in wanted - self._closed_pairs:
            self.exchange.set_instrument_status(pair, InstrumentStatus.CANCEL_ONLY)
        self._closed_pairs = wanted
        for name in self.keys.accounts:
            if self.faults.holds(FaultKind.KEY_REVOKED, account=name):
                self._sockets.drop_account(name)


def _check_code(kind: FaultKind, code: str) -> None:
    """Refuse a code that this fault cannot answer with; no code stands for those that leave the outcome open."""
    codes = OPEN_OUTCOMES if kind is FaultKind.CODE_AFTER_ACCEPT else SWITCHED
    if code and code not in map(str, codes):
        raise ValueError(f"{kind.value} takes one of the codes {', '.join(map(str, codes))}")


def _switched(fault: Fault) -> Problem:
    """What a fault of a code answers with."""
    if fault.code:
        return SWITCHED[int(fault.code)]
    return [*OPEN_OUTCOMES.values()][fault.fault_id % len(OPEN_OUTCOMES)]


def _recv_window(text: str | None) -> timedelta:
    if text is None:
        return timedelta(milliseconds=float(_DEFAULT_WINDOW))
    if not _RECV_WINDOW.fullmatch(text):
        raise malformed("recvWindow", _RECV_WINDOW_RANGE)
    window = Decimal(text)
    if window > _LONGEST_WINDOW:
        raise Refused(RECV_WINDOW)
    return timedelta(milliseconds=float(window))


async def _hold(fault: Fault) -> WireResponse:
    await asyncio.sleep(fault.seconds)
    return _html(504)


def _refusal(refused: Refused) -> WireResponse:
    problem = refused.problem
    response = WireResponse.json(encode({"code": problem.code, "msg": problem.message}), problem.status)
    if refused.retry_after is None:
        return response
    return replace(response, headers={**response.headers, "retry-after": str(refused.retry_after)})


def _html(status: int) -> WireResponse:
    words = _WORDS.get(status, "Server error")
    return WireResponse.html(
        f"<!DOCTYPE html>\n<html><head><title>{status} {words}</title></head>"
        f"<body><center><h1>{status} {words}</h1></center></body></html>\n",
        status,
    )
