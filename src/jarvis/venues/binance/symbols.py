"""Binance's names of the pairs that Jarvis trades: base and quote without anything in between (`BTCUSDT`)."""

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.domain.order import FillId, VenueOrderId
from jarvis.venues.base import UnreadableAnswer

USDT = Asset("USDT")
CATALOGUE: tuple[Pair, ...] = tuple(
    Pair(Asset(base), USDT) for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB")
)
"""The pairs that Jarvis trades at Binance."""

BTC_USDT, BNB_USDT = CATALOGUE[0], CATALOGUE[-1]
"""The pair whose index price turns the venue's sums in BTC into USDT."""

_PAIRS = {f"{pair.base}{pair.quote}": pair for pair in CATALOGUE}


class UnknownSymbol(UnreadableAnswer):
    """The venue named a pair that Jarvis does not trade."""


def symbol_of(pair: Pair) -> str:
    """What the venue calls it."""
    return f"{pair.base}{pair.quote}"


def pair_of(symbol: str) -> Pair:
    """The pair. Raises UnknownSymbol: where base ends and quote begins is never guessed."""
    try:
        return _PAIRS[symbol]
    except KeyError:
        raise UnknownSymbol(f"Binance named a pair that Jarvis does not trade: {symbol!r}") from None


def order_id(symbol: str, number: int) -> VenueOrderId:
    """An order's id with its symbol: the venue counts orders by symbol, so the number alone is not one order."""
    return VenueOrderId(f"{symbol}:{number}")


def fill_id(symbol: str, number: int) -> FillId:
    """A trade's id with its symbol, as for orders."""
    return FillId(f"{symbol}:{number}")
