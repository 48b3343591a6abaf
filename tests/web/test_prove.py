"""Proving again: who must, for how long, where one goes on, and what is never asked."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.requests import Request

from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from jarvis.store.records import AccountState
from jarvis.web.people.prove import own_path, page_of
from tests.web import day
from tests.web.client import ORIGIN, Browser
from tests.web.conftest import OWNER, PASSWORD, SaidConnector, Time, sign_in
from tests.web.second_factor import App, enrol_app, prove
from tests.web.test_account import PASTED, arm_fields

SUDO = timedelta(minutes=10)


@pytest.fixture
async def app_of_owner(app: FastAPI, owner_alone: Browser, time: Time) -> App:
    return await enrol_app(owner_alone, PASSWORD, time())


@pytest.fixture
async def owner_alone(app: FastAPI) -> Browser:
    """The owner with a password and nothing else."""
    return await sign_in(app, OWNER)


@pytest.fixture
async def lived(owner_alone: Browser, store: Store) -> AccountId:
    person = await store.person_by_email(OWNER)
    assert person is not None
    return await day.lived(store, person.user_id)


async def test_a_proof_holds_ten_minutes_and_does_not_slide(
    owner_alone: Browser, app_of_owner: App, connector: SaidConnector, time: Time
) -> None:
    token = (await owner_alone.get("/account")).token
    fields = {"form_token": token, **PASTED}
    time.pass_by(SUDO - timedelta(seconds=1))
    assert (await owner_alone.post("/account/connect/kraken", fields)).status == 303

    time.pass_by(timedelta(seconds=1))
    late = await owner_alone.post("/account/connect/kraken", fields)

    assert late.status == 403
    assert "nothing was done" in late.text
    assert "/prove?then=/account" in late.text
    assert len(connector.given) == 1


async def test_a_code_proves_gives_a_new_token_and_leads_back(
    app: FastAPI, owner_alone: Browser, app_of_owner: App, time: Time
) -> None:
    time.pass_by(SUDO)
    before = dict(owner_alone.cookies)

    answer = await prove(owner_alone, app_of_owner, time(), "/account/connect/okx?step=paste")

    assert (answer.status, answer.header("location")) == (303, "/account/connect/okx?step=paste")
    assert "Check the key" in (await owner_alone.get("/account/connect/okx?step=paste")).text
    stolen = Browser(app, cookies=before)
    assert (await stolen.get("/account")).header("location") == "/sign-in"


async def test_a_form_that_was_open_before_the_proof_still_works_after_it(
    owner_alone: Browser, app_of_owner: App, lived: AccountId, time: Time, store: Store
) -> None:
    time.pass_by(SUDO)
    token = (await owner_alone.get(f"/desk/{lived}")).token
    await prove(owner_alone, app_of_owner, time())

    answer = await owner_alone.post(f"/desk/{lived}/flatten", {"form_token": token})

    assert answer.status == 303
    assert [command.kind.value for command in await store.take_commands(lived)] == ["flatten"]


async def test_a_used_or_wrong_code_proves_nothing(owner_alone: Browser, app_of_owner: App, time: Time) -> None:
    used = app_of_owner.code(time())
    time.pass_by(SUDO)
    code = app_of_owner.code(time())
    await prove(owner_alone, app_of_owner, time())
    time.pass_by(SUDO)

    for wrong in (used, code, "", "12345", "recovery"):
        answer = await owner_alone.submit("/prove", {"code": wrong, "then": "/account"})
        assert answer.status == 422
        assert "does not fit" in answer.text
    assert (await owner_alone.get("/account/tokens")).text.count("Make the token") == 0


async def test_a_code_is_not_guessed(owner_alone: Browser, app_of_owner: App, time: Time) -> None:
    time.pass_by(SUDO)
    token = (await owner_alone.get("/prove")).token

    answers = [await owner_alone.post("/prove", {"form_token": token, "code": f"{n:06}"}) for n in range(20)]

    assert answers[-1].status == 429
    assert "Try again in" in answers[-1].text


async def test_without_a_factor_the_page_says_where_to_get_one(owner_alone: Browser, connector: SaidConnector) -> None:
    page = await owner_alone.get("/prove?then=/account")
    account = await owner_alone.get("/account/connect/kraken?step=paste")
    sent = await owner_alone.post("/account/connect/kraken", {"form_token": account.token, **PASTED})

    assert "Add a second factor" in page.text
    assert "Add a second factor" in account.text
    assert "api_secret" not in account.text
    assert sent.status == 403
    assert connector.given == []


async def test_pausing_flattening_and_disarming_never_ask(
    owner_alone: Browser, lived: AccountId, store: Store, time: Time
) -> None:
    token = (await owner_alone.get("/account")).token
    for path in (f"/desk/{lived}/pause", f"/desk/{lived}/flatten", f"/account/{lived}/disarm"):
        assert (await owner_alone.post(path, {"form_token": token})).status == 303

    (account,) = await store.trading_accounts()
    assert account.state is AccountState.DISARMED
    kinds = [line.kind for line in await store.audit_lines()]
    assert kinds[-3:] == ["account.paused", "account.flattened", "account.disarmed"]


async def test_limits_are_shown_to_everybody_and_changed_with_a_proof_only(
    owner_alone: Browser, app_of_owner: App, lived: AccountId, store: Store, time: Time
) -> None:
    page = f"/desk/{lived}/limits/change?leverage_cap=4"
    assert '<fieldset class="group" aria-label="Keep it"' in (await owner_alone.get(page)).text
    time.pass_by(SUDO)
    shown = await owner_alone.get(page)

    seen = shown.text.partition('name="seen" value="')[2].partition('"')[0]
    refused = await owner_alone.post(
        f"/desk/{lived}/limits",
        {"form_token": shown.token, "seen": seen, **arm_fields()},  # type: ignore[dict-item]
        {"referer": f"{ORIGIN}{page}"},
    )

    assert '<fieldset class="group" disabled aria-label="Keep it"' in shown.text
    assert refused.status == 403
    assert f"/prove?then={quote(page, safe='/')}" in refused.text
    assert (await store.trading_accounts())[0].limits.leverage_cap != 4


async def test_a_page_that_needs_a_proof_leads_to_it_and_back(owner: Browser, account: AccountId, time: Time) -> None:
    page = f"/account/{account}/disconnect"
    assert (await owner.get(page)).status == 200
    time.pass_by(SUDO)

    answer = await owner.get(page)

    assert (answer.status, answer.header("location")) == (303, f"/prove?then={page}")


async def test_a_proved_session_goes_straight_on(owner: Browser) -> None:
    answer = await owner.get("/prove?then=/account/tokens")

    assert (answer.status, answer.header("location")) == (303, "/account/tokens")


@pytest.mark.parametrize(
    "elsewhere",
    [
        "", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example",
        "/a\r\nSet-Cookie: x=y", "account", " /account", "/" + "a" * 600, "/ä",
    ],
)  # fmt: skip
def test_only_a_path_of_these_pages_is_gone_on_to(elsewhere: str) -> None:
    assert own_path(elsewhere) == "/account/security"


def test_a_path_of_these_pages_is_kept_whole() -> None:
    assert own_path("/account?venue=okx&said=x") == "/account?venue=okx&said=x"


@pytest.mark.parametrize(
    ("path", "referer", "page"),
    [
        ("/account/connect/okx", f"{ORIGIN}/account/connect/okx?step=paste", "/account/connect/okx?step=paste"),
        ("/account/connect/kraken/confirm", f"{ORIGIN}/account/connect/kraken/confirm", "/account/connect/kraken"),
        ("/account/connect/kraken", "https://evil.example/account/tokens", "/account/connect/kraken"),
        ("/account/connect/kraken/check", "", "/account/connect/kraken"),
        ("/account/tokens/end", "", "/account/tokens"),
        ("/account/abc/arm", f"{ORIGIN}/account/abc/trading?said=added", "/account/abc/trading?said=added"),
        ("/nowhere", "", "/account/security"),
    ],
)
def test_the_page_of_a_form_is_found_to_go_back_to(app: FastAPI, path: str, referer: str, page: str) -> None:
    browser = Browser(app)
    scope = {**browser.scope("POST", path, {"referer": referer}), "app": app}

    assert page_of(Request(scope)) == page
