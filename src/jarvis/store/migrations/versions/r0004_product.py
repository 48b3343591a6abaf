"""What the pages for traders keep."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DECIMAL = sa.Text().with_variant(sa.Numeric(), "postgresql")
INSTANT = sa.String(27).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    _books()
    _commands()
    _connecting()
    _messages()
    _hooks()


def _commands() -> None:
    """What a person wants by hand, and the name under which it is taken once."""
    op.add_column("commands", sa.Column("details_json", sa.Text(), nullable=True))
    op.add_column("commands", sa.Column("key", sa.String(64), nullable=True))
    op.create_index("ix_commands_account_id_key", "commands", ["account_id", "key"], unique=True)


def _connecting() -> None:
    """Where a person is on the way to a connected key."""
    op.create_table(
        "connecting",
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("environment", sa.String(32), nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=True),
        sa.Column("told_json", sa.Text(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_connecting_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "venue", name="pk_connecting"),
    )


def _books() -> None:
    """What the journal adds up to, and the order in which its lists are read."""
    op.create_index("ix_entries_account_id_at_entry_id", "entries", ["account_id", "at", "entry_id"])
    op.create_index("ix_stories_account_id_opened_at", "stories", ["account_id", "opened_at"])
    op.create_table(
        "folds",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_folds_account_id"),
        sa.PrimaryKeyConstraint("account_id", name="pk_folds"),
    )
    op.create_table(
        "day_sums",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("part", sa.String(32), nullable=False),
        sa.Column("asset", sa.String(32), nullable=False),
        sa.Column("amount", DECIMAL, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_day_sums_account_id"),
        sa.PrimaryKeyConstraint("account_id", "day", "part", "asset", name="pk_day_sums"),
    )
    causes = ("price", "slippage", "trading_fee", "opening_fee", "rollover", "liquidation", "adjustment", "interest")
    op.create_table(
        "position_results",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("position_id", sa.String(64), nullable=False),
        sa.Column("asset", sa.String(32), nullable=False),
        sa.Column("pair", sa.String(32), nullable=False),
        sa.Column("strategy", sa.String(64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False),
        *(sa.Column(cause, DECIMAL, nullable=False) for cause in causes),
        sa.Column("rank", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_position_results_account_id"),
        sa.PrimaryKeyConstraint("account_id", "position_id", "asset", name="pk_position_results"),
    )


def _messages() -> None:
    """Where notices are sent, when, and what became of each."""
    op.add_column("notices", sa.Column("account_id", sa.String(64), nullable=True))
    op.add_column("notices", sa.Column("pair", sa.String(32), nullable=True))
    op.add_column("targets", sa.Column("sealed", sa.LargeBinary(), nullable=True))
    op.add_column("targets", sa.Column("choices_json", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("targets", sa.Column("confirmed_at", INSTANT, nullable=True))
    op.add_column("targets", sa.Column("token_hash", sa.LargeBinary(), nullable=True))
    op.create_index("ix_targets_token_hash", "targets", ["token_hash"])
    op.execute("UPDATE targets SET confirmed_at = created_at")
    op.create_table(
        "deliveries",
        sa.Column("notice_id", ROW_NUMBER, nullable=False),
        sa.Column("target_id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("done_at", INSTANT, nullable=True),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notices.notice_id"], name="fk_deliveries_notice_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["target_id"], ["targets.target_id"], name="fk_deliveries_target_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_deliveries_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("notice_id", "target_id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_user_id", "deliveries", ["user_id"])
    op.create_index("ix_deliveries_state_due_at", "deliveries", ["state", "due_at"])
    op.create_index("ix_deliveries_target_id_notice_id", "deliveries", ["target_id", "notice_id"])
    op.create_table(
        "quiet_hours",
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("begins", sa.Integer(), nullable=False),
        sa.Column("ends", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_quiet_hours_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name="pk_quiet_hours"),
    )


def _hooks() -> None:
    """Doors for alerts of charts, and what came through them."""
    op.create_table(
        "hooks",
        sa.Column("hook_id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("pairs", sa.Text(), nullable=False),
        sa.Column("most", DECIMAL, nullable=False),
        sa.Column("known_sources", sa.Boolean(), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_hooks_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_hooks_account_id"),
        sa.PrimaryKeyConstraint("hook_id", name="pk_hooks"),
        sa.UniqueConstraint("token_hash", name="uq_hooks_token_hash"),
    )
    op.create_index("ix_hooks_user_id", "hooks", ["user_id"])
    op.create_table(
        "proposals",
        sa.Column("hook_id", sa.String(64), nullable=False),
        sa.Column("alert_id", sa.String(128), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("pair", sa.String(32), nullable=False),
        sa.Column("quantity", DECIMAL, nullable=True),
        sa.Column("stop", DECIMAL, nullable=True),
        sa.Column("fate", sa.String(16), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("command_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["hook_id"], ["hooks.hook_id"], name="fk_proposals_hook_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_proposals_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hook_id", "alert_id", name="pk_proposals"),
    )
    op.create_index("ix_proposals_user_id", "proposals", ["user_id"])
    op.create_index("ix_proposals_hook_id_at", "proposals", ["hook_id", "at"])
