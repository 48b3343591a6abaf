"""The served sandbox: its pages, its switches, its clock, and who is let in."""

import re
from collections.abc import AsyncIterator
from decimal import Decimal
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from jarvis.emulators.app import serve
from jarvis.emulators.kraken import FaultKind
from jarvis.emulators.kraken.page import PAGE
from jarvis.emulators.pages import STYLE
from tests.emulators.kraken.actors import Client
from tests.emulators.server import Served

PAGES = ["/kraken/settings/api", "/kraken/settings/api/new?account=demo", "/sandbox/kraken/faults"]
HTML = {"accept": "text/html"}


@pytest.fixture
async def browser(sandbox: Served) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(sandbox.url) as session:
        yield session


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("path", PAGES)
async def test_pages_say_what_they_are_and_load_nothing_from_elsewhere(
    browser: aiohttp.ClientSession, path: str
) -> None:
    async with browser.get(path, headers=HTML) as answer:
        page = await answer.text()

    assert answer.status == 200
    assert "Sandbox stand-in." in page
    assert "This is not Kraken." in page
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "unsafe" not in policy
    for tag, attributes in Tags(page).found:
        assert tag not in ("script", "style", "iframe", "img")
        assert not any(name == "style" or name.startswith("on") for name in attributes)
        for name in ("href", "src", "action"):
            assert (attributes.get(name) or "/").startswith("/")


@pytest.mark.parametrize("path", PAGES)
async def test_every_field_of_a_page_has_a_label(browser: aiohttp.ClientSession, path: str) -> None:
    async with browser.get(path, headers=HTML) as answer:
        tags = Tags(await answer.text()).found

    labelled = {attributes.get("for") for tag, attributes in tags if tag == "label"}
    for tag, attributes in tags:
        if tag in ("input", "select", "textarea") and attributes.get("type") not in ("hidden", "checkbox"):
            assert attributes["id"] in labelled


async def test_the_style_serves_both_schemes_and_narrow_screens(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/sandbox/assets/sandbox.css") as answer:
        text = await answer.text()

    assert answer.content_type == "text/css"
    assert text == STYLE.read_text()
    assert "prefers-color-scheme: dark" in text
    assert "max-width: 36rem" in text


async def test_a_browser_may_name_the_page_that_it_comes_from(browser: aiohttp.ClientSession) -> None:
    # Under no-referrer a browser would send its own forms with `Origin: null`, as it does for other sites.
    async with browser.get("/kraken/settings/api") as answer:
        assert answer.headers["referrer-policy"] == "same-origin"
    async with browser.get("/sandbox/assets/icon.svg") as answer:
        assert answer.content_type == "image/svg+xml"


async def test_the_form_has_the_boxes_of_the_walkthrough_all_unticked(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/kraken/settings/api/new?account=demo") as answer:
        page = await answer.text()

    ticks = [attributes for tag, attributes in Tags(page).found if attributes.get("type") == "checkbox"]
    assert [tick["value"] for tick in ticks] == [box.permission for group in PAGE.groups for box in group.boxes]
    assert not any("checked" in tick for tick in ticks)
    for words in (
        "Query Funds",
        "Withdraw Funds",
        "Create &amp; Modify Orders",
        "Access WebSockets API",
        "Generate key",
    ):
        assert words in page


def values_of(page: str) -> tuple[str, str]:
    public, private = (re.search(f'id="{name}"[^>]*>([^<]+)<', page) for name in ("api-key", "secret"))
    assert public is not None
    assert private is not None
    return public.group(1), private.group(1)


async def test_a_person_makes_an_account_and_a_key_sees_it_once_and_it_works(
    browser: aiohttp.ClientSession, sandbox: Served
) -> None:
    made = {"name": "mine", "deposit": "2500.50", "profile": "us-retail"}
    async with browser.post("/kraken/settings/api/accounts", data=made) as answer:
        assert "mine" in str(answer.url)
    form = {
        "account": "mine",
        "label": "Jarvis — sandbox",
        "permission": ["query-funds", "withdraw-funds"],
        "ip_allowlist": "127.0.0.1\n10.0.0.0/8",
        "expires_at": "2026-02-01",
        "nonce_window": "0",
    }
    async with browser.post("/kraken/settings/api/keys", data=form) as answer:
        page = await answer.text()
        assert answer.headers["cache-control"] == "no-store"
    public, private = values_of(page)
    assert "shown once" in page

    client = Client(sandbox.box.kraken, public, private)
    information = await client.call("GetApiKeyInfo")
    assert information["permissions"] == ["query-funds", "withdraw-funds"]
    assert information["ip_allowlist"] == ["127.0.0.1", "10.0.0.0/8"]
    assert information["api_key_name"] == "Jarvis — sandbox"
    assert (await client.call("Balance"))["ZUSD"] == "2500.5000"

    async with browser.get("/kraken/settings/api?account=mine") as answer:
        listed = await answer.text()
    assert "Jarvis — sandbox" in listed
    assert "Withdraw Funds" in listed
    assert private not in listed

    async with browser.post("/kraken/settings/api/revoke", data={"account": "mine", "key": public}) as answer:
        assert "no longer works" in await answer.text()
    assert await client.refused("Balance") == "EAPI:Invalid key"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": " "}, "Give the key a description"),
        ({"permission": "fly"}, "There is no permission fly"),
        ({"ip_allowlist": "home"}, "The key was not made"),
        ({"expires_at": "soon"}, "The key was not made"),
        ({"nonce_window": "-1"}, "The key was not made"),
        ({"nonce_window": "x"}, "The key was not made"),
        ({"account": "nobody"}, "Choose an account first"),
    ],
)
async def test_a_mistake_in_the_form_is_said_and_what_was_typed_is_kept(
    browser: aiohttp.ClientSession, changes: dict[str, str], words: str
) -> None:
    form = {"account": "demo", "label": "kept words", "permission": "query-funds"} | changes

    async with browser.post("/kraken/settings/api/keys", data=form) as answer:
        page = await answer.text()

    assert answer.status == 422
    assert words in page
    assert "account" in changes or "label" in changes or "kept words" in page


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": "", "deposit": "1"}, "name"),
        ({"name": "a b", "deposit": "1"}, "name"),
        ({"name": "demo", "deposit": "1"}, "exists already"),
        ({"name": "new", "deposit": "NaN"}, "must be a number"),
        ({"name": "new", "deposit": "-1"}, "negative"),
        ({"name": "new", "deposit": "1", "profile": "moon"}, "moon"),
    ],
)
async def test_an_account_that_cannot_be_is_refused_with_a_word(
    browser: aiohttp.ClientSession, form: dict[str, str], words: str
) -> None:
    async with browser.post("/kraken/settings/api/accounts", data=form) as answer:
        assert answer.status == 422
        assert words in await answer.text()
    async with browser.post("/sandbox/kraken/accounts", json=form) as answer:
        assert answer.status == 422
        assert words in (await answer.json())["error"]


async def test_names_are_escaped(browser: aiohttp.ClientSession) -> None:
    form = {"account": "demo", "label": "<b>bold</b>", "permission": "query-funds"}

    async with browser.post("/kraken/settings/api/keys", data=form):
        pass
    async with browser.get("/kraken/settings/api?account=demo") as answer:
        page = await answer.text()

    assert "<b>bold" not in page
    assert "&lt;b&gt;bold" in page


async def test_faults_are_switched_over_rest(browser: aiohttp.ClientSession, sandbox: Served) -> None:
    wanted = {"kind": "timeout_after_accept", "count": 2, "probability": 0.5, "operation": "AddOrder", "seconds": 3}
    async with browser.post("/sandbox/kraken/faults", json=wanted) as answer:
        assert answer.status == 201
        made = await answer.json()
    assert wanted.items() <= made.items()

    async with browser.get("/sandbox/kraken/faults") as answer:
        assert await answer.json() == [made]
    async with browser.delete(f"/sandbox/kraken/faults/{made['id']}") as answer:
        assert answer.status == 204
    async with browser.delete(f"/sandbox/kraken/faults/{made['id']}") as answer:
        assert answer.status == 404
    sandbox.box.kraken.add_fault(FaultKind.LOCKOUT)
    async with browser.delete("/sandbox/kraken/faults") as answer:
        assert answer.status == 204
    assert sandbox.box.kraken.faults.active == []


@pytest.mark.parametrize(
    "body", [{"kind": "none"}, {"kind": "lockout", "count": 0}, {"kind": "lockout", "pair": "BTC"}, {"count": "x"}]
)
async def test_a_fault_that_means_nothing_is_refused(browser: aiohttp.ClientSession, body: dict[str, Any]) -> None:
    async with browser.post("/sandbox/kraken/faults", json=body) as answer:
        assert answer.status == 422
        assert (await answer.json())["error"]


async def test_faults_are_switched_on_their_page(browser: aiohttp.ClientSession, sandbox: Served) -> None:
    form = {"kind": "leverage_cut", "pair": "BTC/USD", "leverage": "3", "count": "", "probability": "1"}
    async with browser.post("/sandbox/kraken/faults", data=form, headers=HTML) as answer:
        page = await answer.text()
    assert "Switch off" in page
    (fault,) = sandbox.box.kraken.faults.active

    async with browser.post(f"/sandbox/kraken/faults/{fault.fault_id}/remove", headers=HTML) as answer:
        assert "None. The sandbox behaves." in await answer.text()
    async with browser.post("/sandbox/kraken/faults", data={"kind": "x"}, headers=HTML) as answer:
        assert answer.status == 422
        assert 'role="alert"' in await answer.text()
    sandbox.box.kraken.add_fault(FaultKind.LOCKOUT)
    async with browser.post("/sandbox/kraken/faults/clear", headers=HTML) as answer:
        assert "None. The sandbox behaves." in await answer.text()


async def test_an_account_is_told_exactly(browser: aiohttp.ClientSession, sandbox: Served) -> None:
    client = Client(sandbox.box.kraken, sandbox.key, sandbox.secret)
    await client.buy("0.1", cl_ord_id="mine")
    await client.rest("40000")

    async with browser.get("/sandbox/kraken/accounts/demo") as answer:
        record = await answer.json()

    (fill,) = record["fills"]
    assert (fill["client_order_id"], fill["quantity"]) == ("mine", "0.1")
    assert record["balances"]["USD"]["total"] == record["ledger"][-1]["balance"]
    total = Decimal(10_000) - Decimal(fill["fee"]) - Decimal(fill["opening_fee"])
    assert Decimal(record["balances"]["USD"]["total"]) == total
    assert [lot["remaining_quantity"] for lot in record["lots"]] == ["0.1"]
    assert len(record["open_orders"]) == len(record["closed_orders"]) == 1
    assert Decimal(record["margin"]["e"]) == Decimal(record["margin"]["tb"]) + Decimal(record["margin"]["n"])
    async with browser.get("/sandbox/kraken/accounts/nobody") as answer:
        assert answer.status == 404


async def test_accounts_and_keys_are_made_over_rest(browser: aiohttp.ClientSession, sandbox: Served) -> None:
    async with browser.post("/sandbox/kraken/accounts", json={"name": "two", "deposit": "77"}) as answer:
        assert answer.status == 201
    async with browser.post("/sandbox/kraken/accounts/two/keys", json={"permissions": ["query-funds"]}) as answer:
        key = await answer.json()

    client = Client(sandbox.box.kraken, key["api_key"], key["secret"])

    assert (await client.call("Balance"))["ZUSD"] == "77.0000"
    async with browser.get("/sandbox/kraken/accounts") as answer:
        assert await answer.json() == ["demo", "two"]
    async with browser.post("/sandbox/kraken/accounts/none/keys", json={}) as answer:
        assert answer.status == 404


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}])
async def test_other_sites_and_names_are_kept_out(browser: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    async with browser.post("/sandbox/kraken/accounts", json={"name": "x", "deposit": "1"}, headers=headers) as answer:
        assert answer.status == 403
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await browser.ws_connect("/kraken/ws/v2", headers=headers)


async def test_the_clock_is_told_and_followed(browser: aiohttp.ClientSession, sandbox: Served) -> None:
    async with browser.get("/sandbox/clock") as answer:
        assert await answer.json() == {"now": "2026-01-01T00:00:00+00:00", "rate": None, "ended": False}
    async with browser.ws_connect("/sandbox/clock?follow=1") as follower, browser.ws_connect("/sandbox/clock") as other:
        import asyncio

        running = asyncio.create_task(sandbox.box.clock.run())
        told = await follower.receive_json()
        assert told == {"now": "2026-01-01T00:01:00+00:00"} == await other.receive_json()
        await follower.send_json({"done": told["now"]})
        assert (await follower.receive_json())["now"] == "2026-01-01T00:02:00+00:00"
        running.cancel()


async def test_a_client_that_hangs_up_frees_its_held_request(browser: aiohttp.ClientSession, sandbox: Served) -> None:
    sandbox.box.kraken.add_fault(FaultKind.TIMEOUT_BEFORE_ACCEPT, count=1, seconds=3600)

    with pytest.raises(TimeoutError):
        async with browser.get("/kraken/0/public/Time", timeout=aiohttp.ClientTimeout(total=0.3)):
            pass

    async with browser.get("/kraken/0/public/Time") as answer:
        assert (await answer.json())["error"] == []


async def test_a_body_without_end_is_refused(browser: aiohttp.ClientSession) -> None:
    async with browser.post("/kraken/0/private/Balance", data=BytesIO(b"x" * 1_100_000)) as answer:
        assert answer.status == 413


async def test_a_follower_that_speaks_nonsense_is_let_go(browser: aiohttp.ClientSession) -> None:
    async with browser.ws_connect("/sandbox/clock?follow=1") as follower:
        await follower.send_str("what?")
        assert (await follower.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


async def test_the_sandbox_listens_on_loopback_only(sandbox: Served) -> None:
    with pytest.raises(ValueError, match="not a loopback address"):
        await serve(sandbox.box, "0.0.0.0", 0)
