"""Room that is kept free on the disk beside a SQLite database, so that exits can be written when all else is full.

When a write finds no room, the reserve is given up: protecting and closing go on in what it held. Nothing is opened
until it could be made again.
"""

import os
from contextlib import suppress
from pathlib import Path

SIZE = 4 * 1024 * 1024
"""About a thousand orders and fills."""


class Reserve:
    """A file of `SIZE` bytes that holds nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ensure(self) -> bool:
        """Whether the room is kept. Takes it again only when as much is free beside it: exits may need that."""
        try:
            if self._path.stat().st_size >= SIZE:
                return True
        except FileNotFoundError:
            pass
        except OSError:
            return False
        try:
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize < 2 * SIZE:
                return False
            handle = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, SIZE)
            finally:
                os.close(handle)
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Give the room back to the disk."""
        with suppress(OSError):
            self._path.unlink()
