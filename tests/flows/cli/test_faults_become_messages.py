"""Whatever goes wrong, a person reads one message and a program gets one document; nobody sees a traceback."""

from __future__ import annotations

import errno
import json
import os
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from flows.cli import guard
from flows.cli.screen import plain
from loop.errors import LedgerError
from tests.flows.cli.small import write

PLATED = """
campaign: plated
space: {t: {type: number, low: 10, high: 100, step: 1}}
objective: {yield: {goal: maximize, unit: "%"}}
budget: {experiments: 12}
plate: {rows: 2, columns: 3}
laboratory: {adapter: manual}
"""


def test_a_refusal_is_one_message_and_exit_code_2(hakken: Any, tmp_path: Path) -> None:
    said = hakken("validate", tmp_path / "nothing.yaml")

    assert said.code == 2
    assert said.err.startswith("error: ")
    assert "nothing.yaml: no such file" in said.err
    assert "Traceback" not in said.err + said.out
    assert said.out == ""


def test_a_program_gets_the_refusal_as_its_document(hakken: Any, tmp_path: Path) -> None:
    said = hakken("validate", tmp_path / "nothing.yaml", "--json")

    assert said.code == 2
    assert said.json["kind"] == "SpecError"
    assert "no such file" in said.json["error"]


def test_our_own_mistake_is_exit_code_1_and_the_traceback_is_in_a_file(
    hakken: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("somewhere inside") from OSError("a folder from elsewhere: \udce9")  # no UTF-8

    monkeypatch.setattr("flows.wiring.open_record", broken)
    said = hakken("audit", "verify")

    assert said.code == 1
    assert "ZeroDivisionError: somewhere inside" in said.err
    assert str(home.home / "hakken.log") in said.err
    assert "Traceback" not in said.err
    assert "Traceback" in (home.home / "hakken.log").read_text()


def test_a_password_that_was_typed_is_not_logged(hakken: Any, home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    url = "postgresql://ada:hun@ter2@db:5432/lab"
    monkeypatch.setattr("flows.wiring.open_record", broken)
    monkeypatch.setattr("sys.argv", ["hakken", "record", "copy", url, f"{url}?password=hunter3&x=1"])
    hakken("record", "copy", url)
    said = (home.home / "hakken.log").read_text()

    assert "hakken record copy postgresql://ada:***@db:5432/lab" in said
    assert "ter2" not in said
    assert "hunter3" not in said


def test_closed_standard_files_are_no_failure(tmp_path: Path) -> None:
    home = tmp_path / "runs"
    command = f"{shlex.quote(sys.executable)} -m flows.cli audit verify <&- >&- 2>&-"

    closed = subprocess.run(["sh", "-c", command], env={**os.environ, "HAKKEN_HOME": str(home)}, check=False)

    assert closed.returncode == 2  # there is no record
    assert not (home / "hakken.log").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("audit", "verify"), "nothing is lost, the same command goes on from here"),
        (("rehearse", "heat"), "nothing was changed, the same command begins anew"),
        (("predict", "heat"), "nothing was changed, the same command begins anew"),
    ],
)
def test_ctrl_c_is_no_failure(hakken: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    for place in ("flows.wiring", "flows.engine.looking.rehearsing", "flows.engine.looking.predicting"):
        monkeypatch.setattr(f"{place}.open_record", interrupted)
    said = hakken(*words)

    assert said.code == 130
    assert f"stopped; {says}" in said.err


def test_a_folder_without_rights_is_named(hakken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/somewhere/runs")

    monkeypatch.setattr("flows.wiring.open_record", refused)
    said = hakken("audit", "verify")

    assert said.code == 2
    assert "/somewhere/runs: permission denied; check the path and its rights" in said.err


@pytest.mark.parametrize(
    ("number", "text", "remedy"),
    [
        (28, "No space left on device", "make room there"),
        (122, "Disk quota exceeded", "make room there"),
        (27, "File too large", "let files there be larger (ulimit -f)"),
    ],
)
@pytest.mark.parametrize("name", ["/somewhere/runs/report.html", None])
def test_a_full_disk_is_named_even_where_the_system_does_not_say_which(
    hakken: Any, home: Any, monkeypatch: pytest.MonkeyPatch, name: str | None, number: int, text: str, remedy: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(number, text, name)

    monkeypatch.setattr("flows.wiring.open_record", full)
    said = hakken("audit", "verify")

    assert said.code == 2
    assert f"error: the disk of {name or home.home.parent} is full ({text}); {remedy}, then the same" in said.err


def test_a_disk_that_has_room_and_takes_no_further_file_says_so(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "page.html"))

    monkeypatch.setattr("flows.wiring.open_record", full)
    of_the_disk = os.statvfs(tmp_path)
    taken = os.statvfs_result([*of_the_disk[:5], 100, 0, 0, *of_the_disk[8:]])  # f_files, f_ffree, f_favail
    monkeypatch.setattr("os.statvfs", lambda _: taken)
    monkeypatch.setattr("flows.cli.checks.disk.ENOUGH", 0)

    said, doctor = hakken("audit", "verify"), hakken("doctor", "--json")

    assert "page.html is full (No space left on device); delete files there, of which it takes no more" in said.err
    (disk,) = [check for check in doctor.json["checks"] if check["subject"] == "disk"]
    assert "room for 0 further files" in disk["found"]
    assert disk["remedy"] == "delete files there, or set HAKKEN_HOME to another disk"


@pytest.mark.parametrize("below", ["", "sub/folder"])
@pytest.mark.parametrize("words", [("status",), ("doctor",), ("run", "campaign.yaml")])
def test_a_file_in_the_place_of_the_projects_folder_is_named(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "results").touch()
    monkeypatch.setenv("HAKKEN_HOME", str(tmp_path / "results" / below))

    said = hakken(*words)

    assert said.code == 2
    assert f"HAKKEN_HOME: {tmp_path / 'results' / below} cannot be the project's folder" in said.err
    assert f"since {tmp_path / 'results'} is a file; name a folder" in said.err


@pytest.mark.parametrize("is_there", [True, False])
def test_a_new_projects_folder_that_cannot_be_written_is_named_with_the_way_out(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    if is_there:
        home.home.mkdir()
    monkeypatch.chdir(tmp_path)
    assert hakken("init", "--template", "reaction").code == 0
    monkeypatch.setattr(os, "access", lambda *_, **__: False)  # as of a read-only disk: root may write elsewhere

    said = hakken("run", "campaign.yaml")
    found = hakken("doctor", "--json").json

    where = "it is" if is_there else f"{tmp_path} is"
    assert said.code == 2
    assert f"the project's folder {home.home} cannot be written: {where} read-only here" in said.err
    assert "set HAKKEN_HOME to a folder that you may write to, or mend the rights" in said.err
    assert [c["remedy"] for c in found["checks"] if c["subject"] == "record"] == [
        "set HAKKEN_HOME to a folder that you may write to, or mend the rights"
    ]
    assert list(tmp_path.glob("runs/*")) == []


def test_a_busy_record_says_what_to_do(hakken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise LedgerError("the record is busy; try again")

    monkeypatch.setattr("flows.wiring.open_record", busy)

    assert "the record is busy; try again" in hakken("audit", "verify").err


def test_a_spec_on_record_that_another_version_wrote_is_named(hakken: Any, home: Any) -> None:
    """Not a fault of ours that wants reporting, and no reason for the doctor to give up."""
    from flows.wiring import make_record

    spec = {"campaign": "older", "space": {"ligand": {"options": ["PPh3"]}}, "budget": {"experiments": 4}}
    with make_record(home) as ledger:
        ledger.open_campaign("older", spec, by="ada")
    said, doctor = hakken("status"), hakken("doctor")

    assert (said.code, doctor.code) == (2, 2)
    for text in (said.err, " ".join(doctor.out.split())):
        assert "the spec of campaign 'older' that is on record cannot be read by this version" in text
        assert "use the version that wrote it" in text


def test_an_unknown_option_is_refused_by_name(hakken: Any) -> None:
    said = hakken("status", "--frobnicate")

    assert said.code == 2
    assert "--frobnicate" in said.err


@pytest.mark.parametrize(
    ("typed", "kind", "rule"),
    [
        (("show", "small", "first"), "BadParameter", "should be a valid integer"),
        (("resolve", "--ran"), "MissingParameter", "Missing argument 'KEY'"),
        (("statsu",), "UsageError", "No such command 'statsu'"),
        (("--colour",), "NoSuchOption", "--colour"),
    ],
)
def test_a_program_that_types_wrongly_gets_a_document_too(
    hakken: Any, typed: tuple[str, ...], kind: str, rule: str
) -> None:
    said = hakken(*typed, "--json")

    assert (said.code, said.json["kind"]) == (2, kind)
    assert rule in said.json["error"]


def test_documents_hold_what_json_can_hold() -> None:
    from datetime import UTC, datetime

    from loop.record import Arm, Prediction

    value = plain(
        {
            "arm": Arm.MODEL,
            "when": datetime(2026, 1, 2, tzinfo=UTC),
            "prediction": Prediction("yield", "gp", float("nan"), 1.5),
            "some": frozenset({"b", "a"}),
        }
    )

    assert json.loads(json.dumps(value, allow_nan=False)) == {
        "arm": "model",
        "when": "2026-01-02T00:00:00+00:00",
        "prediction": {"target": "yield", "member": "gp", "mean": None, "sd": 1.5, "weight": None},
        "some": ["a", "b"],
    }


@pytest.mark.usefixtures("small_campaign")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("libraries", "keeps files of its own there under this one; give it another name"),
        ("Raw", "keeps files of its own"),
        ("hakken.db", "keeps files of its own"),
        ("x" * 300, "which has 300 letters; use 200 at most"),
    ],
)
def test_a_campaign_that_could_have_no_folder_of_its_own_is_refused(hakken: Any, name: str, says: str) -> None:
    write(**{"campaign: small": f"campaign: {name}"})

    said = hakken("tick", "small.yaml")

    assert said.code == 2
    assert says in said.err
    assert not Path("runs", name[:255]).is_dir()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_letters_that_a_terminal_does_not_take_are_spelled(tmp_path: Path, encoding: str) -> None:
    home = tmp_path / "Läufe 試 runs"
    home.mkdir()
    environ = {**os.environ, "HAKKEN_HOME": str(home), "PYTHONIOENCODING": encoding}
    lines = [sys.executable, "-m", "flows.cli", "status"]
    text = subprocess.run(lines, env=environ, capture_output=True, check=False)
    document = subprocess.run([*lines, "nowhere", "--json"], env=environ, capture_output=True, check=False)

    assert text.returncode == 0, text.stderr
    assert b"no campaign in" in text.stdout
    assert "Läufe 試 runs" in json.loads(document.stdout.decode(encoding))["error"]


@pytest.mark.usefixtures("small_campaign")
@pytest.mark.parametrize(
    "words",
    [
        ("report", "small", "--out", "page.html"),
        ("metrics", "--out", "all.prom"),
        ("plate", "plated", "--out", "wells.html"),
        ("init", "--template", "reaction", "-o", "new.yaml"),
    ],
)
def test_a_file_for_which_there_is_no_room_is_named_and_not_half_written(
    hakken: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    hakken("tick", "small.yaml")
    Path("plated.yaml").write_text(PLATED)
    hakken("tick", "plated.yaml")

    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("adapters.common.durable.os.fsync", full)
    said = hakken(*words)

    assert said.code == 2
    assert "error: the disk of " in said.err
    assert f"{words[-1]} is full (No space left on device); make room there" in said.err
    assert not list(Path().glob(f"*{words[-1]}*"))
    assert not list(Path().glob(".*.tmp"))


@pytest.mark.usefixtures("home")
def test_what_standard_output_goes_to_may_be_what_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w", buffering=1) as full:
        monkeypatch.setattr("sys.stdout", full)

        assert " or of what standard output goes to is full" in guard._describe(OSError(errno.ENOSPC, "No space"))
        guard.tell("it is full", "OSError", as_json=True)  # and its own document, too, finds no room

        monkeypatch.undo()
        with suppress(OSError):
            full.close()


def test_a_file_that_may_not_be_written_is_named_as_it_was_typed(hakken: Any, tmp_path: Path) -> None:
    (tmp_path / "all.prom").mkdir()
    (tmp_path / "all.prom" / "something").touch()

    said = hakken("metrics", "--out", tmp_path / "all.prom")

    assert said.code == 2
    assert "all.prom: is a directory; check the path" in said.err
    assert ".tmp" not in said.err
