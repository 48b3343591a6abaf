"""Commands of a researcher: `backtest`."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jarvis.cli.market import DEPOSIT, candles_of, starting_limits, strategy_of
from jarvis.cli.wiring import CommandError, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress, TaskID

    from jarvis.backtest.result import BacktestResult


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(backtest)


def backtest(
    candles: Annotated[
        list[str],
        typer.Argument(help="PAIR=FILE, for example BTC/USD=btc.parquet or BTC/USDT=...; a file alone is BTC/USD."),
    ],
    *,
    venue: Annotated[
        list[str] | None,
        typer.Option(
            help="At which venue's costs and rules: kraken (if left out), binance (cross margin), binance-isolated, "
            "okx, bybit. Several are compared: each difference to the first is explained to the last digit."
        ),
    ] = None,
    strategy: Annotated[str, typer.Option(help="Which strategy.")] = "moving_average_crossover",
    interval: Annotated[str, typer.Option(help="Bar size that the strategy sees: 1m, 5m, 15m, 1h, 4h, 1d.")] = "15m",
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; may be repeated.")] = None,
    start: Annotated[datetime | None, typer.Option(help="First day (UTC).")] = None,
    days: Annotated[int | None, typer.Option(help="How many days.")] = None,
    html: Annotated[Path | None, typer.Option(help="Also write a page with curve and trades (one venue).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Run the live engine over recorded candles, with all costs, and say where every cent went."""
    from jarvis.backtest.comparison import compare
    from jarvis.backtest.report import as_html, as_text, comparison_text

    venues = list(dict.fromkeys(venue or ("kraken",)))
    if html is not None and len(venues) > 1:
        raise CommandError("--html writes the page of one venue; leave it out to compare several")
    results = run_backtests(venues, candles, strategy, interval, parameter or [], start, days, quiet=as_json)
    result = results[venues[0]]
    if html is not None:
        html.write_text(as_html(result, f"{strategy} on {interval} candles"), encoding="utf-8")
    if len(venues) > 1:
        comparison = compare(results)
        say(json.dumps(comparison.to_json()) if as_json else comparison_text(comparison))
    else:
        say(json.dumps(result.to_json()) if as_json else as_text(result))


def run_backtests(
    venues: list[str],
    candles: list[str],
    strategy: str,
    interval: str,
    parameters: list[str],
    start: datetime | None,
    days: int | None,
    *,
    quiet: bool,
) -> "dict[str, BacktestResult]":
    """The result at each venue for these wishes; shows progress on standard error unless `quiet`."""
    from rich.console import Console
    from rich.progress import Progress

    from jarvis.backtest.runner import Backtest, Followed, run
    from jarvis.backtest.venues import SETUPS
    from jarvis.domain.account import VenueName
    from jarvis.market.history import parse_interval
    from jarvis.venues.catalog import VENUES

    for name in venues:
        if name not in SETUPS:
            raise CommandError(f"there is no venue {name!r} to test at; there are {', '.join(SETUPS)}")
    _, values = strategy_of(strategy, parameters)
    size = parse_interval(interval)
    recorded = candles_of(candles, start=start, days=days)
    results = {}
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as progress:
        for name in venues:
            setup = SETUPS[name]
            bars = setup.told(recorded)
            task = progress.add_task(f"replaying, {name}", total=1.0)
            wanted = Backtest(
                bars=bars,
                followed=[Followed(strategy, pair, size, values) for pair in bars],
                limits=starting_limits(list(bars)),
                instruments=setup.instruments,
                leverage_caps=VENUES[VenueName(setup.catalogue)].leverage_caps,
                deposits={setup.quote: DEPOSIT},
                model=setup.model,
                asset=setup.quote,
                traits=setup.traits,
            )
            try:
                results[name] = run(wanted, progress=_shown(progress, task))
            except ValueError as error:  # a strategy that compares with a pair of which there are no candles
                raise CommandError(str(error)) from error
    return results


def _shown(progress: "Progress", task: "TaskID") -> "Callable[[float], None]":
    return lambda done: progress.update(task, completed=done)
