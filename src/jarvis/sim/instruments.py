"""The rules of the nine pairs as Kraken lists them against USD (seen July to September 2026)."""

from decimal import Decimal

from jarvis.domain.instrument import Instrument, Pair

_LOT = Decimal("0.00000001")
_COST_STEP = Decimal("0.0001")
_MIN_COST = Decimal("0.5")


def _instrument(base: str, tick: str, min_quantity: str, highest: int, limits: tuple[int, int]) -> Instrument:
    leverages = tuple(range(2, highest + 1))
    return Instrument(
        pair=Pair.parse(f"{base}/USD"),
        symbol=f"{base}/USD",
        tick=Decimal(tick),
        lot=_LOT,
        cost_step=_COST_STEP,
        min_quantity=Decimal(min_quantity),
        min_cost=_MIN_COST,
        leverage_long=leverages,
        leverage_short=leverages,
        long_position_limit=Decimal(limits[0]),
        short_position_limit=Decimal(limits[1]),
    )


def kraken_instruments() -> dict[Pair, Instrument]:
    """The nine pairs. Position limits of BTC, SOL and DOGE were seen; the others are of a like value in dollars."""
    return {
        instrument.pair: instrument
        for instrument in (
            _instrument("BTC", "0.1", "0.00005", 10, (350, 250)),
            _instrument("ETH", "0.01", "0.001", 10, (5_000, 4_000)),
            _instrument("XRP", "0.00001", "1.65", 10, (6_000_000, 5_000_000)),
            _instrument("SOL", "0.01", "0.06", 10, (37_000, 24_000)),
            _instrument("DOGE", "0.0000001", "50", 10, (30_000_000, 30_000_000)),
            _instrument("ADA", "0.000001", "20", 10, (10_000_000, 8_000_000)),
            _instrument("LTC", "0.01", "0.1", 10, (60_000, 40_000)),
            _instrument("LINK", "0.00001", "0.55", 10, (300_000, 200_000)),
            _instrument("BNB", "0.01", "0.009", 5, (2_000, 1_500)),
        )
    }
