"""``hakken record copy``: the whole record in another database, with which the same folder goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("small_campaign")


def test_the_copy_goes_on_in_the_same_folder_and_the_older_record_does_not(
    hakken: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hakken("tick", "small.yaml")

    copied = hakken("record", "copy", "team.db")

    assert copied.code == 0, copied.err
    assert copied.out.startswith(f"1 campaign and {copied_entries(copied.out)} entries of the audit log copied to ")
    assert "next: set HAKKEN_DATABASE to it, and go on in the same HAKKEN_HOME" in copied.out
    monkeypatch.setenv("HAKKEN_DATABASE", str(Path("team.db").absolute()))
    assert hakken("run", "small").code == 0
    assert hakken("audit", "verify").code == 0
    assert hakken("replay", "small", 2).code == 0
    monkeypatch.delenv("HAKKEN_DATABASE")
    forgotten = hakken("run", "small")
    assert forgotten.code != 0
    assert "the record does not have it: it is an older copy" in forgotten.err.replace("\n", " ")
    assert home.home.name in forgotten.err


def test_what_cannot_be_copied_or_copied_to_is_named(hakken: Any) -> None:
    nothing = hakken("record", "copy", "team.db")
    hakken("tick", "small.yaml")
    itself = hakken("record", "copy", "runs/hakken.db")
    other = hakken("record", "copy", "mysql://ada:secret@server/x")

    assert "there is no record at" in nothing.err
    assert "holds a record already" in itself.err
    assert "'mysql' is not supported; use sqlite or postgresql" in other.err
    assert "secret" not in other.err
    assert {nothing.code, itself.code, other.code} == {2}


def copied_entries(said: str) -> str:
    return said.split(" and ")[1].split()[0]
