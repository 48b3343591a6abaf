from datetime import timedelta

from tests.sim.common import BTC, MINUTE, START, D, Row, bars, exchange, flat, step

FIVE = timedelta(minutes=5)
HOUR = timedelta(hours=1)
RISING: list[Row] = [(100 + i, 102 + i, 99 + i, 101 + i) for i in range(130)]


def test_native_bars_become_larger_candles_and_the_forming_one_is_last() -> None:
    venue = exchange(RISING)
    step(venue, 7)

    first, forming = venue.candles(BTC, FIVE)

    assert (first.bar.open, first.bar.high, first.bar.low, first.bar.close) == (D(100), D(106), D(99), D(105))
    assert (first.bar.opened_at, first.bar.volume, first.trades, first.is_final) == (START, D(50), 5, True)
    assert (forming.bar.opened_at, forming.bar.close, forming.trades) == (START + FIVE, D(107), 2)
    assert not forming.is_final


def test_every_size_says_the_same_of_the_same_time() -> None:
    venue = exchange(RISING)
    step(venue, 130)
    native = bars(BTC, RISING)

    hours = venue.candles(BTC, HOUR)

    assert [candle.is_final for candle in hours] == [True, True, False]
    for number, candle in enumerate(hours):
        part = native[number * 60 : (number + 1) * 60]
        assert candle.bar.open == part[0].open
        assert candle.bar.close == part[-1].close
        assert candle.bar.high == max(bar.high for bar in part)
        assert candle.bar.low == min(bar.low for bar in part)
        assert candle.bar.volume == sum(bar.volume for bar in part)


def test_a_candle_is_final_when_its_time_is_over_even_if_its_last_bars_are_missing() -> None:
    venue = exchange([*flat(100, 3), None, None, None, *flat(101)])
    step(venue, 4)
    before = venue.candles(BTC, FIVE)
    step(venue)

    after = venue.candles(BTC, FIVE)

    assert [candle.is_final for candle in before] == [False]
    assert [candle.is_final for candle in after] == [True]
    assert after[0].trades == 3


def test_a_hole_longer_than_a_candle_leaves_no_candle() -> None:
    venue = exchange([*flat(100), *[None] * 12, *flat(101)])
    step(venue, 14)

    assert [candle.bar.opened_at - START for candle in venue.candles(BTC, FIVE)] == [timedelta(0), 2 * FIVE]


def test_since_leaves_out_what_opened_before() -> None:
    venue = exchange(RISING)
    step(venue, 20)

    found = venue.candles(BTC, FIVE, since=START + 2 * FIVE)

    assert [candle.bar.opened_at for candle in found] == [START + 2 * FIVE, START + 3 * FIVE]


def test_no_more_than_720_candles_are_told() -> None:
    venue = exchange(flat(100, 800))
    step(venue, 800)

    found = venue.candles(BTC, MINUTE)

    assert len(found) == 720
    assert found[-1].bar.closed_at == START + 800 * MINUTE


def test_a_size_that_native_bars_cannot_make_up_is_empty() -> None:
    venue = exchange(flat(100, 3), step=timedelta(minutes=15))
    step(venue, 3)

    assert venue.candles(BTC, FIVE) == []
    assert venue.candles(BTC, timedelta(minutes=7)) == []
    assert len(venue.candles(BTC, HOUR)) == 1


def test_public_trades_are_the_bars_closes() -> None:
    venue = exchange(RISING)
    step(venue, 2)

    assert [(trade.price, trade.quantity) for trade in venue.trades(BTC)] == [(D(101), D(10)), (D(102), D(10))]
