"""A person at a browser: the page that is open, what went wrong on any page so far, and pictures of what was seen."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

from tests.web.test_browser import ARGUMENTS, CHROMIUM, DESK, PHONE, WATCH

PATIENCE_MS = 20_000
LOOKS = 20


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A real browser that has ended when the block is left."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visitor:
    """One person's browser window. `origins` are the addresses that its pages may ask."""

    context: BrowserContext
    origins: tuple[str, ...]
    troubles: list[str] = field(default_factory=list)
    pictures: int = 0

    @classmethod
    async def arriving(cls, browser: Browser, origins: tuple[str, ...]) -> "Visitor":
        """A person whom these sites have never seen."""
        context = await browser.new_context(viewport=DESK, color_scheme="light")  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        await context.add_init_script(WATCH)
        visitor = cls(context, origins)
        context.on("page", visitor._watch)
        return visitor

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.troubles.append(f"{page.url}: error: {error}"))
        page.on("console", lambda message: self._heard(page, message))
        page.on("request", self._asked)

    def _heard(self, page: Page, message: ConsoleMessage) -> None:
        # Chromium itself notes every answer of 4xx: a form that was refused on purpose is such a document.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.troubles.append(f"{page.url}: {message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((*self.origins, "data:", "about:")):
            self.troubles.append(f"asked elsewhere: {request.url}")

    async def looks(self, page: Page, name: str) -> None:
        """Nothing went wrong, and nothing sticks out sideways on a desk or a phone. Pictures go to SCREENSHOTS."""
        folder = os.environ.get("SCREENSHOTS")
        self.pictures += 1
        await page.locator("main").wait_for()  # a tab that was just opened has no document yet
        for size in (PHONE, DESK):  # the desk last: that is how the walk goes on
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            wide = await _sticking_out(page)
            assert wide <= 0, f"{name}: {wide} px stick out at {size['width']}"
            if folder:
                path = f"{folder}/{self.pictures:02}-{name}-{size['width']}.png"
                await page.wait_for_timeout(400)  # charts draw themselves anew for their new size
                await page.screenshot(path=path, full_page=True)
        assert self.troubles == [], name


async def _sticking_out(page: Page) -> int:
    """By how many pixels the page is wider than its window once its charts have taken their new size."""
    for _ in range(LOOKS):
        wide = int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
        if wide <= 0:
            break
        await page.wait_for_timeout(100)
    return wide
