"""What is left in memory of a form that held a key: overwritten as far as Python lets anybody.

Two places keep what came in after it was handled. The event loop reads into a buffer that it uses again and never
clears: here each connection reads into one of its own, wiped after every piece. And Python hands freed memory out as
it is: the web process wipes what it frees (`signer.process.wipe_what_is_freed`). Where there is another C library than
glibc that part does nothing; SECURITY.md says what is promised, and a test looks for what is left.
"""

import asyncio
from typing import Protocol

BUFFER_BYTES = 16 * 1024


class _Inner(Protocol):
    """The protocol that understands what is read."""

    def connection_made(self, transport: asyncio.Transport) -> None: ...
    def data_received(self, data: memoryview) -> None: ...
    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class WipedReading(asyncio.BufferedProtocol):
    """Reads into a buffer of its own, hands each piece to `inner`, which keeps nothing of it, and wipes it."""

    def __init__(self, inner: _Inner) -> None:
        self._inner = inner
        self._buffer = bytearray(BUFFER_BYTES)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - a piece is as large as it is
        """Where the next piece goes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what was read."""
        try:
            with memoryview(self._buffer) as whole, whole[:nbytes] as piece:
                self._inner.data_received(piece)
        finally:
            self._buffer[:nbytes] = bytes(nbytes)

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
