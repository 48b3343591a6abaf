"""Databases for every test that wants one: `store` runs it on SQLite and on PostgreSQL, `sqlite_store` on one."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from jarvis.store.db import Store, migrate
from tests.support.postgres import SUPERUSER, find_binaries, running_server

_numbers = itertools.count()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with all tables, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "jarvis.db"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server of this session (of each xdist worker); skips where none is installed."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with running_server(binaries) as address:
        yield address


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a database with all tables, to be copied."""
    asyncio.run(_command(postgres_server, "CREATE DATABASE migrated"))
    asyncio.run(migrate(f"{postgres_server}/migrated"))
    return "migrated"


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables."""
    if database == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
        return
    yield from _postgres_database(request.getfixturevalue("postgres_server"), "")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on."""
    return str(request.param)


@pytest.fixture
def store_url(request: pytest.FixtureRequest, database: str) -> Iterator[str]:
    """The address of a fresh database with all tables."""
    if database == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    template = request.getfixturevalue("postgres_template")
    yield from _postgres_database(request.getfixturevalue("postgres_server"), f"TEMPLATE {template}")


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """The address of a fresh SQLite database with all tables."""
    path = tmp_path / "jarvis.db"
    shutil.copyfile(migrated_file, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An open, empty store; the test runs once on each database."""
    opened = await Store.open(store_url)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_store(sqlite_url: str) -> AsyncIterator[Store]:
    """An open, empty store on SQLite alone, for what does not depend on the database."""
    opened = await Store.open(sqlite_url)
    yield opened
    await opened.close()


@pytest.fixture
async def open_store(store_url: str) -> AsyncIterator[Callable[[], Awaitable[Store]]]:
    """Opens one more store on the test's database, as another process would."""
    opened: list[Store] = []

    async def open_one() -> Store:
        opened.append(await Store.open(store_url))
        return opened[-1]

    yield open_one
    for one in opened:
        await one.close()


def _postgres_database(server: str, options: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    asyncio.run(_command(server, f"CREATE DATABASE {name} {options}"))
    yield f"{server}/{name}"
    asyncio.run(_command(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _command(server: str, command: str) -> None:
    port = int(server.rpartition(":")[2])
    connection = await asyncpg.connect(host="127.0.0.1", port=port, user=SUPERUSER, database="postgres")
    try:
        await connection.execute(command)
    finally:
        await connection.close()
