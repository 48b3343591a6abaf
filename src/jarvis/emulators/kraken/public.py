"""REST public: time, status, assets, pairs, and the market as candles, book, ticker and trades."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from jarvis.domain.instrument import Instrument, InstrumentStatus, Pair
from jarvis.domain.market import Bar, PublicTrade
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.emulators.faults import FaultKind
from jarvis.emulators.kraken.errors import UNKNOWN_ASSET, Refused, invalid_argument
from jarvis.emulators.kraken.names import INTERNATIONAL_VENUE, US_VENUE, AssetName, PairName, asset_name, find_asset
from jarvis.emulators.kraken.params import Params
from jarvis.emulators.kraken.state import VenueState
from jarvis.emulators.kraken.text import EPOCH, fixed, rfc3339_seconds, unix, unix_micros, unix_number
from jarvis.sim.exchange import SimCandle, SimLevel

INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)
_MAX_CANDLES = 720
_MAX_DEPTH = 500
_MAX_TRADES = 1000
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_INFO_FIELDS = {
    "leverage": ("leverage_buy", "leverage_sell"),
    "fees": ("fees", "fees_maker", "fee_volume_currency"),
    "margin": ("margin_call", "margin_stop", "long_position_limit", "short_position_limit"),
}


class DayStatistics:
    """What a ticker says of a span of candles: volume, average price, trade count, low, high, open."""

    def __init__(self, candles: Sequence[SimCandle], last: Decimal) -> None:
        bars = [candle.bar for candle in candles]
        self.volume = sum((bar.volume for bar in bars), ZERO)
        worth = sum((candle.vwap * candle.bar.volume for candle in candles), ZERO)
        self.average = worth / self.volume if self.volume else last
        self.trades = sum(candle.trades for candle in candles)
        self.low = min((bar.low for bar in bars), default=last)
        self.high = max((bar.high for bar in bars), default=last)
        self.open = bars[0].open if bars else last


class PublicData:
    """Answers of the public paths."""

    def __init__(self, state: VenueState) -> None:
        self._state = state
        self._hours: dict[Pair, list[SimCandle]] = {}

    def time(self, _params: Params) -> Any:
        """The server's clock."""
        now = self._state.now()
        return {"unixtime": unix(now), "rfc1123": now.strftime("%a, %d %b %y %H:%M:%S +0000")}

    def system_status(self, _params: Params) -> Any:
        """Whether the venue trades."""
        return {"status": self.status(), "timestamp": rfc3339_seconds(self._state.now())}

    def status(self) -> str:
        """`online`, or what a fault says."""
        faults = self._state.faults
        for kind in (FaultKind.MAINTENANCE, FaultKind.CANCEL_ONLY, FaultKind.POST_ONLY):
            if any(fault.kind is kind and fault.pair is None and fault.account is None for fault in faults.active):
                return str(kind.value)
        return "online"

    def pair_status(self, instrument: Instrument) -> str:
        """What the pair takes now."""
        for kind in (FaultKind.CANCEL_ONLY, FaultKind.POST_ONLY):
            if self._state.faults.holds(kind, pair=instrument.pair):
                return str(kind.value)
        if instrument.status is InstrumentStatus.DELISTED:
            return str(InstrumentStatus.CANCEL_ONLY.value)
        return str(instrument.status.value)

    def listed_assets(self) -> list[AssetName]:
        """Every asset of the listed pairs."""
        assets: dict[Asset, None] = {}
        for pair in self._state.exchange.instruments:
            assets |= {pair.base: None, pair.quote: None}
        return [asset_name(asset) for asset in assets]

    def collateral_value(self, asset: Asset) -> Decimal | None:
        """The share of an asset's worth that counts as collateral; None when it does not."""
        return self._state.exchange.model.collateral.get(asset)

    def assets(self, params: Params) -> Any:
        """The listed assets."""
        if params.text("aclass", "currency") != "currency":
            raise invalid_argument("aclass")
        names = self.listed_assets()
        if wanted := params.names("asset"):
            known = [name.asset for name in names]
            found = [find_asset(text, known) for text in wanted]
            if None in found:
                raise Refused(UNKNOWN_ASSET)
            names = [asset_name(asset) for asset in found if asset is not None]
        return {name.rest: self._asset(name) for name in names}

    def asset_pairs(self, params: Params) -> Any:
        """The pairs of one execution venue, the international one by default."""
        venue = params.text("execution_venue", INTERNATIONAL_VENUE)
        if venue not in (INTERNATIONAL_VENUE, US_VENUE):
            raise invalid_argument("execution_venue")
        info = params.text("info", "info") or "info"
        if info != "info" and info not in _INFO_FIELDS:
            raise invalid_argument("info")
        names = self._state.names
        books = list((names.us if venue == US_VENUE else names.international).values())
        if wanted := params.names("pair"):
            books = [self._state.book(text) for text in wanted]
        rows = {book.rest: self._pair(book) for book in books}
        if info == "info":
            return rows
        return {rest: {name: row[name] for name in _INFO_FIELDS[info] if name in row} for rest, row in rows.items()}

    def ticker(self, params: Params) -> Any:
        """Best prices and the day's statistics."""
        books = [self._state.book(text) for text in params.names("pair")]
        books = books or list(self._state.names.international.values())
        return {book.rest: self._ticker(book) for book in books}

    def ohlc(self, params: Params) -> Any:
        """Candles, at most 720 and always the latest; the last one is still forming."""
        text = params.required("pair")
        book = self._state.book(text)
        minutes = params.integer("interval")
        minutes = 1 if minutes is None else minutes
        if minutes not in INTERVALS:
            raise invalid_argument("interval")
        candles = self.candles(book, minutes)
        if not candles or candles[-1].is_final:
            # The row of the running interval is always there, also before anything traded in it.
            candles = [*candles[1 - _MAX_CANDLES :], self._begun(book, minutes)]
        last = unix(candles[-2].bar.opened_at) if len(candles) > 1 else 0
        if (since := params.integer("since")) is not None:
            candles = [candle for candle in candles if unix(candle.bar.opened_at) > since]
        return {text: [_candle_row(candle, book) for candle in candles], "last": last}

    def candles(self, book: PairName, minutes: int) -> list[SimCandle]:
        """The latest candles of a pair, at most 720, the forming one last."""
        return self._state.exchange.candles(book.pair, timedelta(minutes=minutes))

    def _begun(self, book: PairName, minutes: int) -> SimCandle:
        interval, now = timedelta(minutes=minutes), self._state.now()
        last = self._state.exchange.quote(book.pair).last
        begun = Bar(book.pair, interval, now - (now - EPOCH) % interval, last, last, last, last, ZERO)
        return SimCandle(begun, last, 0, is_final=False)

    def day(self, book: PairName, since: datetime) -> DayStatistics:
        """Statistics of the hours that began within the last day and not before an instant."""
        now = self._state.now()
        # Finished hours do not change: only what came after the last of them is asked for again.
        hours = [candle for candle in self._hours.get(book.pair, []) if candle.bar.opened_at >= now - _DAY]
        begin = hours[-1].bar.closed_at if hours else now - _DAY
        recent = self._state.exchange.candles(book.pair, _HOUR, begin)
        self._hours[book.pair] = [*hours, *(candle for candle in recent if candle.is_final)]
        candles = [candle for candle in (*hours, *recent) if candle.bar.opened_at >= since]
        return DayStatistics(candles, self._state.exchange.quote(book.pair).last)

    def depth(self, params: Params) -> Any:
        """The order book."""
        book = self._state.book(params.required("pair"))
        count = params.integer("count")
        count = 100 if count is None else count
        if not 1 <= count <= _MAX_DEPTH:
            raise invalid_argument("count")
        shown = self._state.exchange.book(book.pair, count)
        at = unix(self._state.now())
        return {
            book.rest: {
                side: [
                    [fixed(level.price, max(5, book.price_decimals)), fixed(level.quantity, 3), at] for level in levels
                ]
                for side, levels in (("asks", shown.asks), ("bids", shown.bids))
            }
        }

    def trades(self, params: Params) -> Any:
        """Recent public trades."""
        text = params.required("pair")
        book = self._state.book(text)
        count = params.integer("count")
        count = _MAX_TRADES if count is None else count
        if not 1 <= count <= _MAX_TRADES:
            raise invalid_argument("count")
        numbered = list(enumerate(self._state.exchange.trades(book.pair), start=1))
        if (since := params.decimal("since")) is not None:
            # Nanoseconds or seconds: both are accepted, told apart by their size.
            after = int(since if since > 10**14 else since * 10**9)
            chosen = [(index, trade) for index, trade in numbered if unix_micros(trade.at) * 1000 > after][:count]
        else:
            after = unix_micros(self._state.now()) * 1000
            chosen = numbered[-count:]
        last = unix_micros(chosen[-1][1].at) * 1000 if chosen else after
        return {text: [_trade_row(index, trade, book) for index, trade in chosen], "last": str(last)}

    def _asset(self, name: AssetName) -> dict[str, Any]:
        row: dict[str, Any] = {
            "aclass": "currency",
            "altname": name.altname,
            "decimals": name.decimals,
            "display_decimals": name.display_decimals,
        }
        if (collateral := self.collateral_value(name.asset)) is not None:
            row["collateral_value"] = float(collateral)
        if name.margin_rate is not None:
            row["margin_rate"] = name.margin_rate
        return row | {"status": "enabled"}

    def _pair(self, book: PairName) -> dict[str, Any]:
        instrument = self._state.instrument(book.pair)
        fee = self._state.exchange.model.fee
        hides_fees = self._state.faults.holds(FaultKind.EMPTY_FEES)
        row: dict[str, Any] = {
            "altname": book.altname,
            "wsname": book.wsname,
            "aclass_base": "currency",
            "base": asset_name(book.pair.base).rest,
            "aclass_quote": "currency",
            "quote": asset_name(book.pair.quote).rest,
            "lot": "unit",
            "cost_decimals": book.cost_decimals,
            "pair_decimals": book.price_decimals,
            "lot_decimals": book.lot_decimals,
            "lot_multiplier": 1,
            "leverage_buy": list(instrument.leverage_long),
            "leverage_sell": list(instrument.leverage_short),
            "fees": [] if hides_fees else [[0, float(fee.taker_rate * 100)]],
            "fees_maker": [] if hides_fees else [[0, float(fee.maker_rate * 100)]],
            "fee_volume_currency": asset_name(USD).rest,
            "margin_call": int(instrument.margin_call_level * 100),
            "margin_stop": int(instrument.liquidation_level * 100),
            "ordermin": f"{instrument.min_quantity:f}",
            "costmin": f"{instrument.min_cost:f}",
            "tick_size": f"{instrument.tick:f}",
            "status": self.pair_status(instrument),
            "execution_venue": book.execution_venue,
        }
        if instrument.long_position_limit is not None:
            row["long_position_limit"] = int(instrument.long_position_limit)
        if instrument.short_position_limit is not None:
            row["short_position_limit"] = int(instrument.short_position_limit)
        return row

    def _ticker(self, book: PairName) -> dict[str, Any]:
        now = self._state.now()
        quote = self._state.exchange.quote(book.pair)
        shown = self._state.exchange.book(book.pair, 1)
        today = self.day(book, now.replace(hour=0, minute=0, second=0, microsecond=0))
        day = self.day(book, now - _DAY)
        recent = self._state.exchange.trades(book.pair)
        spans = (today, day)

        def price(value: Decimal) -> str:
            return fixed(value, max(5, book.price_decimals))

        def best(level: SimLevel) -> list[str]:
            return [price(level.price), str(int(level.quantity)), fixed(level.quantity, 3)]

        return {
            "a": best(shown.asks[0]),
            "b": best(shown.bids[0]),
            "c": [price(quote.last), fixed(recent[-1].quantity if recent else ZERO, book.lot_decimals)],
            "v": [fixed(span.volume, book.lot_decimals) for span in spans],
            "p": [price(span.average) for span in spans],
            "t": [span.trades for span in spans],
            "l": [price(span.low) for span in spans],
            "h": [price(span.high) for span in spans],
            "o": price(today.open),
        }


def _candle_row(candle: SimCandle, book: PairName) -> list[Any]:
    bar = candle.bar
    prices = [fixed(price, book.price_decimals) for price in (bar.open, bar.high, bar.low, bar.close, candle.vwap)]
    return [unix(bar.opened_at), *prices, fixed(bar.volume, book.lot_decimals), candle.trades]


def _trade_row(index: int, trade: PublicTrade, book: PairName) -> list[Any]:
    return [
        fixed(trade.price, max(5, book.price_decimals)),
        fixed(trade.quantity, book.lot_decimals),
        unix_number(trade.at),
        trade.side.value[0],
        "m",
        "",
        index,
    ]
