"""What happened and what was meant: intents, orders, fills, ledger rows, entries, stories. One transaction each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, LedgerKind, LedgerRow, MarginState
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import Order, OrderStatus, PositionId, VenueOrderId
from jarvis.domain.position import Realised
from jarvis.ledger.journal import Entry
from jarvis.store.database import Database
from jarvis.store.errors import StaleFenceError
from jarvis.store.outbox import announce
from jarvis.store.records import BookedFill, Expected, fill_from, request_from, to_text
from jarvis.store.tables import (
    activity,
    entries,
    equity,
    fills,
    leases,
    ledger_rows,
    orders,
    postings,
    stories,
    trading_accounts,
)
from jarvis.trading.state import Marks, order_number
from jarvis.trading.stories import PositionStory

FINAL = tuple(status.value for status in OrderStatus if status.is_final)
REMEMBERED_FOR = timedelta(days=3)
"""How far back fills are handed to a starting trader: a repeat that is older than this stops at the database."""


class JournalStore(Database):
    """Writes of one account's trader, and what a trader reads when it starts."""

    async def record_intent(self, account_id: AccountId, order: Order, fence: int) -> None:
        """Keep an order before its first byte leaves. Raises StaleFenceError when the account was taken over."""
        async with self.write() as connection:
            held = (
                await connection.execute(select(leases.c.fence).where(leases.c.subject == account_id))
            ).scalar_one_or_none()
            if held is not None and held != fence:
                raise StaleFenceError(f"account {account_id} was taken over by another process; this one stops")
            await connection.execute(
                insert(orders).values(
                    account_id=account_id,
                    client_order_id=order.client_order_id,
                    position_id=order.request.position_id,
                    pair=str(order.request.pair),
                    request=to_text(order.request),
                    status=order.status.value,
                    venue_order_id=order.venue_order_id,
                    filled_quantity=order.filled_quantity,
                    reason=order.reason,
                    created_at=order.created_at,
                    fence=fence,
                )
            )
            row = await connection.execute(
                select(trading_accounts.c.next_order_number, trading_accounts.c.order_prefix).where(
                    trading_accounts.c.account_id == account_id
                )
            )
            next_number, prefix = row.one()
            number = order_number(prefix, order.client_order_id)
            if number is not None and number >= next_number:
                await connection.execute(
                    update(trading_accounts)
                    .where(trading_accounts.c.account_id == account_id)
                    .values(next_order_number=number + 1)
                )
            await announce(connection, account_id, "order", order.client_order_id, order.created_at)

    async def record_order(self, account_id: AccountId, order: Order, at: datetime) -> None:
        """Keep what is proved about an order."""
        async with self.write() as connection:
            await _update_order(connection, account_id, order)
            await announce(connection, account_id, "order", order.client_order_id, at)

    async def record_fill(
        self,
        account_id: AccountId,
        booked: BookedFill,
        entry: Entry | None,
        order: Order | None,
        story: PositionStory | None,
    ) -> bool:
        """Keep a fill with its entry, its order and its story; False, and nothing written, if its id is known."""
        fill = booked.fill
        async with self.write() as connection:
            known = await connection.execute(
                select(fills.c.fill_id).where(fills.c.account_id == account_id, fills.c.fill_id == fill.fill_id)
            )
            if known.one_or_none() is not None:
                return False
            await connection.execute(
                insert(fills).values(
                    account_id=account_id,
                    fill_id=fill.fill_id,
                    position_id=booked.position_id,
                    pair=str(fill.pair),
                    at=fill.at,
                    realised_quantity=booked.realised.quantity,
                    realised_pnl=booked.realised.pnl,
                    body=to_text(fill),
                )
            )
            if entry is not None:
                await _insert_entry(connection, account_id, entry)
            if order is not None:
                await _update_order(connection, account_id, order)
            if story is not None:
                await _upsert_story(connection, account_id, story)
            await announce(connection, account_id, "fill", fill.fill_id, fill.at)
        return True

    async def record_ledger_row(self, account_id: AccountId, row: LedgerRow, entry: Entry) -> bool:
        """Keep a row of the venue's ledger with its entry; False, and nothing written, if its id is known."""
        async with self.write() as connection:
            mine = ledger_rows.c.account_id == account_id
            known = await connection.execute(
                select(ledger_rows.c.row_id).where(mine, ledger_rows.c.row_id == row.row_id)
            )
            if known.one_or_none() is not None:
                return False
            last = (await connection.execute(select(func.max(ledger_rows.c.number)).where(mine))).scalar()
            await connection.execute(
                insert(ledger_rows).values(
                    account_id=account_id,
                    row_id=row.row_id,
                    number=(last or 0) + 1,
                    ref_id=row.ref_id,
                    at=row.at,
                    kind=row.kind.value,
                    asset=row.asset,
                    amount=row.amount,
                    fee=row.fee,
                    balance=row.balance,
                )
            )
            await _insert_entry(connection, account_id, entry)
            await announce(connection, account_id, "ledger", row.row_id, row.at)
        return True

    async def record_entry(self, account_id: AccountId, entry: Entry) -> None:
        """Keep an entry that no row of the venue's is behind: the balances that the books open with."""
        async with self.write() as connection:
            await _insert_entry(connection, account_id, entry)

    async def record_story(self, account_id: AccountId, story: PositionStory, at: datetime) -> None:
        """Keep a position's story as it stands."""
        async with self.write() as connection:
            await _upsert_story(connection, account_id, story)
            await announce(connection, account_id, "position", story.position_id, at)

    async def record_activity(
        self, account_id: AccountId, kind: str, severity: str, message: str, *, at: datetime, pair: Pair | None
    ) -> None:
        """Keep something that the person must be told."""
        async with self.write() as connection:
            await connection.execute(
                insert(activity).values(
                    account_id=account_id,
                    kind=kind,
                    severity=severity,
                    message=message,
                    pair=None if pair is None else str(pair),
                    at=at,
                )
            )
            await announce(connection, account_id, "activity", kind, at)

    async def record_equity(self, account_id: AccountId, margin: MarginState) -> None:
        """Keep one point of the equity curve; a second one of the same instant changes nothing."""
        async with self.write() as connection:
            known = await connection.execute(
                select(equity.c.at).where(equity.c.account_id == account_id, equity.c.at == margin.at)
            )
            if known.one_or_none() is not None:
                return
            await connection.execute(
                insert(equity).values(
                    account_id=account_id,
                    at=margin.at,
                    asset=margin.asset,
                    equity=margin.equity,
                    trade_balance=margin.trade_balance,
                    used_margin=margin.used_margin,
                    free_margin=margin.free_margin,
                    unrealised=margin.unrealised,
                    margin_level=margin.margin_level,
                )
            )
            await announce(connection, account_id, "equity", margin.asset, margin.at)

    async def expected(self, account_id: AccountId, now: datetime) -> Expected:
        """What the journal expects: unfinished orders, open stories, and what of the venue's records is booked."""
        async with self.read() as connection:
            account = (
                await connection.execute(select(trading_accounts).where(trading_accounts.c.account_id == account_id))
            ).one()
            open_stories = await open_stories_of(connection, account_id)
            wanted = [story.position_id for story in open_stories]
            unfinished = await connection.execute(
                select(orders)
                .where(orders.c.account_id == account_id)
                .where(orders.c.status.not_in(FINAL) | orders.c.position_id.in_(wanted))
            )
            remembered = await connection.execute(
                select(fills)
                .where(fills.c.account_id == account_id)
                .where((fills.c.at >= now - REMEMBERED_FOR) | fills.c.position_id.in_(wanted))
                .order_by(fills.c.at)
            )
            booked = tuple(booked_fill(row) for row in remembered)
            rows = (
                await connection.execute(
                    select(ledger_rows)
                    .where(ledger_rows.c.account_id == account_id)
                    .where(
                        (ledger_rows.c.at >= now - REMEMBERED_FOR)
                        | ledger_rows.c.ref_id.in_([each.fill.fill_id for each in booked])
                    )
                )
            ).all()
            last_fill_at = (
                await connection.execute(select(func.max(fills.c.at)).where(fills.c.account_id == account_id))
            ).scalar()
            last_row_at = (
                await connection.execute(
                    select(func.max(ledger_rows.c.at)).where(ledger_rows.c.account_id == account_id)
                )
            ).scalar()
            cleared: dict[tuple[str, str], Decimal] = {}
            for row in rows:
                if row.kind == LedgerKind.MARGIN.value:
                    key = row.ref_id, row.asset
                    cleared[key] = cleared.get(key, ZERO) + row.amount - row.fee
            return Expected(
                orders=tuple(order_of(row) for row in unfinished),
                stories=tuple(open_stories),
                marks=Marks.from_json(account.marks) if account.marks else Marks(),
                next_order_number=account.next_order_number,
                fills=booked,
                row_ids=frozenset(row.row_id for row in rows),
                cleared=cleared,
                books_opened_at=account.books_opened_at,
                last_fill_at=last_fill_at,
                last_row_at=last_row_at,
            )


def order_of(row: Row[tuple[object, ...]]) -> Order:
    """The order that a row of `orders` keeps."""
    return Order(
        request=request_from(row.request),
        created_at=row.created_at,
        status=OrderStatus(row.status),
        venue_order_id=VenueOrderId(row.venue_order_id) if row.venue_order_id else None,
        filled_quantity=row.filled_quantity,
        reason=row.reason,
    )


def booked_fill(row: Row[tuple[object, ...]]) -> BookedFill:
    """The fill that a row of `fills` keeps."""
    return BookedFill(
        fill_from(row.body),
        Realised(row.realised_quantity, row.realised_pnl),
        PositionId(row.position_id) if row.position_id else None,
    )


def ledger_row(row: Row[tuple[object, ...]]) -> LedgerRow:
    """The venue's row that a row of `ledger_rows` keeps."""
    return LedgerRow(
        row.row_id, row.ref_id, row.at, LedgerKind(row.kind), Asset(row.asset), row.amount, row.fee, row.balance
    )


async def open_stories_of(connection: AsyncConnection, account_id: AccountId) -> list[PositionStory]:
    """The open stories of an account, oldest first."""
    found = await connection.execute(
        select(stories.c.body)
        .where(stories.c.account_id == account_id, stories.c.closed_at.is_(None))
        .order_by(stories.c.opened_at)
    )
    return [PositionStory.from_json(row.body) for row in found]


async def _update_order(connection: AsyncConnection, account_id: AccountId, order: Order) -> None:
    await connection.execute(
        update(orders)
        .where(orders.c.account_id == account_id, orders.c.client_order_id == order.client_order_id)
        .values(
            position_id=order.request.position_id,
            request=to_text(order.request),
            status=order.status.value,
            venue_order_id=order.venue_order_id,
            filled_quantity=order.filled_quantity,
            reason=order.reason,
        )
    )


async def _upsert_story(connection: AsyncConnection, account_id: AccountId, story: PositionStory) -> None:
    values = {
        "pair": str(story.pair),
        "opened_at": story.opened_at,
        "closed_at": story.closed_at,
        "body": story.to_json(),
    }
    changed = await connection.execute(
        update(stories)
        .where(stories.c.account_id == account_id, stories.c.position_id == story.position_id)
        .values(**values)
    )
    if changed.rowcount == 0:
        await connection.execute(insert(stories).values(account_id=account_id, position_id=story.position_id, **values))


async def _insert_entry(connection: AsyncConnection, account_id: AccountId, entry: Entry) -> None:
    inserted = await connection.execute(
        insert(entries)
        .values(
            account_id=account_id,
            kind=entry.kind.value,
            at=entry.at,
            ref_id=entry.ref_id,
            position_id=entry.position_id,
            pair=None if entry.pair is None else str(entry.pair),
        )
        .returning(entries.c.entry_id)
    )
    entry_id = inserted.scalar_one()
    lines: Sequence[dict[str, object]] = [
        {
            "entry_id": entry_id,
            "line": line,
            "book": posting.account.value,
            "asset": posting.asset,
            "amount": posting.amount,
        }
        for line, posting in enumerate(entry.postings)
    ]
    if lines:
        await connection.execute(insert(postings), lines)
