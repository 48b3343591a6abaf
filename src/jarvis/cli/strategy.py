"""`jarvis strategy`: a person's own strategies: begin one, list them, have one examined."""

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from jarvis.cli.wiring import CommandError, say, settings

strategy = typer.Typer(help="Your own strategies: one file each in the data folder.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(strategy, name="strategy")


@strategy.command()
def new(
    name: Annotated[str, typer.Argument(help="What it is called: small letters, digits and _, such as above_average.")],
) -> None:
    """Write the file of a new strategy, with comments: it works at once, and is yours to change."""
    from jarvis.own import NAME
    from jarvis.own.template import template
    from jarvis.trading.strategies import BUILT_IN

    if not NAME.fullmatch(name):
        raise CommandError(f"{name!r} will not do: small letters, digits and _, beginning with a letter, at most 40")
    if name in BUILT_IN:
        raise CommandError(f"Jarvis has a strategy called {name}; choose another name")
    path = _folder() / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template(name))
    except FileExistsError:
        raise CommandError(f"{path} is there already") from None
    say(f"{path} is written; change it, and run `jarvis strategy check {name}`")


@strategy.command(name="list")
def list_(*, as_json: Json = False) -> None:
    """List all strategies: those that come with Jarvis, and your own with whether they can be used."""
    from jarvis.own import files_in
    from jarvis.own.hosted import HostedStrategy
    from jarvis.trading.strategies import BUILT_IN
    from jarvis.trading.strategy import StrategyFailedError

    found = [{"name": each.name, "title": each.title, "file": None, "wrong": None} for each in BUILT_IN.values()]
    for path in files_in(_folder()):
        line = {"name": path.stem, "title": path.stem, "file": str(path), "wrong": None}
        try:
            with closing(HostedStrategy(path)) as own:
                line["title"] = own.title
        except StrategyFailedError as error:
            line["wrong"] = str(error)
        found.append(line)
    if as_json:
        say(json.dumps(found))
        return
    for each in found:
        whose = "" if each["file"] is None else "own, cannot be used: " if each["wrong"] else "own: "
        say(f"{each['name']:<28} {whose}{each['wrong'] or each['title']}")
    say(f"own ones are files in {_folder()}")


@strategy.command()
def check(
    file: Annotated[str, typer.Argument(help="A file, or the name of one in the folder of own strategies.")],
    *,
    as_json: Json = False,
) -> None:
    """Examine a strategy's file on made-up prices: types, parameters, warm-up, and whether it looks ahead.

    It runs shut in, without a network and your files. What is wrong is told with file and line, and exit code 1.
    """
    from jarvis.own.hosted import HostedStrategy
    from jarvis.trading.strategy import StrategyFailedError

    path = Path(file) if file.endswith(".py") else _folder() / f"{file}.py"
    if not path.is_file():
        raise CommandError(f"there is no file {path}")
    described: dict[str, object] = {}
    try:
        with closing(HostedStrategy(path.resolve(), shows_prints=True)) as own:
            described = {"title": own.title, "parameters": [each.name for each in own.parameters]}
            described["is_fenced"] = own.is_fenced
            findings = own.examine()
    except StrategyFailedError as error:
        findings = [str(error)]
    if as_json:
        say(json.dumps({"file": str(path), **described, "findings": findings}))
    elif findings:
        say("\n".join(findings))
    else:
        say(f"{path.name}: nothing is wrong with it. Whether it earns anything, `jarvis backtest` says.")
        if not described["is_fenced"]:
            say("This system cannot shut it in: it could read what you can read. Run only what you wrote yourself.")
    if findings:
        raise typer.Exit(1)


def _folder() -> Path:
    from jarvis.own import FOLDER

    return settings().data_dir / FOLDER
