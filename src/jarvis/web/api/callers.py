"""Who asks, at what rate, and what the token is good for: the one place where scopes are enforced."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from jarvis.accounts.deeds import Deed, may
from jarvis.accounts.throttle import Buckets, Rate
from jarvis.domain.account import AccountId
from jarvis.domain.people import ApiToken, AuditEntry, Person, Scope
from jarvis.store.records import TradingAccount
from jarvis.web.context import Web, address_of

TOKEN_RATE = Rate(60, timedelta(milliseconds=200))
ADDRESS_RATE = Rate(240, timedelta(milliseconds=50))
REFUSED_RATE = Rate(20, timedelta(seconds=6))

_BEARER = HTTPBearer(auto_error=False, description="A token of the page Account, API tokens.")
Given = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]

SCOPE_DEEDS: Mapping[Scope, Deed] = {
    Scope.READ: Deed.LOOK,
    Scope.EXITS: Deed.PAUSE_AND_FLATTEN,
    Scope.RESUME: Deed.PAUSE_AND_FLATTEN,
    Scope.TRADE: Deed.TRADE,
}
"""What a person must be allowed for what their token is good for: a role that was taken away takes scopes along."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose script is asking, and what its token is good for."""

    person: Person
    token: ApiToken


class Callers:
    """Finds out who asks, at a bounded rate."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._tokens = Buckets(TOKEN_RATE)
        self._addresses = Buckets(ADDRESS_RATE)
        self._refused = Buckets(REFUSED_RATE)

    async def caller(self, request: Request, given: Given) -> Caller:
        """The owner of the token. Raises HTTPException 401 or 429."""
        now, address = self._web.now(), address_of(request)
        _take(self._addresses, address, now)
        wait = self._refused.wait(address, now)
        if wait > 0:
            raise _too_many(wait)
        found = await self.known(given.credentials, now) if given else None
        if found is None:
            self._refused.take(address, now)
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        _take(self._tokens, found.token.token_id, now)
        return found

    async def known(self, secret: str, now: datetime) -> Caller | None:
        """The owner of a living token; None for everything else."""
        token = await self._web.tokens.find(secret, now)
        person = await self._web.store.person(token.user_id) if token else None
        if token is None or person is None or not person.is_active:
            return None
        return Caller(person, token)

    def within(self, scope: Scope | None) -> Callable[..., Awaitable[None]]:
        """What every operation of a scope depends on: it raises HTTPException 403 for other tokens."""

        async def check(caller: Annotated[Caller, Depends(self.caller)]) -> None:
            if scope is not None and not reaches(caller, scope):
                raise HTTPException(403)

        return check


def reaches(caller: Caller, scope: Scope) -> bool:
    """Whether a token is good for a scope, and its person still for that."""
    return scope in caller.token.scopes and may(caller.person.role, SCOPE_DEEDS[scope])


async def readable(web: Web, caller: Caller, account_id: str) -> TradingAccount:
    """An account that the token's owner may look at. Raises HTTPException 404."""
    found = next((each for each in await web.accounts(caller.person) if each.account_id == account_id), None)
    if found is None:
        raise HTTPException(404)
    return found


async def own(web: Web, caller: Caller, account_id: str) -> TradingAccount:
    """A connected account of the token's owner. Raises HTTPException 404."""
    found = await web.store.account(caller.person.user_id, AccountId(account_id))
    if found is None or not found.is_connected:
        raise HTTPException(404)
    return found


def noted(
    web: Web, request: Request, caller: Caller, kind: str, account: AccountId, **details: str | int | bool | None
) -> AuditEntry:
    """A line of the audit for what a token did."""
    said = {**details, "token": caller.token.token_id, "address": address_of(request)}
    return AuditEntry(kind, web.now(), caller.person.user_id, caller.person.user_id, account, said)


def _take(buckets: Buckets, key: str, now: datetime) -> None:
    wait = buckets.wait(key, now)
    if wait > 0:
        raise _too_many(wait)
    buckets.take(key, now)


def _too_many(wait: float) -> HTTPException:
    return HTTPException(429, headers={"Retry-After": str(max(1, round(wait)))})
