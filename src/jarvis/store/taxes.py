"""An account's books as tax reports and accountants' files are made of them: the whole journal with its fills."""

from sqlalchemy import select

from jarvis.ledger.tax import Books
from jarvis.store.queries import QueryStore, owned_account
from jarvis.store.records import TradingAccount
from jarvis.store.tables import stories
from jarvis.trading.stories import PositionStory


class TaxStore(QueryStore):
    """Reads for what is handed to others."""

    async def tax_books(self, account: TradingAccount, name: str) -> Books:
        """All of an account's books; `name` is how people call it."""
        owner_id, account_id = account.owner_id, account.account_id
        async with self._read() as connection:
            kept = select(stories.c.story_json).where(stories.c.account_id == owned_account(owner_id, account_id))
            found = [PositionStory.from_json(row.story_json) for row in await connection.execute(kept)]
        return Books(
            account_id,
            account.venue,
            name,
            await self.entries(owner_id, account_id),
            {fill.fill_id: fill for fill in await self.fills(owner_id, account_id)},
            {story.position_id: story.position.cost_step for story in found},
        )
