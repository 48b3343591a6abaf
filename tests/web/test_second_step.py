"""The second step of signing in: a code of the app, a recovery code, and what a thief of the password meets."""

import re
from datetime import timedelta

import pytest
from fastapi import FastAPI

from jarvis.store.db import Store
from tests.web.client import Answer, Browser
from tests.web.conftest import OWNER, PASSWORD, Time, sign_in
from tests.web.second_factor import App, enrol_app
from tests.web.test_factors import owner_id

STEP = timedelta(seconds=30)


@pytest.fixture
async def enrolled(app: FastAPI, time: Time) -> App:
    """The owner's authenticator app; the browser that enrolled it is put away."""
    return await enrol_app(await sign_in(app, OWNER), PASSWORD, time())


async def give_password(browser: Browser) -> Answer:
    return await browser.submit("/sign-in", {"email": OWNER, "password": PASSWORD})


async def make_codes(person: Browser) -> list[str]:
    made = await person.submit("/account/security/codes", {}, page="/account/security")
    return re.findall(r"<li>([A-Z2-7-]{31})</li>", made.text)


async def test_a_right_password_alone_opens_nothing(browser: Browser, enrolled: App) -> None:
    answer = await give_password(browser)

    assert (answer.status, answer.header("location")) == (303, "/sign-in/factor")
    assert "session" not in " ".join(browser.cookies)
    assert (await browser.get("/desk")).header("location") == "/sign-in"


async def test_the_code_of_the_app_opens_the_desk_once(
    browser: Browser, app: FastAPI, enrolled: App, time: Time
) -> None:
    time.pass_by(STEP)
    code = enrolled.code(time())
    await give_password(browser)

    first = await browser.submit("/sign-in/factor", {"code": f"{code[:3]} {code[3:]}"})

    assert (first.status, first.header("location")) == (303, "/desk")
    assert (await browser.get("/desk")).status == 200
    other = Browser(app)
    await give_password(other)
    second = await other.submit("/sign-in/factor", {"code": code})
    assert second.status == 422
    assert "was used already" in second.text


async def test_wrong_codes_count_down_and_end_at_the_beginning(browser: Browser, enrolled: App) -> None:
    await give_password(browser)
    token = (await browser.get("/sign-in/factor")).token

    answers = [await browser.post("/sign-in/factor", {"form_token": token, "code": "000000"}) for _ in range(5)]

    assert "4 attempts left" in answers[0].text
    assert "1 attempt left" in answers[3].text
    assert (answers[4].status, answers[4].header("location")) == (303, "/sign-in?over")
    assert "Sign in from the beginning" in (await browser.get("/sign-in?over")).text


async def test_the_second_step_runs_out(browser: Browser, enrolled: App, time: Time) -> None:
    await give_password(browser)
    time.pass_by(timedelta(minutes=6))

    late = await browser.get("/sign-in/factor")

    assert late.header("location") == "/sign-in?over"


async def test_nobody_reaches_the_second_step_without_the_first(browser: Browser) -> None:
    page = await browser.get("/sign-in/factor")
    sent = await browser.submit("/sign-in/factor", {"code": "123456"}, page="/sign-in")

    assert page.header("location") == sent.header("location") == "/sign-in?over"


async def test_a_recovery_code_signs_in_once_and_is_no_proof(app: FastAPI, enrolled: App, time: Time) -> None:
    owner = Browser(app)
    time.pass_by(STEP)
    await give_password(owner)
    await owner.submit("/sign-in/factor", {"code": enrolled.code(time())})
    time.pass_by(STEP)
    await owner.submit("/prove", {"code": enrolled.code(time()), "then": "/account"})
    codes = await make_codes(owner)
    assert len(set(codes)) == 10

    browser = Browser(app)
    await give_password(browser)
    used = await browser.submit("/sign-in/factor", {"code": codes[0].lower()})
    again = Browser(app)
    await give_password(again)
    twice = await again.submit("/sign-in/factor", {"code": codes[0]})

    assert used.header("location") == "/desk"
    assert twice.status == 422
    page = (await browser.get("/account/security")).text
    assert "9 of ten left" in page
    assert "Confirm that it is you" in page
    assert "password and recovery code" in page


async def test_recovery_codes_are_shown_once_and_kept_as_hashes(owner: Browser, store: Store) -> None:
    codes = await make_codes(owner)

    page = (await owner.get("/account/security")).text
    kept = str(await store.factors(await owner_id(store)))

    assert all(code not in page and code not in kept for code in codes)
