"""The benchmarks run to their end and print every figure; what the figures are is nobody's test."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES = (
    ("sign an order", "ccxt kraken.sign"),
    ("build, sign and send an order", "ccxt create_order"),
    ("kraken: an order, signer included", "ccxt create_order"),
    ("binance: an order, signer included", "ccxt create_order"),
    ("kraken: read a fill's frame", "json.loads alone"),
    ("kraken: read a fill's frame", "ccxt.pro json.loads + handle_message"),
    ("kraken: read an order's frame", "json.loads alone"),
    ("kraken: read an order's frame", "ccxt.pro json.loads + handle_message"),
    ("kraken: read a candle's frame", "json.loads alone"),
    ("kraken: read a candle's frame", "ccxt.pro json.loads + handle_message"),
    ("binance: read a fill's frame", "ccxt.pro json.loads + handle_message"),
    ("binance: read an order's frame", "ccxt.pro json.loads + handle_message"),
    ("okx: read a fill's frame", "ccxt.pro json.loads + handle_message"),
    ("okx: read an order's frame", "ccxt.pro json.loads + handle_message"),
    ("bybit: read a fill's frame", "ccxt.pro json.loads + handle_message"),
    ("bybit: read an order's frame", "ccxt.pro json.loads + handle_message"),
    ("record an intent", "fdatasync of the same"),
    ("record 24 intents together", "one by one"),
    ("backtest a bar, exactly", "its strategy alone"),
    ("an event through the engine", "limit: 1,000 accounts on one core"),
    ("kraken: one more account, traced", "ccxt kraken at its best"),
)
FIGURE = r"\d[\d.e+-]*"


@pytest.mark.timeout(300)
def test_the_benchmarks_print_a_ratio_and_its_spread_for_every_figure() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    printed = ended.stdout.splitlines()
    assert len(printed) == len(LINES)
    for line, (name, peer) in zip(printed, LINES, strict=True):
        told = rf"{re.escape(name)} +ratio +{FIGURE} +(\[{FIGURE}\.\.{FIGURE}\] )? {re.escape(peer)}"
        assert re.match(told, line), line
