"""Pinned candidates: paid out of the budget in money and hours, and seated on plates beside what is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import pin, preview, replay, run, status, tick
from flows.settings import Settings
from loop.record import Arm, ProposalRecord
from tests.flows.engine.bench import add

COSTS = {
    "unit": "EUR",
    "experiment": 10,
    "options": {"solvent": {"MeCN": 40}},
    "switch": {"base": {"cost": 5, "hours": 0.5}},
}
PLATE = {
    "rows": 2,
    "columns": 4,
    "blocks": {"rows": 2, "columns": 2},
    "share": {"step": "block"},
    "at_most": {"solvent": 3},
    "controls": {"wells": 2, "settings": {"solvent": "water", "base": "KOAc"}},
    "replicates": 1,
}
ON_PLATES = {"plate": PLATE, "budget": {"experiments": 24}}
DESIGNS = {
    "spread": {"surrogate": "gp", "initial": {"design": "spread", "experiments": 8}},
    "random": {"surrogate": "random", "initial": {"design": "random", "experiments": 8}},
}


def proposals(settings: Settings, number: int) -> tuple[ProposalRecord, ...]:
    with open_ledger(settings.database) as ledger:
        return ledger.proposals("small", number)


def notes(settings: Settings, number: int) -> str:
    with open_ledger(settings.database) as ledger:
        return " ".join(ledger.round("small", number).notes)


def manual(settings: Settings, number: int) -> list[dict[str, Any]]:
    return [dict(p.draft.candidate.settings) for p in proposals(settings, number) if p.draft.arm is Arm.MANUAL]


def want(settings: Settings, *where: str) -> None:
    pin(settings, "small", list(where), by="ada", why="a hunch")


def spent(settings: Settings) -> float:
    return float(status(settings, "small")[0].spending.removeprefix("spent ").split(" of ")[0])


def test_the_budget_is_not_overdrawn_by_what_is_pinned(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, costs=COSTS, budget={"experiments": 30, "cost": 90})
    want(settings, "solvent=MeCN", "base=DBU", "step=1")
    tick(settings, "small")

    assert manual(settings, 1) == [{"solvent": "MeCN", "base": "DBU", "step": 1.0}]
    assert "pinned candidates are paid first, which leaves 35 EUR for the rest of the batch" in notes(settings, 1)
    assert "what is not pinned costs" in notes(settings, 1)
    assert "the batch costs" not in notes(settings, 1)
    assert 50 < spent(settings) <= 90
    assert replay(settings, "small", 1).is_identical


def test_what_is_pinned_runs_alone_where_it_is_all_that_can_be_paid(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, costs=COSTS, budget={"experiments": 30, "cost": 50})
    want(settings, "solvent=MeCN", "base=DBU", "step=1")
    report = run(settings, "small", on_tick=lambda _: None, poll=0.01, max_seconds=60)

    assert [p.draft.arm for p in proposals(settings, 1)] == [Arm.MANUAL]
    assert (report.state, spent(settings)) == ("finished", 50.0)


def test_what_cannot_be_paid_stays_pinned_and_is_said(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, costs=COSTS, budget={"experiments": 30, "cost": 45})
    want(settings, "solvent=MeCN", "base=DBU", "step=1")
    tick(settings, "small")

    assert manual(settings, 1) == []
    assert "MeCN, DBU, step 1, pinned, costs more than the budget leaves (45 EUR); it stays pinned" in (
        notes(settings, 1)
    )
    assert replay(settings, "small", 1).is_identical


def test_of_several_experiments_that_are_pinned_those_that_can_be_paid_run(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, costs=COSTS, budget={"experiments": 30, "cost": 120})
    pin(settings, "small", ["solvent=MeCN", "base=DBU", "step=1"], by="ada", why="a hunch", times=3)
    tick(settings, "small")

    assert len(manual(settings, 1)) == 2
    assert "pinned, costs more than the budget leaves (120 EUR); it stays pinned" in notes(settings, 1)
    assert spent(settings) <= 120
    assert replay(settings, "small", 1).is_identical


@pytest.mark.parametrize("design", DESIGNS)
def test_a_pinned_candidate_has_a_well_beside_its_shared_values(
    settings: Settings, tmp_path: Path, design: str
) -> None:
    add(settings, tmp_path, planner=DESIGNS[design], **ON_PLATES)
    want(settings, "solvent=EtOH", "base=DBU", "step=2")
    want(settings, "solvent=MeCN", "base=DBU", "step=5")
    tick(settings, "small")
    want(settings, "solvent=EtOH", "base=CsOPiv", "step=4")
    for _ in range(3):
        tick(settings, "small")
    every = [proposals(settings, n) for n in (1, 2)]

    assert manual(settings, 1) == [
        {"solvent": "EtOH", "base": "DBU", "step": 2.0},
        {"solvent": "MeCN", "base": "DBU", "step": 5.0},
    ]
    assert manual(settings, 2) == [{"solvent": "EtOH", "base": "CsOPiv", "step": 4.0}]
    for plate in every:
        by_block: dict[int, set[Any]] = {}
        for p in plate:
            assert p.draft.place is not None
            by_block.setdefault(p.draft.place.block, set()).add(p.draft.candidate.settings["step"])
        assert len(plate) == len({p.draft.place.well for p in plate if p.draft.place}) == 8
        assert all(len(steps) == 1 for steps in by_block.values())
        assert len({p.draft.candidate.settings["solvent"] for p in plate}) <= 3
        assert [p.draft.arm for p in plate].count(Arm.REFERENCE) == 2
    assert "manual: a hunch" in {p.draft.reason for p in every[1]}
    assert all(replay(settings, "small", n).is_identical for n in (1, 2))


@pytest.mark.parametrize("design", DESIGNS)
def test_a_candidate_that_is_pinned_for_several_experiments_has_as_many_wells(
    settings: Settings, tmp_path: Path, design: str
) -> None:
    add(settings, tmp_path, planner=DESIGNS[design], **ON_PLATES)
    pin(settings, "small", ["solvent=EtOH", "base=DBU", "step=2"], by="ada", why="a hunch", times=3)
    for _ in range(3):
        tick(settings, "small")

    assert [len(manual(settings, n)) for n in (1, 2)] == [3, 0]
    for number in (1, 2):
        wells = [p.draft.place.well for p in proposals(settings, number) if p.draft.place]
        assert len(wells) == len(set(wells)) == 8
        assert replay(settings, "small", number).is_identical


def test_those_that_find_no_well_stay_pinned(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, planner=DESIGNS["random"], **ON_PLATES)
    pin(settings, "small", ["solvent=EtOH", "base=DBU", "step=2"], by="ada", why="a hunch", times=8)
    for _ in range(3):
        tick(settings, "small")

    assert len(manual(settings, 1)) == 5  # two wells are controls, one is a replicate
    assert "stays pinned: every well is taken" in notes(settings, 1)
    assert len(manual(settings, 2)) == 3


def test_what_finds_no_well_stays_pinned_for_the_next_plate(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, planner=DESIGNS["random"], **ON_PLATES)
    for step in (1, 2, 3):  # two blocks, so two steps
        want(settings, "solvent=EtOH", "base=DBU", f"step={step}")
    want(settings, "solvent=MeCN", "base=DBU", "step=1")
    want(settings, "solvent=DMF", "base=DBU", "step=1")  # with water of the controls one solvent too many
    said = " ".join(preview(settings, "small").notes)
    for _ in range(3):
        tick(settings, "small")

    assert "EtOH, DBU, step 3, pinned, has no well on this plate and stays pinned: no well can have its shared" in said
    assert "DMF, DBU, step 1, pinned, has no well on this plate and stays pinned: it would bring more options" in said
    assert [s["step"] for s in manual(settings, 1)] == [1.0, 2.0, 1.0]
    assert sorted((s["solvent"], s["step"]) for s in manual(settings, 2)) == [("DMF", 1.0), ("EtOH", 3.0)]
