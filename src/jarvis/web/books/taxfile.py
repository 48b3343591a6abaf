"""Files for taxes and accounting, written a little at a time: the table of a report, or all in double entry."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TextIO, TypeVar

from jarvis.domain.csvfile import write_rows
from jarvis.domain.order import Fill, FillId, PositionId
from jarvis.ledger.beancount import lines_of
from jarvis.ledger.journal import Entry
from jarvis.ledger.tax import Books
from jarvis.ledger.taxfiles import rows_of
from jarvis.store.db import Store
from jarvis.store.records import TradingAccount
from jarvis.store.whole import whole
from jarvis.web.books.reckoned import Asked, Reckonings
from jarvis.web.jobs import Job

T = TypeVar("T")

FORMATS: Mapping[str, str] = {"csv": "text/csv; charset=utf-8", "beancount": "text/plain; charset=utf-8"}
_AT_ONCE = 1000
_LINES_EACH = 8
"""How many lines an entry is in Beancount's file, about."""

_in_thread = whole(asyncio.to_thread)


def name_of(asked: Asked, kind: str) -> str:
    """What a browser saves a file as."""
    return f"jarvis-tax-{asked.year or 'all'}-{asked.method.value}.{kind}"


async def write_file(
    path: Path, kind: str, asked: Asked, store: Store, reckonings: Reckonings, job: Job | None = None
) -> None:
    """Write a new file that only we can open."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline="") as to:
        await (_write_table if kind == "csv" else _write_journal)(to, asked, store, reckonings, job)


async def _write_table(to: TextIO, asked: Asked, _store: Store, reckonings: Reckonings, job: Job | None) -> None:
    made = await reckonings.rows(asked, job, until=0.8)
    accounts = [Books(each.account_id, each.venue, asked.names[each.account_id], (), {}, {}) for each in asked.accounts]
    if job is not None:
        job.begin("Writing the file", len(made.disposals) + len(made.lines), "rows")
    rows = rows_of(made, accounts)

    def write(some: Iterable[Sequence[object]]) -> None:
        write_rows(to, some)

    while some := await _in_thread(_some, rows):
        await _in_thread(write, some)
        if job is not None:
            job.went(len(some))


async def _write_journal(to: TextIO, asked: Asked, store: Store, _reckonings: Reckonings, job: Job | None) -> None:
    if job is not None:
        ends = [await store.journal_end(each.owner_id, each.account_id) for each in asked.accounts]
        job.begin("Reading the journal", sum(each.entries for each in ends), "entries", until=0.6)
    books = [await _read(store, each, asked.names[each.account_id], job) for each in asked.accounts]
    if job is not None:
        job.begin("Writing the file", sum(len(each.entries) for each in books) * _LINES_EACH)
    lines = lines_of(books, until_year=asked.year)
    while some := await _in_thread(_some, lines):
        await _in_thread(to.write, "\n".join([*some, ""]))
        if job is not None:
            job.went(len(some))


async def _read(store: Store, account: TradingAccount, name: str, job: Job | None) -> Books:
    """All of an account's books."""
    entries: list[Entry] = []
    fills: dict[FillId, Fill] = {}
    steps: dict[PositionId, Decimal] = {}
    after = 0
    while (page := await store.books_page(account, name, after=after)) is not None:
        entries += page.books.entries
        fills |= page.books.fills
        steps |= page.books.cost_steps
        after = page.last
        if job is not None:
            job.went(len(page.books.entries))
    return Books(account.account_id, account.venue, name, entries, fills, steps)


def _some(rows: Iterator[T]) -> list[T]:
    return list(islice(rows, _AT_ONCE))
