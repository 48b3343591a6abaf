"""Where the venue steps in if one price alone moves. Pure."""

from decimal import Decimal

from jarvis.domain.account import MarginState


def liquidation_price(margin: MarginState, quantity: Decimal, price: Decimal, scales: Decimal) -> Decimal | None:
    """The price at which equity meets the liquidation level if nothing else moved; None if none does.

    `quantity` is signed (base). `scales` is the share of the used margin that grows with the price: a short's debt is
    in base, so what it uses does; a long's is in quote and does not. From equity + q (P - p) = L u (1 + s (P / p - 1)).
    """
    level, used = margin.liquidation_level, margin.used_margin
    if used == 0:
        return None  # who owes nothing is not liquidated
    slope = quantity - level * used * scales / price
    if slope == 0:
        return None
    at = price + (level * used - margin.equity) / slope
    is_ahead = at < price if quantity > 0 else at > price
    return at if at > 0 and (is_ahead or margin.equity <= level * used) else None
