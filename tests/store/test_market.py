from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Quote
from jarvis.domain.money import USD, Asset
from jarvis.store.db import Store
from tests.store.samples import BTC_USD, KRAKEN, at, bar

MINUTE = timedelta(minutes=1)


async def test_candles_come_back_oldest_first_and_by_window(store: Store) -> None:
    await store.record_bars(KRAKEN, [bar(2), bar(0), bar(1), bar(3)])

    assert await store.bars(KRAKEN, BTC_USD, MINUTE) == [bar(0), bar(1), bar(2), bar(3)]
    assert await store.bars(KRAKEN, BTC_USD, MINUTE, at(60), before=at(180)) == [bar(1), bar(2)]
    assert await store.bars(KRAKEN, BTC_USD, MINUTE, limit=2) == [bar(2), bar(3)]
    assert await store.bars(KRAKEN, BTC_USD, timedelta(minutes=5)) == []


async def test_a_candle_told_again_replaces_the_first(store: Store) -> None:
    await store.record_bars(KRAKEN, [bar(0, "60000.5"), bar(1)])

    await store.record_bars(KRAKEN, [bar(0, "60001.00")])
    await store.record_bars(KRAKEN, [])

    assert await store.bars(KRAKEN, BTC_USD, MINUTE) == [bar(0, "60001"), bar(1)]


async def test_the_latest_quote_of_each_pair_is_kept(store: Store) -> None:
    ether = Pair(Asset("ETH"), USD)
    first = Quote(BTC_USD, Decimal("60000.1"), Decimal("60000.2"), Decimal("60000.1"), at(0))
    later = replace(first, bid=Decimal("60001.10"), at=at(1))
    other = Quote(ether, Decimal(3000), Decimal("3000.01"), Decimal(3000), at(1))

    await store.record_quotes(KRAKEN, [first])
    await store.record_quotes(KRAKEN, [later, other])
    await store.record_quotes(KRAKEN, [])

    assert await store.quotes(KRAKEN) == {BTC_USD: later, ether: other}
