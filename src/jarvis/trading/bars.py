"""Larger candles from smaller ones, the same way live and in a backtest."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from jarvis.domain.market import Bar

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def opening_of(at: datetime, interval: timedelta) -> datetime:
    """The start of the interval that contains `at`; intervals are counted from midnight UTC of 1970-01-01."""
    return at - (at - _EPOCH) % interval


class BarAggregator:
    """Sums finished candles of one pair into candles of one larger size.

    A candle is finished when the last small one of it has come, when a small one of a later candle comes, or when
    `close_until` says that its end has passed: a missing minute (nobody traded) must not delay it for ever. A candle
    that opens before `start`, or before the end of the last one taken, is left out: streams repeat what they said.
    """

    def __init__(self, interval: timedelta, start: datetime | None = None) -> None:
        self._interval = interval
        self._taken_until = start
        self._forming: Bar | None = None

    def push(self, bar: Bar) -> list[Bar]:
        """The candles that `bar` finished, oldest first: none, one, or two when it also ends its own."""
        if bar.interval > self._interval or self._interval % bar.interval:
            raise ValueError(f"candles of {bar.interval} do not add up to candles of {self._interval}")
        if self._taken_until is not None and bar.opened_at < self._taken_until:
            return []
        self._taken_until = bar.closed_at
        if bar.interval == self._interval:
            return [bar]
        opened_at = opening_of(bar.opened_at, self._interval)
        finished = self.close_until(opened_at)
        if self._forming is None:
            self._forming = replace(bar, interval=self._interval, opened_at=opened_at)
        else:
            self._forming = replace(
                self._forming,
                high=max(self._forming.high, bar.high),
                low=min(self._forming.low, bar.low),
                close=bar.close,
                volume=self._forming.volume + bar.volume,
            )
        return finished + self.close_until(bar.closed_at)

    def ended(self, at: datetime) -> Bar | None:
        """The forming candle, if its end is not after `at`; it stays where it is."""
        return self._forming if self._forming is not None and self._forming.closed_at <= at else None

    def close_until(self, at: datetime) -> list[Bar]:
        """The forming candle, if its end is not after `at`."""
        if self._forming is None or self._forming.closed_at > at:
            return []
        finished, self._forming = self._forming, None
        return [finished]
