"""SQLite on the event loop's own thread: for a simulation on a virtual clock, where a thread would be a second time.

    store = await Store.open(url, migrate=True, async_creator=inline_creator(path))

Every call runs to its end before anything else does, so a run from one seed is the same run every time. Put the file
on a memory disk (`/dev/shm`): each commit syncs it.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import aiosqlite


class InlineConnection(aiosqlite.Connection):
    """An aiosqlite connection without a thread."""

    def __init__(self, path: Path) -> None:
        super().__init__(lambda: sqlite3.connect(path, isolation_level=None), iter_chunk_size=64)

    def __await__(self) -> Generator[Any, None, "InlineConnection"]:
        return self._open().__await__()

    async def _open(self) -> "InlineConnection":
        self._connection = self._connector()
        return self

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._connection is None:
            raise ValueError("no active connection")
        return fn(*args, **kwargs)

    async def close(self) -> None:
        self.stop()

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def inline_creator(path: Path) -> Callable[[], Awaitable[InlineConnection]]:
    """What `Store.open` takes as its `async_creator`."""

    async def create() -> InlineConnection:
        return await InlineConnection(path)

    return create
