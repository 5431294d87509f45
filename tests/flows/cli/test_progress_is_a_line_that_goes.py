"""The line of progress: written where somebody looks, and gone when the work is done."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from flows.cli import screen
from flows.settings import Settings
from flows.wiring import library_reader
from loop.errors import LedgerError
from loop.molecules.descriptors import descriptor_features
from loop.progress import progress, watched
from loop.spec import read_spec

CAMPAIGN = """
campaign: alcohols
space:
  molecule: {type: molecule, file: some.smi}
objective: {solubility: {goal: maximize, unit: mol/L}}
laboratory: {adapter: manual}
budget: {experiments: 10}
"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(screen.time, "monotonic", lambda: now[0])
    return now


def test_it_tells_each_kind_of_work_at_once_and_its_count_now_and_then(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with screen.progress_line() as told:
        for done in range(1, 1_201):
            told("rows", done)
        clock[0] += 2 * screen.AGAIN
        told("rows", 1_201)
        told("done", 0)

    said = capsys.readouterr()
    assert said.err == "\rrows: 1\rrows: 1,201\rdone       \r           \r"
    assert said.out == ""


def test_a_log_gets_a_line_a_minute_and_none_of_what_is_quick(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    with screen.progress_line() as told:
        for done in range(1, 301):
            clock[0] += 0.5
            told("rows", done)
        told("", 0)

    assert capsys.readouterr().err == "rows: 120\nrows: 240\n"


def test_it_tells_how_far_a_computation_is_and_goes_when_that_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with screen.computing():
        for step in (0, 1, 50):
            progress("training networks", step / 200)
        progress("training networks", 1.0)
        at_the_end = capsys.readouterr().err
    progress("training networks", 0.5)  # nobody watches any more

    assert at_the_end == "\rtraining networks: 0 %\rtraining networks: 25 %\r                       \r"
    assert "training" not in capsys.readouterr().err


def test_a_library_is_counted_to_whoever_watches_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    (tmp_path / "some.smi").write_text("CCO\nCCC\nCCN\n")

    with screen.computing():
        libraries = library_reader(Settings(home=tmp_path / "runs"), tmp_path)
        read_spec(CAMPAIGN, source="some.yaml", read=str, libraries=libraries)

    assert "reading: 3" in capsys.readouterr().err


def test_many_molecules_are_described_with_progress() -> None:
    heard: list[str] = []
    with watched(heard.append):
        descriptor_features(["C" * n + "O" for n in range(1, 102)])
        descriptor_features(["C", "CC"])

    assert heard == ["describing molecules: 50 %", "describing molecules: 99 %", ""]


@pytest.mark.usefixtures("small_campaign")
@pytest.mark.parametrize("what", ["small.yaml", "small"])
def test_a_dry_run_tells_how_far_it_is(hakken: Any, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    hakken("tick", "small.yaml")
    monkeypatch.setattr(screen, "SELDOM", 0.0)

    def planned(*_: object) -> None:
        progress("fitting gp", 0.5)
        raise LedgerError("here it ends")

    monkeypatch.setattr("flows.engine.preview", planned)
    monkeypatch.setattr("flows.engine.preview_file", planned)

    assert "fitting gp: 50 %\n" in hakken("run", "--dry-run", what).err
