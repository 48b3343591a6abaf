"""What a key may do, judged: which boxes to untick or tick at the venue before Jarvis takes it, and what risk stays.

Fails closed: a permission that is not in the table of its venue is refused by name. Pure; knows no wire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from jarvis.domain.account import KeyPermissions, VenueName

_EXPIRY_WARNING = timedelta(days=14)


class Outcome(Enum):
    """What becomes of a key. Nothing of a refused or incomplete one is stored."""

    REFUSED = "refused"
    INCOMPLETE = "incomplete"
    ACCEPTED_WITH_RISK = "accepted_with_risk"
    ACCEPTED = "accepted"


class Need(Enum):
    """What Jarvis thinks of a permission."""

    REQUIRED = "required"
    FORBIDDEN = "forbidden"
    NOT_NEEDED = "not_needed"


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
    """The whole answer: one row per box, and the risks that stay although the key is taken, in plain words."""

    outcome: Outcome
    rows: tuple[PermissionRow, ...]
    risks: tuple[str, ...] = ()

    @property
    def advice(self) -> tuple[str, ...]:
        """What the person has to do at the venue, one line per box."""
        return tuple(row.advice for row in self.rows if row.advice)


@dataclass(frozen=True, slots=True)
class _Box:
    name: str
    label: str
    need: Need
    reason: str


_KRAKEN_BOXES: tuple[_Box, ...] = (
    _Box("query-funds", "Funds Permissions: Query Funds", Need.REQUIRED, "Read available margin and free collateral"),
    _Box(
        "query-open-trades",
        "Orders & Trades Permissions: Query Open Orders & Trades",
        Need.REQUIRED,
        "See resting orders and open positions",
    ),
    _Box(
        "query-closed-trades",
        "Orders & Trades Permissions: Query Closed Orders & Trades",
        Need.REQUIRED,
        "Find every fill, also after a break",
    ),
    _Box(
        "modify-trades",
        "Orders & Trades Permissions: Create & Modify Orders",
        Need.REQUIRED,
        "Open and adjust positions",
    ),
    _Box(
        "close-trades",
        "Orders & Trades Permissions: Cancel & Close Orders",
        Need.REQUIRED,
        "Close on stop, time-stop and take-profit",
    ),
    _Box("query-ledger", "Ledger Permissions: Query Ledger Entries", Need.REQUIRED, "Account for every cent"),
    _Box(
        "create-ws-token",
        "WebSockets Interface: Access WebSockets API",
        Need.REQUIRED,
        "Hear of fills the moment they happen",
    ),
    _Box(
        "withdraw-funds",
        "Funds Permissions: Withdraw Funds",
        Need.FORBIDDEN,
        "It can move money off the venue, and between accounts",
    ),
    _Box(
        "add-withdraw-address",
        "Funds Permissions: Add Withdrawal Address",
        Need.FORBIDDEN,
        "It can prepare a withdrawal to a stranger",
    ),
    _Box(
        "update-withdraw-address",
        "Funds Permissions: Update Withdrawal Address",
        Need.FORBIDDEN,
        "It can prepare a withdrawal to a stranger",
    ),
    _Box("add-funds", "Funds Permissions: Deposit Funds", Need.FORBIDDEN, "Jarvis never moves money"),
    _Box("earn-funds", "Funds Permissions: Earn", Need.FORBIDDEN, "It can lock collateral away from your margin"),
    _Box("export-data", "Ledger Permissions: Export Data", Need.NOT_NEEDED, "Jarvis does not use it"),
)

_BOXES: Mapping[VenueName, Sequence[_Box]] = {VenueName("kraken"): _KRAKEN_BOXES}


def judge(venue: VenueName, permissions: KeyPermissions, now: datetime) -> Verdict:
    """The verdict on what the venue says that a key may do. Raises KeyError for a venue without a table."""
    boxes = _BOXES[venue]
    rows = [_row(box, granted=box.name in permissions.granted) for box in boxes]
    rows += [_unknown_row(name) for name in sorted(permissions.granted - {box.name for box in boxes})]
    risks = (*_needless(rows), *_residual_risks(permissions, now))
    expired = permissions.expires_at is not None and permissions.expires_at <= now
    if expired or any(row.granted and row.needed is Need.FORBIDDEN for row in rows):
        outcome = Outcome.REFUSED
    elif any(not row.granted and row.needed is Need.REQUIRED for row in rows):
        outcome = Outcome.INCOMPLETE
    else:
        outcome = Outcome.ACCEPTED_WITH_RISK if risks else Outcome.ACCEPTED
    return Verdict(outcome, tuple(rows), risks)


def _row(box: _Box, *, granted: bool) -> PermissionRow:
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


def _needless(rows: Sequence[PermissionRow]) -> tuple[str, ...]:
    return tuple(
        f"“{row.label}” is ticked and not needed: whoever gets hold of the key could use it. Untick it."
        for row in rows
        if row.needed is Need.NOT_NEEDED and row.granted
    )


def _residual_risks(permissions: KeyPermissions, now: datetime) -> tuple[str, ...]:
    risks = []
    if not permissions.ip_allowlist:
        risks.append(
            "The key works from any address. Add this installation's outbound address to the key's IP restrictions, "
            "and a stolen key is worth nothing elsewhere."
        )
    if permissions.expires_at is None:
        risks.append("The key never expires. Give it an expiry date, so that a forgotten key dies by itself.")
    elif permissions.expires_at <= now:
        risks.append(f"The key expired on {permissions.expires_at:%d %B %Y}. Make a new one.")
    elif permissions.expires_at - now <= _EXPIRY_WARNING:
        risks.append(
            f"The key dies on {permissions.expires_at:%d %B %Y at %H:%M} UTC. Make a new one before: without a key "
            "Jarvis can close nothing, only the stops that rest at the venue remain."
        )
    if permissions.nonce_window > 0:
        risks.append(
            f"The key has a nonce window of {permissions.nonce_window}: a delayed request could still be executed. "
            "Set it to 0."
        )
    if permissions.history_limited:
        risks.append(
            "The key sees only a part of your history (it has a query start or end date). Remove the dates, "
            "or Jarvis cannot account for what lies outside of them."
        )
    return tuple(risks)
