"""The installation's own block on entries: told to every trader when it starts, and whenever it changes.

An operator sets and lifts it (`jarvis entries`), a restore sets it, and so does a database that is older than what
the signer remembers: somebody put a former copy in its place. Exits and reconciliation go on.
"""

import asyncio
from datetime import UTC, datetime
from typing import Protocol
from weakref import WeakKeyDictionary

import structlog

from jarvis.domain.account import AccountId
from jarvis.domain.clock import Clock
from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from jarvis.store.errors import StoreError
from jarvis.trading.events import EngineEvent, EntriesAllowed, EntriesBlocked

log = structlog.get_logger()

CAUSE = "installation"
LOOK_EVERY_SECONDS = 2.0
AUDIT_MARK = "audit_mark"
"""Which detail of an audit's line says how far the audit once was."""
ROLLED_BACK = (
    "the database is older than what was signed since: a former copy was put in its place. "
    "Check the accounts at their venues, then run `jarvis entries allow`"
)


class Told(Protocol):
    """A trader, as far as the gate knows one."""

    def command(self, event: EngineEvent) -> None:
        """Take the event before the next step."""


class Remembers(Protocol):
    """The signer, as far as the gate knows it."""

    async def fence_mark(self, account_id: str) -> int:
        """The highest fence that anything was signed under."""

    async def audit_mark(self) -> int:
        """The highest line of the audit that was ever countersigned."""


class Gate:
    """Whether anything may be opened here. While the store cannot be read, what it last said holds."""

    def __init__(self, store: Store, signer: "Remembers") -> None:
        self._store = store
        self._signer = signer
        self._reason = ""
        self._traders: WeakKeyDictionary[Told, Clock] = WeakKeyDictionary()

    async def open(self) -> None:
        """Look for the first time: the audit may also show that the database is an old copy.

        An operator who has allowed entries since, or a restore, knew of it: their line says how far the audit was.
        """
        mark = await self._signer.audit_mark()
        _, head = await self._store.audit_counts()
        if head < mark and not await self._is_known(mark) and not await self._store.entries_blocked():
            await self._block(f"line {mark} of the audit was countersigned, and the database ends at line {head}")
        await self.look()

    async def _is_known(self, mark: int) -> bool:
        """Whether somebody has looked at a database whose audit ends before `mark`."""
        lines = await self._store.audit_of(kinds=["entries.allowed", "restore.done"], limit=1)
        known = (lines[0].details or {}).get(AUDIT_MARK) if lines else None
        return isinstance(known, int) and known >= mark

    async def look(self) -> None:
        """Read the store, and tell every trader if something has changed."""
        try:
            reason = await self._store.entries_blocked()
        except StoreError as error:
            log.warning("installation_not_read", reason=str(error))
            return
        if reason != self._reason:
            log.warning("entries_blocked" if reason else "entries_allowed", reason=reason or self._reason)
            self._reason = reason
            for trader, clock in list(self._traders.items()):
                self._tell(trader, clock)

    async def follow(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            await self.look()

    async def is_ahead_of_the_signer(self, account_id: AccountId, fence: int) -> bool:
        """Whether a new fence is higher than all that was ever signed under.

        If not, the database is older than that signature: entries are blocked, and the fences lifted, so that the
        next one is.
        """
        mark = await self._signer.fence_mark(account_id)
        if fence > mark:
            return True
        await self._store.raise_fence(account_id, mark)
        await self._block(f"account {account_id} was served under fence {mark} before, and the database knew of less")
        return False

    async def _block(self, evidence: str) -> None:
        """Block entries because the database is an old copy."""
        log.error("database_is_older_than_the_signer", evidence=evidence)
        at = datetime.now(UTC)
        noted = AuditEntry("entries.blocked", at, "worker", details={"reason": "rolled_back", "evidence": evidence})
        await self._store.block_entries(ROLLED_BACK, noted)
        await self.look()

    def admit(self, trader: Told, clock: Clock) -> None:
        """Tell a new trader how things stand, and from now on every change for as long as it lives."""
        self._traders[trader] = clock
        if self._reason:
            self._tell(trader, clock)

    def _tell(self, trader: Told, clock: Clock) -> None:
        now = clock.now()
        reason = self._reason
        trader.command(EntriesBlocked(CAUSE, reason, now) if reason else EntriesAllowed(CAUSE, now))
