"""The sandbox served on loopback only: the venues' REST and WebSocket, their pages, the fault switches, the clock."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from jarvis.emulators.pages import CONTENT_SECURITY_POLICY
from jarvis.emulators.sandbox import Sandbox
from jarvis.emulators.site import Site, whole_body
from jarvis.emulators.venue import VenueEmulator
from jarvis.emulators.wire import WireRequest, WireResponse

_LOG = structlog.get_logger(__name__)


def create_app(sandbox: Sandbox) -> ASGIApp:
    """The ASGI application of a sandbox. It moves no time: `serve` or the caller runs `sandbox.clock`."""
    site = Site(sandbox)
    routes: list[BaseRoute] = [*site.routes(), *_clock_routes(sandbox)]
    for emulator in sandbox.venues.values():
        routes += _wire_routes(emulator)
    return _Guard(Starlette(routes=routes))


def _wire_routes(emulator: VenueEmulator) -> list[BaseRoute]:
    """A venue's own paths below its name, and its REST without it: some clients keep only the host of an address."""

    def rest(prefix: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            wire = WireRequest(
                method=request.method,
                path=request.url.path.removeprefix(prefix),
                query=request.url.query,
                headers=dict(request.headers),
                body=await whole_body(request),
                remote=request.client.host if request.client else "127.0.0.1",
            )
            response = await _answer_unless_gone(request, emulator.handle(wire))
            if response is None:
                return Response(status_code=499)
            return Response(response.body, response.status, headers=dict(response.headers))

        return answer

    async def converse(websocket: WebSocket) -> None:
        await websocket.accept()
        remote = websocket.client.host if websocket.client else "127.0.0.1"
        path = websocket.url.path.removeprefix(prefix)
        wire = emulator.connect(f"{path}?{websocket.url.query}" if websocket.url.query else path, remote)
        await _bridge(websocket, wire.next_frame, wire.receive, wire.close, lambda: wire.close_code)

    prefix = f"/{emulator.name}"
    methods = ["GET", "POST", "PUT", "DELETE"]
    return [
        *(Route(f"{root}{{path:path}}", rest(""), methods=methods) for root in emulator.roots),
        Route(f"{prefix}/{{path:path}}", rest(prefix), methods=methods),
        WebSocketRoute(f"{prefix}/{{path:path}}", converse),
    ]


def _clock_routes(sandbox: Sandbox) -> list[BaseRoute]:
    clock = sandbox.clock

    async def tell(_request: Request) -> Response:
        return JSONResponse({"now": clock.now.isoformat(), "rate": clock.rate, "ended": clock.ended})

    async def follow(websocket: WebSocket) -> None:
        await websocket.accept()
        follower = clock.join(answers=websocket.query_params.get("follow", "0") == "1")
        await _bridge(websocket, follower.next_message, follower.receive, lambda: clock.leave(follower))

    return [Route("/sandbox/clock", tell), WebSocketRoute("/sandbox/clock", follow)]


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


async def _bridge(
    websocket: WebSocket,
    next_text: Callable[[], Awaitable[str | None]],
    receive: Callable[[str], None],
    close: Callable[[], None],
    code: Callable[[], int] = lambda: 1000,
) -> None:
    """Carry texts both ways until either side closes."""

    async def outgoing() -> None:
        while (text := await next_text()) is not None:
            await websocket.send_text(text)
        await websocket.close(code())

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
