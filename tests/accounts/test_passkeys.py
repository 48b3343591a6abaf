import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from jarvis.accounts.passkeys import Begun, PasskeyProblem, credential_name, credential_named
from jarvis.accounts.people import FactorNeeded, Person, SignedIn, TryLater
from jarvis.domain.people import Passkey
from tests.accounts.authenticator import PRESENT, Authenticator
from tests.accounts.world import EMAIL, FIREFOX, HERE, NOW, PASSWORD, STRANGER, World, noted

MINUTE = timedelta(minutes=1)


async def begin(here: World, minutes: int = 0) -> Begun:
    begun = await here.passkeys.begin_sign_in(NOW + minutes * MINUTE, address=HERE)
    assert isinstance(begun, Begun)
    return begun


async def sign_in(here: World, authenticator: Authenticator, minutes: int = 0) -> SignedIn | PasskeyProblem:
    begun = await begin(here, minutes)
    return await here.passkeys.finish_sign_in(
        begun.ceremony_token, authenticator.sign(begun.options), address=HERE, agent=FIREFOX, now=NOW + minutes * MINUTE
    )


async def enrol(
    here: World, person: Person, authenticator: Authenticator, label: str = "x"
) -> Passkey | PasskeyProblem:
    begun = await here.passkeys.begin_registration(person, NOW)
    session = (await here.signed_in(person)).session
    return await here.passkeys.finish_registration(
        person, begun.ceremony_token, authenticator.enrol(begun.options), label=label, now=NOW, keeping=session,
        noted=noted("factor.added", person),
    )  # fmt: skip


async def test_a_passkey_is_enrolled_and_signs_in_without_a_password(here: World) -> None:
    ada = await here.person()
    authenticator = await here.with_passkey(ada, label=" my laptop ")

    entered = await sign_in(here, authenticator)

    assert isinstance(entered, SignedIn)
    assert entered.person == ada
    assert entered.session.session.method == "passkey"
    (passkey,) = (await here.store.factors(ada.user_id)).passkeys
    assert (passkey.label, passkey.sign_count, passkey.transports) == ("my laptop", 1, ("hybrid", "internal"))
    assert passkey.used_at == NOW
    assert "A passkey named 'my laptop' was added" in (await here.told(ada))[0]
    assert "factor.added" in await here.kinds(ada.user_id)


async def test_what_the_browser_is_asked_at_enrolment(here: World) -> None:
    ada = await here.person()
    authenticator = await here.with_passkey(ada)

    options = json.loads((await here.passkeys.begin_registration(ada, NOW)).options)

    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "preferred"
    assert options["attestation"] == "none"
    assert [each["id"] for each in options["excludeCredentials"]] == [bytes_to_base64url(authenticator.credential_id)]
    assert options["rp"] == {"id": "jarvis.example.org", "name": "Jarvis"}
    assert base64url_to_bytes(options["user"]["id"]).decode() == ada.user_id
    assert len(base64url_to_bytes(options["challenge"])) == 32


async def test_a_sign_in_names_nobody_and_every_challenge_is_new(here: World) -> None:
    await here.with_passkey(await here.person())

    first, second = json.loads((await begin(here)).options), json.loads((await begin(here)).options)

    assert first["userVerification"] == "required"
    assert not first.get("allowCredentials")
    assert first["challenge"] != second["challenge"]


async def test_enrolling_ends_the_persons_other_sessions(here: World) -> None:
    ada, eve = await here.person(), await here.person(STRANGER)
    other, eves = await here.signed_in(ada), await here.signed_in(eve)

    await here.with_passkey(ada)

    assert await here.sessions.find(other.token, NOW) is None
    assert await here.sessions.find(eves.token, NOW) is not None


async def test_a_challenge_is_good_once_for_five_minutes_and_for_what_it_was_made(here: World) -> None:
    ada = await here.person()
    authenticator = await here.with_passkey(ada)
    used, late = await begin(here), await begin(here)
    proof = await here.passkeys.begin_proof(ada, NOW)
    assert proof is not None

    async def finish(begun: Begun, minutes: int = 0) -> object:
        return await here.passkeys.finish_sign_in(
            begun.ceremony_token, authenticator.sign(begun.options), address=HERE, now=NOW + minutes * MINUTE
        )

    assert isinstance(await finish(used), SignedIn)
    assert await finish(used) is PasskeyProblem.OVER
    assert await finish(late, 5) is PasskeyProblem.OVER
    assert await finish(proof) is PasskeyProblem.OVER


async def test_an_answer_to_another_challenge_is_refused(here: World) -> None:
    authenticator = await here.with_passkey(await here.person())
    one, other = await begin(here), await begin(here)

    answer = await here.passkeys.finish_sign_in(
        one.ceremony_token, authenticator.sign(other.options), address=HERE, now=NOW
    )

    assert answer is PasskeyProblem.WRONG


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://jarvis.example.com"},
        {"origin": "http://jarvis.example.org"},
        {"rp_id": "example.org"},
        {"flags": PRESENT},
        {"flags": 0},
        {"user_handle": bytes_to_base64url(b"user-2")},
        {"key": Authenticator().key},
        {"credential_id": b"another"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_passkey_of_another_site_device_or_person_is_refused(here: World, wrong: dict[str, object]) -> None:
    ada = await here.person()
    await here.person(STRANGER)
    authenticator = await here.with_passkey(ada)

    outcome = await sign_in(here, replace(authenticator, **wrong))  # type: ignore[arg-type]

    assert outcome is PasskeyProblem.WRONG
    assert (await here.kinds())[-1] == "session.refused"
    assert isinstance(await sign_in(here, authenticator), SignedIn)


@pytest.mark.parametrize("wrong", [{"origin": "https://evil.example"}, {"rp_id": "evil.example"}, {"flags": PRESENT}])
async def test_a_passkey_is_not_enrolled_without_verification_or_for_another_site(
    here: World, wrong: dict[str, object]
) -> None:
    ada = await here.person()

    outcome = await enrol(here, ada, Authenticator(**wrong))  # type: ignore[arg-type]

    assert outcome is PasskeyProblem.WRONG
    assert not (await here.store.factors(ada.user_id)).any


async def test_a_count_that_goes_back_is_refused_and_told(here: World) -> None:
    ada = await here.person()
    authenticator = await here.with_passkey(ada)
    copy = replace(authenticator)
    assert isinstance(await sign_in(here, authenticator), SignedIn)
    assert isinstance(await sign_in(here, authenticator), SignedIn)

    outcome = await sign_in(here, copy)

    assert outcome is PasskeyProblem.COPIED
    assert "count of signatures went back" in (await here.told(ada))[-1]
    assert (await here.kinds(ada.user_id))[-1] == "session.refused"


async def test_an_authenticator_that_does_not_count_signs_in_again_and_again(here: World) -> None:
    authenticator = await here.with_passkey(await here.person(), authenticator=Authenticator(step=0))

    assert isinstance(await sign_in(here, authenticator), SignedIn)
    assert isinstance(await sign_in(here, authenticator), SignedIn)


async def test_a_passkey_proves_a_session_of_its_own_person_only(here: World) -> None:
    ada, eve = await here.person(), await here.person(STRANGER)
    adas, eves = await here.with_passkey(ada), await here.with_passkey(eve)
    opened, eves_session = await here.signed_in(ada), await here.signed_in(eve)

    async def prove(person: Person, begun_by: Person, authenticator: Authenticator, token: str) -> object:
        begun = await here.passkeys.begin_proof(begun_by, NOW)
        assert begun is not None
        assert len(json.loads(begun.options)["allowCredentials"]) == 1
        return await here.passkeys.finish_proof(
            person, begun.ceremony_token, authenticator.sign(begun.options), session_token=token, address=HERE, now=NOW
        )

    assert await prove(ada, ada, eves, opened.token) is PasskeyProblem.WRONG
    assert await prove(eve, ada, adas, eves_session.token) is PasskeyProblem.OVER
    proved = await prove(ada, ada, adas, opened.token)
    assert not isinstance(proved, PasskeyProblem)
    assert await here.sessions.find(opened.token, NOW) is None
    assert "session.proved" in await here.kinds(ada.user_id)


async def test_nobody_without_a_passkey_is_asked_for_one(here: World) -> None:
    assert await here.passkeys.begin_proof(await here.person(), NOW) is None


async def test_a_password_alone_does_not_open_an_account_with_a_passkey(here: World) -> None:
    await here.with_passkey(await here.person())

    outcome = await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)

    assert isinstance(outcome, FactorNeeded)
    assert outcome.methods == {"passkey"}


async def test_a_person_has_ten_passkeys_at_most_and_none_twice(here: World) -> None:
    ada, eve = await here.person(), await here.person(STRANGER)
    authenticator = await here.with_passkey(ada)

    assert await enrol(here, ada, authenticator) is PasskeyProblem.TAKEN
    assert await enrol(here, eve, authenticator) is PasskeyProblem.TAKEN
    for _ in range(9):
        assert isinstance(await enrol(here, ada, Authenticator()), Passkey)
    assert await enrol(here, ada, Authenticator()) is PasskeyProblem.TAKEN
    assert len((await here.store.factors(ada.user_id)).passkeys) == 10


async def test_a_registration_is_finished_by_who_began_it(here: World) -> None:
    ada, eve = await here.person(), await here.person(STRANGER)
    begun = await here.passkeys.begin_registration(ada, NOW)
    session = (await here.signed_in(eve)).session

    outcome = await here.passkeys.finish_registration(
        eve, begun.ceremony_token, Authenticator().enrol(begun.options), label="x", now=NOW, keeping=session,
        noted=noted("factor.added", eve),
    )  # fmt: skip

    assert outcome is PasskeyProblem.OVER


@pytest.mark.parametrize("label", ["", "   ", "x" * 61, "two\nlines", "\x00"])
async def test_a_passkey_needs_a_name_that_fits_a_line(here: World, label: str) -> None:
    assert await enrol(here, await here.person(), Authenticator(), label) is PasskeyProblem.LABEL


async def test_a_passkey_is_removed_by_its_person_only(here: World) -> None:
    ada, eve = await here.person(), await here.person(STRANGER)
    authenticator = await here.with_passkey(ada)
    adas, other, eves = await here.signed_in(ada), await here.signed_in(ada), await here.signed_in(eve)
    named = credential_named(credential_name(authenticator.credential_id))

    assert not await here.passkeys.remove(eve, named, keeping=eves.session, noted=noted("factor.removed", eve))
    assert await here.passkeys.remove(ada, named, keeping=adas.session, noted=noted("factor.removed", ada))

    assert await sign_in(here, authenticator) is PasskeyProblem.WRONG
    assert await here.sessions.find(other.token, NOW) is None
    assert "passkey was removed" in (await here.told(ada))[-1]
    assert credential_named("not base64 \xff") == b"" or isinstance(credential_named("not base64"), bytes)


async def test_a_suspended_person_does_not_enter_by_passkey(here: World) -> None:
    ada = await here.person()
    authenticator = await here.with_passkey(ada)
    await here.store.suspend(ada.user_id, noted=noted("person.suspended", ada))

    assert await sign_in(here, authenticator) is PasskeyProblem.WRONG


async def test_beginning_is_slowed_down_by_address(here: World) -> None:
    answers = [await here.passkeys.begin_sign_in(NOW, address=HERE) for _ in range(30)]

    assert sum(isinstance(answer, Begun) for answer in answers) == 20
    assert isinstance(answers[-1], TryLater)


Spoil = Callable[[str], str]
NAMES = ("id", "rawId", "type", "response", "clientDataJSON", "attestationObject", "authenticatorData", "signature")
VALUES: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.text() | st.binary().map(bytes_to_base64url) | st.just({})
)


def cut(share: float) -> Spoil:
    return lambda text: text[: int(share * len(text))]


def put_in(share: float, what: str) -> Spoil:
    return lambda text: text[: int(share * len(text))] + what + text[int(share * len(text)) + 1 :]


def exchanged(name: str, value: object) -> Spoil:
    def spoil(text: str) -> str:
        parsed = json.loads(text)
        (parsed["response"] if name in parsed["response"] else parsed)[name] = value
        return json.dumps(parsed)

    return spoil


SPOILS = (
    st.builds(cut, st.floats(0, 1))
    | st.builds(put_in, st.floats(0, 1), st.text(max_size=5))
    | st.builds(exchanged, st.sampled_from((*NAMES, "userHandle", "transports")), VALUES)
    | st.text().map(lambda whole: lambda _: whole)
    | st.just(lambda _: "[" * 30_000)
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=SPOILS, second=SPOILS, number=st.integers(0, 255))
async def test_whatever_a_browser_sends_is_refused_and_breaks_nothing(
    here: World, first: Spoil, second: Spoil, number: int
) -> None:
    person = await here.store.person_by_email(EMAIL) or await here.person()
    authenticator = Authenticator()
    session = (await here.signed_in(person)).session
    registration = await here.passkeys.begin_registration(person, NOW)
    kept = await here.passkeys.finish_registration(
        person, registration.ceremony_token, first(authenticator.enrol(registration.options)), label="x", now=NOW,
        keeping=session, noted=noted("factor.added", person),
    )  # fmt: skip
    begun = await here.passkeys.begin_sign_in(NOW, address=f"10.0.0.{number}")
    answer: object = PasskeyProblem.WRONG
    if isinstance(begun, Begun):
        sent = second(authenticator.sign(begun.options))
        answer = await here.passkeys.finish_sign_in(begun.ceremony_token, sent, address=HERE, now=NOW)

    assert isinstance(kept, Passkey | PasskeyProblem)
    assert isinstance(answer, SignedIn | PasskeyProblem)
