"""The stream of what changes: server-sent events over a connection that is made again, going on where it was cut."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import msgspec

from jarvis.client.errors import Broken, NotSignedIn, TooMany, Unreachable
from jarvis.client.records import Event
from jarvis.client.settings import Place
from jarvis.client.wire import Answer, headers_of, path_of, problem_of

SILENCE_SECONDS = 20.0
"""A living stream says something every five: longer silence is a broken line."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Resync:
    """What you know is too old to go on from: read everything again, then follow."""

    event_id: int


@dataclass(frozen=True, slots=True)
class _Message:
    """One server-sent event as it came."""

    event_id: int
    name: str
    data: str


class EventStream:
    """Follows an installation: `async for event in stream`, as a context manager. Raises NotSignedIn at the end.

    `last_id` is what was heard last; give it as `after` to go on from there another time.
    """

    def __init__(self, place: Place, *, account: str | None = None, after: int | None = None) -> None:
        self._place = place
        self._account = account
        self._writer: asyncio.StreamWriter | None = None
        self._messages: AsyncGenerator[_Message, None] | None = None
        self._pause = FIRST_PAUSE
        self.last_id = after

    async def __aenter__(self) -> Self:
        """Connect once, so that a wrong token or address is known at once."""
        try:
            await self._connect()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Leave."""
        await self._close()

    def __aiter__(self) -> Self:
        """Itself."""
        return self

    async def __anext__(self) -> Event | Resync:
        """The next thing that happened, whatever becomes of the line meanwhile."""
        while True:
            try:
                if self._messages is None:
                    await self._connect()
                message = await self._next()
            except (Unreachable, Broken, TooMany) as error:
                await self._close()
                await asyncio.sleep(getattr(error, "retry_after", self._pause))
                self._pause = min(2 * self._pause, LONGEST_PAUSE)
                continue
            self._pause = FIRST_PAUSE
            self.last_id = message.event_id
            match message.name:
                case "heartbeat":
                    continue
                case "resync":
                    return Resync(message.event_id)
                case "ended":
                    raise NotSignedIn(401, "unauthorized", "The token is not good any more.")
            return msgspec.json.decode(message.data, type=Event)

    async def _next(self) -> _Message:
        if self._messages is None:
            raise Unreachable("not connected")
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                return await anext(self._messages)
        except StopAsyncIteration:
            raise Unreachable("the stream ended") from None
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise Unreachable("the stream was cut") from error

    async def _connect(self) -> None:
        """Open the stream, going on after what was heard last. Raises ClientError; closing is left to the caller."""
        parts = urlsplit(self._place.url)
        is_secure = parts.scheme == "https"
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                reader, self._writer = await asyncio.open_connection(
                    parts.hostname,
                    parts.port or (443 if is_secure else 80),
                    ssl=ssl.create_default_context() if is_secure else None,
                    limit=_MOST_BYTES,
                )
                self._writer.write(self._request(parts.netloc.rpartition("@")[2], parts.path))
                answer = await _head(reader)
                if answer.status != 200:
                    raise problem_of(Answer(answer.status, answer.headers, await _whole(reader, answer)))
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise Unreachable(f"{self._place.url} does not answer; is Jarvis running there?") from error
        self._messages = _messages(reader, is_chunked=answer.headers.get("transfer-encoding", "") == "chunked")

    def _request(self, host: str, prefix: str) -> bytes:
        more = {"Host": host, "Accept": "text/event-stream", "Connection": "close"}
        if self.last_id is not None:
            more["Last-Event-ID"] = str(self.last_id)
        headers = headers_of(self._place, **more)
        lines = [f"GET {prefix}{path_of('/events', {'account': self._account})} HTTP/1.1"]
        return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode("ascii")

    async def _close(self) -> None:
        messages, self._messages = self._messages, None
        writer, self._writer = self._writer, None
        if messages is not None:
            await messages.aclose()
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()


async def _head(reader: asyncio.StreamReader) -> Answer:
    """Status and headers. Raises ValueError for what is no HTTP."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    version, _, rest = head[0].partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError("no HTTP")
    named = (line.partition(":") for line in head[1:] if line)
    return Answer(int(rest[:3]), {name.strip().lower(): value.strip() for name, _, value in named}, b"")


async def _whole(reader: asyncio.StreamReader, answer: Answer) -> bytes:
    """The body of a short answer."""
    if answer.headers.get("transfer-encoding", "") == "chunked":
        return b"".join([piece async for piece in _chunks(reader)])
    length = int(answer.headers.get("content-length", "0"))
    if not 0 <= length <= _MOST_BYTES:
        raise ValueError("too long")
    return await reader.readexactly(length)


async def _chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    """The pieces of a chunked body (RFC 9112, section 7.1)."""
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        if not 0 <= size <= _MOST_BYTES:
            raise ValueError("a piece is too long")
        piece = await reader.readexactly(size + 2)
        if size == 0:
            return
        yield piece[:-2]


async def _pieces(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    """The pieces of a body that ends with its connection."""
    while piece := await reader.read(64 * 1024):
        yield piece


async def _messages(reader: asyncio.StreamReader, *, is_chunked: bool) -> AsyncGenerator[_Message, None]:
    """The events of a stream: fields of lines, an empty line after each (WHATWG HTML, server-sent events)."""
    kept = b""
    async for piece in _chunks(reader) if is_chunked else _pieces(reader):
        *blocks, kept = (kept + piece).split(b"\n\n")
        if len(kept) > _MOST_BYTES:
            raise ValueError("an event is too long")
        for block in blocks:
            lines = (line.partition(":") for line in block.decode().split("\n"))
            fields = {name: value.removeprefix(" ") for name, _, value in lines}
            if fields.get("id", "").isdecimal():
                yield _Message(int(fields["id"]), fields.get("event", ""), fields.get("data", ""))
