"""Many command lines of `jarvis`, each in a process of its own, without paying for Python's start each time.

One process imports what commands import and then forks once for each command line: the child has its own arguments,
environment, standard streams and exit code, and goes through the program's own `main`.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from jarvis.live.supervisor import jarvis_command

COMMAND_SECONDS = 60.0
_PRELOADED = (
    "jarvis.cli", "jarvis.cli.status", "jarvis.cli.demo", "jarvis.accounts.people", "jarvis.backtest.report",
    "jarvis.backtest.runner", "jarvis.live.supervisor", "jarvis.market.history", "jarvis.signer.client",
    "jarvis.signer.vault", "jarvis.store.db", "jarvis.web.connecting.connector", "polars", "rich.progress", "uvloop",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, f"exit code {self.code}: {self.err}"
        return json.loads(self.out)


@dataclass(frozen=True)
class Commands:
    """Runs command lines, one at a time."""

    process: "subprocess.Popen[str]"

    def run(self, *arguments: str, environment: Mapping[str, str], stdin: str = "") -> Said:
        self.begin(*arguments, environment=environment, stdin=stdin)
        return self.ended()

    def begin(self, *arguments: str, environment: Mapping[str, str], stdin: str = "") -> int:
        """Start one; the id of its process."""
        assert self.process.stdin is not None
        wanted = {"arguments": arguments, "environment": dict(environment), "stdin": stdin}
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def ended(self) -> Said:
        """What the command that was started said, when it has ended."""
        return Said(**json.loads(self._line()))

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@contextmanager
def commands() -> Iterator[Commands]:
    """A process that runs command lines until the block is left."""
    process = _started()
    try:
        yield Commands(process)
    finally:
        _end(process)


def _started() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.system.commands"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _end(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()


_idle: list[Commands] = []


async def run_command(*arguments: str, environment: Mapping[str, str], stdin: str = "") -> Said:
    """Run `jarvis ARGUMENTS` in an environment of its own; one that never ends is killed.

    Where the environment says at which point to die, that is read when the program starts: then it is one of its own.
    """
    if "JARVIS_CRASH_AT" in environment:
        return await _run_anew(*arguments, environment=environment, stdin=stdin)
    running = _idle.pop() if _idle else Commands(_started())
    child = running.begin(*arguments, environment=environment, stdin=stdin)
    said = asyncio.ensure_future(asyncio.to_thread(running.ended))
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            return await asyncio.shield(said)
    finally:
        if not said.done():
            os.kill(child, signal.SIGKILL)
            await said
        _idle.append(running)


async def _run_anew(*arguments: str, environment: Mapping[str, str], stdin: str) -> Said:
    process = await asyncio.create_subprocess_exec(
        *jarvis_command(*arguments),
        env=dict(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            out, err = await process.communicate(stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


def end_idle() -> None:
    """End the processes that wait for command lines."""
    while _idle:
        _end(_idle.pop().process)


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
            sys.stdout.write(f"{child}\n")
            sys.stdout.flush()
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
