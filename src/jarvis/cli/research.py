"""Commands of a researcher: `backtest`, `data`."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jarvis.cli.market import DEPOSIT, candles_of, pair_of, starting_limits, strategy_of
from jarvis.cli.wiring import say, settings

if TYPE_CHECKING:
    from jarvis.backtest.result import BacktestResult
    from jarvis.market.history import CandleReport

data = typer.Typer(help="Recorded candles: import, check.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(backtest)
    app.add_typer(data, name="data")


def backtest(
    candles: Annotated[
        list[str], typer.Argument(help="PAIR=FILE, for example BTC/USD=btc.parquet; a file alone is BTC/USD.")
    ],
    *,
    strategy: Annotated[str, typer.Option(help="Which strategy.")] = "moving_average_crossover",
    interval: Annotated[str, typer.Option(help="Bar size that the strategy sees: 1m, 5m, 15m, 1h, 4h, 1d.")] = "15m",
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; may be repeated.")] = None,
    start: Annotated[datetime | None, typer.Option(help="First day (UTC).")] = None,
    days: Annotated[int | None, typer.Option(help="How many days.")] = None,
    html: Annotated[Path | None, typer.Option(help="Also write a page with curve and trades.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Run the live engine over recorded candles, with all costs, and say where every cent went."""
    from jarvis.backtest.report import as_html, as_text

    result = run_backtest(candles, strategy, interval, parameter or [], start, days, quiet=as_json)
    if html is not None:
        html.write_text(as_html(result, f"{strategy} on {interval} candles"), encoding="utf-8")
    say(json.dumps(result.to_json()) if as_json else as_text(result))


def run_backtest(
    candles: list[str],
    strategy: str,
    interval: str,
    parameters: list[str],
    start: datetime | None,
    days: int | None,
    *,
    quiet: bool,
) -> "BacktestResult":
    """The result for these wishes; shows progress on standard error unless `quiet`."""
    from rich.console import Console
    from rich.progress import Progress

    from jarvis.backtest.runner import Backtest, Followed, run
    from jarvis.domain.money import USD
    from jarvis.market.history import parse_interval
    from jarvis.sim.instruments import kraken_instruments
    from jarvis.venues.catalog import KRAKEN, VENUES

    _, values = strategy_of(strategy, parameters)
    bars = candles_of(candles, start=start, days=days)
    listed = kraken_instruments()
    wanted = Backtest(
        bars=bars,
        followed=[Followed(strategy, pair, parse_interval(interval), values) for pair in bars],
        limits=starting_limits(list(bars)),
        instruments={pair: listed[pair] for pair in bars},
        leverage_caps=VENUES[KRAKEN].leverage_caps,
        deposits={USD: DEPOSIT},
    )
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task("replaying", total=1.0)
        return run(wanted, progress=lambda done: progress.update(task, completed=done))


@data.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="Parquet or CSV with time, open, high, low, close, volume.")],
    *,
    pair: Annotated[str, typer.Option(help="What the candles are about, for example BTC/USD.")],
    source: Annotated[str, typer.Option(help="Where they come from: small letters, digits, hyphens.")] = "import",
    interval: Annotated[str | None, typer.Option(help="Bar size, if it cannot be told from the file.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="New candles win over kept ones.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Add candles to this installation's history. Malformed input is refused with its row; nothing stays half done."""
    from jarvis.market.history import import_candles, parse_interval

    size = None if interval is None else parse_interval(interval)
    report = import_candles(
        file, settings().data_dir, source=source, pair=pair_of(pair), interval=size, replace=replace
    )
    _tell(report, as_json=as_json)


@data.command()
def check(
    file: Annotated[Path, typer.Argument(help="A candle file, or a dataset's folder.")],
    *,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Say what a candle file holds, and what is missing in it."""
    from jarvis.market.history import check as check_candles

    _tell(check_candles(file), as_json=as_json)


def _tell(report: "CandleReport", *, as_json: bool) -> None:
    if as_json:
        say(json.dumps(report.to_json()))
        return
    reach = f"{report.first_at:%Y-%m-%d %H:%M} to {report.last_at:%Y-%m-%d %H:%M} UTC"
    say(f"{report.source}: {report.bars:,} candles, {reach}")
    say(f"{report.missing:,} missing in {len(report.gaps)} gaps" if report.gaps else "none missing")
