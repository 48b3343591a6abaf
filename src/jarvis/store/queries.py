"""What pages and commands ask. Every question takes the owner first; a stranger gets nothing, as if nothing were.

Money is summed in Python, in Decimal: the database only picks the rows.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, LedgerRow, MarginState, UserId
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import ClientOrderId, Fill, Order, PositionId
from jarvis.ledger.journal import Account, Entry, EntryKind, Posting
from jarvis.ledger.performance import EquityPoint
from jarvis.store.accounts import load_accounts
from jarvis.store.database import Database
from jarvis.store.expectations import UNFINISHED
from jarvis.store.records import (
    Activity,
    ComparedBalance,
    JournalLine,
    Overview,
    PositionFacts,
    PositionRecord,
    Residual,
)
from jarvis.store.rows import order_of, record_of
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
from jarvis.trading.state import Marks
from jarvis.trading.stories import PositionStory


class QueryStore(Database):
    """Reads for web and command line."""

    async def overview(self, owner_id: UserId, account_id: AccountId) -> Overview | None:
        """The account now; None for a stranger's."""
        async with self._read() as connection:
            mine = (accounts.c.account_id == account_id) & (accounts.c.owner_id == owner_id)
            found = await load_accounts(connection, mine)
            if not found:
                return None
            kept = (
                await connection.execute(
                    select(accounts.c.marks_json, accounts.c.status_json, accounts.c.status_at).where(mine)
                )
            ).one()
            reading = (
                await connection.execute(
                    select(equity).where(equity.c.account_id == account_id).order_by(equity.c.at.desc()).limit(1)
                )
            ).first()
            return Overview(
                account=found[0],
                marks=Marks() if kept.marks_json is None else Marks.from_json(kept.marks_json),
                margin=None if reading is None else record_of(MarginState, reading, by_pair={}),
                status_json=kept.status_json,
                status_at=kept.status_at,
            )

    async def equity(
        self, owner_id: UserId, account_id: AccountId, *, since: datetime | None = None
    ) -> list[EquityPoint]:
        """The equity curve, oldest first, with what was paid in or out between its points (in the curve's asset)."""
        curve = select(equity.c.at, equity.c.asset, equity.c.equity).where(
            equity.c.account_id == owned_account(owner_id, account_id)
        )
        moved = (
            select(entries.c.at, postings.c.asset, postings.c.amount)
            .join(postings, postings.c.entry_id == entries.c.entry_id)
            .where(
                entries.c.account_id == owned_account(owner_id, account_id),
                entries.c.kind == EntryKind.TRANSFER,
                postings.c.account == Account.TRANSFERS,
            )
            .order_by(entries.c.at)
        )
        if since is not None:
            curve = curve.where(equity.c.at >= since)
            moved = moved.where(entries.c.at >= since)
        async with self._read() as connection:
            points = (await connection.execute(curve.order_by(equity.c.at))).all()
            flows = [(row.at, row.asset, -row.amount) for row in await connection.execute(moved)]
        return with_flows([(row.at, row.asset, row.equity) for row in points], flows)

    async def open_positions(self, owner_id: UserId, account_id: AccountId) -> list[PositionRecord]:
        """The open positions, oldest first."""
        query = _stories(owner_id, account_id).where(stories.c.closed_at.is_(None)).order_by(stories.c.opened_at)
        return await self._positions(account_id, query)

    async def closed_positions(
        self, owner_id: UserId, account_id: AccountId, *, limit: int = 50, before: datetime | None = None
    ) -> list[PositionRecord]:
        """Positions that were closed (before `before`), the latest first."""
        query = _stories(owner_id, account_id).where(stories.c.closed_at.is_not(None))
        if before is not None:
            query = query.where(stories.c.closed_at < before)
        query = query.order_by(stories.c.closed_at.desc(), stories.c.position_id).limit(limit)
        return await self._positions(account_id, query)

    async def position(self, owner_id: UserId, account_id: AccountId, position_id: PositionId) -> PositionRecord | None:
        """One position's whole story."""
        query = _stories(owner_id, account_id).where(stories.c.position_id == position_id)
        found = await self._positions(account_id, query)
        return found[0] if found else None

    async def open_orders(self, owner_id: UserId, account_id: AccountId) -> list[Order]:
        """Orders that may still trade, unknown ones among them, oldest first."""
        query = _orders(owner_id, account_id).where(orders.c.status.in_(UNFINISHED))
        return await self._orders(query.order_by(orders.c.created_at, orders.c.client_order_id))

    async def recent_orders(self, owner_id: UserId, account_id: AccountId, *, limit: int = 50) -> list[Order]:
        """The latest orders of any state, latest first."""
        query = _orders(owner_id, account_id)
        return await self._orders(
            query.order_by(orders.c.created_at.desc(), orders.c.client_order_id.desc()).limit(limit)
        )

    async def order(self, owner_id: UserId, account_id: AccountId, client_order_id: ClientOrderId) -> Order | None:
        """One order."""
        found = await self._orders(_orders(owner_id, account_id).where(orders.c.client_order_id == client_order_id))
        return found[0] if found else None

    async def fills(
        self,
        owner_id: UserId,
        account_id: AccountId,
        *,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> list[Fill]:
        """Fills, foreign ones among them, oldest first; with `limit` the latest of them."""
        query = select(fills).where(fills.c.account_id == owned_account(owner_id, account_id))
        if since is not None:
            query = query.where(fills.c.at >= since)
        query = query.order_by(fills.c.at.desc(), fills.c.fill_id.desc()).limit(limit)
        async with self._read() as connection:
            rows = (await connection.execute(query)).all()
            return [record_of(Fill, row) for row in reversed(rows)]

    async def ledger_rows(
        self, owner_id: UserId, account_id: AccountId, *, since: datetime | None = None
    ) -> list[LedgerRow]:
        """The venue's own ledger as recorded, oldest first."""
        query = select(ledger_rows).where(ledger_rows.c.account_id == owned_account(owner_id, account_id))
        if since is not None:
            query = query.where(ledger_rows.c.at >= since)
        async with self._read() as connection:
            rows = await connection.execute(query.order_by(ledger_rows.c.at, ledger_rows.c.row_id))
            return [record_of(LedgerRow, row) for row in rows]

    async def entries(self, owner_id: UserId, account_id: AccountId) -> list[Entry]:
        """The whole journal, in the order in which it was written."""
        async with self._read() as connection:
            found = await journal_of(connection, entries.c.account_id == owned_account(owner_id, account_id))
            return [entry for _, entry in found]

    async def journal(
        self, owner_id: UserId, account_id: AccountId, *, limit: int = 100, before: int | None = None
    ) -> list[JournalLine]:
        """The journal's latest entries (before the entry `before`), latest first, each with the cash after it."""
        mine = entries.c.account_id == owned_account(owner_id, account_id)
        page = select(entries.c.entry_id).where(mine).order_by(entries.c.entry_id.desc()).limit(limit)
        if before is not None:
            page = page.where(entries.c.entry_id < before)
        async with self._read() as connection:
            numbers = [row.entry_id for row in await connection.execute(page)]
            if not numbers:
                return []
            found = await journal_of(connection, mine, entries.c.entry_id.between(numbers[-1], numbers[0]))
            earlier = await sums_of(connection, mine, entries.c.entry_id < numbers[-1])
        cash = {asset: amount for (account, asset), amount in earlier.items() if account is Account.CASH}
        lines = []
        for entry_id, entry in found:
            for posting in entry.postings:
                if posting.account is Account.CASH:
                    cash[posting.asset] = cash.get(posting.asset, ZERO) + posting.amount
            moved = {posting.asset for posting in entry.postings if posting.account is Account.CASH}
            lines.append(JournalLine(entry_id, entry, {asset: cash[asset] for asset in sorted(moved)}))
        return lines[::-1]

    async def totals(self, owner_id: UserId, account_id: AccountId) -> dict[tuple[Account, Asset], Decimal]:
        """The balance of every journal account in every asset: fees, rollover, what prices earned (a credit)."""
        async with self._read() as connection:
            return await sums_of(connection, entries.c.account_id == owned_account(owner_id, account_id))

    async def residuals(self, owner_id: UserId, account_id: AccountId) -> list[Residual]:
        """Per asset, the journal's cash against the venue's own ledger, and what is still clearing."""
        mine = owned_account(owner_id, account_id)
        async with self._read() as connection:
            sums = await sums_of(connection, entries.c.account_id == mine)
            query = (
                select(ledger_rows)
                .join(
                    entries,
                    (entries.c.account_id == ledger_rows.c.account_id) & (entries.c.row_id == ledger_rows.c.row_id),
                )
                .where(ledger_rows.c.account_id == mine)
                .order_by(ledger_rows.c.at, entries.c.entry_id)
            )
            rows = [record_of(LedgerRow, row) for row in await connection.execute(query)]
            compared = await balances_of(connection, mine)
        if compared:  # fills settle in the wallet: no row of a ledger tells of them
            return [
                Residual(each.asset, each.cash, each.total, clearing=sums.get((Account.CLEARING, each.asset), ZERO))
                for each in compared
            ]
        by_asset: dict[Asset, list[LedgerRow]] = {}
        for row in rows:
            by_asset.setdefault(row.asset, []).append(row)
        assets = set(by_asset) | {asset for (account, asset) in sums if account in (Account.CASH, Account.CLEARING)}
        return [
            Residual(
                asset,
                cash=sums.get((Account.CASH, asset), ZERO),
                at_venue=change_at_venue(by_asset.get(asset, [])),
                clearing=sums.get((Account.CLEARING, asset), ZERO),
            )
            for asset in sorted(assets)
        ]

    async def balances(self, owner_id: UserId, account_id: AccountId) -> list[ComparedBalance]:
        """What the account holds and owes at the venue, as last held against the journal; empty where it is not."""
        async with self._read() as connection:
            return await balances_of(connection, owned_account(owner_id, account_id))

    async def activities(
        self, owner_id: UserId, account_id: AccountId | None = None, *, limit: int = 50, before: int | None = None
    ) -> list[Activity]:
        """What happened on one of the owner's accounts, or on all, latest first; `before` is for the next page."""
        query = (
            select(activities)
            .join(accounts, accounts.c.account_id == activities.c.account_id)
            .where(accounts.c.owner_id == owner_id)
            .order_by(activities.c.activity_id.desc())
            .limit(limit)
        )
        if account_id is not None:
            query = query.where(activities.c.account_id == account_id)
        if before is not None:
            query = query.where(activities.c.activity_id < before)
        async with self._read() as connection:
            return [record_of(Activity, row) for row in await connection.execute(query)]

    async def _orders(self, query: Select[Any]) -> list[Order]:
        async with self._read() as connection:
            return [order_of(row) for row in await connection.execute(query)]

    async def _positions(self, account_id: AccountId, query: Select[Any]) -> list[PositionRecord]:
        async with self._read() as connection:
            return await positions_of(connection, account_id, query)


async def positions_of(connection: AsyncConnection, account_id: AccountId, query: Select[Any]) -> list[PositionRecord]:
    """The positions whose stories `query` picks, in its order, each with all that belongs to it."""
    found = [PositionStory.from_json(row.story_json) for row in await connection.execute(query)]
    ids = [story.position_id for story in found]
    entry_orders = [story.entry_id for story in found]
    orders_found = [
        order_of(row)
        for row in await connection.execute(
            select(orders)
            .where(
                orders.c.account_id == account_id,
                orders.c.position_id.in_(ids) | orders.c.client_order_id.in_(entry_orders),
            )
            .order_by(orders.c.created_at, orders.c.client_order_id)
        )
    ]
    fills_found = (
        await connection.execute(
            select(fills)
            .where(fills.c.account_id == account_id, fills.c.position_id.in_(ids))
            .order_by(fills.c.at, fills.c.fill_id)
        )
    ).all()
    booked: dict[PositionId | None, list[Entry]] = {}
    for _, entry in await journal_of(connection, entries.c.account_id == account_id, entries.c.position_id.in_(ids)):
        booked.setdefault(entry.position_id, []).append(entry)
    facts = {
        row.position_id: record_of(PositionFacts, row)
        for row in await connection.execute(
            select(position_facts).where(
                position_facts.c.account_id == account_id, position_facts.c.position_id.in_(ids)
            )
        )
    }
    filled: dict[PositionId, list[Fill]] = {}
    for row in fills_found:
        filled.setdefault(row.position_id, []).append(record_of(Fill, row))
    of_position = {entry_id: position_id for position_id, entry_id in zip(ids, entry_orders, strict=True)}
    ordered: dict[PositionId | None, list[Order]] = {}
    for order in orders_found:
        named = order.request.position_id
        for position_id in {named, of_position.get(order.client_order_id, named)}:
            ordered.setdefault(position_id, []).append(order)
    return [
        PositionRecord(
            story,
            tuple(ordered.get(story.position_id, ())),
            tuple(filled.get(story.position_id, ())),
            tuple(booked.get(story.position_id, ())),
            facts.get(story.position_id),
        )
        for story in found
    ]


def owned_account(owner_id: UserId, account_id: AccountId) -> ScalarSelect[Any]:
    """The account's id if it is the owner's, else NULL, which equals nothing."""
    return (
        select(accounts.c.account_id)
        .where(accounts.c.account_id == account_id, accounts.c.owner_id == owner_id)
        .scalar_subquery()
    )


def _stories(owner_id: UserId, account_id: AccountId) -> Select[Any]:
    return select(stories.c.story_json).where(stories.c.account_id == owned_account(owner_id, account_id))


def _orders(owner_id: UserId, account_id: AccountId) -> Select[Any]:
    return select(orders).where(orders.c.account_id == owned_account(owner_id, account_id))


async def journal_of(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> list[tuple[int, Entry]]:
    """The entries that fulfil all conditions with their numbers, in the order in which they were written."""
    rows = await connection.execute(
        select(entries, postings.c.account, postings.c.asset, postings.c.amount)
        .outerjoin(postings, postings.c.entry_id == entries.c.entry_id)
        .where(*conditions)
        .order_by(entries.c.entry_id, postings.c.number)
    )
    found: list[tuple[Any, list[Posting]]] = []
    for row in rows:
        if not found or found[-1][0].entry_id != row.entry_id:
            found.append((row, []))
        if row.account is not None:
            found[-1][1].append(Posting(row.account, Asset(row.asset), row.amount))
    return [
        (row.entry_id, Entry(row.kind, row.at, row.ref_id, row.position_id, row.pair, tuple(posted)))
        for row, posted in found
    ]


async def balances_of(connection: AsyncConnection, account: ScalarSelect[Any]) -> list[ComparedBalance]:
    """What an account holds and owes at the venue, as last compared."""
    query = select(balances).where(balances.c.account_id == account).order_by(balances.c.asset)
    return [record_of(ComparedBalance, row) for row in await connection.execute(query)]


async def sums_of(
    connection: AsyncConnection, *conditions: ColumnElement[bool]
) -> dict[tuple[Account, Asset], Decimal]:
    """The balance of every journal account in every asset, over the entries that fulfil all conditions."""
    rows = await connection.execute(
        select(postings.c.account, postings.c.asset, postings.c.amount)
        .join(entries, entries.c.entry_id == postings.c.entry_id)
        .where(*conditions)
    )
    sums: dict[tuple[Account, Asset], Decimal] = {}
    for row in rows:
        key = row.account, Asset(row.asset)
        sums[key] = sums.get(key, ZERO) + row.amount
    return sums


def with_flows(
    points: Sequence[tuple[datetime, str, Decimal]], flows: Iterable[tuple[datetime, str, Decimal]]
) -> list[EquityPoint]:
    """The points, each with the flows since the point before; what came before the first point is no flow."""
    waiting = list(flows)
    curve: list[EquityPoint] = []
    for at, asset, amount in points:
        due = [flow for flow in waiting if flow[0] <= at]
        waiting = waiting[len(due) :]
        flow = sum((moved for _, moved_asset, moved in due if moved_asset == asset), ZERO) if curve else ZERO
        curve.append(EquityPoint(at, amount, flow))
    return curve


def change_at_venue(rows: Sequence[LedgerRow]) -> Decimal:
    """What the venue's balance of one asset did from before its first row to after its last; rows are oldest first.

    Rows of one instant may have come in any order: their balances say which was first and which last. A venue that
    tells no balances with its rows (None) is believed to have changed by what they say.
    """
    if not rows or any(row.balance is None for row in rows):
        return sum((row.change for row in rows), ZERO)
    first = [row for row in rows if row.at == rows[0].at]
    before = [(row.balance or ZERO) - row.change for row in first]
    began = Counter(before) - Counter(row.balance or ZERO for row in first)
    return balance_after(rows) - next(iter(began), before[0])


def balance_after(rows: Sequence[LedgerRow]) -> Decimal:
    """The venue's balance of one asset after the last of `rows`, which are oldest first and all tell it."""
    last = [row for row in rows if row.at == rows[-1].at]
    ended = Counter(row.balance or ZERO for row in last) - Counter((row.balance or ZERO) - row.change for row in last)
    return next(iter(ended), rows[-1].balance or ZERO)
