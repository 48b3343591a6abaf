"""The page for taxes: a year's disposals, fees and interest by the method that somebody chooses, to see and to take."""

import asyncio
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jarvis.accounts.people import Deed, Person
from jarvis.domain.account import Environment
from jarvis.domain.csvfile import write_rows
from jarvis.domain.money import ZERO, Asset
from jarvis.ledger.beancount import lines_of
from jarvis.ledger.statements import exact_sum
from jarvis.ledger.tax import Books, LineKind, Method, Pool, TaxReport, report
from jarvis.ledger.taxfiles import rows_of
from jarvis.store.records import TradingAccount
from jarvis.venues.catalog import VENUES
from jarvis.web.context import Web

METHODS: Mapping[Method, tuple[str, str]] = {
    Method.FIFO: ("First in, first out", "What was opened first is closed first. The books here reckon like this."),
    Method.LIFO: ("Last in, first out", "What was opened last is closed first."),
    Method.HIFO: ("Highest in, first out", "What cost most is closed first, so that the gain is the smallest."),
}
POOLS: Mapping[Pool, str] = {
    Pool.POSITION: "its own position, as in the books",
    Pool.ACCOUNT: "everything of its account",
    Pool.ALL: "everything of all chosen accounts",
}
FORMATS: Mapping[str, str] = {"csv": "text/csv; charset=utf-8", "beancount": "text/plain; charset=utf-8"}
_LINES: Mapping[LineKind, str] = {
    LineKind.TRADING_FEE: "Trading fees",
    LineKind.OPENING_FEE: "Opening fees",
    LineKind.ROLLOVER: "Rollover",
    LineKind.INTEREST: "Interest",
    LineKind.LIQUIDATION_FEE: "Liquidation fees",
    LineKind.REWARD: "Rewards and credits",
    LineKind.ADJUSTMENT: "Adjustments by the venue",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to see; `year` is None for everything."""

    year: int | None
    method: Method
    pool: Pool
    accounts: tuple[TradingAccount, ...]


@dataclass(frozen=True, slots=True)
class Sums:
    """One asset's part of a year."""

    asset: Asset
    rows: tuple[tuple[str, Decimal], ...]
    proceeds: Decimal
    cost: Decimal
    total: Decimal


def router(web: Web) -> APIRouter:
    """The routes of the page."""
    routes = APIRouter(prefix="/account/tax")

    @routes.get("")
    async def tax_page(request: Request) -> Response:
        person = await web.person(request)
        query = request.query_params
        mine = await _accounts(web, person)
        wish = _wish(mine, web.now().year, query.get("year", ""), query.get("method", ""), query.get("pool", ""),
                     query.getlist("account"))  # fmt: skip
        made, _ = await _made(web, wish, mine)
        values = {
            "here": "tax",
            "wish": wish,
            "years": _years(mine, web.now().year),
            "methods": [(each, *words) for each, words in METHODS.items()],
            "pools": list(POOLS.items()),
            "accounts": [(each, names_of(mine)[each.account_id]) for each in mine],
            "sums": sums_of(made),
            "report": made,
        }
        return await web.page(request, "books/tax.html", values)

    @routes.post("/download")
    async def download(request: Request) -> Response:
        person = await web.person(request, Deed.EXPORT)
        form = await web.form(request)
        mine = await _accounts(web, person)
        if not set(form.all("account")) <= {each.account_id for each in mine}:
            raise HTTPException(404)
        wish = _wish(mine, web.now().year, form.text("year"), form.text("method"), form.text("pool"),
                     form.all("account"))  # fmt: skip
        kind = form.text("format") if form.text("format") in FORMATS else "csv"
        await web.store.note(await web.entry(request, "tax.exported", year=wish.year, method=wish.method.value))
        made, books = await _made(web, wish, mine)
        writing = (_csv, made, books) if kind == "csv" else (_beancount, wish, books)
        text = await asyncio.to_thread(*writing)
        name = f"jarvis-tax-{wish.year or 'all'}-{wish.method.value}.{kind}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(text.encode(), media_type=FORMATS[kind], headers=headers)

    return routes


def names_of(accounts: Sequence[TradingAccount]) -> dict[str, str]:
    """How accounts are called in files: by their venue, numbered where there are several."""
    found: dict[str, str] = {}
    for account in accounts:
        title = VENUES[account.venue].title
        plain_name = title if account.environment is Environment.LIVE else f"{title} {account.environment.value}"
        same = sum(1 for name in found.values() if name.partition(" no. ")[0] == plain_name)
        found[account.account_id] = f"{plain_name} no. {same + 1}" if same else plain_name
    return found


def sums_of(made: TaxReport) -> list[Sums]:
    """A report added up by asset."""
    assets = made.total()
    found = []
    for asset, total in assets.items():
        disposals = [each for each in made.disposals if each.pair.quote == asset]
        rows = [("Gains and losses of disposals", exact_sum(each.gain for each in disposals))] if disposals else []
        for kind, words in _LINES.items():
            amounts = [line.amount for line in made.lines if line.kind is kind and line.asset == asset]
            if amounts:
                rows.append((words, exact_sum(amounts)))
        proceeds = exact_sum(each.proceeds for each in disposals) if disposals else ZERO
        cost = exact_sum(each.cost for each in disposals) if disposals else ZERO
        found.append(Sums(asset, tuple(rows), proceeds, cost, total))
    return sorted(found, key=lambda sums: (not sums.proceeds, sums.asset))


async def _accounts(web: Web, person: Person) -> list[TradingAccount]:
    """The person's own accounts, those without a key any more among them."""
    return await web.store.accounts_of(person.user_id)


def _wish(
    mine: Sequence[TradingAccount], this_year: int, year: str, method: str, pool: str, accounts: Sequence[str]
) -> Wish:
    """What the address or a form says; what it does not say, or nobody knows, is as usual."""
    chosen = tuple(each for each in mine if each.account_id in accounts) or tuple(mine)
    known = {str(each): each for each in _years(mine, this_year)}
    return Wish(
        None if year == "all" else known.get(year, this_year),
        next((each for each in Method if each.value == method), Method.FIFO),
        next((each for each in Pool if each.value == pool), Pool.POSITION),
        chosen,
    )


def _years(mine: Sequence[TradingAccount], this_year: int) -> list[int]:
    first = min((each.connected_at.year for each in mine), default=this_year)
    return list(range(this_year, min(first, this_year) - 1, -1))


async def _made(web: Web, wish: Wish, mine: Sequence[TradingAccount]) -> tuple[TaxReport, list[Books]]:
    names = names_of(mine)
    books = [await web.store.tax_books(each, names[each.account_id]) for each in wish.accounts]
    # A year of a busy account is seconds of work: others are served meanwhile.
    return await asyncio.to_thread(report, books, wish.method, wish.pool, wish.year), books


def _csv(made: TaxReport, books: Sequence[Books]) -> str:
    file = io.StringIO(newline="")
    write_rows(file, rows_of(made, books))
    return file.getvalue()


def _beancount(wish: Wish, books: Sequence[Books]) -> str:
    return "\n".join([*lines_of(books, until_year=wish.year), ""])
