"""The journal added up, kept beside it: sums per UTC day, and what each position earned.

The journal only grows, so what is new is added to what was kept, whenever somebody asks. Nothing here is a source: a
fold that does not count the entries which the journal has up to the same number is thrown away and made again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, localcontext
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import PositionId
from jarvis.ledger.attribution import Waterfall
from jarvis.ledger.journal import Account, Entry
from jarvis.ledger.statements import DaySum, Part, day_sums, exact_sum
from jarvis.store.queries import QueryStore, journal_of, owned_account, positions_of
from jarvis.store.records import PositionRecord
from jarvis.store.tables import day_sums as day_sum_table
from jarvis.store.tables import entries, folds, position_results, stories

_AT_ONCE = 500  # writers of intents wait meanwhile
_REMEMBERED = 16
_IN_QUESTION = 400  # how many ids are asked for at once
CAUSES = ("price", "slippage", "trading_fee", "opening_fee", "rollover", "liquidation", "adjustment", "interest")
"""Of what a result is made, as columns and as parts of a waterfall."""

_HOLDING = frozenset({Account.EXPOSURE, Account.CONTRA})
_PRECISION = 80


@dataclass(frozen=True, slots=True)
class PositionResult:
    """What one position earned or cost in one asset so far, and when it was closed, or last earned or paid."""

    position_id: PositionId
    pair: Pair
    strategy: str
    at: datetime
    is_open: bool
    waterfall: Waterfall


@dataclass(frozen=True, slots=True)
class _State:
    """What results depend on: how far an account was added up, how often anew, and how many positions have ended."""

    up_to: int
    generation: int
    closed: int


@dataclass(frozen=True, slots=True)
class _Remembered:
    """The results of one account as of a state, by position and asset."""

    state: _State
    results: dict[tuple[PositionId, Asset], PositionResult]

    def still_holds(self, now: _State, changed: Mapping[tuple[PositionId, Asset], PositionResult]) -> bool:
        """Whether all that differs now is `changed`: nothing was added up anew, nothing ended without an entry."""
        ended = {
            position_id
            for (position_id, asset), one in changed.items()
            if not one.is_open
            and ((position_id, asset) not in self.results or self.results[position_id, asset].is_open)
        }
        return now.generation == self.state.generation and now.closed - self.state.closed == len(ended)


_SAME = (stories.c.account_id == position_results.c.account_id) & (
    stories.c.position_id == position_results.c.position_id
)


class FoldStore(QueryStore):
    """Sums that pages ask for, brought up to date before they are read.

    The results of the accounts that were looked at last are remembered: they are many, and few of them change.
    """

    def __init__(self, *opened: Any) -> None:
        super().__init__(*opened)
        self._remembered: dict[AccountId, _Remembered] = {}

    async def day_sums(self, owner_id: UserId, account_id: AccountId, *, until: date | None = None) -> list[DaySum]:
        """What each part did to cash, by UTC day and asset, oldest day first; `until` is the first day left out."""
        await self.fold(owner_id, account_id)
        async with self._read() as connection:
            return await sums_by_day(connection, owned_account(owner_id, account_id), until)

    async def position_results(self, owner_id: UserId, account_id: AccountId) -> Sequence[PositionResult]:
        """What every position earned, by the asset that it was in."""
        await self.fold(owner_id, account_id)
        async with self._read() as connection:
            mine = owned_account(owner_id, account_id)
            state = await _state(connection, mine)
            if state is None:
                return ()
            before = self._remembered.pop(account_id, None)
            changed = await _results(connection, mine, 0 if before is None else before.state.up_to)
            if before is None:
                found = changed
            elif before.still_holds(state, changed):
                found = before.results | changed
            else:
                found = await _results(connection, mine, 0)
        self._remembered[account_id] = _Remembered(state, found)
        if len(self._remembered) > _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        return tuple(found.values())

    async def fold(self, owner_id: UserId, account_id: AccountId) -> None:
        """Add what the journal has gained since the last time; does nothing to a stranger's, and seldom much."""
        while await self._has_more(owner_id, account_id) and await self._fold_some(account_id) == _AT_ONCE:
            pass

    async def unfolded(self, owner_id: UserId, account_id: AccountId) -> int:
        """How many entries of the journal are not added up yet; 0 for a stranger's."""
        async with self._read() as connection:
            mine = owned_account(owner_id, account_id)
            last = await connection.scalar(select(func.max(entries.c.entry_id)).where(entries.c.account_id == mine))
            up_to = await connection.scalar(select(folds.c.up_to).where(folds.c.account_id == mine))
            if last is None or last == up_to:
                return 0
            new = select(func.count()).where(entries.c.account_id == mine, entries.c.entry_id > (up_to or 0))
            return int(await connection.scalar(new) or 0)

    async def fold_some(self, owner_id: UserId, account_id: AccountId) -> int:
        """Add the next entries to the sums; how many there were. Whoever stops in between goes on where it was."""
        return await self._fold_some(account_id) if await self._has_more(owner_id, account_id) else 0

    async def _has_more(self, owner_id: UserId, account_id: AccountId) -> bool:
        async with self._read() as connection:
            mine = owned_account(owner_id, account_id)
            last = await connection.scalar(select(func.max(entries.c.entry_id)).where(entries.c.account_id == mine))
            up_to = await connection.scalar(select(folds.c.up_to).where(folds.c.account_id == mine))
            return last is not None and last != up_to

    async def _fold_some(self, account_id: AccountId) -> int:
        """Add the next entries; how many there were."""
        async with self._write() as connection:
            await self._put_new(
                connection, folds, {"account_id": account_id, "up_to": 0, "entries": 0, "generation": 0}
            )
            kept = (
                await connection.execute(select(folds).where(folds.c.account_id == account_id).with_for_update())
            ).one()
            up_to, count, generation = int(kept.up_to), int(kept.entries), int(kept.generation)
            known = select(func.count()).where(entries.c.account_id == account_id, entries.c.entry_id <= up_to)
            if await connection.scalar(known) != count:
                for table in (day_sum_table, position_results):
                    await connection.execute(delete(table).where(table.c.account_id == account_id))
                up_to, count, generation = 0, 0, generation + 1
            page = (
                select(entries.c.entry_id)
                .where(entries.c.account_id == account_id, entries.c.entry_id > up_to)
                .order_by(entries.c.entry_id)
                .limit(_AT_ONCE)
            )
            numbers = [row.entry_id for row in await connection.execute(page)]
            if not numbers:
                return 0
            found = await journal_of(
                connection, entries.c.account_id == account_id, entries.c.entry_id.between(numbers[0], numbers[-1])
            )
            await self._add_days(connection, account_id, [entry for _, entry in found])
            await self._add_results(connection, account_id, [entry for _, entry in found], numbers[-1])
            values = {
                "account_id": account_id,
                "up_to": numbers[-1],
                "entries": count + len(numbers),
                "generation": generation,
            }
            await self._put(connection, folds, values)
            return len(numbers)

    async def _add_days(self, connection: AsyncConnection, account_id: AccountId, new: Iterable[Entry]) -> None:
        gained = day_sums(new)
        if not gained:
            return
        days = sorted({day.isoformat() for day, _, _ in gained})
        rows = await connection.execute(
            select(day_sum_table).where(
                day_sum_table.c.account_id == account_id, day_sum_table.c.day.between(days[0], days[-1])
            )
        )
        kept = {(date.fromisoformat(row.day), row.part, Asset(row.asset)): row.amount for row in rows}
        await self._put(
            connection,
            day_sum_table,
            *(
                {
                    "account_id": account_id,
                    "day": key[0].isoformat(),
                    "part": key[1],
                    "asset": key[2],
                    "amount": exact_sum((amount, kept.get(key, ZERO))),
                }
                for key, amount in gained.items()
            ),
        )

    async def _add_results(
        self, connection: AsyncConnection, account_id: AccountId, new: Iterable[Entry], up_to: int
    ) -> None:
        """Read again every position that something new was booked for: a late charge changes a closed one, too."""
        changed = sorted({entry.position_id for entry in new if entry.position_id is not None})
        for start in range(0, len(changed), _IN_QUESTION):
            some = changed[start : start + _IN_QUESTION]
            query = select(stories.c.story_json).where(
                stories.c.account_id == account_id, stories.c.position_id.in_(some)
            )
            records = await positions_of(connection, account_id, query)
            values = [line for record in records for line in _values_of(account_id, record, up_to)]
            if values:
                await self._put(connection, position_results, *values)


async def _state(connection: AsyncConnection, account: ColumnElement[Any]) -> _State | None:
    """The account's; None for a stranger's, and before the first entry."""
    query = select(folds.c.up_to, folds.c.generation).where(folds.c.account_id == account)
    fold = (await connection.execute(query)).first()
    if fold is None:
        return None
    ended = select(func.count(stories.c.closed_at)).where(stories.c.account_id == account)
    return _State(int(fold.up_to), int(fold.generation), int(await connection.scalar(ended) or 0))


async def _results(
    connection: AsyncConnection, account: ColumnElement[Any], since: int
) -> dict[tuple[PositionId, Asset], PositionResult]:
    """The results that were read again after entry `since`."""
    query = (
        select(position_results, stories.c.closed_at)
        .join(stories, _SAME)
        .where(position_results.c.account_id == account, position_results.c.up_to > since)
    )
    found = {}
    read = await connection.stream(query.execution_options(yield_per=_IN_QUESTION))
    async for rows in read.partitions(_IN_QUESTION):  # thousands at once would keep everybody else waiting
        for row in rows:
            found[PositionId(row.position_id), Asset(row.asset)] = _result_of(row)
    return found


async def sums_by_day(
    connection: AsyncConnection, account: ColumnElement[Any], until: date | None = None
) -> list[DaySum]:
    """The kept sums of one account, oldest day first."""
    query = select(day_sum_table).where(day_sum_table.c.account_id == account).order_by(day_sum_table.c.day)
    if until is not None:
        query = query.where(day_sum_table.c.day < until.isoformat())
    return [
        DaySum(date.fromisoformat(row.day), Part(row.part), Asset(row.asset), row.amount)
        for row in await connection.execute(query)
    ]


def _result_of(row: Any) -> PositionResult:
    causes = {cause: getattr(row, cause) for cause in CAUSES}
    waterfall = Waterfall(PositionId(row.position_id), Asset(row.asset), **causes)
    return PositionResult(
        PositionId(row.position_id), row.pair, row.strategy, row.closed_at or row.at, row.closed_at is None, waterfall
    )


def _values_of(account_id: AccountId, record: PositionRecord, up_to: int) -> Iterable[Mapping[str, Any]]:
    story = record.story
    last = max((entry.at for entry in record.entries), default=story.opened_at)
    assets = {
        posting.asset for entry in record.entries for posting in entry.postings if posting.account not in _HOLDING
    }
    for asset in sorted({story.pair.quote, *assets}):
        result = record.waterfall_in(asset)
        causes = {cause: getattr(result, cause) for cause in CAUSES}
        if asset == story.pair.quote or any(causes.values()):
            yield {
                "account_id": account_id,
                "position_id": story.position_id,
                "asset": asset,
                "pair": story.pair,
                "strategy": story.strategy,
                "at": last,
                "up_to": up_to,
                **causes,
                "rank": _rank(result.total),
            }


def _rank(total: Decimal) -> float:
    with localcontext(prec=_PRECISION):
        return float(total)
