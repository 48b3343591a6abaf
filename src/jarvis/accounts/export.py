"""A person's own data as one ZIP file of tables that a spreadsheet opens."""

import io
import os
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from jarvis.domain.csvfile import write_rows

_README = """\
Everything that this installation of Jarvis keeps about you, as of {at}.

One file a table; times are UTC, amounts are exact, an empty cell is no value. Left out are only what proves who you
are or opens a key (password hash, sealed keys, hashes of tokens and codes): it would be of use to a thief and not to
you. A cell that begins with an apostrophe is text which a spreadsheet would otherwise run as a formula.

`users` is you, `accounts` are your venue accounts, `orders`, `fills`, `ledger_rows` (the venue's own rows), `entries`
and `postings` (the journal), `stories` (positions), `equity` and `balances` are what was traded; `audit`, `notices`,
`sessions` and `places` are what happened to your account here.
"""


class Export:
    """Writes the file, which only we can open. Use it in a `with`; a file that was not finished is removed."""

    def __init__(self, path: Path, at: datetime) -> None:
        self._path = path
        self._opened = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
        self._zip = zipfile.ZipFile(self._opened, "w", zipfile.ZIP_DEFLATED)
        self._zip.writestr("README.txt", _README.format(at=f"{at:%Y-%m-%d %H:%M:%S} UTC"))
        self._name = ""
        self._file: io.TextIOWrapper | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end_table()
        self._zip.close()
        self._opened.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)

    def take(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Append rows of a table; the tables come one after the other."""
        if table != self._name:
            self._end_table()
            self._name = table
            self._file = io.TextIOWrapper(self._zip.open(f"{table}.csv", "w"), "utf-8", newline="")
            write_rows(self._file, [columns])
        if self._file is not None:
            write_rows(self._file, rows)

    def _end_table(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
