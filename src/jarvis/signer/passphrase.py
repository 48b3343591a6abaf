"""How a passphrase comes to the signer: over its standard input, or through a private pipe that somebody writes to.

The pipe is how an installation is unlocked that was started by nobody at a keyboard: the signer waits at it for
`jarvis keys unlock`. What was typed is never kept, and is no master key.
"""

import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from jarvis.signer.errors import MasterKeyError
from jarvis.signer.process import Parent

_LONGEST = 1024
_LOOK_EVERY_SECONDS = 0.1


def read_line(descriptor: int) -> bytes:
    """The next line of an input that others have opened, without its end."""
    line = bytearray()
    while len(line) < _LONGEST and (byte := os.read(descriptor, 1)) not in {b"", b"\n"}:
        line += byte
    return bytes(line)


def wait_at(path: Path, parent: Parent | None) -> bytes:
    """What somebody writes to the pipe at `path`, which is made anew; the first line of it, without its end.

    Raises MasterKeyError when nobody is left to wait for.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = path.parent.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & 0o077:
        raise MasterKeyError(f"the signer's folder {path.parent} must be private: run `chmod 700 {path.parent}`")
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    line = b""
    try:
        while parent is None or parent.is_alive():
            with suppress(BlockingIOError):  # somebody has opened it and not written yet
                line += os.read(descriptor, _LONGEST)
            if b"\n" in line or len(line) >= _LONGEST:
                return line.partition(b"\n")[0]
            time.sleep(_LOOK_EVERY_SECONDS)
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)
    raise MasterKeyError("nobody waits for this signer any more")
