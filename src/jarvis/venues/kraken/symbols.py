"""Kraken's many names for one thing, from its own data: `XXBT`, `XBT` and `BTC`; `XXBTZUSD`, `XBTUSD`, `BTC/USD`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from jarvis.domain.instrument import Pair
from jarvis.domain.money import USD, Asset
from jarvis.venues.base import UnreadableAnswer

CATALOGUE: tuple[Pair, ...] = tuple(
    Pair(Asset(base), USD) for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB")
)
"""The pairs that Jarvis trades at Kraken."""

# The only two whose short name is not everybody's; the rest follows from the venue's own `altname`.
_EVERYDAY = {"XBT": "BTC", "XDG": "DOGE"}


class UnknownName(UnreadableAnswer):
    """The venue named an asset or a pair that is not in the table that we read from it."""


def everyday(altname: str) -> Asset:
    """The canonical name of an asset's `altname`; what follows a dot (`XBT.M`, a wallet of its own) is kept."""
    base, dot, wallet = altname.upper().partition(".")
    return Asset(f"{_EVERYDAY.get(base, base)}{dot}{wallet}")


@dataclass(frozen=True, slots=True)
class AssetRow:
    """One asset as `Assets` tells it. `decimals` is the precision in which balances and costs are booked."""

    venue_id: str
    altname: str
    decimals: int

    @property
    def asset(self) -> Asset:
        """The canonical name."""
        return everyday(self.altname)


@dataclass(frozen=True, slots=True)
class PairNames:
    """One pair's names as `AssetPairs` tells them; `base` and `quote` are asset ids."""

    venue_id: str
    altname: str
    wsname: str | None
    base: str
    quote: str

    @property
    def book(self) -> str:
        """`:BTNL` for a pair on another book than the usual one, else empty."""
        colon, suffix = self.venue_id.partition(":")[1:]
        return colon + suffix


class Symbols:
    """The venue's names of assets and pairs, both ways. What it does not know is an error, never a guess."""

    def __init__(
        self, assets: Sequence[AssetRow], pairs: Sequence[PairNames], others: Iterable[PairNames] = ()
    ) -> None:
        """`others` are names that are understood too, without trading by them."""
        self._listed = assets, pairs
        self._assets: dict[str, Asset] = {}
        self._decimals: dict[Asset, int] = {}
        self._pairs: dict[str, Pair] = {}
        self._ids: dict[Pair, str] = {}
        self._stream_names: dict[Pair, str] = {}
        for row in assets:
            self._decimals[row.asset] = row.decimals
            for name in (row.venue_id, row.altname, row.asset):
                self._assets[name] = row.asset
        self._learn(pairs, preferred=True)
        self._learn(others, preferred=False)

    def _learn(self, pairs: Iterable[PairNames], *, preferred: bool) -> None:
        for names in pairs:
            if names.base not in self._assets or names.quote not in self._assets:
                continue
            pair = Pair(self._assets[names.base], self._assets[names.quote])
            stream_name = f"{pair}{names.book}"
            for name in (names.venue_id, names.altname, names.wsname, stream_name):
                if name:
                    self._pairs.setdefault(name, pair)
            if preferred:
                self._ids[pair] = names.venue_id
                self._stream_names[pair] = stream_name

    def with_others(self, others: Iterable[PairNames]) -> "Symbols":
        """The table that also understands these names, without trading by them."""
        assets, pairs = self._listed
        return symbols_of(tuple(assets), tuple(pairs), tuple(others))

    @property
    def ids(self) -> Mapping[Pair, str]:
        """The id to trade each pair by."""
        return self._ids

    def asset(self, name: str) -> Asset:
        """The canonical asset. Raises UnknownName."""
        known = self._assets.get(name)
        if known is not None:
            return known
        base, dot, wallet = name.partition(".")
        if dot and base in self._assets:
            return Asset(f"{self._assets[base]}{dot}{wallet}")
        raise UnknownName(f"Kraken named an asset that it does not list: {name!r}")

    def decimals(self, asset: Asset) -> int:
        """The precision in which amounts of the asset are booked. Raises UnknownName."""
        try:
            return self._decimals[asset]
        except KeyError:
            raise UnknownName(f"Kraken lists no asset {asset!r}") from None

    def pair(self, name: str) -> Pair:
        """The canonical pair. Raises UnknownName."""
        try:
            return self._pairs[name]
        except KeyError:
            raise UnknownName(f"Kraken named a pair that we do not know: {name!r}") from None

    def pair_id(self, pair: Pair) -> str:
        """The id to trade it by. Raises UnknownName when the venue does not list it."""
        try:
            return self._ids[pair]
        except KeyError:
            raise UnknownName(f"Kraken does not list {pair} now") from None

    def stream_name(self, pair: Pair) -> str:
        """What the stream calls it. Raises UnknownName when the venue does not list it."""
        try:
            return self._stream_names[pair]
        except KeyError:
            raise UnknownName(f"Kraken does not list {pair} now") from None


@lru_cache(maxsize=8)
def symbols_of(
    assets: tuple[AssetRow, ...], pairs: tuple[PairNames, ...], others: tuple[PairNames, ...] = ()
) -> Symbols:
    """The table of these names, one for all accounts that were told the same: the venue lists a thousand pairs."""
    return Symbols(assets, pairs, others)
