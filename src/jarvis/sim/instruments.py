"""The rules of the nine pairs as each venue lists them: Kraken against USD, the others against USDT."""

from collections.abc import Iterable
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
    """The nine pairs, seen July to September 2026.

    Position limits of BTC, SOL and DOGE were seen; the others are of a like value in dollars.
    """
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


def _wallet_instrument(
    base: str,
    tick: str,
    lot: str,
    min_quantity: str,
    min_cost: str,
    highest: int,
    *,
    symbol: str,
    cost_step: str = "0.00000001",
) -> Instrument:
    leverages = tuple(range(2, highest + 1))
    return Instrument(
        pair=Pair.parse(f"{base}/USDT"),
        symbol=symbol.format(base),
        tick=Decimal(tick),
        lot=Decimal(lot),
        cost_step=Decimal(cost_step),
        min_quantity=Decimal(min_quantity),
        min_cost=Decimal(min_cost),
        leverage_long=leverages,
        leverage_short=leverages,
    )


def binance_instruments() -> dict[Pair, Instrument]:
    """The nine pairs with the filters seen in August 2026; leverage is that of cross margin.

    Unrealistic: DOGE's smallest order is really worth 1 USDT; isolated pairs lend more than five times.
    """
    return _by_pair(
        _wallet_instrument(base, tick, lot, lot, "5", 5, symbol="{}USDT")
        for base, tick, lot in (
            ("BTC", "0.01", "0.00001"),
            ("ETH", "0.01", "0.0001"),
            ("XRP", "0.0001", "0.1"),
            ("SOL", "0.01", "0.001"),
            ("DOGE", "0.00001", "1"),
            ("ADA", "0.0001", "0.1"),
            ("LTC", "0.01", "0.001"),
            ("LINK", "0.001", "0.01"),
            ("BNB", "0.01", "0.001"),
        )
    )


def okx_instruments() -> dict[Pair, Instrument]:
    """The nine pairs. LINK's rules and leverage were seen in 2022; BNB's margin and minimum are assumptions.

    Unrealistic: OKX states no smallest value of an order, so here it is next to nothing.
    """
    return _by_pair(
        # OKX books what price times size is: finer than any product of its ticks and lots.
        _wallet_instrument(base, tick, lot, least, "0", highest, symbol="{}-USDT", cost_step="0.000000000001")
        for base, tick, lot, least, highest in (
            ("BTC", "0.1", "0.00000001", "0.00001", 10),
            ("ETH", "0.01", "0.000001", "0.0001", 10),
            ("XRP", "0.0001", "0.000001", "1", 10),
            ("SOL", "0.01", "0.000001", "0.001", 10),
            ("DOGE", "0.00001", "0.000001", "10", 10),
            ("ADA", "0.0001", "0.0001", "10", 10),
            ("LTC", "0.01", "0.000001", "0.01", 10),
            ("LINK", "0.001", "0.000001", "0.1", 5),
            ("BNB", "0.1", "0.000001", "0.001", 5),
        )
    )


def bybit_instruments() -> dict[Pair, Instrument]:
    """The nine pairs, steps seen in August 2026: a smallest value of 5 USDT, and no smallest quantity but the lot.

    Leverage goes up to ten, less where the position tier of a coin says so.
    """
    return _by_pair(
        _wallet_instrument(base, tick, lot, lot, "5", 10, symbol="{}USDT")
        for base, tick, lot in (
            ("BTC", "0.1", "0.000001"),
            ("ETH", "0.01", "0.00001"),
            ("XRP", "0.0001", "0.01"),
            ("SOL", "0.01", "0.001"),
            ("DOGE", "0.00001", "0.1"),
            ("ADA", "0.0001", "0.01"),
            ("LTC", "0.01", "0.00001"),
            ("LINK", "0.01", "0.001"),
            ("BNB", "0.1", "0.0001"),
        )
    )


def _by_pair(instruments: Iterable[Instrument]) -> dict[Pair, Instrument]:
    return {instrument.pair: instrument for instrument in instruments}
