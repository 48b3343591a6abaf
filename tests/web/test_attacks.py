"""What an attacker tries through a real Chromium: markup in every text, forged forms, frames, and other origins."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from jarvis.accounts.tokens import Tokens
from jarvis.domain.account import AccountId
from jarvis.domain.people import AuditEntry, Passkey, Scope
from jarvis.store.db import Store
from jarvis.store.targets import Target
from jarvis.trading.events import Severity
from tests.web import samples
from tests.web.conftest import OWNER
from tests.web.serving import Served
from tests.web.test_browser import DESK, chromium, lived, served, watch

__all__ = ["chromium", "lived", "served"]  # fixtures
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CORPUS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "'><svg/onload=alert(3)>",
    "</textarea><script>alert(4)</script>",
    "javascript:alert(5)//",
    '" autofocus onfocus=alert(6) x="',
    "<iframe srcdoc='<script>alert(7)</script>'>",
    "{{constructor.constructor('alert(8)')()}}",
    "<hx-partial hx-get=/account hx-trigger=load>",
    "<div hx-on:load=alert(9) hx-get=/desk hx-trigger=load>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<style>*{background:url(https://evil.example/a)}</style>",
    "<math><mtext></p><style><a title='</style><img src onerror=alert(10)>'>",
    "\u2028alert(11)\u2028",
)


@pytest.fixture(scope="module")
def hostile(served: Served, lived: AccountId) -> AccountId:
    """The owner's account, with the corpus in every text that is shown again."""

    async def write(store: Store) -> None:
        person = await store.person_by_email(OWNER)
        assert person is not None
        now = samples.NOW
        noted = AuditEntry("made.for_test", now, person.user_id, person.user_id, None, {"said": CORPUS[0]})
        tokens = Tokens(store)
        for number, text in enumerate(CORPUS):
            await store.record_activity(lived, "said", "info", text, at=now, pair=None)
            await store.add_notice(person.user_id, "foreign.activity", Severity.CRITICAL, text, now)
            await store.note(replace(noted, details={"said": text, "agent": text}))
            if number < 5:
                target = Target(f"target{number}", person.user_id, "webhook", text[:40], "https://a.example/x", now)
                await store.add_target(replace(target, failure=text, failed_at=now), noted)
            if text.isprintable():
                await tokens.make(
                    person, now, label=text[:60], scopes=[Scope.READ], expires_at=now + timedelta(days=300), noted=noted
                )
            key = Passkey(
                f"key-number-{number:05}".encode(),
                person.user_id,
                b"k",
                0,
                (),
                backed_up=False,
                label=text,
                created_at=now,
            )
            await store.add_passkey(key, most=100, keeping=b"", noted=noted, told=text)

    served.run(write)
    return lived


PAGES = (
    "/account", "/account/security", "/account/tokens", "/account/notices", "/account/audit", "/account/notifications",
    "/account/sharing", "/account/data", "/desk/{account}", "/account/{account}/trading",
)  # fmt: skip


@contextmanager
def signed_in(chromium: Browser, served: Served) -> Iterator[tuple[Page, list[str]]]:
    """A page of the owner, and everything that goes wrong on it."""
    context = chromium.new_context(viewport=DESK)  # type: ignore[arg-type]
    watched = watch(context, served)
    sign_in_anyhow(watched, served)
    try:
        yield watched.page, watched.troubles
    finally:
        context.close()


def sign_in_anyhow(watched: object, served: Served) -> None:
    """A session of the owner by the store: the passkeys of this file exist nowhere."""
    from jarvis.accounts.sessions import hash_of
    from jarvis.domain.people import Session

    page: Page = watched.page  # type: ignore[attr-defined]
    token = "s" * 43

    async def write(store: Store) -> None:
        from datetime import UTC, datetime

        person = await store.person_by_email(OWNER)
        assert person is not None
        now = datetime.now(UTC)
        session = Session(hash_of(token), "session-of-attacks", person.user_id, now, now, "passkey")
        noted = AuditEntry("session.opened", now, person.user_id, person.user_id)
        await store.end_sessions(person.user_id, None, noted=noted)
        await store.open_session(session, replacing=None, place=b"p" * 32, noted=noted, told="")

    served.run(write)
    page.context.add_cookies([{"name": "jarvis-session", "value": token, "url": served.origin}])


@pytest.mark.parametrize("path", PAGES)
def test_no_text_that_is_shown_again_becomes_markup(
    chromium: Browser, served: Served, hostile: AccountId, path: str
) -> None:
    with signed_in(chromium, served) as (page, troubles):
        answer = page.goto(served.origin + path.replace("{account}", hostile))
        assert answer is not None
        assert answer.status == 200
        page.wait_for_timeout(300)

        assert (
            page.evaluate("document.querySelectorAll('script:not([src]), iframe, base, math, [onerror]').length") == 0
        )
        assert not page.url.startswith("https://evil.example")
        assert troubles == []


def test_a_piece_that_is_fetched_later_is_no_way_in_either(
    chromium: Browser, served: Served, hostile: AccountId
) -> None:
    with signed_in(chromium, served) as (page, troubles):
        page.goto(f"{served.origin}/desk/{hostile}")

        async def say(store: Store) -> None:
            await store.record_activity(hostile, "said", "info", f"late {CORPUS[0]}", at=samples.NOW, pair=None)

        served.run(say)
        expect(page.get_by_text("late <script>")).to_be_visible(timeout=10_000)

        assert troubles == []


def test_text_becomes_markup_by_our_own_policy_alone(chromium: Browser, served: Served, hostile: AccountId) -> None:
    with signed_in(chromium, served) as (page, _):
        reports: list[int] = []
        page.on("response", lambda answer: reports.append(answer.status) if "/reports/csp" in answer.url else None)
        page.goto(f"{served.origin}/desk/{hostile}")
        tried = {
            "markup": "document.body.innerHTML = '<b>x</b>'",
            "code": "(0, eval)('1')",
            "function": "new Function('return 1')",
            "policy": "trustedTypes.createPolicy('another', { createHTML: (text) => text })",
            "twice": "trustedTypes.createPolicy('jarvis-pieces', { createHTML: (text) => text })",
            "address": "document.createElement('script').src = 'https://evil.example/a.js'",
            "attribute": "document.body.setAttribute('onclick', 'alert(1)')",
        }
        for name, code in tried.items():
            # In a turn of its own: what the debugger runs itself is not bound by the policy.
            wrapped = f"try {{ {code}; done('done'); }} catch (error) {{ done(error.name); }}"
            outcome = page.evaluate(f"() => new Promise((done) => setTimeout(() => {{ {wrapped} }}))")
            assert outcome in ("TypeError", "EvalError"), (name, outcome)
        page.wait_for_timeout(500)

        assert reports
        assert set(reports) <= {204, 429}


# --- from another origin -----------------------------------------------------------------------------------------


@contextmanager
def attacker(body: str) -> Iterator[str]:
    """A page of somebody else, at another port: the same site to a browser, so that cookies come along."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = f"<!doctype html><meta charset=utf-8><body>{body}</body>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Site)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def posts(served: Served, account: AccountId) -> list[str]:
    from jarvis.web.app import create_app
    from jarvis.web.security import WebSettings
    from tests.web.conftest import SaidConnector
    from tests.web.second_factor import Seeds
    from tests.web.test_strangers import filled, operations

    settings = WebSettings(origins=(served.origin,))
    app = create_app(settings, served.store, SaidConnector(served.store), seeds=Seeds())
    return [filled(path, account) for method, path in operations(app) if method == "POST"]


def test_no_form_of_another_origin_does_anything(chromium: Browser, served: Served, hostile: AccountId) -> None:
    before = served.run(lambda store: store.last_event_id())
    with signed_in(chromium, served) as (page, _):
        form = (
            "<form method=post><input name=form_token value=x><input name=email value=a@example.org></form>"
            "<script>onhashchange = () => { const form = document.forms[0];"
            " form.action = decodeURIComponent(location.hash.slice(1)); form.submit(); };</script>"
        )
        with attacker(form) as site:
            paths = posts(served, hostile)
            for path in paths:
                page.goto(site)
                with page.expect_navigation():
                    page.evaluate(f"location.hash = '{quote(served.origin + path, safe='')}'")
                    page.wait_for_url(f"{served.origin}{path}")
                assert "This request did not come from a page" in page.content(), path
    assert len(paths) >= 40
    assert served.run(lambda store: store.last_event_id()) == before


def test_no_page_can_be_framed(chromium: Browser, served: Served, hostile: AccountId) -> None:
    with signed_in(chromium, served) as (page, _):
        for path in (f"/desk/{hostile}", "/account", "/sign-in", f"/desk/{hostile}/flatten"):
            with attacker(f"<iframe src='{served.origin}{path}' width=800 height=600></iframe>") as site:
                page.goto(site)
                page.wait_for_timeout(300)

                assert [frame.url for frame in page.frames[1:]] == ["chrome-error://chromewebdata/"], path


def test_a_page_of_another_origin_reads_nothing(chromium: Browser, served: Served, hostile: AccountId) -> None:
    with signed_in(chromium, served) as (page, _), attacker("nothing") as site:
        page.goto(site)
        for path in (f"/desk/{hostile}/equity.json", "/account", "/api/v1/accounts"):
            outcome = page.evaluate(
                "(address) => fetch(address, {credentials: 'include'}).then((a) => a.text(), (e) => e.name)",
                served.origin + path,
            )
            assert outcome == "TypeError", path
