"""HTTP and WebSocket for every venue: with `http1.py` below it, all I/O of this package.

It knows nothing of any venue's words. It carries bytes, says whether a request may have arrived, keeps one key's
requests in the order of their nonces, and keeps the venue's request counters from overflowing. Streams that heal
themselves stand on it in `stream.py`.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

import structlog
import websockets
from websockets.asyncio.client import ClientConnection, connect

from jarvis import __version__
from jarvis.domain.clock import Clock
from jarvis.venues.base import (
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    RequestSigner,
    Unreachable,
)
from jarvis.venues.http1 import AnswerBrokenError, HttpClient, NothingSentError

log = structlog.get_logger()

USER_AGENT = f"jarvis-trader/{__version__}"
MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_FRAME_BYTES = 8 * 1024 * 1024
CONNECT_SECONDS = 5.0
READ_SECONDS = 8.0
WRITE_SECONDS = 10.0

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class VenueUrls:
    """Where a venue answers. Plain http and ws are taken for this machine only: the sandbox."""

    rest: str
    ws_public: str
    ws_private: str

    def __post_init__(self) -> None:
        """Refuse an address that would carry orders in the clear, or not at all."""
        for url, secure, plain in (
            (self.rest, "https", "http"),
            (self.ws_public, "wss", "ws"),
            (self.ws_private, "wss", "ws"),
        ):
            parts = urlsplit(url)
            if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
                raise ValueError(f"{parts.scheme}://{parts.hostname}: a venue's address is scheme, host and path")
            if parts.scheme != secure and not (parts.scheme == plain and parts.hostname in _LOOPBACK):
                raise ValueError(f"{parts.scheme}://{parts.hostname}: a venue outside this machine needs {secure}")

    @property
    def origins(self) -> frozenset[str]:
        """Scheme, host and port of each address."""
        return frozenset(_origin(url) for url in (self.rest, self.ws_public, self.ws_private))


def _origin(url: str) -> str:
    """All before the path; a user's name or a query there makes it another one than any that is known."""
    end = url.find("/", url.find("://") + 3)
    return url if end < 0 else url[:end]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back, unread."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AnswerLost(Exception):
    """The request may have arrived, its answer did not: a read may be asked again, a write is looked up."""


class Socket(Protocol):
    """One open WebSocket. A closed one raises Unreachable; waiting in `recv` may be cancelled without loss."""

    async def send(self, text: str, /) -> None:
        """Send one frame."""
        ...

    async def recv(self) -> str:
        """The next frame."""
        ...

    async def close(self) -> None:
        """Close; never raises, may be called twice."""
        ...


class Transport(Protocol):
    """Carries bytes, shared by all accounts of a process: real sockets, or a simulation in this process."""

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - only the transport knows whether a connect timed out, or an answer
        /,
    ) -> HttpAnswer:
        """The answer to one request, whatever its status; never follows a redirect, never sends twice.

        Raises Unreachable when the request certainly never left, AnswerLost (or TimeoutError, OSError) when it may
        have arrived. `timeout` is in seconds of the event loop's clock.
        """
        ...

    async def open_socket(self, url: str, /) -> Socket:
        """A new WebSocket. Raises Unreachable."""
        ...


class _NoRedirect(connect):
    """A WebSocket handshake that never goes anywhere else than it was told."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """The error itself: a venue does not move."""
        return exc


class NetworkTransport:
    """The real network: one HTTP client for all venues of a process, plain WebSockets. An async context manager.

    It carries requests to the addresses of `urls` and to nowhere else, whoever built them.
    """

    def __init__(self, urls: Iterable[VenueUrls]) -> None:
        self._origins = frozenset(origin for each in urls for origin in each.origins)
        self._client: HttpClient | None = None

    async def __aenter__(self) -> Self:
        self._client = HttpClient(
            (origin for origin in self._origins if origin.startswith("http")),
            user_agent=USER_AGENT,
            connect_seconds=CONNECT_SECONDS,
            max_body_bytes=MAX_BODY_BYTES,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - the transport's own contract
    ) -> HttpAnswer:
        """As Transport says."""
        if self._client is None:
            raise Unreachable("the transport is not open")
        try:
            return HttpAnswer(*await self._client.request(method, url, headers, body, timeout))
        except NothingSentError as error:
            raise Unreachable(f"{error}; nothing was sent to {_origin(url)}") from error
        except AnswerBrokenError as error:
            raise AnswerLost(f"{_origin(url)}: {error}") from error

    async def open_socket(self, url: str) -> Socket:
        """As Transport says."""
        if _origin(url) not in self._origins:
            raise Unreachable(f"{_origin(url)} is not one of the venue's addresses; nothing was sent")
        try:
            connection = await _NoRedirect(
                url,
                user_agent_header=USER_AGENT,
                proxy=None,
                open_timeout=CONNECT_SECONDS,
                close_timeout=1,
                ping_interval=None,
                max_size=MAX_FRAME_BYTES,
                max_queue=1024,
            )
        except (OSError, websockets.WebSocketException) as error:
            raise Unreachable(f"could not open a stream to {_origin(url)}: {type(error).__name__}") from error
        return _WebSocket(connection)


class _WebSocket:
    """Frames of one connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, text: str) -> None:
        try:
            await self._connection.send(text)
        except (OSError, websockets.ConnectionClosed) as error:
            raise Unreachable("the stream is closed") from error

    async def recv(self) -> str:
        try:
            frame = await self._connection.recv()
        except (OSError, websockets.ConnectionClosed) as error:
            raise Unreachable("the stream is closed") from error
        return frame if isinstance(frame, str) else frame.decode(errors="replace")

    async def close(self) -> None:
        with suppress(OSError, websockets.WebSocketException):
            await self._connection.close()


class RateBudget:
    """A counter that the venue keeps and that we keep too: each call adds its cost, time takes it down again.

    A share of the limit is kept for urgent calls: cancels, exits, and what finds out about them. Time is the
    venue's (the passed clock), because that is what the venue counts with.
    """

    __slots__ = ("_at", "_clock", "_decay", "_level", "_limit", "_reserve")

    def __init__(self, clock: Clock, *, limit: float, decay_per_second: float, reserve: float = 0.3) -> None:
        self._clock = clock
        self._limit = limit
        self._decay = decay_per_second
        self._reserve = reserve
        self._level = 0.0
        self._at = clock.now()

    def add(self, cost: float) -> None:
        """Count a call that is made whatever the budget says."""
        self._level = self._now_at() + cost

    def fill(self) -> None:
        """The venue said that its counter is full."""
        self._level = max(self._now_at(), self._limit)

    def missing(self, cost: float, *, urgent: bool) -> timedelta:
        """How long until a call of this cost fits; zero if it fits now."""
        ceiling = max(cost, self._limit if urgent else self._limit * (1 - self._reserve))
        return timedelta(seconds=max(0.0, self._now_at() + cost - ceiling) / self._decay)

    async def wait(self, cost: float, *, urgent: bool, patience: timedelta = timedelta(seconds=30)) -> None:
        """Count a call, after waiting until it fits.

        Raises RateLimited when that would take longer than `patience`, or when the clock stands still while we wait
        (a sandbox that waits for us): then asking later is the only way.
        """
        while (missing := self.missing(cost, urgent=urgent)) > timedelta(0):
            before = self._clock.now()
            if missing <= patience:
                await asyncio.sleep(min(0.25, missing.total_seconds()))
            if missing > patience or self._clock.now() <= before:
                raise RateLimited("our own request budget for this key is used up", missing)
        self.add(cost)

    def _now_at(self) -> float:
        now = self._clock.now()
        elapsed = max(0.0, (now - self._at).total_seconds())
        self._at = now
        self._level = max(0.0, self._level - elapsed * self._decay)
        return self._level


class KeySession:
    """Signs and sends the calls of one key, one at a time: the venue sees their nonces in the order they were made."""

    def __init__(self, transport: Transport, rest_url: str, signer: RequestSigner) -> None:
        self._transport = transport
        self._rest_url = rest_url
        self._signer = signer
        self._lock = asyncio.Lock()

    async def call(self, operation: str, parameters: Mapping[str, str], *, write: bool) -> HttpAnswer:
        """The venue's answer to one signed call.

        Raises Unreachable or NotPermitted when nothing was sent. When the answer got lost, a read raises
        Unreachable and a write OutcomeUnknown.
        """
        async with self._lock:
            try:
                signed = await self._signer.sign(operation, parameters)
            except PermissionError as error:
                raise NotPermitted(f"the signer refused {operation}, nothing was sent: {error}") from error
            except OSError as error:
                raise Unreachable(f"the signer does not answer; {operation} was not sent") from error
            url = self._rest_url + signed.path
            headers = {"User-Agent": USER_AGENT, **signed.headers}
            seconds = WRITE_SECONDS if write else READ_SECONDS
            try:
                return await self._transport.request(signed.method, url, headers, signed.body, seconds)
            except (AnswerLost, OSError) as error:
                if write:
                    raise OutcomeUnknown(f"no answer to {operation}: it may have happened") from error
                raise Unreachable(f"no answer to {operation}") from error


def measured_offset(sent_at: datetime, heard_at: datetime, venue_at: datetime, resolution: timedelta) -> timedelta:
    """How far the venue's clock is ahead of ours, as far as one reading proves it; zero while it may be equal.

    The venue read its clock between `sent_at` and `heard_at` (ours) and told it rounded down to `resolution`.
    """
    earliest, latest = venue_at - heard_at, venue_at + resolution - sent_at
    if earliest > timedelta(0):
        return earliest
    if latest < timedelta(0):
        return latest
    return timedelta(0)
