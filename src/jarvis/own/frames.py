"""What the fenced process and its owner say to each other: a head in JSON, then raw columns. Nothing in it is code."""

from __future__ import annotations

import json
import os
import select
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

_LENGTHS = struct.Struct("!IQ")
_MOST_HEAD_BYTES = 4 * 1024 * 1024
_PIECE = 1 << 20


class TooLateError(Exception):
    """The other side took longer than it was given."""


class EndedError(Exception):
    """The other side has ended, or says what no frame begins with."""


def write_frame(
    pipe: int, head: Mapping[str, Any], columns: Sequence[bytes] = (), *, within: float | None = None
) -> None:
    """Send one frame. Raises TooLateError after `within` seconds, EndedError if nobody reads."""
    text = json.dumps(head).encode()
    rest = memoryview(b"".join((_LENGTHS.pack(len(text), sum(map(len, columns))), text, *columns)))
    until = None if within is None else time.monotonic() + within
    while rest:
        _wait(pipe, select.POLLOUT, until)
        try:
            rest = rest[os.write(pipe, rest[:_PIECE]) :]
        except BlockingIOError:
            continue
        except BrokenPipeError as error:
            raise EndedError from error


def read_frame(pipe: int, *, most_bytes: int, within: float | None = None) -> tuple[dict[str, Any], bytes]:
    """The next frame's head and columns. Raises TooLateError after `within` seconds, EndedError where none comes."""
    until = None if within is None else time.monotonic() + within
    head_bytes, column_bytes = _LENGTHS.unpack(_read(pipe, _LENGTHS.size, until))
    if head_bytes > _MOST_HEAD_BYTES or column_bytes > most_bytes:
        raise EndedError
    head = json.loads(_read(pipe, head_bytes, until))
    if not isinstance(head, dict):
        raise EndedError
    return head, _read(pipe, column_bytes, until)


def _read(pipe: int, count: int, until: float | None) -> bytes:
    pieces, missing = [], count
    while missing:
        _wait(pipe, select.POLLIN, until)
        try:
            piece = os.read(pipe, min(missing, _PIECE))
        except BlockingIOError:
            continue
        if not piece:
            raise EndedError
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _wait(pipe: int, event: int, until: float | None) -> None:
    """Wait until `pipe` can be read or written; whether there still is time is asked even where it can."""
    left = None if until is None else until - time.monotonic()
    if left is not None and left <= 0:
        raise TooLateError
    poll = select.poll()
    poll.register(pipe, event)
    if not poll.poll(None if left is None else left * 1000):
        raise TooLateError
