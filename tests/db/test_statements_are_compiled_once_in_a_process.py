"""A process that opens its database again and again has its statements compiled once, and shares no connection."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler

from db.engine import REMEMBERED
from db.ledger import open_ledger


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries that were compiled since."""
    said: list[str] = []
    begin = SQLCompiler.__init__

    def counting(self: SQLCompiler, dialect: sa.Dialect, statement: object, *args: object, **more: object) -> None:
        begin(self, dialect, statement, *args, **more)  # type: ignore[arg-type]
        if isinstance(statement, sa.Select):
            said.append(self.string)

    monkeypatch.setattr(SQLCompiler, "__init__", counting)
    return said


def look(path: Path) -> int:
    with open_ledger(str(path)) as ledger:
        return len(ledger.campaigns())


def test_what_was_compiled_for_a_database_is_there_when_it_is_opened_again(tmp_path: Path, compiled: list[str]) -> None:
    look(tmp_path / "a.sqlite")
    at_first = len(compiled)
    for _ in range(3):
        look(tmp_path / "a.sqlite")

    assert at_first > 0
    assert len(compiled) == at_first


def test_only_the_last_few_databases_are_remembered(tmp_path: Path, compiled: list[str]) -> None:
    for number in range(REMEMBERED + 1):
        look(tmp_path / f"{number}.sqlite")
    compiled.clear()
    look(tmp_path / f"{REMEMBERED}.sqlite")
    of_the_last = len(compiled)
    look(tmp_path / "0.sqlite")

    assert of_the_last == 0
    assert len(compiled) > 0


def test_a_file_that_took_the_place_of_another_is_read_whoever_still_reads_that(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with open_ledger(str(path)) as old:
        old.open_campaign("first", {"campaign": "first"}, by="tester")
        for file in tmp_path.glob("a.sqlite*"):
            file.rename(tmp_path / f"old-{file.name}")
        before = look(path)
        with open_ledger(str(path)) as ledger:
            ledger.open_campaign("second", {"campaign": "second"}, by="tester")
            ledger.open_campaign("third", {"campaign": "third"}, by="tester")

    assert before == 0
    assert look(path) == 2


def test_two_that_have_it_open_have_connections_of_their_own_and_closing_twice_is_harmless(tmp_path: Path) -> None:
    path = str(tmp_path / "a.sqlite")
    first, second = open_ledger(path), open_ledger(path)
    first.close()
    second.open_campaign("one", {"campaign": "one"}, by="tester")
    with open_ledger(path) as third:
        first.close()
        with open_ledger(path) as fourth:
            names = [campaign.name for campaign in fourth.campaigns()]
            assert len({id(ledger._engine) for ledger in (second, third, fourth)}) == 3
    second.close()

    assert names == ["one"]
