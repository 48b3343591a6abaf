"""Links that people were handed: invitations, resets, and those that are worth nothing."""

from datetime import timedelta

import pytest
from fastapi import FastAPI

from jarvis.accounts.links import Links
from jarvis.accounts.passwords import HashCost, Passwords
from jarvis.domain.account import AccountId, UserId
from jarvis.domain.people import AuditEntry, Role
from jarvis.store.db import Store
from jarvis.web.app import create_app
from jarvis.web.security import WebSettings
from tests.web.client import ORIGIN, Answer, Browser
from tests.web.conftest import OWNER, PASSWORD, STRANGER, SaidConnector, Time, sign_in
from tests.web.second_factor import Seeds, enrol_app

GUEST = "grace@example.org"


@pytest.fixture
def links(store: Store) -> Links:
    return Links(store, Passwords(HashCost(time=3, memory=12 * 1024)), new_id=lambda: "guest" * 4)


def noted(time: Time) -> AuditEntry:
    return AuditEntry("link.made", time(), "cli")


async def invitation(
    links: Links, time: Time, *, role: Role = Role.TRADER, email: str = "", views: UserId | None = None, by: str = "cli"
) -> str:
    made = await links.invite(by, time(), role=role, noted=noted(time), email=email, views=views)
    return made.token  # type: ignore[union-attr]


async def open_link(browser: Browser, token: str) -> Answer:
    """Follow a link as a browser does; its token leaves the address bar at once."""
    exchanged = await browser.get(f"/link/{token}")
    assert (exchanged.status, exchanged.header("location")) == (303, "/link")
    assert "HttpOnly" in exchanged.header("set-cookie")
    return await browser.get("/link")


async def test_an_invitation_opens_an_account_of_its_role(
    browser: Browser, links: Links, store: Store, time: Time
) -> None:
    token = await invitation(links, time, role=Role.OPERATOR)
    page = await open_link(browser, token)
    assert "to help run it" in page.text
    assert token not in page.text

    weak = await browser.post("/link", {"form_token": page.token, "email": GUEST, "password": "short"})
    done = await browser.post("/link", {"form_token": page.token, "email": GUEST, "password": PASSWORD})

    assert weak.status == 422
    assert done.header("location") == "/sign-in?opened"
    person = await store.person_by_email(GUEST)
    assert person is not None
    assert person.role is Role.OPERATOR
    again = await open_link(browser, token)
    assert again.status == 404
    assert "worth nothing" in again.text


async def test_an_invitation_for_an_address_is_for_nobody_else(
    browser: Browser, links: Links, store: Store, time: Time
) -> None:
    page = await open_link(browser, await invitation(links, time, email=GUEST))
    assert f'value="{GUEST}"' in page.text

    await browser.post("/link", {"form_token": page.token, "email": "mallory@example.org", "password": PASSWORD})

    assert await store.person_by_email("mallory@example.org") is None
    assert await store.person_by_email(GUEST) is not None


async def test_an_invitation_runs_out_after_a_week(browser: Browser, links: Links, time: Time) -> None:
    token = await invitation(links, time)
    time.pass_by(timedelta(days=7))

    assert (await open_link(browser, token)).status == 404


@pytest.mark.parametrize("token", ["x" * 43, "short", "%2e%2e", "a" * 500])
async def test_a_made_up_link_is_worth_nothing(browser: Browser, token: str) -> None:
    await browser.get(f"/link/{token}")

    page = await browser.get("/link")

    assert page.status == 404
    assert token not in page.text


async def test_a_person_who_is_here_already_looks_along(
    app: FastAPI, owner: Browser, account: AccountId, links: Links, store: Store, time: Time
) -> None:
    person = await store.person_by_email(OWNER)
    assert person is not None
    token = await invitation(links, time, role=Role.VIEWER, views=person.user_id, by=person.user_id)
    friend = await sign_in(app, STRANGER)
    assert (await friend.get(f"/desk/{account}")).status == 404
    page = await open_link(friend, token)
    assert f"{OWNER} lets you look" in page.text

    done = await friend.post("/link", {"form_token": page.token})

    assert done.header("location") == "/account/sharing"
    desk = await friend.get(f"/desk/{account}")
    assert desk.status == 200
    assert "Flatten" not in desk.text
    assert 'method="post" action="/desk' not in desk.text
    token = desk.token
    for path in (f"/desk/{account}/flatten", f"/desk/{account}/pause", f"/account/{account}/disarm"):
        assert (await friend.post(path, {"form_token": token})).status == 404


async def test_a_link_that_was_opened_before_signing_in_is_come_back_to(
    app: FastAPI, owner: Browser, links: Links, store: Store, time: Time
) -> None:
    person = await store.person_by_email(OWNER)
    assert person is not None
    token = await invitation(links, time, role=Role.VIEWER, views=person.user_id, by=person.user_id)
    await sign_in(app, STRANGER)
    friend = Browser(app)
    await open_link(friend, token)

    signed_in = await friend.submit("/sign-in", {"email": STRANGER, "password": PASSWORD})

    assert signed_in.header("location") == "/link"
    assert "Accept" in (await friend.get("/link")).text


async def test_a_reset_sets_a_password_keeps_the_factor_and_ends_sessions(
    app: FastAPI, browser: Browser, links: Links, store: Store, time: Time
) -> None:
    owner = await sign_in(app, OWNER)
    device = await enrol_app(owner, PASSWORD, time())
    person = await store.person_by_email(OWNER)
    assert person is not None
    made = await links.reset(person, "cli", time(), noted=noted(time))
    page = await open_link(browser, made.token)
    fields = {"form_token": page.token, "password": "four brass lanterns", "again": "four brass lanterns"}

    unlike = await browser.post("/link", {**fields, "again": "four brass lantern"})
    done = await browser.post("/link", fields)

    assert "not the same" in unlike.text
    assert done.header("location") == "/sign-in?reset"
    assert (await owner.get("/desk")).header("location") == "/sign-in"
    time.pass_by(timedelta(seconds=30))
    answer = await browser.submit("/sign-in", {"email": OWNER, "password": "four brass lanterns"})
    assert answer.header("location") == "/sign-in/factor"
    await browser.submit("/sign-in/factor", {"code": device.code(time())})
    held = await store.person_by_email(OWNER)
    assert held is not None
    assert held.arming_held_until == time() - timedelta(seconds=30) + timedelta(hours=24)


async def test_a_reset_lasts_an_hour(browser: Browser, app: FastAPI, links: Links, store: Store, time: Time) -> None:
    await sign_in(app, OWNER)
    person = await store.person_by_email(OWNER)
    assert person is not None
    made = await links.reset(person, "cli", time(), noted=noted(time))
    time.pass_by(timedelta(hours=1))

    assert (await open_link(browser, made.token)).status == 404


@pytest.mark.parametrize(("sign_up", "words"), [("invitation", "By invitation only"), ("closed", "closed here")])
async def test_where_sign_up_is_not_open_only_a_link_lets_in(
    store: Store, connector: SaidConnector, time: Time, links: Links, sign_up: str, words: str
) -> None:
    settings = WebSettings(origins=(ORIGIN,), sign_up=sign_up)  # type: ignore[arg-type]
    app = create_app(
        settings, store, connector, seeds=Seeds(), passwords=Passwords(HashCost(time=3, memory=12 * 1024)), now=time
    )
    browser = Browser(app)

    page = await browser.get("/sign-up")
    token = (await browser.get("/sign-in")).token
    refused = await browser.post("/sign-up", {"form_token": token, "email": GUEST, "password": PASSWORD})

    assert words in page.text
    assert "<form" not in page.text
    assert refused.status == 422
    assert await store.person_by_email(GUEST) is None
    assert 'href="/sign-up"' not in (await browser.get("/")).text
    opened = await open_link(browser, await invitation(links, time))
    await browser.post("/link", {"form_token": opened.token, "email": GUEST, "password": PASSWORD})
    assert await store.person_by_email(GUEST) is not None
