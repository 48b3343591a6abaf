"""Databases for every test that wants one: `store` runs it on SQLite and on PostgreSQL, `sqlite_store` on one."""

import asyncio
import faulthandler
import itertools
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import playwright.async_api
import playwright.sync_api
import pytest
import structlog
from hypothesis import settings
from sqlalchemy import delete

from jarvis.store.db import Store, migrate
from jarvis.store.tables import metadata
from tests.support.postgres import find_binaries, running_server

# How long an example takes depends on the machine and on what else it does; the tests' own time-outs are enough.
settings.register_profile("jarvis", deadline=None)
settings.load_profile("jarvis")

_numbers = itertools.count()
_stderr = pytest.StashKey[int]()
_PATIENCE_MS = 30_000
_PROCESSES = Path(__file__).parent / "system"
_NOT_CACHED = {"cache_logger_on_first_use": False}


def pytest_configure(config: pytest.Config) -> None:
    """Keep the real stderr, as file descriptor 2 is captured while a test runs; give browsers time."""
    assert sys.__stderr__ is not None
    config.stash[_stderr] = os.dup(sys.__stderr__.fileno())
    # A browser beside other work on a small machine: what is waited for comes, only later.
    for expecting in (playwright.async_api.expect, playwright.sync_api.expect):
        expecting.set_options(timeout=_PATIENCE_MS)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, dealt out to all workers: otherwise one of them still works when the others are done.

    Each worker begins with its own part of the list, parts of equal length, and takes from others when it has finished.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.path.is_relative_to(_PROCESSES) and item.get_closest_marker("timeout")]
    set_aside = set(long)
    short = [item for item in items if item not in set_aside]
    bounds = [len(short) * number // workers for number in range(workers + 1)]
    items[:] = [
        item
        for number in range(workers)
        for item in (*long[number::workers], *short[bounds[number] : bounds[number + 1]])
    ]


@pytest.fixture(autouse=True)
def _logs_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that a test runs in this process sets up logging to a stream that is closed after the test."""
    configure = structlog.configure
    monkeypatch.setattr(structlog, "configure", lambda **given: configure(**given | _NOT_CACHED))
    yield
    if structlog.is_configured():
        structlog.reset_defaults()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End the process of a test that hangs beyond its timeout, with the stacks of all threads.

    pytest-timeout raises once; a test that then waits for a thread of its own would wait for ever, and the whole run
    with it. xdist reports the test that its worker died in and goes on with another worker.
    """
    _end_when_overdue(item)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Begin anew for the teardown: pytest forgets the watch when a test has failed."""
    _end_when_overdue(item)


def _end_when_overdue(item: pytest.Item) -> None:
    marker = item.get_closest_marker("timeout")
    timeout = marker.args[0] if marker else float(item.config.getini("timeout"))
    if item.config.getoption("timeout") != 0:
        faulthandler.dump_traceback_later(timeout + 60, exit=True, file=item.config.stash[_stderr])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Say at once what failed: a run that is ended from outside never comes to its summary."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        print(
            f"\nFAILED {report.nodeid} ({report.when})\n{report.longreprtext[-4000:]}", file=sys.__stderr__, flush=True
        )


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
def postgres_url(postgres_server: str) -> str:
    """The address of a database with all tables, emptied after each test: making one takes half a second."""
    asyncio.run(_command(f"{postgres_server}/postgres", "CREATE DATABASE migrated"))
    asyncio.run(migrate(f"{postgres_server}/migrated"))
    return f"{postgres_server}/migrated"


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables."""
    if database == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"test_{next(_numbers)}"
    asyncio.run(_command(f"{server}/postgres", f"CREATE DATABASE {name}"))
    yield f"{server}/{name}"
    asyncio.run(_command(f"{server}/postgres", f"DROP DATABASE {name} WITH (FORCE)"))


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
    url = request.getfixturevalue("postgres_url")
    yield url
    # Without its triggers a table is emptied in no time, whoever refers to it.
    emptied = "; ".join(str(delete(table)) for table in metadata.sorted_tables)
    asyncio.run(_command(url, f"SET session_replication_role = replica; {emptied}"))


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


async def _command(url: str, command: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute(command)
    finally:
        await connection.close()
