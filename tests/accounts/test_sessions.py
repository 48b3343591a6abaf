import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.accounts.sessions import SessionLimits, Sessions, hash_of, new_token
from jarvis.domain.account import UserId
from tests.accounts.memory import MemoryStorage

ADA, BOB = UserId("ada"), UserId("bob")
NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def sessions(storage: MemoryStorage) -> Sessions:
    return Sessions(storage)


async def test_a_token_finds_its_session_until_it_is_ended(sessions: Sessions) -> None:
    opened = await sessions.open(ADA, NOW)

    found = await sessions.find(opened.token, NOW + MINUTE)
    await sessions.end(opened.token)

    assert found is not None
    assert found.user_id == ADA
    assert await sessions.find(opened.token, NOW + MINUTE) is None


async def test_only_the_hash_of_a_token_is_kept(sessions: Sessions, storage: MemoryStorage) -> None:
    opened = await sessions.open(ADA, NOW)

    (kept,) = storage.sessions.values()
    assert kept.token_hash == hashlib.sha256(opened.token.encode()).digest()
    assert opened.token not in repr((kept, opened, storage.sessions))


async def test_the_hash_is_not_a_token(sessions: Sessions) -> None:
    opened = await sessions.open(ADA, NOW)

    for guess in (opened.session.token_hash.hex(), "", "x", opened.token + "A", opened.token[:-1], "é" * 43):
        assert await sessions.find(guess, NOW) is None


def test_a_token_has_256_random_bits_and_fits_a_cookie() -> None:
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {43}
    assert new_token(lambda size: b"\xff" * size) == "_" * 42 + "8"


async def test_an_unused_session_ends_after_half_an_hour(sessions: Sessions, storage: MemoryStorage) -> None:
    opened = await sessions.open(ADA, NOW)

    assert await sessions.find(opened.token, NOW + 30 * MINUTE) is None
    assert not storage.sessions


async def test_a_used_session_lives_on_and_ends_after_twelve_hours(sessions: Sessions) -> None:
    opened = await sessions.open(ADA, NOW)
    now = NOW

    while now < NOW + timedelta(hours=12) - 20 * MINUTE:
        now += 20 * MINUTE
        if now < NOW + timedelta(hours=12):
            assert await sessions.find(opened.token, now) is not None

    assert await sessions.find(opened.token, NOW + timedelta(hours=12)) is None


async def test_limits_are_values(storage: MemoryStorage) -> None:
    sessions = Sessions(storage, SessionLimits(idle=5 * MINUTE, absolute=8 * MINUTE))
    opened = await sessions.open(ADA, NOW)

    assert await sessions.find(opened.token, NOW + 4 * MINUTE) is not None
    assert await sessions.find(opened.token, NOW + 8 * MINUTE) is None


@pytest.mark.parametrize(("idle", "absolute", "noted"), [(30, 20, 1), (1, 20, 1), (30, 60, -1)])
def test_limits_that_contradict_themselves_are_refused(idle: int, absolute: int, noted: int) -> None:
    with pytest.raises(ValueError, match="sessions"):
        SessionLimits(idle * MINUTE, absolute * MINUTE, noted * MINUTE)


async def test_many_uses_within_a_minute_are_one_write(sessions: Sessions, storage: MemoryStorage) -> None:
    opened = await sessions.open(ADA, NOW)
    writes = storage.writes

    for second in range(59):
        await sessions.find(opened.token, NOW + timedelta(seconds=second))
    quiet = storage.writes
    await sessions.find(opened.token, NOW + timedelta(seconds=60))

    assert (quiet, storage.writes) == (writes, writes + 1)


async def test_signing_in_again_ends_the_token_that_the_browser_had(sessions: Sessions) -> None:
    planted = await sessions.open(BOB, NOW)

    opened = await sessions.open(ADA, NOW, replacing=planted.token)

    assert opened.token != planted.token
    assert await sessions.find(planted.token, NOW) is None
    assert await sessions.find(opened.token, NOW) is not None


async def test_all_sessions_of_one_person_end_but_the_kept_one(sessions: Sessions) -> None:
    kept, other, bobs = [await sessions.open(person, NOW) for person in (ADA, ADA, BOB)]

    await sessions.end_all(ADA, keeping=kept.token)

    assert await sessions.find(kept.token, NOW) is not None
    assert await sessions.find(other.token, NOW) is None
    assert await sessions.find(bobs.token, NOW) is not None
    await sessions.end_all(ADA)
    assert await sessions.find(kept.token, NOW) is None


@given(st.text())
async def test_no_text_is_a_token_by_accident(text: str) -> None:
    sessions = Sessions(MemoryStorage())
    await sessions.open(ADA, NOW)

    await sessions.end(text)

    assert await sessions.find(text, NOW) is None


def test_a_hash_is_of_the_token_alone() -> None:
    assert hash_of("a") == hash_of("a")
    assert hash_of("a") != hash_of("b")
