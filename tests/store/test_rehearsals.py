"""What strategies did so far is counted alike on both databases, for their owner alone."""

from jarvis.store.db import Store
from tests.store.samples import OWNER, STRANGER, person
from tests.web import day, samples


async def test_positions_are_counted_by_strategy_and_kind_of_account(store: Store) -> None:
    for one in (OWNER, STRANGER):
        await store.add_person(person(one))
    await day.lived(store, OWNER)

    runs = await store.strategy_runs(OWNER)

    closed = [run for run in runs if run.closed]
    assert [(run.strategy, run.is_live, run.closed) for run in closed] == [("donchian_breakout", False, 1)]
    assert closed[0].first_at <= closed[0].last_at <= samples.NOW
    assert closed[0].first_at.tzinfo is not None
    assert await store.strategy_runs(STRANGER) == []
