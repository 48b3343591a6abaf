"""A typed client of the API of one installation, a method for each operation.

    client = Jarvis.from_environment()
    for account in client.accounts().accounts:
        print(account.account_id, client.account(account.account_id).margin)

Reads are asked again when nothing answers or the installation says so; what changes something is sent once and never
again: whether it was heard is then for the caller to look up.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from jarvis.client.errors import Broken, TooMany, Unreachable
from jarvis.client.events import EventStream
from jarvis.client.records import (
    AccountNow,
    Accounts,
    Activities,
    AdjustWish,
    Asked,
    Assignments,
    Audit,
    Balances,
    Candles,
    CloseWish,
    CommandNow,
    Disarmed,
    EquityCurve,
    Exposures,
    Fills,
    HookLine,
    Hooks,
    Ledger,
    LimitsNow,
    LimitsUsed,
    LowerLimits,
    Me,
    Notices,
    OpenWish,
    OrderCard,
    OrderLine,
    Orders,
    Positions,
    Proposals,
    Quotes,
    Receivers,
    Rehearsals,
    Results,
    Statements,
    Story,
    Strategies,
    Tax,
    Verdicts,
    WhatIfAnswer,
)
from jarvis.client.settings import Place, place_of
from jarvis.client.wire import QueryValue, path_of, problem_of, send

T = TypeVar("T")
TRIES = 4
LONGEST_WAIT = 30.0
_AGAIN = frozenset({502, 503, 504})


class Paged(Protocol):
    """A page of a list: where the next one begins, or None."""

    @property
    def next(self) -> str | None:
        """The cursor of the next page."""
        ...


P = TypeVar("P", bound=Paged)


class Jarvis:
    """What a script holds. Safe to share between threads: every request has a connection of its own."""

    def __init__(self, place: Place, *, timeout: float = 20.0, sleep: Callable[[float], None] = time.sleep) -> None:
        self.place = place
        self._timeout = timeout
        self._sleep = sleep

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, *, url: str = "") -> "Jarvis":
        """The client of the installation that JARVIS_URL and JARVIS_TOKEN, or client.toml, name.

        Raises NotConfigured.
        """
        return cls(place_of(environment, url=url))

    def pages(self, ask: Callable[..., P], *which: str, **wishes: Any) -> Iterator[P]:
        """All pages of a list, one after another: `client.pages(client.orders, account_id, status="open")`."""
        cursor: str | None = None
        while True:
            page = ask(*which, **wishes, cursor=cursor)
            yield page
            cursor = page.next
            if cursor is None:
                return

    def events(self, *, account: str | None = None, after: int | None = None) -> EventStream:
        """What changes, as it changes: `async with client.events() as stream: async for event in stream: …`."""
        return EventStream(self.place, account=account, after=after)

    def me(self) -> Me:
        """Whose token this is."""
        return self._ask("GET", "/me", Me)

    def accounts(self) -> Accounts:
        """Accounts that you may look at."""
        return self._ask("GET", "/accounts", Accounts)

    def account(self, account_id: str) -> AccountNow:
        """One account now: its state, why entries wait, and its margin."""
        return self._ask("GET", f"/accounts/{_part(account_id)}", AccountNow)

    def balances(self, account_id: str) -> Balances:
        """What the account holds in each asset: by the journal, and by the venue."""
        return self._ask("GET", f"/accounts/{_part(account_id)}/balances", Balances)

    def equity(self, account_id: str, *, points: int = 200, since: datetime | None = None) -> EquityCurve:
        """The equity curve, evenly over time."""
        return self._ask("GET", f"/accounts/{_part(account_id)}/equity", EquityCurve, points=points, since=since)

    def positions(
        self,
        account_id: str,
        *,
        state: str | None = None,
        pair: str | None = None,
        search: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        order: str = "newest",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Positions:
        """Positions, open and closed, by when they were opened."""
        return self._ask(
            "GET",
            f"/accounts/{_part(account_id)}/positions",
            Positions,
            state=state,
            pair=pair,
            search=search,
            since=since,
            until=until,
            order=order,
            limit=limit,
            cursor=cursor,
        )

    def position(self, account_id: str, position_id: str) -> Story:
        """One position's whole story: orders, fills, protection, and where its result came from."""
        return self._ask("GET", f"/accounts/{_part(account_id)}/positions/{_part(position_id)}", Story)

    def orders(
        self,
        account_id: str,
        *,
        status: str | None = None,
        role: str | None = None,
        side: str | None = None,
        pair: str | None = None,
        search: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        order: str = "newest",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Orders:
        """Orders in every state, by when they were made."""
        return self._ask(
            "GET",
            f"/accounts/{_part(account_id)}/orders",
            Orders,
            status=status,
            role=role,
            side=side,
            pair=pair,
            search=search,
            since=since,
            until=until,
            order=order,
            limit=limit,
            cursor=cursor,
        )

    def open_position(self, account_id: str, wish: OpenWish, *, idempotency_key: str) -> Asked:
        """Open a position by hand, at market and with a stop."""
        return self._ask("POST", f"/accounts/{_part(account_id)}/orders", Asked, wish, idempotency_key=idempotency_key)

    def order_card(self, account_id: str, wish: OpenWish) -> OrderCard:
        """What a position would come to now: margin, costs, liquidation, and the worst at its stop."""
        return self._ask("POST", f"/accounts/{_part(account_id)}/orders/card", OrderCard, wish)

    def order(self, account_id: str, client_order_id: str) -> OrderLine:
        """One order."""
        return self._ask("GET", f"/accounts/{_part(account_id)}/orders/{_part(client_order_id)}", OrderLine)

    def fills(
        self,
        account_id: str,
        *,
        pair: str | None = None,
        side: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        order: str = "newest",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Fills:
        """Executions, those that were not ours among them."""
        return self._ask(
            "GET",
            f"/accounts/{_part(account_id)}/fills",
            Fills,
            pair=pair,
            side=side,
            since=since,
            until=until,
            order=order,
            limit=limit,
            cursor=cursor,
        )

    def ledger(
        self,
        account_id: str,
        *,
        kind: str | None = None,
        asset: str | None = None,
        pair: str | None = None,
        search: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        order: str = "newest",
        limit: int = 100,
        cursor: str | None = None,
    ) -> Ledger:
        """The journal in double entry, by when things happened, with running balances."""
        return self._ask(
            "GET",
            f"/accounts/{_part(account_id)}/ledger",
            Ledger,
            kind=kind,
            asset=asset,
            pair=pair,
            search=search,
            since=since,
            until=until,
            order=order,
            limit=limit,
            cursor=cursor,
        )

    def statements(
        self,
        account_id: str,
        *,
        by: str = "month",
        since: date | None = None,
        until: date | None = None,
        limit: int = 31,
    ) -> Statements:
        """What each day or month opened and closed with in every asset, and why it changed."""
        return self._ask(
            "GET", f"/accounts/{_part(account_id)}/statements", Statements, by=by, since=since, until=until, limit=limit
        )

    def activity(
        self,
        account_id: str,
        *,
        severity: str | None = None,
        pair: str | None = None,
        search: str = "",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Activities:
        """What happened on an account, the latest first."""
        return self._ask(
            "GET",
            f"/accounts/{_part(account_id)}/activity",
            Activities,
            severity=severity,
            pair=pair,
            search=search,
            limit=limit,
            cursor=cursor,
        )

    def results(
        self,
        *,
        by: str = "pair",
        account: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Results:
        """Where the money came from: what positions earned, cause by cause."""
        return self._ask("GET", "/results", Results, by=by, account=account, since=since, until=until)

    def tax(
        self,
        *,
        year: int | None = None,
        method: str = "fifo",
        pool: str = "position",
        account: str | None = None,
    ) -> Tax:
        """A year for the taxes: gains of disposals, and every fee and interest by itself."""
        return self._ask("GET", "/tax", Tax, year=year, method=method, pool=pool, account=account)

    def audit(
        self,
        *,
        kind: str | None = None,
        search: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Audit:
        """What was done with your account, by whom and from where, the latest first."""
        return self._ask(
            "GET", "/audit", Audit, kind=kind, search=search, since=since, until=until, limit=limit, cursor=cursor
        )

    def disarm(self, account_id: str) -> Disarmed:
        """Trade no more until a person arms it on the pages; what is open stays protected."""
        return self._ask("POST", f"/accounts/{_part(account_id)}/disarm", Disarmed)

    def receivers(self) -> Receivers:
        """Where your notices are sent, which, and when."""
        return self._ask("GET", "/receivers", Receivers)

    def hooks(self) -> Hooks:
        """Your doors for alerts of charts."""
        return self._ask("GET", "/hooks", Hooks)

    def proposals(self, hook_id: str, *, limit: int = 20) -> Proposals:
        """What came through a hook lately, and what became of it."""
        return self._ask("GET", f"/hooks/{_part(hook_id)}/proposals", Proposals, limit=limit)

    def dry_run(self, hook_id: str) -> HookLine:
        """Take a hook back to dry run: its alerts open nothing any more. Done twice it is done once."""
        return self._ask("POST", f"/hooks/{_part(hook_id)}/dry-run", HookLine)

    def notices(
        self,
        *,
        severity: str | None = None,
        seen: bool | None = None,
        search: str = "",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Notices:
        """What you were told, the latest first. Marking a notice as seen is for the pages alone."""
        return self._ask(
            "GET", "/notices", Notices, severity=severity, seen=seen, search=search, limit=limit, cursor=cursor
        )

    def quotes(self, account_id: str) -> Quotes:
        """The latest quote of every pair at the account's venue."""
        return self._ask("GET", f"/accounts/{_part(account_id)}/quotes", Quotes)

    def candles(
        self, account_id: str, pair: str, *, interval: str = "1m", before: datetime | None = None, limit: int = 200
    ) -> Candles:
        """Finished candles of one pair, put together from minutes."""
        return self._ask(
            "GET",
            f"/accounts/{_part(account_id)}/candles",
            Candles,
            pair=pair,
            interval=interval,
            before=before,
            limit=limit,
        )

    def strategies(self) -> Strategies:
        """The strategies there are, each with its parameters."""
        return self._ask("GET", "/strategies", Strategies)

    def assignments(self, account_id: str) -> Assignments:
        """Which strategies the account follows."""
        return self._ask("GET", f"/accounts/{_part(account_id)}/assignments", Assignments)

    def assign(self, account_id: str, wish: Assignments) -> Assignments:
        """Follow exactly these strategies, and no others."""
        return self._ask("PUT", f"/accounts/{_part(account_id)}/assignments", Assignments, wish)

    def limits(self, account_id: str) -> LimitsNow:
        """What the account must never exceed."""
        return self._ask("GET", f"/accounts/{_part(account_id)}/limits", LimitsNow)

    def limits_used(self, account_id: str) -> LimitsUsed:
        """How much of each limit is used now."""
        return self._ask("GET", f"/accounts/{_part(account_id)}/limits/used", LimitsUsed)

    def exposure(self) -> Exposures:
        """How much rides on which pair and venue, over all accounts that you may look at."""
        return self._ask("GET", "/exposure", Exposures)

    def what_if(self, percent: int) -> WhatIfAnswer:
        """What all accounts that you may look at come to if all prices move at once, and what is liquidated first."""
        return self._ask("GET", "/what-if", WhatIfAnswer, percent=percent)

    def rehearsals(self) -> Rehearsals:
        """How far each strategy was rehearsed on the sandbox, and whether it may trade with real money."""
        return self._ask("GET", "/rehearsals", Rehearsals)

    def verdicts(self) -> Verdicts:
        """What was answered about your strategies: a good verdict is asked for before real money."""
        return self._ask("GET", "/verdicts", Verdicts)

    def lower_limits(self, account_id: str, change: LowerLimits) -> LimitsNow:
        """Lower limits; no token can raise one."""
        return self._ask("PATCH", f"/accounts/{_part(account_id)}/limits", LimitsNow, change)

    def pause(self, account_id: str) -> Asked:
        """Open nothing more; what is open stays protected."""
        return self._ask("POST", f"/accounts/{_part(account_id)}/pause", Asked)

    def flatten(self, account_id: str, *, pair: str | None = None) -> Asked:
        """Close at market, cancel our orders there, and pause."""
        return self._ask("POST", f"/accounts/{_part(account_id)}/flatten", Asked, pair=pair)

    def resume(self, account_id: str) -> Asked:
        """Lift a pause: strategies may open positions again."""
        return self._ask("POST", f"/accounts/{_part(account_id)}/resume", Asked)

    def command(self, command_id: int) -> CommandNow:
        """What became of a command of yours."""
        return self._ask("GET", f"/commands/{_part(command_id)}", CommandNow)

    def adjust_position(self, account_id: str, position_id: str, wish: AdjustWish, *, idempotency_key: str) -> Asked:
        """Move the stop of a position, let it trail, set its target, or when it is closed."""
        return self._ask(
            "POST",
            f"/accounts/{_part(account_id)}/positions/{_part(position_id)}/adjust",
            Asked,
            wish,
            idempotency_key=idempotency_key,
        )

    def close_position(self, account_id: str, position_id: str, wish: CloseWish, *, idempotency_key: str) -> Asked:
        """Close a position, or a share of it, at market. It needs no room in any limit, and waits for no audit."""
        return self._ask(
            "POST",
            f"/accounts/{_part(account_id)}/positions/{_part(position_id)}/close",
            Asked,
            wish,
            idempotency_key=idempotency_key,
        )

    def _ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: msgspec.Struct | None = None,
        /,
        *,
        idempotency_key: str = "",
        **query: QueryValue,
    ) -> T:
        """The answer as a record. Raises ClientError."""
        sent = None if body is None else msgspec.json.encode(_given(body))
        address = path_of(path, query)
        tries = TRIES if method == "GET" else 1
        for number in range(1, tries + 1):
            is_last = number == tries
            try:
                answer = send(self.place, method, address, sent, self._timeout, idempotency_key)
            except Unreachable:
                if is_last:
                    raise
                self._sleep(_pause(number))
                continue
            if answer.status < 300:
                try:
                    return msgspec.json.decode(answer.body, type=kind)
                except msgspec.MsgspecError as error:
                    words = f"{self.place.url} answered what this client does not know; are both of one version?"
                    raise Unreachable(words) from error
            problem = problem_of(answer)
            if isinstance(problem, TooMany) and not is_last and problem.retry_after <= LONGEST_WAIT:
                self._sleep(problem.retry_after)
            elif isinstance(problem, Broken) and not is_last and problem.status in _AGAIN:
                self._sleep(_pause(number))
            else:
                raise problem
        raise AssertionError("the last try either answers or raises")


def _given(body: msgspec.Struct) -> dict[str, object]:
    """What a request says: fields that were left out are not sent as null, nested ones are whole."""
    return {name: value for name in body.__struct_fields__ if (value := getattr(body, name)) is not None}


def _pause(number: int) -> float:
    return 0.25 * 2.0**number


def _part(text: str | int) -> str:
    return quote(str(text), safe="")
