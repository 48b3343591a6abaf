"""The installation's block reaches every trader, when it starts and when it changes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from jarvis.domain.people import AuditEntry
from jarvis.live.gate import AUDIT_MARK, CAUSE, ROLLED_BACK, Gate
from jarvis.store.db import Store
from jarvis.store.errors import StoreUnavailable
from jarvis.trading.events import EngineEvent, EntriesAllowed, EntriesBlocked
from tests.store.samples import ACCOUNT, NOON, TTL, connect


class Listener:
    """A trader that only listens, and the clock that it lives by."""

    def __init__(self) -> None:
        self.heard: list[EngineEvent] = []

    def command(self, event: EngineEvent) -> None:
        self.heard.append(event)

    def now(self) -> datetime:
        return NOON

    def ticks(self) -> AsyncIterator[None]:
        raise NotImplementedError


class Remembering:
    """A signer that remembers one fence, and how far the audit was."""

    def __init__(self, mark: int = 0, audit: int = 0) -> None:
        self.mark = mark
        self.audit = audit

    async def audit_mark(self) -> int:
        return self.audit

    async def fence_mark(self, account_id: str) -> int:
        del account_id
        return self.mark


def noted(kind: str) -> AuditEntry:
    return AuditEntry(kind, datetime.now(UTC), "cli")


async def test_a_trader_that_starts_while_entries_are_blocked_is_told_so(sqlite_store: Store) -> None:
    await sqlite_store.block_entries("restored", noted("entries.blocked"))
    gate, trader = Gate(sqlite_store, Remembering()), Listener()

    await gate.look()
    gate.admit(trader, trader)  # type: ignore[arg-type]

    assert trader.heard == [EntriesBlocked(CAUSE, "restored", NOON)]


async def test_traders_are_told_of_every_change_and_of_nothing_else(sqlite_store: Store) -> None:
    gate, trader = Gate(sqlite_store, Remembering()), Listener()
    await gate.look()
    gate.admit(trader, trader)  # type: ignore[arg-type]
    await gate.look()
    assert trader.heard == []

    await sqlite_store.block_entries("odd", noted("entries.blocked"))
    await gate.look()
    await gate.look()
    await sqlite_store.allow_entries(noted("entries.allowed"))
    await gate.look()

    assert trader.heard == [EntriesBlocked(CAUSE, "odd", NOON), EntriesAllowed(CAUSE, NOON)]


async def test_while_the_store_cannot_be_read_the_block_holds(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sqlite_store.block_entries("odd", noted("entries.blocked"))
    gate, trader = Gate(sqlite_store, Remembering()), Listener()
    await gate.look()
    gate.admit(trader, trader)  # type: ignore[arg-type]

    async def unreadable() -> str:
        raise StoreUnavailable("no disk")

    monkeypatch.setattr(sqlite_store, "entries_blocked", unreadable)
    await gate.look()

    assert trader.heard == [EntriesBlocked(CAUSE, "odd", NOON)]


async def test_a_database_behind_the_signer_blocks_entries_and_its_next_fence_is_good(sqlite_store: Store) -> None:
    await connect(sqlite_store)
    gate = Gate(sqlite_store, Remembering(40))
    fence = await sqlite_store.acquire_lease(ACCOUNT, "worker-1", TTL)
    assert fence == 2

    assert not await gate.is_ahead_of_the_signer(ACCOUNT, fence)

    assert await sqlite_store.entries_blocked() == ROLLED_BACK
    assert [line.kind for line in await sqlite_store.audit_lines()] == ["entries.blocked"]
    fence = await sqlite_store.acquire_lease(ACCOUNT, "worker-1", TTL)
    assert fence == 41
    assert await gate.is_ahead_of_the_signer(ACCOUNT, fence)


@pytest.mark.parametrize("mark", [0, 1])
async def test_a_database_that_the_signer_knows_blocks_nothing(sqlite_store: Store, mark: int) -> None:
    await connect(sqlite_store)
    gate = Gate(sqlite_store, Remembering(mark))

    assert await gate.is_ahead_of_the_signer(ACCOUNT, 2)

    assert await sqlite_store.entries_blocked() == ""


async def test_an_audit_that_ends_before_its_countersignature_blocks_entries(sqlite_store: Store) -> None:
    gate = Gate(sqlite_store, Remembering(audit=7))

    await gate.open()

    assert await sqlite_store.entries_blocked() == ROLLED_BACK


async def test_what_an_operator_has_looked_at_blocks_entries_no_second_time(sqlite_store: Store) -> None:
    await Gate(sqlite_store, Remembering(audit=7)).open()
    looked = AuditEntry("entries.allowed", datetime.now(UTC), "cli", details={AUDIT_MARK: 7})
    await sqlite_store.allow_entries(looked)

    await Gate(sqlite_store, Remembering(audit=7)).open()
    assert await sqlite_store.entries_blocked() == ""

    await Gate(sqlite_store, Remembering(audit=8)).open()
    assert await sqlite_store.entries_blocked() == ROLLED_BACK


async def test_an_audit_as_long_as_the_signer_knows_blocks_nothing(sqlite_store: Store) -> None:
    await sqlite_store.note(noted("session.opened"))

    await Gate(sqlite_store, Remembering(audit=1)).open()

    assert await sqlite_store.entries_blocked() == ""


async def test_a_reason_that_is_there_stays(sqlite_store: Store) -> None:
    await sqlite_store.block_entries("restored", noted("restore.done"))

    await Gate(sqlite_store, Remembering(audit=7)).open()

    assert await sqlite_store.entries_blocked() == "restored"
