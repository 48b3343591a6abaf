"""Every form takes whatever is typed: no error of ours, and nothing that was typed in an answer or a log."""

import logging

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from tests.web.client import Browser
from tests.web.conftest import Time
from tests.web.crowd import crowd_of
from tests.web.page_forms import PageForm, forms_on
from tests.web.test_strangers import filled, operations

CANARY = "cnryJ5rQ"
"""Stands in every text: not a word of any page, and short enough to be taken for no secret."""

STRANGE = st.sampled_from(
    [
        "", " ", "0", "-1", "1e400", "NaN", "Infinity", "9" * 400, "\u0000", "\u202e", "\ufeff", "é" * 3000, "<b>",
        "'\"", "{{7*7}}", "../../etc/passwd", "%00", "\r\nSet-Cookie: a=b", "=1+1", "yes", "arm", "BTC/USD", "operator",
    ]
)  # fmt: skip
TEXTS = st.one_of(
    STRANGE,
    st.text(max_size=40),
    st.text(alphabet="0123456789.,-+eE ", max_size=20),
    st.text(max_size=30).map(lambda text: text + CANARY),
)
ENDS_THE_SESSION = {"/sign-out", "/account/data/delete"}


async def every_form(app: FastAPI, owner: Browser, account: AccountId) -> list[PageForm]:
    """The forms on all pages, and those of routes that no page shows now."""
    found: dict[str, PageForm] = {}
    for method, template in operations(app):
        if template.startswith("/api/") or template.endswith((".json", "/events")):
            continue
        path = filled(template, account)
        if method == "POST":
            found.setdefault(path, PageForm("POST", path))
            continue
        answer = await owner.get(path)
        for form in forms_on(path, answer.text if answer.status == 200 else ""):
            if form.method == "POST":
                known = found.setdefault(form.action, form)
                known.hidden = [*dict.fromkeys([*known.hidden, *form.hidden])]
                known.typed = [*dict.fromkeys([*known.typed, *form.typed])]
    return [form for form in found.values() if form.action not in ENDS_THE_SESSION]


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, logger="aiosqlite")  # at DEBUG it repeats every statement, which no process asks for
    return caplog


@pytest.mark.timeout(240)
async def test_no_form_breaks_or_says_again_what_was_typed(
    app: FastAPI,
    store: Store,
    time: Time,
    owner: Browser,
    account: AccountId,
    quiet: pytest.LogCaptureFixture,
) -> None:
    crowd = await crowd_of(app, store, time, owner)
    operator = crowd.strangers["operator"]
    forms = await every_form(app, owner, account)
    fields = {form.action: {name for name, _ in form.hidden} | set(form.typed) for form in forms}
    assert len(forms) >= 35
    examples: list[tuple[str, dict[str, str]]] = []

    @settings(max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def choose(data: st.DataObject) -> None:
        action = data.draw(st.sampled_from(sorted(fields)))
        names = [*sorted(fields[action] - {"form_token"}), "label", "code", "said", CANARY]
        chosen = data.draw(st.dictionaries(st.sampled_from(names), TEXTS, max_size=8))
        examples.append((action, {name: text for name, text in chosen.items() if _is_text(text)}))

    choose()
    tokens = {id(browser): (await browser.get("/account")).token for browser in (owner, operator)}
    with capture_logs() as lines:
        for action, typed in examples:
            browser = operator if action.startswith("/installation") else owner
            answer = await browser.post(action, {"form_token": tokens[id(browser)], **typed})

            assert answer.status < 500, (action, typed)
            shown = answer.body.decode("latin-1") + repr(
                [value for name, value in answer.headers if name != "set-cookie"]
            )
            if answer.status >= 400:
                assert CANARY not in shown, (action, typed)
            if (await browser.get("/account")).status == 303:
                raise AssertionError(f"{action} ended the session: say so in this test")

    assert CANARY not in repr(lines)
    assert CANARY not in quiet.text
    assert not [line for line in lines if line["log_level"] == "error"]


def _is_text(text: str) -> bool:
    """Whether a browser could send it: no half of a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
