"""What the market says: bars, quotes, public trades, and time passing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Pair, Side


@dataclass(frozen=True, slots=True)
class Bar:
    """One finished candle. `opened_at` is its start (UTC), `volume` is in base; OHLC consistent and positive."""

    pair: Pair
    interval: timedelta
    opened_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    def __post_init__(self) -> None:
        """Refuse a candle that cannot have happened."""
        if self.opened_at.tzinfo is None:
            raise ValueError("opened_at must be aware UTC")
        if not all(price.is_finite() for price in (self.open, self.high, self.low, self.close, self.volume)):
            raise ValueError(f"{self.pair} {self.opened_at:%Y-%m-%d %H:%M}: a value is not a finite number")
        if not 0 < self.low <= min(self.open, self.close) <= max(self.open, self.close) <= self.high:
            raise ValueError(
                f"{self.pair} {self.opened_at:%Y-%m-%d %H:%M}: open {self.open}, high {self.high}, low {self.low}, "
                f"close {self.close} contradict each other"
            )
        if self.volume < 0:
            raise ValueError(f"{self.pair} {self.opened_at:%Y-%m-%d %H:%M}: volume is negative")

    @property
    def closed_at(self) -> datetime:
        """The instant from which this bar is final."""
        return self.opened_at + self.interval


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask, and the last traded price, at `at`."""

    pair: Pair
    bid: Decimal
    ask: Decimal
    last: Decimal
    at: datetime

    @property
    def mid(self) -> Decimal:
        """Half way between bid and ask."""
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """A trade between others. `side` is the taker's."""

    pair: Pair
    side: Side
    price: Decimal
    quantity: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passing is an event too."""

    at: datetime
