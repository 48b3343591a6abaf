"""All rows of a database as lines of JSON, and back: the same lines from SQLite and from PostgreSQL.

A dump names its tables, columns and their kinds, so that a later version can read it: it makes the tables of the
dump's own revision, fills them, and migrates them, all of it in one transaction. The counters go along (the next row
number of each table that numbers its rows), so that no number is ever given out twice.

The lines, each a JSON object or, for a row, an array:
    {"tables": {NAME: {COLUMN: KIND}}, "revision": REVISION}
    {"table": NAME} [VALUE, ...] [VALUE, ...] {"rows": COUNT, "digest": SHA-256 of the lines of this table's rows}
    {"counters": {TABLE: LAST}}
"""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, Table, Text, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from jarvis.store import schema
from jarvis.store.columns import ExactDecimal, Seconds, UtcDateTime
from jarvis.store.database import Database
from jarvis.store.errors import StoreError
from jarvis.store.tables import metadata

ROWS_AT_ONCE = 500

Progress = Callable[[str, int], None]
"""Called with a table's name and how many rows of it were just dealt with."""
Work = Callable[[AsyncConnection], Any]

_KINDS: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (ExactDecimal, "decimal"),
    (UtcDateTime, "instant"),
    (Seconds, "int"),
    (LargeBinary, "bytes"),
    (Boolean, "bool"),
    (Integer, "int"),  # BigInteger is one as well
)
_TYPES: Mapping[str, TypeEngine[Any]] = {
    "decimal": ExactDecimal(),
    "instant": UtcDateTime(),
    "bytes": LargeBinary(),
    "bool": Boolean(),
    "int": BigInteger(),
    "text": Text(),
}
_TO_JSON: Mapping[str, Callable[[Any], object]] = {
    "decimal": str,
    "instant": datetime.isoformat,
    "bytes": lambda value: base64.b64encode(value).decode(),
}
_FROM_JSON: Mapping[str, Callable[[Any], object]] = {
    "decimal": Decimal,
    "instant": datetime.fromisoformat,
    "bytes": base64.b64decode,
}
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class DumpDamagedError(StoreError):
    """These lines are no dump that this program can read; nothing was written."""


@dataclass(slots=True)
class DumpSummary:
    """What a dump holds."""

    revision: str
    tables: dict[str, dict[str, str]]
    rows: dict[str, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many rows, of all tables."""
        return sum(self.rows.values())


class DumpStore(Database):
    """Writes dumps of an open store."""

    async def row_counts(self) -> dict[str, int]:
        """How many rows each table has, of those that a dump takes."""
        async with self._read() as connection:
            return {
                each.name: int(await connection.scalar(select(func.count()).select_from(each)) or 0)
                for each in metadata.sorted_tables
            }

    async def dump(self, progress: Progress | None = None) -> AsyncIterator[bytes]:
        """The lines of a dump, of one moment however long it takes and whatever is written meanwhile."""
        tables = {each.name: {one.name: _kind(one) for one in each.columns} for each in metadata.sorted_tables}
        async with self._read() as connection:
            revision = await connection.run_sync(schema.revision)
            yield _line({"tables": tables, "revision": revision})
            for original in metadata.sorted_tables:
                kinds = tables[original.name]
                lightweight = _table(original.name, kinds)
                keys = [lightweight.c[one.name] for one in original.primary_key]
                yield _line({"table": original.name})
                digest, count = hashlib.sha256(), 0
                async with connection.stream(select(lightweight).order_by(*keys)) as rows:
                    async for some in rows.partitions(ROWS_AT_ONCE):
                        lines = b"".join(_line(_told(row, kinds)) for row in some)
                        digest.update(lines)
                        count += len(some)
                        yield lines
                        if progress is not None:
                            progress(original.name, len(some))
                yield _line({"rows": count, "digest": digest.hexdigest()})
            yield _line({"counters": await _counters(connection, is_postgresql=self.is_postgresql)})


def checked(lines: Iterable[bytes], progress: Progress | None = None) -> DumpSummary:
    """What the dump holds; of an iterator no more is taken than the dump's own lines.

    Raises DumpDamagedError for what `restore` could not read either, and SchemaNewer.
    """
    reader = _Reader(lines)
    for name, rows in reader.tables():
        for some in rows:
            if progress is not None:
                progress(name, len(some))
    return reader.summary


@asynccontextmanager
async def any_database(url: str) -> AsyncIterator["AnyDatabase"]:
    """A database whatever its tables are: empty, older, or this program's."""
    database = AnyDatabase.unchecked(url)
    try:
        yield database
    finally:
        await database.close()


class AnyDatabase(Database):
    """A database to restore into."""

    async def is_empty(self) -> bool:
        """Whether nobody would miss anything: no tables, or neither a person nor a venue account in them."""
        async with self._read() as connection:
            names = await connection.run_sync(schema.table_names)
            if not names:
                return True
            if not {"users", "accounts"} <= set(names):
                return False
            for name in ("users", "accounts"):
                if await connection.scalar(text(f"SELECT count(*) FROM {name}")):  # noqa: S608 - our names
                    return False
            return True

    async def is_served(self) -> bool:
        """Whether a worker holds a lease. SQLite has one instance, which its lock file tells better."""
        if not self.is_postgresql:
            return False
        async with self._read() as connection:
            if "leases" not in await connection.run_sync(schema.table_names):
                return False
            held = text("SELECT count(*) FROM leases WHERE until > clock_timestamp()")
            return bool(await connection.scalar(held))

    async def restore(self, lines: Iterable[bytes], then: Work, progress: Progress | None = None) -> DumpSummary:
        """Put the dump in the place of whatever is there, migrate it, do `then`; all of it or nothing.

        Of an iterator no more is taken than the dump's own lines: `then` may read on. Raises DumpDamagedError and
        SchemaNewer; nothing is written then.
        """
        reader = _Reader(lines)
        async with self._write() as connection:
            await connection.run_sync(schema.drop_all)
            await connection.run_sync(schema.upgrade, reader.summary.revision)
            for name, rows in reader.tables():
                kinds = reader.summary.tables[name]
                target = _table(name, kinds)
                for some in rows:
                    await connection.execute(target.insert(), [dict(zip(kinds, row, strict=True)) for row in some])
                    if progress is not None:
                        progress(name, len(some))
            await _set_counters(connection, reader.summary.counters, is_postgresql=self.is_postgresql)
            await connection.run_sync(schema.upgrade)
            await then(connection)
        return reader.summary


class _Reader:
    """Reads the lines of a dump in their order, and holds them against what they say of themselves."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        head = self._object()
        try:
            tables = {
                str(name): {str(one): str(kind) for one, kind in of.items()} for name, of in head["tables"].items()
            }
            self.summary = DumpSummary(str(head["revision"]), tables)
        except (KeyError, AttributeError) as error:
            raise DumpDamagedError("this is not a dump of Jarvis") from error
        schema.require_known(self.summary.revision)
        if any(kind not in _TYPES for kinds in tables.values() for kind in kinds.values()):
            raise DumpDamagedError("the dump has columns of a kind that this version does not know")

    def tables(self) -> Iterator[tuple[str, Iterator[list[list[object]]]]]:
        """Each table with its rows, some at a time; all rows of one before the next."""
        for name in self.summary.tables:
            if self._object().get("table") != name:
                raise DumpDamagedError(f"the dump lacks table {name}")
            yield name, self._rows(name)
        counters = self._object().get("counters")
        if not isinstance(counters, dict):
            raise DumpDamagedError("the dump does not end as it should")
        self.summary.counters = {str(name): int(last) for name, last in counters.items()}

    def _rows(self, name: str) -> Iterator[list[list[object]]]:
        kinds = tuple(self.summary.tables[name].values())
        digest, count = hashlib.sha256(), 0
        some: list[list[object]] = []
        while True:
            line = self._line()
            if line.startswith(b"{"):
                break
            digest.update(line)
            count += 1
            some.append(_read(line, kinds, name))
            if len(some) >= ROWS_AT_ONCE:
                yield some
                some = []
        if some:
            yield some
        if json.loads(line) != {"rows": count, "digest": digest.hexdigest()}:
            raise DumpDamagedError(f"the rows of table {name} are not those that were written")
        self.summary.rows[name] = count

    def _object(self) -> dict[str, Any]:
        try:
            found = json.loads(self._line())
        except ValueError as error:
            raise DumpDamagedError("a line of the dump cannot be read") from error
        if not isinstance(found, dict):
            raise DumpDamagedError("a line of the dump is in the wrong place")
        return found

    def _line(self) -> bytes:
        line = next(self._lines, None)
        if line is None:
            raise DumpDamagedError("the dump ends too early")
        return line


def _kind(one: Column[Any]) -> str:
    for kind, name in _KINDS:
        if isinstance(one.type, kind):
            return name
    return "text"  # of choices and pairs as well: what they may be is for the program to say that reads them


def _table(name: str, kinds: Mapping[str, str]) -> Table:
    return Table(name, MetaData(), *(Column(one, _TYPES[kind]) for one, kind in kinds.items()))


def _line(content: object) -> bytes:
    return _encode(content).encode() + b"\n"


def _told(row: Iterable[Any], kinds: Mapping[str, str]) -> list[object]:
    return [
        value if value is None or kind not in _TO_JSON else _TO_JSON[kind](value)
        for value, kind in zip(row, kinds.values(), strict=True)
    ]


def _read(line: bytes, kinds: tuple[str, ...], name: str) -> list[object]:
    try:
        row = json.loads(line)
        return [
            value if value is None or kind not in _FROM_JSON else _FROM_JSON[kind](value)
            for value, kind in zip(row, kinds, strict=True)
        ]
    except (ValueError, TypeError, ArithmeticError) as error:
        raise DumpDamagedError(f"a row of table {name} cannot be read") from error


async def _counters(connection: AsyncConnection, *, is_postgresql: bool) -> dict[str, int]:
    """The last number that each counting table gave out; of one that never did there is none."""
    if not is_postgresql:
        return {str(name): int(last) for name, last in await connection.execute(text(_SQLITE_COUNTERS))}
    found = {}
    for name, sequence in await connection.execute(text(_POSTGRESQL_SEQUENCES)):
        last = await connection.scalar(text(f"SELECT last_value FROM {sequence} WHERE is_called"))  # noqa: S608 - the server's own name
        if last is not None:
            found[str(name)] = int(last)
    return found


async def _set_counters(connection: AsyncConnection, counters: Mapping[str, int], *, is_postgresql: bool) -> None:
    if not is_postgresql:
        for name, last in counters.items():
            await connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": name})
            await connection.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), {"name": name, "last": last}
            )
        return
    sequences = {str(name): str(sequence) for name, sequence in await connection.execute(text(_POSTGRESQL_SEQUENCES))}
    for name, last in counters.items():
        if name in sequences:
            await connection.execute(
                text("SELECT setval(CAST(:sequence AS regclass), :last)"), {"sequence": sequences[name], "last": last}
            )


_SQLITE_COUNTERS = "SELECT name, seq FROM sqlite_sequence ORDER BY name"
_POSTGRESQL_SEQUENCES = """
    SELECT tables.relname, sequences.oid::regclass::text
    FROM pg_class sequences
    JOIN pg_depend owned ON owned.objid = sequences.oid
        AND owned.classid = 'pg_class'::regclass AND owned.deptype IN ('a', 'i')
    JOIN pg_class tables ON tables.oid = owned.refobjid
    WHERE sequences.relkind = 'S' AND tables.relnamespace = current_schema()::regnamespace
    ORDER BY tables.relname
"""
