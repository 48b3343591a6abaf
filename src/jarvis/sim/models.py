"""What trading costs at a simulated venue, and when it steps in. Each model says where it is unrealistic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.money import USD, Asset


@dataclass(frozen=True, slots=True)
class FeeModel:
    """Trading fee as a fraction of a fill's cost, charged in quote.

    Unrealistic: one tier for ever; a real venue lowers it with volume and assets, and lets spot fees be paid in base.
    """

    maker_rate: Decimal
    taker_rate: Decimal


@dataclass(frozen=True, slots=True)
class OpeningFeeModel:
    """Fee for opening margin as a fraction of the opened cost, charged once per opening fill.

    Unrealistic: a fixed rate per pair; a real venue derives it from the lending rate of the borrowed asset.
    """

    default_rate: Decimal
    rates: Mapping[Pair, Decimal] = field(default_factory=dict)

    def rate(self, pair: Pair) -> Decimal:
        """The fraction of the opened cost."""
        return self.rates.get(pair, self.default_rate)


@dataclass(frozen=True, slots=True)
class RolloverModel:
    """Charge for keeping a lot open: a fraction of what is left of its cost, each `period` from its own opening.

    Unrealistic: the rate fixed at opening does not depend on the side, nor on how scarce the borrowed asset is.
    """

    default_rate: Decimal
    rates: Mapping[Pair, Decimal] = field(default_factory=dict)
    period: timedelta = timedelta(hours=4)

    def rate(self, pair: Pair) -> Decimal:
        """The fraction of the remaining cost per period."""
        return self.rates.get(pair, self.default_rate)


@dataclass(frozen=True, slots=True)
class BookModel:
    """The order book around the last price: a half spread, then levels in equal steps, each worth the same in quote.

    Unrealistic: the same depth at every hour and in every storm; it refills at once; our own orders never move the
    price; a resting order that the price trades through fills whole, whatever the volume, with no queue before it.
    `levels` is what is shown; an order larger than that walks on in the same steps.
    """

    half_spread_bps: Decimal = Decimal(1)
    level_step_bps: Decimal = Decimal(1)
    level_quote_size: Decimal = Decimal(50_000)
    levels: int = 100

    def __post_init__(self) -> None:
        """Refuse a book that could not be walked."""
        if self.half_spread_bps < 0 or self.level_step_bps < 0:
            raise ValueError("spread and level step cannot be negative")
        if self.level_quote_size <= 0 or self.levels < 1:
            raise ValueError("a book needs at least one level of a positive size")


@dataclass(frozen=True, slots=True)
class VenueModel:
    """All that a simulated venue charges and enforces. Levels are equity over used margin (0.8 = 80 %).

    `collateral` is the fraction of each asset's value that backs margin; an asset that it does not name backs none.
    Liquidation closes the oldest lots until the level is at least `healthy_level`.

    Unrealistic: the real order and amount of a liquidation are not published, nor is it certain to happen exactly at
    the level; the venue's lending pool is never empty; a margin call has no effect but the message.
    """

    fee: FeeModel
    opening: OpeningFeeModel
    rollover: RolloverModel
    book: BookModel
    collateral: Mapping[Asset, Decimal]
    margin_call_level: Decimal = Decimal("0.8")
    liquidation_level: Decimal = Decimal("0.4")
    healthy_level: Decimal = Decimal("0.8")
    min_level_to_open: Decimal = Decimal(1)
    max_open_orders: int = 80

    def __post_init__(self) -> None:
        """Refuse levels that contradict each other."""
        if not 0 < self.liquidation_level <= self.healthy_level:
            raise ValueError("a liquidation must end at or above the level at which it begins")


_PERCENT_OF_A_PERCENT = Decimal("0.0001")
_BTC_USD = Pair.parse("BTC/USD")

KRAKEN = VenueModel(
    fee=FeeModel(maker_rate=Decimal("0.0025"), taker_rate=Decimal("0.0040")),
    opening=OpeningFeeModel(default_rate=2 * _PERCENT_OF_A_PERCENT, rates={_BTC_USD: _PERCENT_OF_A_PERCENT}),
    rollover=RolloverModel(default_rate=2 * _PERCENT_OF_A_PERCENT, rates={_BTC_USD: _PERCENT_OF_A_PERCENT}),
    book=BookModel(),
    collateral={
        USD: Decimal(1),
        Asset("BTC"): Decimal("0.99"),
        Asset("ETH"): Decimal("0.99"),
        Asset("SOL"): Decimal("0.925"),
        Asset("DOGE"): Decimal("0.925"),
        Asset("XRP"): Decimal("0.925"),
        Asset("ADA"): Decimal("0.925"),
        Asset("LTC"): Decimal("0.925"),
        Asset("LINK"): Decimal("0.925"),
        Asset("BNB"): Decimal("0.925"),
    },
)
"""Kraken spot with margin, lowest fee tier (0.25 % maker, 0.40 % taker, seen November 2025).

Unrealistic: the collateral fractions of XRP, ADA, LTC, LINK and BNB were not seen and are taken to be SOL's; the US
books charge up to 0.60 % and 0.05 % per four hours.
"""
