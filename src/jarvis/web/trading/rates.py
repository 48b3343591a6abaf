"""What trading costs at a venue, as the cards before an order reckon it."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO
from jarvis.sim.models import BINANCE, BINANCE_ISOLATED, BYBIT, KRAKEN, OKX, VenueModel
from jarvis.trading.preview import Rates
from jarvis.venues.binance import ISOLATED

_MODELS: Mapping[str, VenueModel] = {"kraken": KRAKEN, "binance": BINANCE, "okx": OKX, "bybit": BYBIT}


def model_of(venue: str, execution_venue: str | None) -> VenueModel:
    """The venue's costs and margin rates for this kind of account."""
    return BINANCE_ISOLATED if execution_venue == ISOLATED else _MODELS[venue]


def rates_of(model: VenueModel, pair: Pair, taker_rate: Decimal) -> Rates:
    """A taker's own fee, and the venue's published rates for what is borrowed and what it takes as margin."""
    if model.wallet is None:
        daily = model.rollover.rate(pair) * (timedelta(days=1) // model.rollover.period)
        return Rates(taker_rate, model.opening.rate(pair), daily, daily)
    wallet = model.wallet
    return Rates(
        taker_rate,
        ZERO,
        24 * wallet.hourly_rates.get(pair.quote, ZERO),
        24 * wallet.hourly_rates.get(pair.base, ZERO),
        wallet.initial_rate(pair.quote),
        wallet.initial_rate(pair.base),
        model.collateral.get(pair.base, ZERO),
    )
