"""Accounts are strangers: what carries an id of somebody else is not there, whoever asks and however.

Everything is made from the route table and from the forms on the owner's own pages, so a new route is asked about
without anybody thinking of it, and one that cannot be filled in fails here by name.
"""

import re
import statistics
from time import perf_counter

import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from tests.web.client import Answer, Browser
from tests.web.conftest import OWNER, Time
from tests.web.crowd import (
    HOOK_OF_ADA,
    JOB_OF_ADA,
    MADE_UP,
    VERDICT_OF_ADA,
    Crowd,
    add_hook,
    add_job,
    add_verdict,
    crowd_of,
    enter,
    person_of,
    rows_of,
    verdict_of,
)
from tests.web.page_forms import forms_on

NO_IDS = {
    "command_id": "1", "venue": "kraken", "part": "numbers", "token": "x" * 43, "command": "pause", "period": "2026-11",
    "by": "pair", "picture": "kraken-1", "page": "settings",
}  # fmt: skip
"""Parts of paths that name nothing that belongs to anybody (a link's token is the secret itself)."""

WITHOUT_IDS = {
    "/sign-in", "/sign-in/factor", "/sign-in/passkey/options", "/sign-in/passkey", "/sign-up", "/sign-out", "/link",
    "/prove", "/prove/passkey/options", "/prove/passkey", "/account/security/codes",
    "/account/security/passkeys/options", "/account/security/passkeys", "/account/security/totp",
    "/account/security/totp/confirm", "/account/security/totp/remove", "/account/security/password",
    "/account/security/sessions/end-others", "/account/tokens", "/account/notifications/add", "/account/data/export",
    "/account/data/delete", "/account/sharing/invite", "/account/connect/{venue}",
    "/account/connect/{venue}/step", "/account/connect/{venue}/check", "/account/connect/{venue}/confirm",
    "/account/connect/{venue}/forget",
    "/account/notices/seen", "/account/notifications/choices", "/account/notifications/quiet", "/confirm",
}  # fmt: skip
"""Forms that name nothing of anybody's: they are about who sends them. What they do to others is looked at below."""

OPERATORS = "/installation"
"""Forms about people by their id, for operators alone: to everybody else they are 403, whatever they name."""

FIELDS = {"session", "passkey", "token", "target", "invitation", "viewer", "owner", "notice", "account"}
"""The names of fields that hold ids."""

NOBODYS = {"form_token", "strategy", "key"}
"""Fields that look as if they held an id: the form's token, a name, and what makes a form count only once."""


def operations(app: FastAPI) -> list[tuple[str, str]]:
    """(method, path) of every route, the API's with its place."""
    found = [(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods]
    api = next(route for route in app.routes if getattr(route, "name", "") == "api").app  # type: ignore[attr-defined]
    return found + [
        (method.upper(), f"/api/v1{path}") for path, methods in api.openapi()["paths"].items() for method in methods
    ]


def filled(path: str, account: str, position: str = "BTC-1") -> str:
    """The path with an id in it. Fails for a parameter that this test knows nothing of."""
    mine = (HOOK_OF_ADA, JOB_OF_ADA, VERDICT_OF_ADA)
    hook, job, verdict = (MADE_UP,) * len(mine) if account == MADE_UP else mine
    values = {
        **NO_IDS, "account_id": account, "position_id": position, "hook_id": hook, "job_id": job, "verdict_id": verdict,
    }  # fmt: skip
    unknown = set(re.findall(r"{(\w+)}", path)) - set(values)
    assert not unknown, f"{path}: say in this test what {unknown} names, and whose it is"
    full = path.format(**values)
    return f"{full}?pair=BTC/USD&interval=60" if path.endswith("candles.json") else full


@pytest.fixture
async def crowd(app: FastAPI, store: Store, time: Time, owner: Browser, account: AccountId) -> Crowd:
    return await crowd_of(app, store, time, owner)


async def ask(browser: Browser, method: str, path: str, fields: dict[str, str] | None = None) -> Answer:
    if method == "GET":
        return await browser.get(path)
    page = await browser.get("/account")
    defaults = {"then": "arm", "strategy": "donchian_breakout"}
    return await browser.post(path, {"form_token": page.token, **defaults, **(fields or {})})


async def test_every_route_with_an_id_is_not_there_for_anybody_but_its_owner(
    app: FastAPI, crowd: Crowd, account: AccountId, store: Store
) -> None:
    ada = await person_of(store, OWNER)
    before, commands = await rows_of(store, ada.user_id), await store.last_event_id()
    asked = 0

    for method, template in operations(app):
        if "_id}" not in template or template.startswith("/api/"):
            continue
        for kind, stranger in crowd.strangers.items():
            answer = await ask(stranger, method, filled(template, account))
            asked += 1

            assert answer.status == 404, (kind, method, template, answer.status)
            assert account not in answer.text
            assert OWNER not in answer.text
    assert asked >= 50
    assert await rows_of(store, ada.user_id) == before
    assert await store.last_event_id() == commands


async def test_whoever_was_let_look_may_look_and_nothing_else(
    app: FastAPI, crowd: Crowd, account: AccountId, store: Store
) -> None:
    before = await store.last_event_id()
    seen = set()

    for method, template in operations(app):
        if "_id}" not in template or template.startswith("/api/") or template.endswith("/events"):
            continue
        answer = await ask(crowd.guest, method, filled(template, account))

        if method == "GET" and template.startswith("/desk/"):
            seen.add((template, answer.status))
        assert answer.status in ({200, 404, 403} if method == "GET" else {404, 403}), (method, template)
    assert ("/desk/{account_id}", 200) in seen
    assert await store.last_event_id() == before


async def test_every_id_that_a_form_of_the_owner_holds_is_worth_nothing_to_others(
    app: FastAPI, crowd: Crowd, account: AccountId, store: Store, time: Time
) -> None:
    ada = await person_of(store, OWNER)
    await enter_again(app, store, time)
    held = await forms_with_ids(app, crowd.owner, account)
    before = await rows_of(store, ada.user_id)

    assert {name for _, fields in held for name in fields} == FIELDS, "a new kind of id, or one that no form has now"
    for action, fields in held:
        for kind, stranger in crowd.strangers.items():
            answer = await ask(stranger, "POST", action, fields)

            assert answer.status in (403, 404), (kind, action, fields, answer.status)
            assert kind != "trader" or answer.status == 404, (action, fields)
    assert await rows_of(store, ada.user_id) == before


async def enter_again(app: FastAPI, store: Store, time: Time) -> None:
    """The owner has a second browser, so that there is a session to end."""
    from jarvis.domain.people import AuditEntry, Session

    ada = await person_of(store, OWNER)
    session = Session(b"s" * 32, "session-of-ada", ada.user_id, time(), time(), "passkey")
    noted = AuditEntry("session.opened", time(), ada.user_id, ada.user_id)
    assert await store.open_session(session, replacing=None, place=b"p" * 32, noted=noted, told="")


async def forms_with_ids(app: FastAPI, owner: Browser, account: AccountId) -> list[tuple[str, dict[str, str]]]:
    """(where it goes, its ids) of every form on every page of the owner that brings an id along."""
    found: list[tuple[str, dict[str, str]]] = []
    for method, template in operations(app):
        if method != "GET" or template.startswith("/api/") or template.endswith((".json", "/events")):
            continue
        path = filled(template, account)
        answer = await owner.get(path)
        if answer.status != 200:
            continue
        for form in forms_on(path, answer.text):
            ids = {name: value for name, value in form.hidden if name in FIELDS and value}
            strange = {name for name, value in form.hidden if looks_like_an_id(value)} - FIELDS - NOBODYS
            assert not strange, f"{form.action}: is {strange} an id? Name it in this test"
            if ids and (form.action, ids) not in found:
                found.append((form.action, ids))
    return found


def looks_like_an_id(value: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{16,}|[\w-]{22,}|.*-of-ada.*", value) is not None


async def test_every_form_is_known_to_name_an_id_or_none(app: FastAPI, crowd: Crowd, account: AccountId) -> None:
    held = {action for action, _ in await forms_with_ids(app, crowd.owner, account)}
    rest = {
        path
        for method, path in operations(app)
        if method == "POST" and "_id}" not in path and path not in WITHOUT_IDS and not path.startswith(OPERATORS)
    }

    elsewhere = {"/account/security/sessions/end", "/account/security/passkeys/rename", "/research/verdicts"}
    assert rest <= held | elsewhere, rest - held - elsewhere


async def test_the_operators_forms_are_for_operators_alone(app: FastAPI, crowd: Crowd, store: Store) -> None:
    ada = await person_of(store, OWNER)
    forms = [(method, path) for method, path in operations(app) if path.startswith(OPERATORS)]

    for method, path in forms:
        for kind in ("trader", "viewer"):
            answer = await ask(crowd.strangers[kind], method, path, {"person": ada.user_id, "role": "operator"})

            assert answer.status == 403, (kind, path)
    assert len(forms) >= 9
    assert (await ask(crowd.strangers["operator"], "GET", OPERATORS)).status == 200


async def test_an_answer_is_the_same_for_real_and_made_up_ids(app: FastAPI, crowd: Crowd, account: AccountId) -> None:
    for method, template in operations(app):
        if "_id}" not in template or template.startswith("/api/"):
            continue
        for stranger in crowd.strangers.values():
            real = await ask(stranger, method, filled(template, account))
            made_up = await ask(stranger, method, filled(template, MADE_UP))

            assert without_addresses(real, account) == without_addresses(made_up, MADE_UP), template


def without_addresses(answer: Answer, asked: str) -> tuple[int, str]:
    return answer.status, answer.text.replace(asked, "")


async def test_a_strangers_answer_takes_as_long_for_real_ids_as_for_made_up_ones(
    app: FastAPI, crowd: Crowd, account: AccountId
) -> None:
    stranger = crowd.strangers["trader"]
    templates = [
        template
        for method, template in operations(app)
        if method == "GET" and "_id}" in template and not template.startswith("/api/")
    ]

    for template in templates:
        paths = filled(template, account), filled(template, MADE_UP)
        gaps = []
        for _ in range(8):  # a gap that is there shows each time; one that the machine made does not
            gap, usual = await gap_between(stranger, *paths)
            gaps.append((gap, usual))
            if abs(gap) < 0.1 * usual + 0.0003:
                break
        else:
            pytest.fail(f"{template}: {gaps}")


async def gap_between(stranger: Browser, real: str, made_up: str) -> tuple[float, float]:
    """By how much the answer for one path takes longer than for the other, and how long the quicker one takes."""
    took: dict[str, list[float]] = {real: [], made_up: []}
    for number in range(25):
        for path in (real, made_up) if number % 2 else (made_up, real):
            began = perf_counter()
            await stranger.get(path)
            took[path].append(perf_counter() - began)
    theirs, nobodys = (statistics.median(times[3:]) for times in took.values())
    return theirs - nobodys, min(theirs, nobodys)


async def test_the_owner_finds_what_strangers_do_not(
    app: FastAPI, owner: Browser, account: AccountId, store: Store, time: Time
) -> None:
    ada = await person_of(store, OWNER)
    await add_hook(store, time, ada.user_id)
    await add_job(app, ada.user_id)
    found = await store.account(ada.user_id, account)
    assert found is not None
    await add_verdict(store, ada.user_id, verdict_of(ada.user_id, time(), found.assignments[0]))
    for method, template in operations(app):
        if method == "GET" and "_id}" in template and not template.startswith("/api/"):
            if template.endswith(("/events", "/foreign", "{command_id}")):
                continue
            assert (await owner.get(filled(template, account))).status == 200, template


async def test_a_position_of_another_of_ones_own_accounts_is_not_found(owner: Browser, account: AccountId) -> None:
    assert (await owner.get(f"/desk/{account}/positions/BTC-1")).status == 200
    assert (await owner.get(f"/desk/{account}/positions/ETH-9")).status == 404


async def test_no_page_of_anybody_else_shows_what_is_the_owners(app: FastAPI, crowd: Crowd, account: AccountId) -> None:
    for method, template in operations(app):
        if method != "GET" or "{" in template or template.startswith("/api/") or template.endswith("/events"):
            continue
        for kind, stranger in crowd.strangers.items():
            if kind == "operator" and template.startswith(OPERATORS):
                continue
            answer = await stranger.get(template)

            assert account not in answer.text, (kind, template)
            assert OWNER not in answer.text, (kind, template)
            assert OWNER.split("@")[0] not in answer.header("location")


async def test_an_operator_sees_people_and_never_their_accounts(crowd: Crowd, account: AccountId) -> None:
    page = await crowd.strangers["operator"].get(OPERATORS)

    assert OWNER in page.text
    assert account not in page.text
    assert "aB3k…uXvQ" not in page.text


async def test_a_new_stranger_is_one_too(app: FastAPI, store: Store, time: Time, account: AccountId) -> None:
    late = await enter(app, store, time, "late@example.org")

    assert (await late.get(f"/desk/{account}")).status == 404
