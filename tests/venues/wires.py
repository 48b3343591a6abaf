"""A Kraken made of prepared answers: clock, signer, transport and sockets for tests that need no emulator."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import wraps
from pathlib import Path
from random import Random
from typing import Any, ParamSpec
from urllib.parse import parse_qsl, urlencode, urlsplit

from jarvis.domain.market import Tick
from jarvis.venues.base import SignedRequest, Unreachable
from jarvis.venues.kraken import INTERNATIONAL, KrakenUrls, KrakenVenue
from jarvis.venues.kraken.fields import decode
from jarvis.venues.kraken.parse import parse_assets, parse_pair_names
from jarvis.venues.kraken.symbols import Symbols
from jarvis.venues.session import HttpAnswer, Socket
from tests.simulation.loop import VirtualLoop

WIRE = Path(__file__).resolve().parents[1] / "wire" / "kraken"
START = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
URLS = KrakenUrls(
    rest="http://127.0.0.1:9/kraken",
    ws_public="ws://127.0.0.1:9/kraken/ws/v2",
    ws_private="ws://127.0.0.1:9/kraken/ws-auth/v2",
)


def sample(name: str) -> bytes:
    """The bytes of one recorded shape."""
    return (WIRE / f"{name}.json").read_bytes()


def result(name: str) -> Any:
    """The `result` of one recorded REST answer, read with exact numbers."""
    return decode(sample(name))["result"]


def frame(name: str, **changes: object) -> str:
    """One recorded stream frame, with top-level fields changed."""
    return json.dumps({**json.loads(sample(name)), **changes})


def symbols(listing: str = "asset_pairs") -> Symbols:
    """The symbol table of the samples."""
    return Symbols(parse_assets(result("assets")), parse_pair_names(result(listing)))


def answer(value: object = None, *errors: str, status: int = 200) -> HttpAnswer:
    """An answer of the exchange itself."""
    return HttpAnswer(status, {}, json.dumps({"error": list(errors), "result": value}, default=_plain).encode())


def _plain(value: object) -> float:
    assert isinstance(value, Decimal)
    return float(value)


P = ParamSpec("P")


def on_virtual_time(case: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a case on an event loop whose time jumps: waiting is free, and the same every time."""

    @wraps(case)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(case(*args, **kwargs))

    return run


class HandClock:
    """A clock that moves when a test says so, or by itself with the event loop's clock."""

    def __init__(self, *, runs: bool = False) -> None:
        self._base = START
        self._runs = runs
        self._loop_base = asyncio.get_event_loop().time() if runs else 0.0

    def now(self) -> datetime:
        elapsed = asyncio.get_event_loop().time() - self._loop_base if self._runs else 0.0
        return self._base + timedelta(seconds=elapsed)

    def advance(self, seconds: float) -> None:
        self._base += timedelta(seconds=seconds)

    async def ticks(self) -> AsyncIterator[Tick]:
        yield Tick(self.now())


class PlainSigner:
    """Puts the parameters into the body as they are, so that a test sees exactly what would be signed."""

    def __init__(self) -> None:
        self.failure: Exception | None = None

    async def sign(self, operation: str, parameters: Mapping[str, str]) -> SignedRequest:
        if self.failure is not None:
            raise self.failure
        headers = {"API-Key": "made-up", "API-Sign": "made-up"}
        return SignedRequest("POST", f"/0/private/{operation}", headers, urlencode(parameters).encode())


Reply = HttpAnswer | Exception | Callable[[dict[str, str]], HttpAnswer]


class ScriptedTransport:
    """Answers from lists, one per operation; the last answer of a list is kept. Sockets are handed out in order."""

    def __init__(self) -> None:
        self.replies: dict[str, deque[Reply]] = {}
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.sockets: deque[ScriptedSocket | Exception] = deque()
        self.in_flight = 0
        self.most_in_flight = 0
        self.says("Assets", sample("assets"))
        self.says("AssetPairs", sample("asset_pairs"))
        self.says("Time", sample("time"))

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
        operation = parts.path.rpartition("/")[2]
        parameters = dict(parse_qsl(parts.query if method == "GET" else body.decode(), keep_blank_values=True))
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

    async def open_socket(self, url: str) -> Socket:
        if not self.sockets:
            raise Unreachable("nothing listens")
        socket = self.sockets.popleft()
        if isinstance(socket, Exception):
            raise socket
        socket.url = url
        return socket

    def sent(self, operation: str) -> list[dict[str, str]]:
        return [parameters for name, parameters in self.calls if name == operation]


class ScriptedSocket:
    """A connection that a test speaks for. It answers pings, and subscriptions with what it was given."""

    def __init__(self, *greetings: str, answers_pings: bool = True) -> None:
        self.url = ""
        self.sent: list[dict[str, Any]] = []
        self.is_closed = False
        self._frames: asyncio.Queue[str | None] = asyncio.Queue()
        self._answers_pings = answers_pings
        for greeting in greetings:
            self.say(greeting)

    def say(self, text: str) -> None:
        self._frames.put_nowait(text)

    def hang_up(self) -> None:
        self._frames.put_nowait(None)

    async def send(self, text: str) -> None:
        if self.is_closed:
            raise Unreachable("closed")
        message = json.loads(text)
        self.sent.append(message)
        if message["method"] == "ping" and self._answers_pings:
            self.say(json.dumps({"method": "pong", "req_id": message["req_id"]}))

    async def recv(self) -> str:
        text = await self._frames.get()
        if text is None:
            raise Unreachable("closed")
        return text

    async def close(self) -> None:
        self.is_closed = True


def kraken(
    transport: ScriptedTransport,
    *,
    clock: HandClock | None = None,
    signer: PlainSigner | None = None,
    execution_venue: str = INTERNATIONAL,
) -> KrakenVenue:
    """An adapter over prepared answers."""
    return KrakenVenue(
        transport=transport,
        urls=URLS,
        signer=signer or PlainSigner(),
        clock=clock or HandClock(),
        random=Random(7),
        execution_venue=execution_venue,
    )
