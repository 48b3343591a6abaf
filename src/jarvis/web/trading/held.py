"""What the open positions of an account take of its limits."""

from jarvis.store.db import Store
from jarvis.store.records import TradingAccount
from jarvis.trading.usage import Taken, taken_by


async def held_by(store: Store, account: TradingAccount) -> list[Taken]:
    """One for each open position; its margin is what the venue said of it last, where it said something."""
    records = await store.open_positions(account.owner_id, account.account_id)
    return [
        taken_by(each.story, each.facts.used_margin if each.facts else None)
        for each in records
        if not each.story.position.is_flat
    ]
