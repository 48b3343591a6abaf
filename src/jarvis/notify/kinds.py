"""What there is to be told, in groups that a person chooses by, and which of it is never held back.

Kinds of notices are stable names; a kind that stands in no group belongs to OTHER. Pure: no clock, no store.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from jarvis.trading.events import Severity


class Level(Enum):
    """From which severity on a receiver gets what belongs to a group."""

    ALL = "all"
    WARNINGS = "warnings"
    ALARMS = "alarms"
    NOTHING = "nothing"

    def takes(self, severity: Severity) -> bool:
        """Whether what is said this loudly is sent."""
        match self:
            case Level.ALL:
                return True
            case Level.WARNINGS:
                return severity is not Severity.INFO
            case Level.ALARMS:
                return severity is Severity.CRITICAL
            case Level.NOTHING:
                return False


class Group(Enum):
    """What people choose by. `value` is kept in the database."""

    MONEY = "money"
    TRADES = "trades"
    RULES = "rules"
    KEYS = "keys"
    FUNDS = "funds"
    SECURITY = "security"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class GroupWords:
    """How a group is called, and what belongs to it."""

    title: str
    text: str


WORDS: Mapping[Group, GroupWords] = {
    Group.MONEY: GroupWords(
        "Money alarms",
        "Liquidation near or done, a position without its stop, a loss limit that was reached, an order that was lost.",
    ),
    Group.TRADES: GroupWords("Trades", "A position was opened or closed, with its result; an entry that failed."),
    Group.RULES: GroupWords(
        "Pairs and limits",
        "The venue changed a pair, cut its leverage or stopped it; entries held back and free again.",
    ),
    Group.KEYS: GroupWords(
        "Keys and foreign activity", "A key that may do too much or expires; what others do on an account."
    ),
    Group.FUNDS: GroupWords("Funds", "Money that came in, debts that stay, a balance that does not fit the books."),
    Group.SECURITY: GroupWords(
        "Sign-in and security", "New places, passwords, factors, tokens, receivers, hooks, what others may see."
    ),
    Group.OTHER: GroupWords("Everything else", "What belongs nowhere above."),
}

_GROUPS: Mapping[Group, tuple[str, ...]] = {
    Group.MONEY: (
        "margin_call", "liquidation", "position_reversed", "position_mismatch", "naked_position", "stop_failed",
        "stop_unknown", "stop_not_moved", "exit_unknown", "close_failed", "late_fill", "daily_loss", "drawdown",
        "margin_level", "refused_order_rests", "order_lost", "trader_broke", "dust",
    ),
    Group.TRADES: ("position.opened", "position.closed", "entry_failed", "target_failed", "hook.proposed"),
    Group.RULES: (
        "rules_changed", "pair_gone", "pair_status", "leverage_cut", "account_setting", "installation",
        "strategy_refused",
    ),
    Group.KEYS: (
        "key.connected", "key.replaced", "key.widened", "key.expired", "key.mended", "key.disconnected", "key_invalid",
        "foreign.activity", "foreign.explained",
    ),
    Group.FUNDS: ("funds.arrived", "balance_mismatch", "debt_stays"),
    Group.SECURITY: (
        "target.", "hook.", "token.", "factor.", "password.", "place.", "session.", "link.", "viewing.", "role.",
        "person.", "export.", "account.", "limits.",
    ),
}  # fmt: skip
"""The kinds of each group; a name that ends in a point stands for all that begin so."""

_GROUP_OF = {kind: group for group, kinds in _GROUPS.items() for kind in kinds}

NEVER_HELD = frozenset(_GROUPS[Group.MONEY]) | {"key.widened", "key.expired", "key_invalid", "foreign.activity"}
"""Kinds that neither quiet hours nor a full hour hold back, unless they only say that something is over."""


_NOT_TOLD = frozenset(
    {
        "stale_market", "stale_account", "disarmed",  # they heal themselves, or were the owner's own wish
        "foreign_activity", "key_permissions",  # told as foreign.activity and key.widened, with more words
    }
)  # fmt: skip


def is_alarm_told(kind: str, severity: Severity) -> bool:
    """Whether an alarm of a trader becomes a notice; the account's activity has all of them."""
    return severity is not Severity.INFO and kind not in _NOT_TOLD


def group_of(kind: str) -> Group:
    """Where a kind of notice belongs."""
    found = _GROUP_OF.get(kind) or _GROUP_OF.get(kind.partition(".")[0] + ".")
    return found or Group.OTHER


def is_urgent(kind: str, severity: Severity) -> bool:
    """Whether a notice leaves at once, whatever the hour: every alarm, and every warning about money."""
    return severity is Severity.CRITICAL or (kind in NEVER_HELD and severity is not Severity.INFO)


Choices = Mapping[Group, Level]
"""What one receiver is sent; groups that are not named are as `DEFAULTS` says."""

_LOUD = {
    Group.MONEY: Level.ALL,
    Group.TRADES: Level.ALL,
    Group.RULES: Level.WARNINGS,
    Group.KEYS: Level.ALL,
    Group.FUNDS: Level.ALL,
    Group.SECURITY: Level.ALL,
    Group.OTHER: Level.ALL,
}
_CALM = {**_LOUD, Group.TRADES: Level.NOTHING, Group.OTHER: Level.WARNINGS, Group.FUNDS: Level.WARNINGS}
DEFAULTS: Mapping[str, Choices] = {
    "webhook": dict.fromkeys(Group, Level.ALL),
    "email": _CALM,
    "telegram": _LOUD,
    "discord": _LOUD,
}
"""What a new receiver of each kind is sent: a program everything, a mailbox what matters tomorrow as well."""


def choices_of(kind: str, text: str) -> dict[Group, Level]:
    """The choices of a receiver of this kind, as kept; what cannot be read is as the defaults say."""
    try:
        kept = json.loads(text)
    except ValueError:
        kept = {}
    found = dict(DEFAULTS.get(kind, _LOUD))
    for group in Group:
        level = kept.get(group.value) if isinstance(kept, dict) else None
        if isinstance(level, str) and level in {each.value for each in Level}:
            found[group] = Level(level)
    return found


def choices_text(choices: Choices) -> str:
    """The choices as they are kept."""
    return json.dumps({group.value: level.value for group, level in choices.items()}, sort_keys=True)


def is_wanted(choices: Choices, kind: str, severity: Severity) -> bool:
    """Whether a receiver with these choices is sent a notice."""
    return choices[group_of(kind)].takes(severity)
