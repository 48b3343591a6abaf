"""The two clocks of a running system: the wall, and a sandbox that waits for its followers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import websockets
from websockets.asyncio.client import ClientConnection

from jarvis.domain.market import Tick
from jarvis.venues.http1 import AnswerBrokenError, HttpClient, NothingSentError

TICK = timedelta(seconds=1)
_SANDBOX_SECONDS = 30.0
_MAX_BODY_BYTES = 64 * 1024


class WallClock:
    """The machine's own clock; ticks once a second and waits for nobody."""

    lockstep = False

    def now(self) -> datetime:
        """The current instant."""
        return datetime.now(UTC)

    async def ticks(self) -> AsyncIterator[Tick]:
        """One tick a second; a late reader gets one tick for all that it missed."""
        while True:
            yield Tick(self.now())
            await asyncio.sleep(TICK.total_seconds())


class SandboxClock:
    """The sandbox's clock, followed over its socket.

    A follower answers each step when it asks for the next one, and the sandbox does not advance before: a replay
    runs as fast as the machine allows and no order is ever late.
    """

    lockstep = True

    def __init__(self, socket: ClientConnection, now: datetime) -> None:
        self._socket = socket
        self._now = now

    def now(self) -> datetime:
        """The instant of the last step."""
        return self._now

    async def ticks(self) -> AsyncIterator[Tick]:
        """One tick a step, until the sandbox's market ends."""
        while True:
            try:
                message = json.loads(await self._socket.recv())
            except websockets.ConnectionClosed as error:
                raise ConnectionError("the sandbox's clock closed its socket") from error
            if "end" in message:
                return
            self._now = datetime.fromisoformat(message["now"])
            yield Tick(self._now)
            await self._socket.send(json.dumps({"done": message["now"]}))


@asynccontextmanager
async def watched_sandbox_clock(url: str) -> AsyncIterator[SandboxClock]:
    """The sandbox's clock kept up to date in the background, without making the sandbox wait."""

    async def watch(clock: SandboxClock) -> None:
        async for _ in clock.ticks():
            pass

    async with sandbox_clock(url, follow=False) as clock:
        watching = asyncio.create_task(watch(clock))
        try:
            yield clock
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


@asynccontextmanager
async def sandbox_clock(url: str, *, follow: bool) -> AsyncIterator[SandboxClock]:
    """The clock of the sandbox at `url` (http://127.0.0.1:PORT); with `follow` the sandbox waits for us.

    Raises ConnectionError when no sandbox answers there.
    """
    try:
        now = await _sandbox_now(url)
        address = f"{url.replace('http', 'ws', 1)}/sandbox/clock?follow={int(follow)}"
        socket = await websockets.connect(address, proxy=None, ping_interval=None)
    except (OSError, NothingSentError, AnswerBrokenError) as error:
        raise ConnectionError(f"no sandbox answers at {url}; start it with `jarvis sandbox`") from error
    try:
        yield SandboxClock(socket, now)
    finally:
        await socket.close()


async def _sandbox_now(url: str) -> datetime:
    seconds = _SANDBOX_SECONDS
    client = HttpClient([url], user_agent="jarvis-trader", connect_seconds=seconds, max_body_bytes=_MAX_BODY_BYTES)
    try:
        _, _, body = await client.request("GET", f"{url}/sandbox/clock", {}, b"", seconds)
    finally:
        await client.close()
    return datetime.fromisoformat(json.loads(body)["now"])
