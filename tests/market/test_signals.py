"""Bars become signals once for all; whatever a stream repeats when it begins counts once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.market.signals import SignalHub, Subscription
from jarvis.trading.bars import BarAggregator
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import BarArrays, Direction, Signal, resolve
from jarvis.trading.universe import seen_on
from jarvis.venues.base import PublicVenue

BTC, ETH = Pair.parse("BTC/USD"), Pair.parse("ETH/USD")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def minute_bar(minute: int) -> Bar:
    price = Decimal(100 + minute)
    return Bar(BTC, MINUTE, NOON + minute * MINUTE, price, price + 1, price - 1, price, Decimal(2))


class VenueWithHistory:
    """Knows the first `minutes` minutes since noon."""

    def __init__(self, minutes: int) -> None:
        self._minutes = [minute_bar(minute) for minute in range(minutes)]

    async def bars(self, _pair: Pair, interval: timedelta, since: datetime | None = None) -> Sequence[Bar]:
        aggregator = BarAggregator(interval)
        found = [bar for minute in self._minutes for bar in aggregator.push(minute)]
        return [bar for bar in found if since is None or bar.opened_at >= since]


async def following(minutes_known: int, interval: timedelta) -> SignalHub:
    hub = SignalHub(cast("PublicVenue", VenueWithHistory(minutes_known)), [BTC])
    await hub.follow(Subscription.of("donchian_breakout", BTC, interval, {}))
    return hub


@pytest.mark.parametrize("minutes_known", [0, 3, 5, 8, 12])
async def test_a_start_in_the_middle_of_a_candle_gives_that_candle_whole(minutes_known: int) -> None:
    hub = await following(minutes_known, 5 * MINUTE)
    repeated_and_new = [minute_bar(minute) for minute in range(15)]

    finished = [bar for minute in repeated_and_new for bar in hub.push(minute)[0]]

    whole = BarAggregator(5 * MINUTE)
    expected = [bar for minute in repeated_and_new for bar in whole.push(minute)]
    assert finished == [bar for bar in expected if bar.closed_at > NOON + minutes_known * MINUTE]


async def test_minutes_that_are_history_already_are_not_told_again() -> None:
    hub = await following(8, MINUTE)

    finished = [bar for minute in range(10) for bar in hub.push(minute_bar(minute))[0]]

    assert finished == [minute_bar(8), minute_bar(9)]


SPREAD = {"spread_bars": 10, "most_bars": 10, "enter_beyond": "1.2", "atr_bars": 4, "least_correlation": "-1"}
GRACE = timedelta(seconds=4)
SECOND = timedelta(seconds=1)


class VenueOfTwo:
    """Knows nothing of yesterday."""

    async def bars(self, _pair: Pair, _interval: timedelta, _since: datetime | None = None) -> Sequence[Bar]:
        return []


def waves(pair: Pair, minutes: int, swing: int, *, without: Sequence[int] = ()) -> list[Bar]:
    found = []
    for minute in range(minutes):
        price = Decimal(1000 + swing * (minute % 23) - 2 * swing * (minute % 7))
        if minute not in without:
            found.append(Bar(pair, MINUTE, NOON + minute * MINUTE, price, price + 2, price - 2, price, Decimal(1)))
    return found


async def spread_hub(pair: Pair = BTC, interval: timedelta = MINUTE) -> tuple[SignalHub, Subscription]:
    hub = SignalHub(cast("PublicVenue", VenueOfTwo()), [BTC, ETH], grace=GRACE)
    values = resolve(STRATEGIES["pairs_spread"], SPREAD)
    wish = Subscription.of("pairs_spread", pair, interval, values)
    await hub.follow(wish)
    return hub, wish


def lived(hub: SignalHub, bars: Sequence[Bar], late: dict[Pair, timedelta]) -> list[tuple[datetime, Signal]]:
    """What a hub says in a market that is seconds late, by the second at which it says it."""
    said = []
    coming = sorted(bars, key=lambda bar: (bar.closed_at + late[bar.pair], bar.closed_at, bar.pair))
    now, end = NOON, max(bar.closed_at for bar in bars) + MINUTE
    while now <= end:
        while coming and coming[0].closed_at + late[coming[0].pair] <= now:
            hub.push(coming.pop(0))
        said += [(now, signal) for signal in hub.settle(now).values()]
        now += SECOND
    return said


@pytest.mark.parametrize("first", [BTC, ETH])
async def test_both_orders_of_arrival_give_what_whole_columns_give(first: Pair) -> None:
    bars = {BTC: waves(BTC, 120, 5), ETH: waves(ETH, 120, -3)}
    late = {pair: SECOND if pair == first else 3 * SECOND for pair in bars}
    hub, wish = await spread_hub()

    said = lived(hub, [*bars[BTC], *bars[ETH]], late)

    strategy, values = STRATEGIES["pairs_spread"], dict(wish.values)
    plan = strategy.compute(
        seen_on(strategy, values, BTC, {pair: BarArrays.of(each) for pair, each in bars.items()}), values
    )
    warm = strategy.warm_up(values)
    assert [int(signal.target) for _, signal in said] == plan.target[warm - 1 :].tolist()
    assert {signal.target for _, signal in said} == set(Direction)
    assert {at - signal.at for at, signal in said} == {3 * SECOND}, "it waits for the later one, and no longer"


async def test_who_is_silent_is_waited_for_until_the_grace_is_over() -> None:
    silent = range(60, 70)
    hub, wish = await spread_hub()

    said = lived(hub, [*waves(BTC, 120, 5), *waves(ETH, 120, -3, without=silent)], {BTC: SECOND, ETH: SECOND})

    waited = {signal.at for at, signal in said if at - signal.at == GRACE}
    assert waited == {NOON + (minute + 1) * MINUTE for minute in silent}
    assert len(said) == 120 - STRATEGIES["pairs_spread"].warm_up(dict(wish.values)) + 1


async def test_a_larger_candle_whose_last_minutes_had_no_trade_counts_as_far_as_it_came() -> None:
    bars = [*waves(BTC, 600, 5), *waves(ETH, 600, -3, without=range(4, 600, 5))]
    hub, wish = await spread_hub(interval=5 * MINUTE)

    said = lived(hub, bars, {BTC: SECOND, ETH: SECOND})

    strategy, values = STRATEGIES["pairs_spread"], dict(wish.values)
    summed = {}
    for pair in (BTC, ETH):
        aggregator = BarAggregator(5 * MINUTE)
        found = [bar for each in bars if each.pair == pair for bar in aggregator.push(each)]
        summed[pair] = BarArrays.of([*found, *aggregator.close_until(NOON + timedelta(days=1))])
    plan = strategy.compute(seen_on(strategy, values, BTC, summed), values)
    assert [int(signal.target) for _, signal in said] == plan.target[strategy.warm_up(values) - 1 :].tolist()


async def test_a_strategy_that_breaks_is_refused_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    hub, spread = await spread_hub()
    other = Subscription.of("moving_average_crossover", BTC, MINUTE, {"fast_bars": 2, "slow_bars": 3, "atr_bars": 2})
    gone = replace(other, strategy="gone")
    lonely = replace(spread, pair=Pair.parse("BTC/EUR"))
    for wish in (other, gone, lonely):
        await hub.follow(wish)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(STRATEGIES["pairs_spread"]), "compute", broken)
    signals = [hub.push(bar)[1] | hub.settle(bar.closed_at + GRACE) for bar in waves(BTC, 40, 5)]

    assert other in signals[-1]
    assert not any(spread in each for each in signals)
    assert set(hub.refused) == {spread, gone, lonely}
    assert "ZeroDivisionError" in hub.refused[spread]
    assert "There is no strategy called gone" in hub.refused[gone]
    assert "compares BTC/EUR with ETH/EUR" in hub.refused[lonely]
