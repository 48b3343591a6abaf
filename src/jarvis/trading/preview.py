"""A position before it is opened: what it takes, what it costs, what it may lose, and the most that it could be. Pure.

The numbers are those of the engine: the same sizing, the same limits, the same margin. What the venue will charge for
borrowing is its published rate; where it ends is reckoned from the account's margin as if this price alone moved.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from jarvis.domain.instrument import Side
from jarvis.domain.money import ONE, ZERO, round_nearest
from jarvis.domain.order import ClientOrderId
from jarvis.domain.traits import Settlement
from jarvis.trading.events import OpenByHand
from jarvis.trading.hands import offer, plan_by_hand
from jarvis.trading.limits import Refused, Standing
from jarvis.trading.liquidation import liquidation_price
from jarvis.trading.sizing import Costs

_STEP = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Rates:
    """What the venue charges, as fractions of what is traded or owed; `long_day` and `short_day` for a whole day.

    Where margin works out of one wallet, `long_initial` and `short_initial` are the equity that a unit of debt ties up,
    and `counted` is the fraction of the coins' worth that the venue counts as collateral.
    """

    taker: Decimal
    opening: Decimal
    long_day: Decimal
    short_day: Decimal
    long_initial: Decimal = ZERO
    short_initial: Decimal = ZERO
    counted: Decimal = ONE


@dataclass(frozen=True, slots=True)
class Preview:
    """What a wish would come to; money in quote. `refused` is why it would not be opened, empty if it would.

    `borrowed` is what would be owed for it: all of it where the venue opens margin, in a wallet what a purchase lacks,
    or the coins that are sold. `margin` is what the venue ties up for that; `share` is what your limits count.
    `level_after` is equity over used margin, None while nothing is used. `worst` is what is lost at the stop, all fees
    and the expected slippage in it; `gains` is what each target would bring before fees, with its price. `largest` is
    the most that limits, margin and venue allow with this stop (base), because of `bound`.
    """

    refused: str
    quantity: Decimal
    notional: Decimal
    leverage: int
    borrowed: Decimal
    margin: Decimal
    share: Decimal
    free_after: Decimal
    level_after: Decimal | None
    stop: Decimal
    fee_in: Decimal
    opening_fee: Decimal
    fee_out: Decimal
    slippage: Decimal
    interest_day: Decimal
    liquidation: Decimal | None
    worst: Decimal
    worst_share: Decimal
    gains: tuple[tuple[Decimal, Decimal], ...]
    largest: Decimal
    bound: str


def preview(
    wish: OpenByHand, standing: Standing, costs: Costs, rates: Rates, own_quote: Decimal = ZERO
) -> Preview | Refused:
    """What `wish` would come to now. Refused alone, without numbers, if nothing at all may be opened on the pair.

    `own_quote` is what a wallet has of the quote asset: a purchase borrows only what is missing.
    """
    offered = offer(wish, standing, costs)
    if isinstance(offered, Refused):
        return offered
    planned = plan_by_hand(wish, standing, costs, ClientOrderId("preview"), None)
    instrument, margin, _ = standing.complete()
    sign, price = wish.side.sign, wish.price
    quantity = instrument.round_quantity(wish.quantity)
    notional = quantity * price
    share = notional / offered.leverage
    borrowed, taken = _debt(wish.side, notional, share, standing.settlement, rates, own_quote)
    stop = instrument.round_stop(price - sign * wish.protection.stop_distance, wish.side.opposite)
    fee_in, opening, fee_out = notional * rates.taker, notional * rates.opening, quantity * stop * rates.taker
    slippage = costs.slippage_rate * (notional + quantity * stop)
    lost = quantity * (price - stop) * sign
    is_wallet = standing.settlement is Settlement.WALLET
    counted = rates.counted if is_wallet and wish.side is Side.BUY else ONE
    # A wallet's coins may count for less than they are worth: that is what the venue goes by.
    backing = min(margin.equity, margin.trade_balance) if is_wallet else margin.equity
    after = replace(
        margin,
        equity=backing - fee_in - opening - notional * (ONE - counted),
        used_margin=margin.used_margin + taken,
        free_margin=margin.free_margin - taken,
    )
    is_debt_in_base = is_wallet and wish.side is Side.SELL
    scales = taken / after.used_margin if is_debt_in_base and after.used_margin else ZERO
    ends = liquidation_price(after, quantity * sign * counted, price, scales) if quantity else None
    day = rates.long_day if wish.side is Side.BUY else rates.short_day
    worst = lost + fee_in + opening + fee_out + slippage
    return Preview(
        refused=planned.message if isinstance(planned, Refused) else "",
        quantity=quantity,
        notional=notional,
        leverage=offered.leverage,
        borrowed=borrowed,
        margin=taken,
        share=share,
        free_after=after.free_margin,
        level_after=after.equity / after.used_margin if after.used_margin else None,
        stop=stop,
        fee_in=fee_in,
        opening_fee=opening,
        fee_out=fee_out,
        slippage=slippage,
        interest_day=borrowed * day,
        liquidation=None if ends is None else round_nearest(ends, instrument.tick),
        worst=worst,
        worst_share=worst / margin.equity if margin.equity else ONE,
        gains=tuple(
            (
                instrument.round_limit(price + sign * target.distance, wish.side.opposite),
                round_nearest(quantity * target.share * target.distance, _STEP),
            )
            for target in wish.protection.take_profits
        ),
        largest=offered.largest,
        bound=offered.bound,
    )


def _debt(
    side: Side, notional: Decimal, share: Decimal, settlement: Settlement, rates: Rates, own_quote: Decimal
) -> tuple[Decimal, Decimal]:
    """What would be owed (its worth in quote), and what the venue ties up for it."""
    if settlement is not Settlement.WALLET:
        return notional, share
    if side is Side.SELL:
        return notional, notional * rates.short_initial
    missing = max(ZERO, notional - max(ZERO, own_quote))
    return missing, missing * rates.long_initial
