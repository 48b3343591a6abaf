"""A dump holds every row exactly, is read on either database, and goes in as a whole or not at all."""

import json
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.store import schema
from jarvis.store.db import Store
from jarvis.store.dump import DumpDamagedError, DumpSummary, any_database, checked
from jarvis.store.errors import SchemaNewer
from jarvis.store.tables import metadata
from tests.store.samples import ACCOUNT, OWNER, connect, fill, opened, opening_entry, order, rests


async def fill_with_a_day(store: Store) -> None:
    """An account that traded: rows in most tables that count money, and numbers that databases write differently."""
    await connect(store)
    for number in range(1, 4):
        one = fill(number, order_number=number)
        await store.record_intent(ACCOUNT, order(number), 1)
        await store.record_fill(ACCOUNT, one, opening_entry(one), rests(order(number)).filled_by(one), opened(one))
    await store.found_installation("here", one.at)


async def lines_of(store: Store) -> list[bytes]:
    whole = b"".join([some async for some in store.dump()])
    return whole.splitlines(keepends=True)


async def rows_of(store: Store) -> dict[str, list[dict[str, Any]]]:
    async with store._read() as connection:
        return {
            table.name: sorted((dict(row._mapping) for row in await connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


async def nothing_more(connection: AsyncConnection) -> None:
    del connection


async def restore(url: str, lines: list[bytes]) -> DumpSummary:
    async with any_database(url) as database:
        return await database.restore(lines, nothing_more)


async def test_what_is_restored_equals_what_was_dumped_row_by_row(store: Store, empty_url: str, tmp_path: Path) -> None:
    await fill_with_a_day(store)
    lines = await lines_of(store)

    await restore(f"sqlite+aiosqlite:///{tmp_path / 'there.db'}", lines)
    await restore(empty_url, lines)

    for url in (f"sqlite+aiosqlite:///{tmp_path / 'there.db'}", empty_url):
        there = await Store.open(url)
        try:
            assert await rows_of(there) == await rows_of(store)
        finally:
            await there.close()


async def test_a_dump_of_one_database_is_read_by_the_other(store: Store, tmp_path: Path, postgres_url: str) -> None:
    await fill_with_a_day(store)
    lines = await lines_of(store)
    other = f"sqlite+aiosqlite:///{tmp_path / 'other.db'}" if store.is_postgresql else postgres_url

    await restore(other, lines)

    there = await Store.open(other)
    try:
        assert await rows_of(there) == await rows_of(store)
    finally:
        await restore(other, _without_rows(lines))
        await there.close()


def _without_rows(lines: list[bytes]) -> list[bytes]:
    """The dump of an empty database, made of another one's."""
    nothing = {"rows": 0, "digest": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
    kept = []
    for line in lines:
        if line.startswith(b"["):
            continue
        content = json.loads(line)
        if "rows" in content:
            content = nothing
        if "counters" in content:
            content = {"counters": {}}
        kept.append(json.dumps(content).encode() + b"\n")
    return kept


async def test_numbers_go_on_where_they_stood(store: Store, empty_url: str) -> None:
    await fill_with_a_day(store)
    async with store._write() as connection:
        last = await connection.scalar(text("SELECT max(event_id) FROM outbox"))
        await connection.execute(text("DELETE FROM outbox"))  # told to everybody, and gone

    await restore(empty_url, await lines_of(store))

    there = await Store.open(empty_url)
    try:
        await there.record_activity(ACCOUNT, "word", "info", "word", at=fill(1).at, pair=None)
        (event, *_) = await there.tail_outbox(OWNER, 0)
    finally:
        await there.close()
    assert event.event_id > last


async def test_rows_written_meanwhile_are_not_in_the_dump(store: Store) -> None:
    await fill_with_a_day(store)
    dumping = store.dump()
    first = await anext(dumping)

    await store.record_activity(ACCOUNT, "late", "info", "late word", at=fill(1).at, pair=None)
    rest = [some async for some in dumping]

    whole = b"".join([first, *rest])
    assert b"late word" not in whole
    assert checked(whole.splitlines(keepends=True)).rows["fills"] == 3


async def test_a_summary_counts_all_rows(sqlite_store: Store) -> None:
    await fill_with_a_day(sqlite_store)

    summary = checked(await lines_of(sqlite_store))

    assert summary.rows == await sqlite_store.row_counts()
    assert summary.total == sum(summary.rows.values())


Change = Callable[[list[bytes]], list[bytes]]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda lines: lines[:-1], id="its last line is missing"),
        pytest.param(lambda lines: lines[: len(lines) // 2], id="it ends in the middle"),
        pytest.param(lambda lines: [line for line in lines if b'"owner"' not in line], id="a row is missing"),
        pytest.param(
            lambda lines: [line.replace(b"owner@example.org", b"other@example.org") for line in lines],
            id="a row was changed",
        ),
        pytest.param(lambda lines: [b"{}\n", *lines[1:]], id="its head says nothing"),
        pytest.param(lambda lines: [b"x\n", *lines[1:]], id="it is no JSON"),
        pytest.param(lambda lines: [b"[1]\n", *lines[1:]], id="its head is a row"),
        pytest.param(
            lambda lines: [lines[0].replace(b'"decimal"', b'"fraction"'), *lines[1:]], id="it has an unknown kind"
        ),
    ],
)
async def test_a_dump_that_was_changed_is_refused_and_nothing_is_written(
    sqlite_store: Store, tmp_path: Path, change: Change
) -> None:
    await fill_with_a_day(sqlite_store)
    before = await rows_of(sqlite_store)
    lines = change(await lines_of(sqlite_store))

    with pytest.raises(DumpDamagedError):
        checked(lines)
    url = f"sqlite+aiosqlite:///{tmp_path / 'jarvis.db'}"
    with pytest.raises(DumpDamagedError):
        await restore(url, lines)

    assert await rows_of(sqlite_store) == before


async def test_a_dump_of_a_newer_version_is_refused(sqlite_store: Store) -> None:
    lines = await lines_of(sqlite_store)
    newer = lines[0].replace(b'"revision":"0', b'"revision":"9')

    with pytest.raises(SchemaNewer, match="newer version"):
        checked([newer, *lines[1:]])


async def test_a_database_with_a_person_is_not_empty(store: Store, store_url: str, empty_url: str) -> None:
    async with any_database(empty_url) as empty:
        assert await empty.is_empty()
    async with any_database(store_url) as made:
        assert await made.is_empty()
        await connect(store)
        assert not await made.is_empty()


async def test_tables_of_somebody_else_are_never_taken_away(empty_url: str, sqlite_store: Store) -> None:
    lines = await lines_of(sqlite_store)
    async with any_database(empty_url) as database:
        async with database._write() as connection:
            await connection.execute(text("CREATE TABLE photographs (name TEXT)"))
        assert not await database.is_empty()

        with pytest.raises(SchemaNewer, match="not of Jarvis"):
            await database.restore(lines, nothing_more)

        async with database._read() as connection:
            assert (await connection.execute(text("SELECT * FROM photographs"))).all() == []


async def test_a_restore_that_fails_at_its_end_leaves_what_was_there(
    store: Store, store_url: str, open_store: Callable[[], Awaitable[Store]]
) -> None:
    await fill_with_a_day(store)
    before = await rows_of(store)
    lines = _without_rows(await lines_of(store))

    async def fail(connection: AsyncConnection) -> None:
        del connection
        raise OSError("no power")

    async with any_database(store_url) as database:
        with pytest.raises(Exception, match="no power"):
            await database.restore(lines, fail)

    assert await rows_of(await open_store()) == before


async def test_a_dump_of_an_older_version_is_migrated(store: Store, empty_url: str) -> None:
    """As version 0002 would have written it: its tables, its columns, and a person without what came later."""
    await connect(store)
    async with any_database(empty_url) as database, database._write() as connection:
        await connection.run_sync(schema.upgrade, "0002")
        columns = await connection.run_sync(_columns)
    lines = _as_of("0002", columns, await lines_of(store))

    summary = await restore(empty_url, lines)

    assert summary.revision == "0002"
    there = await Store.open(empty_url)
    try:
        (person,) = await there.people()
        assert (person.user_id, person.arming_held_until) == (OWNER, None)
        assert [each.account_id for each in await there.accounts_of(OWNER)] == [ACCOUNT]
        assert await there.sessions_of(OWNER) == []
    finally:
        await there.close()


def _columns(connection: Connection) -> dict[str, list[str]]:
    looked = inspect(connection)
    return {
        name: [column["name"] for column in looked.get_columns(name)]
        for name in looked.get_table_names()
        if name != "alembic_version"
    }


def _as_of(revision: str, columns: dict[str, list[str]], lines: list[bytes]) -> list[bytes]:
    """A dump of today's, with the tables and columns of a former revision only."""
    head = json.loads(lines[0])
    kept: list[bytes] = []
    tables: dict[str, dict[str, str]] = {}
    name, rows = "", list[bytes]()
    for line in lines[1:]:
        content = json.loads(line)
        if isinstance(content, list):
            named = dict(zip(head["tables"][name], content, strict=True))
            rows.append(json.dumps([named.get(each) for each in columns.get(name, [])]).encode() + b"\n")
        elif "table" in content:
            name, rows = content["table"], []
        elif "rows" in content and name in columns:
            kinds = head["tables"][name]
            tables[name] = {each: kinds.get(each, "text") for each in columns[name]}
            end = {"rows": len(rows), "digest": sha256(b"".join(rows)).hexdigest()}
            kept += [_json({"table": name}), *rows, _json(end)]
        elif "counters" in content:
            kept.append(_json({"counters": {k: v for k, v in content["counters"].items() if k in columns}}))
    return [_json({"tables": tables, "revision": revision}), *kept]


def _json(content: object) -> bytes:
    return json.dumps(content).encode() + b"\n"
