"""The tables, the same on SQLite and PostgreSQL. Decimals are kept as exact text, times as sortable UTC text."""

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Exact(TypeDecorator[Decimal]):
    """A Decimal as text: what is read is what was written, on every database."""

    impl = String(64)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """Refuse what is no finite number."""
        if value is None:
            return None
        if not isinstance(value, Decimal) or not value.is_finite():
            raise ValueError("only finite Decimals are kept")
        return f"{value:f}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """The Decimal that was written."""
        return None if value is None else Decimal(value)


class Instant(TypeDecorator[datetime]):
    """An aware UTC time as text of fixed width, so that it sorts as it passes."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Refuse a time that does not say where."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("only aware times are kept")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """The time that was written, in UTC."""
        return None if value is None else datetime.fromisoformat(value)


def _account() -> Column[str]:
    return Column("account_id", String(40), ForeignKey("trading_accounts.account_id"), primary_key=True)


def _of_account() -> Column[str]:
    return Column("account_id", String(40), ForeignKey("trading_accounts.account_id"), nullable=False)


people = Table(
    "people",
    metadata,
    Column("user_id", String(40), primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("password_hash", String(256), nullable=False),
    Column("role", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("user_id", String(40), ForeignKey("people.user_id"), nullable=False, index=True),
    Column("opened_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=False),
)

trading_accounts = Table(
    "trading_accounts",
    metadata,
    Column("account_id", String(40), primary_key=True),
    Column("user_id", String(40), ForeignKey("people.user_id"), nullable=False, index=True),
    Column("venue", String(16), nullable=False),
    Column("environment", String(16), nullable=False),
    Column("credential_id", String(40), nullable=False),
    Column("sealed", LargeBinary, nullable=True),  # null once disconnected: the history stays, the key does not
    Column("revision", Integer, nullable=False),
    Column("label", String(128), nullable=False),
    Column("public_key", String(64), nullable=False),
    Column("key_fingerprint", String(64), nullable=True, unique=True),
    Column("permissions", Text, nullable=False),
    Column("execution_venue", String(32), nullable=False),
    Column("leverages", Text, nullable=False),
    Column("order_prefix", String(11), nullable=False, unique=True),
    Column("is_armed", Boolean, nullable=False),
    Column("limits", Text, nullable=True),
    Column("marks", Text, nullable=True),
    Column("status", Text, nullable=True),
    Column("next_order_number", Integer, nullable=False),
    Column("connected_at", Instant, nullable=False),
    Column("books_opened_at", Instant, nullable=True),
    Column("disconnected_at", Instant, nullable=True),
)

assignments = Table(
    "assignments",
    metadata,
    _account(),
    Column("pair", String(24), primary_key=True),
    Column("strategy", String(64), nullable=False),
    Column("interval_seconds", Integer, nullable=False),
    Column("parameters", Text, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("subject", String(40), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("until", Instant, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    _account(),
    Column("client_order_id", String(18), primary_key=True),
    Column("position_id", String(40), nullable=True),
    Column("pair", String(24), nullable=False),
    Column("request", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("venue_order_id", String(64), nullable=True),
    Column("filled_quantity", Exact, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("fence", Integer, nullable=False),
    Index("ix_orders_account_created", "account_id", "created_at"),
    Index("ix_orders_account_position", "account_id", "position_id"),
)

fills = Table(
    "fills",
    metadata,
    _account(),
    Column("fill_id", String(64), primary_key=True),
    Column("position_id", String(40), nullable=True),
    Column("pair", String(24), nullable=False),
    Column("at", Instant, nullable=False),
    Column("realised_quantity", Exact, nullable=False),
    Column("realised_pnl", Exact, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_fills_account_at", "account_id", "at"),
    Index("ix_fills_account_position", "account_id", "position_id"),
)

ledger_rows = Table(
    "ledger_rows",
    metadata,
    _account(),
    Column("row_id", String(64), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("ref_id", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("asset", String(16), nullable=False),
    Column("amount", Exact, nullable=False),
    Column("fee", Exact, nullable=False),
    Column("balance", Exact, nullable=False),
    Index("ix_ledger_rows_account_at", "account_id", "at"),
    UniqueConstraint("account_id", "number"),
)

entries = Table(
    "entries",
    metadata,
    Column("entry_id", Integer, primary_key=True, autoincrement=True),
    _of_account(),
    Column("kind", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("ref_id", String(64), nullable=False),
    Column("position_id", String(40), nullable=True),
    Column("pair", String(24), nullable=True),
    Index("ix_entries_account_at", "account_id", "at"),
    Index("ix_entries_account_position", "account_id", "position_id"),
)

postings = Table(
    "postings",
    metadata,
    Column("entry_id", Integer, ForeignKey("entries.entry_id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("book", String(32), nullable=False),
    Column("asset", String(16), nullable=False),
    Column("amount", Exact, nullable=False),
)

stories = Table(
    "stories",
    metadata,
    _account(),
    Column("position_id", String(40), primary_key=True),
    Column("pair", String(24), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant, nullable=True),
    Column("body", Text, nullable=False),
    Index("ix_stories_account_closed", "account_id", "closed_at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("event_id", Integer, primary_key=True, autoincrement=True),
    _of_account(),
    Column("kind", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("ref_id", String(64), nullable=False),
    Index("ix_outbox_account_event", "account_id", "event_id"),
)

activity = Table(
    "activity",
    metadata,
    Column("activity_id", Integer, primary_key=True, autoincrement=True),
    _of_account(),
    Column("kind", String(48), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("pair", String(24), nullable=True),
    Column("at", Instant, nullable=False),
    Index("ix_activity_account", "account_id", "activity_id"),
)

commands = Table(
    "commands",
    metadata,
    Column("command_id", Integer, primary_key=True, autoincrement=True),
    _of_account(),
    Column("kind", String(32), nullable=False),
    Column("pair", String(24), nullable=True),
    Column("by_user", String(40), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("taken_at", Instant, nullable=True),
    Index("ix_commands_account_taken", "account_id", "taken_at"),
)

equity = Table(
    "equity",
    metadata,
    _account(),
    Column("at", Instant, primary_key=True),
    Column("asset", String(16), nullable=False),
    Column("equity", Exact, nullable=False),
    Column("trade_balance", Exact, nullable=False),
    Column("used_margin", Exact, nullable=False),
    Column("free_margin", Exact, nullable=False),
    Column("unrealised", Exact, nullable=False),
    Column("margin_level", Exact, nullable=True),
)

bars = Table(
    "bars",
    metadata,
    Column("venue", String(16), primary_key=True),
    Column("environment", String(16), primary_key=True),
    Column("pair", String(24), primary_key=True),
    Column("opened_at", Instant, primary_key=True),
    Column("open", Exact, nullable=False),
    Column("high", Exact, nullable=False),
    Column("low", Exact, nullable=False),
    Column("close", Exact, nullable=False),
    Column("volume", Exact, nullable=False),
)
