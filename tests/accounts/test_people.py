import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from jarvis.accounts.passwords import HashCost, PasswordProblem, Passwords
from jarvis.accounts.people import (
    Deed,
    EmailProblem,
    People,
    Person,
    Role,
    SignedIn,
    SignInRefused,
    TryLater,
    may,
    normalised_email,
)
from jarvis.accounts.sessions import Sessions
from jarvis.accounts.throttle import SignInThrottle
from tests.accounts.memory import MemoryStorage

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
EMAIL, PASSWORD = "ada@example.org", "grüne Tomaten am Dienstag"
HERE = "192.0.2.7"


class CountingPasswords(Passwords):
    """Counts what it is asked, since time itself is too rough to compare."""

    def __init__(self) -> None:
        super().__init__(HashCost(time=3, memory=12 * 1024))
        self.work: list[str] = []

    async def hash(self, password: str) -> str:
        self.work.append("hash")
        return await super().hash(password)

    def _check(self, stored: str | None, text: str) -> object:  # type: ignore[override]
        self.work.append("verify")
        return super()._check(stored, text)


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
async def passwords() -> AsyncIterator[CountingPasswords]:
    made = CountingPasswords()
    yield made
    made.close()


@pytest.fixture
def people(storage: MemoryStorage, passwords: CountingPasswords) -> People:
    ids = itertools.count(1)
    return People(
        storage=storage,
        passwords=passwords,
        sessions=Sessions(storage),
        throttle=SignInThrottle(),
        new_id=lambda: f"user-{next(ids)}",
    )


async def test_a_new_trader_signs_up_and_in_and_out(people: People, storage: MemoryStorage) -> None:
    signed_up = await people.sign_up("  Ada@Example.ORG ", PASSWORD, NOW)
    entered = await people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)

    assert signed_up is None
    assert isinstance(entered, SignedIn)
    assert (entered.person.email, entered.person.role, entered.person.created_at) == (EMAIL, Role.TRADER, NOW)
    assert entered.session.session.user_id == entered.person.user_id == "user-1"
    await people.sign_out(entered.session.token)
    assert not storage.sessions


async def test_signing_up_twice_answers_and_works_the_same_and_changes_nothing(
    people: People, storage: MemoryStorage, passwords: CountingPasswords
) -> None:
    first = await people.sign_up(EMAIL, PASSWORD, NOW)
    kept, work, writes = storage.people[EMAIL], list(passwords.work), storage.writes
    passwords.work.clear()

    second = await people.sign_up(EMAIL, "another long password", NOW)

    assert second is first is None
    assert passwords.work == work
    assert storage.writes == 2 * writes
    assert storage.people == {EMAIL: kept}
    assert isinstance(await people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW), SignedIn)


async def test_a_wrong_password_and_an_unknown_address_answer_and_work_the_same(
    people: People, storage: MemoryStorage, passwords: CountingPasswords
) -> None:
    await people.sign_up(EMAIL, PASSWORD, NOW)
    passwords.work.clear()
    writes = storage.writes
    outcomes = []

    for email in (EMAIL, "stranger@example.org", "not an address", ""):
        outcomes.append(await people.sign_in(email, "wrong password", address=HERE, now=NOW))
        assert passwords.work == ["verify"]
        passwords.work.clear()

    assert outcomes == [SignInRefused.WRONG] * 4
    assert storage.writes == writes


async def test_an_unknown_person_does_not_enter_with_any_password(people: People) -> None:
    for password in ("", PASSWORD, "x" * 200):
        assert await people.sign_in(EMAIL, password, address=HERE, now=NOW) is SignInRefused.WRONG


@pytest.mark.parametrize(
    ("email", "password", "problem"),
    [
        ("ada", PASSWORD, EmailProblem.MALFORMED),
        (EMAIL, "short", PasswordProblem.TOO_SHORT),
        (EMAIL, "x9K$" * 33, PasswordProblem.TOO_LONG),
        (EMAIL, "password1", PasswordProblem.COMMON),
        ("lovelace@example.org", "Lovelace99", PasswordProblem.PREDICTABLE),
    ],
)
async def test_what_is_wrong_is_said_before_anything_is_looked_up(
    email: str, password: str, problem: object, people: People, storage: MemoryStorage
) -> None:
    assert await people.sign_up(email, password, NOW) is problem
    assert storage.writes == 0


async def test_too_many_tries_are_asked_to_wait_without_checking(people: People, passwords: CountingPasswords) -> None:
    await people.sign_up(EMAIL, PASSWORD, NOW)
    for _ in range(8):
        await people.sign_in(EMAIL, "wrong password", address=HERE, now=NOW)
    passwords.work.clear()

    outcome = await people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)

    assert outcome == TryLater(30)
    assert not passwords.work


async def test_guessing_at_an_account_is_slowed_down_whether_or_not_it_exists(people: People) -> None:
    await people.sign_up(EMAIL, PASSWORD, NOW)

    waits = [
        [
            isinstance(await people.sign_in(email, "wrong password", address=f"{net}.{number}", now=NOW), TryLater)
            for number in range(10)
        ]
        for email, net in ((EMAIL, "10.0.0"), ("nobody@example.org", "10.0.1"))
    ]

    assert waits == [[False] * 8 + [True] * 2] * 2


async def test_who_signed_in_from_here_before_does_not_wait_for_those_who_guess_elsewhere(people: People) -> None:
    await people.sign_up(EMAIL, PASSWORD, NOW)
    await people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)
    for number in range(10):
        await people.sign_in(EMAIL, "wrong password", address=f"10.0.0.{number}", now=NOW)

    guess = await people.sign_in(EMAIL, "wrong password", address="10.0.0.99", now=NOW)
    owner = await people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)

    assert isinstance(guess, TryLater)
    assert isinstance(owner, SignedIn)


async def test_signing_in_replaces_the_session_that_the_browser_had(people: People, storage: MemoryStorage) -> None:
    await people.sign_up(EMAIL, PASSWORD, NOW)
    first = await people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)
    assert isinstance(first, SignedIn)

    second = await people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW, replacing=first.session.token)

    assert isinstance(second, SignedIn)
    assert list(storage.sessions) == [second.session.session.token_hash]


async def test_signing_in_renews_a_hash_of_older_parameters(people: People, storage: MemoryStorage) -> None:
    await people.sign_up(EMAIL, PASSWORD, NOW)
    older = Passwords(HashCost(time=1, memory=46 * 1024))
    await storage.set_password_hash(storage.people[EMAIL].user_id, await older.hash(PASSWORD))
    older.close()

    outcome = await people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)

    assert isinstance(outcome, SignedIn)
    assert storage.people[EMAIL].password_hash.startswith("$argon2id$v=19$m=12288,t=3")


async def test_the_operator_is_added_by_the_command_line_and_told_of_a_taken_address(people: People) -> None:
    added = await people.add(EMAIL, PASSWORD, NOW, role=Role.OPERATOR)

    assert isinstance(added, Person)
    assert added.role is Role.OPERATOR
    assert await people.add(EMAIL, PASSWORD, NOW, role=Role.VIEWER) is None


async def test_a_persons_hash_and_address_are_not_printed(people: People) -> None:
    added = await people.add(EMAIL, PASSWORD, NOW, role=Role.TRADER)

    assert repr(added) == "Person('user-1', trader)"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Ada@Example.org", EMAIL),
        ("ada+jarvis@example.org", "ada+jarvis@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("\uff41\uff44\uff41@example.org", EMAIL),
        ("ada", None),
        ("@example.org", None),
        ("ada@", None),
        ("ada@localhost", None),
        ("ada@example..org", None),
        ("ada@-example.org", None),
        ("a da@example.org", None),
        ("ada\n@example.org", None),
        ("ada@example.org\r\nBcc: eve@example.org", None),
        ("<ada@example.org>", None),
        ("ada@eve@example.org", None),
        ("x" * 65 + "@example.org", None),
        ("x@" + "y" * 250 + ".org", None),
        ("x@" + "a." * 130 + "org", None),
    ],
)
def test_an_address_has_one_spelling_and_the_shape_of_one(text: str, address: str | None) -> None:
    assert normalised_email(text) == address


def test_roles_allow_what_they_are_for() -> None:
    allowed = {role: {deed for deed in Deed if may(role, deed)} for role in Role}

    assert allowed[Role.VIEWER] == {Deed.LOOK}
    assert allowed[Role.TRADER] == {Deed.LOOK, Deed.PAUSE_AND_FLATTEN, Deed.TRADE, Deed.MANAGE_KEYS}
    assert allowed[Role.OPERATOR] == set(Deed)
