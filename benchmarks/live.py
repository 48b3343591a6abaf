"""What the live way costs: an order out through the signer's own process, and one more account."""

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import ccxt
import ccxt.async_support
import uvloop
from tests.signer.inprocess import WIDE, made_up_key
from tests.venues.binance.wires import sample

from benchmarks.measure import Duel
from benchmarks.orders import FENCE, PATIENT_VENUE, Now, ccxt_kraken_at, stub, wish
from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, VenueName
from jarvis.domain.instrument import Pair
from jarvis.signer.client import SignerClient
from jarvis.signer.vault import create_master_key
from jarvis.venues.base import Accepted, RequestSigner, Venue
from jarvis.venues.binance import BinanceVenue
from jarvis.venues.binance.budgets import MinuteBudget
from jarvis.venues.kraken import KrakenUrls, KrakenVenue
from jarvis.venues.session import NetworkTransport, VenueUrls

BTC_USDT = Pair.parse("BTC/USDT")
ORDER_LIMIT = 0.5


def keys_of(venue: str) -> tuple[str, str]:
    """A made-up key in the venue's shape."""
    if venue == "kraken":
        return made_up_key("benchmark")
    return tuple(hashlib.sha256(word).hexdigest() for word in (b"key", b"secret"))  # type: ignore[return-value]


@contextmanager
def live_orders(scale: int) -> Iterator[list[Duel]]:
    """One order built, signed by the signer's process and answered: the CPU time of both processes together."""
    batch = 10 * scale
    with ExitStack() as stack:
        address = stack.enter_context(stub())
        folder = Path(stack.enter_context(TemporaryDirectory()))
        process = stack.enter_context(_signer(folder))
        # The loop that an installed worker runs on (`jarvis.cli.wiring.run`), for both sides.
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        urls = VenueUrls(address, address.replace("http", "ws"), address.replace("http", "ws"))
        transport = runner.run(NetworkTransport([urls]).__aenter__())
        client = SignerClient(folder / "run" / "s.sock")

        def both() -> float:
            return time.process_time() + time.clock_gettime(~process << 3 | 2)

        duels = []
        for name, peer in (("kraken", ccxt_kraken_at(address)), ("binance", _ccxt_binance_at(address))):
            signer = client.bound(runner.run(_sealed(client, name)), FENCE)
            exchange = runner.run(peer)
            stack.callback(_close, runner, exchange)
            venue = _venue(name, transport, urls, signer)
            duels.append(
                Duel(
                    f"{name}: an order, signer included",
                    "order",
                    "ccxt create_order",
                    _placing(runner, name, venue, batch),
                    _creating(runner, name, exchange, batch),
                    clock=both,
                    most=ORDER_LIMIT,
                )
            )
        yield duels
        runner.run(client.close())
        runner.run(transport.close())


def _close(runner: asyncio.Runner, exchange: Any) -> None:
    runner.run(exchange.close())


def _placing(runner: asyncio.Runner, name: str, venue: Venue, batch: int) -> Callable[[], int]:
    placed = 0

    async def place() -> int:
        nonlocal placed
        for _ in range(batch):
            placed += 1
            order = wish(placed)
            answer = await venue.place(order if name == "kraken" else replace(order, pair=BTC_USDT, leverage=5))
            assert isinstance(answer, Accepted), answer
        return batch

    return lambda: runner.run(place())


def _creating(runner: asyncio.Runner, name: str, exchange: Any, batch: int) -> Callable[[], int]:
    symbol, more = ("BTC/USD", {"leverage": 10}) if name == "kraken" else ("BTC/USDT", {"marginMode": "cross"})

    async def create() -> int:
        for number in range(batch):
            wanted = {**more, "clientOrderId": f"jv{number:07d}"}
            order = await exchange.create_order(symbol, "limit", "buy", 0.0125, 60010.5, wanted)
            assert order["id"]
        return batch

    return lambda: runner.run(create())


def _venue(name: str, transport: NetworkTransport, urls: VenueUrls, signer: RequestSigner | None) -> Venue:
    chance = Random(1)  # noqa: S311 - jitter of retries, which do not happen here
    if name == "kraken":
        at = KrakenUrls(urls.rest, urls.ws_public, urls.ws_private)
        return KrakenVenue(transport=transport, urls=at, signer=signer, clock=Now(), random=chance, tier=PATIENT_VENUE)
    venue = BinanceVenue(transport=transport, urls=urls, signer=signer, clock=Now(), random=chance)
    # A counter that never fills: what is measured is our work, not the venue's patience.
    venue._calls.uid = MinuteBudget(Now().now, 10**12)  # noqa: SLF001
    return venue


async def _sealed(client: SignerClient, name: str) -> Credential:
    api_key, secret = keys_of(name)
    names = AccountId(name), VenueName(name), CredentialId("key"), Environment.SANDBOX
    sealed = await client.seal(
        account_id=names[0],
        venue=names[1],
        credential_id=names[2],
        environment=names[3],
        api_key=api_key,
        secret=secret,
    )
    row = Credential(*names, sealed)
    return replace(row, policy=await client.seal_policy(row, WIDE))


@contextmanager
def _signer(folder: Path) -> Iterator[int]:
    """The process id of a signer as it is installed."""
    create_master_key(folder / "master.key")
    paths = {"socket": folder / "run" / "s.sock", "master-key": folder / "master.key", "state": folder / "state"}
    options = [str(part) for name, path in paths.items() for part in (f"--{name}", path)]
    process = subprocess.Popen([sys.executable, "-m", "jarvis.signer", *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready")
        yield process.pid
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


class _Prepared(ccxt.binance):  # type: ignore[misc]
    """ccxt with the venue's listings at hand."""

    def fetch(self, *_: Any, **__: Any) -> Any:
        return json.loads(sample("exchange_info"))


def _binance_markets() -> Any:
    return _Prepared({"options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}}).fetch_markets()


async def _ccxt_binance_at(address: str) -> Any:
    api_key, secret = keys_of("binance")
    exchange = ccxt.async_support.binance({"apiKey": api_key, "secret": secret, "enableRateLimit": False})
    exchange.urls["api"]["sapi"] = f"{address}/sapi/v1"
    exchange.set_markets(_binance_markets())
    return exchange
