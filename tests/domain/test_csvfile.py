import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.csvfile import cell, write_rows


class Colour(Enum):
    RED = "=red"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "|x", "%0A", "\uff1d1", "-", "+"],
)
def test_what_a_spreadsheet_would_run_becomes_text(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Ada", "a=b", "1.5", "-1.5", "+3", "", "BTC/USD", "2025-01-01", "'quoted"])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert cell(text) == text


def test_values_are_written_so_that_they_can_be_read_back() -> None:
    values = (Decimal("-1E-8"), 7, datetime(2025, 5, 1, tzinfo=UTC), b"\x01\xff", None, True, Colour.RED)

    assert [cell(value) for value in values] == [
        "-0.00000001", "7", "2025-05-01T00:00:00+00:00", "01ff", "", "yes", "'=red",
    ]  # fmt: skip


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2), max_size=5))
def test_no_cell_of_any_text_begins_a_formula_and_nothing_is_lost(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")

    write_rows(file, rows)

    read = list(csv.reader(io.StringIO(file.getvalue(), newline="")))
    assert [[text.removeprefix("'") if text != was else text for text, was in zip(*pair, strict=True)]
            for pair in zip(read, rows, strict=True)] == rows  # fmt: skip
    assert not any(text.startswith(("=", "@", "\t", "\r")) for row in read for text in row)
