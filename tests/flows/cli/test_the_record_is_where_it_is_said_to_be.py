"""HAKKEN_DATABASE: a look makes nothing there, and what is written wrongly is named without a password."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("small_campaign")


def tables_of(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]


def test_a_look_puts_nothing_into_an_empty_database(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "of_others.db"
    empty.touch()
    monkeypatch.setenv("HAKKEN_DATABASE", f"sqlite:///{empty}")

    status, show = hakken("status"), hakken("show", "small")
    checked, planned = hakken("validate", "small.yaml"), hakken("run", "--dry-run", "small.yaml")
    record = next(c for c in hakken("doctor", "--json").json["checks"] if c["subject"] == "record")

    assert (status.code, checked.code, planned.code) == (0, 0, 0)
    assert "no campaign in of_others.db yet" in status.out
    assert show.code == 2
    assert f"there is no record at {empty}; hakken run FILE makes one" in show.err
    assert (record["verdict"], record["found"]) == ("ok", "none at of_others.db yet")
    assert tables_of(empty) == []
    assert not home.home.exists()

    assert hakken("tick", "small.yaml").code == 0
    assert "campaign" in tables_of(empty)


def test_a_record_that_is_gone_is_not_taken_for_one_that_never_was(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hakken("tick", "small.yaml").code == 0
    whole = [c for c in hakken("doctor", "--json").json["checks"] if c["subject"] == "small"]
    monkeypatch.setenv("HAKKEN_DATABASE", f"sqlite:///{tmp_path / 'another.db'}")

    status = hakken("status")
    (check,) = [c for c in hakken("doctor", "--json").json["checks"] if c["subject"] == "small"]

    assert whole == []
    assert "has what was sent of small" in status.out
    assert "restore a backup of it, or name it in HAKKEN_DATABASE" in " ".join(status.out.split())
    assert "hakken init" not in status.out
    assert check["verdict"] == "problem"
    assert check["found"].endswith("has what was sent of it, and the record has no such campaign")
    assert home.folder("small").is_dir()


@pytest.mark.parametrize(
    "written",
    [
        "host=db dbname=chem password=s3cret",
        "postgresql:/ada:s3cret@db/chem",
        "postgres:db/chem",
        "postgresql//db/chem",
        "ada:s3cret@db:5432/chem",
        "ada@db:5432/chem",
    ],
)
def test_a_server_that_is_not_written_as_a_url_is_no_file(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("HAKKEN_DATABASE", written)

    said = hakken("run", "small.yaml")

    assert said.code == 2
    assert "HAKKEN_DATABASE names a server, and not as a URL does; write postgresql://USER@HOST:PORT/NAME" in said.err
    assert "s3cret" not in said.err
    assert [entry.name for entry in tmp_path.iterdir()] == ["small.yaml"]


@pytest.mark.parametrize("written", ["sqlite:record.db", "sqlite:/record.db", "sqlite://record.db"])
def test_a_file_with_a_slash_left_out_is_not_made(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("HAKKEN_DATABASE", written)

    said = hakken("run", "small.yaml")

    assert said.code == 2
    assert f"HAKKEN_DATABASE '{written}' names a SQLite file, and not as a URL does; write sqlite:///FILE" in said.err
    assert [entry.name for entry in tmp_path.iterdir()] == ["small.yaml"]


@pytest.mark.parametrize("path", ["ada@home/record.db", "a:b/record.db"])
def test_a_plain_path_may_have_an_at_or_a_colon(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("HAKKEN_DATABASE", path)

    assert f"there is no record at {tmp_path / path}" in hakken("show", "small").err


@pytest.mark.parametrize("written", ["postgresql+psycopg://ada@127.0.0.1:1/chem", "postgres://ada:x@127.0.0.1:1/chem"])
def test_a_url_of_a_server_is_one_whatever_its_driver(
    hakken: Any, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("HAKKEN_DATABASE", written)

    assert "is busy or out of reach" in hakken("show", "small").err


def test_a_plain_path_is_a_file_that_a_look_does_not_make(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAKKEN_DATABASE", "team/record.db")

    before = hakken("show", "small")
    is_made = (tmp_path / "team").exists()
    hakken("run", "small.yaml")

    assert f"there is no record at {tmp_path / 'team' / 'record.db'}" in before.err
    assert not is_made
    assert "campaign" in tables_of(tmp_path / "team" / "record.db")


def test_another_folder_is_no_other_record_where_the_record_lies_elsewhere(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAKKEN_DATABASE", f"sqlite:///{tmp_path / 'team.db'}")

    said = hakken("run", "small.yaml")

    assert "HAKKEN_HOME=" not in said.out
    assert "to start anew beside this one, run a copy of small.yaml that has another name behind campaign:" in said.out
