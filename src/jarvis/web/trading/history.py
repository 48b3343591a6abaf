"""What was changed of an account's rules, when and by whom: read from the audit, which cannot be changed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from jarvis.store.db import Store
from jarvis.store.records import TradingAccount
from jarvis.web.trading.following import Difference
from jarvis.web.wording import actor_words

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the audit as a change: per part of it what was before and after; empty if that was not noted."""

    at: datetime
    by: str
    parts: tuple[tuple[str, tuple[Difference, ...]], ...]


async def changes_of(
    store: Store,
    account: TradingAccount,
    kind: str,
    read: Callable[[dict[str, str]], list[tuple[str, tuple[Difference, ...]]]],
) -> list[Change]:
    """The latest changes of one kind, newest first; `read` says what the details of a line mean."""
    lines = await store.audit_of(account.owner_id, kinds=(kind,), account_id=account.account_id, limit=SHOWN)
    found = []
    for line in lines:
        details = {name: str(value) for name, value in (line.details or {}).items() if value is not None}
        by = "a script" if "token" in details else actor_words(line.actor, account.owner_id)
        found.append(Change(line.at, by, tuple(read(details))))
    return found
