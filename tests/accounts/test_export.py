import csv
import io
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from jarvis.accounts.export import Export

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def tables_in(path: Path) -> dict[str, list[list[str]]]:
    with zipfile.ZipFile(path) as packed:
        assert packed.testzip() is None
        return {
            name: list(csv.reader(io.StringIO(packed.read(name).decode(), newline="")))
            for name in packed.namelist()
            if name.endswith(".csv")
        }


def test_each_table_is_a_file_with_its_columns_and_rows(tmp_path: Path) -> None:
    with Export(tmp_path / "ada.zip", NOW) as export:
        export.take("users", ["user_id", "email"], [])
        export.take("users", ["user_id", "email"], [("ada", "ada@example.org")])
        export.take("fills", ["quantity", "at"], [(Decimal("1E-8"), NOW)])
        export.take("fills", ["quantity", "at"], [(Decimal("-2.50"), None)])
        export.take("orders", ["id"], [])

    assert tables_in(tmp_path / "ada.zip") == {
        "users.csv": [["user_id", "email"], ["ada", "ada@example.org"]],
        "fills.csv": [["quantity", "at"], ["0.00000001", "2026-05-01T12:00:00+00:00"], ["-2.50", ""]],
        "orders.csv": [["id"]],
    }


def test_a_label_that_a_spreadsheet_would_run_is_text(tmp_path: Path) -> None:
    with Export(tmp_path / "ada.zip", NOW) as export:
        export.take("accounts", ["label"], [('=HYPERLINK("http://evil.example")',)])

    assert tables_in(tmp_path / "ada.zip")["accounts.csv"][1] == ['\'=HYPERLINK("http://evil.example")']


def test_it_says_what_it_is_and_of_when(tmp_path: Path) -> None:
    with Export(tmp_path / "ada.zip", NOW):
        pass

    with zipfile.ZipFile(tmp_path / "ada.zip") as packed:
        assert "as of 2026-05-01 12:00:00 UTC" in packed.read("README.txt").decode()


def test_an_export_that_broke_off_leaves_no_file(tmp_path: Path) -> None:
    def broken_off() -> None:
        with Export(tmp_path / "ada.zip", NOW) as export:
            export.take("users", ["user_id"], [("ada",)])
            raise ConnectionError

    with pytest.raises(ConnectionError):
        broken_off()

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ada.zip").write_text("something else")

    with pytest.raises(FileExistsError):
        Export(tmp_path / "ada.zip", NOW)

    assert (tmp_path / "ada.zip").read_text() == "something else"
