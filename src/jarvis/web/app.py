"""The web application: what stands around every page, and every page."""

import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from jarvis.accounts.links import Links
from jarvis.accounts.passkeys import Passkeys
from jarvis.accounts.passwords import Passwords
from jarvis.accounts.people import People
from jarvis.accounts.recovery import RecoveryCodes
from jarvis.accounts.sessions import SessionLimits, Sessions
from jarvis.accounts.throttle import Rate, SignInThrottle, ThrottleRates
from jarvis.accounts.tokens import Tokens
from jarvis.accounts.totp import SeedKeeper, Totp
from jarvis.signer.client import SignerHealth
from jarvis.store.db import Store
from jarvis.store.errors import StoreError
from jarvis.web import api, installation
from jarvis.web.books import group as books
from jarvis.web.books import tax
from jarvis.web.books.reckoned import Reckonings
from jarvis.web.connecting import account, beginning, onboarding, wizard
from jarvis.web.connecting.connect import KeyConnector
from jarvis.web.context import NOT_FOR_THIS_ROLE, ProofNeeded, SecretSealer, SignInNeeded, Web
from jarvis.web.desk import charts, everything, one, stream
from jarvis.web.forms import FormError
from jarvis.web.handbook import pages as handbook
from jarvis.web.jobs import Jobs
from jarvis.web.messages import confirming, hooks, notices, notifications
from jarvis.web.people import audit, data, entrance, factors, jobs, links, prove, sessions, sharing, tokens
from jarvis.web.proxies import BehindProxy
from jarvis.web.pulse import Pulse
from jarvis.web.render import ASSETS, pages
from jarvis.web.reports import Reports
from jarvis.web.research import verdicts
from jarvis.web.security import Guard, WebSettings
from jarvis.web.trading import arming, limits, strategies, trade

log = structlog.get_logger()

_SIGN_UPS = ThrottleRates(
    account=Rate(30, timedelta(seconds=10)),
    address=Rate(6, timedelta(minutes=1)),
    everybody=Rate(30, timedelta(seconds=10)),
)

_GROUPS = (
    onboarding,
    handbook,
    entrance,
    links,
    prove,
    factors,
    sessions,
    tokens,
    confirming,
    hooks,
    notices,
    notifications,
    audit,
    sharing,
    data,
    jobs,
    tax,
    installation,
    wizard,
    beginning,
    account,
    arming,
    strategies,
    limits,
    books,
    verdicts,
    everything,
    stream,
    charts,
    trade,
    one,
)
"""Every group of pages. What has a name of its own below /account comes before what is named by a venue."""

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

_NOT_YOURS = ("Not for your role", "Your account here may look, and not change this. Nothing was done.")
_PROOF_NEEDED = (
    "Confirm that it is you",
    "This needs a passkey or a code of the last ten minutes, so nothing was done. Confirm, and send the form again.",
)


class _Assets(StaticFiles):
    """Files of this build: their address changes with their content, so they may be kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == HTTPStatus.OK:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


class Keeper(SeedKeeper, SecretSealer, Protocol):
    """The signer, as far as it keeps what belongs to people."""


def create_app(
    settings: WebSettings,
    store: Store,
    connector: KeyConnector,
    *,
    seeds: Keeper,
    passwords: Passwords | None = None,
    throttle: SignInThrottle | None = None,
    now: Callable[[], datetime] | None = None,
    pulse: Callable[[], Awaitable[SignerHealth | None]] | None = None,
) -> FastAPI:
    """The application. It sees the store and the connector; it has no way to the signer's vault.

    `seeds` seals the seeds of authenticator apps and checks their codes. `pulse` asks the signer how it is; without it
    nobody answers. `passwords`, `throttle` and `now` are given by tests. Whoever serves it closes
    `app.state.jobs` at the end.
    """
    hashing = passwords or Passwords()
    open_sessions = Sessions(store, SessionLimits(settings.session_idle, settings.session_absolute))
    totp = Totp(store, seeds)
    host = passkey_host(settings.origins)
    clock = now or (lambda: datetime.now(UTC))
    web = Web(
        settings=settings,
        store=store,
        people=People(
            storage=store,
            passwords=hashing,
            sessions=open_sessions,
            throttle=throttle or SignInThrottle(),
            new_id=_new_id,
            totp=totp,
        ),
        sessions=open_sessions,
        passkeys=Passkeys(store, sessions=open_sessions, rp_id=host or "localhost", origins=settings.origins),
        passkey_host=host,
        totp=totp,
        recovery=RecoveryCodes(store),
        links=Links(store, hashing, new_id=_new_id),
        tokens=Tokens(store),
        sign_up_throttle=SignInThrottle(_SIGN_UPS),
        connector=connector,
        secrets=seeds,
        pages=pages(),
        jobs=Jobs(clock, _new_id, settings.prepared),
        reckonings=Reckonings(store),
        now=clock,
        pulse=pulse or _nobody,
    )
    app = FastAPI(title="Jarvis", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.jobs = web.jobs
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(BehindProxy, trusted=settings.trusted_proxies)
    app.add_route("/healthz", Pulse(store).take, methods=["GET"], include_in_schema=False)
    app.add_route("/reports/csp", Reports(web.now).take, methods=["POST"], include_in_schema=False)
    app.mount(f"/api/{api.VERSION}", api.api_of(web), name="api")
    for group in _GROUPS:
        app.include_router(group.router(web))
    app.mount(f"/assets/{web.pages.build}", _Assets(directory=ASSETS), name="assets")
    _add_error_pages(app, web)
    return app


async def _nobody() -> SignerHealth | None:
    return None


def passkey_host(origins: Sequence[str]) -> str:
    """The first name among the addresses, to which passkeys are bound; empty if they are all numbers."""
    hosts = [urlsplit(origin).hostname or "" for origin in origins]
    return next((host for host in hosts if not _is_number(host)), "")


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _new_id() -> str:
    return secrets.token_hex(10)


def _add_error_pages(app: FastAPI, web: Web) -> None:
    async def say(request: Request, status: int, words: tuple[str, str] | None = None) -> Response:
        title, text = words or _WORDS.get(status, _WORDS[422])
        if _wants_json(request):
            return JSONResponse({"error": text}, status_code=status)
        links = [("Home", "/")]
        return await web.page(request, "message.html", {"title": title, "text": text, "links": links}, status)

    async def http_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            return await say(request, HTTPStatus.INTERNAL_SERVER_ERROR)
        return await say(request, error.status_code, _NOT_YOURS if error.detail == NOT_FOR_THIS_ROLE else None)

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

    async def proof(request: Request, _error: Exception) -> Response:
        if request.method == "GET" and not _wants_json(request) and "hx-request" not in request.headers:
            return RedirectResponse(prove.address_of_proof(prove.page_of(request)), status_code=303)
        if _wants_json(request):
            return await say(request, HTTPStatus.FORBIDDEN, _PROOF_NEEDED)
        title, text = _PROOF_NEEDED
        links = [("Confirm, and go back to the form", prove.address_of_proof(prove.page_of(request))), ("Home", "/")]
        return await web.page(request, "message.html", {"title": title, "text": text, "links": links}, 403)

    async def store_error(request: Request, error: Exception) -> Response:
        # What must be in the audit and cannot be written there is not done at all.
        log.error("request_not_served", path=request.url.path, reason=str(error))
        words = ("Not done", "This could not be written down, so nothing of it was done. Try again in a moment.")
        try:
            return await say(request, HTTPStatus.SERVICE_UNAVAILABLE, words)
        except StoreError:
            return PlainTextResponse(" ".join(words), HTTPStatus.SERVICE_UNAVAILABLE)

    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(StoreError, store_error)
    app.add_exception_handler(ProofNeeded, proof)
    app.add_exception_handler(RequestValidationError, unfit)
    app.add_exception_handler(FormError, form_error)
    app.add_exception_handler(SignInNeeded, sign_in)


def _wants_json(request: Request) -> bool:
    return request.url.path.endswith(".json") or request.headers.get("accept", "") == "application/json"
