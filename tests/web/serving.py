"""The application behind a real server in a thread of its own, for a real browser."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from socket import socket
from typing import TypeVar

import uvicorn
from fastapi import FastAPI

from jarvis.accounts.passwords import HashCost, Passwords
from jarvis.store.db import Store
from jarvis.web.app import create_app
from jarvis.web.security import WebSettings
from tests.web.conftest import SANDBOX, SaidConnector
from tests.web.second_factor import Seeds

T = TypeVar("T")


@dataclass
class Ahead:
    """The wall clock, which a test may set ahead."""

    by: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by

    def pass_by(self, duration: timedelta) -> None:
        self.by += duration


@dataclass
class Served:
    """A running server. `run` does something with the store on the server's own loop."""

    origin: str
    loop: asyncio.AbstractEventLoop
    store: Store
    connector: SaidConnector
    time: Ahead
    app: FastAPI
    errors: list[str] = field(default_factory=list)

    def run(self, work: Callable[[Store], Awaitable[T]]) -> T:
        async def awaited() -> T:
            return await work(self.store)

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop).result(timeout=30)


@contextmanager
def serving(database: str, host: str = "127.0.0.1") -> Iterator[Served]:
    """Serve the store at `database` on a free port of loopback, which people reach as `host`."""
    started = threading.Event()
    served: list[Served] = []
    stop: list[Callable[[], None]] = []

    async def serve() -> None:
        with socket() as listener:
            listener.bind(("127.0.0.1", 0))
            origin = f"http://{host}:{listener.getsockname()[1]}"
            store = await Store.open(database)
            time = Ahead()
            connector = SaidConnector(store)
            app = create_app(
                WebSettings(origins=(origin,), sandbox_url=SANDBOX),
                store,
                connector,
                seeds=Seeds(),
                passwords=Passwords(HashCost(time=3, memory=12 * 1024)),
                now=time,
            )
            config = uvicorn.Config(app, log_level="error", ws="none", timeout_graceful_shutdown=1, server_header=False)
            server = uvicorn.Server(config)
            served.append(Served(origin, asyncio.get_running_loop(), store, connector, time, app))
            stop.append(lambda: setattr(server, "should_exit", True))
            started.set()
            try:
                await server.serve(sockets=[listener])
            finally:
                await app.state.jobs.close()
                await store.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="web under test")
    thread.start()
    try:
        assert started.wait(20), "the server did not start"
        yield served[0]
    finally:
        for each in stop:
            each()
        thread.join(20)
