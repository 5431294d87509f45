"""What may not be meant in a campaign file: percentages of at most 1 or of more than all, names that are nearly one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

SPEC: dict[str, Any] = {
    "campaign": "little",
    "space": {"solvent": {"type": "category", "options": ["DMSO", "THF", "water"]}},
    "objective": {"yield": {"goal": "maximize", "unit": "%"}},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "manual"},
}


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        pytest.param(
            {"stop": [{"target": "yield", "at_least": 0.95}]},
            "stop.0.at_least: 0.95 % is little of yield; where a fraction is meant, write 95",
            id="a rule",
        ),
        pytest.param({"stop": [{"target": "yield", "at_least": 95}]}, "", id="a rule in percent"),
        pytest.param(
            {"prior": {"yield": {"solvent": {"DMSO": 0.8, "water": 0}}}},
            "prior.yield.solvent: 0.8 % is little of yield; where a fraction is meant, write 80",
            id="a guess",
        ),
        pytest.param({"prior": {"yield": {"solvent": ["DMSO", "water"]}}}, "", id="a ranking"),
        pytest.param(
            {"objective": {"yield": {"goal": "maximize", "unit": "%", "at_least": 0.5}}},
            "objective.yield.at_least: 0.5 % is little of yield; where a fraction is meant, write 50",
            id="a threshold",
        ),
        pytest.param(
            {"stop": [{"target": "yield", "at_least": 120}]},
            "stop.0.at_least: 120 % is more of yield than there can be; write 100 or less",
            id="more than all",
        ),
        pytest.param(
            {"objective": {"activity": {"goal": "maximize", "unit": "%", "at_least": 250}}},
            "",
            id="of what may be more",
        ),
        pytest.param(
            {"space": {"solvent": {"type": "category", "options": ["DMSO", "None", "none of these"]}}},
            "solvent has 'None', which counts as something that is used; what adds nothing is written none",
            id="an option that is perhaps to add nothing",
        ),
        pytest.param(
            {
                "space": {"base": {"type": "category", "options": ["KOAc", "No base"]}},
                "plate": {"rows": 1, "columns": 2, "at_most": {"base": 1}},
            },
            "base has 'No base', which counts as something that is used; what adds nothing is written none",
            id="an option that is perhaps no stock",
        ),
        pytest.param(
            {"space": {"mixing": {"type": "category", "options": ["stirred", "no stirring"]}}},
            "",
            id="an option without something of what nobody counts",
        ),
        pytest.param(
            {"space": {"well": {"type": "category", "options": ["deep", "flat"]}}},
            "well is called like a column of worksheets, which call it 'setting well'; rename it, lest one be read for "
            "the other",
            id="a parameter called like a column of worksheets",
        ),
        pytest.param(
            {"space": {"hours": {"type": "number", "values": [1, 2]}}, "budget": {"experiments": 9, "hours": 9}},
            "hours is called like the column of what an experiment took, which no table can tell then; rename it",
            id="a parameter called like what is counted",
        ),
        pytest.param({"space": {"hours": {"type": "number", "values": [1, 2]}}}, "", id="hours that nobody counts"),
        pytest.param(
            {"space": {"Yield": {"type": "category", "options": ["DMSO", "THF"]}}},
            "'Yield' and 'yield' differ in capitals or spaces only; rename one, lest it be read for the other",
            id="names that are nearly one",
        ),
        pytest.param(
            {"objective": {"impurity": {"goal": "minimize", "unit": "%", "at_most": 0.5, "high": 1}}},
            "",
            id="of what is to be little",
        ),
        pytest.param(
            {"objective": {"yield": {"goal": "maximize", "at_least": 0.5, "high": 1}}}, "", id="of a fraction itself"
        ),
    ],
)
def test_what_may_not_be_meant_is_asked_about(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], note: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("little.yaml").write_text(yaml.safe_dump(SPEC | changes), encoding="utf-8")

    told = hakken("validate", "little.yaml")

    assert told.code == 0
    assert told.out.count("note: ") == told.out.count(f"note: {note}\n") == (1 if note else 0)


@pytest.mark.parametrize(
    ("values", "meant"),
    [("[0,5, 1]", "[0.5, 1]"), ("[60,5, 70,25]", "[60.5, 70.25]"), ("[1,2,3]", ""), ("[1, 2, 3]", ""), ("[1,2]", "")],
)
def test_decimal_commas_in_a_list_are_asked_about(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: str, meant: str
) -> None:
    monkeypatch.chdir(tmp_path)
    text = yaml.safe_dump(SPEC | {"space": {"dose": {"type": "number", "values": "HERE"}}})
    Path("little.yaml").write_text(text.replace("HERE", values), encoding="utf-8")

    told = hakken("validate", "little.yaml")

    assert told.code == 0
    asked = f"space.dose.values: a comma parts entries; if decimals are meant, write {meant}\n"
    assert (asked in told.out) if meant else ("a comma" not in told.out)


def test_what_no_batch_drawn_at_random_can_follow_is_named(hakken: Any, tmp_path: Path) -> None:
    heat = {"type": "number", "low": 40, "high": 120, "tolerance": 5}
    planner = {"surrogate": "random", "acquisition": "thompson", "replicates": "planned"}
    spec = {**SPEC, "space": {**SPEC["space"], "heat": heat}, "prior": {"yield": {"solvent": ["DMSO"]}}}
    notes = []
    for chosen in (planner, {**planner, "surrogate": "gp"}):
        (tmp_path / "little.yaml").write_text(yaml.safe_dump({**spec, "planner": chosen}))
        notes.append(hakken("validate", tmp_path / "little.yaml").out)

    said = "nothing hears of space.heat.tolerance, planner.acquisition, planner.replicates, prior; a model does"
    assert said in notes[0]
    assert "nothing hears of" not in notes[1]
