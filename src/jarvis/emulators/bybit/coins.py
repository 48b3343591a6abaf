"""What the venue publishes of each coin beside its lending rate: haircuts, order of liquidation, caps.

The figures are of the size that Bybit publishes, not a copy of today's table; the lending rate, the leverage and the
rates of margin are the simulated exchange's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from jarvis.domain.money import Asset
from jarvis.sim.models import VenueModel, WalletModel

USDT = Asset("USDT")


@dataclass(frozen=True, slots=True)
class Coin:
    """`max_borrow` is in the coin, as are `max_limit` and `max_market`: the largest orders of its USDT pair."""

    liquidation_order: int
    max_borrow: Decimal
    max_limit: Decimal = Decimal(0)
    max_market: Decimal = Decimal(0)


COINS: Mapping[str, Coin] = {
    "BTC": Coin(11, Decimal(390), Decimal(500), Decimal(100)),
    "ETH": Coin(12, Decimal(5_500), Decimal(15_000), Decimal(3_000)),
    "XRP": Coin(15, Decimal(4_000_000), Decimal(20_000_000), Decimal(4_000_000)),
    "SOL": Coin(14, Decimal(60_000), Decimal(300_000), Decimal(60_000)),
    "DOGE": Coin(20, Decimal(30_000_000), Decimal(200_000_000), Decimal(40_000_000)),
    "ADA": Coin(18, Decimal(10_000_000), Decimal(50_000_000), Decimal(10_000_000)),
    "LTC": Coin(16, Decimal(70_000), Decimal(400_000), Decimal(80_000)),
    "LINK": Coin(19, Decimal(400_000), Decimal(2_000_000), Decimal(400_000)),
    "BNB": Coin(17, Decimal(6_000), Decimal(50_000), Decimal(10_000)),
    "USDT": Coin(1, Decimal(20_000_000)),
}
OTHER = Coin(99, Decimal(0), Decimal(1_000_000), Decimal(200_000))
HIGHEST_LEVERAGE = 10
LOWEST_LEVERAGE = 2


def coin_of(name: str) -> Coin:
    """What is published of a coin."""
    return COINS.get(name, OTHER)


def wallet_model(model: VenueModel) -> WalletModel:
    """The exchange's lending rules. Raises ValueError for an exchange that lends by position."""
    if model.wallet is None:
        raise ValueError("Bybit's spot margin needs an exchange that lends coins")
    return model.wallet


def whole_leverage(initial_rate: Decimal) -> int:
    """The highest whole leverage at which this part of a debt must be backed by equity."""
    return int((1 / initial_rate).to_integral_value(rounding=ROUND_FLOOR)) if initial_rate > 0 else HIGHEST_LEVERAGE
