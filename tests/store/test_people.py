import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from jarvis.accounts.sessions import Session
from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Change, Role
from jarvis.store.db import Store
from tests.store.samples import NOON, OWNER, STRANGER, at, person

TOLD = "Something happened."


def line(kind: str = "session.opened", who: UserId = OWNER) -> AuditEntry:
    return AuditEntry(kind, NOON, who, who)


def session(number: int, who: UserId = OWNER) -> Session:
    return Session(bytes([number]) * 32, f"session {number}", who, NOON, at(number), "password", "192.0.2.7", "Firefox")


async def open_(store: Store, opened: Session, *, place: bytes = b"home", replacing: bytes | None = None) -> bool:
    noted = line(who=opened.user_id)
    return await store.open_session(opened, replacing=replacing, place=place, noted=noted, told=TOLD)


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
    assert not await store.add_person(replace(person(OWNER), email="new@example.org"), line(), line("person.refused"))

    assert await store.people() == [person(OWNER)]
    assert [each.kind for each in await store.audit_lines()] == ["person.refused"]


async def test_a_better_hash_replaces_the_old_one(store: Store) -> None:
    await store.add_person(person(OWNER))

    await store.set_password_hash(OWNER, "$argon2id$better")

    found = await store.person(OWNER)
    assert found is not None
    assert found.password_hash == "$argon2id$better"


async def test_of_two_changes_of_a_password_one_holds(store: Store) -> None:
    await store.add_person(person(OWNER))
    old = person(OWNER).password_hash

    async def change(new: str) -> bool:
        return await store.change_password(OWNER, old, new, keeping=b"", noted=line("password.changed"), told=TOLD)

    changed = await asyncio.gather(change("a"), change("b"))

    assert sorted(changed) == [False, True]
    assert len(await store.audit_lines()) == len(await store.notices_of(OWNER)) == 1


async def test_sessions_are_noted_listed_and_ended_one_by_one(store: Store) -> None:
    await store.add_person(person(OWNER))
    first, second = session(1), session(2)
    assert await open_(store, first)
    assert await open_(store, second)

    await store.note_session_use(first.token_hash, at(60))
    assert await store.session(first.token_hash) == replace(first, used_at=at(60))
    assert await store.sessions_of(OWNER) == [replace(first, used_at=at(60)), second]

    assert await store.end_session(first.token_hash)
    assert not await store.end_session(first.token_hash)
    assert await store.session(first.token_hash) is None
    await store.note_session_use(first.token_hash, at(90))
    assert await store.sessions_of(OWNER) == [second]
    assert not await store.end_session_of(STRANGER, second.session_id, noted=line("session.ended"))
    assert await store.end_session_of(OWNER, second.session_id, noted=line("session.ended"))
    assert [each.kind for each in await store.audit_lines()] == ["session.opened"] * 2 + ["session.ended"]


async def test_ending_all_sessions_but_one_leaves_other_people_alone(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_person(person(STRANGER))
    for number, who in ((1, OWNER), (2, OWNER), (3, STRANGER)):
        await open_(store, session(number, who))

    assert await store.end_sessions(OWNER, bytes([2]) * 32, noted=line("session.ended")) == 1

    assert [each.token_hash for each in await store.sessions_of(OWNER)] == [bytes([2]) * 32]
    assert len(await store.sessions_of(STRANGER)) == 1
    assert await store.end_sessions(OWNER, None, noted=line("session.ended")) == 1
    assert await store.sessions_of(OWNER) == []


async def test_a_session_replaces_another_and_a_proof_its_token(store: Store) -> None:
    await store.add_person(person(OWNER))
    first, second = session(1), session(2)
    await open_(store, first)
    await open_(store, second, replacing=first.token_hash)

    noted = AuditEntry("session.proved", at(100), OWNER, OWNER)
    assert await store.prove_session(second.token_hash, b"new", sudo_until=at(700), noted=noted)
    assert not await store.prove_session(second.token_hash, b"newer", sudo_until=at(700), noted=noted)

    proved = replace(second, token_hash=b"new", used_at=at(100), sudo_until=at(700))
    assert await store.sessions_of(OWNER) == [proved]


async def test_a_place_is_told_when_it_is_new_and_not_the_first(store: Store) -> None:
    await store.add_person(person(OWNER))

    for number, place in enumerate((b"home", b"home", b"abroad", b"home", b"abroad"), start=1):
        await open_(store, session(number), place=place)

    assert [notice.message for notice in await store.notices_of(OWNER)] == [TOLD]
    assert len(await store.audit_lines()) == 5


async def test_a_suspended_person_has_no_session_and_gets_none(store: Store) -> None:
    await store.add_person(person(OWNER))
    await open_(store, session(1))

    assert await store.suspend(OWNER, noted=line("person.suspended")) is Change.DONE
    assert await store.suspend(OWNER, noted=line("person.suspended")) is Change.ALREADY_SO

    assert await store.sessions_of(OWNER) == []
    assert not await open_(store, session(2))
    assert await store.restore(OWNER, noted=line("person.restored"), told=TOLD) is Change.DONE
    assert await store.restore(OWNER, noted=line("person.restored"), told=TOLD) is Change.ALREADY_SO
    assert await open_(store, session(2))


async def test_a_role_changes_at_once_and_is_told(store: Store) -> None:
    await store.add_person(person(OWNER))

    assert await store.set_role(OWNER, Role.VIEWER, noted=line("role.changed"), told=TOLD) is Change.DONE
    assert await store.set_role(OWNER, Role.VIEWER, noted=line("role.changed"), told=TOLD) is Change.ALREADY_SO
    assert await store.set_role(STRANGER, Role.VIEWER, noted=line(), told=TOLD) is Change.NO_SUCH_PERSON

    found = await store.person(OWNER)
    assert found is not None
    assert found.role is Role.VIEWER
    assert len(await store.audit_lines()) == len(await store.notices_of(OWNER)) == 1


@pytest.mark.parametrize("how", ["role", "suspend"])
async def test_the_last_operator_stays_though_two_take_each_other_down_at_once(
    store: Store, open_store: Callable[[], Awaitable[Store]], how: str
) -> None:
    others = [await open_store(), await open_store()]
    for who in (OWNER, STRANGER):
        await store.add_person(replace(person(who), role=Role.OPERATOR))

    async def take_down(by: Store, whom: UserId) -> Change:
        if how == "role":
            return await by.set_role(whom, Role.TRADER, noted=line("role.changed", whom), told=TOLD)
        return await by.suspend(whom, noted=line("person.suspended", whom))

    outcomes = await asyncio.gather(take_down(others[0], OWNER), take_down(others[1], STRANGER))

    assert sorted(outcome.name for outcome in outcomes) == ["DONE", "LAST_OPERATOR"]
    operators = [each for each in await store.people() if each.role is Role.OPERATOR and each.is_active]
    assert len(operators) == 1


async def test_what_has_run_out_is_forgotten_and_counted(store: Store) -> None:
    await store.add_person(person(OWNER))
    for number in (1, 2, 3):
        await open_(store, session(number))

    pruned = await store.prune(at(1802), idle=timedelta(minutes=30), absolute=timedelta(hours=12))

    assert (pruned.sessions, pruned.ceremonies, pruned.links, pruned.tokens, pruned.places) == (2, 0, 0, 0, 0)
    assert [each.session_id for each in await store.sessions_of(OWNER)] == ["session 3"]
