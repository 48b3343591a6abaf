"""The wire without a framework: what an emulator is asked, what it answers, and a socket's two directions.

A served sandbox translates ASGI into these; a simulation calls an emulator with them directly, on any event loop's
clock, without opening a socket.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_JSON = {"content-type": "application/json; charset=utf-8"}
_HTML = {"content-type": "text/html; charset=UTF-8"}


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One HTTP request as it was received. Header names are lower case, `query` is without its question mark."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    remote: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class WireResponse:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def json(cls, body: bytes, status: int = 200) -> "WireResponse":
        """An answer of ready JSON bytes."""
        return cls(status, _JSON, body)

    @classmethod
    def html(cls, body: str, status: int) -> "WireResponse":
        """An answer of HTML, as edges send it in front of an API that is down."""
        return cls(status, _HTML, body.encode())


_NORMAL = 1000


class WireSocket:
    """The server's end of one WebSocket. The client's frames come in by `receive`, ours leave by `next_frame`.

    `heartbeat` is called when nothing was sent for `heartbeat_after` seconds of the event loop's clock and may
    return a frame to send; there is no background task, so an unread socket costs nothing.
    """

    def __init__(
        self,
        *,
        on_frame: Callable[["WireSocket", str], None],
        on_close: Callable[["WireSocket"], None],
        heartbeat: Callable[["WireSocket"], str | None],
        heartbeat_after: float,
    ) -> None:
        self._on_frame = on_frame
        self._on_close = on_close
        self._heartbeat = heartbeat
        self._heartbeat_after = heartbeat_after
        self._frames: deque[str] = deque()
        self._wake = asyncio.Event()
        self._closed = False
        self.close_code = _NORMAL

    @property
    def is_closed(self) -> bool:
        """Whether either side has closed it; frames sent before may still be read."""
        return self._closed

    def receive(self, text: str) -> None:
        """Take one frame from the client. Ignored once closed."""
        if not self._closed:
            self._on_frame(self, text)

    def send(self, text: str) -> None:
        """Queue one frame for the client. Ignored once closed."""
        if not self._closed:
            self._frames.append(text)
            self._wake.set()

    def send_later(self, text: str, seconds: float) -> None:
        """Queue one frame after `seconds` of the event loop's clock."""
        asyncio.get_running_loop().call_later(seconds, self.send, text)

    async def next_frame(self) -> str | None:
        """The next frame for the client, in order; None when the server has closed and all was read."""
        while True:
            if self._frames:
                return self._frames.popleft()
            if self._closed:
                return None
            self._wake.clear()
            try:
                async with asyncio.timeout(self._heartbeat_after):
                    await self._wake.wait()
            except TimeoutError:
                beat = self._heartbeat(self)
                if beat is not None and not self._frames and not self._closed:
                    return beat

    @property
    def queued(self) -> int:
        """How many frames the client has not read yet."""
        return len(self._frames)

    def close(self, code: int = _NORMAL) -> None:
        """Close, from either side; `code` goes into the close frame. What was queued can still be read."""
        if not self._closed:
            self._closed = True
            self.close_code = code
            self._wake.set()
            self._on_close(self)

    def drop(self, code: int = _NORMAL) -> None:
        """Close and forget what was queued: a cut connection."""
        self._frames.clear()
        self.close(code)
