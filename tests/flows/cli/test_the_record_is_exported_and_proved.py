"""The record on the command line: exported, planned again, verified."""

from __future__ import annotations

import csv
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from db.ledger import SqlLedger
from flows.wiring import open_record
from loop.contracts import AuditReport
from tests.flows.cli.small import write

pytestmark = pytest.mark.usefixtures("small_campaign")


def test_export_writes_csv_and_parquet_and_overwrites_nothing(hakken: Any) -> None:
    hakken("run", "small.yaml")

    assert hakken("export", "small", "out.csv", "--json").json["rows"] == 4
    assert hakken("export", "small", "out.parquet").code == 0
    assert "overwrite" in hakken("export", "small", "out.csv").err
    assert hakken("export", "small", "out.csv", "--overwrite").code == 0
    assert hakken("export", "small", "out.xlsx").code == 0
    assert "unknown export format 'xls'" in hakken("export", "small", "out.xls").err
    assert len(list(csv.DictReader(Path("out.csv").read_text().splitlines()))) == 4
    assert Path("out.parquet").read_bytes()[:4] == b"PAR1"


def test_a_dash_is_standard_output_on_which_nothing_else_is_said(hakken: Any) -> None:
    hakken("run", "small.yaml")
    hakken("export", "small", "out.csv")
    here = sorted(Path().iterdir())

    printed = hakken("export", "small", "-").out
    begun = hakken("init", "--template", "reaction", "--out", "-").out
    measured = hakken("metrics", "--out", "-").out
    twice = hakken("export", "small", "-", "--json")
    imported = hakken("import", "out.csv", "--target", "yield", "--out", "-")

    assert printed == Path("out.csv").read_text()
    assert yaml.safe_load(begun)["campaign"] == "reaction"
    assert measured == hakken("metrics").out
    assert twice.code == 2
    assert "name a file, or leave --json out" in twice.json["error"]
    assert "name a file" in imported.err
    assert sorted(Path().iterdir()) == here


def test_export_says_that_a_folder_is_no_file(hakken: Any) -> None:
    hakken("run", "small.yaml")
    Path("out.csv").mkdir()

    for words in ([], ["--overwrite"]):
        assert "error: out.csv is a folder; name a file in it" in hakken("export", "small", "out.csv", *words).err
    assert [path.name for path in Path().glob(".out*")] == []


def test_replay_proves_a_round(hakken: Any) -> None:
    hakken("run", "small.yaml")

    said = hakken("replay", "small", 2)

    assert said.code == 0, said.out
    assert "comes out again: 2 proposals, identical" in said.out


@pytest.mark.parametrize(
    ("versions", "cause", "remedy"),
    [
        (
            ("hakken was 0.1.0, now 0.2.0", "torch was 1, now 2"),
            "most likely since it was planned on 2026-02-03 with other versions (hakken was 0.1.0, now 0.2.0; torch "
            "was 1, now 2)",
            "install the versions of then in an environment of their own",
        ),
        (
            (),
            "most likely hakken's code was changed within its version since 2026-02-03",
            "take hakken's code as it was on 2026-02-03",
        ),
    ],
)
def test_a_round_that_does_not_come_out_again_is_exit_code_2_with_the_likely_cause(
    hakken: Any, monkeypatch: pytest.MonkeyPatch, versions: tuple[str, ...], cause: str, remedy: str
) -> None:
    from flows import engine
    from flows.engine import ReplayReport

    hakken("tick", "small.yaml")
    planned = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)
    differs = ReplayReport("small", 1, False, ("position 0: PPh3 then, PCy3 now",), versions, 2, planned)
    monkeypatch.setattr(engine, "replay", lambda *_: differs)
    said = hakken("replay", "small")

    words = " ".join(said.out.split())
    assert said.code == 2
    assert "differs: position 0: PPh3 then, PCy3 now" in words
    assert all(f"version: {version}" in words for version in versions)
    assert cause in words
    assert f"next: to see it come out, {remedy}" in words


def test_of_hundreds_of_differences_some_are_said_and_the_rest_counted(
    hakken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import engine
    from flows.engine import ReplayReport

    hakken("tick", "small.yaml")
    many = tuple(f"proposal {n}: novelty was 0.1, now 0.2" for n in range(600))
    differs = ReplayReport("small", 1, False, many, (), 2, datetime(2026, 2, 3, 4, 5, tzinfo=UTC))
    monkeypatch.setattr(engine, "replay", lambda *_: differs)
    said, document = hakken("replay", "small"), hakken("replay", "small", "--json")

    assert said.out.count("differs:") == 20
    assert "and in 580 things more, which --json lists" in said.out
    assert len(document.json["differences"]) == 600


def test_an_intact_record_is_said_to_be_intact_with_the_hash_to_keep(hakken: Any, home: Any) -> None:
    hakken("tick", "small.yaml")

    document = hakken("audit", "verify", "--json").json
    said = hakken("audit", "verify").out

    with open_record(home) as ledger:
        last = ledger.audit()[-1]
    assert (document["is_intact"], document["entries"], document["head"]) == (True, last.number, last.hash)
    assert "the record is intact" in said
    assert f"hash of entry {last.number}: {last.hash}" in said


def test_who_wrote_what_when_is_told_and_what_was_written_at_once_is_one_line(hakken: Any, home: Any) -> None:
    hakken("run", "small.yaml")
    with open_record(home) as ledger:
        key = ledger.attempts("small")[0].key
    hakken("retract", "small", key, "--why", "wrong vial", "--by", "ada")

    of_ada = hakken("audit", "log", "small", "--by", "ada")
    document = hakken("audit", "log", "--json").json
    short = hakken("audit", "log", "--last", "1").out
    nobody, unknown = hakken("audit", "log", "--by", "bob").out, hakken("audit", "log", "tiny")

    (line,) = (line for line in of_ada.out.splitlines() if " ada " in line)
    assert "retract" in line
    assert "why wrong vial" in " ".join(of_ada.out.split())
    with open_record(home) as ledger:
        assert [e["hash"] for e in document["entries"]] == [e.hash for e in ledger.audit()]
    assert "earlier lines; --last" in short
    assert short.count("UTC") == 1
    assert "nothing is on record by bob; there wrote: ada, engine" in nobody
    assert unknown.code == 2


def test_what_one_did_for_different_reasons_at_once_is_told_line_by_line(hakken: Any, home: Any) -> None:
    hakken("run", "small.yaml")
    with open_record(home) as ledger:
        first, second, third, *_ = (a.key for a in ledger.attempts("small"))
    for key, why in ((first, "wrong vial"), (second, "weighed twice"), (third, "weighed twice")):
        hakken("retract", "small", key, "--why", why, "--by", "ada")
    hakken("resume", "small", "--by", "ada")
    hakken("stop", "small", "--why", "the pump is broken", "--by", "ada")
    hakken("resume", "small", "--by", "ada")

    said = " ".join(hakken("audit", "log", "small", "--by", "ada", "--last", "99").out.split())

    assert "why wrong vial" in said
    assert "retract (2)" in said
    assert said.count("why weighed twice") == 1
    assert said.count("the pump is broken") == 1
    assert said.count("after active") == 2


def test_the_log_says_what_a_changed_campaign_file_changes(hakken: Any) -> None:
    hakken("tick", "small.yaml")
    spec = yaml.safe_load(Path("small.yaml").read_text())
    before = spec["budget"]["experiments"]
    spec["budget"]["experiments"] = before + 1
    Path("small.yaml").write_text(yaml.safe_dump(spec))
    hakken("tick", "small.yaml")

    said = " ".join(hakken("audit", "log", "small", "--last", "99").out.split())

    assert said.count("; changes ") == 1
    assert f"version 2; changes budget.experiments {before + 1} (was {before})" in said


def test_a_changed_record_is_exit_code_2(hakken: Any, home: Any) -> None:

    hakken("tick", "small.yaml")
    connection = sqlite3.connect(home.home / "hakken.db")
    with connection:
        for (name,) in connection.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            connection.execute(f'drop trigger "{name}"')
        connection.execute("update audit_log set actor = 'somebody else' where number = 2")
    connection.close()

    said = hakken("audit", "verify")

    assert said.code == 2
    assert "the record was changed after it was written" in said.err


def test_numbers_that_follow_from_settings_are_exported_and_not_told_again(hakken: Any, tell_table: Any) -> None:
    spec = {
        "campaign": "dosed",
        "space": {
            "hours": {"type": "number", "values": [1, 2, 4], "unit": "h"},
            "rate": {"type": "number", "values": [3, 5]},
            "dose": {"type": "derived", "expression": "hours * rate", "unit": "mmol"},
        },
        "objective": {"y": {"goal": "maximize"}},
        "budget": {"experiments": 9},
        "laboratory": {"adapter": "manual"},
    }
    tell_table(spec, "hours,rate,y\n2,3,7\n4,5,8\n")

    hakken("export", "dosed", "out.csv")
    Path("other.yaml").write_text(yaml.safe_dump(spec | {"campaign": "other"}))
    told, again = hakken("tell", "other.yaml", "out.csv"), hakken("tell", "other", "out.csv")

    rows = list(csv.DictReader(Path("out.csv").read_text().splitlines()))
    assert [(row["derived.dose"], row["derived.dose.unit"]) for row in rows] == [("6.0", "mmol"), ("20.0", "mmol")]
    assert "2 results accepted, 0 known already" in told.out
    assert "0 results accepted, 2 known already" in again.out


@pytest.mark.parametrize("end", ["csv", "parquet", "xlsx"])
def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(
    hakken: Any, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    hakken("run", "small.yaml")

    def refuses(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("db.exchange.os.fsync", refuses)
    said = hakken("export", "small", f"out.{end}")

    assert said.code == 2
    assert f"error: out.{end} cannot be written (No space left on device); name a file in a folder" in said.err
    assert [path.name for path in Path().glob("*out*")] == []


def test_what_there_is_one_of_is_told_as_one(hakken: Any) -> None:
    write(**{"batch: 2": "batch: 1", "experiments: 2": "experiments: 1", "experiments: 4": "experiments: 1"})
    said = hakken("run", "small.yaml").out
    only = AuditReport(entries=1, head="0" * 64, is_intact=True, message="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqlLedger, "verify_audit", lambda _ledger: only)
        verified, of_project = hakken("audit", "verify").out, hakken("doctor").out

    assert "the budget of 1 experiment is spent" in said
    assert "1 of 1 experiment done" in hakken("status", "small").out
    assert "the record is intact: 1 entry, each sealed by" in verified
    assert "1 entry, unbroken" in of_project
