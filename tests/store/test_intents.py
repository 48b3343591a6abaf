"""Intents that wait at the same time share a commit; each has its own answer, and none has it too early."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import event

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.order import Order
from jarvis.store.db import Store
from jarvis.store.errors import DuplicateIntent, StaleFence, StoreFull
from tests.store.samples import ACCOUNT, FENCE, OTHER, OWNER, STRANGER, connect, order
from tests.store.test_processes import outcome, start

MANY = 40


def unwritable(number: int) -> Order:
    """An order whose quantity no column takes: a float is never money."""
    return replace(order(number), filled_quantity=0.5)  # type: ignore[arg-type]


async def kept(store: Store, owner: UserId = OWNER, account_id: AccountId = ACCOUNT) -> list[str]:
    return sorted(one.client_order_id for one in await store.open_orders(owner, account_id))


@pytest.fixture
def at_commits(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], None]]]:
    """What is called whenever intents are about to be committed."""
    calls: list[Callable[[], None]] = []

    def call(*_: object) -> None:
        for one in calls:
            one()

    if store._direct is None:
        event.listen(store._writer.sync_engine, "commit", call)
        yield calls
        event.remove(store._writer.sync_engine, "commit", call)
        return
    open_file = store._direct._open

    def open_and_listen() -> sqlite3.Connection:
        connection = open_file()
        connection.set_trace_callback(lambda statement: call() if statement == "COMMIT" else None)
        return connection

    monkeypatch.setattr(store._direct, "_open", open_and_listen)
    yield calls


async def test_intents_that_wait_together_share_commits_and_are_answered_after_them(
    store: Store, at_commits: list[Callable[[], None]]
) -> None:
    await connect(store)
    await connect(store, OTHER, STRANGER)
    answered_at_commit: list[int] = []
    writing: list[asyncio.Task[None]] = []

    at_commits.append(lambda: answered_at_commit.append(sum(task.done() for task in writing)))
    for number in range(1, MANY + 1):
        account = (ACCOUNT, OTHER)[number % 2]
        writing.append(asyncio.create_task(store.record_intent(account, order(number), FENCE)))
    await asyncio.gather(*writing)

    assert 1 <= len(answered_at_commit) <= 3
    assert answered_at_commit[0] == 0
    ids = [order(number).client_order_id for number in range(1, MANY + 1)]
    assert await kept(store) == sorted(ids[1::2])
    assert await kept(store, STRANGER, OTHER) == sorted(ids[::2])
    told = [event.payload["order"] for event in await store.tail_outbox(OWNER, 0) if event.kind == "order"]
    assert sorted(told) == sorted(ids[1::2])
    assert (await store.expected(ACCOUNT)).next_order_number == int(str(MANY), 36) + 1
    assert (await store.expected(OTHER)).next_order_number == int(str(MANY - 1), 36) + 1


async def test_each_of_those_who_wait_together_has_its_own_refusal(store: Store) -> None:
    await connect(store)
    await connect(store, OTHER, STRANGER)
    await store.record_intent(ACCOUNT, order(1), FENCE)

    answers = await asyncio.gather(
        store.record_intent(ACCOUNT, order(2), FENCE),
        store.record_intent(ACCOUNT, order(1, quantity="9"), FENCE),
        store.record_intent(ACCOUNT, order(2, quantity="9"), FENCE),
        store.record_intent(OTHER, order(2), FENCE + 1),
        store.record_intent(OTHER, order(3), FENCE),
        return_exceptions=True,
    )

    assert [type(answer) for answer in answers] == [
        type(None), DuplicateIntent, DuplicateIntent, StaleFence, type(None),
    ]  # fmt: skip
    assert await store.open_orders(OWNER, ACCOUNT) == [order(1), order(2)]
    assert await store.open_orders(STRANGER, OTHER) == [order(3)]


async def test_room_is_looked_for_once_by_all_who_come_together_and_anew_by_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connect(store)
    looks: list[bool] = []

    def look() -> bool:
        looks.append(len(looks) != 1)
        return looks[-1]

    monkeypatch.setattr(store, "has_room", look)

    await asyncio.gather(*(store.record_intent(ACCOUNT, order(number), FENCE) for number in range(1, MANY + 1)))
    with pytest.raises(StoreFull):
        await store.record_intent(ACCOUNT, order(MANY + 1), FENCE)
    await store.record_intent(ACCOUNT, order(MANY + 2), FENCE)

    assert looks == [True, False, True]
    assert len(await kept(store)) == MANY + 1


async def test_without_room_nobody_opens_and_whoever_exits_does(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await connect(store)
    monkeypatch.setattr(store, "has_room", lambda: False)
    closing = replace(order(MANY), request=replace(order(MANY).request, reduce_only=True))

    answers = await asyncio.gather(
        *(store.record_intent(ACCOUNT, order(number), FENCE) for number in range(1, 4)),
        store.record_intent(ACCOUNT, closing, FENCE),
        return_exceptions=True,
    )

    assert [type(answer) for answer in answers] == [StoreFull, StoreFull, StoreFull, type(None)]
    assert await kept(store) == [closing.client_order_id]


async def test_an_intent_that_cannot_be_written_harms_only_itself(store: Store) -> None:
    await connect(store)

    answers = await asyncio.gather(
        store.record_intent(ACCOUNT, order(1), FENCE),
        store.record_intent(ACCOUNT, unwritable(2), FENCE),
        store.record_intent(ACCOUNT, order(3), FENCE),
        return_exceptions=True,
    )

    assert [answer is None for answer in answers] == [True, False, True]
    assert await store.open_orders(OWNER, ACCOUNT) == [order(1), order(3)]


@pytest.mark.parametrize("lines", [1, 40, 95])
async def test_a_process_killed_between_shared_commits_loses_nothing_that_it_answered(
    store: Store, store_url: str, lines: int
) -> None:
    await connect(store)
    process = await start("intents-together", store_url)
    assert process.stdout is not None
    said = [(await process.stdout.readline()).decode().strip() for _ in range(lines)]

    process.kill()
    _, rest, _ = await outcome(process)

    found = await kept(store)
    assert set(said + rest) <= set(found)
    events = await store.tail_outbox(OWNER, 0, limit=100_000)
    told = [event.payload["order"] for event in events if event.kind == "order"]
    assert set(found) <= set(told)
