"""Signing up, in and out."""

from datetime import timedelta

from fastapi import FastAPI

from jarvis.store.db import Store
from tests.web.client import Browser
from tests.web.conftest import OWNER, PASSWORD, Time, sign_in


async def test_a_person_signs_up_signs_in_and_reaches_the_desk(browser: Browser) -> None:
    up = await browser.submit("/sign-up", {"email": OWNER, "password": PASSWORD})
    signed_in = await browser.submit("/sign-in", {"email": OWNER, "password": PASSWORD})
    desk = await browser.get("/desk")

    assert (up.status, up.header("location")) == (303, "/sign-in?opened")
    assert (signed_in.status, signed_in.header("location")) == (303, "/desk")
    assert "Your desk is ready" in desk.text


async def test_a_session_cookie_is_hidden_from_scripts_and_other_sites(browser: Browser) -> None:
    await browser.submit("/sign-up", {"email": OWNER, "password": PASSWORD})

    answer = await browser.submit("/sign-in", {"email": OWNER, "password": PASSWORD})

    cookie = next(value for name, value in answer.headers if name == "set-cookie" and "session" in value)
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/"))
    assert "Secure" not in cookie  # plain http on loopback, as the settings say


async def test_signing_in_ends_the_session_that_was_there_before(app: FastAPI) -> None:
    person = await sign_in(app, OWNER)
    planted = dict(person.cookies)
    fresh = Browser(app)
    fresh.cookies.update(planted)
    token = (await fresh.get("/account")).token

    await fresh.post("/sign-in", {"form_token": token, "email": OWNER, "password": PASSWORD})

    assert fresh.cookies != planted
    old = Browser(app)
    old.cookies.update(planted)
    assert (await old.get("/account")).status == 303


async def test_signing_out_ends_the_session_on_the_server_and_clears_the_browser(owner: Browser, app: FastAPI) -> None:
    kept = dict(owner.cookies)
    token = (await owner.get("/account")).token

    answer = await owner.post("/sign-out", {"form_token": token})

    assert answer.header("clear-site-data") == '"cache", "storage"'
    replay = Browser(app)
    replay.cookies.update(kept)
    again = await replay.get("/account")
    assert (again.status, again.header("location")) == (303, "/sign-in")


async def test_a_session_ends_when_idle_and_at_its_absolute_end(app: FastAPI, time: Time) -> None:
    idle = await sign_in(app, OWNER)
    time.pass_by(timedelta(minutes=31))
    assert (await idle.get("/account")).status == 303

    busy = await sign_in(app, OWNER)
    for _ in range(26):
        time.pass_by(timedelta(minutes=28))
        await busy.get("/account")
    assert (await busy.get("/account")).status == 303


async def test_what_needs_a_session_says_so_to_scripts(browser: Browser) -> None:
    data = await browser.get("/desk/x/equity.json")
    fragment = await browser.get("/desk/x/part/numbers", {"hx-request": "true"})

    assert data.status == 401
    assert fragment.status == 401


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(browser: Browser) -> None:
    await browser.submit("/sign-up", {"email": OWNER, "password": PASSWORD})

    wrong = await browser.submit("/sign-in", {"email": OWNER, "password": "three red lanterns"})
    unknown = await browser.submit("/sign-in", {"email": "nobody@example.org", "password": PASSWORD})

    assert wrong.status == unknown.status == 422
    assert wrong.body == unknown.body


async def test_signing_up_with_a_taken_address_looks_like_any_other(browser: Browser, store: Store) -> None:
    first = await browser.submit("/sign-up", {"email": OWNER, "password": PASSWORD})
    before = await store.person_by_email(OWNER)

    second = await browser.submit("/sign-up", {"email": OWNER, "password": "another good password"})

    assert (first.status, first.header("location")) == (second.status, second.header("location"))
    assert await store.person_by_email(OWNER) == before


async def test_a_weak_password_is_refused_with_a_word_and_not_echoed(browser: Browser) -> None:
    answer = await browser.submit("/sign-up", {"email": OWNER, "password": "hunter"})

    assert answer.status == 422
    assert "at least 8 characters" in answer.text
    assert "hunter" not in answer.text
    assert OWNER not in answer.text


async def test_guessing_is_slowed_down_and_says_how_long_to_wait(browser: Browser, time: Time) -> None:
    token = (await browser.get("/sign-in")).token
    fields = {"form_token": token, "email": OWNER, "password": "a wrong guess"}

    answers = [await browser.post("/sign-in", fields) for _ in range(20)]

    assert [answer.status for answer in answers[:8]] == [422] * 8
    assert answers[-1].status == 429
    assert "Try again in" in answers[-1].text
    time.pass_by(timedelta(minutes=1))
    assert (await browser.post("/sign-in", fields)).status == 422


async def test_signing_up_is_limited_per_address(browser: Browser) -> None:
    token = (await browser.get("/sign-up")).token

    answers = [
        await browser.post("/sign-up", {"form_token": token, "email": f"p{n}@example.org", "password": PASSWORD})
        for n in range(7)
    ]

    assert [answer.status for answer in answers] == [303] * 6 + [429]


async def test_a_signed_in_person_is_sent_on_from_the_sign_in_page(owner: Browser) -> None:
    answer = await owner.get("/sign-in")

    assert (answer.status, answer.header("location")) == (303, "/desk")


async def test_only_local_addresses_stand_in_public_pages(browser: Browser) -> None:
    for path in ("/", "/sign-in", "/sign-up", "/about"):
        text = (await browser.get(path)).text
        allowed = (
            '<a href="https://www.tradingview.com/" rel="noopener noreferrer external">https://www.tradingview.com/</a>'
        )

        assert "://" not in text.replace(allowed, ""), path
