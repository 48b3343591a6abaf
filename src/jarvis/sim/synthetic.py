"""A synthetic market of nine correlated pairs, the same for the same seed."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar

NINE: tuple[Pair, ...] = tuple(
    sorted(Pair.parse(f"{base}/USD") for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB"))
)


class SyntheticMarket:
    """Endless bars of `pairs` from `start` (a whole minute), and history before it. Deterministic from the seed."""

    def __init__(
        self, seed: int, start: datetime, pairs: Sequence[Pair] = NINE, step: timedelta = timedelta(seconds=10)
    ) -> None:
        self.pairs: tuple[Pair, ...] = tuple(sorted(pairs))
        self.step: timedelta = step
        self.start: datetime = start
        self.end: datetime | None = None
        self._seed = seed

    def first_price(self, pair: Pair) -> Decimal:
        """The price at `start`."""
        raise NotImplementedError

    def bars(self, after: datetime, until: datetime) -> Iterator[Bar]:
        """Bars that close in (after, until], by closing time and pair. Windows must follow each other."""
        raise NotImplementedError

    def history(self, pair: Pair, interval: timedelta, count: int) -> list[Bar]:
        """Up to `count` finished bars of `interval`, on its grid, that closed at or before `start`; oldest first."""
        raise NotImplementedError
