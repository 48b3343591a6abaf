from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from jarvis.domain.instrument import Side
from jarvis.domain.market import Bar
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import (
    BarArrays,
    Direction,
    Line,
    Parameter,
    Plan,
    SignalSource,
    TakeProfitPlan,
    Values,
    resolve,
)

from .bench import BTC, ETH, HOUR, START, D

WHOLE = Parameter("n", "Count", "How many.", "int", 5, D(1), D(10), D(1), unit="bars")
SHARE = Parameter("share", "Share", "How much.", "decimal", D("0.5"), D(0), D(1), D("0.1"))
KIND = Parameter("kind", "Kind", "Which.", "choice", "a", choices=("a", "b"))


class Follower:
    """Holds what the last close says: above 100 long, below short, at 100 nothing. One bar of warm-up per `n`."""

    name = "follower"
    title = "Follower"
    description = "For tests."
    source = "Here."
    weak_point = "Everywhere else."
    parameters = (WHOLE, SHARE, KIND)

    def __init__(self, stop: float = 2.0, rung: float = 3.0) -> None:
        self.stop, self.rung = stop, rung
        self.lengths: list[int] = []

    def objection(self, values: Values) -> str:
        return "These do not go together." if values["kind"] == "b" and values["n"] == 1 else ""

    def warm_up(self, values: Values) -> int:
        return int(values["n"])

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        self.lengths.append(len(bars))
        assert list(np.diff(bars.opened_at)) == [3600] * (len(bars) - 1)
        distance = np.full(len(bars), self.stop)
        rung = TakeProfitPlan(np.full(len(bars), self.rung), D("0.5"))
        return Plan(np.sign(bars.close - 100).astype(np.int8), distance, (rung,), trailing=True, time_stop=HOUR)

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        return (Line("Close", bars.close),)


def bars(closes: Sequence[float | int]) -> list[Bar]:
    result = []
    for number, close in enumerate(closes):
        price = D(str(close))
        result.append(Bar(BTC, HOUR, START + number * HOUR, price, price + 1, price - 1, price, D(number)))
    return result


def source(strategy: Follower | None = None, **values: object) -> SignalSource:
    return SignalSource(strategy or Follower(), {"n": 2, **values}, BTC, HOUR)


# --- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameter", "given", "value"),
    [
        (WHOLE, "7", 7),
        (WHOLE, 7, 7),
        (WHOLE, D("7.0"), 7),
        (SHARE, " 0.25 ", D("0.25")),
        (SHARE, 1, D(1)),
        (KIND, "b", "b"),
    ],
)
def test_a_value_is_read_from_text_or_number(parameter: Parameter, given: object, value: object) -> None:
    assert parameter.parse(given) == value


@pytest.mark.parametrize(
    ("parameter", "given", "words"),
    [
        (WHOLE, "x", "Count: 'x' is not a number"),
        (WHOLE, "2.5", "not a whole number"),
        (WHOLE, "0", "outside 1 to 10 bars"),
        (WHOLE, "11", "outside 1 to 10 bars"),
        (SHARE, "-0.1", "outside 0 to 1"),
        (SHARE, "NaN", "not a number"),
        (KIND, "c", "choose one of a, b"),
    ],
)
def test_a_mistake_is_answered_with_the_label_and_what_is_right(
    parameter: Parameter, given: object, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        parameter.parse(given)


def test_missing_values_are_completed_with_defaults() -> None:
    assert resolve(Follower(), {"n": "3"}) == {"n": 3, "share": D("0.5"), "kind": "a"}


def test_an_unknown_parameter_and_values_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ValueError, match="no parameter called speed; it has kind, n, share"):
        resolve(Follower(), {"speed": 1})
    with pytest.raises(ValueError, match="do not go together"):
        resolve(Follower(), {"n": 1, "kind": "b"})


def test_a_direction_knows_the_side_that_opens_it() -> None:
    assert [direction.side for direction in (Direction.LONG, Direction.SHORT, Direction.FLAT)] == [
        Side.BUY,
        Side.SELL,
        None,
    ]


# --- the source of signals --------------------------------------------------------------------------------------------


def test_there_is_no_signal_before_the_warm_up_and_then_one_per_bar() -> None:
    signals = [source_.push(bar) for source_ in [source()] for bar in bars([101, 102, 103, 99])]

    assert [signal and (signal.target, signal.is_new) for signal in signals] == [
        None,
        (Direction.LONG, True),
        (Direction.LONG, False),
        (Direction.SHORT, True),
    ]


def test_a_signal_carries_the_bars_end_its_close_and_how_it_is_to_be_protected() -> None:
    followed = source()
    first, second = bars([101, 102])
    followed.push(first)

    signal = followed.push(second)

    assert signal is not None
    assert (signal.strategy, signal.pair, signal.at, signal.price) == ("follower", BTC, second.closed_at, D(102))
    assert signal.interval == HOUR
    assert signal.protection is not None
    assert signal.protection.stop_distance == 2
    assert signal.protection.trailing
    assert signal.protection.time_stop == HOUR
    assert [(rung.distance, rung.share) for rung in signal.protection.take_profits] == [(D(3), D("0.5"))]


def test_what_was_wished_at_the_end_of_history_is_not_new() -> None:
    followed = source()
    history = bars([101, 102, 103, 104, 99])
    followed.prime(history[:3])

    same, other = followed.push(history[3]), followed.push(history[4])

    assert same is not None
    assert not same.is_new
    assert other is not None
    assert other.is_new


def test_too_little_history_leaves_the_rest_of_the_warm_up() -> None:
    followed = source()
    first, second = bars([101, 102])
    followed.prime([first])

    signal = followed.push(second)

    assert signal is not None
    assert signal.is_new


def test_a_repeated_or_older_bar_changes_nothing() -> None:
    followed = source()
    history = bars([101, 102, 103])
    for bar in history:
        followed.push(bar)

    assert followed.push(history[2]) is None
    assert followed.push(history[0]) is None


def test_bars_of_another_pair_or_size_are_an_error() -> None:
    (bar,) = bars([101])

    with pytest.raises(ValueError, match="ETH/USD"):
        source().push(replace(bar, pair=ETH))
    with pytest.raises(ValueError, match="0:01:00"):
        source().push(replace(bar, interval=timedelta(minutes=1)))


def test_the_strategy_never_sees_more_than_its_window() -> None:
    strategy = Follower()
    followed = source(strategy)

    for bar in bars([101] * 700):
        followed.push(bar)

    assert followed.window == 300
    assert strategy.lengths[:2] == [2, 3]
    assert max(strategy.lengths) == 300
    assert set(strategy.lengths[298:]) == {300}


@pytest.mark.parametrize("distance", [0.0, -1.0, float("nan"), float("inf")])
def test_without_a_usable_stop_there_is_a_wish_but_no_protection(distance: float) -> None:
    followed = source(Follower(stop=distance), n=1)

    signal = followed.push(bars([101])[0])

    assert signal is not None
    assert signal.protection is None


def test_a_target_without_a_usable_distance_is_left_out() -> None:
    signal = source(Follower(rung=float("nan")), n=1).push(bars([101])[0])

    assert signal is not None
    assert signal.protection is not None
    assert signal.protection.take_profits == ()


def test_float_noise_does_not_reach_a_distance() -> None:
    signal = source(Follower(stop=0.1 + 0.2), n=1).push(bars([101])[0])

    assert signal is not None
    assert signal.protection is not None
    assert signal.protection.stop_distance == Decimal("0.3")


def test_the_columns_of_bars_are_their_numbers() -> None:
    arrays = BarArrays.of(bars([101, 102.5]))

    assert len(arrays) == 2
    assert list(arrays.close) == [101.0, 102.5]
    assert list(arrays.high) == [102.0, 103.5]
    assert list(arrays.volume) == [0.0, 1.0]
    assert int(arrays.opened_at[0]) == int(START.timestamp())


def test_every_strategy_is_listed_under_its_own_name() -> None:
    assert {"moving_average_crossover", "donchian_breakout"} < set(STRATEGIES)
    assert all(name == strategy.name for name, strategy in STRATEGIES.items())
