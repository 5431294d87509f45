"""Safety stops, and who lifted each.

Revision 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MESSAGE = "facts are append-only: add a row that says better, such as a retraction (hakken retract)"


def upgrade() -> None:
    """Make the tables, then their triggers."""
    op.create_table(
        "safety_stop",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("campaign_id", sa.String(length=64), nullable=False),
        sa.Column("outcome_id", sa.String(length=64), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bench", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_safety_stop_campaign_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["outcome_id"], ["outcome.envelope_id"], name=op.f("fk_safety_stop_outcome_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safety_stop")),
        sa.UniqueConstraint("outcome_id", name=op.f("uq_safety_stop_outcome_id")),
    )
    op.create_index(op.f("ix_safety_stop_entry"), "safety_stop", ["entry"], unique=False)
    op.create_index(op.f("ix_safety_stop_campaign_id"), "safety_stop", ["campaign_id"], unique=False)
    op.create_table(
        "safety_lift",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("stop_id", sa.String(length=64), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["stop_id"], ["safety_stop.id"], name=op.f("fk_safety_lift_stop_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("stop_id", name=op.f("pk_safety_lift")),
    )
    op.create_index(op.f("ix_safety_lift_entry"), "safety_lift", ["entry"], unique=False)
    for table in ("safety_stop", "safety_lift"):
        _make_append_only(table)


def _make_append_only(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{verb} BEFORE {verb.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table}: {MESSAGE}'); END"
            )
        return
    op.execute(
        f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION hakken_refuse_change()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_refuses_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION hakken_refuse_change()"
    )
