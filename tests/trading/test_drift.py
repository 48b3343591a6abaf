"""A venue that changes its rules is noticed, whatever it changes."""

from dataclasses import replace
from decimal import Decimal

import pytest

from jarvis.domain.instrument import Instrument, InstrumentStatus
from jarvis.sim.instruments import bybit_instruments
from jarvis.trading.drift import drift

BTC: Instrument = next(iter(bybit_instruments().values()))


def test_rules_that_stay_are_no_news() -> None:
    assert not drift(BTC, replace(BTC))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tick": Decimal("0.5")}, "the price step is 0.5 USDT, was 0.1"),
        ({"lot": Decimal("0.001")}, "the quantity step is 0.001 BTC, was 0.000001"),
        ({"min_quantity": Decimal("0.01")}, "the least quantity is 0.01 BTC, was "),
        ({"min_cost": Decimal(50)}, "the least cost is 50 USDT, was 5"),
        ({"leverage_long": (2, 3)}, "the highest leverage of a long is 3x, was "),
        ({"leverage_short": ()}, "the highest leverage of a short is none, was "),
        ({"symbol": "XBTUSDT"}, "the name is XBTUSDT, was BTCUSDT"),
        ({"status": InstrumentStatus.CANCEL_ONLY}, "the status is cancel_only, was online"),
    ],
)
def test_every_change_is_named_with_both_values(change: dict[str, object], words: str) -> None:
    assert words in drift(BTC, replace(BTC, **change))  # type: ignore[arg-type]
