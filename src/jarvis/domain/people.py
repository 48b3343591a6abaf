"""Who uses an installation, and the sessions of their browsers: what is kept of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from jarvis.domain.account import UserId


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
