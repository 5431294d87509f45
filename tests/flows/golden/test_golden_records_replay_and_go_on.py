"""The record of every schema opens, verifies, tells its story, is planned again from itself, and goes on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from db.schema import HEAD
from flows.engine import replay, status
from flows.report import build
from flows.report.page import render
from flows.settings import Settings
from flows.wiring import open_record
from loop.decision import DecisionKind
from loop.record import Arm
from tests.flows.golden.make import PEOPLE, WELLS, add, go_on

GOLDEN = sorted(Path(__file__).parent.glob("*.sqlite"))


@pytest.fixture(params=GOLDEN, ids=lambda path: path.stem)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A project with a golden record and nothing else."""
    found = Settings(tmp_path / "runs", by="tester")
    found.home.mkdir()
    shutil.copy(request.param, found.home / "hakken.db")
    return found


def larger(spec: dict[str, Any], experiments: int) -> dict[str, Any]:
    return {**spec, "budget": {"experiments": experiments}}


def test_it_verifies_and_tells_its_story(settings: Settings, request: pytest.FixtureRequest) -> None:
    schema = request.node.callspec.params["settings"].stem
    with open_record(settings) as ledger:
        assert ledger.verify_audit().is_intact
        kinds = [d.draft.kind for d in ledger.decisions("people")]
        told, *_ = ledger.observations("people", with_retracted=True)
        pinned = [p.draft for p in ledger.proposals("people", 2) if p.draft.arm is Arm.MANUAL]
        arms = [p.draft.arm for p in ledger.proposals("wells", 1)]
        places = {p.draft.place.well for p in ledger.proposals("wells", 1) if p.draft.place}
        stops = [(s.by, s.lifted_by) for s in ledger.stops("people", with_lifted=True)]
        pages = [render(build(ledger, name)) for name in ("people", "wells")]

    assert stops == ([("bob", "ada")] if schema >= "0004" else [])
    assert kinds == [DecisionKind.CANNOT, DecisionKind.EDIT, DecisionKind.PIN, DecisionKind.BAN]
    assert (told.retracted, told.context["plate"]) == ("wrong vial", "P7")
    assert pinned[0].candidate.settings == {"solvent": "EtOH", "base": "DBU", "step": 2.0}
    assert arms.count(Arm.REFERENCE) == 1
    assert len(places) == 6
    assert "it decomposes" in pages[0]
    assert "B3" in pages[1]


def test_rounds_are_planned_again_from_it(settings: Settings) -> None:
    # Rounds that no model planned come out as they were; what a later model would choose is not fixed for ever.
    with open_record(settings) as ledger:
        numbers = [(name, r.number) for name in ("people", "wells") for r in ledger.rounds(name)]
        by_model = [r.number for r in ledger.rounds("wells") if r.surrogate]
    found = {place: replay(settings, *place) for place in numbers}

    assert len(numbers) >= 5
    assert by_model == [2]
    assert [place for place, r in found.items() if not r.is_identical and place != ("wells", 2)] == []
    assert found["wells", 2].proposals == 6


def test_a_larger_budget_lets_it_go_on(settings: Settings) -> None:
    for spec, experiments in ((PEOPLE | {"laboratory": {"adapter": "simulated"}}, 12), (WELLS, 18)):
        go_on(settings, add(settings, larger(spec, experiments)))

    assert [(r.state, r.experiments_done) for r in status(settings)] == [("finished", 12), ("finished", 18)]
    with open_record(settings) as ledger:
        assert ledger.verify_audit().is_intact
        last = ledger.rounds("wells")[-1].number
    assert replay(settings, "wells", last).is_identical


def test_there_is_one_for_the_schema_of_today() -> None:
    assert GOLDEN[-1].stem == HEAD, f"make one: python tests/flows/golden/make.py tests/flows/golden/{HEAD}.sqlite"
