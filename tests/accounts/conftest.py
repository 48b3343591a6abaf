from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import event

from jarvis.accounts.passwords import Passwords
from jarvis.store.db import Store
from tests.accounts.world import CHEAP, World, world


class CountingPasswords(Passwords):
    """Counts what it is asked, since time itself is too rough to compare."""

    def __init__(self) -> None:
        super().__init__(CHEAP)
        self.work: list[str] = []

    def _make(self, text: str) -> object:  # type: ignore[override]
        self.work.append("hash")
        return super()._make(text)

    def _check(self, stored: str | None, text: str) -> object:  # type: ignore[override]
        self.work.append("verify")
        return super()._check(stored, text)


@pytest.fixture
async def passwords() -> AsyncIterator[CountingPasswords]:
    """Argon2 at its cheapest, counted."""
    made = CountingPasswords()
    yield made
    made.close()


@pytest.fixture
def statements(sqlite_store: Store) -> Iterator[list[str]]:
    """Every statement that the database is asked, as it is asked."""
    asked: list[str] = []
    engines = [sqlite_store._writer.sync_engine, sqlite_store._reader.sync_engine]

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        asked.append(statement)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield asked
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def here(sqlite_store: Store, passwords: CountingPasswords) -> World:
    """An installation without anybody."""
    return world(sqlite_store, passwords)
