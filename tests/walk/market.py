"""Candles of three pairs that turn one after the other, so that a strategy of few bars always finds a trade."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from tests.system.candles import write_rows

START = datetime(2025, 3, 3, tzinfo=UTC)
WAVE_MINUTES = 30
STEEPEST = 0.0012
NOISE = 0.0003
PAIRS = (("BTC/USD", 84_000.0, 1), ("ETH/USD", 2_150.0, 2), ("SOL/USD", 141.0, 2))
"""Each pair with its first price and the decimals of its prices."""


def three_wavy_pairs(folder: Path, *, minutes: int) -> tuple[str, ...]:
    """Write one-minute candles of each pair into `folder`; the `PAIR=FILE` words of the sandbox's command line."""
    words = []
    for number, (pair, price, places) in enumerate(PAIRS):
        path = folder / f"{pair.partition('/')[0].lower()}.parquet"
        rows = _rows(price, places, phase=number / len(PAIRS), minutes=minutes, random=Random(number))
        words.append(f"{pair}={write_rows(path, rows)}")
    return tuple(words)


def _rows(price: float, places: int, *, phase: float, minutes: int, random: Random) -> list[dict[str, float]]:
    rows = []
    for minute in range(minutes):
        opened = price
        slope = STEEPEST * math.sin(2 * math.pi * (minute / WAVE_MINUTES + phase))
        price *= math.exp(random.gauss(slope, NOISE))
        rows.append({
            "ts": int((START + timedelta(minutes=minute)).timestamp() * 1000),
            "open": round(opened, places),
            "high": round(max(opened, price) * (1 + abs(random.gauss(0, NOISE))), places),
            "low": round(min(opened, price) * (1 - abs(random.gauss(0, NOISE))), places),
            "close": round(price, places),
            "volume": round(random.uniform(5, 50), 3),
        })  # fmt: skip
    return rows
