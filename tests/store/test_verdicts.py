"""What people were answered about their strategies: each one's own, the latest first, not more than are of use."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry
from jarvis.store import verdicts
from jarvis.store.db import Store
from jarvis.store.verdicts import KeptVerdict
from jarvis.trading.judged import Judgement
from tests.store.samples import OWNER, connect

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
FINDINGS = (
    {"name": "look_ahead", "title": "Does it look ahead?", "is_well": True, "words": "No.", "numbers": {"turned": 0}},
    {"name": "luck", "title": "Could it be luck?", "is_well": False, "words": "Few.", "numbers": {"trades": 4}},
)


def verdict(number: int) -> KeptVerdict:
    at = NOW + timedelta(hours=number)
    judged = Judgement(
        f"v{number}", "subject", "okx", frozenset({"BTC", "ETH"}), at, is_well=False, against=("Could it be luck?",)
    )
    return KeptVerdict(judged, OWNER, "breakout", {"values": {"bars": "20"}, "tries": 3}, FINDINGS)


@pytest.fixture(autouse=True)
async def owner(store: Store) -> None:
    """The person whose strategies are asked."""
    await connect(store)


async def keep(store: Store, kept: KeptVerdict) -> None:
    await store.keep_verdict(kept, AuditEntry("verdict.kept", kept.judgement.made_at, "cli", kept.user_id))


async def test_what_was_answered_is_read_as_it_was_kept(store: Store) -> None:
    await keep(store, verdict(1))
    await keep(store, verdict(2))

    found = await store.verdicts_of(OWNER)

    assert [each.judgement for each in found] == [verdict(2).judgement, verdict(1).judgement]
    one = await store.verdict(OWNER, "v1")
    assert one is not None
    assert replace(one, findings=tuple(one.findings)) == verdict(1)
    assert len(await store.audit_of(OWNER, kinds=("verdict.kept",))) == 2


async def test_nobody_else_reads_it(store: Store) -> None:
    await keep(store, verdict(1))

    assert await store.verdict(UserId("somebody"), "v1") is None
    assert await store.verdicts_of(UserId("somebody")) == []


async def test_the_oldest_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "MOST_KEPT", 3)
    for number in range(5):
        await keep(store, verdict(number))

    assert [each.judgement.verdict_id for each in await store.verdicts_of(OWNER)] == ["v4", "v3", "v2"]
