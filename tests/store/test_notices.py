from jarvis.store.db import Store
from jarvis.store.notices import tell
from jarvis.trading.events import Severity
from tests.store.samples import OWNER, STRANGER, at, person


async def _people(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_person(person(STRANGER))


async def test_a_notice_is_one_persons_until_seen(store: Store) -> None:
    await _people(store)
    first = await store.add_notice(OWNER, "key.connected", Severity.INFO, "A key was connected.", at(0))
    second = await store.add_notice(OWNER, "foreign.activity", Severity.CRITICAL, "A withdrawal.", at(1))
    await store.add_notice(STRANGER, "key.connected", Severity.INFO, "Another's.", at(2))

    assert [notice.notice_id for notice in await store.notices_of(OWNER)] == [second, first]
    assert await store.unseen_notices(OWNER) == 2

    assert await store.mark_seen(OWNER, at(5), up_to=first) == 1
    assert await store.mark_seen(OWNER, at(6), up_to=first) == 0

    assert await store.unseen_notices(OWNER) == 1
    assert await store.unseen_notices(STRANGER) == 1
    newest, oldest = await store.notices_of(OWNER)
    assert (newest.seen_at, oldest.seen_at) == (None, at(5))
    assert (newest.severity, newest.message, newest.kind) == (Severity.CRITICAL, "A withdrawal.", "foreign.activity")
    assert [notice.notice_id for notice in await store.notices_of(OWNER, before=second, limit=1)] == [first]


async def test_a_stranger_marks_nothing_of_others(store: Store) -> None:
    await _people(store)
    number = await store.add_notice(OWNER, "key.connected", Severity.INFO, "A key was connected.", at(0))

    assert await store.mark_seen(STRANGER, at(1), up_to=number) == 0

    assert await store.unseen_notices(OWNER) == 1


async def test_notices_wait_for_the_sender_in_order(store: Store) -> None:
    await _people(store)
    async with store._write() as connection:
        numbers = [
            await tell(connection, OWNER, "place.new", Severity.WARNING, f"{step}", at(step)) for step in range(3)
        ]

    assert [notice.notice_id for notice in await store.unsent_notices(limit=2)] == numbers[:2]
    for number in numbers[:2]:
        await store.plan(OWNER, number, [], at(9))

    (waiting,) = await store.unsent_notices()
    assert waiting.notice_id == numbers[2]
    assert (await store.notices_of(OWNER))[1].sent_at == at(9)
