"""Generated candles: a market with waves, so that a strategy of few bars trades often."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import polars as pl

START = datetime(2025, 1, 6, tzinfo=UTC)
QUICK = ("fast_bars=2", "slow_bars=6", "atr_bars=4", "stop_atr=2", "target_atr=3", "second_target_atr=5")
"""Parameters of the moving-average crossover that trade every few minutes of these candles."""
QUICK_BREAKOUT = ("entry_bars=8", "exit_bars=4", "atr_bars=4", "stop_atr=2", "stop_kind=trailing")
"""The same for the Donchian breakout."""


def wavy_candles(path: Path, *, minutes: int, wave: int = 44, noise: float = 0.0006, seed: int = 1) -> Path:
    """Write one-minute candles to `path`, Parquet or CSV by its ending; `wave` is how many minutes a wave lasts."""
    random = Random(seed)
    price, rows = 40_000.0, []
    steepest = 0.0084 * 2 * math.pi / wave  # all waves are as high as each other, some 1.7 per cent
    for minute in range(minutes):
        opened = price
        price *= math.exp(random.gauss(steepest * math.sin(2 * math.pi * minute / wave), noise))
        high = max(opened, price) * (1 + abs(random.gauss(0, noise / 2)))
        low = min(opened, price) * (1 - abs(random.gauss(0, noise / 2)))
        prices = [round(each, 1) for each in (opened, high, low, price)]
        rows.append({
            "ts": int((START + timedelta(minutes=minute)).timestamp() * 1000),
            **dict(zip(("open", "high", "low", "close"), prices, strict=True)),
            "volume": round(random.uniform(5, 50), 3),
        })  # fmt: skip
    return write_rows(path, rows)


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write candle rows as they are, right or wrong, to `path`."""
    frame = pl.DataFrame(rows)
    if path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
    return path
