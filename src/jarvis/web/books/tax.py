"""The page for taxes: a year's disposals, fees and interest by the method that somebody chooses, to see and to take."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jarvis.accounts.people import Deed, Person
from jarvis.domain.account import Environment
from jarvis.domain.money import Asset
from jarvis.ledger.reckoning import AssetSums
from jarvis.ledger.tax import LineKind, Method, Pool
from jarvis.store.records import TradingAccount
from jarvis.venues.catalog import VENUES
from jarvis.web.books.reckoned import Asked
from jarvis.web.books.taxfile import FORMATS, name_of, write_file
from jarvis.web.context import Web
from jarvis.web.jobs import Job, Prepared, Work
from jarvis.web.people.jobs import back_to, living, long_action

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
AT_ONCE = 1000
"""How many entries are read while a page waits; more are a long action."""

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
        asked = asked_of(mine, web.now().year, query.get("year", ""), query.get("method", ""), query.get("pool", ""),
                         query.getlist("account"))  # fmt: skip
        if await web.reckonings.missing(asked) > AT_ONCE:
            return await long_action(
                web, request, person, key=f"tax {asked.key}", title="Your tax report", back=back_to(request),
                work=report_work(web, asked),
            )  # fmt: skip
        made = await web.reckonings.get(asked)
        values = {
            "here": "tax",
            "jobs": living(web, person),
            "wish": asked,
            "years": _years(mine, web.now().year),
            "methods": [(each, *words) for each, words in METHODS.items()],
            "pools": list(POOLS.items()),
            "accounts": [(each, asked.names[each.account_id]) for each in mine],
            "sums": shown_of(made.sums(asked.year)),
            "counts": made.counts(asked.year),
        }
        return await web.page(request, "books/tax.html", values)

    @routes.post("/download")
    async def download(request: Request) -> Response:
        person = await web.person(request, Deed.EXPORT)
        form = await web.form(request)
        mine = await _accounts(web, person)
        if not set(form.all("account")) <= {each.account_id for each in mine}:
            raise HTTPException(404)
        asked = asked_of(mine, web.now().year, form.text("year"), form.text("method"), form.text("pool"),
                         form.all("account"))  # fmt: skip
        kind = form.text("format") if form.text("format") in FORMATS else "csv"
        await web.store.note(await web.entry(request, "tax.exported", year=asked.year, method=asked.method.value))
        ends = [await web.store.journal_end(each.owner_id, each.account_id) for each in asked.accounts]
        if sum(each.entries for each in ends) > AT_ONCE:
            return await long_action(
                web, request, person, key=f"tax {kind} {asked.year} {asked.key}", title="Your tax file",
                back=_address_of(asked), work=_file_work(web, asked, kind),
            )  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="jarvis-tax-") as folder:
            path = Path(folder) / "tax"
            await write_file(path, kind, asked, web.store, web.reckonings)
            content = path.read_bytes()
        headers = {"Content-Disposition": f'attachment; filename="{name_of(asked, kind)}"'}
        return Response(content, media_type=FORMATS[kind], headers=headers)

    return routes


def report_work(web: Web, asked: Asked) -> Work:
    """The long action that makes a report and keeps it, so that whoever asks next has it at once."""

    async def work(job: Job) -> None:
        await web.reckonings.get(asked, job)

    return work


def _file_work(web: Web, asked: Asked, kind: str) -> Work:
    async def work(job: Job) -> Prepared:
        name = name_of(asked, kind)
        path = web.jobs.file(job, name)
        await write_file(path, kind, asked, web.store, web.reckonings, job)
        return Prepared(path, name, FORMATS[kind], path.stat().st_size)

    return work


def names_of(accounts: Sequence[TradingAccount]) -> dict[str, str]:
    """How accounts are called in files: by their venue, numbered where there are several."""
    found: dict[str, str] = {}
    for account in accounts:
        title = VENUES[account.venue].title
        plain_name = title if account.environment is Environment.LIVE else f"{title} {account.environment.value}"
        same = sum(1 for name in found.values() if name.partition(" no. ")[0] == plain_name)
        found[account.account_id] = f"{plain_name} no. {same + 1}" if same else plain_name
    return found


def shown_of(sums: Iterable[AssetSums]) -> list[Sums]:
    """A report's sums as the page tells them: what was traded first."""
    found = []
    for each in sums:
        rows = [("Gains and losses of disposals", each.gains)] if each.disposals else []
        rows += [(words, each.lines[kind]) for kind, words in _LINES.items() if kind in each.lines]
        found.append(Sums(each.asset, tuple(rows), each.proceeds, each.cost, each.total))
    return sorted(found, key=lambda one: (not one.proceeds, one.asset))


def asked_of(
    mine: Sequence[TradingAccount], this_year: int, year: str, method: str, pool: str, accounts: Sequence[str]
) -> Asked:
    """What the address or a form says; what it does not say, or nobody knows, is as usual."""
    chosen = tuple(each for each in mine if each.account_id in accounts) or tuple(mine)
    known = {str(each): each for each in _years(mine, this_year)}
    return Asked(
        chosen,
        names_of(mine),
        next((each for each in Method if each.value == method), Method.FIFO),
        next((each for each in Pool if each.value == pool), Pool.POSITION),
        None if year == "all" else known.get(year, this_year),
    )


async def _accounts(web: Web, person: Person) -> list[TradingAccount]:
    """The person's own accounts, those without a key any more among them."""
    return await web.store.accounts_of(person.user_id)


def _address_of(asked: Asked) -> str:
    """The page that shows this report."""
    chosen = [("year", str(asked.year or "all")), ("method", asked.method.value), ("pool", asked.pool.value)]
    return f"/account/tax?{urlencode([*chosen, *(('account', each.account_id) for each in asked.accounts)])}"


def _years(mine: Sequence[TradingAccount], this_year: int) -> list[int]:
    first = min((each.connected_at.year for each in mine), default=this_year)
    return list(range(this_year, min(first, this_year) - 1, -1))
