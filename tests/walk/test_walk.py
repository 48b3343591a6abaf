"""The main job of a person, from nothing to a flat account, through a real browser and the real processes."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.system.installation import get_json, installed
from tests.walk.connecting import (
    VENUE_ACCOUNT,
    WAYS,
    VenueWay,
    add_a_second_factor,
    be_accepted,
    begin,
    boxes_of_the_guide,
    make_key,
    open_the_venue,
    paste,
    sign_up_and_in,
)
from tests.walk.market import PAIRS, three_wavy_pairs
from tests.walk.visitor import Visitor, chromium
from tests.web.test_browser import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

EMAIL = "grace@example.org"
PASSWORD = "three green lanterns at dusk"
KRAKEN, _, OKX, _ = WAYS
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

        await sign_up_and_in(person, page, origin, EMAIL, PASSWORD)
        await begin(person, page, KRAKEN)
        await add_a_second_factor(person, page, PASSWORD, KRAKEN)
        await connect_a_key(person, page, KRAKEN)
        await begin(person, page, OKX)
        await connect_a_key(person, page, OKX)
        account_id = await choose_and_arm(person, page)
        await watch_the_first_trade(person, page, origin, account_id)
        await flatten(person, page)
        await assert_flat_at_the_venue(sandbox)
        await sign_out(person, page, browser, origin)


async def connect_a_key(person: Visitor, page: Page, way: VenueWay) -> None:
    """A key of the venue's sandbox, connected, its limits left for later."""
    boxes = await boxes_of_the_guide(page)
    venue = await open_the_venue(person, page, way)
    await page.get_by_role("button", name="I have made the key").click()
    await paste(page, way, await make_key(person, venue, way, "Jarvis", boxes))
    await be_accepted(person, page, way, boxes)
    await page.get_by_role("button", name="Save, and arm later").click()
    card = page.get_by_role("region", name=way.title)
    await expect(card.get_by_text("Not armed")).to_be_visible()
    await expect(page.get_by_text(f"Continue connecting {way.title}: step 4 of 5")).to_be_visible()
    await expect(card.get_by_text("no withdrawal, no transfer")).to_have_count(0)
    await person.looks(page, f"{way.name}-connected")
    await venue.close()


async def choose_and_arm(person: Visitor, page: Page) -> str:
    """The account's id, once a strategy that trades soon follows every pair."""
    kraken = page.get_by_role("region", name="Kraken")
    await kraken.get_by_role("link", name="Choose strategies").click()
    await person.looks(page, "strategies")
    await page.get_by_role("link", name="Put on a pair: Donchian breakout").click()
    for pair, _, _ in PAIRS:
        await page.get_by_label(pair).check()
    await page.get_by_label("Bar size").select_option("1 minute")
    wishes = (("Entry channel", "4"), ("Exit channel", "3"), ("Range look-back", "5"), ("Stop distance", "6"))
    for label, value in wishes:
        await page.get_by_label(label).fill(value)
    await person.looks(page, "strategy-filled")
    await page.get_by_role("button", name="Show what changes").click()
    await person.looks(page, "strategy-change")
    await page.get_by_role("button", name="Keep the change").click()
    await expect(page.get_by_role("link", name=re.compile("^Stop "))).to_have_count(len(PAIRS))
    await page.get_by_role("link", name="Limits", exact=True).click()
    await page.get_by_role("link", name="Change the limits").click()
    await page.get_by_label("Leverage cap").fill("5")
    await page.get_by_label("Open positions").fill("3")
    await page.get_by_label("Risk per trade").fill("0.5")
    for pair, _, _ in PAIRS:
        await page.get_by_label(pair).check()
    await page.get_by_role("button", name="Show what changes").click()
    await person.looks(page, "limits-change")
    await page.get_by_role("button", name="Raise the limits").click()
    await expect(page.get_by_text("The new limits are in force.")).to_be_visible()
    await person.looks(page, "limits")
    await page.get_by_role("link", name="Strategies", exact=True).click()
    await page.get_by_role("link", name="Arm trading…").click()
    await page.get_by_role("button", name="Arm trading").click()
    await expect(
        page.get_by_text("The next signal of your strategies, or you by hand, may open a position.")
    ).to_be_visible()
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
    await expect(page.get_by_text("0 open positions").first).to_be_visible()
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
