"""An order's way out: its signature, and building, signing and sending it to a server that answers at once."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import ccxt
import ccxt.async_support
from tests.signer.inprocess import MASTER_KEY, WIDE, made_up_key

from benchmarks.measure import Duel
from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, VenueName
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Tick
from jarvis.domain.order import ClientOrderId, OrderRequest, OrderRole, OrderType
from jarvis.signer.core import SigningCore
from jarvis.venues.base import Accepted, SignedRequest
from jarvis.venues.kraken import KrakenUrls, KrakenVenue, Tier
from jarvis.venues.kraken.requests import add_order
from jarvis.venues.session import NetworkTransport

BTC = Pair.parse("BTC/USD")
FENCE = 1
PATIENT_VENUE = Tier(1e12, 1e12, 1e12, 1e12)
"""Request counters that never fill: what is measured is our work, not the venue's patience."""


class Now:
    """The wall clock."""

    def now(self) -> datetime:
        """The current instant."""
        return datetime.now(UTC)

    def ticks(self) -> AsyncIterator[Tick]:
        """Nobody asks."""
        raise NotImplementedError


class Signer:
    """Signs in this process, with its marks and its audit on disk as the signer's own process has them."""

    def __init__(self, state: Path) -> None:
        self.core = SigningCore(MASTER_KEY, time.time_ns, state)
        api_key, secret = made_up_key("benchmark")
        names = AccountId("account"), VenueName("kraken"), CredentialId("key"), Environment.SANDBOX
        sealed = self.core.seal(
            account_id=names[0],
            venue=names[1],
            credential_id=names[2],
            environment=names[3],
            api_key=api_key,
            secret=secret,
        )
        row = Credential(*names, sealed)
        self.credential = replace(row, policy=self.core.seal_policy(row, WIDE))

    async def sign(self, operation: str, parameters: Any) -> SignedRequest:
        """As RequestSigner says."""
        call = self.core.sign(self.credential, FENCE, operation, parameters)
        return SignedRequest(call.method, call.path, call.headers, call.body)


def wish(number: int) -> OrderRequest:
    """One limit order on margin."""
    return OrderRequest(
        client_order_id=ClientOrderId(f"jvbench{number:07d}"),
        pair=BTC,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=Decimal("0.0125"),
        leverage=10,
        role=OrderRole.ENTRY,
        limit_price=Decimal("60010.5"),
    )


@contextmanager
def signing(scale: int) -> Iterator[list[Duel]]:
    """One AddOrder signed: ours checks, opens the sealed key, signs, wipes it and writes the audit line."""
    batch = 40 * scale
    api_key, secret = made_up_key("benchmark")
    theirs = ccxt.kraken({"apiKey": api_key, "secret": secret})
    with TemporaryDirectory() as folder:
        signer = Signer(Path(folder))
        parameters = add_order(
            wish(1), "XXBTZUSD", deadline=datetime(2026, 9, 21, tzinfo=UTC), trigger="last", validate_only=False
        )

        def ours() -> int:
            for _ in range(batch):
                signer.core.sign(signer.credential, FENCE, "AddOrder", parameters)
            return batch

        def peer() -> int:
            for _ in range(batch):
                theirs.sign("AddOrder", "private", "POST", dict(parameters))
            return batch

        yield [Duel("sign an order", "order", "ccxt kraken.sign", ours, peer)]
        signer.core.close()


@contextmanager
def sending(scale: int) -> Iterator[list[Duel]]:
    """One order built, signed, sent over loopback and its answer read: the CPU time of this process."""
    batch = 10 * scale
    with stub() as address, asyncio.Runner() as runner, TemporaryDirectory() as folder:
        urls = KrakenUrls(address, address.replace("http", "ws"), address.replace("http", "ws"))
        signer = Signer(Path(folder))
        transport = runner.run(NetworkTransport([urls]).__aenter__())
        chance = Random(1)  # noqa: S311 - jitter of retries, which do not happen here
        venue = KrakenVenue(
            transport=transport, urls=urls, signer=signer, clock=Now(), random=chance, tier=PATIENT_VENUE
        )
        peer = runner.run(ccxt_kraken_at(address))
        placed = 0

        async def place() -> int:
            nonlocal placed
            for _ in range(batch):
                placed += 1
                answer = await venue.place(wish(placed))
                assert isinstance(answer, Accepted), answer
            return batch

        async def create() -> int:
            for number in range(batch):
                order = await peer.create_order(
                    "BTC/USD", "limit", "buy", 0.0125, 60010.5, {"leverage": 10, "clientOrderId": f"jv{number:07d}"}
                )
                assert order["id"]
            return batch

        yield [
            Duel(
                "build, sign and send an order",
                "order",
                "ccxt create_order",
                lambda: runner.run(place()),
                lambda: runner.run(create()),
            )
        ]
        runner.run(peer.close())
        runner.run(transport.close())
        signer.core.close()


async def ccxt_kraken_at(address: str) -> Any:
    api_key, secret = made_up_key("benchmark")
    exchange = ccxt.async_support.kraken(
        {
            "apiKey": api_key,
            "secret": secret,
            "enableRateLimit": False,
            "urls": {"api": {"public": address, "private": address}},
        }
    )
    await exchange.load_markets()
    return exchange


@contextmanager
def stub() -> Iterator[str]:
    """The address of a process that answers as the venue does, without thinking."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.stub"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["address"]
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
