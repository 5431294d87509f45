"""The round with whose observations a later one begins, so that these are not repeated for each.

Revision 0005. Rounds from before repeat all of theirs; a seal passes over empty columns, so they stay sealed as they
were.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns."""
    op.add_column("round", sa.Column("base", sa.Integer(), nullable=True))
    op.add_column("round", sa.Column("kept", sa.Integer(), nullable=True))
