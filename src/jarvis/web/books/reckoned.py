"""Tax reports that are kept: made once, a little at a time, and added to when the journal grows.

A report of a busy account is seconds of work. It is read in small pages and matched in a thread, so that others are
served meanwhile; its sums are kept for the accounts, the method and the pool, and serve every year. Whether they still
hold is asked of the journal each time: an entry that was written since is added, and where it belongs before others
all of it is made anew. Rows are read anew for each file: kept, they would be in the way of every page.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from jarvis.domain.account import AccountId
from jarvis.ledger.reckoning import Interleaving, OutOfTurnError, Reckoning
from jarvis.ledger.tax import Disposal, Line, Method, Pool
from jarvis.store.db import Store
from jarvis.store.records import TradingAccount
from jarvis.store.taxes import JournalEnd
from jarvis.store.whole import whole
from jarvis.web.jobs import Job

_MOST_KEPT = 24

_in_thread = whole(asyncio.to_thread)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants a report of; `names` is how the accounts are called, by their ids."""

    accounts: tuple[TradingAccount, ...]
    names: Mapping[str, str]
    method: Method
    pool: Pool
    year: int | None

    @property
    def key(self) -> tuple[object, ...]:
        """What one reckoning serves: every year of the same accounts by the same method."""
        return tuple(each.account_id for each in self.accounts), self.method, self.pool


@dataclass(frozen=True, slots=True)
class _Kept:
    """A reckoning of everything up to where the journals ended."""

    ends: tuple[JournalEnd, ...]
    order: Interleaving
    made: Reckoning


_Key = tuple[object, ...]
Taker = Callable[[Sequence[Disposal], Sequence[Line]], None]


class Reckonings:
    """The last reports of this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[_Key, _Kept] = {}
        self._locks: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()

    async def missing(self, asked: Asked) -> int:
        """How many entries have to be read for this report."""
        key = await self._key_of(asked)
        ends = await self._ends(asked)
        kept = self._kept.get(key)
        count = sum(each.entries for each in ends)
        before = 0 if kept is None else sum(each.entries for each in kept.ends)
        return count - before if count >= before else count

    async def get(self, asked: Asked, job: Job | None = None, *, until: float = 1.0) -> Reckoning:
        """The reckoning that knows the year, with everything that is in the journals now.

        It is changed by nobody before the caller awaits something else. A `job` is told of every page, and ends it;
        this is its work up to the fraction `until`.
        """
        made = await self._get(asked.key, asked, None, job, until)
        if made.knows(asked.year):
            return made
        return await self._get((*asked.key, asked.year), asked, asked.year, job, until)

    def forget(self, account_ids: Sequence[AccountId]) -> None:
        """Forget all that was made of any of these accounts."""
        for key in [each for each in self._kept if not set(account_ids).isdisjoint(_accounts_of(each))]:
            del self._kept[key]

    async def _key_of(self, asked: Asked) -> _Key:
        whole_one = self._kept.get(asked.key)
        is_apart = whole_one is not None and not whole_one.made.knows(asked.year)
        return (*asked.key, asked.year) if is_apart else asked.key

    async def _get(self, key: _Key, asked: Asked, year: int | None, job: Job | None, until: float) -> Reckoning:
        async with self._locks.setdefault(key, asyncio.Lock()):
            kept = self._kept.pop(key, None)  # nobody reads what is being changed
            ends = await self._ends(asked)
            if kept is not None and kept.ends != ends and not await self._only_grew(asked, kept.ends):
                kept = None
            if kept is None or kept.ends != ends:
                kept = await self._go_on(kept, asked, year, ends, job, until)
            self._kept[key] = kept
            if len(self._kept) > _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            return kept.made

    async def rows(self, asked: Asked, take: Taker, job: Job | None = None, *, until: float = 1.0) -> None:
        """Hand over every row of the report as it is read, and those of earlier years; `take` is called in a thread."""
        made = Reckoning(asked.method, asked.pool, asked.year)
        await self._added(_begun(asked, made), asked, await self._ends(asked), job, until, take)

    async def _go_on(
        self,
        kept: _Kept | None,
        asked: Asked,
        year: int | None,
        ends: tuple[JournalEnd, ...],
        job: Job | None,
        until: float,
    ) -> _Kept:
        """Add what is new to what was kept; all of it anew where that does not go."""
        if kept is not None:
            try:
                return await self._added(kept, asked, ends, job, until)
            except OutOfTurnError:
                pass
        begun = _begun(asked, Reckoning(asked.method, asked.pool, year))
        return await self._added(begun, asked, ends, job, until)

    async def _added(
        self, kept: _Kept, asked: Asked, ends: tuple[JournalEnd, ...], job: Job | None, until: float,
        take: Taker | None = None,
    ) -> _Kept:  # fmt: skip
        if job is not None:
            new = sum(each.entries for each in ends) - sum(each.entries for each in kept.ends)
            job.begin("Reading the journal and matching what was closed", new, "entries", until=until)
        read = [each.last for each in kept.ends]
        ended = {number for number, each in enumerate(ends) if read[number] >= each.last}
        while (number := kept.order.waits_for(ended)) is not None:
            account = asked.accounts[number]
            name = asked.names[account.account_id]
            page = await self._store.books_page(account, name, after=read[number], up_to=ends[number].last)
            if page is None:
                ended.add(number)
            else:
                kept.order.add(number, page.books)
                read[number] = page.last
                if read[number] >= ends[number].last:
                    ended.add(number)
                if job is not None:
                    job.went(len(page.books.entries))
            await _in_thread(_take, kept, ended, take)
        await _in_thread(_take, kept, ended, take)
        return replace(kept, ends=ends)

    async def _ends(self, asked: Asked) -> tuple[JournalEnd, ...]:
        return tuple([await self._store.journal_end(each.owner_id, each.account_id) for each in asked.accounts])

    async def _only_grew(self, asked: Asked, before: Sequence[JournalEnd]) -> bool:
        """Whether the journals hold, up to where they ended, what they held then: nothing came between or went."""
        for account, end in zip(asked.accounts, before, strict=True):
            now = await self._store.journal_end(account.owner_id, account.account_id, up_to=end.last)
            if now != end:
                return False
        return True


def _take(kept: _Kept, ended: Collection[int], take: Taker | None) -> None:
    """Match what can be matched now."""
    disposals, lines = kept.made.take(kept.order.take(ended))
    if take is not None:
        take(disposals, lines)


def _begun(asked: Asked, made: Reckoning) -> _Kept:
    return _Kept((JournalEnd(),) * len(asked.accounts), Interleaving(len(asked.accounts)), made)


def _accounts_of(key: _Key) -> tuple[AccountId, ...]:
    ids = key[0]
    return ids if isinstance(ids, tuple) else ()
