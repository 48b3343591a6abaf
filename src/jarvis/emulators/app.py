"""The sandbox served: the venue's REST and WebSocket, its pages, the fault switches and the clock, on loopback only."""

import asyncio
import ipaddress
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from jarvis.domain.instrument import Pair
from jarvis.domain.money import USD, exact
from jarvis.emulators.faults import Fault, FaultKind
from jarvis.emulators.kraken.keys import VenueAccount
from jarvis.emulators.pages import BOXES, CONTENT_SECURITY_POLICY, ICON, STYLE, KeyForm, Pages, fault_record
from jarvis.emulators.sandbox import Sandbox
from jarvis.emulators.wire import WireRequest, WireResponse

_LOG = structlog.get_logger(__name__)
_KEYS_PAGE = "/kraken/settings/api"
_MAX_BODY = 1024 * 1024


def create_app(sandbox: Sandbox) -> ASGIApp:
    """The ASGI application of a sandbox. It moves no time: `serve` or the caller runs `sandbox.clock`."""
    site = _Site(sandbox)
    routes = [
        Route("/kraken/0/{path:path}", site.rest, methods=["GET", "POST"]),
        # Some clients keep only the host of the address that they are given.
        Route("/0/{path:path}", site.rest, methods=["GET", "POST"]),
        WebSocketRoute("/kraken/ws/v2", site.socket),
        WebSocketRoute("/kraken/ws-auth/v2", site.socket),
        Route(_KEYS_PAGE, site.keys),
        Route(f"{_KEYS_PAGE}/new", site.new_key),
        Route(f"{_KEYS_PAGE}/accounts", site.create_account_by_form, methods=["POST"]),
        Route(f"{_KEYS_PAGE}/keys", site.create_key_by_form, methods=["POST"]),
        Route(f"{_KEYS_PAGE}/revoke", site.revoke_by_form, methods=["POST"]),
        Route("/sandbox/faults", site.faults, methods=["GET", "POST", "DELETE"]),
        Route("/sandbox/faults/clear", site.clear_faults_by_form, methods=["POST"]),
        Route("/sandbox/faults/{fault_id:int}", site.remove_fault, methods=["DELETE"]),
        Route("/sandbox/faults/{fault_id:int}/remove", site.remove_fault_by_form, methods=["POST"]),
        Route("/sandbox/kraken/accounts", site.accounts, methods=["GET", "POST"]),
        Route("/sandbox/kraken/accounts/{name}", site.account),
        Route("/sandbox/kraken/accounts/{name}/keys", site.create_key, methods=["POST"]),
        Route("/sandbox/kraken/sockets/drop", site.drop_sockets, methods=["POST"]),
        Route("/sandbox/clock", site.clock),
        WebSocketRoute("/sandbox/clock", site.clock_socket),
        Route("/sandbox/assets/sandbox.css", site.style),
        Route("/sandbox/assets/icon.svg", site.icon),
        Route("/", site.home),
    ]
    return _Guard(Starlette(routes=routes))


async def serve(sandbox: Sandbox, host: str, port: int) -> None:
    """Serve a sandbox and run its clock until cancelled or told to stop by a signal. Raises ValueError off loopback."""
    with _listen(host, port) as listener:
        server = uvicorn.Server(_config(sandbox))
        async with asyncio.TaskGroup() as tasks:
            clock = tasks.create_task(sandbox.clock.run())
            await server.serve(sockets=[listener])
            clock.cancel()


@asynccontextmanager
async def served(sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """The address (`http://127.0.0.1:PORT`) of a sandbox served inside this block; its clock is left to the caller."""
    with _listen(host, port) as listener:
        server = _QuietServer(_config(sandbox))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(server.serve(sockets=[listener]))
            while not server.started and not running.done():  # noqa: ASYNC110 -- uvicorn offers a flag, no event
                await asyncio.sleep(0.01)
            try:
                yield f"http://{host}:{listener.getsockname()[1]}"
            finally:
                server.should_exit = True


class _QuietServer(uvicorn.Server):
    """A server inside a process that handles signals itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: signals stay with the process."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    if not address.is_loopback:
        raise ValueError(f"the sandbox listens on this machine only; {host} is not a loopback address")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((str(address), port))
    except OSError:
        listener.close()
        raise
    return listener


def _config(sandbox: Sandbox) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(sandbox),
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


class _Guard:
    """Refuses requests that a browser sends on behalf of another site, and stamps every page's security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}
        if not _is_local(headers.get("host", "")) or not _is_same_site(headers):
            refusal = Response("This sandbox answers on loopback addresses and to its own pages only.\n", 403)
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 4403})
            else:
                await refusal(scope, receive, send)
            return

        async def stamped(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"same-origin"),
                    (b"cache-control", b"no-store"),
                ]
            await send(message)

        await self._app(scope, receive, stamped)


def _is_local(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_same_site(headers: dict[str, str]) -> bool:
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


class _Mistake(Exception):
    """What the person or script sent cannot be done; the text says why."""


class _Site:
    """The handlers, over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._kraken = sandbox.kraken
        self._pages = Pages()

    # The venue's own wire.

    async def rest(self, request: Request) -> Response:
        body = await _body(request)
        wire = WireRequest(
            method=request.method,
            path=f"/0/{request.path_params['path']}",
            query=request.url.query,
            headers=dict(request.headers),
            body=body,
            remote=request.client.host if request.client else "127.0.0.1",
        )
        answer = await _answer_unless_gone(request, self._kraken.handle(wire))
        if answer is None:
            return Response(status_code=499)
        return Response(answer.body, answer.status, headers=dict(answer.headers))

    async def socket(self, websocket: WebSocket) -> None:
        await websocket.accept()
        remote = websocket.client.host if websocket.client else "127.0.0.1"
        wire = self._kraken.connect(websocket.url.path.removeprefix("/kraken"), remote)
        await _bridge(websocket, wire.next_frame, wire.receive, wire.close)

    # The API-management page.

    async def keys(self, request: Request) -> Response:
        account = self._named_account(request.query_params.get("account"))
        return self._keys_page(account)

    async def new_key(self, request: Request) -> Response:
        account = self._named_account(request.query_params.get("account"))
        if account is None:
            return RedirectResponse(_KEYS_PAGE, 303)
        return HTMLResponse(self._pages.new_key(now=self._sandbox.now, account=account, form=KeyForm()))

    async def create_account_by_form(self, request: Request) -> Response:
        form = await _form(request)
        try:
            account = self._create_account(
                form.get("name", ""), form.get("deposit", ""), form.get("profile", "international")
            )
        except _Mistake as mistake:
            return self._keys_page(self._named_account(None), mistake=str(mistake))
        return RedirectResponse(f"{_KEYS_PAGE}?account={quote(account.name)}", 303)

    async def create_key_by_form(self, request: Request) -> Response:
        async with request.form() as fields:
            account = self._named_account(str(fields.get("account", "")))
            form = KeyForm(
                label=str(fields.get("label", "")),
                permissions=frozenset(str(value) for value in fields.getlist("permission")),
                ip_allowlist=str(fields.get("ip_allowlist", "")),
                expires_at=str(fields.get("expires_at", "")),
                nonce_window=str(fields.get("nonce_window", "0")),
            )
        if account is None:
            return self._keys_page(None, mistake="Choose an account first.")
        try:
            public, _ = self._make_key(account, form)
        except _Mistake as mistake:
            page = self._pages.new_key(now=self._sandbox.now, account=account, form=form, mistake=str(mistake))
            return HTMLResponse(page, 422)
        key = self._kraken.keys.find(public)
        if key is None:
            raise RuntimeError("a key that was just made is not there")
        return HTMLResponse(self._pages.key_made(now=self._sandbox.now, account=account, key=key))

    async def revoke_by_form(self, request: Request) -> Response:
        form = await _form(request)
        account = self._named_account(form.get("account"))
        if self._kraken.revoke_key(form.get("key", "")):
            return self._keys_page(account, message="The key was revoked. It no longer works.")
        return self._keys_page(account, mistake="There is no such key.")

    def _keys_page(self, account: VenueAccount | None, *, mistake: str = "", message: str = "") -> Response:
        ring = self._kraken.keys
        page = self._pages.keys(
            now=self._sandbox.now,
            accounts=list(ring.accounts.values()),
            account=account,
            keys=ring.keys_of(account.name) if account else [],
            mistake=mistake,
            message=message,
        )
        return HTMLResponse(page, 422 if mistake else 200)

    def _named_account(self, name: str | None) -> VenueAccount | None:
        accounts = self._kraken.keys.accounts
        return accounts.get(name) if name else next(iter(accounts.values()), None)

    # Faults.

    async def faults(self, request: Request) -> Response:
        wants_page = "text/html" in request.headers.get("accept", "")
        if request.method == "DELETE":
            self._kraken.clear_faults()
            return Response(status_code=204)
        if request.method == "GET":
            if wants_page:
                return self._faults_page()
            return JSONResponse([fault_record(fault) for fault in self._kraken.faults.active])
        if request.headers.get("content-type", "").startswith("application/json"):
            try:
                fault = self._add_fault(await _json(request))
            except _Mistake as mistake:
                return JSONResponse({"error": str(mistake)}, 422)
            return JSONResponse(fault_record(fault), 201)
        try:
            self._add_fault({name: value for name, value in (await _form(request)).items() if value})
        except _Mistake as mistake:
            return self._faults_page(str(mistake))
        return RedirectResponse("/sandbox/faults", 303)

    async def clear_faults_by_form(self, request: Request) -> Response:
        await _body(request)
        self._kraken.clear_faults()
        return RedirectResponse("/sandbox/faults", 303)

    async def remove_fault(self, request: Request) -> Response:
        removed = self._kraken.remove_fault(request.path_params["fault_id"])
        return Response(status_code=204 if removed else 404)

    async def remove_fault_by_form(self, request: Request) -> Response:
        self._kraken.remove_fault(request.path_params["fault_id"])
        return RedirectResponse("/sandbox/faults", 303)

    def _faults_page(self, mistake: str = "") -> Response:
        page = self._pages.faults(now=self._sandbox.now, faults=self._kraken.faults.active, mistake=mistake)
        return HTMLResponse(page, 422 if mistake else 200)

    def _add_fault(self, fields: dict[str, Any]) -> Fault:
        try:
            pair = fields.get("pair")
            count = fields.get("count")
            return self._kraken.add_fault(
                FaultKind(str(fields.get("kind", ""))),
                count=int(count) if count is not None else None,
                probability=float(fields.get("probability", 1)),
                operation=str(fields.get("operation", "*")),
                account=fields.get("account"),
                pair=Pair.parse(str(pair)) if pair else None,
                seconds=float(fields.get("seconds", 30)),
                leverage=int(fields.get("leverage", 2)),
                status=int(fields.get("status", 502)),
            )
        except (ValueError, TypeError) as error:
            raise _Mistake(str(error)) from error

    # Accounts, for scripts and checks.

    async def accounts(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(list(self._kraken.keys.accounts))
        try:
            fields = await _json(request)
            account = self._create_account(
                str(fields.get("name", "")),
                str(fields.get("deposit", "0")),
                str(fields.get("profile", "international")),
            )
        except _Mistake as mistake:
            return JSONResponse({"error": str(mistake)}, 422)
        return JSONResponse({"name": account.name}, 201)

    async def account(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._kraken.keys.accounts:
            return JSONResponse({"error": f"there is no account {name!r}"}, 404)
        return JSONResponse(self._kraken.account_record(name))

    async def create_key(self, request: Request) -> Response:
        account = self._kraken.keys.accounts.get(request.path_params["name"])
        if account is None:
            return JSONResponse({"error": "there is no such account"}, 404)
        try:
            fields = await _json(request)
            form = KeyForm(
                label=str(fields.get("label", "key")),
                permissions=frozenset(str(name) for name in fields.get("permissions", [])),
                ip_allowlist="\n".join(str(address) for address in fields.get("ip_allowlist", [])),
                expires_at=str(fields.get("expires_at", "")),
                nonce_window=str(fields.get("nonce_window", "0")),
            )
            public, private = self._make_key(account, form)
        except _Mistake as mistake:
            return JSONResponse({"error": str(mistake)}, 422)
        return JSONResponse({"api_key": public, "private_key": private}, 201)

    async def drop_sockets(self, request: Request) -> Response:
        await _body(request)
        return JSONResponse({"dropped": self._kraken.drop_sockets()})

    def _create_account(self, name: str, deposit: str, profile: str) -> VenueAccount:
        cleaned = name.strip()
        if not cleaned or len(cleaned) > 40 or not all(sign.isalnum() or sign in "._-" for sign in cleaned):
            raise _Mistake("An account's name has 1 to 40 letters, digits, dots, dashes or underscores.")
        try:
            amount = exact(deposit.strip())
        except ValueError:
            raise _Mistake("The deposit must be a number, for example 10000.") from None
        if amount < 0 or amount > Decimal(10) ** 12:
            raise _Mistake("The deposit must not be negative, and not above 1,000,000,000,000.")
        try:
            return self._kraken.create_account(cleaned, {USD: amount}, profile=profile)
        except (ValueError, InvalidOperation) as error:
            raise _Mistake(str(error)) from error

    def _make_key(self, account: VenueAccount, form: KeyForm) -> tuple[str, str]:
        if not form.label.strip():
            raise _Mistake("Give the key a description, so that you can tell it from others.")
        if unknown := form.permissions - set(BOXES):
            raise _Mistake(f"There is no permission {', '.join(sorted(unknown))}.")
        try:
            expires_at = datetime.fromisoformat(form.expires_at).replace(tzinfo=UTC) if form.expires_at else None
            return self._kraken.create_key(
                account.name,
                form.permissions,
                form.label.strip(),
                ip_allowlist=tuple(form.ip_allowlist.replace(",", " ").split()),
                expires_at=expires_at,
                nonce_window=int(form.nonce_window or 0),
            )
        except ValueError as error:
            raise _Mistake(f"The key was not made: {error}.") from error

    # The clock, and the rest.

    async def clock(self, _request: Request) -> Response:
        clock = self._sandbox.clock
        return JSONResponse({"now": clock.now.isoformat(), "rate": clock.rate, "ended": clock.ended})

    async def clock_socket(self, websocket: WebSocket) -> None:
        await websocket.accept()
        clock = self._sandbox.clock
        follower = clock.join(answers=websocket.query_params.get("follow", "0") == "1")
        await _bridge(websocket, follower.next_message, follower.receive, lambda: clock.leave(follower))

    async def style(self, _request: Request) -> Response:
        return FileResponse(STYLE, media_type="text/css")

    async def icon(self, _request: Request) -> Response:
        return FileResponse(ICON, media_type="image/svg+xml")

    async def home(self, _request: Request) -> Response:
        return RedirectResponse(_KEYS_PAGE, 303)


async def _bridge(
    websocket: WebSocket,
    next_text: Callable[[], Awaitable[str | None]],
    receive: Callable[[str], None],
    close: Callable[[], None],
) -> None:
    """Carry texts both ways until either side closes."""

    async def outgoing() -> None:
        while (text := await next_text()) is not None:
            await websocket.send_text(text)
        await websocket.close()

    writer = asyncio.create_task(outgoing())
    try:
        while True:
            try:
                text = await websocket.receive_text()
            except (WebSocketDisconnect, RuntimeError):
                # Gone, or closed by us while we waited.
                return
            receive(text)
    except ValueError as error:
        _LOG.warning("socket_closed_for_its_frame", path=websocket.url.path, reason=str(error))
    finally:
        close()
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)


async def _answer_unless_gone(request: Request, work: Coroutine[Any, Any, WireResponse]) -> WireResponse | None:
    """The answer, or None when the client hung up first: nobody waits for a held answer then."""
    answering = asyncio.create_task(work)
    done, _ = await asyncio.wait({answering}, timeout=0.1)
    if not done:
        leaving = asyncio.create_task(_gone(request))
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
    if not answering.done():
        answering.cancel()
        return None
    return answering.result()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise HTTPException(413, "The body is too long.")
    return bytes(body)


async def _form(request: Request) -> dict[str, str]:
    async with request.form() as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


async def _json(request: Request) -> dict[str, Any]:
    try:
        fields = json.loads(await _body(request) or b"{}")
    except ValueError:
        raise _Mistake("The body is no JSON.") from None
    if not isinstance(fields, dict):
        raise _Mistake("The body must be a JSON object.")
    return fields
