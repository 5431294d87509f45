"""Triggers that refuse UPDATE and DELETE on fact tables, on both engines.

SQLite runs DELETE triggers for the rows that INSERT OR REPLACE removes only with ``recursive_triggers`` on, which
``db.engine`` sets; another program's connection may not, and then ``verify_audit`` finds the change.
"""

from __future__ import annotations

from sqlalchemy import DDL, MetaData, event

MESSAGE = "facts are append-only: add a row that says better, such as a retraction (hakken retract)"

FUNCTION = f"""
CREATE OR REPLACE FUNCTION hakken_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: {MESSAGE}', TG_TABLE_NAME;
END $$
""".strip()


def statements(table: str, dialect: str) -> tuple[str, ...]:
    """The statements that make ``table`` append-only on that engine; PostgreSQL needs ``FUNCTION`` first."""
    if dialect == "sqlite":
        return tuple(
            f"CREATE TRIGGER {table}_refuses_{verb} BEFORE {verb.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table}: {MESSAGE}'); END"
            for verb in ("update", "delete")
        )
    return (
        f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION hakken_refuse_change()",
        f"CREATE TRIGGER {table}_refuses_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION hakken_refuse_change()",
    )


def attach(metadata: MetaData, tables: tuple[str, ...]) -> None:
    """Make the triggers part of ``metadata.create_all``."""
    for dialect in ("sqlite", "postgresql"):
        wanted = [statement for table in tables for statement in statements(table, dialect)]
        if dialect == "postgresql":
            wanted.insert(0, FUNCTION)
        for statement in wanted:
            whole = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]  # fills a single % in
            event.listen(metadata, "after_create", whole.execute_if(dialect=dialect))
