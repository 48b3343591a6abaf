"""What an account's trader writes. Each method is one transaction with its outbox events: all of it, or nothing.

A write that is given the lease's fence is refused with StaleFence once another worker has taken the account over.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, LedgerRow, LedgerRowId, MarginState
from jarvis.domain.instrument import Pair
from jarvis.domain.order import Fill, Order
from jarvis.ledger.journal import Account, Entry, EntryKind
from jarvis.store.intents import IntentStore, order_event
from jarvis.store.queues import Event
from jarvis.store.records import ComparedBalance, PositionFacts
from jarvis.store.rows import order_values, values_of
from jarvis.store.tables import (
    accounts,
    activities,
    balances,
    entries,
    equity,
    fills,
    ledger_rows,
    orders,
    position_facts,
    postings,
    stories,
)
from jarvis.store.telling import tell_of_alarm, tell_of_trade
from jarvis.trading.events import Severity
from jarvis.trading.state import Marks
from jarvis.trading.stories import PositionStory


class RecordingStore(IntentStore):
    """The trader's door; how intents get on paper is in intents.py."""

    async def record_order(self, account_id: AccountId, order: Order, *, fence: int | None = None) -> None:
        """Keep an order's new state."""
        async with self._write() as connection:
            await self._check_fence(connection, account_id, fence)
            await self._put(connection, orders, order_values(account_id, order))
            await self._tell(connection, account_id, order_event(order))

    async def record_fill(
        self,
        account_id: AccountId,
        fill: Fill,
        entry: Entry | None,
        order: Order | None,
        story: PositionStory | None,
        *,
        fence: int | None = None,
    ) -> bool:
        """Keep a fill, its journal entry, and what it made of its order and position, together.

        False, and nothing written, when the fill is known. `entry` is None for a fill that is not ours.
        """
        position_id = entry.position_id if entry is not None else story.position_id if story is not None else None
        values = {
            "account_id": account_id,
            **values_of(fill),
            "position_id": position_id,
            "pnl": _pnl_of(entry, fill) if entry is not None else Decimal(0),
        }
        async with self._write() as connection:
            await self._check_fence(connection, account_id, fence)
            if not await self._put_new(connection, fills, values):
                return False
            events: list[Event] = [("fill", {"fill": fill.fill_id, "pair": str(fill.pair)})]
            if entry is not None:
                await _post(connection, account_id, entry)
            if order is not None:
                await self._put(connection, orders, order_values(account_id, order))
                events.append(order_event(order))
            if story is not None:
                await self._put(connection, stories, _story_values(account_id, story))
                events.append(_story_event(story))
                await tell_of_trade(connection, account_id, fill, story)
            await self._tell(connection, account_id, *events)
            return True

    async def record_ledger_row(
        self,
        account_id: AccountId,
        row: LedgerRow,
        *made: Entry,
        stories_changed: Sequence[PositionStory] = (),
        fence: int | None = None,
    ) -> bool:
        """Keep a row of the venue's ledger, its journal entries, and what it made of positions, together.

        False, and nothing written, when the row is known.
        """
        async with self._write() as connection:
            await self._check_fence(connection, account_id, fence)
            if not await self._put_new(connection, ledger_rows, {"account_id": account_id, **values_of(row)}):
                return False
            for entry in made:
                await _post(connection, account_id, entry, row.row_id)
            told = {"row": row.row_id, "kind": row.kind.value, "asset": row.asset}
            events: list[Event] = [("ledger", told)]
            for story in stories_changed:
                await self._put(connection, stories, _story_values(account_id, story))
                events.append(_story_event(story))
            await self._tell(connection, account_id, *events)
            return True

    async def record_opening(self, account_id: AccountId, entry: Entry, *, fence: int | None = None) -> bool:
        """Keep what the account held when its books were opened; False, and nothing written, if that is booked."""
        async with self._write() as connection:
            await self._check_fence(connection, account_id, fence)
            opened = entries.c.account_id == account_id, entries.c.kind == EntryKind.OPENING
            if await connection.scalar(select(entries.c.entry_id).where(*opened).limit(1)) is not None:
                return False
            await _post(connection, account_id, entry)
            await self._tell(connection, account_id, ("ledger", {"kind": entry.kind.value}))
            return True

    async def record_balances(
        self, account_id: AccountId, compared: Sequence[ComparedBalance], *, fence: int | None = None
    ) -> None:
        """Keep the venue's balances as held against the journal, in place of the former ones."""
        async with self._write() as connection:
            await self._check_fence(connection, account_id, fence)
            await connection.execute(delete(balances).where(balances.c.account_id == account_id))
            if compared:
                rows = ({"account_id": account_id, **values_of(each)} for each in compared)
                await self._put(connection, balances, *rows)
            await self._tell(connection, account_id, ("balances", {}))

    async def record_facts(self, account_id: AccountId, facts: Sequence[PositionFacts]) -> None:
        """Keep what the venue says of the open positions."""
        if not facts:
            return
        async with self._write() as connection:
            rows = ({"account_id": account_id, **values_of(each)} for each in facts)
            await self._put(connection, position_facts, *rows)

    async def record_story(self, account_id: AccountId, story: PositionStory, *, fence: int | None = None) -> None:
        """Keep a position's new state."""
        async with self._write() as connection:
            await self._check_fence(connection, account_id, fence)
            await self._put(connection, stories, _story_values(account_id, story))
            await self._tell(connection, account_id, _story_event(story))

    async def record_marks(self, account_id: AccountId, marks: Marks, *, fence: int | None = None) -> None:
        """Keep the engine's account-wide marks: pause, blocks, equity of the day's start and peak."""
        async with self._write() as connection:
            await self._check_fence(connection, account_id, fence)
            await self._set(connection, account_id, marks_json=marks.to_json())
            await self._tell(connection, account_id, ("marks", {"paused": "yes" if marks.paused else "no"}))

    async def record_activity(
        self,
        account_id: AccountId,
        kind: str,
        severity: str,
        message: str,
        *,
        at: datetime,
        pair: Pair | None = None,
    ) -> None:
        """Keep one line for the account's owner, who is told of what does not heal itself.

        `severity` is info, warning or critical.
        """
        async with self._write() as connection:
            await connection.execute(
                insert(activities).values(
                    account_id=account_id, kind=kind, severity=severity, message=message, at=at, pair=pair
                )
            )
            await tell_of_alarm(connection, account_id, kind, Severity(severity), message, at, pair)
            await self._tell(connection, account_id, ("activity", {"kind": kind, "severity": severity}))

    async def record_equity(self, account_id: AccountId, margin: MarginState) -> None:
        """Keep one reading of the account's margin; a second one of the same instant replaces it."""
        async with self._write() as connection:
            values = {"account_id": account_id, **values_of(margin)}
            del values["by_pair"]  # each pair's own margin is read with its position's facts
            await self._put(connection, equity, values)
            await self._tell(connection, account_id, ("equity", {"asset": margin.asset}))

    async def record_status(self, account_id: AccountId, status_json: str, at: datetime) -> None:
        """Keep what the trader says of itself: freshness of its streams, what is blocked and why."""
        async with self._write() as connection:
            await self._set(connection, account_id, status_json=status_json, status_at=at)
            await self._tell(connection, account_id, ("status", {}))

    async def reserve_order_numbers(self, account_id: AccountId, count: int) -> int:
        """The first of `count` order numbers that nobody else gets. Intents keep the counter above their own, too."""
        async with self._write() as connection:
            following = await connection.scalar(
                update(accounts)
                .where(accounts.c.account_id == account_id)
                .values(next_order_number=accounts.c.next_order_number + count)
                .returning(accounts.c.next_order_number)
            )
            if following is None:
                raise ValueError(f"there is no account {account_id}")
            return int(following) - count

    async def _check_fence(self, connection: AsyncConnection, account_id: AccountId, fence: int | None) -> None:
        if fence is not None:
            await self._require_fence(connection, account_id, fence)

    async def _set(self, connection: AsyncConnection, account_id: AccountId, **values: object) -> None:
        await connection.execute(update(accounts).where(accounts.c.account_id == account_id).values(**values))


async def _post(
    connection: AsyncConnection, account_id: AccountId, entry: Entry, row_id: LedgerRowId | None = None
) -> None:
    """Keep the entry with its postings."""
    result = await connection.execute(
        insert(entries)
        .values(
            account_id=account_id,
            kind=entry.kind,
            at=entry.at,
            ref_id=entry.ref_id,
            position_id=entry.position_id,
            pair=entry.pair,
            row_id=row_id,
        )
        .returning(entries.c.entry_id)
    )
    entry_id = int(result.scalar_one())
    rows: list[Mapping[str, Any]] = [
        {"entry_id": entry_id, "number": number, **values_of(posting)} for number, posting in enumerate(entry.postings)
    ]
    if rows:
        await connection.execute(insert(postings), rows)


def _story_values(account_id: AccountId, story: PositionStory) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "position_id": story.position_id,
        "pair": story.pair,
        "opened_at": story.opened_at,
        "closed_at": story.closed_at,
        "story_json": story.to_json(),
    }


def _pnl_of(entry: Entry, fill: Fill) -> Decimal:
    """What a fill realised before fees: its entry credits it to income."""
    quote = fill.pair.quote
    return -entry.amount(Account.PRICE, quote) - entry.amount(Account.LIQUIDATION, quote)


def _story_event(story: PositionStory) -> Event:
    state = "closed" if story.is_closed else "open"
    return "position", {"position": story.position_id, "pair": str(story.pair), "state": state}
