"""Where a proposal lies on a plate, and the arm of control wells.

Revision 0002. Rows from before have no place; a seal passes over empty columns, so they stay sealed as they were.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BEFORE = "arm IN ('initial', 'model', 'control', 'replicate', 'manual')"
AFTER = "arm IN ('initial', 'model', 'control', 'replicate', 'manual', 'reference')"


def upgrade() -> None:
    """Add three columns, and let the list of arms grow."""
    op.add_column("proposal", sa.Column("plate", sa.Integer(), nullable=True))
    op.add_column("proposal", sa.Column("well", sa.Text(), nullable=True))
    op.add_column("proposal", sa.Column("block", sa.Integer(), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        _widen_in_place()
    else:
        op.drop_constraint(op.f("ck_proposal_arm"), "proposal", type_="check")
        op.create_check_constraint(op.f("ck_proposal_arm"), "proposal", AFTER)


def _widen_in_place() -> None:
    """SQLite alters no constraint. A copied table would lose triggers and references, so its text is edited.

    Source: sqlite.org/lang_altertable.html, "Making Other Kinds Of Table Schema Changes": the way for a CHECK that
    does not touch what is stored.
    """
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = connection.execute(
        sa.text(
            "UPDATE sqlite_master SET sql = replace(sql, :before, :after) WHERE type = 'table' AND name = 'proposal'"
        ),
        {"before": BEFORE, "after": AFTER},
    )
    assert changed.rowcount == 1
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")
