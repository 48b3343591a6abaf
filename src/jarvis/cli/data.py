"""The commands of recorded candles: `data import`, `data download`, `data check`."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis.cli.market import pair_of
from jarvis.cli.wiring import CommandError, run, say, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress, TaskID

    from jarvis.domain.clock import Clock
    from jarvis.domain.instrument import Pair
    from jarvis.market.history import CandleReport
    from jarvis.venues.base import Venue

data = typer.Typer(help="Recorded candles: import, download, check.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(data, name="data")


@data.command(name="import")
def import_(
    path: Annotated[
        Path,
        typer.Argument(
            help="Kraken's OHLCVT archive, Binance's public zips, freqtrade's Feather or JSON, Parquet or CSV with "
            "time, open, high, low, close and volume; or a folder of such files."
        ),
    ],
    *,
    pair: Annotated[
        str | None, typer.Option(help="What the candles are about, for example BTC/USD; of several files, those.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Where they come from (small letters, digits, hyphens); else by the format.")
    ] = None,
    interval: Annotated[str | None, typer.Option(help="Bar size, if no name says it; of several files, those.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="New candles win over kept ones.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Add candles to this installation's history. Malformed input is refused with its row; nothing stays half done."""
    from rich.console import Console
    from rich.progress import Progress

    from jarvis.market.history import import_candles, interval_name, parse_interval

    size = None if interval is None else parse_interval(interval)
    quiet = as_json or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as shown:
        task = shown.add_task("reading")
        imported = import_candles(
            path,
            settings().data_dir,
            source=source or "",
            pair=None if pair is None else pair_of(pair),
            interval=size,
            replace=replace,
            progress=lambda done, of, name: shown.update(task, completed=done, total=of, description=Path(name).name),
        )
    if as_json:
        say(json.dumps([each.to_json() for each in imported]))
        return
    for each in imported:
        say(f"{each.source} {each.pair} {interval_name(each.report.interval)}: {each.added:,} candles added")
        _tell(each.report, as_json=False)


@data.command()
def download(
    venue: Annotated[str, typer.Argument(help="kraken, binance, okx or bybit.")],
    pair: Annotated[list[str], typer.Argument(help="Pairs, for example BTC/USD or BTC/USDT.")],
    *,
    interval: Annotated[str, typer.Option(help="Bar size: 1m, 5m, 15m, 1h, 4h, 1d.")] = "1h",
    start: Annotated[datetime | None, typer.Option(help="First day (UTC); a year ago if left out.")] = None,
    end: Annotated[datetime | None, typer.Option(help="Up to here (UTC); now if left out.")] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="From this installation's sandbox venue.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Add a venue's public candles to this installation's history; no key is needed. Asks only for what is missing.

    Ctrl-C keeps what came; the same command goes on. Kraken tells its latest 720 candles only: for more of it, import
    its archive.
    """
    from jarvis.market.history import parse_interval
    from jarvis.venues.base import VenueError

    pairs, size = [pair_of(text) for text in pair], parse_interval(interval)
    try:
        results = run(_download(venue, pairs, size, start, end, sandbox=sandbox, quiet=as_json))
    except KeyboardInterrupt:
        raise CommandError("stopped; what came is kept, and the same command goes on from there") from None
    except VenueError as error:
        raise CommandError(f"{error}; what came is kept, and the same command goes on from there") from error
    if as_json:
        say(json.dumps(results))
        return
    for result in results:
        say(f"{result['source']} {result['pair']} {interval}: {result['added']:,} candles added")
        if result["told_from"]:
            say(f"  {venue} tells none before {result['told_from'][:16].replace('T', ' ')} UTC")
        elif result["missing"]:
            say(f"  {result['missing']:,} missing, which {venue} does not tell")


async def _download(
    venue: str,
    pairs: "list[Pair]",
    interval: timedelta,
    start: datetime | None,
    end: datetime | None,
    *,
    sandbox: bool,
    quiet: bool,
) -> list[dict[str, Any]]:
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    from jarvis.market.download import Wanted
    from jarvis.market.download import download as fetched
    from jarvis.trading.bars import opening_of

    results = []
    async with _public_venue(venue, sandbox=sandbox) as (opened, clock):
        now = clock.now()
        last = opening_of(min(end.replace(tzinfo=UTC), now) if end else now, interval)
        first = opening_of(start.replace(tzinfo=UTC) if start else last - timedelta(days=365), interval)
        listed = await opened.instruments()
        for each in pairs:
            if each not in listed:
                raise CommandError(f"{venue} lists no {each} on margin; there are {', '.join(map(str, listed))}")
        wanted = [Wanted(settings().data_dir, opened.name, each, interval, first, last) for each in pairs]
        columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
        hidden = quiet or not sys.stderr.isatty()
        with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as shown:
            for one in wanted:
                task = shown.add_task(str(one.pair))
                done = await fetched(opened, one, progress=_steps(shown, task, one.pair))
                results.append({"source": one.source, "pair": str(one.pair), **done.to_json()})
    return results


def _steps(shown: "Progress", task: "TaskID", pair: "Pair") -> "Callable[[int, int, datetime], None]":
    return lambda done, of, at: shown.update(
        task, completed=done, total=of, description=f"{pair} back to {at:%Y-%m-%d}"
    )


@asynccontextmanager
async def _public_venue(name: str, *, sandbox: bool) -> "AsyncIterator[tuple[Venue, Clock]]":
    """A venue's adapter for what anyone may ask, and its clock."""
    from random import SystemRandom

    from jarvis.domain.account import VenueName
    from jarvis.market.clock import WallClock, watched_sandbox_clock
    from jarvis.venues.catalog import VENUES, open_venue, sandbox_urls
    from jarvis.venues.session import NetworkTransport

    if name not in VENUES:
        raise CommandError(f"there is no venue {name!r}; there are {', '.join(VENUES)}")
    venue, given = VenueName(name), settings()
    async with AsyncExitStack() as stack:
        if not sandbox:
            clock: Clock = WallClock()
            urls = VENUES[venue].urls()
        elif given.sandbox_address is None:
            raise CommandError("this installation has no sandbox (JARVIS_SANDBOX_URL)")
        else:
            clock = await stack.enter_async_context(watched_sandbox_clock(given.sandbox_address))
            urls = sandbox_urls(venue, given.sandbox_address)
        transport = await stack.enter_async_context(NetworkTransport([urls]))
        yield open_venue(venue, transport=transport, urls=urls, signer=None, clock=clock, random=SystemRandom()), clock


@data.command()
def check(
    file: Annotated[Path, typer.Argument(help="A candle file of any known kind, or a dataset's folder.")],
    *,
    interval: Annotated[str | None, typer.Option(help="Bar size, if it cannot be told from the file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Also write a page with pictures and all lists.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Say what candles there are, and what is missing, doubled, impossible or odd. Exit 1 if an import would refuse."""
    from jarvis.market.examination import examine, examine_dataset
    from jarvis.market.history import parse_interval, the_file
    from jarvis.market.picture import as_html

    size = None if interval is None else parse_interval(interval)
    examined = examine_dataset(file) if file.is_dir() else examine(the_file(file), size)
    if html is not None:
        html.write_text(as_html(examined, f"Candles of {file.name}"), encoding="utf-8")
    if as_json:
        say(json.dumps(examined.to_json()))
    else:
        for line in examined.lines():
            say(line)
    if not examined.is_importable:
        raise typer.Exit(1)


def _tell(report: "CandleReport", *, as_json: bool) -> None:
    if as_json:
        say(json.dumps(report.to_json()))
        return
    reach = f"{report.first_at:%Y-%m-%d %H:%M} to {report.last_at:%Y-%m-%d %H:%M} UTC"
    say(f"{report.source}: {report.bars:,} candles, {reach}")
    say(f"{report.missing:,} missing in {len(report.gaps)} gaps" if report.gaps else "none missing")
