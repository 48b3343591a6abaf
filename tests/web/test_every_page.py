"""Every page of the route table in a real Chromium: in light, in dark, on a desk and on a phone.

The list of pages is the application's own: a new one is looked at without anybody thinking of it. What is wrong is
gathered over all of them and told at once. SCREENSHOTS names a folder to keep a picture of each page in each form.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from jarvis.accounts.sessions import hash_of
from jarvis.domain.account import AccountId
from jarvis.domain.people import AuditEntry, Passkey, Role
from jarvis.store.db import Store
from jarvis.store.records import CommandKind
from jarvis.store.targets import Target
from jarvis.venues.catalog import OKX, VENUES
from tests.support.months import write_months
from tests.web import client, day
from tests.web.axe import LAYOUT, violations
from tests.web.conftest import OWNER, PASSWORD
from tests.web.crowd import add_hook, add_job, add_verdict, person_of, verdict_of
from tests.web.second_factor import enrol_app
from tests.web.serving import Served
from tests.web.test_browser import DESK, PHONE, Watched, chromium, served, watch
from tests.web.test_factors import SUDO
from tests.web.test_strangers import filled

__all__ = ["chromium", "served"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NOT_PAGES = re.compile(r"/events$|\.json$|/part/|^/docs/pictures/|/receivers$|/file$|^/installation/health$")
"""What a page fetches: streams, figures, files, pieces of pages and pictures."""

BEFORE = {"/sign-up", "/sign-in", "/sign-in/factor", "/link", "/link/{token}", "/confirm", "/confirm/{token}"}
"""Pages for somebody who is not, or not yet, signed in."""

MORE: Mapping[str, tuple[str, ...]] = {
    "/docs/onboarding/{venue}": tuple(f"/docs/onboarding/{venue}" for venue in VENUES),
    "/docs/search": ("/docs/search?q=stop", "/docs/search?q=nothing+fits+this"),
    "/docs/{page}": tuple(f"/docs/{page}" for page in ("settings", "api")),
    "/account/connect/{venue}": tuple(f"/account/connect/{venue}?step={step}" for venue in VENUES
                                      for step in ("key", "paste")),
    "/link/{token}": ("/link/{link}", "/link/xxxx"),
    "/desk/{account_id}": ("/desk/{account}", "/desk/{account}?move=-20", "/desk/{borrowed}"),
    "/desk/{account_id}/orders": ("/desk/{account}/orders", "/desk/{account}/orders?search=nothing+fits"),
    "/desk/{account_id}/positions/{position_id}": ("/desk/{account}/positions/BTC-0", "/desk/{account}/positions/SOL-1",
                                                   "/desk/{borrowed}/positions/ETH-1"),
    "/desk/{account_id}/strategies/form": ("/desk/{account}/strategies/form?strategy=donchian_breakout&pair=BTC/USD",),
    "/desk/{account_id}/strategies/change": ("/desk/{account}/strategies/change?stop=BTC/USD",),
    "/desk/{account_id}/limits/change": ("/desk/{account}/limits/change?leverage_cap=5&risk_per_trade=0.5",),
    "/desk/{account_id}/statements/{period}": ("/desk/{account}/statements/2026-09",
                                               "/desk/{account}/statements/2026-09-03"),
}  # fmt: skip
"""Pages that are looked at with other contents than the usual ones."""

LOST = re.compile(r"^/nowhere$|^/confirm|^/link$|^/link/x")
"""Addresses that say 404: nothing is there, or the link in them is made up."""

UNPROVED = ("/account", "/account/security", "/account/tokens", "/account/connect/kraken?step=paste", "/prove")
"""Pages that ask for a proof, where it has run out."""

ROOT = """() => {
  const seen = [];
  if (!document.title.includes("Jarvis")) seen.push(`the title is "${document.title}"`);
  const heads = document.querySelectorAll("h1").length;
  if (heads !== 1) seen.push(`${heads} headings of the first rank`);
  for (const field of document.querySelectorAll("input:not([type=hidden], [aria-hidden]), select, textarea")) {
    if (!field.labels.length && !field.getAttribute("aria-label") && !field.getAttribute("aria-labelledby")) {
      seen.push(`no label: ${field.outerHTML.slice(0, 120)}`);
    }
  }
  for (const late of document.querySelectorAll("[tabindex]")) {
    if (late.tabIndex > 0) seen.push(`out of turn: ${late.outerHTML.slice(0, 120)}`);
  }
  return seen;
}"""
WIDE = """() => {
  const over = document.documentElement.scrollWidth - window.innerWidth;
  const past = (each) => each.getBoundingClientRect().right > window.innerWidth + 1;
  const scrolls = (each) => each && (getComputedStyle(each).overflowX === "auto" || scrolls(each.parentElement));
  const out = over > 0
    ? [...document.querySelectorAll("body *")].filter(past)
    : [...document.querySelectorAll("a, button, input, select")].filter(
        (each) => each.checkVisibility() && past(each) && !scrolls(each)
      );
  if (!out.length) return "";
  return `${over} px stick out: ${out.slice(-1).map((each) => each.outerHTML.slice(0, 120))}`;
}"""
HERE = """() => {
  const here = document.activeElement, style = getComputedStyle(here);
  const frame = here.closest(".input, .choice, .tick");
  const shown = style.outlineStyle !== "none" || (frame && getComputedStyle(frame).outlineStyle !== "none");
  const place = here.matches("main .button-main") ? "action" : here.closest("main") ? "main" : "elsewhere";
  return [place, shown ? "" : here.outerHTML.slice(0, 120)];
}"""
MAIN_ACTION = """() => [...document.querySelectorAll("main .button-main")].some(
  (each) => each.checkVisibility() && !each.matches(":disabled") && !each.closest("dialog")
)"""
MOST_STEPS = 60


@dataclass(frozen=True)
class People:
    """Contexts of a person with one of everything, of one who has just come, and of one between the two steps."""

    owner: BrowserContext
    newcomer: BrowserContext
    halfway: BrowserContext
    account: AccountId
    borrowed: AccountId
    link: str

    def of(self, path: str) -> str:
        """The path of these people's own."""
        return path.replace("{account}", self.account).replace("{borrowed}", self.borrowed).replace("{link}", self.link)


async def _begin(served: Served, email: str, role: Role, *, with_app: bool) -> client.Browser:
    """Somebody new, signed in."""
    person = client.Browser(served.app, origin=served.origin)
    await person.submit("/sign-up", {"email": email, "password": PASSWORD})
    found = await person_of(served.store, email)
    if role is not Role.TRADER:
        await served.store.set_role(
            found.user_id, role, noted=AuditEntry("role.changed", served.time(), "cli", found.user_id), told=""
        )
    await person.submit("/sign-in", {"email": email, "password": PASSWORD})
    if with_app:
        await enrol_app(person, PASSWORD, served.time())
    return person


async def _fill(served: Served, owner: client.Browser) -> tuple[AccountId, AccountId, str]:
    """Give the owner one of everything that a page may show; the two accounts, and the token of an invitation."""
    store, now = served.store, served.time()
    ada = await person_of(store, OWNER)
    noted = AuditEntry("made.for_test", now, ada.user_id, ada.user_id)
    account = await day.lived(store, ada.user_id)
    start = datetime(2026, 8, 3, 9, tzinfo=UTC)
    await write_months(store, account, positions=16, start=start, apart=timedelta(hours=80))
    borrowed = await day.lived_on_borrowed_money(store, ada.user_id, OKX)
    await add_hook(store, served.time, ada.user_id)  # type: ignore[arg-type]
    await add_job(served.app, ada.user_id)
    found = await store.account(ada.user_id, account)
    assert found is not None
    await add_verdict(store, ada.user_id, verdict_of(ada.user_id, now, found.assignments[0], is_well=False))
    await store.add_target(
        Target("target-of-ada", ada.user_id, "webhook", "a room", "a.example", now, confirmed_at=now), noted
    )
    session = next(value for name, value in owner.cookies.items() if "session" in name)
    key = Passkey(
        b"passkey-of-ada-0", ada.user_id, b"public", 0, (), backed_up=False, label="a passkey", created_at=now
    )
    await store.add_passkey(key, most=20, keeping=hash_of(session), noted=noted, told="A passkey was added.")
    await store.enqueue_command(ada.user_id, account, CommandKind.PAUSE, at=now)
    await owner.submit("/account/tokens", {"label": "Statements", "days": "30", "scope": ["read"]})
    made = await owner.submit("/account/sharing/invite", {"email": "friend@example.org"}, page="/account/sharing")
    link = re.search(r"/link/([\w-]+)", made.text)
    assert link, "the link is not shown"
    return account, borrowed, link.group(1)


def _context(chromium: Browser, served: Served, person: client.Browser) -> BrowserContext:
    context = chromium.new_context(viewport=DESK, timezone_id="Europe/Berlin")  # type: ignore[arg-type]
    context.add_cookies(
        [{"name": name, "value": value, "url": served.origin} for name, value in person.cookies.items()]
    )
    return context


@pytest.fixture(scope="module")
def people(chromium: Browser, served: Served) -> Iterator[People]:
    async def begin(_store: Store) -> tuple[list[client.Browser], tuple[AccountId, AccountId, str]]:
        owner = await _begin(served, OWNER, Role.OPERATOR, with_app=True)
        newcomer = await _begin(served, "new@example.org", Role.TRADER, with_app=False)
        made = await _fill(served, owner)
        halfway = client.Browser(served.app, origin=served.origin)
        await halfway.submit("/sign-in", {"email": OWNER, "password": PASSWORD})
        return [owner, newcomer, halfway], made

    browsers, made = served.run(begin)
    owner, newcomer, halfway = [_context(chromium, served, each) for each in browsers]
    yield People(owner, newcomer, halfway, *made)
    for context in (owner, newcomer, halfway):
        context.close()


def templates(served: Served) -> list[str]:
    """The address of every page, as the route table has it."""
    paths = served.app.openapi()["paths"]
    return [path for path, methods in paths.items() if "get" in methods and not NOT_PAGES.search(path)]


def pages(served: Served, people: People) -> list[tuple[BrowserContext, str]]:
    """Every page with its ids filled in, and who looks at it."""
    found = [(people.halfway, path) for path in ("/", "/docs", "/nowhere", "/link", "/confirm", "/prove")]
    for template in templates(served):
        usual = (filled(template, people.account),)
        who = people.halfway if template in BEFORE else people.owner
        found += [(who, people.of(path)) for path in MORE.get(template, usual)]
        if template.startswith(("/account", "/desk")) and "_id}" not in template and template not in MORE:
            found.append((people.newcomer, usual[0]))
    return found


def settled(page: Page) -> None:
    """What a page fetches by itself is there, and nothing of it moves any more."""
    page.wait_for_load_state("load")
    page.evaluate("Promise.all([document.fonts.ready, ...document.getAnimations().map((each) => each.finished)])")


def look(watched: Watched, name: str) -> list[str]:
    """What is wrong with the open page: wide and light first, then narrow and dark."""
    page, wrong = watched.page, []
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    settled(page)
    wrong += [*page.evaluate(ROOT), *violations(page), *walked(page), picture(page, f"{name}-desk-light")]
    if os.environ.get("SCREENSHOTS"):
        page.emulate_media(color_scheme="dark")
        picture(page, f"{name}-desk-dark")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    if os.environ.get("SCREENSHOTS"):
        page.emulate_media(color_scheme="light")
        picture(page, f"{name}-phone-light")
    page.emulate_media(color_scheme="dark")
    settled(page)
    wrong += [page.evaluate(WIDE), *violations(page, LAYOUT), picture(page, f"{name}-phone-dark")]
    wrong += watched.troubles
    watched.troubles.clear()
    return [each for each in wrong if each]


def picture(page: Page, name: str) -> str:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
    return ""


def walked(page: Page) -> list[str]:
    """What a person with a keyboard finds wrong on the way to the page's main action: past the top by one key."""
    if not page.evaluate(MAIN_ACTION):
        return []
    page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
    page.evaluate("location.hash = 'content'")
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        place, unseen = page.evaluate(HERE)
        if unseen:
            return [f"the focus does not show: {unseen}"]
        if place == "action":
            return []
    return [f"its main action is not reached by {MOST_STEPS} keys"]


def name_of(path: str, people: People) -> str:
    """A short name for a page's picture."""
    path = path.replace(people.account, "a").replace(people.borrowed, "b").replace(people.link, "made")
    return re.sub("[^a-z0-9]+", "-", path.lower()).strip("-") or "home"


def test_every_page_is_whole_accessible_and_asks_nobody_else(chromium: Browser, served: Served, people: People) -> None:
    open_pages = {context: watch(context, served) for context in (people.owner, people.newcomer, people.halfway)}
    who = {people.owner: "", people.newcomer: "new-", people.halfway: "out-"}
    wrong: dict[str, list[str]] = {}
    seen = 0

    for context, path in pages(served, people):
        watched = open_pages[context]
        answer = watched.page.goto(f"{served.origin}{path}")
        name = f"{who[context]}{name_of(path, people)}"
        if answer is None or answer.status != (404 if LOST.search(path) else 200):
            wrong[name] = [f"answered {answer and answer.status}"]
        elif found := look(watched, name):
            wrong[name] = found
        seen += 1
    served.time.pass_by(SUDO)
    for path in UNPROVED:
        open_pages[people.owner].open(path)
        if found := look(open_pages[people.owner], f"unproved-{name_of(path, people)}"):
            wrong[f"unproved-{path}"] = found

    assert wrong == {}, "\n".join(f"{name}: {each}" for name, found in wrong.items() for each in found)
    assert seen > len(templates(served))
