"""The first schema. Its types are spelled out here, so that later changes of the program change no past step."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

DECIMAL = sa.Text().with_variant(sa.Numeric(), "postgresql")
INSTANT = sa.String(27).with_variant(sa.DateTime(timezone=True), "postgresql")
ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "bars",
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("pair", sa.String(32), nullable=False),
        sa.Column("interval", sa.Integer(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("open", DECIMAL, nullable=False),
        sa.Column("high", DECIMAL, nullable=False),
        sa.Column("low", DECIMAL, nullable=False),
        sa.Column("close", DECIMAL, nullable=False),
        sa.Column("volume", DECIMAL, nullable=False),
        sa.PrimaryKeyConstraint("venue", "pair", "interval", "opened_at", name="pk_bars"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "outbox",
        sa.Column("event_id", ROW_NUMBER, nullable=False, autoincrement=True),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_outbox"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_account_id_event_id", "outbox", ["account_id", "event_id"])
    op.create_table(
        "quotes",
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("pair", sa.String(32), nullable=False),
        sa.Column("bid", DECIMAL, nullable=False),
        sa.Column("ask", DECIMAL, nullable=False),
        sa.Column("last", DECIMAL, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("venue", "pair", name="pk_quotes"),
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("owner_id", sa.String(64), nullable=False),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("environment", sa.String(32), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("permissions_json", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(32), nullable=False),
        sa.Column("permissions_at", INSTANT, nullable=False),
        sa.Column("execution_venue", sa.String(32), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("state_at", INSTANT, nullable=False),
        sa.Column("limits_json", sa.Text(), nullable=True),
        sa.Column("marks_json", sa.Text(), nullable=True),
        sa.Column("status_json", sa.Text(), nullable=True),
        sa.Column("status_at", INSTANT, nullable=True),
        sa.Column("next_order_number", sa.BigInteger(), nullable=False),
        sa.Column("connected_at", INSTANT, nullable=False),
        sa.Column("disconnected_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["users.user_id"], name="fk_accounts_owner_id"),
        sa.PrimaryKeyConstraint("account_id", name="pk_accounts"),
    )
    op.create_index("ix_accounts_owner_id", "accounts", ["owner_id"])
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_sessions_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "activities",
        sa.Column("activity_id", ROW_NUMBER, nullable=False, autoincrement=True),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("pair", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_activities_account_id"),
        sa.PrimaryKeyConstraint("activity_id", name="pk_activities"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_activities_account_id_activity_id", "activities", ["account_id", "activity_id"])
    op.create_table(
        "assignments",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("strategy", sa.String(64), nullable=False),
        sa.Column("pair", sa.String(32), nullable=False),
        sa.Column("interval", sa.Integer(), nullable=False),
        sa.Column("values_json", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_assignments_account_id"),
        sa.PrimaryKeyConstraint("account_id", "number", name="pk_assignments"),
    )
    op.create_table(
        "commands",
        sa.Column("command_id", ROW_NUMBER, nullable=False, autoincrement=True),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("pair", sa.String(32), nullable=True),
        sa.Column("by_user", sa.String(64), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_commands_account_id"),
        sa.PrimaryKeyConstraint("command_id", name="pk_commands"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_commands_account_id_command_id", "commands", ["account_id", "command_id"])
    op.create_table(
        "credentials",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("credential_id", sa.String(64), nullable=False),
        sa.Column("environment", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(128), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_credentials_account_id"),
        sa.PrimaryKeyConstraint("account_id", name="pk_credentials"),
        sa.UniqueConstraint("credential_id", name="uq_credentials_credential_id"),
        sa.UniqueConstraint("fingerprint", name="uq_credentials_fingerprint"),
    )
    op.create_table(
        "entries",
        sa.Column("entry_id", ROW_NUMBER, nullable=False, autoincrement=True),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("ref_id", sa.String(64), nullable=False),
        sa.Column("position_id", sa.String(64), nullable=True),
        sa.Column("pair", sa.String(32), nullable=True),
        sa.Column("row_id", sa.String(64), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_entries_account_id"),
        sa.PrimaryKeyConstraint("entry_id", name="pk_entries"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_entries_account_id_entry_id", "entries", ["account_id", "entry_id"])
    op.create_index("ix_entries_account_id_position_id", "entries", ["account_id", "position_id"])
    op.create_index("ix_entries_account_id_row_id", "entries", ["account_id", "row_id"])
    op.create_table(
        "equity",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("asset", sa.String(32), nullable=False),
        sa.Column("equity", DECIMAL, nullable=False),
        sa.Column("trade_balance", DECIMAL, nullable=False),
        sa.Column("used_margin", DECIMAL, nullable=False),
        sa.Column("free_margin", DECIMAL, nullable=False),
        sa.Column("unrealised", DECIMAL, nullable=False),
        sa.Column("margin_level", DECIMAL, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_equity_account_id"),
        sa.PrimaryKeyConstraint("account_id", "at", name="pk_equity"),
    )
    op.create_table(
        "fills",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("fill_id", sa.String(64), nullable=False),
        sa.Column("venue_order_id", sa.String(64), nullable=False),
        sa.Column("client_order_id", sa.String(64), nullable=True),
        sa.Column("pair", sa.String(32), nullable=False),
        sa.Column("side", sa.String(32), nullable=False),
        sa.Column("quantity", DECIMAL, nullable=False),
        sa.Column("price", DECIMAL, nullable=False),
        sa.Column("cost", DECIMAL, nullable=False),
        sa.Column("fee", DECIMAL, nullable=False),
        sa.Column("fee_asset", sa.String(32), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("is_maker", sa.Boolean(), nullable=False),
        sa.Column("is_margin", sa.Boolean(), nullable=False),
        sa.Column("is_liquidation", sa.Boolean(), nullable=False),
        sa.Column("position_id", sa.String(64), nullable=True),
        sa.Column("pnl", DECIMAL, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_fills_account_id"),
        sa.PrimaryKeyConstraint("account_id", "fill_id", name="pk_fills"),
    )
    op.create_index("ix_fills_account_id_at", "fills", ["account_id", "at"])
    op.create_index("ix_fills_account_id_position_id", "fills", ["account_id", "position_id"])
    op.create_table(
        "ledger_rows",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("row_id", sa.String(64), nullable=False),
        sa.Column("ref_id", sa.String(64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("asset", sa.String(32), nullable=False),
        sa.Column("amount", DECIMAL, nullable=False),
        sa.Column("fee", DECIMAL, nullable=False),
        sa.Column("balance", DECIMAL, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_ledger_rows_account_id"),
        sa.PrimaryKeyConstraint("account_id", "row_id", name="pk_ledger_rows"),
    )
    op.create_index("ix_ledger_rows_account_id_at", "ledger_rows", ["account_id", "at"])
    op.create_index("ix_ledger_rows_account_id_ref_id", "ledger_rows", ["account_id", "ref_id"])
    op.create_table(
        "orders",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("client_order_id", sa.String(18), nullable=False),
        sa.Column("pair", sa.String(32), nullable=False),
        sa.Column("side", sa.String(32), nullable=False),
        sa.Column("order_type", sa.String(32), nullable=False),
        sa.Column("quantity", DECIMAL, nullable=False),
        sa.Column("leverage", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("limit_price", DECIMAL, nullable=True),
        sa.Column("trigger_price", DECIMAL, nullable=True),
        sa.Column("trailing_offset", DECIMAL, nullable=True),
        sa.Column("post_only", sa.Boolean(), nullable=False),
        sa.Column("time_in_force", sa.String(32), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("position_id", sa.String(64), nullable=True),
        sa.Column("decision_price", DECIMAL, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("venue_order_id", sa.String(64), nullable=True),
        sa.Column("filled_quantity", DECIMAL, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_orders_account_id"),
        sa.PrimaryKeyConstraint("account_id", "client_order_id", name="pk_orders"),
    )
    op.create_index("ix_orders_account_id_created_at", "orders", ["account_id", "created_at"])
    op.create_index("ix_orders_account_id_position_id", "orders", ["account_id", "position_id"])
    op.create_index("ix_orders_account_id_status", "orders", ["account_id", "status"])
    op.create_table(
        "stories",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("position_id", sa.String(64), nullable=False),
        sa.Column("pair", sa.String(32), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("story_json", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_stories_account_id"),
        sa.PrimaryKeyConstraint("account_id", "position_id", name="pk_stories"),
    )
    op.create_index("ix_stories_account_id_closed_at", "stories", ["account_id", "closed_at"])
    op.create_table(
        "postings",
        sa.Column("entry_id", ROW_NUMBER, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("account", sa.String(32), nullable=False),
        sa.Column("asset", sa.String(32), nullable=False),
        sa.Column("amount", DECIMAL, nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.entry_id"], name="fk_postings_entry_id"),
        sa.PrimaryKeyConstraint("entry_id", "number", name="pk_postings"),
    )
