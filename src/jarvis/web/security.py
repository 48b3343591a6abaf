"""What stands around every page: headers on each answer, a limit on each body, and the door that forgery must pass.

A state-changing request must come from our own page by three signs at once: its `Origin` (or, where a browser sends
none, `Sec-Fetch-Site`) names us, its `Host` is one that we serve (which also ends DNS rebinding), and its form
carries the token that only a page made for this very session holds. The first two are checked here for every path,
so that no handler can forget them; the third in `forms.guarded_form`, which every handler of a POST goes through.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jarvis.web.proxies import Network

log = structlog.get_logger()

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'; "
    "require-trusted-types-for 'script'; trusted-types jarvis-pieces; report-uri /reports/csp"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # `no-referrer` would make browsers send `Origin: null` with our own forms, and the check below would lock us out.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), clipboard-read=()",
}
API = "/api/"
"""Below this, scripts come with a token of their own: no cookie counts there, and a browser's signs may be missing."""
HOOKS = "/hooks/"
"""Below this, others' charts knock with a secret in the body; no cookie counts there either."""
STRICT_TRANSPORT = "max-age=63072000; includeSubDomains"
SAFE_METHODS = frozenset({"GET", "HEAD"})
MAX_BODY_BYTES = 64 * 1024
_LENGTH = re.compile("[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class WebSettings:
    """How the pages are served. `origins` are the addresses that people type, scheme and port included.

    `secure` says that every one of them is reached over TLS: cookies are then `__Host-` and never sent in clear.
    """

    origins: tuple[str, ...]
    secure: bool = False
    sign_up: Literal["open", "invitation", "closed"] = "open"
    session_idle: timedelta = timedelta(minutes=30)
    session_absolute: timedelta = timedelta(hours=12)
    sandbox_url: str = ""
    """The address of the sandbox that this installation runs; empty when it runs none."""
    trusted_proxies: tuple[Network, ...] = ()
    """From where the headers of a proxy are believed."""
    plain_webhooks: bool = False
    """Whether receivers of notices may be named at http:// addresses."""
    sends_mail: bool = False
    """Whether this installation has a mail server for notices."""
    prepared: Path | None = None
    """The folder for files that are made for people to download; without one, a temporary one of the system."""
    data_dir: Path | None = None
    """Where recorded candles and own strategies lie; None where there are none."""
    master_key: str = "file"
    """Where the signer has the master key from, for the operator's page."""
    outbound_address: str = ""
    """The address that venues see this installation at; empty if the operator did not say."""
    hosts: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Derive the `Host` values that are ours; refuse settings that contradict each other."""
        if not self.origins:
            raise ValueError("origins: name at least one address that the pages are reached at")
        schemes = {origin.partition("://")[0] for origin in self.origins}
        if schemes != {"https" if self.secure else "http"}:
            raise ValueError("origins and secure contradict each other: all https with secure, all http without")
        object.__setattr__(self, "hosts", frozenset(origin.partition("://")[2] for origin in self.origins))

    def cookie_name(self, name: str) -> str:
        """The cookie's name: `__Host-` binds it to this very host, which browsers allow over TLS only."""
        return f"__Host-{name}" if self.secure else f"jarvis-{name}"


def token_for(secret: str) -> str:
    """The anti-forgery token of the session (or visitor) whose cookie holds `secret`; says nothing about it."""
    return hmac.new(secret.encode(), b"jarvis form token", hashlib.sha256).hexdigest()


def token_fits(secret: str, token: str) -> bool:
    """Whether `token` was made for `secret`; takes the same time either way."""
    return hmac.compare_digest(token_for(secret).encode(), token.encode())


def is_our_own_page(method: str, path: str, headers: Headers, settings: WebSettings) -> bool:
    """Whether a request may change state as far as the browser's own signs tell where it comes from."""
    if headers.get("host", "") not in settings.hosts:
        return False
    if method in SAFE_METHODS:
        return True
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if path.startswith((API, HOOKS)):
        return origin in (None, *settings.origins) and site in (None, "same-origin")
    if site is not None and site != "same-origin":
        return False
    if origin is not None:
        return origin in settings.origins
    return site == "same-origin"


def problem(status: int, message: str) -> JSONResponse:
    """What the API answers when it does not do as asked: a code for scripts, and our own sentence."""
    return JSONResponse({"error": {"code": problem_code(status), "message": message}}, status_code=status)


def problem_code(status: int) -> str:
    """The stable name of a problem: `not_found`."""
    return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")


def plain_page(status: HTTPStatus, message: str) -> HTMLResponse:
    """A page that needs no template: for when nothing else can be trusted to work."""
    return HTMLResponse(
        f"<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>{status.value} · Jarvis</title><h1>{status.phrase}</h1><p>{message}</p><p><a href='/'>Home</a></p>",
        status_code=status,
    )


class _BodyTooLargeError(Exception):
    pass


class Guard:
    """The outermost layer: foreign requests and large bodies end here, and no answer leaves without its headers."""

    def __init__(self, app: ASGIApp, settings: WebSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        connection = HTTPConnection(scope)
        refusal = self._refusal(scope["method"], scope["path"], connection.headers)
        if refusal is not None:
            await refusal(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, _limited(receive), send_with_headers)
        except _BodyTooLargeError:
            if not started:
                await _too_large(scope["path"])(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 - the top of a request: the person gets one quiet page
            # The text of an exception may quote what was submitted, so only its kind and place are kept.
            log.error(  # noqa: TRY400 - never with the values of a traceback
                "request_failed", path=scope["path"], error=type(error).__name__, place=_place(error)
            )
            if not started:
                page = _plain_answer(
                    scope["path"],
                    HTTPStatus.INTERNAL_SERVER_ERROR,
                    "Something broke on our side. Your positions are protected by orders that rest at the venue. "
                    "Nothing that you sent was kept; try again in a moment.",
                )
                await page(scope, receive, send_with_headers)

    def _refusal(self, method: str, path: str, headers: Headers) -> Response | None:
        if not is_our_own_page(method, path, headers, self._settings):
            return _plain_answer(
                path,
                HTTPStatus.FORBIDDEN,
                "This request did not come from a page of this installation, so nothing was done. Open the address "
                "that Jarvis printed when it started, and try again from there.",
            )
        if not path.isprintable():  # no address of ours; databases and patterns differ in what they make of such text
            return _plain_answer(path, HTTPStatus.NOT_FOUND, "There is no such page.")
        length = headers.get("content-length", "0")
        if not _LENGTH.fullmatch(length) or int(length) > MAX_BODY_BYTES:
            return _too_large(path)
        return None

    def _add_headers(self, headers: MutableHeaders, path: str) -> None:
        for name, value in HEADERS.items():
            headers[name] = value
        if self._settings.secure:
            headers["Strict-Transport-Security"] = STRICT_TRANSPORT
        if not path.startswith("/assets/"):
            headers["Cache-Control"] = "no-store"


def _limited(receive: Receive) -> Receive:
    """`receive`, which gives up on a body that is longer than it may be, whatever its length header says."""
    taken = 0

    async def receive_within_limit() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > MAX_BODY_BYTES:
                raise _BodyTooLargeError
        return message

    return receive_within_limit


def _too_large(path: str) -> Response:
    limit = f"{MAX_BODY_BYTES // 1024} KiB"
    return _plain_answer(path, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A form may hold {limit}; this one held more.")


def _plain_answer(path: str, status: HTTPStatus, message: str) -> Response:
    """A page for people, the same words as JSON for scripts."""
    if path.startswith((API, HOOKS)):
        return problem(status, message)
    return plain_page(status, message)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
