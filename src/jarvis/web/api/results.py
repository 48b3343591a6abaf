"""Where the money came from: results cause by cause, a year for the taxes, and who did what with the account."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field
from starlette.exceptions import HTTPException

from jarvis.domain.money import plain
from jarvis.domain.people import Person, Scope
from jarvis.ledger.reckoning import AssetSums
from jarvis.ledger.tax import LineKind, Method, Pool
from jarvis.store.chain import AuditLine
from jarvis.store.listing import Wish
from jarvis.store.records import TradingAccount
from jarvis.web.api.callers import Caller, readable
from jarvis.web.api.door import CursorText, Door, Limit, Search, Since, Until, cursor_of, in_utc, place_of
from jarvis.web.api.problems import Told
from jarvis.web.api.records import AssetAmount, AssetText, Cursor, Instant, Record, instant, text
from jarvis.web.books.catching import adding_up, key_of
from jarvis.web.books.reckoned import Asked
from jarvis.web.books.results import Group, Result, groups_of
from jarvis.web.books.tax import AT_ONCE, names_of, report_work
from jarvis.web.context import Web
from jarvis.web.jobs import TooManyJobsError, Work

TAG = "results"
_BEING_MADE = "This is made from the whole journal for the first time and is on its way. Ask again in a moment."

ChosenAccount = Annotated[
    str | None, Query(max_length=64, description="Only this account.", examples=["4f1c0d9a2b7e58c3a601"])
]


class ResultLine(Record):
    """What some positions earned together, cause by cause. Money of different assets never adds."""

    key: Annotated[str, text("What they share: a pair, a strategy, a venue, a day or a month.", "BTC/USD")]
    environment: Annotated[Literal["live", "sandbox"], Field(examples=["live"])]
    asset: AssetText
    positions: Annotated[int, Field(ge=0, examples=[12])]
    closed: Annotated[int, Field(ge=0, description="How many of them are closed.", examples=[11])]
    won: Annotated[int, Field(ge=0, description="How many of those ended above zero.", examples=[6])]
    price: AssetAmount
    slippage: AssetAmount
    trading_fee: AssetAmount
    opening_fee: AssetAmount
    rollover: AssetAmount
    interest: AssetAmount
    liquidation: AssetAmount
    adjustment: AssetAmount
    total: AssetAmount

    @classmethod
    def of(cls, one: Group) -> "ResultLine":
        """From the books."""
        causes = ("price", "slippage", "trading_fee", "opening_fee", "rollover", "interest", "liquidation")
        return cls.model_validate(
            {
                "key": one.key,
                "environment": one.environment,
                "asset": one.asset,
                "positions": one.positions,
                "closed": one.closed,
                "won": one.won,
                **{name: plain(getattr(one.sum, name)) for name in (*causes, "adjustment", "total")},
            }
        )


class Results(Record):
    """What positions earned, in groups."""

    results: list[ResultLine]


class TaxLine(Record):
    """What was paid or got for one reason in a year."""

    kind: Annotated[LineKind, Field(examples=["trading_fee"])]
    asset: AssetText
    amount: AssetAmount


class TaxSums(Record):
    """One asset's part of a year."""

    asset: AssetText
    disposals: Annotated[int, Field(ge=0, examples=[42])]
    proceeds: AssetAmount
    cost: AssetAmount
    gains: AssetAmount
    lines: list[TaxLine]
    total: AssetAmount

    @classmethod
    def of(cls, one: AssetSums) -> "TaxSums":
        """From the reckoning."""
        return cls(
            asset=one.asset,
            disposals=one.disposals,
            proceeds=plain(one.proceeds),
            cost=plain(one.cost),
            gains=plain(one.gains),
            lines=[
                TaxLine(kind=kind, asset=one.asset, amount=plain(amount))
                for kind, amount in sorted(one.lines.items(), key=lambda line: line[0].value)
            ],
            total=plain(one.total),
        )


class Tax(Record):
    """A year's gains, fees and interest by the method that was asked for. It is no tax advice."""

    year: Annotated[int | None, Field(description="Null for all years together.", examples=[2026])]
    method: Annotated[Method, Field(examples=["fifo"])]
    pool: Annotated[Pool, Field(examples=["position"])]
    accounts: Annotated[list[str], Field(examples=[["4f1c0d9a2b7e58c3a601"]])]
    sums: list[TaxSums]


class AuditNote(Record):
    """One line of the audit about you: what was done, by whom, with what was noted beside."""

    number: Annotated[int, Field(ge=1, description="Its place in the chain.", examples=[4711])]
    at: Instant
    kind: Annotated[str, text("A stable name.", "account.armed")]
    actor: Annotated[str, text("Who did it: a person's id, or a part of Jarvis.", "worker")]
    account_id: Annotated[str | None, text("Which account it is about, if any.", "4f1c0d9a2b7e58c3a601")]
    details: Annotated[
        dict[str, str | int | bool | None] | None,
        Field(description="Null once they were taken away.", examples=[{"label": "main"}]),
    ]
    hash: Annotated[str, text("Of this line and the one before.", "9f2c")]

    @classmethod
    def of(cls, line: AuditLine) -> "AuditNote":
        """From the chain."""
        return cls.model_validate(
            {
                "number": line.number,
                "at": instant(line.at),
                "kind": line.kind,
                "actor": line.actor,
                "account_id": line.account_id,
                "details": line.details,
                "hash": line.hash.hex(),
            }
        )


class Audit(Record):
    """Some lines of the audit about you, the latest first."""

    lines: list[AuditNote]
    next: Cursor


def register(door: Door) -> None:
    """Add the operations of this module."""
    web = door.web
    known = Annotated[Caller, door.caller]

    @door.add("GET", "/results", TAG, Scope.READ, also=(503,))
    async def results(
        caller: known,
        by: Annotated[
            Literal["pair", "strategy", "venue", "month", "day"],
            Query(description="In which groups.", examples=["pair"]),
        ] = "pair",
        account: ChosenAccount = None,
        since: Since = None,
        until: Until = None,
    ) -> Results:
        """Where the money came from: what positions earned, cause by cause."""
        accounts = await _chosen(web, caller, account)
        await _caught_up(web, caller.person, accounts)
        begin, end = in_utc(since), in_utc(until)
        found = [
            Result(each, one)
            for each in accounts
            for one in await web.store.position_results(each.owner_id, each.account_id)
            if (begin is None or one.at >= begin) and (end is None or one.at < end)
        ]
        return Results(results=[ResultLine.of(each) for each in groups_of(found, by)])

    @door.add("GET", "/tax", TAG, Scope.READ, also=(503,))
    async def tax(
        caller: known,
        year: Annotated[
            int | None, Query(ge=1970, le=9999, description="This one if left out.", examples=[2026])
        ] = None,
        method: Annotated[Method, Query(description="Which lots are closed first.", examples=["fifo"])] = Method.FIFO,
        pool: Annotated[Pool, Query(description="Out of what.", examples=["position"])] = Pool.POSITION,
        account: ChosenAccount = None,
    ) -> Tax:
        """A year for the taxes: gains of disposals, and every fee and interest by itself."""
        mine = await web.store.accounts_of(caller.person.user_id)
        chosen = tuple(each for each in mine if account in (None, each.account_id))
        if account is not None and not chosen:
            raise HTTPException(404)
        asked = Asked(chosen, names_of(mine), method, pool, year or web.now().year)
        if await web.reckonings.missing(asked) > AT_ONCE:
            _begin(web, caller.person, f"tax {asked.key}", "Your tax report", report_work(web, asked))
        made = await web.reckonings.get(asked)
        return Tax(
            year=asked.year,
            method=method,
            pool=pool,
            accounts=[each.account_id for each in asked.accounts],
            sums=[TaxSums.of(each) for each in made.sums(asked.year)],
        )

    @door.get("/audit", TAG)
    async def audit(
        caller: known,
        kind: Annotated[
            str | None,
            Query(max_length=64, pattern=r"^[a-z_.]+$", description="Only these.", examples=["account.armed"]),
        ] = None,
        search: Search = "",
        since: Since = None,
        until: Until = None,
        limit: Limit = 50,
        cursor: CursorText = None,
    ) -> Audit:
        """What was done with your account, by whom and from where, the latest first."""
        wish = Wish(
            search=search.replace("\0", ""),
            since=in_utc(since),
            until=in_utc(until),
            chosen={"kind": kind or ""},
            after=place_of("audit", cursor),
            limit=limit,
            counted=False,
        )
        page = await web.store.list_audit(caller.person.user_id, wish)
        return Audit(lines=[AuditNote.of(each) for each in page.rows], next=cursor_of("audit", page.after))


async def _chosen(web: Web, caller: Caller, account: str | None) -> Sequence[TradingAccount]:
    """The one account, or all that may be looked at. Raises HTTPException 404."""
    return await web.accounts(caller.person) if account is None else [await readable(web, caller, account)]


async def _caught_up(web: Web, person: Person, accounts: Sequence[TradingAccount]) -> None:
    """Raises Told 503 while an old journal is being added up for the first time."""
    work = await adding_up(web, accounts)
    if work is not None:
        _begin(web, person, key_of(accounts), "Adding up the books", work)


def _begin(web: Web, person: Person, key: str, title: str, work: Work) -> None:
    """Begin what takes long, or find it begun. Raises Told 503 in any case: it is not there yet."""
    with suppress(TooManyJobsError):
        web.jobs.begin(person.user_id, key, title, "/account", work)
    raise Told(503, _BEING_MADE)
