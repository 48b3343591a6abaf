"""Lists for people: what is kept, searched, filtered and sorted, one page after the other.

A page begins after the last row of the page before, not at a number of rows: what is written meanwhile neither
repeats a row nor leaves one out. The last column of every order is unique. Whoever asks names the owner; a stranger's
lists are empty.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Float, Integer, Row, Select, String, and_, exists, func, or_, select, type_coerce
from sqlalchemy import literal as value_of
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import Fill, Order
from jarvis.ledger.journal import Account, Entry
from jarvis.ledger.statements import DaySum, day_of
from jarvis.store.audit import line_of_row
from jarvis.store.chain import AuditLine
from jarvis.store.columns import UtcDateTime
from jarvis.store.folding import CAUSES, FoldStore, sums_by_day
from jarvis.store.notices import Notice, notice_of
from jarvis.store.people_tables import audit, notices
from jarvis.store.queries import journal_of, owned_account
from jarvis.store.records import Activity
from jarvis.store.rows import order_of, record_of
from jarvis.store.tables import activities, day_sums, entries, fills, folds, orders, position_results, postings, stories
from jarvis.trading.stories import PositionStory

PAGE = 50
_PRECISION = 80
_REMEMBERED = 4
_FAR = datetime(9999, 1, 1, tzinfo=UTC)

T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to see of a list. What a list does not know is as if it were not wished.

    `chosen` are values by the name of a filter; `since` and `until` bound the instant (the end is left out); `after`
    is where the page before ended.
    """

    search: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    sort: str = ""
    descending: bool = True
    after: tuple[str, str] | None = None
    limit: int = PAGE
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """Some rows of a list, how many fit in all (None if nobody asked), and where the next page begins."""

    rows: tuple[T_co, ...]
    count: int | None
    after: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class ListedPosition:
    """A position with what it earned so far in its quote; None before anything was booked."""

    story: PositionStory
    result: Decimal | None


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """An entry with its number, the row of the venue's ledger that it books, and the cash of each asset after it.

    Balances are in the order of the instants at which things happened.
    """

    entry_id: int
    entry: Entry
    row_id: str | None
    balances: Mapping[Asset, Decimal]


@dataclass(frozen=True, slots=True)
class _Sheet:
    """How one list is read: its rows, their instant, the unique column, and what may be chosen, sorted and searched."""

    query: Select[Any]
    at: ColumnElement[Any]
    key: ColumnElement[Any]
    sorts: Mapping[str, ColumnElement[Any]]
    filters: Mapping[str, Callable[[str], ColumnElement[bool]]]
    searched: Sequence[ColumnElement[Any]]

    async def page(self, connection: AsyncConnection, wish: Wish) -> Page[Row[Any]]:
        """The wished rows."""
        fitting = self.query.where(*self._conditions(wish))
        count = None
        if wish.counted:
            counted = select(func.count()).select_from(fitting.order_by(None).subquery())
            count = int(await connection.scalar(counted) or 0)
        sort = self.sorts[wish.sort if wish.sort in self.sorts else next(iter(self.sorts))]
        place = _place(wish.after, sort, self.key)
        if place is not None:
            fitting = fitting.where(_beyond(sort, self.key, place, descending=wish.descending))
        order = [each.desc() if wish.descending else each.asc() for each in (sort, self.key)]
        asked = fitting.add_columns(sort.label("_sort"), self.key.label("_key")).order_by(*order).limit(wish.limit + 1)
        rows = (await connection.execute(asked)).all()
        shown = rows[: wish.limit]
        after = (_text(shown[-1]._sort), _text(shown[-1]._key)) if len(rows) > wish.limit else None  # noqa: SLF001
        return Page(tuple(shown), count, after)

    def _conditions(self, wish: Wish) -> Iterable[ColumnElement[bool]]:
        if wish.since is not None:
            yield self.at >= wish.since
        if wish.until is not None:
            yield self.at < wish.until
        for name, value in wish.chosen.items():
            if value and name in self.filters:
                yield self.filters[name](value)
        if wish.search:
            wanted = wish.search.lower()
            yield or_(*(func.lower(each).contains(wanted, autoescape=True) for each in self.searched))


class ListingStore(FoldStore):
    """Reads for every list that people see.

    The daily sums of the accounts whose ledger was looked at last are remembered: a file of it asks for them page after
    page.
    """

    def __init__(self, *opened: Any) -> None:
        super().__init__(*opened)
        self._days: dict[AccountId, tuple[tuple[int, int], list[DaySum]]] = {}

    async def list_orders(self, owner_id: UserId, account_id: AccountId, wish: Wish) -> Page[Order]:
        """An account's orders."""
        mine = orders.c.account_id == owned_account(owner_id, account_id)
        sheet = _Sheet(
            select(orders).where(mine),
            at=orders.c.created_at,
            key=orders.c.client_order_id,
            sorts={"made": orders.c.created_at, "pair": _word(orders.c.pair), "state": _word(orders.c.status)},
            filters={
                "pair": _is(orders.c.pair),
                "state": _is(orders.c.status),
                "role": _is(orders.c.role),
                "side": _is(orders.c.side),
            },
            searched=[
                _word(orders.c.client_order_id),
                func.coalesce(orders.c.venue_order_id, ""),
                _word(orders.c.pair),
                orders.c.reason,
            ],
        )
        return await self._listed(sheet, wish, order_of)

    async def list_fills(self, owner_id: UserId, account_id: AccountId, wish: Wish) -> Page[Fill]:
        """An account's fills, those that were not ours among them."""
        sheet = _Sheet(
            select(fills).where(fills.c.account_id == owned_account(owner_id, account_id)),
            at=fills.c.at,
            key=fills.c.fill_id,
            sorts={"at": fills.c.at},
            filters={"pair": _is(fills.c.pair), "side": _is(fills.c.side)},
            searched=[_word(fills.c.fill_id), _word(fills.c.pair)],
        )
        return await self._listed(sheet, wish, lambda row: record_of(Fill, row))

    async def list_positions(self, owner_id: UserId, account_id: AccountId, wish: Wish) -> Page[ListedPosition]:
        """An account's positions, open and closed."""
        await self.fold(owner_id, account_id)
        in_quote = value_of("%/").concat(position_results.c.asset)
        joined = stories.outerjoin(
            position_results,
            and_(
                position_results.c.account_id == stories.c.account_id,
                position_results.c.position_id == stories.c.position_id,
                _word(stories.c.pair).like(in_quote),
            ),
        )
        causes = [position_results.c[cause] for cause in CAUSES]
        closed_at = type_coerce(func.coalesce(stories.c.closed_at, value_of(_FAR, UtcDateTime())), UtcDateTime())
        states = {"open": stories.c.closed_at.is_(None), "closed": stories.c.closed_at.is_not(None)}
        sheet = _Sheet(
            select(stories.c.story_json, *causes)
            .select_from(joined)
            .where(stories.c.account_id == owned_account(owner_id, account_id)),
            at=stories.c.opened_at,
            key=stories.c.position_id,
            sorts={
                "opened": stories.c.opened_at,
                "closed": closed_at,
                "pair": _word(stories.c.pair),
                "result": type_coerce(func.coalesce(position_results.c.rank, 0.0), Float()),
            },
            filters={
                "pair": _is(stories.c.pair),
                "state": lambda value: states.get(value, value_of(value=False)),
            },
            searched=[_word(stories.c.position_id), _word(stories.c.pair), stories.c.story_json],
        )
        return await self._listed(sheet, wish, _listed_position)

    async def list_ledger(self, owner_id: UserId, account_id: AccountId, wish: Wish) -> Page[LedgerLine]:
        """An account's journal in the order of what happened, with running balances."""
        await self.fold(owner_id, account_id)
        mine = entries.c.account_id == owned_account(owner_id, account_id)
        sheet = _Sheet(
            select(entries.c.entry_id, entries.c.at, entries.c.row_id).where(mine),
            at=entries.c.at,
            key=entries.c.entry_id,
            sorts={"at": entries.c.at},
            filters={
                "kind": _is(entries.c.kind),
                "pair": _is(entries.c.pair),
                "asset": lambda value: exists().where(
                    postings.c.entry_id == entries.c.entry_id, postings.c.asset == value
                ),
            },
            searched=[
                entries.c.ref_id,
                func.coalesce(entries.c.row_id, ""),
                func.coalesce(entries.c.position_id, ""),
                func.coalesce(_word(entries.c.pair), ""),
            ],
        )
        async with self._read() as connection:
            page = await sheet.page(connection, wish)
            numbers = [row.entry_id for row in page.rows]
            found = dict(await journal_of(connection, entries.c.entry_id.in_(numbers)))
            sums = await self._remembered_days(connection, owner_id, account_id) if page.rows else []
            balances = await _cash_after(connection, mine, sums, page.rows)
        lines = tuple(
            LedgerLine(row.entry_id, found[row.entry_id], row.row_id, balances[row.entry_id]) for row in page.rows
        )
        return Page(lines, page.count, page.after)

    async def _remembered_days(
        self, connection: AsyncConnection, owner_id: UserId, account_id: AccountId
    ) -> list[DaySum]:
        """The kept sums of one account by day, oldest first; read again only when the journal was added up further."""
        account = owned_account(owner_id, account_id)
        asked = select(folds.c.up_to, folds.c.generation).where(folds.c.account_id == account)
        fold = (await connection.execute(asked)).first()
        if fold is None:
            return []
        state = int(fold.up_to), int(fold.generation)
        kept = self._days.pop(account_id, None)
        if kept is None or kept[0] != state:
            kept = state, await sums_by_day(connection, account)
        self._days[account_id] = kept
        if len(self._days) > _REMEMBERED:
            del self._days[next(iter(self._days))]
        return kept[1]

    async def assets_booked(self, owner_id: UserId, account_id: AccountId) -> list[Asset]:
        """The assets that the account's journal ever moved."""
        await self.fold(owner_id, account_id)
        async with self._read() as connection:
            rows = await connection.execute(
                select(day_sums.c.asset)
                .where(day_sums.c.account_id == owned_account(owner_id, account_id))
                .distinct()
                .order_by(day_sums.c.asset)
            )
            return [Asset(row.asset) for row in rows]

    async def list_activities(self, owner_id: UserId, account_id: AccountId, wish: Wish) -> Page[Activity]:
        """What happened on an account, in the order in which it was told."""
        sheet = _Sheet(
            select(activities).where(activities.c.account_id == owned_account(owner_id, account_id)),
            at=activities.c.at,
            key=activities.c.activity_id,
            sorts={"at": activities.c.activity_id},
            filters={"severity": _is(activities.c.severity), "pair": _is(activities.c.pair)},
            searched=[activities.c.message, activities.c.kind, func.coalesce(_word(activities.c.pair), "")],
        )
        return await self._listed(sheet, wish, lambda row: record_of(Activity, row))

    async def list_audit(self, user_id: UserId, wish: Wish) -> Page[AuditLine]:
        """A person's own lines of the audit."""
        sheet = _Sheet(
            select(audit).where(audit.c.user_id == user_id),
            at=audit.c.at,
            key=audit.c.audit_id,
            sorts={"at": audit.c.audit_id},
            filters={"kind": _is(audit.c.kind), "account": _is(audit.c.account_id)},
            searched=[audit.c.kind, func.coalesce(audit.c.details_json, "")],
        )
        return await self._listed(sheet, wish, line_of_row)

    async def list_notices(self, user_id: UserId, wish: Wish) -> Page[Notice]:
        """A person's notices."""
        seen = {"new": notices.c.seen_at.is_(None), "seen": notices.c.seen_at.is_not(None)}
        sheet = _Sheet(
            select(notices).where(notices.c.user_id == user_id),
            at=notices.c.at,
            key=notices.c.notice_id,
            sorts={"at": notices.c.notice_id},
            filters={
                "severity": _is(notices.c.severity),
                "kind": _is(notices.c.kind),
                "seen": lambda value: seen.get(value, value_of(value=False)),
            },
            searched=[notices.c.message, notices.c.kind],
        )
        return await self._listed(sheet, wish, notice_of)

    async def _listed(self, sheet: _Sheet, wish: Wish, made: Callable[[Row[Any]], R]) -> Page[R]:
        async with self._read() as connection:
            page = await sheet.page(connection, wish)
        return Page(tuple(made(row) for row in page.rows), page.count, page.after)


def _listed_position(row: Row[Any]) -> ListedPosition:
    story = PositionStory.from_json(row.story_json)
    result = None if row.price is None else sum((getattr(row, cause) for cause in CAUSES), ZERO)
    return ListedPosition(story, result)


async def _cash_after(
    connection: AsyncConnection, mine: ColumnElement[bool], sums: Sequence[DaySum], rows: Sequence[Row[Any]]
) -> dict[int, dict[Asset, Decimal]]:
    """The cash after each of the entries, of the assets whose cash it moved: kept sums up to its day, then the day."""
    after: dict[int, dict[Asset, Decimal]] = {row.entry_id: {} for row in rows}
    days = sorted({day_of(row.at) for row in rows})
    if not days:
        return after
    cash: dict[Asset, Decimal] = {}
    kept = iter(sums)
    waiting = next(kept, None)
    with localcontext(prec=_PRECISION):
        for first, last in _spans(days):
            while waiting is not None and waiting.day < first:
                cash[waiting.asset] = cash.get(waiting.asset, ZERO) + waiting.amount
                waiting = next(kept, None)
            running = dict(cash)
            for moved in await connection.execute(_cash_between(mine, first, last)):
                running[moved.asset] = running.get(moved.asset, ZERO) + moved.amount
                if moved.entry_id in after:
                    after[moved.entry_id][moved.asset] = running[moved.asset]
    return after


def _cash_between(mine: ColumnElement[bool], first: date, last: date) -> Select[Any]:
    begin = datetime.combine(first, time(), UTC)
    end = datetime.combine(last, time(), UTC) + timedelta(days=1)
    return (
        select(entries.c.entry_id, postings.c.asset, postings.c.amount)
        .join(postings, postings.c.entry_id == entries.c.entry_id)
        .where(mine, entries.c.at >= begin, entries.c.at < end, postings.c.account == Account.CASH)
        .order_by(entries.c.at, entries.c.entry_id)
    )


def _spans(days: Sequence[date]) -> list[tuple[date, date]]:
    """Days that follow each other, as first and last."""
    spans: list[tuple[date, date]] = []
    for day in days:
        if spans and day - spans[-1][1] == timedelta(days=1):
            spans[-1] = spans[-1][0], day
        else:
            spans.append((day, day))
    return spans


def _word(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The text of a column whose values are no plain text."""
    return type_coerce(column, String())


def _is(column: ColumnElement[Any]) -> Callable[[str], ColumnElement[bool]]:
    return lambda value: _word(column) == value


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _place(
    after: tuple[str, str] | None, sort: ColumnElement[Any], key: ColumnElement[Any]
) -> tuple[object, object] | None:
    """Where a page begins; None for words that no page of ours said."""
    if after is None:
        return None
    try:
        return _value(after[0], sort), _value(after[1], key)
    except ValueError:
        return None


def _value(text: str, column: ColumnElement[Any]) -> object:
    match column.type:
        case UtcDateTime():
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                raise ValueError("a time needs its offset")
            return moment
        case Float():
            return float(text)
        case Integer():
            return _row_number(text)
    return text


def _row_number(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**63:
        raise ValueError("not a row's number")
    return number


def _beyond(
    sort: ColumnElement[Any], key: ColumnElement[Any], place: tuple[object, object], *, descending: bool
) -> ColumnElement[bool]:
    value, number = place
    if descending:
        return and_(sort <= value, or_(sort < value, key < number))
    return and_(sort >= value, or_(sort > value, key > number))
