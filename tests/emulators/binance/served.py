"""A served sandbox whose market keeps pace with the real clock, since strangers' clients sign with theirs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import Asset
from jarvis.emulators.app import served
from jarvis.emulators.binance import BinanceEmulator
from jarvis.emulators.sandbox import Sandbox
from jarvis.sim.market import RecordedMarket
from tests.emulators.binance.actors import TRADER

_SECOND = timedelta(seconds=1)
_BEFORE = 600
_BARS = 1200
_PRICES = {"BTC": "50000", "ETH": "3000", "BNB": "600"}


@dataclass(frozen=True, slots=True)
class ServedBinance:
    """Where the sandbox listens, and a key of a client with 10,000 USDT."""

    binance: BinanceEmulator
    url: str
    key: str
    secret: str

    @property
    def rest(self) -> str:
        """The venue's REST address."""
        return f"{self.url}/binance"

    @property
    def ws(self) -> str:
        """The venue's WebSocket address, without path."""
        return self.rest.replace("http", "ws", 1)


def _market(now: datetime) -> RecordedMarket:
    start = now.replace(microsecond=0) - _BEFORE * _SECOND
    bars: dict[Pair, list[Bar]] = {}
    for base, text in _PRICES.items():
        pair, price = Pair.parse(f"{base}/USD"), Decimal(text)
        # A cent up, a cent down: something is always new.
        prices = [price + (Decimal("0.01") if second % 2 else Decimal(0)) for second in range(_BARS)]
        bars[pair] = [
            Bar(pair, _SECOND, start + second * _SECOND, each, each, each, each, Decimal(1))
            for second, each in enumerate(prices)
        ]
    return RecordedMarket(bars)


@asynccontextmanager
async def serve_binance(profile: str = "cross", *, public_key: str = "") -> AsyncIterator[ServedBinance]:
    """A sandbox with one account and one key that may do what a trader needs."""
    box = Sandbox(_market(datetime.now(UTC)), seed=11, venues=("binance",))
    box.advance(datetime.now(UTC))
    binance = box.venues["binance"]
    assert isinstance(binance, BinanceEmulator)
    binance.create_account("demo", {Asset("USDT"): Decimal(10_000)}, profile)
    key, secret = binance.create_key("demo", TRADER, "witness", ip_allowlist=("127.0.0.1",), public_key=public_key)

    async def keep_pace() -> None:
        while True:
            box.advance(datetime.now(UTC))
            await asyncio.sleep(0.02)

    async with served(box) as url:
        pace = asyncio.create_task(keep_pace())
        try:
            yield ServedBinance(binance, url, key, secret)
        finally:
            pace.cancel()
