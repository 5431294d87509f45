"""What alembic runs: migrate on the connection that ``db.schema`` or a developer's command gives."""

from __future__ import annotations

from alembic import context

from db.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
