"""What the desk asks beside the records themselves: few rows out of many. Every question takes the owner first.

A year of equity is half a million readings, of which a curve shows some hundreds: they are looked up one by one over
the index, so that the answer takes as long for a year as for a day.
"""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import column, func, select, values

from jarvis.domain.account import AccountId, UserId, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.ledger.journal import Account, EntryKind
from jarvis.ledger.performance import EquityPoint
from jarvis.store.columns import UtcDateTime
from jarvis.store.database import Database
from jarvis.store.expectations import UNFINISHED
from jarvis.store.queries import owned_account, sums_of, with_flows
from jarvis.store.tables import bars, entries, equity, ledger_rows, orders, postings
from jarvis.trading.ranges import MinuteRange

_MINUTE = timedelta(minutes=1)


class DeskStore(Database):
    """Reads for the desk."""

    async def count_open_orders(self, owner_id: UserId, account_id: AccountId) -> int:
        """How many orders may still trade, unknown ones among them."""
        query = (
            select(func.count())
            .select_from(orders)
            .where(orders.c.account_id == owned_account(owner_id, account_id), orders.c.status.in_(UNFINISHED))
        )
        async with self._read() as connection:
            return int(await connection.scalar(query) or 0)

    async def equity_curve(
        self, owner_id: UserId, account_id: AccountId, *, points: int, since: datetime | None = None
    ) -> list[EquityPoint]:
        """At most `points` readings, evenly over time, the first and the last among them; flows as in `equity`."""
        mine = equity.c.account_id == owned_account(owner_id, account_id)
        span = select(func.min(equity.c.at), func.max(equity.c.at)).where(mine)
        if since is not None:
            span = span.where(equity.c.at >= since)
        async with self._read() as connection:
            first, last = (await connection.execute(span)).one()
            if first is None:
                return []
            step = (last - first) / max(1, points - 1)
            wanted = values(column("at", UtcDateTime), name="wanted").data(
                [(first + step * number,) for number in range(points - 1)] + [(last,)]
            )
            asked = wanted.cte("wanted")
            nearest = select(func.max(equity.c.at)).where(mine, equity.c.at <= asked.c.at).scalar_subquery()
            found = {row[0] for row in await connection.execute(select(nearest).select_from(asked))}
            curve = select(equity.c.at, equity.c.asset, equity.c.equity).where(mine, equity.c.at.in_(found))
            rows = (await connection.execute(curve.order_by(equity.c.at))).all()
            moved = (
                select(entries.c.at, postings.c.asset, postings.c.amount)
                .join(postings, postings.c.entry_id == entries.c.entry_id)
                .where(
                    entries.c.account_id == owned_account(owner_id, account_id),
                    entries.c.kind == EntryKind.TRANSFER,
                    postings.c.account == Account.TRANSFERS,
                    entries.c.at >= first,
                )
                .order_by(entries.c.at)
            )
            flows = [(row.at, row.asset, -row.amount) for row in await connection.execute(moved)]
        return with_flows([(row.at, row.asset, row.equity) for row in rows], flows)

    async def totals_since(
        self, owner_id: UserId, account_id: AccountId, since: datetime
    ) -> dict[tuple[Account, Asset], Decimal]:
        """As `totals`, of what was booked from `since` on: small where that is this morning."""
        mine = entries.c.account_id == owned_account(owner_id, account_id)
        async with self._read() as connection:
            return await sums_of(connection, mine, entries.c.at >= since)

    async def told_balance(self, owner_id: UserId, account_id: AccountId, asset: Asset) -> Decimal | None:
        """The venue's own balance of an asset after its latest ledger row; None where no row told one.

        Rows of one instant may have come in any order: the last is the one whose balance no other of them began with.
        """
        mine = (
            ledger_rows.c.account_id == owned_account(owner_id, account_id),
            ledger_rows.c.asset == asset,
            ledger_rows.c.balance.is_not(None),
        )
        latest = select(func.max(ledger_rows.c.at)).where(*mine).scalar_subquery()
        query = select(ledger_rows.c.balance, ledger_rows.c.amount, ledger_rows.c.fee).where(
            *mine, ledger_rows.c.at == latest
        )
        async with self._read() as connection:
            rows = (await connection.execute(query)).all()
        began = Counter(row.balance - row.amount + row.fee for row in rows)
        ended = Counter[Decimal](row.balance for row in rows) - began
        return next(iter(ended), rows[-1].balance if rows else None)

    async def minute_ranges(self, venue: VenueName, pair: Pair, since: datetime, before: datetime) -> list[MinuteRange]:
        """What the one-minute candles of [since, before) reached and closed at, oldest first."""
        query = (
            select(bars.c.opened_at, bars.c.high, bars.c.low, bars.c.close)
            .where(
                bars.c.venue == venue,
                bars.c.pair == pair,
                bars.c.interval == _MINUTE,
                bars.c.opened_at >= since,
                bars.c.opened_at < before,
            )
            .order_by(bars.c.opened_at)
        )
        async with self._read() as connection:
            return [MinuteRange(*row) for row in await connection.execute(query)]
