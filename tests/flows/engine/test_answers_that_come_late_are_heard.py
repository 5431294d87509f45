"""What a device answers after a person told how its experiment ended goes on record, and a pass says what differs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from flows.engine import tell, tick
from flows.engine.looking.reports import TickReport
from flows.settings import Settings
from flows.wiring import open_record
from loop.record import EnvelopeRecord, Verdict
from tests.flows.engine.bench import add, cheap_planner, spec_of

FOLDER = {"adapter": "csv_folder", "folder": "rig", "heartbeat": None}
SEVERAL = {"adapter": "several", "laboratories": {"rig": FOLDER}}


@pytest.fixture(params=[FOLDER, SEVERAL], ids=["csv_folder", "several"])
def section(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(request.param)


@pytest.fixture
def begin(settings: Settings, tmp_path: Path, section: Mapping[str, Any]) -> Callable[..., list[str]]:
    """Sends a first batch; returns its keys."""

    def begun(**changes: Any) -> list[str]:
        (tmp_path / "rig").mkdir()
        tick(settings, add(settings, tmp_path, laboratory=section, **changes), planner=cheap_planner)
        with open_record(settings) as ledger:
            return [a.key for a in ledger.attempts("small")]

    return begun


def says(settings: Settings, folder: Path, rows: Mapping[str, float]) -> None:
    """A person tells results by their keys."""
    path = folder / "told.csv"
    path.write_text("key,yield\n" + "".join(f"{key},{value}\n" for key, value in rows.items()), encoding="utf-8")
    assert tell(settings, "small", path, by="ada").accepted == len(rows)


def answers(folder: Path, name: str, key: str, value: float) -> None:
    """The device answers."""
    (folder / "rig" / "responses" / name).write_text(f"key,yield [%]\n{key},{value}\n", encoding="utf-8")


def passes(settings: Settings) -> TickReport:
    return tick(settings, "small", planner=cheap_planner)


def heard(settings: Settings, key: str) -> list[EnvelopeRecord]:
    """What is on record of an attempt and was not told."""
    with open_record(settings) as ledger:
        return [e for e in ledger.envelopes("small") if e.key == key and not e.source.startswith("tell:")]


@pytest.mark.parametrize("n_told", [1, 4], ids=["others_wait", "nothing_waits"])
def test_one_that_says_otherwise_is_kept_and_told(
    settings: Settings, tmp_path: Path, begin: Callable[..., list[str]], n_told: int
) -> None:
    keys = begin(budget={"experiments": 4})
    says(settings, tmp_path, dict.fromkeys(keys[:n_told], 50.0))
    passes(settings)

    answers(tmp_path, "late.csv", keys[0], 61.5)
    report = passes(settings)

    (kept,) = heard(settings, keys[0])
    assert kept.verdict is Verdict.CONTRADICTORY
    assert any(f"hakken retract small {keys[0]}" in note and "61.5" in note for note in report.notes)
    assert not any("61.5" in note for note in passes(settings).notes)  # once


def test_one_that_says_the_same_is_kept_and_nothing_is_said(
    settings: Settings, tmp_path: Path, begin: Callable[..., list[str]]
) -> None:
    keys = begin()
    says(settings, tmp_path, {keys[0]: 50.0})

    answers(tmp_path, "late.csv", keys[0], 50.0)
    report = passes(settings)

    assert [e.verdict for e in heard(settings, keys[0])] == [Verdict.DUPLICATE]
    assert not any(keys[0] in note for note in report.notes)


def test_a_second_answer_is_heard_where_nothing_else_comes(
    settings: Settings, tmp_path: Path, begin: Callable[..., list[str]]
) -> None:
    keys = begin()
    answers(tmp_path, "first.csv", keys[0], 50.0)
    passes(settings)

    answers(tmp_path, "second.csv", keys[0], 61.5)
    report = passes(settings)

    assert [e.verdict for e in heard(settings, keys[0])] == [Verdict.ACCEPTED, Verdict.CONTRADICTORY]
    assert any("61.5" in note for note in report.notes)


def test_a_device_that_was_taken_away_from_a_campaign_that_has_finished_is_not_missed(
    settings: Settings, tmp_path: Path, begin: Callable[..., list[str]]
) -> None:
    says(settings, tmp_path, dict.fromkeys(begin(budget={"experiments": 4}), 50.0))
    assert passes(settings).state == "finished"
    shutil.rmtree(tmp_path / "rig")

    assert passes(settings).notes == ()


def test_of_many_that_say_otherwise_some_are_named_and_the_others_counted(
    settings: Settings, tmp_path: Path, begin: Callable[..., list[str]]
) -> None:
    planner = {**spec_of()["planner"], "batch": 12, "initial": {"experiments": 12}}
    keys = begin(budget={"experiments": 12}, planner=planner)
    says(settings, tmp_path, dict.fromkeys(keys, 50.0))

    rows = "".join(f"{key},50.04\n" for key in keys)
    (tmp_path / "rig" / "responses" / "late.csv").write_text(f"key,yield [%]\n{rows}", encoding="utf-8")
    report = passes(settings)

    assert len([note for note in report.notes if "is contradictory: " in note]) == 8
    assert "4 more envelopes are contradictory; hakken report small says why" in report.notes
