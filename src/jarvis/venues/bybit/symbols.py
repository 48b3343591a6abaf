"""Bybit's spot symbols: `BTCUSDT` and which coins it is made of, from the venue's own list."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.venues.base import UnreadableAnswer

USDT = Asset("USDT")
CATALOGUE: tuple[Pair, ...] = tuple(
    Pair(Asset(base), USDT) for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB")
)
"""The pairs that Jarvis trades at Bybit."""


class UnknownName(UnreadableAnswer):
    """The venue named a symbol that is not in the table that we read from it."""


class Symbols:
    """The venue's names of pairs, both ways. What it does not know is an error, never a guess."""

    def __init__(self, listed: Iterable[tuple[str, Pair]]) -> None:
        self._pairs: dict[str, Pair] = dict(listed)
        self._ids = {pair: symbol for symbol, pair in self._pairs.items()}

    @property
    def ids(self) -> Mapping[Pair, str]:
        """The symbol of each pair."""
        return self._ids

    def pair(self, symbol: str) -> Pair:
        """The pair of a symbol. Raises UnknownName."""
        try:
            return self._pairs[symbol]
        except KeyError:
            raise UnknownName(f"Bybit named a symbol that it does not list: {symbol!r}") from None

    def symbol(self, pair: Pair) -> str:
        """The symbol of a pair. Raises UnknownName when the venue does not list it."""
        try:
            return self._ids[pair]
        except KeyError:
            raise UnknownName(f"Bybit does not list {pair} now") from None


@lru_cache(maxsize=8)
def symbols_of(listed: tuple[tuple[str, Pair], ...]) -> Symbols:
    """The table of these names, one for all accounts that were told the same: the venue lists hundreds of pairs."""
    return Symbols(listed)
