"""What trading costs at a simulated venue, and when it steps in. Each model says where it is unrealistic."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import Enum

from jarvis.domain.instrument import Pair
from jarvis.domain.money import USD, ZERO, Asset


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


class BorrowsAt(Enum):
    """When an order borrows what its owner lacks: while it is taken, or as it trades."""

    PLACEMENT = "placement"
    FILL = "fill"


@dataclass(frozen=True, slots=True)
class WalletModel:
    """Margin out of one wallet: base and quote change hands at once, and what is missing is borrowed.

    Rates are fractions: `hourly_rates` of the principal per hour (an asset that it does not name cannot be borrowed),
    the others of the value that is owed. An account may borrow while its equity is at least the sum of owed value
    times `initial_rate` (1 / 4 lets debts grow to four times equity), is called when equity is not above `call_rate`,
    and liquidated when it is not above `maintenance_rate`; then the venue takes `liquidation_fee_rate` of what it had
    to trade. `initial_rates` and `maintenance_rates` name the assets whose debts demand more or less than the others.
    Interest falls due each hour at `interest_minute`; with `interest_on_borrow` the first hour is charged when
    borrowing. `isolated` holds the rates of pairs that are margined apart, None where the venue has no such accounts.

    Unrealistic: one tier for any size; interest is on the principal alone and does not change with demand; the
    lending pool is never empty unless told so.
    """

    hourly_rates: Mapping[Asset, Decimal]
    initial: Decimal
    call: Decimal
    maintenance: Decimal
    borrows_at: BorrowsAt = BorrowsAt.FILL
    interest_minute: int = 0
    interest_on_borrow: bool = False
    liquidation_fee_rate: Decimal = Decimal("0.02")
    isolated: "WalletModel | None" = None
    initial_rates: Mapping[Asset, Decimal] = field(default_factory=dict)
    maintenance_rates: Mapping[Asset, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse levels that contradict each other."""
        named = {*self.hourly_rates, *self.initial_rates, *self.maintenance_rates}
        levels = [(self.maintenance, self.call, self.initial)]
        levels += [(self.maintenance_rate(each), self.call_rate(each), self.initial_rate(each)) for each in named]
        if not all(0 < maintenance <= call <= initial for maintenance, call, initial in levels):
            raise ValueError("a wallet is opened above where it is called, and called above where it is liquidated")

    def initial_rate(self, asset: Asset) -> Decimal:
        """The equity that a unit of debt value in this asset needs to be taken up."""
        return self.initial_rates.get(asset, self.initial)

    def call_rate(self, asset: Asset) -> Decimal:
        """The same at which the venue warns: never below that at which it liquidates."""
        return max(self.call, self.maintenance_rate(asset))

    def maintenance_rate(self, asset: Asset) -> Decimal:
        """The same at which it liquidates."""
        return self.maintenance_rates.get(asset, self.maintenance)


@dataclass(frozen=True, slots=True)
class VenueModel:
    """All that a simulated venue charges and enforces. Levels are equity over used margin (0.8 = 80 %).

    `collateral` is the fraction of each asset's value that backs margin; an asset that it does not name backs none.
    `wallet` says that margin works out of one wallet; None is Kraken's way, by lots.
    Liquidation closes the oldest lots until the level is at least `healthy_level`. `told_step` is how finely the
    account's worth and margin are known there, by what the venue tells and what our reading of it keeps.

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
    wallet: WalletModel | None = None
    told_step: Decimal = Decimal("0.0001")

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

_USDT = Asset("USDT")
_WALLET_ASSETS = tuple(map(Asset, ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB")))
_NO_OPENING_FEE = OpeningFeeModel(default_rate=ZERO)
_NO_ROLLOVER = RolloverModel(default_rate=ZERO)


def _hourly(quote: str, base: str) -> Mapping[Asset, Decimal]:
    return {_USDT: Decimal(quote), **dict.fromkeys(_WALLET_ASSETS, Decimal(base))}


_BINANCE_ISOLATED_RATES = WalletModel(
    hourly_rates=_hourly("0.0000100", "0.0000060"),
    initial=Decimal(1) / 9,
    call=Decimal("0.10"),
    maintenance=Decimal("0.05"),
    borrows_at=BorrowsAt.PLACEMENT,
    interest_on_borrow=True,
)

BINANCE = VenueModel(
    fee=FeeModel(maker_rate=Decimal("0.0010"), taker_rate=Decimal("0.0010")),
    opening=_NO_OPENING_FEE,
    rollover=_NO_ROLLOVER,
    book=BookModel(),
    collateral=dict.fromkeys((_USDT, *_WALLET_ASSETS), Decimal(1)),
    max_open_orders=200,
    wallet=WalletModel(
        hourly_rates=_hourly("0.0000080", "0.0000050"),
        initial=Decimal("0.25"),
        call=Decimal("0.16"),
        maintenance=Decimal("0.10"),
        borrows_at=BorrowsAt.PLACEMENT,
        interest_on_borrow=True,
        isolated=_BINANCE_ISOLATED_RATES,
    ),
    told_step=Decimal("0.01"),
)
"""Binance cross margin at 5x and isolated margin at 10x, VIP 0 (0.1 % maker and taker).

Its margin level is assets over debt, so a level of 1.25 is a rate of 0.25 here. Cross (5x): 1.25 to borrow, 1.16 a
call, 1.1 liquidation; isolated pairs of the 10x class in their first tier: 1.111 (a ninth: ten times), 1.1 and 1.05
(its FAQ, 2026).

Unrealistic: every asset counts in full as collateral; the interest rates are of the usual size, not today's; every
isolated pair is of the 10x class and in its first tier, whatever the size; the liquidation fee of 2 % is an assumption;
interest is never taken in BNB, and fees in BNB get no discount.
"""

BINANCE_ISOLATED = replace(BINANCE, wallet=replace(_BINANCE_ISOLATED_RATES, isolated=_BINANCE_ISOLATED_RATES))
"""Binance with the rates of isolated pairs in every account. Unrealistic: as `BINANCE`; and no cross account has them.
"""

OKX = VenueModel(
    fee=FeeModel(maker_rate=Decimal("0.0008"), taker_rate=Decimal("0.0010")),
    opening=_NO_OPENING_FEE,
    rollover=_NO_ROLLOVER,
    book=BookModel(),
    collateral=dict.fromkeys((_USDT, *_WALLET_ASSETS), Decimal(1)),
    max_open_orders=500,
    wallet=WalletModel(
        hourly_rates=_hourly("0.0000110", "0.0000060"),
        initial=Decimal("0.1"),
        call=Decimal("0.09"),
        maintenance=Decimal("0.03"),
        initial_rates={Asset("LINK"): Decimal("0.2"), Asset("BNB"): Decimal("0.2")},
    ),
    told_step=Decimal("1e-16"),
)
"""OKX, level 1 (0.08 % maker, 0.10 % taker), 10x, first tier of BTC-USDT (imr 10 %, mmr 3 %), warning at a ratio of
300 %. LINK's highest leverage of five was seen in 2022; BNB's margin is not confirmed and taken to be like it.

Unrealistic: one tier for every coin and size; every asset counts in full, also in multi-currency mode; in futures mode
a position is liquidated with its own currency's margin alone, here with the account's; interest reaches the balance
when it accrues (really at midnight UTC); the hourly rates and the liquidation fee of 2 % are assumptions, and that fee
is no part of the level at which the venue steps in; all is closed at once.
"""

BYBIT = VenueModel(
    fee=FeeModel(maker_rate=Decimal("0.0010"), taker_rate=Decimal("0.0010")),
    opening=_NO_OPENING_FEE,
    rollover=_NO_ROLLOVER,
    book=BookModel(),
    collateral={_USDT: Decimal(1), **dict.fromkeys(_WALLET_ASSETS, Decimal("0.95"))},
    max_open_orders=500,
    wallet=WalletModel(
        hourly_rates=_hourly("0.0000090", "0.0000014"),
        initial=Decimal("0.1"),
        call=Decimal("0.08"),
        maintenance=Decimal("0.04"),
        interest_minute=5,
    ),
    told_step=Decimal("0.00000001"),
)
"""Bybit Unified Trading Account, VIP 0 (0.1 % maker and taker), spot leverage 10x.

The maintenance rate of 4 % is that of BTC's first tier in the documentation.

Unrealistic: one tier and one collateral value for every coin, and ten times for all of them (BTC's first tier in the
documentation lends five times); hourly rates of the size of the documentation's examples; the call rate, the collateral
value and the liquidation fee of 2 % are assumptions; all is closed at once.
"""
