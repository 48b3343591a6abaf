"""The books and what was said: the journal with running balances, statements, activity, notices."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from jarvis.domain.money import plain
from jarvis.ledger.journal import EntryKind
from jarvis.ledger.statements import Statement, StatementLine, month_of
from jarvis.ledger.statements import statements as made_of
from jarvis.store.listing import LedgerLine, Wish
from jarvis.store.notices import Notice
from jarvis.store.records import Activity
from jarvis.web.api.accounts import Known
from jarvis.web.api.callers import Caller, readable
from jarvis.web.api.door import CursorText, Door, Limit, PairChoice, Search, Since, Until, cursor_of, in_utc, place_of
from jarvis.web.api.records import (
    AssetAmount,
    AssetText,
    Cursor,
    Instant,
    MaybeInstant,
    Record,
    amount,
    instant,
    text,
    when,
)
from jarvis.web.api.trading import Order_

TAG = "books"
_SEVERITIES = Literal["info", "warning", "critical"]


class Posted(Record):
    """An amount on one account of the journal; positive is a debit."""

    account: Annotated[str, text("Where it is posted.", "cash")]
    asset: AssetText
    amount: Annotated[str, amount("In `asset`.", "-41.65")]


class AssetSum(Record):
    """An amount of one asset."""

    asset: AssetText
    amount: AssetAmount


class Entry(Record):
    """One entry of the journal; its postings sum to zero per asset. `balances` are the cash of what it moved, after it.

    `reference` is the venue's: of a fill, or of a row of its own ledger.
    """

    entry_id: Annotated[int, Field(examples=[4711])]
    at: Instant
    kind: Annotated[EntryKind, Field(examples=["fill"])]
    reference: Annotated[str, text("The venue's.", "TQCLML-BW3P3-BUCMWZ")]
    pair: Annotated[str | None, text("Base and quote.", "BTC/USD")]
    position_id: Annotated[str | None, text("Whose it is.", "BTC-1")]
    postings: list[Posted]
    balances: list[AssetSum]

    @classmethod
    def of(cls, line: LedgerLine) -> "Entry":
        """From what is kept."""
        entry = line.entry
        return cls(
            entry_id=line.entry_id,
            at=instant(entry.at),
            kind=entry.kind,
            reference=entry.ref_id,
            pair=None if entry.pair is None else str(entry.pair),
            position_id=entry.position_id,
            postings=[
                Posted(account=each.account.value, asset=each.asset, amount=plain(each.amount))
                for each in entry.postings
            ],
            balances=[AssetSum(asset=asset, amount=plain(cash)) for asset, cash in sorted(line.balances.items())],
        )


class Ledger(Record):
    """Some entries of the journal."""

    entries: list[Entry]
    next: Cursor


class Changed(Record):
    """Why cash changed, and by how much."""

    part: Annotated[str, text("Its stable name.", "trading_fee")]
    amount: Annotated[str, amount("In `asset`, as it changed cash.", "-41.65")]


class AssetStatement(Record):
    """One asset in a period: `opening` and all `parts` sum to `closing`."""

    asset: AssetText
    opening: AssetAmount
    closing: Annotated[str, amount("In `asset`.", "25270.7971")]
    parts: list[Changed]

    @classmethod
    def of(cls, line: StatementLine) -> "AssetStatement":
        """From what is kept."""
        return cls(
            asset=line.asset,
            opening=plain(line.opening),
            closing=plain(line.closing),
            parts=[Changed(part=part.value, amount=plain(value)) for part, value in line.parts.items()],
        )


class Period(Record):
    """One day or month, in UTC."""

    begins_on: Annotated[str, Field(json_schema_extra={"format": "date"}, examples=["2026-11-01"])]
    assets: list[AssetStatement]

    @classmethod
    def of(cls, statement: Statement) -> "Period":
        """From what is kept."""
        return cls(begins_on=statement.start.isoformat(), assets=[AssetStatement.of(line) for line in statement.lines])


class Statements(Record):
    """Periods in which something happened, the latest first."""

    periods: list[Period]


class Happened(Record):
    """One line of what the account's owner should know."""

    activity_id: Annotated[int, Field(examples=[281])]
    at: Instant
    kind: Annotated[str, text("A stable name.", "position_opened")]
    severity: Annotated[str, text("info, warning or critical.", "info")]
    message: Annotated[str, text("A sentence.", "BTC/USD: opened a long position of 0.25 BTC.")]
    pair: Annotated[str | None, text("Base and quote.", "BTC/USD")]

    @classmethod
    def of(cls, activity: Activity) -> "Happened":
        """From what is kept."""
        return cls(
            activity_id=activity.activity_id,
            at=instant(activity.at),
            kind=activity.kind,
            severity=activity.severity,
            message=activity.message,
            pair=None if activity.pair is None else str(activity.pair),
        )


class Activities(Record):
    """What happened on an account."""

    activities: list[Happened]
    next: Cursor


class NoticeLine(Record):
    """What you were told. Only a person on the pages marks it as seen: no script hides an alarm."""

    notice_id: Annotated[int, Field(examples=[97])]
    at: Instant
    kind: Annotated[str, text("A stable name.", "limit_reached")]
    severity: Annotated[str, text("info, warning or critical.", "warning")]
    message: Annotated[str, text("Whole sentences.", "The daily loss has reached 2 %.")]
    account_id: Annotated[str | None, text("The account that it is about.", "4f1c0d9a2b7e58c3a601")]
    pair: Annotated[str | None, text("Base and quote.", "BTC/USD")]
    seen_at: MaybeInstant

    @classmethod
    def of(cls, notice: Notice) -> "NoticeLine":
        """From what is kept."""
        return cls(
            notice_id=notice.notice_id,
            at=instant(notice.at),
            kind=notice.kind,
            severity=notice.severity.value,
            message=notice.message,
            account_id=notice.account_id,
            pair=None if notice.pair is None else str(notice.pair),
            seen_at=when(notice.seen_at),
        )


class Notices(Record):
    """Some notices."""

    notices: list[NoticeLine]
    next: Cursor


def register(door: Door) -> None:
    """Add the operations of this module."""
    web = door.web
    known = Annotated[Caller, door.caller]

    @door.get("/accounts/{account_id}/ledger", TAG)
    async def ledger(
        caller: known,
        account_id: Known,
        kind: Annotated[EntryKind | None, Query(description="Only these.", examples=["fill"])] = None,
        asset: Annotated[
            str | None,
            Query(max_length=32, pattern=r"^[A-Z0-9]+$", description="Only entries that moved this.", examples=["USD"]),
        ] = None,
        pair: PairChoice = None,
        search: Search = "",
        since: Since = None,
        until: Until = None,
        order: Order_ = "newest",
        limit: Limit = 100,
        cursor: CursorText = None,
    ) -> Ledger:
        """The journal in double entry, by when things happened, with running balances."""
        found = await readable(web, caller, account_id)
        wish = Wish(
            search=search.replace("\0", ""),
            chosen={"kind": kind.value if kind else "", "asset": asset or "", "pair": pair or ""},
            since=in_utc(since),
            until=in_utc(until),
            descending=order == "newest",
            after=place_of("ledger", cursor),
            limit=limit,
            counted=False,
        )
        page = await web.store.list_ledger(found.owner_id, found.account_id, wish)
        return Ledger(entries=[Entry.of(each) for each in page.rows], next=cursor_of("ledger", page.after))

    @door.get("/accounts/{account_id}/statements", TAG)
    async def statements(
        caller: known,
        account_id: Known,
        by: Annotated[
            Literal["day", "month"], Query(description="How long a period is.", examples=["month"])
        ] = "month",
        since: Annotated[date | None, Query(description="From this UTC day on.", examples=["2026-01-01"])] = None,
        until: Annotated[date | None, Query(description="Up to this UTC day.", examples=["2026-12-31"])] = None,
        limit: Limit = 31,
    ) -> Statements:
        """What each day or month opened and closed with in every asset, and why it changed."""
        found = await readable(web, caller, account_id)
        last = None if until is None or until == date.max else until + timedelta(days=1)
        sums = await web.store.day_sums(found.owner_id, found.account_id, until=last)
        made = made_of(sums, month_of if by == "month" else _itself)
        return Statements(periods=[Period.of(each) for each in _latest(made, since, by) if each.lines][:limit])

    @door.get("/accounts/{account_id}/activity", TAG)
    async def activity(
        caller: known,
        account_id: Known,
        severity: Annotated[_SEVERITIES | None, Query(description="Only these.", examples=["warning"])] = None,
        pair: PairChoice = None,
        search: Search = "",
        limit: Limit = 50,
        cursor: CursorText = None,
    ) -> Activities:
        """What happened on an account, the latest first."""
        found = await readable(web, caller, account_id)
        wish = Wish(
            search=search.replace("\0", ""),
            chosen={"severity": severity or "", "pair": pair or ""},
            after=place_of("activity", cursor),
            limit=limit,
            counted=False,
        )
        page = await web.store.list_activities(found.owner_id, found.account_id, wish)
        return Activities(activities=[Happened.of(each) for each in page.rows], next=cursor_of("activity", page.after))

    @door.get("/notices", TAG)
    async def notices(
        caller: known,
        severity: Annotated[_SEVERITIES | None, Query(description="Only these.", examples=["critical"])] = None,
        seen: Annotated[bool | None, Query(description="Only what was, or was not seen.", examples=[False])] = None,
        search: Search = "",
        limit: Limit = 50,
        cursor: CursorText = None,
    ) -> Notices:
        """What you were told, the latest first. Marking a notice as seen is for the pages alone."""
        wish = Wish(
            search=search.replace("\0", ""),
            chosen={"severity": severity or "", "seen": "" if seen is None else "seen" if seen else "new"},
            after=place_of("notices", cursor),
            limit=limit,
            counted=False,
        )
        page = await web.store.list_notices(caller.person.user_id, wish)
        return Notices(notices=[NoticeLine.of(each) for each in page.rows], next=cursor_of("notices", page.after))


def _itself(day: date) -> date:
    return day


def _latest(made: list[Statement], since: date | None, by: str) -> Iterable[Statement]:
    first = month_of(since) if since is not None and by == "month" else since
    return (each for each in reversed(made) if first is None or each.start >= first)
