"""Passwords that leaked elsewhere: a file that the operator downloads, so that nothing is asked of anybody outside.

Its form is that of the "Pwned Passwords" download ordered by hash: one upper-case SHA-1 in hex per line, sorted, with
a colon and a count behind it or without. Found by halving: a file of a billion lines takes some forty short reads.
SHA-1 is the list's choice; it protects nothing here.
"""

import hashlib
import os
import re
from pathlib import Path

_LINE = re.compile(rb"([0-9A-F]{40})(?::[0-9]{1,12})?\r?\n?")
_LONGEST_LINE = 64
_SAMPLES = 64


class BreachedListError(Exception):
    """The list cannot be used; one line that says why."""


class BreachedPasswords:
    """A list of leaked passwords. Raises BreachedListError unless it looks like one, from its beginning to its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._size = os.fstat(self._file).st_size
        except OSError as error:
            raise BreachedListError(f"cannot read the list of breached passwords {path}: {error.strerror}") from error
        try:
            self._check()
        except BreachedListError:
            self.close()
            raise

    def holds(self, password: str) -> bool:
        """Whether this password is in the list. Reads the file: call it beside the event loop."""
        wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        low, high = 0, self._size
        while low < high:
            middle = (low + high) // 2
            start, digest, end = self._line_from(middle)
            if digest is None or start >= high:
                high = middle
            elif digest == wanted:
                return True
            elif digest < wanted:
                low = end
            else:
                high = middle
        return False

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _check(self) -> None:
        if self._size == 0:
            raise BreachedListError(f"the list of breached passwords {self._path} is empty")
        last = b""
        for sample in range(_SAMPLES):
            start, digest, _ = self._line_from(self._size * sample // _SAMPLES)
            if digest is None:
                break
            if digest < last:
                raise BreachedListError(
                    f"the list of breached passwords {self._path} is not sorted (byte {start}); "
                    "take the download that is ordered by hash"
                )
            last = digest

    def _line_from(self, position: int) -> tuple[int, bytes | None, int]:
        """Start, digest and end of the first line that begins at `position` or after it; None at the end."""
        start = position
        if position > 0:
            before = os.pread(self._file, _LONGEST_LINE + 1, position - 1)
            newline = before.find(b"\n")
            if newline < 0:
                if len(before) > _LONGEST_LINE:
                    raise self._malformed(position)
                return self._size, None, self._size
            start = position + newline
        line = os.pread(self._file, _LONGEST_LINE + 1, start).partition(b"\n")
        if not line[0]:
            if start < self._size:
                raise self._malformed(start)
            return self._size, None, self._size
        found = _LINE.fullmatch(line[0] + line[1])
        if found is None:
            raise self._malformed(start)
        return start, found[1], start + len(line[0]) + len(line[1])

    def _malformed(self, position: int) -> BreachedListError:
        return BreachedListError(
            f"the list of breached passwords {self._path} is malformed at byte {position}: "
            "each line is an upper-case SHA-1 in hex, with `:count` behind it or without"
        )
