"""What exists is written down: every setting, every command with its options, every call of the API."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from jarvis.config import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_on_the_page_of_settings(name: str) -> None:
    assert f"`JARVIS_{name.upper()}`" in (DOCS / "settings.md").read_text(encoding="utf-8")


def test_the_page_of_settings_names_none_that_is_gone() -> None:
    named = set(re.findall(r"`(JARVIS_[A-Z_]+)`", (DOCS / "settings.md").read_text(encoding="utf-8")))
    known = {f"JARVIS_{name.upper()}" for name in Settings.model_fields} | {
        "JARVIS_DEMO_DIR",
        "JARVIS_X",
        "JARVIS_X_FILE",
    }
    assert named <= known, named - known


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    """Write it anew with `python scripts/commands.py`."""
    commands = script("commands")
    assert commands.PAGE.read_text(encoding="utf-8") == commands.page()


def test_no_command_and_no_option_is_without_a_word() -> None:
    blank = [line for line in script("commands").page().splitlines() if line.endswith("|  |")]
    assert blank == []
