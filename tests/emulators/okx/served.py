"""An OKX served on a free loopback port, for clients that need a real address."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.emulators.app import served
from jarvis.emulators.okx import OkxEmulator
from jarvis.emulators.sandbox import Sandbox
from jarvis.sim.market import RecordedMarket
from tests.emulators.kraken.actors import START, bar
from tests.emulators.okx.actors import PASSPHRASE, TRADER

PATH = ["50000 50000 50000 50000"] * 75 + ["50000 50000 48000 48000"]
_FLAT = {Pair.parse("BTC/USD"): "50000", Pair.parse("ETH/USD"): "3000", Pair.parse("BNB/USD"): "600"}
_MINUTES = 300


def market_from(start: datetime, path: Sequence[str]) -> RecordedMarket:
    """Three pairs that stand still from `start`, but bitcoin, whose first bars are `path`."""
    shift, bars = start - START, {}
    for pair, price in _FLAT.items():
        own = list(path) if pair.base == "BTC" else []
        last = own[-1].split()[-1] if own else price
        own += [f"{last} {last} {last} {last}"] * (_MINUTES - len(own))
        drawn = (bar(pair, minute, prices) for minute, prices in enumerate(own))
        bars[pair] = [replace(each, opened_at=each.opened_at + shift) for each in drawn]
    return RecordedMarket(bars)


@dataclass(frozen=True, slots=True)
class ServedOkx:
    """A sandbox, where it listens, and a key of one account."""

    box: Sandbox
    url: str
    key: str
    secret: str

    @property
    def okx(self) -> OkxEmulator:
        """The emulator itself."""
        return cast("OkxEmulator", self.box.venues["okx"])

    @property
    def rest(self) -> str:
        """The venue's REST address."""
        return f"{self.url}/okx"

    @property
    def ws(self) -> str:
        """The venue's WebSocket address, without path."""
        return self.rest.replace("http", "ws", 1)

    def move(self, minutes: int = 1) -> None:
        """Let market time pass."""
        self.box.advance(self.box.now + timedelta(minutes=minutes))


@asynccontextmanager
async def served_okx(profile: str = "futures", path: Sequence[str] = PATH) -> AsyncIterator[ServedOkx]:
    """A served OKX with one account of this profile; its market stands at the present, as clients' clocks do."""
    now = datetime.now(UTC)
    start = now.replace(second=0, microsecond=0) - timedelta(minutes=10)
    box = Sandbox(market_from(start, path), seed=11, venues=("okx",))
    box.advance(now)
    okx = cast("OkxEmulator", box.venues["okx"])
    okx.create_account("demo", {Asset("USDT"): Decimal(10_000)}, profile)
    key, secret = okx.create_key("demo", TRADER, "witness", PASSPHRASE)
    async with served(box) as url:
        yield ServedOkx(box, url, key, secret)
