"""Writes `docs/commands.md` from the commands themselves; a test holds the two together."""  # noqa: INP001 - a script

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from jarvis.cli import app

PAGE = Path(__file__).resolve().parent.parent / "docs" / "commands.md"
_PLAIN = {"json": "Print JSON.", "email": "The person's e-mail address.", "role": "trader, viewer or operator."}
"""What needs no words in `--help`, where the name says it."""
_HEAD = """# Commands

`jarvis COMMAND --help` says the same, shorter. Whatever a script would want to read has `--json`. A mistake gets one
line that says what to do, and exit code 2; a look that found something wrong ends with 1. Settings come from the
environment and from `jarvis.toml`: see [settings.md](settings.md).
"""


def page() -> str:
    """The text of the page."""
    pieces = [_HEAD]
    for path, command in _commands(typer.main.get_command(app), ()):
        words = " ".join((command.help or "").split())
        if getattr(command, "commands", None):
            pieces.append(f"## jarvis {' '.join(path)}\n\n{words}\n")
            continue
        shown = [each for each in command.params if not getattr(each, "hidden", False) and each.name != "help"]
        arguments = [each for each in shown if each.param_type_name == "argument"]
        usage = " ".join(["jarvis", *path, *(_place(each) for each in arguments)])
        level = "###" if len(path) > 1 else "##"
        pieces.append(f"{level} jarvis {' '.join(path)}\n\n{words}\n\n```\n{usage}\n```\n")
        rows = [f"| {_name(each)} | {_meaning(each)} |" for each in shown]
        if rows:
            pieces.append("\n".join(["| Given | Means |", "| --- | --- |", *rows]) + "\n")
    return "\n".join(pieces)


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that people see, the groups before what is in them."""
    if path:
        yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _commands(inner, (*path, name))


def _place(argument: Any) -> str:
    name = argument.name.upper().rstrip("_")
    return name if argument.required else f"[{name}]"


def _meaning(parameter: Any) -> str:
    words = " ".join((parameter.help or "").split()).replace("|", "/")
    return words or _PLAIN.get(parameter.name.removeprefix("as_"), "")


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper().rstrip('_')}`"
    return ", ".join(f"`{each}`" for each in (*parameter.opts, *parameter.secondary_opts))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name}\n")
