"""`jarvis export tax`: a year's disposals, fees and interest as a file, for the operator at the machine."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jarvis.cli.wiring import CommandError, opened_store, run, say, settings

if TYPE_CHECKING:
    from jarvis.ledger.tax import Books
    from jarvis.store.db import Store
    from jarvis.store.records import TradingAccount


class TaxMethod(StrEnum):
    """In which order what was opened is matched with what closes it."""

    FIFO = "fifo"
    LIFO = "lifo"
    HIFO = "hifo"


class TaxPool(StrEnum):
    """Among what the order is chosen."""

    POSITION = "position"
    ACCOUNT = "account"
    ALL = "all"


class TaxFormat(StrEnum):
    """What the file is for."""

    CSV = "csv"
    BEANCOUNT = "beancount"


export = typer.Typer(help="Files for others: taxes and accounting.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(export, name="export")


@export.callback()
def group() -> None:
    """Files for others: taxes and accounting."""


@export.command()
def tax(
    file: Annotated[Path, typer.Argument(help="The new file; `-` writes to standard output.")],
    *,
    year: Annotated[int | None, typer.Option(min=2009, max=9999, help="A calendar year in UTC; left out: all.")] = None,
    method: Annotated[TaxMethod, typer.Option(help="Which part is closed first.")] = TaxMethod.FIFO,
    pool: Annotated[TaxPool, typer.Option(help="Among what it is chosen.")] = TaxPool.POSITION,
    form: Annotated[TaxFormat, typer.Option("--format", help="A table, or double entry.")] = TaxFormat.CSV,
    person: Annotated[str, typer.Option(help="E-mail address: all accounts of this person.")] = "",
    account: Annotated[list[str] | None, typer.Option(help="An id, or the beginning of it; may be repeated.")] = None,
) -> None:
    """Write a year's disposals, fees and interest. No tax advice; docs/api.md and the page Taxes say the rules."""
    from jarvis.ledger.tax import Method, Pool, report, year_of
    from jarvis.ledger.taxfiles import rows_of

    books = run(_books(person, account or []))
    made = report(books, Method(method.value), Pool(pool.value), year)
    if form is TaxFormat.CSV:
        import io

        from jarvis.domain.csvfile import write_rows

        text = io.StringIO(newline="")
        write_rows(text, rows_of(made, books))
        _write(file, text.getvalue())
    else:
        from jarvis.ledger.beancount import lines_of

        _write(file, "\n".join([*lines_of(books, until_year=year), ""]))
    if str(file) != "-":
        years = sorted({year_of(each.closed_at) for each in made.disposals})
        span = f", {years[0]} to {years[-1]}" if years else ""
        counted = f"{len(made.disposals)} disposals{span}, {len(made.lines)} fees and charges"
        say(f"{counted} in {file}; this is no tax advice")


async def _books(person: str, wanted: list[str]) -> "list[Books]":
    from jarvis.web.books.tax import names_of

    async with opened_store(settings()) as store:
        accounts = await _accounts(store, person, wanted)
        names = names_of(accounts)
        return [await store.tax_books(each, names[each.account_id]) for each in accounts]


async def _accounts(store: "Store", person: str, wanted: list[str]) -> "list[TradingAccount]":
    """The accounts that are meant: of one person, always. Raises CommandError."""
    if person:
        found = await store.person_by_email(person.strip().lower())
        if found is None:
            raise CommandError("there is nobody with this e-mail address; `jarvis user list` shows who is here")
        accounts = await store.accounts_of(found.user_id)
    else:
        accounts = [each for one in await store.people() for each in await store.accounts_of(one.user_id)]
    chosen = [each for each in accounts if not wanted or any(each.account_id.startswith(one) for one in wanted)]
    if not chosen:
        raise CommandError("there is no such account; `jarvis venues` lists them")
    if len({each.owner_id for each in chosen}) > 1:
        raise CommandError("these accounts are of several people: say whose with --person, or which with --account")
    return chosen


def _write(file: Path, text: str) -> None:
    """Write a new file that only its owner can read."""
    if str(file) == "-":
        print(text, end="")
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandError(f"{file} is there already; name a new file") from None
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as opened:
        opened.write(text)
