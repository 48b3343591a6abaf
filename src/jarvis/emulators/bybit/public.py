"""Answers of the public paths: time, instruments, prices, the book, candles, trades, and what borrowing costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from jarvis.domain.instrument import Instrument, InstrumentStatus, Pair
from jarvis.domain.market import PublicTrade
from jarvis.domain.money import ZERO, Asset, round_down, round_up
from jarvis.emulators.bybit.coins import coin_of, wallet_model
from jarvis.emulators.bybit.errors import NO_ROUTE, Refused, parameter_error
from jarvis.emulators.bybit.params import Params
from jarvis.emulators.bybit.state import VenueState, symbol_of
from jarvis.emulators.bybit.text import EPOCH, Json, millis, number
from jarvis.sim.exchange import SimCandle

MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_QUARTER = timedelta(minutes=15)
_MONDAY = EPOCH + timedelta(days=4)
PRICE_BAND = Decimal("0.05")
NO_VIP = "No VIP"
# An interval's own candles, and how many minutes the candles have that it is put together from.
_MINUTES = {"1": 1, "3": 1, "5": 5, "15": 15, "30": 30, "60": 60, "120": 60, "240": 240, "360": 60, "720": 60}
INTERVALS = (*_MINUTES, "D", "W", "M")


@dataclass(frozen=True, slots=True)
class Day:
    """Twenty-four hours of a pair; `turnover` is in quote."""

    opened: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    volume: Decimal
    turnover: Decimal

    @property
    def change(self) -> str:
        """The change of price as a fraction, four places."""
        fraction = (self.last - self.opened) / self.opened
        return number(fraction.quantize(Decimal("0.0001"), rounding=ROUND_HALF_EVEN))


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle of any interval; `end` is the instant at which the next one begins."""

    start: datetime
    end: datetime
    opened: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal

    def then(self, later: "Candle") -> "Candle":
        """This candle and a later one as one that begins where this begins."""
        return Candle(
            self.start,
            self.end,
            self.opened,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume + later.volume,
            self.turnover + later.turnover,
        )


class PublicData:
    """What anyone may ask."""

    def __init__(self, state: VenueState) -> None:
        self._state = state
        self._exchange = state.exchange
        self._days: dict[Pair, tuple[datetime, Decimal, Day]] = {}

    def time(self, params: Params) -> Json:
        """The venue's clock."""
        params.only(())
        now = millis(self._state.now())
        return {"timeSecond": str(now // 1000), "timeNano": str(now * 1_000_000)}

    def instruments(self, params: Params) -> Json:
        """The rules of the pairs."""
        params.only(("category", "symbol", "status", "limit", "cursor", "baseCoin", "symbolType"))
        _spot_only(params)
        params.limit(500, 1000)
        base = params.text("baseCoin")
        rows = [
            self.instrument_row(pair)
            for pair in self._pairs(params)
            if base in (None, pair.base) and params.text("status", "Trading") == _status(self._state.instrument(pair))
        ]
        return {"category": "spot", "list": rows}

    def tickers(self, params: Params) -> Json:
        """Best prices and twenty-four hours."""
        params.only(("category", "symbol", "baseCoin", "expDate"))
        _spot_only(params)
        return {"category": "spot", "list": [self._ticker_row(pair) for pair in self._pairs(params)]}

    def orderbook(self, params: Params) -> Json:
        """The book, one level unless more are asked for."""
        params.only(("category", "symbol", "limit"))
        _spot_only(params)
        pair = self._pair(params)
        book = self.book_sides(pair, params.limit(1, 1000))
        now = millis(self._state.now())
        return {
            "s": symbol_of(pair),
            "b": book[0],
            "a": book[1],
            "ts": now,
            "u": self.sequence(),
            "seq": self.sequence(),
            "cts": now,
        }

    def kline(self, params: Params) -> Json:
        """Candles, newest first; the first one may still be forming."""
        params.only(("category", "symbol", "interval", "start", "end", "limit"))
        _spot_only(params)
        pair, interval = self._pair(params), params.choice("interval", INTERVALS)
        limit, start, end = params.limit(200, 1000), params.integer("start"), params.integer("end")
        candles = [
            candle
            for candle in self.candles(pair, interval)
            if (start is None or millis(candle.start) >= start) and (end is None or millis(candle.start) <= end)
        ]
        chosen = candles[:limit] if start is not None and end is None else candles[-limit:]
        rows = [
            [str(millis(each.start)), *candle_texts(each), number(each.volume), number(each.turnover, 8)]
            for each in reversed(chosen)
        ]
        return {"symbol": symbol_of(pair), "category": "spot", "list": rows}

    def recent_trades(self, params: Params) -> Json:
        """Trades between others, newest first."""
        params.only(("category", "symbol", "limit", "baseCoin", "optionType"))
        _spot_only(params)
        pair = self._pair(params)
        limit = params.limit(60, 60)
        rows = [
            {
                "execId": self.trade_id(trade),
                "symbol": symbol_of(pair),
                "price": number(trade.price, 12),
                "size": number(trade.quantity),
                "side": trade.side.value.capitalize(),
                "time": str(millis(trade.at)),
                "isBlockTrade": False,
                "isRPITrade": False,
                "seq": str(self.trade_sequence(trade)),
            }
            for trade in reversed(self._exchange.trades(pair)[-limit:])
        ]
        return {"category": "spot", "list": rows}

    def price_limit(self, params: Params) -> Json:
        """The highest price of a buy and the lowest of a sell."""
        params.only(("category", "symbol"))
        _spot_only(params)
        pair = self._pair(params)
        return self.price_limit_row(pair) | {"ts": str(millis(self._state.now()))}

    def margin_data(self, params: Params) -> Json:
        """What can be borrowed, and at which hourly rate."""
        params.only(("vipLevel", "currency"))
        level = params.text("vipLevel", NO_VIP)
        rows = [self._margin_row(coin) for coin in self._coins(params)]
        return {"vipCoinList": [{"list": rows, "vipLevel": NO_VIP}] if level == NO_VIP else []}

    def collateral(self, params: Params) -> Json:
        """What part of each coin's value backs a debt."""
        params.only(("currency",))
        rows = [
            {
                "currency": coin,
                "collateralRatioList": [
                    {"minQty": "0", "maxQty": "", "collateralRatio": number(self.collateral_ratio(coin))}
                ],
            }
            for coin in self._coins(params)
        ]
        return {"list": rows}

    # Parts that streams and account reads use too.

    def instrument_row(self, pair: Pair) -> Json:
        """One pair's rules."""
        rules, coin = self._state.instrument(pair), coin_of(pair.base)
        return {
            "symbol": symbol_of(pair),
            "baseCoin": pair.base,
            "quoteCoin": pair.quote,
            "innovation": "0",
            "status": _status(rules),
            "marginTrading": "utaOnly" if rules.leverage_long or rules.leverage_short else "none",
            "stTag": "0",
            "symbolId": 1 + list(self._exchange.instruments).index(pair),
            "symbolType": "",
            "lotSizeFilter": {
                "basePrecision": number(rules.lot),
                "quotePrecision": number(rules.cost_step),
                "minOrderQty": number(rules.min_quantity),
                "maxOrderQty": number(coin.max_limit),
                "minOrderAmt": number(rules.min_cost),
                "maxOrderAmt": "8000000",
                "maxLimitOrderQty": number(coin.max_limit),
                "maxMarketOrderQty": number(coin.max_market),
                "postOnlyMaxLimitOrderSize": number(coin.max_limit),
            },
            "priceFilter": {"tickSize": number(rules.tick)},
            "riskParameters": {"priceLimitRatioX": number(PRICE_BAND), "priceLimitRatioY": number(2 * PRICE_BAND)},
        }

    def day(self, pair: Pair) -> Day:
        """The last twenty-four hours, or as much as there is."""
        now, last = self._state.now(), self._exchange.quote(pair).last
        known = self._days.get(pair)
        if known is not None and known[:2] == (now, last):
            return known[2]
        candles = self._exchange.candles(pair, _QUARTER, now - _DAY)
        bars = [candle.bar for candle in candles]
        day = Day(
            opened=bars[0].open if bars else last,
            high=max((bar.high for bar in bars), default=last),
            low=min((bar.low for bar in bars), default=last),
            last=last,
            volume=sum((bar.volume for bar in bars), ZERO),
            turnover=sum((candle.vwap * candle.bar.volume for candle in candles), ZERO),
        )
        self._days[pair] = (now, last, day)
        return day

    def day_row(self, pair: Pair) -> Json:
        """The ticker's fields but for the best prices, as the stream has them."""
        day = self.day(pair)
        return {
            "symbol": symbol_of(pair),
            "lastPrice": number(day.last, 12),
            "highPrice24h": number(day.high, 12),
            "lowPrice24h": number(day.low, 12),
            "prevPrice24h": number(day.opened, 12),
            "volume24h": number(day.volume, 8),
            "turnover24h": number(day.turnover, 8),
            "price24hPcnt": day.change,
            "usdIndexPrice": number(day.last, 8),
        }

    def book_sides(self, pair: Pair, depth: int) -> tuple[list[list[str]], list[list[str]]]:
        """Bids from the highest and asks from the lowest, as texts."""
        book = self._exchange.book(pair, depth)
        bids, asks = (
            [[number(level.price, 12), number(level.quantity, 8)] for level in side] for side in (book.bids, book.asks)
        )
        return bids, asks

    def candles(self, pair: Pair, interval: str, since: datetime | None = None) -> list[Candle]:
        """All candles that are kept (and begin at or after `since`), oldest first, the forming one last."""
        if interval in _MINUTES:
            size = timedelta(minutes=int(interval))
            parts = self._exchange.candles(pair, timedelta(minutes=_MINUTES[interval]), since)
            return _joined(parts, lambda at: (at - (at - EPOCH) % size, size))
        parts = self._exchange.candles(pair, _DAY, since)
        if interval == "D":
            return _joined(parts, lambda at: (at, _DAY))
        if interval == "W":
            return _joined(parts, lambda at: (at - (at - _MONDAY) % _WEEK, _WEEK))
        return _joined(parts, _month)

    def price_limit_row(self, pair: Pair) -> Json:
        """The two limits."""
        highest, lowest = self.price_band(pair)
        return {"symbol": symbol_of(pair), "buyLmt": number(highest), "sellLmt": number(lowest)}

    def price_band(self, pair: Pair) -> tuple[Decimal, Decimal]:
        """The highest price of a buy and the lowest of a sell."""
        last, tick = self._exchange.quote(pair).last, self._state.instrument(pair).tick
        return round_down(last * (1 + PRICE_BAND), tick), round_up(last * (1 - PRICE_BAND), tick)

    def sequence(self) -> int:
        """A number that rises with the market; never 1, which would say that the service has restarted."""
        return 10_000 + millis(self._state.now()) // 1000

    def trade_id(self, trade: PublicTrade) -> str:
        """A public trade's id, the same by REST and by stream."""
        return f"2100{self.trade_sequence(trade)}"

    def trade_sequence(self, trade: PublicTrade) -> int:
        """A public trade's number across the pairs."""
        return millis(trade.at) * 100 + list(self._exchange.instruments).index(trade.pair)

    def collateral_ratio(self, coin: Asset) -> Decimal:
        """The part of a coin's value that backs a debt."""
        return self._exchange.model.collateral.get(coin, ZERO)

    def hourly_rate(self, coin: Asset) -> Decimal | None:
        """What borrowing the coin costs per hour, None where it cannot be borrowed."""
        return wallet_model(self._exchange.model).hourly_rates.get(coin)

    # Within.

    def _ticker_row(self, pair: Pair) -> Json:
        (bid,), (ask,) = self.book_sides(pair, 1)
        best = {"bid1Price": bid[0], "bid1Size": bid[1], "ask1Price": ask[0], "ask1Size": ask[1]}
        return self.day_row(pair) | best

    def _margin_row(self, coin: Asset) -> Json:
        rate, ratio = self.hourly_rate(coin), self.collateral_ratio(coin)
        return {
            "borrowable": rate is not None,
            "collateralRatio": number(ratio),
            "currency": coin,
            "hourlyBorrowRate": number(rate or ZERO),
            "liquidationOrder": str(coin_of(coin).liquidation_order),
            "marginCollateral": ratio > 0,
            "maxBorrowingAmount": number(coin_of(coin).max_borrow),
        }

    def _pairs(self, params: Params) -> Sequence[Pair]:
        return [self._pair(params)] if "symbol" in params else list(self._exchange.instruments)

    def _pair(self, params: Params) -> Pair:
        symbol = params.required("symbol")
        if symbol not in self._state.symbols:
            raise parameter_error("Not supported symbols")
        return self._state.symbols[symbol]

    def _coins(self, params: Params) -> Sequence[Asset]:
        return [self._state.coin(params.required("currency"))] if "currency" in params else list(self._state.coins())


def candle_texts(candle: Candle) -> list[str]:
    """Open, high, low and close."""
    return [number(price, 12) for price in (candle.opened, candle.high, candle.low, candle.close)]


def _spot_only(params: Params) -> None:
    category = params.required("category")
    if category in ("linear", "inverse", "option"):
        raise Refused(NO_ROUTE, f"this sandbox has no {category} market")
    if category != "spot":
        raise parameter_error("params error: Category is invalid")


def _status(rules: Instrument) -> str:
    return "Closed" if rules.status is InstrumentStatus.DELISTED else "Trading"


def _month(at: datetime) -> tuple[datetime, timedelta]:
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    later = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start, later - start


def _joined(parts: Sequence[SimCandle], frame: Callable[[datetime], tuple[datetime, timedelta]]) -> list[Candle]:
    joined: list[Candle] = []
    for part in parts:
        bar = part.bar
        start, size = frame(bar.opened_at)
        turnover = part.vwap * bar.volume
        each = Candle(start, start + size, bar.open, bar.high, bar.low, bar.close, bar.volume, turnover)
        if joined and joined[-1].start == start:
            joined[-1] = joined[-1].then(each)
        else:
            joined.append(each)
    return joined
