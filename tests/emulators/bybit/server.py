"""A served venue whose market begins at the real hour, for clients that have only the machine's clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from jarvis.emulators.app import served
from jarvis.emulators.bybit import BybitEmulator
from jarvis.emulators.sandbox import Sandbox
from jarvis.emulators.venue import KeyForm
from jarvis.sim.exchange import SimExchange
from jarvis.sim.instruments import bybit_instruments
from jarvis.sim.models import BYBIT
from tests.emulators.bybit.actors import MINUTE, TRADER, USDT, market


@dataclass(frozen=True, slots=True)
class ServedBybit:
    """The venue, where it listens, and a key."""

    box: Sandbox
    bybit: BybitEmulator
    url: str
    key: str
    secret: str

    @property
    def rest(self) -> str:
        """The venue's REST address."""
        return f"{self.url}/bybit"

    @property
    def ws(self) -> str:
        """The venue's WebSocket address, without path."""
        return self.rest.replace("http", "ws", 1)

    def move(self, minutes: int = 1) -> None:
        """Let market time pass."""
        for _ in range(minutes):
            self.box.advance(self.box.now + MINUTE)

    def leave_blackout(self) -> None:
        """Let market time pass until repayments are taken for a minute, whatever the machine's clock says."""
        while self.bybit.exchange.now.minute in (2, 3, 4, 5):
            self.move()

    def until_interest(self) -> None:
        """Let market time pass until interest was charged once more."""
        before = len(self.bybit.exchange.interests("demo"))
        while len(self.bybit.exchange.interests("demo")) == before:
            self.move()


@asynccontextmanager
async def bybit_served() -> AsyncIterator[ServedBybit]:
    """A sandbox of this venue alone, with one account and one key that may do what Jarvis needs."""
    start = datetime.now(UTC).replace(second=0, microsecond=0)
    source = market(minutes=240, start=start)
    box = Sandbox(source, seed=11, venues=())
    listed = bybit_instruments()
    exchange = SimExchange(
        instruments={pair: listed[pair] for pair in source.pairs}, model=BYBIT, market=source, seed=11
    )
    # The venue's clock is the machine's until the market was moved past it: its clients have no other.
    bybit = BybitEmulator(exchange, now=lambda: max(exchange.now, datetime.now(UTC)), seed=11)
    box.exchanges["bybit"], box.venues["bybit"] = exchange, bybit
    bybit.open_account("demo", {USDT: Decimal(10_000)})
    key, secret = bybit.make_key("demo", KeyForm("witness", TRADER))
    async with served(box) as url:
        yield ServedBybit(box, bybit, url, key.value, secret.value)
