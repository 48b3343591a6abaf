from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import log

import numpy as np
import pytest

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import Asset, is_multiple
from jarvis.sim.exchange import SimExchange
from jarvis.sim.instruments import kraken_instruments
from jarvis.sim.market import NINE, RecordedMarket, Requoted, SharedMarket, SyntheticMarket
from jarvis.sim.models import KRAKEN
from tests.sim.common import BTC, ETH, MINUTE, START, D, Row, bars, flat

TEN = timedelta(seconds=10)
HOUR = timedelta(hours=1)
ODD_START = datetime(2025, 6, 3, 13, 37, tzinfo=UTC)


def test_recorded_bars_come_by_closing_time_and_pair_and_only_once_per_window() -> None:
    market = RecordedMarket({ETH: bars(ETH, [(1, 1, 1, 1), None, (3, 3, 3, 3)]), BTC: bars(BTC, flat(10, 2))})

    first = list(market.bars(START, START + 2 * MINUTE))
    second = list(market.bars(START + 2 * MINUTE, START + 9 * MINUTE))

    assert [(bar.pair, bar.opened_at) for bar in first] == [(BTC, START), (ETH, START), (BTC, START + MINUTE)]
    assert [bar.open for bar in second] == [3]
    assert (market.start, market.end, market.step, market.pairs) == (START, START + 3 * MINUTE, MINUTE, (BTC, ETH))
    assert market.first_price(ETH) == 1
    assert market.history(ETH, MINUTE, 5) == []


@pytest.mark.parametrize(
    ("recorded", "words"),
    [
        ({}, "no bars"),
        ({BTC: bars(BTC, flat(1)), ETH: bars(ETH, flat(1), HOUR)}, "one size"),
        ({BTC: bars(ETH, flat(1))}, "another pair"),
        ({BTC: [*bars(BTC, flat(1, 2)), *bars(BTC, flat(1))]}, "not in order"),
        ({BTC: [*bars(BTC, flat(1)), *bars(BTC, flat(1))]}, "repeat"),
    ],
)
def test_recordings_that_cannot_be_replayed_are_refused_in_words(recorded: dict[Pair, list[Bar]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RecordedMarket(recorded)


def test_an_exchange_refuses_pairs_without_prices_or_of_several_quotes() -> None:
    market = RecordedMarket({BTC: bars(BTC, flat(1))})
    listed = kraken_instruments()
    foreign = Pair.parse("BTC/EUR")

    with pytest.raises(ValueError, match="no prices of ADA/USD"):
        SimExchange(instruments=listed, model=KRAKEN, market=market, seed=1)
    with pytest.raises(ValueError, match="one asset"):
        SimExchange(instruments={BTC: listed[BTC], foreign: listed[BTC]}, model=KRAKEN, market=market, seed=1)


def test_the_same_seed_gives_the_same_market_however_it_is_asked() -> None:
    one = SyntheticMarket(7, START)
    other = SyntheticMarket(7, START, tuple(reversed(NINE)))

    at_once = list(one.bars(START, START + 2 * HOUR))
    in_pieces = [bar for i in range(40) for bar in other.bars(START + i * 3 * MINUTE, START + (i + 1) * 3 * MINUTE)]

    assert at_once == in_pieces
    assert one.history(BTC, HOUR, 50) == other.history(BTC, HOUR, 50)


def test_another_seed_gives_another_market() -> None:
    one, other = (list(SyntheticMarket(seed, START).bars(START, START + MINUTE)) for seed in (1, 2))

    assert one != other


def test_a_pair_s_prices_do_not_depend_on_which_others_are_asked_for() -> None:
    alone = list(SyntheticMarket(7, START, [BTC]).bars(START, START + HOUR))
    among = [bar for bar in SyntheticMarket(7, START).bars(START, START + HOUR) if bar.pair == BTC]

    assert alone == among


def test_bars_join_and_lie_on_the_tick_grid() -> None:
    market = SyntheticMarket(3, START)
    by_pair: dict[Pair, list[Bar]] = defaultdict(list)
    for bar in market.bars(START, START + HOUR):
        by_pair[bar.pair].append(bar)

    assert tuple(by_pair) == NINE == market.pairs
    for pair, series in by_pair.items():
        tick = kraken_instruments()[pair].tick
        assert len(series) == 360
        assert series[0].open == market.first_price(pair)
        assert all(earlier.close == later.open for earlier, later in pairwise(series))
        assert all(is_multiple(price, tick) for bar in series for price in (bar.open, bar.high, bar.low, bar.close))


def test_pairs_are_correlated_volatility_clusters_and_tails_are_fat() -> None:
    market = SyntheticMarket(11, START, step=5 * MINUTE)
    closes: dict[Pair, list[float]] = defaultdict(list)
    for bar in market.bars(START, START + timedelta(days=60)):
        closes[bar.pair].append(log(bar.close))
    moves = np.diff(np.array([closes[pair] for pair in NINE]))
    btc = moves[NINE.index(BTC)]

    correlation = np.corrcoef(moves)[NINE.index(BTC), NINE.index(ETH)]
    a_year = btc.std() * (365 * 288) ** 0.5
    clustering = np.corrcoef(np.abs(btc[:-6]), np.abs(btc[6:]))[0, 1]
    kurtosis = ((btc - btc.mean()) ** 4).mean() / btc.var() ** 2

    assert 0.5 < correlation < 0.95
    assert 0.3 < a_year < 0.9
    assert clustering > 0.1
    assert kurtosis > 4


def test_a_window_that_was_told_is_not_told_again() -> None:
    market = SyntheticMarket(7, START)
    list(market.bars(START, START + HOUR))

    with pytest.raises(ValueError, match="told once"):
        market.bars(START, START + HOUR)


def test_a_synthetic_market_refuses_what_it_cannot_be() -> None:
    with pytest.raises(ValueError, match="whole minute"):
        SyntheticMarket(1, START + TEN)
    with pytest.raises(ValueError, match="step"):
        SyntheticMarket(1, START, step=timedelta(seconds=7))
    with pytest.raises(ValueError, match="knows"):
        SyntheticMarket(1, START, [Pair.parse("PEPE/USD")])
    with pytest.raises(ValueError, match="divide a day"):
        SyntheticMarket(1, START).history(BTC, timedelta(minutes=7), 1)


@pytest.mark.parametrize("minutes", [1, 5, 15, 30, 60, 240, 1440])
def test_there_is_history_of_every_size_that_ends_where_the_market_begins(minutes: int) -> None:
    market = SyntheticMarket(7, ODD_START)
    interval = timedelta(minutes=minutes)

    past = market.history(BTC, interval, 720)

    assert len(past) == 720
    assert all(earlier.closed_at == later.opened_at for earlier, later in pairwise(past))
    assert all(earlier.close == later.open for earlier, later in pairwise(past))
    assert past[-1].closed_at <= ODD_START < past[-1].closed_at + interval
    assert minutes > 1 or past[-1].close == market.first_price(BTC)


def test_an_exchange_joins_history_and_its_own_candles_without_a_seam() -> None:
    market = SyntheticMarket(7, ODD_START, [BTC])
    venue = SimExchange(instruments={BTC: kraken_instruments()[BTC]}, model=KRAKEN, market=market, seed=1)
    at_start = venue.candles(BTC, HOUR)
    venue.advance(ODD_START + 2 * HOUR)

    found = venue.candles(BTC, HOUR)

    assert len(at_start) == len(found) == 720
    assert not at_start[-1].is_final
    assert at_start[-1].bar.close == market.first_price(BTC)
    assert [candle.is_final for candle in found[-3:]] == [True, True, False]
    assert found[-3].bar.open == at_start[-1].bar.open
    assert all(earlier.bar.closed_at == later.bar.opened_at for earlier, later in pairwise(found))
    assert all(earlier.bar.close == later.bar.open for earlier, later in pairwise(found))


def test_every_pair_of_the_market_is_listed_with_kraken_s_leverage() -> None:
    listed = kraken_instruments()

    assert tuple(sorted(listed)) == NINE
    highest = {pair.base: instrument.leverage_long[-1] for pair, instrument in listed.items()}
    assert highest.pop(Pair.parse("BNB/USD").base) == 5
    assert set(highest.values()) == {10}
    assert all(instrument.cost_step == D("0.0001") for instrument in listed.values())


def test_rows_are_what_they_say() -> None:
    row: Row = (1, 3, 1, 2)

    assert bars(BTC, [None, row])[0].opened_at == START + MINUTE


def test_readers_of_a_shared_market_each_see_every_bar_at_their_own_pace() -> None:
    market = SyntheticMarket(seed=3, start=START, step=MINUTE, pairs=(BTC,))
    shared = SharedMarket(market)
    quick, slow = shared.reader(), shared.reader()

    ahead = [list(quick.bars(START + n * TEN * 6, START + (n + 1) * TEN * 6)) for n in range(5)]
    behind = list(slow.bars(START, START + 5 * MINUTE))

    assert [bar for window in ahead for bar in window] == behind
    assert len(behind) == 5
    assert (slow.pairs, slow.step, slow.start, slow.end) == (market.pairs, MINUTE, START, None)
    assert slow.first_price(BTC) == market.first_price(BTC)
    assert slow.history(BTC, HOUR, 3) == market.history(BTC, HOUR, 3)


def test_two_pairs_of_one_base_share_no_quote() -> None:
    market = RecordedMarket({BTC: bars(BTC, flat(10)), Pair.parse("BTC/EUR"): bars(Pair.parse("BTC/EUR"), flat(9))})

    with pytest.raises(ValueError, match="one base"):
        Requoted(market, Asset("USDT"))
