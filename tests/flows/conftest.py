"""What tests of flows share: compiled statements, and a process that forks engines to be killed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from db import engine as engines

if TYPE_CHECKING:
    from tests.flows.engine.zygote import Zygote


@cache
def _known() -> sa.Engine:
    engine = sa.create_engine("sqlite://")
    engine.connect().close()  # the dialect learns of the library what it has to know
    return engine


@pytest.fixture(autouse=True)
def _statements_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all records, of which each test has a new one: to compile them again takes an eighth of these tests."""
    made = engines.create

    def create(url: str | URL) -> sa.Engine:
        engine = made(url)
        if engine.dialect.name == "sqlite":
            engine.dialect, engine._compiled_cache = _known().dialect, _known()._compiled_cache
        return engine

    monkeypatch.setattr(engines, "create", create)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """A process that forks engines, for all tests that ask for it: to start one takes as long as several campaigns."""
    from tests.flows.engine.zygote import Zygote

    process = Zygote()
    yield process
    process.close()
