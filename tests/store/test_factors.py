import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from jarvis.accounts.sessions import Session
from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Ceremony, CeremonyKind, Passkey, TotpSeed
from jarvis.store.db import Store
from tests.store.samples import NOON, OWNER, STRANGER, at, person

TOLD = "Something happened."
KEEPING = b"kept"
SEED = TotpSeed(OWNER, b"sealed", 0, NOON)
CEREMONY = Ceremony(b"token", CeremonyKind.SECOND_FACTOR, OWNER, b"", NOON, at(300))


@pytest.fixture
async def people(store: Store) -> Store:
    """An owner with two sessions, and a stranger with one."""
    for who in (OWNER, STRANGER):
        await store.add_person(person(who))
    for name, who in ((KEEPING, OWNER), (b"other", OWNER), (b"theirs", STRANGER)):
        opened = Session(name, name.decode(), who, NOON, NOON, "password")
        await store.open_session(opened, replacing=None, place=b"home", noted=line("session.opened", who), told=TOLD)
    return store


def line(kind: str, who: UserId = OWNER) -> AuditEntry:
    return AuditEntry(kind, NOON, who, who)


def passkey(name: bytes = b"one", who: UserId = OWNER, count: int = 1) -> Passkey:
    return Passkey(name, who, b"public", count, ("hybrid", "usb"), backed_up=False, label="laptop", created_at=NOON)


async def add(store: Store, new: Passkey, most: int = 10) -> bool:
    noted = line("factor.added", new.user_id)
    return await store.add_passkey(new, most=most, keeping=KEEPING, noted=noted, told=TOLD)


async def sessions(store: Store) -> set[str]:
    return {each.session_id for who in (OWNER, STRANGER) for each in await store.sessions_of(who)}


async def test_a_passkey_is_kept_as_it_is_and_ends_the_other_sessions(people: Store) -> None:
    assert await add(people, passkey())

    assert await people.passkey(b"one") == passkey()
    assert (await people.factors(OWNER)).passkeys == (passkey(),)
    assert not (await people.factors(STRANGER)).any
    assert await sessions(people) == {"kept", "theirs"}
    assert (await people.audit_lines())[-1].kind == "factor.added"
    assert [notice.kind for notice in await people.notices_of(OWNER)] == ["factor.added"]


async def test_a_passkey_that_is_known_changes_nothing(people: Store) -> None:
    await add(people, passkey())

    assert not await add(people, passkey(who=STRANGER))

    assert not (await people.factors(STRANGER)).any
    assert [each.kind for each in await people.audit_lines()].count("factor.added") == 1


async def test_two_that_come_at_once_do_not_exceed_what_a_person_may_have(people: Store) -> None:
    added = await asyncio.gather(*(add(people, passkey(bytes([number])), most=3) for number in range(8)))

    assert sum(added) == 3


async def test_a_count_only_grows_and_zero_stays_zero(people: Store) -> None:
    await add(people, passkey(count=5))
    await add(people, passkey(b"uncounted", count=0))

    async def use(name: bytes, count: int) -> bool:
        return await people.use_passkey(name, count, backed_up=True, at=at(1))

    assert [await use(b"one", count) for count in (5, 4, 0, 6, 6)] == [False, False, False, True, False]
    assert [await use(b"uncounted", count) for count in (0, 0, 3, 0)] == [True, True, True, False]
    assert await people.passkey(b"one") == replace(passkey(count=6), backed_up=True, used_at=at(1))


async def test_one_of_many_uses_of_a_count_holds(people: Store) -> None:
    await add(people, passkey(count=5))

    used = await asyncio.gather(*(people.use_passkey(b"one", 6, backed_up=False, at=NOON) for _ in range(8)))

    assert sum(used) == 1


async def test_a_persons_own_passkey_is_removed_and_no_other(people: Store) -> None:
    await add(people, passkey())

    async def remove(who: UserId) -> bool:
        return await people.remove_passkey(who, b"one", keeping=KEEPING, noted=line("factor.removed", who), told=TOLD)

    assert not await remove(STRANGER)
    assert await sessions(people) == {"kept", "theirs"}
    assert await remove(OWNER)
    assert await people.passkey(b"one") is None


async def offered(store: Store, seed: TotpSeed = SEED) -> None:
    await store.offer_totp(seed, expires_at=at(1800))


async def confirm(store: Store, seed: TotpSeed = SEED) -> bool:
    return await store.confirm_totp(seed, 100, keeping=KEEPING, noted=line("factor.added"), told=TOLD)


async def test_a_seed_is_in_force_when_exactly_it_is_confirmed(people: Store) -> None:
    other = replace(SEED, sealed=b"another")
    await offered(people)
    await offered(people, other)

    assert await people.offered_totp(OWNER, at(1799)) == other
    assert await people.offered_totp(OWNER, at(1800)) is None
    assert await people.offered_totp(STRANGER, at(1)) is None
    assert not await people.use_totp_step(OWNER, 1000)
    assert not await confirm(people)
    assert await people.totp(OWNER) is None
    assert sum(await asyncio.gather(*(confirm(people, other) for _ in range(4)))) == 1
    assert await people.totp(OWNER) == replace(other, last_step=100)
    assert (await people.factors(OWNER)).totp_since == NOON
    assert await sessions(people) == {"kept", "theirs"}


async def test_an_offer_leaves_the_seed_in_force_until_it_is_confirmed(people: Store) -> None:
    other = replace(SEED, sealed=b"another")
    await offered(people)
    await confirm(people)

    await offered(people, other)
    assert await people.totp(OWNER) == replace(SEED, last_step=100)
    assert await confirm(people, other)
    assert await people.totp(OWNER) == replace(other, last_step=100)


async def test_a_step_is_used_by_one_and_takes_those_before_it(people: Store) -> None:
    await offered(people)
    await confirm(people)

    assert not await people.use_totp_step(OWNER, 100)
    assert sum(await asyncio.gather(*(people.use_totp_step(OWNER, 102) for _ in range(8)))) == 1
    assert not await people.use_totp_step(OWNER, 101)
    assert not await people.use_totp_step(STRANGER, 200)


async def test_codes_go_with_the_last_factor_and_not_before(people: Store) -> None:
    await add(people, passkey())
    await offered(people)
    await confirm(people)
    noted = line("factor.codes_made")
    await people.set_recovery_codes(OWNER, [b"a", b"b"], keeping=KEEPING, noted=noted, told=TOLD)

    assert await people.remove_totp(OWNER, keeping=KEEPING, noted=line("factor.removed"), told=TOLD)
    assert (await people.factors(OWNER)).codes_left == 2
    await people.remove_passkey(OWNER, b"one", keeping=KEEPING, noted=line("factor.removed"), told=TOLD)
    assert (await people.factors(OWNER)).codes_left == 0


async def test_a_recovery_code_is_used_by_one(people: Store) -> None:
    await people.set_recovery_codes(OWNER, [b"a", b"b"], keeping=KEEPING, noted=line("factor.codes_made"), told=TOLD)
    before = len(await people.audit_lines())

    async def use(who: UserId = OWNER, name: bytes = b"a") -> bool:
        return await people.use_recovery_code(who, name, noted=line("factor.code_used", who), told=TOLD)

    assert not await use(STRANGER)
    assert not await use(name=b"c")
    assert sum(await asyncio.gather(*(use() for _ in range(8)))) == 1
    assert (await people.factors(OWNER)).codes_left == 1
    assert len(await people.audit_lines()) == before + 1


async def test_attempts_at_a_ceremony_are_counted_up_to_the_most(people: Store) -> None:
    await people.begin_ceremony(CEREMONY)

    async def attempt(now: float = 1) -> Ceremony | None:
        return await people.try_ceremony(b"token", CeremonyKind.SECOND_FACTOR, at(now), most=5)

    assert await attempt(300) is None
    assert await people.try_ceremony(b"token", CeremonyKind.PASSKEY_SUDO, at(1), most=5) is None
    tried = await asyncio.gather(*(attempt() for _ in range(12)))
    assert sorted(each.attempts for each in tried if each) == [1, 2, 3, 4, 5]
    found = await people.ceremony(b"token", CeremonyKind.SECOND_FACTOR, at(299))
    assert found == replace(CEREMONY, attempts=5)
    assert await people.ceremony(b"token", CeremonyKind.SECOND_FACTOR, at(300)) is None


async def test_a_ceremony_is_taken_by_one_in_time_and_for_its_kind(people: Store) -> None:
    for name in (b"token", b"late"):
        await people.begin_ceremony(replace(CEREMONY, token_hash=name))
    kind = CeremonyKind.SECOND_FACTOR

    assert await people.take_ceremony(b"token", CeremonyKind.PASSKEY_SIGN_IN, at(1)) is None
    taken = await asyncio.gather(*(people.take_ceremony(b"token", kind, at(1)) for _ in range(8)))
    assert [each for each in taken if each is not None] == [CEREMONY]
    assert await people.take_ceremony(b"late", kind, at(300)) is None


async def test_ceremonies_end_with_the_sessions_and_with_their_time(people: Store) -> None:
    await people.begin_ceremony(CEREMONY)
    await people.end_sessions(OWNER, None, noted=line("session.ended"))
    assert await people.ceremony(b"token", CeremonyKind.SECOND_FACTOR, at(1)) is None

    await people.begin_ceremony(replace(CEREMONY, user_id=None, kind=CeremonyKind.PASSKEY_SIGN_IN))
    pruned = await people.prune(at(300), idle=timedelta(minutes=30), absolute=timedelta(hours=12))
    assert pruned.ceremonies == 1
