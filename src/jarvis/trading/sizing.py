"""How much to open: the smallest of what risk, share, margin and venue allow, rounded down. Never rounded up."""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, localcontext

from jarvis.domain.instrument import Side
from jarvis.domain.money import ONE, ZERO, plain
from jarvis.domain.traits import Settlement
from jarvis.trading.limits import LimitReason, Limits, Refused, Standing, position_limit


@dataclass(frozen=True, slots=True)
class Costs:
    """Estimated cost rates (fractions of the traded amount) of entering at market and leaving by the stop."""

    taker_rate: Decimal = Decimal("0.004")
    opening_rate: Decimal = Decimal("0.0002")
    slippage_rate: Decimal = Decimal("0.0005")

    @property
    def round_trip_rate(self) -> Decimal:
        """What in and out cost together."""
        return 2 * (self.taker_rate + self.slippage_rate) + self.opening_rate


@dataclass(frozen=True, slots=True)
class Sized:
    """The quantity to open (base), and which bound it came from, in words."""

    quantity: Decimal
    bound: str


def bounds_of(
    limits: Limits, equity: Decimal, price: Decimal, stop_distance: Decimal, leverage: int, costs: Costs
) -> dict[str, Decimal]:
    """The most (base) that each of the trader's own limits allows, by what it is called."""
    with localcontext(rounding=ROUND_FLOOR):
        return {
            "risk per trade": equity * limits.risk_per_trade / (stop_distance + price * costs.round_trip_rate),
            "share of equity per position": (
                equity * limits.equity_share_per_position * leverage / (price * (ONE + costs.slippage_rate))
            ),
        }


def size_entry(side: Side, price: Decimal, stop_distance: Decimal, standing: Standing, costs: Costs) -> Sized | Refused:
    """The quantity to open on `side` at about `price`, given that `limits.may_open` let the pair pass.

    It loses at most `risk_per_trade` of equity from entry to stop, estimated costs included; its margin is at most
    the share of equity per position and what the account has free beyond reserve, floor and commitments. Below the
    venue's minimum nothing is opened; where a fee is kept from what is bought, what is left must still be enough to be
    sold at the stop.
    """
    instrument, margin, leverage = standing.complete()
    pair = instrument.pair
    if price <= 0 or stop_distance <= 0 or (side is Side.BUY and stop_distance >= price):
        return Refused(
            LimitReason.STOP_IMPOSSIBLE,
            f"{pair}: not opened, a stop {plain(stop_distance)} {pair.quote} away from {plain(price)} cannot rest.",
        )
    bounds = bounds_of(standing.limits, margin.equity, price, stop_distance, leverage, costs)
    with localcontext(rounding=ROUND_FLOOR):
        bounds["available margin"] = standing.available_margin() * leverage / (price * (ONE + costs.slippage_rate))
    venue_limit = position_limit(instrument, side)
    if venue_limit is not None:
        bounds["the venue's position limit"] = venue_limit
    bound = min(bounds, key=lambda name: bounds[name])
    quantity = instrument.round_quantity(bounds[bound])
    to_close, at = quantity, price
    if standing.settlement is Settlement.WALLET and side is Side.BUY:
        to_close, at = instrument.round_quantity(quantity * (ONE - standing.base_fee_rate)), price - stop_distance
    if to_close == ZERO or to_close < instrument.min_quantity or to_close * at < instrument.min_cost:
        reason = LimitReason.NOT_ENOUGH_MARGIN if bound == "available margin" else LimitReason.BELOW_MINIMUM
        return Refused(
            reason,
            f"{pair}: not opened, your {bound} allows {plain(quantity)} {pair.base}; the venue's minimum is "
            f"{plain(instrument.min_quantity)} {pair.base} and {plain(instrument.min_cost)} {pair.quote}.",
        )
    return Sized(quantity, bound)
