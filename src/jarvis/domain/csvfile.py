"""How values are written into CSV files that people open in a spreadsheet.

A spreadsheet runs a cell that begins with one of a few signs as a formula, wherever its text came from: a label that
somebody typed must stay a label (OWASP: CSV injection).
"""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TextIO

_BEGINS_A_FORMULA = tuple("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20")  # and the wide forms of the first four
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


def cell(value: object) -> str:
    """The text of one cell: numbers without exponent, times as ISO 8601, bytes as hex, nothing as nothing.

    Text that a spreadsheet would run gets an apostrophe before it, which spreadsheets read as "this is text".
    """
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:f}"
        case int() | float():
            return str(value)
        case datetime():
            return value.isoformat()
        case bytes():
            return value.hex()
        case Enum():
            return cell(value.value)
    text = str(value)
    if text.lstrip(" ").startswith(_BEGINS_A_FORMULA) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def write_rows(file: TextIO, rows: Iterable[Sequence[object]]) -> None:
    """Append rows to an open CSV file (opened with `newline=""`), every cell by `cell`."""
    csv.writer(file, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
