from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.accounts.sessions import OpenedSession
from jarvis.accounts.totp import code_digits
from tests.accounts.world import EMAIL, NOW, STRANGER, App, World, noted

STEP = timedelta(seconds=30)


async def test_a_seed_counts_for_nothing_before_its_first_code(here: World) -> None:
    ada = await here.person()
    app = App(await here.offered(ada))

    assert not (await here.store.factors(ada.user_id)).any
    assert not await here.totp.check(ada.user_id, app.code(NOW), NOW)


async def test_the_offer_is_what_an_authenticator_app_reads(here: World) -> None:
    offer = await here.totp.begin(await here.person(), NOW)

    parts = urlsplit(offer.uri)
    assert (parts.scheme, parts.netloc, unquote(parts.path)) == ("otpauth", "totp", f"/Jarvis:{EMAIL}")
    assert parse_qs(parts.query) == {
        "secret": [offer.seed], "issuer": ["Jarvis"], "algorithm": ["SHA1"], "digits": ["6"], "period": ["30"],
    }  # fmt: skip
    assert len(offer.seed) == 32
    assert pyotp.parse_uri(offer.uri).secret == offer.seed
    assert offer.seed not in repr(offer)


async def test_the_first_code_puts_it_in_force_and_ends_the_other_sessions(here: World) -> None:
    ada, eve = await here.person(), await here.person(STRANGER)
    kept, other, eves = await here.signed_in(ada), await here.signed_in(ada), await here.signed_in(eve)
    app = App(await here.offered(ada))
    line = noted("factor.added", ada)

    assert not await here.totp.confirm(ada, "000000", NOW, keeping=kept.session, noted=line)
    assert await here.totp.confirm(ada, app.code(NOW), NOW, keeping=kept.session, noted=line)
    assert not await here.totp.confirm(ada, app.code(NOW + STEP), NOW, keeping=kept.session, noted=line)

    factors = await here.store.factors(ada.user_id)
    assert (factors.any, factors.totp_since, set(factors.methods)) == (True, NOW, {"totp"})
    assert await here.sessions.find(kept.token, NOW) is not None
    assert await here.sessions.find(other.token, NOW) is None
    assert await here.sessions.find(eves.token, NOW) is not None
    assert (await here.kinds(ada.user_id))[-1] == "factor.added"
    assert "authenticator app was added" in (await here.told(ada))[-1]


async def test_a_person_has_one_authenticator_app_and_a_new_one_replaces_it_when_it_is_confirmed(here: World) -> None:
    ada = await here.person()
    app = await here.with_totp(ada)
    other = App(await here.offered(ada, NOW + STEP))
    session, later = (await here.signed_in(ada)).session, NOW + 2 * STEP

    assert await here.totp.check(ada.user_id, app.code(NOW + STEP), NOW + STEP)
    assert not await here.totp.check(ada.user_id, other.code(NOW + STEP), NOW + STEP)
    assert await here.totp.confirm(ada, other.code(later), later, keeping=session, noted=noted("factor.added", ada))

    assert not await here.totp.check(ada.user_id, app.code(later + STEP), later + STEP)
    assert await here.totp.check(ada.user_id, other.code(later + STEP), later + STEP)


async def test_an_offer_waits_for_half_an_hour(here: World) -> None:
    ada = await here.person()
    app, session, line = App(await here.offered(ada)), (await here.signed_in(ada)).session, noted("factor.added", ada)
    late = NOW + 60 * STEP

    assert not await here.totp.confirm(ada, app.code(late), late, keeping=session, noted=line)
    assert await here.totp.confirm(ada, app.code(late - STEP), late - STEP, keeping=session, noted=line)


async def test_a_seed_that_was_offered_again_is_the_only_one(here: World) -> None:
    ada = await here.person()
    session = (await here.signed_in(ada)).session
    first, second = App(await here.offered(ada)), App(await here.offered(ada))
    line = noted("factor.added", ada)

    assert not await here.totp.confirm(ada, first.code(NOW), NOW, keeping=session, noted=line)
    assert await here.totp.confirm(ada, second.code(NOW), NOW, keeping=session, noted=line)


async def test_every_code_is_good_once_and_none_before_it_afterwards(here: World) -> None:
    ada = await here.person()
    app = await here.with_totp(ada)
    later = NOW + 10 * STEP

    assert not await here.totp.check(ada.user_id, app.code(NOW), NOW)
    assert await here.totp.check(ada.user_id, app.code(later + STEP), later)
    assert not await here.totp.check(ada.user_id, app.code(later + STEP), later + STEP)
    assert not await here.totp.check(ada.user_id, app.code(later), later)
    assert await here.totp.check(ada.user_id, app.code(later + 2 * STEP), later + 2 * STEP)


async def test_it_can_be_removed_and_another_added(here: World) -> None:
    ada = await here.person()
    app = await here.with_totp(ada)
    kept, other = await here.signed_in(ada), await here.signed_in(ada)

    assert await here.totp.remove(ada, keeping=kept.session, noted=noted("factor.removed", ada))
    assert not await here.totp.remove(ada, keeping=kept.session, noted=noted("factor.removed", ada))

    assert not await here.totp.check(ada.user_id, app.code(NOW + STEP), NOW + STEP)
    assert await here.sessions.find(other.token, NOW) is None
    assert "removed" in (await here.told(ada))[-1]
    assert (await here.kinds(ada.user_id)).count("factor.removed") == 1
    await here.with_totp(ada)


async def test_with_the_last_factor_go_the_recovery_codes_and_the_proof(here: World) -> None:
    ada = await here.person()
    app = await here.with_totp(ada)
    await here.codes(ada)
    opened, later = await here.signed_in(ada), NOW + STEP
    proved = await here.people.prove_by_code(ada, opened.token, app.code(later), address="", now=later)
    assert isinstance(proved, OpenedSession)

    await here.totp.remove(ada, keeping=proved.session, noted=noted("factor.removed", ada))

    left = await here.sessions.find(proved.token, later)
    assert left is not None
    assert not here.sessions.is_proved(left, later)
    assert (await here.store.factors(ada.user_id)).codes_left == 0


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("123456", "123456"),
        (" 123 456 ", "123456"),
        ("12345", None),
        ("1234567", None),
        ("abcdef", None),
        ("١٢٣٤٥٦", None),
        ("", None),
        ("12 34-56", None),
    ],
)
def test_a_code_is_six_digits_with_blanks_or_without(typed: str, digits: str | None) -> None:
    assert code_digits(typed) == digits


@given(st.text())
def test_nothing_else_is_taken_for_a_code(typed: str) -> None:
    found = code_digits(typed)

    assert found is None or (len(found) == 6 and set(found) <= set("0123456789"))
