"""The other side of an adapter, spoken for by a test: answers from lists, and connections that say what they are told.

What every venue's wires have in common; what a call is called and which frames answer which is each venue's own.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jarvis.venues.base import Unreachable
from jarvis.venues.session import HttpAnswer

Reply = HttpAnswer | Exception | Callable[[dict[str, str]], HttpAnswer]


class Transport:
    """Answers from lists, one per call; the last answer of a list is kept. Sockets are handed out in order.

    `sent` leaves out the parameters named in `unsaid`, which tell when a call was made.
    """

    unsaid: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.replies: dict[str, deque[Reply]] = {}
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.sockets: deque[Any] = deque()
        self.in_flight = 0
        self.most_in_flight = 0

    def name_of(self, method: str, path: str) -> str:
        """What the lists call a request."""
        raise NotImplementedError

    def says(self, operation: str, *replies: Reply | bytes) -> None:
        self.replies[operation] = deque(
            HttpAnswer(200, {}, reply) if isinstance(reply, bytes) else reply for reply in replies
        )

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109
    ) -> HttpAnswer:
        assert headers["User-Agent"]
        parts = urlsplit(url)
        operation = self.name_of(method, parts.path)
        parameters = dict(parse_qsl(parts.query or body.decode(), keep_blank_values=True))
        self.calls.append((operation, parameters))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1
        replies = self.replies[operation]
        reply = replies.popleft() if len(replies) > 1 else replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, HttpAnswer) else reply(parameters)

    async def open_socket(self, url: str) -> Any:
        if not self.sockets:
            raise Unreachable("nothing listens")
        socket = self.sockets.popleft()
        if isinstance(socket, Exception):
            raise socket
        socket.url = url
        return socket

    def sent(self, operation: str) -> list[dict[str, str]]:
        """What was sent in these calls."""
        return [
            {key: value for key, value in parameters.items() if key not in self.unsaid}
            for name, parameters in self.calls
            if name == operation
        ]


class Socket:
    """A connection that a test speaks for."""

    def __init__(self) -> None:
        self.url = ""
        self.sent: list[Any] = []
        self.is_closed = False
        self._frames: asyncio.Queue[str | None] = asyncio.Queue()

    def hear(self, message: Any) -> None:
        """What the venue does about a message."""
        raise NotImplementedError

    def say(self, text: str | bytes) -> None:
        self._frames.put_nowait(text if isinstance(text, str) else text.decode())

    def hang_up(self) -> None:
        self._frames.put_nowait(None)

    async def send(self, text: str) -> None:
        if self.is_closed:
            raise Unreachable("closed")
        message = text if text == "ping" else json.loads(text)
        self.sent.append(message)
        self.hear(message)

    async def recv(self) -> str:
        text = await self._frames.get()
        if text is None:
            raise Unreachable("closed")
        return text

    async def close(self) -> None:
        self.is_closed = True
