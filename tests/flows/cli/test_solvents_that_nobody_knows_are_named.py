"""A solvent without a structure escapes every rule of hazards, which ``validate`` says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

NOTE = (
    "note: solvent 'DCN' of the recipe has no structure that is known, so that no rule of hazards and no boiling point "
    "is looked at for it; write solvents: {DCN: SMILES} under recipe, or correct the name"
)


@pytest.mark.parametrize(
    ("solvent", "more", "is_noted"),
    [
        pytest.param("DCN", {}, True, id="unknown"),
        pytest.param("dichloromethane", {}, False, id="known"),
        pytest.param("DCN", {"solvents": {"DCN": "ClCCl"}}, False, id="with its structure"),
    ],
)
def test_a_solvent_of_which_nothing_is_known_is_named(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, solvent: str, more: dict[str, Any], is_noted: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = {
        "vessel": {"holds": "1 mL"},
        "stocks": {"ligand": {"concentration": "1 mol/L", "solvent": solvent}},
        "steps": [{"dispense": "ligand", "amount": "scale"}],
    }
    spec = {
        "campaign": "dissolved",
        "space": {"scale": {"type": "number", "values": [1, 2], "unit": "umol"}},
        "objective": {"yield": {"goal": "maximize", "unit": "%"}},
        "recipe": recipe | more,
        "budget": {"experiments": 9},
        "laboratory": {"adapter": "manual"},
    }
    Path("dissolved.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")

    told = hakken("validate", "dissolved.yaml")

    assert told.code == 0
    assert told.out.splitlines().count(NOTE) == told.out.count("note: ") == is_noted
