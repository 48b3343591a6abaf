"""A driver's complaint becomes one line for a person, and never shows what was to be written."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from jarvis.store import database
from jarvis.store.db import Store
from jarvis.store.errors import StoreBusy, StoreError, StoreFull, StoreUnavailable
from tests.store.samples import ACCOUNT, FENCE, OWNER, connect, order, person

POSTGRES = make_url("postgresql+asyncpg://jarvis@127.0.0.1/jarvis")


class ServerError(Exception):
    def __init__(self, state: str) -> None:
        super().__init__("the server says no\nDETAIL: something private")
        self.sqlstate = state


async def test_a_writer_that_waits_for_too_long_says_so_and_the_next_one_writes(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    store = await Store.open(sqlite_url)
    await connect(store)
    other = sqlite3.connect(tmp_path / "jarvis.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreBusy, match="nothing of this write was kept"):
        await store.record_intent(ACCOUNT, order(), FENCE)

    assert await store.open_orders(OWNER, ACCOUNT) == []
    other.execute("ROLLBACK")
    other.close()
    await store.record_intent(ACCOUNT, order(), FENCE)
    await store.close()


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgres)])
async def test_a_lost_connection_is_told_and_the_next_call_has_a_new_one(store: Store, store_url: str) -> None:
    await store.add_person(person())
    killer = await Store.open(store_url)

    async def write_and_be_cut_off() -> None:
        async with store._write() as connection:
            number = await connection.scalar(text("SELECT pg_backend_pid()"))
            async with killer._write() as other:
                await other.execute(text("SELECT pg_terminate_backend(:number)"), {"number": number})
            await connection.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(StoreUnavailable, match="the database server cannot be used"):
        await write_and_be_cut_off()
    await killer.close()

    assert await store.person(OWNER) == person()


@pytest.mark.parametrize(
    ("state", "kind"),
    [("53100", StoreFull), ("40P01", StoreBusy), ("55P03", StoreBusy), ("57P01", StoreUnavailable), ("23505", None)],
)
def test_what_a_server_says_has_a_name(state: str, kind: type[StoreError] | None) -> None:
    told = database._story(OperationalError("INSERT", {}, ServerError(state)), POSTGRES)

    assert (None if told is None else type(told)) is kind
    assert "private" not in str(told)


async def test_an_unexpected_error_does_not_show_the_values_of_its_statement(store: Store) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with store._write() as connection:
            await connection.execute(text("SELECT 1 FROM nowhere WHERE x = :secret"), {"secret": "canary-value"})

    assert "canary-value" not in str(caught.value)
