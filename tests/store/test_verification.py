from hashlib import sha256

import pytest
from sqlalchemy import delete, update

from jarvis.domain.people import AuditEntry
from jarvis.live.notifier import seal_head
from jarvis.signer.errors import SignerRefused
from jarvis.signer.records import SealVerdict
from jarvis.store.audit import AuditSeal
from jarvis.store.db import Store
from jarvis.store.people_tables import audit, audit_seals
from jarvis.store.verification import AuditReport, verify_audit
from tests.store.samples import NOON, OWNER


class Signer:
    """Seals as the signer does: with a key that the database does not hold, and a mark that never goes back."""

    def __init__(self) -> None:
        self.mark = 0
        self.retired: set[bytes] = set()
        self.is_down = False

    async def seal_audit(self, number: int, chain_hash: bytes) -> bytes:
        if self.is_down:
            raise ConnectionError
        if number < self.mark:
            raise SignerRefused("stale_audit", "the audit is shorter than it was")
        self.mark = number
        return sha256(b"key" + bytes([number]) + chain_hash).digest()

    async def check_audit_seal(self, number: int, chain_hash: bytes, seal: bytes) -> SealVerdict:
        if seal in self.retired:
            return SealVerdict.RETIRED
        good = seal == sha256(b"key" + bytes([number]) + chain_hash).digest()
        return SealVerdict.GOOD if good else SealVerdict.BAD

    async def audit_mark(self) -> int:
        return self.mark


async def note(store: Store, count: int = 1) -> None:
    for _ in range(count):
        await store.note(AuditEntry("session.opened", NOON, OWNER, OWNER, None, {"address": "203.0.113.9"}))


async def sealed(store: Store, signer: Signer) -> bool:
    return await seal_head(store, signer, lambda: NOON)


async def verified(store: Store, signer: Signer) -> AuditReport:
    async def check(number: int, chain_hash: bytes, seal: bytes) -> str:
        return (await signer.check_audit_seal(number, chain_hash, seal)).value

    return await verify_audit(store, check, signer.mark, lambda _: None)


async def made_anew(store: Store) -> None:
    """What somebody could do who can write the database: other lines, a chain that holds, no seals."""
    async with store._write() as connection:
        count = len((await connection.execute(audit.select())).all())
        await connection.execute(delete(audit))
        await connection.execute(delete(audit_seals))
    for _ in range(count):
        await store.note(AuditEntry("session.opened", NOON, "nobody"))


async def test_a_sealed_chain_holds(store: Store) -> None:
    signer = Signer()
    assert not await sealed(store, signer)
    await note(store, 3)
    assert await sealed(store, signer)
    assert not await sealed(store, signer)
    await note(store, 2)
    assert await sealed(store, signer)
    await note(store)

    report = await verified(store, signer)

    assert report == AuditReport(6, 2, 0, 5, 5)
    assert report.holds


async def test_an_empty_audit_holds(store: Store) -> None:
    assert (await verified(store, Signer())).holds


async def test_a_changed_line_is_named(store: Store) -> None:
    signer = Signer()
    await note(store, 4)
    async with store._write() as connection:
        await connection.execute(update(audit).where(audit.c.audit_id == 3).values(kind="session.ended"))

    report = await verified(store, signer)

    assert report.broken is not None
    assert report.broken.number == 3


async def test_a_cut_end_is_found_by_the_signers_mark(store: Store) -> None:
    signer = Signer()
    await note(store, 4)
    await sealed(store, signer)
    async with store._write() as connection:
        await connection.execute(delete(audit).where(audit.c.audit_id > 2))
        await connection.execute(delete(audit_seals))

    report = await verified(store, signer)

    assert report.broken is not None
    assert report.broken.number == 3
    assert "the signer has seen 4" in report.broken.reason


async def test_a_chain_made_anew_holds_by_itself_and_fails_at_its_seals(store: Store) -> None:
    signer = Signer()
    await note(store, 3)
    await sealed(store, signer)
    await made_anew(store)

    missing = await verified(store, signer)
    await store.keep_seal(AuditSeal(3, NOON, b"x" * 32))
    forged = await verified(store, signer)

    assert missing.broken is not None
    assert "seal of line 3 is missing" in missing.broken.reason
    assert forged.broken is not None
    assert "does not fit" in forged.broken.reason


async def test_a_chain_made_anew_is_never_sealed_by_itself(store: Store) -> None:
    signer = Signer()
    await note(store, 3)
    await sealed(store, signer)
    await made_anew(store)
    await note(store, 2)

    assert not await sealed(store, signer)
    assert signer.mark == 3

    assert await seal_head(store, signer, lambda: NOON, anew=True)
    assert signer.mark == 5


async def test_lines_before_the_last_seal_cannot_be_changed_and_sealed_again(store: Store) -> None:
    signer = Signer()
    await note(store, 3)
    await sealed(store, signer)
    async with store._write() as connection:
        await connection.execute(update(audit).where(audit.c.audit_id == 3).values(hash=b"y" * 32))
    await note(store)

    assert not await sealed(store, signer)


async def test_a_seal_under_a_former_master_key_is_counted_and_not_doubted(store: Store) -> None:
    signer = Signer()
    await note(store, 2)
    await sealed(store, signer)
    signer.retired = {seal.seal for seal in await store.audit_seals()}
    await note(store)
    assert await sealed(store, signer)

    report = await verified(store, signer)

    assert report == AuditReport(3, 2, 1, 3, 3)


async def test_a_signer_that_cannot_seal_is_asked_again(store: Store) -> None:
    signer = Signer()
    await note(store)
    signer.is_down = True
    assert not await sealed(store, signer)

    signer.is_down = False
    assert await sealed(store, signer)


@pytest.mark.parametrize("count", [1, 7])
async def test_the_walk_goes_in_batches(store: Store, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jarvis.store.verification.BATCH", 3)
    signer = Signer()
    told: list[int] = []
    await note(store, count)
    await sealed(store, signer)

    async def check(number: int, chain_hash: bytes, seal: bytes) -> str:
        return (await signer.check_audit_seal(number, chain_hash, seal)).value

    report = await verify_audit(store, check, signer.mark, told.append)

    assert (report.lines, report.seals, sum(told)) == (count, 1, count)
