"""A signer for one command: the one that runs, or one that is started for it and ends with it."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis.cli.process import master_key_arguments
from jarvis.cli.sources import typed_passphrase
from jarvis.cli.wiring import CommandError

if TYPE_CHECKING:
    from jarvis.config import Settings
    from jarvis.signer.client import SignerClient

_START_SECONDS = 20.0


@asynccontextmanager
async def a_signer(given: "Settings") -> "AsyncIterator[SignerClient]":
    """The running signer; or, if none runs, one of our own that works on no state and signs nothing."""
    from jarvis.signer.client import SignerClient
    from jarvis.signer.errors import SignerUnavailable

    async with SignerClient(given.signer_socket, patience=0.2) as running:
        try:
            await running.ping()
        except SignerUnavailable:
            pass
        else:
            yield running
            return
    typed = typed_passphrase() if given.asks_for_passphrase else b""
    with tempfile.TemporaryDirectory(prefix="jarvis-") as folder:
        async with own_signer(given, master_key_arguments(given), state=Path(folder) / "state", typed=typed) as own:
            yield own


@asynccontextmanager
async def own_signer(
    given: "Settings", master_key: Sequence[str], *, state: Path, typed: bytes = b""
) -> "AsyncIterator[SignerClient]":
    """A signer process of this command alone, with these arguments for its master key and this state folder.

    `typed` is the passphrase, if its source wants one. Raises CommandError with its own words if it does not start.
    """
    from jarvis.live.supervisor import signer_command
    from jarvis.signer.client import SignerClient

    with tempfile.TemporaryDirectory(prefix="jarvis-") as folder:
        socket = Path(folder) / "signer.sock"
        process = await asyncio.create_subprocess_exec(
            *signer_command(
                "--socket", str(socket), *master_key, "--state", str(state), "--outside", str(given.data_dir),
                "--parent-pid", str(os.getpid()),
            ),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stdin is not None  # noqa: S101 - asked for by PIPE
            process.stdin.write(typed)
            await _ready(process)
            async with SignerClient(socket) as client:
                yield client
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()


async def _ready(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None  # noqa: S101 - asked for by PIPE
    assert process.stderr is not None  # noqa: S101 - asked for by PIPE
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = await process.stdout.readline()
    except TimeoutError:
        raise CommandError("the signer does not start") from None
    if not line.startswith(b"ready"):
        words = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
        raise CommandError(words[-1] if words else "the signer does not start")
