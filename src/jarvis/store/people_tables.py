"""The tables about people: who they are, how they prove it, what they were told, and the audit of it all.

Tokens and codes are kept as hashes; the seed of an authenticator app is sealed by the signer. `migrations/` must lead
to exactly these tables.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from jarvis.domain.account import Environment
from jarvis.domain.people import CeremonyKind, ConnectStep, LinkKind, Role
from jarvis.store.columns import ROW_NUMBER, Choice, UtcDateTime
from jarvis.store.metadata import metadata

_ID = String(64)


def _of_user(*, primary_key: bool = False) -> Column[str]:
    """A row that goes when its person goes."""
    return Column(
        "user_id",
        _ID,
        ForeignKey("users.user_id", ondelete="CASCADE"),
        nullable=False,
        primary_key=primary_key,
        index=not primary_key,
    )


# `arming_held_until` follows a reset; `deleting_at` is set while an account is being taken down.
users = Table(
    "users",
    metadata,
    Column("user_id", _ID, primary_key=True),
    Column("email", String(320), nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("role", Choice(Role), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("arming_held_until", UtcDateTime),
    Column("suspended_at", UtcDateTime),
    Column("deleting_at", UtcDateTime),
)

# `session_id` is what people see and end; `sudo_until` is when their last proof runs out.
sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("session_id", _ID, nullable=False, unique=True),
    _of_user(),
    Column("method", String(32), nullable=False),
    Column("address", String(64), nullable=False),
    Column("agent", Text, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime, nullable=False),
    Column("sudo_until", UtcDateTime),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("credential_id", LargeBinary, primary_key=True),
    _of_user(),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("transports", Text, nullable=False),
    Column("backed_up", Boolean, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)

# One authenticator app a person; not in force before it is confirmed. `last_step` is the last 30 seconds used up.
totps = Table(
    "totps",
    metadata,
    _of_user(primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("confirmed_at", UtcDateTime),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("code_hash", LargeBinary, primary_key=True),
    _of_user(),
    Column("created_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)

# A proof that was begun and not finished: a challenge for a passkey, a password that waits for its second factor.
ceremonies = Table(
    "ceremonies",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("kind", Choice(CeremonyKind), nullable=False),
    Column("user_id", _ID, ForeignKey("users.user_id", ondelete="CASCADE"), index=True),
    Column("challenge", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

# Where a person has signed in from: a digest of network and browser family, no address.
places = Table(
    "places",
    metadata,
    _of_user(primary_key=True),
    Column("place_hash", LargeBinary, primary_key=True),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
)

# What is handed to a person outside of Jarvis, good once: an invitation, or a new password for `user_id`.
links = Table(
    "links",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("kind", Choice(LinkKind), nullable=False),
    Column("made_by", _ID, nullable=False),
    Column("user_id", _ID, ForeignKey("users.user_id", ondelete="CASCADE")),
    Column("role", Choice(Role)),
    Column("views", _ID, ForeignKey("users.user_id", ondelete="CASCADE")),
    Column("email", String(320), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Index(None, "made_by"),
)

# Whose accounts a viewer may look at.
viewings = Table(
    "viewings",
    metadata,
    Column("viewer_id", _ID, ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True),
    Column("owner_id", _ID, ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("granted_at", UtcDateTime, nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("token_id", _ID, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    _of_user(),
    Column("label", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)

# Where a person is on the way to a connected key of a venue, until it is armed; no secret in it.
connecting = Table(
    "connecting",
    metadata,
    _of_user(primary_key=True),
    Column("venue", String(32), primary_key=True),
    Column("environment", Choice(Environment), nullable=False),
    Column("step", Choice(ConnectStep), nullable=False),
    Column("account_id", _ID),
    Column("told_json", Text, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

# What a person must know of their own account; `sent_at` is when it also left for their notification targets.
notices = Table(
    "notices",
    metadata,
    Column("notice_id", ROW_NUMBER, primary_key=True, autoincrement=True),
    _of_user(),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("seen_at", UtcDateTime),
    Column("sent_at", UtcDateTime),
    sqlite_autoincrement=True,
)

targets = Table(
    "targets",
    metadata,
    Column("target_id", _ID, primary_key=True),
    _of_user(),
    Column("kind", String(16), nullable=False),
    Column("label", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("failed_at", UtcDateTime),
    Column("failure", Text, nullable=False),
)

# Hash-chained. The chain covers the digest of salt and details: erasing a person takes both away and breaks nothing.
audit = Table(
    "audit",
    metadata,
    Column("audit_id", ROW_NUMBER, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("actor", _ID, nullable=False),
    Column("user_id", _ID),
    Column("account_id", _ID),
    Column("salt", LargeBinary),
    Column("details_json", Text),
    Column("digest", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index(None, "user_id", "audit_id"),
    Index(None, "account_id", "audit_id"),
)

# The signer's countersignature of the chain's head, every now and then: a chain made anew would not have it.
audit_seals = Table(
    "audit_seals",
    metadata,
    Column("audit_id", ROW_NUMBER, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

# One row. While `entries_blocked` says why, every account only reconciles and exits.
installation = Table(
    "installation",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("installation_id", _ID, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("entries_blocked", Text, nullable=False),
    Column("entries_blocked_at", UtcDateTime),
)
