"""Statements of an account per month and per day: what cash was there, what changed it, what is there, and the proof.

Days are UTC days. Everything is the journal's; the residual holds it against the venue's own ledger.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jarvis.domain.money import ZERO, Asset
from jarvis.ledger.statements import DaySum, Part, Statement, StatementLine, exact_sum, month_of, statements
from jarvis.store.listing import Page, Wish
from jarvis.store.records import Residual, TradingAccount
from jarvis.store.stating import EquityReading
from jarvis.venues.catalog import VENUES
from jarvis.web.books.bookwords import PART_WORDS
from jarvis.web.books.catching import catch_up
from jarvis.web.connecting.account import card_of
from jarvis.web.context import Web
from jarvis.web.lists import Empty, ListOf, answer, file_of, page_of, wants_file

_A_DAY = timedelta(days=1)
_SIDE_BY_SIDE = 4

_MOVED = (Part.OPENING, Part.PAID_IN, Part.PAID_OUT)
_EARNED = (Part.PRICE, Part.LIQUIDATION)
_FEES = (Part.TRADING_FEE, Part.OPENING_FEE, Part.LIQUIDATION_FEE)
_BORROWED = (Part.ROLLOVER, Part.INTEREST)
_OTHER = tuple(part for part in Part if part not in (*_MOVED, *_EARNED, *_FEES, *_BORROWED))


@dataclass(frozen=True, slots=True)
class Summary:
    """One period of one asset in a line; the groups add up to what cash changed."""

    name: str
    title: str
    asset: Asset
    opening: Decimal
    moved: Decimal
    earned: Decimal
    fees: Decimal
    borrowed: Decimal
    other: Decimal
    closing: Decimal


class Stated(NamedTuple):
    """One amount of a statement: a line of a file."""

    period: str
    asset: Asset
    line: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Sheet:
    """Some assets of a statement side by side: the rows are (words, an amount per asset, whether it is a balance)."""

    assets: tuple[Asset, ...]
    rows: tuple[tuple[str, tuple[Decimal, ...], bool], ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A month or a day: its name in addresses, its title, its first day and the first day after it."""

    name: str
    title: str
    start: date
    end: date

    @property
    def is_month(self) -> bool:
        """Whether it is longer than a day."""
        return self.end - self.start > _A_DAY

    @property
    def short(self) -> str:
        """Its title in a line of a table, which on paper has no room for a month in full beside its numbers."""
        return self.title if self.is_month else f"{self.start.day} {self.start:%b %Y}"


def router(web: Web) -> APIRouter:
    """The routes of the statements."""
    routes = APIRouter(prefix="/desk")

    @routes.get("/{account_id}/statements")
    async def months(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id)
        if (waiting := await catch_up(web, request, [account])) is not None:
            return waiting
        sums = await web.store.day_sums(account.owner_id, account.account_id)
        found = statements(sums, month_of)
        asset = _main_asset(account, found)

        async def read(wish: Wish) -> Page[Statement]:
            return _paged(found, wish)

        kind = ListOf(
            name=f"statements-{account.venue}",
            noun=("month", "months"),
            read=read,
            shown=lambda month: summary_of(month, asset, span_of_month(month.start)),
            fields=_FIELDS,
            lines=lambda month: list(stated(month, span_of_month(month.start).name)),
            orders=(("at", True, "latest first"), ("at", False, "earliest first")),
            empty=Empty(
                "No statements yet: nothing has been booked. The first deposit, fill or charge begins one.",
                "To the desk",
                f"/desk/{account.account_id}",
            ),
            dated="Months",
        )
        values = {"here": "desk", "account": card_of(account), "main_asset": asset}
        return await answer(web, request, "books/statements.html", kind, values)

    @routes.get("/{account_id}/statements/{period}")
    async def statement(request: Request, account_id: str, period: str) -> Response:
        account = await web.account(request, account_id)
        span = span_of(period)
        if span is None:
            raise HTTPException(404)
        if (waiting := await catch_up(web, request, [account])) is not None:
            return waiting
        sums = await web.store.day_sums(account.owner_id, account.account_id, until=span.end)
        one = statement_of(sums, span)
        main_asset = _main_asset(account, [one])
        if wants_file(request):
            return file_of(web, request, _file(account, one, span), Wish())
        person = await web.person(request)
        return await web.page(request, "books/statement.html", {
            "here": "desk",
            "account": card_of(account),
            "holder": person.email if person.user_id == account.owner_id else "",
            "made_at": web.now(),
            "span": span,
            "is_running": span.end > web.now().astimezone(UTC).date(),
            "before": _neighbour(span, -1),
            "after": _neighbour(span, 1) if span.end <= web.now().astimezone(UTC).date() else None,
            "sheets": sheets_of(one),
            "days": _days(sums, span, main_asset) if span.is_month else [],
            "total": summary_of(one, main_asset, span),
            "equity": await _equity(web, account, span),
            "residuals": await _residuals(web, account, span),
        })  # fmt: skip

    return routes


def span_of(name: str) -> Span | None:
    """The month `2026-03` or the day `2026-03-14`; None for anything else."""
    try:
        return span_of_month(date.fromisoformat(f"{name}-01")) if len(name) == len("2026-03") else _day_span(name)
    except (ValueError, OverflowError):
        return None


def span_of_month(first: date) -> Span:
    """A whole month."""
    return Span(f"{first:%Y-%m}", f"{first:%B %Y}", first, month_of(first + 31 * _A_DAY))


def statement_of(sums: Iterable[DaySum], span: Span) -> Statement:
    """The statement of one span, which may be one without any entry: all that was there before is its opening."""
    both = statements(sums, lambda day: span.start if day >= span.start else date.min)
    if both and both[-1].start == span.start:
        return both[-1]
    return Statement(
        span.start, tuple(StatementLine(line.asset, line.closing, {}) for one in both for line in one.lines)
    )


def stated(one: Statement, period: str) -> Iterable[Stated]:
    """Every amount of a statement, from the opening balance to the closing one, asset by asset."""
    for line in one.lines:
        yield Stated(period, line.asset, "opening_balance", line.opening)
        for part, amount in line.parts.items():
            yield Stated(period, line.asset, part.value, amount)
        yield Stated(period, line.asset, "closing_balance", line.closing)


def sheets_of(one: Statement) -> list[Sheet]:
    """The statement's tables, a few assets beside each other; parts that moved none of them are left out."""
    made = []
    for start in range(0, len(one.lines), _SIDE_BY_SIDE):
        lines = one.lines[start : start + _SIDE_BY_SIDE]
        rows: list[tuple[str, tuple[Decimal, ...], bool]] = [
            ("Opening balance", tuple(line.opening for line in lines), True)
        ]
        rows += [
            (PART_WORDS[part], tuple(line.parts.get(part, ZERO) for line in lines), False)
            for part in Part
            if any(line.parts.get(part) for line in lines)
        ]
        rows.append(("Closing balance", tuple(line.closing for line in lines), True))
        made.append(Sheet(tuple(line.asset for line in lines), tuple(rows)))
    return made


def summary_of(one: Statement, asset: Asset, span: Span) -> Summary:
    """One asset of a statement in a line."""
    line = one.line(asset) or StatementLine(asset, ZERO, {})

    def group(parts: Sequence[Part]) -> Decimal:
        return exact_sum(line.parts.get(part, ZERO) for part in parts)

    return Summary(
        name=span.name,
        title=span.short,
        asset=asset,
        opening=line.opening,
        moved=group(_MOVED),
        earned=group(_EARNED),
        fees=group(_FEES),
        borrowed=group(_BORROWED),
        other=group(_OTHER),
        closing=line.closing,
    )


_FIELDS = (
    ("period", lambda one: one.period),
    ("asset", lambda one: one.asset),
    ("line", lambda one: one.line),
    ("amount", lambda one: one.amount),
)


def _day_span(name: str) -> Span:
    day = date.fromisoformat(name)
    if day.isoformat() != name:
        raise ValueError("not a day as addresses write it")
    return Span(name, f"{day.day} {day:%B %Y}", day, day + _A_DAY)


def _neighbour(span: Span, way: int) -> Span | None:
    try:
        if span.is_month:
            return span_of_month(span.end if way > 0 else month_of(span.start - _A_DAY))
        return _day_span((span.end if way > 0 else span.start - _A_DAY).isoformat())
    except (ValueError, OverflowError):
        return None


def _days(sums: Iterable[DaySum], span: Span, asset: Asset) -> list[Summary]:
    """The days of a month in which anything moved."""
    days = statements(sums, lambda day: day)
    return [summary_of(one, asset, _day_span(one.start.isoformat())) for one in days if one.start >= span.start]


def _paged(found: Sequence[Statement], wish: Wish) -> Page[Statement]:
    """A page of statements that are all at hand."""
    fitting = [
        one
        for one in found
        if (wish.since is None or span_of_month(one.start).end > wish.since.date())
        and (wish.until is None or one.start < wish.until.date())
    ]
    if wish.descending:
        fitting.reverse()
    return page_of(fitting, lambda one: f"{one.start:%Y-%m}", wish)


def _file(account: TradingAccount, one: Statement, span: Span) -> ListOf[Stated]:
    async def read(wish: Wish) -> Page[Stated]:
        del wish
        lines = tuple(stated(one, span.name))
        return Page(lines, len(lines), None)

    return ListOf(
        name=f"statement-{account.venue}-{span.name}",
        noun=("line", "lines"),
        read=read,
        shown=lambda line: line,
        fields=_FIELDS,
        orders=(("at", False, ""),),
        empty=Empty(""),
    )


def _main_asset(account: TradingAccount, found: Sequence[Statement]) -> Asset:
    """The asset whose cash a line shows: what the venue's pairs are quoted in, if the account ever had any."""
    quote = VENUES[account.venue].quote
    assets = [line.asset for one in found[-1:] for line in one.lines]
    return quote if quote in assets or not assets else assets[0]


async def _equity(web: Web, account: TradingAccount, span: Span) -> tuple[EquityReading | None, EquityReading | None]:
    begin, end = _midnight(span.start), _midnight(span.end)
    before, last = await web.store.equity_before(account.owner_id, account.account_id, [begin, end])
    return before, last if last is not None and last.at >= begin else None


async def _residuals(web: Web, account: TradingAccount, span: Span) -> list[Residual]:
    return await web.store.residuals_between(
        account.owner_id, account.account_id, _midnight(span.start), _midnight(span.end)
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
