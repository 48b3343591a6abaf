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
    TOTP_ENROLMENT = "totp_enrolment"


class LinkKind(Enum):
    """What a link that is handed over outside of Jarvis is good for, once."""

    INVITATION = "invitation"
    RESET = "reset"


class ConnectStep(Enum):
    """What a person does next on the way to a connected key; an armed account is the end of it."""

    KEY = "key"
    PASTE = "paste"
    CHECK = "check"
    LIMITS = "limits"


class DeliveryState(Enum):
    """Where one notice is on its way to one receiver.

    HELD waits for the end of quiet hours, or of an hour with too many, and leaves together with the others that do.
    """

    WAITING = "waiting"
    HELD = "held"
    SENT = "sent"
    FAILED = "failed"


class Scope(Enum):
    """What an API token is good for."""

    READ = "read"
    EXITS = "exits"
    RESUME = "resume"
    TRADE = "trade"


@dataclass(frozen=True, slots=True)
class Person:
    """One user. `password_hash` is an Argon2id string; `repr` leaves it and the address out.

    `arming_held_until` follows a reset. Who is suspended, or whose account is being taken down, cannot sign in.
    """

    user_id: UserId
    email: str
    password_hash: str
    role: Role
    created_at: datetime
    arming_held_until: datetime | None = None
    suspended_at: datetime | None = None
    deleting_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether this person may sign in."""
        return self.suspended_at is None and self.deleting_at is None

    def __repr__(self) -> str:
        return f"Person({self.user_id!r}, {self.role.value})"


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. Of its token only the SHA-256 is kept; `session_id` is what people see and end.

    `method` is "password", "password+totp", "password+recovery" or "passkey"; `sudo_until` is when the last proof
    runs out.
    """

    token_hash: bytes = field(repr=False)
    session_id: str
    user_id: UserId
    opened_at: datetime
    used_at: datetime
    method: str
    address: str = field(default="", repr=False)
    agent: str = field(default="", repr=False)
    sudo_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Passkey:
    """A public key that signs a person in, and how often its authenticator says it has signed."""

    credential_id: bytes = field(repr=False)
    user_id: UserId
    public_key: bytes = field(repr=False)
    sign_count: int
    transports: tuple[str, ...]
    backed_up: bool
    label: str
    created_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TotpSeed:
    """A person's authenticator app: its seed as the signer sealed it, and the last 30 seconds that are used up."""

    user_id: UserId
    sealed: bytes = field(repr=False)
    last_step: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Factors:
    """What a person can prove themselves with beside the password."""

    passkeys: tuple[Passkey, ...] = ()
    totp_since: datetime | None = None
    codes_left: int = 0
    codes_made_at: datetime | None = None

    @property
    def any(self) -> bool:
        """Whether there is a second factor. Recovery codes alone are none: they only stand in for one."""
        return bool(self.passkeys) or self.totp_since is not None

    @property
    def methods(self) -> frozenset[str]:
        """By which ways a password's second step can be done: "passkey", "totp", "recovery"."""
        ways = {"passkey": bool(self.passkeys), "totp": self.totp_since is not None, "recovery": self.codes_left > 0}
        return frozenset(way for way, is_there in ways.items() if is_there)


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A proof that was begun and not finished. Of its token only the SHA-256 is kept."""

    token_hash: bytes = field(repr=False)
    kind: CeremonyKind
    user_id: UserId | None
    challenge: bytes = field(repr=False)
    begun_at: datetime
    expires_at: datetime
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """What is handed to a person outside of Jarvis, good once. Of its token only the SHA-256 is kept.

    An invitation makes a person of `role`, who then may look at the accounts of `views`; with an `email` it is for
    that address only. A reset is for `user_id`. `made_by` is a user id or "cli".
    """

    token_hash: bytes = field(repr=False)
    kind: LinkKind
    made_by: str
    made_at: datetime
    expires_at: datetime
    user_id: UserId | None = None
    role: Role | None = None
    views: UserId | None = None
    email: str = field(default="", repr=False)
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Viewing:
    """That one person may look at another's accounts."""

    viewer_id: UserId
    owner_id: UserId
    granted_at: datetime
    viewer_email: str = field(repr=False)
    owner_email: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A script's way in. Of the token itself only the SHA-256 is kept."""

    token_id: str
    token_hash: bytes = field(repr=False)
    user_id: UserId
    label: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class Change(Enum):
    """What became of a wish to change a person."""

    DONE = "done"
    NO_SUCH_PERSON = "there is no such person"
    ALREADY_SO = "it is so already"
    LAST_OPERATOR = "this is the last operator; make somebody else an operator first"


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows were forgotten because their time is over."""

    sessions: int
    ceremonies: int
    links: int
    tokens: int
    places: int


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
