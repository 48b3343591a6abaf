"""What the pages say of a connected key's health: what it may do too much, from where it works, how it is revoked."""

import json
import re
from collections.abc import Iterable

from jarvis.notify import is_public
from jarvis.store.records import TradingAccount
from jarvis.venues.permissions import Outcome

_WORDS = re.compile(r"[0-9A-Fa-f:.]{6,}")
_TROUBLE = frozenset({Outcome.REFUSED.value, Outcome.INCOMPLETE.value})


def trouble_of(account: TradingAccount) -> tuple[str, ...]:
    """Why nothing is opened with the account's key: what to do at the venue; empty when all is well."""
    if not account.is_connected or account.verdict not in _TROUBLE:
        return ()
    advice = json.loads(account.permissions_json or "{}").get("advice", ())
    return ("Nothing is opened with this key, because of what it may do at the venue.", *advice)


def is_bound(account: TradingAccount) -> bool | None:
    """Whether the key works from listed addresses only; None while nobody has asked the venue."""
    noted = json.loads(account.permissions_json or "{}").get("is_bound")
    return noted if isinstance(noted, bool) else None


def outbound_address(said: str, accounts: Iterable[TradingAccount]) -> str:
    """The address that venues see us at: as the operator said, or as a venue named it in a refusal; else empty."""
    if said:
        return said
    told = (word.strip(".:") for account in accounts for word in _WORDS.findall(account.state_reason))
    return next((word for word in told if is_public(word)), "")
