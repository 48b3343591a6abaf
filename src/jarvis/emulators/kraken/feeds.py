"""Public WebSocket channels: each feed knows what it last said and what is new since."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from jarvis.domain.instrument import Instrument
from jarvis.domain.market import PublicTrade
from jarvis.domain.money import ZERO, Asset
from jarvis.emulators.kraken.book import Level, changes, checksum, levels
from jarvis.emulators.kraken.names import INTERNATIONAL_VENUE, US_VENUE, PairName, asset_name
from jarvis.emulators.kraken.public import PublicData
from jarvis.emulators.kraken.state import VenueState
from jarvis.emulators.kraken.text import Json, decimals_of, number, rfc3339
from jarvis.sim.exchange import SimCandle, SimPublicTrade

DEPTHS = (10, 25, 100, 500, 1000)
_SNAPSHOT_TRADES = 50
_DAY = timedelta(days=1)


class Feed(Protocol):
    """One subscription to public data."""

    def snapshot(self) -> Json | None:
        """The first frame; None when the client wants none or there is nothing."""
        ...

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Json]:
        """Frames for what changed since the last call."""
        ...


class TickerFeed:
    """Best prices and 24 hours' statistics."""

    def __init__(self, state: VenueState, public: PublicData, book: PairName) -> None:
        self._state = state
        self._public = public
        self._book = book
        self._last: Json | None = None

    def snapshot(self) -> Json | None:
        """The ticker now."""
        self._last = self._row()
        return {"channel": "ticker", "type": "snapshot", "data": [self._last]}

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Json]:  # noqa: ARG002 -- the protocol's
        """The ticker, if anything in it changed."""
        row = self._row()
        if row == self._last:
            return []
        self._last = row
        return [{"channel": "ticker", "type": "update", "data": [row]}]

    def _row(self) -> Json:
        book = self._book
        shown = self._state.exchange.book(book.pair, 1)
        last = self._state.exchange.quote(book.pair).last
        day = self._public.day(book, self._state.now() - _DAY)
        change = last - day.open
        return {
            "symbol": book.symbol,
            "bid": number(shown.bids[0].price, book.price_decimals),
            "bid_qty": number(shown.bids[0].quantity, book.lot_decimals),
            "ask": number(shown.asks[0].price, book.price_decimals),
            "ask_qty": number(shown.asks[0].quantity, book.lot_decimals),
            "last": number(last, book.price_decimals),
            "volume": number(day.volume, book.lot_decimals),
            "vwap": number(day.average, book.price_decimals),
            "low": number(day.low, book.price_decimals),
            "high": number(day.high, book.price_decimals),
            "change": number(change, book.price_decimals),
            "change_pct": number(change / day.open * 100, 2),
        }


class BookFeed:
    """The order book: once whole, then differences, each with the checksum of the book after it."""

    def __init__(self, state: VenueState, book: PairName, depth: int) -> None:
        self._state = state
        self._book = book
        self._depth = depth
        self._bids: list[Level] = []
        self._asks: list[Level] = []

    def snapshot(self) -> Json | None:
        """The book now."""
        self._bids, self._asks = self._sides()
        return self._frame("snapshot", self._bids, self._asks)

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Json]:  # noqa: ARG002 -- the protocol's
        """The levels that changed, those that went with quantity zero."""
        bids, asks = self._sides()
        changed_bids, changed_asks = changes(self._bids, bids), changes(self._asks, asks)
        self._bids, self._asks = bids, asks
        return [self._frame("update", changed_bids, changed_asks)] if changed_bids or changed_asks else []

    def _sides(self) -> tuple[list[Level], list[Level]]:
        shown = self._state.exchange.book(self._book.pair, self._depth)
        bids, asks = ([(level.price, level.quantity) for level in side] for side in (shown.bids, shown.asks))
        return bids, asks

    def _frame(self, kind: str, bids: Sequence[Level], asks: Sequence[Level]) -> Json:
        book = self._book
        row = {
            "symbol": book.symbol,
            "bids": levels(bids, book),
            "asks": levels(asks, book),
            "checksum": checksum(self._asks, self._bids, book.price_decimals, book.lot_decimals),
            "timestamp": rfc3339(self._state.now()),
        }
        return {"channel": "book", "type": kind, "data": [row]}


class CandleFeed:
    """Candles: no flag says that one is closed, the next one's beginning does."""

    def __init__(self, state: VenueState, book: PairName, minutes: int) -> None:
        self._state = state
        self._book = book
        self._minutes = minutes
        self._last: SimCandle | None = None

    def snapshot(self) -> Json | None:
        """The latest candles, the forming one last."""
        candles = self._candles(None)
        self._last = candles[-1] if candles else None
        return self._frame("snapshot", candles)

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Json]:  # noqa: ARG002 -- the protocol's
        """A frame for each candle that changed or began."""
        since = self._last.bar.opened_at if self._last else None
        changed = [candle for candle in self._candles(since) if candle != self._last]
        if changed:
            self._last = changed[-1]
        return [self._frame("update", [candle]) for candle in changed]

    def _candles(self, since: datetime | None) -> list[SimCandle]:
        return self._state.exchange.candles(self._book.pair, timedelta(minutes=self._minutes), since)

    def _frame(self, kind: str, candles: Sequence[SimCandle]) -> Json:
        rows = [self._row(candle) for candle in candles]
        return {"channel": "ohlc", "type": kind, "timestamp": rfc3339(self._state.now()), "data": rows}

    def _row(self, candle: SimCandle) -> Json:
        book, bar = self._book, candle.bar
        return {
            "symbol": book.symbol,
            "open": number(bar.open, book.price_decimals),
            "high": number(bar.high, book.price_decimals),
            "low": number(bar.low, book.price_decimals),
            "close": number(bar.close, book.price_decimals),
            "trades": candle.trades,
            "volume": number(bar.volume, book.lot_decimals),
            "vwap": number(candle.vwap, book.price_decimals),
            "interval_begin": rfc3339(bar.opened_at),
            "interval": self._minutes,
            "timestamp": rfc3339(bar.opened_at + timedelta(minutes=self._minutes)),
        }


class TradeFeed:
    """Public trades."""

    def __init__(self, state: VenueState, book: PairName, *, wants_snapshot: bool) -> None:
        self._state = state
        self._book = book
        self._wants_snapshot = wants_snapshot

    def snapshot(self) -> Json | None:
        """The last 50 trades, if the client asked for them."""
        if not self._wants_snapshot:
            return None
        numbered = list(enumerate(self._state.exchange.trades(self._book.pair), start=1))[-_SNAPSHOT_TRADES:]
        rows = [self._row(trade, index) for index, trade in numbered]
        return {"channel": "trade", "type": "snapshot", "data": rows}

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Json]:
        """The trades of the pair."""
        rows = [self._row(each.trade, each.number) for each in trades if each.trade.pair == self._book.pair]
        return [{"channel": "trade", "type": "update", "data": rows}] if rows else []

    def _row(self, trade: PublicTrade, index: int) -> Json:
        return {
            "symbol": self._book.symbol,
            "side": trade.side.value,
            "price": number(trade.price, self._book.price_decimals),
            "qty": number(trade.quantity, self._book.lot_decimals),
            "ord_type": "market",
            "trade_id": index,
            "timestamp": rfc3339(trade.at),
        }


class InstrumentFeed:
    """Assets and pairs with their rules; sent again when a rule changes."""

    def __init__(self, state: VenueState, public: PublicData, venue: str = INTERNATIONAL_VENUE) -> None:
        self._state = state
        self._public = public
        self._venue = venue
        self._last: Json | None = None

    def snapshot(self) -> Json | None:
        """All of them."""
        self._last = self._data()
        return {"channel": "instrument", "type": "snapshot", "data": self._last}

    def updates(self, trades: Sequence[SimPublicTrade]) -> list[Json]:  # noqa: ARG002 -- the protocol's
        """The pairs whose rules changed."""
        before, now = self._last, self._data()
        self._last = now
        changed = [pair for pair in now["pairs"] if before is None or pair not in before["pairs"]]
        return (
            [{"channel": "instrument", "type": "update", "data": {"assets": [], "pairs": changed}}] if changed else []
        )

    def _data(self) -> Json:
        names = self._state.names
        books = names.us if self._venue == US_VENUE else names.international
        return {
            "assets": [self._asset(name.asset) for name in self._public.listed_assets()],
            "pairs": [self._pair(book, self._state.instrument(book.pair)) for book in books.values()],
        }

    def _asset(self, asset: Asset) -> Json:
        name, collateral = asset_name(asset), self._public.collateral_value(asset)
        row: dict[str, Any] = {
            "id": asset,
            "status": "enabled",
            "precision": name.decimals,
            "precision_display": name.display_decimals,
            "borrowable": name.margin_rate is not None,
            "collateral_value": number(collateral or ZERO, 3),
        }
        if name.margin_rate is not None:
            row["margin_rate"] = float(name.margin_rate)
        return row

    def _pair(self, book: PairName, instrument: Instrument) -> Json:
        leverages = instrument.leverage_long + instrument.leverage_short
        row: dict[str, Any] = {
            "symbol": book.symbol,
            "base": book.pair.base,
            "quote": book.pair.quote,
            "status": self._public.pair_status(instrument),
            "qty_precision": book.lot_decimals,
            "qty_increment": number(instrument.lot, book.lot_decimals),
            "qty_min": number(instrument.min_quantity, book.lot_decimals),
            "price_precision": book.price_decimals,
            "price_increment": number(instrument.tick, book.price_decimals),
            "cost_precision": book.cost_decimals,
            "cost_min": number(instrument.min_cost, decimals_of(instrument.min_cost)),
            "marginable": bool(leverages),
            "has_index": True,
            "execution_venue": book.execution_venue,
        }
        if leverages:
            row["margin_initial"] = round(1 / max(leverages), 4)
        if instrument.long_position_limit is not None:
            row["position_limit_long"] = int(instrument.long_position_limit)
        if instrument.short_position_limit is not None:
            row["position_limit_short"] = int(instrument.short_position_limit)
        return row
