"""The tables about people: who they are, how they prove it, what they were told, and the audit of it all.

Tokens and codes are kept as hashes; the seed of an authenticator app is sealed by the signer. `migrations/` must lead
to exactly these tables.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from jarvis.domain.account import Environment
from jarvis.domain.people import CeremonyKind, ConnectStep, DeliveryState, LinkKind, Role
from jarvis.store.columns import ROW_NUMBER, Choice, ExactDecimal, PairText, UtcDateTime
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

# What a person must know, of which account and pair if of one; `sent_at` is when it was handed to their receivers.
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
    Column("account_id", _ID),
    Column("pair", PairText),
    sqlite_autoincrement=True,
)

# `address` is what may be shown of a receiver; what it is reached with lies in `sealed`, under the signer's seal. One
# that must be confirmed has the hash of its link until then.
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
    Column("sealed", LargeBinary),
    Column("choices_json", Text, nullable=False, server_default="{}"),
    Column("confirmed_at", UtcDateTime),
    Column("token_hash", LargeBinary, index=True),
)

# One notice on its way to one receiver, or there: what a receiver had once it never gets again.
deliveries = Table(
    "deliveries",
    metadata,
    Column("notice_id", ROW_NUMBER, ForeignKey("notices.notice_id", ondelete="CASCADE"), primary_key=True),
    Column("target_id", _ID, ForeignKey("targets.target_id", ondelete="CASCADE"), primary_key=True),
    _of_user(),
    Column("state", Choice(DeliveryState), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
    Column("failure", Text, nullable=False),
    Index(None, "state", "due_at"),
    Index(None, "target_id", "notice_id"),
)

# When a person wants to be left alone, in minutes of the day of their zone.
quiet_hours = Table(
    "quiet_hours",
    metadata,
    _of_user(primary_key=True),
    Column("zone", String(64), nullable=False),
    Column("begins", Integer, nullable=False),
    Column("ends", Integer, nullable=False),
)

# Doors for alerts of others' charts. One that is not live proposes, and nothing comes of it.
hooks = Table(
    "hooks",
    metadata,
    Column("hook_id", _ID, primary_key=True),
    _of_user(),
    Column("account_id", _ID, ForeignKey("accounts.account_id"), nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("label", Text, nullable=False),
    Column("pairs", Text, nullable=False),
    Column("most", ExactDecimal, nullable=False),
    Column("known_sources", Boolean, nullable=False),
    Column("is_live", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)

# What a person was answered about a strategy; `asked_json` is all that was fixed, `findings_json` the answers.
verdicts = Table(
    "verdicts",
    metadata,
    Column("verdict_id", _ID, primary_key=True),
    _of_user(),
    Column("made_at", UtcDateTime, nullable=False),
    Column("strategy", String(64), nullable=False),
    Column("subject", _ID, nullable=False),
    Column("venue", String(32), nullable=False),
    Column("coins", Text, nullable=False),
    Column("is_well", Boolean, nullable=False),
    Column("asked_json", Text, nullable=False),
    Column("findings_json", Text, nullable=False),
)

# What a hook was told, each alert once. `fate` says what came of it, `told` the same in words.
proposals = Table(
    "proposals",
    metadata,
    Column("hook_id", _ID, ForeignKey("hooks.hook_id", ondelete="CASCADE"), primary_key=True),
    Column("alert_id", String(128), primary_key=True),
    _of_user(),
    Column("at", UtcDateTime, nullable=False),
    Column("action", String(16), nullable=False),
    Column("pair", PairText, nullable=False),
    Column("quantity", ExactDecimal),
    Column("stop", ExactDecimal),
    Column("fate", String(16), nullable=False),
    Column("told", Text, nullable=False),
    Column("command_id", BigInteger),
    Index(None, "hook_id", "at"),
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
