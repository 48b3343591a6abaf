from datetime import timedelta

import pytest

from jarvis.accounts.passwords import HashCost, PasswordProblem, Passwords
from jarvis.accounts.people import (
    CodeRefused,
    EmailProblem,
    Enrolment,
    FactorNeeded,
    Person,
    Role,
    SignedIn,
    SignInRefused,
    TryLater,
    normalised_email,
)
from jarvis.domain.people import AuditEntry
from tests.accounts.conftest import CountingPasswords
from tests.accounts.world import ELSEWHERE, EMAIL, HERE, NOW, PASSWORD, STRANGER, App, World, noted

MINUTE = timedelta(minutes=1)


async def test_a_new_trader_signs_up_and_in_and_out(here: World) -> None:
    signed_up = await here.people.sign_up("  Ada@Example.ORG ", PASSWORD, NOW, address=HERE)
    entered = await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)

    assert signed_up is None
    assert isinstance(entered, SignedIn)
    assert (entered.person.email, entered.person.role, entered.person.created_at) == (EMAIL, Role.TRADER, NOW)
    assert entered.session.session.user_id == entered.person.user_id == "user-1"
    assert entered.session.session.method == "password"
    await here.people.sign_out(entered.session.token, NOW)
    assert await here.sessions.of(entered.person.user_id, NOW) == []
    assert await here.kinds() == ["person.added", "session.opened", "session.ended"]


async def test_signing_up_twice_answers_and_works_the_same_and_changes_nothing(
    here: World, passwords: CountingPasswords, statements: list[str]
) -> None:
    first = await here.people.sign_up(EMAIL, PASSWORD, NOW)
    work, asked = list(passwords.work), list(statements)
    kept = await here.store.people()
    passwords.work.clear()
    statements.clear()

    second = await here.people.sign_up(EMAIL, "another long password", NOW)

    assert second is first is None
    assert passwords.work == work == ["hash"]
    assert statements == asked
    assert await here.store.people() == kept
    assert await here.kinds() == ["person.added", "person.refused"]
    assert isinstance(await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW), SignedIn)


async def test_a_wrong_password_and_an_unknown_address_answer_and_work_the_same(
    here: World, passwords: CountingPasswords, statements: list[str]
) -> None:
    await here.with_totp(await here.person("totp@example.org"))
    suspended = await here.person("suspended@example.org")
    await here.store.suspend(suspended.user_id, noted=noted("person.suspended", suspended))
    await here.person(EMAIL)
    outcomes, works = [], []

    for email in (EMAIL, "totp@example.org", "suspended@example.org", STRANGER, "not an address", ""):
        passwords.work.clear()
        statements.clear()
        outcomes.append(await here.people.sign_in(email, "wrong password", address=HERE, now=NOW))
        works.append((list(passwords.work), list(statements)))

    assert outcomes == [SignInRefused.WRONG] * 6
    assert works == [works[0]] * 6
    assert works[0][0] == ["verify"]


async def test_a_suspended_person_is_refused_with_the_right_password_as_with_a_wrong_one(
    here: World, passwords: CountingPasswords, statements: list[str]
) -> None:
    ada = await here.person()
    await here.store.suspend(ada.user_id, noted=noted("person.suspended", ada))
    works = []

    for password in ("wrong password", PASSWORD):
        passwords.work.clear()
        statements.clear()
        assert await here.people.sign_in(EMAIL, password, address=HERE, now=NOW) is SignInRefused.WRONG
        works.append((list(passwords.work), list(statements)))

    assert works[0] == works[1]
    await here.store.restore(ada.user_id, noted=noted("person.restored", ada), told="Open again.")
    assert isinstance(await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW), SignedIn)


async def test_an_unknown_person_does_not_enter_with_any_password(here: World) -> None:
    for password in ("", PASSWORD, "x" * 200):
        assert await here.people.sign_in(EMAIL, password, address=HERE, now=NOW) is SignInRefused.WRONG


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
    email: str, password: str, problem: object, here: World, statements: list[str]
) -> None:
    assert await here.people.sign_up(email, password, NOW) is problem
    assert statements == []


async def test_too_many_tries_are_asked_to_wait_without_checking(here: World, passwords: CountingPasswords) -> None:
    await here.person()
    for _ in range(20):
        outcome = await here.people.sign_in(EMAIL, "wrong password", address=HERE, now=NOW)
    passwords.work.clear()

    assert isinstance(outcome, TryLater)
    assert isinstance(await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW), TryLater)
    assert not passwords.work


async def test_guessing_at_an_account_is_slowed_down_whether_or_not_it_exists(here: World) -> None:
    await here.person()

    waits = [
        [
            isinstance(await here.people.sign_in(email, "wrong", address=f"{net}.{number}", now=NOW), TryLater)
            for number in range(10)
        ]
        for email, net in ((EMAIL, "10.0.0"), ("nobody@example.org", "10.0.1"))
    ]

    assert waits == [[False] * 8 + [True] * 2] * 2


async def test_who_signed_in_from_here_before_does_not_wait_for_those_who_guess_elsewhere(here: World) -> None:
    await here.signs_in(await here.person())
    for number in range(10):
        await here.people.sign_in(EMAIL, "wrong password", address=f"10.0.0.{number}", now=NOW)

    guess = await here.people.sign_in(EMAIL, "wrong password", address="10.0.0.99", now=NOW)
    owner = await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)

    assert isinstance(guess, TryLater)
    assert isinstance(owner, SignedIn)


async def test_a_password_alone_does_not_make_an_address_the_owners(here: World) -> None:
    await here.with_totp(await here.person())

    outcomes = [await here.people.sign_in(EMAIL, PASSWORD, address=ELSEWHERE, now=NOW) for _ in range(20)]

    assert isinstance(outcomes[0], FactorNeeded)
    assert isinstance(outcomes[-1], TryLater)


async def test_signing_in_replaces_the_session_that_the_browser_had(here: World) -> None:
    ada = await here.person()
    first = await here.signs_in(ada)

    second = await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW, replacing=first.token)

    assert isinstance(second, SignedIn)
    (living,) = await here.sessions.of(ada.user_id, NOW)
    assert living == second.session.session


async def test_signing_in_renews_a_hash_of_older_parameters(here: World) -> None:
    ada = await here.person()
    older = Passwords(HashCost(time=1, memory=46 * 1024))
    await here.store.set_password_hash(ada.user_id, await older.hash(PASSWORD))
    older.close()

    await here.signs_in(ada)

    renewed = await here.store.person(ada.user_id)
    assert renewed is not None
    assert renewed.password_hash.startswith("$argon2id$v=19$m=12288,t=3")


async def test_the_operator_is_added_by_the_command_line_and_told_of_a_taken_address(here: World) -> None:
    added = await here.people.add(EMAIL, PASSWORD, NOW, role=Role.OPERATOR)

    assert isinstance(added, Person)
    assert added.role is Role.OPERATOR
    assert await here.people.add(EMAIL, PASSWORD, NOW, role=Role.VIEWER) is None


async def test_a_persons_hash_and_address_are_not_printed(here: World) -> None:
    added = await here.people.add(EMAIL, PASSWORD, NOW, role=Role.TRADER)

    assert repr(added) == "Person('user-1', trader)"


async def test_a_flood_is_told_to_wait_and_does_not_pile_up(here: World, passwords: CountingPasswords) -> None:
    while passwords._places.acquire(blocking=False):
        pass

    assert await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW) == TryLater(2)
    assert await here.people.sign_up(EMAIL, PASSWORD, NOW) == TryLater(2)
    assert passwords.work == []


async def test_a_right_password_asks_for_the_second_factor_and_opens_nothing(here: World) -> None:
    ada = await here.person()
    await here.with_totp(ada)
    await here.sessions.end_all(ada.user_id, noted=noted("session.ended", ada))

    outcome = await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)

    assert isinstance(outcome, FactorNeeded)
    assert outcome.methods == {"totp"}
    assert outcome.ceremony_token not in repr(outcome)
    assert await here.sessions.of(ada.user_id, NOW) == []
    assert await here.sessions.find(outcome.ceremony_token, NOW) is None


async def test_password_and_code_sign_in_and_the_code_is_used_up(here: World) -> None:
    ada = await here.person()
    app, later = await here.with_totp(ada), NOW + MINUTE

    first = await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=later)
    assert isinstance(first, FactorNeeded)
    entered = await here.people.finish_sign_in(first.ceremony_token, app.code(later), address=HERE, now=later)
    second = await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=later)
    assert isinstance(second, FactorNeeded)
    replayed = await here.people.finish_sign_in(second.ceremony_token, app.code(later), address=HERE, now=later)

    assert isinstance(entered, SignedIn)
    assert entered.session.session.method == "password+totp"
    assert replayed is CodeRefused.WRONG


async def test_a_ceremony_is_good_once_and_for_five_minutes(here: World) -> None:
    app = await here.with_totp(await here.person())

    async def begin() -> str:
        outcome = await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)
        assert isinstance(outcome, FactorNeeded)
        return outcome.ceremony_token

    async def finish(token: str, minutes: int) -> object:
        now = NOW + minutes * MINUTE
        return await here.people.finish_sign_in(token, app.code(now), address=HERE, now=now)

    old, used = await begin(), await begin()

    assert isinstance(await finish(used, 2), SignedIn)
    assert await finish(used, 3) is CodeRefused.OVER
    assert await finish(old, 5) is CodeRefused.OVER
    assert await finish("nonsense", 3) is CodeRefused.OVER


async def test_after_five_wrong_codes_one_begins_again_and_the_person_is_told(here: World) -> None:
    ada = await here.person()
    app, later = await here.with_totp(ada), NOW + MINUTE
    begun = await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=later)
    assert isinstance(begun, FactorNeeded)

    answers = [
        await here.people.finish_sign_in(begun.ceremony_token, code, address=HERE, now=later)
        for code in ("000000", "not a code", "111111", "AAAAA-" * 5 + "A", "222222", app.code(later))
    ]

    assert answers == [CodeRefused.WRONG] * 4 + [CodeRefused.OVER] * 2
    assert any("right password" in message for message in await here.told(ada))


async def test_codes_are_slowed_down_by_account_wherever_they_come_from(here: World) -> None:
    await here.with_totp(await here.person())

    async def guess(number: int) -> object:
        address = f"10.0.{number}.1"
        begun = await here.people.sign_in(EMAIL, PASSWORD, address=address, now=NOW + number * MINUTE / 6)
        assert isinstance(begun, FactorNeeded), number
        return await here.people.finish_sign_in(
            begun.ceremony_token, "000000", address=address, now=NOW + number * MINUTE / 6
        )

    answers = [await guess(number) for number in range(60)]

    # Ten at once, and one a minute during the ten minutes that this takes.
    assert sum(answer is CodeRefused.WRONG for answer in answers) <= 20
    assert isinstance(answers[-1], TryLater)


async def test_a_recovery_code_signs_in_once_and_lets_a_factor_be_added_but_proves_nothing(here: World) -> None:
    ada = await here.person()
    await here.with_totp(ada)
    codes = await here.codes(ada)
    outcomes = []
    for code in (codes[0].lower().replace("-", " "), codes[0], codes[1]):
        begun = await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)
        assert isinstance(begun, FactorNeeded)
        assert begun.methods == {"totp", "recovery"}
        outcomes.append(await here.people.finish_sign_in(begun.ceremony_token, code, address=HERE, now=NOW))

    entered = outcomes[0]
    assert isinstance(entered, SignedIn)
    assert outcomes[1] is CodeRefused.WRONG
    assert isinstance(outcomes[2], SignedIn)
    session = entered.session.session
    assert session.method == "password+recovery"
    assert not here.sessions.is_proved(session, NOW)

    async def enrolment(minutes: int) -> object:
        now = NOW + minutes * MINUTE
        return await here.people.allows_enrolment(ada, session, password=None, address=HERE, now=now)

    assert await enrolment(29) is Enrolment.ALLOWED
    assert await enrolment(30) is Enrolment.PROOF_NEEDED
    assert any("recovery code was used" in message for message in await here.told(ada))


async def test_who_lost_the_phone_comes_with_a_recovery_code_and_replaces_the_app(here: World) -> None:
    ada = await here.person()
    lost = await here.with_totp(ada)
    code = (await here.codes(ada))[0]
    begun = await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)
    assert isinstance(begun, FactorNeeded)
    entered = await here.people.finish_sign_in(begun.ceremony_token, code, address=HERE, now=NOW)
    assert isinstance(entered, SignedIn)
    session = entered.session.session

    allowed = await here.people.allows_enrolment(ada, session, password=None, address=HERE, now=NOW)
    assert allowed is Enrolment.ALLOWED
    found = App(await here.offered(ada))
    assert await here.totp.confirm(ada, found.code(NOW), NOW, keeping=session, noted=noted("factor.added", ada))

    later = NOW + MINUTE
    assert not await here.totp.check(ada.user_id, lost.code(later), later)
    proved = await here.people.prove_by_code(ada, entered.session.token, found.code(later), address=HERE, now=later)
    assert not isinstance(proved, CodeRefused | TryLater)


async def test_another_persons_code_opens_nothing(here: World) -> None:
    eve = await here.person(STRANGER)
    eves_app, later = await here.with_totp(eve), NOW + MINUTE
    eves_codes = await here.codes(eve)
    await here.with_totp(await here.person())

    for code in (eves_app.code(later), eves_codes[0]):
        begun = await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=later)
        assert isinstance(begun, FactorNeeded)
        answer = await here.people.finish_sign_in(begun.ceremony_token, code, address=HERE, now=later)
        assert answer is CodeRefused.WRONG


async def test_a_code_proves_a_session_and_gives_it_a_new_token(here: World) -> None:
    ada = await here.person()
    app, later = await here.with_totp(ada), NOW + MINUTE
    opened = await here.signed_in(ada, later)

    wrong = await here.people.prove_by_code(ada, opened.token, "000000", address=HERE, now=later)
    proved = await here.people.prove_by_code(ada, opened.token, app.code(later), address=HERE, now=later)
    again = await here.people.prove_by_code(ada, opened.token, app.code(later), address=HERE, now=later)

    assert wrong is again is CodeRefused.WRONG
    assert not isinstance(proved, CodeRefused | TryLater)
    assert here.sessions.is_proved(proved.session, later + 9 * MINUTE)
    assert await here.sessions.find(opened.token, later) is None


async def test_a_recovery_code_proves_nothing(here: World) -> None:
    ada = await here.person()
    await here.with_totp(ada)
    codes = await here.codes(ada)
    opened = await here.signed_in(ada)

    assert await here.people.prove_by_code(ada, opened.token, codes[0], address=HERE, now=NOW) is CodeRefused.WRONG
    assert (await here.store.factors(ada.user_id)).codes_left == 10


async def test_the_first_factor_takes_the_password_and_the_next_a_proof(here: World) -> None:
    ada = await here.person()
    session = (await here.signed_in(ada)).session

    async def allows(password: str | None) -> object:
        return await here.people.allows_enrolment(ada, session, password=password, address=HERE, now=NOW)

    assert await allows(None) is Enrolment.PASSWORD_NEEDED
    assert await allows("wrong password") is Enrolment.PASSWORD_WRONG
    assert await allows(PASSWORD) is Enrolment.ALLOWED
    app = await here.with_totp(ada)
    assert await allows(PASSWORD) is Enrolment.PROOF_NEEDED
    opened, later = await here.signed_in(ada), NOW + MINUTE
    proved = await here.people.prove_by_code(ada, opened.token, app.code(later), address=HERE, now=later)
    assert not isinstance(proved, CodeRefused | TryLater)
    assert (
        await here.people.allows_enrolment(ada, proved.session, password=None, address=HERE, now=later)
        is Enrolment.ALLOWED
    )


async def test_guessing_at_the_password_behind_the_door_is_slowed_down_as_at_the_door(here: World) -> None:
    ada = await here.person()
    session = (await here.signed_in(ada)).session

    answers = [
        await here.people.allows_enrolment(ada, session, password="wrong", address=HERE, now=NOW) for _ in range(30)
    ]

    assert answers[0] is Enrolment.PASSWORD_WRONG
    assert isinstance(answers[-1], TryLater)


async def test_a_new_password_takes_the_old_one_and_ends_the_other_sessions(here: World) -> None:
    ada = await here.person()
    kept, other = await here.signed_in(ada), await here.signed_in(ada)
    new = "ein ganz anderes Wort"

    async def change(old: str, wished: str) -> object:
        found = await here.store.person(ada.user_id)
        assert found is not None
        return await here.people.change_password(found, kept.session, old, wished, address=HERE, now=NOW)

    assert await change("wrong password", new) is SignInRefused.WRONG
    assert await change(PASSWORD, "password1") is PasswordProblem.COMMON
    assert await here.sessions.find(other.token, NOW) is not None
    assert await change(PASSWORD, new) is None

    assert await here.sessions.find(kept.token, NOW) is not None
    assert await here.sessions.find(other.token, NOW) is None
    assert await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW) is SignInRefused.WRONG
    assert isinstance(await here.people.sign_in(EMAIL, new, address=HERE, now=NOW), SignedIn)
    assert "password.changed" in await here.kinds(ada.user_id)
    assert any("password was changed" in message for message in await here.told(ada))


async def test_refusals_are_in_the_audit_without_what_was_typed(here: World) -> None:
    ada = await here.person()
    for email in (EMAIL, "hunter2-typed-into-the-wrong-field", STRANGER):
        await here.people.sign_in(email, "typed-secret", address=HERE, now=NOW)

    lines = [line for line in await here.store.audit_lines() if line.kind == "session.refused"]

    assert [(line.actor, line.user_id) for line in lines] == [
        ("nobody", ada.user_id),
        ("nobody", None),
        ("nobody", None),
    ]
    assert not any(word in str(lines) for word in ("hunter2", "typed-secret", STRANGER))
    assert all(HERE in (line.details_json or "") for line in lines)


async def test_a_flood_of_refusals_does_not_fill_the_audit(here: World) -> None:
    for number in range(300):
        await here.people._note_refusal(None, "password", f"10.0.0.{number}", NOW)

    assert len(await here.kinds()) == 100


async def test_a_sign_in_that_cannot_be_noted_does_not_happen(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await here.person()

    async def full(_connection: object, _entry: AuditEntry) -> int:
        raise OSError("the disk is full")

    monkeypatch.setattr("jarvis.store.people.append", full)
    with pytest.raises(Exception, match="disk is full"):
        await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)

    assert await here.sessions.of(ada.user_id, NOW) == []


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
