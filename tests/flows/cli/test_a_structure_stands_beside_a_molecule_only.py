"""A structure stands beside the best where a candidate is one molecule; of a reaction's substances none is its own."""

from __future__ import annotations

from typing import Any

import pytest

LIGAND: dict[str, Any] = {"type": "component", "options": {"PMe3": "CP(C)C", "none": None}}
BLEND: dict[str, Any] = {"type": "mixture", "parts": {"water": "O", "ethanol": "CCO"}, "step": 0.5}


@pytest.mark.parametrize(
    ("space", "told", "shown"),
    [
        ({"ligand": LIGAND}, "ligand,yield\nPMe3,40\nnone,30\n", ["CP(C)C"]),
        ({"ligand": LIGAND, "blend": BLEND}, "ligand,blend.water,blend.ethanol,yield\nnone,0,1,40\n", []),
        ({"blend": BLEND}, "blend.water,blend.ethanol,yield\n0,1,40\n", []),
        (
            {"ligand": LIGAND, "base": {"type": "component", "options": {"KOH": "[K+].[OH-]", "KF": "[K+].[F-]"}}},
            "ligand,base,yield\nnone,KOH,40\n",
            [],
        ),
    ],
)
def test_a_structure_stands_beside_the_best_where_it_is_the_candidate(
    hakken: Any, tell_table: Any, space: dict[str, Any], told: str, shown: list[str]
) -> None:
    rest = {
        "objective": {"yield": {"goal": "maximize", "unit": "%"}},
        "planner": {"surrogate": "random", "initial": {"experiments": 2}},
        "budget": {"experiments": 9},
        "laboratory": {"adapter": "manual"},
    }
    tell_table({"campaign": "beside", "space": space, **rest}, told)

    said = hakken("run", "campaign.yaml").out.split("highest yield")[1]

    assert ("SMILES" in said) == bool(shown)
    assert [s for s in ("CP(C)C", "CCO", "[K+]") if s in said] == shown
