import asyncio
from datetime import timedelta

import pytest

from jarvis.accounts.arming import obstacle_to_arming
from jarvis.accounts.links import LinkProblem, MadeLink, may_invite
from jarvis.accounts.passwords import PasswordProblem
from jarvis.accounts.people import EmailProblem, FactorNeeded, Person, Role, SignedIn, SignInRefused, TryLater
from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry
from tests.accounts.conftest import CountingPasswords
from tests.accounts.world import EMAIL, HERE, NOW, PASSWORD, STRANGER, World, noted

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NEW = "ein ganz anderes Wort"


async def invitation(
    here: World, made_by: str = "cli", *, role: Role = Role.TRADER, email: str = "", views: UserId | None = None
) -> str:
    line = AuditEntry("link.made", NOW, made_by)
    made = await here.links.invite(made_by, NOW, role=role, email=email, views=views, noted=line)
    assert isinstance(made, MadeLink)
    assert made.token not in repr(made)
    return made.token


async def reset(here: World, person: Person) -> str:
    return (await here.links.reset(person, "cli", NOW, noted=AuditEntry("link.made", NOW, "cli"))).token


async def test_an_invitation_makes_a_person_of_its_role_once(here: World) -> None:
    token = await invitation(here, role=Role.VIEWER)

    person = await here.links.accept(token, EMAIL, PASSWORD, NOW, address=HERE)
    again = await here.links.accept(token, STRANGER, PASSWORD, NOW, address=HERE)

    assert isinstance(person, Person)
    assert person.role is Role.VIEWER
    assert again is LinkProblem.NOT_GOOD
    assert await here.store.people() == [person]
    assert await here.kinds() == ["link.made", "link.used"]
    assert isinstance(await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW), SignedIn)


async def test_of_two_who_accept_at_once_one_is_let_in(here: World) -> None:
    token = await invitation(here)

    outcomes = await asyncio.gather(
        *(here.links.accept(token, f"{name}@example.org", PASSWORD, NOW, address=HERE) for name in "abcd")
    )

    assert sum(isinstance(outcome, Person) for outcome in outcomes) == 1
    assert len(await here.store.people()) == 1


async def test_an_invitation_lasts_a_week(here: World) -> None:
    token = await invitation(here)

    assert await here.links.find(token, NOW + 7 * DAY - timedelta(seconds=1)) is not None
    assert await here.links.find(token, NOW + 7 * DAY) is None
    assert await here.links.accept(token, EMAIL, PASSWORD, NOW + 7 * DAY, address=HERE) is LinkProblem.NOT_GOOD


async def test_an_invitation_for_an_address_is_for_that_one(here: World) -> None:
    token = await invitation(here, email=" Ada@Example.org ")

    assert await here.links.accept(token, STRANGER, PASSWORD, NOW, address=HERE) is LinkProblem.NOT_YOURS
    assert isinstance(await here.links.accept(token, EMAIL, PASSWORD, NOW, address=HERE), Person)


async def test_what_is_wrong_with_what_was_typed_does_not_use_the_link(here: World) -> None:
    await here.person(STRANGER)
    token = await invitation(here)

    assert await here.links.accept(token, "ada", PASSWORD, NOW, address=HERE) is EmailProblem.MALFORMED
    assert await here.links.accept(token, EMAIL, "password1", NOW, address=HERE) is PasswordProblem.COMMON
    assert await here.links.accept(token, STRANGER, PASSWORD, NOW, address=HERE) is LinkProblem.ADDRESS
    assert isinstance(await here.links.accept(token, EMAIL, PASSWORD, NOW, address=HERE), Person)


async def test_what_is_no_link_does_nothing(here: World) -> None:
    ada = await here.person()
    for_reset, for_new = await reset(here, ada), await invitation(here)

    for token in ("", "x", "A" * 43, for_reset):
        assert await here.links.accept(token, "new@example.org", PASSWORD, NOW, address=HERE) is LinkProblem.NOT_GOOD
    for token in ("", "x", "A" * 43, for_new):
        assert await here.links.use_reset(token, NEW, NOW, address=HERE) is LinkProblem.NOT_GOOD


async def test_only_the_hash_of_a_link_is_kept(here: World) -> None:
    token = await invitation(here)

    async with here.store._read() as connection:
        rows = (await connection.exec_driver_sql("SELECT * FROM links")).all()
        lines = (await connection.exec_driver_sql("SELECT * FROM audit")).all()
    assert token not in str(rows) + str(lines)


async def test_a_link_can_be_taken_back_by_who_made_it(here: World) -> None:
    ada, token = await here.person(), await invitation(here, "cli")
    link = await here.links.find(token, NOW)
    assert link is not None

    assert [each.token_hash for each in await here.links.by("cli")] == [link.token_hash]
    assert not await here.links.take_back(ada.user_id, link.token_hash)
    assert await here.links.take_back("cli", link.token_hash)
    assert await here.links.find(token, NOW) is None


async def test_a_reset_sets_a_password_ends_sessions_keeps_the_factor_and_holds_arming(here: World) -> None:
    ada = await here.person()
    await here.with_totp(ada)
    session, token = await here.signed_in(ada), await reset(here, ada)

    outcome = await here.links.use_reset(token, NEW, NOW, address=HERE)

    assert isinstance(outcome, Person)
    assert await here.sessions.find(session.token, NOW) is None
    assert await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW) is SignInRefused.WRONG
    assert isinstance(await here.people.sign_in(EMAIL, NEW, address=HERE, now=NOW), FactorNeeded)
    changed, factors = await here.store.person(ada.user_id), await here.store.factors(ada.user_id)
    assert changed is not None
    assert "2026-11-23 20:00" in obstacle_to_arming(changed, factors, NOW + DAY - timedelta(seconds=1))
    assert obstacle_to_arming(changed, factors, NOW + DAY) == ""
    assert "password.reset" in await here.kinds(ada.user_id)
    assert "reset with a link" in (await here.told(ada))[-1]


async def test_a_reset_is_good_once_for_an_hour_and_the_latest_one_only(here: World) -> None:
    ada = await here.person()
    first, second = await reset(here, ada), await reset(here, ada)

    assert await here.links.use_reset(first, NEW, NOW, address=HERE) is LinkProblem.NOT_GOOD
    assert await here.links.use_reset(second, NEW, NOW + HOUR, address=HERE) is LinkProblem.NOT_GOOD
    assert await here.links.use_reset(second, "password1", NOW, address=HERE) is PasswordProblem.COMMON
    assert isinstance(await here.links.use_reset(second, NEW, NOW, address=HERE), Person)
    assert await here.links.use_reset(second, PASSWORD, NOW, address=HERE) is LinkProblem.NOT_GOOD


async def test_a_reset_ends_a_second_step_that_was_begun_with_the_old_password(here: World) -> None:
    ada = await here.person()
    app = await here.with_totp(ada)
    begun = await here.people.sign_in(EMAIL, PASSWORD, address=HERE, now=NOW)
    assert isinstance(begun, FactorNeeded)
    await here.links.use_reset(await reset(here, ada), NEW, NOW, address=HERE)

    later = NOW + timedelta(minutes=1)
    answer = await here.people.finish_sign_in(begun.ceremony_token, app.code(later), address=HERE, now=later)

    assert not isinstance(answer, SignedIn)


async def test_a_viewer_who_is_invited_may_look_at_the_inviters_accounts_alone(here: World) -> None:
    ada, eve = await here.person(), await here.person(STRANGER)
    token = await invitation(here, ada.user_id, role=Role.VIEWER, views=ada.user_id)

    viewer = await here.links.accept(token, "tax@example.org", PASSWORD, NOW, address=HERE)

    assert isinstance(viewer, Person)
    assert await here.store.may_view(viewer.user_id, ada.user_id)
    assert not await here.store.may_view(viewer.user_id, eve.user_id)
    assert not await here.store.may_view(ada.user_id, viewer.user_id)
    (viewing,) = await here.links.viewings_of(ada.user_id)
    assert (viewing.viewer_email, viewing.owner_email) == ("tax@example.org", EMAIL)
    assert await here.links.viewings_of(eve.user_id) == []
    assert "viewing.granted" in await here.kinds(ada.user_id)
    assert "tax@example.org accepted" in (await here.told(ada))[0]


async def test_somebody_who_is_here_already_accepts_to_look(here: World) -> None:
    ada, eve = await here.person(), await here.person(STRANGER)
    mine = await invitation(here, ada.user_id, role=Role.VIEWER, views=ada.user_id, email=STRANGER)
    line = noted("link.used", eve)

    assert await here.links.accept_viewing(mine, ada, NOW, noted=noted("link.used", ada)) is LinkProblem.NOT_YOURS
    assert await here.links.accept_viewing(mine, eve, NOW, noted=line) is None
    assert await here.links.accept_viewing(mine, eve, NOW, noted=line) is LinkProblem.NOT_GOOD

    assert await here.store.may_view(eve.user_id, ada.user_id)


async def test_nobody_views_themselves(here: World) -> None:
    ada = await here.person()
    token = await invitation(here, ada.user_id, role=Role.VIEWER, views=ada.user_id)

    assert await here.links.accept_viewing(token, ada, NOW, noted=noted("link.used", ada)) is LinkProblem.NOT_GOOD
    assert not await here.store.may_view(ada.user_id, ada.user_id)


async def test_an_owner_shares_with_a_viewer_who_is_here_and_with_nobody_else(here: World) -> None:
    ada, viewer = await here.person(), await here.person("tax@example.org", role=Role.VIEWER)
    await here.person(STRANGER)
    line = noted("viewing.granted", ada)

    assert not await here.links.share_with(ada, STRANGER, noted=line)
    assert not await here.links.share_with(ada, "nobody@example.org", noted=line)
    assert not await here.links.share_with(ada, "nonsense", noted=line)
    assert await here.links.share_with(ada, " Tax@Example.org", noted=line)
    assert not await here.links.share_with(ada, "tax@example.org", noted=line)

    assert await here.store.may_view(viewer.user_id, ada.user_id)
    assert (await here.kinds(ada.user_id)).count("viewing.granted") == 1


@pytest.mark.parametrize("ended_by", ["owner", "viewer"])
async def test_either_of_the_two_ends_a_viewing(here: World, ended_by: str) -> None:
    ada, viewer = await here.person(), await here.person("tax@example.org", role=Role.VIEWER)
    await here.links.share_with(ada, viewer.email, noted=noted("viewing.granted", ada))
    line = noted("viewing.ended", ada if ended_by == "owner" else viewer)

    assert not await here.links.end_viewing(ada.user_id, viewer.user_id, noted=line)
    assert await here.links.end_viewing(viewer.user_id, ada.user_id, noted=line)
    assert not await here.links.end_viewing(viewer.user_id, ada.user_id, noted=line)

    assert not await here.store.may_view(viewer.user_id, ada.user_id)


async def test_who_may_invite_whom(here: World) -> None:
    trader, viewer = await here.person(), await here.person(STRANGER, role=Role.VIEWER)
    operator = await here.person("op@example.org", role=Role.OPERATOR)

    assert may_invite(operator, Role.OPERATOR, None)
    assert may_invite(trader, Role.VIEWER, trader.user_id)
    assert not may_invite(trader, Role.VIEWER, None)
    assert not may_invite(trader, Role.TRADER, trader.user_id)
    assert not may_invite(operator, Role.VIEWER, trader.user_id)
    assert not may_invite(viewer, Role.VIEWER, viewer.user_id)


async def test_a_flood_is_told_to_wait(here: World, passwords: CountingPasswords) -> None:
    ada = await here.person()
    first, second = await invitation(here), await reset(here, ada)
    while passwords._places.acquire(blocking=False):
        pass

    assert await here.links.accept(first, "new@example.org", PASSWORD, NOW, address=HERE) == TryLater(2)
    assert await here.links.use_reset(second, NEW, NOW, address=HERE) == TryLater(2)
