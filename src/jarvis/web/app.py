"""The web application: what stands around every page, and every page."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from jarvis.accounts.passwords import Passwords
from jarvis.accounts.people import People
from jarvis.accounts.sessions import SessionLimits, Sessions
from jarvis.accounts.throttle import Rate, SignInThrottle, ThrottleRates
from jarvis.store.db import Store
from jarvis.web import account, desk, entrance, stream, trading
from jarvis.web.connect import KeyConnector
from jarvis.web.context import SignInNeeded, Web
from jarvis.web.forms import FormError
from jarvis.web.render import ASSETS, Pages
from jarvis.web.security import Guard, WebSettings

_SIGN_UPS = ThrottleRates(
    account=Rate(30, timedelta(seconds=10)),
    address=Rate(6, timedelta(minutes=1)),
    everybody=Rate(30, timedelta(seconds=10)),
)

_WORDS: dict[int, tuple[str, str]] = {
    403: (
        "This form is out of date",
        "It was made for another session, so nothing was done. Go back, reload, try again.",
    ),
    404: ("Nothing here", "There is no such page, or it is not yours."),
    405: ("Not like this", "This address is not for that kind of request. Nothing was done."),
    413: ("Too much at once", "The form held more than it may. Nothing was done."),
    415: ("Not a form", "This address takes the form of its own page. Nothing was done."),
    422: ("That does not fit", "Something in the request is not what this address takes. Nothing was done."),
    429: ("A moment, please", "Too many attempts. Wait a little and try again."),
    503: ("Not ready", "A part of Jarvis that this needs is not running. Try again in a moment."),
}


class _Assets(StaticFiles):
    """Files of this build: their address changes with their content, so they may be kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == HTTPStatus.OK:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def create_app(
    settings: WebSettings,
    store: Store,
    connector: KeyConnector,
    *,
    passwords: Passwords | None = None,
    throttle: SignInThrottle | None = None,
    now: Callable[[], datetime] | None = None,
) -> FastAPI:
    """The application. It sees the store and the connector; it has no way to the signer's vault.

    `passwords`, `throttle` and `now` are given by tests.
    """
    clock = now or (lambda: datetime.now(UTC))
    sessions = Sessions(store, SessionLimits(settings.session_idle, settings.session_absolute))
    web = Web(
        settings=settings,
        store=store,
        people=People(
            storage=store,
            passwords=passwords or Passwords(),
            sessions=sessions,
            throttle=throttle or SignInThrottle(),
            new_id=lambda: secrets.token_hex(10),
        ),
        sessions=sessions,
        sign_up_throttle=SignInThrottle(_SIGN_UPS),
        connector=connector,
        pages=Pages(),
        now=clock,
    )
    app = FastAPI(title="Jarvis", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, settings=settings)
    for group in (entrance, account, trading, desk, stream):
        app.include_router(group.router(web))
    app.mount(f"/assets/{web.pages.build}", _Assets(directory=ASSETS), name="assets")
    _add_error_pages(app, web)
    return app


def _add_error_pages(app: FastAPI, web: Web) -> None:
    async def say(request: Request, status: int, words: tuple[str, str] | None = None) -> Response:
        title, text = words or _WORDS.get(status, _WORDS[422])
        if request.url.path.endswith(".json"):
            return JSONResponse({"error": text}, status_code=status)
        links = [("Home", "/")]
        return await web.page(request, "message.html", {"title": title, "text": text, "links": links}, status)

    async def http_error(request: Request, error: Exception) -> Response:
        return await say(request, error.status_code if isinstance(error, HTTPException) else 500)

    async def unfit(request: Request, _error: Exception) -> Response:
        # The framework's own answer would quote what was submitted, secrets included.
        return await say(request, HTTPStatus.UNPROCESSABLE_ENTITY)

    async def form_error(request: Request, error: Exception) -> Response:
        text = error.message if isinstance(error, FormError) else _WORDS[422][1]
        return await say(request, HTTPStatus.UNPROCESSABLE_ENTITY, (_WORDS[422][0], text))

    async def sign_in(request: Request, _error: Exception) -> Response:
        wants_page = request.method == "GET" and not request.url.path.endswith((".json", "/events"))
        if wants_page and "hx-request" not in request.headers:
            return RedirectResponse("/sign-in", status_code=303)
        words = ("Sign in first", "Your session has ended. Sign in, and do it again.")
        return await say(request, HTTPStatus.UNAUTHORIZED, words)

    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, unfit)
    app.add_exception_handler(FormError, form_error)
    app.add_exception_handler(SignInNeeded, sign_in)
