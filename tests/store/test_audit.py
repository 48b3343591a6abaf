import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest
from sqlalchemy import text, update

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.people import AuditEntry
from jarvis.store.audit import AuditSeal, append
from jarvis.store.chain import FIRST_PREVIOUS, first_broken
from jarvis.store.db import Store
from jarvis.store.people_tables import audit
from tests.store.samples import ACCOUNT, NOON, OWNER, STRANGER, at, person


def entry(
    kind: str = "session.opened",
    user_id: UserId | None = OWNER,
    when: datetime = NOON,
    account_id: AccountId | None = None,
    **details: str | int | bool | None,
) -> AuditEntry:
    return AuditEntry(kind, when, user_id or "cli", user_id, account_id, details)


async def holds(store: Store) -> bool:
    lines = await store.audit_lines()
    return first_broken(lines, number=0, previous=FIRST_PREVIOUS) is None


async def test_lines_are_numbered_from_one_and_follow_each_other(store: Store) -> None:
    assert await store.audit_head() is None

    numbers = [await store.note(entry(agent="Firefox", step=step)) for step in range(3)]

    assert numbers == [1, 2, 3]
    assert await holds(store)
    head = await store.audit_head()
    assert head is not None
    assert (head.number, head.details) == (3, {"agent": "Firefox", "step": 2})
    assert await store.audit_counts() == (3, 3)
    assert [line.number for line in await store.audit_lines(1, limit=1)] == [2]


async def test_a_line_is_undone_with_its_transaction_and_leaves_no_gap(store: Store) -> None:
    await store.note(entry())

    async def fail_after_the_line() -> None:
        async with store._write() as connection:
            await append(connection, entry("key.connected"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail_after_the_line()
    await store.note(entry("key.replaced"))

    assert [(line.number, line.kind) for line in await store.audit_lines()] == [
        (1, "session.opened"),
        (2, "key.replaced"),
    ]
    assert await holds(store)


async def test_two_lines_in_one_transaction_follow_each_other(store: Store) -> None:
    async with store._write() as connection:
        await append(connection, entry("link.used"))
        await append(connection, entry("password.reset"))

    assert await store.audit_counts() == (2, 2)
    assert await holds(store)


async def test_many_writers_of_several_processes_make_one_chain(
    open_store: Callable[[], Awaitable[Store]],
) -> None:
    stores = [await open_store() for _ in range(3)]

    await asyncio.gather(*(stores[step % 3].note(entry(step=step)) for step in range(30)))

    assert await stores[0].audit_counts() == (30, 30)
    assert await holds(stores[0])


async def test_the_chain_holds_after_a_persons_details_were_erased(store: Store) -> None:
    await store.note(entry(address="203.0.113.7"))
    await store.note(entry(user_id=STRANGER, address="198.51.100.1"))
    await store.note(entry(user_id=None))

    async with store._write() as connection:
        await connection.execute(update(audit).where(audit.c.user_id == OWNER).values(salt=None, details_json=None))

    assert await holds(store)
    assert [line.details for line in await store.audit_lines()] == [None, {"address": "198.51.100.1"}, {}]


async def test_a_person_reads_their_own_lines_newest_first_and_filtered(store: Store) -> None:
    await store.note(entry(when=at(0)))
    await store.note(entry("key.connected", when=at(1), account_id=ACCOUNT))
    await store.note(entry(user_id=STRANGER, when=at(2)))
    await store.note(entry("key.replaced", when=at(3), account_id=ACCOUNT))

    async def numbers(**asked: object) -> list[int]:
        return [line.number for line in await store.audit_of(OWNER, **asked)]  # type: ignore[arg-type]

    assert await numbers() == [4, 2, 1]
    assert await numbers(limit=2) == [4, 2]
    assert await numbers(before=4) == [2, 1]
    assert await numbers(kinds=["key.connected", "session.opened"]) == [2, 1]
    assert await numbers(account_id=ACCOUNT) == [4, 2]
    assert await numbers(since=at(1)) == [4, 2]
    assert await store.audit_kinds_of(OWNER) == ["key.connected", "key.replaced", "session.opened"]
    assert [line.number for line in await store.audit_of()] == [4, 3, 2, 1]


async def test_the_head_waits_for_a_seal_until_there_is_one(store: Store) -> None:
    assert await store.unsealed() is None
    await store.note(entry())
    await store.note(entry())

    head = await store.unsealed()
    assert head is not None
    assert head.number == 2
    await store.keep_seal(AuditSeal(2, at(60), b"seal"))
    await store.keep_seal(AuditSeal(2, at(61), b"another"))

    assert await store.unsealed() is None
    assert await store.audit_seals() == [AuditSeal(2, at(60), b"seal")]
    await store.note(entry())
    await store.keep_seal(AuditSeal(3, at(120), b"next"))
    assert [seal.number for seal in await store.audit_seals(2)] == [3]
    assert [seal.number for seal in await store.audit_seals(0, 2)] == [2]


async def test_what_happens_in_any_case_is_noted_if_that_is_possible(sqlite_store: Store) -> None:
    await sqlite_store.add_person(person(OWNER))
    assert await sqlite_store.note_if_possible(entry("account.flattened"))
    async with sqlite_store._write() as connection:
        await connection.execute(text("DROP TABLE audit"))

    assert not await sqlite_store.note_if_possible(entry("account.flattened"))
    (told,) = await sqlite_store.notices_of(OWNER)
    assert (told.kind, "account.flattened" in told.message) == ("audit.missed", True)
