"""The curves on a chart of a strategy that looks at several pairs: drawn from all of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.store.records import Assignment
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import resolve
from jarvis.web.desk.charts import lines_of

BTC, ETH = Pair.parse("BTC/USD"), Pair.parse("ETH/USD")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def bars(pair: Pair, swing: int) -> list[Bar]:
    prices = [Decimal(1000 + swing * (hour % 9)) for hour in range(60)]
    return [
        Bar(pair, HOUR, NOON + hour * HOUR, price, price + 1, price - 1, price, Decimal(1))
        for hour, price in enumerate(prices)
    ]


def test_the_lines_of_a_spread_stand_where_both_prices_put_them() -> None:
    values = resolve(STRATEGIES["pairs_spread"], {"spread_bars": 20, "most_bars": 20})
    followed = Assignment("pairs_spread", BTC, HOUR, values)

    lines = lines_of(followed, {BTC: bars(BTC, 3), ETH: bars(ETH, 5)}, HOUR, NOON, 2)

    assert [line["name"] for line in lines] == ["Usual beside ETH", "Cheap", "Dear"]
    assert all(len(points) == 41 for line in lines if isinstance(points := line["points"], list))


def test_a_partner_without_candles_is_no_line_and_no_error() -> None:
    values = resolve(STRATEGIES["pairs_spread"], {"spread_bars": 20, "most_bars": 20})
    followed = Assignment("pairs_spread", BTC, HOUR, values)

    assert all(not line["points"] for line in lines_of(followed, {BTC: bars(BTC, 3), ETH: []}, HOUR, NOON, 2))
    with pytest.raises(ValueError, match="there are no candles of that here"):
        lines_of(followed, {BTC: bars(BTC, 3)}, HOUR, NOON, 2)
