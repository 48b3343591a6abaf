"""Wallet settlement: ledger rows without a balance, margin levels of more venues, debts, facts of open positions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

DECIMAL = sa.Text().with_variant(sa.Numeric(), "postgresql")
INSTANT = sa.String(27).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("ledger_rows") as rows:
        rows.alter_column("balance", existing_type=DECIMAL, nullable=True)
        rows.add_column(sa.Column("pair", sa.String(32), nullable=True))
    op.add_column("equity", sa.Column("call_level", DECIMAL, nullable=False, server_default="0.8"))
    op.add_column("equity", sa.Column("liquidation_level", DECIMAL, nullable=False, server_default="0.4"))
    op.add_column("equity", sa.Column("venue_level", DECIMAL, nullable=True))
    op.create_table(
        "balances",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("asset", sa.String(32), nullable=False),
        sa.Column("total", DECIMAL, nullable=False),
        sa.Column("available", DECIMAL, nullable=False),
        sa.Column("borrowed", DECIMAL, nullable=False),
        sa.Column("interest", DECIMAL, nullable=False),
        sa.Column("cash", DECIMAL, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_balances_account_id"),
        sa.PrimaryKeyConstraint("account_id", "asset", name="pk_balances"),
    )
    op.create_table(
        "position_facts",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("position_id", sa.String(64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("used_margin", DECIMAL, nullable=True),
        sa.Column("borrowed_asset", sa.String(32), nullable=True),
        sa.Column("borrowed", DECIMAL, nullable=False),
        sa.Column("interest", DECIMAL, nullable=False),
        sa.Column("liquidation_price", DECIMAL, nullable=True),
        sa.Column("is_modelled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_position_facts_account_id"),
        sa.PrimaryKeyConstraint("account_id", "position_id", name="pk_position_facts"),
    )
