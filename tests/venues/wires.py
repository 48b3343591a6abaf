"""A Kraken made of prepared answers: clock, signer, transport and sockets for tests that need no emulator."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import wraps
from pathlib import Path
from random import Random
from typing import Any, ParamSpec
from urllib.parse import urlencode

from jarvis.domain.market import Tick
from jarvis.venues.base import SignedRequest
from jarvis.venues.kraken import INTERNATIONAL, KrakenUrls, KrakenVenue
from jarvis.venues.kraken.fields import decode
from jarvis.venues.kraken.parse import parse_assets, parse_pair_names
from jarvis.venues.kraken.symbols import Symbols
from jarvis.venues.session import HttpAnswer
from tests.simulation.loop import VirtualLoop
from tests.venues import scripted

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


class ScriptedTransport(scripted.Transport):
    """Kraken's answers. A call is named by its operation."""

    def __init__(self) -> None:
        super().__init__()
        self.says("Assets", sample("assets"))
        self.says("AssetPairs", sample("asset_pairs"))
        self.says("Time", sample("time"))

    def name_of(self, method: str, path: str) -> str:
        return path.rpartition("/")[2]


class ScriptedSocket(scripted.Socket):
    """It answers pings; what else it says is given."""

    def __init__(self, *greetings: str, answers_pings: bool = True) -> None:
        super().__init__()
        self._answers_pings = answers_pings
        for greeting in greetings:
            self.say(greeting)

    def hear(self, message: Any) -> None:
        if message["method"] == "ping" and self._answers_pings:
            self.say(json.dumps({"method": "pong", "req_id": message["req_id"]}))


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
