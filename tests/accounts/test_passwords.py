import asyncio
import hashlib
import random
import threading
import time
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from jarvis.accounts.breached import BreachedPasswords
from jarvis.accounts.common import COMMON_WORDS
from jarvis.accounts.names import NAMES
from jarvis.accounts.passwords import HashCost, PasswordProblem, Passwords, PasswordsBusy, judge_password

CHEAP = HashCost(time=3, memory=12 * 1024)
WORDS = sorted(COMMON_WORDS | NAMES)
GOOD = "grüne Tomaten am Dienstag"


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords(CHEAP)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", PasswordProblem.TOO_SHORT),
        ("short7!", PasswordProblem.TOO_SHORT),
        ("e\u0301" * 7, PasswordProblem.TOO_SHORT),
        ("ab" + "x9K$" * 32, PasswordProblem.TOO_LONG),
        ("password", PasswordProblem.COMMON),
        ("Password1", PasswordProblem.COMMON),
        ("PASSWORD123!", PasswordProblem.COMMON),
        ("p@ssw0rd", PasswordProblem.COMMON),
        ("P@$$w0rd2026", PasswordProblem.COMMON),
        ("letmein!!!", PasswordProblem.COMMON),
        ("correcthorsebatterystaple", PasswordProblem.COMMON),
        ("love1234", PasswordProblem.COMMON),
        ("12345678", PasswordProblem.COMMON),
        ("876543210", PasswordProblem.COMMON),
        ("31415926", PasswordProblem.COMMON),
        ("2026-11-22", PasswordProblem.COMMON),
        ("aaaaaaaaaaaa", PasswordProblem.COMMON),
        ("abcabcabcabc", PasswordProblem.COMMON),
        ("qwertyuiop", PasswordProblem.COMMON),
        ("poiuytrewq", PasswordProblem.COMMON),
        ("abcdefghij1", PasswordProblem.COMMON),
        ("xyzxyzxyzx", PasswordProblem.COMMON),
        ("Jarvis2026!", PasswordProblem.PREDICTABLE),
        ("jarvis-trader", PasswordProblem.PREDICTABLE),
        ("KrakenBitcoin99", PasswordProblem.PREDICTABLE),
        ("monkeydragon", PasswordProblem.COMMON),
        ("monkey123dragon!", PasswordProblem.COMMON),
        ("TheBigDragons77", PasswordProblem.COMMON),
        ("blue_mountain", PasswordProblem.COMMON),
        ("Sebastian1987", PasswordProblem.COMMON),
        ("schatzischatzi", PasswordProblem.COMMON),
        ("basketba", PasswordProblem.COMMON),
        ("1qaz2wsx3edc", PasswordProblem.COMMON),
        ("zaq12wsx", PasswordProblem.COMMON),
        ("q1w2e3r4t5", PasswordProblem.COMMON),
        ("1a2b3c4d", PasswordProblem.COMMON),
        ("qweasdzxc", PasswordProblem.COMMON),
        ("123qwe456asd", PasswordProblem.COMMON),
        ("asd123456", PasswordProblem.COMMON),
        ("12/24/1999", PasswordProblem.COMMON),
        ("Aa@123456", PasswordProblem.COMMON),
        ("ada.lovelace", PasswordProblem.PREDICTABLE),
        ("Lovelace1815", PasswordProblem.PREDICTABLE),
        ("ada.lovelace@example.org", PasswordProblem.PREDICTABLE),
        ("l0velace!!", PasswordProblem.PREDICTABLE),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password: str, problem: PasswordProblem) -> None:
    assert judge_password(password, context=("ada.lovelace@example.org",)) is problem


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "vXq7#kd2",
        "lovelace wrote the first program",
        "kraken sleeps under the green sea",
        "tr0ub4dor and three",
        "three little words more",
        "JBSWY3DPEHPK3PXP",
        "48151623 4219 ab 4815",
        "密码是一个长长的句子",
        "        x       y",
        "🦊🦉🐝🦋🐌🐞🐜🦗",
        "x9K$" * 16 + "rT" * 32,
    ],
)
def test_a_password_that_is_nobodys_first_guess_is_taken(password: str) -> None:
    assert judge_password(password, context=("ada.lovelace@example.org",)) is None


@given(st.sampled_from(sorted(COMMON_WORDS)), st.text("0123456789!.-", max_size=6))
def test_no_common_word_is_taken_with_digits_and_signs_around_it(word: str, ending: str) -> None:
    assert judge_password(word.capitalize() + ending) is not None


@given(st.text(max_size=200))
def test_every_text_is_judged(password: str) -> None:
    problem = judge_password(password, context=(password[:10],))

    if not 8 <= len(unicodedata.normalize("NFKC", password)) <= 128:
        assert problem in {PasswordProblem.TOO_SHORT, PasswordProblem.TOO_LONG}


@given(
    st.sampled_from(sorted(NAMES)), st.sampled_from(sorted(COMMON_WORDS | NAMES)), st.text("0123456789!.- ", max_size=6)
)
def test_no_two_common_words_are_taken_with_digits_and_signs_among_them(one: str, other: str, between: str) -> None:
    password = one + between + other.capitalize() + "1!"

    assert judge_password(password) is not None or len(one + other) > 32


@given(st.integers(0))
def test_passwords_that_a_manager_made_are_taken(seed: int) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#%+:=?@"
    password = "".join(random.Random(seed).choices(letters, k=16))

    assert judge_password(password, context=("ada.lovelace@example.org",)) is None


def test_a_long_text_is_judged_in_no_time() -> None:
    began = time.perf_counter()
    for text in ("a" * 128, "me" * 64, "love" * 32, "aquazseth" * 14, "x9K$" * 32):
        judge_password(text)

    assert time.perf_counter() - began < 0.5


async def test_a_new_password_is_judged_and_hashed(passwords: Passwords, tmp_path: Path) -> None:
    leaked = "ein geleaktes Passwort 7"
    path = tmp_path / "breached.txt"
    path.write_text(hashlib.sha1(leaked.encode(), usedforsecurity=False).hexdigest().upper() + ":12\n")
    strict = Passwords(CHEAP, breached=BreachedPasswords(path))

    made = await strict.make(GOOD)

    assert isinstance(made, str)
    assert (await passwords.verify(made, GOOD)).fits
    assert await strict.make("password1") is PasswordProblem.COMMON
    assert await strict.make(leaked) is PasswordProblem.BREACHED
    assert isinstance(await passwords.make(leaked), str)
    strict.close()


async def test_so_many_wait_and_one_more_is_told_to_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, release = Passwords(CHEAP, at_once=1, most_waiting=2), threading.Event()

    def slow(_hasher: object, _stored: str, _text: str) -> bool:
        return release.wait(10)

    monkeypatch.setattr(PasswordHasher, "verify", slow)
    waiting = [asyncio.create_task(passwords.verify(None, GOOD)) for _ in range(3)]
    await asyncio.sleep(0.05)

    for ask in (passwords.hash, passwords.make):
        with pytest.raises(PasswordsBusy):
            await ask(GOOD)
    with pytest.raises(PasswordsBusy):
        await passwords.verify(None, GOOD)

    release.set()
    assert [check.fits for check in await asyncio.gather(*waiting)] == [False] * 3
    assert not (await passwords.verify(None, GOOD)).fits
    passwords.close()


async def test_a_request_that_was_given_up_keeps_its_place_until_its_work_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords, release = Passwords(CHEAP, at_once=1, most_waiting=0), threading.Event()

    def slow(_hasher: object, _stored: str, _text: str) -> bool:
        return release.wait(10)

    monkeypatch.setattr(PasswordHasher, "verify", slow)
    given_up = asyncio.create_task(passwords.verify(None, GOOD))
    await asyncio.sleep(0.05)
    given_up.cancel()
    await asyncio.sleep(0.01)

    with pytest.raises(PasswordsBusy):
        await passwords.verify(None, GOOD)

    release.set()
    passwords.close()


async def test_a_hash_fits_its_password_and_no_other(passwords: Passwords) -> None:
    stored = await passwords.hash(GOOD)

    assert stored.startswith("$argon2id$v=19$m=12288,t=3,p=1$")
    assert GOOD not in stored
    assert (await passwords.verify(stored, GOOD)).fits
    assert not (await passwords.verify(stored, GOOD + " ")).fits
    assert not (await passwords.verify(stored, "")).fits
    assert stored != await passwords.hash(GOOD)


async def test_two_spellings_of_one_password_are_the_same(passwords: Passwords) -> None:
    stored = await passwords.hash(unicodedata.normalize("NFC", GOOD))

    assert (await passwords.verify(stored, unicodedata.normalize("NFD", GOOD))).fits


async def test_every_character_of_a_long_password_counts(passwords: Passwords) -> None:
    stored = await passwords.hash("x9K$" * 32)

    assert (await passwords.verify(stored, "x9K$" * 32)).fits
    assert not (await passwords.verify(stored, "x9K$" * 31 + "x9K%")).fits
    assert not (await passwords.verify(stored, "x9K$" * 33)).fits
    assert not (await passwords.verify(stored, "x9K$" * 100_000)).fits


async def test_nobodys_password_never_fits_and_costs_the_same_work(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    verify = PasswordHasher.verify

    def noted(hasher: PasswordHasher, stored: str, text: str) -> bool:
        asked.append(stored)
        return verify(hasher, stored, text)

    monkeypatch.setattr(PasswordHasher, "verify", noted)

    check = await passwords.verify(None, GOOD)

    assert not check.fits
    assert len(asked) == 1
    assert asked[0].startswith("$argon2id$v=19$m=12288,t=3,p=1$")


async def test_a_hash_of_other_parameters_is_replaced_when_its_password_is_seen(passwords: Passwords) -> None:
    other = Passwords(HashCost(time=1, memory=46 * 1024))
    stored = await other.hash(GOOD)

    wrong = await passwords.verify(stored, "wrong password")
    right = await passwords.verify(stored, GOOD)

    other.close()
    assert (wrong.fits, wrong.better_hash) == (False, None)
    assert right.fits
    assert right.better_hash is not None
    assert right.better_hash.startswith("$argon2id$v=19$m=12288,t=3,p=1$")
    assert (await passwords.verify(right.better_hash, GOOD)).better_hash is None


async def test_a_damaged_stored_hash_is_an_error_and_not_a_wrong_password(passwords: Passwords) -> None:
    with pytest.raises(ValueError, match="cannot be read") as error:
        await passwords.verify("$argon2id$broken", GOOD)

    assert GOOD not in str(error.value)


@pytest.mark.parametrize(("time_cost", "memory"), [(1, 46 * 1024 - 1), (2, 19 * 1024 - 1), (3, 12 * 1024 - 1), (0, 1)])
def test_parameters_below_the_standard_are_refused(time_cost: int, memory: int) -> None:
    with pytest.raises(ValueError, match="Argon2id needs"):
        HashCost(time=time_cost, memory=memory)


def test_the_usual_parameters_are_above_the_standard() -> None:
    assert HashCost() == HashCost(time=3, memory=48 * 1024, lanes=1)


async def test_only_so_many_are_hashed_at_once_even_when_requests_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = Passwords(CHEAP, at_once=2)
    running, most, lock = 0, 0, threading.Lock()

    def slow(_hasher: object, _text: str) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.03)
        with lock:
            running -= 1
        return "hash"

    monkeypatch.setattr(PasswordHasher, "hash", slow)
    given_up = [asyncio.create_task(passwords.hash(GOOD)) for _ in range(4)]
    await asyncio.sleep(0.01)
    for task in given_up:
        task.cancel()
    await asyncio.gather(*(passwords.hash(GOOD) for _ in range(4)))

    passwords.close()
    assert most == 2


async def test_hashing_and_checking_leave_the_loops_thread_free(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[int] = set()

    def hash_noted(_hasher: PasswordHasher, _text: str) -> str:
        seen.add(threading.get_ident())
        return "hash"

    def verify_noted(_hasher: PasswordHasher, _stored: str, _text: str) -> bool:
        seen.add(threading.get_ident())
        return True

    monkeypatch.setattr(PasswordHasher, "hash", hash_noted)
    monkeypatch.setattr(PasswordHasher, "verify", verify_noted)

    await passwords.hash(GOOD)
    await passwords.verify(None, GOOD)

    assert seen
    assert threading.get_ident() not in seen
