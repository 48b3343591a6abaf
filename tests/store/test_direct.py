"""The short way to SQLite: whole transactions, told of after their commit, the same rows as the long way."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import insert, update

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import Asset
from jarvis.domain.order import (
    ClientOrderId,
    Order,
    OrderRequest,
    OrderRole,
    OrderStatus,
    OrderType,
    TimeInForce,
    VenueOrderId,
)
from jarvis.store import database
from jarvis.store.db import Store
from jarvis.store.direct import DirectWriter
from jarvis.store.intents import order_event
from jarvis.store.queues import tell
from jarvis.store.rows import order_values
from jarvis.store.tables import accounts, orders
from tests.store.samples import ACCOUNT, FENCE, OTHER, OWNER, STRANGER, at, connect, margin, order

MANY = [f"word {number:04}" for number in range(400)]
"""More than what is left in the log."""

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


@pytest.fixture(params=["in a thread", "inline"])
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> DirectWriter:
    """A way to a file with one table, `words`."""
    pragmas = ("PRAGMA journal_mode=WAL", "PRAGMA busy_timeout=0")
    return DirectWriter(file_of(tmp_path), pragmas, inline=request.param == "inline")


def file_of(folder: Path) -> Path:
    path = folder / "words.db"
    if not path.exists():
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE words (word TEXT PRIMARY KEY)")
        connection.close()
    return path


def size_of(folder: Path, name: str) -> int:
    return (folder / name).stat().st_size


def words_in(folder: Path) -> list[str]:
    connection = sqlite3.connect(folder / "words.db")
    try:
        return [word for (word,) in connection.execute("SELECT word FROM words ORDER BY word")]
    finally:
        connection.close()


def add(*words: str) -> Work[int]:
    def work(connection: sqlite3.Connection) -> int:
        for word in words:
            connection.execute("INSERT INTO words VALUES (?)", (word,))
        return len(words)

    return work


async def transact(writer: DirectWriter, work: Work[T], look: Callable[[], Any] = lambda: None) -> tuple[T, Any]:
    """What `work` returned, and what `look` saw when that was told."""
    told: asyncio.Future[tuple[T, Any]] = asyncio.get_running_loop().create_future()
    writer.transact(work, lambda result: told.set_result((result, look())), told.set_exception)
    return await told


async def test_what_was_written_is_in_the_file_when_it_is_told_of(writer: DirectWriter, tmp_path: Path) -> None:
    for number in range(1, 21):
        result, seen = await transact(writer, add(f"{number:02}"), lambda: len(words_in(tmp_path)))

        assert (result, seen) == (1, number)
    await writer.close()


def test_an_answer_does_not_wait_for_the_log_to_be_brought_into_the_file(tmp_path: Path) -> None:
    writer = DirectWriter(file_of(tmp_path), ("PRAGMA journal_mode=WAL",), inline=True)
    begun_with = size_of(tmp_path, "words.db")
    when_told: list[int] = []
    errors: list[Exception] = []

    writer.transact(add(*MANY), lambda _: when_told.append(size_of(tmp_path, "words.db")), errors.append)

    assert (when_told, errors) == ([begun_with], [])
    assert size_of(tmp_path, "words.db") > begun_with
    asyncio.run(writer.close())


async def test_the_log_does_not_grow_with_what_was_written(writer: DirectWriter, tmp_path: Path) -> None:
    await transact(writer, add(*MANY))
    after_one = size_of(tmp_path, "words.db-wal")

    for number in range(20):
        await transact(writer, add(*(f"{word} {number}" for word in MANY)))

    # Without it the log would hold every page of all of them.
    assert size_of(tmp_path, "words.db-wal") < 10 * after_one
    await writer.close()


async def test_a_reader_that_stays_delays_the_log_and_no_writer(writer: DirectWriter, tmp_path: Path) -> None:
    await transact(writer, add("first"))
    reader = sqlite3.connect(tmp_path / "words.db", isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM words").fetchone() == (1,)

    await transact(writer, add(*MANY))
    await transact(writer, add("last"))

    assert reader.execute("SELECT count(*) FROM words").fetchone() == (1,)
    reader.close()
    assert len(words_in(tmp_path)) == len(MANY) + 2
    await writer.close()


async def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_works(
    writer: DirectWriter, tmp_path: Path
) -> None:
    await transact(writer, add("one"))

    with pytest.raises(sqlite3.IntegrityError):
        await transact(writer, add("two", "one"))
    with pytest.raises(ZeroDivisionError):
        await transact(writer, lambda connection: add("three")(connection) // 0)
    await transact(writer, add("four"))

    assert words_in(tmp_path) == ["four", "one"]
    await writer.close()


async def test_a_connection_that_cannot_take_back_is_not_used_again(writer: DirectWriter, tmp_path: Path) -> None:
    def break_down(connection: sqlite3.Connection) -> None:
        add("lost")(connection)
        connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
        raise KeyError

    with pytest.raises(KeyError):
        await transact(writer, break_down)
    await transact(writer, add("kept"))

    assert words_in(tmp_path) == ["kept"]
    await writer.close()


async def test_a_file_that_another_program_writes_to_is_told_and_written_to_later(
    writer: DirectWriter, tmp_path: Path
) -> None:
    other = sqlite3.connect(file_of(tmp_path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        await transact(writer, add("one"))
    other.execute("ROLLBACK")
    other.close()
    await transact(writer, add("one"))

    assert words_in(tmp_path) == ["one"]
    await writer.close()


async def test_closing_ends_the_thread_and_lets_the_file_go_and_a_later_call_opens_it_again(
    writer: DirectWriter, tmp_path: Path
) -> None:
    before = threading.active_count()
    await writer.close()
    for word in ("one", "two"):
        await transact(writer, add(word))
        await writer.close()

        assert threading.active_count() == before
        assert not (tmp_path / "words.db-wal").exists()  # the last connection takes it away
    assert words_in(tmp_path) == ["one", "two"]


async def test_a_thread_that_cannot_be_had_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    writer = DirectWriter(file_of(tmp_path), (), inline=False)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            await transact(writer, add("one"))

    await transact(writer, add("two"))

    assert words_in(tmp_path) == ["two"]
    await writer.close()


def request(number: int, **changes: Any) -> OrderRequest:
    return replace(order(number).request, **changes)


LONDON = timezone(timedelta(hours=1))
ORDERS = [
    order(1),
    order(2, role=OrderRole.STOP, side=Side.SELL),
    Order(
        OrderRequest(
            client_order_id=ClientOrderId("not-of-ours"),
            pair=Pair(Asset("DOGE"), Asset("USDT")),
            side=Side.SELL,
            order_type=OrderType.LIMIT,
            quantity=Decimal("12345678901234567890.00000000010"),
            leverage=1,
            role=OrderRole.TAKE_PROFIT,
            reduce_only=True,
            limit_price=Decimal("1E-8"),
            post_only=True,
            time_in_force=TimeInForce.GTD,
            expires_at=datetime(2026, 3, 1, 14, 5, 6, 7, tzinfo=LONDON),
        ),
        datetime(2026, 3, 1, 13, 0, 0, 120_000, tzinfo=LONDON),
        status=OrderStatus.UNKNOWN,
        venue_order_id=VenueOrderId("OAAAAA-BBBBB-000003"),
        filled_quantity=Decimal("0E-10"),
        reason="no such word: «naïve» \N{SNOWMAN}\0'\"\n",
    ),
]


async def test_an_intent_leaves_the_same_bytes_as_through_the_library(sqlite_store: Store, tmp_path: Path) -> None:
    await connect(sqlite_store)
    await connect(sqlite_store, OTHER, STRANGER)

    await asyncio.gather(*(sqlite_store.record_intent(ACCOUNT, one, FENCE) for one in ORDERS))
    async with sqlite_store._write() as connection:
        for one in ORDERS:
            await connection.execute(insert(orders), {**order_values(OTHER, one), "fence": FENCE})
            await connection.run_sync(tell, [(OTHER, order_event(one))])
        counter = update(accounts).where(accounts.c.account_id == OTHER)
        await connection.execute(counter.values(next_order_number=3))

    file = sqlite3.connect(tmp_path / "jarvis.db")
    for table, columns in (
        ("orders", [column.name for column in orders.columns if column.name != "account_id"]),
        ("outbox", ["kind", "payload_json"]),
        ("accounts", ["next_order_number"]),
    ):
        exact = ", ".join(f"typeof({name}) || ' ' || quote(CAST({name} AS BLOB))" for name in columns)
        query = f"SELECT {exact} FROM {table} WHERE account_id = ? ORDER BY rowid"  # noqa: S608 - our own names
        straight, through_the_library = (file.execute(query, (account,)).fetchall() for account in (ACCOUNT, OTHER))
        assert straight == through_the_library, table
        assert straight
    file.close()


async def test_a_process_writers_wait_for_each_other_and_not_for_the_file(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    store = await Store.open(sqlite_url)
    await connect(store)

    await asyncio.gather(
        *(store.record_intent(ACCOUNT, order(number), FENCE) for number in range(1, 11)),
        *(store.record_equity(ACCOUNT, margin(at(number))) for number in range(1, 11)),
    )
    for number in range(11, 21):
        await asyncio.gather(
            store.record_equity(ACCOUNT, margin(at(number))), store.record_intent(ACCOUNT, order(number), FENCE)
        )

    assert len(await store.open_orders(OWNER, ACCOUNT)) == 20
    await store.close()


async def test_a_caller_that_is_cancelled_is_kept_until_its_intent_is_on_paper(
    sqlite_store: Store, tmp_path: Path
) -> None:
    await connect(sqlite_store)
    other = sqlite3.connect(tmp_path / "jarvis.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(sqlite_store.record_intent(ACCOUNT, order(), FENCE))
    for _ in range(2):
        await asyncio.sleep(0.01)
        writing.cancel()
    await asyncio.sleep(0.01)
    was_kept = not writing.done()

    other.execute("ROLLBACK")
    other.close()
    with pytest.raises(asyncio.CancelledError):
        await writing

    assert was_kept
    assert await sqlite_store.open_orders(OWNER, ACCOUNT) == [order()]


async def test_a_store_that_is_closed_under_its_writers_answers_all_of_them(sqlite_url: str) -> None:
    store = await Store.open(sqlite_url)
    await connect(store)
    before = threading.active_count()

    writing = [asyncio.create_task(store.record_intent(ACCOUNT, order(number), FENCE)) for number in range(1, 11)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writing)

    assert threading.active_count() <= before
    await store.close()
