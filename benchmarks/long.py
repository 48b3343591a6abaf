"""How long the long actions take with 50,000 journal entries, and how long each keeps others waiting.

Run `python -m benchmarks.long`. The whole way through the application in this process. The longest wait is what a
task that only wants to go on every few milliseconds had to wait for the event loop: what every other page, stream and
API call would have waited at that moment.
"""

import asyncio
import gc
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import structlog
import uvloop
from fastapi import FastAPI
from tests.support.months import ENTRIES_EACH, write_months
from tests.web import day
from tests.web.client import Answer, Browser
from tests.web.conftest import OWNER, PASSWORD, SANDBOX, SaidConnector, sign_in
from tests.web.second_factor import Seeds, enrol_app

from jarvis.accounts.passwords import HashCost, Passwords
from jarvis.domain.account import AccountId, Environment, LedgerKind, LedgerRow, LedgerRowId
from jarvis.domain.money import USD
from jarvis.ledger.journal import entry_for_row
from jarvis.store.db import Store
from jarvis.web.app import create_app
from jarvis.web.jobs import Jobs
from jarvis.web.security import WebSettings

ENTRIES = 50_000
LIMIT_MS = 100.0
TICK_SECONDS = 0.002
NOW = datetime(2026, 11, 21, 14, 3, 30, tzinfo=UTC)


async def run() -> None:
    """Write the months, do each action once, print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        store = await Store.open(f"sqlite+aiosqlite:///{Path(folder) / 'jarvis.db'}", migrate=True)
        settings = WebSettings(origins=("http://127.0.0.1:8765",), sandbox_url=SANDBOX, prepared=Path(folder) / "made")
        passwords = Passwords(HashCost(time=3, memory=12 * 1024))
        app = create_app(settings, store, SaidConnector(store), seeds=Seeds(), passwords=passwords, now=lambda: NOW)
        browser = await sign_in(app, OWNER)
        await enrol_app(browser, PASSWORD, NOW)
        person = await store.person_by_email(OWNER)
        assert person is not None
        account = await day.connect(store, person.user_id, Environment.SANDBOX)
        positions = ENTRIES // ENTRIES_EACH + 1
        apart = timedelta(days=400) / positions
        await write_months(store, account, positions=positions, start=NOW - timedelta(days=401), apart=apart)
        gc.collect()
        gc.freeze()  # as the web process does when it begins
        await _all(app, store, browser, account)
        await app.state.jobs.close()
        await store.close()


async def _all(app: FastAPI, store: Store, browser: Browser, account: AccountId) -> None:
    """Each action, first as a whole and then what is asked for after it."""
    await _job(app, browser, "adding up the books, once", f"/desk/{account}/results")
    for page in ("results", "statements", "statements/2026-03", "ledger"):
        await _page(browser, f"{page}, the first time", f"/desk/{account}/{page}")
    await _job(app, browser, "tax report", "/account/tax?year=all")
    await _page(browser, "tax report, kept", "/account/tax?year=all")
    await _page(browser, "tax report, another year", "/account/tax?year=2025")
    row = LedgerRow(LedgerRowId("new"), "", NOW, LedgerKind.REWARD, USD, Decimal(1), Decimal(0), None)
    await store.record_ledger_row(account, row, entry_for_row(row, None))
    await _page(browser, "tax report, an entry later", "/account/tax?year=all")
    for kind in ("csv", "beancount"):
        fields = {"year": "all", "method": "fifo", "pool": "position", "format": kind}
        await _job(app, browser, f"tax file, {kind}", "/account/tax/download", fields, "/account/tax")
    await _job(app, browser, "export of everything", "/account/data/export", {}, "/account/data")
    for kind in ("csv", "json"):
        await _page(browser, f"ledger as {kind}", f"/desk/{account}/ledger?format={kind}")


async def _page(browser: Browser, name: str, address: str) -> None:
    async with _timed(name):
        answer = await browser.get(address)
    assert answer.status == 200, (name, answer.status, answer.header("location"))


async def _job(
    app: FastAPI, browser: Browser, name: str, address: str, fields: dict[str, str] | None = None, page: str = ""
) -> None:
    """Begin it by a page or a form, and wait for its end."""
    token = "" if fields is None else (await browser.get(page)).token
    async with _timed(name):
        answer = await (
            browser.get(address) if fields is None else browser.post(address, {"form_token": token, **fields})
        )
        await _over(app.state.jobs, answer, name)


async def _over(jobs: Jobs, answer: Answer, name: str) -> None:
    place = answer.header("location")
    assert answer.status == 303, (name, answer.status)
    (job,) = [each for each in jobs._jobs.values() if place.endswith(each.job_id)]  # noqa: SLF001 - a benchmark's look
    await jobs.over(job)
    assert job.state.value == "done", (name, job.state, job.problem)


@asynccontextmanager
async def _timed(name: str) -> AsyncIterator[None]:
    """Print how long it took, and how long the loop was held at a time."""
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK_SECONDS)
            longest = max(longest, time.perf_counter() - began - TICK_SECONDS)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    began = time.perf_counter()
    try:
        yield
    finally:
        took = time.perf_counter() - began
        await asyncio.sleep(TICK_SECONDS)
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        held = longest * 1000
        verdict = "met" if held <= LIMIT_MS else "NOT MET"
        print(f"{name:<36} {took * 1000:9.1f} ms  longest wait of others {held:6.1f} ms: {verdict}", flush=True)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    uvloop.run(run())
