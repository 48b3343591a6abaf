"""What a starting trader reads: all that must be known before the venue's own records are read again."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, LedgerKind
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import FillId, OrderStatus
from jarvis.ledger.journal import Account, EntryKind
from jarvis.store.database import Database
from jarvis.store.records import Expected, RecordedFill
from jarvis.store.rows import fill_of, order_of
from jarvis.store.tables import accounts, entries, fills, ledger_rows, orders, postings, stories
from jarvis.trading.state import Marks
from jarvis.trading.stories import PositionStory

UNFINISHED = tuple(status for status in OrderStatus if not status.is_final)


class ExpectationStore(Database):
    """Reads for live."""

    async def expected(self, account_id: AccountId, *, recent: timedelta = timedelta(hours=24)) -> Expected:
        """What we believe about an account.

        Fills and rows reach back `recent` before the oldest of: the last fill, the last row, any unfinished order,
        any open position. So whatever a trader may ask the venue for again, it knows what it has booked already.
        Raises ValueError for an account that is not there.
        """
        async with self._read() as connection:
            account = (
                await connection.execute(
                    select(accounts.c.marks_json, accounts.c.next_order_number).where(
                        accounts.c.account_id == account_id
                    )
                )
            ).first()
            if account is None:
                raise ValueError(f"there is no account {account_id}")
            open_stories = await _open_stories(connection, account_id)
            last_fill_at = await _latest(connection, fills.c.at, fills.c.account_id == account_id)
            last_row_at = await _latest(connection, ledger_rows.c.at, ledger_rows.c.account_id == account_id)
            oldest_order_at: datetime | None = await connection.scalar(
                select(func.min(orders.c.created_at, type_=orders.c.created_at.type)).where(
                    orders.c.account_id == account_id, orders.c.status.in_(UNFINISHED)
                )
            )
            moments = [last_fill_at, last_row_at, oldest_order_at, *(story.opened_at for story in open_stories)]
            known = [moment for moment in moments if moment is not None]
            since = min(known) - recent if known else None
            return Expected(
                orders=await _orders(connection, account_id, open_stories, since),
                stories=tuple(open_stories),
                marks=Marks() if account.marks_json is None else Marks.from_json(account.marks_json),
                next_order_number=account.next_order_number,
                fills=await _fills(connection, account_id, since),
                row_ids=await _row_ids(connection, account_id, since),
                cleared=await _cleared(connection, account_id, ledger_rows.c.at >= since) if since else {},
                last_fill_at=last_fill_at,
                last_row_at=last_row_at,
                closed=await _closed_stories(connection, account_id, since) if since else (),
                cash=await _cash(connection, account_id),
                opening=await _opening(connection, account_id),
            )

    async def fill(self, account_id: AccountId, fill_id: FillId) -> RecordedFill | None:
        """A fill of any age; None if it is not known."""
        async with self._read() as connection:
            row = (
                await connection.execute(
                    select(fills).where(fills.c.account_id == account_id, fills.c.fill_id == fill_id)
                )
            ).first()
            return None if row is None else fill_of(row)

    async def cleared(self, account_id: AccountId, ref_id: str) -> dict[Asset, Decimal]:
        """The sum of changes of the margin rows of one reference, of any age, by asset; empty without a row."""
        async with self._read() as connection:
            found = await _cleared(connection, account_id, ledger_rows.c.ref_id == ref_id)
            return {asset: amount for (_, asset), amount in found.items()}


async def _latest(
    connection: AsyncConnection, column: ColumnElement[datetime], condition: ColumnElement[bool]
) -> datetime | None:
    moment: datetime | None = await connection.scalar(select(column).where(condition).order_by(column.desc()).limit(1))
    return moment


async def _open_stories(connection: AsyncConnection, account_id: AccountId) -> list[PositionStory]:
    rows = await connection.execute(
        select(stories.c.story_json)
        .where(stories.c.account_id == account_id, stories.c.closed_at.is_(None))
        .order_by(stories.c.opened_at, stories.c.position_id)
    )
    return [PositionStory.from_json(row.story_json) for row in rows]


async def _closed_stories(
    connection: AsyncConnection, account_id: AccountId, since: datetime
) -> tuple[PositionStory, ...]:
    rows = await connection.execute(
        select(stories.c.story_json)
        .where(stories.c.account_id == account_id, stories.c.closed_at >= since)
        .order_by(stories.c.closed_at, stories.c.position_id)
    )
    return tuple(PositionStory.from_json(row.story_json) for row in rows)


async def _cash(connection: AsyncConnection, account_id: AccountId) -> dict[Asset, Decimal]:
    return await _sums(connection, entries.c.account_id == account_id, postings.c.account == Account.CASH)


async def _opening(connection: AsyncConnection, account_id: AccountId) -> dict[Asset, Decimal] | None:
    is_opening = entries.c.account_id == account_id, entries.c.kind == EntryKind.OPENING
    if await connection.scalar(select(entries.c.entry_id).where(*is_opening).limit(1)) is None:
        return None
    return await _sums(connection, *is_opening, postings.c.account == Account.CASH)


async def _sums(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> dict[Asset, Decimal]:
    rows = await connection.execute(
        select(postings.c.asset, postings.c.amount)
        .join(entries, entries.c.entry_id == postings.c.entry_id)
        .where(*conditions)
    )
    sums: dict[Asset, Decimal] = {}
    for row in rows:
        sums[Asset(row.asset)] = sums.get(Asset(row.asset), ZERO) + row.amount
    return sums


async def _orders(
    connection: AsyncConnection, account_id: AccountId, open_stories: list[PositionStory], since: datetime | None
) -> tuple[Any, ...]:
    wanted = orders.c.status.in_(UNFINISHED) | orders.c.position_id.in_([story.position_id for story in open_stories])
    if since is not None:
        wanted |= orders.c.created_at >= since
    rows = await connection.execute(
        select(orders)
        .where(orders.c.account_id == account_id, wanted)
        .order_by(orders.c.created_at, orders.c.client_order_id)
    )
    return tuple(order_of(row) for row in rows)


async def _fills(
    connection: AsyncConnection, account_id: AccountId, since: datetime | None
) -> dict[FillId, RecordedFill]:
    if since is None:
        return {}
    rows = await connection.execute(
        select(fills).where(fills.c.account_id == account_id, fills.c.at >= since).order_by(fills.c.at, fills.c.fill_id)
    )
    return {FillId(row.fill_id): fill_of(row) for row in rows}


async def _row_ids(connection: AsyncConnection, account_id: AccountId, since: datetime | None) -> frozenset[Any]:
    if since is None:
        return frozenset()
    rows = await connection.execute(
        select(ledger_rows.c.row_id).where(ledger_rows.c.account_id == account_id, ledger_rows.c.at >= since)
    )
    return frozenset(row.row_id for row in rows)


async def _cleared(
    connection: AsyncConnection, account_id: AccountId, condition: ColumnElement[bool]
) -> dict[tuple[str, Asset], Decimal]:
    rows = await connection.execute(
        select(ledger_rows).where(
            ledger_rows.c.account_id == account_id, ledger_rows.c.kind == LedgerKind.MARGIN, condition
        )
    )
    sums: dict[tuple[str, Asset], Decimal] = {}
    for row in rows:
        key = row.ref_id, Asset(row.asset)
        sums[key] = sums.get(key, ZERO) + row.amount - row.fee
    return sums
