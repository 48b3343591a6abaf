"""The file of a backup: readable by whoever has the master key, and by nobody else.

    {"jarvis_backup": 1, "made_at": ..., "salt": ..., "master_key": NAME, ...} and a line end, in the clear
    pieces: four bytes of length, then AES-256-GCM text of up to 256 KiB of the compressed contents

Each file has a key of its own, which the signer derives from the master key and the file's salt; the master key itself
never comes here. Pieces are numbered and the last one is marked in their nonces, and each vouches for the head: no
piece can be left out, moved, repeated or cut off (the STREAM construction, https://eprint.iacr.org/2015/189).

The contents are lines: a dump (dump.py), then `{"marks": ...}`, `{"files": ...}` and `{"end": true}`.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jarvis.store.dump import DumpSummary, Progress, checked
from jarvis.store.errors import StoreError

FORMAT = 1
SALT_BYTES = 32
PIECE_BYTES = 256 * 1024
_TAG_BYTES = 16
_LONGEST_HEAD = 4096

Marks = Mapping[tuple[str, str], int]
"""The signer's high-water marks, by kind and name."""


class ArchiveDamagedError(StoreError):
    """This file is no whole backup, or the key is another one's; nothing was written."""


@dataclass(frozen=True, slots=True)
class ArchiveHead:
    """What anybody may know of a backup."""

    made_at: datetime
    salt: bytes
    master_key: str
    version: str

    def line(self) -> bytes:
        """The file's first line."""
        told = {
            "jarvis_backup": FORMAT,
            "made_at": self.made_at.isoformat(),
            "salt": self.salt.hex(),
            "master_key": self.master_key,
            "version": self.version,
        }
        return json.dumps(told).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a whole, readable backup holds besides the rows."""

    summary: DumpSummary
    marks: Marks
    files: Mapping[str, bytes]


class ArchiveWriter:
    """Compresses, encrypts and writes; a file without `finish` is never taken for whole."""

    def __init__(self, file: IO[bytes], head: ArchiveHead, key: bytes) -> None:
        self._file = file
        self._head = head.line()
        self._cipher = AESGCM(key)
        self._packing = zlib.compressobj(6)
        self._waiting = bytearray()
        self._number = 0
        file.write(self._head)

    def write(self, lines: bytes) -> None:
        """Add whole lines."""
        self._waiting += self._packing.compress(lines)
        while len(self._waiting) > PIECE_BYTES:
            self._put(bytes(self._waiting[:PIECE_BYTES]), is_last=False)
            del self._waiting[:PIECE_BYTES]

    def finish(self, marks: Marks, files: Mapping[str, bytes]) -> None:
        """Add what belongs to the rows, and the mark that nothing is missing."""
        told = {"marks": [[kind, name, value] for (kind, name), value in sorted(marks.items())]}
        kept = {"files": {name: base64.b64encode(content).decode() for name, content in files.items()}}
        self.write(b"".join(json.dumps(each).encode() + b"\n" for each in (told, kept, {"end": True})))
        self._waiting += self._packing.flush()
        while len(self._waiting) > PIECE_BYTES:
            self._put(bytes(self._waiting[:PIECE_BYTES]), is_last=False)
            del self._waiting[:PIECE_BYTES]
        self._put(bytes(self._waiting), is_last=True)
        self._waiting.clear()

    def _put(self, piece: bytes, *, is_last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number, is_last=is_last), piece, self._head)
        self._file.write(len(sealed).to_bytes(4, "big") + sealed)
        self._number += 1


def read_head(file: IO[bytes]) -> ArchiveHead:
    """The head of the backup that `file` begins with. Raises ArchiveDamagedError."""
    try:
        told = json.loads(file.readline(_LONGEST_HEAD))
        if told["jarvis_backup"] != FORMAT:
            raise ArchiveDamagedError("this backup was written by a newer version of Jarvis; install that version")
        return ArchiveHead(
            datetime.fromisoformat(told["made_at"]), bytes.fromhex(told["salt"]), told["master_key"], told["version"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveDamagedError("this is not a backup of Jarvis") from error


def lines_of(file: IO[bytes], key: bytes) -> Iterator[bytes]:
    """The lines of the backup's contents, from its start on. Raises ArchiveDamagedError as soon as one is doubtful."""
    file.seek(0)
    head = file.readline(_LONGEST_HEAD)
    unpacking = zlib.decompressobj()
    rest = b""
    for piece in _pieces(file, key, head):
        while piece:
            *whole, rest = (rest + unpacking.decompress(piece, 4 * PIECE_BYTES)).split(b"\n")
            yield from (line + b"\n" for line in whole)
            piece = unpacking.unconsumed_tail  # noqa: PLW2901 - a piece is unpacked bit by bit
    if rest or not unpacking.eof:
        raise ArchiveDamagedError("the backup ends in the middle of a line")


def checked_contents(file: IO[bytes], key: bytes, progress: Progress | None = None) -> Contents:
    """What the backup holds, after every byte of it was read and found good. Raises ArchiveDamagedError, StoreError."""
    lines = lines_of(file, key)
    summary = checked(lines, progress)
    return contents_after(lines, summary)


def contents_after(lines: Iterable[bytes], summary: DumpSummary) -> Contents:
    """What follows the rows, to the end of the file. Raises ArchiveDamagedError if that is not as it should be."""
    try:
        marks, files, end = (json.loads(line) for line in lines)
        if end != {"end": True}:
            raise ArchiveDamagedError("the backup does not end as it should")
        return Contents(
            summary,
            {(str(kind), str(name)): int(value) for kind, name, value in marks["marks"]},
            {str(name): base64.b64decode(content) for name, content in files["files"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArchiveDamagedError("the backup does not end as it should") from error


def _pieces(file: IO[bytes], key: bytes, head: bytes) -> Iterator[bytes]:
    cipher = AESGCM(key)
    number = 0
    sealed = _next(file)
    while sealed is not None:
        following = _next(file)
        try:
            yield cipher.decrypt(_nonce(number, is_last=following is None), sealed, head)
        except InvalidTag:
            raise ArchiveDamagedError(
                f"piece {number + 1} of the backup was changed, or the file was cut off; use another copy"
            ) from None
        sealed, number = following, number + 1
    if not number:
        raise ArchiveDamagedError("the backup was cut off behind its head")


def _next(file: IO[bytes]) -> bytes | None:
    length = file.read(4)
    if not length:
        return None
    wanted = int.from_bytes(length, "big")
    if not _TAG_BYTES <= wanted <= PIECE_BYTES + _TAG_BYTES:
        raise ArchiveDamagedError("the backup was changed: a piece has an impossible length")
    sealed = file.read(wanted)
    if len(length) < 4 or len(sealed) < wanted:
        raise ArchiveDamagedError("the backup was cut off; use another copy")
    return sealed


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])
