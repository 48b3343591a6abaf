"""One sandbox: each venue's simulated exchange over one market, the emulators that speak for them, and their clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.money import USD, Asset
from jarvis.emulators.binance import BinanceEmulator
from jarvis.emulators.bybit import BybitEmulator
from jarvis.emulators.clock import SandboxClock
from jarvis.emulators.kraken import KrakenEmulator
from jarvis.emulators.okx import OkxEmulator
from jarvis.emulators.venue import VenueEmulator
from jarvis.sim.exchange import SimExchange
from jarvis.sim.instruments import binance_instruments, bybit_instruments, kraken_instruments, okx_instruments
from jarvis.sim.market import PriceSource, Requoted, SharedMarket
from jarvis.sim.models import BINANCE, BYBIT, KRAKEN, OKX, VenueModel

_USDT = Asset("USDT")


@dataclass(frozen=True, slots=True)
class Emulated:
    """How one venue is emulated: its rules, its model and its voice."""

    instruments: Callable[[], Mapping[Pair, Instrument]]
    model: VenueModel
    emulator: Callable[..., VenueEmulator]
    quote: Asset = _USDT


EMULATED: Mapping[str, Emulated] = {
    "kraken": Emulated(kraken_instruments, KRAKEN, KrakenEmulator, USD),
    "binance": Emulated(binance_instruments, BINANCE, BinanceEmulator),
    "okx": Emulated(okx_instruments, OKX, OkxEmulator),
    "bybit": Emulated(bybit_instruments, BYBIT, BybitEmulator),
}
"""One line per venue."""


class Sandbox:
    """Owns the exchanges, the emulators and the clock. `step` defaults to the market's own.

    `venues` are the names of those that it opens, all by default. `rate` is simulated seconds per real second, None
    as fast as the clock's followers allow.
    """

    def __init__(
        self,
        market: PriceSource,
        *,
        seed: int,
        step: timedelta | None = None,
        rate: float | None = None,
        wait_for_followers: bool = True,
        venues: Sequence[str] = tuple(EMULATED),
    ) -> None:
        self._now = market.start
        self._shared = SharedMarket(market)
        self.exchanges: dict[str, SimExchange] = {}
        self.venues: dict[str, VenueEmulator] = {}
        for name in venues:
            self._open(name, seed)
        self.clock = SandboxClock(
            now=lambda: self._now,
            advance=self.advance,
            step=step or market.step,
            end=market.end,
            rate=rate,
            wait_for_followers=wait_for_followers,
        )

    def _open(self, name: str, seed: int) -> None:
        try:
            venue = EMULATED[name]
        except KeyError:
            raise ValueError(f"the sandbox has no venue {name!r}; it has {', '.join(EMULATED)}") from None
        reader = self._shared.reader()
        market: PriceSource = reader if venue.quote == USD else Requoted(reader, venue.quote)
        listed = venue.instruments()
        exchange = SimExchange(
            instruments={pair: listed[pair] for pair in market.pairs if pair in listed},
            model=venue.model,
            market=market,
            seed=seed,
        )
        self.exchanges[name] = exchange
        self.venues[name] = venue.emulator(exchange, now=lambda: exchange.now, seed=seed)

    @property
    def now(self) -> datetime:
        """The market's time."""
        return self._now

    @property
    def kraken(self) -> KrakenEmulator:
        """Kraken, by its own type. Raises KeyError where it is not open."""
        return cast("KrakenEmulator", self.venues["kraken"])

    @property
    def exchange(self) -> SimExchange:
        """The exchange behind Kraken. Raises KeyError where it is not open."""
        return self.exchanges["kraken"]

    def advance(self, until: datetime) -> None:
        """Move every market and tell whoever listens on the venues' sockets."""
        self._now = until
        for name, exchange in self.exchanges.items():
            self.venues[name].publish(exchange.advance(until))
