"""One sandbox: a simulated exchange, the venue that speaks for it, and the clock that moves both."""

from datetime import datetime, timedelta

from jarvis.emulators.clock import SandboxClock
from jarvis.emulators.kraken import KrakenEmulator
from jarvis.sim.exchange import SimExchange
from jarvis.sim.instruments import kraken_instruments
from jarvis.sim.market import PriceSource
from jarvis.sim.models import KRAKEN, VenueModel


class Sandbox:
    """Owns the exchange, the emulator and the clock. `step` defaults to the market's own.

    `rate` is simulated seconds per real second, None as fast as the clock's followers allow.
    """

    def __init__(
        self,
        market: PriceSource,
        *,
        seed: int,
        step: timedelta | None = None,
        rate: float | None = None,
        wait_for_followers: bool = True,
        model: VenueModel = KRAKEN,
    ) -> None:
        listed = kraken_instruments()
        instruments = {pair: listed[pair] for pair in market.pairs}
        self.exchange = SimExchange(instruments=instruments, model=model, market=market, seed=seed)
        self.kraken = KrakenEmulator(self.exchange, now=lambda: self.exchange.now, seed=seed)
        self.clock = SandboxClock(
            now=lambda: self.exchange.now,
            advance=self.advance,
            step=step or market.step,
            end=market.end,
            rate=rate,
            wait_for_followers=wait_for_followers,
        )

    @property
    def now(self) -> datetime:
        """The market's time."""
        return self.exchange.now

    def advance(self, until: datetime) -> None:
        """Move the market and tell whoever listens on the venue's sockets."""
        self.kraken.publish(self.exchange.advance(until))
