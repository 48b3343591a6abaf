"""An application behind the server that an installation has, in a thread of its own."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from socket import socket
from typing import TypeVar

import uvicorn
from starlette.types import ASGIApp

from jarvis.store.db import Store
from jarvis.web.proxies import Network
from jarvis.web.server import Limits, server_of

T = TypeVar("T")
MakeApp = Callable[[Store, str], Awaitable[ASGIApp]]


@dataclass
class Listening:
    """A running server."""

    port: int
    loop: asyncio.AbstractEventLoop
    store: Store
    server: uvicorn.Server

    def run(self, work: Callable[[Store], Awaitable[T]]) -> T:
        """Do something with the store on the server's own loop."""

        async def awaited() -> T:
            return await work(self.store)

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop).result(timeout=30)


@contextmanager
def listening(
    database: str,
    make_app: MakeApp,
    *,
    limits: Limits | None = None,
    context: ssl.SSLContext | None = None,
    proxies: Sequence[Network] = (),
) -> Iterator[Listening]:
    """Serve what `make_app` makes of the store and the server's host and port."""
    started = threading.Event()
    running: list[Listening] = []

    async def serve() -> None:
        with socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(512)
            port = listener.getsockname()[1]
            store = await Store.open(database)
            try:
                server = server_of(
                    await make_app(store, f"127.0.0.1:{port}"), proxies=proxies, context=context, limits=limits
                )
                running.append(Listening(port, asyncio.get_running_loop(), store, server))
                started.set()
                await server.serve(sockets=[listener])
            finally:
                await store.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="web under test")
    thread.start()
    try:
        assert started.wait(20), "the server did not start"
        yield running[0]
    finally:
        for each in running:
            each.server.should_exit = True
        thread.join(20)
