"""A backup's file shows nothing without its key, and whatever is done to it is seen."""

import io
import os
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from jarvis.store.archive import (
    PIECE_BYTES,
    ArchiveDamagedError,
    ArchiveHead,
    ArchiveWriter,
    Contents,
    checked_contents,
    lines_of,
    read_head,
)
from jarvis.store.db import Store
from tests.store.samples import connect

KEY = bytes(range(32))
HEAD = ArchiveHead(datetime(2026, 3, 1, tzinfo=UTC), bytes(32), "0123456789abcdef", "0.9")
MARKS = {("fence", "account-1"): 7, ("nonce", "print"): 12}
FILES = {"jarvis.toml": b'web_port = "8765"\n'}


async def archive(store: Store) -> bytes:
    file = io.BytesIO()
    writer = ArchiveWriter(file, HEAD, KEY)
    async for lines in store.dump():
        writer.write(lines)
    writer.finish(MARKS, FILES)
    return file.getvalue()


def read(content: bytes, key: bytes = KEY) -> Contents:
    return checked_contents(io.BytesIO(content), key)


async def test_what_was_written_is_read_again(sqlite_store: Store) -> None:
    await connect(sqlite_store)

    content = await archive(sqlite_store)

    found = read(content)
    assert (found.marks, found.files) == (MARKS, FILES)
    assert found.summary.rows == await sqlite_store.row_counts()
    assert read_head(io.BytesIO(content)) == HEAD


async def test_nothing_can_be_read_without_the_key(sqlite_store: Store) -> None:
    await connect(sqlite_store)

    content = await archive(sqlite_store)

    assert b"example.org" not in content
    assert b"sealed" not in content
    with pytest.raises(ArchiveDamagedError):
        read(content, bytes(32))


def test_contents_of_many_pieces_come_back_whole() -> None:
    line = os.urandom(PIECE_BYTES).hex().encode() + b"\n"
    file = io.BytesIO()
    writer = ArchiveWriter(file, HEAD, KEY)
    for _ in range(5):
        writer.write(line)
    writer.finish({}, {})

    found = list(lines_of(file, KEY))

    assert found[:5] == [line] * 5
    assert found[5:] == [b'{"marks": []}\n', b'{"files": {}}\n', b'{"end": true}\n']


def pieces(content: bytes) -> tuple[bytes, list[bytes]]:
    head, _, rest = content.partition(b"\n")
    found = []
    while rest:
        size = 4 + int.from_bytes(rest[:4], "big")
        found.append(rest[:size])
        rest = rest[size:]
    return head + b"\n", found


def big() -> bytes:
    file = io.BytesIO()
    writer = ArchiveWriter(file, HEAD, KEY)
    for _ in range(4):
        writer.write(os.urandom(PIECE_BYTES // 2).hex().encode() + b"\n")
    writer.finish({}, {})
    return file.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda head, found: head + b"".join(found[:-1]), id="the last piece is missing"),
        pytest.param(lambda head, found: head + b"".join(found[1:]), id="the first piece is missing"),
        pytest.param(lambda head, found: head + b"".join([found[1], found[0], *found[2:]]), id="two are swapped"),
        pytest.param(lambda head, found: head + b"".join([found[0], *found]), id="one is there twice"),
        pytest.param(lambda head, found: head + b"".join(found)[:-1], id="a byte is missing"),
        pytest.param(lambda head, found: head + b"".join(found) + b"x", id="a byte was added"),
        pytest.param(lambda head, found: head.replace(b"2026", b"2027") + b"".join(found), id="the head was changed"),
        pytest.param(lambda head, _: head, id="there is only the head"),
        pytest.param(lambda head, _: head + b"\xff" * 40, id="a length is impossible"),
    ],
)
def test_whatever_is_done_to_the_file_is_seen(change: Callable[[bytes, list[bytes]], bytes]) -> None:
    content = change(*pieces(big()))

    with pytest.raises(ArchiveDamagedError):
        list(lines_of(io.BytesIO(content), KEY))


async def test_any_flipped_bit_is_seen(sqlite_store: Store) -> None:
    content = await archive(sqlite_store)
    begin = content.index(b"\n") + 1

    for place in range(begin, len(content), max(1, (len(content) - begin) // 97)):
        changed = bytearray(content)
        changed[place] ^= 0x10
        with pytest.raises(ArchiveDamagedError):
            read(bytes(changed))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"[]\n", b"{}\n", b"a" * 9000])
def test_another_file_is_not_taken_for_a_backup(content: bytes) -> None:
    with pytest.raises(ArchiveDamagedError, match="not a backup of Jarvis"):
        read_head(io.BytesIO(content))


def test_a_backup_of_a_newer_format_says_so() -> None:
    with pytest.raises(ArchiveDamagedError, match="newer version"):
        read_head(io.BytesIO(HEAD.line().replace(b'"jarvis_backup": 1', b'"jarvis_backup": 2')))
