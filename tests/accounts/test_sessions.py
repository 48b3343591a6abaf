import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jarvis.accounts.sessions import OpenedSession, SessionLimits, Sessions, hash_of, new_token
from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Person, Role
from jarvis.store.db import Store
from tests.accounts.world import FIREFOX, HERE

ADA, BOB = UserId("ada"), UserId("bob")
NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def storage(sqlite_store: Store) -> Store:
    for who in (ADA, BOB):
        await sqlite_store.add_person(Person(who, f"{who}@example.org", "hash", Role.TRADER, NOW))
    return sqlite_store


@pytest.fixture
def sessions(storage: Store) -> Sessions:
    return Sessions(storage)


async def opened_by(
    sessions: Sessions, who: UserId = ADA, now: datetime = NOW, *, replacing: str | None = None,
    address: str = HERE, agent: str = FIREFOX,
) -> OpenedSession:  # fmt: skip
    opened = await sessions.open(who, now, method="password", address=address, agent=agent, replacing=replacing)
    assert opened is not None
    return opened


def ended(who: UserId = ADA, now: datetime = NOW) -> AuditEntry:
    return AuditEntry("session.ended", now, who, who)


async def test_a_token_finds_its_session_until_it_is_ended(sessions: Sessions) -> None:
    opened = await opened_by(sessions)

    found = await sessions.find(opened.token, NOW + MINUTE)
    await sessions.end(opened.token)

    assert found is not None
    assert found.user_id == ADA
    assert await sessions.find(opened.token, NOW + MINUTE) is None


async def test_only_the_hash_of_a_token_is_kept(sessions: Sessions, storage: Store) -> None:
    opened = await opened_by(sessions)

    (kept,) = await storage.sessions_of(ADA)
    assert kept.token_hash == hashlib.sha256(opened.token.encode()).digest()
    assert opened.token not in repr((kept, opened))
    assert kept.token_hash.hex() not in repr(kept)


async def test_the_hash_is_not_a_token(sessions: Sessions) -> None:
    opened = await opened_by(sessions)

    for guess in (opened.session.token_hash.hex(), "", "x", opened.token + "A", opened.token[:-1], "é" * 43):
        assert await sessions.find(guess, NOW) is None


def test_a_token_has_256_random_bits_and_fits_a_cookie() -> None:
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {43}
    assert new_token(lambda size: b"\xff" * size) == "_" * 42 + "8"


async def test_an_unused_session_ends_after_half_an_hour(sessions: Sessions, storage: Store) -> None:
    opened = await opened_by(sessions)

    assert await sessions.find(opened.token, NOW + 30 * MINUTE) is None
    assert await storage.sessions_of(ADA) == []


async def test_a_used_session_lives_on_and_ends_after_twelve_hours(sessions: Sessions) -> None:
    opened = await opened_by(sessions)
    now = NOW

    while now < NOW + timedelta(hours=12) - 20 * MINUTE:
        now += 20 * MINUTE
        if now < NOW + timedelta(hours=12):
            assert await sessions.find(opened.token, now) is not None

    assert await sessions.find(opened.token, NOW + timedelta(hours=12)) is None


async def test_limits_are_values(storage: Store) -> None:
    sessions = Sessions(storage, SessionLimits(idle=5 * MINUTE, absolute=8 * MINUTE))
    opened = await opened_by(sessions)

    assert await sessions.find(opened.token, NOW + 4 * MINUTE) is not None
    assert await sessions.find(opened.token, NOW + 8 * MINUTE) is None


@pytest.mark.parametrize(("idle", "absolute", "noted"), [(30, 20, 1), (1, 20, 1), (30, 60, -1)])
def test_limits_that_contradict_themselves_are_refused(idle: int, absolute: int, noted: int) -> None:
    with pytest.raises(ValueError, match="sessions"):
        SessionLimits(idle * MINUTE, absolute * MINUTE, noted * MINUTE)


async def test_many_uses_within_a_minute_are_one_write(sessions: Sessions, statements: list[str]) -> None:
    opened = await opened_by(sessions)
    statements.clear()

    for second in range(59):
        await sessions.find(opened.token, NOW + timedelta(seconds=second))
    quiet = [each for each in statements if each.startswith("UPDATE")]
    await sessions.find(opened.token, NOW + timedelta(seconds=60))

    assert quiet == []
    assert sum(each.startswith("UPDATE") for each in statements) == 1


async def test_signing_in_again_ends_the_token_that_the_browser_had(sessions: Sessions) -> None:
    planted = await opened_by(sessions, BOB)

    opened = await opened_by(sessions, replacing=planted.token)

    assert opened.token != planted.token
    assert await sessions.find(planted.token, NOW) is None
    assert await sessions.find(opened.token, NOW) is not None


async def test_all_sessions_of_one_person_end_but_the_kept_one(sessions: Sessions) -> None:
    kept, other, bobs = [await opened_by(sessions, who) for who in (ADA, ADA, BOB)]

    assert await sessions.end_all(ADA, keeping=kept.token, noted=ended()) == 1

    assert await sessions.find(kept.token, NOW) is not None
    assert await sessions.find(other.token, NOW) is None
    assert await sessions.find(bobs.token, NOW) is not None
    await sessions.end_all(ADA, noted=ended())
    assert await sessions.find(kept.token, NOW) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text())
async def test_no_text_is_a_token_by_accident(sessions: Sessions, text: str) -> None:
    await sessions.end(text, NOW)

    assert await sessions.find(text, NOW) is None


def test_a_hash_is_of_the_token_alone() -> None:
    assert hash_of("a") == hash_of("a")
    assert hash_of("a") != hash_of("b")


async def test_a_proof_gives_a_new_token_and_ten_minutes_that_do_not_slide(sessions: Sessions) -> None:
    opened = await opened_by(sessions)

    proved = await sessions.prove(opened.token, NOW + MINUTE, method="totp")

    assert proved is not None
    assert not sessions.is_proved(opened.session, NOW)
    assert await sessions.find(opened.token, NOW + MINUTE) is None
    assert proved.session.session_id == opened.session.session_id
    for minute, is_proved in ((1, True), (6, True), (10, True), (11, False)):
        found = await sessions.find(proved.token, NOW + minute * MINUTE)
        assert found is not None
        assert sessions.is_proved(found, NOW + minute * MINUTE) is is_proved


async def test_a_session_that_has_ended_cannot_be_proved(sessions: Sessions) -> None:
    opened = await opened_by(sessions)

    assert await sessions.prove(opened.token, NOW + 30 * MINUTE) is None
    assert await sessions.prove(new_token(), NOW) is None


async def test_the_absolute_end_counts_from_the_sign_in_and_not_from_a_proof(sessions: Sessions) -> None:
    opened, now = await opened_by(sessions), NOW
    token = opened.token
    while now < NOW + timedelta(hours=12) - 20 * MINUTE:
        now += 20 * MINUTE
        proved = await sessions.prove(token, now)
        assert proved is not None
        token = proved.token

    assert await sessions.find(token, NOW + timedelta(hours=12)) is None


async def test_sessions_are_listed_with_place_and_method_and_ended_one_by_one(sessions: Sessions) -> None:
    first, second = await opened_by(sessions), await opened_by(sessions, now=NOW + MINUTE, address="2001:db8::1")
    bobs = await opened_by(sessions, BOB)

    found = await sessions.of(ADA, NOW + MINUTE)

    assert [each.session_id for each in found] == [second.session.session_id, first.session.session_id]
    assert (found[1].method, found[1].address, found[1].agent) == ("password", HERE, FIREFOX)
    assert not await sessions.end_one(ADA, bobs.session.session_id, noted=ended())
    assert await sessions.end_one(ADA, first.session.session_id, noted=ended())
    assert await sessions.find(first.token, NOW + MINUTE) is None
    assert await sessions.find(bobs.token, NOW + MINUTE) is not None
    assert [each.session_id for each in await sessions.of(ADA, NOW + 30 * MINUTE)] == [second.session.session_id]


async def test_every_opening_proof_and_ending_is_in_the_audit(sessions: Sessions, storage: Store) -> None:
    opened = await opened_by(sessions)
    proved = await sessions.prove(opened.token, NOW, method="passkey")
    assert proved is not None

    await sessions.end(proved.token, NOW)
    await sessions.end(proved.token, NOW)

    lines = await storage.audit_lines()
    assert [(line.kind, line.actor, line.user_id) for line in lines] == [
        ("session.opened", ADA, ADA), ("session.proved", ADA, ADA), ("session.ended", ADA, ADA),
    ]  # fmt: skip
    assert opened.token not in repr(lines)
    assert proved.token not in repr(lines)


async def test_nobody_is_told_of_their_first_place_but_of_every_new_one(sessions: Sessions, storage: Store) -> None:
    chrome = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
    await opened_by(sessions)
    await opened_by(sessions, address="192.0.2.200", agent=FIREFOX.replace("145", "146"))
    assert await storage.notices_of(ADA) == []

    await opened_by(sessions, agent=chrome)
    await opened_by(sessions, address="198.51.100.1")
    await opened_by(sessions, address="198.51.100.2")

    told = [notice.message for notice in reversed(await storage.notices_of(ADA))]
    assert len(told) == 2
    assert "Chrome on Windows" in told[0]
    assert "198.51.100.1" in told[1]
    assert await storage.notices_of(BOB) == []


async def test_who_is_suspended_gets_no_session(sessions: Sessions, storage: Store) -> None:
    living = await opened_by(sessions)
    await storage.suspend(ADA, noted=AuditEntry("person.suspended", NOW, "cli", ADA))

    assert await sessions.open(ADA, NOW, method="passkey", address=HERE, agent="") is None
    assert await sessions.find(living.token, NOW) is None
    assert await sessions.of(ADA, NOW) == []


async def test_what_has_run_out_is_pruned_and_counted(sessions: Sessions, storage: Store) -> None:
    for hours in (0, 1, 2):
        await opened_by(sessions, now=NOW + timedelta(hours=hours))

    pruned = await sessions.prune(NOW + timedelta(hours=2))

    assert (pruned.sessions, pruned.ceremonies, pruned.links, pruned.tokens, pruned.places) == (2, 0, 0, 0, 0)
    assert len(await storage.sessions_of(ADA)) == 1
    assert (await sessions.prune(NOW + timedelta(days=366))).places == 1


async def test_what_a_browser_says_of_itself_is_kept_short_and_plain(sessions: Sessions, storage: Store) -> None:
    await opened_by(sessions, agent="Fire\r\nfox\x00" + "x" * 5000, address="y" * 500)

    (kept,) = await storage.sessions_of(ADA)
    assert (len(kept.agent), len(kept.address)) == (200, 64)
    assert kept.agent.isprintable()
