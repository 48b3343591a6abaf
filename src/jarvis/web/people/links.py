"""Links that somebody was handed outside of Jarvis: an invitation, or a reset of a forgotten password.

The token leaves the address at once: it is exchanged for a cookie that scripts cannot read, so that it stays neither
in the history nor in what is shown to somebody who looks over a shoulder. Opening a link does not use it.
"""

import re
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.links import LinkProblem
from jarvis.accounts.passwords import PasswordProblem
from jarvis.accounts.people import EmailProblem, Person, TryLater
from jarvis.domain.account import UserId
from jarvis.domain.people import Link, LinkKind
from jarvis.web.context import Web, address_of
from jarvis.web.forms import Form, later

LINK_COOKIE = "link"
_LASTS = timedelta(minutes=15)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_NO_ERRORS = {"email": "", "password": "", "again": ""}


def router(web: Web) -> APIRouter:
    """The routes of links."""
    routes = APIRouter(prefix="/link")

    @routes.get("/{token}")
    async def exchange(token: str) -> Response:
        answer = RedirectResponse("/link", status_code=303)
        if _TOKEN.fullmatch(token):
            web.keep(answer, LINK_COOKIE, token, _LASTS)
        else:
            web.forget(answer, LINK_COOKIE)
        return answer

    @routes.get("")
    async def link_page(request: Request) -> Response:
        link = await _link(web, request)
        return await _not_good(web, request) if link is None else await _page(web, request, link)

    @routes.post("")
    async def use(request: Request) -> Response:
        form = await web.form(request)
        link = await _link(web, request)
        if link is None:
            return await _not_good(web, request)
        person = (await web.visitor(request)).person
        if link.kind is LinkKind.INVITATION and person is not None:
            return await _look_along(web, request, link, person)
        wait = web.sign_up_throttle.ask("", address_of(request), web.now())
        if wait > 0:
            return await _page(web, request, link, later(wait), status=429)
        if link.kind is LinkKind.RESET:
            return await _reset(web, request, link, form)
        return await _accept(web, request, link, form)

    return routes


async def _link(web: Web, request: Request) -> Link | None:
    return await web.links.find(web.kept(request, LINK_COOKIE), web.now())


async def _accept(web: Web, request: Request, link: Link, form: Form) -> Response:
    outcome = await web.links.accept(
        web.kept(request, LINK_COOKIE),
        link.email or form.text("email"),
        form.raw("password"),
        web.now(),
        address=address_of(request),
    )
    if isinstance(outcome, Person):
        return _done(web, "/sign-in?opened")
    if isinstance(outcome, TryLater):
        return await _page(web, request, link, later(outcome.seconds), status=429)
    if isinstance(outcome, LinkProblem):
        return await _page(web, request, link, outcome.value, status=422)
    field = "email" if isinstance(outcome, EmailProblem) else "password"
    return await _page(web, request, link, errors={field: outcome.value}, status=422)


async def _look_along(web: Web, request: Request, link: Link, person: Person) -> Response:
    noted = await web.entry(request, "link.used", invitation=True)
    token = web.kept(request, LINK_COOKIE)
    problem = await web.links.accept_viewing(token, person, web.now(), noted=noted)
    if problem is not None:
        return await _page(web, request, link, problem.value, status=422)
    return _done(web, "/account/sharing")


async def _reset(web: Web, request: Request, link: Link, form: Form) -> Response:
    if form.raw("password") != form.raw("again"):
        return await _page(web, request, link, errors={"again": "The two are not the same."}, status=422)
    outcome = await web.links.use_reset(
        web.kept(request, LINK_COOKIE), form.raw("password"), web.now(), address=address_of(request)
    )
    if isinstance(outcome, Person):
        return _done(web, "/sign-in?reset")
    if isinstance(outcome, TryLater):
        return await _page(web, request, link, later(outcome.seconds), status=429)
    if isinstance(outcome, PasswordProblem):
        return await _page(web, request, link, errors={"password": outcome.value}, status=422)
    return await _not_good(web, request)


def _done(web: Web, then: str) -> Response:
    answer = RedirectResponse(then, status_code=303)
    web.forget(answer, LINK_COOKIE)
    return answer


async def _page(
    web: Web,
    request: Request,
    link: Link,
    message: str = "",
    *,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    inviter = await web.store.person(UserId(link.made_by))
    values = {
        "is_reset": link.kind is LinkKind.RESET,
        "role": "" if link.role is None else link.role.value,
        "looks": link.views is not None,
        "email": link.email,
        "inviter": "whoever runs this installation" if inviter is None else inviter.email,
        "message": message,
        "errors": {**_NO_ERRORS, **(errors or {})},
    }
    return await web.page(request, "people/link.html", values, status)


async def _not_good(web: Web, request: Request) -> Response:
    values = {"title": "This link is worth nothing", "text": LinkProblem.NOT_GOOD.value, "links": [("Home", "/")]}
    answer = await web.page(request, "message.html", values, 404)
    web.forget(answer, LINK_COOKIE)
    return answer
