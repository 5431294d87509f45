"""Parameters and mixtures that do not apply, in told tables, pins and bans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.engine import ban, edit, pin, status, tell, tick
from flows.engine.looking.view import View
from flows.engine.steps.planning import next_inputs
from flows.settings import Settings
from flows.wiring import open_record
from loop.errors import SpaceError
from tests.flows.engine.bench import add


def space(**more: Any) -> dict[str, Any]:
    return {
        "mode": {"type": "category", "options": ["solution", "neat"]},
        "time": {"type": "number", "values": [1, 2, 4], "unit": "h", "unless": {"mode": "neat"}},
        "solvent": {"type": "mixture", "parts": ["water", "ethanol", "DMSO"], "unless": {"mode": "neat"}, **more},
    }


PLANNER = {"surrogate": "random", "batch": 2, "initial": {"design": "random", "experiments": 2}}


def test_a_told_row_leaves_a_mixture_out_or_names_the_parts_that_were_used(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space=space(step=0.25), planner=PLANNER)
    told = tmp_path / "told.csv"
    told.write_text(
        "mode,time,solvent.water,solvent.ethanol,solvent.DMSO,yield\n"
        "neat,,,,,50\nsolution,2,0.5,0.5,,60\nneat,,0.5,0.5,,70\nsolution,2,,,,80\n",
        "utf-8",
    )
    report = tell(settings, "small", told, by="tester")
    with open_record(settings) as ledger:
        seen = [dict(o.settings) for o in ledger.observations("small")]

    blend = {"solvent.water": 0.5, "solvent.ethanol": 0.5, "solvent.DMSO": 0.0}
    assert seen == [{"mode": "neat"}, {"mode": "solution", "time": 2.0, **blend}]
    assert "'solvent.water' does not apply with these settings; leave it out" in report.problems[0]
    assert "'solvent.water' is missing; it applies with these settings" in report.problems[1]


def test_a_row_that_lacks_a_value_is_not_asked_for_what_need_not_apply(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space={**space(), "base": {"type": "category", "options": ["KOAc", "KF"]}}, planner=PLANNER)
    told = tmp_path / "told.csv"
    told.write_text("mode,yield\nneat,50\n", "utf-8")
    (problem,) = tell(settings, "small", told, by="tester").problems

    parts = "solvent.water, solvent.ethanol, solvent.DMSO"
    assert f"give every one of mode, base, and time, {parts} where they apply, or the key" in problem


def test_a_candidate_without_it_is_pinned_and_runs(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space=space(), planner=PLANNER, budget={"experiments": 6})
    pin(settings, "small", ["mode=neat"], by="ada", why="the simplest first")
    tick(settings, "small")
    with open_record(settings) as ledger:
        ran = [dict(p.draft.candidate.settings) for p in ledger.proposals("small", 1)]

    assert {"mode": "neat"} in ran


def test_a_refused_candidate_without_it_keeps_only_itself_out(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space=space(), planner=PLANNER)
    ban(settings, "small", ["mode=neat"], by="ada", why="too viscous")
    with open_record(settings) as ledger:
        inputs = next_inputs(View(ledger, "small"), 2)

    assert [c.exclude for c in inputs.spec.constraints] == [{"mode": ["neat"]}]
    assert status(settings, "small")[0].state == "active"


def test_an_edit_leaves_out_what_does_not_apply_with_it(settings: Settings, tmp_path: Path) -> None:
    by_hand = {"adapter": "simulated", "approval": "person"}
    add(settings, tmp_path, space=space(step=0.25), planner=PLANNER, laboratory=by_hand)
    for parts in ("1", "0.5"):
        rest = ["solvent.DMSO=0", f"solvent.water={parts}", f"solvent.ethanol={1 - float(parts)}"]
        pin(settings, "small", ["mode=solution", "time=2", *rest], by="ada", why="known to work")
    tick(settings, "small")

    with pytest.raises(SpaceError, match="parameter 'time' does not apply with these settings; leave it out"):
        edit(settings, "small", 1, 1, ["mode=neat", "time=4"], by="ada", why="no solvent")
    edited = edit(settings, "small", 1, 1, ["mode=neat"], by="ada", why="no solvent")

    assert dict(edited.draft.candidate.settings) == {"mode": "neat"}
