"""The commands. The only place that wires real things together; imports what a command needs when it runs."""

import sys

import typer

from jarvis.cli import (
    account,
    audit,
    backup,
    data,
    demo,
    entries,
    keys,
    parity,
    process,
    research,
    search,
    strategy,
    taxes,
    verdict,
)

app = typer.Typer(
    name="jarvis",
    help="Trades crypto spot margin on your own exchange accounts. Two ways in: `jarvis demo` and `jarvis up`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print local variables, and those may hold a secret
    rich_markup_mode=None,
)
process.register(app)
demo.register(app)
account.register(app)
research.register(app)
parity.register(app)
verdict.register(app)
search.register(app)
strategy.register(app)
data.register(app)
entries.register(app)
backup.register(app)
keys.register(app)
audit.register(app)
taxes.register(app)


def main() -> None:
    """Run the command line: a mistake gets one line that says what to do, and exit code 2."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not _is_for_the_person(error):
            raise
        print(f"jarvis: {error}", file=sys.stderr)
        sys.exit(2)


def _is_for_the_person(error: Exception) -> bool:
    """Whether the message is one line that says what to do; anything else is a bug and keeps its traceback."""
    from jarvis.cli.wiring import CommandError
    from jarvis.config import SettingsError
    from jarvis.live.supervisor import ServiceFailedError
    from jarvis.market.formats import CandleError
    from jarvis.signer.errors import MasterKeyError
    from jarvis.signer.marks import StateDamagedError
    from jarvis.store.errors import StoreError

    told = (
        CommandError, SettingsError, ServiceFailedError, CandleError, MasterKeyError, StateDamagedError, StoreError,
        ConnectionError,
    )  # fmt: skip
    return isinstance(error, told)
