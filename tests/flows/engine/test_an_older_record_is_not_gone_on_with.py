"""A record that was put back from a copy, while its folder and its laboratory went on, is known for what it is."""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flows.service.pages import Pages

CAMPAIGN = """\
campaign: c
space: {base: {type: category, options: [A, B, C]}, t: {type: number, values: [20, 40, 60, 80], unit: degC}}
objective: {yield: {goal: maximize, unit: "%"}}
planner: {surrogate: random, batch: 2, initial: {experiments: 2}}
budget: {experiments: 8}
laboratory: {adapter: simulated}
"""


def copying(record: Path) -> Callable[[], None]:
    """Takes a copy of a record, and puts it back when called."""
    with closing(sqlite3.connect(record)) as source, closing(sqlite3.connect("copy.db")) as copy:
        source.backup(copy)

    def put_back() -> None:
        for file in record.parent.glob("hakken.db*"):
            file.unlink()
        record.write_bytes(Path("copy.db").read_bytes())

    return put_back


@pytest.fixture
def copied(hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Takes a copy of the record, and puts it back when called."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CAMPAIGN)
    while (done := hakken("tick", "c.yaml", "--json").json["experiments_done"]) < 2:
        assert done < 2
    return copying(home.home / "hakken.db")


def rounds(hakken: Any) -> int:
    return int(hakken("show", "c", "--json").json["round"]["number"])


def problems(hakken: Any) -> list[str]:
    return [check["found"] for check in hakken("doctor", "--json").json["checks"] if check["verdict"] == "problem"]


def test_nothing_is_planned_again_until_a_person_has_said_so(hakken: Any, home: Any, copied: Any) -> None:
    then = rounds(hakken)
    while rounds(hakken) == then:
        assert hakken("tick", "c").code == 0
    copied()
    assert rounds(hakken) == then

    for command in (("tick", "c"), ("run", "c")):
        said = hakken(*command)
        assert said.code != 0
        assert f"round {then + 1} is known in" in said.err
        assert "Put the newer record back" in said.err.replace("\n", " ")
    assert rounds(hakken) == then
    assert hakken("status", "c").out.replace("\n", " ").endswith(f"delete {home.home / 'c/last-round.txt'}. ")
    (standing,) = hakken("status", "--json").json
    assert standing["next_step"].startswith(f"Campaign 'c': round {then + 1} is known in")
    pages = Pages(home)
    said = f'<p class="bad">Campaign &#39;c&#39;: round {then + 1} is known in'
    assert said in pages.report("c")
    assert hakken("report", "c").code == 0
    assert said in (home.home / "c/report.html").read_text("utf-8")
    assert "the record lacks what was sent" in problems(hakken)

    (home.home / "c/last-round.txt").unlink()
    assert said not in pages.report("c")
    assert "the record lacks what was sent" not in problems(hakken)
    assert hakken("run", "c").code == 0
    assert rounds(hakken) == 4


def test_what_was_approved_and_sent_since_is_not_sent_again(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CAMPAIGN.replace("adapter: simulated", "adapter: manual, approval: person"))
    hakken("tick", "c.yaml")
    hakken("approve", "c", 1, 1)
    assert hakken("tick", "c").code == 0  # the folder has sent before
    put_back = copying(home.home / "hakken.db")
    hakken("approve", "c", 1, 2)
    assert hakken("tick", "c").code == 0
    sheet = (home.home / "c/laboratory/worksheet.csv").read_text()

    put_back()
    assert hakken("approve", "c", 1, 2).code == 0  # under another key than before
    said = hakken("tick", "c")

    assert said.code != 0
    assert re.search("that attempt [0-9a-f-]{36} was sent is known in", said.err.replace("\n", " "))
    assert (home.home / "c/laboratory/worksheet.csv").read_text() == sheet
    (home.home / "c/last-round.txt").unlink()
    assert hakken("tick", "c").code == 0


def test_what_was_handed_out_since_is_not_handed_to_another(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CAMPAIGN.replace("adapter: simulated", "adapter: ask_tell"))
    assert len(hakken("ask", "c.yaml", "--by", "ada", "--json").json["experiments"]) == 1
    put_back = copying(home.home / "hakken.db")
    (given,) = hakken("ask", "c", "--by", "bob\nof room 3", "--json").json["experiments"]

    put_back()
    said = hakken("ask", "c", "--by", "cid")

    assert said.code != 0
    assert f"that experiment {given['key']} was handed out is known in" in said.err.replace("\n", " ")
    (home.home / "c/last-round.txt").unlink()
    assert [e["key"] for e in hakken("ask", "c", "--by", "cid", "--json").json["experiments"]] == [given["key"]]


def test_a_note_that_cannot_be_written_keeps_nobody_from_what_is_handed_out(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CAMPAIGN.replace("adapter: simulated", "adapter: ask_tell"))
    hakken("tick", "c.yaml")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("flows.engine.clients.handing.note_handout", full)
    said = hakken("ask", "c", "--json").json

    assert len(said["experiments"]) == 1
    assert any("No space left on device" in line and "older copy" in line for line in said["notes"])


@pytest.mark.usefixtures("copied")
def test_a_record_that_went_on_elsewhere_is_no_older_one(hakken: Any, home: Any) -> None:
    then, note = rounds(hakken), (home.home / "c/last-round.txt").read_text()
    while rounds(hakken) == then:
        assert hakken("tick", "c").code == 0
    (home.home / "c/last-round.txt").write_text(note)  # as a folder has it that saw nothing since

    assert hakken("run", "c").code == 0


@pytest.mark.usefixtures("copied")
@pytest.mark.parametrize("text", ["", "2", "garbage\n", "\xff 1", "2\n\n\nmore"])
def test_a_note_that_is_none_hinders_nobody(hakken: Any, home: Any, text: str) -> None:
    (home.home / "c/last-round.txt").write_text(text, encoding="latin-1")

    assert hakken("tick", "c").code == 0


def test_a_round_that_another_machine_planned_is_noted_before_it_is_sent(hakken: Any, home: Any, copied: Any) -> None:
    then = rounds(hakken)
    while rounds(hakken) == then:
        assert hakken("tick", "c").code == 0
    (home.home / "c/last-round.txt").unlink()  # as where a training pool stored the round
    assert hakken("tick", "c").code == 0

    copied()

    assert hakken("tick", "c").code != 0
