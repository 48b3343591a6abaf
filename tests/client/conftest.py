"""A running installation with an owner, their account and a token, and a line to it that can be cut."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI

from jarvis.client import Jarvis, Place
from jarvis.domain.account import AccountId
from jarvis.domain.people import Scope
from jarvis.store.db import Store
from jarvis.web.app import create_app
from jarvis.web.security import WebSettings
from tests.web import day
from tests.web.conftest import SaidConnector
from tests.web.listening import Listening, listening
from tests.web.second_factor import Seeds
from tests.web.test_api import person_of, token_of

NOW = datetime(2026, 11, 21, 14, 3, 30, tzinfo=UTC)


@dataclass
class Quickly:
    """A clock on which time passes at every look: no bucket is ever empty."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=10)
        return self.at


@dataclass
class Installation:
    """What a script knows of, and the server behind it."""

    server: Listening
    account: AccountId
    token: str

    @property
    def place(self) -> Place:
        return Place(f"http://127.0.0.1:{self.server.port}", self.token)

    @property
    def client(self) -> Jarvis:
        return Jarvis(self.place, sleep=lambda _seconds: None)

    def say(self, message: str) -> None:
        """Something happens on the account."""

        async def record(store: Store) -> None:
            await store.record_activity(self.account, "said", "info", message, at=NOW, pair=None)

        self.server.run(record)


@pytest.fixture
def installation(migrated_file: Path, tmp_path: Path) -> Iterator[Installation]:
    path = tmp_path / "jarvis.db"
    shutil.copyfile(migrated_file, path)

    async def make_app(store: Store, host: str) -> FastAPI:
        port = host.rpartition(":")[2]
        settings = WebSettings(origins=(f"http://{host}", f"http://localhost:{port}"))
        return create_app(settings, store, SaidConnector(store), seeds=Seeds(), now=Quickly())

    async def prepare(store: Store) -> tuple[AccountId, str]:
        ada = await person_of(store, "ada", NOW)
        return await day.lived(store, ada.user_id), await token_of(store, ada, NOW, *Scope, days=365)

    with listening(f"sqlite+aiosqlite:///{path}", make_app) as server:
        account, token = server.run(prepare)
        yield Installation(server, account, token)


@dataclass
class Line:
    """Carries bytes to a server, and can be cut at any byte. The server must know the line's port as its own."""

    to_port: int
    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    connections: int = 0
    is_open: bool = True

    def cut(self) -> None:
        """Everything that is connected now breaks off."""
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    """A line to the server at `port`; it rewrites the Host header, by which the server knows itself."""
    line = Line(port)
    own = f"Host: 127.0.0.1:{port}".encode()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not line.is_open:
            writer.transport.abort()
            return
        line.connections += 1
        there, to_there = await asyncio.open_connection("127.0.0.1", port)
        line.writers += [writer, to_there]

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while piece := await source.read(4096):
                    target.write(piece.replace(f"Host: 127.0.0.1:{line.port}".encode(), own))
                    await target.drain()
            target.close()

        async with asyncio.TaskGroup() as both:
            both.create_task(copy(reader, to_there))
            both.create_task(copy(there, writer))

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        line.cut()
        server.close()
        await server.wait_closed()
