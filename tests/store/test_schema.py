import asyncio
import os
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from jarvis.store.database import Database
from jarvis.store.db import Store, migrate
from jarvis.store.errors import SchemaNewer, SchemaOutdated, StoreUnavailable
from jarvis.store.tables import metadata


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def set_revision(url: str, revision: str) -> None:
    store = await Store.open(url)
    async with store._write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
    await store.close()


async def test_the_steps_lead_from_nothing_to_exactly_the_tables(empty_url: str) -> None:
    await migrate(empty_url)

    store = await Store.open(empty_url)
    async with store._read() as connection:
        left = await connection.run_sync(differences)
    assert left == []
    assert await store.schema_is_current()
    await store.close()


async def test_a_database_without_tables_is_refused_with_what_to_do(empty_url: str) -> None:
    with pytest.raises(SchemaOutdated, match=r"^the database has no tables yet; run `jarvis migrate`$"):
        await Store.open(empty_url)


async def test_a_newer_schema_is_neither_opened_nor_migrated(empty_url: str) -> None:
    await migrate(empty_url)
    await set_revision(empty_url, "9999")

    with pytest.raises(SchemaNewer, match="newer version of Jarvis"):
        await Store.open(empty_url)
    with pytest.raises(SchemaNewer, match="newer version of Jarvis"):
        await migrate(empty_url)


async def test_somebody_elses_database_is_left_alone(empty_url: str) -> None:
    stranger = await Database.open(empty_url, migrate=True)
    async with stranger._write() as connection:
        await connection.execute(text("DROP TABLE alembic_version"))
    await stranger.close()

    with pytest.raises(SchemaNewer, match="not of Jarvis"):
        await migrate(empty_url)


async def test_migrating_twice_and_at_once_changes_nothing_more(empty_url: str) -> None:
    await asyncio.gather(migrate(empty_url), migrate(empty_url))
    await migrate(empty_url)

    store = await Store.open(empty_url)
    assert await store.schema_is_current()
    await store.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://root@localhost/x", "JARVIS_DATABASE_URL"),
        ("what?", "JARVIS_DATABASE_URL"),
        ("sqlite+aiosqlite://", "SQLite needs a file"),
        ("sqlite+aiosqlite:////nowhere/at/all/jarvis.db", "cannot open the database /nowhere/at/all/jarvis.db"),
        ("postgresql+asyncpg://jarvis@127.0.0.1:1/x", "cannot be reached"),
    ],
)
async def test_an_address_that_cannot_work_gets_one_line(url: str, words: str) -> None:
    with pytest.raises(StoreUnavailable, match=words) as caught:
        await Store.open(url)
    assert "\n" not in str(caught.value)


async def test_a_file_that_is_no_database_gets_one_line(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("dear diary\n" * 500)

    with pytest.raises(StoreUnavailable, match=r"notes\.db: file is not a database"):
        await Store.open(f"sqlite+aiosqlite:///{path}")


def modes_in(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_a_new_database_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'new.db'}", migrate=True)
    finally:
        os.umask(before)

    assert modes_in(tmp_path) == {0o600}
    await store.close()


async def test_money_is_synced_and_keys_are_guarded_on_sqlite(sqlite_store: Store) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
    async with sqlite_store._write() as connection:
        found = {name: await connection.scalar(text(f"PRAGMA {name}")) for name in names}
    assert sqlite_store._direct is not None
    direct = sqlite_store._direct._open()
    found_directly = {name: direct.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
    direct.close()

    assert found == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 10_000,
    }  # fmt: skip
    assert found_directly == found
