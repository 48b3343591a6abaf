"""The audit's chain: what its hashes cover, byte by byte, and where a chain is broken. Pure.

    digest = SHA-256(salt, details as JSON: sorted names, no spaces, ASCII)
    hash   = SHA-256(name of this format, previous hash, number, at, kind, actor, user id, account id, digest)

Every field of a hash stands behind its length, and an absent one has a mark of its own, so that no two lines make the
same bytes. A hash covers the digest and not the details: those can be taken away with their salt, and the chain holds.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.people import AuditEntry

Details = Mapping[str, str | int | bool | None]

FIRST_PREVIOUS = bytes(32)
"""What the first line follows."""

_FORMAT = b"jarvis audit 1"
_ABSENT = b"\xff\xff\xff\xff"


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line as it is kept. `salt` and `details_json` are None once the details were taken away."""

    number: int
    at: datetime
    kind: str
    actor: str
    user_id: UserId | None
    account_id: AccountId | None
    salt: bytes | None
    details_json: str | None
    digest: bytes
    hash: bytes

    @property
    def details(self) -> Details | None:
        """What was noted beside; None once it was taken away."""
        if self.details_json is None:
            return None
        found: dict[str, str | int | bool | None] = json.loads(self.details_json)
        return found


@dataclass(frozen=True, slots=True)
class Broken:
    """The first line at which a chain does not hold, and why."""

    number: int
    reason: str


def line_of(entry: AuditEntry, *, number: int, previous: bytes, salt: bytes) -> AuditLine:
    """The line that `entry` becomes as number `number`, after the line whose hash is `previous`."""
    details_json = json.dumps(dict(entry.details), sort_keys=True, separators=(",", ":"), allow_nan=False)
    digest = digest_of(salt, details_json)
    return AuditLine(
        number,
        entry.at.astimezone(UTC),
        entry.kind,
        entry.actor,
        entry.user_id,
        entry.account_id,
        salt,
        details_json,
        digest,
        _hash(previous, number, entry, digest),
    )


def digest_of(salt: bytes, details_json: str) -> bytes:
    """What a line's hash covers of its details."""
    return sha256(_field(salt) + _field(details_json.encode())).digest()


def hash_of(line: AuditLine, previous: bytes) -> bytes:
    """The hash that a line has if it follows the line whose hash is `previous`."""
    entry = AuditEntry(line.kind, line.at, line.actor, line.user_id, line.account_id)
    return _hash(previous, line.number, entry, line.digest)


def first_broken(lines: Iterable[AuditLine], *, number: int, previous: bytes) -> Broken | None:
    """Where the lines after number `number` (whose hash is `previous`) do not follow; None if all do."""
    for line in lines:
        number += 1
        if line.number != number:
            return Broken(number, f"line {number} is missing: line {line.number} comes instead")
        if hash_of(line, previous) != line.hash:
            return Broken(number, f"line {number} was changed, or does not follow the line before it")
        if (line.salt is None) != (line.details_json is None):
            return Broken(number, f"line {number} has lost one half of its details")
        if (
            line.salt is not None
            and line.details_json is not None
            and digest_of(line.salt, line.details_json) != line.digest
        ):
            return Broken(number, f"the details of line {number} were changed")
        previous = line.hash
    return None


def _hash(previous: bytes, number: int, entry: AuditEntry, digest: bytes) -> bytes:
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = [
        _FORMAT,
        previous,
        number.to_bytes(8),
        at.encode(),
        entry.kind.encode(),
        entry.actor.encode(),
        None if entry.user_id is None else entry.user_id.encode(),
        None if entry.account_id is None else entry.account_id.encode(),
        digest,
    ]
    return sha256(b"".join(map(_field, fields))).digest()


def _field(value: bytes | None) -> bytes:
    return _ABSENT if value is None else len(value).to_bytes(4) + value
