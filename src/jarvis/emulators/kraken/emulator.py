"""The emulated venue's door: one request in, one answer out, and sockets; with the faults between.

A private request is judged in Kraken's order: the key (with its address and expiry), the signature over the raw
body, the nonce, the counter, the permission of the path, and only then its arguments.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from jarvis.domain.instrument import Pair
from jarvis.domain.money import USD, Asset
from jarvis.emulators.faults import ELSEWHERE, Fault, FaultKind, Faults
from jarvis.emulators.kraken import record
from jarvis.emulators.kraken.account import AccountReads
from jarvis.emulators.kraken.errors import (
    INVALID_KEY,
    INVALID_NONCE,
    LOCKOUT,
    PERMISSION_DENIED,
    REST_RATE_LIMIT,
    UNAVAILABLE,
    UNKNOWN_METHOD,
    Refused,
    throttled,
)
from jarvis.emulators.kraken.funding import Funding
from jarvis.emulators.kraken.keys import KeyRing, Permission, Profile, VenueAccount
from jarvis.emulators.kraken.names import PairNames
from jarvis.emulators.kraken.page import PAGE, key_of_form, row_of
from jarvis.emulators.kraken.params import Params, parse_body, parse_form
from jarvis.emulators.kraken.public import PublicData
from jarvis.emulators.kraken.rates import Counters, Tier, WireClock, loop_time
from jarvis.emulators.kraken.sockets import Sockets
from jarvis.emulators.kraken.state import Call, VenueState
from jarvis.emulators.kraken.text import encode, unix
from jarvis.emulators.kraken.trading import Trading
from jarvis.emulators.venue import KeyForm, KeyRow, ShownValue
from jarvis.emulators.wire import WireRequest, WireResponse, WireSocket
from jarvis.sim.exchange import SimEvent, SimExchange

_P = Permission
_REFUSING = (
    FaultKind.INVALID_NONCE,
    FaultKind.RATE_LIMITED,
    FaultKind.THROTTLED,
    FaultKind.LOCKOUT,
    FaultKind.UNAVAILABLE_BEFORE_ACCEPT,
)
_BEFORE = (
    FaultKind.TIMEOUT_BEFORE_ACCEPT,
    FaultKind.HTML_ERROR_BEFORE_ACCEPT,
    FaultKind.DELAYED_BEFORE_ACCEPT,
    *_REFUSING,
)
_AFTER = (
    FaultKind.TIMEOUT_AFTER_ACCEPT,
    FaultKind.HTML_ERROR_AFTER_ACCEPT,
    FaultKind.HTML_520,
    FaultKind.UNAVAILABLE_AFTER_ACCEPT,
    FaultKind.TRUNCATED_ANSWER,
    FaultKind.DELAYED_ANSWER,
)
_PRIVATE_ONLY = frozenset({FaultKind.INVALID_NONCE, FaultKind.LOCKOUT})
_THROTTLE = timedelta(seconds=5)
_UNCUT = 10**6


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A private path: what answers it, which permission it needs (any of several, or `every`), what it costs."""

    answer: Callable[[Call], Any]
    needs: tuple[Permission, ...] = ()
    every: bool = False
    cost: int = 1

    def permits(self, granted: frozenset[str]) -> bool:
        """Whether a key with these permissions may call it."""
        if not self.needs:
            return True
        held = [permission.value in granted for permission in self.needs]
        return all(held) if self.every else any(held)


class KrakenEmulator:
    """Kraken over a simulated exchange. `now` is the market's time; keys, tokens and faults come from `seed`.

    `heartbeat_seconds` (of the event loop's clock) is how long a socket may be silent.
    """

    name = "kraken"
    title = "Kraken"
    quote = USD
    roots: tuple[str, ...] = ("/0/",)
    page = PAGE
    kinds = frozenset(FaultKind) - ELSEWHERE

    def __init__(
        self, exchange: SimExchange, *, now: Callable[[], datetime], seed: int, heartbeat_seconds: float = 1.0
    ) -> None:
        random = Random(f"kraken {seed}")  # noqa: S311 -- a sandbox's keys and faults repeat from their seed
        clock = WireClock(now, loop_time)
        self.exchange = exchange
        self.faults = Faults(Random(f"faults {seed}"))  # noqa: S311
        self.keys = KeyRing(now=now, seconds=clock.seconds, random=random)
        self._state = VenueState(
            exchange=exchange,
            now=now,
            clock=clock,
            names=PairNames(exchange.instruments),
            keys=self.keys,
            faults=self.faults,
            rest=Counters(clock.seconds),
            engine=Counters(clock.seconds),
            random=random,
        )
        self._public = PublicData(self._state)
        self._trading = Trading(self._state, self._flush)
        self._sockets = Sockets(self._state, self._trading, self._public, heartbeat_seconds)
        self._public_paths = self._public_table()
        self._private_paths = self._private_table()
        self._late: set[asyncio.Task[WireResponse]] = set()
        self._cut: dict[Pair, int] = {}

    # People.

    def create_account(
        self,
        name: str,
        deposits: Mapping[Asset, Decimal],
        profile: Profile | str = Profile.INTERNATIONAL,
        tier: Tier = Tier.PRO,
    ) -> VenueAccount:
        """A new venue-side account with money on it. Raises ValueError for a taken name or unknown profile."""
        account = self.keys.add_account(name, Profile(profile), tier)
        self.exchange.open_account(name, deposits)
        self._flush()
        return account

    def open_account(self, name: str, deposits: Mapping[Asset, Decimal], profile: str = "") -> None:
        """As `create_account`, for whoever knows only that this is a venue."""
        self.create_account(name, deposits, profile or Profile.INTERNATIONAL)

    def account_names(self) -> Sequence[str]:
        """All accounts, oldest first."""
        return list(self.keys.accounts)

    def make_key(self, account: str, form: KeyForm) -> tuple[ShownValue, ...]:
        """A new key's two values. Raises ValueError for what cannot be."""
        key = key_of_form(self.keys, account, form)
        return ShownValue("api_key", "API Key", key.public), ShownValue("secret", "Private Key", key.private)

    def keys_of(self, account: str) -> Sequence[KeyRow]:
        """The account's keys, oldest first."""
        return [row_of(key) for key in self.keys.keys_of(account)]

    def set_permissions(self, public: str, permissions: frozenset[str]) -> None:
        """Change what a key may do. Raises KeyError for an unknown key."""
        self.keys.set_permissions(public, permissions)

    def create_key(
        self,
        account: str,
        permissions: frozenset[str] | Sequence[str],
        label: str,
        *,
        ip_allowlist: tuple[str, ...] = (),
        expires_at: datetime | None = None,
        nonce_window: int = 0,
    ) -> tuple[str, str]:
        """A new key of an account: its public and its private value. Raises ValueError for what cannot be."""
        key = self.keys.add_key(
            account,
            frozenset(permissions),
            label,
            ip_allowlist=ip_allowlist,
            expires_at=expires_at,
            nonce_window=nonce_window,
        )
        return key.public, key.private

    def revoke_key(self, public: str) -> bool:
        """Delete a key and cut its sockets; False when there is none."""
        known = self.keys.revoke(public)
        if known:
            self._sockets.drop_key(public)
        return known

    def account_record(self, name: str) -> Mapping[str, Any]:
        """All that the venue knows of an account, exact, for checks. Raises KeyError for an unknown name."""
        return record.account_record(self._state, name)

    # Faults.

    def add_fault(self, kind: FaultKind, **values: Any) -> Fault:
        """Switch a fault on; what it says of states holds at once. Raises ValueError for meaningless values."""
        if kind not in self.kinds:
            raise ValueError(f"{kind.value} cannot happen at Kraken")
        fault = self.faults.add(kind, **values)
        if kind is FaultKind.PERMISSION_WIDENED:
            self.keys.touch(fault.account)
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
            case kind:
                return WireResponse.json(_refusal(self._refusal_of(kind)))

    def connect(self, path: str, remote: str = "127.0.0.1") -> WireSocket:  # noqa: ARG002 -- sockets have no address rule
        """The server's end of a new WebSocket on `/ws/v2` or `/ws-auth/v2`."""
        return self._sockets.connect(path)

    def publish(self, events: Sequence[SimEvent]) -> None:
        """Tell the sockets what happened, after the exchange was advanced or traded on."""
        self._sockets.publish(events)
        self._trading.run_timers()

    # Inside.

    def _flush(self) -> None:
        self._sockets.publish(self.exchange.drain())

    async def _answer_late(self, request: WireRequest, fault: Fault) -> WireResponse:
        arrived = self._state.now()
        await asyncio.sleep(fault.seconds)
        return await self._answer(request, max(self._state.now(), arrived + timedelta(seconds=fault.seconds)))

    async def _answer(self, request: WireRequest, now: datetime) -> WireResponse:
        body = self._execute(request, now)
        fault = self._strike(_AFTER, request)
        if fault is None:
            return WireResponse.json(body)
        match fault.kind:
            case FaultKind.TIMEOUT_AFTER_ACCEPT:
                return await self._hold(fault)
            case FaultKind.HTML_ERROR_AFTER_ACCEPT | FaultKind.HTML_520:
                return _html_error(fault)
            case FaultKind.UNAVAILABLE_AFTER_ACCEPT:
                return WireResponse.json(_refusal(UNAVAILABLE))
            case FaultKind.TRUNCATED_ANSWER:
                return WireResponse.json(body[: len(body) // 2])
            case _:
                await asyncio.sleep(fault.seconds)
                return WireResponse.json(body)

    def _execute(self, request: WireRequest, now: datetime) -> bytes:
        try:
            return b'{"error":[],"result":' + encode(self._result(request, now)) + b"}"
        except Refused as refused:
            return _refusal(*refused.errors)

    def _result(self, request: WireRequest, now: datetime) -> Any:
        kind, _, method = request.path.removeprefix("/0/").partition("/")
        if kind == "public" and method in self._public_paths:
            return self._public_paths[method](_public_params(request))
        if kind == "private" and method in self._private_paths and request.method == "POST":
            return self._private(request, self._private_paths[method], now)
        raise Refused(UNKNOWN_METHOD)

    def _private(self, request: WireRequest, endpoint: Endpoint, now: datetime) -> Any:
        headers = request.headers
        public = headers.get("api-key", "")
        if self.faults.holds(FaultKind.KEY_REVOKED, account=self._account_of(request)):
            raise Refused(INVALID_KEY)
        params = parse_body(request.body, headers.get("content-type", ""))
        key = self.keys.authenticate(
            public, headers.get("api-sign", ""), request.path, params.text("nonce"), request.body, request.remote
        )
        account = self.keys.accounts[key.account]
        if self.faults.holds(FaultKind.MAINTENANCE, account=account.name):
            raise Refused(UNAVAILABLE)
        limits = account.tier.limits
        if not self._state.rest.charge(public, endpoint.cost, maximum=limits.rest_max, decay=limits.rest_decay):
            raise Refused(REST_RATE_LIMIT)
        if not endpoint.permits(self._state.granted(key)):
            raise Refused(PERMISSION_DENIED)
        return endpoint.answer(Call(account, key, params, now))

    def _strike(self, kinds: tuple[FaultKind, ...], request: WireRequest) -> Fault | None:
        if not self.faults.active:
            return None
        kind, _, method = request.path.removeprefix("/0/").partition("/")
        if kind == "public":
            kinds = tuple(each for each in kinds if each not in _PRIVATE_ONLY)
        return self.faults.strike(kinds, method, self._account_of(request))

    def _account_of(self, request: WireRequest) -> str | None:
        key = self.keys.find(request.headers.get("api-key", ""))
        return key.account if key else None

    async def _hold(self, fault: Fault) -> WireResponse:
        await asyncio.sleep(fault.seconds)
        return _html_page(504)

    def _refusal_of(self, kind: FaultKind) -> str:
        match kind:
            case FaultKind.INVALID_NONCE:
                return INVALID_NONCE
            case FaultKind.RATE_LIMITED:
                return REST_RATE_LIMIT
            case FaultKind.THROTTLED:
                return throttled(unix(self._state.now() + _THROTTLE))
            case FaultKind.LOCKOUT:
                return LOCKOUT
            case _:
                return UNAVAILABLE

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
            if self.faults.holds(FaultKind.KEY_REVOKED, account=name):
                self._sockets.drop_account(name)
        self._sockets.announce_status()

    def _public_table(self) -> dict[str, Callable[[Params], Any]]:
        public = self._public
        return {
            "Time": public.time,
            "SystemStatus": public.system_status,
            "Assets": public.assets,
            "AssetPairs": public.asset_pairs,
            "Ticker": public.ticker,
            "OHLC": public.ohlc,
            "Depth": public.depth,
            "Trades": public.trades,
        }

    def _private_table(self) -> dict[str, Endpoint]:
        reads, trading, funding = AccountReads(self._state), self._trading, Funding(self._state)
        funds = (_P.QUERY_FUNDS,)
        open_or_closed = (_P.QUERY_OPEN_TRADES, _P.QUERY_CLOSED_TRADES)
        modify_or_close = (_P.MODIFY_TRADES, _P.CLOSE_TRADES)
        return {
            "Balance": Endpoint(reads.balance, funds),
            "BalanceEx": Endpoint(reads.balance_ex, funds),
            "TradeBalance": Endpoint(reads.trade_balance, funds),
            "OpenOrders": Endpoint(reads.open_orders, (_P.QUERY_OPEN_TRADES,)),
            "ClosedOrders": Endpoint(reads.closed_orders, (_P.QUERY_CLOSED_TRADES,)),
            "QueryOrders": Endpoint(reads.query_orders, open_or_closed),
            "OrderAmends": Endpoint(reads.order_amends, open_or_closed),
            "TradesHistory": Endpoint(reads.trades_history, (_P.QUERY_CLOSED_TRADES,), cost=2),
            "QueryTrades": Endpoint(reads.query_trades, (_P.QUERY_CLOSED_TRADES,)),
            "OpenPositions": Endpoint(reads.open_positions, (_P.QUERY_OPEN_TRADES,)),
            "Ledgers": Endpoint(reads.ledgers, (_P.QUERY_LEDGER,), cost=2),
            "QueryLedgers": Endpoint(reads.query_ledgers, (_P.QUERY_LEDGER,), cost=2),
            "TradeVolume": Endpoint(reads.trade_volume, funds),
            "GetWebSocketsToken": Endpoint(reads.web_sockets_token, (_P.CREATE_WS_TOKEN,)),
            "GetApiKeyInfo": Endpoint(reads.api_key_info),
            "AddOrder": Endpoint(trading.add_order, (_P.MODIFY_TRADES,), cost=0),
            "AddOrderBatch": Endpoint(trading.add_order_batch, (_P.MODIFY_TRADES,), cost=0),
            "AmendOrder": Endpoint(trading.amend_order, modify_or_close, cost=0),
            "EditOrder": Endpoint(trading.edit_order, (_P.MODIFY_TRADES,), cost=0),
            "CancelOrder": Endpoint(trading.cancel_order, modify_or_close, cost=0),
            "CancelOrderBatch": Endpoint(trading.cancel_order_batch, modify_or_close, cost=0),
            "CancelAll": Endpoint(trading.cancel_all, modify_or_close, cost=0),
            "CancelAllOrdersAfter": Endpoint(trading.cancel_all_after, modify_or_close, cost=0),
            "Withdraw": Endpoint(funding.withdraw, (_P.WITHDRAW_FUNDS,)),
            "WithdrawCancel": Endpoint(funding.withdraw_cancel, (_P.WITHDRAW_FUNDS,)),
            "WithdrawInfo": Endpoint(funding.withdraw, (_P.QUERY_FUNDS, _P.WITHDRAW_FUNDS), every=True),
            "WithdrawMethods": Endpoint(funding.withdraw_methods, (_P.QUERY_FUNDS, _P.WITHDRAW_FUNDS), every=True),
            "WithdrawAddresses": Endpoint(funding.withdraw_addresses, (_P.QUERY_FUNDS, _P.WITHDRAW_FUNDS), every=True),
            "WithdrawStatus": Endpoint(funding.withdraw_status, (_P.WITHDRAW_FUNDS,)),
            "WalletTransfer": Endpoint(funding.transfer, (_P.WITHDRAW_FUNDS,)),
            "AccountTransfer": Endpoint(funding.transfer, (_P.WITHDRAW_FUNDS,)),
            "DepositMethods": Endpoint(funding.deposit_methods, (_P.ADD_FUNDS,)),
            "DepositAddresses": Endpoint(funding.deposit_addresses, (_P.ADD_FUNDS,)),
            "DepositStatus": Endpoint(funding.deposit_status, (_P.ADD_FUNDS,)),
        }


def _public_params(request: WireRequest) -> Params:
    if request.method == "POST" and request.body:
        return parse_body(request.body, request.headers.get("content-type", ""))
    return parse_form(request.query)


def _refusal(*errors: str) -> bytes:
    return b'{"error":' + encode(errors) + b"}"


def _html_error(fault: Fault) -> WireResponse:
    return _html_page(520 if fault.kind is FaultKind.HTML_520 else fault.status)


def _html_page(status: int) -> WireResponse:
    words = {520: "Web server is returning an unknown error", 504: "Gateway time-out"}.get(status, "Bad gateway")
    return WireResponse.html(
        f"<!DOCTYPE html>\n<html><head><title>api.kraken.com | {status}: {words}</title></head>"
        f"<body><h1>Error {status}</h1><p>{words}</p></body></html>\n",
        status,
    )
