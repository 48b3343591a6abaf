"""High-water marks that never go back, over restarts and over clocks that do: fences and nonces.

One small append-only file; every mark is durable before the number that it stands for is used. At opening, and when
it has grown, the file is rewritten with the last value of each mark.
"""

import errno
import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import sleep

from jarvis.signer.errors import SignerUnavailable

_COMPACT_AFTER_LINES = 10_000
_TRIES, _BETWEEN_SECONDS = 40, 0.05


class StateInUseError(Exception):
    """Another signer works on this state folder."""


class StateDamagedError(Exception):
    """The marks cannot be read; starting without them could let an old worker act."""


class Marks:
    """Named numbers that only rise. Without a folder they live in memory, for tests and simulation."""

    def __init__(self, folder: Path | None) -> None:
        self._values: dict[tuple[str, str], int] = {}
        self._durable: dict[tuple[str, str], int] = {}
        self._path = None if folder is None else folder / "marks.jsonl"
        self._lock = -1
        self._file = -1
        self._size = 0
        self._lines = 0
        if folder is not None:
            self._lock = _lock(folder / "lock")
            try:
                self._open()
            except BaseException:
                self.close()
                raise

    def durable(self, kind: str, name: str) -> int:
        """The highest value of this mark that would survive a crash now."""
        return self._durable.get((kind, name), 0)

    def get(self, kind: str, name: str) -> int:
        """The highest value ever given to this mark; 0 if none was."""
        return self._values.get((kind, name), 0)

    def raise_to(self, kind: str, name: str, value: int) -> None:
        """Raise the mark to `value` if it is lower, durably.

        Raises SignerUnavailable when it cannot be written down; the mark in memory has risen nevertheless.
        """
        if value <= self.durable(kind, name):
            return
        self._values[kind, name] = max(value, self.get(kind, name))
        if self._path is not None:
            try:
                self._append(_line(kind, name, value))
            except OSError as error:
                raise SignerUnavailable(f"the signer cannot write its state: {error.strerror}") from error
            if self._lines > _COMPACT_AFTER_LINES + 2 * len(self._values):
                with suppress(OSError):  # A longer file does no harm; the next mark tries again.
                    self._compact()
        self._durable[kind, name] = value

    @property
    def values(self) -> dict[tuple[str, str], int]:
        """All marks, by kind and name."""
        return dict(self._values)

    def merge(self, others: Mapping[tuple[str, str], int]) -> None:
        """Raise every mark that `others` have higher, by one durable write; none is ever lowered.

        Raises OSError when it cannot be written; then nothing has changed.
        """
        before = self._values
        higher = {key: value for key, value in others.items() if value > before.get(key, 0)}
        self._values = {**before, **higher}
        try:
            if self._path is not None:
                self._compact()
        except OSError:
            self._values = before
            raise
        self._durable = {**self._durable, **higher}

    def close(self) -> None:
        """Give the state folder free."""
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def _open(self) -> None:
        """Read the marks and make the file ready; with a full disk it is used as it is, so that exits can be signed."""
        assert self._path is not None  # noqa: S101 - only called with a folder
        whole_size = self._load()
        try:
            self._compact()
        except OSError:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._file, whole_size)
            self._size = whole_size

    def _append(self, line: bytes) -> None:
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fdatasync(self._file)
        except OSError:
            # Half a line must not stand before the next one; cutting off needs no space.
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)
        self._lines += 1

    def _load(self) -> int:
        """Read the marks; the size of the file without a half line at its end."""
        assert self._path is not None  # noqa: S101 - only called with a folder
        content = self._path.read_bytes() if self._path.exists() else b""
        self._values = _parsed(content, self._path)
        self._durable = dict(self._values)
        return content.rfind(b"\n") + 1

    def _compact(self) -> None:
        """Replace the file by one with the last value of each mark."""
        assert self._path is not None  # noqa: S101 - only called with a folder
        fresh = self._path.with_suffix(".new")
        content = b"".join(_line(kind, name, value) for (kind, name), value in sorted(self._values.items()))
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if os.write(descriptor, content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
            fresh.replace(self._path)
        except OSError:
            os.close(descriptor)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file, self._size, self._lines = descriptor, len(content), len(self._values)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_marks(folder: Path) -> dict[tuple[str, str], int]:
    """The marks in a state folder, also while a signer works there: what is durable now, and never half a line.

    Raises StateDamagedError.
    """
    path = folder / "marks.jsonl"
    return _parsed(path.read_bytes(), path) if path.exists() else {}


def _parsed(content: bytes, path: Path) -> dict[tuple[str, str], int]:
    """The highest value of each mark, a half line at the end aside."""
    values: dict[tuple[str, str], int] = {}
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            kind, name, value = json.loads(line)
            key = (str(kind), str(name))
            values[key] = max(int(value), values.get(key, 0))
        except ValueError as error:
            raise StateDamagedError(f"{path}, line {number} cannot be read") from error
    return values


def _line(kind: str, name: str, value: int) -> bytes:
    return json.dumps([kind, name, value], separators=(",", ":")).encode() + b"\n"


def _lock(path: Path) -> int:
    """Hold the folder; a signer whose parent was killed notices within a second, so wait for that long."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sleep(_BETWEEN_SECONDS)
        else:
            break
    else:
        os.close(descriptor)
        raise StateInUseError(f"another signer works in {path.parent}")
    return descriptor
