"""The commands. The only place that wires real things together; imports what a command needs when it runs."""

import sys

import typer

from jarvis.cli import account, process, research

app = typer.Typer(
    name="jarvis",
    help="Trades crypto spot margin on your own exchange accounts. Two ways in: `jarvis demo` and `jarvis up`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print local variables, and those may hold a secret
    rich_markup_mode=None,
)
process.register(app)
account.register(app)
research.register(app)


def main() -> None:
    """Run the command line: a mistake gets one line that says what to do, and exit code 2."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not getattr(error, "is_for_the_person", False) and type(error).__name__ not in _TOLD_IN_ONE_LINE:
            raise
        print(f"jarvis: {error}", file=sys.stderr)
        sys.exit(2)


# By name, so that answering --help imports none of them.
_TOLD_IN_ONE_LINE = frozenset({
    "SettingsError", "StoreError", "StoreFull", "ServiceFailedError", "ConnectionError", "HistoryError",
    "MasterKeyError", "InvalidSecret", "CommandError", "SchemaError", "AlreadyRunning",
})
