"""HTTP/1.1 to a few known addresses, over connections that are kept: what a venue's calls need, and nothing else.

It sends a request once, over one connection, and never again by itself: it says only whether nothing was sent at all
(NothingSentError) or whether it may have arrived (AnswerBrokenError). It follows no redirect, asks no proxy, keeps no
cookie, and reads no answer without a stated end. Why it is ours:
docs/decisions/015-less-between-an-order-and-the-wire.md.
"""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Iterable, Mapping
from typing import cast
from urllib.parse import urlsplit

import httptools

MAX_HEAD_BYTES = 64 * 1024
KEPT_SECONDS = 55.0
"""Shorter than servers keep an idle connection (a minute and more): one that they close under a request is a doubt."""

_KEPT_CONNECTIONS = 64
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "upgrade"})
_BODILESS = frozenset({204, 304})
_ENDED = frozenset({"content-length", "transfer-encoding"})
_METHODS = {"GET": False, "DELETE": False, "POST": True, "PUT": True}
"""Whether a request without a body has to say so."""

_NAME = re.compile(r"[A-Za-z0-9-]+")
_KEPT_NAMES = 64

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers (names in lower case; repeated ones joined by a comma) and body."""


class NothingSentError(Exception):
    """The request certainly did not leave."""


class AnswerBrokenError(Exception):
    """The request may have arrived, its whole answer did not."""


class HttpClient:
    """Sends requests to `origins` (scheme, host and port) and to nowhere else. Belongs to one event loop.

    A request takes a connection that is free or opens one: none waits for another's answer. `tls` stands in for the
    system's certificates, in tests.
    """

    def __init__(
        self,
        origins: Iterable[str],
        *,
        user_agent: str,
        connect_seconds: float,
        max_body_bytes: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._hosts = {origin: _Host(origin, user_agent) for origin in origins}
        if tls is None and any(host.is_secure for host in self._hosts.values()):
            tls = _verifying()
        self._tls = tls
        self._connect_seconds = connect_seconds
        self._max_body_bytes = max_body_bytes
        self._open: set[_Connection] = set()
        self._is_closed = False

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - only here is known whether a connect timed out, or an answer
    ) -> Answer:
        """The answer to one request. `timeout` is for all of it, in seconds of the event loop's clock.

        Raises NothingSentError, AnswerBrokenError. A cancelled request takes its connection with it.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + timeout
        origin = _origin(url)
        host = self._hosts.get(origin)
        if host is None or self._is_closed:
            raise NothingSentError(f"{origin} is not one of the venue's addresses, or closed")
        message = host.message(method, url[len(origin) :], headers, body)
        connection = host.free(loop.time()) or await self._connected(host, timeout)
        answer = await connection.exchange(message, give_up_at)
        if connection.may_be_kept and not self._is_closed:
            host.keep(connection, loop.time())
        else:
            connection.end()
        return answer

    async def close(self) -> None:
        """Close all connections; whoever still waits for an answer is told that it is lost."""
        self._is_closed = True
        ending = tuple(self._open)
        for connection in ending:
            connection.end()
        for connection in ending:
            await connection.ended.wait()

    async def _connected(self, host: "_Host", seconds: float) -> "_Connection":
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(min(seconds, self._connect_seconds)):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self._open, self._max_body_bytes),
                    host.name,
                    host.port,
                    ssl=self._tls if host.is_secure else None,
                )
        except OSError as error:  # TimeoutError and every error of TLS are among them
            raise NothingSentError(f"could not connect: {type(error).__name__}") from error
        if self._is_closed:
            connection.end()
            raise NothingSentError("the client was closed while it connected")
        return connection


class _Host:
    """One address: what every request to it begins with, and its free connections."""

    def __init__(self, origin: str, user_agent: str) -> None:
        parts = urlsplit(origin)
        self.name = parts.hostname or ""
        self.is_secure = parts.scheme == "https"
        self.port = parts.port or (443 if self.is_secure else 80)
        self._agent = f"User-Agent: {user_agent}\r\n"
        # A compressed answer could be small on the wire and endless when it is read.
        self._common = f" HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
        self._free: deque[tuple[float, _Connection]] = deque()
        self._names: set[str] = set()

    def message(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """The request's bytes. Raises NothingSentError for what would not be the one request that was meant."""
        if method not in _METHODS or " " in target or not _is_plain(target):
            raise NothingSentError("a request line with blanks or signs where none belong")
        head = f"{method} {target or '/'}{self._common}"
        for name, value in headers.items():
            if name not in self._names:
                self._learn(name)
            if not _is_plain(value):
                raise NothingSentError(f"the value of {name} has signs that none may have")
            head += f"{name}: {value}\r\n"
        if "User-Agent" not in headers:
            head += self._agent
        if body or _METHODS[method]:
            head += f"Content-Length: {len(body)}\r\n"
        return f"{head}\r\n".encode("ascii") + body

    def _learn(self, name: str) -> None:
        """Check a header's name, once: callers have few of them."""
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise NothingSentError("a header's name with signs where none belong, or one that is not the caller's")
        if len(self._names) < _KEPT_NAMES:
            self._names.add(name)

    def free(self, now: float) -> "_Connection | None":
        """The connection that was used last, if it still stands; older ones are let go in time."""
        while self._free:
            kept_at, connection = self._free.pop()
            if connection.may_be_kept and now - kept_at < KEPT_SECONDS:
                return connection
            connection.end()
        return None

    def keep(self, connection: "_Connection", now: float) -> None:
        """Keep a connection for the next request."""
        self._free.append((now, connection))
        while self._free and (len(self._free) > _KEPT_CONNECTIONS or now - self._free[0][0] >= KEPT_SECONDS):
            self._free.popleft()[1].end()


class _Connection(asyncio.Protocol):
    """One exchange after another. Whatever goes wrong in one of them ends the connection."""

    _transport: asyncio.Transport

    def __init__(self, among: "set[_Connection]", max_body_bytes: int) -> None:
        self.ended = asyncio.Event()
        self._among = among
        self._most = MAX_HEAD_BYTES + max_body_bytes
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: asyncio.Future[Answer] | None = None
        self._is_spent = False
        self._received = 0
        self._has_head = False
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    @property
    def may_be_kept(self) -> bool:
        """Whether another request may be sent here."""
        return not self._is_spent and not self._transport.is_closing()

    async def exchange(self, message: bytes, give_up_at: float) -> Answer:
        """The answer to `message`. Raises AnswerBrokenError, or NothingSentError if it was closed before."""
        if not self.may_be_kept:
            raise NothingSentError("the connection was closed before anything was sent")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting = answer
        self._received = 0
        limit = loop.call_at(give_up_at, self.end, TimeoutError("no answer in time"))
        try:
            self._transport.write(message)
            return await answer
        except BaseException:
            self.end()  # Also when the answer came, but not to whoever asked: nobody would give the connection back.
            raise
        finally:
            limit.cancel()

    def end(self, error: Exception | None = None) -> None:
        """Close at once; whoever waits for an answer is told why."""
        self._is_spent = True
        self._transport.abort()
        answer, self._waiting = self._waiting, None
        if answer is not None and not answer.done():
            broken = AnswerBrokenError(type(error or ConnectionResetError()).__name__)
            broken.__cause__ = error
            answer.set_exception(broken)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._among.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(exc)
        self._among.discard(self)
        self.ended.set()

    def data_received(self, data: bytes) -> None:
        if self._waiting is None:
            self.end()  # Whatever this is, it answers nothing that was asked.
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.end(error)
            return
        if self._received > (self._most if self._has_head else MAX_HEAD_BYTES):
            self.end(ValueError("the answer is too long"))

    # What the parser finds ----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._waiting is None:
            self._is_spent = True  # Bytes after the answer: the next one would be read from among them.
        self._has_head = False
        self._headers = {}
        self._body = []

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self._has_head = True
        status = self._parser.get_status_code()
        if status not in _BODILESS and not _ENDED.intersection(self._headers) and status >= 200:
            # Its end would be the connection's: nobody could tell it from one that was cut off.
            self.end(ValueError("the answer does not say how long it is"))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return  # A note in between; the answer is still to come.
        self._is_spent = self._is_spent or not self._parser.should_keep_alive()
        answer, self._waiting = self._waiting, None
        if answer is not None and not answer.done():
            answer.set_result((status, self._headers, b"".join(self._body)))


def _is_plain(text: str) -> bool:
    """Whether it is ASCII without control characters: no line of its own, no end of ours."""
    return text.isascii() and text.isprintable()


def _verifying() -> ssl.SSLContext:
    """The system's certificates, names checked, and no other protocol to agree on."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _origin(url: str) -> str:
    """Scheme, host and port: all before the path."""
    end = url.find("/", url.find("://") + 3)
    return url if end < 0 else url[:end]
