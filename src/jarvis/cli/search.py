"""Commands that try many values: `sweep`, `optimise`."""

import json
import sys
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from jarvis.cli.market import DEPOSIT, columns_of, starting_limits, strategy_of, values_of
from jarvis.cli.wiring import CommandError, say

if TYPE_CHECKING:
    from jarvis.research.space import Space
    from jarvis.research.sweep import Row
    from jarvis.research.trial import Study

_INTERRUPTED = 130

Candles = Annotated[
    list[str], typer.Argument(help="PAIR=FILE, for example BTC/USD=btc.parquet; a file alone is BTC/USD.")
]
Strategy = Annotated[str, typer.Option(help="Which strategy.")]
Interval = Annotated[str, typer.Option(help="Bar size that the strategy sees: 1m, 5m, 15m, 1h, 4h, 1d.")]
Venue = Annotated[str, typer.Option(help="At which venue's costs and rules.")]
Given = Annotated[list[str] | None, typer.Option(help="NAME=VALUE that is not searched; may be repeated.")]
Start = Annotated[datetime | None, typer.Option(help="First day (UTC).")]
Days = Annotated[int | None, typer.Option(min=1, help="How many days.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Search = Annotated[
    list[str], typer.Option(help="What is tried: NAME=FROM:TO:STEP or NAME=VALUE,VALUE; may be repeated.")
]
Seed = Annotated[int, typer.Option(help="Which chance.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the search in that folder.")]
Top = Annotated[int, typer.Option(min=1, help="How many are listed.")]
Out = Annotated[Path, typer.Option(help="The folder that the results go to.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(sweep)
    app.command()(optimise)


def sweep(
    candles: Candles,
    *,
    search: Search,
    strategy: Strategy = "moving_average_crossover",
    interval: Interval = "15m",
    venue: Venue = "kraken",
    parameter: Given = None,
    random: Annotated[int | None, typer.Option(min=1, help="Try so many combinations by chance, not all.")] = None,
    seed: Seed = 1,
    start: Start = None,
    days: Days = None,
    workers: Annotated[int, typer.Option(min=1, help="In how many processes.")] = 1,
    out: Out = Path("sweep"),
    resume: Resume = False,
    by: Annotated[str, typer.Option(help="What the list is ordered by, for example sharpe, net, max_drawdown.")] = (
        "sharpe"
    ),
    top: Top = 10,
    as_json: AsJson = False,
) -> None:
    """Try many values of a strategy's parameters on recorded candles, and show which did best.

    The best of many is good by chance alone: count the tries, and look at the picture for a plateau.
    """
    from jarvis.research.pictures import search_page
    from jarvis.research.sweep import MEASURES, SearchError, SearchFolder, best
    from jarvis.research.sweep import sweep as try_all

    if by not in MEASURES:
        raise CommandError(f"there is no measure {by!r}; there are {', '.join(MEASURES)}")
    study = study_of(candles, strategy, interval, venue, start, days)
    space = space_of_study(study, search, parameter or [])
    count = space.size if random is None else min(random, space.size)
    wanted: dict[str, Any] = {
        "searched": {name: [str(value) for value in values] for name, values in space.choices.items()},
        "fixed": {name: str(value) for name, value in space.fixed.items()},
        "random": random,
        "seed": seed,
    }
    try:
        folder = SearchFolder(out, study, wanted, resume=resume)
    except SearchError as error:
        raise CommandError(str(error)) from error
    tried = space.grid() if random is None else space.random(random, seed)
    is_whole = True
    with _Progress(count, quiet=as_json) as progress:
        try:
            skipped = try_all(study, tried, folder, workers=workers, progress=progress)
        except KeyboardInterrupt:
            is_whole, skipped = False, []
    if folder.finish() is not None:
        page = out / "search.html"
        page.write_text(search_page(folder.rows, space, by), encoding="utf-8")
    listed = best(folder.rows, by, top)
    if as_json:
        say(json.dumps({"is_complete": is_whole, "trials": folder.tries, "skipped": len(skipped), "top": listed}))
    else:
        say(_table(listed, space, by, tried=folder.tries, skipped=len(skipped), out=out))
    if not is_whole:
        print(
            f"jarvis: stopped after {len(folder.rows)} of {count}; the same command with --resume goes on",
            file=sys.stderr,
        )
        raise typer.Exit(_INTERRUPTED)


def optimise(
    candles: Candles,
    *,
    search: Search,
    strategy: Strategy = "moving_average_crossover",
    interval: Interval = "15m",
    venue: Venue = "kraken",
    parameter: Given = None,
    tries: Annotated[int, typer.Option(min=1, help="How many more values are tried.")] = 100,
    seed: Seed = 1,
    start: Start = None,
    days: Days = None,
    out: Out = Path("optimise"),
    resume: Resume = False,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="What is to be good, sharpe if left out; given twice or more, values that none beats in all."
        ),
    ] = None,
    top: Top = 10,
    as_json: AsJson = False,
) -> None:
    """Search where it looks promising instead of everywhere, and give up early what does badly."""
    if find_spec("optuna") is None:
        raise CommandError("this needs the extra `research`: pip install 'jarvis[research]', or `make install`")
    from jarvis.research.optimise import optimise as propose
    from jarvis.research.optimise import unbeaten
    from jarvis.research.pictures import search_page
    from jarvis.research.sweep import MEASURES, SearchError, SearchFolder, best

    measures = list(dict.fromkeys(by or ["sharpe"]))
    unknown = [name for name in measures if name not in MEASURES]
    if unknown:
        raise CommandError(f"there is no measure {unknown[0]!r}; there are {', '.join(MEASURES)}")
    study = study_of(candles, strategy, interval, venue, start, days)
    space = space_of_study(study, search, parameter or [])
    wanted: dict[str, Any] = {
        "searched": {name: [str(value) for value in values] for name, values in space.choices.items()},
        "fixed": {name: str(value) for name, value in space.fixed.items()},
        "by": measures,
        "seed": seed,
    }
    try:
        folder = SearchFolder(out, study, wanted, resume=resume)
    except SearchError as error:
        raise CommandError(str(error)) from error
    is_whole = True
    with _Progress(tries, quiet=as_json) as progress:
        try:
            propose(study, space, folder, by=measures, tries=tries, seed=seed, progress=progress)
        except KeyboardInterrupt:
            is_whole = False
    if folder.finish() is not None:
        page = search_page(folder.rows, space, measures[0])
        (out / "search.html").write_text(page, encoding="utf-8")
    several = len(measures) > 1
    listed = unbeaten(folder.rows, measures)[:top] if several else best(folder.rows, measures[0], top)
    if as_json:
        say(json.dumps({"is_complete": is_whole, "trials": folder.tries, "top": listed}))
    else:
        if several:
            say(f"None of the others is better in all of {', '.join(measures)}:")
        say(_table(listed, space, measures[0], tried=folder.tries, skipped=0, out=out))
    if not is_whole:
        print("jarvis: stopped; the same command with --resume goes on", file=sys.stderr)
        raise typer.Exit(_INTERRUPTED)


def study_of(
    candles: list[str], strategy: str, interval: str, venue: str, start: datetime | None, days: int | None
) -> "Study":
    """What a person asked for, with the limits and the deposit that a backtest begins with. Raises CommandError."""
    from jarvis.market.history import parse_interval
    from jarvis.research.trial import Study, must_compile

    chosen, _ = strategy_of(strategy, [])
    columns, step = columns_of(candles, start=start, days=days)
    try:
        study = Study(
            candles=columns,
            step=step,
            venue=venue,
            strategy=chosen,
            interval=parse_interval(interval),
            limits=starting_limits(list(columns)),
            deposit=DEPOSIT,
        )
    except ValueError as error:
        raise CommandError(str(error)) from error
    if must_compile(study):
        print("the fast backtest is compiled first, once: some twenty seconds", file=sys.stderr)
    return study


def space_of_study(study: "Study", search: list[str], parameters: list[str]) -> "Space":
    """What is searched. Raises CommandError."""
    from jarvis.research.space import space_of

    try:
        return space_of(study.strategy, search, values_of(parameters))
    except ValueError as error:
        raise CommandError(str(error)) from error


class _Progress:
    """A bar with the time left, on standard error and only where somebody looks."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("trying"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=quiet or not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("trying", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, done: int) -> None:
        self._bar.update(self._task, completed=done)


def _table(rows: "list[Row]", space: "Space", by: str, *, tried: int, skipped: int, out: Path) -> str:
    from jarvis.research.sweep import told

    shown = dict.fromkeys((by, "total_return", "max_drawdown", "sharpe", "trade_count"))
    heads = [*space.choices, *(name.replace("_", " ") for name in shown)]
    lines = [
        [*(str(row["values"][name]) for name in space.choices), *(told(name, row[name]) for name in shown)]
        for row in rows
    ]
    widths = [max(len(head), *(len(line[i]) for line in lines)) if lines else len(head) for i, head in enumerate(heads)]
    text = ["  ".join(head.rjust(width) for head, width in zip(heads, widths, strict=True))]
    text += ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    left_out = f", {skipped} did not go together" if skipped else ""
    text.append("")
    text.append(f"The best {len(rows)} of {tried} tried by {by.replace('_', ' ')}{left_out}.")
    text.append(f"All of them: {out / 'results.parquet'}; pictures: {out / 'search.html'}")
    return "\n".join(text)
