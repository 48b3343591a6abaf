"""The switchboard: what a switch fires on, how often, and that a seed repeats its mix."""

from random import Random

import pytest

from jarvis.domain.instrument import Pair
from jarvis.emulators.faults import FaultGroup, FaultKind, Faults


def test_a_counted_fault_fires_as_often_as_said_and_switches_itself_off() -> None:
    faults = Faults(Random(1))
    faults.add(FaultKind.INVALID_NONCE, count=2)

    fired = [faults.strike([FaultKind.INVALID_NONCE], "Balance") is not None for _ in range(3)]

    assert fired == [True, True, False]
    assert faults.active == []
    assert faults.fired == {FaultKind.INVALID_NONCE: 2}


def test_a_fault_fires_only_on_its_operation_and_account() -> None:
    faults = Faults(Random(1))
    faults.add(FaultKind.THROTTLED, operation="*Order", account="ann")

    assert faults.strike([FaultKind.THROTTLED], "Balance", "ann") is None
    assert faults.strike([FaultKind.THROTTLED], "AddOrder", "bob") is None
    assert faults.strike([FaultKind.LOCKOUT], "AddOrder", "ann") is None
    assert faults.strike([FaultKind.THROTTLED], "AddOrder", "ann") is not None


def test_a_probable_fault_fires_about_as_often_as_said() -> None:
    faults = Faults(Random(7))
    faults.add(FaultKind.LOST_EVENT, probability=0.25)

    fired = sum(faults.strike([FaultKind.LOST_EVENT], "executions") is not None for _ in range(1000))

    assert 200 < fired < 300


def test_a_state_holds_for_its_pair_until_it_is_switched_off() -> None:
    faults = Faults(Random(1))
    bitcoin, ether = Pair.parse("BTC/USD"), Pair.parse("ETH/USD")
    fault = faults.add(FaultKind.CANCEL_ONLY, pair=bitcoin)

    assert faults.holds(FaultKind.CANCEL_ONLY, pair=bitcoin)
    assert not faults.holds(FaultKind.CANCEL_ONLY, pair=ether)
    faults.remove(fault.fault_id)
    assert not faults.holds(FaultKind.CANCEL_ONLY, pair=bitcoin)
    assert faults.remove(fault.fault_id) is None


def test_the_same_seed_draws_the_same_mix() -> None:
    mixes = [
        [(fault.kind, fault.probability, fault.seconds) for fault in Faults(Random(0)).draw_mix(Random(seed))]
        for seed in (3, 3, 4)
    ]

    assert mixes[0] == mixes[1]
    assert mixes[0] != mixes[2]


@pytest.mark.parametrize(
    "values",
    [{"count": 0}, {"probability": 0}, {"probability": 1.1}, {"seconds": -1}, {"leverage": 0}, {"status": 404}],
)
def test_values_that_mean_nothing_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Faults(Random(1)).add(FaultKind.THROTTLED, **values)  # type: ignore[arg-type]


def test_every_kind_is_explained_and_grouped() -> None:
    for kind in FaultKind:
        assert kind.description.endswith(".")
        assert kind.group in FaultGroup
