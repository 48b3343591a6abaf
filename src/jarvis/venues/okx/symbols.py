"""OKX's names of pairs and assets, which are everybody's: `BTC-USDT`, `BTC`. No table is needed."""

from functools import lru_cache

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.domain.order import FillId, VenueOrderId
from jarvis.venues.base import UnreadableAnswer

USDT = Asset("USDT")
CATALOGUE: tuple[Pair, ...] = tuple(
    Pair(Asset(base), USDT) for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB")
)
"""The pairs that Jarvis trades at OKX."""


def inst_id(pair: Pair) -> str:
    """`BTC-USDT`."""
    return f"{pair.base}-{pair.quote}"


@lru_cache
def pair_of(name: str) -> Pair:
    """The pair that `BTC-USDT` names. Raises UnreadableAnswer for what is no spot pair."""
    base, dash, quote = name.partition("-")
    if not (base and dash and quote) or "-" in quote:
        raise UnreadableAnswer(f"OKX named an instrument that is no pair of two currencies: {name!r}")
    return Pair(Asset(base), Asset(quote))


def fill_id(name: str, trade: str, order_id: VenueOrderId) -> FillId:
    """A fill's id: a trade's id is told per instrument, and twice where both of its sides are ours."""
    return FillId(f"{name}:{trade}:{order_id}")
