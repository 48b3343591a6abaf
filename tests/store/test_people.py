from dataclasses import replace

from jarvis.accounts.sessions import Session
from jarvis.store.db import Store
from tests.store.samples import NOON, OWNER, STRANGER, at, person


async def test_a_person_is_found_by_id_and_by_address(store: Store) -> None:
    ada = person(OWNER)

    assert await store.add_person(ada)

    assert await store.person(OWNER) == ada
    assert await store.person_by_email("owner@example.org") == ada
    assert await store.person(STRANGER) is None
    assert await store.people() == [ada]


async def test_a_taken_address_or_id_changes_nothing(store: Store) -> None:
    await store.add_person(person(OWNER))

    assert not await store.add_person(replace(person(STRANGER), email="owner@example.org"))
    assert not await store.add_person(replace(person(OWNER), email="new@example.org"))

    assert await store.people() == [person(OWNER)]


async def test_a_better_hash_replaces_the_old_one(store: Store) -> None:
    await store.add_person(person(OWNER))

    await store.set_password_hash(OWNER, "$argon2id$better")

    found = await store.person(OWNER)
    assert found is not None
    assert found.password_hash == "$argon2id$better"


async def test_sessions_are_noted_listed_and_ended_one_by_one(store: Store) -> None:
    await store.add_person(person(OWNER))
    first, second = Session(b"1" * 32, OWNER, NOON, NOON), Session(b"2" * 32, OWNER, NOON, at(1))
    await store.add_session(first)
    await store.add_session(second)

    await store.note_session_use(first.token_hash, at(60))
    assert await store.session(first.token_hash) == replace(first, used_at=at(60))
    assert await store.sessions_of(OWNER) == [replace(first, used_at=at(60)), second]

    await store.end_session(first.token_hash)
    assert await store.session(first.token_hash) is None
    await store.note_session_use(first.token_hash, at(90))
    assert await store.sessions_of(OWNER) == [second]


async def test_ending_all_sessions_but_one_leaves_other_people_alone(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_person(person(STRANGER))
    for number, who in ((1, OWNER), (2, OWNER), (3, STRANGER)):
        await store.add_session(Session(bytes([number]) * 32, who, NOON, NOON))

    await store.end_sessions(OWNER, bytes([2]) * 32)

    assert [session.token_hash for session in await store.sessions_of(OWNER)] == [bytes([2]) * 32]
    assert len(await store.sessions_of(STRANGER)) == 1
    await store.end_sessions(OWNER, None)
    assert await store.sessions_of(OWNER) == []
