"""Connections, transactions and the one place where a driver's complaint becomes a line for a person.

SQLite has one writer at a time: a process's writers take turns, and their transactions begin IMMEDIATE, so that two
processes queue up instead of failing half way. Its reading connections cannot write. PostgreSQL has a pool.
"""

import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Executable, Table, delete, event, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, CursorResult, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from jarvis.store import schema
from jarvis.store.direct import DirectWriter
from jarvis.store.errors import StoreBusy, StoreError, StoreFull, StoreUnavailable
from jarvis.store.reserve import Reserve
from jarvis.store.turn import Turn
from jarvis.store.whole import WholeCalls

AsyncCreator = Callable[[], Awaitable[Any]]
"""Opens one driver connection. For SQLite it must have been opened with `isolation_level=None`."""

BUSY_SECONDS = 10
_PATIENCE = 6 * BUSY_SECONDS
_READERS = 4
_FORGOTTEN_AT_ONCE = 5_000
_WRITER_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA cache_size=-16000",  # the pages that hundreds of accounts write to next; the usual 2 MB hold dozens'
)
_SQLITE_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_SQLITE_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_SQLITE_UNUSABLE = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
)
_PG_FULL = ("53100",)
_PG_BUSY = ("40001", "40P01", "55P03", "53300")


class Database(WholeCalls):
    """An open database. Use `Database.open`."""

    def __init__(
        self,
        url: URL,
        writer: AsyncEngine,
        reader: AsyncEngine,
        direct: DirectWriter | None,
        reserve: Reserve | None,
    ) -> None:
        self._url = url
        self._writer = writer
        self._reader = reader
        self._direct = direct
        self._reserve = reserve
        self._turn = Turn()

    @classmethod
    async def open(cls, url: str, *, migrate: bool = False, async_creator: AsyncCreator | None = None) -> Self:
        """An open store whose tables are this program's; `migrate` makes or updates them first.

        `async_creator` opens the driver's connections instead of the URL, for a simulation that must not use
        threads. Raises SchemaOutdated, SchemaNewer or StoreUnavailable, each one line that says what to do.
        """
        database = cls.unchecked(url, async_creator)
        try:
            if migrate:
                await database.migrate()
            await database.require_current_schema()
        except BaseException:
            await database.close()
            raise
        return database

    @classmethod
    def unchecked(cls, url: str, async_creator: AsyncCreator | None = None) -> Self:
        """The database at `url`, whatever its tables are: for who makes or replaces them. Raises StoreUnavailable."""
        address = _address(url)
        engines = _engines(address, async_creator)
        return cls(address, *engines, _direct(address, async_creator), _reserve(address, async_creator))

    async def close(self) -> None:
        """Release every connection."""
        if self._direct is not None:
            async with self._turn.held(_PATIENCE):
                await self._direct.close()
        await self._writer.dispose()
        await self._reader.dispose()

    async def migrate(self) -> None:
        """Bring the tables to this program's schema, in one transaction. Raises SchemaNewer."""
        async with self._write() as connection:
            await connection.run_sync(schema.upgrade)

    async def require_current_schema(self) -> None:
        """Raise SchemaOutdated or SchemaNewer unless the tables are exactly those of this program."""
        async with self._read() as connection:
            await connection.run_sync(schema.require_current)

    async def schema_is_current(self) -> bool:
        """Whether the tables are exactly those of this program."""
        async with self._read() as connection:
            return await connection.run_sync(schema.is_current)

    def has_room(self) -> bool:
        """Whether the disk keeps the room that exits may need; without it `record_intent` takes no entry."""
        return self._reserve is None or self._reserve.ensure()

    @property
    def is_postgresql(self) -> bool:
        """Whether a server keeps the data."""
        return self._url.get_backend_name() == "postgresql"

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction that may write: all of it is kept, or nothing."""
        with self._told():
            if self._direct is None:
                async with self._writer.begin() as connection:
                    yield connection
            else:
                async with self._turn.held(_PATIENCE), self._writer.begin() as connection:
                    yield connection

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent view, whatever is written meanwhile."""
        with self._told():
            async with self._reader.connect() as connection:
                yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the drivers' complaints into StoreErrors."""
        try:
            yield
        except Exception as error:
            story = self._story(error)
            if story is None:
                raise
            raise story from error

    def _story(self, error: Exception) -> StoreError | None:
        """What happened, for a person; None for what only a fault of ours can cause. Makes room on a full disk."""
        match error:
            case DBAPIError() | sqlite3.Error():
                story = _story(error, self._url)
                if isinstance(story, StoreFull) and self._reserve is not None:
                    self._reserve.release()  # the next write finds room: exits go on, entries do not
                return story
            case PoolTimeoutError() | TimeoutError():
                return StoreBusy("the database did not get to this in time; nothing of it was written")
            case OSError():
                return StoreUnavailable(f"the database cannot be reached ({error.strerror or error})")
        return None

    def _insert(self, table: Table) -> "sqlite.Insert | postgresql.Insert":
        """An INSERT that can say ON CONFLICT, in this database's dialect."""
        return postgresql.insert(table) if self.is_postgresql else sqlite.insert(table)

    async def _put_new(self, connection: AsyncConnection, table: Table, values: Mapping[str, Any]) -> bool:
        """Insert a row: False, and nothing changed, if one of its unique values is taken."""
        result = await connection.execute(self._insert(table).values(**values).on_conflict_do_nothing())
        return _changed(result)

    async def _put(self, connection: AsyncConnection, table: Table, *rows: Mapping[str, Any]) -> None:
        """Insert rows, or change those whose primary key is there."""
        statement = self._insert(table)
        keys = [column.name for column in table.primary_key]
        changes = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), [*rows])

    async def _change(self, connection: AsyncConnection, statement: Executable) -> bool:
        """Whether an UPDATE or DELETE found a row."""
        return _changed(await connection.execute(statement))

    async def _forget(self, table: Table, condition: ColumnElement[bool], at_once: int = _FORGOTTEN_AT_ONCE) -> int:
        """Delete the rows that the condition names, in pieces between which others write. How many there were."""
        keys = list(table.primary_key)
        piece = delete(table).where(tuple_(*keys).in_(select(*keys).where(condition).limit(at_once)))
        forgotten, count = 0, at_once
        while count == at_once:
            async with self._write() as connection:
                count = int((await connection.execute(piece)).rowcount)
            forgotten += count
        return forgotten


async def migrate(url: str) -> None:
    """Bring the tables of the database at `url` to this program's schema."""
    store = await Database.open(url, migrate=True)
    await store.close()


def _changed(result: Any) -> bool:
    return isinstance(result, CursorResult) and result.rowcount > 0


def _address(url: str) -> URL:
    try:
        address = make_url(url)
        address.get_dialect()
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreUnavailable(_WRONG_URL) from error
    if address.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
        raise StoreUnavailable(_WRONG_URL)
    return address


_WRONG_URL = (
    "the database address is neither sqlite+aiosqlite:///PATH nor postgresql+asyncpg://USER@HOST/NAME; "
    "set JARVIS_DATABASE_URL, or leave it empty for SQLite in the data folder"
)


def _engines(url: URL, async_creator: AsyncCreator | None) -> tuple[AsyncEngine, AsyncEngine]:
    options: dict[str, Any] = {"hide_parameters": True}  # sealed keys and hashes are parameters, errors are logged
    if async_creator is not None:
        options["async_creator"] = async_creator
    if url.get_backend_name() == "postgresql":
        engine = create_async_engine(url, pool_pre_ping=True, pool_size=10, **options)
        return engine, engine.execution_options(isolation_level="REPEATABLE READ")
    if async_creator is None:
        _prepare_file(url)
        options["connect_args"] = {"isolation_level": None, "timeout": BUSY_SECONDS}
    writer = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=_PATIENCE, **options)
    reader = create_async_engine(url, pool_size=_READERS, max_overflow=0, pool_timeout=_PATIENCE, **options)
    _begin_with(writer, "BEGIN IMMEDIATE")
    _begin_with(reader, "BEGIN")
    _set_up(writer, *_WRITER_PRAGMAS)
    _set_up(reader, "PRAGMA query_only=ON")
    return writer, reader


def _prepare_file(url: URL) -> None:
    """Make the file ours alone: it holds password hashes and sealed keys. SQLite's side files take its mode."""
    if not url.database:
        raise StoreUnavailable("SQLite needs a file: sqlite+aiosqlite:///PATH")
    try:
        os.close(os.open(url.database, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"cannot open the database {url.database}: {error.strerror}") from error


def _reserve(url: URL, async_creator: AsyncCreator | None) -> Reserve | None:
    if async_creator is not None or not url.database or url.get_backend_name() != "sqlite":
        return None
    return Reserve(Path(url.database + ".reserve"))


def _direct(url: URL, async_creator: AsyncCreator | None) -> DirectWriter | None:
    """The short way, in a thread unless the caller must have none."""
    if not url.database or url.get_backend_name() != "sqlite":
        return None
    return DirectWriter(Path(url.database), _pragmas(*_WRITER_PRAGMAS), inline=async_creator is not None)


def _begin_with(engine: AsyncEngine, statement: str) -> None:
    """Say BEGIN ourselves: the driver would begin a reading transaction that cannot always become a writing one."""

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    event.listen(engine.sync_engine, "begin", begin)


def _set_up(engine: AsyncEngine, *pragmas: str) -> None:
    def connect(driver_connection: Any, record: Any) -> None:
        del record
        cursor = driver_connection.cursor()
        for pragma in _pragmas(*pragmas):
            cursor.execute(pragma)
        cursor.close()

    event.listen(engine.sync_engine, "connect", connect)


def _pragmas(*more: str) -> tuple[str, ...]:
    return (f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}", "PRAGMA foreign_keys=ON", *more)


def _story(error: DBAPIError | sqlite3.Error, url: URL) -> StoreError | None:
    """What happened, for a person; None for what only a fault of ours can cause."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    place = url.database or "the database"
    if url.get_backend_name() == "sqlite":
        code = getattr(origin, "sqlite_errorcode", 0) & 0xFF
        if code in _SQLITE_FULL:
            return StoreFull(
                f"the disk that holds {place} is full or cannot be written; nothing of this write was kept. "
                "Free some space: exits go on, no position is opened until then"
            )
        if code in _SQLITE_BUSY:
            return StoreBusy(f"another program held {place} for over {BUSY_SECONDS} s; nothing of this write was kept")
        if code in _SQLITE_UNUSABLE:
            return StoreUnavailable(f"cannot use the database {place}: {origin}")
        return None
    state = getattr(origin, "sqlstate", None) or ""
    if state in _PG_FULL:
        return StoreFull("the database server's disk is full; nothing of this write was kept. Free some space there")
    if state in _PG_BUSY:
        return StoreBusy("the database server could not take this write now; nothing of it was kept")
    if getattr(error, "connection_invalidated", False) or state[:2] in ("08", "57", "28", "3D"):
        return StoreUnavailable(f"the database server cannot be used: {_first_line(origin)}")
    return None


def _first_line(error: object) -> str:
    return str(error).partition("\n")[0]
