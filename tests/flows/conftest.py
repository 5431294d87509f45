"""What tests of flows share: compiled statements, and a process that forks engines to be killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from db import engine as engines
from db import schema

if TYPE_CHECKING:
    from tests.flows.engine.zygote import Zygote


@cache
def _known() -> sa.Engine:
    engine = sa.create_engine("sqlite://")
    engine.connect().close()  # the dialect learns of the library what it has to know
    return engine


@cache
def _tables(make: Callable[[sa.Connection], None]) -> list[tuple[str, Any]]:
    """What makes the tables of a SQLite file, statement by statement."""
    said: list[tuple[str, Any]] = []
    with sa.create_engine("sqlite://").connect() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2:4]))
        make(connection)
    return said


@pytest.fixture(autouse=True)
def _statements_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all records, of which each test has a new one: to compile them again takes a sixth of these tests."""
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

    monkeypatch.setattr(engines, "create", create)
    monkeypatch.setattr(schema, "_make", make_tables)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """A process that forks engines, for all tests that ask for it: to start one takes as long as several campaigns."""
    from tests.flows.engine.zygote import Zygote

    process = Zygote()
    yield process
    process.close()
