"""Connections and transactions: SQLite with one writer, or PostgreSQL.

On SQLite every write transaction begins IMMEDIATE and is synced before it counts (WAL, synchronous=FULL): an intent
that was written survives the power cut. Reads have connections of their own and never wait for a writer.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from jarvis.store.errors import StoreError, StoreFullError

_FULL = ("database or disk is full", "No space left", "disk I/O error", "could not extend file")


class Database:
    """What the store's parts stand on: `read()` and `write()` give a connection in a transaction."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader

    @classmethod
    def connect(cls, url: str, *, creator: Callable[[], Any] | None = None) -> Self:
        """A database at `url`. With `creator` one connection, made by it, serves everything: for simulations."""
        if creator is not None:
            engine = create_async_engine(url, async_creator=creator, poolclass=StaticPool)
            _tune_sqlite(engine, begin="BEGIN IMMEDIATE")
            return cls(engine, engine)
        if url.startswith("sqlite"):
            writer = create_async_engine(url, pool_size=1, max_overflow=0, connect_args={"timeout": 30})
            reader = create_async_engine(url, pool_size=4, connect_args={"timeout": 30})
            _tune_sqlite(writer, begin="BEGIN IMMEDIATE")
            _tune_sqlite(reader, begin="BEGIN")
            return cls(writer, reader)
        engine = create_async_engine(url, pool_size=8, pool_pre_ping=True)
        return cls(engine, engine)

    @property
    def is_sqlite(self) -> bool:
        """Whether one file on this machine is the whole database."""
        return self._writer.dialect.name == "sqlite"

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        await self._reader.dispose()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: all of it is durable when the block ends, or none of it when it raises."""
        try:
            async with self._writer.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise _in_words(error) from error

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent look."""
        try:
            async with self._reader.connect() as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            raise _in_words(error) from error


def _in_words(error: DBAPIError) -> Exception:
    text = str(error.orig)
    if any(words in text for words in _FULL):
        return StoreFullError("the disk is full: nothing was written; free some space, entries wait until then")
    if "locked" in text:
        return StoreError("the database is locked by another program; close it")
    if "readonly" in text or "read-only" in text:
        return StoreError("the database cannot be written: check the owner and mode of its file and folder")
    if "unable to open" in text:
        return StoreError("the database file cannot be opened: check the data folder")
    return error


def _tune_sqlite(engine: AsyncEngine, *, begin: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the driver would do so only at the first write
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)
