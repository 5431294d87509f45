"""What is wanted of a target in percent and is at most 1 may be a fraction, and would end a campaign at once."""

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
            {"objective": {"impurity": {"goal": "minimize", "unit": "%", "at_most": 0.5, "high": 1}}},
            "",
            id="of what is to be little",
        ),
        pytest.param(
            {"objective": {"yield": {"goal": "maximize", "at_least": 0.5, "high": 1}}}, "", id="of a fraction itself"
        ),
    ],
)
def test_what_may_be_a_fraction_is_asked_about(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], note: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("little.yaml").write_text(yaml.safe_dump(SPEC | changes), encoding="utf-8")

    told = hakken("validate", "little.yaml")

    assert told.code == 0
    assert told.out.count("note: ") == told.out.count(f"note: {note}\n") == (1 if note else 0)
