"""The HTTP server: uvicorn's, with an end to patience.

Who sends slowly holds a connection and nothing else, and not for long: headers and bodies have a deadline as a whole,
which no trickle of bytes moves. A connection too many, in all or from one address, closes the one that has waited the
longest without a whole request, never one that is being answered; so somebody honest always gets in.
"""

import asyncio
import ssl
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from jarvis.web.proxies import Network, is_among
from jarvis.web.wiping import WipedReading

DEADLINE_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 15
MOST_CONNECTIONS = 1000
MOST_OF_ONE_ADDRESS = 100
MAX_HEADER_BYTES = 16 * 1024
MAX_HEADERS = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a request may take to arrive, and how many may be on their way."""

    headers_within: float = DEADLINE_SECONDS
    body_within: float = DEADLINE_SECONDS
    connections: int = MOST_CONNECTIONS
    of_one_address: int = MOST_OF_ONE_ADDRESS
    header_bytes: int = MAX_HEADER_BYTES
    headers: int = MAX_HEADERS


@dataclass(slots=True)
class Doorkeeper:
    """Counts the connections. Those of a named proxy count as everybody's only: it keeps order among its clients."""

    limits: Limits
    proxies: Sequence[Network] = ()
    _waiting: dict["PatientProtocol", None] = field(default_factory=dict)
    """Connections without a whole request, the one that has waited the longest first."""
    _all: dict["PatientProtocol", str] = field(default_factory=dict)

    def enters(self, connection: "PatientProtocol", address: str) -> bool:
        """Count a new connection, at the cost of the oldest waiting one if there are too many; False if none waits."""
        counted = "" if is_among(address, self.proxies) else address
        if len(self._all) >= self.limits.connections and not self._close_oldest(None):
            return False
        same = sum(1 for each in self._all.values() if each == counted) if counted else 0
        if same >= self.limits.of_one_address and not self._close_oldest(counted):
            return False
        self._all[connection] = counted
        self._waiting[connection] = None
        return True

    def waits(self, connection: "PatientProtocol") -> None:
        """Note that it has no whole request now."""
        self._waiting.setdefault(connection)

    def is_served(self, connection: "PatientProtocol") -> None:
        """Note that its request is all here."""
        self._waiting.pop(connection, None)

    def leaves(self, connection: "PatientProtocol") -> None:
        """Forget a connection."""
        self._waiting.pop(connection, None)
        self._all.pop(connection, None)

    def _close_oldest(self, address: str | None) -> bool:
        found = next((each for each in self._waiting if address is None or self._all[each] == address), None)
        if found is None:
            return False
        self.leaves(found)
        found.give_up()
        return True


class PatientProtocol(HttpToolsProtocol):
    """One connection, with deadlines and bounds."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        keeper: Doorkeeper,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._keeper = keeper
        self._limits = keeper.limits
        self._deadline: asyncio.TimerHandle | None = None
        self._reading_headers = True
        self._header_bytes = 0
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and begin to be patient."""
        super().connection_made(transport)
        if not self._keeper.enters(self, self.client[0] if self.client else ""):
            self.give_up()
            return
        self._expect(self._limits.headers_within)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._expect(None)
        self._keeper.leaves(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes | memoryview) -> None:
        """Take bytes within the bounds."""
        if self._is_refused or self.transport.is_closing():
            return
        if self._reading_headers:
            # Bytes of a body that come along are counted too: a piece that the kernel hands over is bounded itself.
            self._header_bytes += len(data)
            if self._deadline is None:
                self._expect(self._limits.headers_within)
        super().data_received(cast("bytes", data))  # the parser takes either, and copies what it hands on
        if self._reading_headers and self._header_bytes > self._limits.header_bytes:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._keeper.waits(self)
        self._reading_headers = True

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        super().on_url(url)
        if len(self.url) > self._limits.header_bytes:
            self._stop()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        super().on_header(name, value)
        size = sum(len(each) + len(text) for each, text in self.headers)
        if len(self.headers) > self._limits.headers or size > self._limits.header_bytes:
            self._stop()

    def on_headers_complete(self) -> None:
        """The body has its own time."""
        self._reading_headers = False
        self._header_bytes = 0
        self._expect(self._limits.body_within)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is all here."""
        self._expect(None)
        self._keeper.is_served(self)
        super().on_message_complete()
        if self.cycle.response_complete:  # it was answered before all of it was here: the next one has its own time
            self._waits_for_headers()
            self._expect(self._limits.headers_within)

    def on_response_complete(self) -> None:
        """The next request may come. Python remembers addresses that it took apart: one may hold a pasted key."""
        super().on_response_complete()
        urllib.parse.clear_cache()  # type: ignore[attr-defined]  # typeshed leaves it out
        if not self.transport.is_closing() and self._deadline is None:
            self._waits_for_headers()

    def _waits_for_headers(self) -> None:
        self._keeper.waits(self)
        self._reading_headers = True
        self._header_bytes = 0

    def give_up(self) -> None:
        """Close the connection without a word."""
        self._is_refused = True
        self._expect(None)
        self.transport.abort()

    def _stop(self) -> None:
        # Raised through the parser, which hands it on as the end of this request.
        self._refuse(b"431 Request Header Fields Too Large")
        raise httptools.HttpParserError("headers too large")

    def _refuse(self, status: bytes) -> None:
        self._is_refused = True
        self._expect(None)
        self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Say that it was no request, unless more was said already."""
        if not self._is_refused:
            super().send_400_response(msg)

    def _expect(self, seconds: float | None) -> None:
        """Give up unless told otherwise within this time."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.give_up)


def server_of(
    app: ASGIApp,
    *,
    proxies: Sequence[Network] = (),
    context: ssl.SSLContext | None = None,
    limits: Limits | None = None,
) -> uvicorn.Server:
    """A server of this application, which speaks TLS if there is a context for it."""
    keeper = Doorkeeper(limits or Limits(), proxies)

    def protocol(**parts: Any) -> WipedReading:
        return WipedReading(PatientProtocol(**parts, keeper=keeper))

    given = {"ssl_context_factory": lambda _config, _default: context} if context is not None else {}
    config = uvicorn.Config(
        cast("Callable[..., Any]", app),
        http=cast("type[asyncio.Protocol]", protocol),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="off",
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=2,
        **given,  # type: ignore[arg-type]
    )
    return uvicorn.Server(config)
