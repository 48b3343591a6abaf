"""What statements need beside the journal's sums: equity at an instant, and the venue's own ledger of a period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, LedgerRow, UserId
from jarvis.domain.money import Asset
from jarvis.ledger.statements import Part, exact_sum
from jarvis.store.folding import sums_by_day
from jarvis.store.listing import ListingStore
from jarvis.store.queries import balance_after, balances_of, change_at_venue, owned_account
from jarvis.store.records import Residual
from jarvis.store.rows import record_of
from jarvis.store.tables import equity, ledger_rows


@dataclass(frozen=True, slots=True)
class EquityReading:
    """What an account was worth, as the venue said at `at`."""

    at: datetime
    asset: Asset
    equity: Decimal


class StatingStore(ListingStore):
    """Reads for statements."""

    async def equity_before(
        self, owner_id: UserId, account_id: AccountId, instants: Sequence[datetime]
    ) -> list[EquityReading | None]:
        """The last reading before each of the instants; None where there was none yet."""
        mine = equity.c.account_id == owned_account(owner_id, account_id)
        found: list[EquityReading | None] = []
        async with self._read() as connection:
            for instant in instants:
                row = (
                    await connection.execute(
                        select(equity.c.at, equity.c.asset, equity.c.equity)
                        .where(mine, equity.c.at < instant)
                        .order_by(equity.c.at.desc())
                        .limit(1)
                    )
                ).first()
                found.append(None if row is None else EquityReading(row.at, Asset(row.asset), row.equity))
        return found

    async def residuals_between(
        self, owner_id: UserId, account_id: AccountId, start: datetime, end: datetime
    ) -> list[Residual]:
        """Per asset, what the journal says that cash changed in [start, end) against the venue's own ledger.

        Both are the first instants of UTC days. `at_venue` counts from the venue's balance before the period, so that
        no row can be lost between two. Where fills settle in the wallet there are balances instead, as last compared:
        they stand in the period in which that was, and are in no other.
        """
        await self.fold(owner_id, account_id)
        mine = owned_account(owner_id, account_id)
        async with self._read() as connection:
            compared = await balances_of(connection, mine)
            sums = await sums_by_day(connection, mine, end.date())
            cash: dict[Asset, list[Decimal]] = {}
            clearing: dict[Asset, list[Decimal]] = {}
            for one in sums:
                if one.part is Part.CLEARING:
                    clearing.setdefault(one.asset, []).append(-one.amount)
                if one.day >= start.date() and one.part is not Part.OPENING:
                    cash.setdefault(one.asset, []).append(one.amount)
            if compared:
                return [
                    Residual(each.asset, each.cash, each.total, exact_sum(clearing.get(each.asset, ())))
                    for each in compared
                    if start <= each.at < end
                ]
            if any(one.part is Part.HELD for one in sums):
                return []  # fills settle in the wallet, and no balance was compared yet
            by_asset = await _rows_by_asset(connection, mine, start, end)
            return [
                Residual(
                    asset,
                    cash=exact_sum(cash.get(asset, ())),
                    at_venue=await _change(connection, mine, asset, by_asset.get(asset, []), start),
                    clearing=exact_sum(clearing.get(asset, ())),
                )
                for asset in sorted({*by_asset, *cash})
            ]


async def _rows_by_asset(
    connection: AsyncConnection, mine: ScalarSelect[Any], start: datetime, end: datetime
) -> dict[Asset, list[LedgerRow]]:
    query = (
        select(ledger_rows)
        .where(ledger_rows.c.account_id == mine, ledger_rows.c.at >= start, ledger_rows.c.at < end)
        .order_by(ledger_rows.c.at, ledger_rows.c.row_id)
    )
    by_asset: dict[Asset, list[LedgerRow]] = {}
    for row in await connection.execute(query):
        by_asset.setdefault(Asset(row.asset), []).append(record_of(LedgerRow, row))
    return by_asset


async def _change(
    connection: AsyncConnection, mine: ScalarSelect[Any], asset: Asset, rows: Sequence[LedgerRow], start: datetime
) -> Decimal:
    """What the venue's balance did from before the period to after its last row."""
    if not rows or any(row.balance is None for row in rows):
        return change_at_venue(rows)
    before = (ledger_rows.c.account_id == mine) & (ledger_rows.c.asset == asset) & (ledger_rows.c.at < start)
    last = select(ledger_rows.c.at).where(before).order_by(ledger_rows.c.at.desc()).limit(1).scalar_subquery()
    condition: ColumnElement[bool] = before & (ledger_rows.c.at == last)
    query = select(ledger_rows).where(condition).order_by(ledger_rows.c.row_id)
    previous = [record_of(LedgerRow, row) for row in await connection.execute(query)]
    if not previous or any(row.balance is None for row in previous):
        return change_at_venue(rows)
    return balance_after(rows) - balance_after(previous)
