"""Statements compiled once for all records, of which each test has a new one: to do it again takes a sixth of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL

from db import engine as engines
from db import schema


@cache
def _known() -> sa.Engine:
    engine = sa.create_engine("sqlite://")
    engine.connect().close()  # the dialect learns of the library what it has to know
    engine.dispose()
    return engine


@cache
def _tables(make: Callable[[sa.Connection], None]) -> list[tuple[str, Any]]:
    """What makes the tables of a SQLite file, statement by statement."""
    said: list[tuple[str, Any]] = []
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2:4]))
        make(connection)
    engine.dispose()  # what is in memory stays open otherwise, until it is collected
    return said


def compile_once(put: Callable[[Any, str, Any], None]) -> None:
    """Let ``put``, as ``setattr`` or a monkeypatch's, see to it in this process."""
    made, make = engines.create, schema._make

    def create(url: str | URL) -> sa.Engine:
        engine = made(url)
        if engine.dialect.name == "sqlite":
            engine.dialect, engine._compiled_cache = _known().dialect, _known()._compiled_cache
        return engine

    def make_tables(connection: sa.Connection) -> None:
        if connection.dialect.name != "sqlite":
            return make(connection)
        for statement, values in _tables(make):
            connection.exec_driver_sql(statement, values)
        return None

    put(engines, "create", create)
    put(schema, "_make", make_tables)
