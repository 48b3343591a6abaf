"""The command that holds an account against its backtest: `parity`."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis.cli.market import candles_of, strategy_of
from jarvis.cli.wiring import CommandError, opened_store, run, say, settings

if TYPE_CHECKING:
    from jarvis.domain.instrument import Pair
    from jarvis.domain.market import Bar
    from jarvis.research.lived import Lived
    from jarvis.research.parity import Parity
    from jarvis.trading.strategy import Strategy

_WORST = 10


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(parity)


def parity(
    account: Annotated[
        str | None, typer.Argument(help="Its id, or the beginning of it; left out: the only one.")
    ] = None,
    *,
    candles: Annotated[
        list[str] | None, typer.Option(help="PAIR=FILE; may be repeated. Else what the worker and the history keep.")
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="From here on (UTC); else as far back as can be.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Up to here (UTC); else up to the last reading.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Hold what an account did against the backtest of its strategies, and say where each cent of the gap came from."""
    from rich.console import Console
    from rich.progress import Progress

    from jarvis.research.lived import parity as parity_of

    it, kept = run(_read(account, _utc(since), _utc(until)))
    given = it.setup.told(candles_of(candles or [], start=None, days=None))
    bars = {pair: _whole(it, pair, own, given.get(pair, [])) for pair, own in kept.items()}
    strategies = _strategies({each.strategy for each in it.account.assignments})
    notes = [*it.notes, *_short_of(it, bars, strategies)]
    quiet = as_json or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task("replaying", total=1.0)
        try:
            made = parity_of(it, bars, strategies, progress=lambda done: progress.update(task, completed=done))
        except ValueError as error:  # a strategy that looks at pairs which the account does not follow
            raise CommandError(str(error)) from error
    say(json.dumps(_record(it, made, notes)) if as_json else _text(it, made, notes))


async def _read(
    account: str | None, since: datetime | None, until: datetime | None
) -> "tuple[Lived, dict[Pair, list[Bar]]]":
    """What the account did, and the candles of that time."""
    from jarvis.cli.account import chosen_account
    from jarvis.research.lived import NotComparableError, kept_bars, lived

    async with opened_store(settings()) as store:
        chosen = await chosen_account(store, account)
        try:
            it = await lived(store, chosen, since=since, until=until)
        except NotComparableError as error:
            raise CommandError(str(error)) from error
        return it, await kept_bars(store, it)


def _whole(it: "Lived", pair: "Pair", kept: "Sequence[Bar]", given: "Sequence[Bar]") -> "list[Bar]":
    """The candles of one pair: those given, or the history's and the worker's, which win. Raises CommandError."""
    from jarvis.market.history import dataset_folder, load_bars
    from jarvis.research.lived import STEP, holes

    bars = [bar for bar in given if bar.closed_at <= it.until]
    if not given:
        folder = dataset_folder(settings().data_dir, it.account.feed, pair, STEP)
        tick = it.setup.instruments[pair].tick
        history = load_bars(folder, pair, STEP, tick=tick, end=it.until) if folder.exists() else []
        known = {bar.opened_at: bar for bar in (*history, *kept)}
        bars = [known[at] for at in sorted(known) if known[at].closed_at <= it.until]
    missing = holes(bars, it.since, it.until)
    if missing is not None:
        raise CommandError(
            f"candles of {pair} are missing between {missing[0]:%Y-%m-%d %H:%M} and {missing[1]:%Y-%m-%d %H:%M} UTC; "
            f"{_how_to_get(it, pair, missing[0])}"
        )
    return bars


def _short_of(it: "Lived", bars: "Mapping[Pair, Sequence[Bar]]", strategies: "Mapping[str, Strategy]") -> "list[str]":
    """Which strategies have fewer candles to warm up on than they had on the account."""
    from jarvis.trading.strategy import resolve

    notes = []
    for each in it.account.assignments:
        strategy = strategies[each.strategy]
        needed = it.since - strategy.warm_up(resolve(strategy, each.values)) * each.interval
        if bars[each.pair][0].opened_at > needed:
            notes.append(
                f"{each.strategy} on {each.pair} had candles before {bars[each.pair][0].opened_at:%Y-%m-%d %H:%M} UTC "
                f"to warm up on, if the venue had them; here they are missing, and its first positions may differ: "
                f"{_how_to_get(it, each.pair, needed)}"
            )
    return notes


def _how_to_get(it: "Lived", pair: "Pair", start: datetime) -> str:
    """What to do about candles that are missing. What is downloaded of a sandbox would lie among the venue's own."""
    from jarvis.domain.account import Environment

    if it.account.environment is not Environment.LIVE:
        return f"name the file that the sandbox replays with --candles {pair}=FILE"
    get = f"jarvis data download {it.account.venue} {pair} --interval 1m --start {start:%Y-%m-%d}"
    return f"get them with `{get}`, or name a file with --candles {pair}=FILE"


def _strategies(names: set[str]) -> "Mapping[str, Strategy]":
    return {name: strategy_of(name, [])[0] for name in sorted(names)}


def _utc(given: datetime | None) -> datetime | None:
    return None if given is None else given.replace(tzinfo=UTC)


def _record(it: "Lived", made: "Parity", notes: list[str]) -> dict[str, Any]:
    return {
        "account": it.account.account_id,
        "asset": it.setup.quote,
        "since": it.since.isoformat(),
        "until": it.until.isoformat(),
        "notes": notes,
        **made.to_json(),
    }


def _text(it: "Lived", made: "Parity", notes: list[str]) -> str:
    """The gap as a person reads it."""
    asset = it.setup.quote
    lines = [
        f"{it.account.account_id}  {it.account.venue} ({it.account.environment.value})",
        f"  {it.since:%Y-%m-%d %H:%M} to {it.until:%Y-%m-%d %H:%M} UTC",
        f"  the account earned  {made.live_total:>16,.4f} {asset}",
        f"  the backtest earned {made.backtest_total:>16,.4f} {asset}",
        f"  the gap             {made.gap:>16,.4f} {asset}",
    ]
    for part, amount in made.parts.items():
        lines.append(f"    {part.replace('_', ' '):<17} {amount:>16,.4f} {asset}")
    lines.append(f"  positions: {made.matched} on both sides, {made.missed} missed, {made.extra} extra")
    worst = made.worst(_WORST)
    if worst:
        lines.append("  the largest gaps:")
    for line in worst:
        at = f"{line.at:%Y-%m-%d %H:%M:%S}" if line.at else "by position"
        lines.append(f"    {at:<19}  {line.pair}  {line.what:<12} {line.gap:>14,.4f} {asset}  {line.why}")
    return "\n".join([*lines, *(f"  note: {note}" for note in notes)])
