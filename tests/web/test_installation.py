import re
from datetime import timedelta

import pytest
from fastapi import FastAPI

from jarvis.accounts.people import Role
from jarvis.domain.account import AccountId, UserId
from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from tests.web.client import Browser
from tests.web.conftest import OWNER, PASSWORD, STRANGER, Time

PAGE = "/installation"


async def id_of(store: Store, email: str) -> UserId:
    person = await store.person_by_email(email)
    assert person is not None
    return person.user_id


@pytest.fixture
async def operator(owner: Browser, store: Store, time: Time) -> Browser:
    user_id = await id_of(store, OWNER)
    await store.found_installation("here", time())
    await store.set_role(user_id, Role.OPERATOR, noted=AuditEntry("role.changed", time(), "cli", user_id), told="")
    return owner


@pytest.fixture
async def other(stranger: Browser, store: Store) -> UserId:
    return await id_of(store, STRANGER)


async def test_only_operators_come_in(stranger: Browser, browser: Browser) -> None:
    assert (await stranger.get(PAGE)).status == 403
    assert (await browser.get(PAGE)).header("location") == "/sign-in"


async def test_the_page_tells_of_people_and_not_of_their_accounts(
    operator: Browser, other: UserId, account: AccountId
) -> None:
    page = await operator.get(PAGE)

    assert page.status == 200
    assert STRANGER in page.text
    assert "authenticator app" in page.text
    assert account not in page.text


async def test_the_page_says_whether_all_is_well_and_asks_again_by_itself(
    operator: Browser, stranger: Browser, account: AccountId
) -> None:
    page = await operator.get(PAGE)
    part = await operator.get(f"{PAGE}/health")

    assert 'hx-get="/installation/health" hx-trigger="every 10s"' in page.text
    for answer in (page, part):
        assert "Something is not well" in answer.text
        assert "does not answer: nothing can be signed" in answer.text
        assert account not in answer.text
    assert "<html" not in part.text
    assert (await stranger.get(f"{PAGE}/health")).status == 403


async def test_an_operator_sees_no_account_of_another(operator: Browser, stranger: Browser, store: Store) -> None:
    from jarvis.domain.account import Environment, VenueName
    from tests.web import day

    theirs = await day.connect(store, await id_of(store, STRANGER), Environment.SANDBOX, 7, VenueName("kraken"))

    assert (await operator.get(f"/desk/{theirs}")).status == 404
    assert (await operator.get(f"/account/{theirs}/trading")).status == 404


async def test_a_role_holds_from_the_next_request_on(operator: Browser, stranger: Browser, other: UserId) -> None:
    answer = await operator.submit(f"{PAGE}/role", {"person": other, "role": "operator"}, page=PAGE)

    assert answer.header("location") == f"{PAGE}?said=role"
    assert (await stranger.get(PAGE)).status == 200


async def test_the_last_operator_stays_one(operator: Browser, store: Store) -> None:
    answer = await operator.submit(f"{PAGE}/role", {"person": await id_of(store, OWNER), "role": "trader"}, page=PAGE)

    assert answer.status == 422
    assert "last operator" in answer.text


async def test_who_is_suspended_is_out_at_once_and_comes_back_when_let_in(
    operator: Browser, stranger: Browser, other: UserId
) -> None:
    await operator.submit(f"{PAGE}/suspend", {"person": other}, page=PAGE)
    assert (await stranger.get("/account")).header("location") == "/sign-in"
    assert (await stranger.submit("/sign-in", {"email": STRANGER, "password": PASSWORD})).status == 422

    await operator.submit(f"{PAGE}/restore", {"person": other}, page=PAGE)
    answer = await stranger.submit("/sign-in", {"email": STRANGER, "password": PASSWORD})
    assert answer.header("location") == "/sign-in/factor"


async def test_a_reset_link_is_shown_once_and_sets_a_new_password(
    operator: Browser, other: UserId, app: FastAPI
) -> None:
    answer = await operator.submit(f"{PAGE}/reset", {"person": other}, page=PAGE)
    found = re.search(r"(/link/[A-Za-z0-9_-]{43})", answer.text)
    assert found

    person = Browser(app)
    await person.get(found.group(1))
    fresh = "a lantern more than three"
    page = await person.get("/link")
    done = await person.post(
        "/link", {"form_token": page.token, "password": fresh, "again": fresh, "new_password": fresh}
    )
    assert done.status == 303, done.text
    assert found.group(1) not in (await operator.get(PAGE)).text


async def test_sessions_of_somebody_are_ended(operator: Browser, stranger: Browser, other: UserId) -> None:
    await operator.submit(f"{PAGE}/end-sessions", {"person": other}, page=PAGE)

    assert (await stranger.get("/account")).header("location") == "/sign-in"


async def test_entries_are_blocked_at_once_and_allowed_with_a_proof(
    operator: Browser, store: Store, time: Time
) -> None:
    time.pass_by(timedelta(minutes=11))

    await operator.submit(f"{PAGE}/entries/block", {"reason": "the venue is odd"}, page=PAGE)
    assert await store.entries_blocked() == "the venue is odd"
    refused = await operator.submit(f"{PAGE}/entries/allow", {}, page=PAGE)
    assert refused.status == 403
    assert await store.entries_blocked() == "the venue is odd"


async def test_everything_else_needs_a_proof(operator: Browser, other: UserId, time: Time, store: Store) -> None:
    time.pass_by(timedelta(minutes=11))

    for path in ("invite", "reset", "role", "suspend", "restore", "end-sessions"):
        answer = await operator.submit(f"{PAGE}/{path}", {"person": other, "role": "viewer"}, page=PAGE)
        assert answer.status == 403
    person = await store.person_by_email(STRANGER)
    assert person is not None
    assert person.role is Role.TRADER


async def test_somebody_who_is_not_there_is_404(operator: Browser) -> None:
    for path in ("reset", "role", "suspend", "restore", "end-sessions"):
        answer = await operator.submit(f"{PAGE}/{path}", {"person": "nobody", "role": "viewer"}, page=PAGE)
        assert answer.status == 404
