"""What tests of flows share: compiled statements, a process that forks engines to be killed, and a browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from db import engine as engines
from db import schema

if TYPE_CHECKING:
    from tests.flows.engine.zygote import Zygote

CHROMIUM = Path("/usr/bin/chromium")


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's chromium. Not for the whole session: while it is there no other event loop can run in this thread."""
    if not CHROMIUM.exists():
        _lacking(f"no browser at {CHROMIUM}; install it (on Debian: apt-get install chromium)")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        _lacking("playwright is not installed; install hakken[test]")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"],
        )
        yield chromium
        chromium.close()


def _lacking(what: str) -> None:
    if os.environ.get("HAKKEN_REQUIRE_ALL") == "1":
        pytest.fail(f"{what}, and HAKKEN_REQUIRE_ALL=1 allows no skipping")
    pytest.skip(what)
