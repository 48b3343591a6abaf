"""How long the lists and books take to answer with 50,000 journal entries: `python -m benchmarks.lists`.

The whole way through the application in this process, without a network: session, store (SQLite on disk), template.
The first answer of each page is told apart: it adds up what the journal has gained since anybody asked.
"""

import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path

import structlog
from tests.support.months import ENTRIES_EACH, write_months
from tests.web import day
from tests.web.client import Browser
from tests.web.conftest import OWNER, SANDBOX, SaidConnector, sign_in
from tests.web.second_factor import Seeds

from jarvis.accounts.passwords import HashCost, Passwords
from jarvis.domain.account import Environment, LedgerKind, LedgerRow, LedgerRowId
from jarvis.domain.money import USD
from jarvis.ledger.journal import entry_for_row
from jarvis.store.db import Store
from jarvis.web.app import create_app
from jarvis.web.security import WebSettings

ENTRIES = 50_000
LIMIT_MS = 100
ROUNDS = 15
NOW = datetime(2026, 11, 21, 14, 3, 30, tzinfo=UTC)
PAGES = (
    "/desk/{a}/orders", "/desk/{a}/orders?search=jm0004", "/desk/{a}/orders?state=filled&order=pair-up",
    "/desk/{a}/positions", "/desk/{a}/positions?order=result-down", "/desk/{a}/ledger", "/desk/{a}/ledger?asset=USD",
    "/desk/{a}/ledger?kind=transfer", "/desk/{a}/ledger?search=months-000100", "/desk/{a}/activity",
    "/desk/{a}/statements", "/desk/{a}/statements/2026-03", "/desk/{a}/statements/2026-03-14",
    "/desk/{a}/results", "/desk/{a}/results/day", "/desk/ledger", "/desk/results/month",
    "/desk/{a}/positions/months-004000", "/account/audit", "/account/notices",
)  # fmt: skip


async def run() -> None:
    """Write the months, ask for each page, print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        store = await Store.open(f"sqlite+aiosqlite:///{Path(folder) / 'jarvis.db'}", migrate=True)
        settings = WebSettings(origins=("http://127.0.0.1:8765",), sandbox_url=SANDBOX)
        passwords = Passwords(HashCost(time=3, memory=12 * 1024))
        app = create_app(settings, store, SaidConnector(store), seeds=Seeds(), passwords=passwords, now=lambda: NOW)
        browser = await sign_in(app, OWNER)
        person = await store.person_by_email(OWNER)
        assert person is not None
        account = await day.connect(store, person.user_id, Environment.SANDBOX)
        positions = ENTRIES // ENTRIES_EACH + 1
        apart = timedelta(days=400) / positions
        await write_months(store, account, positions=positions, start=NOW - timedelta(days=401), apart=apart)
        gc.collect()
        gc.freeze()  # as the web process does when it begins
        began = time.perf_counter()
        await store.fold(person.user_id, account)
        print(f"adding up {ENTRIES:,} entries that nobody asked for before: {time.perf_counter() - began:.1f} s, once")
        for page in PAGES:
            await _measure(browser, page.replace("{a}", account), page)

        async def book(number: int) -> None:
            row = LedgerRow(LedgerRowId(f"new-{number}"), "", NOW, LedgerKind.REWARD, USD, Decimal(1), Decimal(0), None)
            await store.record_ledger_row(account, row, entry_for_row(row, None))

        for page in ("/desk/{a}/results", "/desk/{a}/ledger", "/desk/{a}/statements"):
            await _measure(browser, page.replace("{a}", account), f"{page}, an entry later", partial(_each, book))
        await store.close()


_numbers = count()


async def _each(book: Callable[[int], Awaitable[None]]) -> None:
    await book(next(_numbers))


async def _measure(
    browser: Browser, address: str, name: str, before: Callable[[], Awaitable[None]] | None = None
) -> None:
    took = []
    for _ in range(ROUNDS + 1):
        if before is not None:
            await before()
        began = time.perf_counter()
        answer = await browser.get(address)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status == 200, (name, answer.status)
    first, rest = took[0], sorted(took[1:])
    median = statistics.median(rest)
    verdict = "met" if median <= LIMIT_MS else "NOT MET"
    print(
        f"{name:<44} {median:6.1f} ms  [{rest[0]:.1f}..{rest[-1]:.1f}]  first {first:.1f} ms  "
        f"{len(answer.body) / 1024:.0f} KB  limit {LIMIT_MS} ms: {verdict}",
        flush=True,
    )


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    asyncio.run(run())
