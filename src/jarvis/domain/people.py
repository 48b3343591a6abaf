"""Who uses an installation, and the sessions of their browsers: what is kept of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from jarvis.domain.account import AccountId, UserId


class Role(Enum):
    """What a person is here for."""

    TRADER = "trader"
    VIEWER = "viewer"
    OPERATOR = "operator"


class CeremonyKind(Enum):
    """A proof in two steps that was begun: what its end is good for."""

    SECOND_FACTOR = "second_factor"
    PASSKEY_SIGN_IN = "passkey_sign_in"
    PASSKEY_REGISTRATION = "passkey_registration"
    PASSKEY_SUDO = "passkey_sudo"


class LinkKind(Enum):
    """What a link that is handed over outside of Jarvis is good for, once."""

    INVITATION = "invitation"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Person:
    """One user. `password_hash` is an Argon2id string; `repr` leaves it and the address out."""

    user_id: UserId
    email: str
    password_hash: str
    role: Role
    created_at: datetime

    def __repr__(self) -> str:
        return f"Person({self.user_id!r}, {self.role.value})"


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. Of its token only the SHA-256 is kept."""

    token_hash: bytes
    user_id: UserId
    opened_at: datetime
    used_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit: what happened, when, by whom, and to whose account.

    `kind` is dotted words ("session.opened"). `actor` is a user id, or "cli", "worker", "signer" or "nobody".
    `details` never hold a secret, a token or a password; addresses and agents go there, where they can be erased.
    """

    kind: str
    at: datetime
    actor: str
    user_id: UserId | None = None
    account_id: AccountId | None = None
    details: Mapping[str, str | int | bool | None] = field(default_factory=dict)
