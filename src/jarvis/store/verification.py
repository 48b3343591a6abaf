"""Walking the whole audit: whether every line follows the one before, and whether the signer saw this very chain."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from jarvis.store.audit import AuditSeal
from jarvis.store.chain import FIRST_PREVIOUS, AuditLine, Broken, first_broken
from jarvis.store.db import Store

BATCH = 1000

SealCheck = Callable[[int, bytes, bytes], Awaitable[str]]
"""What a countersignature of (number, hash) is worth: "good", "bad", or "retired" if its key is no longer there."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a walk found. `retired` seals are of a former master key, which nobody can check any more."""

    lines: int
    seals: int
    retired: int
    sealed_up_to: int
    mark: int
    broken: Broken | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken is None


async def verify_audit(store: Store, check_seal: SealCheck, mark: int, progress: Callable[[int], None]) -> AuditReport:
    """Walk the chain from its first line. `mark` is the highest line that the signer ever countersigned.

    `progress` is told after each batch how many lines it had.
    """
    number, previous = 0, FIRST_PREVIOUS
    seals = retired = sealed_up_to = 0
    while True:
        lines = await store.audit_lines(number, limit=BATCH)
        if not lines:
            break
        broken = first_broken(lines, number=number, previous=previous)
        if broken is not None:
            return AuditReport(broken.number - 1, seals, retired, sealed_up_to, mark, broken)
        found = await store.audit_seals(number, lines[-1].number)
        for seal, line in _with_lines(found, lines):
            verdict = await check_seal(line.number, line.hash, seal.seal)
            if verdict == "bad":
                reason = f"the signer's seal of line {line.number} does not fit: the chain up to it was made anew"
                return AuditReport(line.number, seals, retired, sealed_up_to, mark, Broken(line.number, reason))
            seals += 1
            retired += verdict == "retired"
            sealed_up_to = line.number
        number, previous = lines[-1].number, lines[-1].hash
        progress(len(lines))
    return AuditReport(number, seals, retired, sealed_up_to, mark, await _end(store, number, sealed_up_to, mark))


async def unsealable(store: Store, check_seal: SealCheck, mark: int) -> str:
    """Why the chain's head must not be sealed as it is, in words; empty if the last seal is there and fits.

    Without this, a chain that was made anew would be sealed like any other a minute later.
    """
    last = await store.last_seal()
    number = 0 if last is None else last.number
    if number != mark:
        return f"the signer has sealed {mark} lines of the audit, the database knows of {number}"
    if last is None:
        return ""
    line = await store.audit_line(last.number)
    if line is None or await check_seal(line.number, line.hash, last.seal) == "bad":
        return f"line {last.number} of the audit is not the one that the signer sealed"
    return ""


def _with_lines(seals: Iterable[AuditSeal], lines: Iterable[AuditLine]) -> list[tuple[AuditSeal, AuditLine]]:
    by_number = {line.number: line for line in lines}
    return [(seal, by_number[seal.number]) for seal in seals]


async def _end(store: Store, number: int, sealed_up_to: int, mark: int) -> Broken | None:
    """What is missing at the chain's end."""
    beyond = await store.audit_seals(number)
    if number < mark or beyond:
        missing = max(mark, *(seal.number for seal in beyond), number)
        return Broken(number + 1, f"line {number + 1} is missing: the signer has seen {missing} lines")
    if sealed_up_to < mark:
        return Broken(mark, f"the signer's seal of line {mark} is missing: the chain may have been made anew")
    return None
