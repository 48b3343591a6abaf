import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Link, LinkKind, Role
from jarvis.store.db import Store
from tests.store.samples import NOON, OWNER, STRANGER, at, person

TOLD = "Somebody accepted."
NEW = UserId("new")
INVITATION = Link(b"in", LinkKind.INVITATION, "cli", NOON, at(3600), role=Role.VIEWER, views=OWNER, email="a@b.example")
RESET = Link(b"re", LinkKind.RESET, "cli", NOON, at(3600), user_id=OWNER)


def line(kind: str = "link.used", who: UserId = NEW, seconds: float = 1) -> AuditEntry:
    return AuditEntry(kind, at(seconds), who, who)


@pytest.fixture
async def people(store: Store) -> Store:
    """An owner and a stranger."""
    for who in (OWNER, STRANGER):
        await store.add_person(person(who))
    return store


async def test_a_link_is_kept_as_it_is_listed_and_taken_back(people: Store) -> None:
    for link in (INVITATION, RESET):
        await people.add_link(link, noted=AuditEntry("link.made", NOON, "cli"))

    assert await people.link(b"in") == INVITATION
    assert await people.link(b"re") == RESET
    assert await people.link(b"none") is None
    assert await people.links_by("cli") == [INVITATION, RESET]
    assert not await people.end_link("somebody", b"in")
    assert await people.end_link("cli", b"in")
    assert await people.links_by("cli") == [RESET]
    assert [each.kind for each in await people.audit_lines()] == ["link.made"] * 2


async def test_an_invitation_lets_one_in_with_their_viewing(people: Store) -> None:
    await people.add_link(INVITATION, noted=line("link.made"))

    async def use(number: int) -> bool:
        return await people.use_invitation(INVITATION, person(UserId(f"new {number}")), noted=line(), told=TOLD)

    used = await asyncio.gather(*(use(number) for number in range(6)))

    assert sum(used) == 1
    (viewing,) = await people.viewings_of(OWNER)
    assert viewing.viewer_email.startswith("new ")
    assert len(await people.people()) == 3
    assert [notice.message for notice in await people.notices_of(OWNER)] == [TOLD]
    assert sorted(each.kind for each in await people.audit_lines()) == ["link.made", "link.used", "viewing.granted"]


async def test_a_taken_address_or_a_late_use_changes_nothing_and_the_link_stays_good(people: Store) -> None:
    await people.add_link(INVITATION, noted=line("link.made"))
    taken = replace(person(NEW), email="owner@example.org")

    assert not await people.use_invitation(INVITATION, taken, noted=line(), told=TOLD)
    assert not await people.use_invitation(INVITATION, person(NEW), noted=line(seconds=3600), told=TOLD)

    assert await people.link(b"in") == INVITATION
    assert await people.viewings_of(OWNER) == []
    assert len(await people.audit_lines()) == 1
    assert await people.use_invitation(INVITATION, person(NEW), noted=line(), told=TOLD)


async def test_a_reset_is_used_by_one(people: Store) -> None:
    await people.add_link(RESET, noted=line("link.made"))

    async def use(password_hash: str) -> bool:
        noted = line("password.reset", OWNER)
        return await people.use_reset(RESET, password_hash, arming_held_until=at(90_000), noted=noted, told=TOLD)

    used = await asyncio.gather(*(use(f"hash {number}") for number in range(6)))

    assert sum(used) == 1
    found = await people.person(OWNER)
    assert found is not None
    assert found.password_hash == f"hash {used.index(True)}"
    assert found.arming_held_until == at(90_000)
    assert await people.person(STRANGER) == person(STRANGER)


async def test_a_new_reset_ends_the_earlier_ones_of_the_same_person(people: Store) -> None:
    others = replace(RESET, token_hash=b"theirs", user_id=STRANGER)
    for link in (RESET, others, replace(RESET, token_hash=b"newer")):
        await people.add_link(link, noted=line("link.made"))

    assert await people.link(b"re") is None
    assert await people.link(b"newer") is not None
    assert await people.link(b"theirs") == others


async def test_links_are_forgotten_a_month_after_they_ran_out(people: Store) -> None:
    await people.add_link(INVITATION, noted=line("link.made"))
    day, month = timedelta(days=1), timedelta(days=30)

    assert (await people.prune(at(3600) + month - day, idle=day, absolute=day)).links == 0
    assert (await people.prune(at(3600) + month, idle=day, absolute=day)).links == 1


async def test_viewings_are_between_two_people_and_end_for_both(people: Store) -> None:
    await people.add_person(replace(person(NEW), role=Role.VIEWER))

    granted = [
        await people.grant_viewing(OWNER, "new@example.org", noted=line("viewing.granted", OWNER)) for _ in range(2)
    ]

    assert granted == [True, False]
    assert not await people.grant_viewing(OWNER, "stranger@example.org", noted=line("viewing.granted", OWNER))
    assert await people.may_view(NEW, OWNER)
    assert not await people.may_view(OWNER, NEW)
    assert not await people.may_view(NEW, STRANGER)
    assert await people.viewings_of(NEW) == await people.viewings_of(OWNER) != []
    assert await people.end_viewing(NEW, OWNER, noted=line("viewing.ended", OWNER))
    assert not await people.end_viewing(NEW, OWNER, noted=line("viewing.ended", OWNER))
    assert not await people.may_view(NEW, OWNER)
    assert [each.kind for each in await people.audit_lines()] == ["viewing.granted", "viewing.ended"]
