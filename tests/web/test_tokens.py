"""The page of API tokens."""

import re
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI

from jarvis.domain.people import AuditEntry, Role, Scope
from jarvis.store.db import Store
from tests.web.client import Answer, Browser
from tests.web.conftest import OWNER, PASSWORD, Time, sign_in
from tests.web.second_factor import enrol_app
from tests.web.test_factors import kinds, owner_id

PAGE = "/account/tokens"


async def make(person: Browser, **changed: object) -> Answer:
    fields = {"label": "Statements", "scope": ["read", "exits"], "days": "30", **changed}
    return await person.submit(PAGE, fields)  # type: ignore[arg-type]


async def test_a_token_is_shown_once_and_kept_as_a_hash(owner: Browser, store: Store, time: Time) -> None:
    made = await make(owner)

    (secret,) = re.findall(r"jvs_[A-Za-z0-9_-]{43}", made.text)
    (token,) = await store.tokens_of(await owner_id(store))
    assert token.scopes == {Scope.READ, Scope.EXITS}
    assert token.expires_at == time() + timedelta(days=30)
    page = (await owner.get(PAGE)).text
    assert secret not in page
    assert "Statements" in page
    assert "never used" in page
    assert "token.made" in await kinds(store)


async def test_what_cannot_be_is_refused_with_a_word(owner: Browser, store: Store) -> None:
    nameless = await make(owner, label=" ")
    useless = await make(owner, scope=[])
    endless = await make(owner, days="9999")
    unknown = await make(owner, scope=["withdraw"])

    assert "Give the token a name" in nameless.text
    assert "Choose what the token is good for" in useless.text
    assert "Choose what the token is good for" in unknown.text
    assert "Choose a day" in endless.text
    assert [each.status for each in (nameless, useless, endless, unknown)] == [422] * 4
    assert await store.tokens_of(await owner_id(store)) == []


async def test_a_token_is_ended_by_its_owner_alone(owner: Browser, stranger: Browser, store: Store) -> None:
    await make(owner)
    (token,) = await store.tokens_of(await owner_id(store))

    refused = await stranger.submit(f"{PAGE}/end", {"token": token.token_id}, page=PAGE)
    ended = await owner.submit(f"{PAGE}/end", {"token": token.token_id}, page=PAGE)

    assert (refused.status, ended.status) == (404, 303)
    assert await store.tokens_of(await owner_id(store)) == []


async def test_tokens_take_a_fresh_proof(owner: Browser, time: Time, store: Store) -> None:
    time.pass_by(timedelta(minutes=10))

    answer = await make(owner)

    assert answer.status == 403
    assert "Confirm that it is you" in (await owner.get(PAGE)).text
    assert await store.tokens_of(await owner_id(store)) == []


async def test_a_token_that_has_run_out_says_so(app: FastAPI, browser: Browser, time: Time) -> None:
    owner = await sign_in(app, OWNER)
    device = await enrol_app(owner, PASSWORD, time())
    await make(owner, days="7")
    assert "Run out" not in (await owner.get(PAGE)).text
    time.pass_by(timedelta(days=7))

    await browser.submit("/sign-in", {"email": OWNER, "password": PASSWORD})
    await browser.submit("/sign-in/factor", {"code": device.code(time())})

    assert "Run out" in (await browser.get(PAGE)).text


async def test_a_viewer_may_only_read(app: FastAPI, owner: Browser, store: Store) -> None:
    person = await owner_id(store)
    await as_viewer(store, OWNER)

    page = (await owner.get(PAGE)).text
    refused = await make(owner)
    read = await make(owner, scope=["read"])

    assert 'value="exits"' not in page
    assert "viewer" in refused.text
    assert read.status == 200
    assert len(await store.tokens_of(person)) == 1


async def as_viewer(store: Store, email: str) -> None:
    """Make somebody a viewer, as an operator does."""
    person = await store.person_by_email(email)
    assert person is not None
    noted = AuditEntry("role.changed", datetime(2026, 11, 21, tzinfo=UTC), "cli", person.user_id)
    await store.set_role(person.user_id, Role.VIEWER, noted=noted, told="")
