"""A venue's stream that heals itself: silence, a cut or a lost frame make a new connection, and a StreamGap says so.

It knows no venue's words (a Dialect has them) and does no I/O of its own (a Transport does). Staleness and heartbeats
run on the event loop's clock, because sockets do; the events carry the venue's time.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Generic, Protocol, Self, TypeVar

import structlog

from jarvis.domain.clock import Clock
from jarvis.venues.base import KeyInvalid, NotPermitted, StreamGap, Unreachable, UnreadableAnswer, VenueError
from jarvis.venues.session import Socket, Transport

log = structlog.get_logger()

# A burst of so many connections is made without waiting. Kraken's edge bans at about 150 in ten minutes.
_CONNECTIONS = 10
_CONNECTION_WINDOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to our ping of this number."""

    number: int


class StreamBroken(Exception):
    """The connection can no longer be trusted and must be made anew. Its text says why."""


Event = TypeVar("Event")
Event_co = TypeVar("Event_co", covariant=True)


class Dialect(Protocol[Event_co]):
    """A venue's words on one stream. One instance serves one stream over all its connections."""

    url: str

    async def subscribe(self, socket: Socket) -> Sequence[Event_co]:
        """Subscribe on a new connection, return once confirmed; gives the events that came meanwhile.

        Raises VenueError.
        """
        ...

    def read(self, text: str) -> Sequence[Event_co | Pong]:
        """The events of one frame. Raises StreamBroken when frames were lost, UnreadableAnswer when it is strange."""
        ...

    def ping(self, number: int) -> str:
        """A frame that the venue answers with the same number."""
        ...


class ReconnectingSocket(Generic[Event]):
    """A stream of events that heals itself. Use `opened()`; read by iterating, or by `flush()` and `pending()`."""

    def __init__(
        self,
        transport: Transport,
        dialect: Dialect[Event],
        *,
        name: str,
        clock: Clock,
        random: Random,
        silence_seconds: float = 5.0,
        patience_seconds: float = 3.0,
        keep_alive_seconds: float = 20.0,
        backoff_cap_seconds: float = 30.0,
        capacity: int = 100_000,
    ) -> None:
        self._transport = transport
        self._dialect = dialect
        self._name = name
        self._clock = clock
        self._random = random
        self._silence = silence_seconds
        self._patience = patience_seconds
        self._keep_alive = keep_alive_seconds
        self._backoff_cap = backoff_cap_seconds
        self._capacity = capacity
        self._events: deque[Event | StreamGap] = deque()
        self._arrived = asyncio.Event()
        self._up = asyncio.Event()
        self._socket: Socket | None = None
        self._pings: dict[int, asyncio.Future[bool]] = {}
        self._ping_number = 0
        self._connected_at: deque[float] = deque(maxlen=_CONNECTIONS)
        self._last_sent_at = 0.0
        self._last_heard_at = 0.0
        self._failure: Exception | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Self]:
        """The stream, subscribed: from here on nothing is missed without a StreamGap. Raises VenueError."""
        await self._connect()
        task = asyncio.create_task(self._run(), name=f"{self._name}-stream")
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])
            await self._drop()

    @property
    def last_heard_at(self) -> float:
        """Event-loop time of the last frame of any kind."""
        return self._last_heard_at

    def pending(self) -> Sequence[Event | StreamGap]:
        """Remove and return what was received and not yet read."""
        events = list(self._events)
        self._events.clear()
        return events

    async def __aiter__(self) -> AsyncIterator[Event | StreamGap]:
        """Events as they come. Raises KeyInvalid or NotPermitted when the venue takes no new connection of this key."""
        while True:
            while self._events:
                yield self._events.popleft()
            if self._failure is not None:
                raise self._failure
            self._arrived.clear()
            await self._arrived.wait()

    async def flush(self) -> None:
        """Return once all that the venue sent before this call is pending: a ping's round trip.

        While the connection is being renewed it waits a short time for it, so that a caller whose clock waits for
        it does not run ahead of the stream. Raises Unreachable.
        """
        try:
            async with asyncio.timeout(self._patience):
                while not await self._round_trip():
                    pass
        except TimeoutError as error:
            raise Unreachable(f"the {self._name} stream is down") from error

    async def _round_trip(self) -> bool:
        if self._failure is not None:
            raise self._failure
        await self._up.wait()
        if self._failure is not None:
            raise self._failure
        self._ping_number += 1
        number = self._ping_number
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pings[number] = answered
        try:
            if not await self._send(self._dialect.ping(number)):
                await asyncio.sleep(0.01)
                return False
            return await answered
        finally:
            self._pings.pop(number, None)

    async def _send(self, text: str) -> bool:
        if self._socket is None:
            return False
        self._last_sent_at = asyncio.get_running_loop().time()
        try:
            await self._socket.send(text)
        except (Unreachable, OSError):
            return False
        return True

    async def _run(self) -> None:
        """Read until closed; renew whatever breaks. A task's top: what is not expected is kept for the reader."""
        try:
            while True:
                reason = await self._read_until_broken()
                await self._drop()
                log.warning("stream_broke", stream=self._name, reason=reason)
                await self._reconnect(reason)
        except (KeyInvalid, NotPermitted) as error:
            log.error("stream_ended", stream=self._name, reason=str(error))  # noqa: TRY400 - the venue's no, no bug
            self._fail(error)
        except Exception as error:
            log.exception("stream_failed", stream=self._name)
            self._fail(error)

    async def _reconnect(self, reason: str) -> None:
        failures = 0
        while True:
            await asyncio.sleep(self._backoff(failures))
            try:
                await self._connect(reason)
            except (KeyInvalid, NotPermitted):
                raise
            except VenueError as error:
                failures += 1
                log.warning("stream_reconnect_failed", stream=self._name, attempt=failures, reason=str(error))
            else:
                log.info("stream_reconnected", stream=self._name, failures=failures)
                return

    def _backoff(self, failures: int) -> float:
        """The first retry almost at once, later ones doubling up to the cap; jittered, so accounts do not march.

        A connection that is taken and dropped again and again also waits: venues ban what connects too often.
        """
        is_hasty = (
            len(self._connected_at) == _CONNECTIONS
            and asyncio.get_running_loop().time() - self._connected_at[0] < _CONNECTION_WINDOW_SECONDS
        )
        if is_hasty:
            return self._random.uniform(0.5, 1.0) * self._backoff_cap
        if failures == 0:
            return self._random.uniform(0.02, 0.25)
        return self._random.uniform(0.5, 1.0) * min(self._backoff_cap, 0.5 * 2.0 ** min(failures, 16))

    async def _connect(self, gap_reason: str | None = None) -> None:
        """Open and subscribe; after a loss the reader is told first, then gets what came while subscribing."""
        loop = asyncio.get_running_loop()
        self._connected_at.append(loop.time())
        socket = await self._transport.open_socket(self._dialect.url)
        try:
            async with asyncio.timeout(2 * self._silence):
                events = await self._dialect.subscribe(socket)
        except TimeoutError as error:
            await socket.close()
            raise Unreachable(f"the venue did not confirm the {self._name} stream") from error
        except StreamBroken as error:
            await socket.close()
            raise Unreachable(str(error)) from error
        except BaseException:
            await socket.close()
            raise
        self._last_heard_at = self._last_sent_at = loop.time()
        if gap_reason is not None:
            self._put(StreamGap(gap_reason, self._clock.now()))
        for event in events:
            self._put(event)
        self._socket = socket
        self._up.set()

    async def _drop(self) -> None:
        self._up.clear()
        socket, self._socket = self._socket, None
        for answered in self._pings.values():
            if not answered.done():
                answered.set_result(False)
        if socket is not None:
            await socket.close()

    async def _read_until_broken(self) -> str:
        """Read frames; returns why this connection is no longer good."""
        loop = asyncio.get_running_loop()
        while (socket := self._socket) is not None:
            try:
                text = await self._next_frame(socket)
            except TimeoutError:
                return f"silent for {self._silence:g} s"
            except (Unreachable, OSError):
                return "the venue closed it"
            self._last_heard_at = loop.time()
            try:
                for event in self._dialect.read(text):
                    self._take(event)
            except StreamBroken as error:
                return str(error)
            except UnreadableAnswer as error:
                # What we could not read may matter: the reader asks by REST, where it is told in full or refused.
                log.error("stream_frame_unreadable", stream=self._name, reason=str(error))  # noqa: TRY400
                self._put(StreamGap(f"unreadable: {error}", self._clock.now()))
            if loop.time() - self._last_sent_at > self._keep_alive:
                await self._send(self._dialect.ping(0))
            # A flood of frames must not keep other accounts from running.
            await asyncio.sleep(0)
        return "closed"

    async def _next_frame(self, socket: Socket) -> str:
        try:
            async with asyncio.timeout(self._silence):
                return await socket.recv()
        except TimeoutError:
            # If this machine itself stood still, the frames are waiting: look once more before giving up.
            async with asyncio.timeout(1.0):
                return await socket.recv()

    def _take(self, event: Event | Pong) -> None:
        if isinstance(event, Pong):
            answered = self._pings.get(event.number)
            if answered is not None and not answered.done():
                answered.set_result(True)
        else:
            self._put(event)

    def _put(self, event: Event | StreamGap) -> None:
        if len(self._events) >= self._capacity:
            self._events.clear()
            self._events.append(StreamGap("the reader fell behind", self._clock.now()))
            log.warning("stream_overflowed", stream=self._name, capacity=self._capacity)
        self._events.append(event)
        self._arrived.set()

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._up.set()
        self._arrived.set()
