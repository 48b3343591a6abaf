"""What `jarvis --help` costs, and whether everything that a person can type or set is written down."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from jarvis.cli import app
from jarvis.config import Settings

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"aiohttp", "alembic", "cryptography", "fastapi", "numpy", "optuna", "polars", "rich", "sqlalchemy", "talib"}


def commands_of(group: object, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command that is not hidden."""
    named: dict[str, Any] = getattr(group, "commands", {})
    for name, command in named.items():
        if not command.hidden:
            if not getattr(command, "commands", None):
                yield (*words, name)
            yield from commands_of(command, (*words, name))


COMMANDS = sorted(commands_of(typer.main.get_command(app)))


@pytest.mark.parametrize("words", [(), ("trade",), ("backtest",)], ids=" ".join)
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    program = (
        "import json, sys\n"
        "from jarvis.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program, *words, "--help"], capture_output=True, text=True, timeout=60, check=True
    )

    imported = {name.partition(".")[0] for name in json.loads(ended.stderr)}
    assert "Usage: " in ended.stdout
    assert imported & HEAVY == set()


def test_help_names_every_command() -> None:
    assert {"demo", "up", "init", "doctor", "venues", "sandbox", "backtest", "migrate"} <= {c[0] for c in COMMANDS}
    assert {("user", "add"), ("trade", "status"), ("trade", "flatten"), ("data", "import")} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_is_named_in_the_readme(words: tuple[str, ...]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if f"jarvis {words[0]}" in line]

    assert any(re.search(rf"[` ]{re.escape(words[-1])}\b", row) for row in rows), f"jarvis {' '.join(words)}"


@pytest.mark.parametrize("setting", [*sorted(Settings.model_fields), "demo_dir"])
def test_every_setting_is_in_the_table_of_settings(setting: str) -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    assert f"`JARVIS_{setting.upper()}`" in page


def test_the_table_of_settings_names_nothing_else() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    known = {f"JARVIS_{name.upper()}" for name in Settings.model_fields} | {"JARVIS_DEMO_DIR"}

    assert set(re.findall(r"`(JARVIS_[A-Z_]+)`", page)) - {"JARVIS_X", "JARVIS_X_FILE"} == known
