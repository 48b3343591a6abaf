"""Proving again that it is the person who is signed in: ten minutes in which keys and limits may be changed.

By a passkey or by a code of the authenticator app. Pausing, flattening and disarming never ask for it.
"""

import re
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match

from jarvis.accounts.ceremonies import CEREMONY_LASTS
from jarvis.accounts.passkeys import PasskeyProblem
from jarvis.accounts.people import CodeRefused, TryLater
from jarvis.accounts.sessions import OpenedSession
from jarvis.web.context import Web, address_of
from jarvis.web.forms import later
from jarvis.web.people.entrance import PASSKEY_CEREMONY

_OWN_PATH = re.compile(r"/(?!/)[!-\[\]-~]{0,500}")
"""Printable ASCII without a backslash, beginning with a single slash: what no browser takes for another site."""
_AFTERWARDS = "/account/security"


def router(web: Web) -> APIRouter:
    """The routes of proving."""
    routes = APIRouter(prefix="/prove")

    @routes.get("")
    async def prove_page(request: Request) -> Response:
        then = own_path(request.query_params.get("then", ""))
        await web.person(request)
        if await web.proved_until(request) is not None:
            return RedirectResponse(then, status_code=303)
        return await _prove_page(web, request, then)

    @routes.post("")
    async def prove_by_code(request: Request) -> Response:
        person = await web.person(request)
        form = await web.form(request)
        then = own_path(form.text("then"))
        token = web.session_token(request) or ""
        outcome = await web.people.prove_by_code(
            person, token, form.text("code"), address=address_of(request), now=web.now()
        )
        if isinstance(outcome, TryLater):
            return await _prove_page(web, request, then, later(outcome.seconds), status=429)
        if isinstance(outcome, CodeRefused):
            return await _prove_page(web, request, then, outcome.value, status=422)
        return _proved(web, outcome, then)

    @routes.post("/passkey/options")
    async def passkey_options(request: Request) -> Response:
        person = await web.person(request)
        await web.form(request)
        begun = await web.passkeys.begin_proof(person, web.now())
        if begun is None:
            return JSONResponse({"error": "This account has no passkey."}, status_code=422)
        answer = Response(begun.options, media_type="application/json")
        web.keep(answer, PASSKEY_CEREMONY, begun.ceremony_token, CEREMONY_LASTS)
        return answer

    @routes.post("/passkey")
    async def prove_by_passkey(request: Request) -> Response:
        person = await web.person(request)
        form = await web.form(request)
        then = own_path(form.text("then"))
        outcome = await web.passkeys.finish_proof(
            person,
            web.kept(request, PASSKEY_CEREMONY),
            form.raw("credential"),
            session_token=web.session_token(request) or "",
            address=address_of(request),
            now=web.now(),
        )
        if isinstance(outcome, PasskeyProblem):
            return await _prove_page(web, request, then, outcome.value, status=422)
        return _proved(web, outcome, then)

    return routes


def own_path(text: str) -> str:
    """Where to go on: `text` if it is a path of these pages, otherwise the security page."""
    return text if _OWN_PATH.fullmatch(text) else _AFTERWARDS


def address_of_proof(then: str) -> str:
    """The address at which to prove and then go on to `then`."""
    return f"/prove?then={quote(then, safe='/')}"


def page_of(request: Request) -> str:
    """The page that a request asks for, or that its form stands on, so that one can go back to it."""
    if request.method == "GET":
        asked = request.url
        return own_path(f"{asked.path}?{asked.query}" if asked.query else asked.path)
    came_from = urlsplit(request.headers.get("referer", ""))
    path = came_from.path if came_from.netloc == request.headers.get("host") else request.url.path
    query = f"?{came_from.query}" if came_from.query else ""
    while path.strip("/"):
        if _is_page(request, path):
            return own_path(f"{path}{query}")
        path, query = path.rpartition("/")[0], ""
    return _AFTERWARDS


def _is_page(request: Request, path: str) -> bool:
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)


def _proved(web: Web, outcome: OpenedSession, then: str) -> Response:
    answer = RedirectResponse(then, status_code=303)
    web.keep_proved(answer, outcome.token)
    return answer


async def _prove_page(web: Web, request: Request, then: str, message: str = "", status: int = 200) -> Response:
    person = await web.person(request)
    values = {
        "here": "prove",
        "then": then,
        "message": message,
        "methods": (await web.store.factors(person.user_id)).methods,
        "passkeys_elsewhere": web.passkeys_elsewhere(request),
    }
    return await web.page(request, "people/prove.html", values, status)
