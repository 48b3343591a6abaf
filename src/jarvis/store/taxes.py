"""An account's books as tax reports and accountants' files are made of them: the journal with its fills, in pages."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, select

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.order import Fill, FillId, PositionId
from jarvis.ledger.journal import Entry, EntryKind
from jarvis.ledger.tax import Books
from jarvis.store.queries import QueryStore, journal_of, owned_account
from jarvis.store.records import TradingAccount
from jarvis.store.rows import record_of
from jarvis.store.tables import entries, fills, stories
from jarvis.trading.stories import PositionStory

_AT_ONCE = 200  # some 15 ms, in which nobody else is served
_END = 2**62


@dataclass(frozen=True, slots=True)
class JournalEnd:
    """How many entries a journal has, and the number of the last of them; it only grows."""

    entries: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class BooksPage:
    """Some entries of a journal with the fills and cost steps that they need, up to entry number `last`."""

    books: Books
    last: int


class TaxStore(QueryStore):
    """Reads for what is handed to others."""

    async def journal_end(self, owner_id: UserId, account_id: AccountId, *, up_to: int = _END) -> JournalEnd:
        """Where the journal ends, or ended when entry `up_to` was the last one."""
        asked = select(func.count(), func.max(entries.c.entry_id)).where(
            entries.c.account_id == owned_account(owner_id, account_id), entries.c.entry_id <= up_to
        )
        async with self._read() as connection:
            count, last = (await connection.execute(asked)).one()
            return JournalEnd(int(count), int(last or 0))

    async def books_page(
        self, account: TradingAccount, name: str, *, after: int = 0, up_to: int = _END
    ) -> BooksPage | None:
        """The next entries after number `after`, none beyond `up_to`; None if there are none."""
        mine = entries.c.account_id == owned_account(account.owner_id, account.account_id)
        asked = (
            select(entries.c.entry_id)
            .where(mine, entries.c.entry_id > after, entries.c.entry_id <= up_to)
            .order_by(entries.c.entry_id)
            .limit(_AT_ONCE)
        )
        async with self._read() as connection:
            numbers = [row.entry_id for row in await connection.execute(asked)]
            if not numbers:
                return None
            found = await journal_of(connection, mine, entries.c.entry_id.between(numbers[0], numbers[-1]))
            filled = [entry for _, entry in found if entry.kind is EntryKind.FILL]
            fill_rows = await connection.execute(
                select(fills).where(
                    fills.c.account_id == account.account_id, fills.c.fill_id.in_({entry.ref_id for entry in filled})
                )
            )
            known = {row.fill_id: record_of(Fill, row) for row in fill_rows}
            story_rows = await connection.execute(
                select(stories.c.story_json).where(
                    stories.c.account_id == account.account_id,
                    stories.c.position_id.in_({entry.position_id for entry in filled}),
                )
            )
            told = [PositionStory.from_json(row.story_json) for row in story_rows]
        steps = {story.position_id: story.position.cost_step for story in told}
        own = [entry for _, entry in found]
        return BooksPage(Books(account.account_id, account.venue, name, own, known, steps), numbers[-1])

    async def tax_books(self, account: TradingAccount, name: str) -> Books:
        """All of an account's books; `name` is how people call it."""
        read: list[Entry] = []
        known: dict[FillId, Fill] = {}
        steps: dict[PositionId, Decimal] = {}
        after = 0
        while (page := await self.books_page(account, name, after=after)) is not None:
            read += page.books.entries
            known |= page.books.fills
            steps |= page.books.cost_steps
            after = page.last
        return Books(account.account_id, account.venue, name, read, known, steps)
