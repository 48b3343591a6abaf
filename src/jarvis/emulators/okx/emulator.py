"""The emulated venue's door: one request in, one answer out, and sockets; with the faults between.

A private request is judged in OKX's order: the path, the key with its passphrase, clock, signature and address, the
permission, the rate limit, and only then its arguments.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.emulators.faults import Fault, FaultKind, Faults
from jarvis.emulators.okx import errors, record
from jarvis.emulators.okx.account import Account
from jarvis.emulators.okx.algos import Algos
from jarvis.emulators.okx.endpoints import Endpoint, Per, private_endpoints, public_endpoints
from jarvis.emulators.okx.errors import Refused, switched
from jarvis.emulators.okx.funding import Funding
from jarvis.emulators.okx.history import History
from jarvis.emulators.okx.keys import REGIONS, Claim, KeyRing, Profile, VenueAccount
from jarvis.emulators.okx.limits import Limits, WireClock
from jarvis.emulators.okx.names import InstrumentNames
from jarvis.emulators.okx.page import PAGE, key_of_form, row_of
from jarvis.emulators.okx.params import Params, parse_body, parse_query
from jarvis.emulators.okx.public import PublicData
from jarvis.emulators.okx.reads import Reads
from jarvis.emulators.okx.sockets import Sockets
from jarvis.emulators.okx.state import Call, VenueState
from jarvis.emulators.okx.text import EPOCH, decode, encode, from_ms
from jarvis.emulators.okx.trading import Outcome, Trading
from jarvis.emulators.venue import KeyForm, KeyRow, ShownValue
from jarvis.emulators.wire import WireRequest, WireResponse, WireSocket
from jarvis.sim.exchange import SimEvent, SimExchange, SimPublicTrade

_K = FaultKind
_ROOT = "/api/v5/"
_MICROSECOND = timedelta(microseconds=1)
_REFUSING = (_K.RATE_LIMITED, _K.CLOCK_REFUSED, _K.UNAVAILABLE_BEFORE_ACCEPT)
_BEFORE = (_K.TIMEOUT_BEFORE_ACCEPT, _K.HTML_ERROR_BEFORE_ACCEPT, _K.DELAYED_BEFORE_ACCEPT, *_REFUSING)
_SWITCHES = (_K.CODE_BEFORE_ACCEPT, _K.CODE_AFTER_ACCEPT)
_AFTER = (
    _K.CODE_AFTER_ACCEPT,
    _K.TIMEOUT_AFTER_ACCEPT,
    _K.HTML_ERROR_AFTER_ACCEPT,
    _K.HTML_520,
    _K.UNAVAILABLE_AFTER_ACCEPT,
    _K.TRUNCATED_ANSWER,
    _K.DELAYED_ANSWER,
)
_EVENTS = (_K.DROPPED_SOCKET, _K.LOST_EVENT, _K.REPEATED_EVENT, _K.REORDERED_EVENT)
_ORDERS = (_K.INSUFFICIENT_MARGIN_POOL, _K.POST_ONLY_CANCELLED)
_STATES = (
    _K.MAINTENANCE,
    _K.CANCEL_ONLY,
    _K.PERMISSION_WIDENED,
    _K.KEY_REVOKED,
    _K.LEVERAGE_CUT,
    _K.WRONG_REGION,
)
MIX = (*_BEFORE, *_AFTER, *_EVENTS, *_ORDERS, _K.CODE_BEFORE_ACCEPT)
"""What a seeded mix may draw: nothing that a client can only sit out."""
_PRIVATE_ONLY = frozenset({_K.CLOCK_REFUSED, _K.CODE_AFTER_ACCEPT})
_GATEWAY_CODES = frozenset({"", *errors.SWITCHED})
_UNCUT = 10**6
_WITHDRAWAL = "asset/withdrawal"
_ORDER_PATHS = frozenset(
    f"trade/{name}"
    for name in (
        "order",
        "batch-orders",
        "cancel-order",
        "cancel-batch-orders",
        "amend-order",
        "amend-batch-orders",
        "order-algo",
        "cancel-algos",
        "amend-algos",
    )
)


class OkxEmulator:
    """OKX over a simulated exchange. `now` is the market's time; keys and faults come from `seed`.

    One emulator is the host of one region: a key of another region's account does not exist here (50119).
    `heartbeat_seconds` (of the event loop's clock) is how often an idle socket is looked after.
    """

    name = "okx"
    title = "OKX"
    roots: tuple[str, ...] = (_ROOT,)
    page = PAGE
    kinds = frozenset({*MIX, *_STATES, _K.ORDER_NOT_FOUND})

    def __init__(
        self,
        exchange: SimExchange,
        *,
        now: Callable[[], datetime],
        seed: int,
        region: str = "www",
        heartbeat_seconds: float = 1.0,
    ) -> None:
        if region not in REGIONS:
            raise ValueError(f"there is no region {region!r}; there are {', '.join(REGIONS)}")
        random = Random(f"okx {seed}")  # noqa: S311 -- a sandbox's keys and faults repeat from their seed
        clock = WireClock(now)
        self.exchange = exchange
        self.quote: Asset = next(iter(exchange.instruments)).quote
        self.faults = Faults(Random(f"faults {seed}"), MIX)  # noqa: S311
        self.keys = KeyRing(now=now, random=random, region=region)
        self._state = VenueState(
            exchange=exchange,
            now=now,
            names=InstrumentNames(exchange.instruments),
            keys=self.keys,
            faults=self.faults,
            limits=Limits(clock.seconds),
            random=random,
        )
        self._public = PublicData(self._state)
        self._trading = Trading(self._state)
        self._algos = Algos(self._state, self._trading)
        self._public_paths = public_endpoints(self._public)
        self._private_paths = private_endpoints(
            Account(self._state, self._public),
            History(self._state),
            Reads(self._state),
            self._trading,
            self._algos,
            Funding(self._state),
        )
        self._sockets = Sockets(self._state, self._public, self._trading, self._algos, self._flush, heartbeat_seconds)
        self._told: list[SimEvent] = []
        self._is_telling = False
        self._late: set[asyncio.Task[WireResponse]] = set()
        self._cut: dict[Pair, int] = {}

    # People.

    def create_account(
        self,
        name: str,
        deposits: Mapping[Asset, Decimal],
        profile: Profile | str = Profile.FUTURES,
        region: str = "",
    ) -> VenueAccount:
        """A new venue-side account with money on it. Raises ValueError for a taken name or unknown profile."""
        account = self.keys.add_account(name, Profile(profile), region or self.keys.region)
        self._state.books.open(name, has_positions=account.has_positions, at=self._state.now())
        self.exchange.open_account(name, deposits)
        self._flush()
        return account

    def open_account(self, name: str, deposits: Mapping[Asset, Decimal], profile: str = "") -> None:
        """As `create_account`, for whoever knows only that this is a venue."""
        self.create_account(name, deposits, profile or Profile.FUTURES)

    def account_names(self) -> Sequence[str]:
        """All accounts, oldest first."""
        return list(self.keys.accounts)

    def account_record(self, name: str) -> Mapping[str, Any]:
        """All that the venue knows of an account, exact, for checks. Raises KeyError for an unknown name."""
        return record.account_record(self._state, self._algos, name)

    def make_key(self, account: str, form: KeyForm) -> tuple[ShownValue, ...]:
        """A new key's values; the passphrase is the person's own and not shown. Raises ValueError in words."""
        key = key_of_form(self.keys, account, form)
        return ShownValue("api_key", "API key", key.public), ShownValue("secret", "Secret key", key.secret)

    def create_key(
        self,
        account: str,
        permissions: frozenset[str] | Sequence[str],
        label: str,
        passphrase: str,
        *,
        ip_allowlist: tuple[str, ...] = (),
    ) -> tuple[str, str]:
        """A new key of an account: its public and its secret value. Raises ValueError for what cannot be."""
        key = self.keys.add_key(account, frozenset(permissions), label, passphrase, ip_allowlist)
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
        """Change what a key may do; its sockets are cut. Raises KeyError for an unknown key."""
        self.keys.set_permissions(public, permissions)
        self._sockets.drop_key(public)

    # Faults.

    def add_fault(self, kind: FaultKind, **values: Any) -> Fault:
        """Switch a fault on; what it says of states holds at once. Raises ValueError for meaningless values."""
        if kind not in self.kinds:
            raise ValueError(f"{kind.value} cannot happen at OKX")
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
                return await self._hold(fault)
            case FaultKind.HTML_ERROR_BEFORE_ACCEPT:
                return _html_error(fault)
            case FaultKind.DELAYED_BEFORE_ACCEPT:
                # A client that hangs up does not call its request back: it takes effect when its time comes.
                late = asyncio.create_task(self._answer_late(request, fault))
                self._late.add(late)
                late.add_done_callback(self._late.discard)
                return await asyncio.shield(late)
            case FaultKind.CLOCK_REFUSED:
                return _refusal(errors.unauthorised(*errors.TIMESTAMP_EXPIRED))
            case FaultKind.RATE_LIMITED:
                return _refusal(errors.rate_limited())
            case _:
                return _refusal(errors.unavailable())

    def connect(self, path: str, remote: str = "127.0.0.1") -> WireSocket:
        """The server's end of a new WebSocket on `/ws/v5/public`, `/ws/v5/private` or `/ws/v5/business`."""
        return self._sockets.connect(path.partition("?")[0], remote)

    def publish(self, events: Sequence[SimEvent]) -> None:
        """Book and tell what happened, after the exchange was advanced or traded on."""
        self._tell()
        told = self._booked(events)
        self._trading.run_timers()
        self._algos.activate()
        self._sockets.publish([*told, *self._booked(())])

    # Inside.

    def _flush(self) -> None:
        """Book what calls have caused; the sockets hear of it after the answer is on its way."""
        self._told += self._booked(())
        if self._is_telling or not (self._told or self._algos.changed):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._tell()
            return
        self._is_telling = True
        loop.call_soon(self._tell)

    def _tell(self) -> None:
        self._is_telling = False
        told, self._told = self._told, []
        if told or self._algos.changed:
            self._sockets.publish(told)

    def _booked(self, events: Sequence[SimEvent]) -> list[SimEvent]:
        """These events and all that follow from them, entered in the books, in order."""
        state = self._state
        booked: list[SimEvent] = []
        pending = [*events]
        while True:
            own, state.own_events = state.own_events, []
            pending += [*self.exchange.drain(), *own]
            if not pending:
                return booked
            state.observe(pending)
            state.books.apply(pending, state.now())
            self._algos.react(pending)
            if any(not isinstance(event, SimPublicTrade) for event in pending):
                self._offset_debts()
            booked += pending
            pending = []

    def _offset_debts(self) -> None:
        """Pay debts from cash where OKX has one balance for both: no debt stands beside money of its own currency."""
        for account in self.keys.accounts.values():
            books = self._state.ledger(account)
            if account.may_keep_debts:
                continue
            owing = {position.debt_asset for position in books.positions.values()}
            holdings = self.exchange.wallet(account.name).holdings
            for asset, holding in holdings.items():
                if asset not in owing and holding.free > 0 and holding.borrowed + holding.interest > 0:
                    self.exchange.repay(account.name, asset, None)

    async def _answer_late(self, request: WireRequest, fault: Fault) -> WireResponse:
        arrived = self._state.now()
        await asyncio.sleep(fault.seconds)
        return await self._answer(request, max(self._state.now(), arrived + timedelta(seconds=fault.seconds)), arrived)

    async def _answer(self, request: WireRequest, now: datetime, arrived: datetime | None = None) -> WireResponse:
        response = self._execute(request, now, arrived or now)
        self._flush()
        fault = self._strike(_AFTER, request)
        if fault is None:
            return response
        match fault.kind:
            case FaultKind.TIMEOUT_AFTER_ACCEPT:
                return await self._hold(fault)
            case FaultKind.HTML_ERROR_AFTER_ACCEPT | FaultKind.HTML_520:
                return _html_error(fault)
            case FaultKind.UNAVAILABLE_AFTER_ACCEPT:
                return _refusal(errors.timed_out())
            case FaultKind.CODE_AFTER_ACCEPT:
                return _timed_out(response, switched(fault))
            case FaultKind.TRUNCATED_ANSWER:
                return WireResponse.json(response.body[: len(response.body) // 2], response.status)
            case _:
                await asyncio.sleep(fault.seconds)
                return response

    def _execute(self, request: WireRequest, now: datetime, arrived: datetime) -> WireResponse:
        try:
            answer = self._result(request, now, arrived)
        except Refused as refused:
            return _refusal(refused)
        if isinstance(answer, Outcome):
            envelope = {"code": answer.code, "msg": answer.message, "data": answer.rows}
            envelope |= {"inTime": _micros(arrived), "outTime": _micros(now)}
        else:
            envelope = {"code": "0", "msg": "", "data": answer}
        return WireResponse.json(encode(envelope))

    def _result(self, request: WireRequest, now: datetime, arrived: datetime) -> Any:
        path = request.path.removeprefix(_ROOT)
        public = self._public_paths.get(path)
        if public is not None and request.path.startswith(_ROOT):
            if request.method != "GET":
                raise errors.wrong_method()
            params = parse_query(request.query)
            if not self._state.limits.take((request.remote, path), public.limit):
                raise errors.rate_limited()
            params.allow(public.knows)
            return public.answer(params)
        endpoint = self._private_paths.get((request.method, path))
        if endpoint is None:
            raise (
                errors.wrong_method() if any(path == known for _, known in self._private_paths) else errors.not_found()
            )
        return self._private(request, path, endpoint, now, arrived)

    def _private(self, request: WireRequest, path: str, endpoint: Endpoint, now: datetime, arrived: datetime) -> Any:
        state = self._state
        account_name = self._account_of(request)
        if any(self.faults.holds(kind, account=account_name) for kind in (_K.KEY_REVOKED, _K.WRONG_REGION)):
            raise errors.unauthorised(*errors.KEY_NOT_FOUND)
        key = self.keys.authenticate(_claim(request))
        account = self.keys.accounts[key.account]
        if self.faults.holds(FaultKind.MAINTENANCE, account=account.name):
            raise errors.unavailable()
        if path == _WITHDRAWAL and account.is_sub_account:
            raise Refused("50030", "You don't have permission to use this API endpoint")
        if endpoint.permission not in state.granted(key):
            raise errors.permission_missing()
        if path == _WITHDRAWAL and not key.ip_allowlist:
            raise Refused("50035", "This endpoint requires that APIKey must be bound to IP", status=403)
        if request.method == "GET":
            items = [parse_query(request.query)]
        else:
            items = parse_body(request.body, request.headers.get("content-type", ""), is_list=endpoint.is_list)
        self._count(account, path, endpoint, items)
        if endpoint.knows is not None:
            for item in items:
                item.allow(endpoint.knows)
        _refuse_expired(request.headers.get("exptime", ""), now, arrived)
        call = Call(account, key, items, now, is_batch=endpoint.is_list)
        operation = f"{request.method} {request.path}"
        switch = self.faults.strike((FaultKind.CODE_BEFORE_ACCEPT,), operation, account.name, _GATEWAY_CODES)
        if switch is None:
            return endpoint.answer(call)
        refused = switched(switch)
        if refused.is_of_an_order and path in _ORDER_PATHS:
            return self._trading.all_failed(call, refused)
        raise refused

    def _count(self, account: VenueAccount, path: str, endpoint: Endpoint, items: list[Params]) -> None:
        units, who = 1, (account.name, path)
        if endpoint.per is Per.INSTRUMENT:
            who = (account.name, path, items[0].text("instId"))  # type: ignore[assignment]
        elif endpoint.per is Per.ORDER:
            units = len(items)
        if not self._state.limits.take(who, endpoint.limit, units):
            raise errors.rate_limited()

    def _strike(self, kinds: tuple[FaultKind, ...], request: WireRequest) -> Fault | None:
        if not self.faults.active:
            return None
        if request.path.removeprefix(_ROOT) in self._public_paths:
            kinds = tuple(each for each in kinds if each not in _PRIVATE_ONLY)
        return self.faults.strike(kinds, f"{request.method} {request.path}", self._account_of(request))

    def _account_of(self, request: WireRequest) -> str | None:
        key = self.keys.find(request.headers.get("ok-access-key", ""))
        return key.account if key else None

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
    before = errors.SWITCHED.keys() | errors.SWITCHED_FRAMES.keys()
    codes = errors.OPEN_OUTCOMES.keys() if kind is FaultKind.CODE_AFTER_ACCEPT else before
    if code and code not in codes:
        raise ValueError(f"{kind.value} takes one of the codes {', '.join(sorted(codes))}")


def _timed_out(response: WireResponse, refused: Refused) -> WireResponse:
    """What is said instead of an answer: of each order where the code is one of an order."""
    rows = decode(response.body.decode()).get("data")
    if not refused.is_of_an_order or not rows or not all("sCode" in row for row in rows):
        return _refusal(refused)
    told = {"sCode": refused.code, "sMsg": refused.message, "subCode": ""}
    failed = [{**row, "ordId": "", **told} for row in rows]
    return WireResponse.json(encode({"code": "1", "msg": "All operations failed", "data": failed}))


def _claim(request: WireRequest) -> Claim:
    headers = request.headers
    return Claim(
        public=headers.get("ok-access-key", ""),
        signed=headers.get("ok-access-sign", ""),
        timestamp=headers.get("ok-access-timestamp", ""),
        passphrase=headers.get("ok-access-passphrase", ""),
        method=request.method,
        path=f"{request.path}?{request.query}" if request.query else request.path,
        body=request.body,
        remote=request.remote,
        is_simulated=headers.get("x-simulated-trading", "0") == "1",
    )


def _refuse_expired(text: str, now: datetime, arrived: datetime) -> None:
    """Refuse a request after its `expTime`: before it was taken (50036) or while it waited (50037)."""
    if not text:
        return
    try:
        expires_at = from_ms(text)
    except ValueError:
        raise errors.bad_parameter("expTime") from None
    if expires_at < arrived:
        raise Refused("50036", "The expTime can't be earlier than the current system time. Please adjust the expTime")
    if expires_at < now:
        raise Refused("50037", "The order is rejected because it has exceeded the expTime")


def _refusal(refused: Refused) -> WireResponse:
    envelope: dict[str, Any] = {"msg": refused.message, "code": refused.code}
    if not refused.bare:
        envelope["data"] = []
    return WireResponse.json(encode(envelope), refused.status)


def _micros(at: datetime) -> str:
    return str((at - EPOCH) // _MICROSECOND)


def _html_error(fault: Fault) -> WireResponse:
    return _html_page(520 if fault.kind is FaultKind.HTML_520 else fault.status)


def _html_page(status: int) -> WireResponse:
    words = {520: "Web server is returning an unknown error", 504: "Gateway time-out"}.get(status, "Bad gateway")
    return WireResponse.html(
        f"<!DOCTYPE html>\n<html><head><title>www.okx.com | {status}: {words}</title></head>"
        f"<body><h1>Error {status}</h1><p>{words}</p></body></html>\n",
        status,
    )
