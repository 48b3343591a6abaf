"""API tokens: making one, which is shown once, and ending it."""

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.people import Deed
from jarvis.accounts.tokens import TokenProblem
from jarvis.domain.people import Role, Scope
from jarvis.web.connecting.account import Said
from jarvis.web.context import Web

_SAID = {"ended": Said("good", "Ended.", "Scripts that use it are refused from now on.")}
SCOPES = {
    Scope.READ: ("Read", "See accounts, positions, orders and the ledger."),
    Scope.EXITS: ("Exits", "Pause, and flatten everything."),
    Scope.RESUME: ("Resume", "Let a paused account open positions again."),
    Scope.TRADE: ("Trade", "Choose strategies and trade by hand, within your limits; lower them, never raise them."),
}
DAYS = (7, 30, 90, 365)
_USUAL_DAYS = 90


def router(web: Web) -> APIRouter:
    """The routes of the page of tokens."""
    routes = APIRouter(prefix="/account/tokens")

    @routes.get("")
    async def tokens_page(request: Request) -> Response:
        await web.person(request)
        return await _page(web, request)

    @routes.post("")
    async def make(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_TOKENS)
        form = await web.form(request)
        chosen = frozenset(scope for scope in Scope if scope.value in form.all("scope"))
        days = int(form.choice("days", tuple(str(each) for each in DAYS)))
        if form.errors:
            return await _page(web, request, error=TokenProblem.EXPIRY.value, status=422)
        made = await web.tokens.make(
            person,
            web.now(),
            label=form.text("label"),
            scopes=chosen,
            expires_at=web.now() + timedelta(days=days),
            noted=await web.entry(
                request, "token.made", scopes=" ".join(sorted(scope.value for scope in chosen)), days=days
            ),
        )
        if isinstance(made, TokenProblem):
            return await _page(web, request, error=made.value, status=422)
        return await _page(web, request, secret=made.secret)

    @routes.post("/end")
    async def end(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_TOKENS)
        form = await web.form(request)
        noted = await web.entry(request, "token.ended")
        if not await web.tokens.end(person.user_id, form.text("token"), noted=noted):
            raise HTTPException(404)
        return RedirectResponse("/account/tokens?said=ended", status_code=303)

    return routes


async def _page(web: Web, request: Request, *, secret: str = "", error: str = "", status: int = 200) -> Response:
    person = await web.person(request)
    values = {
        "here": "tokens",
        "said": _SAID.get(request.query_params.get("said", "")),
        "secret": secret,
        "error": error,
        "now": web.now(),
        "tokens": [
            (each, [SCOPES[scope][0] for scope in Scope if scope in each.scopes])
            for each in await web.tokens.of(person.user_id)
        ],
        "scopes": [
            (scope.value, *words)
            for scope, words in SCOPES.items()
            if scope is Scope.READ or person.role is not Role.VIEWER
        ],
        "days": DAYS,
        "usual_days": _USUAL_DAYS,
    }
    return await web.page(request, "people/tokens.html", values, status)
