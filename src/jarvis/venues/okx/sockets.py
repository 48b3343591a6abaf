"""Two connections of OKX as one: orders come on one, algo orders on the other; tickers here, candles there.

A stream is whole only while both are, so one that breaks breaks the pair. OKX answers the text `ping` with `pong`,
without a number, and says nothing else while nothing happens: here a ping has a number, its pong comes once both
connections answered, and a pair that is quiet asks by itself.
"""

import asyncio
from collections import deque
from collections.abc import Mapping

from jarvis.venues.base import Unreachable
from jarvis.venues.session import HttpAnswer, Socket, Transport

PING, PONG = "ping", "pong"
_QUIET_SECONDS = 2.0
_BUSY_SECONDS = 10.0
_PATIENCE_SECONDS = 5.0


class SocketPair:
    """Two sockets that are read as one. `send` is for pings; everything else says which of the two is meant."""

    def __init__(self, first: Socket, second: Socket) -> None:
        self._sockets = (first, second)
        self._reading: list[asyncio.Future[str] | None] = [None, None]
        self._frames: deque[str] = deque()
        self._pings: deque[tuple[str, float]] = deque()
        self._pongs = [0, 0]
        self._pinged_at = asyncio.get_running_loop().time()

    async def send(self, text: str) -> None:
        """Send a ping (`ping 7`) on both."""
        self._pinged_at = asyncio.get_running_loop().time()
        self._pings.append((text.removeprefix(PING).strip(), self._pinged_at))
        for socket in self._sockets:
            await socket.send(PING)

    async def send_on(self, which: int, text: str) -> None:
        """Send one frame on the first (0) or the second (1)."""
        await self._sockets[which].send(text)

    async def recv(self) -> str:
        """The next frame of either, or `pong 7` once both answered that ping. Raises Unreachable if one is dead."""
        loop = asyncio.get_running_loop()
        while not self._frames:
            if self._pings and loop.time() - self._pings[0][1] > _PATIENCE_SECONDS:
                raise Unreachable("one of the stream's two connections does not answer")
            if loop.time() - self._pinged_at > _BUSY_SECONDS:
                await self.send(f"{PING} 0")
            waiting = [self._read(which) for which in (0, 1)]
            done, _ = await asyncio.wait(waiting, timeout=_QUIET_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not done and not self._pings:
                await self.send(f"{PING} 0")
            for which, reading in enumerate(waiting):
                if reading in done:
                    self._reading[which] = None
                    self._take(which, reading.result())
        return self._frames.popleft()

    async def close(self) -> None:
        """Close both; never raises."""
        reading = [each for each in self._reading if each is not None]
        for each in reading:
            each.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        self._reading = [None, None]
        for socket in self._sockets:
            await socket.close()

    def _read(self, which: int) -> asyncio.Future[str]:
        """The read that is under way: giving up waiting for it loses nothing."""
        reading = self._reading[which]
        if reading is None:
            reading = self._reading[which] = asyncio.ensure_future(self._sockets[which].recv())
        return reading

    def _take(self, which: int, text: str) -> None:
        if text != PONG:
            self._frames.append(text)
            return
        self._pongs[which] += 1
        while self._pings and min(self._pongs) > 0:
            self._pongs = [count - 1 for count in self._pongs]
            self._frames.append(f"{PONG} {self._pings.popleft()[0]}")


class PairedTransport:
    """A transport whose every socket is a pair: at the address that is asked for, and at a second one."""

    def __init__(self, transport: Transport, second_url: str) -> None:
        self._transport = transport
        self._second_url = second_url

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - the transport's own contract
    ) -> HttpAnswer:
        """As Transport says."""
        return await self._transport.request(method, url, headers, body, timeout)

    async def open_socket(self, url: str) -> Socket:
        """Both, or neither."""
        first = await self._transport.open_socket(url)
        try:
            second = await self._transport.open_socket(self._second_url)
        except BaseException:
            await first.close()
            raise
        return SocketPair(first, second)


def business_url(url: str) -> str:
    """The address of the business stream beside a public or private one."""
    return f"{url.rstrip('/').rpartition('/')[0]}/business"
