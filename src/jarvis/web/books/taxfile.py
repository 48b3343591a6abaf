"""Files for taxes and accounting, written a little at a time: the table of a report, or all in double entry."""

import asyncio
import io
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from jarvis.domain.csvfile import write_rows
from jarvis.ledger.beancount import BooksFile, head_of, prices_of
from jarvis.ledger.tax import Books, Disposal, Line, year_of
from jarvis.ledger.taxfiles import COLUMNS, row_of
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
    table = _Table(asked)
    await reckonings.rows(asked, table.take, job, until=0.9)
    rows = await _in_thread(table.in_order)
    if job is not None:
        job.begin("Writing the file", len(rows), "rows")
    with _opened(path) as to:
        write_rows(to, [COLUMNS])
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            await _in_thread(to.writelines, some)
            if job is not None:
                job.went(len(some))


class _Table:
    """The rows of a report as text, by the time at which things happened.

    Text alone is nothing that Python looks through when it collects garbage: as records, tens of thousands of rows
    would hold every page for more than a tenth of a second each time.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._books = {
            each.account_id: Books(each.account_id, each.venue, asked.names[each.account_id], (), {}, {})
            for each in asked.accounts
        }
        self._rows: list[tuple[datetime, int, int, str]] = []

    def take(self, disposals: Sequence[Disposal], lines: Sequence[Line]) -> None:
        """Write down what belongs to the year."""
        for disposal in disposals:
            self._add(disposal.closed_at, 0, disposal)
        for line in lines:
            self._add(line.at, 1, line)

    def _add(self, at: datetime, rank: int, one: Disposal | Line) -> None:
        if self._asked.year in (None, year_of(at)):
            text = io.StringIO(newline="")
            write_rows(text, [row_of(one, self._books[one.account_id], self._asked.method)])
            self._rows.append((at, rank, len(self._rows), text.getvalue()))

    def in_order(self) -> list[str]:
        """All of them."""
        self._rows.sort()
        return [text for *_, text in self._rows]


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
