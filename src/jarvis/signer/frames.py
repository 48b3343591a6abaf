"""The signer's wire: a JSON head and raw bytes beside it, both with a bounded length in front.

    4 bytes: length of the head | 4 bytes: length of the bytes | head (JSON object) | bytes

Secrets travel as the raw bytes, so that no JSON parser ever makes an immortal string of one.
"""

import asyncio
import json
from collections.abc import Mapping

MAX_HEAD = 64 * 1024
MAX_BYTES = 4 * 1024
_HEAD = json.JSONEncoder(separators=(",", ":"))


class MalformedFrameError(ValueError):
    """A frame that breaks the rules above; the connection is of no more use."""


def pack(head: Mapping[str, object], *parts: bytes | bytearray) -> bytearray:
    """The bytes of one frame."""
    text = _HEAD.encode(head).encode()
    size = sum(len(part) for part in parts)
    if len(text) > MAX_HEAD or size > MAX_BYTES:
        raise MalformedFrameError("too long for the signer")
    frame = bytearray(len(text).to_bytes(4, "big") + size.to_bytes(4, "big") + text)
    for part in parts:
        frame += part
    return frame


async def read(reader: asyncio.StreamReader) -> tuple[dict[str, object], bytearray] | None:
    """The next frame's head and bytes; None when the other side has closed. Raises MalformedFrameError."""
    try:
        sizes = await reader.readexactly(8)
        head_size, bytes_size = int.from_bytes(sizes[:4], "big"), int.from_bytes(sizes[4:], "big")
        if head_size > MAX_HEAD or bytes_size > MAX_BYTES:
            raise MalformedFrameError("a frame is too long")
        text = await reader.readexactly(head_size)
        beside = bytearray(await reader.readexactly(bytes_size))
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise MalformedFrameError("a frame was cut off") from None
        return None
    try:
        head = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedFrameError("a frame's head is not JSON") from None
    if not isinstance(head, dict):
        raise MalformedFrameError("a frame's head is not an object")
    return head, beside
