"""What people decide: pins, bans, edits, and what a refusal means.

Revision 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MESSAGE = "facts are append-only: add a row that says better, such as a retraction (hakken retract)"


def upgrade() -> None:
    """Make the table, then its triggers."""
    op.create_table(
        "decision",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("campaign_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("proposal_id", sa.String(length=64), nullable=True),
        sa.Column("replacement_id", sa.String(length=64), nullable=True),
        sa.Column("lifts", sa.String(length=64), nullable=True),
        sa.Column("after_round", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('cannot_be_made', 'preference', 'edit', 'pin', 'ban', 'lift')", name=op.f("ck_decision_kind")
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_decision_campaign_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposal.id"], name=op.f("fk_decision_proposal_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["replacement_id"], ["proposal.id"], name=op.f("fk_decision_replacement_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["lifts"], ["decision.id"], name=op.f("fk_decision_lifts"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
        sa.UniqueConstraint("campaign_id", "number", name=op.f("uq_decision_campaign_id_number")),
    )
    op.create_index(op.f("ix_decision_entry"), "decision", ["entry"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER decision_refuses_{verb} BEFORE {verb.upper()} ON decision "
                f"BEGIN SELECT RAISE(ABORT, 'decision: {MESSAGE}'); END"
            )
        return
    op.execute(
        "CREATE TRIGGER decision_refuses_change BEFORE UPDATE OR DELETE ON decision "
        "FOR EACH ROW EXECUTE FUNCTION hakken_refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER decision_refuses_truncate BEFORE TRUNCATE ON decision "
        "FOR EACH STATEMENT EXECUTE FUNCTION hakken_refuse_change()"
    )
