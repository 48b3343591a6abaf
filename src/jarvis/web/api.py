"""The API for scripts: accounts, positions, orders and the ledger to read; pause, resume and flatten to do.

A request says whose it is by a bearer token and by nothing else: cookies are not looked at, so no page can make a
browser ask in somebody's name. A token cannot arm, change limits, or touch keys and people: there is no route for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jarvis.accounts.deeds import Deed, may
from jarvis.accounts.throttle import Buckets, Rate
from jarvis.domain.account import AccountId
from jarvis.domain.people import ApiToken, AuditEntry, Person, Scope
from jarvis.store.records import CommandKind, TradingAccount
from jarvis.web.api_records import (
    AccountLine,
    AccountNow,
    Accounts,
    Asked,
    Ledger,
    LedgerLine,
    Me,
    Orders,
    Position,
    Positions,
    ProblemAnswer,
    orders_of,
)
from jarvis.web.context import Web, address_of
from jarvis.web.security import problem

VERSION = "v1"
MOST_LISTED = 500
TOKEN_RATE = Rate(60, timedelta(milliseconds=200))
ADDRESS_RATE = Rate(240, timedelta(milliseconds=50))
REFUSED_RATE = Rate(20, timedelta(seconds=6))
_SCOPES: Mapping[CommandKind, Scope] = {
    CommandKind.PAUSE: Scope.EXITS,
    CommandKind.FLATTEN: Scope.EXITS,
    CommandKind.RESUME: Scope.RESUME,
}
_NOTED: Mapping[CommandKind, str] = {
    CommandKind.PAUSE: "account.paused",
    CommandKind.FLATTEN: "account.flattened",
    CommandKind.RESUME: "account.resumed",
}
_WORDS: Mapping[int, str] = {
    401: "Say who you are: Authorization: Bearer and a living token.",
    403: "This token is not good for that.",
    404: "There is no such thing here, or it is not yours.",
    405: "This address is not for that kind of request.",
    422: "Something in the request is not what this address takes.",
    429: "Too many requests. Wait as long as Retry-After says.",
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemAnswer, "description": words} for status, words in _WORDS.items() if status != 405
}
_BEARER = HTTPBearer(auto_error=False, description="A token of the page Account, API tokens.")
Given = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED, description="At most so many.")]
Before = Annotated[int | None, Query(ge=1, lt=2**62, description="Only entries with a smaller id.")]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose script is asking, and what its token is good for."""

    person: Person
    token: ApiToken


class _Callers:
    """Finds out who asks, at a bounded rate."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._tokens = Buckets(TOKEN_RATE)
        self._addresses = Buckets(ADDRESS_RATE)
        self._refused = Buckets(REFUSED_RATE)

    async def caller(self, request: Request, given: Given) -> Caller:
        """The owner of the token. Raises HTTPException 401 or 429."""
        now, address = self._web.now(), address_of(request)
        self._take(self._addresses, address, now)
        wait = self._refused.wait(address, now)
        if wait > 0:
            raise _too_many(wait)
        token = await self._web.tokens.find(given.credentials, now) if given else None
        person = await self._web.store.person(token.user_id) if token else None
        if token is None or person is None or not person.is_active:
            self._refused.take(address, now)
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        self._take(self._tokens, token.token_id, now)
        return Caller(person, token)

    @staticmethod
    def _take(buckets: Buckets, key: str, now: Any) -> None:
        wait = buckets.wait(key, now)
        if wait > 0:
            raise _too_many(wait)
        buckets.take(key, now)


def api_of(web: Web) -> FastAPI:
    """The application that is mounted at /api/v1."""
    app = FastAPI(
        title="Jarvis",
        version=VERSION,
        description=__doc__.replace("\n", " "),
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses=_PROBLEMS,
        servers=[{"url": f"/api/{VERSION}"}],
        root_path_in_servers=False,
        redirect_slashes=False,
    )
    known = Annotated[Caller, Depends(_Callers(web).caller)]

    @app.get("/me", operation_id="me")
    async def me(caller: known) -> Me:
        """Whose token this is."""
        return Me.of(caller.person, caller.token)

    @app.get("/accounts", operation_id="accounts")
    async def accounts(caller: known) -> Accounts:
        """Accounts that you may look at."""
        _must_have(caller, Scope.READ)
        found = await web.accounts(caller.person)
        return Accounts(accounts=[AccountLine.of(each, caller.person) for each in found])

    @app.get("/accounts/{account_id}", operation_id="account")
    async def account(caller: known, account_id: str) -> AccountNow:
        """One account now."""
        found = await _readable(web, caller, account_id)
        overview = await web.store.overview(found.owner_id, found.account_id)
        if overview is None:
            raise HTTPException(404)
        return AccountNow.now(overview, caller.person)

    @app.get("/accounts/{account_id}/positions", operation_id="positions")
    async def positions(caller: known, account_id: str, limit: Limit = 50) -> Positions:
        """Open positions, and the latest closed ones."""
        found = await _readable(web, caller, account_id)
        held = await web.store.open_positions(found.owner_id, found.account_id)
        closed = await web.store.closed_positions(found.owner_id, found.account_id, limit=limit)
        return Positions(positions=[Position.of(each) for each in (*held, *closed)])

    @app.get("/accounts/{account_id}/orders", operation_id="orders")
    async def orders(caller: known, account_id: str, limit: Limit = 50) -> Orders:
        """Unfinished orders, and the latest finished ones."""
        found = await _readable(web, caller, account_id)
        unfinished = await web.store.open_orders(found.owner_id, found.account_id)
        recent = await web.store.recent_orders(found.owner_id, found.account_id, limit=limit)
        return orders_of(unfinished, recent)

    @app.get("/accounts/{account_id}/ledger", operation_id="ledger")
    async def ledger(caller: known, account_id: str, limit: Limit = 100, before: Before = None) -> Ledger:
        """The journal, latest entries first."""
        found = await _readable(web, caller, account_id)
        lines = await web.store.journal(found.owner_id, found.account_id, limit=limit, before=before)
        return Ledger(entries=[LedgerLine.of(each) for each in lines])

    @app.post("/accounts/{account_id}/{command}", status_code=202, operation_id="ask")
    async def ask(
        request: Request, caller: known, account_id: str, command: Literal["pause", "resume", "flatten"]
    ) -> Asked:
        """Pause, resume, or flatten everything and pause."""
        kind = CommandKind(command)
        _must_have(caller, _SCOPES[kind])
        if not may(caller.person.role, Deed.PAUSE_AND_FLATTEN):
            raise HTTPException(403)
        found = await web.store.account(caller.person.user_id, AccountId(account_id))
        if found is None or not found.is_connected:
            raise HTTPException(404)
        noted = AuditEntry(
            _NOTED[kind],
            web.now(),
            caller.person.user_id,
            caller.person.user_id,
            found.account_id,
            {"token": caller.token.token_id, "address": address_of(request)},
        )
        if kind is CommandKind.RESUME:  # what lets risk in again happens with its line in the audit, or not at all
            await web.store.note(noted)
        await web.store.enqueue_command(found.owner_id, found.account_id, kind, at=web.now())
        if kind is not CommandKind.RESUME:
            await web.store.note_if_possible(noted)
        return Asked(asked=kind.value)

    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(Exception, _broken)
    return app


async def _readable(web: Web, caller: Caller, account_id: str) -> TradingAccount:
    """An account that the token's owner may look at. Raises HTTPException 403 or 404."""
    _must_have(caller, Scope.READ)
    found = next((each for each in await web.accounts(caller.person) if each.account_id == account_id), None)
    if found is None:
        raise HTTPException(404)
    return found


def _must_have(caller: Caller, scope: Scope) -> None:
    if scope not in caller.token.scopes:
        raise HTTPException(403)


def _too_many(wait: float) -> HTTPException:
    return HTTPException(429, headers={"Retry-After": str(max(1, round(wait)))})


async def _refused(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    answer = problem(status, _WORDS.get(status, _WORDS[422]))
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


async def _unfit(_request: Request, _error: Exception) -> Response:
    # The framework's own answer would quote what was sent.
    return problem(422, _WORDS[422])


async def _broken(_request: Request, _error: Exception) -> Response:
    return problem(500, "Something broke on our side; the log says where.")
