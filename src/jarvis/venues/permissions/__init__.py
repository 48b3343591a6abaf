"""What a key may do, judged: which boxes to untick or tick at the venue before Jarvis takes it, and what risk stays.

Fails closed: a permission that is not in the table of its venue is refused by name. Pure; knows no wire.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from jarvis.domain.account import KeyPermissions, VenueName
from jarvis.venues.permissions import binance, bybit, kraken, okx
from jarvis.venues.permissions.boxes import Box, Need, PermissionTable

__all__ = ["TABLES", "Need", "Outcome", "PermissionRow", "Verdict", "judge"]

_EXPIRY_WARNING = timedelta(days=14)


class Outcome(Enum):
    """What becomes of a key. Nothing of a refused or incomplete one is stored."""

    REFUSED = "refused"
    INCOMPLETE = "incomplete"
    ACCEPTED_WITH_RISK = "accepted_with_risk"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class PermissionRow:
    """One box of the venue's form. `label` is what stands beside the box; `advice` is empty when all is well."""

    name: str
    label: str
    needed: Need
    granted: bool
    reason: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole answer: one row per box, and the risks that stay although the key is taken, in plain words.

    `ends_soon` is the one among them that a person must act on by a day: the key is about to die. `is_bound`: the key
    works from listed addresses only.
    """

    outcome: Outcome
    rows: tuple[PermissionRow, ...]
    risks: tuple[str, ...] = ()
    expires_at: datetime | None = None
    ends_soon: str = ""
    is_bound: bool = False

    def told(self) -> dict[str, object]:
        """What is kept of it, as JSON has it."""
        return {
            "granted": [row.name for row in self.rows if row.granted],
            "risks": list(self.risks),
            "is_bound": self.is_bound,
            "advice": list(self.advice) if self.outcome in (Outcome.REFUSED, Outcome.INCOMPLETE) else [],
            "expires_at": None if self.expires_at is None else self.expires_at.isoformat(),
        }

    @property
    def forbidden(self) -> tuple[PermissionRow, ...]:
        """What the key may do and must not."""
        return tuple(row for row in self.rows if row.granted and row.needed is Need.FORBIDDEN)

    @property
    def advice(self) -> tuple[str, ...]:
        """What the person has to do at the venue, one line per box."""
        return tuple(row.advice for row in self.rows if row.advice)


TABLES: Mapping[VenueName, PermissionTable] = {
    VenueName("kraken"): kraken.TABLE,
    VenueName("binance"): binance.TABLE,
    VenueName("okx"): okx.TABLE,
    VenueName("bybit"): bybit.TABLE,
}
"""One line per venue."""


def judge(venue: VenueName, permissions: KeyPermissions, now: datetime) -> Verdict:
    """The verdict on what the venue says that a key may do. Raises KeyError for a venue without a table."""
    table = TABLES[venue]
    granted = table.read(permissions.granted)
    rows = [_row(box, granted=box.name in granted) for box in table.boxes]
    rows += [_unknown_row(name) for name in sorted(granted - {box.name for box in table.boxes})]
    risks = (
        *_risks_of_boxes(table, granted),
        *table.standing_risks,
        *table.more_risks(permissions),
        *_risks_of_key(table, permissions, now),
    )
    expired = permissions.expires_at is not None and permissions.expires_at <= now
    if expired or any(row.granted and row.needed is Need.FORBIDDEN for row in rows):
        outcome = Outcome.REFUSED
    elif any(not row.granted and row.needed is Need.REQUIRED for row in rows):
        outcome = Outcome.INCOMPLETE
    else:
        outcome = Outcome.ACCEPTED_WITH_RISK if risks else Outcome.ACCEPTED
    is_bound = bool(permissions.ip_allowlist) or permissions.is_ip_restricted
    return Verdict(outcome, tuple(rows), risks, permissions.expires_at, _ends_soon(permissions, now), is_bound)


def _row(box: Box, *, granted: bool) -> PermissionRow:
    advice = ""
    if box.need is Need.REQUIRED and not granted:
        advice = f"Tick “{box.label}”."
    elif box.need is not Need.REQUIRED and granted:
        advice = f"Untick “{box.label}”."
    return PermissionRow(box.name, box.label, box.need, granted, box.reason, advice)


def _unknown_row(name: str) -> PermissionRow:
    return PermissionRow(
        name,
        name,
        Need.FORBIDDEN,
        granted=True,
        reason="Jarvis does not know this permission, so it cannot tell what it would allow",
        advice=f"Untick the box that grants “{name}”.",
    )


def _risks_of_boxes(table: PermissionTable, granted: frozenset[str]) -> tuple[str, ...]:
    risks = []
    for box in table.boxes:
        if box.name in granted and box.need is not Need.FORBIDDEN:
            needless = f"“{box.label}” is ticked and not needed: whoever gets hold of the key could use it. Untick it."
            risks.append(box.risk or (needless if box.need is Need.NOT_NEEDED else ""))
    return tuple(risk for risk in risks if risk)


def _risks_of_key(table: PermissionTable, permissions: KeyPermissions, now: datetime) -> tuple[str, ...]:
    risks = []
    if not permissions.ip_allowlist and not permissions.is_ip_restricted:
        risks.append(
            f"The key works from any address. Add this installation's outbound address to the key's {table.binding}, "
            "and a stolen key is worth nothing elsewhere."
        )
    if permissions.expires_at is None:
        if table.can_expire:
            risks.append("The key never expires. Give it an expiry date, so that a forgotten key dies by itself.")
    elif permissions.expires_at <= now:
        risks.append(f"The key expired on {permissions.expires_at:%d %B %Y}. Make a new one.")
    elif not table.can_expire and permissions.expires_at - now > _EXPIRY_WARNING:
        days = (permissions.expires_at - now).days
        risks.append(
            f"The key dies in {days} days, on {permissions.expires_at:%d %B %Y}: it has no {table.binding}. Bind it to "
            "an address and it lives on."
        )
    elif ends_soon := _ends_soon(permissions, now):
        risks.append(ends_soon)
    return tuple(risks)


def _ends_soon(permissions: KeyPermissions, now: datetime) -> str:
    if permissions.expires_at is None or not timedelta(0) < permissions.expires_at - now <= _EXPIRY_WARNING:
        return ""
    return (
        f"The key dies on {permissions.expires_at:%d %B %Y at %H:%M} UTC. Make a new one before: without a key "
        "Jarvis can close nothing, only the stops that rest at the venue remain."
    )
