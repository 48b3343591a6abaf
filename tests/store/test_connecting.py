"""Where a person is on the way to a connected key is kept for each venue, and for nobody else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from jarvis.domain.account import AccountId, Environment, UserId, VenueName
from jarvis.domain.people import ConnectStep
from jarvis.store.connecting import Connecting
from jarvis.store.db import Store
from tests.store.samples import OWNER, connect

KRAKEN, OKX = VenueName("kraken"), VenueName("okx")
WAY = Connecting(OWNER, KRAKEN, Environment.SANDBOX, ConnectStep.PASTE, datetime(2026, 5, 1, 12, tzinfo=UTC))


async def test_a_way_is_kept_as_it_was_left_and_one_for_each_venue(store: Store) -> None:
    await connect(store)
    later = replace(
        WAY,
        step=ConnectStep.CHECK,
        account_id=AccountId("a"),
        told_json='{"a": 1}',
        updated_at=WAY.updated_at + timedelta(hours=1),
    )

    await store.save_connecting(WAY)
    await store.save_connecting(replace(WAY, venue=OKX, environment=Environment.LIVE))
    await store.save_connecting(later)

    assert await store.connecting_of(OWNER) == [later, replace(WAY, venue=OKX, environment=Environment.LIVE)]
    assert await store.connecting_of(UserId("stranger")) == []


async def test_a_way_that_ended_is_gone_and_the_others_are_not(store: Store) -> None:
    await connect(store)
    await store.save_connecting(WAY)
    await store.save_connecting(replace(WAY, venue=OKX))

    assert not await store.end_connecting(UserId("stranger"), KRAKEN)
    assert await store.end_connecting(OWNER, KRAKEN)
    assert not await store.end_connecting(OWNER, KRAKEN)

    assert [way.venue for way in await store.connecting_of(OWNER)] == [OKX]
