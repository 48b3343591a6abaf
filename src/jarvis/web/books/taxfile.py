"""Files for taxes and accounting, written a little at a time: the table of a report, or all in double entry."""

import asyncio
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from jarvis.domain.csvfile import write_rows
from jarvis.ledger.beancount import BooksFile, head_of, prices_of
from jarvis.ledger.tax import Books
from jarvis.ledger.taxfiles import rows_of
from jarvis.store.db import Store
from jarvis.store.whole import whole
from jarvis.web.books.reckoned import Asked, Reckonings
from jarvis.web.jobs import Job

FORMATS: Mapping[str, str] = {"csv": "text/csv; charset=utf-8", "beancount": "text/plain; charset=utf-8"}
_AT_ONCE = 1000

_in_thread = whole(asyncio.to_thread)


def name_of(asked: Asked, kind: str) -> str:
    """What a browser saves a file as."""
    return f"jarvis-tax-{asked.year or 'all'}-{asked.method.value}.{kind}"


async def write_file(
    path: Path, kind: str, asked: Asked, store: Store, reckonings: Reckonings, job: Job | None = None
) -> None:
    """Write a new file that only we can open."""
    if kind == "csv":
        await _write_table(path, asked, reckonings, job)
    else:
        await _write_journal(path, asked, store, job)


async def _write_table(path: Path, asked: Asked, reckonings: Reckonings, job: Job | None) -> None:
    made = await reckonings.rows(asked, job, until=0.8)
    accounts = [Books(each.account_id, each.venue, asked.names[each.account_id], (), {}, {}) for each in asked.accounts]
    if job is not None:
        job.begin("Writing the file", len(made.disposals) + len(made.lines), "rows")
    rows = rows_of(made, accounts)
    with _opened(path) as to:
        while some := await _in_thread(_some, rows):
            await _in_thread(write_rows, to, some)
            if job is not None:
                job.went(len(some))


async def _write_journal(path: Path, asked: Asked, store: Store, job: Job | None) -> None:
    """Each account's transactions as its journal is read, beside the file; then what stands around them."""
    if job is not None:
        ends = [await store.journal_end(each.owner_id, each.account_id) for each in asked.accounts]
        job.begin("Reading and writing the journal", sum(each.entries for each in ends), "entries", until=0.97)
    parts = []
    for number, account in enumerate(asked.accounts):
        books = Books(account.account_id, account.venue, asked.names[account.account_id], (), {}, {})
        part = _Part(books, BooksFile(asked.year), path.with_name(f"{path.name}.{number}"))
        parts.append(part)
        after = 0
        with _opened(part.path) as to:
            while (page := await store.books_page(account, books.name, after=after)) is not None:
                await _in_thread(_tell, part.file, page.books, to)
                after = page.last
                if job is not None:
                    job.went(len(page.books.entries))
    if job is not None:
        job.begin("Putting the file together", len(parts))
    await _in_thread(_put_together, path, parts)


@dataclass(frozen=True, slots=True)
class _Part:
    """One account's part of a file, its transactions in a file of their own."""

    books: Books
    file: BooksFile
    path: Path


def _tell(file: BooksFile, page: Books, to: TextIO) -> None:
    file.survey(page)
    _write_lines(to, file.transactions(page))


def _put_together(path: Path, parts: Sequence[_Part]) -> None:
    files = [each.file for each in parts]
    with _opened(path) as to:
        _write_lines(to, head_of(files))
        for each in parts:
            _write_lines(to, each.file.openings(each.books))
            with each.path.open(encoding="utf-8", newline="") as told:
                shutil.copyfileobj(told, to)
            each.path.unlink()
            _write_lines(to, each.file.assertions(each.books))
        _write_lines(to, prices_of(files))


def _write_lines(to: TextIO, lines: Iterable[str]) -> None:
    to.writelines(f"{each}\n" for each in lines)


def _opened(path: Path) -> TextIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline="")


def _some(rows: Iterator[Sequence[object]]) -> list[Sequence[object]]:
    return list(islice(rows, _AT_ONCE))
