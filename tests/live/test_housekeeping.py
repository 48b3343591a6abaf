from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from jarvis.accounts.sessions import Sessions
from jarvis.domain.account import AccountId, UserId
from jarvis.domain.market import Tick
from jarvis.domain.people import AuditEntry, Person, Role
from jarvis.live.housekeeping import Kept, erase_who_is_free, forget_what_is_over
from jarvis.store.db import Store
from tests.store.samples import FENCE, connect

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADA, BOB = UserId("ada"), UserId("bob")


class StandingClock:
    def now(self) -> datetime:
        return NOW

    def ticks(self) -> AsyncIterator[Tick]:
        raise NotImplementedError


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(store_url)
    for user_id in (ADA, BOB):
        await opened.add_person(Person(user_id, f"{user_id}@example.org", "hash", Role.TRADER, NOW))
    yield opened
    await opened.close()


async def begin(store: Store, user_id: UserId) -> None:
    assert await store.begin_deletion(user_id, NOW, AuditEntry("person.deletion_asked", NOW, user_id, user_id))


async def test_who_asked_is_erased_and_the_audit_says_so(store: Store) -> None:
    await begin(store, ADA)

    assert await erase_who_is_free(store, StandingClock()) == 1

    assert [person.user_id for person in await store.people()] == [BOB]
    assert await erase_who_is_free(store, StandingClock()) == 0


async def test_nothing_is_erased_while_a_worker_serves_an_account(store: Store) -> None:
    await connect(store, AccountId("a1"), ADA)
    await begin(store, ADA)

    assert await erase_who_is_free(store, StandingClock()) == 0
    await store.release_lease(AccountId("a1"), "worker-1", FENCE)
    assert await erase_who_is_free(store, StandingClock()) == 1


async def test_a_lease_that_has_run_out_holds_nobody_back(store: Store) -> None:
    await store.acquire_lease(AccountId("somebody-elses"), "worker", timedelta(seconds=30))
    await begin(store, BOB)

    assert await erase_who_is_free(store, StandingClock()) == 1


async def test_sessions_that_have_run_out_are_forgotten(store: Store) -> None:
    opened = await Sessions(store).open(ADA, NOW - timedelta(hours=13), method="password", address="", agent="")
    fresh = await Sessions(store).open(BOB, NOW - timedelta(minutes=1), method="password", address="", agent="")
    assert opened is not None
    assert fresh is not None

    await forget_what_is_over(store, StandingClock(), Kept())

    assert await store.session(opened.session.token_hash) is None
    assert await store.session(fresh.session.token_hash) is not None


async def test_old_events_deliveries_and_proposals_are_forgotten_as_the_settings_say(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    async def prune_outbox(keep: int) -> int:
        asked["events"] = keep
        return 0

    async def prune_deliveries(before: datetime, *, failed_before: datetime) -> int:
        asked["sent"], asked["failed"] = NOW - before, NOW - failed_before
        return 0

    async def prune_proposals(before: datetime) -> int:
        asked["proposals"] = NOW - before
        return 0

    for pruning in (prune_outbox, prune_deliveries, prune_proposals):
        monkeypatch.setattr(store, pruning.__name__, pruning)
    days = [timedelta(days=number) for number in (61, 181, 31)]
    await forget_what_is_over(store, StandingClock(), Kept(70_000, *days))

    assert asked == {"events": 70_000, "sent": days[0], "failed": days[1], "proposals": days[2]}
