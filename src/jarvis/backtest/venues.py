"""The venues that a backtest can be run at: each one's costs, rules, and how it settles.

The same candles serve all of them: a venue that quotes in USDT reads a price in dollars as one in USDT.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import USD, Asset
from jarvis.domain.traits import Settlement, VenueTraits
from jarvis.sim.instruments import binance_instruments, bybit_instruments, kraken_instruments, okx_instruments
from jarvis.sim.models import BINANCE, BINANCE_ISOLATED, BYBIT, KRAKEN, OKX, VenueModel

_USDT = Asset("USDT")


@dataclass(frozen=True, slots=True)
class VenueSetup:
    """One venue as the exact backtest sees it; `catalogue` is the venue whose caps hold."""

    catalogue: str
    model: VenueModel
    instruments: Mapping[Pair, Instrument]
    traits: VenueTraits
    quote: Asset

    def quoted(self, pair: Pair) -> Pair:
        """The venue's own pair of the same coin."""
        return Pair(pair.base, self.quote)

    def told(self, bars: Mapping[Pair, Sequence[Bar]]) -> dict[Pair, list[Bar]]:
        """The same candles under the venue's own names.

        Unrealistic: a stablecoin is worth its dollar to the last digit.
        """
        return {
            self.quoted(pair): [replace(bar, pair=self.quoted(pair)) for bar in series] for pair, series in bars.items()
        }


def _wallet(*, reduce_only: bool, amends: bool) -> VenueTraits:
    return VenueTraits(Settlement.WALLET, reduce_only=reduce_only, amends=amends)


SETUPS: Mapping[str, VenueSetup] = {
    "kraken": VenueSetup("kraken", KRAKEN, kraken_instruments(), VenueTraits(), USD),
    "binance": VenueSetup("binance", BINANCE, binance_instruments(), _wallet(reduce_only=False, amends=False), _USDT),
    "binance-isolated": VenueSetup(
        "binance", BINANCE_ISOLATED, binance_instruments(), _wallet(reduce_only=False, amends=False), _USDT
    ),
    "okx": VenueSetup("okx", OKX, okx_instruments(), _wallet(reduce_only=True, amends=True), _USDT),
    "bybit": VenueSetup("bybit", BYBIT, bybit_instruments(), _wallet(reduce_only=False, amends=True), _USDT),
}
"""By the name that a person gives. OKX is in futures mode. Unrealistic: with isolated rates, all pairs share one pot.
"""
