"""Malformed spaces: parameters and constraints of every kind, one clear message each, with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from loop.errors import SpecError
from loop.spec import read_spec

CASES = yaml.safe_load((Path(__file__).parent / "spaces.yaml").read_text(encoding="utf-8"))
SOUND = """\
campaign: base
space:
  ligand: {type: component, options: {A: CCO, B: CCN, none: null}}
  gas: {type: category, options: [N2, air]}
  t: {type: number, low: 20, high: 120}
  h: {type: number, values: [1, 2, 4]}
  NEW
constraints:
  - RULE
objective: {yield: {goal: maximize}}
budget: {experiments: 6}
laboratory: {adapter: manual}
"""


def text_of(case: dict[str, Any]) -> str:
    text = SOUND.replace("  NEW\n", f"  {case['new']}\n" if "new" in case else "")
    rules = "".join(f"  - {rule}\n" for rule in case.get("rules", ()))
    return text.replace("constraints:\n  - RULE\n", f"constraints:\n{rules}" if rules else "")


def test_without_a_fault_it_is_read() -> None:
    spec = read_spec(text_of({}), source="campaign.yaml", read=str)

    assert list(spec.space) == ["ligand", "gas", "t", "h"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]).replace(" ", "-"))
def test_it_is_refused_with_one_clear_message(case: dict[str, Any]) -> None:
    with pytest.raises(SpecError) as refused:
        read_spec(text_of(case), source="campaign.yaml", read=str)

    assert len(refused.value.problems) == 1
    assert str(refused.value).startswith(f"campaign.yaml line {case.get('line', 7)}: ")
    for part in case["says"]:
        assert part in str(refused.value)
