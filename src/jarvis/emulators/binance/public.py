"""REST public: time, rules, and the market as book, trades, candles and tickers."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from jarvis.domain.money import ZERO
from jarvis.emulators.binance.errors import INVALID_INTERVAL, OPTIONAL_COMBINATION, Refused, invalid
from jarvis.emulators.binance.market import INTERVALS, MILLISECOND, DayStatistics, Kline, NumberedTrade, klines
from jarvis.emulators.binance.names import Symbol, symbol_row
from jarvis.emulators.binance.params import Params
from jarvis.emulators.binance.state import VenueState
from jarvis.emulators.binance.text import NO_AMOUNT, Json, amount, ms
from jarvis.sim.exchange import SimLevel

_MAX_DEPTH = 5000
_MINUTES = 5
RATE_LIMITS: list[Json] = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 160000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300000},
]


class PublicData:
    """Answers of `/api/v3`."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def ping(self, _params: Params) -> Any:
        """Nothing."""
        return {}

    def time(self, _params: Params) -> Any:
        """The server's clock."""
        return {"serverTime": ms(self._state.now())}

    def exchange_info(self, params: Params) -> Any:
        """Rate limits and the symbols with their filters."""
        wanted = params.names("permissions") or ["MARGIN"]
        symbols = self._symbols(params) or list(self._state.symbols.of.values())
        rows = [symbol_row(symbol, self._state.instrument(symbol.pair)) for symbol in symbols]
        if not {"SPOT", "MARGIN"} & set(wanted):
            rows = []
        if (status := params.text("symbolStatus")) is not None:
            rows = [row for row in rows if row["status"] == status]
        if not params.boolean("showPermissionSets", default=True):
            rows = [{name: value for name, value in row.items() if name != "permissionSets"} for row in rows]
        return {
            "timezone": "UTC",
            "serverTime": ms(self._state.now()),
            "rateLimits": RATE_LIMITS,
            "exchangeFilters": [],
            "symbols": rows,
        }

    def depth(self, params: Params) -> Any:
        """The order book."""
        symbol = self._symbol(params)
        limit = params.limit("limit", 100, _MAX_DEPTH)
        return self.book(symbol, limit)

    def book(self, symbol: Symbol, limit: int) -> Json:
        """The best levels with the number of the book's last change."""
        shown = self._state.exchange.book(symbol.pair, limit)
        return {
            "lastUpdateId": self._state.tape.count(symbol.pair),
            "bids": levels(shown.bids),
            "asks": levels(shown.asks),
        }

    def trades(self, params: Params) -> Any:
        """The last public trades."""
        symbol = self._symbol(params)
        limit = params.limit("limit", 500, 1000)
        return [_trade_row(each) for each in self._state.tape.recent(symbol.pair)[-limit:]]

    def historical_trades(self, params: Params) -> Any:
        """Public trades from a number on."""
        symbol = self._symbol(params)
        limit = params.limit("limit", 500, 1000)
        first = params.integer("fromId")
        rows = self._state.tape.recent(symbol.pair)
        rows = rows[-limit:] if first is None else [each for each in rows if each.number >= first][:limit]
        return [_trade_row(each) for each in rows]

    def agg_trades(self, params: Params) -> Any:
        """Public trades, each an aggregate of itself."""
        symbol = self._symbol(params)
        limit = params.limit("limit", 500, 1000)
        first, begin, end = params.integer("fromId"), params.time("startTime"), params.time("endTime")
        if first is not None and (begin is not None or end is not None):
            raise Refused(OPTIONAL_COMBINATION)
        rows = [
            each
            for each in self._state.tape.recent(symbol.pair)
            if (first is None or each.number >= first)
            and (begin is None or each.trade.at >= begin)
            and (end is None or each.trade.at <= end)
        ]
        rows = rows[-limit:] if first is None and begin is None else rows[:limit]
        return [agg_trade_row(each) for each in rows]

    def klines(self, params: Params) -> Any:
        """Candles: from a start on, or the latest."""
        symbol, interval = self._symbol(params), params.required("interval")
        if interval not in INTERVALS:
            raise Refused(INVALID_INTERVAL)
        if params.text("timeZone") not in (None, "0", "0:00", "00:00"):
            raise invalid("timeZone")
        limit = params.limit("limit", 500, 1000)
        begin, end = params.time("startTime"), params.time("endTime")
        rows = klines(self._state.exchange, symbol.pair, interval, begin)
        if end is not None:
            rows = [kline for kline in rows if kline.opened_at <= end]
        return [_kline_row(kline) for kline in (rows[-limit:] if begin is None else rows[:limit])]

    def avg_price(self, params: Params) -> Any:
        """The average price of the last five minutes."""
        symbol = self._symbol(params)
        since = self._state.now() - timedelta(minutes=_MINUTES)
        candles = self._state.exchange.candles(symbol.pair, timedelta(minutes=1), since)
        volume = sum((candle.bar.volume for candle in candles), ZERO)
        turnover = sum((candle.vwap * candle.bar.volume for candle in candles), ZERO)
        price = turnover / volume if volume else self._state.exchange.quote(symbol.pair).last
        return {"mins": _MINUTES, "price": amount(price), "closeTime": ms(self._state.now())}

    def ticker_24hr(self, params: Params) -> Any:
        """The last day of one or several symbols."""
        kind = params.text("type") or "FULL"
        if kind not in ("FULL", "MINI"):
            raise invalid("type")
        return self._one_or_all(params, self._full_ticker if kind == "FULL" else self._mini_ticker)

    def ticker_price(self, params: Params) -> Any:
        """The last price of one or several symbols."""

        def row(symbol: Symbol) -> Json:
            return {"symbol": symbol.name, "price": amount(self._state.exchange.quote(symbol.pair).last)}

        return self._one_or_all(params, row)

    def ticker_book(self, params: Params) -> Any:
        """The best prices of one or several symbols."""

        def row(symbol: Symbol) -> Json:
            shown = self._state.exchange.book(symbol.pair, 1)
            return {
                "symbol": symbol.name,
                "bidPrice": amount(shown.bids[0].price),
                "bidQty": amount(shown.bids[0].quantity),
                "askPrice": amount(shown.asks[0].price),
                "askQty": amount(shown.asks[0].quantity),
            }

        return self._one_or_all(params, row)

    # What a request costs.

    def depth_weight(self, params: Params) -> int:
        """5 to 250, by how deep."""
        limit = params.integer("limit") or 100
        return next((weight for most, weight in ((100, 5), (500, 25), (1000, 50)) if limit <= most), 250)

    def ticker_weight(self, params: Params) -> int:
        """2 for up to 20 symbols, 40 for up to 100, 80 for all."""
        if "symbol" in params:
            return 2
        count = len(params.names("symbols")) if "symbols" in params else 101
        return 2 if count <= 20 else 40 if count <= 100 else 80

    def price_weight(self, params: Params) -> int:
        """2 for one symbol, 4 for more."""
        return 2 if "symbol" in params else 4

    # Inside.

    def _symbol(self, params: Params) -> Symbol:
        return self._state.symbols.named(params.required("symbol"))

    def _symbols(self, params: Params) -> list[Symbol]:
        if "symbol" in params and "symbols" in params:
            raise Refused(OPTIONAL_COMBINATION)
        names = [params.required("symbol")] if "symbol" in params else params.names("symbols")
        return [self._state.symbols.named(name) for name in names]

    def _one_or_all(self, params: Params, row: Callable[[Symbol], Json]) -> Any:
        symbols = self._symbols(params)
        if "symbol" in params:
            return row(symbols[0])
        return [row(symbol) for symbol in symbols or self._state.symbols.of.values()]

    def _mini_ticker(self, symbol: Symbol) -> Json:
        day = DayStatistics(self._state.exchange, symbol.pair)
        last = self._state.tape.count(symbol.pair)
        return {
            "symbol": symbol.name,
            "openPrice": amount(day.open),
            "highPrice": amount(day.high),
            "lowPrice": amount(day.low),
            "lastPrice": amount(day.last),
            "volume": amount(day.volume),
            "quoteVolume": amount(day.turnover),
            "openTime": ms(day.begin),
            "closeTime": ms(day.end),
            "firstId": max(0, last - day.trades + 1) if last else -1,
            "lastId": last or -1,
            "count": day.trades,
        }

    def _full_ticker(self, symbol: Symbol) -> Json:
        day = DayStatistics(self._state.exchange, symbol.pair)
        shown = self._state.exchange.book(symbol.pair, 1)
        recent = self._state.tape.recent(symbol.pair)
        return self._mini_ticker(symbol) | {
            "priceChange": amount(day.last - day.open),
            "priceChangePercent": f"{(day.last - day.open) / day.open * 100:.3f}",
            "weightedAvgPrice": amount(day.average),
            "prevClosePrice": amount(day.open),
            "lastQty": amount(recent[-1].trade.quantity) if recent else NO_AMOUNT,
            "bidPrice": amount(shown.bids[0].price),
            "bidQty": amount(shown.bids[0].quantity),
            "askPrice": amount(shown.asks[0].price),
            "askQty": amount(shown.asks[0].quantity),
        }


def levels(side: Sequence[SimLevel]) -> list[list[str]]:
    """One side of a book, best first."""
    return [[amount(level.price), amount(level.quantity)] for level in side]


def is_buyer_maker(each: NumberedTrade) -> bool:
    """Whether the buyer had rested: the taker sold."""
    return each.trade.side.sign < 0


def agg_trade_row(each: NumberedTrade) -> Json:
    """A trade as `aggTrades` and its stream write it."""
    return {
        "a": each.number,
        "p": amount(each.trade.price),
        "q": amount(each.trade.quantity),
        "f": each.number,
        "l": each.number,
        "T": ms(each.trade.at),
        "m": is_buyer_maker(each),
        "M": True,
    }


def closing_ms(closed_at: datetime) -> int:
    """A candle's last millisecond."""
    return ms(closed_at - MILLISECOND)


def taker_share(value: Decimal) -> str:
    """What takers bought. Unrealistic: always half, since a bar does not say."""
    return amount(value / 2)


def _trade_row(each: NumberedTrade) -> Json:
    trade = each.trade
    return {
        "id": each.number,
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "quoteQty": amount(trade.price * trade.quantity),
        "time": ms(trade.at),
        "isBuyerMaker": is_buyer_maker(each),
        "isBestMatch": True,
    }


def _kline_row(kline: Kline) -> list[Any]:
    return [
        ms(kline.opened_at),
        *(amount(price) for price in (kline.open, kline.high, kline.low, kline.close)),
        amount(kline.volume),
        closing_ms(kline.closed_at),
        amount(kline.turnover),
        kline.trades,
        taker_share(kline.volume),
        taker_share(kline.turnover),
        "0",
    ]
