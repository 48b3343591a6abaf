"""What a person does on the way to a connected key, in a real browser: the way of each venue, as its guide says."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from playwright.async_api import Locator, Page, expect

from tests.walk.visitor import Visitor
from tests.web.second_factor import App

PASSPHRASE = "Three-lanterns-9"
VENUE_ACCOUNT = "grace"


@dataclass(frozen=True)
class Wrong:
    """The box that nobody should tick: its label, what the page says of it, and what the venue wants filled in."""

    box: str
    advice: str
    filled: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VenueWay:
    """One venue as the walk needs it: its name for people, the label of its secret, the box that is ticked wrongly."""

    name: str
    title: str
    secret_label: str
    wrong: Wrong
    pair: str
    passphrase: str = ""


WAYS = (
    VenueWay(
        "kraken",
        "Kraken",
        "Private key",
        Wrong("Withdraw Funds", "Untick “Funds Permissions: Withdraw Funds”."),
        "BTC/USD",
    ),
    VenueWay(
        "binance",
        "Binance",
        "Secret key",
        Wrong(
            "Enable Withdrawals", "Untick “Enable Withdrawals”.", {"Restrict access to trusted IPs only": "127.0.0.1"}
        ),
        "BTC/USDT",
    ),
    VenueWay("okx", "OKX", "Secret key", Wrong("Withdraw", "Untick “Withdraw”."), "BTC/USDT", PASSPHRASE),
    VenueWay("bybit", "Bybit", "API secret", Wrong("Withdrawal", "Untick “Wallet: Withdrawal”."), "BTC/USDT"),
)


async def sign_up_and_in(person: Visitor, page: Page, origin: str, email: str, password: str) -> None:
    """From the home page to an empty desk."""
    await page.goto(origin)
    await person.looks(page, "home")
    await page.get_by_role("link", name="Open an account").first.click()
    await person.looks(page, "sign-up")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Open the account").click()
    await page.wait_for_url(re.compile(r"/sign-in"))
    await person.looks(page, "sign-in")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(re.compile(r"/desk"))
    await person.looks(page, "desk-before-a-key")


async def begin(person: Visitor, page: Page, way: VenueWay) -> None:
    """From the desk to the first step of a venue's sandbox."""
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Account").click()
    await page.get_by_role("link", name="Begin").click()
    await person.looks(page, "connect-choose")
    await page.get_by_role("button", name=f"Rehearse in the sandbox of {way.title}").click()
    await expect(page.get_by_role("heading", name=f"Connect {way.title}")).to_be_visible()
    await person.looks(page, f"{way.name}-make-the-key")


async def add_a_second_factor(person: Visitor, page: Page, password: str, way: VenueWay) -> App:
    """An authenticator app, the way that works at every address; and back to where one came from."""
    await page.get_by_role("link", name="Add a second factor").click()
    await person.looks(page, "security")
    await page.get_by_label("Your password").fill(password)
    await page.get_by_role("button", name="Add an authenticator app").click()
    app = App((await page.locator(".seed").inner_text()).replace(" ", ""))
    await person.looks(page, "authenticator-app")
    await page.get_by_label("Code").fill(app.code(datetime.now(UTC)))
    await page.get_by_role("button", name="Add the app").click()
    await page.get_by_role("button", name="Make recovery codes").click()
    await expect(page.locator(".codes li")).to_have_count(10)
    await person.looks(page, "recovery-codes")
    await page.get_by_role("link", name=f"Continue connecting {way.title}: step 1 of 5").click()
    return app


async def open_the_venue(person: Visitor, page: Page, way: VenueWay) -> Page:
    """The venue's own API page in a tab of its own, with an account that holds money."""
    async with person.context.expect_page() as opened:
        await page.get_by_role("link", name="Open the sandbox's API page").click()
    venue = await opened.value
    await person.looks(venue, f"{way.name}-venue-empty")
    await venue.get_by_label("New account").fill(VENUE_ACCOUNT)
    await venue.get_by_role("button", name="Create account").click()
    await expect(venue.get_by_role("heading", name=f"API keys of {VENUE_ACCOUNT}")).to_be_visible()
    return venue


async def boxes_of_the_guide(page: Page) -> list[str]:
    """The boxes that the first step says to tick, in its own words."""
    boxes = page.locator(".boxes .on > span")
    return [(await box.evaluate("(span) => span.firstChild.textContent")).strip() for box in await boxes.all()]


async def read_the_guide(person: Visitor, page: Page, way: VenueWay, boxes: list[str]) -> None:
    """The illustrated guide in a tab of its own; its drawing ticks the same boxes."""
    async with person.context.expect_page() as opened:
        await page.get_by_role("link", name=re.compile(r"All \d+ steps with every screen drawn")).click()
    guide = await opened.value
    await person.looks(guide, f"{way.name}-guide")
    drawn = " ".join(await guide.locator("svg.screen-drawing > title").all_text_contents())
    for box in boxes:
        assert f"{box}: ticked." in drawn or f": {box}." in drawn, f"{way.name}: the guide does not tick {box}"
    assert f"{way.wrong.box}: left off." in drawn
    await guide.close()


async def make_key(
    person: Visitor, venue: Page, way: VenueWay, label: str, boxes: list[str], wrong: Wrong | None = None
) -> tuple[str, str]:
    """Both values of a key made on the venue's page with these boxes ticked, and a wrong one if there is one."""
    await venue.get_by_role("link", name="Create API key").click()
    await venue.get_by_label("Description").fill(label)
    if way.passphrase:
        await venue.get_by_label("Passphrase").fill(way.passphrase)
    for box in (*boxes, *((wrong.box,) if wrong else ())):
        await tick(venue, box)
    for field_label, value in (wrong.filled if wrong else {}).items():
        await venue.get_by_label(field_label).fill(value)
    await person.looks(venue, f"{way.name}-venue-new-key-{label}")
    await venue.get_by_role("button", name="Generate key").click()
    values = await venue.locator("#api-key").inner_text(), await venue.locator("#secret").inner_text()
    await person.looks(venue, f"{way.name}-venue-key-made-{label}")
    await venue.get_by_role("link", name="I have copied them").click()
    await expect(venue.get_by_role("cell", name=label, exact=True)).to_be_visible()
    return values


async def tick(venue: Page, box: str) -> None:
    """Do what the guide calls `box`: tick it, find it under its heading, or choose it for the whole key."""
    alone = venue.get_by_label(box, exact=True)
    if await alone.count() == 1:
        await alone.check()
        return
    choice = venue.locator("select").filter(has=venue.locator("option", has_text=re.compile(f"^{re.escape(box)}$")))
    if await choice.count() == 1:
        await choice.select_option(label=box)
        return
    heading, _, label = box.rpartition(" ")
    await venue.get_by_role("group", name=re.compile(f"{re.escape(heading)}$")).get_by_label(label, exact=True).check()


async def paste(page: Page, way: VenueWay, values: tuple[str, str]) -> None:
    """Type the values as they are; the page says that they look whole, and sends them when told to."""
    await page.get_by_label("API key", exact=True).fill(values[0])
    await page.get_by_label(way.secret_label).fill(values[1])
    if way.passphrase:
        await page.get_by_label("Passphrase").fill(way.passphrase)
    await expect(page.get_by_text("Looks whole.")).to_have_count(3 if way.passphrase else 2)
    await page.get_by_role("button", name="Check the key").click()


def verdict_on(page: Page) -> Locator:
    """What the page says that the key may do."""
    return page.get_by_role("region", name="What this key may do")


async def be_refused(person: Visitor, page: Page, way: VenueWay) -> None:
    """The key with the wrong box is refused, with the box to untick."""
    verdict = verdict_on(page)
    await expect(verdict.get_by_text("Refused", exact=True)).to_be_visible()
    row = verdict.locator("tr.row-bad")
    await expect(row.locator(".advice")).to_contain_text(way.wrong.advice)
    await person.looks(page, f"{way.name}-refused")
    await page.get_by_role("link", name="Paste again").click()


async def be_accepted(person: Visitor, page: Page, way: VenueWay, boxes: list[str]) -> None:
    """The right key is green in every row that is needed; what it may borrow and what is there is shown."""
    verdict = verdict_on(page)
    await expect(verdict.get_by_text("Accepted, with a remaining risk")).to_be_visible()
    for box in boxes:
        await expect(verdict.locator("tr.row-good").filter(has_text=box).first).to_contain_text("ticked")
    await expect(verdict.locator("tr.row-bad")).to_have_count(0)
    lent = page.get_by_role("region", name=f"What {way.title} lends").get_by_role("listitem").filter(has_text=way.pair)
    await expect(lent).to_contain_text(re.compile("\\d+\\s*\N{MULTIPLICATION SIGN}"))
    await expect(page.get_by_role("region", name="What is there")).to_contain_text("10,000")
    await person.looks(page, f"{way.name}-accepted")
    await page.get_by_label("I understand, and want to use this key as it is.").check()
    await page.get_by_role("button", name="Connect this key").click()
    await expect(page.get_by_role("heading", name="Cautious limits")).to_be_visible()
    await person.looks(page, f"{way.name}-limits")
