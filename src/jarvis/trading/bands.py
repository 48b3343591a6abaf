"""How large one opening order may be at most, whatever asks for it: what the signer holds every entry against.

Generous on purpose: it is no second limit on risk, which moves with equity at every order (`limits`), but a wall
against a process that went astray. It is drawn anew whenever the person arms or changes limits.
"""

from collections.abc import Mapping
from decimal import Decimal

from jarvis.domain.account import SigningPolicy
from jarvis.domain.instrument import Pair
from jarvis.domain.money import round_up
from jarvis.trading.limits import Limits

HEADROOM = Decimal(4)
"""How much equity may grow, and prices fall, together, before the account must be armed again."""
SMALLEST_EQUITY = Decimal(1000)
STEP = Decimal("0.000001")


def signing_policy(
    limits: Limits, equity: Decimal, prices: Mapping[Pair, Decimal], leverages: Mapping[Pair, int]
) -> SigningPolicy:
    """The largest order per allowed pair: all equity at the highest leverage, times the headroom."""
    backing = max(equity, SMALLEST_EQUITY) * HEADROOM
    return SigningPolicy(
        {
            pair: round_up(backing * min(limits.leverage_cap, leverages.get(pair, limits.leverage_cap)) / price, STEP)
            for pair, price in prices.items()
            if pair in limits.allowed_pairs and price > 0
        }
    )
