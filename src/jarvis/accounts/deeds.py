"""Who may do what on what belongs to them, and for which deeds a session must be freshly proved."""

from enum import Enum

from jarvis.domain.people import Role


class Deed(Enum):
    """What a person may want to do; everything on their own accounts, except the operator's."""

    LOOK = "look"
    PAUSE_AND_FLATTEN = "pause_and_flatten"
    DISARM = "disarm"
    TRADE = "trade"
    ARM = "arm"
    CHANGE_LIMITS = "change_limits"
    LOWER_LIMITS = "lower_limits"
    MANAGE_KEYS = "manage_keys"
    MANAGE_TARGETS = "manage_targets"
    MANAGE_TOKENS = "manage_tokens"
    MANAGE_HOOKS = "manage_hooks"
    SHARE = "share"
    ENROL_FACTOR = "enrol_factor"
    MANAGE_FACTORS = "manage_factors"
    CHANGE_PASSWORD = "change_password"  # noqa: S105 - a name
    END_SESSIONS = "end_sessions"
    EXPORT = "export"
    DELETE_ACCOUNT = "delete_account"
    OPERATE = "operate"
    CHANGE_ROLES = "change_roles"


NEEDS_PROOF = frozenset(
    {
        Deed.ARM,
        Deed.CHANGE_LIMITS,
        Deed.MANAGE_KEYS,
        Deed.MANAGE_TARGETS,
        Deed.MANAGE_TOKENS,
        Deed.MANAGE_HOOKS,
        Deed.SHARE,
        Deed.MANAGE_FACTORS,
        Deed.CHANGE_PASSWORD,
        Deed.END_SESSIONS,
        Deed.EXPORT,
        Deed.DELETE_ACCOUNT,
        Deed.CHANGE_ROLES,
    }
)
"""Deeds that need a passkey or a TOTP code of the last ten minutes. Pausing, flattening, disarming and
lowering limits never need one.

ENROL_FACTOR is not here: `People.allows_enrolment` says what it needs, so that a first factor can be had.
"""

_OF_EVERYBODY = frozenset(
    {
        Deed.LOOK,
        Deed.MANAGE_TARGETS,
        Deed.MANAGE_TOKENS,
        Deed.ENROL_FACTOR,
        Deed.MANAGE_FACTORS,
        Deed.CHANGE_PASSWORD,
        Deed.END_SESSIONS,
        Deed.EXPORT,
        Deed.DELETE_ACCOUNT,
    }
)
_MAY = {
    Role.VIEWER: _OF_EVERYBODY,
    Role.TRADER: frozenset(Deed) - {Deed.OPERATE, Deed.CHANGE_ROLES},
    Role.OPERATOR: frozenset(Deed),
}


def may(role: Role, deed: Deed) -> bool:
    """Whether this role may do this, on what belongs to the person."""
    return deed in _MAY[role]
