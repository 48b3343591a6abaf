"""The installation's own row, its block on entries, and fences that must not go back."""

from datetime import timedelta

from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from tests.store.samples import ACCOUNT, FENCE, NOON, OTHER, TTL, at, connect


def noted(kind: str) -> AuditEntry:
    return AuditEntry(kind, at(5), "cli")


async def test_it_keeps_the_name_that_it_was_given_first(store: Store) -> None:
    assert await store.installation() is None

    await store.found_installation("one", NOON)
    await store.found_installation("two", at(1))

    found = await store.installation()
    assert found is not None
    assert (found.installation_id, found.made_at) == ("one", NOON)
    assert (found.entries_blocked, found.entries_blocked_at) == ("", None)


async def test_entries_are_blocked_until_they_are_allowed_and_both_are_in_the_audit(store: Store) -> None:
    await store.found_installation("one", NOON)
    assert await store.entries_blocked() == ""

    await store.block_entries("something is odd", noted("entries.blocked"))
    assert await store.entries_blocked() == "something is odd"
    found = await store.installation()
    assert found is not None
    assert found.entries_blocked_at == at(5)

    assert await store.allow_entries(noted("entries.allowed"))
    assert await store.entries_blocked() == ""
    assert [line.kind for line in await store.audit_lines()] == ["entries.blocked", "entries.allowed"]


async def test_lifting_a_block_that_is_not_there_changes_and_notes_nothing(store: Store) -> None:
    assert not await store.allow_entries(noted("entries.allowed"))
    assert await store.audit_lines() == []


async def test_an_installation_without_a_row_can_be_blocked_too(store: Store) -> None:
    await store.block_entries("something is odd", noted("entries.blocked"))

    assert await store.entries_blocked() == "something is odd"


async def test_a_raised_fence_makes_the_next_one_higher_and_never_lower(store: Store) -> None:
    await connect(store)
    await store.raise_fence(ACCOUNT, 41)
    await store.raise_fence(ACCOUNT, 12)
    await store.raise_fence(OTHER, 9)

    assert await store.fences() == {ACCOUNT: 41}
    assert await store.acquire_lease(ACCOUNT, "worker-1", TTL) == 42
    assert not await store.renew_lease(ACCOUNT, "worker-1", FENCE, timedelta(seconds=1)), "the former fence is stale"
