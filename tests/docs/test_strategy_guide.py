"""The strategy guide names what there is, and its example is a strategy that works."""

import re
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from jarvis.own.template import template
from jarvis.trading.strategies import STRATEGIES, protection
from jarvis.trading.strategy import BarArrays, Plan, Strategy, resolve

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "strategies.md").read_text(encoding="utf-8")


def example() -> Strategy:
    """The class of the guide's file."""
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    names: dict[str, Any] = {"__name__": "guide"}
    exec(code, names)  # noqa: S102 - our own page
    strategy: Strategy = names["AboveAverage"]()
    return strategy


def test_the_file_in_the_guide_is_the_one_that_is_written() -> None:
    assert f"```python\n{template('above_average')}```" in GUIDE


def columns(length: int, seed: int) -> BarArrays:
    random = Random(seed)
    close = np.cumsum([random.uniform(-1, 1) for _ in range(length)]) + 1000
    opened = np.arange(length, dtype=np.int64) * 60
    return BarArrays(opened, close - 0.1, close + 0.5, close - 0.5, close, np.ones(length))


def planned(bars: BarArrays) -> Plan:
    strategy = example()
    return strategy.compute(bars, resolve(strategy, {"bars": 10}))


def test_the_example_is_a_strategy_that_warms_up_and_never_looks_ahead() -> None:
    bars = columns(200, seed=5)
    whole, part = planned(bars), planned(columns(120, seed=5))

    warm_up = example().warm_up(resolve(example(), {"bars": 10}))
    assert set(whole.target[: warm_up - 1]) == {0}
    assert set(whole.target) == {0, 1}
    assert list(whole.target[:120]) == list(part.target)
    assert example().lines(bars, resolve(example(), {}))[0].name == "Average"


def test_every_strategy_and_every_shared_parameter_is_in_the_guide() -> None:
    for name in STRATEGIES:
        assert f"`{name}`" in GUIDE
    for parameter in protection.PARAMETERS:
        assert f"`{parameter.name}`" in GUIDE
