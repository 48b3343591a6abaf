"""The way to an armed account in a real Chromium, each page narrow and dark, wide and light: nothing that axe minds."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from jarvis.web.connecting.connect import Restrictions
from tests.web.axe import violations
from tests.web.conftest import PASSWORD
from tests.web.second_factor import App
from tests.web.serving import Served
from tests.web.test_account import API_KEY, SECRET
from tests.web.test_browser import DESK, PHONE, Watched, chromium, served, sign_in, sign_up, watch
from tests.web.test_wizard import GOOD, MISSING, TOO_MUCH, funds

__all__ = ["chromium", "served"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def looks_right(watched: Watched, name: str) -> None:
    for size, scheme in ((PHONE, "dark"), (DESK, "light")):
        watched.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        watched.page.set_viewport_size(size)  # type: ignore[arg-type]
        watched.looks_right(f"wizard-{name}-{scheme}-{size['width']}")
        assert violations(watched.page) == [], name


def paste(watched: Watched) -> None:
    page = watched.page
    page.get_by_label("API key", exact=True).fill(API_KEY)
    page.get_by_label("Private key").fill(SECRET)
    page.get_by_role("button", name="Check the key").click()
    page.wait_for_url(re.compile("step=check"))


def test_every_page_of_the_way_is_whole_and_accessible(chromium: Browser, served: Served) -> None:
    context = chromium.new_context(viewport=DESK)  # type: ignore[arg-type]
    watched, connector, now = watch(context, served), served.connector, datetime.now(UTC)
    page = watched.page
    sign_up(watched, "way@example.org")
    sign_in(watched, "way@example.org")
    watched.open("/account/connect")
    looks_right(watched, "choose")
    page.get_by_role("button", name="Rehearse in the sandbox of Kraken").click()
    page.get_by_text("See it drawn").click()
    looks_right(watched, "key")
    page.get_by_role("link", name="Add a second factor").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Add an authenticator app").click()
    device = App(page.locator(".seed").inner_text().replace(" ", ""))
    page.get_by_label("Code").fill(device.code(served.time()))
    page.get_by_role("button", name="Add the app").click()
    page.get_by_role("link", name="Continue connecting Kraken: step 1 of 5").click()
    page.get_by_role("button", name="I have made the key").click()
    page.get_by_label("API key", exact=True).fill(f"“{API_KEY}”")
    page.get_by_label("Private key").fill(API_KEY)
    expect(page.get_by_text("Taken off when it is checked: quotation marks.")).to_be_visible()
    expect(page.get_by_text("This is the same value as in the box of the API key.")).to_be_visible()
    looks_right(watched, "paste")

    connector.restrictions = Restrictions(is_bound=False, checked_at=now, ends_at=now + timedelta(days=9))
    connector.verdict, connector.rows = "refused", (GOOD, TOO_MUCH)
    paste(watched)
    looks_right(watched, "refused")
    page.get_by_role("link", name="Paste again").click()
    connector.verdict, connector.rows = "incomplete", (GOOD, MISSING)
    paste(watched)
    looks_right(watched, "incomplete")
    connector.verdict, connector.rows = "accepted_with_risk", (GOOD,)
    connector.risks, connector.funds = ("The key never expires.",), funds("0")
    page.get_by_role("link", name="Paste another key").click()
    paste(watched)
    looks_right(watched, "with-risk")
    connector.verdict, connector.funds = "accepted", funds("1234.5")
    page.get_by_role("link", name="Paste another key").click()
    paste(watched)
    looks_right(watched, "accepted")

    page.get_by_role("link", name="Set the limits").click()
    page.get_by_text("What happens at which loss").click()
    looks_right(watched, "limits")
    page.get_by_role("button", name="Save, and arm later").click()
    looks_right(watched, "left")
    page.get_by_role("link", name="Continue connecting Kraken").click()
    page.get_by_role("button", name="Arm trading").click()
    expect(page.get_by_role("heading", name="Kraken is armed")).to_be_visible()
    looks_right(watched, "armed")
    context.close()
