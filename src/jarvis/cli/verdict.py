"""Commands that ask whether to believe a result: `verdict`, `walkforward`."""

import json
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis.cli.market import values_of
from jarvis.cli.search import (
    AsJson,
    Candles,
    Days,
    Given,
    Interval,
    Search,
    Start,
    Strategy,
    Venue,
    space_of_study,
    study_of,
)
from jarvis.cli.wiring import CommandError, opened_store, run, say, settings

if TYPE_CHECKING:
    from jarvis.domain.account import UserId
    from jarvis.research.checks import Verdict
    from jarvis.research.trial import Study
    from jarvis.research.walkforward import Measured


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(verdict)
    app.command()(walkforward)


def verdict(
    candles: Candles,
    *,
    strategy: Strategy = "moving_average_crossover",
    interval: Interval = "15m",
    venue: Venue = "kraken",
    parameter: Given = None,
    found_in: Annotated[
        Path | None, typer.Option(help="The folder of the search that these values are the best of.")
    ] = None,
    tries: Annotated[int | None, typer.Option(min=1, help="Or how many values were tried to find these.")] = None,
    keep_for: Annotated[
        str | None, typer.Option(help="E-mail address of the person for whom it is kept: arming live asks for it.")
    ] = None,
    start: Start = None,
    days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Ask seven questions to a strategy with these values: whether it is honest, and whether it is more than luck.

    Ends with 1 when one of the answers speaks against it.
    """
    from jarvis.research.checks import Finding, check
    from jarvis.research.kept import json_of

    person = None if keep_for is None else run(_person_of(keep_for))
    study = study_of(candles, strategy, interval, venue, start, days)
    counted, ratios = _search_in(found_in)
    try:
        made = check(study, values_of(parameter or []), tries=tries or counted, tried_ratios=ratios)
        for answer in made:
            if isinstance(answer, Finding):
                if as_json:
                    print(f"asked: {answer.title}", file=sys.stderr, flush=True)
                else:
                    say(f"{'well   ' if answer.is_well else 'NOT WELL'}  {answer.title}\n          {answer.words}\n")
                continue
            if person is not None:
                run(_keep(answer, study, person))
            if as_json:
                say(json.dumps(json_of(answer, study)))
            elif answer.is_well:
                say("Nothing speaks against it. That is no promise: run it on the sandbox before real money.")
            else:
                say("Do not trade it with real money like this.")
            if not answer.is_well:
                raise typer.Exit(1)
    except ValueError as error:
        raise CommandError(str(error)) from error


def walkforward(
    candles: Candles,
    *,
    search: Search,
    strategy: Strategy = "moving_average_crossover",
    interval: Interval = "15m",
    venue: Venue = "kraken",
    parameter: Given = None,
    folds: Annotated[int, typer.Option(min=1, help="How many times it is chosen and measured.")] = 4,
    embargo: Annotated[int, typer.Option(min=0, help="Days between choosing and measuring.")] = 1,
    anchored: Annotated[
        bool, typer.Option(help="Choose on all that came before, not on a stretch of one length.")
    ] = False,
    start: Start = None,
    days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Choose values on one stretch of candles and measure them on the next, again and again."""
    from jarvis.research.walkforward import folds_of, walk_forward
    from jarvis.trading.strategy import resolve

    study = study_of(candles, strategy, interval, venue, start, days)
    tried = []
    for values in space_of_study(study, search, parameter or []).grid():
        try:
            tried.append(resolve(study.strategy, values))
        except ValueError:
            continue  # these do not go together
    if not tried:
        raise CommandError("none of these values go together; search others")
    names = [text.partition("=")[0].strip() for text in search]
    rows = []
    try:
        for measured in walk_forward(study, tried, folds_of(study, folds, timedelta(days=embargo), anchored=anchored)):
            rows.append(_told(measured, names))
            if not as_json:
                say(_line(rows[-1], header=len(rows) == 1))
    except ValueError as error:
        raise CommandError(str(error)) from error
    net = sum(row["net"] for row in rows)
    if as_json:
        say(json.dumps({"folds": rows, "net": net, "tried": len(tried)}))
    else:
        say(f"\nMeasured where nothing was chosen, {len(rows)} stretches came to {net:,.0f} together.")


async def _person_of(email: str) -> "UserId":
    async with opened_store(settings()) as store:
        person = await store.person_by_email(email)
    if person is None:
        raise CommandError(f"nobody here has the address {email}; `jarvis user list` shows who there is")
    return person.user_id


async def _keep(verdict: "Verdict", study: "Study", user_id: "UserId") -> None:
    from jarvis.domain.people import AuditEntry
    from jarvis.research.kept import details_of, identity_of, json_of, told_of

    given, now = settings(), datetime.now(UTC)
    identity = identity_of(verdict.strategy, given.data_dir)
    kept = told_of(json_of(verdict, study), user_id, secrets.token_hex(10), now, identity)
    noted = AuditEntry("verdict.kept", now, "cli", user_id, details=details_of(kept))
    async with opened_store(given) as store:
        await store.keep_verdict(kept, noted)


def _search_in(folder: Path | None) -> tuple[int, list[float]]:
    if folder is None:
        return 1, []
    lines = folder / "results.jsonl"
    if not lines.exists():
        raise CommandError(f"{folder} holds no search; name the folder that `jarvis sweep --out` wrote")
    rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    tries = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["trials"]
    return max(1, tries, len(rows)), [row["sharpe"] for row in rows if row["sharpe"] is not None]


def _told(measured: "Measured", names: list[str]) -> dict[str, Any]:
    fold = measured.fold
    return {
        "from": fold.measured_from.isoformat(),
        "until": fold.measured_until.isoformat(),
        "values": {name: str(measured.values[name]) for name in names},
        "sharpe_chosen": measured.chosen.sharpe,
        "sharpe": measured.outcome.sharpe,
        "net": measured.outcome.net,
        "max_drawdown": measured.outcome.max_drawdown,
        "positions": measured.outcome.trade_count,
    }


def _line(row: dict[str, Any], *, header: bool) -> str:
    values = ", ".join(f"{name} {value}" for name, value in row["values"].items())
    text = (
        f"{row['from'][:10]} to {row['until'][:10]}  {row['sharpe_chosen']:>14.2f}  {row['sharpe']:>8.2f}  "
        f"{row['net']:>10,.0f}  {row['max_drawdown']:>8.1%}  {row['positions']:>9}  {values}"
    )
    names = ("measured", "chosen, Sharpe", "measured", "net", "drawdown", "positions", "chosen")
    head = f"{names[0]:<24}  {names[1]:>14}  {names[2]:>8}  {names[3]:>10}  {names[4]:>8}  {names[5]:>9}  {names[6]}"
    return f"{head}\n{text}" if header else text
