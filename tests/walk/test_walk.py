"""The main job of a person, from nothing to a flat account, through a real browser and the real processes."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.system.installation import get_json, installed
from tests.walk.market import PAIRS, three_wavy_pairs
from tests.walk.visitor import Visitor, chromium
from tests.web.second_factor import App
from tests.web.test_browser import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

EMAIL = "grace@example.org"
PASSWORD = "three green lanterns at dusk"
VENUE_ACCOUNT = "grace"
PASSPHRASE = "Three-lanterns-9"
NEEDED = (
    "Query Funds", "Query Open Orders & Trades", "Query Closed Orders & Trades", "Create & Modify Orders",
    "Cancel & Close Orders", "Query Ledger Entries", "Access WebSockets API",
)  # fmt: skip
SECONDS_TO_A_TRADE = 40


async def test_a_person_goes_from_nothing_to_a_first_trade_and_to_a_flat_account(tmp_path: Path) -> None:
    if not CHROMIUM:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    candles = three_wavy_pairs(tmp_path, minutes=2 * 24 * 60)
    async with installed(tmp_path / "here", rate=60) as installation, chromium() as browser:
        installation.wishes = replace(installation.wishes, venues=("kraken", "okx"), candles=candles)
        await installation.start_signer_and_sandbox()
        origin = await installation.start_web()
        await installation.start_worker()
        sandbox = installation.given.sandbox_address
        person = await Visitor.arriving(browser, (origin, sandbox))
        page = await person.context.new_page()

        await sign_up_and_in(person, page, origin)
        await add_a_second_factor(person, page)
        await connect_a_key(person, page)
        await connect_a_key_of_three_values(person, page)
        account_id = await choose_and_arm(person, page)
        await watch_the_first_trade(person, page, origin, account_id)
        await flatten(person, page)
        await assert_flat_at_the_venue(sandbox)
        await sign_out(person, page, browser, origin)


async def sign_up_and_in(person: Visitor, page: Page, origin: str) -> None:
    await page.goto(origin)
    await person.looks(page, "home")
    await page.get_by_role("link", name="Open an account").first.click()
    await person.looks(page, "sign-up")
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Open the account").click()
    await page.wait_for_url(re.compile(r"/sign-in"))
    await person.looks(page, "sign-in")
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(re.compile(r"/desk"))
    await person.looks(page, "desk-before-a-key")
    await page.get_by_role("navigation").get_by_role("link", name="Account").click()
    await expect(page.get_by_role("heading", name="Connect a venue")).to_be_visible()
    await person.looks(page, "account-without-a-factor")


async def add_a_second_factor(person: Visitor, page: Page) -> None:
    """An authenticator app: the way that works at every address."""
    await page.get_by_role("link", name="Add a second factor").click()
    await person.looks(page, "security")
    await page.get_by_label("Your password").fill(PASSWORD)
    await page.get_by_role("button", name="Add an authenticator app").click()
    app = App((await page.locator(".seed").inner_text()).replace(" ", ""))
    await person.looks(page, "authenticator-app")
    await page.get_by_label("Code").fill(app.code(datetime.now(UTC)))
    await page.get_by_role("button", name="Add the app").click()
    await page.get_by_role("button", name="Make recovery codes").click()
    await expect(page.locator(".codes li")).to_have_count(10)
    await person.looks(page, "recovery-codes")
    await page.get_by_role("navigation").get_by_role("link", name="Account").click()
    await person.looks(page, "account-empty")


async def connect_a_key(person: Visitor, page: Page) -> None:
    async with person.context.expect_page() as opened:
        await page.get_by_role("link", name="its API page").click()
    venue = await opened.value
    await person.looks(venue, "venue-empty")
    await venue.get_by_label("New account").fill(VENUE_ACCOUNT)
    await venue.get_by_role("button", name="Create account").click()
    await expect(venue.get_by_role("heading", name=f"API keys of {VENUE_ACCOUNT}")).to_be_visible()

    await paste(page, await make_key(person, venue, "careless", (*NEEDED, "Withdraw Funds")))
    verdict = page.get_by_role("region", name="What this key may do")
    await expect(verdict.get_by_text("Refused", exact=True)).to_be_visible()
    advice = row_of(verdict, "Withdraw Funds").locator(".advice")
    await expect(advice).to_have_text("Untick “Funds Permissions: Withdraw Funds”.")
    await person.looks(page, "key-refused")

    await paste(page, await make_key(person, venue, "Jarvis", NEEDED))
    await expect(verdict.get_by_text("Accepted, with a remaining risk")).to_be_visible()
    for label in NEEDED:
        await expect(row_of(verdict, label).locator("td").first).to_contain_text("ticked")
    await expect(row_of(verdict, "Withdraw Funds").locator("td").first).to_contain_text("off")
    for pair, _, _ in PAIRS:
        probed = verdict.get_by_role("listitem").filter(has_text=pair)
        await expect(probed).to_contain_text(f"{pair} 10")
    await person.looks(page, "key-with-risk")
    await page.get_by_label("I understand, and want to use this key as it is.").check()
    await page.get_by_role("button", name="Connect this key").click()
    await expect(page.get_by_text("Not armed")).to_be_visible()
    await person.looks(page, "key-connected")
    await venue.close()


async def connect_a_key_of_three_values(person: Visitor, page: Page) -> None:
    """A second account, at a venue that asks for a passphrase as well."""
    await page.get_by_role("navigation", name="Venue").get_by_role("link", name="OKX").click()
    await page.get_by_text("How to make the key").click()
    await person.looks(page, "account-okx")
    async with person.context.expect_page() as opened:
        await page.get_by_role("link", name="its API page").click()
    venue = await opened.value
    await venue.get_by_label("New account").fill(VENUE_ACCOUNT)
    await venue.get_by_role("button", name="Create account").click()
    key, secret = await make_key(person, venue, "Jarvis", ("Read", "Trade"), PASSPHRASE)

    await page.get_by_label("Passphrase").fill(PASSPHRASE)
    await paste(page, (key, secret), "Secret key")
    verdict = page.get_by_role("region", name="What this key may do")
    await expect(verdict.get_by_text("Accepted, with a remaining risk")).to_be_visible()
    await expect(verdict.get_by_role("listitem").filter(has_text="BTC/USDT")).to_be_visible()
    await person.looks(page, "okx-key-with-risk")
    await page.get_by_label("I understand, and want to use this key as it is.").check()
    await page.get_by_role("button", name="Connect this key").click()
    card = page.get_by_role("region", name="OKX")
    await expect(card.get_by_text("Not armed")).to_be_visible()
    await expect(card.get_by_text("no withdrawal, no transfer")).to_have_count(0)
    await person.looks(page, "okx-connected")
    await venue.close()


async def make_key(
    person: Visitor, venue: Page, label: str, boxes: tuple[str, ...], passphrase: str = ""
) -> tuple[str, str]:
    """Both values of a key made on the venue's page with these boxes ticked, and the passphrase where it wants one."""
    await venue.get_by_role("link", name="Create API key").click()
    await venue.get_by_label("Description").fill(label)
    if passphrase:
        await venue.get_by_label("Passphrase").fill(passphrase)
    for box in boxes:
        await venue.get_by_label(box, exact=True).check()
    await person.looks(venue, f"venue-new-key-{label}")
    await venue.get_by_role("button", name="Generate key").click()
    values = await venue.locator("#api-key").inner_text(), await venue.locator("#secret").inner_text()
    await person.looks(venue, f"venue-key-made-{label}")
    await venue.get_by_role("link", name="I have copied them").click()
    await expect(venue.get_by_role("cell", name=label, exact=True)).to_be_visible()
    return values


async def paste(page: Page, values: tuple[str, str], second: str = "Private key") -> None:
    await page.get_by_label("API key", exact=True).fill(values[0])
    await page.get_by_label(second).fill(values[1])
    await page.get_by_role("button", name="Check and connect").click()


def row_of(verdict: Locator, label: str) -> Locator:
    return verdict.locator("tbody tr").filter(has=verdict.page.get_by_text(label, exact=False))


async def choose_and_arm(person: Visitor, page: Page) -> str:
    """The account's id, once a strategy that trades soon follows every pair."""
    kraken = page.get_by_role("region", name="Kraken")
    await kraken.get_by_role("link", name="Choose strategies and limits").click()
    await person.looks(page, "trading-empty")
    card = page.locator("details").filter(has_text="Donchian breakout")
    if await card.get_attribute("open") is None:
        await card.locator("summary").click()
    form = card.locator("form")
    for pair, _, _ in PAIRS:
        await form.get_by_label(pair).check()
    await form.get_by_label("Bar size").select_option("1 minute")
    wishes = (("Entry channel", "4"), ("Exit channel", "3"), ("Range look-back", "5"), ("Stop distance", "6"))
    for label, value in wishes:
        await form.get_by_label(label).fill(value)
    await form.get_by_role("button", name="Add Donchian breakout").click()
    await expect(page.get_by_role("button", name=re.compile("Remove"))).to_have_count(len(PAIRS))
    await page.get_by_label("Leverage cap").fill("5")
    await page.get_by_label("Open positions").fill("3")
    await page.get_by_label("Risk per trade").fill("0.5")
    await person.looks(page, "trading-filled")
    await page.get_by_role("button", name="Save and arm trading").click()
    await expect(page.get_by_text("Armed.")).to_be_visible()
    await expect(page.get_by_label("Leverage cap")).to_have_value("5")
    await person.looks(page, "armed")
    return page.url.split("/account/")[1].partition("/")[0]


async def watch_the_first_trade(person: Visitor, page: Page, origin: str, account_id: str) -> None:
    await page.goto(f"{origin}/desk/{account_id}")
    first = page.locator(".position").first
    await first.wait_for(timeout=SECONDS_TO_A_TRADE * 1000)
    await expect(page.get_by_text("Trading", exact=True)).to_be_visible()
    await expect(page.locator(".orders tbody tr").first).to_be_visible()
    await expect(page.locator("#candle-chart canvas").first).to_be_visible()
    await expect(page.locator("#equity-chart canvas").first).to_be_visible()
    await person.looks(page, "desk-trading")
    await first.locator(".position-name").click()
    await expect(page.get_by_role("heading", name="The whole story")).to_be_visible()
    await expect(page.get_by_text(re.compile("Filled by the entry"))).to_be_visible()
    await expect(page.get_by_text(re.compile("Stop order"))).not_to_have_count(0)
    await person.looks(page, "position")
    await page.goto(f"{origin}/desk/{account_id}")


async def flatten(person: Visitor, page: Page) -> None:
    await page.locator(".position").first.wait_for(timeout=SECONDS_TO_A_TRADE * 1000)
    await page.get_by_role("link", name="Flatten…").click()
    await expect(page.get_by_role("heading", name="Close everything now?")).to_be_visible()
    await person.looks(page, "flatten")
    await page.get_by_role("button", name="Close everything").click()
    await expect(page.get_by_text("Paused: exits only")).to_be_visible()
    await expect(page.locator(".position")).to_have_count(0)
    await expect(page.get_by_text("nothing is opened while trading is paused")).to_be_visible()
    await expect(page.get_by_text("0 open positions")).to_be_visible()
    await person.looks(page, "desk-flat")


async def assert_flat_at_the_venue(sandbox: str) -> None:
    at_venue: Any = await get_json(f"{sandbox}/sandbox/kraken/accounts/{VENUE_ACCOUNT}")

    assert [lot for lot in at_venue["lots"] if lot["remaining_quantity"].strip("0.")] == []
    assert at_venue["open_orders"] == []
    assert len(at_venue["fills"]) >= 2


async def sign_out(person: Visitor, page: Page, browser: Browser, origin: str) -> None:
    cookies = await person.context.cookies()
    await page.locator("details.menu summary").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_text("You are signed out.")).to_be_visible()
    await person.looks(page, "signed-out")

    thief = await browser.new_context()
    await thief.add_cookies(cookies)  # type: ignore[arg-type]
    desk = await thief.new_page()
    await desk.goto(f"{origin}/desk")

    assert "/sign-in" in desk.url
    await thief.close()
