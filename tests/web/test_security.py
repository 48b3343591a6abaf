"""What stands around every page: headers, forgery, body limits, errors that say nothing."""

import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from jarvis.web.security import CONTENT_SECURITY_POLICY, MAX_BODY_BYTES, WebSettings
from tests.web.client import ORIGIN, Browser
from tests.web.conftest import PASSWORD, SaidConnector
from tests.web.second_factor import Seeds

CANARY = "canaryQ7mK4LpZ8"


def routes(app: FastAPI, account_id: str = "nobody", position_id: str = "nothing") -> list[tuple[str, str]]:
    """(method, path) of every route, ids filled in."""
    filled = {
        "account_id": account_id,
        "position_id": position_id,
        "part": "numbers",
        "venue": "kraken",
        "token": "x" * 43,
        "hook_id": "nobodys",
        "job_id": "nobodys",
        "verdict_id": "nobodys",
        "command_id": "1",
        "by": "pair",
        "period": "2026-11",
        "picture": "desk.png",
        "page": "settings",
    }
    return [
        (method.upper(), path.format(**filled))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    ]


def posts(app: FastAPI, account_id: str) -> list[str]:
    """Every form; what charts knock at has no forms, and is looked at in test_hooks.py."""
    return [path for method, path in routes(app, account_id) if method == "POST" and not path.startswith("/hooks/")]


async def ask(person: Browser, method: str, path: str) -> tuple[int, object]:
    if path.endswith("/events"):
        return 0, None  # a stream never ends; its headers are looked at in test_stream.py
    answer = await (person.get(path) if method == "GET" else person.post(path))
    return answer.status, answer


async def test_every_answer_of_every_route_carries_the_security_headers(
    app: FastAPI, browser: Browser, owner: Browser, account: AccountId
) -> None:
    looked_at = 0
    for person in (browser, owner):
        for method, path in [*routes(app, account, "BTC-1"), ("GET", "/nowhere"), ("DELETE", "/account")]:
            if path.endswith("/events"):
                continue
            answer = await person.send(method, path, {"sec-fetch-site": "same-origin", "origin": ORIGIN})
            looked_at += 1

            assert answer.header("content-security-policy") == CONTENT_SECURITY_POLICY, path
            assert answer.header("x-content-type-options") == "nosniff", path
            assert answer.header("x-frame-options") == "DENY", path
            assert answer.header("referrer-policy") == "same-origin", path
            assert answer.header("cross-origin-opener-policy") == "same-origin", path
            assert answer.header("cache-control") == "no-store", path
            assert answer.status < 500, path
    assert looked_at > 40


async def test_an_asset_may_be_kept_for_ever_and_carries_the_headers_too(browser: Browser) -> None:
    page = await browser.get("/")
    address = page.text.split('rel="stylesheet" href="')[1].split('"')[0]

    answer = await browser.get(address)

    assert answer.status == 200
    assert "immutable" in answer.header("cache-control")
    assert answer.header("content-security-policy") == CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none", "origin": None},
        {"origin": None, "sec-fetch-site": None},
        {"host": "evil.example"},
    ],
)
async def test_no_post_route_takes_a_request_from_elsewhere(
    app: FastAPI, owner: Browser, account: AccountId, store: Store, headers: dict[str, str | None]
) -> None:
    token = (await owner.get("/account")).token
    before = await store.last_event_id()

    for path in posts(app, account):
        answer = await owner.post(path, {"form_token": token}, headers)

        assert answer.status == 403, path
    assert await store.last_event_id() == before


async def test_no_post_route_takes_a_form_without_its_token(
    app: FastAPI, owner: Browser, stranger: Browser, account: AccountId, store: Store
) -> None:
    foreign = (await stranger.get("/account")).token
    before = await store.last_event_id()

    for path in posts(app, account):
        for fields in ({}, {"form_token": ""}, {"form_token": foreign}):
            answer = await owner.post(path, fields)

            assert answer.status == 403, path
    assert await store.last_event_id() == before


async def test_a_request_without_origin_passes_when_the_browser_says_same_origin(owner: Browser) -> None:
    token = (await owner.get("/account")).token

    answer = await owner.post("/sign-out", {"form_token": token}, {"origin": None})

    assert answer.status == 303


async def test_a_page_asked_for_under_a_foreign_host_is_refused(browser: Browser) -> None:
    answer = await browser.get("/", {"host": "rebound.example"})

    assert answer.status == 403


async def test_only_forms_are_taken(owner: Browser, account: AccountId) -> None:
    answer = await owner.post(f"/desk/{account}/pause", {}, {"content-type": "application/json"})

    assert answer.status == 415


async def test_a_large_body_is_refused_by_its_length_and_by_its_size(browser: Browser) -> None:
    large = {"email": "a" * (MAX_BODY_BYTES + 1)}

    by_length = await browser.post("/sign-in", large)
    by_size = await browser.post("/sign-in", large, {"content-length": "10"})

    assert by_length.status == 413
    assert by_size.status == 413


async def test_a_broken_handler_answers_with_a_quiet_page(
    settings: WebSettings, owner: Browser, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_down(*_: object) -> None:
        raise RuntimeError(f"broken by {CANARY}")

    monkeypatch.setattr(store, "accounts_of", break_down)

    answer = await owner.get("/account")

    assert answer.status == 500
    assert CANARY not in answer.text
    assert "Traceback" not in answer.text
    assert answer.header("content-security-policy") == CONTENT_SECURITY_POLICY


async def test_no_wrong_answer_ever_echoes_what_was_submitted(
    app: FastAPI, owner: Browser, account: AccountId, connector: SaidConnector
) -> None:
    token = (await owner.get("/account")).token
    names = (
        "email", "password", "api_key", "api_secret", "environment", "pending", "strategy", "interval", "follow",
        "leverage_cap", "risk_per_trade", "daily_loss-warn", "allowed", "pair", "then", "parameter-fast_bars",
    )  # fmt: skip

    for path in posts(app, account):
        if path == "/sign-out":
            continue
        answer = await owner.post(path, {"form_token": token, **dict.fromkeys(names, CANARY)})

        assert CANARY.encode() not in answer.body, path
        assert all(CANARY not in value for _, value in answer.headers), path
    query = await owner.get(f"/desk/{account}/candles.json?pair={CANARY}&interval={CANARY}")
    assert query.status == 422
    assert CANARY not in query.text
    assert connector.given == []


async def test_a_private_key_in_any_other_field_is_refused(app: FastAPI, owner: Browser, account: AccountId) -> None:
    secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
    token = (await owner.get("/account")).token

    for name in ("environment", "then", "strategy", "parameter-note", "search"):
        answer = await owner.post(f"/account/{account}/arm", {"form_token": token, name: f" {secret}\n"})

        assert answer.status == 422
        assert "private key" in answer.text
        assert secret not in answer.text


@pytest.fixture
def secure_browser(store: Store, connector: SaidConnector) -> Browser:
    from jarvis.web.app import create_app

    origin = "https://jarvis.example"
    app = create_app(WebSettings(origins=(origin,), secure=True), store, connector, seeds=Seeds())
    return Browser(app, origin=origin)


async def test_over_tls_cookies_are_host_bound_and_transport_is_pinned(secure_browser: Browser) -> None:
    await secure_browser.submit("/sign-up", {"email": "ada@example.org", "password": PASSWORD})

    answer = await secure_browser.submit("/sign-in", {"email": "ada@example.org", "password": PASSWORD})

    cookie = next(value for name, value in answer.headers if name == "set-cookie" and "__Host-session" in value)
    assert all(part in cookie for part in ("Secure", "HttpOnly", "Path=/", "SameSite=lax"))
    assert "Domain" not in cookie
    assert answer.header("strict-transport-security").startswith("max-age=63072000")


def test_settings_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValueError, match="contradict"):
        WebSettings(origins=("http://jarvis.example",), secure=True)
    with pytest.raises(ValueError, match="at least one"):
        WebSettings(origins=())
