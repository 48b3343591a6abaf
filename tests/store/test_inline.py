"""The simulation's way to the database: no thread, no real time, the same every time."""

import threading
from pathlib import Path

from jarvis.store.db import Store
from tests.simulation.loop import VirtualLoop
from tests.store.samples import ACCOUNT, FENCE, OWNER, connect, open_position, order
from tests.support.inline_sqlite import inline_creator


async def a_day(path: Path) -> list[tuple[int, str]]:
    store = await Store.open(f"sqlite+aiosqlite:///{path}", migrate=True, async_creator=inline_creator(path))
    await connect(store)
    await open_position(store)
    await store.record_intent(ACCOUNT, order(9), FENCE)
    events = [(event.event_id, event.kind) for event in await store.tail_outbox(OWNER, 0)]
    assert threading.active_count() == THREADS[0]
    await store.close()
    return events


THREADS = [0]


def test_a_store_runs_on_a_virtual_loop_without_threads_and_repeats_itself(tmp_path: Path) -> None:
    runs = []
    for number in range(2):
        THREADS[0] = threading.active_count()
        loop = VirtualLoop()
        try:
            runs.append(loop.run_until_complete(a_day(tmp_path / f"{number}.db")))
            assert loop.time() == 0.0
        finally:
            loop.close()

    assert runs[0] == runs[1]
    assert len(runs[0]) == 9
    assert not (tmp_path / "0.db.reserve").exists()
