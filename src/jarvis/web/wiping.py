"""What is left in memory of a form that held a key: overwritten as far as Python lets anybody.

Two places keep what came in after it was handled. The event loop reads into a buffer that it uses again and never
clears: here each connection reads into one of its own, wiped after every piece. And Python and the C library hand out
freed memory as it is: a moment after a form, memory of every usual size is taken, zeroed and given back, so that it
lies on what was freed there. That is no promise (SECURITY.md says what is promised), but a test looks for what is left.
"""

import asyncio
import ctypes
import gc
from typing import Protocol

BUFFER_BYTES = 16 * 1024
SOON_SECONDS = 0.3
_SMALL = [(size, 3000) for size in range(16, 513, 16)]  # CPython's own size classes
_LARGE = [(size, 24) for size in range(528, 4097, 16)] + [(size, 4) for size in range(5120, 65_537, 1024)]
_BYTES_OVERHEAD = 33


class _Inner(Protocol):
    """The protocol that understands what is read."""

    def connection_made(self, transport: asyncio.Transport) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class WipedReading(asyncio.BufferedProtocol):
    """Reads into a buffer of its own, wipes it after each piece, and hands the pieces to `inner`."""

    def __init__(self, inner: _Inner) -> None:
        self._inner = inner
        self._buffer = bytearray(BUFFER_BYTES)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - a piece is as large as it is
        """Where the next piece goes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what was read."""
        piece = bytes(memoryview(self._buffer)[:nbytes])
        self._buffer[:nbytes] = bytes(nbytes)
        self._inner.data_received(piece)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell the inner protocol."""
        self._inner.connection_made(transport)  # type: ignore[arg-type]  # a stream's is an asyncio.Transport

    def eof_received(self) -> bool | None:
        """Tell the inner protocol."""
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the inner protocol."""
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Tell the inner protocol."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Tell the inner protocol."""
        self._inner.resume_writing()


class Wiper:
    """Overwrites freed memory a moment after it was asked to, once for all that asked meanwhile."""

    def __init__(self) -> None:
        self._is_coming = False

    def soon(self) -> None:
        """Overwrite when what was just handled has been let go."""
        if not self._is_coming:
            self._is_coming = True
            asyncio.get_running_loop().call_later(SOON_SECONDS, self._now)

    def _now(self) -> None:
        self._is_coming = False
        overwrite_freed_memory()


def overwrite_freed_memory() -> None:
    """Lay zeros over memory that was freed: some twenty milliseconds."""
    gc.collect(1)  # what a request leaves in cycles is young
    for size, count in (*_SMALL, *_LARGE):
        taken = [bytes(max(0, size - _BYTES_OVERHEAD)) for _ in range(count)]
        del taken
    _trim()


def _trim() -> None:
    """Give whole free pages back to the system, which clears them; a C library that cannot is left alone."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return
