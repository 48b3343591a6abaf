"""The market as Binance numbers and cuts it: trades by symbol, candles of sixteen sizes, the last day."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.market import PublicTrade
from jarvis.domain.money import ZERO
from jarvis.emulators.binance.text import EPOCH
from jarvis.sim.exchange import SimCandle, SimExchange

_KEPT = 1000
_MONDAY = EPOCH + timedelta(days=4)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
MILLISECOND = timedelta(milliseconds=1)
# Each size, and the one of the exchange that it is made of.
INTERVALS: dict[str, tuple[timedelta, timedelta]] = {
    "1s": (timedelta(seconds=1), timedelta(seconds=1)),
    "1m": (_MINUTE, _MINUTE),
    "3m": (3 * _MINUTE, _MINUTE),
    "5m": (5 * _MINUTE, 5 * _MINUTE),
    "15m": (15 * _MINUTE, 15 * _MINUTE),
    "30m": (30 * _MINUTE, 30 * _MINUTE),
    "1h": (_HOUR, _HOUR),
    "2h": (2 * _HOUR, _HOUR),
    "4h": (4 * _HOUR, 4 * _HOUR),
    "6h": (6 * _HOUR, _HOUR),
    "8h": (8 * _HOUR, 4 * _HOUR),
    "12h": (12 * _HOUR, 4 * _HOUR),
    "1d": (_DAY, _DAY),
    "3d": (3 * _DAY, _DAY),
    "1w": (7 * _DAY, _DAY),
    "1M": (31 * _DAY, _DAY),
}


@dataclass(frozen=True, slots=True)
class NumberedTrade:
    """A public trade with its number on its symbol."""

    trade: PublicTrade
    number: int


class Tape:
    """Recent public trades by pair, numbered from 1 on each."""

    def __init__(self) -> None:
        self._trades: dict[Pair, deque[NumberedTrade]] = {}
        self._counts: dict[Pair, int] = {}

    def add(self, trade: PublicTrade) -> NumberedTrade:
        """Number one more trade."""
        number = self.count(trade.pair) + 1
        self._counts[trade.pair] = number
        numbered = NumberedTrade(trade, number)
        self._trades.setdefault(trade.pair, deque(maxlen=_KEPT)).append(numbered)
        return numbered

    def count(self, pair: Pair) -> int:
        """How many trades the pair has seen; also the number of its book's last change."""
        return self._counts.get(pair, 0)

    def recent(self, pair: Pair) -> list[NumberedTrade]:
        """The last trades, oldest first."""
        return list(self._trades.get(pair, ()))


@dataclass(frozen=True, slots=True)
class Kline:
    """One candle. `closed_at` is when the next one begins; `turnover` is in quote."""

    opened_at: datetime
    closed_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    trades: int
    is_final: bool

    def then(self, later: "Kline") -> "Kline":
        """The candle that this one and a later one of the same span make."""
        return Kline(
            self.opened_at,
            self.closed_at,
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume + later.volume,
            self.turnover + later.turnover,
            self.trades + later.trades,
            is_final=later.is_final,
        )


def floor_to(interval: str, at: datetime) -> datetime:
    """When the candle of this size that holds the instant began: weeks on Mondays, months on the first."""
    if interval == "1M":
        return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    size = INTERVALS[interval][0]
    origin = _MONDAY if interval == "1w" else EPOCH
    return at - (at - origin) % size


def end_of(interval: str, opened_at: datetime) -> datetime:
    """When the candle that begins there ends."""
    if interval == "1M":
        return floor_to("1M", opened_at + 31 * _DAY)
    return opened_at + INTERVALS[interval][0]


def klines(exchange: SimExchange, pair: Pair, interval: str, since: datetime | None = None) -> list[Kline]:
    """The latest candles that open at or after `since`, oldest first; the running one is always there.

    Unrealistic: as far back as the exchange keeps candles of the size that they are made of; of seconds none.
    """
    _, part = INTERVALS[interval]
    if part < _MINUTE:
        return []
    begin = floor_to(interval, since) if since is not None else None
    made: list[Kline] = []
    for candle in exchange.candles(pair, part, begin):
        kline = _kline(candle, interval, exchange.now)
        if made and made[-1].opened_at == kline.opened_at:
            made[-1] = made[-1].then(kline)
        else:
            made.append(kline)
    running = floor_to(interval, exchange.now)
    if not made or made[-1].opened_at < running:
        last = exchange.quote(pair).last
        ends = end_of(interval, running)
        made.append(Kline(running, ends, last, last, last, last, ZERO, ZERO, 0, is_final=False))
    return [kline for kline in made if since is None or kline.opened_at >= since]


def _kline(candle: SimCandle, interval: str, now: datetime) -> Kline:
    bar = candle.bar
    opened_at = floor_to(interval, bar.opened_at)
    closed_at = end_of(interval, opened_at)
    return Kline(
        opened_at,
        closed_at,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.volume,
        candle.vwap * bar.volume,
        candle.trades,
        is_final=closed_at <= now,
    )


class DayStatistics:
    """What a ticker says of the last day."""

    def __init__(self, exchange: SimExchange, pair: Pair) -> None:
        begin = exchange.now - _DAY
        parts: Sequence[SimCandle] = exchange.candles(pair, _HOUR, begin)
        bars = [candle.bar for candle in parts]
        self.last = exchange.quote(pair).last
        self.open = bars[0].open if bars else self.last
        self.high = max((bar.high for bar in bars), default=self.last)
        self.low = min((bar.low for bar in bars), default=self.last)
        self.volume = sum((bar.volume for bar in bars), ZERO)
        self.turnover = sum((candle.vwap * candle.bar.volume for candle in parts), ZERO)
        self.trades = sum(candle.trades for candle in parts)
        self.average = self.turnover / self.volume if self.volume else self.last
        self.begin, self.end = begin, exchange.now
