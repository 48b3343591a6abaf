"""Many command lines of `jarvis`, each in a process of its own, without paying for Python's start each time.

One process imports what commands import and then forks once for each command line: the child has its own arguments,
environment, standard streams and exit code, and goes through the program's own `main`.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from tests.system.installation import Said

_PRELOADED = (
    "jarvis.cli", "jarvis.cli.status", "jarvis.cli.demo", "jarvis.accounts.people", "jarvis.backtest.report",
    "jarvis.backtest.runner", "jarvis.live.supervisor", "jarvis.market.history", "jarvis.signer.client",
    "jarvis.signer.vault", "jarvis.store.db", "jarvis.web.connecting.connector", "polars", "rich.progress", "uvloop",
)  # fmt: skip


@dataclass(frozen=True)
class Commands:
    """Runs command lines."""

    process: "subprocess.Popen[str]"

    def run(self, *arguments: str, environment: Mapping[str, str], stdin: str = "") -> Said:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        wanted = {"arguments": arguments, "environment": dict(environment), "stdin": stdin}
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        return Said(**json.loads(self.process.stdout.readline()))


@contextmanager
def commands() -> Iterator[Commands]:
    """A process that runs command lines until the block is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.system.commands"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Commands(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _serve() -> None:
    for name in _PRELOADED:
        __import__(name)
    for line in sys.stdin:
        wanted = json.loads(line)
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(wanted["stdin"].encode())
            given.seek(0)
            child = os.fork()
            if child == 0:
                _become(wanted, given, out, err)
            _, status = os.waitpid(child, 0)
            texts = [_all_of(file) for file in (out, err)]
        said = {"code": os.waitstatus_to_exitcode(status), "out": texts[0], "err": texts[1]}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


def _become(wanted: dict[str, Any], *streams: IO[bytes]) -> None:
    """Be the command; never returns."""
    from jarvis.cli import main

    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    sys.argv = ["jarvis", *wanted["arguments"]]
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - what Python itself does at the top of a program
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _all_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


if __name__ == "__main__":
    _serve()
