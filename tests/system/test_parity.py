"""A replay through the real processes, held against the venue's own ledger and against the backtest: to the digit.

What each venue tells of a fill is its own; what happened is the same: when, which side, how much, at which price, and
the fee that it took.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from jarvis.cli.demo import _market_end
from tests.system.books import assert_that_the_books_agree, in_usd
from tests.system.candles import QUICK, wavy_candles
from tests.system.installation import installed

PATIENT = (
    "entry_bars=12", "exit_bars=12", "atr_bars=4", "stop_atr=10", "stop_kind=trailing", "target_atr=5",
    "target_share=0.3", "second_target_atr=0",
)  # fmt: skip


@dataclass(frozen=True)
class Replay:
    strategy: str
    parameters: tuple[str, ...]
    interval: str
    minutes: int
    wave: int
    noise: float
    fills_at_least: int


QUICK_TURNS = Replay("moving_average_crossover", QUICK, "1m", 240, 44, 0.0006, 30)
LONG_WITH_ROLLOVER = Replay("donchian_breakout", PATIENT, "5m", 600, 700, 0.0002, 4)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("replay", [QUICK_TURNS, LONG_WITH_ROLLOVER], ids=lambda replay: replay.strategy)
async def test_a_replay_the_venue_and_the_backtest_agree_to_the_last_digit(replay: Replay, tmp_path: Path) -> None:
    candles = wavy_candles(tmp_path / "btc.parquet", minutes=replay.minutes, wave=replay.wave, noise=replay.noise)

    async with installed(
        tmp_path / "here",
        candles=[candles],
        strategies=[replay.strategy],
        interval=replay.interval,
        parameters=replay.parameters,
    ) as installation:
        await installation.start()
        await _market_end(installation.given)
        status, venue = await installation.status(), await installation.venue()
        parameters = [word for parameter in replay.parameters for word in ("--parameter", parameter)]
        chosen = ("--strategy", replay.strategy, "--interval", replay.interval, *parameters)
        backtest = (await installation.command("backtest", f"BTC/USD={candles}", *chosen, "--json")).json
        parity = (await installation.command("parity", "--candles", f"BTC/USD={candles}", "--json")).json

    assert_that_the_books_agree(status, venue)
    assert fills_of(backtest["fills"]) == fills_of(venue["fills"])
    assert len(venue["fills"]) >= replay.fills_at_least, "the market was too quiet to prove anything"
    assert (in_usd(status, "rollover") < 0) == (replay is LONG_WITH_ROLLOVER)
    assert backtest["agrees"]
    for part in ("trading_fee", "opening_fee", "rollover"):
        assert Decimal(backtest["waterfall"][part]) == in_usd(status, part)
    assert_that_nothing_is_between(parity, backtest)


def assert_that_nothing_is_between(parity: Mapping[str, Any], backtest: Mapping[str, Any]) -> None:
    """Every position is on both sides, and every part of every line is zero."""
    assert [line for line in parity["lines"] if any(Decimal(part) for part in line["parts"].values())] == []
    assert parity["positions"] == {"matched": len(backtest["positions"]), "missed": 0, "extra": 0}
    assert Decimal(parity["gap"]) == 0


def fills_of(records: Iterable[Mapping[str, Any]]) -> list[tuple[object, ...]]:
    """What of a fill must be the same in a backtest; the ids are each exchange's own."""
    return [
        (each["at"], each["pair"], each["side"], *(Decimal(each[name]) for name in ("quantity", "price", "fee")))
        for each in records
    ]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("venue", ["binance", "binance-isolated", "okx", "bybit"])
async def test_a_replay_at_a_wallet_and_the_backtest_agree_fill_by_fill(venue: str, tmp_path: Path) -> None:
    candles = wavy_candles(tmp_path / "btc.parquet", minutes=QUICK_TURNS.minutes)

    async with installed(
        tmp_path / "here",
        candles=[candles],
        strategies=[QUICK_TURNS.strategy],
        interval=QUICK_TURNS.interval,
        parameters=QUICK_TURNS.parameters,
        venue=venue,
    ) as installation:
        await installation.start()
        await _market_end(installation.given)
        status, there = await installation.status(), await installation.venue()
        parameters = [word for parameter in QUICK_TURNS.parameters for word in ("--parameter", parameter)]
        chosen = ("--strategy", QUICK_TURNS.strategy, "--interval", QUICK_TURNS.interval, *parameters)
        wanted = ("--venue", venue, *chosen, "--json")
        backtest = (await installation.command("backtest", f"BTC/USDT={candles}", *wanted)).json
        parity = (await installation.command("parity", "--candles", f"BTC/USD={candles}", "--json")).json

    assert_that_the_books_agree(status, there)
    assert backtest["agrees"]
    assert fills_of(backtest["fills"]) == fills_of(there["fills"])
    assert len(there["fills"]) >= QUICK_TURNS.fills_at_least, "the market was too quiet to prove anything"
    assert_that_nothing_is_between(parity, backtest)
