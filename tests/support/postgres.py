"""A PostgreSQL server of the test session's own: in a temporary folder, on a free loopback port, gone at the end."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

SUPERUSER = "jarvis"
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=60")
_READY_WITHIN_SECONDS = 30
_TRIES = 3


def find_binaries() -> Path | None:
    """The folder with initdb and postgres, the newest version first; None when there is none."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    candidates = [*folders, *([Path(on_path).resolve().parent] if on_path else [])]
    return next((folder for folder in candidates if (folder / "initdb").exists()), None)


@contextmanager
def running_server(binaries: Path) -> Iterator[str]:
    """The address of a server, `postgresql+asyncpg://...` without a database name."""
    folder = Path(tempfile.mkdtemp(prefix="jarvis-postgres-"))
    try:
        who = _unprivileged(folder)
        _run(
            [binaries / "initdb", "--pgdata", folder / "data", "--username", SUPERUSER, "--auth-local", "reject",
             "--auth-host", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"],
            folder,
            who,
        )  # fmt: skip
        with _server(binaries, folder, who) as port:
            yield f"postgresql+asyncpg://{SUPERUSER}@127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _server(binaries: Path, folder: Path, who: dict[str, Any]) -> Iterator[int]:
    settings = [*_FAST, "listen_addresses=127.0.0.1", "unix_socket_directories="]
    for _ in range(_TRIES):
        port = _free_port()
        options = [part for setting in [*settings, f"port={port}"] for part in ("-c", setting)]
        with (folder / "log").open("ab") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", folder / "data", *options], cwd=folder, stdout=log, stderr=log, **who
            )
        try:
            if _is_ready(binaries, server, port):
                yield port
                return
        finally:
            # SIGINT: PostgreSQL's fast shutdown, which waits for nobody.
            with suppress(ProcessLookupError):
                server.send_signal(2)
            server.wait(timeout=_READY_WITHIN_SECONDS)
    raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text(errors='replace')[-2000:]}")


def _is_ready(binaries: Path, server: subprocess.Popen[bytes], port: int) -> bool:
    """Whether it answers; False when it ended, most likely because somebody took the port meanwhile."""
    deadline = time.monotonic() + _READY_WITHIN_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        asked = subprocess.run(
            [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", SUPERUSER], check=False
        )
        if asked.returncode == 0:
            return True
        time.sleep(0.05)
    return False


def _unprivileged(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: who it runs as instead, as arguments for subprocess."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            os.chown(folder, user.pw_uid, user.pw_gid)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("PostgreSQL cannot run as root and there is no user postgres or nobody")


def _run(command: list[Any], folder: Path, who: dict[str, Any]) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **who)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
