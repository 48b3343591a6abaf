"""Binance's spellings of pairs and its filters: one symbol per pair, `BTCUSDT`, and what each allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.instrument import Instrument, InstrumentStatus, Pair
from jarvis.domain.money import Asset, plain
from jarvis.emulators.binance.errors import INVALID_SYMBOL, Refused
from jarvis.emulators.binance.text import Json, amount

ORDER_TYPES = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)
SELF_TRADE_MODES = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")
DEFAULT_SELF_TRADE = "EXPIRE_MAKER"
MAX_NOTIONAL = Decimal(9_000_000)
MAX_ORDERS = 200
MAX_ALGO_ORDERS = 5
MAX_ORDER_LISTS = 20
PRICE_UP = Decimal(5)
PRICE_DOWN = Decimal("0.2")
ICEBERG_PARTS = 100
TRAILING_DELTA = (10, 2000)

FULL_NAMES: Mapping[str, str] = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "XRP": "Ripple",
    "SOL": "Solana",
    "DOGE": "Dogecoin",
    "ADA": "Cardano",
    "LTC": "Litecoin",
    "LINK": "Chainlink",
    "BNB": "BNB",
    "USDT": "TetherUS",
}
_MAX_QUANTITY = {"BTC": 9_000, "ETH": 9_000, "BNB": 900_000}
_MAX_PRICE = {"BTC": 1_000_000, "ETH": 1_000_000}


@dataclass(frozen=True, slots=True)
class Symbol:
    """One pair as Binance writes it, with the limits of its filters."""

    pair: Pair
    name: str
    number: int
    max_quantity: Decimal
    max_price: Decimal


class Symbols:
    """All symbols that the emulator lists."""

    def __init__(self, instruments: Mapping[Pair, Instrument]) -> None:
        self.of = {pair: _symbol(pair, index) for index, pair in enumerate(instruments)}
        self._by_name = {symbol.name: symbol for symbol in self.of.values()}
        self.assets: tuple[Asset, ...] = tuple(
            dict.fromkeys(asset for pair in instruments for asset in (pair.base, pair.quote))
        )

    def find(self, name: str) -> Symbol | None:
        """The symbol of this name, if it is listed."""
        return self._by_name.get(name)

    def named(self, name: str) -> Symbol:
        """The symbol of this name. Raises Refused for one that is not listed."""
        symbol = self._by_name.get(name)
        if symbol is None:
            raise Refused(INVALID_SYMBOL)
        return symbol

    def asset(self, name: str) -> Asset | None:
        """The asset of this name, if a listed pair has it."""
        return Asset(name) if name in self.assets else None


def _symbol(pair: Pair, index: int) -> Symbol:
    return Symbol(
        pair=pair,
        name=f"{pair.base}{pair.quote}",
        number=351_637_150_141_315_861 + index,
        max_quantity=Decimal(_MAX_QUANTITY.get(pair.base, 9_000_000)),
        max_price=Decimal(_MAX_PRICE.get(pair.base, 100_000)),
    )


def status_of(instrument: Instrument) -> str:
    """What `exchangeInfo` says of the pair's trading."""
    match instrument.status:
        case InstrumentStatus.CANCEL_ONLY:
            return "CANCEL_ONLY"
        case InstrumentStatus.DELISTED:
            return "BREAK"
        case _:
            return "TRADING"


def filters_of(symbol: Symbol, instrument: Instrument) -> list[Json]:
    """The symbol's filters as `exchangeInfo` lists them."""
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": amount(instrument.tick),
            "maxPrice": amount(symbol.max_price),
            "tickSize": amount(instrument.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": amount(max(instrument.min_quantity, instrument.lot)),
            "maxQty": amount(symbol.max_quantity),
            "stepSize": amount(instrument.lot),
        },
        {"filterType": "ICEBERG_PARTS", "limit": ICEBERG_PARTS},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": amount(Decimal(0)),
            "maxQty": amount(symbol.max_quantity / 10),
            "stepSize": amount(Decimal(0)),
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": TRAILING_DELTA[0],
            "maxTrailingAboveDelta": TRAILING_DELTA[1],
            "minTrailingBelowDelta": TRAILING_DELTA[0],
            "maxTrailingBelowDelta": TRAILING_DELTA[1],
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": plain(PRICE_UP),
            "bidMultiplierDown": plain(PRICE_DOWN),
            "askMultiplierUp": plain(PRICE_UP),
            "askMultiplierDown": plain(PRICE_DOWN),
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": amount(instrument.min_cost),
            "applyMinToMarket": True,
            "maxNotional": amount(MAX_NOTIONAL),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": MAX_ORDERS},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": MAX_ORDER_LISTS},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": MAX_ALGO_ORDERS},
    ]


def symbol_row(symbol: Symbol, instrument: Instrument) -> Json:
    """The symbol as `exchangeInfo` lists it."""
    return {
        "symbol": symbol.name,
        "status": status_of(instrument),
        "baseAsset": symbol.pair.base,
        "baseAssetPrecision": 8,
        "quoteAsset": symbol.pair.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(ORDER_TYPES),
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "filters": filters_of(symbol, instrument),
        "permissions": [],
        "permissionSets": [["SPOT", "MARGIN"]],
        "defaultSelfTradePreventionMode": DEFAULT_SELF_TRADE,
        "allowedSelfTradePreventionModes": list(SELF_TRADE_MODES),
    }
