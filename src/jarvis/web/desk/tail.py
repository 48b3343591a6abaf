"""Reading on in the outbox, for whoever tells a browser or a script what changed: nothing lost, nothing twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jarvis.domain.account import AccountId, UserId
from jarvis.store.db import Store
from jarvis.store.records import OutboxEvent, TradingAccount

PAGE = 500
"""How many events are read at once."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What one stream tells of: accounts by their owner."""

    accounts: Mapping[UserId, frozenset[AccountId]]

    @classmethod
    def of(cls, accounts: Iterable[TradingAccount]) -> "Followed":
        """These accounts."""
        found: dict[UserId, frozenset[AccountId]] = {}
        for account in accounts:
            found[account.owner_id] = found.get(account.owner_id, frozenset()) | {account.account_id}
        return cls(found)


async def read_on(store: Store, followed: Followed, after: int) -> tuple[list[OutboxEvent], int]:
    """What came after `after`, in order, and up to where that is complete.

    That goes past what belongs to others, so that an id never stands still. A full page of one owner ends all others
    there. Owners are read one after another, so where there are several nothing counts that came while they
    were: it would hide what another's page was read too early for.
    """
    newest = await store.last_event_id()
    pages = [await store.tail_outbox(owner, after, limit=PAGE) for owner in followed.accounts]
    full = [page[-1].event_id for page in pages if len(page) == PAGE]
    if len(pages) == 1 and pages[0] and not full:
        newest = max(newest, pages[0][-1].event_id)
    until = max(after, min([newest, *full]) if len(pages) != 1 else min(full, default=newest))
    mine = frozenset[AccountId]().union(*followed.accounts.values())
    found = [each for page in pages for each in page if each.event_id <= until and each.account_id in mine]
    return sorted(found, key=lambda event: event.event_id), until
