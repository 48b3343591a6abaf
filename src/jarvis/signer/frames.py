"""The signer's wire: a head of JSON and raw bytes beside it, both with a bounded length in front.

    4 bytes: length of the head | 4 bytes: length of the bytes | head | bytes

Secrets travel as the raw bytes, so that no JSON parser ever makes an immortal string of one.
"""

MAX_HEAD = 64 * 1024
MAX_BYTES = 4 * 1024
_SIZES = 8
MAX_FRAME = _SIZES + MAX_HEAD + MAX_BYTES


class MalformedFrameError(ValueError):
    """A frame that breaks the rules above; the connection is of no more use."""


def pack(head: bytes, *parts: bytes | bytearray) -> bytearray:
    """The bytes of one frame."""
    size = sum(map(len, parts))
    if len(head) > MAX_HEAD or size > MAX_BYTES:
        raise MalformedFrameError("too long for the signer")
    frame = bytearray((len(head) << 32 | size).to_bytes(_SIZES, "big"))
    frame += head
    for part in parts:
        frame += part
    return frame


class Inbox:
    """What has arrived over one connection and was not taken yet: at most one frame of the greatest length.

    The socket writes into it and what was taken is overwritten, so that no other copy of a frame comes about.
    """

    __slots__ = ("_begin", "_bytes", "_end", "_view")

    def __init__(self) -> None:
        self._bytes = bytearray(MAX_FRAME)
        self._view = memoryview(self._bytes)
        self._begin = self._end = 0

    def __len__(self) -> int:
        return self._end - self._begin

    def free(self) -> memoryview:
        """Where the next bytes go; there is room for the rest of any frame that has begun."""
        if self._begin:
            waiting = self._bytes[self._begin : self._end]
            self._view[: self._end] = waiting + bytes(self._begin)
            self._begin, self._end = 0, len(waiting)
            waiting[:] = bytes(len(waiting))
        return self._view[self._end :]

    def filled(self, size: int) -> None:
        """Count `size` bytes that were written to where `free` said."""
        self._end += size

    def take(self) -> tuple[bytes, bytearray] | None:
        """The next frame's head and bytes; None until all of it is there. Raises MalformedFrameError."""
        begin = self._begin + _SIZES
        if begin > self._end:
            return None
        sizes = int.from_bytes(self._view[self._begin : begin], "big")
        head_size, bytes_size = sizes >> 32, sizes & 0xFFFFFFFF
        if head_size > MAX_HEAD or bytes_size > MAX_BYTES:
            raise MalformedFrameError("a frame is too long")
        middle = begin + head_size
        end = middle + bytes_size
        if end > self._end:
            return None
        frame = bytes(self._view[begin:middle]), self._bytes[middle:end]
        self._view[self._begin : end] = bytes(end - self._begin)
        self._begin = end
        if end == self._end:
            self._begin = self._end = 0
        return frame

    def wipe(self) -> None:
        """Forget all that has arrived."""
        self._view[:] = bytes(MAX_FRAME)
        self._begin = self._end = 0
