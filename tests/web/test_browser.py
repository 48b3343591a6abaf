"""The pages in a real Chromium: nothing inline, no error, no overflow, no dialog; and the main ways through them."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from jarvis.web.connecting.connect import PermissionLine
from tests.web import day, samples
from tests.web.conftest import OWNER, PASSWORD
from tests.web.second_factor import App
from tests.web.serving import Served, serving
from tests.web.test_account import API_KEY, SECRET

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
WATCH = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`violation of ${event.violatedDirective} by ${event.blockedURI} ${event.sample}`);
});
"""


@dataclass
class Watched:
    """A page and everything that went wrong on it."""

    page: Page
    origin: str
    troubles: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.origin}{path}")

    def looks_right(self, name: str) -> None:
        """Nothing went wrong, and nothing sticks out sideways. Keeps a picture when SCREENSHOTS names a folder."""
        # A page that is on its way has no root for a moment, and has not said all that is wrong with it.
        # Asked of the browser itself: a function that is polled would need eval, which is forbidden.
        self.page.wait_for_load_state("load")
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)
        wide = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name}: {wide} px stick out"
        assert self.troubles == [], name


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("web") / "jarvis.db"
    shutil.copyfile(migrated_file, path)
    with serving(f"sqlite+aiosqlite:///{path}") as server:
        yield server


def watch(context: BrowserContext, served: Served) -> Watched:
    context.add_init_script(WATCH)
    page = context.new_page()
    watched = Watched(page, served.origin)
    page.on("pageerror", lambda error: watched.troubles.append(f"error: {error}"))
    page.on("dialog", lambda dialog: watched.troubles.append(f"dialog: {dialog.message}"))

    def on_console(message: Any) -> None:
        # Chromium itself notes every answer of 4xx; a page that says 422 or 404 on purpose is no trouble.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            watched.troubles.append(f"{message.type}: {message.text}")

    page.on("console", on_console)

    def on_request(request: Any) -> None:
        if not request.url.startswith((served.origin, "data:")):
            watched.troubles.append(f"asked elsewhere: {request.url}")

    page.on("request", on_request)
    return watched


def sign_in(watched: Watched, email: str) -> None:
    watched.open("/sign-in")
    watched.page.get_by_label("E-mail address").fill(email)
    watched.page.get_by_label("Password").fill(PASSWORD)
    watched.page.get_by_role("button", name="Sign in").click()
    watched.page.wait_for_url(re.compile(r"/desk"))


def sign_up(watched: Watched, email: str) -> None:
    watched.open("/sign-up")
    watched.page.get_by_label("E-mail address").fill(email)
    watched.page.get_by_label("Password").fill(PASSWORD)
    watched.page.get_by_role("button", name="Open the account").click()
    watched.page.wait_for_url(re.compile(r"/sign-in"))


@pytest.fixture(scope="module")
def lived(served: Served, chromium: Browser) -> AccountId:
    """The owner's account in the middle of its day; opened through the page."""
    context = chromium.new_context()
    sign_up(watch(context, served), OWNER)
    context.close()

    async def write(store: Store) -> AccountId:
        person = await store.person_by_email(OWNER)
        assert person is not None
        return await day.lived(store, person.user_id)

    return served.run(write)


def test_the_desk_moves_by_itself(chromium: Browser, served: Served, lived: AccountId) -> None:
    context = chromium.new_context(viewport=DESK)  # type: ignore[arg-type]
    watched = watch(context, served)
    sign_in(watched, OWNER)
    watched.open(f"/desk/{lived}")
    margin = watched.page.get_by_role("region", name="Margin")
    expect(margin.get_by_text("25,312.45")).to_be_visible()

    async def move(store: Store) -> None:
        at = samples.NOW.replace(minute=30)
        await store.record_equity(lived, samples.margin(at, "31415.92"))
        await store.record_activity(lived, "said", "info", f"Moved. {day.HOSTILE}", at=at, pair=None)

    served.run(move)

    expect(margin.get_by_text("31,415.92")).to_be_visible(timeout=10_000)
    expect(watched.page.get_by_text("Moved. <script>")).to_be_visible(timeout=10_000)
    watched.looks_right("moved")
    context.close()


def test_flatten_is_two_presses_away_with_the_keyboard_alone(
    chromium: Browser, served: Served, lived: AccountId
) -> None:
    context = chromium.new_context(viewport=PHONE)  # type: ignore[arg-type]
    watched = watch(context, served)
    sign_in(watched, OWNER)
    watched.open(f"/desk/{lived}")

    watched.page.get_by_role("link", name="Flatten…").focus()
    watched.page.keyboard.press("Enter")
    watched.page.wait_for_url(re.compile("/flatten"))
    expect(watched.page.locator("button:focus")).to_be_visible()  # the button has the focus
    watched.page.keyboard.press("Enter")
    watched.page.wait_for_url(re.compile("asked=flatten"))

    commands = served.run(lambda store: store.take_commands(lived))
    assert [command.kind.value for command in commands] == ["flatten"]
    watched.looks_right("flattening")
    context.close()


def test_a_key_is_refused_with_the_box_named_then_connected_and_armed(chromium: Browser, served: Served) -> None:
    context = chromium.new_context(viewport=DESK)  # type: ignore[arg-type]
    watched = watch(context, served)
    page = watched.page
    sign_up(watched, "grace@example.org")
    sign_in(watched, "grace@example.org")
    expect(page.get_by_text("Your desk is ready")).to_be_visible()
    watched.looks_right("desk-empty")
    page.get_by_role("link", name="Connect a venue").click()
    watched.looks_right("connect-choose")
    page.get_by_role("button", name="Rehearse in the sandbox of Kraken").click()
    watched.looks_right("connect-without-a-factor")
    page.get_by_role("link", name="Add a second factor").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Add an authenticator app").click()
    device = App(page.locator(".seed").inner_text().replace(" ", ""))
    page.get_by_label("Code").fill(device.code(served.time()))
    page.get_by_role("button", name="Add the app").click()
    page.get_by_role("link", name="Continue connecting Kraken: step 1 of 5").click()
    page.get_by_role("button", name="I have made the key").click()
    served.connector.verdict = "refused"
    served.connector.rows = (
        PermissionLine("Query Funds", needed=True, granted=True, advice="", group="Funds Permissions"),
        PermissionLine(
            "Withdraw Funds",
            needed=False,
            granted=True,
            advice="Untick “Funds Permissions: Withdraw Funds”.",
            group="Funds Permissions",
        ),
    )

    def paste() -> None:
        page.get_by_label("API key", exact=True).fill(API_KEY)
        page.get_by_label("Private key").fill(SECRET)
        expect(page.get_by_text("Looks whole.")).to_have_count(2)
        page.get_by_role("button", name="Check the key").click()

    paste()
    expect(page.get_by_text("Untick “Funds Permissions: Withdraw Funds”.").first).to_be_visible()
    watched.looks_right("refused")
    served.connector.verdict, served.connector.rows = "accepted", ()
    page.get_by_role("link", name="Paste again").click()
    paste()
    page.get_by_role("link", name="Set the limits").click()
    watched.looks_right("begin")
    page.get_by_role("button", name="Arm trading").click()
    expect(page.get_by_role("heading", name="Kraken is armed")).to_be_visible()
    watched.looks_right("armed")
    watched.open("/account")
    expect(page.get_by_role("heading", name="Connect another key")).to_be_visible()
    expect(page.get_by_text("Continue connecting")).to_have_count(0)
    watched.looks_right("connected")
    context.close()


def test_signing_out_leaves_nothing_behind_the_back_button(chromium: Browser, served: Served, lived: AccountId) -> None:
    context = chromium.new_context(viewport=DESK)  # type: ignore[arg-type]
    watched = watch(context, served)
    sign_in(watched, OWNER)
    watched.open("/account")

    watched.page.locator("details.menu summary").click()
    watched.page.get_by_role("button", name="Sign out").click()
    expect(watched.page.get_by_text("You are signed out.")).to_be_visible()
    watched.page.go_back()

    expect(watched.page.get_by_role("button", name="Sign in")).to_be_visible()
    watched.looks_right("signed-out")
    context.close()
