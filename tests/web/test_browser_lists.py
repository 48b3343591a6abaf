"""Lists, books and times in a real Chromium: with script and without, by keyboard, on a phone and on paper."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from jarvis.web.jobs import Job, Jobs, JobState
from tests.support.months import write_months
from tests.web.conftest import OWNER
from tests.web.serving import Served
from tests.web.test_browser import DESK, Watched, chromium, lived, served, sign_in, watch

__all__ = ["chromium", "lived", "served"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def traded(served: Served, lived: AccountId) -> AccountId:
    """The owner's account with months of trading before its day."""

    async def write(store: Store) -> None:
        start = datetime(2026, 8, 3, 9, tzinfo=UTC)
        await write_months(store, lived, positions=130, start=start, apart=timedelta(hours=11))

    served.run(write)
    return lived


@contextmanager
def opened(chromium: Browser, served: Served, **options: Any) -> Iterator[Watched]:
    """A browser of the owner, signed in."""
    context = chromium.new_context(**{"viewport": DESK, "timezone_id": "Europe/Berlin", **options})
    watched = watch(context, served)
    sign_in(watched, OWNER)
    yield watched
    context.close()


def test_times_are_the_readers_with_utc_on_hover_until_they_choose_utc(
    chromium: Browser, served: Served, traded: AccountId
) -> None:
    with opened(chromium, served) as watched:
        page = watched.page
        watched.open(f"/desk/{traded}/positions/BTC-0")
        first = page.locator("time").first

        expect(first).to_have_text("21 Nov 2026, 06:03:20CET")
        expect(first).to_have_attribute("title", "21 Nov 2026, 05:03:20 UTC")

        page.get_by_role("button", name="Times in Europe/Berlin. Show UTC").click()
        expect(first).to_have_text("21 Nov 2026, 05:03:20UTC")
        page.reload()
        expect(page.locator("time").first).to_have_text("21 Nov 2026, 05:03:20UTC")
        page.get_by_role("button", name="Times in UTC. Show Europe/Berlin").click()
        expect(page.locator("time").first).to_have_text("21 Nov 2026, 06:03:20CET")
        assert watched.troubles == []


def test_a_time_that_is_swapped_in_or_changed_is_the_readers_too(
    chromium: Browser, served: Served, traded: AccountId
) -> None:
    with opened(chromium, served) as watched:
        page = watched.page
        watched.open(f"/desk/{traded}/orders")
        page.get_by_label("State").select_option("unknown")
        expect(page.locator("#list tbody tr")).to_have_count(1)
        expect(page.locator("#list time")).to_have_text("21 Nov 2026, 13:03:20CET")

        page.evaluate("""() => {
            const time = document.querySelector("#list time");
            time.firstChild.data = "21 Nov 2026, 12:03:20";
            time.querySelector(".unit").textContent = "UTC";
        }""")
        expect(page.locator("#list time")).to_have_text("21 Nov 2026, 13:03:20CET")


def test_a_list_follows_what_is_typed_and_stands_in_the_address(
    chromium: Browser, served: Served, traded: AccountId
) -> None:
    with opened(chromium, served) as watched:
        page = watched.page
        watched.open(f"/desk/{traded}/orders")
        page.get_by_label("Search").press_sequentially("jBTC00000")

        expect(page.locator("#list tbody tr")).to_have_count(5)
        expect(page.get_by_label("Search")).to_be_focused()
        page.wait_for_url(re.compile("search=jBTC00000"))
        expect(page.get_by_role("status")).to_contain_text("5 orders fit")

        page.reload()
        expect(page.locator("#list tbody tr")).to_have_count(5)
        page.get_by_role("link", name="Show all").click()
        page.get_by_role("link", name="Next page").click()
        page.wait_for_url(re.compile("after="))
        expect(page.get_by_role("link", name="First page")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("link", name="First page")).to_be_hidden()
        assert watched.troubles == []


def test_a_list_works_without_script(chromium: Browser, served: Served, traded: AccountId) -> None:
    with opened(chromium, served, java_script_enabled=False) as watched:
        page = watched.page
        watched.page.goto(f"{served.origin}/desk/{traded}/ledger")
        page.get_by_label("Kind").select_option("rollover")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url(re.compile("kind=rollover"))

        expect(page.locator("#list tbody tr").first).to_contain_text("Rollover")
        expect(page.locator("#list time").first).to_contain_text("UTC")
        page.get_by_role("link", name="Next page").click()
        page.wait_for_url(re.compile("after="))
        expect(page.locator("#zone")).to_be_hidden()


def test_a_file_is_handed_over_as_one(chromium: Browser, served: Served, traded: AccountId) -> None:
    with opened(chromium, served) as watched:
        watched.open(f"/desk/{traded}/statements/2026-09")
        with watched.page.expect_download() as download:
            watched.page.get_by_role("link", name="CSV").click()

        assert re.fullmatch(r"jarvis-statement-kraken-2026-09-\d{8}\.csv", download.value.suggested_filename)
        lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
        assert lines[0] == "period,asset,line,amount"
        assert lines[-1].startswith("2026-09,USD,closing_balance,")


def test_a_statement_on_paper_is_black_on_white_without_navigation(
    chromium: Browser, served: Served, traded: AccountId
) -> None:
    with opened(chromium, served, color_scheme="dark") as watched:
        page = watched.page
        watched.open(f"/desk/{traded}/statements/2026-09")
        expect(page.get_by_role("button", name="Print")).to_be_visible()
        page.emulate_media(media="print")

        for gone in (".top", ".account-tabs", ".foot", "#print"):
            expect(page.locator(gone).first).to_be_hidden()
        expect(page.get_by_role("heading", name="Statement, September 2026")).to_be_visible()
        for selector in ("body", ".card"):
            assert page.locator(selector).first.evaluate("each => getComputedStyle(each).backgroundColor") == (
                "rgb(255, 255, 255)"
            )
        assert page.locator("td.right").first.evaluate("each => getComputedStyle(each).color") == "rgb(0, 0, 0)"
        assert page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") <= 3


def test_a_long_action_shows_how_far_it_is_and_ends_when_its_owner_says_so(
    chromium: Browser, served: Served, traded: AccountId
) -> None:
    jobs: Jobs = served.app.state.jobs
    steps: list[asyncio.Semaphore] = []

    async def work(job: Job) -> None:
        job.begin("Reading the journal", 4_000, "entries")
        for _ in range(4):
            await steps[0].acquire()
            job.went(1_000)

    async def begin(store: Store) -> Job:
        steps.append(asyncio.Semaphore(0))
        person = await store.person_by_email(OWNER)
        assert person is not None
        return jobs.begin(person.user_id, "watched", "Your tax report", f"/desk/{traded}/ledger", work)

    async def step(_store: Store) -> None:
        steps[0].release()

    job = served.run(begin)
    with opened(chromium, served) as watched:
        watched.open(f"/account/jobs/{job.job_id}")
        bar = watched.page.get_by_role("progressbar")
        expect(bar).to_have_attribute("value", "0")
        served.run(step)
        expect(bar).to_have_js_property("value", 25, timeout=30_000)
        served.run(step)
        expect(watched.page.get_by_text("2,000 of 4,000 entries")).to_be_visible(timeout=30_000)
        watched.looks_right("job")

        watched.page.get_by_role("button", name="Cancel").click()

        expect(watched.page.get_by_role("heading", name="Cancelled")).to_be_visible(timeout=30_000)
        watched.page.get_by_role("link", name="Start again").click()
        expect(watched.page.get_by_role("heading", level=1)).to_be_visible()
    assert job.state is JobState.CANCELLED
    assert job.done == 2_000
