"""Passkeys, codes and proofs in a real Chromium, with an authenticator of the browser's own making."""

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Error, Page, expect, sync_playwright

from tests.web import day
from tests.web.conftest import PASSWORD
from tests.web.second_factor import App
from tests.web.serving import Served, serving
from tests.web.test_browser import ARGUMENTS, CHROMIUM, DESK, PHONE, Watched, sign_up, watch

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SUDO = timedelta(minutes=10)
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


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
    path = tmp_path_factory.mktemp("factors") / "jarvis.db"
    shutil.copyfile(migrated_file, path)
    with serving(f"sqlite+aiosqlite:///{path}", host="localhost") as server:
        yield server


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport=DESK)  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    yield context
    context.close()


def plug_in(context: BrowserContext, page: Page) -> tuple[CDPSession, str]:
    """An authenticator in the page's machine, by the browser's own protocol; its id."""
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    added = session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return session, added["authenticatorId"]


def arrive(watched: Watched, email: str) -> None:
    """Open an account and sign in with its password alone."""
    sign_up(watched, email)
    give_password(watched, email)
    watched.page.wait_for_url(re.compile(r"/desk"))


def give_password(watched: Watched, email: str) -> None:
    watched.open("/sign-in")
    watched.page.get_by_label("E-mail address").fill(email)
    watched.page.get_by_label("Password").fill(PASSWORD)
    watched.page.get_by_role("button", name="Sign in").click()


def sign_out(page: Page) -> None:
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def add_passkey(watched: Watched, label: str) -> None:
    watched.open("/account/security")
    watched.page.get_by_label("Name of the new passkey").fill(label)
    password = watched.page.locator("#password-for-passkey")
    if password.count():
        password.fill(PASSWORD)
    watched.page.get_by_role("button", name="Add a passkey").click()
    expect(watched.page.get_by_text("The passkey is added.")).to_be_visible()


def add_app(watched: Watched, served: Served) -> App:
    page = watched.page
    watched.open("/account/security")
    password = page.locator("#password-for-app")
    if password.count():
        password.fill(PASSWORD)
    page.get_by_role("button", name="Add an authenticator app").click()
    seed = page.locator(".seed").inner_text().replace(" ", "")
    drawn = page.locator("img.qr").evaluate("picture => picture.naturalWidth")
    assert drawn > 100
    watched.looks_right("totp")
    app = App(seed)
    page.get_by_label("Code").fill(app.code(served.time()))
    page.get_by_role("button", name="Add the app").click()
    expect(page.get_by_text("The authenticator app is added.")).to_be_visible()
    return app


def test_a_passkey_is_enrolled_signs_in_alone_and_proves(served: Served, context: BrowserContext) -> None:
    watched = watch(context, served)
    page = watched.page
    arrive(watched, "ada@passkey.example")
    plug_in(context, page)
    watched.open("/account/connect/okx?step=paste")
    expect(page.get_by_text("First a second factor.")).to_be_visible()

    add_passkey(watched, "my laptop")
    expect(page.get_by_text("my laptop", exact=True).first).to_be_visible()
    watched.looks_right("security-passkey")
    watched.open("/account/connect/okx?step=paste")
    expect(page.get_by_role("button", name="Check the key")).to_be_visible()

    sign_out(page)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(re.compile(r"/desk"))
    served.time.pass_by(SUDO)
    watched.open("/account/connect/okx?step=paste")
    expect(page.get_by_role("button", name="Check the key")).to_have_count(0)
    page.get_by_role("link", name="Confirm that it is you").click()
    watched.looks_right("prove-passkey")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(re.compile(r"/account/connect/okx\?step=paste"))
    expect(page.get_by_role("button", name="Check the key")).to_be_visible()
    watched.looks_right("proved")


def test_a_password_asks_for_the_passkey_as_its_second_step(served: Served, context: BrowserContext) -> None:
    watched = watch(context, served)
    page = watched.page
    arrive(watched, "bea@passkey.example")
    session, authenticator = plug_in(context, page)
    add_passkey(watched, "phone")
    sign_out(page)

    give_password(watched, "bea@passkey.example")
    page.wait_for_url(re.compile(r"/sign-in/factor"))
    watched.looks_right("second-step-passkey")
    session.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("No passkey was chosen.")).to_be_visible()
    session.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": True})
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(re.compile(r"/desk"))


def test_a_passkey_is_renamed_and_removed(served: Served, context: BrowserContext) -> None:
    watched = watch(context, served)
    page = watched.page
    arrive(watched, "cyd@passkey.example")
    plug_in(context, page)
    add_passkey(watched, "old name")

    page.locator("summary", has_text="Change").click()
    page.get_by_label("New name").fill(day.HOSTILE[:60])
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_text("Renamed.")).to_be_visible()
    expect(page.locator(".things strong").first).to_have_text(day.HOSTILE[:60])
    watched.looks_right("renamed")
    page.locator("summary", has_text="Change").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Removed.")).to_be_visible()
    expect(page.get_by_text("Your password is all that stands")).to_be_visible()


def test_an_app_signs_in_and_a_recovery_code_after_it(served: Served, context: BrowserContext) -> None:
    watched = watch(context, served)
    page = watched.page
    arrive(watched, "dan@passkey.example")
    app = add_app(watched, served)
    page.get_by_role("button", name="Make recovery codes").click()
    expect(page.locator(".codes li")).to_have_count(10)
    codes = page.locator(".codes li").all_inner_texts()
    watched.looks_right("recovery-codes")
    page.get_by_role("link", name="I have kept them").click()

    for code in (app.code, codes[0]):
        served.time.pass_by(timedelta(seconds=30))
        sign_out(page)
        give_password(watched, "dan@passkey.example")
        page.wait_for_url(re.compile(r"/sign-in/factor"))
        watched.looks_right("second-step")
        page.get_by_label("Code").fill(code if isinstance(code, str) else code(served.time()))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(re.compile(r"/desk"))
    watched.open("/account/security")
    expect(page.get_by_text("9 of ten left")).to_be_visible()


def test_a_form_whose_proof_ran_out_does_nothing_and_leads_back(served: Served, context: BrowserContext) -> None:
    watched = watch(context, served)
    page = watched.page
    arrive(watched, "eve@passkey.example")
    app = add_app(watched, served)
    watched.open("/account/tokens")
    page.get_by_label("Name").fill("Statements")
    served.time.pass_by(SUDO)

    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    watched.looks_right("proof-ran-out")
    page.get_by_role("link", name="Confirm, and go back").click()
    page.get_by_label("Code").fill(app.code(served.time()))
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(re.compile(r"/account/tokens"))
    page.get_by_label("Name").fill("Statements")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_text(re.compile("jvs_"))).to_be_visible()
    watched.looks_right("token-made")


def settled(page: Page) -> str:
    """What the page shows once it has stopped going somewhere."""
    for _ in range(50):
        with suppress(Error):
            page.wait_for_load_state()
            return page.content()
        page.wait_for_timeout(100)
    return page.content()


def test_the_back_button_after_signing_out_shows_nothing_private(served: Served, context: BrowserContext) -> None:
    watched = watch(context, served)
    page = watched.page
    arrive(watched, "fay@passkey.example")
    add_app(watched, served)
    page.get_by_role("button", name="Make recovery codes").click()
    code = page.locator(".codes li").first.inner_text()
    watched.open("/account/security")

    sign_out(page)
    for _ in range(3):
        with suppress(Error):  # Chromium asks before it would send a form again, and shows a page of its own
            page.go_back()
        shown = settled(page)
        assert code not in shown
        assert "fay@passkey.example" not in shown


def test_the_menu_opens_and_closes_with_the_keyboard(served: Served, context: BrowserContext) -> None:
    watched = watch(context, served)
    page = watched.page
    arrive(watched, "gil@passkey.example")

    page.locator("details.menu summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Security")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Security")).to_be_hidden()
    expect(page.locator("details.menu summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Security")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("link", name="Security")).to_be_hidden()


def test_what_is_shown_once_fits_a_phone(served: Served, chromium: Browser) -> None:
    context = chromium.new_context(viewport=PHONE, color_scheme="dark")  # type: ignore[arg-type]
    watched, email = watch(context, served), "once@passkey.example"
    page = watched.page
    arrive(watched, email)
    plug_in(context, page)
    add_passkey(watched, "A name that is as long as a name of a passkey here may be, so")
    add_app(watched, served)
    page.get_by_role("button", name="Make recovery codes").click()
    watched.looks_right("codes")
    watched.open("/account/tokens")
    page.get_by_label("Name").fill("Statements")
    page.get_by_role("button", name="Make the token").click()
    watched.looks_right("token")
    page.locator("details.menu summary").click()
    watched.looks_right("menu")
    page.keyboard.press("Escape")
    sign_out(page)
    give_password(watched, email)
    page.wait_for_url(re.compile("factor"))
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("4 attempts left")).to_be_visible()
    watched.looks_right("second-step")
    context.close()
