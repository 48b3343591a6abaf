import asyncio
from dataclasses import replace

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from jarvis.store.targets import MOST_TARGETS, Target
from tests.store.samples import NOON, OWNER, STRANGER, at, person

HOOK = Target("t1", OWNER, "webhook", "team", "https://hooks.example.org:8443/secret/path", NOON)


def noted(kind: str, user_id: UserId = OWNER) -> AuditEntry:
    return AuditEntry(kind, NOON, user_id, user_id)


async def test_adding_and_removing_a_receiver_is_audited_and_told_without_its_path(store: Store) -> None:
    await store.add_person(person(OWNER))

    assert await store.add_target(HOOK, noted("target.added"))
    assert await store.targets_of(OWNER) == [HOOK]
    assert await store.remove_target(OWNER, "t1", noted("target.removed"))

    assert await store.targets_of(OWNER) == []
    assert [line.kind for line in await store.audit_lines()] == ["target.added", "target.removed"]
    told = await store.notices_of(OWNER)
    assert [notice.kind for notice in told] == ["target.removed", "target.added"]
    assert all("hooks.example.org:8443" in notice.message and "secret" not in notice.message for notice in told)


async def test_a_stranger_sees_and_removes_nothing(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_person(person(STRANGER))
    await store.add_target(HOOK, noted("target.added"))

    assert not await store.remove_target(STRANGER, "t1", noted("target.removed", STRANGER))

    assert await store.targets_of(STRANGER) == []
    assert await store.targets_of(OWNER) == [HOOK]
    assert [line.kind for line in await store.audit_lines()] == ["target.added"]


async def test_there_are_never_more_than_five_even_at_once(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_person(person(STRANGER))

    kept = await asyncio.gather(
        *(store.add_target(replace(HOOK, target_id=f"t{number}"), noted("target.added")) for number in range(9))
    )

    assert sum(kept) == MOST_TARGETS == len(await store.targets_of(OWNER))
    assert (await store.audit_counts())[0] == MOST_TARGETS
    assert await store.add_target(replace(HOOK, target_id="s", user_id=STRANGER), noted("target.added", STRANGER))


async def test_what_became_of_the_last_delivery_is_kept(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_target(HOOK, noted("target.added"))

    await store.note_delivery("t1", "The receiver answered 500.", at(5))
    (failed,) = await store.targets_of(OWNER)
    assert (failed.failure, failed.failed_at) == ("The receiver answered 500.", at(5))

    await store.note_delivery("t1", "", at(9))
    assert await store.targets_of(OWNER) == [HOOK]
