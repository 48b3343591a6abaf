"""What the pages for traders keep."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

INSTANT = sa.String(27).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    _connecting()


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
