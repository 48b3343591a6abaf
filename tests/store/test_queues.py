import asyncio
from collections.abc import Awaitable, Callable

from jarvis.store.db import Store
from jarvis.store.records import Command, CommandKind, OutboxEvent
from jarvis.trading.events import Flatten, ForeignExplained, Pause, Resume
from tests.store.samples import ACCOUNT, BTC_USD, OTHER, OWNER, STRANGER, at, connect, margin, open_position


async def test_a_command_waits_until_it_is_finished(store: Store) -> None:
    await connect(store)

    first = await store.enqueue_command(OWNER, ACCOUNT, CommandKind.PAUSE, at=at(0))
    second = await store.enqueue_command(OWNER, ACCOUNT, CommandKind.FLATTEN, at=at(1), pair=BTC_USD)

    assert first is not None
    assert second is not None
    taken = await store.take_commands(ACCOUNT)
    assert taken == [
        Command(first, ACCOUNT, CommandKind.PAUSE, None, OWNER, at(0)),
        Command(second, ACCOUNT, CommandKind.FLATTEN, BTC_USD, OWNER, at(1)),
    ]
    assert await store.command_result(OWNER, first) == ""
    await store.finish_command(first, "done")
    await store.finish_command(first, "done again")
    assert await store.command_result(OWNER, first) == "done"
    assert [command.command_id for command in await store.take_commands(ACCOUNT)] == [second]


async def test_a_command_becomes_the_engines_event(store: Store) -> None:
    await connect(store)
    for kind in (CommandKind.PAUSE, CommandKind.RESUME, CommandKind.FLATTEN, CommandKind.EXPLAIN):
        await store.enqueue_command(OWNER, ACCOUNT, kind, at=at(0), pair=BTC_USD)

    events = [command.as_event(at(9)) for command in await store.take_commands(ACCOUNT)]

    assert events == [Pause(at(9)), Resume(at(9)), Flatten(at(9), BTC_USD), ForeignExplained(at(9))]


async def test_a_stranger_can_neither_command_nor_ask(store: Store) -> None:
    await connect(store)
    await connect(store, OTHER, STRANGER)
    command = await store.enqueue_command(OWNER, ACCOUNT, CommandKind.PAUSE, at=at(0))
    assert command is not None

    assert await store.enqueue_command(STRANGER, ACCOUNT, CommandKind.FLATTEN, at=at(0)) is None
    assert await store.command_result(STRANGER, command) is None
    assert len(await store.take_commands(ACCOUNT)) == 1
    assert {event.account_id for event in await store.tail_outbox(STRANGER, 0)} == {OTHER}


async def test_the_outbox_tells_every_write_once_and_in_order(store: Store) -> None:
    await connect(store)
    start = await store.last_event_id()
    await open_position(store)
    await store.record_equity(ACCOUNT, margin())
    await store.record_activity(ACCOUNT, "naked_position", "critical", "no stop", at=at(0), pair=BTC_USD)

    events = await store.tail_outbox(OWNER, start)

    assert [event.kind for event in events] == [
        "order", "order", "fill", "order", "position", "ledger", "order", "equity", "activity",
    ]  # fmt: skip
    assert events[0] == OutboxEvent(
        start + 1, ACCOUNT, "order", {"order": "jx0000001", "pair": "BTC/USD", "status": "intent"}
    )
    assert await store.tail_outbox(OWNER, events[3].event_id, limit=2) == events[4:6]
    assert await store.tail_outbox(OWNER, await store.last_event_id()) == []


async def test_a_reader_never_passes_over_an_event_that_becomes_visible_late(
    store: Store, open_store: Callable[[], Awaitable[Store]]
) -> None:
    await connect(store)
    writers = [await open_store() for _ in range(3)]
    seen: list[int] = []
    done = asyncio.Event()

    async def write(one: Store, name: str) -> None:
        for number in range(25):
            await one.record_status(ACCOUNT, f"{name} {number}", at(number))

    async def read() -> None:
        last = 0
        while True:
            finished = done.is_set()
            events = await store.tail_outbox(OWNER, last)
            seen.extend(event.event_id for event in events if event.kind == "status")
            last = events[-1].event_id if events else last
            if finished and not events:
                return
            await asyncio.sleep(0.001)

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(one, f"writer {number}") for number, one in enumerate(writers)))
    done.set()
    await reader

    assert len(seen) == 75
    assert seen == sorted(seen)


async def test_an_event_becomes_visible_before_any_that_has_a_higher_id(
    store: Store, open_store: Callable[[], Awaitable[Store]]
) -> None:
    await connect(store)
    start = await store.last_event_id()
    slow = await open_store()
    async with slow._write() as connection:
        await slow._tell(connection, ACCOUNT, ("status", {"who": "slow"}))
        quick = asyncio.create_task(store.record_status(ACCOUNT, "{}", at(0)))
        await asyncio.sleep(0.1)
        before = await store.tail_outbox(OWNER, start)
    await quick

    after = await store.tail_outbox(OWNER, start)

    assert before == []
    assert [event.payload for event in after] == [{"who": "slow"}, {}]


async def test_pruning_forgets_the_oldest_and_never_gives_an_id_again(store: Store) -> None:
    await connect(store)
    for number in range(10):
        await store.record_status(ACCOUNT, "{}", at(number))
    last = await store.last_event_id()
    written = len(await store.tail_outbox(OWNER, 0))

    assert await store.prune_outbox(keep=3) == written - 3
    assert [event.event_id for event in await store.tail_outbox(OWNER, 0)] == [last - 2, last - 1, last]
    assert await store.prune_outbox(keep=0) == 3
    await store.record_status(ACCOUNT, "{}", at(99))

    assert await store.last_event_id() == last + 1
