"""Kraken's spellings of assets and pairs, and the decimals it writes them with.

Old assets keep an X or Z in front in REST (`XXBT`, `ZUSD`), bitcoin and dogecoin are XBT and XDG there, and the
WebSocket says BTC and DOGE. US retail accounts trade margin on separate books whose names end in `:BTNL`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.money import Asset
from jarvis.emulators.kraken.text import decimals_of

BTNL = ":BTNL"
INTERNATIONAL_VENUE = "international"
US_VENUE = "bitnomial_exchange"


@dataclass(frozen=True, slots=True)
class AssetName:
    """One asset as Kraken writes it. `decimals` is what its ledger is kept in."""

    asset: Asset
    rest: str
    altname: str
    decimals: int
    display_decimals: int
    margin_rate: str | None = None


def _asset(
    name: str, rest: str, altname: str, decimals: int, display: int = 5, margin_rate: str | None = None
) -> AssetName:
    return AssetName(Asset(name), rest, altname, decimals, display, margin_rate)


_ASSETS = {
    known.asset: known
    for known in (
        _asset("BTC", "XXBT", "XBT", 10, margin_rate="0.01"),
        _asset("ETH", "XETH", "ETH", 10, margin_rate="0.02"),
        _asset("XRP", "XXRP", "XRP", 8, margin_rate="0.02"),
        _asset("LTC", "XLTC", "LTC", 10, margin_rate="0.02"),
        _asset("DOGE", "XXDG", "XDG", 8, 2, margin_rate="0.02"),
        _asset("SOL", "SOL", "SOL", 10, margin_rate="0.02"),
        _asset("ADA", "ADA", "ADA", 8, 6, margin_rate="0.02"),
        _asset("LINK", "LINK", "LINK", 10, margin_rate="0.02"),
        _asset("BNB", "BNB", "BNB", 10, margin_rate="0.02"),
        _asset("USD", "ZUSD", "USD", 4, 2, margin_rate="0.036"),
        _asset("EUR", "ZEUR", "EUR", 4, 2, margin_rate="0.036"),
        _asset("USDT", "USDT", "USDT", 8, 4),
        _asset("USDC", "USDC", "USDC", 8, 4),
    )
}
# Kraken gives the long form (XXBTZUSD) to pairs of two old assets only; dogecoin is the exception (XDGUSD).
_SHORT_PAIRS = frozenset({Asset("DOGE")})
_NO_US_BOOK = frozenset({Asset("BNB")})


def asset_name(asset: Asset) -> AssetName:
    """Kraken's names of an asset; new ones are written as they are."""
    return _ASSETS.get(asset) or AssetName(asset, asset, asset, 8, 5)


def find_asset(text: str, known: Iterable[Asset]) -> Asset | None:
    """The asset that a client means by an id, an altname or the plain name."""
    for asset in known:
        name = asset_name(asset)
        if text in (name.rest, name.altname, asset):
            return asset
    return None


@dataclass(frozen=True, slots=True)
class PairName:
    """One book: a pair as Kraken writes it, on one execution venue."""

    pair: Pair
    rest: str
    altname: str
    wsname: str
    symbol: str
    execution_venue: str
    price_decimals: int
    lot_decimals: int
    cost_decimals: int
    tick: Decimal

    @property
    def is_us(self) -> bool:
        """Whether it is one of the US retail books."""
        return self.execution_venue == US_VENUE


class PairNames:
    """All books that the emulator lists, found by any spelling that Kraken accepts."""

    def __init__(self, instruments: Mapping[Pair, Instrument]) -> None:
        self.international = {pair: _international(instrument) for pair, instrument in instruments.items()}
        self.us = {pair: _us(name) for pair, name in self.international.items() if pair.base not in _NO_US_BOOK}
        self._by_rest: dict[str, PairName] = {}
        self._by_symbol: dict[str, PairName] = {}
        for name in (*self.international.values(), *self.us.values()):
            self._by_rest[name.rest] = name
            self._by_rest[name.altname] = name
            self._by_symbol[name.symbol] = name

    def by_rest(self, text: str) -> PairName | None:
        """The book that REST knows by this id or altname."""
        return self._by_rest.get(text)

    def by_symbol(self, symbol: str) -> PairName | None:
        """The book that the WebSocket knows by this symbol."""
        return self._by_symbol.get(symbol)

    def of(self, pair: Pair, *, us: bool) -> PairName:
        """The book on which an account of the given profile trades the pair on margin."""
        return self.us.get(pair, self.international[pair]) if us else self.international[pair]


def _international(instrument: Instrument) -> PairName:
    pair = instrument.pair
    base, quote = asset_name(pair.base), asset_name(pair.quote)
    altname = base.altname + quote.altname
    long_form = base.rest != base.altname and quote.rest != quote.altname and pair.base not in _SHORT_PAIRS
    return PairName(
        pair=pair,
        rest=base.rest + quote.rest if long_form else altname,
        altname=altname,
        wsname=f"{base.altname}/{quote.altname}",
        symbol=str(pair),
        execution_venue=INTERNATIONAL_VENUE,
        price_decimals=decimals_of(instrument.tick),
        lot_decimals=decimals_of(instrument.lot),
        cost_decimals=decimals_of(instrument.cost_step),
        tick=instrument.tick,
    )


def _us(name: PairName) -> PairName:
    return PairName(
        pair=name.pair,
        rest=name.altname + BTNL,
        altname=name.altname + BTNL,
        wsname=str(name.pair) + BTNL,
        symbol=name.symbol + BTNL,
        execution_venue=US_VENUE,
        price_decimals=name.price_decimals,
        lot_decimals=name.lot_decimals,
        cost_decimals=name.cost_decimals,
        tick=name.tick,
    )
