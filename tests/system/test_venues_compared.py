"""`jarvis backtest --venue`: one strategy at several venues, as a person asks for it."""

from decimal import Decimal
from pathlib import Path

from tests.system.candles import QUICK, wavy_candles
from tests.system.commands import Commands
from tests.system.installation import environment_in

VENUES = ("kraken", "binance", "binance-isolated", "okx", "bybit")
CHOSEN = ("--interval", "1m", *(word for each in QUICK for word in ("--parameter", each)))


def test_several_venues_are_compared_in_one_table(jarvis: Commands, tmp_path: Path) -> None:
    candles = wavy_candles(tmp_path / "btc.parquet", minutes=200)
    line = ("backtest", f"BTC/USDT={candles}", *CHOSEN, *(word for each in VENUES for word in ("--venue", each)))

    text = jarvis.run(*line, environment=environment_in(tmp_path))
    kept = jarvis.run(*line, "--json", environment=environment_in(tmp_path)).json

    assert text.code == 0, text.err
    heading, *rows = text.out.rstrip().splitlines()
    assert [each.strip().partition(",")[0] for each in heading.split("  ") if each.strip()] == list(VENUES)
    assert rows[-1].split() == ["not", "explained", "0", "0", "0", "0"]
    assert list(kept["venues"]) == list(kept["results"]) == list(VENUES)
    nets = {name: Decimal(each["total"]) for name, each in kept["venues"].items()}
    for name, parts in kept["differences"].items():
        net = Decimal(parts.pop("net"))
        assert net == nets[name] - nets["kraken"]
        assert sum(map(Decimal, parts.values())) == net


def test_one_venue_reports_as_it_always_did(jarvis: Commands, tmp_path: Path) -> None:
    candles = wavy_candles(tmp_path / "btc.parquet", minutes=100)

    said = jarvis.run("backtest", str(candles), *CHOSEN, "--venue", "bybit", environment=environment_in(tmp_path))

    assert said.code == 0, said.err
    assert "USDT" in said.out
    assert "agree with the venue to the last digit" in said.out


def test_wishes_that_cannot_be_met_are_said_in_one_line(jarvis: Commands, tmp_path: Path) -> None:
    candles = str(wavy_candles(tmp_path / "btc.parquet", minutes=100))
    two = ("--venue", "okx", "--venue", "bybit", "--html", str(tmp_path / "page.html"))

    unknown = jarvis.run("backtest", candles, "--venue", "mtgox", environment=environment_in(tmp_path))
    pages = jarvis.run("backtest", candles, *two, environment=environment_in(tmp_path))
    twice = jarvis.run("backtest", candles, f"BTC/USDT={candles}", environment=environment_in(tmp_path))

    for said, words in ((unknown, "binance-isolated"), (pages, "one venue"), (twice, "two files")):
        assert said.code != 0
        assert words in said.err
        assert "Traceback" not in said.err


def test_help_names_the_venues(jarvis: Commands, tmp_path: Path) -> None:
    for command in ("backtest", "sandbox", "demo"):
        said = jarvis.run(command, "--help", environment=environment_in(tmp_path))

        assert all(name in said.out for name in ("kraken", "binance", "okx", "bybit")), command
